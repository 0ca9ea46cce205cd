//! Approvals on phones: whoever is asked decides in a record of their own, without a network, and the desk carries it out.

use rapport_server::requests::round;
use reqwest::Method;
use serde_json::{Map, Value, json};
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::{Verdict, code};
use sync_core::record::fields::FieldEdit;
use sync_core::store::Draft;

use crate::api::Client;
use crate::console::{Desk, record};
use crate::handset::Handset;
use crate::harness::{MINUTE, START};
use crate::lists::has;
use crate::pen::Phone;
use crate::reviews::{call, colleague, two_steps};

fn line(discount: i64) -> FieldEdit {
    let values = json!({"product_name": "Lamp", "quantity": 1, "discount_percent": discount});
    FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: values.as_object().unwrap().clone() }
}

fn user(login: &str) -> UserId {
    UserId::of_cause(login)
}

/// A desk; a rep whose phone wants a discount of 15 %, which waits; mia, a manager, and her phone.
async fn held() -> (Desk, Handset, Handset) {
    held_at(Desk::new().await).await
}

/// The same, where it takes two words.
async fn held_twice() -> (Desk, Handset, Handset) {
    let desk = Desk::new().await;
    two_steps(&desk).await;
    held_at(desk).await
}

async fn held_at(desk: Desk) -> (Desk, Handset, Handset) {
    colleague(&desk.server, "rep", "rep").await;
    colleague(&desk.server, "mia", "manager").await;
    let mut rep = Handset::of(&desk.server, user("rep")).await;
    rep.sync(&desk.server).await;
    rep.edit(&desk.server, "offer", record(1), &[FieldEdit::set("title", "Lamps"), line(5)]);
    rep.sync(&desk.server).await;
    desk.server.clock.forward(MINUTE);
    rep.edit(&desk.server, "offer", record(1), &[line(15)]);
    rep.sync(&desk.server).await;
    let mia = Handset::of(&desk.server, user("mia")).await;
    (desk, rep, mia)
}

/// The requests on somebody's phone after all was looked through, the newest first.
async fn requests(desk: &Desk, phone: &mut Handset) -> Vec<(RecordId, Map<String, Value>)> {
    round(&desk.server.app).await.unwrap();
    phone.sync(&desk.server).await;
    let rows = phone.device.all_rows().unwrap().into_iter().filter(|row| &*row.kind == "approval");
    let mut all: Vec<_> = rows.map(|row| (row.record, row.fields)).collect();
    all.sort_by_key(|(record, _)| std::cmp::Reverse(*record));
    all
}

/// The only one that waits.
async fn waiting(desk: &Desk, phone: &mut Handset) -> (RecordId, Map<String, Value>) {
    let mut open = requests(desk, phone).await;
    open.retain(|(_, fields)| !fields.contains_key("outcome"));
    assert_eq!(open.len(), 1, "{open:?}");
    open.remove(0)
}

fn decide(desk: &Desk, phone: &mut Handset, request: RecordId, decision: &str, note: Option<&str>) {
    let note = note.map(|note| FieldEdit::set("note", note));
    let edits: Vec<FieldEdit> = [FieldEdit::set("decision", decision)].into_iter().chain(note).collect();
    phone.edit(&desk.server, "approval", request, &edits);
}

fn draft(phone: &Handset) -> Draft {
    phone.device.drafts().unwrap().remove(0)
}

fn percent(phone: &mut Handset) -> Value {
    phone.fields(record(1)).unwrap()["lines"][0]["discount_percent"].clone()
}

#[tokio::test]
async fn whoever_is_asked_decides_on_the_phone_without_a_network_and_the_next_step_is_asked() {
    let (desk, mut rep, mut mia) = held_twice().await;
    let (request, asked) = waiting(&desk, &mut mia).await;
    let want = json!({
        "subject": "Lamps", "record": record(1), "asked_by": user("rep"), "asked_at": START + MINUTE, "approver": user("mia"),
        "step": 1, "steps": 2, "due": START + MINUTE + 24 * 60 * MINUTE,
    });
    for (field, value) in want.as_object().unwrap() {
        assert_eq!(asked.get(field), Some(value), "{field}: {asked:?}");
    }
    assert!(asked["reason"].as_str().unwrap().contains("above 10 and needs approval"), "{asked:?}");
    let changes = asked["changes"].as_str().unwrap();
    let wanted = "Lines: Product name Lamp, Quantity 1, Discount % 5 → Product name Lamp, Quantity 1, Discount % 15";
    assert_eq!(changes, wanted);
    let mut bo = Handset::of(&desk.server, user("bo")).await;
    assert_eq!(requests(&desk, &mut bo).await, [], "it is not his turn, and hers are hers alone");
    decide(&desk, &mut mia, request, "approve", None);
    mia.sync(&desk.server).await;
    // It is bo's turn.
    let (second, asked) = waiting(&desk, &mut bo).await;
    assert_eq!((&asked["step"], asked.get("due")), (&json!(2), None));
    let hers = requests(&desk, &mut mia).await.remove(0).1;
    assert_eq!((&hers["outcome"], &hers["decided_by"]), (&json!("approved"), &json!(user("mia"))), "{hers:?}");
    rep.sync(&desk.server).await;
    assert_eq!((percent(&mut rep), draft(&rep).state.as_str()), (json!(5), "held"));
    decide(&desk, &mut bo, second, "approve", None);
    bo.sync(&desk.server).await;
    let his = requests(&desk, &mut bo).await.remove(0).1;
    assert_eq!((&his["outcome"], &his["decided_by"]), (&json!("approved"), &json!(user("bo"))));
    rep.sync(&desk.server).await;
    assert_eq!((percent(&mut rep), rep.device.drafts().unwrap()), (json!(15), vec![]));
    let trail = desk.get("/rejected?decided=true").await.text();
    assert!(trail.contains("approved by mia") && trail.contains("approved by bo"), "{trail}");
    assert!(desk.get("/audit?act=decided").await.text().contains("mia"));
}

#[tokio::test]
async fn what_is_returned_on_the_phone_comes_back_to_its_author_and_a_return_without_a_word_is_asked_again() {
    let (desk, mut rep, mut mia) = held_twice().await;
    let (silent, _) = waiting(&desk, &mut mia).await;
    decide(&desk, &mut mia, silent, "return", None);
    mia.sync(&desk.server).await;
    let (again, _) = waiting(&desk, &mut mia).await;
    let first = mia.fields(silent).unwrap();
    assert!(again != silent && first["outcome"] == "failed", "{first:?}");
    assert!(first["answer"].as_str().unwrap().contains("Say what should be changed"), "{first:?}");
    decide(&desk, &mut mia, again, "return", Some("8 % will do"));
    mia.sync(&desk.server).await;
    requests(&desk, &mut mia).await;
    let closed = mia.fields(again).unwrap();
    assert_eq!((&closed["outcome"], &closed["answer"]), (&json!("returned"), &json!("8 % will do")));
    rep.sync(&desk.server).await;
    let told = draft(&rep);
    assert_eq!((told.code.as_str(), told.message.as_str()), (code::RETURNED, "8 % will do"));
    rep.device.retry_draft(desk.server.app.clock.now(), told.id, Some(&[line(12)])).unwrap();
    rep.sync(&desk.server).await;
    let (_, asked) = waiting(&desk, &mut mia).await;
    assert!(asked["changes"].as_str().unwrap().contains("12"), "it is sent again, and she is asked again: {asked:?}");
}

#[tokio::test]
async fn what_another_decides_first_closes_the_request_and_a_late_word_is_told_so_and_changes_nothing() {
    let (desk, mut rep, mut mia) = held().await;
    let (request, asked) = waiting(&desk, &mut mia).await;
    assert_eq!((&asked["step"], &asked["steps"]), (&json!(1), &json!(1)), "no rule: whoever may make the change");
    decide(&desk, &mut mia, request, "approve", None);
    desk.post(&format!("/rejected/{}", draft(&rep).hash), &[("step", "decline"), ("reason", "Not for them")]).await;
    round(&desk.server.app).await.unwrap();
    mia.sync(&desk.server).await;
    let late = draft(&mia);
    assert_eq!((late.record, late.code.as_str()), (request, code::FROZEN), "{late:?}");
    let closed = mia.fields(request).unwrap();
    assert_eq!(
        (&closed["outcome"], &closed["decided_by"], &closed["answer"], closed.get("decision")),
        (&json!("declined"), &json!(desk.server.ann), &json!("Not for them"), None)
    );
    rep.sync(&desk.server).await;
    assert_eq!((percent(&mut rep), draft(&rep).code), (json!(5), code::DECLINED.to_owned()));
    assert!(desk.get("/rejected").await.text().contains("Nothing to decide"), "a late word is nobody's to decide on");
    let mias = Client::signed_in(&desk.server, "mia").await.get("/api/v1/rejected").await.json();
    assert_eq!(mias["rows"], json!([]), "nor hers");
    // What is opened again is asked again.
    desk.post(&format!("/rejected/{}", draft(&rep).hash), &[("step", "reopen")]).await;
    assert_ne!(waiting(&desk, &mut mia).await.0, request);
}

#[tokio::test]
async fn the_deputy_is_asked_when_the_time_is_over_and_what_was_given_up_asks_nobody() {
    let (desk, mut rep, mut mia) = held_twice().await;
    let mut ann = Handset::of(&desk.server, desk.server.ann).await;
    let (first, _) = waiting(&desk, &mut mia).await;
    assert_eq!(requests(&desk, &mut ann).await, []);
    desk.server.clock.forward(25 * 60 * MINUTE);
    let (second, _) = waiting(&desk, &mut ann).await;
    assert_eq!(waiting(&desk, &mut mia).await.0, first, "she may still speak");
    rep.device.discard_draft(draft(&rep).id).unwrap();
    rep.sync(&desk.server).await;
    for (phone, request) in [(&mut mia, first), (&mut ann, second)] {
        requests(&desk, phone).await;
        assert_eq!(phone.fields(request).unwrap()["outcome"], "withdrawn");
    }
}

#[tokio::test]
async fn whoever_is_no_longer_asked_is_told_that_others_are() {
    let (desk, _, mut mia) = held().await;
    let (request, _) = waiting(&desk, &mut mia).await;
    let token = desk.server.token().await;
    let settings = json!({"member": user("bo")}).to_string();
    let rule = json!({"name": "Discounts", "purpose": "approval", "about": "offer", "enabled": true,
        "actions": [{"action": "approve", "settings": settings}]});
    assert_eq!(call(&desk.server, &token, Method::POST, "/api/v1/rule", json!({ "fields": rule })).await.status, 201);
    let mut bo = Handset::of(&desk.server, user("bo")).await;
    waiting(&desk, &mut bo).await;
    requests(&desk, &mut mia).await;
    assert_eq!(mia.fields(request).unwrap()["outcome"], "moved");
}

#[tokio::test]
async fn the_server_alone_makes_requests_and_nobody_decides_in_anothers() {
    let (desk, _, mut mia) = held().await;
    let (request, _) = waiting(&desk, &mut mia).await;
    let client = Client::signed_in(&desk.server, "mia").await;
    let made = client.post("/api/v1/approval", json!({"fields": {"decision": "approve"}})).await;
    assert!(made.status == 403 && made.text().contains("The server makes approval requests"), "{}", made.text());
    let path = format!("/api/v1/approval/{request}");
    for (field, value) in [("outcome", "approved"), ("approver", "x"), ("changes", "nothing")] {
        let refused = client.edit(&path, json!([{"op": "set", "field": field, "value": value}])).await;
        assert!([403, 422].contains(&refused.status.as_u16()), "{field}: {}", refused.text());
    }
    assert_eq!(client.post(&format!("{path}/archive"), json!({})).await.status, 403);
    let office = Client::office(&desk.server).await;
    assert_eq!(office.get(&path).await.status, 404, "hers alone");
    assert!(mia.device.create(START, "approval", &[FieldEdit::set("decision", "approve")]).is_err());
    // Programs of their own: a rep with a request of her making, with an answer in hers, with her word in mia's.
    let app = &desk.server.app;
    let mut rogue = Phone::of(app, desk.server.workspace, user("rep"), "rep", "another phone", START).await;
    let hash = desk.get("/rejected").await.text().split("id=\"c-").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let forged = [
        vec![FieldEdit::set("change", hash), FieldEdit::set("approver", user("mia").to_string()), FieldEdit::set("step", 1)],
        vec![FieldEdit::set("decision", "approve")],
    ];
    for (n, edits) in forged.iter().enumerate() {
        let verdicts = rogue.save(app, "approval", record(50 + n as u8), START, edits).await;
        assert!(matches!(verdicts[..], [Verdict::Rejected { .. }]), "{edits:?}: {verdicts:?}");
    }
    let hers = rogue.save(app, "approval", request, START, &forged[1]).await;
    assert!(matches!(&hers[..], [Verdict::Rejected { code, .. }] if code == code::FORBIDDEN), "{hers:?}");
    requests(&desk, &mut mia).await;
    assert_eq!(mia.fields(request).unwrap().get("outcome"), None, "it waits as before");
}

#[tokio::test]
async fn a_request_speaks_the_language_of_whom_it_asks_and_says_nothing_that_they_may_not_see() {
    let (desk, mut rep, mut mia) = held().await;
    let cookie = desk.server.browser_sign_in_as("mia").await.1;
    desk.server.submit(&cookie, "/language", &[("language", "zh-CN")]).await;
    rep.edit(&desk.server, "offer", record(2), &[FieldEdit::set("title", "Desks"), line(20)]);
    rep.sync(&desk.server).await;
    let mut all = requests(&desk, &mut mia).await;
    all.retain(|(_, asked)| asked["subject"] == "Desks");
    let (_, asked) = all.remove(0);
    assert!(
        asked["reason"].as_str().unwrap().contains("需要审批") && asked["changes"].as_str().unwrap().contains("明细: – → "),
        "{asked:?}"
    );
    let office = Client::office(&desk.server).await;
    // A limit about what belongs to the commercial facet: the step is a rep's, who may not read that.
    let label = "{ en = \"Margin\", zh = \"毛利\" }";
    let kind = format!(
        "name = \"product\"\nlabel = {label}\nplural = {label}\ntitle = \"name\"\nlist = [\"name\"]\n[[field]]\nname = \"name\"\n\
         label = {label}\n[[field]]\nname = \"margin\"\nlabel = {label}\ntype = \"number\"\nfacet = \"commercial\"\n"
    );
    office.make("kind", json!({"name": "product", "definition": kind})).await;
    let role = r#"name = "junior"
label = { en = "Junior", zh = "新人" }
[[rule]]
kinds = ["*"]
read = "all"
create = "all"
edit = "all"
reads = ["main", "commercial"]
writes = ["main", "commercial"]
[[limit]]
kind = "product"
field = "margin"
above = 10
outcome = "review"
"#;
    office.make("role", json!({"name": "junior", "definition": role})).await;
    let settings = json!({"role": "rep"}).to_string();
    let actions = json!([{"action": "approve", "settings": settings}]);
    office.make("rule", json!({"name": "Margins", "purpose": "approval", "about": "product", "enabled": true, "actions": actions})).await;
    let junior = Client::of_role(&desk.server, "junior", "junior").await;
    let product = junior.make("product", json!({"name": "Lamp"})).await;
    junior.edit(&product, json!([{"op": "set", "field": "margin", "value": 77}])).await;
    assert_eq!(office.get("/api/v1/rejected?kind=product").await.json()["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(requests(&desk, &mut rep).await, [], "nobody is asked about what they may not read");
}

#[tokio::test]
async fn with_a_record_that_is_erased_go_the_requests_about_it() {
    let (desk, _, mut mia) = held().await;
    let (request, _) = waiting(&desk, &mut mia).await;
    let token = desk.server.token().await;
    let erased = call(&desk.server, &token, Method::POST, &format!("/api/v1/privacy/{}/erase", record(1)), json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    assert_eq!(requests(&desk, &mut mia).await, []);
    assert_eq!((mia.fields(request), mia.fields(record(1))), (None, None));
}

#[tokio::test]
async fn a_request_is_decided_in_the_console_too_and_stands_on_no_page_of_its_record() {
    let (desk, mut rep, mut mia) = held().await;
    let (request, _) = waiting(&desk, &mut mia).await;
    let cookie = desk.server.browser_sign_in_as("mia").await.1;
    let page = desk.server.browse(&cookie, &format!("/records/approval/{request}")).await.text();
    assert!(page.contains("What would change") && page.contains("Lamps"), "{page}");
    let quote = desk.server.browse(&cookie, &format!("/records/offer/{}", record(1))).await.text();
    assert!(!quote.contains("/records/approval"), "{quote}");
    let client = Client::signed_in(&desk.server, "mia").await;
    let decided =
        client.edit(&format!("/api/v1/approval/{request}"), json!([{"op": "set", "field": "decision", "value": "approve"}])).await;
    assert_eq!(decided.status, 200, "{}", decided.text());
    requests(&desk, &mut mia).await;
    assert_eq!(mia.fields(request).unwrap()["outcome"], "approved");
    rep.sync(&desk.server).await;
    assert_eq!(percent(&mut rep), json!(15));
}

#[tokio::test]
async fn a_request_names_the_product_of_a_line_of_which_only_the_discount_is_to_change() {
    let desk = Desk::new().await;
    colleague(&desk.server, "rep", "rep").await;
    colleague(&desk.server, "mia", "manager").await;
    let product = Client::office(&desk.server).await.make("product", json!({"name": "Lamp XL"})).await;
    let product = product.rsplit('/').next().unwrap().to_owned();
    let mut rep = Handset::of(&desk.server, user("rep")).await;
    rep.sync(&desk.server).await;
    let line = |values: Value| FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: values.as_object().unwrap().clone() };
    let first = line(json!({"product": product, "quantity": 1, "discount_percent": 5}));
    rep.edit(&desk.server, "offer", record(1), &[FieldEdit::set("title", "Lamps"), first]);
    rep.sync(&desk.server).await;
    rep.edit(&desk.server, "offer", record(1), &[line(json!({"discount_percent": 15}))]);
    rep.sync(&desk.server).await;
    let mut mia = Handset::of(&desk.server, user("mia")).await;
    let (_, asked) = waiting(&desk, &mut mia).await;
    let changes = asked["changes"].as_str().unwrap();
    assert!(changes.matches("Lamp XL").count() == 2 && !changes.contains('#'), "{changes}");
    has(&desk.page("/rejected").await, &["Lamp XL"], &[]);
}
