//! Two servers on one database: what one of them writes holds at the other.

use std::time::Duration;

use rapport_server::config::Secret;
use rapport_server::console::mails;
use serde_json::json;
use sync_core::id::{RecordId, UserId};

use crate::api::Client;
use crate::console::Desk;
use crate::harness::{MINUTE, Server};
use crate::inbox::Inbox;
use crate::live::Line;
use crate::roles::{OWN_ONLY, define};

/// A server beside another one.
async fn beside(first: &Server) -> Server {
    let (path, mail) = (first.app.store.path().to_owned(), first.app.config.mail.clone());
    Server::start_again(|config| (config.database.path, config.mail) = (path, mail)).await
}

/// Asks until it is so: what another server wrote is heard within a second or so.
async fn soon(is_so: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was never so");
}

fn all(definition: &str) -> String {
    definition.replace("edit = \"own\"", "edit = \"all\"").replace("read = \"own\"", "read = \"all\"")
}

#[tokio::test]
async fn a_role_that_one_server_tightens_lets_nothing_through_at_the_other_from_the_next_write_on() {
    let first = Server::start().await;
    let office = Client::office(&first).await;
    let role = define(&office, "rep", &all(OWN_ONLY)).await;
    let customer = office.make("party", json!({"name": "Jiamei"})).await;
    let second = beside(&first).await;
    let rep = Client::of_role(&second, "cai", "rep").await;
    let named = |name: &str| json!([{"op": "set", "field": "name", "value": name}]);
    assert_eq!(rep.edit(&customer, named("Jiamei Office")).await.status, 200);
    let tightened = json!([{"op": "set", "field": "definition", "value": OWN_ONLY}]);
    let answer = office.edit(role.header("location"), tightened).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // At once: nobody has told the other server.
    let refused = rep.edit(&customer, named("Haida")).await;
    assert!([403, 404].contains(&refused.status.as_u16()), "{}", refused.text());
    assert_eq!(office.get(&customer).await.json()["fields"]["name"], "Jiamei Office");
    soon(async || rep.get(&customer).await.status == 404).await;
}

#[tokio::test]
async fn a_phone_at_one_server_hears_what_is_written_at_the_other_and_lets_go_of_what_its_role_loses_there() {
    let first = Server::start().await;
    let office = Client::office(&first).await;
    let role = define(&office, "rep", &all(OWN_ONLY)).await;
    let second = beside(&first).await;
    Client::of_role(&second, "cai", "rep").await;
    let mut line = Line::open(&second, "cai").await;
    let made = |name: &str, owner: UserId| json!({"name": name, "owner": owner});
    let id_of = |path: &str| path.rsplit('/').next().unwrap().parse::<RecordId>().unwrap();
    let theirs = id_of(&office.make("party", made("Jiamei", first.ann)).await);
    let own = id_of(&office.make("party", made("Haida", UserId::of_cause("cai"))).await);
    line.until(|line| line.shows(theirs, "Jiamei") && line.shows(own, "Haida")).await;
    let tightened = json!([{"op": "set", "field": "definition", "value": OWN_ONLY}]);
    assert_eq!(office.edit(role.header("location"), tightened).await.status, 200);
    line.until(|line| line.phone.fields(theirs).is_none()).await;
    assert!(line.shows(own, "Haida"));
}

#[tokio::test]
async fn a_kind_that_one_server_gets_is_known_to_the_other() {
    let first = Server::start().await;
    let office = Client::office(&first).await;
    let second = beside(&first).await;
    let there = Client::signed_in(&second, "bo").await;
    let definition = "name = \"boat\"\nlabel = { en = \"Boat\", zh = \"船\" }\nplural = { en = \"Boats\", zh = \"船\" }\ntitle = \"name\"\nlist = [\"name\"]\n\n[[field]]\nname = \"name\"\nlabel = { en = \"Name\", zh = \"名称\" }\n";
    let made = office.post("/api/v1/kind", json!({"fields": {"name": "boat", "definition": definition}})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let boat = office.make("boat", json!({"name": "Seagull"})).await;
    soon(async || there.get(&boat).await.status == 200).await;
    assert_eq!(there.edit(&boat, json!([{"op": "set", "field": "name", "value": "Albatross"}])).await.status, 200);
    assert_eq!(office.get(&boat).await.json()["fields"]["name"], "Albatross");
}

#[tokio::test]
async fn a_report_that_two_servers_find_due_goes_out_once() {
    let mut inbox = Inbox::open().await;
    let desk = Desk::with(|config| config.mail.url = Some(Secret(inbox.url.clone()))).await;
    let second = beside(&desk.server).await;
    let dashboard = desk.post("/dashboards", &[("ready", "sales")]).await.header("location").to_owned();
    let form = [("recipients", "boss@firm.example"), ("every", "day"), ("hour", "8")];
    assert_eq!(desk.post(&format!("{dashboard}/mails"), &form).await.status, 303);
    for server in [&desk.server, &second] {
        server.clock.forward(24 * 60 * MINUTE);
    }
    let (one, other) = tokio::join!(mails::round(&desk.server.app), mails::round(&second.app));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    inbox.letter().await;
    assert!(inbox.is_empty(), "one letter");
}
