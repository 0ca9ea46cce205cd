//! What somebody makes up on a phone, and what two phones make of it together.

use serde_json::json;

use super::model::START;
use super::tests::{field, pending, phones, set};

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
