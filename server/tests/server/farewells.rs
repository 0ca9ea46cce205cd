//! Devices that leave: what they have not sent goes to the desk, they forget everything, their receipt is shown.

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::json;
use sync_core::device::Device;
use sync_core::engine::{Event, Stopped};
use sync_core::id::{ActorId, DeviceId, Seal};
use sync_core::net::{NetError, Server as Remote};
use sync_core::protocol::{
    CAPABILITIES, Enrol, Enrolled, Entry, Hello, Message, Offer, PAGE_BYTES, PROTOCOL_VERSION, Page, Pull, Push, Pushed, Receipt, Removal,
    Verdict, Verdicts, decode_frame, encode_frame, fingerprint,
};
use sync_core::record::fields::FieldEdit;
use sync_core::store::Place;
use tokio_tungstenite::tungstenite::Message as Ws;

use crate::console::{Desk, record};
use crate::handset::Handset;
use crate::harness::{Answer, MINUTE, START, Server};
use crate::live::{PATIENCE, Socket, connect as live};
use crate::pen::Phone;

const ACTOR: ActorId = ActorId([7; 16]);

async fn enrol(server: &Server) -> Enrolled {
    let code = server.app.auth.device_code(server.workspace, server.ann, None).await.unwrap().0.reveal();
    let body = Enrol { code, device_name: "Ann's tablet".to_owned(), app: "test 1".to_owned(), actor: ACTOR };
    let answer = server.send(Method::POST, "/sync/enrol", &[], minicbor::to_vec(body).unwrap()).await;
    minicbor::decode(&answer.body).unwrap()
}

async fn say(server: &Server, enrolled: &Enrolled, messages: &[Message]) -> Answer {
    let bearer = format!("Bearer {}", enrolled.token);
    server.send(Method::POST, "/sync", &[("authorization", &bearer)], encode_frame(messages)).await
}

async fn told(server: &Server, enrolled: &Enrolled, messages: &[Message]) -> Vec<Message> {
    let answer = say(server, enrolled, messages).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    decode_frame(&answer.body).unwrap()
}

/// What is answered to a frame over a connection that stays open.
async fn ask(socket: &mut Socket, frame: Vec<u8>) -> Vec<Message> {
    socket.send(Ws::binary(frame)).await.unwrap();
    loop {
        let heard = tokio::time::timeout(PATIENCE, socket.next()).await.expect("no word").unwrap().unwrap();
        if let Ws::Binary(frame) = heard {
            return decode_frame(&frame).unwrap();
        }
    }
}

fn hello(enrolled: &Enrolled, pending: u64) -> Message {
    let capabilities = CAPABILITIES.map(str::to_owned).to_vec();
    let epoch = Some(enrolled.epoch.clone());
    Message::Hello(Hello {
        protocol: PROTOCOL_VERSION,
        capabilities,
        app: "test 2".to_owned(),
        actor: ACTOR,
        epoch,
        pending,
        unconfirmed: None,
    })
}

fn pull() -> Message {
    Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() })
}

fn is_wipe(message: &Message) -> bool {
    matches!(message, Message::Page(Page { entries, .. }) if entries == &[Entry::Wipe])
}

fn receipt(unsent: u64) -> Message {
    Message::Receipt(Receipt { number: 5, removal: Removal::Wiped, records: 12, unsent, at: START })
}

async fn send_away(desk: &Desk, device: DeviceId, act: &str) {
    let done = desk.post(&format!("/devices/{device}/revoke"), &[("act", act)]).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, &*format!("/devices?done={act}")), "{}", done.text());
}

/// Two edits, one on top of the other, that the device has not sent.
fn unsent() -> Vec<Pushed> {
    let mut pen = Phone::with(ACTOR);
    let mut changes = pen.write("party", record(1), START, &[FieldEdit::set("name", "Jiamei")]);
    changes.extend(pen.write("party", record(2), START, &[FieldEdit::set("name", "Cedar")]));
    changes
}

#[tokio::test]
async fn a_device_that_is_handed_back_delivers_to_the_desk_and_is_wiped_then() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "hand_back").await;
    let push = |changes: &[Pushed]| Message::Push(Push { batch: 1, changes: changes.to_vec() });
    let changes = unsent();
    let first = told(&desk.server, &enrolled, &[hello(&enrolled, 2), push(&changes[..1]), pull()]).await;
    let [Message::Welcome(_), Message::Verdicts(Verdicts { verdicts, .. }), Message::Page(page)] = &first[..] else { panic!("{first:?}") };
    assert!(matches!(verdicts[..], [Verdict::Held { .. }]) && page.more && page.entries.is_empty(), "{first:?}");
    let second = told(&desk.server, &enrolled, &[hello(&enrolled, 1), push(&changes[1..]), pull()]).await;
    assert!(!second.iter().any(is_wipe), "it has not said yet that nothing waits: {second:?}");
    let third = told(&desk.server, &enrolled, &[hello(&enrolled, 0), pull()]).await;
    assert!(third.last().is_some_and(is_wipe), "{third:?}");
    assert_eq!(told(&desk.server, &enrolled, &[receipt(0)]).await, [Message::Noted(5)]);
    assert_eq!(say(&desk.server, &enrolled, &[hello(&enrolled, 0)]).await.code(), "revoked");
    let page = desk.get("/devices").await.text();
    assert!(page.contains("12 records removed, 0 edits unsent"), "{page}");
    assert!(page.contains("data-label=\"Unsent\">–</td>"), "what it said before it was wiped is not so any more: {page}");
    let waiting = desk.get("/rejected?code=revoked").await.text();
    assert!(waiting.contains("Jiamei") && waiting.contains("Cedar"), "{waiting}");
    desk.post(&format!("/rejected/{}", changes[0].hash), &[("step", "accept")]).await;
    assert!(desk.get("/records/party").await.text().contains("Jiamei"), "nothing is lost");
}

#[tokio::test]
async fn drafts_that_a_device_asks_about_do_not_stand_for_an_edit_that_waits() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "hand_back").await;
    // One edit waits on it, which it has not sent; of these two a restored server knows nothing any more.
    let drafts = Message::Push(Push { batch: 1, changes: unsent() });
    let first = told(&desk.server, &enrolled, &[hello(&enrolled, 1), drafts, pull()]).await;
    assert!(!first.iter().any(is_wipe), "{first:?}");
}

#[tokio::test]
async fn a_device_that_gives_nothing_of_what_it_claims_to_hold_back_is_told_to_forget_it_in_the_end() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "hand_back").await;
    let Message::Hello(greeting) = hello(&enrolled, 0) else { panic!("a greeting") };
    let claims = Message::Hello(Hello { unconfirmed: Some(3), ..greeting });
    let mut asked = 0;
    while !told(&desk.server, &enrolled, &[claims.clone(), pull()]).await.iter().any(is_wipe) {
        asked += 1;
        assert!(asked <= 20, "it would wait for ever");
    }
    assert_eq!(asked, 20, "it has time to give it back");
}

#[tokio::test]
async fn what_is_written_while_the_word_to_forget_is_on_its_way_is_delivered_first() {
    let desk = Desk::new().await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    phone.sync(&desk.server).await;
    send_away(&desk, phone.enrolled.device, "hand_back").await;
    let now = desk.server.app.clock.now();
    let mut frames = phone.tell(now, Event::NetworkUp { live: false });
    let word = phone.say(&desk.server, frames.remove(0)).await;
    assert!(decode_frame(&word).unwrap().iter().any(is_wipe), "it said that nothing waits");
    phone.edit(&desk.server, "party", record(1), &[FieldEdit::set("name", "Jiamei")]);
    frames.extend(phone.tell(now, Event::Received(word)));
    while !frames.is_empty() {
        let answer = phone.say(&desk.server, frames.remove(0)).await;
        frames.extend(phone.tell(now, Event::Received(answer)));
    }
    assert_eq!(phone.device.sync_status().unwrap().stopped, Some(Stopped::Wiped));
    let waiting = desk.get("/rejected?code=revoked").await.text();
    assert!(waiting.contains("Jiamei"), "{waiting}");
}

#[tokio::test]
async fn a_lost_device_forgets_what_is_written_meanwhile_too() {
    let desk = Desk::new().await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    phone.sync(&desk.server).await;
    send_away(&desk, phone.enrolled.device, "lost").await;
    let now = desk.server.app.clock.now();
    let mut frames = phone.tell(now, Event::NetworkUp { live: false });
    let word = phone.say(&desk.server, frames.remove(0)).await;
    phone.edit(&desk.server, "party", record(1), &[FieldEdit::set("name", "Jiamei")]);
    phone.tell(now, Event::Received(word));
    assert_eq!(phone.device.sync_status().unwrap().stopped, Some(Stopped::Wiped));
}

#[tokio::test]
async fn what_is_put_aside_under_a_pen_that_a_restore_forgot_waits_at_the_desk() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "hand_back").await;
    let mut forgotten = Phone::with(ActorId([8; 16]));
    let changes = forgotten.write("party", record(1), START, &[FieldEdit::set("name", "Jiamei")]);
    let push = Message::Push(Push { batch: 1, changes });
    let answer = told(&desk.server, &enrolled, &[hello(&enrolled, 0), push]).await;
    let verdicts = answer.iter().find_map(|message| if let Message::Verdicts(answer) = message { Some(&answer.verdicts) } else { None });
    assert!(matches!(verdicts.map(Vec::as_slice), Some([Verdict::Held { .. }])), "{answer:?}");
    // Another device's is another's, whoever brings it.
    let theirs = desk.server.app.clone();
    let mut bo = Phone::of(&theirs, desk.server.workspace, desk.server.ann, "office", "a phone that is known", START).await;
    let changes = bo.write("party", record(2), START, &[FieldEdit::set("name", "Cedar")]);
    let answer = told(&desk.server, &enrolled, &[hello(&enrolled, 0), Message::Push(Push { batch: 2, changes })]).await;
    let verdicts = answer.iter().find_map(|message| if let Message::Verdicts(answer) = message { Some(&answer.verdicts) } else { None });
    assert!(matches!(verdicts.map(Vec::as_slice), Some([Verdict::Rejected { .. }])), "{answer:?}");
}

#[tokio::test]
async fn a_device_that_never_brings_what_its_edits_follow_is_waited_for_and_wiped_in_the_end() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "hand_back").await;
    let mut pen = Phone::with(ACTOR);
    pen.write("party", record(1), START, &[FieldEdit::set("name", "Jiamei")]);
    let changes = pen.write("party", record(1), START, &[FieldEdit::set("industry", "paper")]);
    for _ in 0..16 {
        let push = Message::Push(Push { batch: 1, changes: changes.clone() });
        let answers = told(&desk.server, &enrolled, &[hello(&enrolled, 1), push, pull()]).await;
        let [Message::Welcome(_), Message::Verdicts(Verdicts { verdicts, .. })] = &answers[..] else { panic!("{answers:?}") };
        assert!(matches!(verdicts[..], [Verdict::Waiting { .. }]), "{answers:?}");
    }
    let push = Message::Push(Push { batch: 1, changes });
    let answers = told(&desk.server, &enrolled, &[hello(&enrolled, 1), push, pull()]).await;
    assert!(
        matches!(&answers[1], Message::Verdicts(Verdicts { verdicts, .. }) if matches!(verdicts[..], [Verdict::Held { .. }])),
        "{answers:?}"
    );
    let answers = told(&desk.server, &enrolled, &[hello(&enrolled, 0), pull()]).await;
    assert!(answers.last().is_some_and(is_wipe), "{answers:?}");
}

#[tokio::test]
async fn a_device_that_offers_what_is_never_taken_is_waited_for_and_wiped_in_the_end() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "hand_back").await;
    let Message::Hello(hello) = hello(&enrolled, 0) else { panic!() };
    let hello = Message::Hello(Hello { unconfirmed: Some(2), ..hello });
    let [change, _] = &unsent()[..] else { panic!() };
    let given = crate::api::Phone::of(&desk.server, desk.server.ann, "office", 8).await.delivered(change, 1, START, Seal([1; 16]));
    for n in 0..21 {
        let offer = Message::Offer(Offer { batch: n, changes: vec![given.clone()] });
        let answers = told(&desk.server, &enrolled, &[hello.clone(), offer, pull()]).await;
        let last = answers.last().unwrap();
        assert_eq!(is_wipe(last), n == 20, "{n}: {answers:?}");
        assert!(matches!(last, Message::Page(page) if !page.more), "it is to offer all: {answers:?}");
    }
}

#[tokio::test]
async fn a_device_that_knows_another_life_of_the_server_is_told_of_the_present_one_before_it_forgets() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "hand_back").await;
    let Message::Hello(known) = hello(&enrolled, 0) else { panic!() };
    let before = Message::Hello(Hello { epoch: Some(vec![9; 16]), ..known });
    let answers = told(&desk.server, &enrolled, &[before, pull()]).await;
    assert!(matches!(&answers[..], [Message::Welcome(welcome)] if welcome.epoch == enrolled.epoch), "{answers:?}");
    assert!(told(&desk.server, &enrolled, &[hello(&enrolled, 0), pull()]).await.last().is_some_and(is_wipe));
}

#[tokio::test]
async fn what_the_office_says_of_a_device_while_it_delivers_is_heard_over_the_same_connection() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "hand_back").await;
    let mut socket = live(&desk.server, &enrolled.token).await;
    let changes = unsent();
    let frame = |change: &Pushed| encode_frame(&[hello(&enrolled, 9), Message::Push(Push { batch: 1, changes: vec![change.clone()] })]);
    let answers = ask(&mut socket, frame(&changes[0])).await;
    assert!(matches!(&answers[..], [Message::Welcome(_), Message::Verdicts(_)]), "{answers:?}");
    send_away(&desk, enrolled.device, "lost").await;
    let answers = ask(&mut socket, frame(&changes[1])).await;
    assert!(matches!(&answers[..], [wipe] if is_wipe(wipe)), "{answers:?}");
}

#[tokio::test]
async fn a_lost_device_is_wiped_at_its_next_word_whatever_it_says() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    send_away(&desk, enrolled.device, "lost").await;
    assert!(desk.get("/devices").await.text().contains("not in contact since"));
    let push = Message::Push(Push { batch: 1, changes: unsent() });
    let answers = told(&desk.server, &enrolled, &[hello(&enrolled, 2), push, pull()]).await;
    assert!(matches!(&answers[..], [wipe] if is_wipe(wipe)), "{answers:?}");
    assert!(desk.get("/devices").await.text().contains("no receipt yet"));
    assert!(desk.get("/rejected").await.text().contains("Nothing to decide"), "a thief writes nothing");
    told(&desk.server, &enrolled, &[receipt(2)]).await;
    assert!(desk.get("/devices").await.text().contains("12 records removed, 2 edits unsent"));
    let bearer = format!("Bearer {}", enrolled.token);
    let upload = desk.server.send(Method::POST, "/api/v1/uploads", &[("authorization", &bearer)], "").await;
    assert_eq!(upload.status, 401, "the farewell is the only door that is left");
}

#[tokio::test]
async fn the_receipt_of_a_wipe_is_delivered_by_the_app_that_starts_next_and_nothing_else_is_kept_for_it() {
    let (desk, folder) = (Desk::new().await, tempfile::tempdir().unwrap());
    let place = Place::File(folder.path().join("rapport.db"));
    let mut phone = Handset::at(&desk.server, desk.server.ann, place.clone()).await;
    phone.edit(&desk.server, "party", record(1), &[FieldEdit::set("name", "Jiamei")]);
    phone.sync(&desk.server).await;
    send_away(&desk, phone.enrolled.device, "lost").await;
    phone.sync(&desk.server).await;
    // It has forgotten everything, and the app ends before it has said so.
    drop(phone);
    assert!(desk.get("/devices").await.text().contains("no receipt yet"));
    let start = || Device::open(&Handset::opening(desk.server.ann, place.clone())).unwrap();
    let mut device = start();
    assert_eq!((device.identity().cloned(), device.token().unwrap(), device.record_count().unwrap()), (None, None, 0));
    let farewell = device.farewell().unwrap().unwrap();
    let nowhere = Remote::at("http://127.0.0.1:9").unwrap().deliver(&farewell).await;
    assert!(matches!(nowhere, Err(NetError::Unreachable(_))), "{nowhere:?}");
    drop(device);
    device = start();
    let remote = Remote::at(&format!("http://{}", desk.server.address)).unwrap();
    remote.deliver(&device.farewell().unwrap().unwrap()).await.unwrap();
    device.said_farewell().unwrap();
    let page = desk.get("/devices").await.text();
    assert!(page.contains("records removed, 0 edits unsent") && !page.contains("no receipt yet"), "{page}");
    // The answer may be lost: said again, it is no error that it was said.
    assert!(matches!(remote.deliver(&farewell).await, Err(NetError::Stopped(Stopped::Revoked))));
    drop(device);
    assert_eq!(start().farewell().unwrap(), None);
}

#[tokio::test]
async fn the_list_of_devices_shows_what_waits_on_them_and_how_far_they_are_behind() {
    let mut desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    told(&desk.server, &enrolled, &[hello(&enrolled, 3), pull()]).await;
    for n in 1..=4 {
        desk.customer(n, &[FieldEdit::set("name", "Jiamei")]).await;
    }
    let row = async |desk: &Desk| {
        let page = desk.get("/devices").await.text();
        page.split("<tr id=\"d-").find(|row| row.starts_with(&enrolled.device.to_string())).unwrap().to_owned()
    };
    let shown = row(&desk).await;
    for part in ["data-label=\"App\">test 2<", "data-label=\"Protocol\">1<", "data-label=\"Unsent\">3<", "data-label=\"Behind\">4<"] {
        assert!(shown.contains(part), "{shown} lacks {part}");
    }
    // What counts is what an exchange leaves: two of its three edits are sent in it, and it has all there is.
    desk.server.clock.forward(2 * MINUTE);
    let changes = unsent();
    let push = Message::Push(Push { batch: 1, changes });
    told(&desk.server, &enrolled, &[hello(&enrolled, 3), push, pull()]).await;
    let shown = row(&desk).await;
    for part in ["data-label=\"Unsent\">1<", "data-label=\"Behind\">0<"] {
        assert!(shown.contains(part), "{shown} lacks {part}");
    }
}

#[tokio::test]
async fn whoever_has_lost_their_phone_has_it_wiped_from_their_own_account() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    let page = desk.get("/account").await.text();
    let address = format!("/account/devices/{}/leave", enrolled.device);
    assert!(page.contains("Your phones") && page.contains("Ann&#39;s tablet") && page.contains(&address), "{page}");
    // Nobody else's phone.
    let (_, bo) = desk.server.browser_sign_in_as("bo").await;
    let as_bo = Desk { cookie: bo, ..desk };
    assert!(!as_bo.get("/account").await.text().contains("Ann&#39;s tablet"));
    assert_eq!(as_bo.post(&address, &[("act", "lost")]).await.status, 404);
    assert!(told(&as_bo.server, &enrolled, &[hello(&enrolled, 0), pull()]).await.iter().all(|answer| !is_wipe(answer)));
    let (_, ann) = as_bo.server.browser_sign_in(&[]).await;
    let desk = Desk { cookie: ann, ..as_bo };
    assert_eq!(desk.post(&address, &[("act", "sold")]).await.status, 422);
    let done = desk.post(&address, &[("act", "lost")]).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/account?done=lost"), "{}", done.text());
    assert!(is_wipe(told(&desk.server, &enrolled, &[hello(&enrolled, 3), pull()]).await.last().unwrap()));
    assert!(desk.get("/account").await.text().contains("no receipt yet"));
    told(&desk.server, &enrolled, &[receipt(3)]).await;
    assert!(!desk.get("/account").await.text().contains("Ann&#39;s tablet"));
}

#[tokio::test]
async fn a_new_device_waits_until_its_fingerprint_was_compared() {
    let desk = Desk::new().await;
    desk.post("/devices/terms", &[("confirm", "yes"), ("lease_days", "14")]).await;
    let enrolled = enrol(&desk.server).await;
    assert_eq!(say(&desk.server, &enrolled, &[hello(&enrolled, 0), pull()]).await.code(), "not_confirmed");
    let page = desk.get("/devices").await.text();
    assert!(page.contains("Waiting to be let in") && page.contains(&fingerprint(&enrolled.token)), "{page}");
    let unknown = desk.post(&format!("/devices/{}/confirm", enrolled.device), &[("step", "letin")]).await;
    assert_eq!(unknown.status, 422, "an unknown word neither lets it in nor turns it away for good");
    desk.post(&format!("/devices/{}/confirm", enrolled.device), &[("step", "let_in")]).await;
    let answers = told(&desk.server, &enrolled, &[hello(&enrolled, 0), pull()]).await;
    let Message::Welcome(welcome) = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(welcome.lease_ms, Some(14 * 86_400_000));
    assert_eq!(desk.post(&format!("/devices/{}/confirm", enrolled.device), &[("step", "turn_away")]).await.status, 409);
}

#[tokio::test]
async fn a_phone_that_was_lost_before_anybody_let_it_in_has_nothing_to_wipe_and_is_refused_at_once() {
    for (address, list) in [("/devices/{}/revoke", "/devices"), ("/account/devices/{}/leave", "/account")] {
        let desk = Desk::new().await;
        desk.post("/devices/terms", &[("confirm", "yes")]).await;
        let enrolled = enrol(&desk.server).await;
        let done = desk.post(&address.replace("{}", &enrolled.device.to_string()), &[("act", "lost")]).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, &*format!("{list}?done=never_let_in")), "{}", done.text());
        assert_eq!(say(&desk.server, &enrolled, &[hello(&enrolled, 0), pull()]).await.code(), "revoked");
        assert!(desk.get(done.header("location")).await.text().contains("was never let in"));
        let page = desk.get("/devices").await.text();
        assert!(page.contains("it holds nothing that had to be wiped") && !page.contains("Is to be wiped"), "{page}");
        assert!(!page.contains("Waiting to be let in") && !page.contains(&format!("/devices/{}/", enrolled.device)), "{page}");
        assert!(!desk.get("/account").await.text().contains(&enrolled.device.to_string()), "it is none of theirs any more");
    }
}

#[tokio::test]
async fn a_device_that_is_turned_away_stays_out() {
    let desk = Desk::new().await;
    desk.post("/devices/terms", &[("confirm", "yes")]).await;
    let enrolled = enrol(&desk.server).await;
    desk.post(&format!("/devices/{}/confirm", enrolled.device), &[("step", "turn_away")]).await;
    assert_eq!(say(&desk.server, &enrolled, &[hello(&enrolled, 0)]).await.code(), "revoked");
    assert_eq!(desk.post(&format!("/devices/{}/confirm", enrolled.device), &[("step", "let_in")]).await.status, 409, "it is decided");
    // Lost later, it has nothing to wipe: it was given nothing.
    let lost = desk.post(&format!("/devices/{}/revoke", enrolled.device), &[("act", "lost")]).await;
    assert_eq!(lost.header("location"), "/devices?done=never_let_in");
    assert_eq!(say(&desk.server, &enrolled, &[hello(&enrolled, 0)]).await.code(), "revoked");
    let page = desk.get("/devices").await.text();
    assert!(page.contains("it holds nothing that had to be wiped") && !page.contains("Is to be wiped"), "{page}");
    let wrong = desk.post("/devices/terms", &[("lease_days", "forever")]).await;
    assert_eq!((wrong.status.as_u16(), json!(wrong.text().contains("Days are a whole number"))), (422, json!(true)));
}

#[tokio::test]
async fn a_device_that_is_not_there_or_a_way_that_is_not_known_is_an_error() {
    let desk = Desk::new().await;
    let nowhere = format!("/devices/{}/revoke", DeviceId::of_cause("nowhere"));
    assert_eq!(desk.post(&nowhere, &[]).await.status, 404);
    assert_eq!(desk.post(&nowhere, &[("act", "burn")]).await.status, 422);
}

#[tokio::test]
async fn wiping_a_phone_asks_first_and_says_what_would_be_lost() {
    let desk = Desk::new().await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    let device = phone.enrolled.device;
    let asked = desk.get(&format!("/devices/{device}/revoke")).await;
    assert!(asked.status == 200 && asked.text().contains("never said what it has not sent"), "{}", asked.text());
    phone.sync(&desk.server).await;
    for page in ["/devices", "/account"] {
        let page = desk.get(page).await.text();
        assert!(page.contains("Lost: wipe at once") && !page.contains("value=\"lost\""), "no button wipes by itself: {page}");
    }
    for (ask, back) in [(format!("/devices/{device}/revoke"), "/devices"), (format!("/account/devices/{device}/leave"), "/account")] {
        assert!(desk.get(back).await.text().contains(&format!("href=\"{ask}\"")), "{ask}");
        let asked = desk.get(&ask).await.text();
        for said in [
            "Wipe phone, the phone of ann",
            "everything had been sent",
            "hand it back instead",
            &format!("action=\"{ask}\""),
            "value=\"lost\"",
        ] {
            assert!(asked.contains(said), "{said}: {asked}");
        }
    }
    let mut tx = desk.server.app.store.begin().await.unwrap();
    let workspace = desk.server.workspace;
    let (mut note, _) = rapport_server::store::farewells::note_of(&mut tx, workspace, device).await.unwrap().unwrap();
    note.pending = 3;
    rapport_server::store::farewells::note(&mut tx, workspace, device, &note, START).await.unwrap();
    tx.commit().await.unwrap();
    let asked = desk.get(&format!("/devices/{device}/revoke")).await.text();
    assert!(asked.contains("3 edits that had not been sent"), "{asked}");
    assert!(!desk.get("/devices").await.text().contains("Is to be wiped"), "asking wipes nothing");
    let foreign = desk.get(&format!("/devices/{}/revoke", sync_core::id::DeviceId::of_cause("nobody's"))).await;
    assert_eq!(foreign.status, 404);
}

#[tokio::test]
async fn a_device_to_which_very_much_goes_in_a_day_is_named_in_the_log_and_on_the_page() {
    let desk = Desk::new().await;
    let ann = crate::api::Client::office(&desk.server).await;
    for batch in 0..26 {
        let items: Vec<serde_json::Value> = (0..200).map(|n| json!({"fields": {"name": format!("C{batch}-{n}")}})).collect();
        assert_eq!(ann.post("/api/v1/party/batch", json!({ "items": items })).await.status, 200);
    }
    let enrolled = enrol(&desk.server).await;
    let mut entries = Vec::new();
    // Twice everything: when it is new, and a month later.
    for _ in 0..2 {
        let mut cursor = None;
        loop {
            let pull = Message::Pull(Pull { cursor: cursor.clone(), max_bytes: PAGE_BYTES, ..Pull::default() });
            let answers = told(&desk.server, &enrolled, &[hello(&enrolled, 0), pull]).await;
            let Some(Message::Page(page)) = answers.last() else { panic!("{answers:?}") };
            cursor = Some(page.cursor.clone());
            if !page.more {
                break;
            }
        }
        let mut tx = desk.server.app.store.reader().await.unwrap();
        let found = rapport_server::store::trail::before(&mut tx, desk.server.workspace, u64::MAX, Some("device_downloaded"), 10);
        entries = found.await.unwrap();
        desk.server.clock.forward(30 * 24 * 60 * MINUTE);
    }
    let detail: Vec<serde_json::Value> = entries.iter().map(|entry| serde_json::from_str(&entry.detail).unwrap()).collect();
    assert_eq!(detail, [json!({"at_least": 5_000, "first": false}), json!({"at_least": 5_000, "first": true})]);
    assert!(entries.iter().all(|entry| entry.subject == enrolled.device.to_string()));
    let (_, cookie) = desk.server.browser_sign_in(&[]).await;
    let page = desk.server.browse(&cookie, "/devices").await.text();
    assert!(page.contains("Very many records went to it in a day"), "{page}");
}

#[tokio::test]
async fn when_a_device_that_was_shut_out_was_last_in_touch_is_noted() {
    let desk = Desk::new().await;
    let enrolled = enrol(&desk.server).await;
    desk.server.app.auth.revoke_device(desk.server.workspace, enrolled.device, None).await.unwrap();
    desk.server.clock.forward(50 * MINUTE);
    assert_eq!(say(&desk.server, &enrolled, &[pull()]).await.code(), "revoked");
    let mut tx = desk.server.app.store.reader().await.unwrap();
    let known = rapport_server::store::devices::devices(&mut tx, desk.server.workspace).await.unwrap();
    let device = known.iter().find(|device| device.device == enrolled.device).unwrap();
    assert_eq!(device.last_seen_at, START + 50 * MINUTE);
}
