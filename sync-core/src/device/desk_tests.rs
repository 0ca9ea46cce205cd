//! What the back office decides, as a phone hears of it: drafts that go or stay, and locks.

use serde_json::json;

use super::model::{Phone, START, Server};
use super::tests::{assert_alike, edit, field, make, pending, phones, set};
use super::*;
use crate::protocol::{GivenUp, Message, Pushed, code, encode_frame};
use crate::store::DraftState;

#[test]
fn what_waits_for_a_review_comes_back_when_it_is_accepted_and_stays_a_draft_when_declined() {
    for accepted in [true, false] {
        let (mut server, mut ann, _) = phones();
        let record = make(&mut ann, START, "佳美");
        edit(&mut ann, START + 1, record, &[set("industry", "expensive")]);
        edit(&mut ann, START + 2, record, &[set("website", "https://example.com")]);
        ann.sync(&mut server);
        let held = ann.device.drafts().unwrap().remove(0);
        assert_eq!((held.state, pending(&ann)), (DraftState::Held, 0));
        assert_eq!(field(&mut ann, record, "website"), json!("https://example.com"));
        server.decided.insert(held.hash, if accepted { Ok(()) } else { Err(code::DECLINED) });
        ann.sync(&mut server);
        if accepted {
            assert_eq!((ann.device.drafts().unwrap().len(), field(&mut ann, record, "industry")), (0, json!("expensive")));
            assert_alike(record, &mut [&mut ann]);
        } else {
            assert_eq!(ann.device.drafts().unwrap()[0].code, "declined");
            // Opened again, it waits again; accepted then, it is in the record.
            server.decided.clear();
            ann.sync(&mut server);
            assert_eq!(ann.device.drafts().unwrap()[0].state, DraftState::Held);
            server.decided.insert(held.hash, Ok(()));
            ann.sync(&mut server);
            assert_eq!(ann.device.drafts().unwrap(), []);
        }
    }
}

/// As an app of some years ago wrote, which took every word for an address.
fn edit_as_before(phone: &mut Phone, at: Millis, record: RecordId, value: &str) {
    let values = json!({"value": value}).as_object().unwrap().clone();
    let row = FieldEdit::SetRow { field: "emails".to_owned(), row: "e1".to_owned(), values };
    phone.device.replica.transact(|replica| replica.write(at, "party", record, &[row])).unwrap();
}

#[test]
fn an_address_of_an_older_app_may_be_kept_where_people_disagree_and_no_new_one_like_it() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    edit_as_before(&mut ann, START, record, "a@example.com");
    ann.sync(&mut server);
    bo.sync(&mut server);
    edit_as_before(&mut ann, START + 1, record, "n/a");
    edit_as_before(&mut bo, START + 2, record, "by phone");
    for phone in [&mut ann, &mut bo] {
        phone.sync(&mut server);
    }
    ann.sync(&mut server);
    let path = ann.device.get(record).unwrap().unwrap().conflicts.remove(0).path;
    assert!(ann.device.resolve(START + 3, record, &path, json!("neither")).is_err());
    ann.device.resolve(START + 3, record, &path, json!("n/a")).unwrap();
    assert!(ann.device.get(record).unwrap().unwrap().conflicts.is_empty());
}

#[test]
fn a_decision_is_heard_of_over_an_open_connection() {
    for (code, left) in [(code::DECLINED, 1), (code::RETURNED, 1), (code::AMENDED, 0)] {
        let (mut server, mut ann, _) = phones();
        let record = make(&mut ann, START, "佳美");
        edit(&mut ann, START + 1, record, &[set("industry", "expensive")]);
        ann.frames.clear();
        ann.tell(START, Event::NetworkUp { live: true });
        ann.exchange(&mut server);
        let held = ann.device.drafts().unwrap().remove(0);
        server.decided.insert(held.hash, Err(code));
        ann.tell(START, Event::Received(encode_frame(&[Message::News(1)])));
        ann.exchange(&mut server);
        let drafts = ann.device.drafts().unwrap();
        assert_eq!(drafts.len(), left, "{code}");
        assert!(drafts.iter().all(|draft| (draft.state, draft.code.as_str()) == (DraftState::Rejected, code)), "{drafts:?}");
    }
}

#[test]
fn an_edit_written_in_other_words_leaves_no_draft_when_the_first_answer_was_lost() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    edit(&mut ann, START + 1, record, &[set("industry", "expensive")]);
    let wish = ann.device.changes(record, Facet::Main).unwrap().pop().unwrap();
    server.decided.insert(wish.hash, Err(code::AMENDED));
    ann.sync(&mut server);
    assert_eq!((ann.device.drafts().unwrap().len(), pending(&ann)), (0, 0));
    assert_eq!(field(&mut ann, record, "industry"), serde_json::Value::Null, "the feed brings what was written instead");
}

#[test]
fn a_phone_without_contact_locks_and_opens_when_the_server_answers() {
    const DAY: i64 = 86_400_000;
    let folder = tempfile::tempdir().unwrap();
    let (mut server, mut ann) = (Server::new(), Phone::new("ann", Place::File(folder.path().join("a")), START));
    server.lease_ms = Some(7 * DAY as u64);
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    for (later, locked) in [(6 * DAY, false), (8 * DAY, true), (DAY, true)] {
        ann.device.look_at_clock(START + later).unwrap();
        assert_eq!(ann.device.is_locked(), locked, "{later} later: a clock that is set back opens nothing");
        assert_eq!(matches!(ann.device.get(record), Err(StoreError::Locked)), locked);
    }
    assert!(matches!(ann.device.edit(START + DAY, "party", record, &[set("name", "no")]), Err(EditError::Store(StoreError::Locked))));
    ann.reopen([1; 16]);
    ann.device.look_at_clock(START + DAY).unwrap();
    assert!(ann.device.is_locked(), "nor does starting the app again");
    server.now = START + 9 * DAY;
    ann.sync(&mut server);
    assert_eq!((ann.device.is_locked(), field(&mut ann, record, "name")), (false, json!("佳美")), "the data stayed");
    server.lease_ms = None;
    ann.sync(&mut server);
    ann.device.look_at_clock(START + 900 * DAY).unwrap();
    assert!(!ann.device.is_locked(), "the workspace asks for none any more");
}

#[test]
fn a_quote_is_not_sent_offline_while_its_discount_waits_for_approval() {
    let (mut server, mut ann, _) = phones();
    server.role = "rep";
    ann.sync(&mut server);
    let line = |percent: i64| {
        let values = json!({"product_name": "Lamp", "discount_percent": percent}).as_object().unwrap().clone();
        FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values }
    };
    let quote = ann.device.create(START, "offer", &[set("title", "Lamps"), line(8)]).unwrap().record;
    let held = ann.device.edit(START + 1, "offer", quote, &[line(15)]).unwrap();
    assert!(held.needs_approval.is_some());
    let refused = ann.device.edit(START + 2, "offer", quote, &[set("status", "sent")]).unwrap_err();
    let because = refused.because().unwrap();
    assert_eq!((because.code, because.rule.as_deref()), (code::FORBIDDEN, Some("rep.offer.limit.status")));
    assert!(refused.to_string().contains("waits for approval") && because.message_zh.contains("等待审批"), "{refused}");
    ann.device.edit(START + 3, "offer", quote, &[set("status", "in_review")]).unwrap();
    ann.sync(&mut server);
    ann.device.edit(START + 4, "offer", quote, &[set("status", "sent")]).unwrap();
}

#[test]
fn what_waits_for_approval_names_its_field_by_the_rules_of_the_phone() {
    let (mut server, mut ann, _) = phones();
    server.role = "rep";
    ann.sync(&mut server);
    let line = |percent: i64| {
        let values = json!({"product_name": "Lamp", "discount_percent": percent}).as_object().unwrap().clone();
        FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values }
    };
    let quote = ann.device.create(START, "offer", &[set("title", "Lamps"), line(8)]).unwrap().record;
    ann.device.edit(START + 1, "offer", quote, &[set("title", "expensive"), line(15)]).unwrap();
    let party = make(&mut ann, START + 2, "佳美");
    edit(&mut ann, START + 3, party, &[set("industry", "expensive")]);
    edit(&mut ann, START + 4, party, &[set("website", "https://expensive.example"), set("name", "佳美办公")]);
    ann.sync(&mut server);
    let waits: Vec<_> = ann.device.drafts().unwrap().into_iter().map(|draft| (draft.state, draft.field)).collect();
    let named = |field: &str| (DraftState::Held, Some(field.to_owned()));
    assert_eq!(waits, [named("lines"), named("industry"), (DraftState::Held, None)], "the rule's, the only one, one of two");
}

#[test]
fn every_draft_is_asked_about_also_where_they_do_not_fit_one_push() {
    let (mut server, mut ann, _) = phones();
    // 60 drafts of 15 KB: a push carries 768 KB.
    let notes = FieldEdit::Splice { field: "notes".into(), at: 0, delete: 0, insert: "客".repeat(4_900) };
    // All in one moment, and all the same: each is an edit of its own.
    for _ in 0..60 {
        let record = make(&mut ann, START, "佳美");
        edit(&mut ann, START + 1, record, &[set("industry", "expensive"), notes.clone()]);
    }
    ann.sync(&mut server);
    let held = ann.device.drafts().unwrap();
    assert_eq!(held.len(), 60);
    let bytes: usize = held.iter().map(|draft| draft.body.len()).sum();
    assert!(bytes > 800_000, "{bytes}");
    for (code, left) in [(code::DECLINED, 60), (code::AMENDED, 0)] {
        server.decided.extend(held.iter().map(|draft| (draft.hash, Err(code))));
        ann.sync(&mut server);
        let drafts = ann.device.drafts().unwrap();
        assert_eq!(drafts.len(), left, "{code}");
        assert!(drafts.iter().all(|draft| draft.code == code), "{code}");
    }
}

/// A phone with a draft that waits for approval.
fn held() -> (Server, Phone, RecordId, crate::store::Draft) {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    edit(&mut ann, START + 1, record, &[set("industry", "expensive")]);
    ann.sync(&mut server);
    let draft = ann.device.drafts().unwrap().remove(0);
    (server, ann, record, draft)
}

fn given_up(draft: &crate::store::Draft) -> GivenUp {
    GivenUp { record: draft.record, facet: draft.facet, hash: draft.hash }
}

#[test]
fn a_draft_that_was_given_up_offline_is_withdrawn_at_the_next_contact_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, mut ann) = (Server::new(), Phone::new("ann", Place::File(folder.path().join("a")), START));
    let record = make(&mut ann, START, "佳美");
    edit(&mut ann, START + 1, record, &[set("industry", "expensive")]);
    ann.sync(&mut server);
    let draft = ann.device.drafts().unwrap().remove(0);
    ann.tell(START, Event::NetworkDown);
    ann.device.discard_draft(draft.id).unwrap();
    ann.reopen([1; 16]);
    assert_eq!(ann.device.drafts().unwrap(), []);
    // The answer is lost on its way.
    ann.tell(START, Event::NetworkUp { live: false });
    server.answer(ann.user, ann.id, &ann.frames.remove(0));
    ann.tell(START, Event::NetworkDown);
    assert_eq!(server.withdrawn, [given_up(&draft)]);
    ann.sync(&mut server);
    assert_eq!(server.withdrawn, [given_up(&draft); 2], "it is told again until the server has answered");
    ann.sync(&mut server);
    assert_eq!(server.withdrawn.len(), 2);
}

#[test]
fn what_is_sent_instead_of_a_draft_comes_behind_its_withdrawal() {
    let (mut server, mut ann, record, draft) = held();
    ann.frames.clear();
    ann.device.retry_draft(START + 2, draft.id, Some(&[set("industry", "cheap")])).unwrap();
    ann.tell(START, Event::NetworkUp { live: false });
    let messages = crate::protocol::decode_frame(&ann.frames[0]).unwrap();
    let place = |is: fn(&Message) -> bool| messages.iter().position(is).unwrap();
    assert!(place(|message| matches!(message, Message::Withdraw(_))) < place(|message| matches!(message, Message::Push(_))));
    ann.exchange(&mut server);
    assert_eq!((server.withdrawn, field(&mut ann, record, "industry")), (vec![given_up(&draft)], json!("cheap")));
}

#[test]
fn over_an_open_connection_a_draft_that_is_given_up_is_withdrawn_at_once() {
    let (mut server, mut ann, _, draft) = held();
    ann.frames.clear();
    ann.tell(START, Event::NetworkUp { live: true });
    ann.exchange(&mut server);
    ann.device.discard_draft(draft.id).unwrap();
    ann.tell(START, Event::LocalEdit);
    ann.exchange(&mut server);
    assert_eq!(server.withdrawn, [given_up(&draft)]);
}

#[test]
fn a_server_that_does_not_hear_of_withdrawals_is_told_when_it_has_learnt_to() {
    let (mut server, mut ann, _, draft) = held();
    let can = std::mem::take(&mut server.capabilities);
    ann.device.discard_draft(draft.id).unwrap();
    // It was replaced by an older one: the first frame is one that it cannot read.
    ann.sync(&mut server);
    assert_eq!(ann.failures.len(), 1);
    ann.sync(&mut server);
    assert_eq!((ann.failures.len(), &server.withdrawn[..]), (1, &[][..]));
    server.capabilities = can;
    ann.sync(&mut server);
    assert_eq!(server.withdrawn, [given_up(&draft)]);
}

#[test]
fn what_was_accepted_before_it_was_given_up_is_shown_as_accepted() {
    let (mut server, mut ann, record, draft) = held();
    server.decided.insert(draft.hash, Ok(()));
    let wish = Pushed { kind: draft.kind.clone(), record, facet: draft.facet, hash: draft.hash, body: draft.body.clone() };
    let push = Message::Push(crate::protocol::Push { batch: 1, changes: vec![wish] });
    server.answer(ann.user, ann.id, &encode_frame(&[push]));
    ann.device.discard_draft(draft.id).unwrap();
    ann.sync(&mut server);
    assert_eq!((field(&mut ann, record, "industry"), ann.device.drafts().unwrap()), (json!("expensive"), vec![]));
}

/// A phone that has sent an edit which waits for approval, and behind it another one, over two exchanges at once; the
/// answers to both. `let_in`: somebody approves the first before the second arrives.
fn two_under_way(let_in: bool) -> (Server, Phone, RecordId, [Vec<u8>; 2]) {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    ann.frames.clear();
    ann.tell(START, Event::NetworkUp { live: true });
    ann.exchange(&mut server);
    edit(&mut ann, START + 1, record, &[set("industry", "expensive")]);
    ann.tell(START, Event::LocalEdit);
    edit(&mut ann, START + 2, record, &[set("industry", "printing"), set("website", "https://a.example")]);
    ann.tell(START, Event::LocalEdit);
    let first = ann.frames.remove(0);
    let second = ann.frames.remove(0);
    let wish = ann.device.changes(record, Facet::Main).unwrap().into_iter().find(|change| change.received_at.is_none()).unwrap();
    let held = server.answer(ann.user, ann.id, &first);
    if let_in {
        server.decided.insert(wish.hash, Ok(()));
        server.answer(ann.user, ann.id, &first);
    }
    let answers = [held, server.answer(ann.user, ann.id, &second)];
    (server, ann, record, answers)
}

#[test]
fn what_follows_an_edit_that_was_let_in_meanwhile_is_not_written_twice() {
    for order in [[0, 1], [1, 0]] {
        let (mut server, mut ann, record, answers) = two_under_way(true);
        for at in order {
            ann.tell(START, Event::Received(answers[at].clone()));
        }
        ann.exchange(&mut server);
        ann.sync(&mut server);
        assert_eq!((server.feed.len(), pending(&ann), ann.device.drafts().unwrap()), (3, 0, vec![]), "{order:?}");
        assert_eq!(field(&mut ann, record, "industry"), json!("printing"), "{order:?}");
    }
}

#[test]
fn what_follows_an_edit_that_waits_is_written_again_without_it_in_whatever_order_the_answers_come() {
    for order in [[0, 1], [1, 0]] {
        let (mut server, mut ann, record, answers) = two_under_way(false);
        for at in order {
            ann.tell(START, Event::Received(answers[at].clone()));
        }
        ann.exchange(&mut server);
        ann.sync(&mut server);
        assert_eq!((server.feed.len(), pending(&ann), ann.device.drafts().unwrap().len()), (2, 0, 1), "{order:?}");
        assert_eq!(field(&mut ann, record, "industry"), json!("printing"), "{order:?}");
    }
}
