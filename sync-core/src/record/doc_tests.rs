//! Random histories of several replicas: we and automerge must read them alike.

use proptest::prelude::*;

use super::change::Change;
use super::doc::{Doc, Edit};
use super::reference::compare;
use crate::id::{ActorId, ChangeHash, Name};
use crate::value::Scalar;

#[derive(Debug, Clone)]
enum Step {
    Edit { replica: usize, edits: Vec<Edit> },
    Meet { from: usize, to: usize },
    NewActor { replica: usize },
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Int),
        (-1e9..1e9f64).prop_map(Scalar::Float),
        "[a-z佳美é]{0,8}".prop_map(|text| Scalar::Text(text.into())),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let path = prop_oneof![Just("name"), Just("stage"), Just("tags/vip"), Just("lines/a/price"), Just("z")];
    prop_oneof![
        4 => (path.clone(), scalar()).prop_map(|(path, value)| Edit::Put { path: path.into(), value }),
        2 => path.prop_map(|path| Edit::Delete { path: path.into() }),
        2 => (any::<i16>()).prop_map(|by| Edit::Increment { path: "uses".into(), by: by.into() }),
        3 => (prop_oneof![Just("notes"), Just("body")], 0..20usize, 0..4usize, "[a-z佳😀]{0,6}")
            .prop_map(|(path, at, delete, insert)| Edit::Splice { path: path.into(), at, delete, insert }),
    ]
}

fn one_per_path(edits: Vec<Edit>) -> Vec<Edit> {
    let mut seen = std::collections::HashSet::new();
    let path = |edit: &Edit| match edit {
        Edit::Put { path, .. } | Edit::Delete { path } | Edit::Increment { path, .. } | Edit::Splice { path, .. } => path.clone(),
    };
    edits.into_iter().filter(|edit| seen.insert(path(edit))).collect()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..3usize, prop::collection::vec(edit(), 1..5)).prop_map(|(replica, edits)| Step::Edit { replica, edits: one_per_path(edits) }),
        3 => (0..3usize, 0..3usize).prop_map(|(from, to)| Step::Meet { from, to }),
        1 => (0..3usize).prop_map(|replica| Step::NewActor { replica }),
    ]
}

struct Replica {
    actor: ActorId,
    doc: Doc,
    log: Vec<(ChangeHash, Vec<u8>)>,
}

fn texts() -> Vec<Name> {
    ["notes", "body"].iter().map(|name| name.parse().unwrap()).collect()
}

fn take(replica: &mut Replica, hash: ChangeHash, bytes: &[u8]) {
    if replica.doc.contains(&hash) {
        return;
    }
    let (change, found) = Change::parse(bytes).unwrap();
    assert_eq!(found, hash);
    replica.doc.apply(&change, hash, &texts()).unwrap();
    replica.log.push((hash, bytes.to_vec()));
}

fn run(steps: Vec<Step>) -> Vec<Replica> {
    let mut replicas: Vec<_> = (0..3u8).map(|n| Replica { actor: ActorId([9 - n; 16]), doc: Doc::default(), log: vec![] }).collect();
    for (tick, step) in steps.into_iter().enumerate() {
        match step {
            Step::Edit { replica, edits } => {
                let replica = &mut replicas[replica];
                if let Some(written) = replica.doc.write(replica.actor, tick as i64, &edits) {
                    let (read, hash) = Change::parse(&written.bytes).unwrap();
                    assert_eq!((&read, hash), (&written.change, written.hash));
                    replica.log.push((written.hash, written.bytes));
                }
            }
            Step::Meet { from, to } => {
                for (hash, bytes) in replicas[from].log.clone() {
                    take(&mut replicas[to], hash, &bytes);
                }
            }
            Step::NewActor { replica } => replicas[replica].actor = ActorId([tick as u8 + 20; 16]),
        }
    }
    for (from, to) in [(0, 1), (1, 2), (2, 0), (2, 1), (0, 1)] {
        for (hash, bytes) in replicas[from].log.clone() {
            take(&mut replicas[to], hash, &bytes);
        }
    }
    replicas
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn automerge_reads_every_history_as_we_do(steps in prop::collection::vec(step(), 1..40)) {
        let replicas = run(steps);
        for replica in &replicas {
            compare(&replica.doc, replica.log.iter().map(|(_, bytes)| bytes.as_slice()), &texts()).unwrap();
            prop_assert_eq!(replica.doc.heads(), replicas[0].doc.heads());
        }
    }
}

#[test]
fn what_was_written_beside_a_change_is_what_it_did_not_know_of() {
    const NOW: i64 = 1_800_000_000_000;
    let put = |value: i64| [Edit::Put { path: "stage".into(), value: Scalar::Int(value) }];
    let (first, second, third) = (ActorId([1; 16]), ActorId([2; 16]), ActorId([3; 16]));
    let mut doc = Doc::default();
    doc.write(first, NOW, &put(50)).unwrap();
    let beside = doc.draft(third, NOW, &put(70)).unwrap().change;
    doc.write(second, NOW, &put(60)).unwrap();
    assert_eq!(doc.written_beside(&beside), [(second, 1)]);
    let after = doc.draft(third, NOW, &put(50)).unwrap().change;
    assert_eq!(doc.written_beside(&after), [], "the same said again with both in sight is no late copy");
    let later = doc.draft(third, NOW + 1, &put(50)).unwrap().change;
    assert_eq!(doc.written_beside(&later), []);
}
