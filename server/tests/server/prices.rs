//! Price lists fill what nobody typed, in the console, through the API and on a phone.

use serde_json::{Value, json};
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;

fn yuan(amount: i64) -> Value {
    json!({"amount": amount * 100, "currency": "CNY"})
}

fn id_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

/// Paper for 29, for 27 by the list `wholesale`, 25 from a hundred on, 20 in May only, and for 4 dollars.
async fn paper(office: &Client<'_>) -> String {
    let may = json!({"start": "2026-05-01", "end": "2026-05-31"});
    let prices = json!([
        {"list": "wholesale", "price": yuan(27)},
        {"list": "wholesale", "price": yuan(25), "from_quantity": 100},
        {"list": "May", "price": yuan(20), "valid": may},
        {"list": "export", "price": {"amount": 400, "currency": "USD"}},
    ]);
    office.make("product", json!({"name": "Paper", "price": yuan(29), "prices": prices})).await
}

/// The prices of an offer's lines, in yuan or dollars.
async fn prices(office: &Client<'_>, offer: &str) -> Vec<Value> {
    let lines = office.get(offer).await.json()["fields"]["lines"].clone();
    lines.as_array().unwrap().iter().map(|line| line["price"]["amount"].clone()).collect()
}

#[tokio::test]
async fn a_line_costs_what_the_list_that_holds_says_and_what_was_typed_stays() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let paper = paper(&office).await;
    let product = id_of(&paper);
    let dealer = office.make("party", json!({"name": "Dealer", "price_list": "Wholesale"})).await;
    let lines = json!([
        {"product": product, "quantity": 1},
        {"product": product, "quantity": 100},
        {"product": product, "quantity": 100, "price": yuan(1)},
        {"product_name": "By hand"},
    ]);
    let offer = async |more: Value| {
        let mut fields = json!({"title": "Paper", "lines": lines});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        prices(&office, &office.make("offer", fields).await).await
    };
    assert_eq!(offer(json!({})).await, [json!(2900), json!(2900), json!(100), Value::Null]);
    assert_eq!(offer(json!({"party": id_of(&dealer)})).await, [json!(2700), json!(2500), json!(100), Value::Null], "the customer's list");
    assert_eq!(
        offer(json!({"party": id_of(&dealer), "price_list": "may", "date": "2026-05-31"})).await[0],
        2000,
        "the document's own list goes before"
    );
    assert_eq!(offer(json!({"price_list": "May", "date": "2026-06-01"})).await[0], 2900, "it is over");
    let dollars = json!([{"product_name": "Stamp", "price": {"amount": 100, "currency": "USD"}}, {"product": product}]);
    let export = office.make("offer", json!({"title": "Abroad", "price_list": "export", "lines": dollars})).await;
    assert_eq!(prices(&office, &export).await, [json!(100), json!(400)]);
    let none = office.make("offer", json!({"title": "Abroad", "lines": dollars})).await;
    assert_eq!(prices(&office, &none).await, [json!(100), Value::Null], "no price in another currency");
}

#[tokio::test]
async fn a_line_that_is_added_in_the_console_and_on_a_phone_without_a_network_is_priced() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let paper = paper(&office).await;
    let dealer = office.make("party", json!({"name": "Dealer", "price_list": "wholesale"})).await;
    let offer = office.make("offer", json!({"title": "Paper", "party": id_of(&dealer)})).await;
    let form = [("f.lines.rows", "new"), ("f.lines.new.product", id_of(&paper)), ("f.lines.new.quantity", "120")];
    let saved = desk.post(&format!("/records/offer/{}/fields/lines", id_of(&offer)), &form).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    assert_eq!(prices(&office, &offer).await, [json!(2500)]);
    let server = &desk.server;
    let mut phone = Handset::of(server, server.ann).await;
    phone.sync(server).await;
    let id: RecordId = id_of(&offer).parse().unwrap();
    let row = |row: &str, values: Value| FieldEdit::SetRow {
        field: "lines".to_owned(),
        row: row.to_owned(),
        values: values.as_object().unwrap().clone(),
    };
    phone.edit(server, "offer", id, &[row("p", json!({"product": id_of(&paper), "quantity": 5}))]);
    let lines = phone.fields(id).unwrap()["lines"].clone();
    let line = lines.as_array().unwrap().iter().find(|line| line["id"] == "p").unwrap();
    assert_eq!(line["price"], yuan(27));
    // The price was meant then: another quantity does not change it.
    phone.edit(server, "offer", id, &[row("p", json!({"quantity": 500}))]);
    phone.sync(server).await;
    assert_eq!(prices(&office, &offer).await.iter().filter(|price| **price == json!(2700)).count(), 1);
}
