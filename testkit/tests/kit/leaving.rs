//! Devices that are locked, let in, sent away: what the back office decides about phones.

use std::time::Duration;

use rapport_mobile::{ClientError, ListQuery, Settings, StopReason};
use sync_core::protocol::Removal;
use testkit::{Act, Kit, quiesce};

use super::{create, edit, set, sync, waiting};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_phone_too_long_without_contact_locks_and_unlocks_with_everything_at_the_next() {
    let kit = Kit::start().await.unwrap();
    let (ann, bo) = (kit.phone("ann").await.unwrap(), kit.phone("bo").await.unwrap());
    kit.terms(7, false).await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    quiesce(&[&ann, &bo]).await.unwrap();
    kit.network().cut();
    ann.forward_clock(6 * DAY).await.unwrap();
    edit(&ann, &customer, vec![set("industry", "print")]).await.unwrap();
    ann.forward_clock(2 * DAY).await.unwrap();
    // Neither shown nor written, in no way.
    let query = ListQuery { kind: "party".into(), filter: None, order_by: None, descending: false, limit: 9, after: None };
    assert_eq!(ann.get(customer.clone()).await, Err(ClientError::Locked));
    assert_eq!(ann.list(query).await.err(), Some(ClientError::Locked));
    assert_eq!(ann.search("jiamei".into(), None, None).await.err(), Some(ClientError::Locked));
    assert_eq!(ann.history(customer.clone()).await.err(), Some(ClientError::Locked));
    assert_eq!(edit(&ann, &customer, vec![set("industry", "paper")]).await.err(), Some(ClientError::Locked));
    assert_eq!(waiting(&ann).await, 1, "how much waits is told nevertheless");
    assert!(matches!(sync(&ann).await, Err(ClientError::Offline { .. })));
    assert_eq!(ann.get(customer.clone()).await, Err(ClientError::Locked));
    assert_eq!(ann.sign_out(false).await, Err(ClientError::Unsent { edits: 1, drafts: 0, files: 0 }));
    // The next contact opens it, and what was written before it locked arrives.
    kit.forward(8 * DAY);
    kit.network().mend();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!(ann.get(customer.clone()).await.unwrap().unwrap().title, "佳美");
    assert_eq!(super::fields(&bo, &customer).await["industry"], super::text("print"));
}

#[tokio::test]
async fn a_phone_that_waits_shows_its_fingerprint_and_syncs_once_it_was_compared() {
    let kit = Kit::start().await.unwrap();
    kit.person("ann", "rep").await.unwrap();
    kit.terms(0, true).await.unwrap();
    let settings = Settings {
        server: kit.url(),
        folder: String::new(),
        app: "test".into(),
        root_certificate: None,
        utc_offset_minutes: 0,
        cache_bytes: 1 << 20,
    };
    let ann = rapport_mobile::Client::open_in_memory(settings).await.unwrap();
    assert_eq!(ann.fingerprint().await, Ok(None), "before it is enrolled there is nothing to compare");
    ann.enrol(kit.code("ann").await.unwrap(), "phone".into(), None).await.unwrap();
    let shown = ann.fingerprint().await.unwrap().unwrap();
    assert_eq!(shown.chars().filter(char::is_ascii_digit).count(), 8, "{shown}");
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    for _ in 0..2 {
        let Err(ClientError::Server { status: 403, code, .. }) = sync(&ann).await else { panic!("it was let in") };
        assert_eq!((code.as_str(), waiting(&ann).await), ("not_confirmed", 1));
    }
    assert!(kit.confirm("0000 0000").await.is_err(), "another fingerprint lets nobody in");
    kit.confirm(&shown).await.unwrap();
    quiesce(&[&ann]).await.unwrap();
    assert_eq!((waiting(&ann).await, ann.get(customer).await.unwrap().unwrap().title.as_str()), (0, "佳美"));
    assert!(kit.confirm(&shown).await.is_err(), "it does not wait any more");
}

#[tokio::test]
async fn a_lost_phone_forgets_everything_at_its_next_word_and_says_so() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    create(&ann, "party", vec![set("name", "佳美")]).await;
    quiesce(&[&ann]).await.unwrap();
    create(&ann, "party", vec![set("name", "not sent")]).await;
    kit.send_away("ann", Act::Lost).await.unwrap();
    assert!(kit.receipts("ann").await.unwrap().iter().all(|receipt| receipt.removal != Removal::Wiped), "nobody was told yet");
    assert_eq!(sync(&ann).await, Err(ClientError::Stopped { reason: StopReason::Wiped }));
    let receipt = kit.receipts("ann").await.unwrap().into_iter().find(|receipt| receipt.removal == Removal::Wiped).unwrap();
    assert_eq!((receipt.records > 0, receipt.unsent), (true, 1));
    assert_eq!((ann.status().await.err(), ann.session().await), (Some(ClientError::Closed), Err(ClientError::Closed)));
    ann.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_phone_that_is_handed_back_delivers_first() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    create(&ann, "party", vec![set("name", "not sent")]).await;
    kit.send_away("ann", Act::HandBack).await.unwrap();
    assert_eq!(sync(&ann).await, Err(ClientError::Stopped { reason: StopReason::Wiped }));
    let receipt = kit.receipts("ann").await.unwrap().into_iter().find(|receipt| receipt.removal == Removal::Wiped).unwrap();
    assert_eq!(receipt.unsent, 0, "it was delivered");
}
