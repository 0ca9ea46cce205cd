//! A customer that stands in a file twice: made once where likely duplicates are looked for, and taken back whole after a merge.

use rapport_server::jobs::import::Spec;
use serde_json::json;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use super::Desk;
use crate::api::Client;

const TWINS: &str = "name,phone,industry\nJiamei Office Supplies,138 1234 5678,\nJiamei Office Supplies,138 1234 5678,\n";

fn spec(attach: bool, is_dry_run: bool) -> Spec {
    Spec { attach, is_dry_run, ..Spec::new("party".parse().unwrap()) }.map("phone", "phones.value")
}

#[tokio::test]
async fn the_same_customer_twice_in_a_file_is_made_once() {
    let desk = Desk::new().await;
    let more = "Jiamei Office Supplies,138 1234 5678,print\nTianhe Printing,139 8765 4321,\n";
    let file = desk.file("twins.csv", format!("{TWINS}{more}"));
    for is_dry_run in [true, false] {
        let report = desk.run(spec(true, is_dry_run), &file).await.unwrap();
        let counts = (report.created, report.updated, report.unchanged, report.doubled, report.failed);
        assert_eq!(counts, (2, 1, 1, 2, 0), "{:?} {:?}", report.failures, report.preview);
    }
    let rows = desk.rows("party", "name").await;
    assert_eq!(rows["Jiamei Office Supplies"].1["industry"], json!("print"));
    assert_eq!(rows["Jiamei Office Supplies"].1["phones"].as_array().unwrap().len(), 1, "{rows:?}");
}

#[tokio::test]
async fn rows_with_keys_of_their_own_are_two_customers_however_alike() {
    let desk = Desk::new().await;
    let text = "external_id,name,phone\n1,Jiamei Office Supplies,13812345678\n2,Jiamei Office Supplies,13812345678\n";
    let report = desk.run(spec(true, false), &desk.file("keys.csv", text)).await.unwrap();
    assert_eq!((report.created, report.doubled), (2, 0), "{report:?}");
}

#[tokio::test]
async fn an_import_is_taken_back_whole_though_its_records_were_merged_and_what_is_left_is_named() {
    let desk = Desk::new().await;
    let text = format!("{TWINS}Tianhe Printing,139 8765 4321,\n");
    let report = desk.run(spec(false, false), &desk.file("twins.csv", text)).await.unwrap();
    let office = Client::office(&desk.server).await;
    let page = office.list("party", &[("orderBy", "id")]).await.json();
    let ids: Vec<(String, RecordId)> = page["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["title"].as_str().unwrap().to_owned(), row["id"].as_str().unwrap().parse().unwrap()))
        .collect();
    let twins: Vec<RecordId> = ids.iter().filter(|(title, _)| title.starts_with("Jiamei")).map(|(_, id)| *id).collect();
    let other = ids.iter().find(|(title, _)| title.starts_with("Tianhe")).unwrap().1;
    let merged = office.post(&format!("/api/v1/party/{}/merge", twins[0]), json!({"duplicate": twins[1]})).await;
    assert!(merged.status.is_success(), "{}", merged.text());
    desk.edit(other, vec![FieldEdit::set("industry", "print")]).await;
    let bearer = format!("Bearer {}", desk.server.token().await);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let address = format!("/imports/undo/{}", report.import.unwrap());
    let undone = desk.server.send(reqwest::Method::POST, &address, &headers, String::new()).await;
    assert_eq!(undone.status, 303, "{}", undone.text());
    let (_, cookie) = desk.server.browser_sign_in_as("ann").await;
    let page = desk.server.get(undone.header("location"), &[("cookie", &cookie)]).await.text();
    assert!(page.contains("2 records that were made are archived") && page.contains("1 was left as it is"), "{page}");
    assert!(page.contains(&format!("<a href=\"/records/party/{other}\">Tianhe Printing</a>")), "{page}");
    let left = office.list("party", &[]).await.json();
    assert_eq!(left["rows"].as_array().unwrap().len(), 1, "{left}");
}
