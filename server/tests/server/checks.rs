//! `rapport check` against databases that were damaged on purpose: each damage is named.

use std::time::Duration;

use rapport_server::intake::Author;
use rapport_server::jobs::check::{self, Difference};
use rapport_server::jobs::columns;
use rapport_server::jobs::import::{self, CDNOW_SAMPLE_CUSTOMERS, cdnow_customers};
use rapport_server::language::Language;
use rapport_server::people::{NewPerson, Place, add};
use rapport_server::store::devices;
use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use sync_core::fence::Pen;
use sync_core::id::{ActorId, DeviceId, Facet, RecordId};
use sync_core::protocol::{Pushed, Verdict};
use sync_core::record::doc::Doc;
use sync_core::record::fields::{FieldEdit, path_edits};
use sync_core::schema::Schema;

use crate::harness::Server;

/// A phone without an engine.
struct Phone {
    author: Author,
    actor: ActorId,
    doc: Doc,
}

impl Phone {
    async fn new(server: &Server, n: u8) -> Self {
        let (device, actor) = (DeviceId::of_cause(&format!("phone {n}")), ActorId([n; 16]));
        let mut tx = server.app.store.begin().await.unwrap();
        devices::add_actor(&mut tx, server.workspace, actor, device, 0).await.unwrap();
        tx.commit().await.unwrap();
        let (office, _) = import::author(&server.app, server.workspace, Some("ann")).await.unwrap();
        Self { author: Author { device, pen: Pen::Device, ..office }, actor, doc: Doc::default() }
    }

    async fn push(&mut self, server: &Server, edits: &[FieldEdit]) {
        self.push_to(server, ann_li(), edits).await;
    }

    async fn push_to(&mut self, server: &Server, record: RecordId, edits: &[FieldEdit]) {
        let kind = Schema::builtin().kind("party").unwrap();
        let paths = path_edits(kind, |_| Some(&self.doc), edits).unwrap();
        let now = server.app.clock.now();
        let written = self.doc.write(self.actor, now, &paths[&Facet::Main]).unwrap();
        let pushed = Pushed { kind: kind.name.clone(), record, facet: Facet::Main, hash: written.hash, body: written.bytes };
        let verdicts = server.app.intake.push(&self.author, vec![pushed], now).await.unwrap();
        assert!(matches!(verdicts[..], [Verdict::Accepted { .. }]), "{verdicts:?}");
    }
}

fn ann_li() -> RecordId {
    RecordId::of_cause("ann li")
}

/// Ten customers, one of them with a link, notes, and a name that two phones disagree about.
async fn server() -> Server {
    let server = Server::start().await;
    let (mut ann, mut bo) = (Phone::new(&server, 1).await, Phone::new(&server, 2).await);
    let parent = FieldEdit::set("parent", RecordId::of_cause("parent").to_string());
    ann.push(&server, &[FieldEdit::set("name", "Ann Li"), FieldEdit::set("notes", "first"), parent]).await;
    bo.doc = ann.doc.clone();
    ann.push(&server, &[FieldEdit::set("name", "Anna Li")]).await;
    bo.push(&server, &[FieldEdit::set("name", "Anne Li")]).await;
    server
}

async fn differences(server: &Server, is_fast: bool) -> Vec<String> {
    let mut found = Vec::new();
    let tell = &mut |difference: &Difference| found.push(difference.to_string());
    let checked = check::check(&server.app, server.workspace, is_fast, tell, &mut |_| {}).await.unwrap();
    assert_eq!(checked.differences, found.len() as u64);
    found
}

pub async fn damage(server: &Server, statements: &str) {
    // The server's own jobs write, too: on a busy machine one after the other.
    let options = SqliteConnectOptions::new().filename(server.app.store.path()).busy_timeout(Duration::from_secs(60));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_only_written_by_the_server_is_as_it_should_be() {
    let server = server().await;
    let (office, _) = import::author(&server.app, server.workspace, Some("ann")).await.unwrap();
    import::run(&server.app, &office, &cdnow_customers(), &CDNOW_SAMPLE_CUSTOMERS, &mut |_| {}).await.unwrap();
    assert_eq!(differences(&server, false).await, Vec::<String>::new());
}

/// A kind that has become large has columns beside its JSON.
#[tokio::test]
async fn columns_of_their_own_hold_what_records_say_whoever_writes_them() {
    let server = server().await;
    assert!(columns::renew(&server.app, 1).await.unwrap() > 0);
    let columns = |found: Vec<String>| found.into_iter().filter(|found| found.contains("column of")).collect::<Vec<_>>();

    // Records that are new, and such as have another value or none any more.
    let mut cy = Phone::new(&server, 3).await;
    cy.push_to(&server, RecordId::of_cause("new"), &[FieldEdit::set("name", "New"), FieldEdit::set("industry", "Hotels")]).await;
    cy.push_to(&server, RecordId::of_cause("new"), &[FieldEdit::set("industry", "Inns")]).await;
    cy.push_to(&server, RecordId::of_cause("new"), &[FieldEdit::set("industry", Json::Null)]).await;
    let (office, _) = import::author(&server.app, server.workspace, Some("ann")).await.unwrap();
    import::run(&server.app, &office, &cdnow_customers(), &CDNOW_SAMPLE_CUSTOMERS, &mut |_| {}).await.unwrap();
    assert_eq!(differences(&server, true).await, Vec::<String>::new());

    // Whoever else writes a record writes its columns, too.
    damage(&server, "update rows set main = json_set(main, '$.industry', 'Inns')").await;
    assert_eq!(columns(differences(&server, true).await), Vec::<String>::new());
    damage(&server, "update rows set \"own.party.main.industry\" = null where main like '%\"New\"%'").await;
    let found = columns(differences(&server, true).await);
    assert!(
        found.len() == 1 && found[0].contains(r#"column of `industry`: expected Some("{\"industry\":\"Inns\"}"), found None"#),
        "{found:?}"
    );
}

#[tokio::test]
async fn every_damage_is_named() {
    let dropped_index = "drop index changes_by_record; ";
    for (statements, named) in [
        ("update rows set title = 'X'", "title: expected"),
        ("update rows set sort_title = 'X'", "sort title: expected"),
        ("update rows set archived = 1", "archived: expected false, found true"),
        ("update rows set created_at = 1", "created at: expected"),
        ("update rows set updated_at = 1", "updated at: expected"),
        ("update rows set position = 99", "position: expected 3, found 99"),
        ("update rows set kind = 'deal'", "kind of the row"),
        ("update rows set main = '{}'", "main: row: expected"),
        ("update rows set commercial = '{}'", "commercial: row: expected"),
        ("update rows set sort_main = '{}'", "main: sort keys: expected"),
        ("delete from rows", "row: expected one, found none"),
        ("delete from links", "link: expected parent to"),
        ("update links set role = 'owner'", "link: expected none, found owner to"),
        ("delete from conflicts", "disagreement at `name`: expected ["),
        ("update conflicts set values_json = '[]'", "disagreement at `name`: expected [{"),
        ("update conflicts set path = 'industry'", "disagreement at `industry`: expected none, found one"),
        ("delete from documents", "document: expected 3 changes, found no entry"),
        ("update documents set changes = 4", "number of changes: expected 3, found 4"),
        ("update documents set position = 2", "position of the last change: expected 3, found 2"),
        ("update documents set kind = 'deal'", "kind: expected"),
        ("delete from changes where position = 1", "position 1: position: expected an entry, found none up to 1"),
        ("delete from changes where position = 1", "one that fits, found"),
        ("delete from changes where position = 3", "head of the feed: expected 2, found 3"),
        ("delete from changes", "row: expected none, found one without changes"),
        ("update workspaces set head = 4", "head of the feed: expected 3, found 4"),
        (
            "insert into feed_marks (workspace, position, entry) select workspace, 2, 1 from workspaces",
            "position 2: position: expected one entry, found several",
        ),
        ("update changes set hash = zeroblob(32) where position = 2", "position 2: hash: expected"),
        (
            "update changes set body = substr(body, 1, length(body) - 1) where position = 2",
            "position 2: change: expected one that can be read",
        ),
        ("update changes set body = (select body from changes where position = 1) where position = 2", "position 2: hash"),
        ("update changes set actor = zeroblob(16) where position = 3", "position 3: actor: expected"),
        ("update changes set seq = 9 where position = 3", "position 3: number of its author: expected 1, found 9"),
        ("update changes set edit_time = 9 where position = 3", "position 3: edit time: expected"),
        ("update changes set kind = 'deal' where position = 3", "kind of a change: expected party, found deal"),
        ("update changes set user_id = zeroblob(16) where position = 3", "disagreement at `name`"),
        ("delete from holders", "holders: expected {\"user:"),
        ("update holders set own = 0", "holders: expected {\"user:"),
        (
            "insert into holders (workspace, record, holder, own, since) select workspace, record, 'team:x', 1, 1 from rows",
            "found {\"team:x\": true",
        ),
    ] {
        let server = server().await;
        damage(&server, &format!("{}{statements}", if statements.contains("seq") { dropped_index } else { "" })).await;
        let found = differences(&server, false).await;
        assert!(found.iter().any(|line| line.contains(named)), "{statements}: no `{named}` in {found:#?}");
    }
}

#[tokio::test]
async fn whom_somebody_is_said_to_reach_is_worked_out_again() {
    let server = server().await;
    let (login, name, password) = ("eve".to_owned(), "Eve".to_owned(), "correct horse battery".to_owned());
    let (place, role) = (Place::In(server.workspace), "rep".parse().unwrap());
    add(&server.app, NewPerson { place, login, name, role, language: Language::En, password, given: false, by: None }).await.unwrap();
    assert_eq!(differences(&server, true).await, Vec::<String>::new());
    damage(&server, "insert into reach (workspace, user_id, holder, level, since) select workspace, user_id, 'team:x', 2, 1 from users")
        .await;
    let found = differences(&server, true).await;
    assert!(found.len() == 1 && found[0].contains("reach: expected"), "{found:#?}");
}

#[tokio::test]
async fn one_number_of_an_author_used_twice_is_named() {
    let server = server().await;
    let twice = "drop index changes_by_record; update workspaces set head = 4; insert into changes select workspace, 4, kind, record, facet, \
                 hash, actor, seq, user_id, device, edit_time, received_at, import_id, body from changes where position = 2;";
    damage(&server, twice).await;
    let found = differences(&server, true).await;
    assert!(found.iter().any(|line| line.contains("one that fits, found the change is here already")), "{found:#?}");
}

#[tokio::test]
async fn a_file_that_sqlite_finds_broken_is_named_unless_it_is_to_be_fast() {
    let server = server().await;
    let broken = "create table odd (a integer check (a > 0)); pragma ignore_check_constraints = on; insert into odd values (-1)";
    damage(&server, broken).await;
    let found = differences(&server, false).await;
    assert!(found.iter().any(|line| line.starts_with("database: file: expected ok, found")), "{found:#?}");
    assert!(differences(&server, true).await.is_empty());
}
