//! What somebody makes up on a phone, and what two phones make of it together.

use serde_json::json;

use super::RecordEdits;
use super::model::START;
use super::tests::{field, pending, phones, set};
use crate::record::fields::FieldEdit;

#[test]
fn a_deal_made_on_a_phone_has_a_stage_and_nobody_makes_up_an_end_before_its_begin() {
    let (mut server, mut ann, mut bo) = phones();
    let deal = ann.device.create(START, "deal", &[set("title", "Lamps")]).unwrap().record;
    assert_eq!(field(&mut ann, deal, "stage"), json!("lead"));
    let won = ann.device.create(START, "deal", &[set("title", "Chairs"), set("stage", "won")]).unwrap().record;
    assert_eq!(field(&mut ann, won, "stage"), json!("won"));
    let asset = ann.device.create(START, "asset", &[set("name", "Press"), set("bought_on", "2026-05-03")]).unwrap().record;
    let early = ann.device.edit(START, "asset", asset, &[set("warranty_until", "2026-05-02")]);
    assert!(early.is_err_and(|why| why.to_string().contains("before it begins")));
    ann.sync(&mut server);
    bo.sync(&mut server);
    // Each means what they see; together it ends before it begins, and stands until one of the two is written again.
    ann.device.edit(START + 1, "asset", asset, &[set("warranty_until", "2027-01-01")]).unwrap();
    bo.device.edit(START + 1, "asset", asset, &[set("bought_on", "2027-06-01")]).unwrap();
    ann.sync(&mut server);
    bo.sync(&mut server);
    ann.sync(&mut server);
    for phone in [&mut ann, &mut bo] {
        let both = (field(phone, asset, "bought_on"), field(phone, asset, "warranty_until"));
        assert_eq!((both, pending(phone)), ((json!("2027-06-01"), json!("2027-01-01")), 0));
        phone.device.edit(START + 2, "asset", asset, &[set("name", "The press")]).unwrap();
        assert!(phone.device.edit(START + 2, "asset", asset, &[set("warranty_until", "2027-02-01")]).is_err());
    }
}

#[test]
fn an_edit_of_a_record_that_is_not_on_the_phone_makes_nothing_up_and_a_batch_that_makes_one_gives_defaults_once() {
    let (mut server, mut ann, mut bo) = phones();
    let deal = ann.device.create(START, "deal", &[set("title", "Lamps"), set("stage", "won")]).unwrap().record;
    ann.sync(&mut server);
    let batch = |record, edits: &[FieldEdit], makes| RecordEdits { kind: "deal".parse().unwrap(), record, edits: edits.to_vec(), makes };
    // An app knows its id from elsewhere.
    bo.device.edit_all(START + 1, &[batch(deal, &[set("source", "fair")], false)]).unwrap();
    bo.sync(&mut server);
    ann.sync(&mut server);
    for phone in [&mut ann, &mut bo] {
        assert_eq!((field(phone, deal, "stage"), field(phone, deal, "source")), (json!("won"), json!("fair")));
    }
    let other = ann.device.new_id(START);
    let edits = [batch(other, &[set("title", "Chairs")], true), batch(other, &[set("stage", "won")], true)];
    ann.device.edit_all(START, &edits).unwrap();
    assert_eq!((field(&mut ann, other, "title"), field(&mut ann, other, "stage")), (json!("Chairs"), json!("won")));
    let third = ann.device.new_id(START);
    ann.device.edit_all(START, &[batch(third, &[set("title", "Tables")], true)]).unwrap();
    assert_eq!(field(&mut ann, third, "stage"), json!("lead"));
    // An app that does not know whether it was done before does it again.
    ann.device.edit_all(START + 1, &[batch(other, &[set("title", "Chairs")], true)]).unwrap();
    assert_eq!(field(&mut ann, other, "stage"), json!("won"));
}
