//! What a phone discards or sends again in other words leaves the desk: nobody decides about what nobody wants.

use rapport_server::intake::Author;
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::fence::Pen;
use sync_core::id::{ChangeHash, Facet, RecordId, UserId};
use sync_core::protocol::{GivenUp, Message, Pushed, Verdict, Withdraw, code, decode_frame, encode_frame};
use sync_core::record::fields::FieldEdit;
use sync_core::store::Draft;

use crate::console::{Desk, record};
use crate::handset::Handset;
use crate::harness::MINUTE;
use crate::reviews::{call, colleague, token_of, two_steps};

fn line(discount: i64) -> FieldEdit {
    let values = json!({"product_name": "Lamp", "quantity": 1, "discount_percent": discount});
    FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: values.as_object().unwrap().clone() }
}

/// A desk, and a rep whose phone wants a discount of 15 % in a quote that is on the server, and has not said so yet.
async fn wanted() -> (Desk, Handset) {
    let desk = Desk::new().await;
    colleague(&desk.server, "rep", "rep").await;
    let mut rep = Handset::of(&desk.server, UserId::of_cause("rep")).await;
    rep.sync(&desk.server).await;
    rep.edit(&desk.server, "offer", record(1), &[FieldEdit::set("title", "Lamps"), line(5)]);
    rep.sync(&desk.server).await;
    desk.server.clock.forward(MINUTE);
    rep.edit(&desk.server, "offer", record(1), &[line(15)]);
    (desk, rep)
}

/// The same, and it waits for somebody.
async fn held() -> (Desk, Handset, Draft) {
    let (desk, mut rep) = wanted().await;
    rep.sync(&desk.server).await;
    let draft = rep.device.drafts().unwrap().remove(0);
    (desk, rep, draft)
}

async fn state(desk: &Desk, draft: &Draft) -> Value {
    let token = desk.server.token().await;
    call(&desk.server, &token, Method::GET, &format!("/api/v1/rejected/{}", draft.hash), json!({})).await.json()
}

fn percent(rep: &mut Handset, id: RecordId) -> Value {
    rep.fields(id).unwrap()["lines"][0]["discount_percent"].clone()
}

fn given_up(draft: &Draft) -> GivenUp {
    GivenUp { record: draft.record, facet: draft.facet, hash: draft.hash }
}

async fn withdraw(desk: &Desk, phone: &Handset, given_up: GivenUp) -> Vec<Message> {
    let bearer = format!("Bearer {}", phone.enrolled.token);
    let frame = encode_frame(&[Message::Withdraw(Withdraw { number: 3, changes: vec![given_up] })]);
    decode_frame(&desk.server.send(Method::POST, "/sync", &[("authorization", &bearer)], frame).await.body).unwrap()
}

#[tokio::test]
async fn a_draft_that_was_given_up_leaves_the_desk_and_stays_in_its_history() {
    let (desk, mut rep, draft) = held().await;
    assert!(desk.get("/rejected").await.text().contains("Waits for approval"));
    rep.device.discard_draft(draft.id).unwrap();
    let mut news = desk.server.app.intake.desk_news();
    rep.sync(&desk.server).await;
    assert_eq!(news.try_recv().unwrap().device, None, "open pages are told");
    assert!(desk.get("/rejected").await.text().contains("Nothing to decide"));
    let decided = desk.get("/rejected?decided=true").await.text();
    assert!(decided.contains("Withdrawn by rep, ") && !decided.contains("Take the refusal back"), "{decided}");
    let shown = state(&desk, &draft).await;
    assert_eq!((&shown["state"], &shown["decidedByName"], &shown["turn"]), (&json!("withdrawn"), &json!("rep"), &Value::Null));
    let audit = desk.get("/audit?act=decided").await.text();
    assert!(audit.contains("decision") && audit.contains("withdrawn&"), "{audit}");
    desk.post("/language", &[("language", "zh-CN")]).await;
    let decided = desk.get("/rejected?decided=true").await.text();
    assert!(decided.contains("已撤回") && decided.contains("rep 已撤回，"), "{decided}");
    // What waited for the word goes on.
    rep.edit(&desk.server, "offer", record(1), &[FieldEdit::set("status", "sent")]);
    rep.sync(&desk.server).await;
    assert_eq!(rep.device.drafts().unwrap(), []);
}

#[tokio::test]
async fn whoever_decides_too_late_is_told_that_nobody_wants_it() {
    let (desk, mut rep, draft) = held().await;
    rep.device.discard_draft(draft.id).unwrap();
    rep.sync(&desk.server).await;
    for step in ["accept", "decline", "reopen"] {
        let late = desk.post(&format!("/rejected/{}", draft.hash), &[("step", step)]).await;
        assert_eq!(late.status, 409, "{step}");
        assert!(late.text().contains("author has withdrawn it"), "{}", late.text());
    }
    assert_eq!((state(&desk, &draft).await["state"].clone(), percent(&mut rep, record(1))), (json!("withdrawn"), json!(5)));
}

#[tokio::test]
async fn what_is_sent_in_other_words_takes_the_first_words_from_the_desk() {
    let (desk, mut rep, draft) = held().await;
    rep.device.retry_draft(desk.server.app.clock.now(), draft.id, Some(&[line(8)])).unwrap();
    rep.sync(&desk.server).await;
    assert_eq!((percent(&mut rep, record(1)), rep.device.drafts().unwrap()), (json!(8), vec![]));
    assert!(desk.get("/rejected").await.text().contains("Nothing to decide"));
    // Asked for once more, it waits as something new.
    rep.edit(&desk.server, "offer", record(1), &[line(20)]);
    rep.sync(&desk.server).await;
    let second = rep.device.drafts().unwrap().remove(0);
    rep.device.retry_draft(desk.server.app.clock.now(), second.id, Some(&[line(18)])).unwrap();
    rep.sync(&desk.server).await;
    let open = call(&desk.server, &desk.server.token().await, Method::GET, "/api/v1/rejected", json!({})).await.json();
    assert_eq!((open["rows"].as_array().unwrap().len(), &open["rows"][0]["fields"][0]["to"][0]["discount_percent"]), (1, &json!(18)));
}

#[tokio::test]
async fn what_was_accepted_before_the_withdrawal_came_stays_accepted() {
    let (desk, mut rep, draft) = held().await;
    desk.post(&format!("/rejected/{}", draft.hash), &[("step", "accept")]).await;
    rep.device.discard_draft(draft.id).unwrap();
    rep.sync(&desk.server).await;
    assert_eq!((percent(&mut rep, record(1)), state(&desk, &draft).await["state"].clone()), (json!(15), json!("accepted")));
}

#[tokio::test]
async fn nobody_withdraws_what_somebody_else_has_asked_for() {
    let (desk, mut rep, draft) = held().await;
    let ann = Handset::of(&desk.server, desk.server.ann).await;
    assert_eq!(withdraw(&desk, &ann, given_up(&draft)).await, [Message::Withdrawn(3)], "nor does anybody learn what is there");
    withdraw(&desk, &rep, GivenUp { record: record(2), ..given_up(&draft) }).await;
    withdraw(&desk, &rep, GivenUp { facet: Facet::Private, ..given_up(&draft) }).await;
    assert_eq!(state(&desk, &draft).await["state"], "held");
    for _ in 0..2 {
        assert_eq!(withdraw(&desk, &rep, given_up(&draft)).await, [Message::Withdrawn(3)]);
    }
    let audit = desk.get("/audit?act=decided").await.text();
    assert_eq!(audit.matches("decision").count(), 1, "{audit}");
    // A copy of the phone that has it still is told what became of it.
    rep.sync(&desk.server).await;
    assert_eq!(rep.device.drafts().unwrap().remove(0).code, code::WITHDRAWN);
}

#[tokio::test]
async fn nobody_is_asked_for_the_second_word_about_what_was_withdrawn_after_the_first() {
    let (desk, mut rep, draft) = held().await;
    two_steps(&desk).await;
    colleague(&desk.server, "mia", "manager").await;
    let (path, mia) = (format!("/api/v1/rejected/{}/accept", draft.hash), token_of(&desk.server, "mia").await);
    assert_eq!(call(&desk.server, &mia, Method::POST, &path, json!({})).await.json()["turn"]["step"], 2);
    rep.device.discard_draft(draft.id).unwrap();
    rep.sync(&desk.server).await;
    let bo = token_of(&desk.server, "bo").await;
    assert_eq!(call(&desk.server, &bo, Method::POST, &path, json!({})).await.status, 409);
    let shown = state(&desk, &draft).await;
    assert_eq!((&shown["turn"], shown["approvals"].as_array().unwrap().len()), (&Value::Null, 1), "the trail stays");
}

#[tokio::test]
async fn a_phone_that_is_handed_back_withdraws_before_it_forgets() {
    let (desk, mut rep, draft) = held().await;
    rep.device.discard_draft(draft.id).unwrap();
    desk.post(&format!("/devices/{}/revoke", rep.enrolled.device), &[("act", "hand_back")]).await;
    rep.sync(&desk.server).await;
    assert_eq!((state(&desk, &draft).await["state"].clone(), rep.device.identity().is_none()), (json!("withdrawn"), true));
}

/// Sends a change once more, as a network that has kept a copy does.
async fn late_copy(desk: &Desk, rep: &Handset, kind: &str, change: (RecordId, Facet, ChangeHash, Vec<u8>)) -> Verdict {
    let (user, device) = (UserId::of_cause("rep"), rep.enrolled.device);
    let author = Author { workspace: desk.server.workspace, user, role: "rep".parse().unwrap(), device, pen: Pen::Device };
    let (record, facet, hash, body) = change;
    let pushed = Pushed { kind: kind.parse().unwrap(), record, facet, hash, body };
    desk.server.app.intake.push(&author, vec![pushed], desk.server.app.clock.now()).await.unwrap().remove(0)
}

#[tokio::test]
async fn the_same_change_sent_again_stays_withdrawn() {
    let (desk, mut rep, draft) = held().await;
    rep.device.discard_draft(draft.id).unwrap();
    rep.sync(&desk.server).await;
    let verdict = late_copy(&desk, &rep, "offer", (draft.record, draft.facet, draft.hash, draft.body)).await;
    assert!(matches!(&verdict, Verdict::Rejected { code, .. } if code == code::WITHDRAWN), "{verdict:?}");
    assert!(desk.get("/rejected").await.text().contains("Nothing to decide"));
}

#[tokio::test]
async fn what_the_phone_has_written_again_is_not_taken_twice_when_an_old_copy_comes_late() {
    let (desk, mut rep) = wanted().await;
    desk.server.clock.forward(MINUTE);
    rep.edit(&desk.server, "offer", record(1), &[FieldEdit::Splice { field: "notes".into(), at: 0, delete: 0, insert: "call".into() }]);
    let late = rep.device.changes(record(1), Facet::Main).unwrap().pop().unwrap();
    rep.sync(&desk.server).await;
    let draft = rep.device.drafts().unwrap().remove(0);
    desk.post(&format!("/rejected/{}", draft.hash), &[("step", "accept")]).await;
    let verdict = late_copy(&desk, &rep, "offer", (late.record, late.facet, late.hash, late.body)).await;
    assert!(matches!(&verdict, Verdict::Rejected { code, .. } if code == code::REWRITTEN), "{verdict:?}");
    rep.sync(&desk.server).await;
    assert_eq!((percent(&mut rep, record(1)), rep.fields(record(1)).unwrap()["notes"].clone()), (json!(15), json!("call")));
    assert!(desk.get("/rejected").await.text().contains("Nothing to decide"), "nobody has to decide about it");
}

#[tokio::test]
async fn what_the_desk_returns_says_what_is_wanted_and_is_changed_and_sent_again_from_its_draft() {
    let (desk, mut rep, draft) = held().await;
    let path = format!("/rejected/{}", draft.hash);
    assert!(desk.get("/rejected").await.text().contains("Return …"));
    let silent = desk.post(&path, &[("step", "return"), ("reason", " ")]).await;
    assert!(silent.status == 422 && silent.text().contains("what should be changed"), "{}", silent.text());
    let token = desk.server.token().await;
    let silent = call(&desk.server, &token, Method::POST, &format!("/api/v1{path}/return"), json!({})).await;
    assert_eq!((silent.status.as_u16(), silent.json()["field"].as_str()), (422, Some("reason")), "{}", silent.text());
    let returned = call(&desk.server, &token, Method::POST, &format!("/api/v1{path}/return"), json!({"reason": "8 % will do"})).await;
    assert_eq!((returned.json()["state"].clone(), returned.json()["note"].clone()), (json!("returned"), json!("8 % will do")));
    rep.sync(&desk.server).await;
    let told = rep.device.drafts().unwrap().remove(0);
    assert_eq!((told.code.as_str(), told.message.as_str(), told.state.as_str()), (code::RETURNED, "8 % will do", "rejected"));
    assert_eq!((told.hash, &told.edits), (draft.hash, &draft.edits), "ready to be changed");
    let decided = desk.get("/rejected?decided=true").await.text();
    assert!(decided.contains("Returned") && decided.contains("8 % will do") && decided.contains("Take the refusal back"), "{decided}");
    let audit = desk.get("/audit?act=decided").await.text();
    assert!(audit.contains("Returned"), "{audit}");
    rep.device.retry_draft(desk.server.app.clock.now(), told.id, Some(&[line(8)])).unwrap();
    rep.sync(&desk.server).await;
    assert_eq!((percent(&mut rep, record(1)), rep.device.drafts().unwrap()), (json!(8), vec![]));
    assert_eq!(state(&desk, &draft).await["state"], "returned", "what became of it stays in its history");
}

#[tokio::test]
async fn what_was_returned_by_mistake_is_open_again_and_several_go_back_with_one_sentence() {
    let (desk, mut rep, draft) = held().await;
    let many = desk.post("/rejected", &[("step", "return"), ("reason", "less"), ("change", &draft.hash.to_string())]).await;
    assert_eq!((many.status.as_u16(), many.header("location")), (303, "/rejected?done=returned&count=1&left=0"));
    desk.post("/language", &[("language", "zh-CN")]).await;
    let decided = desk.get("/rejected?decided=true").await.text();
    assert!(decided.contains("已退回") && decided.contains("撤销处理"), "{decided}");
    desk.post(&format!("/rejected/{}", draft.hash), &[("step", "reopen")]).await;
    rep.sync(&desk.server).await;
    assert_eq!(rep.device.drafts().unwrap()[0].state.as_str(), "held");
    desk.post(&format!("/rejected/{}", draft.hash), &[("step", "accept")]).await;
    rep.sync(&desk.server).await;
    assert_eq!((percent(&mut rep, record(1)), rep.device.drafts().unwrap()), (json!(15), vec![]));
}
