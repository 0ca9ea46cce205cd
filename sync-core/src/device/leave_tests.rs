//! What goes out of sight while a phone is away, and what comes back.

use serde_json::json;

use super::model::START;
use super::tests::{edit, field, make, pending, phones, set};
use crate::engine::Event;
use crate::id::{Facet, RecordId};
use crate::protocol::{Entry, Message, Receipt, Removal, Subscription, Subscriptions, Whose, decode_frame, encode_frame};
use crate::store::DraftState;

#[test]
fn what_goes_out_of_sight_goes_from_the_phone_and_the_server_gets_a_receipt() {
    let (mut server, mut ann, _) = phones();
    let (gone, stays) = (make(&mut ann, START, "佳美"), make(&mut ann, START + 1, "明月"));
    ann.sync(&mut server);
    server.feed.push(leave(Some(gone), None));
    ann.sync(&mut server);
    assert_eq!((ann.device.get(gone).unwrap(), ann.device.changes(gone, Facet::Main).unwrap()), (None, Vec::new()));
    assert_eq!((ann.device.search("佳美", None).unwrap(), field(&mut ann, stays, "name")), (Vec::new(), json!("明月")));
    let receipt = |receipt: &Receipt| (receipt.removal, receipt.records, receipt.unsent);
    assert_eq!(server.receipts.iter().map(receipt).collect::<Vec<_>>(), [(Removal::Left, 1, 0)]);
    // The server has it: it is not sent again.
    ann.sync(&mut server);
    assert_eq!(server.receipts.len(), 1);
    // It comes back whole.
    let whole: Vec<Entry> =
        server.feed.iter().filter(|entry| matches!(entry, Entry::Change(change) if change.record == gone)).cloned().collect();
    server.feed.extend(whole);
    ann.sync(&mut server);
    assert_eq!(field(&mut ann, gone, "name"), json!("佳美"));
}

#[test]
fn what_comes_back_between_other_records_is_whole_though_a_draft_of_it_was_looked_at_meanwhile() {
    let (mut server, mut ann, mut bo) = phones();
    let (gone, other) = (make(&mut ann, START, "佳美"), make(&mut ann, START + 1, "明月"));
    edit(&mut ann, START + 2, gone, &[set("industry", "expensive")]);
    ann.sync(&mut server);
    bo.sync(&mut server);
    server.feed.push(leave(Some(gone), None));
    ann.sync(&mut server);
    assert_eq!((ann.device.get(gone).unwrap(), ann.device.drafts().unwrap().len()), (None, 1));
    let before = server.feed.len();
    for (at, record) in [(3, gone), (4, other), (5, gone)] {
        edit(&mut bo, START + at, record, &[set("website", &format!("https://{at}.example"))]);
    }
    bo.sync(&mut server);
    let later = server.feed.split_off(before);
    let whole: Vec<Entry> =
        server.feed.iter().filter(|entry| matches!(entry, Entry::Change(change) if change.record == gone)).cloned().collect();
    server.feed.extend(whole.into_iter().chain(later));
    // The answer tells of the draft first.
    ann.sync(&mut server);
    assert_eq!((field(&mut ann, gone, "website"), ann.device.quarantined().unwrap()), (json!("https://5.example"), Vec::new()));
}

#[test]
fn edits_of_what_goes_out_of_sight_are_delivered_before_it_goes() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    server.feed.push(leave(Some(record), None));
    ann.tell(START, Event::NetworkUp { live: false });
    let answer = server.answer(ann.user, ann.id, &ann.frames.remove(0));
    // Written while the answer was on its way; the server does not take it.
    edit(&mut ann, START + 3, record, &[set("industry", "forbidden")]);
    ann.tell(START, Event::Received(answer));
    assert_eq!((field(&mut ann, record, "industry"), pending(&ann)), (json!("forbidden"), 1));
    ann.sync(&mut server);
    assert_eq!((ann.device.get(record).unwrap(), pending(&ann)), (None, 0));
    let draft = ann.device.drafts().unwrap().remove(0);
    assert_eq!((draft.state, draft.edits), (DraftState::Rejected, vec![set("industry", "forbidden")]));
    assert_eq!(server.receipts.iter().map(|receipt| (receipt.records, receipt.unsent)).collect::<Vec<_>>(), [(1, 1)]);
}

#[test]
fn a_record_of_which_a_facet_has_gone_already_still_goes_when_its_edits_are_delivered() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    edit(&mut ann, START + 1, record, &[set("birthday", "1990-05-01")]);
    ann.sync(&mut server);
    server.feed.extend([leave(None, Some(Facet::Private)), leave(Some(record), None)]);
    ann.tell(START, Event::NetworkUp { live: false });
    let answer = server.answer(ann.user, ann.id, &ann.frames.remove(0));
    edit(&mut ann, START + 3, record, &[set("industry", "forbidden")]);
    ann.tell(START, Event::Received(answer));
    assert_eq!((field(&mut ann, record, "birthday"), pending(&ann)), (json!(null), 1));
    ann.sync(&mut server);
    assert_eq!((ann.device.get(record).unwrap(), ann.device.changes(record, Facet::Main).unwrap()), (None, Vec::new()));
}

#[test]
fn what_somebody_wrote_and_may_not_read_any_more_goes_when_they_have_another_role() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    edit(&mut ann, START + 1, record, &[set("birthday", "1990-05-01")]);
    ann.sync(&mut server);
    server.role = "agent";
    ann.sync(&mut server);
    assert_eq!((field(&mut ann, record, "name"), field(&mut ann, record, "birthday")), (json!("佳美"), json!(null)));
    assert_eq!(ann.device.changes(record, Facet::Private).unwrap(), Vec::new());
}

#[test]
fn a_facet_that_goes_out_of_sight_goes_from_every_record_of_the_kind() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    edit(&mut ann, START + 1, record, &[set("birthday", "1990-05-01")]);
    ann.sync(&mut server);
    server.feed.push(leave(None, Some(Facet::Private)));
    ann.sync(&mut server);
    assert_eq!((field(&mut ann, record, "name"), field(&mut ann, record, "birthday")), (json!("佳美"), json!(null)));
    assert_eq!(ann.device.changes(record, Facet::Private).unwrap(), Vec::new());
}

fn leave(record: Option<RecordId>, facet: Option<Facet>) -> Entry {
    Entry::Leave { kind: "party".parse().unwrap(), record, facet }
}

#[test]
fn a_phone_says_what_it_wants_until_the_server_has_brought_it() {
    let (mut server, mut ann, _) = phones();
    ann.sync(&mut server);
    assert_eq!((server.pulled.subscriptions.clone(), ann.device.subscriptions().unwrap()), (None, vec![Subscription::everything()]));
    let mine = Subscription::of(Whose::Mine);
    assert!(ann.device.subscribe(&mine).unwrap() && !ann.device.subscribe(&mine).unwrap());
    assert!(ann.device.unsubscribe(&Subscription::everything()).unwrap());
    // The answer to an older pull settles nothing.
    ann.tell(START, Event::NetworkUp { live: false });
    let answer = server.answer(ann.user, ann.id, &ann.frames.remove(0));
    let stale = decode_frame(&answer).unwrap().into_iter().map(|message| match message {
        Message::Page(page) => Message::Page(crate::protocol::Page { pull: Some(7), ..page }),
        other => other,
    });
    ann.tell(START, Event::Received(encode_frame(&stale.collect::<Vec<_>>())));
    ann.sync(&mut server);
    let (wants, before) = (server.pulled.subscriptions.clone().unwrap(), server.pulled.before.clone().unwrap());
    assert_eq!((wants, before), (Subscriptions(vec![mine.clone()]), Subscriptions(vec![Subscription::everything(), mine.clone()])));
    ann.sync(&mut server);
    assert_eq!((server.pulled.subscriptions.clone(), server.pulled.before.clone()), (Some(Subscriptions(vec![mine])), None));
}
