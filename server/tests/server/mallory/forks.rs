//! Two different changes under one number: the first stays, the second is refused, and administrators are told.

use rapport_server::store::trail;
use serde_json::Value;

use super::*;

/// A change that makes a customer, the first one of the device here.
fn first(street: &Street, record: RecordId, name: &str) -> Pushed {
    let written = Doc::default().write(street.here.actor, START, &[put("name", name)]).unwrap();
    Pushed { kind: kind("party"), record, facet: Facet::Main, hash: written.hash, body: written.bytes }
}

async fn verdict_on(street: &Street, pushed: Pushed) -> Verdict {
    let frame = protocol::encode_frame(&[hello(street.here.actor, None), pushing(vec![pushed])]);
    let mut answers = say(&street.server, &street.here.device, &frame).await;
    let Some(Message::Verdicts(mut verdicts)) = answers.pop() else { panic!("{answers:?}") };
    verdicts.verdicts.remove(0)
}

/// Sends a customer, and another one under the same number.
async fn forks(street: &Street, record: RecordId) {
    let kept = verdict_on(street, first(street, record, "first")).await;
    assert!(matches!(kept, Verdict::Accepted { .. }), "{kept:?}");
    for _ in 0..2 {
        let second = verdict_on(street, first(street, record, "second")).await;
        assert_eq!(second, Verdict::ActorFork { last_seq: 1 });
    }
}

async fn noted(street: &Street) -> Vec<trail::EntryRow> {
    let mut tx = street.server.app.store.reader().await.unwrap();
    trail::before(&mut tx, street.here.workspace, u64::MAX, Some("device_forked"), 100).await.unwrap()
}

async fn page(street: &Street, path: &str) -> String {
    street.here.send(&street.server, "office", Method::GET, path, Value::Null).await.text()
}

#[tokio::test]
async fn two_changes_under_one_number_are_told_to_administrators_and_the_first_stays() {
    let street = Street::new().await;
    let (device, _) = street.here.ids(Thing::DeviceOf);
    assert!(!page(&street, "/devices").await.contains("Two copies?"));
    let record = RecordId::of_cause("forked");
    forks(&street, record).await;
    assert!(ours(&street, record).await.contains("first") && !ours(&street, record).await.contains("second"));
    let entries = noted(&street).await;
    let detail: Value = serde_json::from_str(&entries[0].detail).unwrap();
    assert_eq!((entries.len(), &*entries[0].subject), (1, device), "once a day for one record");
    assert_eq!(detail, json!({"record": record, "kind": "party", "facet": "main", "number": 1}));
    assert_eq!(entries[0].user.map(|user| user.to_string()).as_deref(), Some(street.here.ids(Thing::Colleague).0));
    assert_eq!(entries[0].at, street.server.app.clock.now());
    let devices = page(&street, "/devices").await;
    assert_eq!(devices.matches("Two copies?").count(), 1, "{devices}");
    assert!(devices.contains("It sent two different changes under one number"), "{devices}");
    let log = page(&street, &format!("/audit?act=device_forked&about={device}")).await;
    let told = ["different change of", &format!("/records/party/{record}"), &format!("device {} phone", street.here.canary)];
    assert!(told.iter().all(|part| log.contains(part)), "{log}");
    assert_eq!(differences(&street.server, &street.here).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_device_that_forks_without_end_does_not_fill_the_audit_log() {
    let street = Street::new().await;
    for n in 0..25 {
        forks(&street, RecordId::of_cause(&format!("forked {n}"))).await;
    }
    assert_eq!(noted(&street).await.len(), 20);
    street.server.clock.forward(25 * 60 * crate::harness::MINUTE);
    assert_eq!(verdict_on(&street, first(&street, RecordId::of_cause("forked 0"), "third")).await, Verdict::ActorFork { last_seq: 1 });
    assert_eq!(noted(&street).await.len(), 21, "the next day it is told again");
}
