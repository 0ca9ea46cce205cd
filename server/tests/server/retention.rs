//! Records that may not be kept any longer.

use rapport_server::jobs::retention;
use serde_json::{Value, json};

use crate::api::Client;
use crate::harness::{MINUTE, Server};

const DAY: i64 = 24 * 60 * MINUTE;

async fn rule(ann: &Client<'_>, name: &str, about: &str, condition: Value) -> String {
    ann.make("rule", json!({"name": name, "purpose": "retention", "about": about, "condition": condition.to_string(), "enabled": true}))
        .await
}

#[tokio::test]
async fn what_is_due_is_shown_first_and_then_erased_with_a_proof() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let old = ann.make("party", json!({"name": "long gone"})).await;
    let touched = ann.make("party", json!({"name": "came back"})).await;
    let kept = ann.make("party", json!({"name": "customer", "roles": ["customer"]})).await;
    ann.make("deal", json!({"title": "of another kind"})).await;
    let condition = json!([
        {"type": "olderThanXDays", "attribute": "updatedAt", "value": 730},
        {"type": "arrayNoneOf", "attribute": "roles", "value": ["customer"]},
    ]);
    let rule = rule(&ann, "prospects after two years", "party", condition).await;
    server.clock.forward(700 * DAY);
    let ann = Client::office(&server).await;
    ann.edit(&touched, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    let caller = retention::on_behalf(&server.app, server.workspace, None).await.unwrap();
    let due = retention::due(&server.app, &caller).await.unwrap();
    assert_eq!(due[0].records.as_ref().unwrap(), &[], "not yet");
    server.clock.forward(40 * DAY);
    let due = retention::due(&server.app, &caller).await.unwrap();
    let titles: Vec<&str> = due[0].records.as_ref().unwrap().iter().map(|(_, title)| title.as_str()).collect();
    assert_eq!((due.len(), titles), (1, vec!["long gone"]));
    let ann = Client::office(&server).await;
    assert_eq!(ann.get(&old).await.status, 200, "looking erases nothing");
    let gone = retention::erase(&server.app, &caller).await.unwrap();
    assert_eq!(gone.len(), 1);
    assert!(old.ends_with(&gone[0].record.to_string()) && rule.ends_with(&gone[0].rule.to_string()));
    assert!(gone[0].proof.removed.changes > 0);
    assert_eq!(
        (ann.get(&old).await.status.as_u16(), ann.get(&touched).await.status.as_u16(), ann.get(&kept).await.status.as_u16()),
        (404, 200, 200)
    );
    assert!(ann.get("/api/v1/privacy").await.text().contains(&gone[0].record.to_string()), "it stands among what was erased");
    let mut tx = server.app.store.reader().await.unwrap();
    let log = rapport_server::store::trail::before(&mut tx, server.workspace, u64::MAX, Some("retention_run"), 10).await.unwrap();
    assert_eq!((log.len(), log[0].detail.as_str()), (1, "{\"records\":1}"));
    drop(tx);
    assert!(retention::erase(&server.app, &caller).await.unwrap().is_empty(), "once");
}

#[tokio::test]
async fn a_rule_that_does_not_say_how_old_or_is_switched_off_erases_nothing() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let customer = ann.make("party", json!({"name": "still here"})).await;
    rule(&ann, "everybody", "party", json!([])).await;
    rule(&ann, "no such kind", "nothing", json!([{"type": "olderThanXDays", "attribute": "updatedAt", "value": 1}])).await;
    rule(&ann, "no such field", "party", json!([{"type": "olderThanXDays", "attribute": "shoe_size", "value": 1}])).await;
    let off = rule(&ann, "off", "party", json!([{"type": "olderThanXDays", "attribute": "updatedAt", "value": 1}])).await;
    ann.edit(&off, json!([{"op": "set", "field": "enabled", "value": false}])).await;
    server.clock.forward(10 * DAY);
    let caller = retention::on_behalf(&server.app, server.workspace, Some("ann")).await.unwrap();
    let due = retention::due(&server.app, &caller).await.unwrap();
    assert_eq!(due.len(), 3);
    assert!(due.iter().all(|one| one.records.is_err()), "{due:?}");
    assert!(retention::erase(&server.app, &caller).await.unwrap().is_empty());
    let ann = Client::office(&server).await;
    assert_eq!(ann.get(&customer).await.status, 200);
    assert!(retention::on_behalf(&server.app, server.workspace, Some("nobody")).await.is_err());
}
