//! Sync: cut, budgeted, cancelled, live, shut out.

use std::time::Duration;

use rapport_mobile::{Budget, CancelHandle, ClientError, ListQuery, ListUpdate, Network, StopReason, SyncOutcome, SyncPhase};
use sync_core::record::fields::FieldEdit;
use testkit::{Kit, quiesce};

use super::{create, fields, set, text, waiting};

const ALL: Budget = Budget { time: None, bytes: None };

#[tokio::test]
async fn without_a_network_edits_are_kept_and_arrive_later() {
    let kit = Kit::start().await.unwrap();
    let (ann, bo) = kit.pair("ann").await.unwrap();
    kit.network().cut();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    assert!(matches!(ann.sync_once(ALL, None).await, Err(ClientError::Offline { .. })));
    assert_eq!((waiting(&ann).await, ann.status().await.unwrap().phase), (1, SyncPhase::Offline));
    kit.network().mend();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!((waiting(&ann).await, fields(&bo, &customer).await["name"].clone()), (0, text("佳美")));
}

#[tokio::test]
async fn a_budget_ends_a_sync_and_the_next_one_goes_on() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    create(&ann, "party", vec![set("name", "佳美")]).await;
    let none = Budget { time: None, bytes: Some(0) };
    assert_eq!(ann.sync_once(none, None).await, Ok(SyncOutcome::OutOfBudget { waiting: 1, files: 0 }));
    let none = Budget { time: Some(Duration::ZERO), bytes: None };
    assert_eq!(ann.sync_once(none, None).await, Ok(SyncOutcome::OutOfBudget { waiting: 1, files: 0 }));
    let cancel = CancelHandle::new();
    cancel.cancel();
    assert_eq!(ann.sync_once(ALL, Some(cancel)).await, Err(ClientError::Cancelled));
    assert_eq!(ann.sync_once(ALL, None).await, Ok(SyncOutcome::Done));
    assert_eq!(waiting(&ann).await, 0);
}

#[tokio::test]
async fn connected_phones_see_what_others_do_and_the_status_says_how_far_they_are() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    let status = ann.watch_status().await.unwrap();
    assert_eq!(status.next().await.unwrap().unwrap().phase, SyncPhase::Offline);
    ann.connect().await.unwrap();
    ann.wait_current(None).await.unwrap();
    let mut phases = Vec::new();
    while phases.last() != Some(&SyncPhase::Current) {
        phases.push(status.next().await.unwrap().unwrap().phase);
    }
    let query = ListQuery { kind: "party".into(), filter: None, order_by: None, descending: false, limit: 9, after: None };
    let list = ann.watch(query).await.unwrap();
    list.next().await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    ann.wait_current(None).await.unwrap();
    kit.edit_as("office", "party", customer.0.parse().unwrap(), vec![FieldEdit::set("name", "佳美办公")]).await.unwrap();
    while fields(&ann, &customer).await["name"] != text("佳美办公") {
        assert!(matches!(list.next().await.unwrap(), Some(ListUpdate::Changes { .. })));
    }
    // In the background, and without a network, it is not connected.
    ann.set_foreground(false).unwrap();
    ann.set_network(Network::Offline).unwrap();
    while status.next().await.unwrap().unwrap().phase != SyncPhase::Offline {}
    ann.set_network(Network::Online).unwrap();
    ann.set_foreground(true).unwrap();
    ann.wait_current(None).await.unwrap();
    ann.disconnect().await.unwrap();
    status.stop();
    assert_eq!(status.next().await.unwrap(), None);
}

#[tokio::test]
async fn whoever_gets_other_roles_while_connected_has_them_on_the_phone_soon() {
    let kit = Kit::start().await.unwrap();
    let me = kit.person("ann", "manager").await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    ann.connect().await.unwrap();
    ann.wait_current(None).await.unwrap();
    assert_eq!(ann.session().await.unwrap().unwrap().role, "manager");
    kit.edit_as("office", "member", me, vec![FieldEdit::set("role", "rep")]).await.unwrap();
    let told = async {
        while ann.session().await.unwrap().unwrap().role != "rep" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("the phone was not told");
}

#[tokio::test]
async fn a_phone_that_is_shut_out_keeps_what_was_not_sent_and_gives_it_up_only_on_request() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    create(&ann, "party", vec![set("name", "佳美")]).await;
    kit.revoke_devices("ann").await.unwrap();
    let stopped = ClientError::Stopped { reason: StopReason::Revoked };
    assert_eq!(ann.sync_once(ALL, None).await, Err(stopped));
    assert_eq!(ann.sign_out(false).await, Err(ClientError::Unsent { edits: 1, drafts: 0, files: 0 }));
    assert_eq!(ann.sign_out(true).await, Ok(()));
    assert_eq!((ann.status().await.unwrap_err(), ann.shutdown().await), (ClientError::Closed, Ok(())));
    assert_eq!(ann.wipe().await, Err(ClientError::Closed));
}

#[tokio::test]
async fn enrolment_fails_by_name_and_can_be_tried_again() {
    let kit = Kit::start().await.unwrap();
    kit.person("ann", "rep").await.unwrap();
    let settings = rapport_mobile::Settings {
        server: kit.url(),
        folder: String::new(),
        app: "test".into(),
        root_certificate: None,
        cache_bytes: 1 << 20,
        utc_offset_minutes: 480,
    };
    let ann = rapport_mobile::Client::open_in_memory(settings.clone()).await.unwrap();
    assert_eq!((ann.session().await, ann.status().await.unwrap().phase), (Ok(None), SyncPhase::NotEnrolled));
    assert_eq!(ann.sync_once(ALL, None).await, Err(ClientError::NotEnrolled));
    let wrong = ann.enrol("AAAA-BBBB-CCCC".into(), "phone".into(), None).await.unwrap_err();
    assert!(matches!(wrong, ClientError::Server { status: 403, .. }), "{wrong:?}");
    let cancel = CancelHandle::new();
    cancel.cancel();
    let code = kit.code("ann").await.unwrap();
    kit.network().cut();
    let cut = ann.enrol(code.clone(), "phone".into(), Some(cancel)).await.unwrap_err();
    assert!(matches!(cut, ClientError::Cancelled | ClientError::Offline { .. }), "{cut:?}");
    kit.network().mend();
    let session = ann.enrol(code, "phone".into(), None).await.unwrap();
    assert_eq!((session.role.as_str(), ann.session().await), ("rep", Ok(Some(session.clone()))));
    let bad = rapport_mobile::Client::open_in_memory(rapport_mobile::Settings { server: "crm.example".into(), ..settings }).await;
    assert_eq!(bad.err().unwrap().to_string(), "`crm.example` is not an http or https address");
}

#[tokio::test]
async fn a_phone_follows_the_servers_clock() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    kit.forward(Duration::from_secs(30 * 86_400));
    quiesce(&[&ann]).await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    let made = ann.get(customer).await.unwrap().unwrap().created_at;
    assert!(made > std::time::SystemTime::now() + Duration::from_secs(29 * 86_400), "{made:?}");
}

#[tokio::test]
async fn a_phone_that_was_shut_out_enrols_again_for_the_same_person_and_sends_what_waited() {
    let kit = Kit::start().await.unwrap();
    let (ann, bo) = (kit.phone("ann").await.unwrap(), kit.phone("bo").await.unwrap());
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    kit.revoke_devices("ann").await.unwrap();
    assert!(matches!(ann.sync_once(ALL, None).await, Err(ClientError::Stopped { .. })));
    let others = ann.enrol(kit.code("bo").await.unwrap(), "phone".into(), None).await.unwrap_err();
    assert_eq!(others.to_string(), "this device holds another person's records: sign out first");
    ann.enrol(kit.code("ann").await.unwrap(), "phone".into(), None).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!((waiting(&ann).await, ann.get(customer.clone()).await.unwrap().unwrap().title.as_str()), (0, "佳美"));
    assert_eq!(ann.history(customer).await.unwrap().len(), 1);
}
