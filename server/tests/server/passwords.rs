//! A password that somebody else chose opens nothing but the page on which another one is chosen.

use rapport_server::auth::OWN_PASSWORD;
use reqwest::Method;
use serde_json::json;
use sync_core::id::UserId;
use sync_core::record::fields::FieldEdit;

use crate::console::{Desk, encoded, record};
use crate::handset::Handset;
use crate::harness::{Answer, PASSWORD, Server};

pub const OWN: &str = "a password of my own";

/// Somebody's browser.
struct Browser<'a> {
    server: &'a Server,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn signed_in(server: &'a Server, login: &str, password: &str) -> Self {
        let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        let answer = server.send(Method::POST, "/sign-in", &form, encoded(&[("login", login), ("password", password)])).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{}", answer.text());
        Self { server, cookie: answer.header("set-cookie").split(';').next().unwrap().to_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.server.browse(&self.cookie, path).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.server.submit(&self.cookie, path, form).await
    }

    /// Whether every page leads to the one on which a password is chosen.
    async fn is_held_back(&self) -> bool {
        let mut held = Vec::new();
        for path in ["/", "/account", "/records/party", "/account/second"] {
            let answer = self.get(path).await;
            held.push((answer.status.as_u16(), answer.header("location").to_owned()) == (303, "/account/password".to_owned()));
        }
        assert!(held.iter().all(|one| *one == held[0]), "{held:?}");
        held[0]
    }
}

/// Somebody signs in with the password that they were given, chooses another one, and signs in with that.
pub async fn chosen(server: &Server, login: &str, given: &str) -> Answer {
    let answer = Browser::signed_in(server, login, given).await.post(OWN_PASSWORD, &[("present", given), ("new", OWN)]).await;
    assert_eq!(answer.header("location"), "/account?done=password", "{}", answer.text());
    server.api_sign_in(login, OWN).await
}

/// Somebody whom the office invites, and the password that it hands over.
async fn invited(desk: &Desk, login: &str) -> String {
    let page = desk.post("/people", &[("login", login), ("name", "Carla"), ("role", "rep"), ("language", "en")]).await.text();
    code(&page)
}

fn code(page: &str) -> String {
    page.split("class=\"code\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_else(|| panic!("{page}")).to_owned()
}

async fn user(server: &Server, login: &str) -> UserId {
    let mut tx = server.app.store.reader().await.unwrap();
    rapport_server::store::people::user_by_login(&mut tx, server.workspace, login).await.unwrap().unwrap().user
}

#[tokio::test]
async fn whoever_is_invited_chooses_a_password_of_their_own_before_anything_else() {
    let desk = Desk::new().await;
    let first = invited(&desk, "carla").await;
    let carla = Browser::signed_in(&desk.server, "carla", &first).await;
    assert!(carla.is_held_back().await);
    let asked = desk.server.get("/api/v1/party", &[("cookie", &carla.cookie)]).await;
    assert_eq!((asked.status.as_u16(), asked.code().as_str()), (403, "password_to_change"));
    let written = carla.post("/records/party", &[("f.name", "Lamps Ltd.")]).await;
    assert_eq!((written.status.as_u16(), written.header("location")), (303, "/account/password"));
    assert!(!desk.get("/records/party").await.text().contains("Lamps Ltd."), "nothing is done for them");

    let page = carla.get("/account/password").await;
    assert!(page.status == 200 && page.text().contains("Choose your password"), "{}", page.text());
    for (present, new, said) in
        [("not the first one", OWN, "present password is wrong"), (&first, &first, "choose another one"), (&first, "short", "10")]
    {
        let answer = carla.post("/account/password", &[("present", present), ("new", new)]).await;
        assert!(answer.status == 422 && answer.text().contains(said), "{said}: {}", answer.text());
        assert!(carla.is_held_back().await);
    }
    assert_eq!(carla.post("/language", &[("language", "zh-CN")]).await.status, 303);
    assert!(carla.get("/account/password").await.text().contains("设置您的密码"));

    let elsewhere = Browser::signed_in(&desk.server, "carla", &first).await;
    let chosen = carla.post("/account/password", &[("present", &first), ("new", OWN)]).await;
    assert_eq!((chosen.status.as_u16(), chosen.header("location")), (303, "/account?done=password"));
    assert!(!carla.is_held_back().await);
    assert_eq!(carla.get("/account/password").await.header("location"), "/account", "the account has a form for it");
    assert!(elsewhere.get("/").await.header("location").starts_with("/sign-in"), "who signed in with the old one is out");
    assert_eq!(desk.server.api_sign_in("carla", OWN).await.status, 200);
}

#[tokio::test]
async fn a_program_is_told_what_to_do_about_a_password_that_somebody_else_chose() {
    let desk = Desk::new().await;
    let first = invited(&desk, "carla").await;
    for _ in 0..20 {
        let answer = desk.server.api_sign_in("carla", &first).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "password_to_change"), "it is no wrong password");
        assert!(answer.json()["detail"].as_str().unwrap().contains("/account/password"), "{}", answer.text());
    }
    assert_eq!(desk.server.api_sign_in("carla", "not the first one").await.code(), "wrong_password", "a guess learns nothing");
    let page = desk.get(&format!("/people/{}", user(&desk.server, "carla").await)).await.text();
    assert!(page.contains("have not yet chosen a password") && page.contains("Nowhere at present"), "{page}");
}

#[tokio::test]
async fn a_password_that_an_administrator_sets_anew_is_changed_and_ones_own_is_not() {
    let desk = Desk::new().await;
    let before = Browser::signed_in(&desk.server, "bo", PASSWORD).await;
    let reset = code(&desk.post(&format!("/people/{}/password", UserId::of_cause("bo")), &[]).await.text());
    assert!(before.get("/").await.header("location").starts_with("/sign-in"));
    let bo = Browser::signed_in(&desk.server, "bo", &reset).await;
    assert!(bo.is_held_back().await);
    assert_eq!(bo.post("/sign-out", &[]).await.status, 303, "nobody is held");
    let log = desk.get("/audit?act=password_set").await.text();
    assert!(log.contains("to be changed at the next sign-in"), "{log}");
    let log = desk.get("/audit?act=user_added").await.text();
    assert!(!log.contains("to be changed at the next sign-in"), "nobody was added: {log}");

    let own = code(&desk.post(&format!("/people/{}/password", desk.server.ann), &[]).await.text());
    assert!(!Browser::signed_in(&desk.server, "ann", &own).await.is_held_back().await, "nobody else knows it");
}

#[tokio::test]
async fn phones_and_keys_of_somebody_with_a_new_password_go_on() {
    let desk = Desk::new().await;
    invited(&desk, "carla").await;
    let carla = user(&desk.server, "carla").await;
    let mut phone = Handset::of(&desk.server, carla).await;
    phone.edit(&desk.server, "party", record(1), &[FieldEdit::set("name", "Lamps Ltd.")]);
    phone.sync(&desk.server).await;
    assert!(desk.get("/records/party").await.text().contains("Lamps Ltd."));
    let bo = desk.server.api_sign_in("bo", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let headers = [("authorization", format!("Bearer {bo}"))];
    let headers = [("authorization", headers[0].1.as_str()), ("content-type", "application/json")];
    let key = json!({"name": "erp", "scopes": "*:read", "expiresAt": desk.server.app.clock.now() + 86_400_000}).to_string();
    let made = desk.server.send(Method::POST, "/api/v1/keys", &headers, key).await.json();
    desk.post(&format!("/people/{}/password", UserId::of_cause("bo")), &[]).await;
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    assert_eq!(desk.server.get("/api/v1/party", &[("authorization", &bearer)]).await.status, 200);
}

#[tokio::test]
async fn an_administrator_sees_where_somebody_is_signed_in_and_ends_it() {
    let desk = Desk::new().await;
    let person = format!("/people/{}", UserId::of_cause("bo"));
    let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36";
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin"), ("user-agent", chrome)];
    let body = encoded(&[("login", "bo"), ("password", PASSWORD)]);
    let answer = desk.server.send(Method::POST, "/sign-in", &form, body).await;
    let in_chrome = Browser { server: &desk.server, cookie: answer.header("set-cookie").split(';').next().unwrap().to_owned() };
    let others = [Browser::signed_in(&desk.server, "bo", PASSWORD).await, Browser::signed_in(&desk.server, "bo", PASSWORD).await];
    let page = desk.get(&person).await.text();
    assert!(page.contains("Chrome on Windows") && page.contains("127.0.0.1"), "{page}");
    let row = page.split("<tr>").find(|row| row.contains("Chrome on Windows")).unwrap();
    let id = row.split("name=\"session\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let ended = desk.post(&format!("{person}/sessions/end"), &[("session", id)]).await;
    assert_eq!(ended.header("location"), format!("{person}?done=sessions"));
    assert!(in_chrome.get("/account").await.header("location").starts_with("/sign-in"));
    assert_eq!(others[0].get("/account").await.status, 200, "only that one");
    desk.post(&format!("{person}/sessions/end"), &[]).await;
    assert!(others[1].get("/account").await.header("location").starts_with("/sign-in"));
    assert_eq!(desk.get("/account").await.status, 200, "it is not whoever ends them");
    assert!(desk.get("/audit?act=session_ended").await.text().contains("Ended sessions of"));
    assert_eq!(desk.post(&format!("{person}/sessions/end"), &[("session", "no such")]).await.status, 422);
    let ann = format!("/people/{}/sessions/end", desk.server.ann);
    desk.post(&ann, &[]).await;
    assert_eq!(desk.get("/account").await.status, 200, "all but the one that asks");
}

#[tokio::test]
async fn a_program_changes_the_password_of_whoever_is_signed_in_by_the_rules_of_the_console() {
    let desk = Desk::new().await;
    let server = &desk.server;
    let (here, elsewhere) = (server.token().await, server.token().await);
    let bearer = format!("Bearer {here}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let change = async |present: &str, new: &str| {
        server.send(Method::POST, "/api/v1/me/password", &headers, json!({"present": present, "new": new}).to_string()).await
    };
    for (present, new, field, said) in [
        ("not hers", OWN, "present", "present password is wrong"),
        (PASSWORD, "short", "new", "at least 10"),
        (PASSWORD, "1234567890", "new", "a row such as"),
        (PASSWORD, PASSWORD, "new", "choose another one"),
    ] {
        let answer = change(present, new).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].as_str()), (422, Some(field)), "{}", answer.text());
        assert!(answer.text().contains(said), "{}", answer.text());
    }
    let misspelt = json!({"present": PASSWORD, "newer": OWN}).to_string();
    assert_eq!(server.send(Method::POST, "/api/v1/me/password", &headers, misspelt).await.status, 422);
    assert!(server.knows_token(&here).await && server.knows_token(&elsewhere).await, "nothing was done");

    assert_eq!(change(PASSWORD, OWN).await.status, 204);
    assert!(server.knows_token(&here).await && !server.knows_token(&elsewhere).await, "sessions elsewhere end");
    assert_eq!(server.api_sign_in("ann", PASSWORD).await.status, 401);
    assert_eq!(server.api_sign_in("ann", OWN).await.status, 200);
    for _ in 0..20 {
        change("a guess of many", PASSWORD).await;
    }
    assert_eq!(change(OWN, PASSWORD).await.code(), "throttled", "whoever holds a session guesses no faster than who signs in");
}
