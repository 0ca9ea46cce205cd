//! What somebody makes up on a phone, and what two phones make of it together.

use serde_json::json;

use super::RecordEdits;
use super::model::{Phone, START};
use super::tests::{field, pending, phones, set};
use crate::actions::doubts::Doubt;
use crate::id::UserId;
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

#[test]
fn a_seller_without_a_network_reads_who_answers_for_a_key_customer_and_what_waits_for_their_word() {
    let (mut server, mut ann, mut bo) = phones();
    let manager = set("account_manager", &bo.user.to_string());
    let key = FieldEdit::set("is_key", true);
    let alone = ann.device.create(START, "party", &[set("name", "佳美"), key.clone()]).unwrap_err();
    assert!(alone.because().unwrap().message_zh.contains("重点客户须有人负责"), "{alone}");
    let customer = ann.device.create(START, "party", &[set("name", "佳美"), key, manager.clone()]).unwrap().record;
    server.role = "rep";
    ann.sync(&mut server);
    bo.sync(&mut server);
    let lifted = ann.device.edit(START, "party", customer, &[FieldEdit::set("is_key", false)]).unwrap_err();
    assert!(lifted.to_string().contains("may not change “Key customer”"), "{lifted}");
    let offer = [set("title", "Lamps"), set("party", &customer.to_string())];
    let quote = ann.device.create(START + 1, "offer", &offer).unwrap();
    assert_eq!(quote.needs_approval, None, "work on it goes on");
    for record in [customer, quote.record] {
        let banner = ann.device.key_account(record).unwrap().unwrap();
        assert_eq!((banner.account, &*banner.title, banner.manager, banner.is_yours), (customer, "佳美", bo.user, false));
    }
    let sent = ann.device.edit(START + 2, "offer", quote.record, &[set("status", "sent")]).unwrap();
    assert_eq!(sent.needs_approval.unwrap().0, "rep.offer.key_account.status");
    let aside = ann.device.create(START + 2, "offer", &[set("title", "Chairs")]).unwrap().record;
    let both = [set("party", &customer.to_string()), set("status", "sent")];
    let moved = ann.device.edit(START + 2, "offer", aside, &both).unwrap();
    assert!(moved.needs_approval.is_some(), "whoever moves it to the customer is asked about that one");
    let at_once = ann.device.create(START + 3, "offer", &[&offer[..], &[set("status", "sent")]].concat()).unwrap();
    assert!(at_once.needs_approval.is_some(), "also where it is made so");
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert!(bo.device.key_account(quote.record).unwrap().unwrap().is_yours);
    let own = bo.device.create(START + 4, "offer", &[&offer[..], &[set("status", "sent")]].concat()).unwrap();
    assert_eq!(own.needs_approval, None, "who answers for it needs nobody's word");
}

#[test]
fn two_phones_that_name_another_manager_disagree_in_sight() {
    let (mut server, mut ann, mut bo) = phones();
    let people = [ann.user, bo.user].map(|user| set("account_manager", &user.to_string()));
    let customer = ann.device.create(START, "party", &[set("name", "佳美"), FieldEdit::set("is_key", true), people[0].clone()]).unwrap();
    ann.sync(&mut server);
    bo.sync(&mut server);
    ann.device.edit(START + 1, "party", customer.record, &[set("account_manager", &UserId::of_cause("cai").to_string())]).unwrap();
    bo.device.edit(START + 2, "party", customer.record, &people[1..]).unwrap();
    for phone in [&mut ann, &mut bo] {
        phone.sync(&mut server);
    }
    ann.sync(&mut server);
    for phone in [&mut ann, &mut bo] {
        let conflict = phone.device.conflicts().unwrap().remove(0).conflicts.remove(0);
        assert_eq!((&*conflict.path, conflict.claims.len()), ("account_manager", 2));
        assert_eq!(phone.device.key_account(customer.record).unwrap().unwrap().manager, UserId::of_cause("bo"), "the newest is shown");
    }
}

#[test]
fn a_slip_is_pointed_out_without_a_network_and_never_refused() {
    let (mut server, mut ann, _) = phones();
    let edits = [set("name", "佳美"), set("tax_id", "91350100M000100Y34")];
    let customer = ann.device.create(START, "party", &edits).unwrap().record;
    let doubts = |ann: &Phone, edits: &[FieldEdit]| {
        let of = RecordEdits { kind: "party".parse().unwrap(), record: customer, edits: edits.to_vec(), makes: false };
        ann.device.doubts(&of).unwrap().iter().map(|found| (found.path(), found.doubt)).collect::<Vec<_>>()
    };
    assert_eq!(doubts(&ann, &[]), [("tax_id".to_owned(), Doubt::CreditCode)]);
    assert_eq!(doubts(&ann, &[set("tax_id", "91350100M000100Y43")]), [], "as it is typed");
    ann.sync(&mut server);
    assert_eq!((pending(&ann), field(&mut ann, customer, "tax_id")), (0, json!("91350100M000100Y34")), "as it was typed");
    ann.device.edit(START + 1, "party", customer, &[set("tax_id", "91350100M000100Y43")]).unwrap();
    assert_eq!(doubts(&ann, &[]), []);
}
