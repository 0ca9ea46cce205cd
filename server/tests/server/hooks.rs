//! Webhooks, against a receiver on this machine that answers what a test tells it to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};

use crate::api::Client;
use crate::console::Desk;
use crate::harness::{MINUTE, Server};

/// A receiver: what it got, and what it answers next (200 when nothing is said).
#[derive(Clone, Default)]
pub struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    /// No answer at all.
    pub const NEVER: u16 = 0;

    pub async fn start() -> (Self, String) {
        let receiver = Self::default();
        let answer = async |State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes| {
            receiver.got.lock().unwrap().push((headers, body));
            let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
            if status == Self::NEVER {
                std::future::pending::<()>().await;
            }
            StatusCode::from_u16(status).unwrap()
        };
        let router = axum::Router::new().fallback(answer).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    pub fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    pub fn bodies(&self) -> Vec<Value> {
        self.got.lock().unwrap().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
    }

    /// Holds that what came first is signed with a secret.
    pub fn believes_the_first(&self, secret: &str) {
        let (headers, body) = self.got.lock().unwrap()[0].clone();
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let key = base64::engine::general_purpose::STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = [format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes(), &body].concat();
        let tag = base64::engine::general_purpose::STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed, &tag).expect("the signature is right");
    }

    fn types(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn server() -> Server {
    Server::start_with(crate::harness::calling_itself).await
}

/// Adds a webhook and answers its id and secret.
async fn hook(ann: &Client<'_>, url: &str, events: &str) -> (String, String) {
    let answer = ann.post("/api/v1/webhooks", json!({"url": url, "events": events})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    (answer.json()["id"].as_str().unwrap().to_owned(), answer.json()["secret"].as_str().unwrap().to_owned())
}

async fn round(server: &Server) {
    rapport_server::hooks::round(&server.app).await.unwrap();
}

async fn deliveries(ann: &Client<'_>, hook: &str) -> Vec<Value> {
    ann.get(&format!("/api/v1/webhooks/{hook}/deliveries")).await.json()["rows"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_happens_is_told_once_and_signed() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let early = ann.make("party", json!({"name": "before"})).await;
    let (id, secret) = hook(&ann, &url, "*").await;
    let customer = ann.make("party", json!({"name": "佳美"})).await;
    round(&server).await;
    ann.edit(&customer, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    ann.post(&format!("{early}/archive"), json!({})).await;
    round(&server).await;
    round(&server).await;
    assert_eq!(receiver.types(), ["party.created", "party.updated", "party.archived"]);
    let bodies = receiver.bodies();
    assert_eq!(bodies[1]["data"]["changed"], json!(["industry"]));
    assert_eq!(bodies[1]["data"]["record"]["fields"]["industry"], "print");
    receiver.believes_the_first(&secret);
    let log = deliveries(&ann, &id).await;
    assert_eq!(log.len(), 3);
    assert!(log.iter().all(|one| one["state"] == "delivered" && one["status"] == 200), "{log:?}");
}

#[tokio::test]
async fn a_webhook_says_nothing_of_who_edited_what_its_person_may_not_see() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let all = "read = \"all\"\ncreate = \"all\"\nedit = \"all\"\nreads = [\"main\"]\nwrites = [\"main\"]";
    let clerk = format!(
        "name = \"clerk\"\nlabel = {{ en = \"Clerk\", zh = \"文员\" }}\nrights = [\"administer\"]\n[[rule]]\nkinds = [\"*\"]\n{all}\n"
    );
    let defined = crate::roles::define(&ann, "clerk", &clerk).await;
    assert_eq!(defined.status, 201, "{}", defined.text());
    let rep = Client::of_role(&server, "rita", "clerk").await;
    let customer = ann.make("party", json!({"name": "佳美"})).await;
    hook(&rep, &url, "*").await;
    round(&server).await;
    ann.edit(&customer, json!([{"op": "set", "field": "id_number", "value": "110101199003078515"}])).await;
    let bo = Client::as_bo(&server).await;
    bo.edit(&customer, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    round(&server).await;
    let told = receiver.bodies().pop().unwrap();
    assert_eq!((&told["data"]["changed"], told["data"]["by"].as_array().unwrap().len()), (&json!(["industry"]), 1), "{told}");
    let seen = rep.get(&customer).await.json();
    assert_eq!((&told["data"]["record"]["version"], &told["data"]["record"]["updatedAt"]), (&seen["version"], &seen["updatedAt"]));
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_again_with_growing_patience_and_the_same_id() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let (id, _) = hook(&ann, &url, "party.created").await;
    receiver.answer(&[500, 302, 200]);
    ann.make("party", json!({"name": "佳美"})).await;
    round(&server).await;
    round(&server).await;
    assert_eq!(receiver.types().len(), 1, "not before it is time");
    let log = deliveries(&ann, &id).await;
    assert_eq!((&log[0]["state"], &log[0]["status"], &log[0]["attempts"]), (&json!("waiting"), &json!(500), &json!(1)));
    server.clock.forward(5_000);
    round(&server).await;
    server.clock.forward(5_000);
    round(&server).await;
    assert_eq!(receiver.types().len(), 2, "the second time it waits longer; a redirect is not followed");
    server.clock.forward(5 * MINUTE);
    round(&server).await;
    assert_eq!(receiver.types().len(), 3);
    let ids: Vec<String> =
        receiver.got.lock().unwrap().iter().map(|(headers, _)| headers["webhook-id"].to_str().unwrap().to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(deliveries(&ann, &id).await[0]["state"], "delivered");
}

#[tokio::test]
async fn after_three_days_it_is_given_up_and_may_be_sent_again() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let (id, _) = hook(&ann, &url, "party.created").await;
    receiver.answer(&[503; 9]);
    ann.make("party", json!({"name": "佳美"})).await;
    for _ in 0..20 {
        round(&server).await;
        server.clock.forward(24 * 60 * MINUTE);
    }
    let ann = Client::office(&server).await;
    let log = deliveries(&ann, &id).await;
    assert_eq!((&log[0]["state"], &log[0]["attempts"], receiver.types().len()), (&json!("failed"), &json!(9), 9));
    let path = format!("/api/v1/webhooks/{id}/deliveries/{}/replay", log[0]["id"].as_str().unwrap());
    assert_eq!(ann.post(&path, json!({})).await.status, 202);
    round(&server).await;
    assert_eq!(deliveries(&ann, &id).await[0]["state"], "delivered");
}

#[tokio::test]
async fn who_says_gone_is_told_nothing_until_somebody_lets_it_go_on() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let (id, _) = hook(&ann, &url, "party.created").await;
    receiver.answer(&[410]);
    ann.make("party", json!({"name": "one"})).await;
    round(&server).await;
    ann.make("party", json!({"name": "two"})).await;
    server.clock.forward(MINUTE);
    round(&server).await;
    assert_eq!(receiver.types().len(), 1);
    let resumed = ann.send(Method::PATCH, &format!("/api/v1/webhooks/{id}"), Some(json!({"paused": false}))).await;
    assert_eq!(resumed.status, 204);
    round(&server).await;
    assert_eq!(receiver.types().len(), 3, "nothing is lost meanwhile");
}

#[tokio::test]
async fn a_webhook_sees_what_its_person_sees_and_what_it_asked_for() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let (_, _) = hook(&ann, &url, "deal.updated.stage *.archived").await;
    let deal = ann.make("deal", json!({"title": "printers"})).await;
    ann.edit(&deal, json!([{"op": "set", "field": "title", "value": "more printers"}])).await;
    round(&server).await;
    assert_eq!(receiver.types(), Vec::<String>::new());
    ann.edit(&deal, json!([{"op": "set", "field": "stage", "value": "proposal"}])).await;
    round(&server).await;
    assert_eq!(receiver.types(), ["deal.updated"]);
    server.app.auth.disable_user(server.workspace, server.ann, None).await.unwrap();
    let bo = Client::as_bo(&server).await;
    bo.edit(&deal, json!([{"op": "set", "field": "stage", "value": "won"}])).await;
    round(&server).await;
    assert_eq!(receiver.types().len(), 1, "whoever is shut out sees nothing");
}

#[tokio::test]
async fn nothing_inside_the_network_is_called() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    for url in [
        "http://127.0.0.1:1/",
        "https://1.1.1.1:6379/",
        "https://localhost/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "ftp://x/",
    ] {
        let answer = ann.post("/api/v1/webhooks", json!({"url": url, "events": "*"})).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].as_str()), (422, Some("url")), "{url}");
    }
    let port = ann.post("/api/v1/webhooks", json!({"url": "https://1.1.1.1:6379/", "events": "*"})).await.text();
    assert!(port.contains("6379 is not called") && port.contains("webhooks.allow_ports"), "{port}");
    let bad = ann.post("/api/v1/webhooks", json!({"url": "https://1.1.1.1/", "events": "party.deleted"})).await;
    assert_eq!(bad.json()["field"], "events");
    let rep = Client::of_role(&server, "cy", "rep").await;
    assert_eq!(rep.get("/api/v1/webhooks").await.status, 403);
}

#[tokio::test]
async fn an_address_that_leads_inside_later_is_not_called_either() {
    let (receiver, url) = Receiver::start().await;
    let server = Server::start_with(|config| config.webhooks.allow_ports = (1..=u16::MAX).collect()).await;
    let ann = Client::office(&server).await;
    // As if its name had answered with a public address when it was added.
    let new = rapport_server::hooks::NewHook {
        workspace: server.workspace,
        user: server.ann,
        url,
        events: "*".parse().unwrap(),
        skip_own: false,
    };
    let id = rapport_server::hooks::add(&server.app, new).await.unwrap().webhook.to_string();
    ann.make("party", json!({"name": "canary"})).await;
    round(&server).await;
    assert_eq!(receiver.types(), Vec::<String>::new());
    let log = deliveries(&ann, &id).await;
    assert!(log[0]["problem"].as_str().unwrap().contains("not a public address"), "{log:?}");
}

#[tokio::test]
async fn webhooks_are_added_pinged_and_removed_on_their_page() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str())];
    let bad = server.send(Method::POST, "/webhooks", &form, "url=https://10.0.0.1/&events=*").await;
    assert_eq!(bad.status, 422);
    assert!(bad.text().contains("value=\"https://10.0.0.1/\""));
    let added = server.send(Method::POST, "/webhooks", &form, format!("url={url}&events=party.*")).await;
    assert!(added.text().contains("whsec_"), "{}", added.text());
    let list = server.get("/webhooks", &[("cookie", &cookie)]).await.text();
    assert!(!list.contains("whsec_"), "shown once");
    let path = list.split("href=\"/webhooks/").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let path = format!("/webhooks/{path}");
    assert_eq!(server.send(Method::POST, &path, &form, "act=ping").await.status, 303);
    round(&server).await;
    assert_eq!(receiver.types(), ["ping"]);
    let log = server.get(&path, &[("cookie", &cookie)]).await.text();
    assert!(log.contains("Delivered") && log.contains("200"), "{log}");
    assert_eq!(server.send(Method::POST, &path, &form, "act=remove").await.status, 303);
    assert_eq!(server.get(&path, &[("cookie", &cookie)]).await.status, 404);
}

#[tokio::test]
async fn what_can_never_happen_is_refused_with_what_was_meant() {
    let (server, (_, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    for (events, why) in [
        ("x.created", "is no kind `x`"),
        ("deal.created paty.created", "is no kind `paty`; did you mean `party`?"),
        ("party.updated.nope", "writes a field `nope` of `party`"),
        ("party.updated.industri", "did you mean `industry`?"),
        ("*.updated.industri", "did you mean `industry`?"),
        ("deal.updated.weighted", "writes a field `weighted` of `deal`"),
        (" ", "name events such as"),
    ] {
        let refused = ann.post("/api/v1/webhooks", json!({"url": url, "events": events})).await;
        assert_eq!((refused.status.as_u16(), refused.json()["field"].as_str()), (422, Some("events")), "{events}: {}", refused.text());
        assert!(refused.text().contains(why), "{events}: {}", refused.text());
    }
    hook(&ann, &url, "party.updated.industry *.updated.industry deal.* *.created").await;
}

#[tokio::test]
async fn what_the_person_of_a_webhook_never_sees_is_refused_with_the_reason() {
    let (server, (_, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let clerk = "name = \"clerk\"\nlabel = { en = \"Clerk\", zh = \"文员\" }\nrights = [\"administer\"]\n\
        [[rule]]\nkinds = [\"*\"]\nread = \"all\"\nreads = [\"main\"]\n";
    assert_eq!(crate::roles::define(&ann, "clerk", clerk).await.status, 201);
    let rita = Client::of_role(&server, "rita", "clerk").await;
    for unseen in ["party.updated.id_number", "*.updated.id_number"] {
        let refused = rita.post("/api/v1/webhooks", json!({"url": url, "events": unseen})).await;
        assert!(refused.status == 422 && refused.text().contains("You may not see what"), "{}", refused.text());
    }
    hook(&rita, &url, "party.updated.name").await;
    hook(&ann, &url, "party.updated.id_number").await;
}

#[tokio::test]
async fn the_deliveries_of_a_webhook_that_is_not_there_are_not_there() {
    let server = server().await;
    let ann = Client::office(&server).await;
    let nobodys = sync_core::id::RecordId::of_cause("nobody's");
    assert_eq!(ann.get(&format!("/api/v1/webhooks/{nobodys}/deliveries")).await.status, 404);
}

/// The same server with a desk for its pages.
async fn desk() -> Desk {
    Desk::with(crate::harness::calling_itself).await
}

#[tokio::test]
async fn a_webhook_is_changed_and_keeps_its_secret_and_its_log() {
    let (desk, (first, old), (second, new)) = (desk().await, Receiver::start().await, Receiver::start().await);
    let ann = Client::office(&desk.server).await;
    let (id, secret) = hook(&ann, &old, "party.created").await;
    first.answer(&[200, 500]);
    ann.make("party", json!({"name": "佳美"})).await;
    round(&desk.server).await;
    ann.make("party", json!({"name": "办公"})).await;
    round(&desk.server).await;
    let page = desk.get(&format!("/webhooks/{id}")).await.text();
    assert!(page.contains(&format!("value=\"{old}\"")) && page.contains("value=\"party.created\""), "{page}");

    let address = format!("/webhooks/{id}");
    for (url, events, said) in [(new.as_str(), "part.created", "is no kind `part`"), ("https://10.0.0.1/", "*", "10.0.0.1")] {
        let refused = desk.post(&address, &[("act", "edit"), ("url", url), ("events", events)]).await;
        let text = refused.text();
        assert!(refused.status == 422 && text.contains(said) && text.contains(&format!("value=\"{events}\"")), "{said}: {text}");
    }
    assert_eq!(ann.get("/api/v1/webhooks").await.json()["rows"][0]["url"], json!(old), "what is refused changes nothing");

    let edited = desk.post(&address, &[("act", "edit"), ("url", &new), ("events", "party.created deal.*"), ("skip_own", "on")]).await;
    assert_eq!(edited.header("location"), format!("{address}?done=edit"));
    round(&desk.server).await;
    assert_eq!((first.types().len(), second.types().len()), (2, 1), "what waited is sent to the new address at once");
    let (headers, body) = second.got.lock().unwrap()[0].clone();
    let key = base64::engine::general_purpose::STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let signed = [format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes(), &body].concat();
    let tag = base64::engine::general_purpose::STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed, &tag).expect("by the same secret");
    assert_eq!(deliveries(&ann, &id).await.len(), 2);
    let row = ann.get("/api/v1/webhooks").await.json()["rows"][0].clone();
    assert_eq!((&row["events"], &row["skipOwn"]), (&json!("party.created deal.*"), &json!(true)));
    let log = desk.get("/audit?act=webhook_changed").await.text();
    assert!(log.contains("Changed.") && !log.contains("/hook"), "the log says where, not by which secret path: {log}");
}

#[tokio::test]
async fn programs_change_a_part_of_a_webhook() {
    let (server, (_, url), (_, other)) = (server().await, Receiver::start().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let (id, _) = hook(&ann, &url, "party.created").await;
    let address = format!("/api/v1/webhooks/{id}");
    let patch = async |body: Value| ann.send(Method::PATCH, &address, Some(body)).await;
    let now = async || ann.get("/api/v1/webhooks").await.json()["rows"][0].clone();
    assert_eq!(patch(json!({"events": "*"})).await.status, 204);
    assert_eq!((&now().await["events"], &now().await["url"]), (&json!("*"), &json!(url)));
    assert_eq!(patch(json!({"url": other, "paused": true})).await.status, 204);
    assert_eq!((&now().await["url"], now().await["pausedAt"].is_null()), (&json!(other), false));
    assert_eq!(patch(json!({"paused": false, "skipOwn": true})).await.status, 204);
    assert_eq!((&now().await["skipOwn"], now().await["pausedAt"].is_null()), (&json!(true), true));
    for bad in [json!({}), json!({"events": "part.created"}), json!({"url": "https://10.0.0.1/"}), json!({"secret": "x"})] {
        assert_eq!(patch(bad.clone()).await.status, 422, "{bad}");
    }
    let nobody = format!("/api/v1/webhooks/{}", sync_core::id::RecordId::of_cause("none"));
    assert_eq!(ann.send(Method::PATCH, &nobody, Some(json!({"events": "*"}))).await.status, 404);
}

#[tokio::test]
async fn a_webhook_sees_what_the_person_sees_who_changed_it_last() {
    let (server, (receiver, url)) = (server().await, Receiver::start().await);
    let ann = Client::office(&server).await;
    let all = "read = \"all\"\nreads = [\"main\"]";
    let clerk = format!(
        "name = \"clerk\"\nlabel = {{ en = \"Clerk\", zh = \"文员\" }}\nrights = [\"administer\"]\n[[rule]]\nkinds = [\"*\"]\n{all}\n"
    );
    assert_eq!(crate::roles::define(&ann, "clerk", &clerk).await.status, 201);
    let clerk = Client::of_role(&server, "rita", "clerk").await;
    let (id, _) = hook(&ann, &url, "*").await;
    let edited = clerk.send(Method::PATCH, &format!("/api/v1/webhooks/{id}"), Some(json!({"url": url.replace("/hook", "/mine")}))).await;
    assert_eq!(edited.status, 204, "{}", edited.text());
    ann.make("party", json!({"name": "佳美", "id_number": "110101199003078515"})).await;
    round(&server).await;
    let told = receiver.bodies().pop().unwrap();
    assert_eq!(told["data"]["record"]["fields"]["name"], "佳美");
    assert!(!told.to_string().contains("110101199003078515"), "{told}");
}

#[tokio::test]
async fn who_takes_over_a_webhook_is_sent_nothing_that_another_person_saw() {
    let (desk, (first, old), (second, new)) = (desk().await, Receiver::start().await, Receiver::start().await);
    let server = &desk.server;
    let ann = Client::office(server).await;
    let rule = "[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nreads = [\"main\"]";
    let clerk = format!("name = \"clerk\"\nlabel = {{ en = \"Clerk\", zh = \"文员\" }}\nrights = [\"administer\"]\n{rule}\n");
    assert_eq!(crate::roles::define(&ann, "clerk", &clerk).await.status, 201);
    let clerk = Client::of_role(server, "rita", "clerk").await;
    let (id, _) = hook(&ann, &old, "party.created").await;
    let patch = async |body: Value| clerk.send(Method::PATCH, &format!("/api/v1/webhooks/{id}"), Some(body)).await.status;
    first.answer(&[200, 500]);
    for name in ["佳美", "办公"] {
        ann.make("party", json!({"name": name, "id_number": "110101199003078515"})).await;
        round(server).await;
        server.clock.forward(1_000);
    }
    assert_eq!(patch(json!({"skipOwn": true, "paused": false})).await, 204);
    assert!(deliveries(&ann, &id).await.iter().any(|one| one["state"] == "waiting"), "its sight is still the same person's");
    assert_eq!(patch(json!({"url": new})).await, 204);
    round(server).await;
    let log = deliveries(&ann, &id).await;
    let states: Vec<&str> = log.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "delivered"]);
    assert!(log[0]["nextAt"].is_null() && log[0]["problem"].as_str().unwrap().contains("somebody else changed"), "{log:?}");
    for one in &log {
        let refused = clerk.post(&format!("/api/v1/webhooks/{id}/deliveries/{}/replay", one["id"].as_str().unwrap()), json!({})).await;
        assert!(refused.status == 409 && refused.text().contains("another person's sight"), "{}", refused.text());
    }
    let page = desk.get(&format!("/webhooks/{id}")).await.text();
    assert!(page.contains("somebody else changed the webhook") && !page.contains("/replay"), "{page}");
    server.clock.forward(MINUTE);
    round(server).await;
    assert_eq!((first.types().len(), second.types()), (2, Vec::<String>::new()));
    ann.make("party", json!({"name": "new", "id_number": "110101199003078515"})).await;
    round(server).await;
    let told = second.bodies().pop().expect("what happens from then on is told");
    assert!(!told.to_string().contains("110101199003078515"), "{told}");
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_is_said_where_administrators_look() {
    let (desk, (receiver, url)) = (desk().await, Receiver::start().await);
    let ann = Client::office(&desk.server).await;
    let (id, _) = hook(&ann, &url, "party.created").await;
    let (other, _) = hook(&ann, &url, "deal.created").await;
    assert!(!desk.get("/webhooks").await.text().contains("No answer since"));
    assert!(desk.get("/admin").await.text().contains("0 / 2"));
    let since = desk.server.app.clock.now();
    receiver.answer(&[500, 503]);
    ann.make("party", json!({"name": "佳美"})).await;
    round(&desk.server).await;
    desk.server.clock.forward(MINUTE);
    round(&desk.server).await;
    let next = desk.server.app.clock.now() + 5 * MINUTE;
    for path in ["/webhooks".to_owned(), format!("/webhooks/{id}")] {
        let page = desk.get(&path).await.text();
        let minute = |at: i64| jiff::Timestamp::from_millisecond(at).unwrap().strftime("%Y-%m-%d %H:%M UTC").to_string();
        for said in [format!("No answer since {}", minute(since)), "Last answer: 503".to_owned(), format!("Next attempt: {}", minute(next))]
        {
            assert!(page.contains(&said), "{said}: {page}");
        }
    }
    assert!(!desk.get(&format!("/webhooks/{other}")).await.text().contains("No answer since"));
    assert!(desk.get("/admin").await.text().contains("1 / 2"));
    let all = ann.get("/api/v1/webhooks").await.json();
    let row = |id: &str| all["rows"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    assert_eq!(row(&id)["failing"], json!({"since": since, "nextAt": next, "status": 503, "problem": null}));
    assert!(row(&other).get("failing").is_none());

    desk.server.clock.forward(5 * MINUTE);
    round(&desk.server).await;
    assert!(!desk.get("/webhooks").await.text().contains("No answer since"), "it answers again");
}

#[tokio::test]
async fn removing_a_webhook_asks_first_and_says_what_goes() {
    let (desk, (receiver, url)) = (desk().await, Receiver::start().await);
    let ann = Client::office(&desk.server).await;
    let (id, _) = hook(&ann, &url, "party.created").await;
    receiver.answer(&[200, 500]);
    for name in ["佳美", "办公"] {
        ann.make("party", json!({"name": name})).await;
        round(&desk.server).await;
    }
    let page = desk.get(&format!("/webhooks/{id}")).await.text();
    assert!(page.contains(&format!("href=\"/webhooks/{id}/remove\"")) && !page.contains("value=\"remove\""), "{page}");
    let asked = desk.get(&format!("/webhooks/{id}/remove")).await.text();
    for said in [url.as_str(), "secret goes with it", "2 deliveries", "1 of them was not delivered", "value=\"remove\""] {
        assert!(asked.contains(said), "{said}: {asked}");
    }
    assert_eq!(ann.get("/api/v1/webhooks").await.json()["rows"].as_array().unwrap().len(), 1, "asking removes nothing");
    assert_eq!(desk.post(&format!("/webhooks/{id}"), &[("act", "remove")]).await.header("location"), "/webhooks");
    assert_eq!(desk.get(&format!("/webhooks/{id}/remove")).await.status, 404);
}
