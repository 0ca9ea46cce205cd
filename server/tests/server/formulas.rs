//! What is computed from a record stands in its row: for lists, files, the API, phones and `rapport check` alike.

use rapport_server::jobs::check::{self, Difference};
use serde_json::{Value, json};
use sqlx::Connection;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Schema;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::Server;

fn line(price: i64, quantity: i64) -> Value {
    json!({"product_name": "paper", "price": {"amount": price, "currency": "CNY"}, "quantity": quantity})
}

fn id(address: &str) -> RecordId {
    address.rsplit('/').next().unwrap().parse().unwrap()
}

async fn quote(client: &Client<'_>, title: &str, lines: &[Value]) -> String {
    client.make("offer", json!({"title": title, "form": "quote", "lines": lines})).await
}

async fn total(client: &Client<'_>, address: &str) -> Value {
    client.get(address).await.json()["fields"]["total"].clone()
}

async fn differences(server: &Server) -> Vec<String> {
    let mut found = Vec::new();
    let tell = &mut |difference: &Difference| found.push(difference.to_string());
    check::check(&server.app, server.workspace, false, tell, &mut |_| {}).await.unwrap();
    found
}

/// The formula of the total of offers without the discount, as a definition of the workspace's own.
fn without_discount() -> String {
    let offer = Schema::builtin().kind("offer").unwrap().to_toml();
    let changed = offer.replace(", less_percent = \"discount_percent\"", "");
    assert_ne!(offer, changed);
    changed
}

#[tokio::test]
async fn a_list_shows_the_totals_of_quotes_is_ordered_by_them_and_looks_for_them() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let small = quote(&ann, "Small quote", &[line(10_000, 3)]).await;
    quote(&ann, "Large quote", &[line(10_000, 30), line(50_000, 1)]).await;
    quote(&ann, "Empty quote", &[]).await;
    let list = desk.get("/records/offer?sort=total.amount&desc=true").await.text();
    let place = |page: &str, text: &str| page.find(text).unwrap_or_else(|| panic!("{page} lacks {text}"));
    assert!(list.contains("¥3,500.00") && list.contains("¥300.00"), "{list}");
    assert!(place(&list, "Large quote") < place(&list, "Small quote"), "{list}");
    let list = desk.get("/records/offer?sort=total.amount").await.text();
    assert!(place(&list, "Small quote") < place(&list, "Large quote"), "{list}");
    let over = json!([{"type": "greaterThan", "attribute": "total.amount", "value": 100_000}]).to_string();
    let found = ann.list("offer", &[("where", over.as_str())]).await.json();
    assert_eq!((found["rows"].as_array().unwrap().len(), &found["rows"][0]["title"]), (1, &json!("Large quote")));
    assert!(desk.get("/records/offer/export.csv").await.text().contains("3500"), "a file of the list has it");
    let page = desk.get(&format!("/records/offer/{}", id(&small))).await.text();
    assert!(page.contains("Total of the lines") && page.contains("¥300.00"), "{page}");
    assert!(!page.contains(&format!("/records/offer/{}?edit=total", id(&small))), "nobody writes it");
    let set = json!([{"op": "set", "field": "total", "value": {"amount": 1, "currency": "CNY"}}]);
    assert_eq!(ann.edit(&small, set).await.status, 422);
}

#[tokio::test]
async fn a_phone_shows_a_total_before_it_has_sent_anything_and_the_server_the_same_after() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let mut phone = Handset::of(&server, server.ann).await;
    let address = quote(&ann, "Paper", &[line(10_000, 3)]).await;
    phone.sync(&server).await;
    assert_eq!(phone.fields(id(&address)).unwrap()["total"]["amount"], 30_000);
    let more = FieldEdit::SetRow { field: "lines".into(), row: "b".into(), values: line(500, 2).as_object().unwrap().clone() };
    phone.edit(&server, "offer", id(&address), &[more]);
    assert_eq!(phone.fields(id(&address)).unwrap()["total"]["amount"], 31_000);
    assert_eq!(total(&ann, &address).await["amount"], 30_000);
    phone.sync(&server).await;
    assert_eq!(total(&ann, &address).await["amount"], 31_000);
    assert_eq!(differences(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn totals_follow_a_formula_that_the_office_changes_here_and_on_phones() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    let mut half = line(10_000, 3);
    half["discount_percent"] = json!(50);
    let address = quote(&ann, "Paper", &[half]).await;
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(id(&address)).unwrap()["total"]["amount"], 15_000);
    let saved = desk.post("/kinds/offer", &[("step", "text"), ("text", &without_discount())]).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    assert_eq!(total(&ann, &address).await["amount"], 30_000);
    assert_eq!(differences(&desk.server).await, Vec::<String>::new());
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(id(&address)).unwrap()["total"]["amount"], 30_000);
    let listed = phone.device.row(id(&address)).unwrap().unwrap();
    assert_eq!(listed.fields["total"]["amount"], 30_000, "its row, too");
    let misspelt = without_discount().replace("of = \"price\"", "of = \"prize\"");
    let refused = desk.post("/kinds/offer", &[("step", "text"), ("text", &misspelt)]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("names no part of `lines`: `prize`, did you mean `price`?"), "{}", refused.text());
}

#[tokio::test]
async fn rows_that_an_earlier_version_made_are_made_again_at_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rapport.db");
    let config = |config: &mut rapport_server::Config| config.database.path = path.clone();
    let mut server = Server::start_with(config).await;
    let ann = Client::office(&server).await;
    let address = quote(&ann, "Paper", &[line(10_000, 3)]).await;
    drop(ann);
    server.ask_to_stop();
    server.stopped().await;
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let earlier = "update rows set main = json_remove(main, '$.total'); delete from follower_marks where follower like 'row_rules.%'";
    sqlx::raw_sql(earlier).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let server = Server::start_again(config).await;
    let ann = Client::office(&server).await;
    server.owes_nothing().await;
    assert_eq!(total(&ann, &address).await["amount"], 30_000);
    assert_eq!(differences(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_kind_of_ones_own_computes_what_its_text_says_and_saving_its_form_keeps_that() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let text = r#"name = "lease"
label = { en = "Lease", zh = "租约" }
plural = { en = "Leases", zh = "租约" }
title = "title"
list = ["title", "fee"]

[[field]]
name = "title"
label = { en = "Title", zh = "标题" }

[[field]]
name = "rent"
label = { en = "Rent", zh = "租金" }
type = "money"

[[field]]
name = "rate"
label = { en = "Rate", zh = "比例" }
type = "number"

[[field]]
name = "fee"
label = { en = "Fee", zh = "佣金" }
type = "money"
merge = "derived"
formula = { percent_of = "rent", by = "rate" }
"#;
    let refused = desk.post("/kinds/new", &[("step", "text"), ("text", &text.replace("by = \"rate\"", "by = \"rates\""))]).await;
    assert!(refused.status == 422 && refused.text().contains("`by` names no field: `rates`, did you mean `rate`?"), "{}", refused.text());
    let made = desk.post("/kinds/new", &[("step", "text"), ("text", text)]).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let lease = ann.make("lease", json!({"title": "Shop", "rent": {"amount": 100_000, "currency": "CNY"}, "rate": 12.5})).await;
    assert_eq!(ann.get(&lease).await.json()["fields"]["fee"]["amount"], 12_500);
    let form = [("label_en", "Lease"), ("fields", "4"), ("title", "0"), ("step", "save"), ("whole", "")];
    let fields = [
        ("field.0.name", "title"),
        ("field.0.label_en", "Title"),
        ("field.1.name", "rent"),
        ("field.1.label_en", "Monthly rent"),
        ("field.2.name", "rate"),
        ("field.2.label_en", "Rate"),
        ("field.3.name", "fee"),
        ("field.3.label_en", "Fee"),
        ("field.3.listed", "on"),
    ];
    let saved = desk.post("/kinds/lease", &[&form[..], &fields[..]].concat()).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let kept = desk.get("/kinds/lease").await.text();
    assert!(kept.contains("Monthly rent") && kept.contains("percent_of"), "{kept}");
    assert!(desk.get("/records/lease").await.text().contains("¥125.00"));
}

/// What is typed into a form.
type Typed<'a> = &'a [(&'a str, &'a str)];

/// The form of a kind whose rows are hours at a rate and whose total is computed.
fn job<'a>(total: Typed<'a>) -> Vec<(&'a str, &'a str)> {
    let form = [
        ("label_en", "Job"),
        ("name", "job"),
        ("fields", "3"),
        ("title", "0"),
        ("step", "save"),
        ("whole", ""),
        ("field.0.label_en", "Client"),
        ("field.0.listed", "on"),
        ("field.1.label_en", "Work"),
        ("field.1.label_zh", "工时"),
        ("field.1.merge", "list"),
        ("field.1.items", "3"),
        ("field.1.item.0.label_en", "Hourly rate"),
        ("field.1.item.0.type", "money"),
        ("field.1.item.1.label_en", "Hours"),
        ("field.1.item.1.type", "number"),
        ("field.1.item.2.label_en", "Note"),
        ("field.2.label_en", "Total"),
        ("field.2.type", "money"),
        ("field.2.merge", "derived"),
        ("field.2.listed", "on"),
    ];
    [&form[..], total].concat()
}

#[tokio::test]
async fn a_computed_field_is_declared_in_the_form_of_a_kind_and_seen_in_its_list() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let form = desk.get("/kinds/new").await.text();
    assert!(form.contains("<option value=\"derived\">Computed") && form.contains("name=\"field.0.formula.less_percent\""), "{form}");
    // Fields are named by what they are called, in either language, however they are written.
    let sum = [
        ("field.2.formula", "sum"),
        ("field.2.formula.sum", "工时"),
        ("field.2.formula.of", "hourly RATE"),
        ("field.2.formula.times", "Hours"),
    ];
    let made = desk.post("/kinds/new", &job(&sum)).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let work = json!([
        {"hourly_rate": {"amount": 9_990, "currency": "CNY"}, "hours": 1.5},
        {"hourly_rate": {"amount": 5_000, "currency": "CNY"}}
    ]);
    ann.make("job", json!({"client": "Jiamei", "work": work})).await;
    let list = desk.get("/records/job").await.text();
    assert!(list.contains("¥199.85"), "149.85 and 50: {list}");

    let kept = desk.get("/kinds/job").await.text();
    for shown in ["name=\"field.2.formula.sum\" value=\"work\"", "value=\"hourly_rate\"", "<option value=\"sum\" selected>"] {
        assert!(kept.contains(shown), "{kept} lacks {shown}");
    }
    let named = [("field.0.name", "client"), ("field.1.name", "work"), ("field.2.name", "total")];
    let items = [("field.1.item.0.name", "hourly_rate"), ("field.1.item.1.name", "hours"), ("field.1.item.2.name", "note")];
    let without = [("field.2.formula", "sum"), ("field.2.formula.sum", "work"), ("field.2.formula.of", "hourly_rate")];
    let changed = desk.post("/kinds/job", &job(&[&named[..], &items, &without].concat())).await;
    assert_eq!(changed.status, 303, "{}", changed.text());
    desk.server.owes_nothing().await;
    let list = desk.get("/records/job").await.text();
    assert!(list.contains("¥149.90"), "each row once: {list}");
}

#[tokio::test]
async fn what_is_wrong_with_a_formula_is_told_at_its_field_in_both_languages() {
    let desk = Desk::new().await;
    let typed: [(Typed<'_>, &str, &str); 6] = [
        (&[], "Say how it is computed.", "请填写计算方式。"),
        (
            &[("field.2.formula", "sum"), ("field.2.formula.sum", "Work")],
            "The formula does not say what it is computed from.",
            "公式缺少计算所用的字段。",
        ),
        (
            &[("field.2.formula", "sum"), ("field.2.formula.sum", "Work"), ("field.2.formula.of", "单价")],
            "The formula names a field that is not there.",
            "公式所用的字段不存在。",
        ),
        (
            &[("field.2.formula", "sum"), ("field.2.formula.sum", "Work"), ("field.2.formula.of", "hourz")],
            "`of` names no part of `work`: `hourz`, did you mean `hours`?",
            "“work”的子字段里没有“hourz”（`of`），是不是“hours”？",
        ),
        (
            &[("field.2.formula", "weight_of"), ("field.2.formula.weight_of", "Client")],
            "`weight_of` must be a choice with one value: field `client` is not",
            "`weight_of` 应为单选：字段“client”不是",
        ),
        (
            &[("field.2.formula", "sum"), ("field.2.formula.sum", "Work"), ("field.2.formula.of", "Hours")],
            "formula of field `total` gives number: its type is money",
            "字段“total”的公式得出 number，而其类型是 money",
        ),
    ];
    for language in ["en", "zh-CN"] {
        assert_eq!(desk.post("/language", &[("language", language)]).await.status, 303);
        for (total, english, chinese) in typed {
            let told = if language == "en" { english } else { chinese }.replace('`', "&#96;");
            let refused = desk.post("/kinds/new", &job(total)).await;
            let page = refused.text().replace('`', "&#96;");
            let total = page.split("<fieldset class=\"card form wide-form section kind-field\">").nth(3).unwrap();
            assert!(refused.status == 422 && total.contains(&told), "{total} lacks {told}");
        }
    }
    let page = desk.post("/kinds/new", &job(typed[3].0)).await.text();
    assert!(page.contains("value=\"hourz\""), "what was typed stays: {page}");
}

#[tokio::test]
async fn the_form_of_a_new_quote_tells_its_total_while_it_is_typed() {
    let desk = Desk::new().await;
    let form = desk.get("/records/offer/new").await.text();
    assert!(form.contains("data-foreseen=\"/records/offer/foreseen\"") && form.contains("Total of the lines"), "{form}");
    assert!(!desk.get("/records/party/new").await.text().contains("data-foreseen"), "nothing is computed of customers");
    let line = [
        ("f.title", "Paper"),
        ("f.lines.rows", "new"),
        ("f.lines.new.product.q", "a product that is not found yet"),
        ("f.lines.new.price.amount", "99.90"),
        ("f.lines.new.price.currency", "CNY"),
    ];
    let one = [("f.lines.rows", "kept"), ("f.lines.kept.price.amount", "0.15"), ("f.lines.kept.price.currency", "CNY")];
    let told = async |more: &[(&str, &str)]| {
        let answer = desk.post("/records/offer/foreseen", &[&line[..], more].concat()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    };
    for (more, total) in [
        (&[("f.lines.new.quantity", "1.5")][..], "¥149.85"),
        (&[("f.lines.new.quantity", "1.5"), ("f.lines.new.discount_percent", "50")], "¥74.93"),
        (&one, "¥100.05"),
    ] {
        let fragment = told(more).await;
        assert!(fragment.contains(&format!("<output>{total}</output>")), "{more:?}: {fragment}");
    }
    // What is half typed is no mistake yet: nothing is said.
    let half = told(&[("f.lines.new.price.amount", "ninety")]).await;
    assert!(half.contains("<output></output>"), "{half}");
    assert!(
        desk.get("/records/offer").await.text().contains("No offers yet") || !desk.get("/records/offer").await.text().contains("Paper")
    );
}

#[tokio::test]
async fn what_was_read_is_posted_again_as_it_is_and_another_computed_value_is_named() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let read = ann.get(&quote(&ann, "Paper", &[line(10_000, 3)]).await).await.json();
    let mut fields = read["fields"].clone();
    let again = ann.post("/api/v1/offer", json!({"fields": fields})).await;
    assert_eq!((again.status.as_u16(), &again.json()["fields"]["total"]), (201, &fields["total"]), "{}", again.text());
    fields["total"]["amount"] = json!(1);
    let refused = ann.post("/api/v1/offer", json!({"fields": fields})).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (422, &json!("total")), "{}", refused.text());
    assert!(refused.text().contains("is computed, never written: leave it out"), "{}", refused.text());
    // Many at once are no other.
    let items =
        json!([{"fields": fields}, {"id": read["id"], "fields": {"total": fields["total"]}}, {"id": read["id"], "fields": read["fields"]}]);
    let results = ann.post("/api/v1/offer/batch", json!({"items": items})).await.json()["results"].clone();
    for failed in [&results[0], &results[1]] {
        assert_eq!((&failed["status"], &failed["problem"]["field"]), (&json!("failed"), &json!("total")), "{results}");
    }
    assert_eq!(results[2]["status"], "unchanged", "{results}");
    let lines = json!([{"id": read["fields"]["lines"][0]["id"], "product_name": "paper"}]);
    let stale = json!([{"id": read["id"], "fields": {"lines": lines, "total": read["fields"]["total"]}}]);
    let results = ann.post("/api/v1/offer/batch", json!({"items": stale})).await.json()["results"].clone();
    assert_eq!(results[0]["problem"]["field"], "total", "{results}");
}
