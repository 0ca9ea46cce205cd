//! Price lists fill what nobody typed, in the console, through the API and on a phone.

use reqwest::Method;
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

/// What each price of a product is: list, from how many, amount in its currency.
async fn lists(office: &Client<'_>, product: &str) -> Vec<(String, i64, String)> {
    let prices = office.get(product).await.json()["fields"]["prices"].clone();
    let row = |row: &Value| {
        let amount = format!("{} {}", row["price"]["amount"].as_i64().unwrap() / 100, row["price"]["currency"].as_str().unwrap());
        (row["list"].as_str().unwrap().to_owned(), row["from_quantity"].as_i64().unwrap_or_default(), amount)
    };
    let mut rows: Vec<_> = prices.as_array().unwrap_or(&Vec::new()).iter().map(row).collect();
    rows.sort();
    rows
}

fn told(rows: &[(&str, i64, &str)]) -> Vec<(String, i64, String)> {
    rows.iter().map(|(list, from, price)| ((*list).to_owned(), *from, (*price).to_owned())).collect()
}

#[tokio::test]
async fn a_price_list_by_file_corrects_prices_in_their_place_and_is_taken_back() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let paper = paper(&office).await;
    let before = lists(&office, &paper).await;
    let csv = "Product,Price list,From quantity,Price,Currency\n\
               Paper,Wholesale,,\"25.00\",CNY\nPaper,wholesale,100,24,CNY\nPaper,wholesale,,3,USD\nPaper,partner,,22,CNY\nNobody,partner,,1,CNY\n";
    let path = desk.upload("product", "prices.csv", csv.as_bytes()).await.header("location").to_owned();
    let mapping = desk.suggested(&path).await;
    let targets: Vec<&str> = mapping.iter().map(|(_, target)| &**target).collect();
    let expected = ["name", "prices.list", "prices.from_quantity", "prices.price.amount", "prices.price.currency", "name"];
    assert_eq!(targets, expected, "products are matched by what they are called");
    let sent = |act: &'static str| {
        let pairs = crate::uploads::form(&mapping, act);
        pairs.into_iter().chain([("mode".to_owned(), "update".to_owned())]).collect::<Vec<_>>()
    };
    let post = async |act: &'static str| {
        let pairs = sent(act);
        desk.post(&path, &pairs.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>()).await
    };
    let checked = post("check").await.text();
    assert!(checked.contains("25.00") && checked.contains("1 row would be left out"), "{checked}");
    assert_eq!(lists(&office, &paper).await, before, "a check writes nothing");
    assert_eq!(post("run").await.status, 303);
    let done = desk.finished(&path).await;
    let corrected = [
        ("May", 0, "20 CNY"),
        ("Wholesale", 0, "25 CNY"),
        ("export", 0, "4 USD"),
        ("partner", 0, "22 CNY"),
        ("wholesale", 0, "3 USD"),
        ("wholesale", 100, "24 CNY"),
    ];
    assert_eq!(lists(&office, &paper).await, told(&corrected));
    let undo = done.split("action=\"/imports/undo/").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(desk.post(&format!("/imports/undo/{undo}"), &[]).await.status, 303);
    assert_eq!(lists(&office, &paper).await, before, "each price is what it was");
}

#[tokio::test]
async fn a_file_of_products_brings_a_price_in_each_column_and_another_one_corrects_them() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let bring = async |csv: &str| {
        let path = desk.upload("product", "products.csv", csv.as_bytes()).await.header("location").to_owned();
        let page = desk.get(&path).await.text();
        assert!(page.contains("Price lists › Price (List: as the column is called)"), "{page}");
        let mut mapping = desk.suggested(&path).await;
        assert_eq!(mapping[2].1, "price.amount", "the standard price is known by its name");
        for at in [3, 4] {
            mapping[at].1 = "prices[list=*].price.amount".to_owned();
        }
        let pairs = crate::uploads::form(&mapping, "run");
        let run = desk.post(&path, &pairs.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>()).await;
        assert_eq!(run.status, 303, "{}", run.text());
        desk.finished(&path).await
    };
    bring("External id,Name,Price,Wholesale,Retail\nP1,Paper,29,27,31 USD\nP2,Ink,9,,12\n").await;
    let found = office.list("product", &[("orderBy", "name")]).await.json();
    let address = |at: usize| format!("/api/v1/product/{}", found["rows"][at]["id"].as_str().unwrap());
    let (ink, paper) = (address(0), address(1));
    assert_eq!(office.get(&paper).await.json()["fields"]["price"], yuan(29));
    assert_eq!(lists(&office, &paper).await, told(&[("Retail", 0, "31 USD"), ("Wholesale", 0, "27 CNY")]));
    assert_eq!(lists(&office, &ink).await, told(&[("Retail", 0, "12 CNY")]), "an empty cell is no price");
    bring("External id,Name,Price,Wholesale,Retail\nP1,Paper,28,26,31 USD\nP2,Ink,9,,12\n").await;
    assert_eq!(office.get(&paper).await.json()["fields"]["price"], yuan(28));
    assert_eq!(lists(&office, &paper).await, told(&[("Retail", 0, "31 USD"), ("Wholesale", 0, "26 CNY")]), "in its place");
}

#[tokio::test]
async fn a_price_that_may_be_several_is_left_out_with_what_it_lacks_and_one_of_another_day_is_another() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let of = |year: &str| json!({"start": format!("{year}-01-01"), "end": format!("{year}-12-31")});
    let prices = json!([{"list": "A", "price": yuan(1), "valid": of("2026")}, {"list": "B", "price": yuan(1), "valid": of("2026")}]);
    let paper = office.make("product", json!({"name": "Paper", "external_id": "P", "prices": prices})).await;
    let all = async || {
        let prices = office.get(&paper).await.json()["fields"]["prices"].clone();
        let row = |row: &Value| format!("{} {} {}", row["list"], row["price"]["amount"], row["valid"]).replace('"', "");
        let mut rows: Vec<String> = prices.as_array().unwrap().iter().map(row).collect();
        rows.sort();
        rows
    };
    let valid = |year: &str| format!("{{end:{year}-12-31,start:{year}-01-01}}");
    desk.bring("product", "External id,Price list,Price,Valid from,Valid until\nP,A,2,2027-01-01,2027-12-31\n").await;
    let three = [format!("A 100 {}", valid("2026")), format!("A 200 {}", valid("2027")), format!("B 100 {}", valid("2026"))];
    assert_eq!(all().await, three, "another year has another price");
    desk.bring("product", "External id,Price list,Price\nP,B,3\n").await;
    assert_eq!(all().await[2], format!("B 300 {}", valid("2026")), "the only one of its list, whatever its day");
    let path = desk.upload("product", "again.csv", b"External id,Price list,Price\nP,A,9\n").await.header("location").to_owned();
    let pairs = crate::uploads::form(&desk.suggested(&path).await, "check");
    let checked = desk.post(&path, &pairs.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>()).await.text();
    assert!(checked.contains("several rows of “Price lists” fit: say more of List, From quantity, Price, Valid"), "{checked}");
}

#[tokio::test]
async fn a_program_that_says_too_little_of_a_price_is_refused_and_no_price_takes_the_place_of_another() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let price = |list: &str, amount: i64| json!({"list": list, "price": yuan(amount)});
    let of_year = |year: i32, amount: i64| {
        let valid = json!({"start": format!("{year}-01-01"), "end": format!("{year}-12-31")});
        json!({"list": "A", "price": yuan(amount), "valid": valid})
    };
    let paper = office.make("product", json!({"name": "Paper", "prices": [of_year(2026, 10), of_year(2027, 11)]})).await;
    let patch = async |prices: Value| office.send(Method::PATCH, &paper, Some(json!({"fields": {"prices": prices}}))).await;
    let before = lists(&office, &paper).await;
    let twice = json!([price("B", 1), price("B", 2)]);
    for (prices, why) in [(json!([price("A", 9)]), "several rows"), (twice.clone(), "two rows")] {
        let refused = patch(prices).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().to_lowercase().contains(why), "{}", refused.text());
    }
    let batch = json!({"matchBy": "external_id", "items": [{"fields": {"external_id": "I1", "name": "Ink", "prices": twice}}]});
    let answer = office.post("/api/v1/product/batch", batch).await.text();
    assert!(answer.contains("Two rows"), "{answer}");
    assert_eq!(lists(&office, &paper).await, before);
    assert_eq!(patch(json!([of_year(2026, 9)])).await.status, 200);
    assert_eq!(lists(&office, &paper).await, told(&[("A", 0, "11 CNY"), ("A", 0, "9 CNY")]));
    // A row that was brought in for one list and is another one's by now.
    assert_eq!(patch(json!([price("C", 1)])).await.status, 200);
    let rows = office.get(&paper).await.json()["fields"]["prices"].clone();
    let id = rows.as_array().unwrap().iter().find(|row| row["list"] == "C").unwrap()["id"].clone();
    let moved = json!([{"op": "set_row", "field": "prices", "row": id, "values": {"list": "D"}}]);
    assert_eq!(office.edit(&paper, moved).await.status, 200);
    assert_eq!(patch(json!([price("C", 2)])).await.status, 200);
    let all = lists(&office, &paper).await;
    assert_eq!(all[2..], told(&[("C", 0, "2 CNY"), ("D", 0, "1 CNY")]), "{all:?}");
}
