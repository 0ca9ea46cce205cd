//! What must never pass the fence, each attack by name (A1-A13 of the research on automerge 0.12 under
//! hostile bytes), and every second spelling of what may pass.

use serde_json::json;

use crate::fence::{Refusal, inspect};
use crate::hostile::{Manner, Raw, chunk, column, hash_of, in_manner, non_canonical, repaired, run, unsigned};
use crate::id::{ActorId, ChangeHash, Facet, Name};
use crate::record::change::{Change, MAX_CHANGE_OPS, Malformed, Op, OpRef};
use crate::record::columns::BadColumn;
use crate::record::doc::{Doc, Edit, Inadmissible};
use crate::record::history::texts_of;
use crate::record::reference::compare;
use crate::record::text::genesis;
use crate::testing::*;
use crate::value::Scalar;

/// A record with a value, rows, a text; and an honest change on top of it.
fn sample() -> (Phone, Sent) {
    let (mut ann, mut bo) =
        two_phones(&kind("party"), &[set("name", "佳美"), set("notes", "call back"), set_row("phones", "p", json!({"value": "1"}))]);
    bo.edit(1, &[set("industry", "retail")]);
    sync(&mut ann, &mut bo);
    let before = ann.clone();
    let sent =
        ann.edit(2, &[set("name", "佳美办公"), splice("notes", 4, 5, " again"), add_to("tags", "vip"), set("source", "fair")]).remove(0);
    (before, sent)
}

fn raw() -> Raw {
    Raw::read(&sample().1.body).unwrap()
}

/// A change on the sample, free to lie.
fn lying(lie: impl FnOnce(&mut Raw)) -> Result<Change, Refusal> {
    let mut raw = raw();
    lie(&mut raw);
    let (hash, body) = raw.write();
    inspect(&hash, &body)
}

/// A change of the sample's author with other operations, offered to the sample.
fn offer(change: impl FnOnce(&mut Change)) -> Result<(), Inadmissible> {
    let (phone, sent) = sample();
    let mut changed = Change::read(&sent.body).unwrap();
    change(&mut changed);
    let (body, hash) = changed.encode();
    let changed = inspect(&hash, &body).unwrap();
    let mut doc = phone.docs[&Facet::Main].clone();
    let before = doc.clone();
    let answer = doc.apply(&changed, hash, &texts_of(&phone.kind)).map(drop);
    assert_eq!(answer.is_err(), doc == before, "what does not fit touches nothing");
    answer
}

fn malformed(answer: Result<Change, Refusal>) -> Malformed {
    match answer {
        Err(Refusal::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_honest_change_passes() {
    let (mut phone, sent) = sample();
    phone.receive(&sent).unwrap();
    phone.agrees_with_automerge();
    assert_eq!(raw().write(), (sent.hash, sent.body));
}

#[test]
fn a1_nothing_compressed_is_ever_inflated() {
    let (hash, body) = chunk(2, &[0x4b, 0x4c, 0x04, 0x00]);
    assert_eq!(malformed(inspect(&hash, &body)), Malformed::NotAChange("another chunk type"));
    for kind in [0, 3, 255] {
        assert_eq!(malformed(lying(|raw| raw.chunk_type = kind)), Malformed::NotAChange("another chunk type"));
    }
    let packed = lying(|raw| raw.columns[0].0 |= column::COMPRESSED);
    assert_eq!(malformed(packed), Malformed::NotAChange("an unknown or compressed column"));
}

#[test]
fn a2_a_run_that_claims_millions_of_operations_costs_no_more_than_its_bytes() {
    let many = 1 << 26;
    let bomb = |columns: Vec<(u64, Vec<u8>)>| {
        let raw = Raw { columns, deps: Vec::new(), others: Vec::new(), seq: 1, start_op: 1, ..raw() };
        let (hash, body) = raw.write();
        assert!(body.len() < 160, "{}", body.len());
        malformed(inspect(&hash, &body))
    };
    // Puts of one path, over and over.
    let puts = vec![(column::KEY_TEXT, run(many, &[1, b'a'])), (column::ACTION, run(many, &[1])), (column::VALUE_META, run(many, &[0]))];
    assert!(matches!(bomb(puts), Malformed::NotFlat { index: 1, .. }));
    // Removed characters, one after the other: an honest change has up to the limit of them.
    let removed = vec![
        (column::OBJ_ACTOR, run(many, &[0])),
        (column::OBJ_COUNTER, run(many, &[1])),
        (column::KEY_ACTOR, run(many, &[0])),
        (column::KEY_COUNTER, run(many, &[1])),
        (column::ACTION, run(many, &[3])),
        (column::VALUE_META, run(many, &[0])),
        (column::PRED_COUNT, run(many, &[1])),
        (column::PRED_ACTOR, run(many, &[0])),
        (column::PRED_COUNTER, run(many, &[1])),
    ];
    let limit = MAX_CHANGE_OPS;
    assert!(matches!(bomb(removed), Malformed::TooLarge { limit: found, .. } if found == limit));
    // One operation that replaces millions, and a few that each replace the most that one may.
    for (ops, each) in [(1, 1 << 40), (5_000, 9_999)] {
        let paths: Vec<u8> = if ops == 1 { run(-1, &[1, b'a']) } else { run(-2, &[1, b'a', 1, b'b']) };
        let columns = vec![
            (column::KEY_TEXT, paths),
            (column::ACTION, run(ops, &[1])),
            (column::VALUE_META, run(ops, &[0])),
            (column::PRED_COUNT, run(ops, &unsigned(each))),
            (column::PRED_ACTOR, run(1 << 50, &[0])),
            (column::PRED_COUNTER, run(1 << 50, &[0, 1][1..])),
        ];
        assert!(matches!(bomb(columns), Malformed::TooLarge { what: "replaced operations", .. }));
    }
}

#[test]
fn a2_a_long_path_cannot_be_repeated_for_free() {
    let path = "佳".repeat(60_000);
    let run_of_path = run(5_000, &[unsigned(path.len() as u64), path.into_bytes()].concat());
    let refused = lying(|raw| {
        raw.columns = vec![(column::KEY_TEXT, run_of_path), (column::ACTION, run(5_000, &[1])), (column::VALUE_META, run(5_000, &[0]))];
    });
    assert_eq!(malformed(refused), Malformed::NotFlat { index: 1, reason: "its path was written just before" });
}

#[test]
fn a3_a_length_prefix_allocates_nothing() {
    for claimed in [1 << 30, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
        let text = lying(|raw| *raw.column(column::KEY_TEXT) = run(-1, &unsigned(claimed)));
        assert!(matches!(malformed(text), Malformed::Column(BadColumn::Truncated | BadColumn::Number)));
        let mut header = vec![0];
        header.extend(unsigned(claimed));
        let (hash, body) = chunk(1, &header);
        assert!(matches!(malformed(inspect(&hash, &body)), Malformed::Column(_)));
        let (hash, body) = chunk(1, &unsigned(claimed));
        assert!(matches!(malformed(inspect(&hash, &body)), Malformed::TooLarge { .. } | Malformed::Column(_)));
    }
}

#[cfg(feature = "codec")]
#[test]
fn a4_automerges_own_sync_messages_are_no_frames() {
    use crate::protocol::{BadFrame, decode_frame};
    let bloom = [0x42, 0, 1, 0, 9, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0];
    assert_eq!(decode_frame(&bloom), Err(BadFrame::UnknownCodec(0x42)));
    assert_eq!(decode_frame(&[0x43, 0]), Err(BadFrame::UnknownCodec(0x43)));
}

#[test]
fn a5_nothing_nests() {
    // 0 makes a map, 2 a list, 4 a text, 6 a table (old), 7 a mark.
    for action in [0, 2, 6, 7, 200] {
        assert!(matches!(malformed(lying(|raw| *raw.column(column::ACTION) = run(14, &unsigned(action)))), Malformed::NotFlat { .. }));
    }
    assert_eq!(
        offer(|change| {
            change.others = Vec::new();
            change.ops = vec![Op::MakeText { path: "body".into() }];
        }),
        Err(Inadmissible::WrongSort { index: 0, path: "body".into() })
    );
}

#[test]
fn a6_what_automerge_accepts_and_never_loads_again_is_refused() {
    assert!(matches!(offer(|change| change.start_op -= 1), Err(Inadmissible::StartOp { .. } | Inadmissible::UnknownOperation { .. })));
    assert!(matches!(offer(|change| change.start_op = 1), Err(Inadmissible::StartOp { .. } | Inadmissible::UnknownOperation { .. })));
    // A map key inside of a text.
    let keyed = lying(|raw| {
        let keys = raw.column(column::KEY_TEXT);
        *keys = run(14, &[1, b'k']);
    });
    assert!(matches!(malformed(keyed), Malformed::NotFlat { .. }));
    // Marks.
    for number in [column::EXPAND, column::MARK_NAME] {
        let marked = lying(|raw| {
            raw.columns.remove(0);
            *raw.column(number) = run(1, &[1, b'b']);
        });
        assert_eq!(malformed(marked), Malformed::NotAChange("an unknown or compressed column"));
    }
}

#[test]
fn a7_nobody_writes_from_the_end_of_counting() {
    for start in [u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
        assert_eq!(malformed(lying(|raw| raw.start_op = start)), Malformed::NotAChange("a counter is out of range"));
    }
    assert!(matches!(offer(|change| change.start_op = 4_000_000_000), Err(Inadmissible::StartOp { .. })));
    assert_eq!(malformed(lying(|raw| raw.seq = 0)), Malformed::NotAChange("a counter is out of range"));
}

#[test]
fn a8_nobody_edits_before_2000_or_after_2100() {
    for time in [i64::MIN, -1, 0, crate::fence::EARLIEST - 1, crate::fence::LATEST, i64::MAX] {
        assert_eq!(lying(|raw| raw.time = time), Err(Refusal::Time));
    }
}

#[test]
fn a9_what_refers_to_the_unknown_is_refused_before_anything_is_touched() {
    let nobody = ActorId([0xd0; 16]);
    let put = |pred: Vec<OpRef>| Op::Put { path: "name".into(), value: Scalar::Null, pred };
    let foreign = offer(|change| {
        change.others = vec![nobody];
        change.ops = vec![put(vec![OpRef { counter: 1, actor: 1 }])];
    });
    assert_eq!(foreign, Err(Inadmissible::UnknownOperation { index: 0 }));
    for counter in [1, 3, 9_999] {
        let pred = offer(|change| {
            change.others = Vec::new();
            change.ops = vec![Op::Put { path: "industry".into(), value: Scalar::Null, pred: vec![OpRef { counter, actor: 0 }] }];
        });
        assert_eq!(pred, Err(Inadmissible::UnknownOperation { index: 0 }), "{counter}");
    }
    // An object that is no text, and a text that is there, with an element that is not.
    let maker = genesis(&"notes".parse().unwrap()).actor;
    for (others, text, after) in
        [(vec![nobody], 1, None), (vec![maker], 2, None), (vec![maker], 1, Some(OpRef { counter: 7_777, actor: 1 }))]
    {
        let inserted = offer(|change| {
            change.others = others;
            change.ops = vec![Op::Insert { text: OpRef { counter: text, actor: 1 }, after, characters: "x".into() }];
        });
        assert_eq!(inserted, Err(Inadmissible::UnknownOperation { index: 0 }));
    }
    // A character that removes itself.
    let own = offer(|change| {
        change.others = vec![maker];
        let element = OpRef { counter: change.start_op, actor: 0 };
        let text = OpRef { counter: 1, actor: 1 };
        change.ops = vec![Op::Insert { text, after: None, characters: "x".into() }, Op::Remove { text, element }];
    });
    assert_eq!(own, Err(Inadmissible::UnknownOperation { index: 1 }));
}

#[test]
fn a10_a_change_whose_parents_are_missing_is_not_kept() {
    let missing = ChangeHash([9; 32]);
    assert_eq!(offer(|change| change.deps = vec![missing]), Err(Inadmissible::MissingDeps(vec![missing])));
    let many = lying(|raw| raw.deps = (0..=64).map(|n| [n; 32]).collect());
    assert_eq!(malformed(many), Malformed::TooLarge { what: "parents", found: 65, limit: 64 });
    let twice = lying(|raw| raw.deps = vec![[7; 32]; 2]);
    assert_eq!(malformed(twice), Malformed::NotCanonical);
    // A gap in the author's numbers, and a number that is taken.
    assert!(matches!(offer(|change| change.seq += 1), Err(Inadmissible::SeqGap { .. })));
    assert!(matches!(offer(|change| change.seq = 1), Err(Inadmissible::ActorFork { .. })));
}

#[test]
fn a11_an_actor_has_sixteen_bytes() {
    for length in [0, 1, 15, 17, 200_000] {
        let refused = lying(|raw| raw.actor = vec![7; length]);
        assert_eq!(malformed(refused), Malformed::NotAChange("an actor id is not 16 bytes long"));
        let refused = lying(|raw| raw.others = vec![vec![7; length]]);
        assert_eq!(malformed(refused), Malformed::NotAChange("an actor id is not 16 bytes long"));
    }
    assert_eq!(
        malformed(lying(|raw| raw.others = (0..65).map(|n| vec![n; 16]).collect())),
        Malformed::TooLarge { what: "actors", found: 65, limit: 64 }
    );
    let unsorted = lying(|raw| raw.others.insert(0, vec![0xff; 16]));
    assert_eq!(malformed(unsorted), Malformed::NotCanonical);
}

#[test]
fn a12_every_flipped_bit_is_noticed() {
    let (_, sent) = sample();
    for bit in 0..sent.body.len() * 8 {
        let mut body = sent.body.clone();
        body[bit / 8] ^= 1 << (bit % 8);
        assert!(inspect(&sent.hash, &body).is_err(), "bit {bit} under the old hash");
        // With the hash of the flipped bytes, but the checksum in them as it was.
        assert!(inspect(&hash_of(&body), &body).is_err(), "bit {bit} under the hash of the bytes");
    }
}

#[test]
fn a13_a_change_is_whole_or_it_is_none() {
    let (_, sent) = sample();
    for end in 0..sent.body.len() {
        let cut = &sent.body[..end];
        assert!(inspect(&sent.hash, cut).is_err() && inspect(&hash_of(cut), cut).is_err());
        let (hash, mended) = repaired(cut);
        assert!(inspect(&hash, &mended).is_err(), "cut at {end}");
    }
    for tail in [&[0][..], &sent.body] {
        let longer = [&sent.body, tail].concat();
        assert!(inspect(&sent.hash, &longer).is_err() && inspect(&hash_of(&longer), &longer).is_err());
    }
    assert_eq!(malformed(lying(|raw| raw.extra = vec![0])), Malformed::NotAChange("bytes after the columns"));
    assert_eq!(malformed(lying(|raw| raw.message = b"hello".to_vec())), Malformed::NotAChange("it carries a message"));
}

#[test]
fn every_second_spelling_of_a_change_is_refused() {
    let (mut phone, sent) = sample();
    let simple = phone.edit(3, &[set("do_not_call", true)]).remove(0);
    for manner in Manner::ALL {
        let (hash, body) = in_manner(&sent.body, manner).or_else(|| in_manner(&simple.body, manner)).unwrap();
        assert_eq!(malformed(inspect(&hash, &body)), Malformed::NotCanonical, "{manner:?}");
        assert_eq!(hash, hash_of(&body));
    }
    assert!(non_canonical(&sent.body).is_some());
}

#[test]
fn nobody_writes_under_the_name_that_makes_a_text() {
    let name: Name = "notes".parse().unwrap();
    let mut doc = Doc::default();
    let edits = [Edit::Put { path: "name".into(), value: Scalar::Null }];
    let forged = doc.write(ActorId::maker_of_text(&name), TEN, &edits).unwrap();
    assert_eq!(malformed(inspect(&forged.hash, &forged.bytes)), Malformed::NotAChange("its author is a name that only texts have"));
    // Had it passed: two first changes of one author, and automerge takes only one of them.
    let honest = doc.write(ActorId([1; 16]), TEN, &[Edit::Splice { path: "notes".into(), at: 0, delete: 0, insert: "x".into() }]).unwrap();
    assert!(compare(&doc, [forged.bytes.as_slice(), honest.bytes.as_slice()], &[name]).is_err());
    assert!(!ActorId::new(*b"text567890123456").is_maker_of_text());
}

#[test]
fn a_value_is_never_put_where_a_text_is_born_later() {
    let put = offer(|change| {
        change.others = Vec::new();
        change.ops = vec![Op::Put { path: "body".into(), value: Scalar::Null, pred: Vec::new() }];
    });
    assert_eq!(put, Ok(()), "no text of this kind");
    let mut doc = Doc::default();
    let written = Doc::default().write(ActorId([1; 16]), TEN, &[Edit::Put { path: "notes".into(), value: Scalar::Null }]).unwrap();
    let texts: [Name; 1] = ["notes".parse().unwrap()];
    assert_eq!(doc.apply(&written.change, written.hash, &texts), Err(Inadmissible::WrongSort { index: 0, path: "notes".into() }));
}

#[test]
fn increments_add_up_alike_in_every_order() {
    let mut base = Doc::default();
    let birth = base.write(ActorId([1; 16]), TEN, &[Edit::Increment { path: "n".into(), by: 1 }]).unwrap();
    let by = |actor, by| base.clone().write(ActorId([actor; 16]), TEN, &[Edit::Increment { path: "n".into(), by }]).unwrap();
    let steps = [by(2, i64::MAX), by(3, i64::MAX), by(4, -7)];
    let sum = |order: [usize; 3]| {
        let mut doc = Doc::default();
        doc.apply(&birth.change, birth.hash, &[]).unwrap();
        for step in order {
            doc.apply(&steps[step].change, steps[step].hash, &[]).unwrap();
        }
        doc.values("n")[0].added
    };
    assert_eq!(sum([0, 1, 2]), sum([2, 1, 0]));
}

/// What the fence says about one put on the sample.
fn put(path: &str, value: Scalar) -> Result<(), Refusal> {
    check(&[Edit::Put { path: path.into(), value }])
}

fn check(edits: &[Edit]) -> Result<(), Refusal> {
    let (phone, _) = sample();
    let doc = &phone.docs[&Facet::Main];
    let Some(written) = doc.clone().write(ActorId([0xa1; 16]), TEN, edits) else {
        return Err(Inadmissible::WrongSort { index: 0, path: edits[0].path().into() }.into());
    };
    crate::fence::check(doc, &phone.kind, Facet::Main, &written.change, crate::fence::Pen::Device)
}

#[test]
fn a_value_has_one_spelling() {
    let link = "0198c5a0-7d3f-7b11-9e55-0f6d3c1a2b4e";
    assert_eq!(put("owner", Scalar::Text(link.into())), Ok(()));
    for other in [link.to_uppercase(), link.replace('-', ""), format!("{{{link}}}"), format!("urn:uuid:{link}")] {
        assert!(matches!(put("owner", Scalar::Text(other.into())), Err(Refusal::BadValue { .. })));
    }
    assert_eq!(put("tags/a~1b~0", Scalar::Bool(true)), Ok(()));
    for other in ["tags/a~2", "tags/~", "tags/a~"] {
        assert!(matches!(put(other, Scalar::Bool(true)), Err(Refusal::WrongOp { .. })), "{other}");
    }
    let item = |text: &str| put("consents/1", Scalar::Text(text.into()));
    assert_eq!(item(r#"{"given":true,"purpose":"marketing"}"#), Ok(()));
    for other in
        [r#"{"purpose":"marketing","given":true}"#, r#"{ "given":true}"#, r#"{"given":true,"given":true}"#, r#"{"given":null}"#, "[]"]
    {
        assert!(matches!(item(other), Err(Refusal::BadValue { .. })), "{other}");
    }
}

#[test]
fn what_a_path_is_for_decides_what_it_takes() {
    let refused: &[(&str, Scalar)] = &[
        ("nothing", Scalar::Null),
        ("credit_limit", Scalar::Null),
        ("archived", Scalar::Null),
        ("archived", Scalar::Text("true".into())),
        ("archived/x", Scalar::Bool(true)),
        ("name/x", Scalar::Text("x".into())),
        ("name", Scalar::Counter(1)),
        ("name", Scalar::Float(f64::NAN)),
        ("tags/x", Scalar::Bool(false)),
        ("tags/x/y", Scalar::Bool(true)),
        ("phones/q/value", Scalar::Text("1".into())),
        ("phones/p/nothing", Scalar::Text("1".into())),
        ("phones/p/pos", Scalar::Text("1".into())),
        ("notes", Scalar::Text("x".into())),
        ("", Scalar::Null),
    ];
    for (path, value) in refused {
        assert!(put(path, value.clone()).is_err(), "{path} = {value:?}");
    }
    assert_eq!(put("phones/p/value", Scalar::Text("2".into())), Ok(()));
    for put_away in [true, false] {
        assert_eq!(put("archived", Scalar::Bool(put_away)), Ok(()));
    }
    assert_eq!(check(&[Edit::Delete { path: "phones/p".into() }]), Ok(()));
    for path in ["phones/p/value", "name", "industry"] {
        assert!(matches!(check(&[Edit::Delete { path: path.into() }]), Err(Refusal::WrongOp { .. })), "{path}");
    }
}

#[test]
fn a_list_takes_only_positions_that_leave_room() {
    let (phone, _) = two_phones(&kind("offer"), &[set_row("lines", "a", json!({}))]);
    let doc = &phone.docs[&Facet::Main];
    for (position, fits) in [("1", true), ("zz5", true), ("10", false), ("0", false), ("", false), ("a-", false), ("é", false)] {
        let edit = Edit::Put { path: "lines/a/pos".into(), value: Scalar::Text(position.into()) };
        let written = doc.clone().write(phone.actor, TEN, &[edit]).unwrap();
        let answer = crate::fence::check(doc, &phone.kind, Facet::Main, &written.change, crate::fence::Pen::Device);
        assert_eq!(answer.is_ok(), fits, "{position}");
    }
}

#[test]
fn a_counter_moves_in_steps_that_no_sum_of_them_overflows() {
    let (phone, _) = two_phones(&kind("article"), &[increment("helpful", 1)]);
    let doc = &phone.docs[&Facet::Main];
    for (by, fits) in [(1_000_000_000, true), (-1_000_000_000, true), (1_000_000_001, false), (i64::MIN, false), (i64::MAX, false)] {
        for doc in [doc, &Doc::default()] {
            let written = doc.clone().write(phone.actor, TEN, &[Edit::Increment { path: "helpful".into(), by }]).unwrap();
            let answer = crate::fence::check(doc, &phone.kind, Facet::Main, &written.change, crate::fence::Pen::Device);
            assert_eq!(answer.is_ok(), fits, "{by}");
        }
    }
}
