//! Somebody is shut out: their phones are handed back, and come in again with them if they have not forgotten yet.

use rapport_server::store::farewells;
use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;

/// Cai's customer, on cai's phone, with an edit that was not sent.
async fn offline(desk: &Desk) -> (RecordId, Handset) {
    let rep = Client::of_role(&desk.server, "cai", "rep").await;
    let customer = rep.make("party", json!({"name": "Jiamei", "owner": UserId::of_cause("cai")})).await;
    let customer: RecordId = customer.rsplit('/').next().unwrap().parse().unwrap();
    let mut phone = Handset::of(&desk.server, UserId::of_cause("cai")).await;
    phone.sync(&desk.server).await;
    phone.edit(&desk.server, "party", customer, &[FieldEdit::set("name", "Jiamei Paper")]);
    (customer, phone)
}

/// Fills in the page of cai: shut out, or let in.
async fn fill_in(desk: &Desk, active: bool, step: &str) -> String {
    let mut form = vec![("whole", ""), ("name", "cai"), ("role", "rep"), ("language", "en"), ("step", step)];
    form.extend(active.then_some(("active", "true")));
    let answer = desk.post(&format!("/people/{}", UserId::of_cause("cai")), &form).await;
    let expected = if step == "save" { 303 } else { 200 };
    assert_eq!(answer.status, expected, "{}", answer.text());
    answer.text()
}

async fn name_of(desk: &Desk, customer: RecordId) -> String {
    let page = Client::office(&desk.server).await.get(&format!("/api/v1/party/{customer}")).await.json();
    page["fields"]["name"].as_str().unwrap_or_else(|| panic!("{page}")).to_owned()
}

#[tokio::test]
async fn whoever_is_shut_out_hands_their_phones_back() {
    let desk = Desk::new().await;
    let (customer, mut phone) = offline(&desk).await;
    let preview = fill_in(&desk, false, "preview").await;
    assert!(preview.contains("1 phone of theirs is handed back"), "{preview}");
    fill_in(&desk, false, "save").await;
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(customer), None, "the phone has forgotten it");
    let rejected = Client::office(&desk.server).await.get("/api/v1/rejected").await.text();
    assert!(rejected.contains("revoked"), "what was not sent is at the desk: {rejected}");
    assert_eq!(name_of(&desk, customer).await, "Jiamei");
    // Let in again, a phone that has forgotten everything stays out.
    fill_in(&desk, true, "save").await;
    let mut tx = desk.server.app.store.reader().await.unwrap();
    let farewells = farewells::all(&mut tx, desk.server.workspace).await.unwrap();
    assert!(farewells[&phone.enrolled.device].told_at.is_some(), "{farewells:?}");
}

#[tokio::test]
async fn whoever_is_let_in_before_their_phone_has_called_goes_on_with_it() {
    let desk = Desk::new().await;
    let (customer, mut phone) = offline(&desk).await;
    fill_in(&desk, false, "save").await;
    fill_in(&desk, true, "save").await;
    phone.sync(&desk.server).await;
    assert_eq!(name_of(&desk, customer).await, "Jiamei Paper");
    assert_eq!(phone.fields(customer).unwrap()["name"], "Jiamei Paper");
    let audit = desk.get("/audit").await.text();
    assert!(audit.contains("Shut out the device phone") && audit.contains("Let in the device phone again"), "{audit}");
}

#[tokio::test]
async fn a_phone_that_was_lost_stays_so_when_its_user_is_let_in_again() {
    let desk = Desk::new().await;
    let (_, phone) = offline(&desk).await;
    let device = phone.enrolled.device;
    desk.post(&format!("/devices/{device}/revoke"), &[("act", "lost")]).await;
    fill_in(&desk, false, "save").await;
    fill_in(&desk, true, "save").await;
    let mut tx = desk.server.app.store.reader().await.unwrap();
    assert!(farewells::all(&mut tx, desk.server.workspace).await.unwrap().contains_key(&device));
}
