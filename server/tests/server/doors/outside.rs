//! What leaves a house by other ways than answers: messages of webhooks, letters, and what an operator's program writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use rapport_server::config::Secret;
use rapport_server::intake::{Expect, RecordEdit};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::json;
use sync_core::access::RoleSet;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use super::legible::legible;
use super::place::{Place, Thing};
use super::{Street, everything_of};
use crate::harness::{Answer, Server, calling_itself};
use crate::hooks::Receiver;
use crate::inbox::{Inbox, Letter};

const DAY: i64 = 86_400_000;

/// Which of the other house's words a text shows.
fn strays<'t>(text: &str, theirs: &'t Place) -> Vec<&'t str> {
    theirs.canaries().into_iter().map(|(_, word)| word).filter(|word| text.contains(word)).collect()
}

/// All that a letter says, on paper and in tables, too.
fn read(letter: &Letter) -> String {
    let part = |(kind, body): &(String, Vec<u8>)| {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
        legible(&Answer { status: StatusCode::OK, headers, body: body.clone() })
    };
    letter.parts.iter().map(part).chain([letter.heads.to_string()]).collect()
}

#[tokio::test]
async fn what_webhooks_and_letters_say_is_of_their_own_house_alone() {
    let mut inbox = Inbox::open().await;
    let server = Server::start_with(|config| {
        calling_itself(config);
        config.mail.url = Some(Secret(inbox.url.clone()));
    })
    .await;
    let there = Place::new(&server, "bravo", 77_123_457, None).await;
    let here = Place::new(&server, "alpha", 66_123_459, Some(there.ids(Thing::Record).0)).await;
    let both = [(&here, &there, "boss@alpha.example"), (&there, &here, "boss@bravo.example")];
    let mut receivers = Vec::new();
    for (own, _, recipient) in both {
        let (receiver, url) = Receiver::start().await;
        assert_eq!(own.post(&server, "/api/v1/webhooks", json!({"url": url, "events": "*"})).await.status, 201);
        receivers.push(receiver);
        let mails = format!("/dashboards/{}/mails", own.ids(Thing::Dashboard).0);
        let asked = own.submit(&server, "office", &mails, &[("recipients", recipient), ("every", "day"), ("hour", "8")]).await;
        assert_eq!(asked.status, 303, "{}", asked.text());
    }
    for (own, ..) in both {
        own.make(&server, "party", json!({"name": own.both(), "id_number": own.private, "owner": own.user("rep").to_string()})).await;
    }
    rapport_server::hooks::round(&server.app).await.unwrap();
    for ((own, theirs, _), receiver) in both.into_iter().zip(&receivers) {
        let told = json!(receiver.bodies()).to_string();
        assert!(told.contains(&own.canary), "its own house is told of: {told}");
        assert_eq!(strays(&told, theirs), Vec::<&str>::new(), "{told}");
    }
    // A day later somebody writes something, and the server looks at the clock.
    server.clock.forward(DAY);
    let edit = RecordEdit {
        kind: "party".parse().unwrap(),
        record: RecordId::of_cause("the next day"),
        edits: vec![FieldEdit::set("name", "the next day")],
        expect: Expect::New,
    };
    let author = server.app.intake.on_behalf(here.workspace, here.user("office"), RoleSet::office());
    server.app.intake.edit(&author, vec![edit], server.app.clock.now(), None).await.unwrap().remove(0).unwrap();
    let mut letters = Vec::new();
    while letters.len() < both.len() {
        letters.push(inbox.letter().await);
    }
    for (own, theirs, recipient) in both {
        let letter = letters.iter().find(|letter| letter.to == [recipient]).expect("each has a letter");
        let types: Vec<&str> = letter.parts.iter().map(|(kind, _)| &**kind).collect();
        assert!(types.contains(&"application/pdf") && types.contains(&"text/csv"), "{types:?}");
        let text = read(letter);
        assert!(text.contains(&own.canary), "{text}");
        assert_eq!(strays(&text, theirs), Vec::<&str>::new(), "{text}");
    }
}

/// What an operator asks of one house; a folder stands where one is written.
const ASKED: [&[&str]; 15] = [
    &["export", "{folder}", "--raw"],
    &["export", "{folder}", "--automerge"],
    &["export", "--all", "{folder}"],
    &["export", "--kind", "party"],
    &["export", "--kind", "party", "--format", "jsonl"],
    &["export", "--kind", "offer", "--format", "jsonl"],
    &["audit", "list"],
    &["audit", "verify"],
    &["user", "list"],
    &["device", "list"],
    &["key", "list"],
    &["import", "list"],
    &["retention"],
    &["check"],
    &["check", "--fast"],
];

/// All bytes below a folder, with the names of its files.
fn written(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        text.push_str(&format!("\n{}\n", path.display()));
        text.push_str(&if path.is_dir() { written(&path) } else { String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned() });
    }
    text
}

#[tokio::test]
async fn what_an_operators_program_writes_of_a_house_is_of_that_house_alone() {
    let street = Street::new().await;
    let database: PathBuf = street.server.app.store.path().to_owned();
    let before = everything_of(&street.server, &street.there).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rapport.toml"), format!("[database]\npath = {:?}\n", database.display().to_string())).unwrap();
    for (number, asked) in ASKED.iter().enumerate() {
        let target = folder.path().join(format!("out{number}"));
        let arguments = asked.iter().map(|word| if *word == "{folder}" { target.display().to_string() } else { (*word).to_owned() });
        let mut program = Command::new(env!("CARGO_BIN_EXE_rapport"));
        program.args(arguments).args(["--workspace", "alpha", "--config", "rapport.toml"]).current_dir(folder.path()).env_clear();
        let done = program.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{asked:?}: {said}");
        let all = said + &written(&target);
        assert_eq!(strays(&all, &street.there), Vec::<&str>::new(), "{asked:?}");
        let is_export = asked[0] == "export";
        assert!(!is_export || all.contains(&street.here.sold) || all.contains(&street.here.canary), "{asked:?} finds its own: {all}");
    }
    let after = everything_of(&street.server, &street.there).await;
    assert_eq!(before, after, "nothing of the other house was touched");
}
