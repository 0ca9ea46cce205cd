//! Duplicates on phones: offered offline, and merged by two people at once.

use proptest::prelude::*;
use serde_json::json;

use super::model::{Phone, START, Server};
use super::*;
use crate::actions::duplicates::FIELD;
use crate::store::Place;

fn phone_of(number: &str) -> FieldEdit {
    let values = json!({"value": number}).as_object().unwrap().clone();
    FieldEdit::SetRow { field: "phones".into(), row: "p1".into(), values }
}

fn edits(kind: &str, record: RecordId, edits: &[FieldEdit]) -> RecordEdits {
    RecordEdits { kind: kind.parse().unwrap(), record, edits: edits.to_vec(), makes: true }
}

/// What is offered while somebody types a new record.
fn offered_to_new(phone: &mut Phone, kind: &str, typed: &[FieldEdit]) -> Vec<LikelyDuplicate> {
    let record = phone.device.new_id(START);
    phone.device.likely_duplicates(&edits(kind, record, typed)).unwrap()
}

fn same(record: RecordId) -> FieldEdit {
    FieldEdit::Add { field: FIELD.into(), value: record.to_string() }
}

#[test]
fn a_likely_duplicate_is_offered_while_somebody_types_without_a_network() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let make = |phone: &mut Phone, edits: &[FieldEdit]| phone.device.create(START, "party", edits).unwrap().record;
    let known = make(&mut ann, &[FieldEdit::set("name", "深圳市佳美办公用品有限公司"), phone_of("+86 138 1234 5678")]);
    make(&mut ann, &[FieldEdit::set("name", "南湖贸易"), phone_of("13999999999")]);
    let cases: [&[FieldEdit]; 3] =
        [&[phone_of("138-1234-5678")], &[FieldEdit::set("name", "佳美办公用品")], &[FieldEdit::set("name", "嘉美办公用品")]];
    for typed in cases {
        let offered = offered_to_new(&mut ann, "party", typed);
        assert_eq!(offered.iter().map(|likely| likely.row.record).collect::<Vec<_>>(), [known], "{typed:?}");
        assert!(offered[0].percent >= 50 && !offered[0].reasons.is_empty());
    }
    assert!(offered_to_new(&mut ann, "party", &[FieldEdit::set("name", "别的公司")]).is_empty());
    assert!(offered_to_new(&mut ann, "deal", &[FieldEdit::set("title", "佳美办公用品")]).is_empty());
}

#[test]
fn likely_duplicates_of_a_customer_that_is_there_are_offered_until_somebody_decides() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let mut make =
        |name: &str, number: &str| ann.device.create(START, "party", &[FieldEdit::set("name", name), phone_of(number)]).unwrap().record;
    let [one, other, third] = [("佳美", "13812345678"), ("Nanhu", "+86 138 1234 5678"), ("安达", "13999999999")].map(|(n, p)| make(n, p));
    let offered = |phone: &mut Phone, record, typed: &[FieldEdit]| -> Vec<RecordId> {
        let likely = phone.device.likely_duplicates(&edits("party", record, typed)).unwrap();
        let mut offered: Vec<RecordId> = likely.into_iter().map(|likely| likely.row.record).collect();
        offered.sort_unstable();
        offered
    };
    let mut both = [one, other];
    both.sort_unstable();
    assert_eq!((offered(&mut ann, one, &[]), offered(&mut ann, third, &[])), (vec![other], vec![]), "and never itself");
    assert_eq!(offered(&mut ann, third, &[phone_of("13812345678")]), both, "by what is typed, and not by what stood there");
    assert_eq!(offered(&mut ann, one, &[phone_of("13700000000")]), []);
    ann.device.set_apart(START, one, other).unwrap();
    assert_eq!((offered(&mut ann, one, &[]), offered(&mut ann, other, &[])), (vec![], vec![]), "whichever of them says so");
    ann.device.edit(START, "party", third, &[phone_of("13812345678")]).unwrap();
    ann.device.merge(START, third, one, &[].into()).unwrap();
    assert_eq!(offered(&mut ann, third, &[]), [], "it is somebody else now");
}

#[test]
fn cases_of_one_customer_are_compared_though_they_share_no_word() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let customer = ann.device.create(START, "party", &[FieldEdit::set("name", "佳美")]).unwrap().record;
    let case = |subject: &str| [FieldEdit::set("subject", subject), FieldEdit::set("party", customer.to_string())];
    let known = ann.device.create(START, "case", &case("Printerr is broken")).unwrap().record;
    let offered = offered_to_new(&mut ann, "case", &case("Printer is broken"));
    assert_eq!(offered.iter().map(|likely| likely.row.record).collect::<Vec<_>>(), [known]);
    assert!(offered[0].reasons.iter().any(|reason| reason.words().en == "belongs to the same"), "{offered:?}");
}

#[test]
fn a_filter_by_a_customer_finds_what_points_at_a_duplicate_of_it() {
    let (mut server, mut ann, mut bo) = (Server::new(), Phone::new("ann", Place::Memory, START), Phone::new("bo", Place::Memory, START));
    let [original, duplicate] =
        ["Jiamei", "Jiamei Ltd"].map(|name| ann.device.create(START, "party", &[FieldEdit::set("name", name)]).unwrap().record);
    for (title, party) in [("Lamps", original), ("Chairs", duplicate)] {
        ann.device.create(START, "deal", &[FieldEdit::set("title", title), FieldEdit::set("party", party.to_string())]).unwrap();
    }
    let found = |phone: &Phone| -> Vec<u64> {
        let cases = [
            ("deal", json!({"type": "linkedWith", "attribute": "party", "value": [original]})),
            ("deal", json!({"type": "equals", "attribute": "party.name", "value": "Jiamei"})),
            ("party", json!({"type": "atLeast", "attribute": "deal:party", "count": 2})),
        ];
        let count = |(kind, condition): (&str, serde_json::Value)| {
            let query = Query::from_params(phone.device.schema(), kind, [("where", &*json!([condition]).to_string())]).unwrap();
            let context = Context { now: START, offset_minutes: 0 };
            let listed = phone.device.list(&query, context).unwrap().len() as u64;
            assert_eq!(phone.device.count(&query, context).unwrap(), listed);
            listed
        };
        cases.into_iter().map(count).collect()
    };
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_eq!((found(&ann), found(&bo)), (vec![1, 1, 0], vec![1, 1, 0]));
    ann.device.edit(START + 10, "party", duplicate, &[same(original)]).unwrap();
    assert_eq!(found(&ann), [2, 2, 1], "at once, without a network");
    server.now += 100_000;
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_eq!(found(&bo), [2, 2, 1]);
    bo.device.edit(START + 200_000, "party", duplicate, &[FieldEdit::set(FIELD, json!([]))]).unwrap();
    assert_eq!(found(&bo), [1, 1, 0], "what was merged is parted again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Ann and Bo merge customers offline, each as they like: A into B, B into A, B into C. Afterwards both
    /// phones name the same survivor for each, and parting what was merged leaves everybody alone.
    #[test]
    fn merges_made_offline_at_once_end_in_one_result_everywhere(
        merges in prop::collection::vec((any::<bool>(), 0..4_usize, 0..4_usize), 1..7),
    ) {
        let (mut server, mut ann, mut bo) = (Server::new(), Phone::new("ann", Place::Memory, START), Phone::new("bo", Place::Memory, START));
        let records: Vec<RecordId> = ["A", "B", "C", "D"]
            .map(|name| ann.device.create(START, "party", &[FieldEdit::set("name", name)]).unwrap().record)
            .to_vec();
        ann.sync(&mut server);
        bo.sync(&mut server);
        for (index, (by_ann, duplicate, survivor)) in merges.iter().enumerate() {
            if duplicate != survivor {
                let phone = if *by_ann { &mut ann } else { &mut bo };
                phone.device.edit(START + 10 + index as i64, "party", records[*duplicate], &[same(records[*survivor])]).unwrap();
            }
        }
        server.now += 100_000;
        ann.sync(&mut server);
        bo.sync(&mut server);
        ann.sync(&mut server);
        for record in &records {
            let survivor = ann.device.same_as(*record).unwrap();
            prop_assert_eq!(bo.device.same_as(*record).unwrap(), survivor);
            prop_assert_eq!(ann.device.same_as(survivor).unwrap(), survivor, "a survivor is nobody's duplicate");
        }
        for (_, duplicate, survivor) in &merges {
            prop_assert_eq!(ann.device.same_as(records[*duplicate]).unwrap(), ann.device.same_as(records[*survivor]).unwrap());
        }
        for record in &records {
            bo.device.edit(START + 200_000, "party", *record, &[FieldEdit::set(FIELD, json!([]))]).unwrap();
        }
        bo.sync(&mut server);
        ann.sync(&mut server);
        for record in &records {
            prop_assert_eq!(ann.device.same_as(*record).unwrap(), *record);
        }
    }
}
