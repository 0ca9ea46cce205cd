//! Somebody is shut out: their phones are handed back, and come in again with them if they have not forgotten yet.

use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use rapport_server::store::{Options, farewells, rejected};
use reqwest::Method;
use serde_json::json;
use sync_core::engine::Event;
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::{MAX_PUSH_CHANGES, fingerprint};
use sync_core::record::fields::FieldEdit;
use tokio_tungstenite::tungstenite::Message as Ws;

use crate::api::Client;
use crate::console::{Desk, record};
use crate::handset::Handset;
use crate::harness::Server;
use crate::live::{PATIENCE, connect};

/// Cai's customer, on cai's phone, with an edit that was not sent.
async fn offline(desk: &Desk) -> (RecordId, Handset) {
    let rep = Client::of_role(&desk.server, "cai", "rep").await;
    let customer = rep.make("party", json!({"name": "Jiamei", "owner": UserId::of_cause("cai")})).await;
    let customer: RecordId = customer.rsplit('/').next().unwrap().parse().unwrap();
    let mut phone = Handset::of(&desk.server, UserId::of_cause("cai")).await;
    phone.sync(&desk.server).await;
    phone.edit(&desk.server, "party", customer, &[FieldEdit::set("name", "Jiamei Paper")]);
    (customer, phone)
}

/// Fills in the page of cai: shut out, or let in.
async fn fill_in(desk: &Desk, active: bool, step: &str) -> String {
    let mut form = vec![("whole", ""), ("name", "cai"), ("role", "rep"), ("language", "en"), ("step", step)];
    form.extend(active.then_some(("active", "true")));
    let answer = desk.post(&format!("/people/{}", UserId::of_cause("cai")), &form).await;
    let expected = if step == "save" { 303 } else { 200 };
    assert_eq!(answer.status, expected, "{}", answer.text());
    answer.text()
}

async fn name_of(desk: &Desk, customer: RecordId) -> String {
    let page = Client::office(&desk.server).await.get(&format!("/api/v1/party/{customer}")).await.json();
    page["fields"]["name"].as_str().unwrap_or_else(|| panic!("{page}")).to_owned()
}

#[tokio::test]
async fn whoever_is_shut_out_hands_their_phones_back() {
    let desk = Desk::new().await;
    let (customer, mut phone) = offline(&desk).await;
    let preview = fill_in(&desk, false, "preview").await;
    assert!(preview.contains("1 phone of theirs is handed back"), "{preview}");
    fill_in(&desk, false, "save").await;
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(customer), None, "the phone has forgotten it");
    let rejected = Client::office(&desk.server).await.get("/api/v1/rejected").await.text();
    assert!(rejected.contains("revoked"), "what was not sent is at the desk: {rejected}");
    assert_eq!(name_of(&desk, customer).await, "Jiamei");
    // Let in again, a phone that has forgotten everything stays out.
    fill_in(&desk, true, "save").await;
    let mut tx = desk.server.app.store.reader().await.unwrap();
    let farewells = farewells::all(&mut tx, desk.server.workspace).await.unwrap();
    assert!(farewells[&phone.enrolled.device].told_at.is_some(), "{farewells:?}");
}

/// How many edits wait at the desk.
async fn at_the_desk(desk: &Desk) -> usize {
    let mut tx = desk.server.app.store.reader().await.unwrap();
    rejected::rejected_in(&mut tx, desk.server.workspace, &[rejected::DeskState::Held], 1_000).await.unwrap().len()
}

#[tokio::test]
async fn a_phone_that_is_handed_back_delivers_edits_that_follow_each_other() {
    let desk = Desk::new().await;
    let (customer, mut phone) = offline(&desk).await;
    for industry in ["print", "paper"] {
        phone.edit(&desk.server, "party", customer, &[FieldEdit::set("industry", industry)]);
    }
    fill_in(&desk, false, "save").await;
    phone.sync(&desk.server).await;
    assert_eq!((at_the_desk(&desk).await, phone.device.identity().is_none()), (3, true));
}

#[tokio::test]
async fn a_phone_that_is_handed_back_and_breaks_off_in_between_delivers_the_rest_before_it_forgets() {
    let desk = Desk::new().await;
    let (_, mut phone) = offline(&desk).await;
    phone.sync(&desk.server).await;
    // More than one push carries.
    let long = "客".repeat(1_900);
    for n in 1..=100 {
        phone.edit(&desk.server, "party", record(n), &[FieldEdit::set("name", format!("{n} {long}")), FieldEdit::set("industry", &*long)]);
    }
    fill_in(&desk, false, "save").await;
    let now = desk.server.app.clock.now();
    let mut before = 0;
    // Each time the connection breaks behind the first frame; the second time that one only asks about what is there.
    for _ in 0..2 {
        let frames = phone.tell(now, Event::NetworkUp { live: false });
        assert!(frames.len() > 1, "what waits does not fit one frame");
        let answer = phone.say(&desk.server, frames[0].clone()).await;
        phone.tell(now, Event::Received(answer));
        phone.tell(now, Event::NetworkDown);
        assert!(
            phone.device.identity().is_some() && phone.fields(record(100)).is_some(),
            "it is not told to forget what it did not deliver"
        );
        let delivered = at_the_desk(&desk).await;
        assert!(delivered < 100 && delivered >= before, "{delivered}");
        before = delivered;
    }
    phone.sync(&desk.server).await;
    assert_eq!((at_the_desk(&desk).await, phone.device.identity().is_none()), (100, true));
}

/// The desk at a server that keeps its database in a folder.
async fn desk_in(folder: &Path) -> Desk {
    Desk::with(|config| config.database.path = folder.join("rapport.db")).await
}

async fn back_up(folder: &Path) {
    rapport_server::store::backup(&folder.join("rapport.db"), &folder.join("backup.db")).await.unwrap();
}

/// The same desk after the server was lost and its backup restored.
async fn restored(folder: &Path, desk: Desk) -> Desk {
    let Desk { mut server, ann, bo, .. } = desk;
    server.ask_to_stop();
    server.stopped().await;
    let path = folder.join("restored.db");
    rapport_server::store::restore(&folder.join("backup.db"), &Options::new(&path), None, || [2; 16]).await.unwrap();
    let server = Server::start_again(|config| config.database.path = path.clone()).await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    Desk { server, cookie, ann, bo }
}

#[tokio::test]
async fn a_phone_that_is_handed_back_gives_a_restored_server_back_what_its_unsent_edits_follow() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk_in(folder.path()).await;
    let (customer, mut phone) = offline(&desk).await;
    phone.sync(&desk.server).await;
    back_up(folder.path()).await;
    phone.edit(&desk.server, "party", customer, &[FieldEdit::set("name", "Jiamei Print")]);
    phone.edit(&desk.server, "party", record(1), &[FieldEdit::set("name", "Cedar")]);
    phone.sync(&desk.server).await;
    for id in [customer, record(1)] {
        phone.edit(&desk.server, "party", id, &[FieldEdit::set("industry", "paper")]);
    }
    let desk = restored(folder.path(), desk).await;
    assert_eq!(name_of(&desk, customer).await, "Jiamei Paper");
    fill_in(&desk, false, "save").await;
    phone.sync(&desk.server).await;
    assert_eq!((name_of(&desk, customer).await, name_of(&desk, record(1)).await), ("Jiamei Print".to_owned(), "Cedar".to_owned()));
    assert_eq!((at_the_desk(&desk).await, phone.device.identity().is_none()), (2, true));
}

#[tokio::test]
async fn what_was_lost_with_a_past_that_is_forgotten_since_waits_at_the_desk_when_its_phone_is_handed_back() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk_in(folder.path()).await;
    let (customer, mut phone) = offline(&desk).await;
    phone.sync(&desk.server).await;
    back_up(folder.path()).await;
    phone.edit(&desk.server, "party", customer, &[FieldEdit::set("industry", "print")]);
    phone.sync(&desk.server).await;
    phone.edit(&desk.server, "party", customer, &[FieldEdit::set("industry", "paper")]);
    let desk = restored(folder.path(), desk).await;
    let office = Client::office(&desk.server).await;
    assert_eq!(office.post(&format!("/api/v1/privacy/{customer}/forget"), json!({})).await.status, 200);
    fill_in(&desk, false, "save").await;
    phone.sync(&desk.server).await;
    assert!(phone.device.identity().is_none(), "it has forgotten everything");
    let waiting = office.get("/api/v1/rejected").await.text();
    assert!(waiting.contains("print") && waiting.contains("paper"), "what was accepted once, and what was not sent: {waiting}");
}

/// Cai's phone has many records and changes of its own and of others which a restored server has lost, and no edit follows
/// them; `edits` of others were not sent. Answers the names that are to be there again.
async fn full_of_what_was_lost(folder: &Path, edits: bool) -> (Desk, Handset, Vec<(RecordId, String)>) {
    let desk = desk_in(folder).await;
    let (customer, mut phone) = offline(&desk).await;
    phone.sync(&desk.server).await;
    back_up(folder).await;
    phone.edit(&desk.server, "party", customer, &[FieldEdit::set("name", "Jiamei Print")]);
    // More than one offer carries.
    let many = MAX_PUSH_CHANGES as u32 + 10;
    let id = |n: u32| RecordId::of_cause(&format!("lost {n}"));
    for n in 0..many {
        phone.edit(&desk.server, "party", id(n), &[FieldEdit::set("name", format!("Lost {n}"))]);
    }
    phone.sync(&desk.server).await;
    let theirs = Client::office(&desk.server).await.make("party", json!({"name": "Haida", "owner": UserId::of_cause("cai")})).await;
    phone.sync(&desk.server).await;
    let theirs: RecordId = theirs.rsplit('/').next().unwrap().parse().unwrap();
    if edits {
        phone.edit(&desk.server, "party", record(2), &[FieldEdit::set("name", "Never sent")]);
        phone.edit(&desk.server, "party", id(3), &[FieldEdit::set("industry", "paper")]);
    }
    let mut names: Vec<(RecordId, String)> = (0..many).map(|n| (id(n), format!("Lost {n}"))).collect();
    names.extend([(customer, "Jiamei Print".to_owned()), (theirs, "Haida".to_owned())]);
    (restored(folder, desk).await, phone, names)
}

async fn are_there_again(desk: &Desk, names: &[(RecordId, String)]) {
    let office = Client::office(&desk.server).await;
    for (record, name) in names {
        assert_eq!(office.get(&format!("/api/v1/party/{record}")).await.json()["fields"]["name"], **name);
    }
}

#[tokio::test]
async fn a_phone_that_is_handed_back_gives_a_restored_server_back_all_that_it_has_lost_before_it_forgets() {
    for edits in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (desk, mut phone, names) = full_of_what_was_lost(folder.path(), edits).await;
        fill_in(&desk, false, "save").await;
        phone.sync(&desk.server).await;
        are_there_again(&desk, &names).await;
        assert_eq!((at_the_desk(&desk).await, phone.device.identity().is_none()), (if edits { 2 } else { 0 }, true));
    }
}

#[tokio::test]
async fn what_was_lost_is_given_back_over_a_connection_that_stays_open_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut phone, names) = full_of_what_was_lost(folder.path(), true).await;
    fill_in(&desk, false, "save").await;
    let now = desk.server.app.clock.now();
    // The server ends the connection whenever it is to hear anew what waits.
    for _ in 0..8 {
        if phone.device.identity().is_none() {
            break;
        }
        let mut socket = connect(&desk.server, &phone.enrolled.token).await;
        let mut frames = phone.tell(now, Event::NetworkUp { live: true });
        loop {
            for frame in frames.drain(..) {
                socket.send(Ws::binary(frame)).await.ok();
            }
            match tokio::time::timeout(PATIENCE, socket.next()).await.expect("no word") {
                Some(Ok(Ws::Binary(frame))) => frames = phone.tell(now, Event::Received(frame.into())),
                Some(Ok(Ws::Ping(_) | Ws::Pong(_))) => {}
                _ => break,
            }
        }
        phone.tell(now, Event::NetworkDown);
    }
    are_there_again(&desk, &names).await;
    assert_eq!((at_the_desk(&desk).await, phone.device.identity().is_none()), (2, true));
}

#[tokio::test]
async fn a_phone_that_breaks_off_while_it_gives_back_what_was_lost_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut phone, names) = full_of_what_was_lost(folder.path(), true).await;
    fill_in(&desk, false, "save").await;
    // One exchange more each time before the network is gone.
    for exchanges in 1..6 {
        let mut frames = phone.tell(desk.server.app.clock.now(), Event::NetworkUp { live: false });
        for _ in 0..exchanges {
            if frames.is_empty() {
                break;
            }
            let answer = phone.say(&desk.server, frames.remove(0)).await;
            frames.extend(phone.tell(desk.server.app.clock.now(), Event::Received(answer)));
        }
        phone.tell(desk.server.app.clock.now(), Event::NetworkDown);
    }
    if phone.device.identity().is_some() {
        phone.sync(&desk.server).await;
    }
    are_there_again(&desk, &names).await;
    assert_eq!((at_the_desk(&desk).await, phone.device.identity().is_none()), (2, true));
}

#[tokio::test]
async fn a_phone_that_waits_to_be_let_in_is_out_when_its_user_is_and_waits_again_when_they_are_back() {
    let desk = Desk::new().await;
    desk.post("/devices/terms", &[("confirm", "yes")]).await;
    Client::of_role(&desk.server, "cai", "rep").await;
    let mut phone = Handset::of(&desk.server, UserId::of_cause("cai")).await;
    phone.edit(&desk.server, "party", record(1), &[FieldEdit::set("name", "Jiamei")]);
    let bearer = format!("Bearer {}", phone.enrolled.token);
    let answer = async || desk.server.send(Method::POST, "/sync", &[("authorization", &bearer)], Vec::new()).await.code();
    let (print, row) = (fingerprint(&phone.enrolled.token), format!("<tr id=\"d-{}\"", phone.enrolled.device));
    let shown = async || {
        let page = desk.get("/devices").await.text();
        (page.contains(&print), page.contains(&row))
    };
    assert_eq!((answer().await, shown().await), ("not_confirmed".to_owned(), (true, false)));
    fill_in(&desk, false, "save").await;
    assert_eq!((answer().await, shown().await), ("revoked".to_owned(), (false, true)), "nobody is asked to let it in");
    assert_eq!(at_the_desk(&desk).await, 0, "nothing is taken from a phone that nobody has recognised");
    fill_in(&desk, true, "save").await;
    assert_eq!((answer().await, shown().await), ("not_confirmed".to_owned(), (true, false)));
    desk.post(&format!("/devices/{}/confirm", phone.enrolled.device), &[("step", "let_in")]).await;
    phone.sync(&desk.server).await;
    assert_eq!(name_of(&desk, record(1)).await, "Jiamei");
}

#[tokio::test]
async fn whoever_is_let_in_before_their_phone_has_called_goes_on_with_it() {
    let desk = Desk::new().await;
    let (customer, mut phone) = offline(&desk).await;
    fill_in(&desk, false, "save").await;
    fill_in(&desk, true, "save").await;
    phone.sync(&desk.server).await;
    assert_eq!(name_of(&desk, customer).await, "Jiamei Paper");
    assert_eq!(phone.fields(customer).unwrap()["name"], "Jiamei Paper");
    let audit = desk.get("/audit").await.text();
    assert!(audit.contains("Shut out the device phone") && audit.contains("Let in the device phone again"), "{audit}");
}

#[tokio::test]
async fn a_phone_that_was_lost_stays_so_when_its_user_is_let_in_again() {
    let desk = Desk::new().await;
    let (_, phone) = offline(&desk).await;
    let device = phone.enrolled.device;
    desk.post(&format!("/devices/{device}/revoke"), &[("act", "lost")]).await;
    fill_in(&desk, false, "save").await;
    fill_in(&desk, true, "save").await;
    let mut tx = desk.server.app.store.reader().await.unwrap();
    assert!(farewells::all(&mut tx, desk.server.workspace).await.unwrap().contains_key(&device));
}
