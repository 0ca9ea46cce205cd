//! Requests that are sent again, and writes that rest on what somebody read.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Client;
use crate::harness::{Answer, MINUTE, Server};

async fn send(server: &Server, bearer: &str, method: Method, path: &str, more: &[(&str, &str)], body: Value) -> Answer {
    let headers = [&[("authorization", bearer), ("content-type", "application/json")][..], more].concat();
    server.send(method, path, &headers, body.to_string()).await
}

fn new(name: &str) -> Value {
    json!({"fields": {"name": name}})
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_done_once_and_answered_alike() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token().await);
    let key = [("idempotency-key", "order-17")];
    let first = send(&server, &bearer, Method::POST, "/api/v1/party", &key, new("佳美")).await;
    let again = send(&server, &bearer, Method::POST, "/api/v1/party", &key, new("佳美")).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.body, again.body);
    assert_eq!((first.header("location"), first.header("etag")), (again.header("location"), again.header("etag")));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    let other = send(&server, &bearer, Method::POST, "/api/v1/party", &key, new("another")).await;
    assert_eq!((other.status.as_u16(), other.json()["field"].as_str()), (422, Some("Idempotency-Key")));
    let refused = send(&server, &bearer, Method::POST, "/api/v1/party", &[("idempotency-key", "bad")], json!({})).await;
    assert_eq!(refused.status, 422);
    let ann = Client::office(&server).await;
    assert_eq!(ann.list("party", &[("total", "true")]).await.json()["total"], 1);
    server.clock.forward(24 * 60 * MINUTE);
    let bearer = format!("Bearer {}", server.token().await);
    let late = send(&server, &bearer, Method::POST, "/api/v1/party", &key, new("佳美")).await;
    assert_eq!(late.header("idempotency-replayed"), "", "a day later it is another request");
}

#[tokio::test]
async fn a_person_who_was_erased_does_not_come_back_when_the_client_sends_its_request_again() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token().await);
    let ann = Client::office(&server).await;
    let key = [("idempotency-key", "k99")];
    let made = send(&server, &bearer, Method::POST, "/api/v1/party", &key, new("canary")).await;
    let edits = json!({"edits": [{"op": "set", "field": "tax_id", "value": "canary"}]});
    let edited = send(&server, &bearer, Method::PATCH, made.header("location"), &[("idempotency-key", "edit")], edits.clone()).await;
    let other = send(&server, &bearer, Method::POST, "/api/v1/party", &[("idempotency-key", "other")], new("佳美")).await;
    assert_eq!((made.status.as_u16(), edited.status.as_u16(), other.status.as_u16()), (201, 200, 201));
    let id = made.header("location").rsplit('/').next().unwrap();
    assert_eq!(ann.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await.status, 200);
    for (method, path, key, body) in [
        (Method::POST, "/api/v1/party", "k99", new("canary")),
        (Method::POST, "/api/v1/party", "k99", new("anything")),
        (Method::PATCH, made.header("location"), "edit", edits),
    ] {
        let again = send(&server, &bearer, method, path, &[("idempotency-key", key)], body).await;
        assert_eq!((again.status.as_u16(), again.code().as_str()), (410, "erased"), "{}", again.text());
    }
    assert_eq!(ann.list("party", &[("total", "true")]).await.json()["total"], 1);
    let untouched = send(&server, &bearer, Method::POST, "/api/v1/party", &[("idempotency-key", "other")], new("佳美")).await;
    assert_eq!((untouched.body, untouched.headers.contains_key("idempotency-replayed")), (other.body, true));
}

#[tokio::test]
async fn of_many_at_once_with_one_key_one_is_done() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token().await);
    let one = || send(&server, &bearer, Method::POST, "/api/v1/party", &[("idempotency-key", "k")], new("佳美"));
    let answers = futures_util::future::join_all((0..10).map(|_| one())).await;
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status.as_u16())));
    let ann = Client::office(&server).await;
    assert_eq!(ann.list("party", &[("total", "true")]).await.json()["total"], 1);
}

#[tokio::test]
async fn one_persons_key_is_not_anothers() {
    let server = Server::start().await;
    let ann = format!("Bearer {}", server.token().await);
    let answer = server.api_sign_in("bo", crate::harness::PASSWORD).await.json();
    let bo = format!("Bearer {}", answer["token"].as_str().unwrap());
    let key = [("idempotency-key", "k")];
    let first = send(&server, &ann, Method::POST, "/api/v1/party", &key, new("canary")).await;
    let second = send(&server, &bo, Method::POST, "/api/v1/party", &key, new("other")).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert!(!second.text().contains("canary"));
    assert_eq!(send(&server, "Bearer nobody", Method::POST, "/api/v1/party", &key, new("canary")).await.status, 401);
}

#[tokio::test]
async fn a_write_that_rests_on_what_was_read_fails_when_it_has_changed() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token().await);
    let made = send(&server, &bearer, Method::POST, "/api/v1/party", &[], new("佳美")).await;
    let (path, etag) = (made.header("location").to_owned(), made.header("etag").to_owned());
    let edit = |name: &str| json!({"edits": [{"op": "set", "field": "name", "value": name}]});
    let first = send(&server, &bearer, Method::PATCH, &path, &[("if-match", &etag)], edit("first")).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_ne!(first.header("etag"), etag);
    let late = send(&server, &bearer, Method::PATCH, &path, &[("if-match", &etag)], edit("late")).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (412, "stale"));
    let archive = send(&server, &bearer, Method::POST, &format!("{path}/archive"), &[("if-match", &etag)], json!({})).await;
    assert_eq!(archive.status, 412);
    let any = send(&server, &bearer, Method::PATCH, &path, &[("if-match", "*")], edit("any")).await;
    assert_eq!(any.status, 200);
    let wrong = send(&server, &bearer, Method::PATCH, &path, &[("if-match", "yesterday")], edit("x")).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["field"].as_str()), (422, Some("If-Match")));
    assert_eq!(any.json()["title"], "any");
}

#[tokio::test]
async fn of_many_writes_on_one_version_one_is_done() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token().await);
    let made = send(&server, &bearer, Method::POST, "/api/v1/party", &[], new("佳美")).await;
    let (path, etag) = (made.header("location").to_owned(), made.header("etag").to_owned());
    let edit = |n: usize| json!({"edits": [{"op": "set", "field": "name", "value": format!("name {n}")}]});
    let if_match = [("if-match", etag.as_str())];
    let answers = futures_util::future::join_all((0..10).map(|n| send(&server, &bearer, Method::PATCH, &path, &if_match, edit(n)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 412).count(), 9);
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let path = ann.make("party", json!({"name": "佳美"})).await;
    let bearer = format!("Bearer {}", server.token().await);
    let etag = ann.get(&path).await.header("etag").to_owned();
    let known = server.get(&path, &[("authorization", &bearer), ("if-none-match", &etag)]).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    let other = server.get(&path, &[("authorization", &bearer), ("if-none-match", "\"0\"")]).await;
    assert_eq!(other.status, 200);
}

/// The names in answers, but for those that the workspace itself defines.
fn names<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    const DEFINED: [&str; 3] = ["fields", "names", "values"];
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| names(element, found)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.push(name);
            if !DEFINED.contains(&name.as_str()) {
                names(value, found);
            }
        }),
        _ => {}
    }
}

#[tokio::test]
async fn every_name_in_an_answer_is_written_in_one_way() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let disputed = crate::api::disputed(&server).await;
    let codes = ann.post("/api/v1/devices/codes", json!({"login": "ann"})).await.json();
    let session = server.api_sign_in("ann", crate::harness::PASSWORD).await.json();
    let batch = ann.post("/api/v1/party/batch", json!({"items": [{"fields": {"name": "x"}}]})).await.json();
    let mut answers = vec![codes, session, batch];
    for path in [
        "/api/v1/me".to_owned(),
        "/api/v1/sessions".to_owned(),
        "/api/v1/keys".to_owned(),
        "/api/v1/conflicts".to_owned(),
        "/api/v1/rejected".to_owned(),
        "/api/v1/quote-collisions".to_owned(),
        "/api/v1/party?total=true".to_owned(),
        format!("{disputed}/history"),
        format!("{disputed}/conflicts"),
        format!("{disputed}/as-of?at=1900000000000"),
        disputed,
    ] {
        answers.push(ann.get(&path).await.json());
    }
    for answer in &answers {
        let mut found = Vec::new();
        names(answer, &mut found);
        let odd: Vec<&&str> = found.iter().filter(|name| name.contains('_') || name.starts_with(char::is_uppercase)).collect();
        assert!(odd.is_empty(), "{odd:?} in {answer}");
    }
}

#[tokio::test]
async fn no_secret_is_kept_for_a_request_that_may_be_sent_again() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token().await);
    let wanted = json!({"name": "erp", "scopes": "*:read", "expiresAt": server.app.clock.now() + 60 * MINUTE});
    let holds = |secret: &str| {
        let bytes = |end: &str| std::fs::read(format!("{}{end}", server.app.store.path().display())).unwrap_or_default();
        ["", "-wal"].iter().any(|end| bytes(end).windows(secret.len()).any(|part| part == secret.as_bytes()))
    };
    for (path, body, at) in [
        ("/api/v1/keys", wanted, "token"),
        ("/api/v1/devices/codes", json!({"login": "ann"}), "code"),
        ("/api/v1/calendars", json!({}), "url"),
        ("/api/v1/webhooks", json!({"url": "https://1.1.1.1/", "events": "*"}), "secret"),
        ("/api/v1/sign-in", json!({"login": "ann", "password": crate::harness::PASSWORD}), "token"),
    ] {
        let mut secrets = Vec::new();
        for _ in 0..2 {
            let answer = send(&server, &bearer, Method::POST, path, &[("idempotency-key", "again")], body.clone()).await;
            assert!(answer.status.is_success() && answer.header("idempotency-replayed").is_empty(), "{path}: {}", answer.text());
            secrets.push(answer.json()[at].as_str().unwrap_or_else(|| panic!("{path}: {}", answer.text())).to_owned());
        }
        assert_ne!(secrets[0], secrets[1], "{path}");
        assert!(secrets.iter().all(|secret| !holds(secret)), "{path}");
    }
    // A password is in the request alone: not even its hash is kept, so a repeat is a request of its own.
    let change = json!({"present": crate::harness::PASSWORD, "new": "another long password"});
    for status in [204, 422] {
        let answer = send(&server, &bearer, Method::POST, "/api/v1/me/password", &[("idempotency-key", "again")], change.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.header("idempotency-replayed")), (status, ""), "{}", answer.text());
    }
}
