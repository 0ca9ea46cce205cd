//! The audit log: what is in it, and that nobody changes it unnoticed.

use rapport_server::audit::{self, Act, Note, Tampered};
use rapport_server::store::StoreError;
use reqwest::Method;
use sqlx::Connection;

use crate::api::Client;
use crate::harness::{PASSWORD, START, Server};

/// The acts of the log, oldest first.
async fn acts(server: &Server) -> Vec<String> {
    let mut tx = server.app.store.reader().await.unwrap();
    let entries = rapport_server::store::trail::after(&mut tx, server.workspace, 0, 100).await.unwrap();
    entries.into_iter().map(|entry| entry.act).collect()
}

async fn verified(server: &Server) -> audit::Verified {
    audit::verify(&server.app.store, server.workspace, None).await.unwrap()
}

/// What somebody with the database's file can do.
async fn tamper(server: &Server, statements: &str) {
    let url = format!("sqlite://{}", server.app.store.path().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
}

async fn write(server: &Server, entries: i64) {
    let workspace = server.workspace;
    for number in 1..=entries {
        let note = Note::of(workspace, None, Act::Exported, number);
        server.app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { note.write(tx, START).await })).await.unwrap();
    }
}

#[tokio::test]
async fn who_comes_and_goes_and_what_they_open_is_written_down() {
    let server = Server::start().await;
    server.api_sign_in("ann", "canary-wrong-password").await;
    server.api_sign_in("canary-of-nobody", PASSWORD).await;
    let token = server.token().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    server.send(Method::POST, "/api/v1/devices/codes", &headers, r#"{"login": "bo"}"#).await;
    let device = sync_core::id::DeviceId::of_cause("nothing");
    assert!(!server.app.auth.revoke_device(server.workspace, device, None).await.unwrap());
    server.app.auth.disable_user(server.workspace, sync_core::id::UserId::of_cause("bo"), Some(server.ann)).await.unwrap();
    server.send(Method::POST, "/api/v1/sign-out", &headers, "").await;
    assert_eq!(acts(&server).await, ["sign_in_failed", "signed_in", "device_code", "user_disabled", "signed_out"]);
    assert_eq!(verified(&server).await.tampered, None);
    let mut tx = server.app.store.reader().await.unwrap();
    let entries = rapport_server::store::trail::after(&mut tx, server.workspace, 0, 100).await.unwrap();
    assert!(!format!("{entries:?}").contains("canary"), "what was typed is not in it");
}

#[tokio::test]
async fn an_altered_deleted_swapped_or_cut_entry_is_found_wherever_it_is() {
    for number in 1..=6 {
        for (sql, expected) in [
            (format!("update audit set at = at + 1 where number = {number}"), Tampered::Altered(number)),
            (format!("update audit set act = 'imported' where number = {number}"), Tampered::Altered(number)),
            (format!("update audit set user_id = x'00112233445566778899aabbccddeeff' where number = {number}"), Tampered::Altered(number)),
            (
                format!("delete from audit where number = {number}"),
                if number < 6 { Tampered::Missing(number) } else { Tampered::Cut { found: 5, expected: 6 } },
            ),
        ] {
            let server = Server::start().await;
            write(&server, 6).await;
            tamper(&server, &sql).await;
            assert_eq!(verified(&server).await.tampered, Some(expected), "{sql}");
        }
    }
}

#[tokio::test]
async fn a_whole_new_log_does_not_contain_what_was_noted() {
    let server = Server::start().await;
    write(&server, 3).await;
    let noted = verified(&server).await;
    let noted = (noted.entries, noted.head);
    write(&server, 1).await;
    assert_eq!(audit::verify(&server.app.store, server.workspace, Some(noted)).await.unwrap().tampered, None);
    tamper(&server, "delete from audit; delete from audit_heads;").await;
    assert_eq!(verified(&server).await.tampered, None, "an empty log is sound in itself");
    let found = audit::verify(&server.app.store, server.workspace, Some(noted)).await.unwrap().tampered;
    assert_eq!(found, Some(Tampered::Cut { found: 0, expected: 3 }));
    for _ in 0..5 {
        write(&server, 1).await;
    }
    let found = audit::verify(&server.app.store, server.workspace, Some(noted)).await.unwrap().tampered;
    assert_eq!(found, Some(Tampered::Rewritten(3)));
}

#[tokio::test]
async fn administrators_read_and_check_it_on_its_page_and_others_do_not() {
    let server = Server::start().await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let page = server.get("/audit?verify=true", &[("cookie", &cookie)]).await;
    assert!(page.text().contains("Signed in") && page.text().contains("none altered"), "{}", page.text());
    let filtered = server.get("/audit?act=exported", &[("cookie", &cookie)]).await.text();
    assert!(filtered.contains("Nothing is in the log"));
    tamper(&server, "update audit set subject = 'somebody else' where number = 1").await;
    assert!(server.get("/audit?verify=true", &[("cookie", &cookie)]).await.text().contains("Entry 1 was altered"));
    let rep = Client::of_role(&server, "cy", "rep").await;
    assert_eq!(rep.get("/audit").await.status, 403);
}
