//! Calendars that phones subscribe to, behind a secret address.

use reqwest::Method;
use serde_json::json;

use crate::api::Client;
use crate::harness::{Answer, MINUTE, START, Server};

/// The path behind an address.
fn path_of(answer: &Answer) -> String {
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    url.split_once("/calendar/").map(|(_, file)| format!("/calendar/{file}")).unwrap()
}

/// Lines as they were before they were folded.
fn unfolded(text: &str) -> Vec<String> {
    text.replace("\r\n ", "").split("\r\n").map(str::to_owned).collect()
}

#[tokio::test]
async fn a_phone_subscribes_to_what_its_person_has_to_do() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let me = server.ann.to_string();
    let customer = ann.make("party", json!({"name": "佳美办公"})).await;
    let about = [customer.rsplit('/').next().unwrap()];
    let subject = format!("拜访，带样品; 合同 {}", "很长的主题".repeat(12));
    let when = json!({"start": START + 60 * MINUTE, "end": START + 120 * MINUTE});
    let reminders = json!([{"at": START + 30 * MINUTE}]);
    ann.make("activity", json!({"subject": subject, "assignee": me, "about": about, "when": when, "reminders": reminders})).await;
    ann.make("activity", json!({"subject": "whole day", "assignee": me, "when": {"start": "2027-01-20", "end": "2027-01-21"}})).await;
    ann.make("activity", json!({"subject": "a task", "people": [me], "due": START})).await;
    ann.make("activity", json!({"subject": "cancelled", "assignee": me, "due": START, "status": "cancelled"})).await;
    ann.make("activity", json!({"subject": "long ago", "assignee": me, "due": START - 400 * 24 * 60 * MINUTE})).await;
    ann.make("activity", json!({"subject": "somebody else's", "due": START})).await;
    let made = ann.post("/api/v1/calendars", json!({})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = path_of(&made);
    let fed = server.get(&path, &[]).await;
    assert_eq!((fed.status.as_u16(), fed.header("content-type")), (200, "text/calendar; charset=utf-8"));
    let text = fed.text();
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
    let lines = unfolded(&text);
    let count = |wanted: &str| lines.iter().filter(|line| *line == wanted).count();
    assert_eq!((count("BEGIN:VCALENDAR"), count("BEGIN:VEVENT"), count("END:VEVENT"), count("BEGIN:VALARM")), (1, 3, 3, 1), "{text}");
    for wanted in [
        &*format!("SUMMARY:{}", subject.replace(';', "\\;")),
        "DTSTART:20270115T090000Z",
        "DTEND:20270115T100000Z",
        "DTSTART;VALUE=DATE:20270120",
        "DTEND;VALUE=DATE:20270122",
        "DTSTART:20270115T080000Z",
        "DESCRIPTION:佳美办公",
        "TRIGGER;VALUE=DATE-TIME:20270115T083000Z",
    ] {
        assert_eq!(count(wanted), 1, "{wanted} in {text}");
    }
    let etag = fed.header("etag").to_owned();
    assert_eq!(server.get(&path, &[("if-none-match", &etag)]).await.status, 304);
}

#[tokio::test]
async fn an_address_leads_nowhere_once_it_is_renewed_or_withdrawn_or_its_person_shut_out() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    assert!(ann.get("/api/v1/calendars").await.json()["since"].is_null());
    let first = path_of(&ann.post("/api/v1/calendars", json!({})).await);
    let second = path_of(&ann.post("/api/v1/calendars", json!({})).await);
    assert_eq!(ann.get("/api/v1/calendars").await.json()["since"], START);
    assert_eq!((server.get(&first, &[]).await.status, server.get(&second, &[]).await.status.as_u16()), (404.try_into().unwrap(), 200));
    server.app.auth.disable_user(server.workspace, server.ann, None).await.unwrap();
    assert_eq!(server.get(&second, &[]).await.status, 404);
    server.app.auth.enable_user(server.workspace, server.ann, None).await.unwrap();
    let ann = Client::office(&server).await;
    assert_eq!(server.get(&second, &[]).await.status, 200);
    assert_eq!(ann.send(Method::DELETE, "/api/v1/calendars", None).await.status, 204);
    assert_eq!(server.get(&second, &[]).await.status, 404);
    assert_eq!(ann.send(Method::DELETE, "/api/v1/calendars", None).await.status, 404);
    for bad in ["/calendar/nothing.ics", &second.replace(".ics", "")] {
        assert_eq!(server.get(bad, &[]).await.status, 404, "{bad}");
    }
}

#[tokio::test]
async fn the_address_is_made_on_the_page_of_the_account_and_shown_once() {
    let server = Server::start().await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str())];
    let made = server.send(Method::POST, "/account/calendar", &form, "act=renew").await.text();
    let address = made.split("/calendar/").nth(1).and_then(|rest| rest.split('"').next()).expect("the page shows the address");
    let path = format!("/calendar/{address}");
    assert_eq!(server.get(&path, &[]).await.status, 200);
    let page = server.get("/account", &[("cookie", &cookie)]).await.text();
    assert!(!page.contains(address) && page.contains("act\" value=\"withdraw\""), "{page}");
    assert_eq!(server.send(Method::POST, "/account/calendar", &form, "act=withdraw").await.status, 303);
    assert_eq!(server.get(&path, &[]).await.status, 404);
}
