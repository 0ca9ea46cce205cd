//! A device with a program of its own and a good token, over the real wire: whatever it sends is refused with a
//! reason, and nobody else notices.

mod far;
mod forks;

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rapport_server::jobs::check::{Difference, check};
use reqwest::Method;
use serde_json::json;
use sync_core::device::{Device, Opening};
use sync_core::hostile::{Manner, in_manner};
use sync_core::id::{ActorId, ChangeHash, DeviceId, Facet, KindName, RecordId, UserId};
use sync_core::net::{Host, Server as Remote};
use sync_core::protocol::{
    self, CAPABILITIES, CODEC_PLAIN, Delivered, Entry, Estimate, Hello, MAX_FRAME_BYTES, MAX_FRAME_MESSAGES, MAX_FRAME_PLAIN_BYTES,
    MAX_PUSH_CHANGES, Message, Offer, PAGE_BYTES, PROTOCOL_VERSION, Page, Pull, Push, Pushed, Subscription, Verdict, Welcome, Whose,
};
use sync_core::record::change::{Change, Op, OpRef};
use sync_core::record::doc::{Doc, Edit};
use sync_core::record::fields::{FieldEdit, path_edits};
use sync_core::record::history::document;
use sync_core::schema::Schema;
use sync_core::store::Place as Stored;
use sync_core::value::Scalar;
use tokio_tungstenite::tungstenite::Message as Ws;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::doors::{Place, Street, Thing, everything_of};
use crate::harness::{START, Server};

/// What the server has to say to a frame.
enum Answer {
    /// Each change is turned down, with this code.
    Rejected(&'static str),
    /// Each change waits for others that are not there: nothing is kept.
    Waiting,
    /// It follows a past that was forgotten: nothing is kept.
    Forgotten,
    /// The whole exchange is refused, with this code.
    Refused(&'static str),
    /// What follows the greeting is not looked at.
    OnlyWelcome,
}

struct Trick {
    what: String,
    frame: Vec<u8>,
    answer: Answer,
}

/// A rep of this house with a phone that says what she likes.
struct Mallory<'a> {
    street: &'a Street,
    /// A record that the office made, as its feed gave it to her.
    record: RecordId,
    given: Vec<Delivered>,
    doc: Doc,
    tricks: Vec<Trick>,
}

impl<'a> Mallory<'a> {
    async fn of(street: &'a Street) -> Self {
        let record: RecordId = street.here.ids(Thing::Record).0.parse().unwrap();
        let given = feed(street, &street.here).await;
        let doc = main_of(&given, record);
        Self { street, record, given, doc, tricks: Vec::new() }
    }

    fn actor(&self) -> ActorId {
        self.street.here.actor
    }

    fn add(&mut self, what: impl Into<String>, messages: Vec<Message>, answer: Answer) {
        self.tricks.push(Trick { what: what.into(), frame: protocol::encode_frame(&messages), answer });
    }

    fn push(&mut self, what: impl Into<String>, pushed: Pushed, code: &'static str) {
        self.add(what, vec![hello(self.actor(), None), pushing(vec![pushed])], Answer::Rejected(code));
    }

    /// A change of the known record by her own pen: good, if nothing is done to it.
    fn change(&self, edits: &[Edit]) -> (Change, Vec<u8>, ChangeHash) {
        let written = self.doc.clone().write(self.actor(), START, edits).expect("it writes something");
        (written.change, written.bytes, written.hash)
    }

    fn of_record(&self, body: Vec<u8>, hash: ChangeHash) -> Pushed {
        Pushed { kind: kind("party"), record: self.record, facet: Facet::Main, hash, body }
    }

    fn bytes(&mut self) {
        let (_, body, hash) = self.change(&[put("name", "evil")]);
        for bit in [70, 90, body.len() * 4, body.len() * 8 - 1] {
            let mut flipped = body.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            self.push(format!("bit {bit} is another"), self.of_record(flipped, hash), "malformed");
        }
        self.push("another hash", self.of_record(body.clone(), ChangeHash([7; 32])), "malformed");
        self.push("no bytes", self.of_record(Vec::new(), hash), "malformed");
        self.push("half of it", self.of_record(body[..body.len() / 2].to_vec(), hash), "malformed");
        for manner in Manner::ALL {
            if let Some((hash, body)) = in_manner(&body, manner) {
                self.push(format!("written as {manner:?}"), self.of_record(body, hash), "malformed");
            }
        }
    }

    fn structure(&mut self) {
        let edits = [put("name", "evil")];
        let mut forge = |what: &str, code, change: &mut dyn FnMut(&mut Change)| {
            let mut forged = self.change(&edits).0;
            change(&mut forged);
            let (body, hash) = forged.encode();
            self.push(what.to_owned(), self.of_record(body, hash), code);
        };
        forge("a counter that does not follow", "inadmissible", &mut |change| change.start_op += 3);
        forge("a counter that wins for ever", "inadmissible", &mut |change| change.start_op += 1 << 30);
        forge("an operation that nobody wrote is replaced", "malformed", &mut |change| {
            if let Some(Op::Put { pred, .. }) = change.ops.first_mut() {
                *pred = vec![OpRef { counter: change.start_op + 9, actor: 0 }];
            }
        });
        forge("dated next year", "ahead", &mut |change| change.time = START + 365 * 86_400_000);
        let mut later = self.change(&edits).0;
        later.seq += 1;
        let (body, hash) = later.encode();
        self.add("a number is left out", vec![hello(self.actor(), None), pushing(vec![self.of_record(body, hash)])], Answer::Waiting);
        let mut orphan = self.change(&edits).0;
        orphan.deps.push(ChangeHash([9; 32]));
        orphan.deps.sort_unstable();
        let (body, hash) = orphan.encode();
        self.add("its parent is not here", vec![hello(self.actor(), None), pushing(vec![self.of_record(body, hash)])], Answer::Waiting);
    }

    fn people(&mut self) {
        let pens: std::collections::BTreeSet<ActorId> =
            self.given.iter().filter_map(|one| Change::read(&one.body).ok()).map(|change| change.actor).collect();
        assert!(pens.len() > 2, "the server's pen and those of two phones");
        for foreign in pens {
            let written = self.doc.clone().write(foreign, START, &[put("name", "evil")]).unwrap();
            self.push(format!("signed as {foreign}"), self.of_record(written.bytes, written.hash), "foreign_actor");
            self.add(format!("hello as {foreign}"), vec![hello(foreign, None)], Answer::Refused("foreign_actor"));
        }
        let nobody = ActorId([0x55; 16]);
        let written = self.doc.clone().write(nobody, START, &[put("name", "evil")]).unwrap();
        self.push("signed as nobody", self.of_record(written.bytes, written.hash), "foreign_actor");
    }

    fn fields(&mut self) {
        let main = |edit: Edit| (edit, Facet::Main);
        for (what, (edit, facet), code) in [
            ("an unknown field", main(put("no_such_field", "evil")), "unknown_field"),
            ("a field that is derived", main(put("created_at", "evil")), "unknown_field"),
            ("a value that does not fit", main(put("type", "robot")), "bad_value"),
            ("a private field in the main facet", main(put("id_number", "evil")), "unknown_field"),
            ("a private field", (put("id_number", "evil"), Facet::Private), "forbidden"),
        ] {
            let mut doc = if facet == Facet::Main { self.doc.clone() } else { Doc::default() };
            let written = doc.write(self.actor(), START, &[edit]).unwrap();
            let pushed = Pushed { facet, ..self.of_record(written.bytes, written.hash) };
            self.push(what, pushed, code);
        }
        let limit = FieldEdit::set("credit_limit", json!({"amount": 1, "currency": "EUR"}));
        let edits = path_edits(Schema::builtin().kind("party").unwrap(), |_| None, &[limit]).unwrap().remove(&Facet::Commercial).unwrap();
        let written = Doc::default().write(self.actor(), START, &edits).unwrap();
        let pushed = Pushed { facet: Facet::Commercial, ..self.of_record(written.bytes, written.hash) };
        self.push("a commercial field", pushed, "forbidden");
        for (name, field, code) in [
            ("product", "name", "forbidden"),
            ("kind", "name", "forbidden"),
            ("member", "name", "forbidden"),
            ("nothing", "name", "unknown_field"),
        ] {
            let written = Doc::default().write(self.actor(), START, &[put(field, "evil")]).unwrap();
            let (kind, record) = (kind(name), RecordId::of_cause(&format!("mallory's {name}")));
            let pushed = Pushed { kind, record, facet: Facet::Main, hash: written.hash, body: written.bytes };
            self.push(format!("a new {name}"), pushed, code);
        }
        let written = self.doc.clone().write(self.actor(), START, &[put("title", "evil")]).unwrap();
        let pushed = Pushed { kind: kind("deal"), ..self.of_record(written.bytes, written.hash) };
        self.push("a customer as a deal", pushed, "wrong_record");
    }

    async fn offers(&mut self) {
        let offering = |changes| Message::Offer(Offer { batch: 3, changes });
        let known = self.given.iter().find(|one| Change::read(&one.body).is_ok_and(|change| change.deps.is_empty())).unwrap().clone();
        let elsewhere = feed(self.street, &self.street.there).await;
        let (forged, mut offers) = (RecordId::of_cause("forged"), Vec::new());
        offers.push(("as another record", Delivered { record: forged, ..known.clone() }));
        offers.push(("as another's", Delivered { user: UserId::of_cause("mallory"), record: forged, ..known.clone() }));
        offers.push(("of another device", Delivered { device: DeviceId::of_cause("x"), record: forged, ..known.clone() }));
        offers.push(("of another time", Delivered { received_at: 1, ..known.clone() }));
        offers.push(("of another house, with its seal", elsewhere.into_iter().find(|one| &*one.kind == "party").unwrap()));
        let (_, body, hash) = self.change(&[put("name", "evil")]);
        offers.push(("her own words under a used seal", Delivered { body, hash, ..known }));
        for (what, offer) in offers {
            self.add(format!("offered {what}"), vec![hello(self.actor(), None), offering(vec![offer])], Answer::Rejected("seal"));
        }
    }

    fn frames(&mut self) {
        let (actor, (_, body, hash)) = (self.actor(), self.change(&[put("name", "evil")]));
        let good = self.of_record(body, hash);
        self.add("of an epoch that is over", vec![hello(actor, Some(vec![9; 16])), pushing(vec![good.clone()])], Answer::OnlyWelcome);
        let Message::Hello(old) = hello(actor, None) else { unreachable!("it says hello") };
        self.add("of another protocol", vec![Message::Hello(Hello { protocol: 99, ..old })], Answer::Refused("protocol"));
        self.add("two greetings", vec![hello(actor, None), hello(actor, None)], Answer::Refused("bad_frame"));
        let pull = || Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() });
        self.add("two pages at once", vec![hello(actor, None), pull(), pull()], Answer::Refused("bad_frame"));
        let estimate = Message::Estimate(Estimate { number: 1, subscription: Subscription::of(Whose::Everyone) });
        self.add("two estimates at once", vec![hello(actor, None), estimate.clone(), estimate], Answer::Refused("bad_frame"));
        let cursor = Some(vec![0xff; 40]);
        self.add(
            "a cursor of her own",
            vec![Message::Pull(Pull { cursor, max_bytes: 1, ..Pull::default() })],
            Answer::Refused("bad_cursor"),
        );
        let page = Page { entries: Vec::new(), cursor: Vec::new(), more: false, after: None, left: 0, server_time: 0, pull: None };
        self.add("what servers say", vec![Message::Page(page)], Answer::Refused("protocol"));
        self.add("too many messages", vec![Message::Ping; MAX_FRAME_MESSAGES + 1], Answer::Refused("bad_frame"));
        self.add("too many changes", vec![pushing(vec![good; MAX_PUSH_CHANGES + 1])], Answer::Refused("bad_frame"));
        let raw = |what: &str, frame: Vec<u8>, code| Trick { what: what.to_owned(), frame, answer: Answer::Refused(code) };
        let Message::Hello(large) = hello(actor, None) else { unreachable!("it says hello") };
        let bomb = protocol::encode_frame(&[Message::Hello(Hello { app: "0".repeat(2 * MAX_FRAME_PLAIN_BYTES), ..large })]);
        assert!(bomb.len() < 10_000);
        self.tricks.extend([
            raw("a frame above the limit", vec![CODEC_PLAIN; MAX_FRAME_BYTES + 1], "too_large"),
            raw("a small frame that becomes a large one", bomb, "bad_frame"),
            raw("an unknown codec", vec![77, 1, 2, 3], "bad_frame"),
            raw("no messages", vec![CODEC_PLAIN, 0x9f, 0xff, 0x00], "bad_frame"),
            raw("an unknown message", vec![CODEC_PLAIN, 0x81, 0x82, 0x18, 0x63, 0x80], "bad_frame"),
            raw("noise", [&[CODEC_PLAIN][..], &[0xd1; 300]].concat(), "bad_frame"),
        ]);
    }

    async fn all(mut self) -> Vec<Trick> {
        self.generations().await;
        self.elsewhere().await;
        self.bytes();
        self.structure();
        self.people();
        self.fields();
        self.offers().await;
        self.frames();
        self.tricks
    }
}

fn kind(name: &str) -> KindName {
    name.parse().unwrap()
}

fn put(path: &str, value: &str) -> Edit {
    Edit::Put { path: path.to_owned(), value: Scalar::Text(value.into()) }
}

fn hello(actor: ActorId, epoch: Option<Vec<u8>>) -> Message {
    let capabilities = CAPABILITIES.map(str::to_owned).to_vec();
    Message::Hello(Hello {
        protocol: PROTOCOL_VERSION,
        capabilities,
        app: "mallory".to_owned(),
        actor,
        epoch,
        pending: 0,
        unconfirmed: None,
    })
}

fn pushing(changes: Vec<Pushed>) -> Message {
    Message::Push(Push { batch: 7, changes })
}

/// The main document of a record, as it was given.
fn main_of(given: &[Delivered], record: RecordId) -> Doc {
    let of = given.iter().filter(|one| one.record == record && one.facet == Facet::Main);
    let kind = of.clone().next().map_or("party", |one| &*one.kind);
    document(Schema::builtin().kind(kind).unwrap(), &of.map(stored).collect::<Vec<_>>()).0
}

fn stored(given: &Delivered) -> sync_core::record::Stored {
    let Delivered { position, kind, record, facet, hash, user, device, received_at, body, .. } = given.clone();
    sync_core::record::Stored { position: Some(position), kind, record, facet, hash, user, device, received_at: Some(received_at), body }
}

/// Sends a frame as a device and answers what came back.
async fn say(server: &Server, token: &str, frame: &[u8]) -> Vec<Message> {
    let bearer = format!("Bearer {token}");
    let answer = server.send(Method::POST, "/sync", &[("authorization", bearer.as_str())], frame.to_vec()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    protocol::decode_frame(&answer.body).unwrap()
}

/// Everything that a house's device is given.
async fn feed(street: &Street, place: &Place) -> Vec<Delivered> {
    given_to(&street.server, &place.device, place.actor).await
}

async fn given_to(server: &Server, token: &str, actor: ActorId) -> Vec<Delivered> {
    let pull = Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() });
    let answers = say(server, token, &protocol::encode_frame(&[hello(actor, None), pull])).await;
    let pages = answers.into_iter().flat_map(|message| if let Message::Page(page) = message { page.entries } else { Vec::new() });
    pages.filter_map(|entry| if let Entry::Change(change) = entry { Some(change) } else { None }).collect()
}

/// What is wrong with an answer to a trick, if anything is.
fn taken_in(trick: &Trick, answers: &[Message]) -> Option<String> {
    let verdicts: Vec<&Verdict> =
        answers.iter().flat_map(|message| if let Message::Verdicts(verdicts) = message { &verdicts.verdicts[..] } else { &[] }).collect();
    let refusal = answers.iter().find_map(|message| if let Message::Refused(refused) = message { Some(refused) } else { None });
    let fits = match trick.answer {
        Answer::Rejected(expected) => {
            let is_so =
                |verdict: &&&Verdict| matches!(verdict, Verdict::Rejected { code, message, .. } if code == expected && !message.is_empty());
            !verdicts.is_empty() && verdicts.iter().filter(is_so).count() == verdicts.len()
        }
        Answer::Waiting => matches!(verdicts[..], [waiting @ Verdict::Waiting { .. }] if !waiting.is_forgotten()),
        Answer::Forgotten => matches!(verdicts[..], [waiting] if waiting.is_forgotten()),
        Answer::Refused(expected) => {
            verdicts.is_empty() && refusal.is_some_and(|refused| refused.code == expected && !refused.message.is_empty())
        }
        Answer::OnlyWelcome => matches!(answers, [Message::Welcome(Welcome { .. })]),
    };
    (!fits).then(|| format!("{}: {answers:?}", trick.what))
}

/// An honest phone of a rep, enrolled as apps enrol.
async fn honest(street: &Street, n: u8) -> (Host, Remote) {
    let code = street.here.send(&street.server, "office", Method::POST, "/api/v1/devices/codes", json!({"login": "rep"})).await;
    let opening = Opening { place: Stored::Memory, app: "honest 1".to_owned(), incarnation: [n; 16], seed: [n; 32] };
    let host = Host::new(Device::open(&opening).unwrap(), Arc::new(|| START));
    let remote = Remote::at(&format!("http://{}", street.server.address)).unwrap();
    remote.enrol(&host, code.json()["code"].as_str().unwrap(), "honest", "honest 1").await.unwrap();
    (host, remote)
}

/// Makes a customer and syncs; answers its id once the server has it.
async fn work(host: &Host, remote: &Remote, name: String) -> RecordId {
    let made = host.with(|device, now| device.create(now, "party", &[FieldEdit::set("name", name)])).unwrap();
    remote.sync_once(host).await.unwrap();
    let kept = host.with(|device, _| device.changes(made.record, Facet::Main)).unwrap();
    assert!(kept.iter().all(|change| change.position.is_some()), "an honest edit was not accepted");
    made.record
}

async fn differences(server: &Server, place: &Place) -> Vec<String> {
    let mut found = Vec::new();
    let tell = &mut |difference: &Difference| found.push(difference.to_string());
    check(&server.app, place.workspace, false, tell, &mut |_| {}).await.unwrap();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_malicious_device_sends_is_refused_and_nobody_else_notices() {
    let street = Street::new().await;
    let ((ann, to_ann), (bo, to_bo)) = (honest(&street, 1).await, honest(&street, 2).await);
    let mut made = vec![work(&ann, &to_ann, "before".to_owned()).await];
    let tricks = Mallory::of(&street).await.all().await;
    assert!(tricks.len() > 60, "{} tricks", tricks.len());
    let kept = kept_in(&street, &street.here).await;
    let theirs = everything_of(&street.server, &street.there).await;
    let target: RecordId = street.here.ids(Thing::Record).0.parse().unwrap();
    let before = ours(&street, target).await;
    let mut taken = Vec::new();
    for (n, trick) in tricks.iter().enumerate() {
        let answers = say(&street.server, &street.here.device, &trick.frame).await;
        taken.extend(taken_in(trick, &answers));
        if n % 8 == 0 {
            made.push(work(&ann, &to_ann, format!("during {n}")).await);
        }
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
    made.push(work(&ann, &to_ann, "after".to_owned()).await);
    assert_eq!(kept_in(&street, &street.here).await, kept + made.len() - 1, "only honest work was kept");
    to_bo.sync_once(&bo).await.unwrap();
    for record in made {
        let of = |host: &Host| host.with(|device, _| device.get(record)).unwrap().map(|view| view.row);
        assert!(of(&ann).is_some() && of(&ann) == of(&bo), "the honest phones agree");
    }
    assert_eq!(before, ours(&street, target).await, "the record she aimed at is as it was");
    assert_eq!(theirs, everything_of(&street.server, &street.there).await, "the other house is as it was");
    for place in [&street.here, &street.there] {
        assert_eq!(differences(&street.server, place).await, Vec::<String>::new());
    }
}

/// How many changes a house has.
async fn kept_in(street: &Street, place: &Place) -> usize {
    let mut tx = street.server.app.store.reader().await.unwrap();
    rapport_server::store::records::changes_after(&mut tx, place.workspace, 0, u32::MAX).await.unwrap().len()
}

/// A record as the office sees it, with its history.
async fn ours(street: &Street, record: RecordId) -> String {
    let path = format!("/api/v1/party/{record}/history");
    street.here.send(&street.server, "office", Method::GET, &path, serde_json::Value::Null).await.text()
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Long enough for a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_frames_over_a_live_connection_fare_no_better() {
    let street = Street::new().await;
    let tricks = Mallory::of(&street).await.all().await;
    let mut taken = Vec::new();
    for trick in &tricks {
        let mut request = format!("ws://{}/sync/live", street.server.address).into_client_request().unwrap();
        let bearer = format!("Bearer {}", street.here.device);
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        // What is above the limit of a message ends the connection, unread.
        if socket.send(Ws::binary(trick.frame.clone())).await.is_err() {
            continue;
        }
        let mut answers = Vec::new();
        let next = async |socket: &mut Socket| {
            tokio::time::timeout(PATIENCE, socket.next()).await.unwrap_or_else(|_| panic!("{}: no word", trick.what))
        };
        while let Some(Ok(message)) = next(&mut socket).await {
            let Ws::Binary(bytes) = message else { continue };
            answers.extend(protocol::decode_frame(&bytes).unwrap());
            if !matches!(answers.last(), Some(Message::Welcome(_))) || matches!(trick.answer, Answer::OnlyWelcome) {
                break;
            }
        }
        let is_large = trick.frame.len() > MAX_FRAME_BYTES && answers.is_empty();
        taken.extend(taken_in(trick, &answers).filter(|_| !is_large));
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
    for place in [&street.here, &street.there] {
        assert_eq!(differences(&street.server, place).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_record_of_another_house_is_a_new_one_here_and_leaves_no_trace_there() {
    let street = Street::new().await;
    let theirs: RecordId = street.there.ids(Thing::Record).0.parse().unwrap();
    let before = everything_of(&street.server, &street.there).await;
    let written = Doc::default().write(street.here.actor, START, &[put("name", "mine now")]).unwrap();
    let pushed = Pushed { kind: kind("party"), record: theirs, facet: Facet::Main, hash: written.hash, body: written.bytes };
    let frame = protocol::encode_frame(&[hello(street.here.actor, None), pushing(vec![pushed])]);
    let answers = say(&street.server, &street.here.device, &frame).await;
    assert!(
        matches!(&answers[1], Message::Verdicts(verdicts) if matches!(verdicts.verdicts[..], [Verdict::Accepted { .. }])),
        "{answers:?}"
    );
    assert_eq!(before, everything_of(&street.server, &street.there).await);
    // A cursor of the other house is one of another life: it begins again, with this house's records alone.
    let pull = Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() });
    let there = say(&street.server, &street.there.device, &protocol::encode_frame(&[hello(street.there.actor, None), pull])).await;
    let cursor = there.into_iter().find_map(|message| if let Message::Page(page) = message { Some(page.cursor) } else { None });
    let pull = Message::Pull(Pull { cursor, max_bytes: PAGE_BYTES, ..Pull::default() });
    let given = say(&street.server, &street.here.device, &protocol::encode_frame(&[pull])).await;
    assert!(!format!("{given:?}").contains(&format!("{:?}", theirs_only(&street).await)));
}

/// A record that only the other house has.
async fn theirs_only(street: &Street) -> RecordId {
    let (here, there) = (feed(street, &street.here).await, feed(street, &street.there).await);
    there.iter().map(|one| one.record).find(|record| here.iter().all(|ours| ours.record != *record)).unwrap()
}

#[tokio::test]
async fn a_device_does_not_fill_the_disk_with_noise() {
    let street = Street::new().await;
    let mallory = Mallory::of(&street).await;
    let token = &street.here.device;
    let kept = async || {
        let mut tx = street.server.app.store.reader().await.unwrap();
        let open = rapport_server::store::rejected::DeskState::ALL;
        rapport_server::store::rejected::rejected_in(&mut tx, street.here.workspace, &open, 1000).await.unwrap()
    };
    let before = kept().await.len();
    let noise: Vec<Pushed> = (0..3).map(|n| mallory.of_record(vec![n; 250_000], ChangeHash([n; 32]))).collect();
    say(&street.server, token, &protocol::encode_frame(&[hello(mallory.actor(), None), pushing(noise)])).await;
    assert_eq!(kept().await.len(), before, "nobody can decide about noise");
    let foreign = mallory.doc.clone().write(ActorId([0x56; 16]), START, &[put("name", "evil")]).unwrap();
    let foreign = mallory.of_record(foreign.bytes, foreign.hash);
    say(&street.server, token, &protocol::encode_frame(&[hello(mallory.actor(), None), pushing(vec![foreign])])).await;
    let rows = kept().await;
    assert!(rows.len() == before + 1 && rows.iter().any(|row| row.code == "foreign_actor" && row.body.is_empty()), "{rows:?}");
}

#[tokio::test]
async fn what_waits_at_the_desk_has_an_end_and_what_comes_then_stays_on_the_phone() {
    let street = Street::new().await;
    let mallory = Mallory::of(&street).await;
    let token = &street.here.device;
    let record = |n: u32| RecordId::of_cause(&format!("crowd {n}"));
    // A rep may not write private fields: each is turned down, and kept for the office.
    let refused = |n: u32| {
        let text = format!("{n}{}", "x".repeat(240_000));
        let written = Doc::default().write(mallory.actor(), START, &[put("id_number", &text)]).unwrap();
        Pushed { kind: kind("party"), record: record(n), facet: Facet::Private, hash: written.hash, body: written.bytes }
    };
    let mut told = Vec::new();
    for n in 0..80 {
        told = say(&street.server, token, &protocol::encode_frame(&[hello(mallory.actor(), None), pushing(vec![refused(n)])])).await;
        if told.iter().any(|message| matches!(message, Message::Refused(_))) {
            break;
        }
    }
    let refusal = told.iter().find_map(|message| if let Message::Refused(refused) = message { Some(&*refused.code) } else { None });
    assert_eq!(refusal, Some("throttled"), "{told:?}");
    let verdicts = told.iter().find_map(|message| if let Message::Verdicts(verdicts) = message { Some(&verdicts.verdicts) } else { None });
    assert!(matches!(verdicts.unwrap()[..], [Verdict::Waiting { .. }]), "the phone keeps it as pending");
    let mut tx = street.server.app.store.reader().await.unwrap();
    let load = rapport_server::store::rejected::load(&mut tx, street.here.workspace, None).await.unwrap();
    assert!(load.bytes > 10 << 20 && load.bytes <= 17 << 20, "{load:?}");
    drop(tx);
    // Others are not disturbed, and neither is what needs nobody's word.
    let (host, remote) = honest(&street, 9).await;
    work(&host, &remote, "Jiamei".to_owned()).await;
}
