//! A kind made in the browser works everywhere at once: list, board, form, import, export, API, search, phone.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use sync_core::device::{Device, Opening};
use sync_core::net::{Host, Server as Remote};
use sync_core::query::{Context, Query};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Schema;
use sync_core::store::Place;

use crate::console::Desk;
use crate::harness::{PAGE_BYTES_MAX, START, VISIT_BYTES_MAX};

/// 样车: six fields, a link, a board.
const DEMO_CAR: [(&str, &str); 32] = [
    ("label_en", "Demo car"),
    ("label_zh", "样车"),
    ("plural_en", "Demo cars"),
    ("plural_zh", "样车"),
    ("name", "demo_car"),
    ("fields", "6"),
    ("title", "0"),
    ("board", "state"),
    ("sum", "price"),
    ("step", "save"),
    ("field.0.label_en", "Plate"),
    ("field.0.label_zh", "车牌"),
    ("field.0.required", "on"),
    ("field.0.listed", "on"),
    ("field.1.label_en", "State"),
    ("field.1.type", "choice"),
    ("field.1.merge", "visible"),
    ("field.1.options", "In stock | 库存 | green\nOut | 外借 | amber"),
    ("field.1.listed", "on"),
    ("field.2.label_en", "Price"),
    ("field.2.type", "money"),
    ("field.2.listed", "on"),
    ("field.3.label_en", "Borrowed by"),
    ("field.3.name", "party"),
    ("field.3.type", "link"),
    ("field.3.to", "party"),
    ("field.4.label_en", "Built on"),
    ("field.4.type", "date"),
    ("field.5.label_en", "Remarks"),
    ("field.5.type", "paragraph"),
    ("field.5.searched", "on"),
    ("whole", ""),
];

async fn with_demo_car() -> Desk {
    let desk = Desk::new().await;
    let made = desk.post("/kinds/new", &DEMO_CAR).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (303, "/kinds/demo_car?done=saved"), "{}", made.text());
    desk
}

#[tokio::test]
async fn a_kind_made_in_the_browser_is_a_list_a_form_and_a_board() {
    let mut desk = with_demo_car().await;
    let customer = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    assert!(desk.get("/records/demo_car").await.text().contains("No demo cars yet"));
    let form = desk.get("/records/demo_car/new").await.text();
    assert!(form.contains("name=\"f.plate\"") && form.contains("库存") || form.contains("In stock"), "{form}");
    let fields = [
        ("f.plate", "沪A 12345"),
        ("f.state", "in_stock"),
        ("f.price.amount", "1000"),
        ("f.price.currency", "CNY"),
        ("f.remarks", "scratched door"),
    ];
    let made = desk.post("/records/demo_car", &[&fields[..], &[("f.party", &customer.to_string())]].concat()).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let list = desk.get("/records/demo_car").await.text();
    assert!(list.contains("沪A 12345") && list.contains("In stock") && list.contains("¥1,000.00"), "{list}");
    let board = desk.get("/records/demo_car?layout=board").await.text();
    assert!(board.contains("data-value=\"in_stock\"") && board.contains("沪A 12345") && board.contains("¥1,000.00"), "{board}");
    let grouped = desk.get("/records/demo_car?group=state").await.text();
    assert!(grouped.contains("In stock") && grouped.contains("¥1,000.00"), "{grouped}");
    assert!(desk.get(&format!("/records/party/{customer}")).await.text().contains("沪A 12345"), "what links to a customer is on its page");
    rapport_server::jobs::index::catch_up(&desk.server.app).await.unwrap();
    assert!(desk.get("/search?q=scratched").await.text().contains("沪A 12345"));
    let file = desk.get("/records/demo_car/export.csv").await;
    assert!(file.text().contains("沪A 12345"), "{}", file.text());
    let chart = "layout=bar&group=state&measure=sum:price";
    let drawn = desk.get(&format!("/records/demo_car?{chart}")).await.text();
    assert!(drawn.contains("class=\"bars") && drawn.contains("In stock") && drawn.contains("¥1,000.00"), "{drawn}");
    let printed = desk.get(&format!("/records/demo_car/export.pdf?{chart}")).await;
    assert_eq!((printed.status.as_u16(), printed.header("content-type")), (200, "application/pdf"));
}

#[tokio::test]
async fn a_kind_that_is_called_like_another_one_is_asked_about_and_saved_when_it_shall_be() {
    let desk = Desk::new().await;
    let form = [
        ("label_en", " customer"),
        ("plural_en", "Buyers"),
        ("name", "buyer"),
        ("fields", "1"),
        ("title", "0"),
        ("step", "save"),
        ("field.0.label_en", "Plate"),
        ("whole", ""),
    ];
    let asked = desk.post("/kinds/new", &form).await;
    let page = asked.text();
    assert!(asked.status == 422 && page.contains("is called “Customer” already") && page.contains("name=\"same_name\""), "{page}");
    assert!(desk.get("/records/buyer").await.status.is_client_error(), "nothing was saved");
    let saved = desk.post("/kinds/new", &[&form[..], &[("same_name", "yes")]].concat()).await;
    assert_eq!(saved.header("location"), "/kinds/buyer?done=saved", "{}", saved.text());
    let again = posted(&desk.get("/kinds/buyer").await.text());
    let again: Vec<(&str, &str)> = again.iter().filter(|(name, _)| name != "text").map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(desk.post("/kinds/buyer", &[&again[..], &[("step", "save")]].concat()).await.status, 303, "it is not asked about again");
}

#[tokio::test]
async fn a_kind_made_in_the_browser_is_in_the_api_and_takes_files() {
    let desk = with_demo_car().await;
    let token = desk.server.token().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({"fields": {"plate": "京B 2", "state": "out"}}).to_string();
    let made = desk.server.send(Method::POST, "/api/v1/demo_car", &headers, body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let page =
        desk.server.get("/api/v1/demo_car?where=[{\"type\":\"equals\",\"attribute\":\"plate\",\"value\":\"京B 2\"}]", &headers).await;
    assert!(page.text().contains("京B 2"), "{}", page.text());
    assert!(desk.server.get("/api/v1/openapi.json", &headers).await.text().contains("demo_car"));
    let (author, _) = rapport_server::jobs::import::author(&desk.server.app, desk.server.workspace, Some("ann")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cars.csv");
    std::fs::write(&file, "车牌,State,price\n粤C 3,In stock,CNY 5.00\n,In stock,\n").unwrap();
    let spec = rapport_server::jobs::import::Spec::new("demo_car".parse().unwrap());
    let source = rapport_server::jobs::import::Source::File(file);
    let report = rapport_server::jobs::import::run(&desk.server.app, &author, &spec, &source, &mut |_| {}).await.unwrap();
    assert_eq!((report.created, report.failed), (1, 1), "{report:?}");
}

#[tokio::test]
async fn a_kind_made_in_the_browser_is_on_a_phone_with_its_next_sync() {
    let desk = with_demo_car().await;
    let user = desk.server.ann;
    let (code, _) = desk.server.app.auth.device_code(desk.server.workspace, user, None).await.unwrap();
    let device = Device::open(&Opening { place: Place::Memory, app: "test".into(), incarnation: [1; 16], seed: [2; 32] }).unwrap();
    let host = Host::new(device, Arc::new(|| START));
    let remote = Remote::at(&format!("http://{}", desk.server.address)).unwrap();
    remote.enrol(&host, &code.reveal(), "phone", "test").await.unwrap();
    remote.sync_once(&host).await.unwrap();
    let made = host.with(|device, now| device.create(now, "demo_car", &[FieldEdit::set("plate", "浙D 4"), FieldEdit::set("state", "out")]));
    let id = made.unwrap().record;
    let listed = host.with(|device, now| {
        let query = Query::from_params(device.schema(), "demo_car", [("orderBy", "plate")]).unwrap();
        device.list(&query, Context { now, offset_minutes: 480 }).unwrap()
    });
    assert_eq!(listed.iter().map(|row| row.title.as_str()).collect::<Vec<_>>(), ["浙D 4"]);
    assert_eq!(host.with(|device, _| device.search("浙D", None)).unwrap().len(), 1);
    remote.sync_once(&host).await.unwrap();
    assert!(desk.get(&format!("/records/demo_car/{id}")).await.text().contains("浙D 4"));
}

#[tokio::test]
async fn what_records_hold_keeps_its_meaning_and_mistakes_are_told_at_their_field() {
    let desk = with_demo_car().await;
    let page = desk.get("/kinds/demo_car").await.text();
    assert!(page.contains("value=\"Borrowed by\"") && page.contains("disabled"), "{page}");
    // A choice that loses an option, and a new link that leads nowhere.
    let known = [("label_en", "Demo car"), ("fields", "3"), ("title", "0"), ("step", "save")];
    let fields = [
        ("field.0.name", "plate"),
        ("field.0.label_en", "Number plate"),
        ("field.1.name", "state"),
        ("field.1.label_en", "State"),
        ("field.1.options", "in_stock | In stock | 库存"),
        ("field.2.label_en", "Seller"),
        ("field.2.type", "link"),
        ("whole", ""),
    ];
    let refused = desk.post("/kinds/demo_car", &[&known[..], &fields[..]].concat()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("needs at least one kind"), "{}", refused.text());
    let refused = desk
        .post(
            "/kinds/demo_car",
            &[
                &known[..],
                &fields[..5],
                &[("field.2.label_en", "Seller"), ("field.2.type", "link"), ("field.2.to", "member"), ("whole", "")],
            ]
            .concat(),
        )
        .await;
    let text = refused.text();
    assert_eq!(refused.status, 422);
    assert!(text.contains("`out` of field `state` cannot be removed"), "{text}");
    // A bad definition is refused at every door, not only in the editor.
    let token = desk.server.token().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({"fields": {"name": "broken", "definition": "name = \"broken\""}}).to_string();
    let answer = desk.server.send(Method::POST, "/api/v1/kind", &headers, body).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(answer.text().contains("definition"), "{}", answer.text());
}

#[tokio::test]
async fn a_field_is_added_to_a_built_in_kind_and_hidden_again() {
    let desk = Desk::new().await;
    let mut form = posted(&desk.get("/kinds/party").await.text());
    let count: usize = form.iter().find(|(name, _)| name == "fields").unwrap().1.parse().unwrap();
    form.retain(|(name, _)| name != "fields" && name != "text");
    form.extend([("fields".to_owned(), (count + 1).to_string()), (format!("field.{count}.label_en"), "Shoe size".to_owned())]);
    form.extend([(format!("field.{count}.type"), "integer".to_owned()), ("step".to_owned(), "save".to_owned())]);
    let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let saved = desk.post("/kinds/party", &pairs).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    assert!(desk.get("/records/party/new").await.text().contains("name=\"f.shoe_size\""));
    let mut form = posted(&desk.get("/kinds/party").await.text());
    let place = form.iter().find(|(name, value)| name.ends_with(".name") && value == "shoe_size").unwrap().0.clone();
    form.retain(|(name, _)| name != "text");
    form.extend([(place.replace(".name", ".hidden"), "on".to_owned()), ("step".to_owned(), "save".to_owned())]);
    let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(desk.post("/kinds/party", &pairs).await.status, 303);
    assert!(!desk.get("/records/party/new").await.text().contains("f.shoe_size"));
}

#[tokio::test]
async fn rows_of_a_field_are_declared_in_the_browser_and_kept_when_the_form_is_saved_again() {
    let desk = with_demo_car().await;
    let mut form = posted(&desk.get("/kinds/demo_car").await.text());
    let count: usize = form.iter().find(|(name, _)| name == "fields").unwrap().1.parse().unwrap();
    form.retain(|(name, _)| name != "fields" && name != "text");
    let field = |part: &str, value: &str| (format!("field.{count}.{part}"), value.to_owned());
    form.extend([("fields".to_owned(), (count + 1).to_string()), field("label_en", "Trips"), field("merge", "list")]);
    let send = async |more: Vec<(String, String)>, step: &str| {
        let pairs = [form.clone(), more, vec![("step".to_owned(), step.to_owned())]].concat();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        desk.post("/kinds/demo_car", &pairs).await
    };
    let offered = send(vec![field("items", "0")], &format!("part.{count}")).await;
    assert!(offered.status == 200 && offered.text().contains(&format!("name=\"field.{count}.item.0.label_en\"")), "{}", offered.text());
    assert!(send(vec![field("items", "0")], "save").await.text().contains("It holds rows: add at least one part"));
    let parts = vec![
        field("items", "2"),
        field("item.0.label_en", "Town"),
        field("item.0.required", "on"),
        field("item.1.label_en", "Driver"),
        field("item.1.type", "link"),
    ];
    let refused = send(parts.clone(), "save").await;
    let page = refused.text();
    let driver = page.split(&format!("name=\"field.{count}.item.1.name\"")).nth(1).unwrap().split("</fieldset>").next().unwrap();
    assert!(refused.status == 422 && driver.contains("needs at least one kind"), "{page}");
    let saved = send([parts, vec![field("item.1.to", "member")]].concat(), "save").await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let new = desk.get("/records/demo_car/new").await.text();
    assert!(new.contains("name=\"f.trips.new.town\"") && new.contains("name=\"f.trips.new.driver\""), "{new}");
    for kind in ["demo_car", "party"] {
        let text = |page: &str| posted_text(page).to_owned();
        let before = desk.get(&format!("/kinds/{kind}")).await.text();
        assert!(before.len() < PAGE_BYTES_MAX, "the page of {kind} is for slow lines, too: {}", before.len());
        let again = [posted(&before), vec![("step".to_owned(), "save".to_owned())]].concat();
        let again: Vec<(&str, &str)> = again.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(desk.post(&format!("/kinds/{kind}"), &again).await.status, 303);
        let after = desk.get(&format!("/kinds/{kind}")).await.text();
        assert!(text(&before).matches("name = ").count() > 4);
        assert_eq!(text(&before), text(&after), "{kind} is as it was");
    }
}

#[tokio::test]
async fn a_board_is_chosen_among_fields_that_were_just_added_and_have_no_names_yet() {
    let desk = Desk::new().await;
    let typed = |step: &'static str, more: &[(&'static str, &'static str)]| {
        let without = ["name", "board", "sum", "step"];
        let kept = DEMO_CAR.iter().filter(|(name, _)| !without.contains(name)).copied();
        kept.chain(more.iter().copied()).chain([("step", step)]).collect::<Vec<_>>()
    };
    let page = desk.post("/kinds/new", &typed("add", &[("board", "#1")])).await.text();
    let select = |name: &str| page.split(&format!("id=\"{name}\"")).nth(1).unwrap().split("</select>").next().unwrap().to_owned();
    assert!(select("board").contains("<option value=\"state\" selected>State"), "{page}");
    assert!(select("sum").contains("<option value=\"#2\">Price"), "{page}");
    assert!(select("owner").contains("<option value=\"party\">Borrowed by") && !select("owner").contains("State"), "{page}");
    // Places in the form are those that were sent, wherever the fields stand afterwards.
    let moved = [("board", "#1"), ("sum", "#2"), ("field.1.place", "1"), ("field.2.place", "2")];
    let saved = desk.post("/kinds/new", &typed("save", &moved)).await;
    assert_eq!(saved.header("location"), "/kinds/demo_car?done=saved", "{}", saved.text());
    assert!(desk.get("/kinds/demo_car").await.text().contains("<option value=\"price\" selected>Price"));
    assert!(desk.get("/records/demo_car?layout=board").await.text().contains("data-value=\"in_stock\""));
}

#[tokio::test]
async fn what_was_just_added_stays_while_more_is_added_and_many_new_fields_are_to_be_saved_first() {
    let desk = Desk::new().await;
    let send = async |form: &[(String, String)], step: &str| {
        let pairs = [form, &[("step".to_owned(), step.to_owned())]].concat();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        desk.post("/kinds/new", &pairs).await
    };
    let count = |page: &str, what: &str| page.matches(what).count();
    let mut page = desk.get("/kinds/new").await.text();
    for step in ["add", "add", "part.1", "part.1", "add", "part.0"] {
        page = send(&posted(&page), step).await.text();
    }
    assert_eq!((count(&page, "<legend class=\"hidden-text\">"), count(&page, "class=\"kind-part\"")), (4, 3), "{page}");
    let mut form = posted(&page);
    form.iter_mut()
        .filter(|(name, _)| ["label_en", "field.2.label_en"].contains(&name.as_str()))
        .for_each(|(_, value)| *value = "Car".into());
    form.iter_mut().filter(|(name, _)| name == "title").for_each(|(_, value)| *value = "2".into());
    let saved = send(&form, "save").await;
    assert_eq!(saved.header("location"), "/kinds/car?done=saved", "what nobody filled in is left out: {}", saved.text());
    page = desk.get("/kinds/new").await.text();
    for n in 2..=20 {
        let next = send(&posted(&page), "add").await;
        page = next.text();
        assert!(next.status == 200 && count(&page, "<legend class=\"hidden-text\">") == n, "{page}");
        // Who sends a form has been here: styles and script are there already.
        assert!(page.len() < VISIT_BYTES_MAX, "{n} new fields make a page for slow lines, too: {}", page.len());
    }
    let refused = send(&posted(&page), "add").await;
    let text = refused.text();
    assert!(refused.status == 422 && text.contains("20 new fields and parts stand here: save them first"), "{text}");
    assert_eq!(count(&text, "<legend class=\"hidden-text\">"), 20, "nothing is lost");
}

#[tokio::test]
async fn a_kind_of_many_fields_with_many_parts_is_edited_on_pages_for_slow_lines() {
    let desk = Desk::new().await;
    let label = |text: &str| format!("label = {{ en = \"{text}\", zh = \"{text}\" }}");
    let part = |n: usize| format!("  {{ name = \"part_{n}\", {} }},\n", label(&format!("Part {n}")));
    let parts: String = (0..10).map(part).collect();
    let field = |n: usize| format!("[[field]]\nname = \"f{n}\"\n{}\nmerge = \"list\"\nitems = [\n{parts}]\n", label(&format!("Field {n}")));
    let fields: String = (1..60).map(field).collect();
    let (one, title) = (label("One"), label("Name"));
    let text = format!(
        "name = \"fleet\"\n{one}\nplural = {{ en = \"F\", zh = \"F\" }}\ntitle = \"n\"\nlist = [\"n\"]\n[[field]]\nname = \"n\"\n{title}\n{fields}"
    );
    let made = desk.post("/kinds/new", &[("step", "text"), ("text", &text)]).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let page = desk.get("/kinds/fleet").await.text();
    assert!(page.len() < PAGE_BYTES_MAX, "{}", page.len());
    let send = async |form: &[(String, String)], step: &str| {
        let pairs = [form, &[("step".to_owned(), step.to_owned())]].concat();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        desk.post("/kinds/fleet", &pairs).await
    };
    let opened = send(&posted(&page), "open.7").await.text();
    assert!(
        opened.contains("field.7.item.9.label_en") && !opened.contains("field.8.item.0.") && opened.len() < VISIT_BYTES_MAX,
        "{}",
        opened.len()
    );
    let mut form = posted(&opened);
    form.iter_mut().filter(|(name, _)| name == "field.7.item.9.label_en").for_each(|(_, value)| *value = "Hub".into());
    let text_of = async || posted_text(&desk.get("/kinds/fleet?show=text").await.text()).to_owned();
    let before = text_of().await;
    let saved = send(&form, "save").await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let hub = before.replacen("en = &#34;Part 9&#34;", "en = &#34;Hub&#34;", 7).replacen("&#34;Hub&#34;", "&#34;Part 9&#34;", 6);
    assert_eq!(text_of().await, hub, "what was not opened is as it was");
}

#[tokio::test]
async fn what_a_form_of_kinds_can_get_wrong_is_told_in_chinese_too() {
    let desk = Desk::new().await;
    desk.post("/language", &[("language", "zh-CN")]).await;
    let long = "长".repeat(81);
    let kind = [("label_en", "Car"), ("fields", "2"), ("title", "0"), ("step", "save"), ("whole", ""), ("field.0.label_en", "Plate")];
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("name", "Demo Car")], "程序标识只能包含小写字母"),
        (&[("name", "batch")], "是保留名称"),
        (&[("field.1.label_zh", &long)], "超过 80 个字符"),
        (&[("field.1.label_en", "State"), ("field.1.type", "choice"), ("field.1.options", "a | A\na | B | B")], "有两个选项"),
        (&[("field.1.label_en", "Price"), ("field.1.facet", "private"), ("field.1.searched", "on")], "搜索只读取"),
    ];
    for (fields, expected) in cases {
        let refused = desk.post("/kinds/new", &[&kind[..], fields].concat()).await;
        let text = refused.text();
        assert!(refused.status == 422 && text.contains(expected), "{fields:?}: {text}");
    }
}

/// The kind as text, as its page shows it.
fn posted_text(page: &str) -> &str {
    page.split("<textarea name=\"text\"").nth(1).unwrap().split("</textarea>").next().unwrap()
}

/// What a browser would send of the first form of kinds on a page.
fn posted(page: &str) -> Vec<(String, String)> {
    sent(page.split("<form method=\"post\" action=\"/kinds/").nth(1).unwrap().split("</form>").next().unwrap())
}

/// What a browser would send of a form.
pub fn sent(main: &str) -> Vec<(String, String)> {
    let unescape =
        |text: &str| text.replace("&#34;", "\"").replace("&#38;", "&").replace("&#60;", "<").replace("&#62;", ">").replace("&#39;", "'");
    let attribute = |tag: &str, name: &str| tag.split(&format!("{name}=\"")).nth(1).map(|rest| unescape(rest.split('"').next().unwrap()));
    let mut pairs = Vec::new();
    for piece in main.split('<').skip(1) {
        let (tag, content) = piece.split_once('>').unwrap_or((piece, ""));
        let Some(name) = attribute(tag, " name") else { continue };
        if tag.starts_with("input") {
            let box_or_radio = tag.contains("type=\"checkbox\"") || tag.contains("type=\"radio\"");
            if !box_or_radio || tag.contains(" checked") {
                pairs.push((name, attribute(tag, " value").unwrap_or_else(|| if box_or_radio { "on".to_owned() } else { String::new() })));
            }
        } else if tag.starts_with("textarea") {
            pairs.push((name, unescape(content.strip_prefix('\n').unwrap_or(content))));
        } else if tag.starts_with("select") && !tag.contains(" disabled") {
            let options = main.split(&format!("name=\"{name}\"")).nth(1).unwrap().split("</select>").next().unwrap();
            let chosen =
                options.split("<option").find(|option| option.contains(" selected")).and_then(|option| attribute(option, " value"));
            pairs.push((name, chosen.unwrap_or_default()));
        }
    }
    pairs
}

#[tokio::test]
async fn a_setup_goes_into_a_workspace_and_out_again_as_one_file() {
    let desk = Desk::new().await;
    let put = |text: String| {
        let body = format!("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n{text}\r\n--x--\r\n");
        let cookie = desk.cookie.clone();
        let server = &desk.server;
        async move {
            let headers = [
                ("cookie", cookie.as_str()),
                ("accept", "text/html"),
                ("sec-fetch-site", "same-origin"),
                ("content-type", "multipart/form-data; boundary=x"),
            ];
            server.send(Method::POST, "/kinds/template", &headers, body).await
        }
    };
    let done = put("car_dealer".to_owned()).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/kinds/template?done=4"), "{}", done.text());
    assert!(desk.get("/records/test_drive?layout=board").await.text().contains("Test drives"));
    assert!(desk.get("/records/car").await.text().contains("在库车辆 / In stock"), "its view is there");
    let file = desk.post("/kinds/template/file", &[("kind", "car"), ("kind", "test_drive")]).await.text();
    assert!(file.contains("name = \\\"car\\\"") || file.contains("name = \"car\""), "{file}");
    let other = Desk::new().await;
    assert!(Schema::builtin().kind("car").is_none());
    let body = format!("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n{file}\r\n--x--\r\n");
    let headers = [
        ("cookie", other.cookie.as_str()),
        ("accept", "text/html"),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "multipart/form-data; boundary=x"),
    ];
    let again = other.server.send(Method::POST, "/kinds/template", &headers, body).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (303, "/kinds/template?done=4"), "{}", again.text());
    let twice = put("car_dealer".to_owned()).await;
    assert_eq!(twice.header("location"), "/kinds/template?done=2", "the kinds are written again, nothing is doubled");
    let broken = put("kind = 3".to_owned()).await;
    assert_eq!(broken.status, 422);
}

#[tokio::test]
async fn a_choice_of_a_kind_says_what_a_new_record_has() {
    let desk = Desk::new().await;
    let fields = |default: &'static str| -> Vec<(&str, &str)> { DEMO_CAR.iter().copied().chain([("field.1.default", default)]).collect() };
    let refused = desk.post("/kinds/new", &fields("sold")).await;
    assert!(refused.status == 422 && refused.text().contains("none of the options"), "{}", refused.text());
    let made = desk.post("/kinds/new", &fields("外借")).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let form = desk.get("/records/demo_car/new").await.text();
    let state = form.split("name=\"f.state\"").nth(1).unwrap().split("</select>").next().unwrap();
    assert!(state.contains("<option value=\"out\" selected>") && !state.contains("value=\"\""), "{state}");
    let made = desk.post("/records/demo_car", &[("f.plate", "沪A 1")]).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let list = desk.get("/records/demo_car").await.text();
    assert!(list.contains("沪A 1") && list.contains("Out"), "{list}");
    let edit = desk.get("/kinds/demo_car").await.text();
    assert!(edit.contains("name=\"field.1.default\" value=\"out\""), "{edit}");
}

#[tokio::test]
async fn a_default_of_a_built_in_kind_is_taken_out_in_its_editor_and_stays_out() {
    let desk = Desk::new().await;
    let is_lead = async || desk.get("/records/deal/new").await.text().contains("<option value=\"lead\" selected>");
    assert!(is_lead().await);
    let save = async |change: &dyn Fn(&str, &mut String)| {
        let mut form = posted(&desk.get("/kinds/deal").await.text());
        form.retain(|(name, _)| name != "text");
        let stage = form.iter().find(|(name, value)| name.ends_with(".name") && value == "stage").unwrap().0.replace(".name", "");
        form.iter_mut().for_each(|(name, value)| change(name.strip_prefix(&stage).unwrap_or_default(), value));
        form.push(("step".to_owned(), "save".to_owned()));
        let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let saved = desk.post("/kinds/deal", &pairs).await;
        assert_eq!(saved.status, 303, "{}", saved.text());
    };
    save(&|part, value| {
        if part == ".default" {
            value.clear()
        }
    })
    .await;
    assert!(!is_lead().await);
    save(&|part, value| {
        if part == ".label_en" {
            *value = "Step".to_owned()
        }
    })
    .await;
    assert!(!is_lead().await, "whatever else is changed later");
    save(&|part, value| {
        if part == ".default" {
            *value = "lead".to_owned()
        }
    })
    .await;
    assert!(is_lead().await);
}
