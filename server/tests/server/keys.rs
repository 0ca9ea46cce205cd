//! API keys: what they open, and what they never do.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Client;
use crate::harness::{Answer, MINUTE, START, Server};

async fn make(ann: &Client<'_>, scopes: &str) -> (String, String) {
    let answer = ann.post("/api/v1/keys", json!({"name": "shop", "scopes": scopes, "expiresAt": START + 60 * MINUTE})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let key = answer.json();
    (key["id"].as_str().unwrap().to_owned(), key["token"].as_str().unwrap().to_owned())
}

async fn with(server: &Server, key: &str, method: Method, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    server.send(method, path, &headers, if body.is_null() { String::new() } else { body.to_string() }).await
}

#[tokio::test]
async fn a_key_may_what_its_scopes_say_and_no_more() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let customer = ann.make("party", json!({"name": "佳美"})).await;
    let (_, key) = make(&ann, "party:read deal:write").await;
    let get = |path: String| with(&server, &key, Method::GET, Box::leak(path.into_boxed_str()), Value::Null);
    assert_eq!(get(customer.clone()).await.status, 200);
    let edit = json!({"edits": [{"op": "set", "field": "name", "value": "x"}]});
    let denied = with(&server, &key, Method::PATCH, &customer, edit).await;
    assert_eq!((denied.status.as_u16(), denied.code().as_str()), (403, "forbidden"));
    assert_eq!(with(&server, &key, Method::POST, "/api/v1/party", json!({"fields": {"name": "x"}})).await.status, 403);
    let deal = with(&server, &key, Method::POST, "/api/v1/deal", json!({"fields": {"title": "x"}})).await;
    assert_eq!(deal.status, 201, "{}", deal.text());
    assert_eq!(get("/api/v1/offer".to_owned()).await.status, 404, "what it may not read is not there");
    let kinds = get("/api/v1/kinds".to_owned()).await.json();
    assert_eq!(kinds["rows"].as_array().unwrap().len(), 2);
    let document = get("/api/v1/openapi.json".to_owned()).await.text();
    assert!(!document.contains("/api/v1/offer"));
}

#[tokio::test]
async fn a_key_neither_manages_keys_and_sessions_nor_opens_the_console() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let (id, key) = make(&ann, "*:write").await;
    for (method, path) in [
        (Method::GET, "/api/v1/keys"),
        (Method::POST, "/api/v1/keys"),
        (Method::GET, "/api/v1/sessions"),
        (Method::POST, "/api/v1/sign-out"),
        (Method::POST, "/api/v1/devices/codes"),
    ] {
        assert_eq!(with(&server, &key, method.clone(), path, Value::Null).await.status, 403, "{method} {path}");
    }
    for path in ["/records/party", "/devices", "/audit", "/keys", "/account"] {
        assert_eq!(with(&server, &key, Method::GET, path, Value::Null).await.status, 401, "{path}");
    }
    assert_eq!(with(&server, &key, Method::POST, "/sync", Value::Null).await.status, 401);
    assert_eq!(ann.send(Method::DELETE, &format!("/api/v1/keys/{id}"), None).await.status, 204);
    assert_eq!(with(&server, &key, Method::GET, "/api/v1/me", Value::Null).await.status, 401, "revoked");
}

#[tokio::test]
async fn a_key_ends_when_it_expires_and_when_its_person_is_shut_out() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let (_, key) = make(&ann, "*:read").await;
    assert_eq!(with(&server, &key, Method::GET, "/api/v1/me", Value::Null).await.status, 200);
    server.app.auth.disable_user(server.workspace, server.ann, None).await.unwrap();
    assert_eq!(with(&server, &key, Method::GET, "/api/v1/me", Value::Null).await.status, 401);
    server.app.auth.enable_user(server.workspace, server.ann, None).await.unwrap();
    assert_eq!(with(&server, &key, Method::GET, "/api/v1/me", Value::Null).await.status, 200);
    server.clock.forward(60 * MINUTE);
    assert_eq!(with(&server, &key, Method::GET, "/api/v1/me", Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_key_is_made_with_scopes_and_an_end_or_not_at_all() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    for (body, field) in [
        (json!({"name": "x", "scopes": "party", "expiresAt": START + MINUTE}), "scopes"),
        (json!({"name": " ", "scopes": "*:read", "expiresAt": START + MINUTE}), "name"),
        (json!({"name": "x", "scopes": "*:read", "expiresAt": START - 1}), "expiresAt"),
        (json!({"name": "x", "scopes": "*:read", "expiresAt": START + 3651 * 24 * 60 * MINUTE}), "expiresAt"),
        (json!({"name": "x", "scopes": "*:read", "expiresAt": 99_999_999_999_999_999_i64}), "expiresAt"),
        (json!({"name": "x", "scopes": "deal:read paty:read", "expiresAt": START + MINUTE}), "scopes"),
    ] {
        let answer = ann.post("/api/v1/keys", body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].as_str()), (422, Some(field)));
        assert_eq!(answer.text().contains("is no kind `paty`; did you mean `party`?"), answer.text().contains("paty"));
    }
    assert_eq!(ann.get("/api/v1/keys").await.json()["rows"], json!([]));
}

#[tokio::test]
async fn keys_are_made_and_revoked_on_their_page() {
    let server = Server::start().await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str())];
    let bad = server.send(Method::POST, "/keys", &form, "name=shop&scopes=everything&days=30").await;
    assert_eq!(bad.status, 422);
    assert!(bad.text().contains("value=\"shop\"") && bad.text().contains("party:read deal:write"));
    let bad = server.send(Method::POST, "/keys", &form, "name=shop&scopes=paty:read&days=30").await;
    assert!(bad.status == 422 && bad.text().contains("did you mean `party`?"), "{}", bad.text());
    let made = server.send(Method::POST, "/keys", &form, "name=shop&scopes=*:read&days=30").await.text();
    let key = made.split("rpk_").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let key = format!("rpk_{key}");
    assert_eq!(with(&server, &key, Method::GET, "/api/v1/me", Value::Null).await.status, 200);
    let page = server.get("/keys", &[("cookie", &cookie)]).await.text();
    assert!(!page.contains(&key), "shown once");
    let path = page.split("action=\"/keys/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(server.send(Method::POST, &format!("/keys/{path}"), &form, "").await.status, 303);
    assert_eq!(with(&server, &key, Method::GET, "/api/v1/me", Value::Null).await.status, 401);
}
