//! Tens of thousands of damaged changes against the fence: none may panic or take more than its bytes
//! pay for, and whatever passes must load in automerge and read there as here.
//!
//! 50,000 mutants in every run, `RAPPORT_FUZZ=1000000` for a night, `RAPPORT_FUZZ_SEED` for others.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;

use crate::fence::{Refusal, inspect};
use crate::hostile::{Manner, Raw, column, hash_of, in_manner, repaired, run, unsigned};
use crate::id::{ActorId, ChangeHash, Facet, Name};
use crate::record::change::{Change, Op, OpRef};
use crate::record::doc::{Doc, Edit};
use crate::record::history::texts_of;
use crate::record::reference::compare;
use crate::record::valid::MAX_INCREMENT;
use crate::testing::*;
use crate::value::Scalar;

/// A record's history, with the document as it was before each change.
struct Seed {
    texts: Vec<Name>,
    before: Vec<Doc>,
    log: Vec<(ChangeHash, Vec<u8>)>,
}

impl Seed {
    fn of(phone: &Phone) -> Self {
        let texts = texts_of(&phone.kind);
        let (mut doc, mut before, mut log) = (Doc::default(), Vec::new(), Vec::new());
        for sent in phone.log.iter().filter(|sent| sent.facet == Facet::Main) {
            before.push(doc.clone());
            doc.apply(&Change::read(&sent.body).unwrap(), sent.hash, &texts).unwrap();
            log.push((sent.hash, sent.body.clone()));
        }
        Self { texts, before, log }
    }
}

/// Records with everything in them: values, rows, counters, lists, logs, texts, conflicts, three actors.
fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, birth) in [
        ("party", vec![set("name", "佳美"), set_row("phones", "p", json!({"value": "1"})), add_to("tags", "vip"), set("notes", "call")]),
        (
            "article",
            vec![set("title", "Prices"), increment("helpful", 2), set("body", "long text"), append("published", "1", json!({"text": "x"}))],
        ),
        ("offer", vec![set_row("lines", "a", json!({"quantity": 1.5})), set_row("lines", "b", json!({})), set("amount", yuan(5))]),
    ] {
        let (mut ann, mut bo) = two_phones(&kind(name), &birth);
        let mut random = Random(name.len() as u64);
        for minute in 1..8 {
            for phone in [&mut ann, &mut bo] {
                let edits = edits::some(&mut random, phone, false);
                phone.edit(minute, &edits.into_iter().filter(|edit| edit.field() != "status").collect::<Vec<_>>());
            }
            if minute % 2 == 0 {
                sync(&mut ann, &mut bo);
            }
        }
        sync(&mut ann, &mut bo);
        seeds.push(Seed::of(&ann));
    }
    seeds
}

/// How a change was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    Flip,
    FlipRepaired,
    Leb128,
    Splice,
    Header,
    Column,
    Meaning,
    Spelling,
}

const DAMAGES: [Damage; 8] =
    [Damage::Flip, Damage::FlipRepaired, Damage::Leb128, Damage::Splice, Damage::Header, Damage::Column, Damage::Meaning, Damage::Spelling];

/// Numbers that break those who count with them.
const INTERESTING: [u64; 16] =
    [0, 1, 2, 15, 16, 63, 64, 127, 128, 255, 16_384, 1 << 26, u32::MAX as u64, u32::MAX as u64 + 1, i64::MAX as u64, u64::MAX];

fn damaged(random: &mut Random, damage: Damage, body: &[u8], other: &[u8]) -> Option<(ChangeHash, Vec<u8>)> {
    let mut bytes = body.to_vec();
    match damage {
        Damage::Flip => {
            flip(random, &mut bytes);
            Some((hash_of(&bytes), bytes))
        }
        Damage::FlipRepaired => {
            (0..1 + random.below(3)).for_each(|_| flip(random, &mut bytes[9..]));
            Some(repaired(&bytes))
        }
        Damage::Leb128 => {
            let at = 10 + random.below(bytes.len() - 10);
            let number = if random.one_in(2) {
                unsigned(*random.pick(&INTERESTING))
            } else {
                run(random.pick(&INTERESTING).wrapping_neg() as i64, &[])
            };
            let end = (at + random.below(4)).min(bytes.len());
            bytes.splice(at..end, number);
            Some(repaired(&bytes))
        }
        Damage::Splice => {
            let (at, from) = (10 + random.below(bytes.len() - 10), random.below(other.len()));
            let (end, to) = ((at + random.below(24)).min(bytes.len()), (from + random.below(24)).min(other.len()));
            bytes.splice(at..end, other[from..to].iter().copied());
            Some(repaired(&bytes))
        }
        Damage::Header => {
            let mut raw = Raw::read(&bytes)?;
            header(random, &mut raw);
            Some(raw.write())
        }
        Damage::Column => {
            let mut raw = Raw::read(&bytes)?;
            columns(random, &mut raw, other);
            Some(raw.write())
        }
        Damage::Meaning => {
            let mut change = Change::read(&bytes).ok()?;
            (0..1 + random.below(2)).for_each(|_| meaning(random, &mut change, other));
            encode(&change)
        }
        Damage::Spelling => in_manner(&bytes, *random.pick(&Manner::ALL)),
    }
}

fn flip(random: &mut Random, bytes: &mut [u8]) {
    let bit = random.below(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Our own writer panics on no change that could be read, so a nonsensical one is caught here.
fn encode(change: &Change) -> Option<(ChangeHash, Vec<u8>)> {
    let (bytes, hash) = change.encode();
    Some((hash, bytes))
}

fn header(random: &mut Random, raw: &mut Raw) {
    let number = *random.pick(&INTERESTING);
    match random.below(10) {
        0 => raw.seq = number,
        1 => raw.start_op = number,
        2 => raw.time = number as i64,
        3 => raw.chunk_type = number as u8,
        4 => raw.message = vec![7; random.below(40)],
        5 => raw.actor = vec![random.next() as u8; random.below(20)],
        6 => raw.others.push(vec![random.next() as u8; 16]),
        7 => drop(raw.others.pop()),
        8 => raw.deps.push([random.next() as u8; 32]),
        _ => drop(raw.deps.pop()),
    }
}

fn columns(random: &mut Random, raw: &mut Raw, other: &[u8]) {
    let number = *random.pick(&INTERESTING);
    let index = random.below(raw.columns.len());
    match random.below(8) {
        0 => drop(raw.columns.remove(index)),
        1 => raw.columns[index].0 = *random.pick(&[number, column::MARK_NAME, column::EXPAND, column::INSERT, column::KEY_ACTOR]),
        2 => raw.columns[index].0 |= column::COMPRESSED,
        3 => raw.columns[index].1 = run(number as i64, &unsigned(*random.pick(&INTERESTING))),
        4 => {
            let data = &mut raw.columns[index].1;
            let at = random.below(data.len() + 1);
            data.splice(at..at, unsigned(number));
        }
        5 => {
            let twin = raw.columns[index].clone();
            raw.columns.insert(index, twin);
        }
        6 => {
            if let Some(stranger) = Raw::read(other).filter(|stranger| !stranger.columns.is_empty()) {
                raw.columns[index] = random.pick(&stranger.columns).clone();
            }
        }
        _ => {
            let data = &mut raw.columns[index].1;
            if !data.is_empty() {
                flip(random, data);
            }
        }
    }
}

fn meaning(random: &mut Random, change: &mut Change, other: &[u8]) {
    let stranger = Change::read(other).ok();
    match random.below(9) {
        0 => change.seq = change.seq.wrapping_add(random.below(3) as u64).wrapping_sub(1),
        1 => change.start_op = change.start_op.wrapping_add(random.below(5) as u32).wrapping_sub(2),
        2 => {
            change.deps.extend(stranger.map(|stranger| stranger.deps).unwrap_or_default());
            change.deps.sort_unstable();
            change.deps.dedup();
        }
        3 => drop(change.deps.pop()),
        4 => change.actor = stranger.map_or(ActorId([1; 16]), |stranger| stranger.actor),
        5 => {
            let at = random.below(change.ops.len());
            let twin = change.ops[at].clone();
            change.ops.insert(random.below(at + 1), twin);
        }
        6 if change.ops.len() > 1 => drop(change.ops.remove(random.below(change.ops.len()))),
        _ => {
            let index = random.below(change.ops.len());
            let others = change.others.len();
            operation(random, &mut change.ops[index], others);
        }
    }
    change.others.retain(|other| *other != change.actor);
    let most = change.others.len() as u32;
    change.ops.iter_mut().for_each(|op| op.for_each_ref(|reference| reference.actor = reference.actor.min(most)));
}

fn operation(random: &mut Random, op: &mut Op, others: usize) {
    let any = |random: &mut Random| OpRef { counter: 1 + random.below(40) as u32, actor: random.below(others + 1) as u32 };
    let path = op.path().unwrap_or("notes").to_owned();
    match random.below(7) {
        0 => op.for_each_ref(|reference| *reference = OpRef { counter: reference.counter + 1, ..*reference }),
        1 => op.for_each_ref(|reference| *reference = any(random)),
        2 => *op = Op::Delete { path: path.into(), pred: vec![any(random)] },
        3 => {
            *op = Op::Put {
                path: (*random.pick(&["name", "notes", "body", "helpful", "tags/vip", ""])).into(),
                value: scalar(random),
                pred: vec![],
            }
        }
        4 => *op = Op::Increment { path: path.into(), by: *random.pick(&INTERESTING) as i64, pred: any(random) },
        5 => *op = Op::MakeText { path: path.into() },
        _ => match op {
            Op::Put { value, .. } => *value = scalar(random),
            Op::Insert { after, .. } => *after = random.one_in(2).then(|| any(random)),
            Op::Remove { element, .. } => *element = any(random),
            Op::Delete { .. } | Op::Increment { .. } | Op::MakeText { .. } => {}
        },
    }
}

fn scalar(random: &mut Random) -> Scalar {
    match random.below(8) {
        0 => Scalar::Null,
        1 => Scalar::Bool(random.one_in(2)),
        2 => Scalar::Int(*random.pick(&INTERESTING) as i64),
        3 => Scalar::Float(*random.pick(&[f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE])),
        4 => Scalar::Counter(random.below(9) as i64),
        5 => Scalar::Text("".into()),
        _ => Scalar::Text("\u{0}佳\u{10ffff}".into()),
    }
}

/// What became of the mutants.
#[derive(Debug, Default)]
struct Outcome {
    tried: u64,
    /// Admitted by the bytes, then by the document, by damage.
    admitted: BTreeMap<Damage, u64>,
    /// Admitted, and then automerge did not agree.
    poisoned: Vec<(Damage, String)>,
}

fn fuzz(mutants: u64, seed: u64) -> Outcome {
    let (seeds, mut random, mut outcome) = (seeds(), Random(seed), Outcome::default());
    while outcome.tried < mutants {
        let seed = &seeds[random.below(seeds.len())];
        let at = random.below(seed.log.len());
        let damage = *random.pick(&DAMAGES);
        let other = &seed.log[random.below(seed.log.len())].1;
        let Some((hash, bytes)) = damaged(&mut random, damage, &seed.log[at].1, other) else { continue };
        outcome.tried += 1;
        if bytes == seed.log[at].1 {
            continue;
        }
        if let Some(doc) = admitted(seed, at, hash, &bytes) {
            *outcome.admitted.entry(damage).or_default() += 1;
            if let Err(problem) = agrees(seed, at, doc, &bytes) {
                outcome.poisoned.push((damage, problem));
            }
        }
    }
    outcome
}

/// The document with the mutant, if the fence and the document let it in.
fn admitted(seed: &Seed, at: usize, hash: ChangeHash, bytes: &[u8]) -> Option<Doc> {
    let change = match inspect(&hash, bytes) {
        Ok(change) => change,
        Err(Refusal::Malformed(_) | Refusal::Time) => return None,
        Err(other) => panic!("the bytes alone cannot tell: {other}"),
    };
    assert!(size_of_parts(&change) <= 2 * bytes.len() + 64, "{} parts of {} bytes", size_of_parts(&change), bytes.len());
    let mut doc = seed.before[at].clone();
    doc.apply(&change, hash, &seed.texts).ok()?;
    // Sums that overflow are the field check's to refuse.
    let fits = |op: &Op| !matches!(op, Op::Increment { by, .. } if by.unsigned_abs() > MAX_INCREMENT as u64);
    change.ops.iter().all(fits).then_some(doc)
}

/// The bytes that the parts of a change take, besides its operations themselves.
fn size_of_parts(change: &Change) -> usize {
    let of = |op: &Op| match op {
        Op::Put { path, value, .. } => path.len() + if let Scalar::Text(text) = value { text.len() } else { 0 },
        Op::Delete { path, .. } | Op::Increment { path, .. } | Op::MakeText { path } => path.len(),
        Op::Insert { characters, .. } => characters.len(),
        Op::Remove { .. } => 0,
    };
    change.ops.iter().map(of).sum()
}

/// Automerge takes the record with the mutant, reads it as we do, and so it does with an edit on top.
fn agrees(seed: &Seed, at: usize, mut doc: Doc, bytes: &[u8]) -> Result<(), String> {
    let mut bodies: Vec<&[u8]> = seed.log[..at].iter().map(|(_, body)| body.as_slice()).collect();
    bodies.push(bytes);
    let same = |doc: &Doc, bodies: &[&[u8]]| match catch_unwind(AssertUnwindSafe(|| compare(doc, bodies.iter().copied(), &seed.texts))) {
        Ok(answer) => answer.map_err(|difference| difference.to_string()),
        Err(_) => Err("automerge panics".to_owned()),
    };
    same(&doc, &bodies)?;
    // Of a path of its own: what mutants put is not always what a field takes.
    let edit = Edit::Put { path: "on_top".into(), value: Scalar::Bool(true) };
    let honest = doc.write(ActorId([0x55; 16]), TEN + 99 * MINUTE, &[edit]).ok_or("nothing can be written any more")?;
    bodies.push(&honest.bytes);
    same(&doc, &bodies)
}

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn no_mutant_panics_and_whatever_passes_reads_the_same_in_automerge() {
    let outcome = fuzz(from_env("RAPPORT_FUZZ", 50_000), from_env("RAPPORT_FUZZ_SEED", 1));
    assert_eq!(outcome.poisoned, [], "{:?}", outcome.admitted);
    // The mutators reach behind the bytes: hostile content that is harmless does pass.
    assert!(outcome.admitted.contains_key(&Damage::Meaning) && outcome.admitted.contains_key(&Damage::FlipRepaired), "{outcome:?}");
    for refused in [Damage::Flip, Damage::Spelling] {
        assert!(!outcome.admitted.contains_key(&refused), "{outcome:?}");
    }
    println!("{} mutants, admitted by damage: {:?}", outcome.tried, outcome.admitted);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn planted_without_the_round_trip_the_fuzz_finds_records_that_automerge_loses() {
    use crate::planted::{Bug, plant};
    plant(Some(Bug::SkipRoundTrip));
    let outcome = fuzz(5_000, 1);
    plant(None);
    assert!(!outcome.poisoned.is_empty(), "{outcome:?}");
    let mut reasons: BTreeMap<(Damage, &str), u64> = BTreeMap::new();
    for (damage, reason) in &outcome.poisoned {
        *reasons.entry((*damage, reason.split('`').next().unwrap_or(reason))).or_default() += 1;
    }
    println!("{} mutants, admitted {:?}, lost {reasons:?}", outcome.tried, outcome.admitted);
}

/// What each spelling does to automerge when nobody compares.
#[cfg(feature = "planted-bugs")]
#[test]
fn planted_without_the_round_trip_a_second_spelling_splits_a_record_from_automerge() {
    use crate::planted::{Bug, plant};
    let seeds = seeds();
    let mut answers: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    plant(Some(Bug::SkipRoundTrip));
    for seed in &seeds {
        for (at, (_, body)) in seed.log.iter().enumerate() {
            for manner in Manner::ALL {
                let Some((hash, bytes)) = in_manner(body, manner) else { continue };
                let count = answers.entry(format!("{manner:?}")).or_default();
                match admitted(seed, at, hash, &bytes).map(|doc| agrees(seed, at, doc, &bytes)) {
                    None => count[0] += 1,
                    Some(Ok(())) => count[1] += 1,
                    Some(Err(_)) => count[2] += 1,
                }
            }
        }
    }
    plant(None);
    println!("refused, harmless, lost: {answers:?}");
    // The one that the simulated world uses: it passes everything but the round trip, and always does harm.
    let [refused, harmless, lost] = answers["RunsOfOne"];
    assert!(refused == 0 && harmless == 0 && lost > 0, "{answers:?}");
}
