//! The desk: edits that were not accepted are accepted, changed or declined, and their authors are told.

use reqwest::Method;
use serde_json::{Value, json};
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::{GivenUp, Pushed, Verdict, code};
use sync_core::record::fields::FieldEdit;

use crate::console::{Desk, record};
use crate::harness::{Answer, MINUTE, PASSWORD, START, Server, client};
use crate::pen::Phone;
use futures_util::StreamExt;
use rapport_server::jobs::deadlines;
use rapport_server::language::Language;
use rapport_server::store::people::{self, User};

/// Somebody with another role than the office's, with a phone.
pub async fn colleague(server: &Server, login: &str, role: &str) -> Phone {
    let (app, user) = (&server.app, UserId::of_cause(login));
    let hash = app.auth.passwords().hash(PASSWORD).await.unwrap();
    let mut tx = app.store.begin().await.unwrap();
    let (login, name, role_name) = (login.to_owned(), login.to_owned(), role.parse().unwrap());
    let row = User {
        workspace: server.workspace,
        user,
        login: login.clone(),
        name,
        role: role_name,
        language: Language::En,
        disabled_at: None,
        created_at: START,
    };
    people::add_user(&mut tx, &row, &hash).await.unwrap();
    tx.commit().await.unwrap();
    Phone::of(app, server.workspace, user, role, &format!("{login}'s phone"), START).await
}

pub async fn token_of(server: &Server, login: &str) -> String {
    let answer = server.api_sign_in(login, PASSWORD).await;
    answer.json()["token"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

pub async fn call(server: &Server, token: &str, method: Method, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {token}");
    server.send(method, path, &[("authorization", &bearer), ("content-type", "application/json")], body.to_string()).await
}

fn line(discount: i64) -> FieldEdit {
    let values = json!({"product_name": "Lamp", "quantity": 1, "discount_percent": discount});
    FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: values.as_object().unwrap().clone() }
}

fn discount(percent: i64) -> FieldEdit {
    let values = json!({ "discount_percent": percent });
    FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: values.as_object().unwrap().clone() }
}

/// A desk, and a rep with a quote whose discount is 5 %.
async fn quote() -> (Desk, Phone, RecordId) {
    let desk = Desk::new().await;
    let mut rep = colleague(&desk.server, "rep", "rep").await;
    let id = record(1);
    let app = desk.server.app.clone();
    let made = rep.save(&app, "offer", id, START, &[FieldEdit::set("title", "Lamps"), line(5)]).await;
    assert!(matches!(made[..], [Verdict::Accepted { .. }]), "{made:?}");
    (desk, rep, id)
}

/// A quote, and a discount of 15 % that waits for somebody.
async fn held() -> (Desk, Phone, RecordId, sync_core::protocol::Pushed) {
    let (desk, mut rep, id) = quote().await;
    let wish = rep.write("offer", id, START + MINUTE, &[discount(15)]);
    let verdicts = rep.push(&desk.server.app, wish.clone(), START + MINUTE).await;
    assert!(matches!(verdicts[..], [Verdict::Held { .. }]), "{verdicts:?}");
    (desk, rep, id, wish.into_iter().next().unwrap())
}

async fn percent(desk: &Desk, id: RecordId) -> Value {
    let token = desk.server.token().await;
    let offer = call(&desk.server, &token, Method::GET, &format!("/api/v1/offer/{id}"), json!({})).await.json();
    offer["fields"]["lines"][0]["discount_percent"].clone()
}

#[tokio::test]
async fn an_edit_is_shown_with_what_it_wants_and_accepted_under_its_authors_name() {
    let (desk, _, id, wish) = held().await;
    let page = desk.get("/rejected").await.text();
    for part in ["Lamps", "rep · rep&#39;s phone", "above 10 and needs approval", "Before", "Wanted", "Now", "Accept"] {
        assert!(page.contains(part), "{page} lacks {part}");
    }
    let done = desk.post(&format!("/rejected/{}", wish.hash), &[("step", "accept")]).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/rejected?done=accepted&count=1"));
    assert_eq!(percent(&desk, id).await, 15);
    let history = desk.get(&format!("/records/offer/{id}/history")).await.text();
    assert!(history.contains("<b>rep</b>") && history.contains("accepted by ann"), "{history}");
    assert!(desk.get("/rejected").await.text().contains("Nothing to decide"));
    let decided = desk.get("/rejected?decided=true").await.text();
    assert!(decided.contains("Accepted") && decided.contains("ann"), "{decided}");
    let again = desk.post(&format!("/rejected/{}", wish.hash), &[("step", "decline")]).await;
    assert_eq!(again.status, 409);
    assert!(again.text().contains("has decided about it already"), "{}", again.text());
}

#[tokio::test]
async fn the_same_change_sent_for_two_records_stands_at_the_desk_twice_and_is_decided_twice() {
    let desk = Desk::new().await;
    let mut rep = colleague(&desk.server, "rep", "rep").await;
    let app = desk.server.app.clone();
    let wish = rep.write("offer", record(1), START, &[FieldEdit::set("title", "Lamps"), line(15)]).remove(0);
    let same = Pushed { record: record(2), ..wish.clone() };
    let verdicts = rep.push(&app, vec![wish.clone(), same.clone()], START).await;
    assert!(matches!(verdicts[..], [Verdict::Held { .. }, Verdict::Held { .. }]), "{verdicts:?}");
    let named = |pushed: &Pushed| format!("/rejected/{}.{}.main", pushed.hash, pushed.record);
    let page = desk.get("/rejected").await.text();
    assert!(page.contains(&named(&wish)) && page.contains(&named(&same)), "{page}");
    // The hash alone says too little, and nothing is decided by it.
    let token = desk.server.token().await;
    let alone = format!("/rejected/{}", wish.hash);
    assert_eq!(desk.get(&alone).await.status, 409);
    let unclear = desk.post(&alone, &[("step", "accept")]).await;
    assert!(unclear.status == 409 && unclear.text().contains("for several records"), "{}", unclear.text());
    let path = |name: &str, step: &str| format!("/api/v1/rejected/{name}{step}");
    let unclear = call(&desk.server, &token, Method::POST, &path(&wish.hash.to_string(), "/accept"), json!({})).await;
    assert!(unclear.status == 409 && unclear.text().contains("{change}.{record}"), "{}", unclear.text());
    // Each has a page, a place in the list and a decision of its own.
    let list = call(&desk.server, &token, Method::GET, "/api/v1/rejected?maxSize=1", json!({})).await.json();
    let next = format!("/api/v1/rejected?maxSize=1&after={}", list["next"].as_str().unwrap());
    let rest = call(&desk.server, &token, Method::GET, &next, json!({})).await.json();
    assert_ne!(list["rows"][0]["record"], rest["rows"][0]["record"], "{list} {rest}");
    assert_eq!(desk.get(&named(&same)).await.status, 200);
    desk.post(&named(&wish), &[("step", "accept")]).await;
    let declined = path(&format!("{}.{}", same.hash, same.record), "/decline");
    let declined = call(&desk.server, &token, Method::POST, &declined, json!({"reason": "once is enough"})).await;
    assert_eq!((declined.status.as_u16(), &declined.json()["state"]), (200, &json!("declined")));
    assert_eq!(percent(&desk, record(1)).await, 15);
    let told = rep.push(&app, vec![wish, same], START + MINUTE).await;
    assert!(matches!(&told[..], [Verdict::Duplicate { .. }, Verdict::Rejected { code, .. }] if code == code::DECLINED), "{told:?}");
}

/// What waits for several words waits for them in each of its records.
#[tokio::test]
async fn of_one_change_sent_for_two_records_one_is_taken_back_and_the_other_waits_on() {
    let desk = Desk::new().await;
    let mut rep = colleague(&desk.server, "rep", "rep").await;
    let app = desk.server.app.clone();
    let wish = rep.write("offer", record(1), START, &[FieldEdit::set("title", "Lamps"), line(15)]).remove(0);
    let same = Pushed { record: record(2), ..wish.clone() };
    rep.push(&app, vec![wish.clone(), same.clone()], START).await;
    let given_up = GivenUp { record: wish.record, facet: wish.facet, hash: wish.hash };
    app.intake.withdraw(&rep.author, vec![given_up], START + MINUTE).await.unwrap();
    let open = desk.get("/rejected").await.text();
    assert!(!open.contains(&wish.record.to_string()) && open.contains(&same.record.to_string()), "{open}");
    // By its hash it is found under its record alone: the other was decided about, and is there, too.
    let token = desk.server.token().await;
    let path = format!("/api/v1/rejected/{}.{}", same.hash, same.record);
    assert_eq!(call(&desk.server, &token, Method::GET, &path, json!({})).await.json()["state"], "held");
}

#[tokio::test]
async fn of_many_new_records_that_wait_a_page_shows_some_and_an_edit_of_one_that_is_there_is_none_of_them() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut rep = colleague(&desk.server, "rep", "rep").await;
    let app = desk.server.app.clone();
    let to_party = FieldEdit::set("party", party.to_string());
    rep.save(&app, "offer", record(2), START, &[FieldEdit::set("title", "Is there"), line(5)]).await;
    let held = rep.save(&app, "offer", record(2), START + MINUTE, &[to_party.clone(), discount(15)]).await;
    assert!(matches!(held[..], [Verdict::Held { .. }]), "{held:?}");
    assert!(!desk.get(&format!("/records/party/{party}")).await.text().contains("id=\"waiting\""));
    for n in 0..21 {
        let edits = [FieldEdit::set("title", format!("Wish {n}")), to_party.clone(), line(15)];
        let held = rep.save(&app, "offer", record(10 + n), START + MINUTE, &edits).await;
        assert!(matches!(held[..], [Verdict::Held { .. }]), "{held:?}");
    }
    let page = desk.get(&format!("/records/party/{party}")).await.text();
    let waiting = page.split("id=\"waiting\"").nth(1).unwrap_or_else(|| panic!("{page}")).split("</section>").next().unwrap();
    assert_eq!(waiting.matches("href=\"/rejected/").count(), 20, "{waiting}");
    assert!(waiting.contains("href=\"/rejected\">More of them are at the desk"), "{waiting}");
}

#[tokio::test]
async fn a_new_record_that_waits_has_a_title_and_stands_on_the_page_of_its_customer() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let other = desk.customer(2, &[FieldEdit::set("name", "Hongda")]).await;
    let mut rep = colleague(&desk.server, "rep", "rep").await;
    let app = desk.server.app.clone();
    let edits = [FieldEdit::set("title", "Lamps for spring"), FieldEdit::set("party", party.to_string()), line(15)];
    let wish = rep.write("offer", record(3), START, &edits).remove(0);
    let verdicts = rep.push(&app, vec![wish.clone()], START).await;
    assert!(matches!(verdicts[..], [Verdict::Held { .. }]), "{verdicts:?}");
    assert!(desk.get("/rejected").await.text().contains("Lamps for spring"), "the desk says what it would be called");
    let page = desk.get(&format!("/records/party/{party}")).await.text();
    let waiting = page.split("id=\"waiting\"").nth(1).unwrap_or_else(|| panic!("{page}")).split("</section>").next().unwrap();
    assert!(waiting.contains("Lamps for spring") && waiting.contains(&format!("/rejected/{}", wish.hash)), "{waiting}");
    assert!(!desk.get(&format!("/records/party/{other}")).await.text().contains("id=\"waiting\""));
    desk.post(&format!("/rejected/{}", wish.hash), &[("step", "accept")]).await;
    let page = desk.get(&format!("/records/party/{party}")).await.text();
    assert!(!page.contains("id=\"waiting\"") && page.contains(&format!("/records/offer/{}", record(3))), "{page}");
}

#[tokio::test]
async fn an_accepted_edit_is_a_duplicate_to_the_phone_that_made_it() {
    let (desk, rep, _, wish) = held().await;
    desk.post(&format!("/rejected/{}", wish.hash), &[("step", "accept")]).await;
    let asked = rep.push(&desk.server.app, vec![wish], START + 5 * MINUTE).await;
    assert!(matches!(asked[..], [Verdict::Duplicate { .. }]), "{asked:?}");
}

#[tokio::test]
async fn a_declined_edit_goes_back_with_a_sentence_and_can_be_opened_again() {
    let (desk, rep, id, wish) = held().await;
    let reason = "Not for this customer";
    desk.post(&format!("/rejected/{}", wish.hash), &[("step", "decline"), ("reason", reason)]).await;
    assert_eq!(percent(&desk, id).await, 5);
    let asked = rep.push(&desk.server.app, vec![wish.clone()], START + 5 * MINUTE).await;
    let [Verdict::Rejected { code, message, .. }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((code.as_str(), message.as_str()), (code::DECLINED, reason));
    assert!(desk.get("/rejected?decided=true").await.text().contains(reason));
    desk.post(&format!("/rejected/{}", wish.hash), &[("step", "reopen")]).await;
    let asked = rep.push(&desk.server.app, vec![wish.clone()], START + 6 * MINUTE).await;
    assert!(matches!(asked[..], [Verdict::Held { .. }]), "{asked:?}");
    desk.post(&format!("/rejected/{}", wish.hash), &[("step", "accept")]).await;
    assert_eq!(percent(&desk, id).await, 15);
}

#[tokio::test]
async fn a_quote_that_waits_for_approval_is_not_sent_before_somebody_has_decided() {
    let (desk, mut rep, id) = quote().await;
    let app = desk.server.app.clone();
    let sent = FieldEdit::set("status", "sent");
    let before = rep.docs.clone();
    let wish = rep.write("offer", id, START + MINUTE, &[discount(15)]).remove(0);
    let verdicts = rep.push(&app, vec![wish.clone()], START + MINUTE).await;
    assert!(matches!(verdicts[..], [Verdict::Held { .. }]), "{verdicts:?}");
    // A phone that has taken it back, yet has not heard of the rule; and the other door.
    rep.docs = before;
    let answer = rep.save(&app, "offer", id, START + 2 * MINUTE, std::slice::from_ref(&sent)).await;
    let [Verdict::Rejected { code, rule, message, message_zh, .. }] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!((code.as_str(), rule.as_deref()), (code::FORBIDDEN, Some("rep.offer.limit.status")));
    assert!(message.contains("waits for approval") && message_zh.contains("等待审批"), "{message} {message_zh}");
    let (token, path) = (token_of(&desk.server, "rep").await, format!("/api/v1/offer/{id}"));
    let edits = || json!({"edits": [{"op": "set", "field": "status", "value": "sent"}]});
    let refused = call(&desk.server, &token, Method::PATCH, &path, edits()).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "forbidden"), "{}", refused.text());
    desk.post(&format!("/rejected/{}", wish.hash), &[("step", "accept")]).await;
    assert_eq!(percent(&desk, id).await, 15);
    let done = call(&desk.server, &token, Method::PATCH, &path, edits()).await;
    assert!(done.status.is_success(), "{}", done.text());
}

#[tokio::test]
async fn a_reviewer_writes_another_value_and_the_record_says_who_asked() {
    let (desk, rep, id, wish) = held().await;
    let form = desk.get(&format!("/rejected/{}", wish.hash)).await.text();
    assert!(form.contains("name=\"f.lines.l1.discount_percent\"") && form.contains("value=\"15\""), "{form}");
    let typed =
        [("f.lines.rows", "l1"), ("f.lines.l1.product_name", "Lamp"), ("f.lines.l1.quantity", "1"), ("f.lines.l1.discount_percent", "12")];
    let done = desk.post(&format!("/rejected/{}/change", wish.hash), &typed).await;
    assert_eq!(done.status, 303, "{}", done.text());
    assert_eq!(percent(&desk, id).await, 12);
    let history = desk.get(&format!("/records/offer/{id}/history")).await.text();
    assert!(history.contains("asked for by rep"), "{history}");
    let asked = rep.push(&desk.server.app, vec![wish], START + 5 * MINUTE).await;
    assert!(matches!(&asked[..], [Verdict::Rejected { code, .. }] if code == code::AMENDED), "{asked:?}");
}

#[tokio::test]
async fn an_edit_that_was_overtaken_is_what_everybody_sees_once_it_is_accepted() {
    let (desk, _, id, wish) = held().await;
    let token = desk.server.token().await;
    let edits = json!({"edits": [{"op": "set_row", "field": "lines", "row": "l1", "values": {"discount_percent": 8}}]});
    let edited = call(&desk.server, &token, Method::PATCH, &format!("/api/v1/offer/{id}"), edits).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    assert!(desk.get("/rejected").await.text().contains("changed since"));
    desk.post(&format!("/rejected/{}", wish.hash), &[("step", "accept")]).await;
    assert_eq!(percent(&desk, id).await, 15);
    assert!(desk.get("/conflicts").await.text().contains("Everybody agrees"));
}

#[tokio::test]
async fn many_edits_are_decided_at_once() {
    let (desk, mut rep, id, wish) = held().await;
    let app = desk.server.app.clone();
    let price = rep.write("product", record(9), START + MINUTE, &[FieldEdit::set("price", json!({"amount": 1, "currency": "CNY"}))]);
    let verdicts = rep.push(&app, price.clone(), START + MINUTE).await;
    assert!(matches!(verdicts[..], [Verdict::Rejected { .. }]), "{verdicts:?}");
    let (one, two) = (wish.hash.to_string(), price[0].hash.to_string());
    let done = desk.post("/rejected", &[("step", "accept"), ("change", &one), ("change", &two)]).await;
    assert_eq!(done.header("location"), "/rejected?done=accepted&count=2&left=0", "{}", done.text());
    assert_eq!(percent(&desk, id).await, 15);
}

#[tokio::test]
async fn two_reviewers_at_once_decide_once() {
    let (desk, _, _, wish) = held().await;
    let (ann, bo) = (desk.server.token().await, token_of(&desk.server, "bo").await);
    let path = format!("/api/v1/rejected/{}", wish.hash);
    let (accept, decline) = (format!("{path}/accept"), format!("{path}/decline"));
    let (accepted, declined) = tokio::join!(
        call(&desk.server, &ann, Method::POST, &accept, json!({})),
        call(&desk.server, &bo, Method::POST, &decline, json!({"reason": "no"})),
    );
    let mut statuses = [accepted.status.as_u16(), declined.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn nobody_approves_their_own_discount() {
    let (desk, _, id, wish) = held().await;
    let rep = token_of(&desk.server, "rep").await;
    let answer = call(&desk.server, &rep, Method::POST, &format!("/api/v1/rejected/{}/accept", wish.hash), json!({})).await;
    assert_eq!((answer.status.as_u16(), percent(&desk, id).await), (403, json!(5)), "{}", answer.text());
}

#[tokio::test]
async fn what_needs_approval_waits_whichever_door_it_comes_by() {
    let (desk, _, id) = quote().await;
    let rep = token_of(&desk.server, "rep").await;
    let edits = json!({"edits": [{"op": "set_row", "field": "lines", "row": "l1", "values": {"discount_percent": 20}}]});
    let answer = call(&desk.server, &rep, Method::PATCH, &format!("/api/v1/offer/{id}"), edits).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (202, "held"), "{}", answer.text());
    assert_eq!(percent(&desk, id).await, 5);
    let (_, cookie) = desk.server.browser_sign_in_as("rep").await;
    let headers = [("cookie", cookie.as_str()), ("accept", "text/html"), ("sec-fetch-site", "same-origin")];
    let form = [&headers[..], &[("content-type", "application/x-www-form-urlencoded")]].concat();
    let typed = crate::console::encoded(&[("f.lines.rows", "l1"), ("f.lines.l1.quantity", "1"), ("f.lines.l1.discount_percent", "30")]);
    let saved = desk.server.send(Method::POST, &format!("/records/offer/{id}/fields/lines"), &form, typed).await;
    assert_eq!((saved.status.as_u16(), saved.header("location")), (303, &*format!("/records/offer/{id}?done=held#f-lines")));
    let change = answer.json()["change"].as_str().unwrap().to_owned();
    let token = desk.server.token().await;
    let all = call(&desk.server, &token, Method::GET, "/api/v1/rejected", json!({})).await.json();
    assert_eq!(all["rows"].as_array().unwrap().len(), 2);
    let shown = call(&desk.server, &token, Method::GET, &format!("/api/v1/rejected/{change}"), json!({})).await.json();
    assert_eq!(shown["fields"][0]["to"][0]["discount_percent"], 20);
    // The server goes on writing in the record; what waits is accepted as it was written all the same.
    call(
        &desk.server,
        &token,
        Method::PATCH,
        &format!("/api/v1/offer/{id}"),
        json!({"edits": [{"op": "set", "field": "title", "value": "Big lamps"}]}),
    )
    .await;
    let accepted = call(&desk.server, &token, Method::POST, &format!("/api/v1/rejected/{change}/accept"), json!({})).await;
    assert_eq!((accepted.status.as_u16(), accepted.json()["state"].clone()), (200, json!("accepted")), "{}", accepted.text());
    assert_eq!(percent(&desk, id).await, 20);
}

#[tokio::test]
async fn a_list_of_edits_is_narrowed() {
    let (desk, _, _, _) = held().await;
    let token = desk.server.token().await;
    let rep = UserId::of_cause("rep");
    let count = async |query: &str| {
        let rows = call(&desk.server, &token, Method::GET, &format!("/api/v1/rejected?{query}"), json!({})).await;
        rows.json()["rows"].as_array().map(Vec::len)
    };
    assert_eq!(count("kind=offer").await, Some(1));
    assert_eq!(count("kind=party").await, Some(0));
    assert_eq!(count(&format!("user={rep}&code=forbidden")).await, Some(1));
    assert_eq!(count("code=frozen").await, Some(0));
    assert_eq!(count("user=nobody").await, None);
}

/// Discounts take a manager's word within a day, the office's after that, and then bo's.
pub async fn two_steps(desk: &Desk) {
    let token = desk.server.token().await;
    let bo = UserId::of_cause("bo").to_string();
    let first = json!({"role": "manager", "hours": 24, "deputy": {"role": "office"}}).to_string();
    let second = json!({ "member": bo }).to_string();
    let actions = json!([{"action": "approve", "settings": first}, {"action": "approve", "settings": second}]);
    let fields = json!({"name": "Discounts", "purpose": "approval", "about": "offer", "enabled": true, "actions": actions});
    let made = call(&desk.server, &token, Method::POST, "/api/v1/rule", json!({ "fields": fields })).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

#[tokio::test]
async fn an_edit_that_takes_two_words_is_accepted_after_the_second() {
    let (desk, _, id, wish) = held().await;
    two_steps(&desk).await;
    colleague(&desk.server, "mia", "manager").await;
    let path = format!("/api/v1/rejected/{}/accept", wish.hash);
    let (ann, mia, bo) = (desk.server.token().await, token_of(&desk.server, "mia").await, token_of(&desk.server, "bo").await);
    let early = call(&desk.server, &ann, Method::POST, &path, json!({})).await;
    assert_eq!(early.status, 403, "{}", early.text());
    assert!(early.text().contains("Sales manager"), "{}", early.text());
    let first = call(&desk.server, &mia, Method::POST, &path, json!({})).await.json();
    assert_eq!((&first["state"], &first["turn"]["step"], &first["approvals"][0]["byName"]), (&json!("held"), &json!(2), &json!("mia")));
    assert_eq!(percent(&desk, id).await, 5);
    let page = desk.get("/rejected").await.text();
    assert!(page.contains("approved by mia") && page.contains("Step 2 of 2: waits for bo."), "{page}");
    assert_eq!(call(&desk.server, &mia, Method::POST, &path, json!({})).await.status, 403, "nobody speaks twice");
    let second = call(&desk.server, &bo, Method::POST, &path, json!({})).await.json();
    assert_eq!((&second["state"], second["approvals"].as_array().unwrap().len()), (&json!("accepted"), 2), "{second}");
    assert_eq!(percent(&desk, id).await, 15);
}

#[tokio::test]
async fn past_the_deadline_the_deputy_speaks() {
    let (desk, _, _, wish) = held().await;
    two_steps(&desk).await;
    let path = format!("/api/v1/rejected/{}/accept", wish.hash);
    desk.server.clock.forward(24 * 60 * MINUTE);
    let ann = desk.server.token().await;
    let still = call(&desk.server, &ann, Method::POST, &path, json!({})).await;
    assert_eq!(still.status, 403, "the edit came a minute later: {}", still.text());
    desk.server.clock.forward(MINUTE);
    let spoken = call(&desk.server, &ann, Method::POST, &path, json!({})).await;
    assert_eq!((spoken.status.as_u16(), &spoken.json()["turn"]["step"]), (200, &json!(2)), "{}", spoken.text());
}

#[tokio::test]
async fn no_deadline_ends_while_nobody_works() {
    let (desk, _, _, wish) = held().await;
    two_steps(&desk).await;
    let path = format!("/api/v1/rejected/{}/accept", wish.hash);
    let week = ["mon", "tue", "wed", "thu", "fri"].map(|day| json!({"day": day, "from": "09:00", "to": "18:00"}));
    let fields = json!({"name": "House", "time_zone": "Asia/Shanghai", "working_hours": week, "holidays": [{"day": "2027-01-18", "name": "Holiday"}]});
    let made = call(&desk.server, &desk.server.token().await, Method::POST, "/api/v1/settings", json!({ "fields": fields })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    // It is Friday afternoon; the weekend and Monday's holiday do not count.
    desk.server.clock.forward(4 * 24 * 60 * MINUTE);
    let ann = desk.server.token().await;
    let still = call(&desk.server, &ann, Method::POST, &path, json!({})).await;
    assert_eq!(still.status, 403, "{}", still.text());
    desk.server.clock.forward(MINUTE);
    let spoken = call(&desk.server, &desk.server.token().await, Method::POST, &path, json!({})).await;
    assert_eq!(spoken.status, 200, "Tuesday afternoon: {}", spoken.text());
}

#[tokio::test]
async fn whoever_has_the_word_may_decline() {
    let (desk, rep, id, wish) = held().await;
    two_steps(&desk).await;
    colleague(&desk.server, "mia", "manager").await;
    let mia = token_of(&desk.server, "mia").await;
    let path = format!("/api/v1/rejected/{}/decline", wish.hash);
    let declined = call(&desk.server, &mia, Method::POST, &path, json!({"reason": "Ten is enough"})).await;
    assert_eq!(declined.json()["state"], "declined", "{}", declined.text());
    let asked = rep.push(&desk.server.app, vec![wish], START + 5 * MINUTE).await;
    assert!(matches!(&asked[..], [Verdict::Rejected { message, .. }] if message == "Ten is enough"), "{asked:?}");
    assert_eq!(percent(&desk, id).await, 5);
}

#[tokio::test]
async fn a_deputy_with_an_open_page_is_told_when_the_first_ones_time_is_over() {
    let (desk, _, _, wish) = held().await;
    two_steps(&desk).await;
    let app = &desk.server.app;
    let page = client().get(format!("http://{}/events", desk.server.address)).header("cookie", &desk.cookie);
    let mut events = page.send().await.unwrap().bytes_stream();
    let mut news = app.intake.desk_news();
    let seen = deadlines::round(app, 0).await.unwrap();
    assert!(news.try_recv().is_err(), "it is the manager's turn");
    desk.server.clock.forward(25 * 60 * MINUTE);
    let seen = deadlines::round(app, seen).await.unwrap();
    assert_eq!(news.try_recv().unwrap().asked, Some((&wish).into()));
    let mut heard = String::new();
    while !heard.contains("event: turn") {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), events.next()).await;
        heard.push_str(&String::from_utf8_lossy(&next.expect("nothing was heard").unwrap().unwrap()));
    }
    deadlines::round(app, seen).await.unwrap();
    assert!(news.try_recv().is_err(), "once");
}

#[tokio::test]
async fn whose_word_comes_next_is_told_and_whose_does_not_is_not_asked() {
    let (desk, _, _, wish) = held().await;
    two_steps(&desk).await;
    colleague(&desk.server, "mia", "manager").await;
    let asked = async |login: &str| {
        let (token, path) = (token_of(&desk.server, login).await, format!("/api/v1/rejected/{}", wish.hash));
        call(&desk.server, &token, Method::GET, &path, json!({})).await.json()["turn"]["yours"] == true
    };
    assert_eq!((asked("mia").await, asked("bo").await), (true, false));
    let mut news = desk.server.app.intake.desk_news();
    let path = format!("/api/v1/rejected/{}/accept", wish.hash);
    call(&desk.server, &token_of(&desk.server, "mia").await, Method::POST, &path, json!({})).await;
    let told: Vec<_> = std::iter::from_fn(|| news.try_recv().ok()).filter_map(|news| news.asked).collect();
    assert_eq!((told, asked("mia").await, asked("bo").await), (vec![(&wish).into()], false, true));
}

/// What a rule with one step is answered with.
async fn one_step(desk: &Desk, settings: Value) -> crate::harness::Answer {
    let token = desk.server.token().await;
    let actions = json!([{"action": "approve", "settings": settings.to_string()}]);
    let fields = json!({"name": "Discounts", "purpose": "approval", "about": "offer", "enabled": true, "actions": actions});
    call(&desk.server, &token, Method::POST, "/api/v1/rule", json!({ "fields": fields })).await
}

#[tokio::test]
async fn an_approval_that_nobody_could_give_is_refused_when_it_is_saved() {
    let (desk, ..) = held().await;
    let nobody = UserId::of_cause("nobody").to_string();
    for (settings, why) in [
        (json!({"role": "nosuchrole"}), "is no role `nosuchrole`"),
        (json!({"role": "manager", "hours": "x"}), "`hours` of step 1"),
        (json!({ "member": nobody }), "active is"),
        (json!({"role": "manager", "hours": 2, "deputy": {"role": "nosuchrole"}}), "is no role `nosuchrole`"),
        (json!({"role": "manager", "bogus": 1}), "Step 1 has no setting `bogus`: there are `role`, `member`, `hours` and `deputy`"),
        (json!({"role": "manager", "hours": 2, "deputy": {"role": "office", "hours": 2}}), "deputy of step 1 has no setting `hours`"),
    ] {
        let refused = one_step(&desk, settings).await;
        assert!(refused.status == 422 && refused.text().contains(why), "{} {}", refused.status, refused.text());
    }
    assert_eq!(one_step(&desk, json!({"role": "manager", "hours": 2, "deputy": {"role": "office"}})).await.status, 201);
}

#[tokio::test]
async fn a_second_approval_of_one_kind_is_refused_with_the_name_of_the_first() {
    let desk = Desk::new().await;
    let first = one_step(&desk, json!({"role": "manager"})).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let token = desk.server.token().await;
    let actions = json!([{"action": "approve", "settings": json!({"role": "rep"}).to_string()}]);
    let rule = |about: &str, on: bool| json!({"fields": {"name": "Weak", "purpose": "approval", "about": about, "enabled": on, "actions": actions}});
    let refused = call(&desk.server, &token, Method::POST, "/api/v1/rule", rule("offer", true)).await;
    assert_eq!((refused.status.as_u16(), refused.json()["field"].as_str()), (422, Some("about")), "{}", refused.text());
    assert!(refused.text().contains("rule `Discounts` says already whose word edits of `offer` need"), "{}", refused.text());
    let elsewhere = call(&desk.server, &token, Method::POST, "/api/v1/rule", rule("party", true)).await;
    let sleeping = call(&desk.server, &token, Method::POST, "/api/v1/rule", rule("offer", false)).await;
    assert_eq!((elsewhere.status.as_u16(), sleeping.status.as_u16()), (201, 201));
    for (path, field, value) in
        [(elsewhere.header("location"), "about", json!("offer")), (sleeping.header("location"), "enabled", json!(true))]
    {
        let edit = json!({"edits": [{"op": "set", "field": field, "value": value}]});
        let refused = call(&desk.server, &token, Method::PATCH, path, edit).await;
        assert!(refused.status == 422 && refused.text().contains("`Discounts`"), "{}", refused.text());
    }
    let off = json!({"edits": [{"op": "set", "field": "enabled", "value": false}]});
    assert_eq!(call(&desk.server, &token, Method::PATCH, first.header("location"), off).await.status, 200);
    let on = json!({"edits": [{"op": "set", "field": "enabled", "value": true}]});
    assert_eq!(call(&desk.server, &token, Method::PATCH, sleeping.header("location"), on).await.status, 200);
}

#[tokio::test]
async fn whoever_administers_decides_where_nobody_is_left_whose_word_it_takes() {
    let (desk, _, id, wish) = held().await;
    // Nobody of this house is a manager.
    assert_eq!(one_step(&desk, json!({"role": "manager"})).await.status, 201);
    let path = format!("/api/v1/rejected/{}/accept", wish.hash);
    let accepted = call(&desk.server, &desk.server.token().await, Method::POST, &path, json!({})).await;
    assert_eq!(accepted.json()["state"], "accepted", "{}", accepted.text());
    assert_eq!(percent(&desk, id).await, 15);
}

#[tokio::test]
async fn what_a_reviewer_writes_in_its_place_is_held_to_what_everybody_is_who_writes_here() {
    let (desk, _, id, wish) = held().await;
    let token = desk.server.token().await;
    let accept = format!("/api/v1/rejected/{}/accept", wish.hash);
    let row = |values: Value| json!({"edits": [{"op": "set_row", "field": "lines", "row": "l1", "values": values}]});
    let nowhere = call(&desk.server, &token, Method::POST, &accept, row(json!({"product": record(99)}))).await;
    assert_eq!(nowhere.status, 422, "{}", nowhere.text());
    let beyond = call(&desk.server, &token, Method::POST, &accept, row(json!({"discount_percent": 120}))).await;
    assert_eq!(beyond.status, 422, "{}", beyond.text());
    assert_eq!(percent(&desk, id).await, 5, "nothing was decided");
    let fine = call(&desk.server, &token, Method::POST, &accept, row(json!({"discount_percent": 12}))).await;
    assert!(fine.status.is_success(), "{}", fine.text());
    assert_eq!(percent(&desk, id).await, 12);
}

#[tokio::test]
async fn an_edit_that_waits_stands_on_the_page_of_its_record_until_somebody_decides() {
    let (desk, _, id, wish) = held().await;
    let page = desk.get(&format!("/records/offer/{id}")).await.text();
    assert!(page.contains("An edit by rep waits for a decision") && page.contains(&format!("/rejected/{}", wish.hash)), "{page}");
    desk.post(&format!("/rejected/{}", wish.hash), &[("step", "accept")]).await;
    assert!(!desk.get(&format!("/records/offer/{id}")).await.text().contains("waits for a decision"));
}

#[tokio::test]
async fn what_waits_for_somebody_elses_word_is_counted_as_theirs_and_not_as_its_authors() {
    let (desk, ..) = held().await;
    let (_, own) = desk.server.browser_sign_in_as("rep").await;
    let counts = async |cookie: &str| {
        let page = desk.server.browse(cookie, "/help").await.text();
        let item = page.split("href=\"/rejected\"").nth(1).and_then(|rest| rest.split("</a>").next()).unwrap_or_default().to_owned();
        item.contains("class=\"count\">1<")
    };
    assert_eq!((counts(&own).await, counts(&desk.cookie).await), (false, true));
}
