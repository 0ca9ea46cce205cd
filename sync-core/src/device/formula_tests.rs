//! What is computed, on a phone: at once, after sync, and by another version of the app or the kind.

use serde_json::json;

use super::model::START;
use super::tests::{field, phones, set};
use super::*;
use crate::query::{Direction, OrderBy};
use crate::schema::Merge;

fn line(row: &str, price: i64, quantity: i64) -> FieldEdit {
    let values = json!({"price": {"amount": price, "currency": "CNY"}, "quantity": quantity});
    FieldEdit::SetRow { field: "lines".into(), row: row.into(), values: values.as_object().unwrap().clone() }
}

fn total(device: &Device, record: RecordId) -> serde_json::Value {
    device.row(record).unwrap().unwrap().fields.get("total").cloned().unwrap_or_default()
}

#[test]
fn a_total_changes_before_anything_is_sent_and_lists_are_ordered_by_it() {
    let (mut server, mut ann, mut bo) = phones();
    let offer = |lines: &[FieldEdit]| [&[set("title", "Quote")], lines].concat();
    let small = ann.device.create(START, "offer", &offer(&[line("a", 100, 1)])).unwrap().record;
    let large = ann.device.create(START, "offer", &offer(&[line("a", 100, 5)])).unwrap().record;
    assert_eq!(total(&ann.device, small)["amount"], 100);
    ann.device.edit(START + 1, "offer", small, &[line("b", 1_000, 1)]).unwrap();
    assert_eq!(
        (total(&ann.device, small)["amount"].clone(), field(&mut ann, small, "total")["amount"].clone()),
        (json!(1_100), json!(1_100))
    );
    let schema = Schema::builtin();
    let mut query =
        Query::from_params(schema, "offer", [("where", r#"[{"type": "greaterThan", "attribute": "total.amount", "value": 400}]"#)]);
    let query = query.as_mut().unwrap();
    query.order_by = OrderBy::parse(schema, schema.kind("offer").unwrap(), "total.amount", Direction::Descending).unwrap();
    let listed = ann.device.list(query, Context { now: START, offset_minutes: 480 }).unwrap();
    assert_eq!(listed.iter().map(|row| row.record).collect::<Vec<_>>(), [small, large]);
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_eq!(total(&bo.device, small), total(&ann.device, small));
}

#[test]
fn an_app_that_computes_more_than_the_one_before_it_writes_its_rows_again() {
    let (_, mut ann, _) = phones();
    let record = ann.device.create(START, "offer", &[set("title", "Quote"), line("a", 100, 3)]).unwrap().record;
    let replica = &mut ann.device.replica;
    let mut before = Kind::clone(Schema::builtin().kind("offer").unwrap());
    before.fields.retain(|field| field.merge != Merge::Derived);
    assert!(replica.load(&before, record, Facet::Main).unwrap());
    let doc = replica.doc(record, Facet::Main).unwrap().clone();
    let by_the_old_app = |replica: &mut Replica| {
        replica.project(&before, record, Facet::Main, &doc, 0, false)?;
        replica.store.set_meta("row_rules", None)
    };
    replica.transact(by_the_old_app).unwrap();
    assert!(total(&ann.device, record).is_null());
    ann.device.replica.follow_row_rules().unwrap();
    assert_eq!(total(&ann.device, record)["amount"], 300);
    let revision = ann.device.replica.revision();
    ann.device.replica.follow_row_rules().unwrap();
    assert_eq!(ann.device.replica.revision(), revision, "and only once");
}

#[test]
fn rows_that_are_made_again_go_on_behind_those_that_are_made_when_the_app_was_ended() {
    let (_, mut ann, _) = phones();
    let offer = |n: i64| [set("title", "Quote"), line("a", 100 * n, 1)];
    let mut made: Vec<RecordId> = (1..=3).map(|n| ann.device.create(START, "offer", &offer(n)).unwrap().record).collect();
    made.sort_unstable();
    let replica = &mut ann.device.replica;
    let rules = serde_json::to_vec(&(Schema::builtin().kind("offer").unwrap().row_rules(), made[0])).unwrap();
    replica.store.set_meta("row_rules", None).unwrap();
    replica.store.set_meta("rows_made", Some(&rules)).unwrap();
    let revision = replica.revision();
    replica.follow_row_rules().unwrap();
    assert_eq!(replica.changes_since(revision).records.unwrap(), made[1..]);
    let other = serde_json::to_vec(&("other rules", made[1])).unwrap();
    replica.store.set_meta("row_rules", None).unwrap();
    replica.store.set_meta("rows_made", Some(&other)).unwrap();
    let revision = replica.revision();
    replica.follow_row_rules().unwrap();
    assert_eq!(replica.changes_since(revision).records.unwrap(), made);
}

#[test]
fn a_kind_whose_rows_could_not_be_made_again_is_tried_again_without_a_restart() {
    let (_, mut ann, _) = phones();
    let record = ann.device.create(START, "offer", &[set("title", "Quote"), line("a", 100, 3)]).unwrap().record;
    let offer = Schema::builtin().kind("offer").unwrap().to_toml().replace(", times = \"quantity\"", "");
    let kind = RecordId::of_cause("kind");
    let replica = &mut ann.device.replica;
    let write = |replica: &mut Replica| replica.write_new(START + 1, "kind", kind, &[set("name", "offer"), set("definition", &offer)]);
    let failed = replica.transact(|replica| {
        write(replica)?;
        Err::<(), EditError>(StoreError::Damaged("the disk is full".to_owned()).into())
    });
    assert!(failed.is_err());
    replica.transact(write).unwrap();
    assert_eq!(total(&ann.device, record)["amount"], 100);
}

#[test]
fn rows_follow_a_formula_that_somebody_changes() {
    let (_, mut ann, _) = phones();
    let record = ann.device.create(START, "offer", &[set("title", "Quote"), line("a", 100, 3)]).unwrap().record;
    let offer = Schema::builtin().kind("offer").unwrap().to_toml().replace(", times = \"quantity\"", "");
    ann.device.create(START + 1, "kind", &[set("name", "offer"), set("definition", &offer)]).unwrap();
    assert_eq!(total(&ann.device, record)["amount"], 100);
}
