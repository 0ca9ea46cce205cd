//! Telephone numbers as they are written in the workspace's country: compared, searched, doubted and dialled, on server and phone.

use rapport_server::jobs::duplicates::catch_up;
use serde_json::{Value, json};
use sync_core::device::RecordEdits;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;

/// One number as it is written in Berlin, and as it is written everywhere else.
const HERE: &str = "030 123456";
const ABROAD: &str = "+49 30 123456";

async fn country(desk: &Desk, office: &Client<'_>, country: &str) -> u16 {
    let only = RecordId::of_cause(&format!("settings of {}", desk.server.workspace));
    let made = office.post("/api/v1/settings", json!({"id": only, "fields": {"name": "Lamps", "country": country}})).await;
    match made.status.as_u16() {
        409 => office.edit(&format!("/api/v1/settings/{only}"), json!([{"op": "set", "field": "country", "value": country}])).await,
        _ => made,
    }
    .status
    .as_u16()
}

async fn customer(office: &Client<'_>, name: &str, number: &str) -> String {
    let made = office.make("party", json!({"name": name, "phones": [{"value": number, "label": "work"}]})).await;
    made.rsplit('/').next().unwrap().to_owned()
}

fn ids(list: &Value) -> Vec<String> {
    let mut ids: Vec<String> = list["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_workspace_in_germany_finds_a_number_however_it_is_written() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let mut two = vec![customer(&office, "Alder", HERE).await, customer(&office, "Birch", ABROAD).await];
    two.sort();
    catch_up(&desk.server.app).await.unwrap();
    let pairs = async || office.get("/api/v1/party/duplicates").await.json()["rows"].as_array().unwrap().len();
    assert_eq!(pairs().await, 0, "in China it is another number");
    let page = desk.get(&format!("/records/party/{}", two[0])).await.text() + &desk.get(&format!("/records/party/{}", two[1])).await.text();
    assert!(page.contains("href=\"tel:030123456\""), "{page}");

    assert_eq!(country(&desk, &office, "Atlantis").await, 422, "a country that nobody knows is refused");
    assert_eq!(country(&desk, &office, "DE").await, 201);
    catch_up(&desk.server.app).await.unwrap();
    assert_eq!(pairs().await, 1, "what is there already is compared again");
    for typed in [HERE, ABROAD, "0049 30 123456", "030/123 456"] {
        assert_eq!(ids(&office.list("party", &[("q", typed)]).await.json()), two, "{typed}");
        let page = desk.get(&format!("/search?q={}", typed.replace('+', "%2B").replace(' ', "+"))).await.text();
        assert!(page.contains("Alder") && page.contains("Birch"), "{typed}: {page}");
    }
    assert_eq!(ids(&office.list("party", &[("q", "030 1234567")]).await.json()), [""; 0], "another number");
    for id in &two {
        let page = desk.get(&format!("/records/party/{id}")).await.text();
        assert!(page.contains("href=\"tel:+4930123456\""), "{page}");
        assert_eq!(office.get(&format!("/api/v1/party/{id}")).await.json()["doubts"], json!([]), "nothing is doubtful about it");
    }
    assert_eq!(country(&desk, &office, "CN").await, 200);
    catch_up(&desk.server.app).await.unwrap();
    assert_eq!(pairs().await, 0, "and it is another number again");
}

#[tokio::test]
async fn a_file_is_matched_by_numbers_as_the_workspaces_country_writes_them() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    assert_eq!(country(&desk, &office, "DE").await, 201);
    let alder = customer(&office, "Alder", HERE).await;
    let csv = format!("Name,Phone\nAlder & Sons,{ABROAD}\n");
    let path = desk.upload("party", "customers.csv", csv.as_bytes()).await.header("location").to_owned();
    let mut pairs = crate::uploads::form(&desk.suggested(&path).await, "run");
    pairs.push(("match".to_owned(), "phones.value".to_owned()));
    let run = desk.post(&path, &pairs.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>()).await;
    assert_eq!(run.status, 303, "{}", run.text());
    desk.finished(&path).await;
    let all = office.list("party", &[]).await.json();
    assert_eq!((ids(&all), &all["rows"][0]["fields"]["name"]), (vec![alder], &json!("Alder & Sons")));
}

#[tokio::test]
async fn a_phone_without_a_network_reads_numbers_as_the_workspaces_country_writes_them() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let alder = customer(&office, "Alder", HERE).await;
    let birch = customer(&office, "Birch", ABROAD).await;
    let mut phone = Handset::of(&desk.server, UserId::of_cause("bo")).await;
    phone.sync(&desk.server).await;
    let record: RecordId = alder.parse().unwrap();
    let as_it_is = RecordEdits { kind: "party".parse().unwrap(), record, edits: Vec::new(), makes: false };
    assert_eq!(phone.device.dialled(HERE).unwrap(), None, "in China that is no whole number");
    assert_eq!(phone.device.doubts(&as_it_is).unwrap().len(), 1);

    assert_eq!(country(&desk, &office, "DE").await, 201);
    phone.sync(&desk.server).await;
    assert_eq!(phone.device.dialled(HERE).unwrap().as_deref(), Some("+4930123456"));
    assert_eq!(phone.device.doubts(&as_it_is).unwrap(), []);
    for typed in [HERE, ABROAD] {
        let mut found: Vec<String> = phone.device.search(typed, Some("party")).unwrap().iter().map(|row| row.record.to_string()).collect();
        found.sort();
        let mut both = vec![alder.clone(), birch.clone()];
        both.sort();
        assert_eq!(found, both, "{typed}");
    }
    let number =
        FieldEdit::SetRow { field: "phones".into(), row: "a".into(), values: json!({"value": ABROAD}).as_object().unwrap().clone() };
    let edits = vec![FieldEdit::set("name", "Alder"), number];
    let new = RecordEdits { record: RecordId::of_cause("new"), edits, makes: true, ..as_it_is };
    let likely = phone.device.likely_duplicates(&new).unwrap();
    assert_eq!(likely[0].row.record, record);
    assert!(likely[0].reasons.iter().any(|reason| reason.value == "+4930123456"), "{likely:?}");
}
