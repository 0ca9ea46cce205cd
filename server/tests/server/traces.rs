//! What is left of an erased record on a phone that says that it is gone: no byte, in no file.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::net::{self, Budget, Files, Host};
use sync_core::record::fields::FieldEdit;
use sync_core::store::{Contents, Place};

use crate::api::Client;
use crate::files::{Tus, id_of};
use crate::handset::Handset;
use crate::harness::Server;
use crate::privacy::{files_where, state};

const CANARY: &str = "Canary-Zhao-13900139000";

/// Which files of a phone hold the canary, or the words of it that the search index has.
fn left(folder: &Path) -> Vec<String> {
    let holds = |bytes: &[u8]| {
        let has = |word: &str| bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
        has(CANARY) || has("zhao") || has("13900139000")
    };
    files_where(folder, &holds)
}

/// A customer in each facet, in history, in search, in a conflict, and in what is about it; and what stays.
async fn customer(office: &Client<'_>) -> String {
    let path = office
        .make(
            "party",
            json!({"name": CANARY, "id_number": CANARY, "notes": CANARY.repeat(200), "credit_limit": {"amount": 5, "currency": "CNY"}}),
        )
        .await;
    for round in 0..20 {
        office.edit(&path, json!([{"op": "set", "field": "industry", "value": format!("{CANARY} {round}")}])).await;
    }
    for n in 0..40 {
        office.make("party", json!({"name": format!("Stays {n}"), "notes": "paper ".repeat(100)})).await;
    }
    path
}

async fn erase(office: &Client<'_>, path: &str) {
    let erased = office.post(&format!("/api/v1/privacy/{}/erase", id_of(path)), json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
}

#[tokio::test]
async fn a_phone_that_says_that_a_record_was_removed_has_it_in_no_file() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = customer(&office).await;
    let id: RecordId = id_of(&path).parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut phone = Handset::at(&server, server.ann, Place::File(folder.path().join("phone.db"))).await;
    phone.sync(&server).await;
    // Two say different things of it, and the index knows both.
    office.edit(&path, json!([{"op": "set", "field": "name", "value": format!("{CANARY} office")}])).await;
    phone.edit(&server, "party", id, &[FieldEdit::set("name", format!("{CANARY} phone"))]);
    phone.sync(&server).await;
    while phone.device.index_some().unwrap() {}
    assert!(!left(folder.path()).is_empty(), "it is there before");
    erase(&office, &path).await;
    phone.sync(&server).await;
    assert_eq!((phone.fields(id), state(&office, id, &phone).await), (None, json!("removed")));
    assert_eq!(left(folder.path()), Vec::<String>::new(), "nothing has to be idle for that");
    let kept = phone.device.search("stays", None).unwrap();
    assert!(!kept.is_empty(), "and the rest is found");
}

#[tokio::test]
async fn the_contents_of_its_files_go_as_well_and_before_it_is_said() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = customer(&office).await;
    let tus = Tus::of(&server, "ann").await;
    let scan = format!("an identity card of {CANARY}").repeat(5_000);
    let file = tus.upload(scan.as_bytes(), &[("filename", "card.txt"), ("about", id_of(&path))]).await;
    let other = tus.upload(b"a price list", &[("filename", "prices.txt")]).await;
    let [file, other] = [file, other].map(|path| id_of(&path).parse::<RecordId>().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let user = UserId::of_cause("bo");
    let Handset { device, .. } = Handset::at(&server, user, Place::File(folder.path().join("phone.db"))).await;
    let clock = server.clock.clone();
    let host = Host::new(device, Arc::new(move || clock.now()));
    let contents = Contents::open(&Place::File(folder.path().join("contents.db"))).unwrap();
    let files = Files::new(host.clone(), contents, 1 << 24);
    let line = net::Server::at(&format!("http://{}", server.address)).unwrap();
    files.sync(&line, Budget::default()).await.unwrap();
    for record in [file, other] {
        files.fetch(&line, record).await.unwrap();
    }
    host.with(|device, _| while device.index_some().unwrap() {});
    assert!(left(folder.path()).iter().any(|path| path.contains("contents.db")), "{:?}", left(folder.path()));
    erase(&office, &path).await;
    // Only what is said of records: nothing is carried that belongs to files.
    line.sync_once(&host).await.unwrap();
    assert_eq!(left(folder.path()), Vec::<String>::new());
    assert_eq!(files.read(other, 0).unwrap(), b"a price list");
}
