//! What is computed from a record stands in its row: for lists, files, the API, phones and `rapport check` alike.

use rapport_server::jobs::check::{self, Difference};
use serde_json::{Value, json};
use sqlx::Connection;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Schema;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::Server;

fn line(price: i64, quantity: i64) -> Value {
    json!({"product_name": "paper", "price": {"amount": price, "currency": "CNY"}, "quantity": quantity})
}

fn id(address: &str) -> RecordId {
    address.rsplit('/').next().unwrap().parse().unwrap()
}

async fn quote(client: &Client<'_>, title: &str, lines: &[Value]) -> String {
    client.make("offer", json!({"title": title, "form": "quote", "lines": lines})).await
}

async fn total(client: &Client<'_>, address: &str) -> Value {
    client.get(address).await.json()["fields"]["total"].clone()
}

async fn differences(server: &Server) -> Vec<String> {
    let mut found = Vec::new();
    let tell = &mut |difference: &Difference| found.push(difference.to_string());
    check::check(&server.app, server.workspace, false, tell, &mut |_| {}).await.unwrap();
    found
}

/// The formula of the total of offers without the discount, as a definition of the workspace's own.
fn without_discount() -> String {
    let offer = Schema::builtin().kind("offer").unwrap().to_toml();
    let changed = offer.replace(", less_percent = \"discount_percent\"", "");
    assert_ne!(offer, changed);
    changed
}

#[tokio::test]
async fn a_list_shows_the_totals_of_quotes_is_ordered_by_them_and_looks_for_them() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let small = quote(&ann, "Small quote", &[line(10_000, 3)]).await;
    quote(&ann, "Large quote", &[line(10_000, 30), line(50_000, 1)]).await;
    quote(&ann, "Empty quote", &[]).await;
    let list = desk.get("/records/offer?sort=total.amount&desc=true").await.text();
    let place = |page: &str, text: &str| page.find(text).unwrap_or_else(|| panic!("{page} lacks {text}"));
    assert!(list.contains("¥3,500.00") && list.contains("¥300.00"), "{list}");
    assert!(place(&list, "Large quote") < place(&list, "Small quote"), "{list}");
    let list = desk.get("/records/offer?sort=total.amount").await.text();
    assert!(place(&list, "Small quote") < place(&list, "Large quote"), "{list}");
    let over = json!([{"type": "greaterThan", "attribute": "total.amount", "value": 100_000}]).to_string();
    let found = ann.list("offer", &[("where", over.as_str())]).await.json();
    assert_eq!((found["rows"].as_array().unwrap().len(), &found["rows"][0]["title"]), (1, &json!("Large quote")));
    assert!(desk.get("/records/offer/export.csv").await.text().contains("3500"), "a file of the list has it");
    let page = desk.get(&format!("/records/offer/{}", id(&small))).await.text();
    assert!(page.contains("Total of the lines") && page.contains("¥300.00"), "{page}");
    assert!(!page.contains(&format!("/records/offer/{}?edit=total", id(&small))), "nobody writes it");
    let set = json!([{"op": "set", "field": "total", "value": {"amount": 1, "currency": "CNY"}}]);
    assert_eq!(ann.edit(&small, set).await.status, 422);
}

#[tokio::test]
async fn a_phone_shows_a_total_before_it_has_sent_anything_and_the_server_the_same_after() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let mut phone = Handset::of(&server, server.ann).await;
    let address = quote(&ann, "Paper", &[line(10_000, 3)]).await;
    phone.sync(&server).await;
    assert_eq!(phone.fields(id(&address)).unwrap()["total"]["amount"], 30_000);
    let more = FieldEdit::SetRow { field: "lines".into(), row: "b".into(), values: line(500, 2).as_object().unwrap().clone() };
    phone.edit(&server, "offer", id(&address), &[more]);
    assert_eq!(phone.fields(id(&address)).unwrap()["total"]["amount"], 31_000);
    assert_eq!(total(&ann, &address).await["amount"], 30_000);
    phone.sync(&server).await;
    assert_eq!(total(&ann, &address).await["amount"], 31_000);
    assert_eq!(differences(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn totals_follow_a_formula_that_the_office_changes_here_and_on_phones() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    let mut half = line(10_000, 3);
    half["discount_percent"] = json!(50);
    let address = quote(&ann, "Paper", &[half]).await;
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(id(&address)).unwrap()["total"]["amount"], 15_000);
    let saved = desk.post("/kinds/offer", &[("step", "text"), ("text", &without_discount())]).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    assert_eq!(total(&ann, &address).await["amount"], 30_000);
    assert_eq!(differences(&desk.server).await, Vec::<String>::new());
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(id(&address)).unwrap()["total"]["amount"], 30_000);
    let listed = phone.device.row(id(&address)).unwrap().unwrap();
    assert_eq!(listed.fields["total"]["amount"], 30_000, "its row, too");
    let misspelt = without_discount().replace("of = \"price\"", "of = \"prize\"");
    let refused = desk.post("/kinds/offer", &[("step", "text"), ("text", &misspelt)]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("names no part of `lines`: `prize`, did you mean `price`?"), "{}", refused.text());
}

#[tokio::test]
async fn rows_that_an_earlier_version_made_are_made_again_at_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rapport.db");
    let config = |config: &mut rapport_server::Config| config.database.path = path.clone();
    let mut server = Server::start_with(config).await;
    let ann = Client::office(&server).await;
    let address = quote(&ann, "Paper", &[line(10_000, 3)]).await;
    drop(ann);
    server.ask_to_stop();
    server.stopped().await;
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let earlier = "update rows set main = json_remove(main, '$.total'); delete from follower_marks where follower like 'row_rules.%'";
    sqlx::raw_sql(earlier).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let server = Server::start_again(config).await;
    let ann = Client::office(&server).await;
    server.owes_nothing().await;
    assert_eq!(total(&ann, &address).await["amount"], 30_000);
    assert_eq!(differences(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_kind_of_ones_own_computes_what_its_text_says_and_saving_its_form_keeps_that() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let text = r#"name = "lease"
label = { en = "Lease", zh = "租约" }
plural = { en = "Leases", zh = "租约" }
title = "title"
list = ["title", "fee"]

[[field]]
name = "title"
label = { en = "Title", zh = "标题" }

[[field]]
name = "rent"
label = { en = "Rent", zh = "租金" }
type = "money"

[[field]]
name = "rate"
label = { en = "Rate", zh = "比例" }
type = "number"

[[field]]
name = "fee"
label = { en = "Fee", zh = "佣金" }
type = "money"
merge = "derived"
formula = { percent_of = "rent", by = "rate" }
"#;
    let refused = desk.post("/kinds/new", &[("step", "text"), ("text", &text.replace("by = \"rate\"", "by = \"rates\""))]).await;
    assert!(refused.status == 422 && refused.text().contains("`by` names no field: `rates`, did you mean `rate`?"), "{}", refused.text());
    let made = desk.post("/kinds/new", &[("step", "text"), ("text", text)]).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let lease = ann.make("lease", json!({"title": "Shop", "rent": {"amount": 100_000, "currency": "CNY"}, "rate": 12.5})).await;
    assert_eq!(ann.get(&lease).await.json()["fields"]["fee"]["amount"], 12_500);
    let form = [("label_en", "Lease"), ("fields", "4"), ("title", "0"), ("step", "save"), ("whole", "")];
    let fields = [
        ("field.0.name", "title"),
        ("field.0.label_en", "Title"),
        ("field.1.name", "rent"),
        ("field.1.label_en", "Monthly rent"),
        ("field.2.name", "rate"),
        ("field.2.label_en", "Rate"),
        ("field.3.name", "fee"),
        ("field.3.label_en", "Fee"),
        ("field.3.listed", "on"),
    ];
    let saved = desk.post("/kinds/lease", &[&form[..], &fields[..]].concat()).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let kept = desk.get("/kinds/lease").await.text();
    assert!(kept.contains("Monthly rent") && kept.contains("percent_of"), "{kept}");
    assert!(desk.get("/records/lease").await.text().contains("¥125.00"));
}
