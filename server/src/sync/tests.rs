//! What a device may ask of the door, and how often.

use sync_core::id::{ActorId, RecordId, UserId, WorkspaceId};
use sync_core::protocol::{PAGE_BYTES, Pushed};
use sync_core::record::doc::{Doc, Edit};
use sync_core::value::Scalar;

use super::*;
use crate::intake::ServerPen;
use crate::store::{Options, workspaces::SealKey};

const NOW: Millis = 1_800_000_000_000;
const EPOCH: [u8; 16] = [1; 16];

fn workspace() -> WorkspaceId {
    WorkspaceId::of_cause("doors")
}

async fn door() -> (Door, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    workspaces::add(&mut tx, workspace(), "doors", EPOCH, SealKey([2; 32]), NOW).await.unwrap();
    tx.commit().await.unwrap();
    let intake = Intake::start(store.clone(), ServerPen::new([0xee; 16]), None).await.unwrap();
    (Door::new(store, intake), folder)
}

fn ann() -> Speaker {
    let reader = Reader { workspace: workspace(), user: UserId::of_cause("ann"), role: "rep".parse().unwrap() };
    Speaker { reader, device: DeviceId::of_cause("ann's phone") }
}

fn hello(actor: u16, epoch: Option<[u8; 16]>) -> Message {
    let mut bytes = [7; 16];
    bytes[..2].copy_from_slice(&actor.to_be_bytes());
    let epoch = epoch.map(|epoch| epoch.to_vec());
    Message::Hello(Hello {
        protocol: 1,
        capabilities: Vec::new(),
        app: "test".into(),
        actor: ActorId(bytes),
        epoch,
        pending: 0,
        unconfirmed: None,
    })
}

fn pull() -> Message {
    Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() })
}

async fn say(door: &Door, messages: &[Message], now: Millis) -> Vec<Message> {
    protocol::decode_frame(&door.answer(&ann(), &protocol::encode_frame(messages), now).await).unwrap()
}

fn code_of(answers: &[Message]) -> &str {
    if let Some(Message::Refused(refused)) = answers.last() { &refused.code } else { "" }
}

#[tokio::test]
async fn a_frame_asks_for_one_page() {
    let (door, _folder) = door().await;
    let answers = say(&door, &[hello(1, None), pull(), pull()], NOW).await;
    assert_eq!((answers.len(), code_of(&answers)), (1, "bad_frame"));
    assert!(matches!(say(&door, &[hello(1, None), pull()], NOW).await[..], [Message::Welcome(_), Message::Page(_)]));
}

#[tokio::test]
async fn a_device_takes_so_many_actors_a_day_and_no_more() {
    let (door, _folder) = door().await;
    for actor in 0..MAX_ACTORS_PER_DAY as u16 {
        assert!(matches!(say(&door, &[hello(actor, None)], NOW).await[..], [Message::Welcome(_)]), "{actor}");
    }
    assert_eq!(code_of(&say(&door, &[hello(60_000, None)], NOW).await), "throttled");
    assert!(matches!(say(&door, &[hello(3, None)], NOW).await[..], [Message::Welcome(_)]), "those it has stay good");
    assert!(matches!(say(&door, &[hello(60_000, None)], NOW + DAY_MS).await[..], [Message::Welcome(_)]));
}

#[tokio::test]
async fn what_was_written_for_another_life_of_the_server_is_not_looked_at() {
    let (door, _folder) = door().await;
    let mut doc = Doc::default();
    let Message::Hello(Hello { actor, .. }) = hello(1, None) else { panic!() };
    let written = doc.write(actor, NOW, &[Edit::Put { path: "name".into(), value: Scalar::Text("佳美".into()) }]).unwrap();
    let record = RecordId::of_cause("record");
    let (kind, facet) = ("party".parse().unwrap(), sync_core::id::Facet::Main);
    let push = Message::Push(Push { batch: 1, changes: vec![Pushed { kind, record, facet, hash: written.hash, body: written.bytes }] });
    let late = say(&door, &[hello(1, Some([9; 16])), push.clone(), pull()], NOW).await;
    assert!(matches!(&late[..], [Message::Welcome(welcome)] if welcome.epoch == EPOCH), "{late:?}");
    let mut tx = door.store.reader().await.unwrap();
    assert_eq!(workspaces::by_id(&mut tx, workspace()).await.unwrap().unwrap().head, 0);
    drop(tx);
    let now = say(&door, &[hello(1, Some(EPOCH)), push], NOW).await;
    assert!(matches!(now[..], [Message::Welcome(_), Message::Verdicts(_)]), "{now:?}");
}

#[tokio::test]
async fn a_receipt_is_kept_once_and_confirmed_each_time() {
    let (door, _folder) = door().await;
    let receipt = Receipt { number: 7, removal: sync_core::protocol::Removal::Left, records: 3, unsent: 1, at: NOW - 5 };
    for later in [0, 9] {
        let answers = say(&door, &[hello(1, None), Message::Receipt(receipt)], NOW + later).await;
        assert_eq!(answers.last(), Some(&Message::Noted(7)));
    }
    let mut tx = door.store.reader().await.unwrap();
    let kept = receipts::of_device(&mut tx, workspace(), ann().device, 10).await.unwrap();
    assert_eq!(kept, [receipts::ReceiptRow { receipt, received_at: NOW }]);
}
