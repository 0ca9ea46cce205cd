//! Every door for who administers, and every one that hands out records as a file: the audit log tells who came through.

use std::collections::BTreeSet;

use rapport_server::intake::{Expect, RecordEdit};
use rapport_server::store::trail::{self, EntryRow};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::access::RoleSet;
use sync_core::id::{ActorId, RecordId};
use sync_core::protocol::{Enrol, Enrolled};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Kind, Reading, Schema};

use super::place::{Place, Thing};
use super::table::{Canary, DOORS, Door, Guard, Told};
use super::{Street, Who};
use crate::console::encoded;
use crate::harness::{Answer, START, Server};
use crate::lists::between;

const OFFICE: Who = Who::Role("office");
const DAY: i64 = 86_400_000;

/// A kind that nobody has yet.
const LEASE: &str = r#"
name = "lease"
label = { en = "Lease", zh = "租约" }
plural = { en = "Leases", zh = "租约" }
title = "name"
list = ["name"]
[[field]]
name = "name"
label = { en = "Name", zh = "名称" }
"#;

/// What came of going through a door.
struct Passed {
    answer: Answer,
    entries: Vec<EntryRow>,
    /// The id that its address named; empty where it names none.
    about: String,
}

impl Street {
    /// All entries of the log here after one.
    async fn entries_after(&self, number: u64) -> Vec<EntryRow> {
        let mut tx = self.server.app.store.reader().await.unwrap();
        trail::after(&mut tx, self.here.workspace, number, 1_000).await.unwrap()
    }

    async fn newest(&self) -> u64 {
        let mut tx = self.server.app.store.reader().await.unwrap();
        trail::head(&mut tx, self.here.workspace).await.unwrap().map_or(0, |(number, _)| number)
    }

    /// Comes through a door as who administers, with something of its own where it takes something away.
    async fn come_through(&self, door: &Door) -> Passed {
        let (one, two) = self.own(door).await;
        let body = if let Told::Of(body) = door.told { body } else { door.body };
        let path = self.address(door, door.queries[0], (&one, &two), OFFICE);
        let known = [
            ("{id}", one.clone()),
            ("{other}", two.clone()),
            ("{seen}", two.clone()),
            ("{member}", self.here.user("rep").to_string()),
            ("{kind}", in_a_form(LEASE)),
            ("{party}", in_a_form(&renamed("party").to_toml())),
        ];
        let filled = |text: &str| known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        let before = self.newest().await;
        let answer = self.send(door, &path, (body, &filled), self.bearer(OFFICE)).await;
        Passed { answer, entries: self.entries_after(before).await, about: one }
    }

    /// The ids that a door is about: new ones of what it would take from the others.
    async fn own(&self, door: &Door) -> (String, String) {
        let (here, server) = (&self.here, &self.server);
        let user = |role| here.user(role).to_string();
        match (door.thing, door.path) {
            (Thing::Record, "/retention/{rule}") => due(here, server).await,
            (Thing::Record, _) => (with_a_past(here, server).await, String::new()),
            (Thing::Hook, _) => {
                let hook = json!({"url": "http://127.0.0.1:9/", "events": "*"});
                (here.post(server, "/api/v1/webhooks", hook).await.json()["id"].as_str().unwrap().to_owned(), String::new())
            }
            (Thing::Act, _) => (handed_over(here, server).await, String::new()),
            (Thing::DeviceOf, "/devices/{device}/confirm") => (waiting(here, server).await, String::new()),
            (Thing::Colleague, "/people/{user}/second/off") => (with_a_second_factor(here, server).await, String::new()),
            (Thing::Colleague, "/people/{user}/sessions/end") => (user("leader"), String::new()),
            (Thing::Colleague, _) => (user("agent"), user("leader")),
            (thing, _) => {
                let (one, two) = here.ids(thing);
                (one.to_owned(), two.to_owned())
            }
        }
    }
}

fn in_a_form(text: &str) -> String {
    encoded(&[("", text)])[1..].to_owned()
}

/// A kind that comes with the product, called otherwise.
fn renamed(name: &str) -> Kind {
    let mut kind = (**Schema::builtin().kind(name).unwrap()).clone();
    kind.label.en = "Client".to_owned();
    Kind::parse(name, &kind.to_toml(), Reading::Strict).unwrap()
}

/// A customer that says something else than it once did.
async fn with_a_past(here: &Place, server: &Server) -> String {
    let id = here.make(server, "party", json!({"name": "stale"})).await;
    let fresh = json!({"fields": {"name": "fresh"}});
    let edited = here.send(server, "office", Method::PATCH, &format!("/api/v1/party/{id}"), fresh).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    id
}

/// A rule that erases, and how the page names what it would erase now.
async fn due(here: &Place, server: &Server) -> (String, String) {
    let old = RecordEdit {
        kind: "campaign".parse().unwrap(),
        record: RecordId::of_cause("long gone"),
        edits: vec![FieldEdit::set("name", "long gone")],
        expect: Expect::New,
    };
    let author = server.app.intake.on_behalf(here.workspace, here.user("office"), RoleSet::office());
    server.app.intake.edit(&author, vec![old], START - 100 * DAY, None).await.unwrap().remove(0).unwrap();
    let condition = json!([{"type": "olderThanXDays", "attribute": "updatedAt", "value": 50}]).to_string();
    let rule = json!({"name": "old", "purpose": "retention", "about": "campaign", "condition": condition, "enabled": true});
    let rule = here.make(server, "rule", rule).await;
    let page = here.send(server, "office", Method::GET, "/retention", Value::Null).await.text();
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    (rule, seen)
}

/// A handover that came to its end.
async fn handed_over(here: &Place, server: &Server) -> String {
    let order = json!({"from": here.user("regional").to_string(), "to": here.user("leader").to_string()});
    let id = here.post(server, "/api/v1/handovers", order).await.json()["id"].as_str().unwrap().to_owned();
    for _ in 0..1_000 {
        let all = here.send(server, "office", Method::GET, "/api/v1/handovers", Value::Null).await.json();
        let mut rows = all["rows"].as_array().unwrap().iter();
        if rows.any(|row| row["id"] == *id && !row["finishedAt"].is_null()) {
            return id;
        }
        tokio::task::yield_now().await;
    }
    panic!("the handover has no end");
}

/// A device that nobody has let in yet.
async fn waiting(here: &Place, server: &Server) -> String {
    here.submit(server, "office", "/devices/terms", &[("confirm", "yes")]).await;
    let code = server.app.auth.device_code(here.workspace, here.user("rep"), None).await.unwrap().0.reveal();
    let body = Enrol { code, device_name: "new".to_owned(), app: "test 1".to_owned(), actor: ActorId([7; 16]) };
    let answer = server.send(Method::POST, "/sync/enrol", &[], minicbor::to_vec(body).unwrap()).await;
    let enrolled: Enrolled = minicbor::decode(&answer.body).unwrap();
    enrolled.device.to_string()
}

/// Somebody who has a second factor.
async fn with_a_second_factor(here: &Place, server: &Server) -> String {
    let (auth, user) = (&server.app.auth, here.user("agent"));
    let shared = auth.begin_second(here.workspace, user).await.unwrap().expect("there was none");
    auth.confirm_second(here.workspace, user, &shared.code_at(server.app.clock.now())).await.unwrap();
    user.to_string()
}

/// What is wrong with what the log says of a door, if anything is: it tells of these acts and no others, each with who did it, and
/// names what they were done to.
fn untold(door: &Door, street: &Street, Passed { answer, entries, about }: &Passed) -> Option<String> {
    let office = street.here.user("office");
    let names_them = |entry: &EntryRow| entry.user == Some(office) || door.guard == Guard::Anybody && entry.user.is_none();
    let names_it = |entry: &EntryRow| entry.subject.contains(about.as_str()) || entry.detail.contains(about.as_str());
    let (told, noted): (BTreeSet<&str>, BTreeSet<&str>) =
        (entries.iter().map(|entry| &*entry.act).collect(), door.noted.iter().map(|act| act.as_str()).collect());
    let status = answer.status;
    match door.told {
        _ if status.as_u16() >= 400 => Some(format!("answers {status}: {}", answer.text().chars().take(400).collect::<String>())),
        Told::Nothing(_) if entries.is_empty() => None,
        Told::Nothing(why) => Some(format!("is told of, though “{why}” stands in the table: {entries:?}")),
        Told::AsAsked | Told::Of(_) if told.is_empty() => Some("is told of nowhere".to_owned()),
        Told::AsAsked | Told::Of(_) if told != noted => Some(format!("is told of as {told:?}, and not as {noted:?}: {entries:?}")),
        Told::AsAsked | Told::Of(_) if !entries.iter().all(names_them) => Some(format!("is told of as somebody else's doing: {entries:?}")),
        Told::AsAsked | Told::Of(_) if !entries.iter().any(names_it) => Some(format!("is told of without {about}: {entries:?}")),
        Told::AsAsked | Told::Of(_) => None,
    }
}

#[tokio::test]
async fn whatever_who_administers_changes_stands_in_the_audit_log_as_what_it_was_with_who_did_it() {
    let street = Street::new().await;
    let doors = DOORS.iter().filter(|door| !door.is_safe() && matches!(door.guard, Guard::Office | Guard::OfficePage));
    let mut wrong = Vec::new();
    for door in doors {
        let passed = street.come_through(door).await;
        wrong.extend(untold(door, &street, &passed).map(|why| format!("{} {} {why}", door.method, door.path)));
    }
    assert!(
        wrong.is_empty(),
        "give these a request in doors/table.rs and the acts that they are, or say why nothing is told:\n{}",
        wrong.join("\n")
    );
}

#[tokio::test]
async fn whatever_hands_out_records_as_a_file_stands_in_the_audit_log_as_that_with_who_took_it() {
    let street = Street::new().await;
    let (mut wrong, mut files) = (Vec::new(), 0);
    for door in DOORS.iter().filter(|door| door.is_safe()) {
        let before = street.newest().await;
        let answer = street.ask(door, &street.here, OFFICE).await.remove(0);
        let holds_records = door.bears.iter().any(|canary| *canary != Canary::House);
        if !holds_records || !answer.header("content-disposition").starts_with("attachment") {
            continue;
        }
        files += 1;
        let passed = Passed { answer, entries: street.entries_after(before).await, about: street.here.ids(door.thing).0.to_owned() };
        wrong.extend(untold(door, &street, &passed).map(|why| format!("{} {} {why}", door.method, door.path)));
    }
    assert!(files >= 10, "the matrix finds its files: {files}");
    assert!(wrong.is_empty(), "write these down, or say in doors/table.rs why not:\n{}", wrong.join("\n"));
}

#[test]
fn no_door_that_the_log_says_nothing_of_names_an_act() {
    for door in DOORS.iter().filter(|door| matches!(door.told, Told::Nothing(_))) {
        assert!(door.noted.is_empty(), "{} {}", door.method, door.path);
    }
}
