//! The way of a deal: its pipeline's board, what each stage asks for or needs, how long it was where, and what is overlooked.

use rapport_server::jobs::overstays;
use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::browser::Browser;
use crate::console::{Desk, record};
use crate::handset::Handset;
use crate::harness::{MINUTE, START};
use crate::lists::{address, between, has};

const DAY: i64 = 24 * 60 * MINUTE;

/// A person of a deal, as a row of its people.
fn decider(row: &str) -> FieldEdit {
    let values = [("party".to_owned(), json!(record(99).to_string())), ("role".to_owned(), json!("decider"))];
    FieldEdit::SetRow { field: "people".to_owned(), row: row.to_owned(), values: values.into_iter().collect() }
}

/// The tasks that are planned, in order.
async fn subjects(office: &Client<'_>) -> Vec<String> {
    let rows = office.list("activity", &[("orderBy", "subject")]).await.json()["rows"].as_array().unwrap().clone();
    let planned = rows.iter().filter(|row| row["fields"]["status"] == "planned" && row["fields"]["type"] == "task");
    planned.map(|row| row["fields"]["subject"].as_str().unwrap().to_owned()).collect()
}

impl Desk {
    /// Days later somebody signs in again.
    async fn later(&mut self, days: i64) {
        self.server.clock.forward(days * DAY);
        self.cookie = self.server.browser_sign_in(&[]).await.1;
    }

    /// Puts in the template whose stages have gates.
    async fn with_gates(&self) {
        let body = "--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nsales_process\r\n--x--\r\n";
        let headers = [
            ("cookie", &*self.cookie),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "multipart/form-data; boundary=x"),
            ("accept", "text/html"),
        ];
        let done = self.server.send(reqwest::Method::POST, "/kinds/template", &headers, body).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, "/kinds/template?done=1"), "{}", done.text());
    }
}

#[tokio::test]
async fn each_pipeline_has_a_board_with_its_own_columns_and_sums() {
    let mut desk = Desk::new().await;
    desk.deal(1, "Lamps", "proposal", 1_000, &[FieldEdit::set("pipeline", "standard")]).await;
    desk.deal(2, "Upkeep", "proposal", 3_000, &[FieldEdit::set("pipeline", "renewal")]).await;
    let page = desk.page("/records/deal?layout=board").await;
    has(between(&page, "id=\"pipelines\"", "</p>"), &["aria-current=\"true\">All<", ">Standard<", ">Renewal<"], &[]);
    has(between(&page, "data-value=\"proposal\"", "</section>"), &["Lamps", "Upkeep", "¥4,000.00"], &[]);
    let renewal = json!([{"type": "in", "attribute": "pipeline", "value": ["renewal"]}]).to_string();
    let board = address("/records/deal", &[("where", &renewal), ("layout", "board")]);
    let page = desk.page(&board).await;
    has(&page, &["aria-current=\"true\">Renewal<"], &["Lamps", "data-value=\"lead\""]);
    has(between(&page, "data-value=\"proposal\"", "</section>"), &["Upkeep", "¥3,000.00", "weighted ¥1,500.00"], &[]);
    // What stands in none of its columns is shown all the same.
    desk.deal(3, "Early one", "lead", 10, &[FieldEdit::set("pipeline", "renewal")]).await;
    has(between(&desk.page(&board).await, "data-value=\"lead\"", "</section>"), &["Early one"], &[]);
}

#[tokio::test]
async fn a_card_that_is_moved_to_lost_is_asked_why() {
    let mut desk = Desk::new().await;
    let deal = desk.deal(1, "Lamps", "proposal", 1_000, &[]).await.to_string();
    let asked = desk.post("/records/deal/move?layout=board", &[("id", &deal), ("value", "lost")]).await;
    assert_eq!(asked.status, 200);
    has(between(&asked.text(), "id=\"asking\"", "</form>"), &["Lamps goes to “Lost”", "f.lost_reason", "Reason of loss"], &["must"]);
    has(&desk.page("/records/deal?layout=board").await, &[], &["goes to"]);
    let form = [("id", &*deal), ("value", "lost"), ("f.lost_reason", "price"), ("whole", "")];
    assert_eq!(desk.post("/records/deal/move?layout=board", &form).await.status, 303);
    has(&desk.page(&format!("/records/deal/{deal}")).await, &["Price"], &["is not said"]);
    // Left empty, it is said to be missing, where it can be written.
    let other = desk.deal(2, "Chairs", "proposal", 1_000, &[]).await.to_string();
    let form = [("id", &*other), ("value", "lost"), ("f.lost_reason", ""), ("whole", "")];
    assert_eq!(desk.post("/records/deal/move?layout=board", &form).await.status, 303);
    has(&desk.page(&format!("/records/deal/{other}")).await, &["Reason of loss is not said", "edit=lost_reason"], &[]);
}

#[tokio::test]
async fn a_record_says_how_long_it_was_in_each_stage() {
    let mut desk = Desk::new().await;
    let id = desk.deal(1, "Lamps", "lead", 1_000, &[]).await;
    let address = format!("/records/deal/{id}");
    has(&desk.page(&address).await, &[], &["id=\"stays\""]);
    for (days, stage) in [(3, "qualified"), (1, "lead"), (2, "won")] {
        desk.later(days).await;
        assert_eq!(desk.post(&format!("{address}/fields/stage"), &[("f.stage", stage)]).await.status, 303);
    }
    desk.later(1).await;
    let page = desk.page(&address).await;
    let stays = between(&page, "id=\"stays\"", "</ol>");
    has(stays, &["Lead</span> <span class=\"soft small\">5 days", "Qualified</span> <span class=\"soft small\">1 day<"], &[]);
    has(between(stays, "aria-current=\"step\"", "</li>"), &["Won"], &["day"]);
}

#[tokio::test]
async fn a_stage_is_not_reached_without_what_it_needs_through_any_door() {
    let mut desk = Desk::new().await;
    desk.with_gates().await;
    let id = desk.deal(1, "Lamps", "lead", 1_000, &[FieldEdit::set("party", record(99).to_string())]).await;
    let page = format!("/records/deal/{id}");
    let refused = desk.post(&format!("{page}/fields/stage"), &[("f.stage", "proposal")]).await;
    assert_eq!(refused.status, 422);
    has(&refused.text(), &["“Proposal” needs first: People (Role: Decision maker)"], &[]);
    // The board asks for it, and takes both at once.
    let asked = desk.post("/records/deal/move?layout=board", &[("id", &id.to_string()), ("value", "proposal")]).await;
    has(between(&asked.text(), "id=\"asking\"", "</form>"), &["f.people", "class=\"must\""], &[]);
    let wang = desk.customer(9, &[FieldEdit::set("name", "Wang")]).await.to_string();
    let office = Client::office(&desk.server).await;
    let address = format!("/api/v1/deal/{id}");
    let answer = office.edit(&address, json!([{"op": "set", "field": "stage", "value": "proposal"}])).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    has(&answer.text(), &["needs first", "stage"], &[]);
    let person = json!({"op": "set_row", "field": "people", "row": "a", "values": {"party": wang, "role": "decider"}});
    let both = office.edit(&address, json!([person, {"op": "set", "field": "stage", "value": "proposal"}])).await;
    assert_eq!(both.status, 200, "{}", both.text());
    // Where it is already, nothing is asked; and the fact may go again, which is seen.
    let gone = office
        .edit(&address, json!([{"op": "remove_row", "field": "people", "row": "a"}, {"op": "set", "field": "stage", "value": "proposal"}]))
        .await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(office.get(&address).await.json()["fields"]["unmet"], true);
    has(&desk.page(&page).await, &["“Proposal” needs: People (Role: Decision maker)", "edit=people"], &[]);
}

#[tokio::test]
async fn a_preview_of_many_edits_counts_those_that_lack_what_the_stage_needs() {
    let mut desk = Desk::new().await;
    desk.with_gates().await;
    let mut ids = Vec::new();
    for (n, people) in [(1, vec![decider("a")]), (2, Vec::new()), (3, Vec::new())] {
        let edits = [vec![FieldEdit::set("party", record(99).to_string())], people].concat();
        ids.push(desk.deal(n, &format!("Lamps {n}"), "lead", 1_000, &edits).await.to_string());
    }
    let chosen: Vec<(&str, &str)> = ids.iter().map(|id| ("id", &**id)).collect();
    let order = [("field", "stage"), ("f.stage", "proposal"), ("step", "preview")];
    let preview = desk.post("/records/deal/bulk", &[&chosen[..], &order].concat()).await.text();
    has(&preview, &["1 record will change", "it lacks what that state needs: 2"], &[]);
}

#[tokio::test]
async fn a_phone_without_a_network_refuses_a_stage_and_what_only_meets_at_the_server_is_seen() {
    let desk = Desk::new().await;
    desk.with_gates().await;
    let server = &desk.server;
    let (mut ann, mut bo) = (Handset::of(server, server.ann).await, Handset::of(server, sync_core::id::UserId::of_cause("bo")).await);
    ann.sync(server).await;
    let now = server.app.clock.now();
    let edits = [FieldEdit::set("title", "Lamps"), FieldEdit::set("party", record(99).to_string()), FieldEdit::set("stage", "lead")];
    let deal = ann.device.create(now, "deal", &edits).unwrap().record;
    let refused = ann.device.edit(now, "deal", deal, &[FieldEdit::set("stage", "proposal")]);
    assert!(refused.is_err_and(|why| why.to_string().contains("“Proposal” needs first: People (Role: Decision maker)")));
    ann.edit(server, "deal", deal, &[decider("a")]);
    ann.sync(server).await;
    bo.sync(server).await;
    // Each sees what is right; together it is not, and nobody's edit is lost.
    ann.edit(server, "deal", deal, &[FieldEdit::set("stage", "proposal")]);
    bo.edit(server, "deal", deal, &[FieldEdit::set("stage", "proposal")]);
    bo.edit(server, "deal", deal, &[FieldEdit::RemoveRow { field: "people".to_owned(), row: "a".to_owned() }]);
    for phone in [&mut ann, &mut bo] {
        phone.sync(server).await;
    }
    ann.sync(server).await;
    // The stage brought its tasks, each once, though both put the deal there.
    let office = Client::office(server).await;
    assert_eq!(subjects(&office).await, ["约定演示 / Agree on a demo", "准备方案 / Prepare the proposal"]);
    for phone in [&mut ann, &mut bo] {
        let fields = phone.fields(deal).unwrap();
        assert_eq!((&fields["stage"], &fields["unmet"], fields.get("people")), (&json!("proposal"), &json!(true), None));
    }
    let page = desk.page("/gaps?whole=true").await;
    has(between(&page, ">Not ready for its stage<", "</li>"), &["amber\">1<"], &[]);
}

#[tokio::test]
async fn a_deal_that_stays_too_long_shows_it_and_its_owner_is_told_once_and_later_their_superior() {
    let mut desk = Desk::new().await;
    desk.with_gates().await;
    let (app, ann, bo) = (desk.server.app.clone(), RecordId(desk.server.ann.0), RecordId(UserId::of_cause("bo").0));
    let superior = [FieldEdit::set("name", "Bo"), FieldEdit::set("language", "zh"), FieldEdit::set("reports_to", ann.to_string())];
    desk.ann.save(&app, "member", ann, START, &[FieldEdit::set("name", "Ann")]).await;
    desk.ann.save(&app, "member", bo, START, &superior).await;
    let id = desk.deal(1, "Lamps", "proposal", 1_000, &[FieldEdit::set("owner", bo.to_string()), decider("d")]).await;
    let (board, record) = ("/records/deal?layout=board", format!("/records/deal/{id}"));
    desk.later(13).await;
    has(&desk.page(board).await, &[], &["over its time"]);
    assert_eq!(overstays::round(&app).await.unwrap(), 0);

    desk.later(2).await;
    has(between(&desk.page(board).await, "data-value=\"proposal\"", "</section>"), &["item over", "2 days over its time"], &[]);
    has(&desk.page(&record).await, &["“Proposal” may take 14 days: 2 days over its time"], &["Too long in their stage"]);
    has(between(&desk.page("/gaps?whole=true").await, ">Too long in their stage</a>", "</li>"), &["\">1<"], &[]);
    let told = async |desk: &Desk, who: RecordId| {
        let theirs = json!([{"type": "linkedWith", "attribute": "assignee", "value": [who]}]).to_string();
        let tasks = Client::office(&desk.server).await.list("activity", &[("where", &theirs)]).await.json();
        tasks["rows"].as_array().unwrap().iter().map(|row| row["fields"]["subject"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((overstays::round(&app).await.unwrap(), overstays::round(&app).await.unwrap()), (1, 0), "once");
    assert_eq!((told(&desk, bo).await, told(&desk, ann).await.len()), (vec!["在“方案报价”阶段停留过久：Lamps".to_owned()], 0));

    desk.later(7).await;
    assert_eq!((overstays::round(&app).await.unwrap(), overstays::round(&app).await.unwrap()), (1, 0));
    assert_eq!((told(&desk, bo).await.len(), told(&desk, ann).await), (1, vec!["Too long in “Proposal”: Lamps".to_owned()]));
    assert_eq!(desk.post(&format!("{record}/fields/stage"), &[("f.stage", "negotiation")]).await.status, 303);
    has(&desk.page(board).await, &[], &["over its time"]);
    assert_eq!(overstays::round(&app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_phone_without_a_network_knows_until_when_a_deal_may_stay_where_it_is() {
    let mut desk = Desk::new().await;
    desk.with_gates().await;
    let id = desk.deal(1, "Lamps", "lead", 1_000, &[decider("d"), FieldEdit::set("party", record(99).to_string())]).await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(id).unwrap().get("stage_due"), None, "a lead may stay one");
    desk.server.clock.forward(MINUTE);
    phone.edit(&desk.server, "deal", id, &[FieldEdit::set("stage", "proposal")]);
    let due = json!(START + MINUTE + 14 * DAY);
    assert_eq!(phone.fields(id).unwrap()["stage_due"], due);
    phone.sync(&desk.server).await;
    let office = Client::office(&desk.server).await;
    assert_eq!(office.get(&format!("/api/v1/deal/{id}")).await.json()["fields"]["stage_due"], due);
}

#[tokio::test]
async fn what_options_bring_with_them_is_edited_in_the_form_of_a_kind() {
    let desk = Desk::new().await;
    let form = desk.page("/kinds/deal").await;
    has(&form, &["lost asks lost_reason", "renewal columns qualified, proposal, negotiation, won, lost"], &[]);
    let opened = desk.page("/kinds/case").await;
    let fields = between(&opened, "name=\"fields\" value=\"", "\"");
    let name = |index: usize| between(&opened, &format!("name=\"field.{index}.name\" value=\""), "\"").to_owned();
    let status = (0..fields.parse().unwrap()).find(|index| name(*index) == "status").unwrap();
    let mut sent: Vec<(String, String)> =
        vec![("fields".into(), fields.into()), ("whole".into(), String::new()), ("step".into(), "save".into())];
    for (key, value) in [
        ("label_en", "Case"),
        ("label_zh", "工单"),
        ("plural_en", "Cases"),
        ("plural_zh", "工单"),
        ("title", "0"),
        ("board", "status"),
        ("owner", "owner"),
    ] {
        sent.push((key.to_owned(), value.to_owned()));
    }
    for index in 0..fields.parse().unwrap() {
        let schema = sync_core::schema::Schema::builtin();
        let field = schema.kind("case").unwrap().field(&name(index)).unwrap();
        let mut add = |key: &str, value: &str| sent.push((format!("field.{index}.{key}"), value.to_owned()));
        add("name", &field.name);
        add("label_en", &field.label.en);
        add("label_zh", &field.label.zh);
        if index == status {
            let lines: Vec<String> =
                field.options.iter().map(|option| format!("{} | {} | {}", option.value, option.label.en, option.label.zh)).collect();
            add("options", &lines.join("\n"));
            add("default", "new");
            add("rules", "Solved needs improvement, replies.text\nclosed asks category\nopen days 3, 2");
        } else {
            add("closed", "");
        }
    }
    let pairs: Vec<(&str, &str)> = sent.iter().map(|(key, value)| (&**key, &**value)).collect();
    let saved = desk.post("/kinds/case", &pairs).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    has(&desk.page("/kinds/case").await, &["solved needs improvement, replies.text", "closed asks category", "open days 3, 2"], &[]);
    let office = Client::office(&desk.server).await;
    let refused = office.post("/api/v1/case", json!({"fields": {"subject": "Broken", "status": "solved"}})).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    has(&refused.text(), &["“Solved” needs first: Improvement, Replies (Text)"], &[]);
    let wrong: Vec<(&str, &str)> =
        pairs.iter().map(|(key, value)| (*key, if key.ends_with(".rules") { "solved wants something" } else { *value })).collect();
    let refused = desk.post("/kinds/case", &wrong).await;
    has(&refused.text(), &["A rule cannot be read"], &[]);
}

#[tokio::test]
async fn blind_spots_are_counted_and_each_number_leads_to_its_records() {
    let mut desk = Desk::new().await;
    let deal = desk.deal(1, "Lamps", "qualified", 1_000, &[FieldEdit::set("close_date", "2027-01-01")]).await;
    desk.deal(2, "Chairs", "won", 1_000, &[]).await;
    desk.deal(3, "Desks", "lead", 1_000, &[FieldEdit::set("owner", desk.server.ann.to_string())]).await;
    desk.customer(4, &[FieldEdit::set("name", "Jiamei"), FieldEdit::Add { field: "roles".to_owned(), value: "customer".to_owned() }]).await;
    let page = desk.page("/gaps?whole=true").await;
    for (gap, count) in
        [("No next step", 2), ("Close date is past", 1), ("No decision maker", 1), ("Only one contact, or none", 1), ("No amount", 0)]
    {
        has(between(&page, &format!(">{gap}</a>"), "</li>"), &[&format!("\">{count}<")], &[]);
    }
    has(between(&page, "Customers whom nobody contacted", "</li>"), &["name=\"days.party.not_contacted\" value=\"30\"", ">1<"], &[]);
    let list = page.split("href=\"").find(|link| link.contains(">Close date is past<")).unwrap().split('"').next().unwrap();
    has(&desk.page(&list.replace("&#38;", "&")).await, &["Lamps"], &["Chairs", "Desks"]);
    has(between(&desk.page("/gaps?mine=true&whole=true").await, ">No next step</a>", "</li>"), &[">1<"], &[]);
    has(
        &desk.page(&format!("/records/deal/{deal}")).await,
        &["No next step", "Close date is past", "No decision maker", "Only one contact"],
        &["No amount"],
    );
}

#[tokio::test]
async fn a_kind_of_ones_own_has_gates_gaps_and_boards_of_pipelines_too() {
    let mut desk = Desk::new().await;
    let text = r#"name = "visa"
label = { en = "Visa", zh = "签证" }
plural = { en = "Visas", zh = "签证" }
title = "who"
list = ["who"]
board = { by = "state", pipelines = "country" }
[[field]]
name = "who"
label = { en = "Who", zh = "申请人" }
[[field]]
name = "passport"
label = { en = "Passport", zh = "护照" }
[[field]]
name = "country"
label = { en = "Country", zh = "国家" }
type = "choice"
options = [ { value = "fr", label = { en = "France", zh = "法国" }, columns = ["sent"] }, { value = "de", label = { en = "Germany", zh = "德国" } } ]
[[field]]
name = "state"
label = { en = "State", zh = "状态" }
type = "choice"
options = [ { value = "open", label = { en = "Open", zh = "未提交" } }, { value = "sent", label = { en = "Sent", zh = "已提交" }, needs = [{ field = "passport" }], tasks = ["Book a flight"] } ]
[[gap]]
name = "old"
label = { en = "Waiting long", zh = "等待过久" }
days = 10
where = '[{"type":"olderThanXDays","attribute":"createdAt","value":"@days"}]'
"#;
    let office = Client::office(&desk.server).await;
    let broken = text.replace("createdAt", "made");
    let refused = office.post("/api/v1/kind", json!({"fields": {"name": "visa", "definition": broken}})).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    has(&refused.text(), &["Gap `old`"], &[]);
    office.make("kind", json!({"name": "visa", "definition": text})).await;
    let visa = office.make("visa", json!({"who": "Wang", "country": "fr", "state": "open"})).await;
    let refused = office.edit(&visa, json!([{"op": "set", "field": "state", "value": "sent"}])).await;
    assert_eq!(refused.status, 422);
    has(&refused.text(), &["“Sent” needs first: Passport"], &[]);
    for state in ["sent", "open", "sent"] {
        let edits = json!([{"op": "set", "field": "passport", "value": "E1"}, {"op": "set", "field": "state", "value": state}]);
        assert_eq!(office.edit(&visa, edits).await.status, 200);
    }
    assert_eq!(subjects(&office).await, ["Book a flight"], "once, also for who comes back");
    desk.later(12).await;
    has(between(&desk.page("/gaps?whole=true").await, ">Waiting long</a>", "</li>"), &[">1<"], &[]);
    has(between(&desk.page("/gaps?days.visa.old=20&whole=true").await, ">Waiting long</a>", "</li>"), &[">0<"], &[]);
    has(&desk.page("/records/visa?layout=board").await, &[">France<", ">Germany<"], &[]);
    has(&desk.page("/kinds/visa").await, &["sent needs passport", "sent tasks Book a flight", "fr columns sent"], &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_is_dragged_to_lost_asks_for_its_reason_on_the_board() {
    let mut desk = Desk::new().await;
    let (app, id) = (desk.server.app.clone(), record(1));
    let edits = [FieldEdit::set("title", "Lamps"), FieldEdit::set("stage", "won")];
    desk.ann.save(&app, "deal", id, START, &edits).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/deal?layout=board").await;
    browser.run(&format!("document.querySelector('#c-{id} a').focus()")).await;
    browser.press("ArrowRight", true).await;
    browser.until("document.activeElement?.name === 'f.lost_reason'").await;
    browser.picture("board-asks").await;
    browser.run("document.querySelector('#asking [name=\"f.lost_reason\"]').value = 'price'").await;
    browser.click("#asking button.primary").await;
    browser.until("document.querySelector('.lane[data-value=lost] .item')?.textContent.includes('Lamps') && !document.querySelector('#asking form')").await;
}

/// The kind of deals with one gap more, which opens a task, as a definition.
fn deals_without_an_amount() -> String {
    let mut kind = (**sync_core::schema::Schema::builtin().kind("deal").unwrap()).clone();
    kind.gaps.push(sync_core::schema::Gap {
        name: "no_worth".parse().unwrap(),
        label: sync_core::schema::Label { en: "Nobody says what it is worth".into(), zh: "未填金额".into() },
        filter: r#"[{"type":"isNull","attribute":"amount"}]"#.to_owned(),
        days: None,
        task: true,
    });
    kind.to_toml()
}

#[tokio::test]
async fn a_gap_that_asks_for_it_opens_a_task_for_whoever_answers_for_the_record_once() {
    let mut desk = Desk::new().await;
    let (app, bo) = (desk.server.app.clone(), RecordId(UserId::of_cause("bo").0));
    desk.ann.save(&app, "member", bo, START, &[FieldEdit::set("name", "Bo"), FieldEdit::set("language", "zh")]).await;
    let office = Client::office(&desk.server).await;
    let deal = office.make("deal", json!({"title": "Lamps", "stage": "lead", "owner": bo.to_string()})).await;
    office.make("deal", json!({"title": "Nobody's", "stage": "lead"})).await;
    assert_eq!(overstays::round(&app).await.unwrap(), 0, "no gap asks for it yet");
    office.make("kind", json!({"name": "deal", "definition": deals_without_an_amount()})).await;
    assert_eq!((overstays::round(&app).await.unwrap(), overstays::round(&app).await.unwrap()), (1, 0), "once");
    assert_eq!(subjects(&office).await, ["未填金额: Lamps"]);
    let tasks = office.list("activity", &[]).await.json();
    let task = &tasks["rows"][0];
    assert_eq!((&task["fields"]["assignee"], &task["fields"]["about"][0]), (&json!(bo), &json!(deal.rsplit('/').next().unwrap())));
    let address = format!("/api/v1/activity/{}", task["id"].as_str().unwrap());
    assert_eq!(office.edit(&address, json!([{"op": "set", "field": "status", "value": "done"}])).await.status, 200);
    assert_eq!(overstays::round(&app).await.unwrap(), 0, "whoever closes it is not asked again");
}

#[tokio::test]
async fn a_kind_whose_gap_or_portrait_asks_for_what_is_not_there_is_refused() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let kind = |more: &str| {
        format!(
            "name = \"room\"\nlabel = {{ en = \"Room\", zh = \"房间\" }}\nplural = {{ en = \"Rooms\", zh = \"房间\" }}\ntitle = \"name\"\n\
             list = [\"name\"]\n[[field]]\nname = \"name\"\nlabel = {{ en = \"Name\", zh = \"名称\" }}\n{more}"
        )
    };
    let line = "label = { en = \"Line\", zh = \"行\" }\n";
    for (more, told) in [
        (format!("[[gap]]\nname = \"open\"\n{line}where = '[]'\ntask = true\n"), "kind needs an `owner`"),
        (format!("[[portrait]]\nname = \"sold\"\n{line}from = \"ofer:party\"\nmost = \"lines.product\"\n"), "is no kind `ofer`"),
        (format!("[[portrait]]\nname = \"sold\"\n{line}from = \"offer:party\"\nmost = \"form\"\n"), "is no link of `offer` to `room`"),
    ] {
        let refused = office.post("/api/v1/kind", json!({"fields": {"name": "room", "definition": kind(&more)}})).await;
        assert!(refused.status == 422 && refused.text().contains(told), "{told}: {}", refused.text());
    }
    assert_eq!(office.post("/api/v1/kind", json!({"fields": {"name": "room", "definition": kind("")}})).await.status, 201);
}
