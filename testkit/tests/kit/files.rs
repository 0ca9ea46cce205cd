//! Files on phones: taken offline, sent in pieces, fetched on demand, never served to whoever may not see them.

use std::path::PathBuf;
use std::sync::Arc;

use rapport_mobile::{AttachmentState, Client, ClientError, NewAttachment, RecordId, SyncOutcome};
use testkit::{FILE_BYTES_MAX, Kit, quiesce};

use crate::{create, set, sync, waiting};

/// A picture as far as its first bytes go, of a size.
fn picture(size: usize, seed: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..size).map(|at| (at / 251) as u8 ^ seed).collect();
    bytes[..4].copy_from_slice(b"\xff\xd8\xff\xe0");
    bytes
}

struct Camera(tempfile::TempDir);

impl Camera {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A photo with its thumbnail.
    fn photo(&self, bytes: &[u8]) -> NewAttachment {
        let (path, thumbnail) = (self.keep("门头 photo.jpg", bytes), Some(picture(9_000, 7)));
        NewAttachment { path, media_type: "image/jpeg".into(), name: None, thumbnail }
    }
}

async fn all_of(phone: &Client, file: &RecordId) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let piece = phone.read_attachment(file.clone(), bytes.len() as u64).await.unwrap();
        if piece.is_empty() {
            return bytes;
        }
        bytes.extend(piece);
    }
}

async fn state(phone: &Client, file: &RecordId) -> AttachmentState {
    phone.attachment(file.clone()).await.unwrap().state
}

async fn pair_with_customer(kit: &Kit) -> (Arc<Client>, Arc<Client>, RecordId) {
    let (ann, bo) = kit.pair("ann").await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    quiesce(&[&ann, &bo]).await.unwrap();
    (ann, bo, customer)
}

#[tokio::test]
async fn a_photo_taken_offline_is_there_at_once_and_arrives_everywhere_thumbnail_first() {
    let (kit, camera) = (Kit::start().await.unwrap(), Camera::new());
    let (ann, bo, customer) = pair_with_customer(&kit).await;
    kit.network().cut();
    let photo = picture(1_300_000, 1);
    let file = ann.attach(customer.clone(), camera.photo(&photo)).await.unwrap();
    std::fs::remove_file(camera.path("门头 photo.jpg")).unwrap();
    let kept = ann.attachments(customer.clone()).await.unwrap().remove(0);
    assert_eq!((kept.id, kept.name.as_str(), kept.size, kept.has_thumbnail), (file.clone(), "门头 photo.jpg", 1_300_000, true));
    assert_eq!(kept.state, AttachmentState::Waiting { sent: 0 });
    assert_eq!(all_of(&ann, &file).await, photo);
    let status = ann.status().await.unwrap();
    assert_eq!((status.waiting, status.files), (1, 2), "one record; a photo and its thumbnail");
    assert!(matches!(sync(&ann).await, Err(ClientError::Offline { .. })));
    assert_eq!(ann.sign_out(false).await, Err(ClientError::Unsent { edits: 1, drafts: 0, files: 2 }));
    kit.network().mend();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!((state(&ann, &file).await, ann.status().await.unwrap().files), (AttachmentState::Here, 0));
    // The other phone has the small picture before anybody asks, and the large one when somebody does.
    assert_eq!(state(&bo, &file).await, AttachmentState::Elsewhere);
    kit.network().cut();
    assert_eq!(bo.thumbnail(file.clone()).await.unwrap(), Some(picture(9_000, 7)));
    assert!(matches!(bo.fetch_attachment(file.clone(), None).await, Err(ClientError::Offline { .. })));
    kit.network().mend();
    assert_eq!(bo.fetch_attachment(file.clone(), None).await.unwrap().state, AttachmentState::Here);
    let copy = camera.path("shared.jpg").to_str().unwrap().to_owned();
    bo.export_attachment(file.clone(), copy.clone()).await.unwrap();
    assert!(std::fs::read(copy).unwrap() == photo);
}

#[tokio::test]
async fn an_upload_that_broke_off_goes_on_where_it_stopped() {
    let (kit, camera) = (Kit::start().await.unwrap(), Camera::new());
    let (ann, bo, customer) = pair_with_customer(&kit).await;
    let video = picture(FILE_BYTES_MAX as usize, 2);
    let file = ann.attach(customer, camera.photo(&video)).await.unwrap();
    let transfers = ann.watch_transfers().await.unwrap();
    let syncing = tokio::spawn({
        let ann = ann.clone();
        async move { sync(&ann).await }
    });
    let mut seen = Vec::new();
    loop {
        let now = transfers.next().await.unwrap().unwrap();
        seen.extend(now.iter().find(|one| one.size == video.len() as u64).map(|one| one.sent));
        if seen.last().is_some_and(|sent| *sent > 0) {
            kit.network().cut();
            break;
        }
    }
    assert!(matches!(syncing.await.unwrap(), Err(ClientError::Offline { .. })));
    let AttachmentState::Waiting { sent } = state(&ann, &file).await else { panic!("it was not cut in the middle: {seen:?}") };
    assert!(sent > 0 && sent < video.len() as u64);
    kit.network().mend();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!(bo.fetch_attachment(file.clone(), None).await.unwrap().state, AttachmentState::Here);
    assert!(all_of(&bo, &file).await == video);
}

#[tokio::test]
async fn what_the_server_does_not_take_stays_here_with_its_reason_and_stops_nothing_else() {
    let (kit, camera) = (Kit::start().await.unwrap(), Camera::new());
    let (ann, _, customer) = pair_with_customer(&kit).await;
    let large = ann.attach(customer.clone(), camera.photo(&picture(FILE_BYTES_MAX as usize + 1, 3))).await.unwrap();
    let small = ann.attach_bytes(customer.clone(), "signature.png".into(), "image/png".into(), b"\x89PNG signed".to_vec()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(sync(&ann).await, Ok(SyncOutcome::Done));
        let AttachmentState::Refused { code, .. } = state(&ann, &large).await else { panic!("it was not refused") };
        assert_eq!(code, "too_large");
        assert_eq!(state(&ann, &small).await, AttachmentState::Here);
        ann.retry_attachment(large.clone()).await.unwrap();
        assert_eq!(state(&ann, &large).await, AttachmentState::Waiting { sent: 0 });
    }
    assert_eq!(ann.thumbnail(small).await.unwrap().as_deref(), Some(&b"\x89PNG signed"[..]), "a small picture is its own thumbnail");
    assert!(matches!(ann.sign_out(false).await, Err(ClientError::Unsent { edits: 0, drafts: 0, files: 1 })));
}

#[tokio::test]
async fn a_file_whose_record_is_refused_waits_with_its_draft() {
    let (kit, camera) = (Kit::start().await.unwrap(), Camera::new());
    let (ann, bo, customer) = pair_with_customer(&kit).await;
    kit.reject_next("ann", "forbidden", "not this one");
    let photo = picture(700_000, 4);
    let file = ann.attach(customer.clone(), camera.photo(&photo)).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!((ann.status().await.unwrap().files, bo.attachments(customer.clone()).await.unwrap().len()), (2, 0));
    ann.retry_draft(ann.drafts().await.unwrap()[0].id, None).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    bo.fetch_attachment(file.clone(), None).await.unwrap();
    assert!(all_of(&bo, &file).await == photo);
    // Given up, nothing of it stays.
    kit.reject_next("ann", "forbidden", "nor this one");
    ann.attach_bytes(customer, "x.txt".into(), "text/plain".into(), b"x".to_vec()).await.unwrap();
    quiesce(&[&ann]).await.unwrap();
    assert_eq!(ann.status().await.unwrap().files, 1);
    ann.discard_draft(ann.drafts().await.unwrap()[0].id).await.unwrap();
    quiesce(&[&ann]).await.unwrap();
    assert_eq!((waiting(&ann).await, ann.status().await.unwrap().files), (0, 0));
}

#[tokio::test]
async fn copies_make_room_and_what_was_not_sent_never_does() {
    let (kit, camera) = (Kit::start().await.unwrap(), Camera::new());
    let (ann, bo, customer) = pair_with_customer(&kit).await;
    let file = ann.attach(customer.clone(), camera.photo(&picture(2_000_000, 5))).await.unwrap();
    ann.free_space(0).await.unwrap();
    assert_eq!(state(&ann, &file).await, AttachmentState::Waiting { sent: 0 });
    quiesce(&[&ann, &bo]).await.unwrap();
    ann.free_space(100_000).await.unwrap();
    assert_eq!(state(&ann, &file).await, AttachmentState::Elsewhere);
    kit.network().cut();
    assert!(ann.thumbnail(file.clone()).await.unwrap().is_some(), "thumbnails go last");
    let unread = ann.export_attachment(file.clone(), camera.path("x").to_str().unwrap().into()).await;
    assert!(matches!(unread, Err(ClientError::NotFound { .. })));
    kit.network().mend();
    assert_eq!(ann.fetch_attachment(file, None).await.unwrap().state, AttachmentState::Here);
}

#[tokio::test]
async fn wrong_files_are_named_and_leave_nothing() {
    let (kit, camera) = (Kit::start().await.unwrap(), Camera::new());
    let (ann, _, customer) = pair_with_customer(&kit).await;
    let file = |path: &str, thumbnail: Option<Vec<u8>>| NewAttachment {
        path: path.into(),
        media_type: "image/jpeg".into(),
        name: None,
        thumbnail,
    };
    let good = camera.keep("good.jpg", &picture(100_000, 6));
    let missing = ann.attach(customer.clone(), file("/no/such", None)).await;
    assert!(matches!(missing, Err(ClientError::BadArgument { .. })), "{missing:?}");
    let text = ann.attach(customer.clone(), file(&good, Some(b"no picture".to_vec()))).await;
    assert!(matches!(text, Err(ClientError::BadArgument { .. })), "{text:?}");
    let huge = ann.attach(customer.clone(), file(&good, Some(picture(100_000, 6)))).await;
    assert!(matches!(huge, Err(ClientError::TooLarge { most: 65_536, .. })), "{huge:?}");
    let bytes = ann.attach_bytes(customer.clone(), "x".into(), "x/y".into(), vec![0; 300_000]).await;
    assert!(matches!(bytes, Err(ClientError::TooLarge { .. })), "{bytes:?}");
    let nowhere = ann.attach(rapport_mobile::new_record_id().unwrap(), file(&good, None)).await;
    assert!(matches!(nowhere, Err(ClientError::NotFound { .. })), "{nowhere:?}");
    let unknown = ann.fetch_attachment(customer.clone(), None).await;
    assert!(matches!(unknown, Err(ClientError::NotFound { .. })), "a customer is no file: {unknown:?}");
    assert_eq!((waiting(&ann).await, ann.attachments(customer).await.unwrap().len()), (0, 0));
}

#[tokio::test]
async fn connected_a_photo_goes_up_as_it_is_taken_and_one_that_has_not_arrived_is_waited_for() {
    let (kit, camera) = (Kit::start().await.unwrap(), Camera::new());
    let (ann, bo, customer) = pair_with_customer(&kit).await;
    ann.connect().await.unwrap();
    ann.wait_current(None).await.unwrap();
    let file = ann.attach(customer.clone(), camera.photo(&picture(900_000, 8))).await.unwrap();
    ann.wait_current(None).await.unwrap();
    let status = ann.status().await.unwrap();
    assert_eq!((status.waiting, status.files, state(&ann, &file).await), (0, 0, AttachmentState::Here));
    // A file whose record is here before its bytes are on the server.
    let early = vec![
        testkit::FieldEdit::set("name", "early.jpg"),
        testkit::FieldEdit::set("hash", "ab".repeat(32)),
        testkit::FieldEdit::set("size", 5),
        testkit::FieldEdit::Add { field: "about".into(), value: customer.0.clone() },
    ];
    let early: RecordId = kit.create_as("office", "file", early).await.unwrap().into();
    quiesce(&[&bo]).await.unwrap();
    assert_eq!(bo.fetch_attachment(early, None).await, Err(ClientError::NotArrived));
}

#[tokio::test]
async fn a_file_that_was_archived_is_shown_nowhere_and_its_copies_go() {
    let (kit, camera) = (Kit::start().await.unwrap(), Camera::new());
    let (ann, bo, customer) = pair_with_customer(&kit).await;
    let file = ann.attach(customer.clone(), camera.photo(&picture(400_000, 9))).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    bo.fetch_attachment(file.clone(), None).await.unwrap();
    kit.edit_as("office", "file", file.0.parse().unwrap(), vec![testkit::FieldEdit::archive()]).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!(bo.attachments(customer).await.unwrap(), Vec::new());
    assert_eq!(state(&bo, &file).await, AttachmentState::Elsewhere, "what nobody shows is not kept");
}
