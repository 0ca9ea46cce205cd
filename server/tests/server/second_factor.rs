//! The second factor, through the pages on which people set it up and the doors that ask for it.

use rapport_server::auth::one_time::Shared;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, MINUTE, PASSWORD, Server};

pub const FORM: [(&str, &str); 2] = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];

/// A browser of ann's.
pub struct Browser<'a> {
    server: &'a Server,
    pub cookie: String,
}

impl<'a> Browser<'a> {
    pub async fn of(server: &'a Server) -> Browser<'a> {
        let (_, cookie) = server.browser_sign_in(&[]).await;
        Self { server, cookie }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.server.browse(&self.cookie, path).await
    }

    pub async fn post(&self, path: &str, form: &str) -> Answer {
        let headers = [&FORM[..], &[("cookie", &self.cookie)]].concat();
        self.server.send(Method::POST, path, &headers, form.to_owned()).await
    }

    /// Sets the factor up as a person does: the app's secret, and the recovery codes.
    pub async fn set_up(&self) -> (Shared, Vec<String>) {
        let page = self.get("/account/second").await.text();
        let shared = Shared(secret(&page));
        let code = shared.code_at(self.server.app.clock.now());
        let done = self.post("/account/second", &format!("code={code}&present={PASSWORD}")).await;
        assert_eq!(done.status, 200, "{}", done.text());
        let codes: Vec<String> = between(&done.text(), "<li class=\"mono\">", "</li>");
        assert_eq!(codes.len(), 10);
        (shared, codes)
    }
}

pub fn between(text: &str, start: &str, end: &str) -> Vec<String> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).map(str::to_owned).collect()
}

/// What the page says for typing: base 32.
fn secret(page: &str) -> [u8; 20] {
    assert!(page.contains("<svg class=\"qr\""), "{page}");
    let typed = between(page, "<span class=\"mono\">", "</span>").remove(0).replace(' ', "");
    let bits: Vec<u8> = typed
        .bytes()
        .map(|symbol| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == symbol).unwrap() as u8)
        .flat_map(|five| (0..5).rev().map(move |bit| five >> bit & 1))
        .collect();
    let bytes: Vec<u8> = bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |sum, bit| sum << 1 | bit)).collect();
    bytes.try_into().unwrap()
}

pub async fn sign_in(server: &Server, code: Option<&str>) -> (u16, String) {
    let body = json!({"login": "ann", "password": PASSWORD, "code": code}).to_string();
    let answer = server.send(Method::POST, "/api/v1/sign-in", &[("content-type", "application/json")], body).await;
    (answer.status.as_u16(), answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_password_alone_is_not_enough_any_more_and_a_code_works_once() {
    let server = Server::start().await;
    let browser = Browser::of(&server).await;
    let (shared, _) = browser.set_up().await;
    assert_eq!(sign_in(&server, None).await, (401, "code_needed".to_owned()));
    let now = server.app.clock.now();
    assert_eq!(sign_in(&server, Some(&shared.code_at(now))).await.1, "wrong_second_factor", "it set the factor up");
    server.clock.forward(MINUTE);
    let code = shared.code_at(server.app.clock.now());
    assert_eq!(sign_in(&server, Some(&code)).await.0, 200);
    assert_eq!(sign_in(&server, Some(&code)).await, (401, "wrong_second_factor".to_owned()));
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_a_lost_phone_once() {
    let server = Server::start().await;
    let (_, codes) = Browser::of(&server).await.set_up().await;
    assert_eq!(sign_in(&server, Some(&codes[3].to_lowercase())).await.0, 200);
    assert_eq!(sign_in(&server, Some(&codes[3])).await.1, "wrong_second_factor");
    assert_eq!(sign_in(&server, Some(&codes[4])).await.0, 200);
}

#[tokio::test]
async fn of_many_uses_of_one_code_at_once_one_counts() {
    let server = Server::start_with(|config| config.sign_in.attempts_per_account_max = 50).await;
    let (_, codes) = Browser::of(&server).await.set_up().await;
    let answers = futures_util::future::join_all((0..10).map(|_| sign_in(&server, Some(&codes[0])))).await;
    assert_eq!(answers.iter().filter(|answer| answer.0 == 200).count(), 1);
}

#[tokio::test]
async fn a_browser_is_asked_in_a_second_step_and_guesses_are_slowed_down() {
    let server = Server::start_with(|config| config.sign_in.attempts_per_account_max = 4).await;
    let (shared, _) = Browser::of(&server).await.set_up().await;
    server.clock.forward(MINUTE);
    let (answer, _) = server.browser_sign_in(&[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (200, ""));
    let ticket = between(&answer.text(), "name=\"ticket\" value=\"", "\"").remove(0);
    let step = |code: String| server.send(Method::POST, "/sign-in", &FORM, format!("ticket={ticket}&code={code}"));
    let wrong = step("000000".to_owned()).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains(&ticket), "the form is there again");
    let right = step(shared.code_at(server.app.clock.now())).await;
    assert_eq!((right.status.as_u16(), right.header("location")), (303, "/"));
    assert_eq!(step("000000".to_owned()).await.status, 401, "the ticket is used up");

    let (answer, _) = server.browser_sign_in(&[]).await;
    let ticket = between(&answer.text(), "name=\"ticket\" value=\"", "\"").remove(0);
    let step = |code: &'static str| server.send(Method::POST, "/sign-in", &FORM, format!("ticket={ticket}&code={code}"));
    let statuses = [step("000001").await.status, step("000002").await.status, step("000003").await.status, step("000004").await.status];
    assert_eq!(statuses.map(|status| status.as_u16()), [401, 401, 401, 429]);
}

#[tokio::test]
async fn a_ticket_is_good_for_five_minutes() {
    let server = Server::start().await;
    let (shared, _) = Browser::of(&server).await.set_up().await;
    let (answer, _) = server.browser_sign_in(&[]).await;
    let ticket = between(&answer.text(), "name=\"ticket\" value=\"", "\"").remove(0);
    server.clock.forward(5 * MINUTE);
    let code = shared.code_at(server.app.clock.now());
    let late = server.send(Method::POST, "/sign-in", &FORM, format!("ticket={ticket}&code={code}")).await;
    assert_eq!((late.status.as_u16(), late.header("set-cookie")), (401, ""));
}

#[tokio::test]
async fn the_factor_goes_with_the_password_and_a_wrong_first_code_sets_nothing_up() {
    let server = Server::start().await;
    let browser = Browser::of(&server).await;
    let page = browser.get("/account/second").await.text();
    assert_eq!(browser.post("/account/second", &format!("code=000000&present={PASSWORD}")).await.status, 422);
    // Whoever finds the session open has no password, and locks nobody out.
    let code = Shared(secret(&page)).code_at(server.app.clock.now());
    let stranger = browser.post("/account/second", &format!("code={code}&present=not+it")).await;
    assert!(stranger.status == 422 && stranger.text().contains("password is wrong"), "{}", stranger.text());
    assert_eq!(sign_in(&server, None).await.0, 200, "nothing is asked for yet");
    browser.set_up().await;
    assert!(browser.get("/account").await.text().contains("10 recovery codes left"));
    assert_eq!(browser.post("/account/second/off", "present=not+it").await.status, 422);
    assert_eq!(sign_in(&server, None).await.1, "code_needed");
    assert_eq!(browser.post("/account/second/off", &format!("present={PASSWORD}")).await.status, 303);
    assert_eq!(sign_in(&server, None).await.0, 200);
}

#[tokio::test]
async fn sessions_elsewhere_are_listed_and_ended() {
    let server = Server::start().await;
    let browser = Browser::of(&server).await;
    let phone = server.browser_sign_in(&[("user-agent", "Another <b>browser</b>/1")]).await.1;
    let token = server.token().await;
    let page = browser.get("/account").await.text();
    assert!(page.contains("Another &#60;b&#62;browser&#60;/b&#62;/1") && page.contains("127.0.0.1"), "{page}");
    let bearer = format!("Bearer {token}");
    let sessions = server.get("/api/v1/sessions", &[("authorization", &bearer)]).await.json();
    assert_eq!(sessions["rows"].as_array().unwrap().len(), 3);
    let other = sessions["rows"].as_array().unwrap().iter().find(|one| one["agent"].as_str().unwrap().starts_with("Another")).unwrap();
    let path = format!("/api/v1/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(server.send(Method::DELETE, &path, &[("authorization", &bearer)], "").await.status, 204);
    assert!(!server.knows(&[("cookie", &phone)]).await);
    assert_eq!(browser.post("/account/sessions/end", "").await.status, 303);
    assert!(!server.knows_token(&token).await, "all others");
    assert!(server.knows(&[("cookie", &browser.cookie)]).await, "but this one");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_needs_the_present_one() {
    let server = Server::start().await;
    let browser = Browser::of(&server).await;
    let token = server.token().await;
    let wrong = browser.post("/account/password", "present=not+it&new=another-good-one").await;
    assert_eq!(wrong.status, 422);
    assert_eq!(browser.post("/account/password", &format!("present={PASSWORD}&new=short")).await.status, 422);
    let same = browser.post("/account/password", &format!("present={PASSWORD}&new={PASSWORD}")).await;
    assert!(same.status == 422 && same.text().contains("choose another one"), "{}", same.text());
    assert!(server.knows_token(&token).await);
    assert_eq!(browser.post("/account/password", &format!("present={PASSWORD}&new=another-good-one")).await.status, 303);
    assert!(!server.knows_token(&token).await);
    assert!(server.knows(&[("cookie", &browser.cookie)]).await);
    assert_eq!(server.api_sign_in("ann", PASSWORD).await.status, 401);
    assert_eq!(server.api_sign_in("ann", "another-good-one").await.status, 200);
}
