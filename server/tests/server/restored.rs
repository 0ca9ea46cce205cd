//! After a restore: what was taken away since the backup stays away, and the log says that there was one.

use std::path::Path;

use rapport_server::store::second;
use rapport_server::store::{Options, restore};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::id::{ActorId, UserId};
use sync_core::protocol::{Enrol, Enrolled, Message, encode_frame};

use crate::api::Client;
use crate::harness::{MINUTE, PASSWORD, START, Server};

async fn server_in(folder: &Path) -> Server {
    Server::start_with(|config| config.database.path = folder.join("rapport.db")).await
}

async fn back_up(folder: &Path) {
    rapport_server::store::backup(&folder.join("rapport.db"), &folder.join("backup.db")).await.unwrap();
}

/// The server after the backup was put in the place of its database.
async fn restored(folder: &Path, mut server: Server) -> Server {
    server.ask_to_stop();
    server.stopped().await;
    let path = folder.join("rapport.db");
    restore(&folder.join("backup.db"), &Options::new(&path), Some(START + MINUTE), || [9; 16]).await.unwrap();
    Server::start_again(|config| config.database.path = path.clone()).await
}

/// A phone of somebody's: its id and its token.
async fn phone(server: &Server, login: &str, actor: u8) -> Enrolled {
    let code = server.app.auth.device_code(server.workspace, UserId::of_cause(login), None).await.unwrap().0.reveal();
    let body = Enrol { code, device_name: format!("{login}'s phone"), app: "test 1".to_owned(), actor: ActorId([actor; 16]) };
    let answer = server.send(Method::POST, "/sync/enrol", &[], minicbor::to_vec(body).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    minicbor::decode(&answer.body).unwrap()
}

/// What the door for devices answers to a token.
async fn knocks(server: &Server, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    server.send(Method::POST, "/sync", &[("authorization", &bearer)], encode_frame(&[Message::Ping])).await.status.as_u16()
}

async fn api_key(ann: &Client<'_>) -> (String, String) {
    let made = ann.post("/api/v1/keys", json!({"name": "shop", "scopes": "*:read", "expiresAt": START + 600 * MINUTE})).await.json();
    (made["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned())
}

async fn entries(server: &Server, act: &str) -> Vec<Value> {
    let mut tx = server.app.store.reader().await.unwrap();
    let found = rapport_server::store::trail::before(&mut tx, server.workspace, u64::MAX, Some(act), 10).await.unwrap();
    found.iter().map(|entry| serde_json::from_str(&entry.detail).unwrap()).collect()
}

#[tokio::test]
async fn who_was_shut_out_after_a_backup_is_out_after_its_restore() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_in(folder.path()).await;
    let (kept, lost, bos) = (phone(&server, "ann", 1).await, phone(&server, "ann", 2).await, phone(&server, "bo", 3).await);
    let session = server.api_sign_in("bo", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    back_up(folder.path()).await;
    let (workspace, ann, bo) = (server.workspace, server.ann, UserId::of_cause("bo"));
    server.app.auth.send_away(workspace, lost.device, rapport_server::store::farewells::Act::Lost, ann).await.unwrap();
    let author = rapport_server::people::author(&server.app, workspace, Some(ann));
    rapport_server::people::set_active(&server.app, &author, bo, false).await.unwrap();

    let server = restored(folder.path(), server).await;
    assert_eq!(knocks(&server, &kept.token).await, 200);
    assert_eq!(server.api_sign_in("bo", PASSWORD).await.status, 401);
    assert!(!server.knows_token(&session).await, "bo's session is over");
    let mut tx = server.app.store.reader().await.unwrap();
    for (phone, act) in [(&lost, "lost"), (&bos, "hand_back")] {
        let farewell = rapport_server::store::farewells::of_device(&mut tx, workspace, phone.device).await.unwrap().unwrap();
        assert_eq!(farewell.act.as_str(), act, "it is still to forget everything");
    }
    drop(tx);
    // His record says so, too: he is let in again as ever.
    let author = rapport_server::people::author(&server.app, workspace, Some(ann));
    rapport_server::people::set_active(&server.app, &author, bo, true).await.unwrap();
    assert_eq!(server.api_sign_in("bo", PASSWORD).await.status, 200);
    assert!(!server.knows_token(&session).await);
    let told = entries(&server, "withdrawn_again").await;
    assert!(told.len() == 1 && told[0]["withdrawn"].as_u64().unwrap() >= 4, "{told:?}");
}

#[tokio::test]
async fn what_opens_the_server_and_was_taken_back_after_a_backup_opens_nothing_after_its_restore() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_in(folder.path()).await;
    let ann = Client::office(&server).await;
    let ((id, key), (_, kept)) = (api_key(&ann).await, api_key(&ann).await);
    let calendar = ann.post("/api/v1/calendars", json!({})).await.json()["url"].as_str().unwrap().to_owned();
    let calendar = format!("/calendar/{}", calendar.rsplit('/').next().unwrap());
    assert_eq!(server.get(&calendar, &[]).await.status, 200);
    let hook = ann.post("/api/v1/webhooks", json!({"url": "https://1.1.1.1/", "events": "*"})).await.json()["id"].clone();
    let hook = format!("/api/v1/webhooks/{}", hook.as_str().unwrap());
    let over = server.token().await;
    let stays = server.token().await;
    back_up(folder.path()).await;
    assert_eq!(ann.send(Method::DELETE, &format!("/api/v1/keys/{id}"), None).await.status, 204);
    assert_eq!(ann.send(Method::DELETE, "/api/v1/calendars", None).await.status, 204);
    assert_eq!(ann.send(Method::DELETE, &hook, None).await.status, 204);
    let out = server.send(Method::POST, "/api/v1/sign-out", &[("authorization", &format!("Bearer {over}"))], "").await;
    assert_eq!(out.status, 204, "{}", out.text());
    drop(ann);

    let server = restored(folder.path(), server).await;
    assert!(!server.knows_token(&key).await && server.knows_token(&kept).await);
    assert!(!server.knows_token(&over).await && server.knows_token(&stays).await);
    assert_eq!(server.get(&calendar, &[]).await.status, 404);
    assert_eq!(Client::office(&server).await.get("/api/v1/webhooks").await.json()["rows"], json!([]));
    let ledger = std::fs::read_to_string(folder.path().join("rapport.db.revoked")).unwrap();
    for secret in [&key, &over, calendar.rsplit('/').next().unwrap().trim_end_matches(".ics")] {
        assert!(!ledger.contains(secret), "no secret stands in the ledger");
    }
}

#[tokio::test]
async fn a_password_and_a_second_factor_that_were_changed_after_a_backup_are_not_the_old_ones_after_its_restore() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_in(folder.path()).await;
    let (workspace, bo) = (server.workspace, UserId::of_cause("bo"));
    back_up(folder.path()).await;
    server.app.auth.set_password((workspace, bo), "another long word", Some(server.ann), None, false).await.unwrap();
    let server = restored(folder.path(), server).await;
    assert_eq!(server.api_sign_in("bo", PASSWORD).await.status, 401, "the old one is over");
    assert_eq!(server.api_sign_in("ann", PASSWORD).await.status, 200);
    // Somebody gives bo a new one: it is good, and stays so at the next start.
    server.app.auth.set_password((workspace, bo), "a third long word", Some(server.ann), None, false).await.unwrap();
    assert_eq!(server.api_sign_in("bo", "a third long word").await.status, 200);
    let mut server = server;
    server.ask_to_stop();
    server.stopped().await;
    let server = Server::start_again(|config| config.database.path = folder.path().join("rapport.db")).await;
    assert_eq!(server.api_sign_in("bo", "a third long word").await.status, 200);
}

#[tokio::test]
async fn whoever_changed_a_second_factor_since_a_backup_is_not_let_in_by_the_password_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_in(folder.path()).await;
    let (workspace, bo) = (server.workspace, UserId::of_cause("bo"));
    let set_up = async |server: &Server| {
        let mut tx = server.app.store.begin().await.unwrap();
        second::drop_second_factor(&mut tx, workspace, bo).await.unwrap();
        second::put_second_factor(&mut tx, workspace, bo, &[7; 20]).await.unwrap();
        second::use_step(&mut tx, workspace, bo, 1, START).await.unwrap();
        second::was_set_up(&mut tx, workspace, bo);
        tx.commit().await.unwrap();
    };
    set_up(&server).await;
    back_up(folder.path()).await;
    set_up(&server).await;
    let server = restored(folder.path(), server).await;
    let entered = server.api_sign_in("bo", PASSWORD).await;
    assert_eq!((entered.status.as_u16(), entered.code().as_str()), (401, "wrong_password"), "{}", entered.text());
}

#[tokio::test]
async fn who_was_let_in_again_and_what_was_enrolled_anew_is_not_shut_out_by_an_older_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_in(folder.path()).await;
    let (workspace, bo) = (server.workspace, UserId::of_cause("bo"));
    let bos = phone(&server, "bo", 3).await;
    back_up(folder.path()).await;
    let author = rapport_server::people::author(&server.app, workspace, None);
    for active in [false, true] {
        rapport_server::people::set_active(&server.app, &author, bo, active).await.unwrap();
    }
    let server = restored(folder.path(), server).await;
    assert_eq!(server.api_sign_in("bo", PASSWORD).await.status, 200);
    assert_eq!(knocks(&server, &bos.token).await, 200);
    assert_eq!(entries(&server, "withdrawn_again").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_log_says_that_its_database_was_restored_and_how_far_the_one_before_went() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_in(folder.path()).await;
    server.token().await;
    back_up(folder.path()).await;
    server.token().await;
    let mut tx = server.app.store.reader().await.unwrap();
    let (number, hash) = rapport_server::store::trail::head(&mut tx, server.workspace).await.unwrap().unwrap();
    drop(tx);
    let server = restored(folder.path(), server).await;
    let head: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(entries(&server, "database_restored").await, [json!({"before": {"entries": number, "head": head}})]);
    let verified = rapport_server::audit::verify(&server.app.store, server.workspace, &[]).await.unwrap();
    assert_eq!((verified.tampered, verified.entries), (None, number));
    let mut server = server;
    server.ask_to_stop();
    server.stopped().await;
    let server = Server::start_again(|config| config.database.path = folder.path().join("rapport.db")).await;
    assert_eq!(entries(&server, "database_restored").await.len(), 1, "it is said once");
}

#[tokio::test]
async fn a_proof_says_after_a_restore_who_erased_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_in(folder.path()).await;
    let ann = Client::office(&server).await;
    let record = ann.make("party", json!({"name": "Jiamei"})).await;
    let id = record.rsplit('/').next().unwrap().to_owned();
    back_up(folder.path()).await;
    server.clock.forward(5 * MINUTE);
    let ann = Client::office(&server).await;
    assert_eq!(ann.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await.status, 200);
    drop(ann);
    let server = restored(folder.path(), server).await;
    rapport_server::privacy::reapply(&server.app).await.unwrap();
    let mut tx = server.app.store.reader().await.unwrap();
    let row = rapport_server::store::erasure::one(&mut tx, server.workspace, id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((row.by, row.at), (Some(server.ann), START + 5 * MINUTE));
}
