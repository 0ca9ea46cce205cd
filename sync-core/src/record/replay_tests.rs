//! Rewriting: nothing is lost but what was dropped, and automerge loads the result.

use std::collections::HashSet;

use proptest::prelude::*;

use super::change::Change;
use super::doc::{Doc, Edit, Written};
use super::reference::compare;
use super::replay::{Rewrite, Rewritten, is_written_again, rewrite};
use crate::id::{ActorId, ChangeHash, Name};
use crate::value::Scalar;

type Log = Vec<(ChangeHash, Change)>;

fn texts() -> Vec<Name> {
    vec!["notes".parse().unwrap()]
}

/// One edit that means the same whatever was edited before it; texts get characters of their own.
fn edit() -> impl Strategy<Value = Edit> {
    let path = prop_oneof![Just("name"), Just("stage"), Just("tags/vip"), Just("lines/a/price")];
    prop_oneof![
        4 => (path.clone(), any::<i16>()).prop_map(|(path, number)| Edit::Put { path: path.into(), value: Scalar::Int(number.into()) }),
        2 => path.prop_map(|path| Edit::Delete { path: path.into() }),
        2 => (any::<i16>()).prop_map(|by| Edit::Increment { path: "uses".into(), by: by.into() }),
        4 => (0..12usize, 0..3usize, 0..5usize)
            .prop_map(|(at, delete, insert)| Edit::Splice { path: "notes".into(), at, delete, insert: "x".repeat(insert) }),
    ]
}

/// Gives every inserted character of a history a code point of its own.
fn number_characters(edits: &mut [Edit], next: &mut u32) {
    for edit in edits {
        if let Edit::Splice { insert, .. } = edit {
            *insert = insert
                .chars()
                .map(|_| {
                    *next += 1;
                    char::from_u32(0x4e00 + *next).unwrap()
                })
                .collect();
        }
    }
}

fn one_per_path(edits: Vec<Edit>) -> Vec<Edit> {
    let mut seen = HashSet::new();
    let path = |edit: &Edit| match edit {
        Edit::Put { path, .. } | Edit::Delete { path } | Edit::Increment { path, .. } | Edit::Splice { path, .. } => path.clone(),
    };
    edits.into_iter().filter(|edit| seen.insert(path(edit))).collect()
}

fn histories(most: usize) -> impl Strategy<Value = Vec<Vec<Edit>>> {
    prop::collection::vec(prop::collection::vec(edit(), 1..4).prop_map(one_per_path), 0..most)
}

fn write_all(doc: &mut Doc, actor: ActorId, start: i64, steps: &[Vec<Edit>]) -> Vec<Written> {
    steps.iter().enumerate().filter_map(|(tick, edits)| doc.write(actor, start + tick as i64, edits)).collect()
}

fn log(written: &[Written]) -> Log {
    written.iter().map(|written| (written.hash, written.change.clone())).collect()
}

/// Base, pending on top of the first part of it, and everything as one document.
fn two_writers(base: &[Vec<Edit>], later: &[Vec<Edit>], pending: &[Vec<Edit>]) -> (Log, Log, Doc) {
    let mut server = Doc::default();
    let mut log_base = log(&write_all(&mut server, ActorId([9; 16]), 100, base));
    let mut device = server.clone();
    log_base.extend(log(&write_all(&mut server, ActorId([9; 16]), 150, later)));
    let log_pending = log(&write_all(&mut device, ActorId([5; 16]), 200, pending));
    let mut whole = server;
    for (hash, change) in &log_pending {
        whole.apply(change, *hash, &texts()).unwrap();
    }
    (log_base, log_pending, whole)
}

fn run(base: &Log, pending: &Log, gone: &HashSet<ChangeHash>, again: &HashSet<ChangeHash>) -> (Vec<Rewritten>, Doc, Vec<Vec<u8>>) {
    // Sorts between the same neighbours as the old pen, so that ties fall alike.
    let actor = ActorId([6; 16]);
    let answer = rewrite(&Rewrite { base, pending, gone, again, actor, not_after: i64::MAX, texts: &texts(), anew: None });
    let (mut doc, mut bodies) = (Doc::default(), Vec::new());
    let kept = pending.iter().filter(|(hash, _)| answer.iter().all(|rewritten| rewritten.old != *hash));
    for (hash, change) in base.iter().chain(kept) {
        doc.apply(change, *hash, &texts()).unwrap();
        bodies.push(change.encode().0);
    }
    for written in answer.iter().filter_map(|rewritten| rewritten.new.as_ref()) {
        let (read, hash) = Change::parse(&written.bytes).unwrap();
        assert_eq!((&read, hash), (&written.change, written.hash));
        doc.apply(&written.change, written.hash, &texts()).unwrap();
        bodies.push(written.bytes.clone());
    }
    (answer, doc, bodies)
}

fn shown(doc: &Doc) -> (Vec<(String, Vec<String>)>, Option<String>) {
    let values = |(path, puts): (&str, &[super::doc::Put])| {
        let mut values: Vec<_> = puts.iter().map(|put| format!("{:?}+{}", put.value, put.added)).collect();
        values.sort();
        (path.to_owned(), values)
    };
    (doc.paths().map(values).collect(), doc.text("notes").filter(|text| !text.is_empty()))
}

/// What a text would be had only some changes of a linear history been made: the characters of the
/// whole, in its order, that one of them inserted and none of them removed.
fn text_of(whole: &Doc, kept: &[&Change]) -> String {
    let mut inserted = HashSet::new();
    let mut removed = HashSet::new();
    for change in kept {
        for (first, op) in change.numbered() {
            match op {
                super::change::Op::Insert { .. } => {
                    inserted.extend((first..).take(op.count()).map(|counter| (change.actor, counter)));
                }
                super::change::Op::Remove { element, .. } => {
                    removed.insert((change.actor_at(element.actor).unwrap(), element.counter));
                }
                _ => {}
            }
        }
    }
    let elements = whole.texts.get("notes").map(|text| text.elements.clone()).unwrap_or_default();
    let id = |element: &super::text::Element| (whole.actors[element.id.actor as usize], element.id.counter);
    elements
        .iter()
        .filter(|element| inserted.contains(&id(element)) && !removed.contains(&id(element)))
        .map(|element| element.character)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_new_pen_shows_the_same_record(mut base in histories(6), mut later in histories(4), mut pending in histories(8)) {
        let mut next = 0;
        base.iter_mut().chain(&mut later).chain(&mut pending).for_each(|edits| number_characters(edits, &mut next));
        let (base, pending, whole) = two_writers(&base, &later, &pending);
        let again = pending.iter().take(1).map(|(hash, _)| *hash).collect();
        let (answer, doc, bodies) = run(&base, &pending, &HashSet::new(), &again);
        prop_assert_eq!(answer.len(), pending.len());
        prop_assert!(answer.iter().all(|rewritten| rewritten.new.is_some()));
        prop_assert_eq!(shown(&doc), shown(&whole));
        compare(&doc, bodies.iter().map(Vec::as_slice), &texts()).unwrap();
    }

    #[test]
    fn without_a_refused_change_the_record_reads_as_if_it_was_never_made(
        mut base in histories(5), mut pending in histories(9), drop in prop::collection::vec(any::<bool>(), 9),
    ) {
        let mut next = 0;
        base.iter_mut().chain(&mut pending).for_each(|edits| number_characters(edits, &mut next));
        let (base_log, pending_log, whole) = two_writers(&base, &[], &pending);
        let gone: HashSet<_> = pending_log.iter().zip(&drop).filter(|(_, drop)| **drop).map(|((hash, _), _)| *hash).collect();
        let (answer, doc, bodies) = run(&base_log, &pending_log, &gone, &HashSet::new());
        compare(&doc, bodies.iter().map(Vec::as_slice), &texts()).unwrap();
        for (rewritten, new) in answer.iter().filter_map(|rewritten| Some((rewritten, &rewritten.new.as_ref()?.change))) {
            let takes_away = |op: &super::change::Op| matches!(op, super::change::Op::Delete { .. } | super::change::Op::Remove { .. });
            for (hash, old) in &pending_log {
                let is_it = *hash == rewritten.old && !old.ops.iter().all(takes_away);
                prop_assert_eq!(is_written_again(old, new), is_it, "its late copy is recognised, and no other change");
            }
        }
        // Values: the same edits made again one by one, but for deletions that had nothing to delete then.
        let mut expected = Doc::default();
        write_all(&mut expected, ActorId([9; 16]), 100, &base);
        for (_, change) in pending_log.iter().filter(|(hash, _)| !gone.contains(hash)) {
            let deletes = |path: &str| change.ops.iter().any(|op| matches!(op, super::change::Op::Delete { path: same, .. } if **same == *path));
            let was_made = |edit: &&Edit| match edit {
                Edit::Splice { .. } => false,
                Edit::Delete { path } => deletes(path),
                Edit::Put { .. } | Edit::Increment { .. } => true,
            };
            let step: Vec<Edit> = pending[(change.time - 200) as usize].iter().filter(was_made).cloned().collect();
            expected.write(ActorId([6; 16]), change.time, &step);
        }
        prop_assert_eq!(shown(&doc).0, shown(&expected).0);
        let kept: Vec<&Change> = base_log.iter().chain(pending_log.iter().filter(|(hash, _)| !gone.contains(hash))).map(|(_, change)| change).collect();
        prop_assert_eq!(doc.text("notes").unwrap_or_default(), text_of(&whole, &kept));
    }

    #[test]
    fn whatever_is_dropped_amid_edits_of_others_automerge_loads_the_rest(
        base in histories(5), later in histories(5), pending in histories(9), drop in prop::collection::vec(any::<bool>(), 9),
    ) {
        let (base, pending, _) = two_writers(&base, &later, &pending);
        let gone: HashSet<_> = pending.iter().zip(&drop).filter(|(_, drop)| **drop).map(|((hash, _), _)| *hash).collect();
        let (_, doc, bodies) = run(&base, &pending, &gone, &HashSet::new());
        compare(&doc, bodies.iter().map(Vec::as_slice), &texts()).unwrap();
    }
}
