//! A whole system in open files, and an equal one from them.

use std::collections::BTreeMap;

use rapport_server::jobs::check::{Difference, check};
use rapport_server::jobs::export::{self, Options};
use rapport_server::jobs::whole::{self, WholeError};
use rapport_server::{App, Config};
use serde_json::json;
use sqlx::Row as _;

use crate::doors::{Place, Street, Thing};
use crate::harness::Server;

/// What must be equal, and what of it: positions are given anew, and secrets stay where they are.
const TABLES: [(&str, &str); 10] = [
    ("users", "user_id, login, name, role, language, disabled_at, created_at"),
    ("changes", "kind, record, facet, hash, actor, seq, user_id, device, edit_time, received_at, body"),
    ("documents", "record, facet, kind, changes"),
    (
        "rows",
        "kind, record, title, sort_title, archived, created_at, updated_at, main, commercial, private, sort_main, sort_commercial, sort_private",
    ),
    ("conflicts", "record, facet, path, kind, field, values_json, since"),
    ("links", "source, role, target, source_kind"),
    ("rejected", "hash, kind, record, facet, user_id, device, code, field, rule, message_en, message_zh, received_at, state, body"),
    ("erased", "record, kind, at, by_user, proof"),
    ("content_proofs", "sha256, user_id"),
    ("audit", "number, at, user_id, act, subject, detail, hash"),
];

async fn tables(app: &App, place: &Place) -> BTreeMap<&'static str, Vec<String>> {
    let url = format!("sqlite://{}?mode=ro", app.store.path().display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let mut all = BTreeMap::new();
    for (table, columns) in TABLES {
        let quoted: Vec<String> = columns.split(", ").map(|column| format!("quote({column})")).collect();
        let sql = format!("select {} as line from {table} where workspace = $1 order by 1", quoted.join(" || ',' || "));
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(place.workspace.as_bytes().to_vec()).fetch_all(&pool).await.unwrap();
        all.insert(table, rows.iter().map(|row| row.get::<String, _>("line")).collect());
    }
    pool.close().await;
    all
}

async fn empty(folder: &std::path::Path) -> App {
    let mut config = Config::default();
    config.database.path = folder.join("other.db");
    App::open(config, rapport_server::clock::Clock::system()).await.unwrap()
}

async fn exported(server: &Server, place: &Place, folder: &std::path::Path) -> std::path::PathBuf {
    let to = folder.join("house");
    let options = Options { whole: true, automerge: true, ..Options::default() };
    export::folder(&server.app, place.workspace, &to, options, &mut |_| {}).await.unwrap();
    to
}

#[tokio::test]
async fn a_system_that_is_exported_and_brought_in_is_equal() {
    let (street, folder) = (Street::new().await, tempfile::tempdir().unwrap());
    let here = &street.here;
    let gone =
        here.send(&street.server, "office", reqwest::Method::POST, "/api/v1/party", json!({"fields": {"name": "to be forgotten"}})).await;
    let gone = gone.json()["id"].as_str().unwrap().to_owned();
    let erased = here.send(&street.server, "office", reqwest::Method::POST, &format!("/api/v1/privacy/{gone}/erase"), json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    // What says who may do what leaves a trace in the log of its own: it comes back once.
    let definition = "name = \"helper\"\nlabel = { en = \"Helper\", zh = \"助手\" }\n";
    let role = json!({"fields": {"name": "helper", "label_en": "Helper", "label_zh": "助手", "definition": definition}});
    let made = here.send(&street.server, "office", reqwest::Method::POST, "/api/v1/role", role).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let before = tables(&street.server.app, here).await;
    assert!(before.values().all(|rows| !rows.is_empty()), "nothing would be compared: {before:?}");
    let house = exported(&street.server, here, folder.path()).await;
    let other = empty(folder.path()).await;
    let (workspace, brought) = whole::bring(&other, &house, &mut |_| {}).await.unwrap();
    assert_eq!((workspace, brought.users, brought.contents), (here.workspace, crate::doors::ROLES.len() as u64, 1));
    let after = tables(&other, here).await;
    for (table, rows) in &before {
        assert_eq!(rows, &after[table], "`{table}` is another");
    }
    let mut found = Vec::new();
    let tell = &mut |difference: &Difference| found.push(difference.to_string());
    check(&other, workspace, false, tell, &mut |_| {}).await.unwrap();
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(rapport_server::audit::verify(&other.store, workspace, &[]).await.unwrap().tampered, None);
    assert!(other.intake.rules(workspace).schema.kind(&here.canary).is_some(), "its own kinds came along");
    let again = exported_again(&other, here, folder.path()).await;
    for file in ["party.jsonl", "users.jsonl", "audit.jsonl", "rejected.jsonl", "erased.jsonl", &format!("{}.csv", here.canary)] {
        let read = |folder: &std::path::Path| std::fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(read(&house), read(&again), "{file} of a second export");
    }
}

#[tokio::test]
async fn of_an_export_that_says_nothing_of_it_whoever_wrote_to_a_file_has_had_its_content() {
    let (street, folder) = (Street::new().await, tempfile::tempdir().unwrap());
    let house = exported(&street.server, &street.here, folder.path()).await;
    std::fs::remove_file(house.join("proofs.jsonl")).unwrap();
    let other = empty(folder.path()).await;
    whole::bring(&other, &house, &mut |_| {}).await.unwrap();
    let proofs = |tables: BTreeMap<&'static str, Vec<String>>| tables["content_proofs"].clone();
    let before = proofs(tables(&street.server.app, &street.here).await);
    assert!(!before.is_empty());
    assert_eq!(proofs(tables(&other, &street.here).await), before);
}

async fn exported_again(app: &App, place: &Place, folder: &std::path::Path) -> std::path::PathBuf {
    let to = folder.join("again");
    export::folder(app, place.workspace, &to, Options { whole: true, ..Options::default() }, &mut |_| {}).await.unwrap();
    to
}

#[tokio::test]
async fn files_that_were_altered_are_not_brought_in() {
    let (street, folder) = (Street::new().await, tempfile::tempdir().unwrap());
    let house = exported(&street.server, &street.here, folder.path()).await;
    let another = tempfile::tempdir().unwrap();
    let content = std::fs::read_dir(house.join("contents")).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read(&content).unwrap();
    std::fs::write(&content, "other bytes").unwrap();
    let refused = whole::bring(&empty(another.path()).await, &house, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, WholeError::WrongContent(_)), "{refused}");
    std::fs::write(&content, kept).unwrap();
    let changes = std::fs::read_to_string(house.join("changes.jsonl")).unwrap();
    let altered: Vec<String> = changes
        .lines()
        .enumerate()
        .map(|(n, line)| if n == 1 { line.replace("\"user\":\"", "\"user\":\"x") } else { line.to_owned() })
        .collect();
    std::fs::write(house.join("changes.jsonl"), altered.join("\n")).unwrap();
    let refused = whole::bring(&empty(tempfile::tempdir().unwrap().path()).await, &house, &mut |_| {}).await.unwrap_err();
    assert!(refused.to_string().contains("line 2"), "{refused}");
}

#[tokio::test]
async fn nothing_is_brought_into_a_system_that_is_in_use() {
    let (street, folder) = (Street::new().await, tempfile::tempdir().unwrap());
    let house = exported(&street.server, &street.here, folder.path()).await;
    assert_ne!(street.here.ids(Thing::Record).0, "");
    let refused = whole::bring(&street.server.app, &house, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, WholeError::NotEmpty), "{refused}");
}
