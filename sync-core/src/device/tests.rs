//! Devices and a server through the engine's frames.

use serde_json::json;

use super::model::{Phone, START, Server};
use super::*;
use crate::engine::Stopped;
use crate::id::{DeviceId, UserId};
use crate::protocol::{Entry, Message, decode_frame, encode_frame};
use crate::query::{Direction, OrderBy};
use crate::record::history::texts_of;
use crate::record::reference::compare;
use crate::store::{DraftState, STORE_VERSION};

pub(super) fn set(field: &str, value: &str) -> FieldEdit {
    FieldEdit::set(field, value)
}

pub(super) fn phones() -> (Server, Phone, Phone) {
    (Server::new(), Phone::new("ann", Place::Memory, START), Phone::new("bo", Place::Memory, START))
}

pub(super) fn make(phone: &mut Phone, now: Millis, name: &str) -> RecordId {
    phone.device.create(now, "party", &[set("name", name)]).unwrap().record
}

pub(super) fn edit(phone: &mut Phone, now: Millis, record: RecordId, edits: &[FieldEdit]) {
    phone.device.edit(now, "party", record, edits).unwrap();
}

pub(super) fn field(phone: &mut Phone, record: RecordId, name: &str) -> serde_json::Value {
    phone.device.get(record).unwrap().unwrap().row.fields.get(name).cloned().unwrap_or_default()
}

pub(super) fn pending(phone: &Phone) -> u64 {
    phone.device.sync_status().unwrap().pending
}

/// Both devices show the same, automerge loads it, and nothing is left to send.
pub(super) fn assert_alike(record: RecordId, phones: &mut [&mut Phone]) {
    let kind = Schema::builtin().kind("party").unwrap();
    let shown: Vec<_> = phones.iter_mut().map(|phone| phone.device.get(record).unwrap().unwrap().row.fields).collect();
    assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "{shown:?}");
    for phone in phones {
        let changes = phone.device.changes(record, Facet::Main).unwrap();
        let (doc, left_out) = crate::record::history::document(kind, &changes);
        assert_eq!(left_out, []);
        compare(&doc, changes.iter().map(|change| change.body.as_slice()), &texts_of(kind)).unwrap();
        assert_eq!(pending(phone), 0);
        assert_eq!(phone.device.quarantined().unwrap(), []);
    }
}

#[test]
fn two_phones_that_edit_offline_show_the_same_afterwards() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_eq!(field(&mut bo, record, "name"), json!("佳美"));
    edit(&mut ann, START + 10, record, &[set("name", "佳美 A"), FieldEdit::Add { field: "tags".into(), value: "vip".into() }]);
    edit(&mut bo, START + 20, record, &[set("name", "佳美 B"), set("industry", "print")]);
    server.now += 100_000;
    for phone in [&mut ann, &mut bo] {
        phone.sync(&mut server);
    }
    ann.sync(&mut server);
    assert_alike(record, &mut [&mut ann, &mut bo]);
    let view = ann.device.conflicts().unwrap().remove(0);
    let claims: Vec<_> = view.conflicts[0].claims.iter().map(|claim| (claim.value.clone(), claim.user, claim.offline)).collect();
    assert_eq!(claims, [(json!("佳美 B"), bo.user, true), (json!("佳美 A"), ann.user, true)]);
    let found = |phone: &mut Phone, text: &str| phone.device.search(text, None).unwrap().len();
    assert_eq!((found(&mut ann, "佳美 A"), found(&mut ann, "佳美 B")), (1, 1), "each of the values finds it");
    bo.device.resolve(START + 200_000, record, "name", json!("佳美 C")).unwrap();
    bo.sync(&mut server);
    ann.sync(&mut server);
    assert_eq!((found(&mut ann, "佳美 A"), found(&mut ann, "佳美 C")), (0, 1));
    assert_alike(record, &mut [&mut ann, &mut bo]);
    assert_eq!((ann.device.conflicts().unwrap().len(), field(&mut ann, record, "name")), (0, json!("佳美 C")));
    assert_eq!(ann.device.history(record).unwrap().len(), 6);
}

#[test]
fn up_to_date_a_reconnect_is_one_small_frame_each_way() {
    let (mut server, mut ann, _) = phones();
    for n in 0..50 {
        make(&mut ann, START, &format!("party {n}"));
    }
    ann.sync(&mut server);
    ann.sync(&mut server);
    ann.tell(START, Event::NetworkUp { live: false });
    let up = ann.frames.pop().unwrap();
    let down = server.answer(ann.user, ann.id, &up);
    assert!(ann.frames.is_empty() && up.len() + down.len() < 600, "{} bytes up, {} down", up.len(), down.len());
    ann.tell(START, Event::Received(down));
    assert!(ann.frames.is_empty());
}

#[test]
fn a_refused_edit_becomes_a_draft_and_those_after_it_stay() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    edit(&mut ann, START + 1, record, &[FieldEdit::Splice { field: "notes".into(), at: 0, delete: 0, insert: "Call. ".into() }]);
    edit(
        &mut ann,
        START + 2,
        record,
        &[set("name", "forbidden"), FieldEdit::Splice { field: "notes".into(), at: 6, delete: 0, insert: "bad ".into() }],
    );
    edit(
        &mut ann,
        START + 3,
        record,
        &[set("industry", "print"), FieldEdit::Splice { field: "notes".into(), at: 10, delete: 0, insert: "Sent.".into() }],
    );
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_alike(record, &mut [&mut ann, &mut bo]);
    assert_eq!(
        ["name", "notes", "industry"].map(|name| field(&mut ann, record, name)),
        [json!("佳美"), json!("Call. Sent."), json!("print")]
    );
    let draft = ann.device.drafts().unwrap().remove(0);
    assert_eq!(
        (draft.state, draft.code.as_str(), draft.field.as_deref(), draft.message_zh.as_str()),
        (DraftState::Rejected, "forbidden", Some("name"), "不")
    );
    assert_eq!(draft.edits[0], set("name", "forbidden"));
    ann.device.retry_draft(START + 9, draft.id, Some(&[set("name", "allowed")])).unwrap();
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_alike(record, &mut [&mut ann, &mut bo]);
    assert_eq!((field(&mut bo, record, "name"), ann.device.drafts().unwrap().len()), (json!("allowed"), 0));
}

#[test]
fn a_record_that_the_server_refuses_leaves_the_phone_but_not_the_drafts() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "forbidden");
    ann.sync(&mut server);
    assert_eq!(ann.device.get(record).unwrap(), None);
    let draft = ann.device.drafts().unwrap().remove(0);
    ann.device.discard_draft(draft.id).unwrap();
    assert_eq!(ann.device.sync_status().unwrap().drafts, 0);
}

#[test]
fn a_lost_answer_and_a_doubled_one_change_nothing() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    edit(&mut ann, START + 1, record, &[FieldEdit::Splice { field: "notes".into(), at: 0, delete: 0, insert: "once".into() }]);
    ann.tell(START, Event::NetworkUp { live: false });
    let frame = ann.frames.remove(0);
    let lost = server.answer(ann.user, ann.id, &frame);
    ann.tell(START, Event::SendFailed);
    assert_eq!((pending(&ann), ann.timer.is_some()), (2, true));
    ann.tell(ann.timer.unwrap(), Event::TimerFired);
    ann.exchange(&mut server);
    assert_alike(record, &mut [&mut ann]);
    for _ in 0..2 {
        ann.tell(START, Event::Received(lost.clone()));
    }
    ann.exchange(&mut server);
    bo.sync(&mut server);
    assert_alike(record, &mut [&mut ann, &mut bo]);
    assert_eq!(field(&mut bo, record, "notes"), json!("once"));
}

#[test]
fn own_changes_in_the_feed_confirm_what_the_verdicts_did_not() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.tell(START, Event::NetworkUp { live: true });
    let answer = server.answer(ann.user, ann.id, &ann.frames.remove(0));
    let pages: Vec<_> = decode_frame(&answer).unwrap().into_iter().filter(|message| matches!(message, Message::Page(_))).collect();
    ann.tell(START, Event::Received(encode_frame(&pages)));
    assert_alike(record, &mut [&mut ann]);
}

#[test]
fn frames_in_any_order_end_in_the_same_record() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    (1..30).for_each(|n| edit(&mut ann, START + n, record, &[set("industry", &format!("i{n}"))]));
    ann.sync(&mut server);
    server.page_entries = 4;
    bo.tell(START, Event::NetworkUp { live: true });
    let first = bo.frames.remove(0);
    let answer = server.answer(bo.user, bo.id, &first);
    bo.tell(START, Event::Received(answer.clone()));
    let second = server.answer(bo.user, bo.id, &bo.frames.remove(0));
    bo.tell(START, Event::Received(second));
    // The first page once more, late.
    bo.tell(START, Event::Received(answer));
    bo.exchange(&mut server);
    assert_alike(record, &mut [&mut ann, &mut bo]);
    assert_eq!(field(&mut bo, record, "industry"), json!("i29"));
}

#[test]
fn a_phone_restored_from_a_backup_goes_on_under_another_name() {
    let (folder, mut server) = (tempfile::tempdir().unwrap(), Server::new());
    let (path, copy) = (folder.path().join("a"), folder.path().join("b"));
    let mut ann = Phone::new("ann", Place::File(path.clone()), START);
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    edit(&mut ann, START + 1, record, &[FieldEdit::Splice { field: "notes".into(), at: 0, delete: 0, insert: "before. ".into() }]);
    ann.device.store().checkpoint();
    std::fs::copy(&path, &copy).unwrap();
    edit(&mut ann, START + 2, record, &[set("industry", "lost phone")]);
    ann.sync(&mut server);
    ann.opening.place = Place::File(copy);
    let actor = ann.device.actor();
    ann.reopen([2; 16]);
    assert_ne!(ann.device.actor(), actor);
    edit(&mut ann, START + 3, record, &[set("website", "https://example.com")]);
    ann.sync(&mut server);
    assert_alike(record, &mut [&mut ann]);
    let shown = ["notes", "industry", "website"].map(|name| field(&mut ann, record, name));
    assert_eq!(shown, [json!("before. "), json!("lost phone"), json!("https://example.com")]);
}

#[test]
fn two_pens_with_one_name_are_told_apart_and_nothing_is_lost() {
    for pull_first in [true, false] {
        let (folder, mut server) = (tempfile::tempdir().unwrap(), Server::new());
        let (path, copy) = (folder.path().join("a"), folder.path().join("b"));
        let mut ann = Phone::new("ann", Place::File(path.clone()), START);
        let record = make(&mut ann, START, "佳美");
        ann.sync(&mut server);
        ann.device.store().checkpoint();
        std::fs::copy(&path, &copy).unwrap();
        edit(&mut ann, START + 2, record, &[set("industry", "first pen")]);
        ann.sync(&mut server);
        // The host forgot its mark: the copy believes that it is the original.
        ann.opening.place = Place::File(copy);
        ann.reopen([1; 16]);
        edit(&mut ann, START + 3, record, &[set("website", "https://example.com")]);
        edit(&mut ann, START + 4, record, &[FieldEdit::Splice { field: "notes".into(), at: 0, delete: 0, insert: "n".into() }]);
        if pull_first {
            let mut pages = Phone::new("bo", Place::Memory, START);
            pages.tell(START, Event::NetworkUp { live: false });
            let answer = server.answer(ann.user, ann.id, &pages.frames.remove(0).clone());
            ann.tell(START, Event::NetworkUp { live: true });
            let page = decode_frame(&answer).unwrap().into_iter().filter(|message| matches!(message, Message::Page(_))).collect::<Vec<_>>();
            ann.tell(START, Event::Received(encode_frame(&page)));
        }
        server.actors.clear();
        ann.sync(&mut server);
        assert_alike(record, &mut [&mut ann]);
        let shown = ["notes", "industry", "website"].map(|name| field(&mut ann, record, name));
        assert_eq!(shown, [json!("n"), json!("first pen"), json!("https://example.com")]);
    }
}

#[test]
fn a_phone_whose_clock_is_ahead_stamps_again() {
    let (mut server, mut ann, mut bo) = phones();
    // The offset learned at enrolment is for the clock as it was.
    let record = make(&mut ann, START + 9_000_000, "佳美");
    edit(&mut ann, START + 9_000_001, record, &[set("industry", "print")]);
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_alike(record, &mut [&mut ann, &mut bo]);
    assert!(ann.device.history(record).unwrap().iter().all(|entry| entry.edit_time <= server.now));
    assert_eq!(ann.device.sync_status().unwrap().drafts, 0);
}

#[test]
fn a_restored_server_is_given_back_what_it_lost() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    bo.sync(&mut server);
    edit(&mut bo, START + 1, record, &[set("industry", "print")]);
    bo.sync(&mut server);
    ann.sync(&mut server);
    let other = make(&mut ann, START + 2, "明月");
    ann.sync(&mut server);
    edit(&mut ann, START + 3, record, &[set("website", "https://example.com")]);
    server.restore(1);
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_alike(record, &mut [&mut ann, &mut bo]);
    assert_alike(other, &mut [&mut ann, &mut bo]);
    assert_eq!(field(&mut bo, record, "industry"), json!("print"));
    assert_eq!(server.feed.len(), 4);
}

#[test]
fn a_restored_server_is_given_back_the_work_of_phones_that_never_return() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    edit(&mut ann, START + 1, record, &[set("industry", "print")]);
    let other = make(&mut ann, START + 2, "明月");
    ann.sync(&mut server);
    bo.sync(&mut server);
    server.restore(1);
    server.actors.clear();
    edit(&mut bo, START + 3, record, &[set("website", "https://example.com")]);
    bo.sync(&mut server);
    assert_eq!((server.feed.len(), pending(&bo)), (4, 0));
    let mut chen = Phone::new("chen", Place::Memory, START);
    chen.sync(&mut server);
    assert_alike(record, &mut [&mut bo, &mut chen]);
    assert_alike(other, &mut [&mut bo, &mut chen]);
    assert!(chen.device.history(record).unwrap().iter().any(|entry| entry.field == "industry" && entry.user == ann.user));
}

#[test]
fn a_phone_offers_back_only_what_a_restored_server_lacks() {
    let (mut server, mut ann, _) = phones();
    for n in 0..50 {
        make(&mut ann, START, &format!("客户 {n}"));
    }
    ann.sync(&mut server);
    server.restore(49);
    ann.tell(server.now, Event::NetworkUp { live: false });
    let mut offered = 0;
    while !ann.frames.is_empty() {
        let frame = ann.frames.remove(0);
        let count = |message| if let Message::Offer(offer) = message { offer.changes.len() } else { 0 };
        offered += decode_frame(&frame).unwrap().into_iter().map(count).sum::<usize>();
        let answer = server.answer(ann.user, ann.id, &frame);
        ann.tell(server.now, Event::Received(answer));
    }
    assert_eq!((offered, server.feed.len()), (1, 50));
}

#[test]
fn a_change_with_a_field_that_this_app_does_not_know_is_carried_with_all_that_follows_it() {
    use crate::record::doc::{Doc, Edit};
    use crate::value::Scalar;
    let (mut server, mut ann, _) = phones();
    let (record, kind) = (RecordId::of_cause("newer"), Schema::builtin().kind("party").unwrap());
    let (user, device, actor) = (UserId::of_cause("bo"), DeviceId::of_cause("bo"), ActorId([0xb0; 16]));
    let mut doc = Doc::default();
    let put = |path: &str, value: &str| Edit::Put { path: path.to_owned(), value: Scalar::Text(value.into()) };
    let steps = [vec![put("name", "佳美"), put("mood", "good")], vec![put("type", "robot")], vec![put("name", "佳美办公")]];
    for (edits, position) in steps.iter().zip(1..) {
        let written = doc.write(actor, START, edits).unwrap();
        server.feed.push(Entry::Change(crate::protocol::Delivered {
            position,
            kind: kind.name.clone(),
            record,
            facet: Facet::Main,
            hash: written.hash,
            user,
            device,
            received_at: START,
            body: written.bytes,
            seal: crate::id::Seal([0; 16]),
        }));
    }
    ann.sync(&mut server);
    assert_eq!((field(&mut ann, record, "name"), field(&mut ann, record, "mood")), (json!("佳美办公"), json!(null)));
    assert_eq!((ann.device.quarantined().unwrap().len(), ann.device.changes(record, Facet::Main).unwrap().len()), (0, 3));
}

#[test]
fn what_the_server_lost_without_saying_so_is_sent_when_it_is_missed() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    server.docs.clear();
    server.feed.clear();
    edit(&mut ann, START + 3, record, &[set("website", "https://example.com")]);
    ann.sync(&mut server);
    assert_eq!((pending(&ann), server.feed.len()), (0, 2));
}

#[test]
fn a_purged_record_goes_and_its_unsent_edits_stay_as_drafts() {
    let (mut server, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    server.feed.push(Entry::Purge { record });
    edit(&mut ann, START + 3, record, &[set("industry", "print")]);
    ann.tell(START, Event::NetworkUp { live: false });
    let answer = server.answer(ann.user, ann.id, &ann.frames.remove(0));
    let pages =
        decode_frame(&answer).unwrap().into_iter().filter(|message| !matches!(message, Message::Verdicts(_))).map(
            |message| match message {
                Message::Page(mut page) => {
                    page.entries.truncate(1);
                    Message::Page(page)
                }
                other => other,
            },
        );
    ann.tell(START, Event::Received(encode_frame(&pages.collect::<Vec<_>>())));
    assert_eq!(ann.device.get(record).unwrap(), None);
    assert_eq!(ann.device.search("佳美", None).unwrap(), []);
    let draft = ann.device.drafts().unwrap().remove(0);
    assert_eq!((draft.state, draft.edits), (DraftState::Purged, vec![set("industry", "print")]));
}

#[test]
fn a_wiped_phone_holds_nothing_and_a_revoked_one_keeps_what_was_not_sent() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    server.feed.push(Entry::Wipe);
    ann.sync(&mut server);
    assert_eq!((ann.stopped.clone(), ann.device.identity()), (Some(Stopped::Wiped), None));
    let farewell = ann.device.farewell().unwrap().unwrap();
    let said = decode_frame(&farewell.frame).unwrap();
    assert!(matches!(&said[..], [Message::Receipt(receipt)] if receipt.records == 1 && receipt.unsent == 0), "{said:?}");
    assert_eq!((farewell.token.as_str(), ann.device.farewell().unwrap()), ("t", Some(farewell.clone())), "until it is said");
    ann.device.said_farewell().unwrap();
    assert_eq!(ann.device.farewell().unwrap(), None);
    assert_eq!(ann.device.get(record).unwrap(), None);
    server.revoked = true;
    make(&mut bo, START, "unsent");
    bo.sync(&mut server);
    assert_eq!((bo.stopped.clone(), pending(&bo)), (Some(Stopped::Revoked), 1));
    // Asked again, the server may say something else.
    server.revoked = false;
    bo.sync(&mut server);
    assert_eq!(pending(&bo), 0);
}

#[test]
fn a_reopened_store_holds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::new();
    let mut ann = Phone::new("ann", Place::File(folder.path().join("a")), START);
    let sent = make(&mut ann, START, "佳美");
    ann.sync(&mut server);
    edit(&mut ann, START + 1, sent, &[set("name", "forbidden")]);
    ann.sync(&mut server);
    let unsent = make(&mut ann, START, "明月");
    let (before, actor) = (ann.device.get(sent).unwrap(), ann.device.actor());
    ann.reopen([1; 16]);
    assert_eq!((ann.device.get(sent).unwrap(), ann.device.actor()), (before, actor));
    assert_eq!((pending(&ann), ann.device.drafts().unwrap().len()), (1, 1));
    ann.sync(&mut server);
    assert_alike(unsent, &mut [&mut ann]);
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::new();
    let mut bo = Phone::new("bo", Place::Memory, START);
    for n in 0..200 {
        make(&mut bo, START, &format!("party {n} {}", "x".repeat(200)));
    }
    bo.sync(&mut server);
    let mut ann = Phone::new("ann", Place::File(folder.path().join("a")), START);
    let record = make(&mut ann, START, "佳美");
    ann.device.store().limit_pages(2);
    let error = (0..1_000).find_map(|n| ann.device.edit(START + n, "party", record, &[set("industry", &"y".repeat(250))]).err());
    assert!(matches!(error, Some(EditError::Store(StoreError::Full))), "{error:?}");
    let kept = pending(&ann);
    assert_eq!(field(&mut ann, record, "name"), json!("佳美"));
    ann.sync(&mut server);
    assert!(ann.failures.iter().all(|failure| failure == "the device's storage is full") && !ann.failures.is_empty(), "{:?}", ann.failures);
    ann.device.store().limit_pages(100_000);
    assert!(pending(&ann) <= kept);
    ann.tell(ann.timer.unwrap(), Event::TimerFired);
    ann.exchange(&mut server);
    assert_alike(record, &mut [&mut ann]);
    let query = Query::of(Schema::builtin(), "party").unwrap();
    assert_eq!(ann.device.count(&query, Context { now: START, offset_minutes: 0 }).unwrap(), 201);
}

#[test]
fn a_store_that_a_newer_app_wrote_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    Phone::new("ann", Place::File(path.clone()), START);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let opening = Opening { place: Place::File(path), app: String::new(), incarnation: [1; 16], seed: [0; 32] };
    assert!(matches!(Device::open(&opening), Err(StoreError::TooNew { found: 99, known: STORE_VERSION })));
}

#[test]
fn an_inadmissible_change_from_the_server_is_put_aside_and_stops_no_other() {
    puts_one_aside_among(1);
}

#[test]
fn so_it_is_among_as_many_as_are_looked_at_beforehand() {
    puts_one_aside_among(700);
}

fn puts_one_aside_among(others: usize) {
    let (mut server, mut ann, mut bo) = phones();
    let mut made: Vec<RecordId> = (0..=others).map(|n| make(&mut ann, START, &format!("明月 {n}"))).collect();
    let bad = made.remove(others / 2);
    ann.sync(&mut server);
    for entry in &mut server.feed {
        if let Entry::Change(change) = entry
            && change.record == bad
        {
            let last = change.body.len() - 1;
            change.body[last] ^= 1;
        }
    }
    bo.sync(&mut server);
    assert_eq!(bo.device.get(bad).unwrap(), None);
    for good in made {
        assert_eq!(field(&mut bo, good, "name"), field(&mut ann, good, "name"));
    }
    assert_eq!(bo.device.quarantined().unwrap().len(), 1);
}

#[test]
fn a_thousand_records_are_listed_by_their_names_and_found_by_pinyin() {
    let (mut server, mut ann, mut bo) = phones();
    let names = ["佳美", "安达", "明月", "Zeta", "博文"];
    let edits: Vec<RecordEdits> = (0..1_000)
        .map(|n| RecordEdits {
            kind: "party".parse().unwrap(),
            record: ann.device.new_id(START),
            edits: vec![set("name", &format!("{}{n:04}", names[n % 5]))],
            makes: true,
        })
        .collect();
    ann.device.edit_all(START, &edits).unwrap();
    ann.sync(&mut server);
    bo.sync(&mut server);
    let schema = Schema::builtin();
    let kind = schema.kind("party").unwrap();
    let query = Query {
        order_by: OrderBy::parse(schema, kind, "name", Direction::Ascending).unwrap(),
        max_size: 500,
        ..Query::of(schema, "party").unwrap()
    };
    let context = Context { now: START, offset_minutes: 480 };
    let listed = bo.device.list(&query, context).unwrap();
    assert_eq!((bo.device.count(&query, context).unwrap(), listed.len()), (1_000, 500));
    assert!(listed[0].title.starts_with("安达") && listed[499].title.starts_with("佳美"), "{} {}", listed[0].title, listed[499].title);
    assert_eq!(bo.device.search("jm0005", Some("party")).unwrap().len(), 0);
    assert_eq!(bo.device.search("佳美0005", Some("party")).unwrap().len(), 1);
    edit(&mut bo, START + 1, edits[0].record, &[set("name", "renamed")]);
    assert_eq!((bo.device.search("佳美0000", None).unwrap().len(), bo.device.search("renam", None).unwrap().len()), (0, 1));
}

#[test]
fn the_last_edit_is_undone_unless_somebody_wrote_since() {
    let (mut server, mut ann, mut bo) = phones();
    let record = make(&mut ann, START, "佳美");
    edit(&mut ann, START + 1, record, &[set("name", "mistake"), FieldEdit::Add { field: "tags".into(), value: "vip".into() }]);
    ann.device.undo(START + 2, record).unwrap();
    assert_eq!(["name", "tags"].map(|name| field(&mut ann, record, name)), [json!("佳美"), json!(null)]);
    edit(&mut ann, START + 3, record, &[set("name", "mistake")]);
    ann.sync(&mut server);
    bo.sync(&mut server);
    edit(&mut bo, START + 4, record, &[set("name", "bo's")]);
    bo.sync(&mut server);
    ann.sync(&mut server);
    assert!(matches!(ann.device.undo(START + 5, record), Err(EditError::NotUndoable(_))));
}

#[test]
fn an_edit_that_the_server_would_refuse_is_refused_at_once() {
    let (_, mut ann, _) = phones();
    let record = make(&mut ann, START, "佳美");
    ann.device.archive(START + 1, record).unwrap();
    let error = ann.device.edit(START + 2, "party", record, &[set("name", "x")]).unwrap_err();
    assert!(matches!(error, EditError::Archived));
    assert!(ann.device.edit(START, "party", record, &[set("no_such", "x")]).is_err());
    assert!(ann.device.edit(START, "deal", record, &[set("name", "x")]).is_err());
}

#[test]
fn a_kind_that_comes_after_its_records_brings_them_to_light() {
    let (mut server, mut ann, mut bo) = phones();
    let definition = "name = \"car\"\nlabel = { en = \"Car\", zh = \"车\" }\nplural = { en = \"Cars\", zh = \"车\" }\ntitle = \"plate\"\nlist = [\"plate\"]\n\n\
        [[field]]\nname = \"plate\"\nlabel = { en = \"Plate\", zh = \"车牌\" }\n";
    ann.device.create(START, "kind", &[set("name", "car"), set("definition", definition)]).unwrap();
    let car = ann.device.create(START + 1, "car", &[set("plate", "京A 12345")]).unwrap().record;
    ann.tell(START, Event::NetworkUp { live: false });
    // This server does not know the kind: its feed is written by hand, the car first.
    let Message::Push(push) = decode_frame(&ann.frames.remove(0)).unwrap().remove(1) else { panic!() };
    for (position, pushed) in push.changes.into_iter().rev().enumerate() {
        let crate::protocol::Pushed { kind, record, facet, hash, body } = pushed;
        let (user, device) = (ann.user, ann.id);
        let position = position as u64 + 1;
        server.feed.push(Entry::Change(crate::protocol::Delivered {
            position,
            kind,
            record,
            facet,
            hash,
            user,
            device,
            received_at: START,
            body,
            seal: crate::id::Seal([0; 16]),
        }));
    }
    bo.sync(&mut server);
    assert_eq!((field(&mut bo, car, "plate"), bo.device.quarantined().unwrap().len()), (json!("京A 12345"), 0));
}
