//! Forgetting: what stands stays, with whom it is from and when; what was replaced is in no byte; and nothing that comes
//! late is lost or counted twice.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::change::Change;
use super::doc::{Doc, Inadmissible, Written};
use super::generation::{Renewed, renew};
use super::history::{Stored, texts_of};
use super::reference::compare;
use super::replay::{Anew, Rewrite, rewrite};
use crate::id::{ActorId, ChangeHash, DeviceId, Facet, Millis, RecordId, UserId};
use crate::merge;
use crate::schedule_tests::unfrozen;
use crate::schema::Kind;
use crate::testing::*;
use crate::value::Scalar;

/// What a server would keep of a phone's document.
fn stored(phone: &Phone, facet: Facet) -> Vec<Stored> {
    let of = |sent: &Sent| Stored {
        hash: sent.hash,
        kind: phone.kind.name.clone(),
        record: RecordId::of_cause("record"),
        facet,
        user: UserId::of_cause("user"),
        device: DeviceId::of_cause("device"),
        received_at: None,
        position: None,
        body: sent.body.clone(),
    };
    phone.log.iter().filter(|sent| sent.facet == facet).map(of).collect()
}

fn as_stored(renewed: &[Renewed], like: &Stored) -> Vec<Stored> {
    let of = |renewed: &Renewed| Stored { hash: renewed.written.hash, body: renewed.written.bytes.clone(), ..like.clone() };
    renewed.iter().map(of).collect()
}

/// The document that changes make, as a replica takes them from outside.
fn taken(kind: &Kind, renewed: &[Renewed], onto: Doc) -> Doc {
    renewed.iter().fold(onto, |mut doc, renewed| {
        let (change, hash) = Change::parse(&renewed.written.bytes).unwrap();
        doc.apply(&change, hash, &texts_of(kind)).unwrap();
        doc
    })
}

type Said = BTreeMap<String, Vec<(serde_json::Value, Millis)>>;

fn disagreements(kind: &Kind, facet: Facet, doc: &Doc) -> Said {
    let claims =
        |conflict: merge::Conflict| (conflict.path, conflict.claims.into_iter().map(|claim| (claim.value, claim.edit_time)).collect());
    merge::conflicts(kind, facet, doc).into_iter().map(claims).collect()
}

#[test]
fn whatever_was_written_a_record_shows_the_same_without_its_past_on_every_replica() {
    for seed in 0..120 {
        let mut random = Random(seed);
        let kind = kind(["party", "deal", "offer", "activity", "case"][random.below(5)]);
        let mut phones = [Phone::new(kind.clone(), 0xa1), Phone::new(kind.clone(), 0xb0)];
        for minute in 0..30 {
            let at = random.below(2);
            let edits = edits::some(&mut random, &phones[at], false);
            let edits = unfrozen(&phones[at], edits);
            phones[at].edit(minute * 2 + at as Millis, &edits);
            if random.one_in(5) {
                let [one, other] = &mut phones;
                sync(one, other);
            }
        }
        let [one, other] = &mut phones;
        sync(one, other);
        for (facet, old) in &one.docs {
            let changes = stored(one, *facet);
            let Some(renewed) = renew(&kind, &changes, ActorId([7; 16])) else { continue };
            let now = taken(&kind, &renewed, old.clone());
            assert_eq!(merge::row(&kind, *facet, &now), merge::row(&kind, *facet, old), "seed {seed}");
            assert_eq!(disagreements(&kind, *facet, &now), disagreements(&kind, *facet, old), "seed {seed}");
            assert_eq!(now, taken(&kind, &renewed, Doc::default()), "nothing of what was is left, seed {seed}");
            assert!(renewed.len() <= changes.len());
            compare(&now, renewed.iter().map(|renewed| renewed.written.bytes.as_slice()), &texts_of(&kind)).unwrap();
            let again = renew(&kind, &as_stored(&renewed, &changes[0]), ActorId([8; 16])).unwrap();
            assert_eq!(merge::row(&kind, *facet, &taken(&kind, &again, now)), merge::row(&kind, *facet, old), "twice, seed {seed}");
        }
    }
}

fn holds(renewed: &[Renewed], word: &str) -> bool {
    renewed.iter().any(|renewed| renewed.written.bytes.windows(word.len()).any(|bytes| bytes == word.as_bytes()))
}

#[test]
fn what_was_replaced_removed_or_typed_over_is_in_no_byte_and_what_stands_keeps_its_moment() {
    let kind = kind("deal");
    let row = set_row("competitors", "c1", json!({"strength": "Secret Rival"}));
    let mut ann = Phone::new(kind.clone(), 0xa1);
    ann.edit(0, &[set("title", "Secret Name"), set("source", "fair"), row, splice("notes", 0, 0, "told us a secret. calls back")]);
    ann.edit(10, &[set("title", "佳美"), remove_row("competitors", "c1"), splice("notes", 0, 18, "")]);
    ann.edit(20, &[splice("notes", 0, 0, "she ")]);
    let renewed = renew(&kind, &stored(&ann, Facet::Main), ActorId([7; 16])).unwrap();
    for gone in ["Secret Name", "Secret Rival", "secret"] {
        assert!(!holds(&renewed, gone), "{gone}");
    }
    assert!(holds(&renewed, "佳美") && holds(&renewed, "fair"));
    let times: Vec<Millis> = renewed.iter().map(|renewed| renewed.written.change.time).collect();
    assert_eq!(times, [TEN, TEN + 10 * MINUTE, TEN + 20 * MINUTE]);
    assert_eq!(taken(&kind, &renewed, Doc::default()).text("notes").as_deref(), Some("she calls back"));
}

#[test]
fn how_far_a_deal_once_was_is_still_known() {
    let kind = kind("deal");
    let mut ann = Phone::new(kind.clone(), 0xa1);
    for (minute, stage) in ["qualified", "negotiation", "lost"].into_iter().enumerate() {
        ann.edit(minute as Millis, &[set("stage", stage)]);
    }
    let before = ann.row(Facet::Main);
    let renewed = renew(&kind, &stored(&ann, Facet::Main), ActorId([7; 16])).unwrap();
    assert_eq!(merge::row(&kind, Facet::Main, &taken(&kind, &renewed, Doc::default())), before);
}

#[test]
fn a_change_of_the_past_does_not_fit_any_more_and_a_new_one_does() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("name", "佳美"), set("source", "fair")]);
    let late = bo.edit(5, &[set("source", "web")]);
    ann.edit(10, &[set("name", "佳美办公")]);
    let texts = texts_of(&ann.kind);
    let renewed = renew(&ann.kind, &stored(&ann, Facet::Main), ActorId([7; 16])).unwrap();
    let mut doc = taken(&ann.kind, &renewed, ann.docs[&Facet::Main].clone());
    let read = |sent: &Sent| Change::read(&sent.body).unwrap();
    for sent in ann.log.iter().chain(&late) {
        assert_eq!(doc.apply(&read(sent), sent.hash, &texts), Err(Inadmissible::Forgotten));
    }
    let mut stranger = Phone::new(ann.kind.clone(), 0xc1);
    let root = stranger.edit(20, &[set("name", "another beginning")]).remove(0);
    assert_eq!(doc.apply(&read(&root), root.hash, &texts), Err(Inadmissible::Forgotten), "what was begun apart before");
    assert!(
        doc.write(
            ActorId([0xa1; 16]),
            TEN + 30 * MINUTE,
            &[super::doc::Edit::Put { path: "source".into(), value: Scalar::Text("ads".into()) }]
        )
        .is_some()
    );
    assert_eq!(doc.generation(), 1);
}

/// What a phone makes of its pending changes when the past below them is forgotten.
fn written_again(kind: &Kind, renewed: &[Renewed], before: &[Sent], pending: &[Sent], unseen: HashSet<ChangeHash>) -> (Doc, Vec<Written>) {
    let doc = taken(kind, renewed, Doc::default());
    let log = |sent: &[Sent]| sent.iter().map(|sent| (sent.hash, Change::read(&sent.body).unwrap())).collect::<Vec<_>>();
    let base: Vec<_> = renewed.iter().map(|renewed| (renewed.written.hash, renewed.written.change.clone())).collect();
    let (pending, texts) = (log(pending), texts_of(kind));
    let gone = pending.iter().map(|(hash, _)| *hash).filter(|hash| doc.has_forgotten(hash)).collect();
    let again = pending.iter().map(|(hash, _)| *hash).collect();
    let anew = Anew { before: log(before), tip: doc.beginning().unwrap(), unseen };
    let (actor, not_after) = (ActorId([6; 16]), Millis::MAX);
    let task = Rewrite { base: &base, pending: &pending, gone: &gone, again: &again, actor, not_after, texts: &texts, anew: Some(&anew) };
    let written: Vec<Written> = rewrite(&task).into_iter().filter_map(|rewritten| rewritten.new).collect();
    let mut after = doc;
    for written in &written {
        after.apply(&written.change, written.hash, &texts).unwrap();
    }
    (after, written)
}

#[test]
fn what_waited_on_a_phone_is_written_on_the_new_beginning_and_what_was_taken_already_is_not_written_twice() {
    let kind = kind("deal");
    let (mut ann, mut bo) = two_phones(&kind, &[set("title", "佳美"), splice("notes", 0, 0, "calls back")]);
    let before = bo.log.clone();
    // The answer to the first was lost: the server has it, and its author does not know.
    let taken_already = bo.edit(5, &[splice("notes", 0, 0, "she "), add_to("tags", "vip")]);
    ann.receive(&taken_already[0]).unwrap();
    let waits = bo.edit(6, &[splice("notes", 4, 5, "rings"), set("source", "web")]);
    let renewed = renew(&kind, &stored(&ann, Facet::Main), ActorId([7; 16])).unwrap();
    let pending: Vec<Sent> = taken_already.into_iter().chain(waits).collect();
    let (after, written) = written_again(&kind, &renewed, &before, &pending, HashSet::new());
    assert_eq!(written.len(), 1);
    let row = merge::row(&kind, Facet::Main, &after);
    assert_eq!((&row["notes"], &row["source"], &row["tags"]), (&json!("she rings back"), &json!("web"), &json!(["vip"])));
}

#[test]
fn a_value_that_its_author_had_not_seen_is_disagreed_with_and_not_replaced() {
    let kind = kind("deal");
    let (mut ann, mut bo) = two_phones(&kind, &[set("stage", "qualified")]);
    let before = bo.log.clone();
    let waits = bo.edit(5, &[set("stage", "won")]);
    ann.edit(10, &[set("stage", "negotiation")]);
    let renewed = renew(&kind, &stored(&ann, Facet::Main), ActorId([7; 16])).unwrap();
    let unseen = renewed.iter().filter(|renewed| before.iter().all(|sent| sent.hash != renewed.of)).map(|renewed| renewed.written.hash);
    let (after, _) = written_again(&kind, &renewed, &before, &waits, unseen.collect());
    let said: Vec<_> = disagreements(&kind, Facet::Main, &after)["stage"].iter().map(|(value, _)| value.clone()).collect();
    assert_eq!(said, ["negotiation", "won"]);
}
