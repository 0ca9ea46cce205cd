//! When too much waits at the desk: whoever asks for more is told to come again.

use reqwest::Method;
use serde_json::json;
use sync_core::id::RecordId;

use rapport_server::store::rejected::{DeskState, RejectedRow, insert_rejected, rejected_in};

use crate::api::Client;
use crate::harness::Server;

#[tokio::test]
async fn an_edit_through_the_api_that_would_have_to_wait_is_told_to_come_again_when_too_much_waits() {
    let server = Server::start().await;
    let rep = Client::of_role(&server, "cy", "rep").await;
    let quote = |discount: i64| {
        let lines = json!([{"product_name": "Lamp", "quantity": 1, "discount_percent": discount}]);
        json!({"fields": {"title": "Lamps", "owner": sync_core::id::UserId::of_cause("cy"), "lines": lines}})
    };
    let held = rep.post("/api/v1/offer", quote(15)).await;
    assert_eq!(held.status, 202, "{}", held.text());
    let mut tx = server.app.store.begin().await.unwrap();
    let waits = rejected_in(&mut tx, server.workspace, &[DeskState::Held], 1).await.unwrap().remove(0);
    let large = RejectedRow { record: RecordId::of_cause("large"), body: vec![0; 16 << 20], ..waits };
    insert_rejected(&mut tx, server.workspace, &[large]).await.unwrap();
    tx.commit().await.unwrap();
    let crowded = rep.post("/api/v1/offer", quote(15)).await;
    assert_eq!((crowded.status.as_u16(), crowded.code().as_str(), crowded.header("retry-after")), (429, "throttled", "600"));
    assert!(crowded.text().contains("wait for a decision"), "{}", crowded.text());
    // What needs nobody's word is written as ever, and others have room of their own.
    assert_eq!(rep.post("/api/v1/offer", quote(5)).await.status, 201);
    let other = Client::of_role(&server, "di", "rep").await;
    let theirs = other.send(Method::POST, "/api/v1/offer", Some(quote(15))).await;
    assert_eq!(theirs.status, 202, "{}", theirs.text());
}
