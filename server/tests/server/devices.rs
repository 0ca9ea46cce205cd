//! Phones: one code makes one device, a device that is shut out is out.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use rapport_server::auth::DeviceCaller;
use reqwest::Method;
use sync_core::id::{ActorId, DeviceId};
use sync_core::protocol::{Enrol, Enrolled};
use tower::ServiceExt;

use crate::harness::{Answer, MINUTE, Server};

async fn code(server: &Server) -> String {
    server.app.auth.device_code(server.workspace, server.ann, None).await.unwrap().0.reveal()
}

async fn enrol(server: &Server, code: &str, actor: u8) -> Answer {
    let body =
        Enrol { code: code.to_owned(), device_name: "Ann's phone".to_owned(), app: "test 1".to_owned(), actor: ActorId([actor; 16]) };
    server.send(Method::POST, "/sync/enrol", &[], minicbor::to_vec(body).unwrap()).await
}

async fn device(server: &Server) -> Enrolled {
    let answer = enrol(server, &code(server).await, 1).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    minicbor::decode(&answer.body).unwrap()
}

/// What a door for devices answers to these headers: the status and the problem's code.
async fn knock(server: &Server, headers: &[(&str, &str)]) -> (u16, String) {
    let door = Router::new().route("/", get(async |caller: DeviceCaller| caller.device.to_string())).with_state(server.app.clone());
    let request =
        headers.iter().fold(Request::get("/").header("host", "crm.example.com"), |request, (name, value)| request.header(*name, *value));
    let response = door.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    (status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned())
}

async fn knock_with(server: &Server, token: &str) -> (u16, String) {
    knock(server, &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn of_fifty_phones_with_one_code_exactly_one_gets_in() {
    let server = Server::start().await;
    let code = code(&server).await;
    let answers = futures_util::future::join_all((0..50).map(|actor| enrol(&server, &code, actor))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 403 && answer.code() == "wrong_code").count(), 49);
}

#[tokio::test]
async fn a_code_expires() {
    let server = Server::start().await;
    let code = code(&server).await;
    server.clock.forward(10 * MINUTE);
    assert_eq!(enrol(&server, &code, 1).await.code(), "wrong_code");
}

#[tokio::test]
async fn an_actor_belongs_to_one_device_and_the_code_stays_good() {
    let server = Server::start().await;
    device(&server).await;
    let code = code(&server).await;
    let taken = enrol(&server, &code, 1).await;
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "actor_taken"));
    assert_eq!(enrol(&server, &code.to_lowercase(), 2).await.status, 200);
}

#[tokio::test]
async fn nonsense_is_no_enrolment() {
    let server = Server::start().await;
    assert_eq!(server.send(Method::POST, "/sync/enrol", &[], "nonsense").await.status, 422);
    assert_eq!(enrol(&server, "ABCD", 1).await.status, 403);
}

#[tokio::test]
async fn a_device_is_known_by_its_token_alone() {
    let server = Server::start().await;
    let enrolled = device(&server).await;
    let bearer = format!("Bearer {}", enrolled.token);
    let authorization = ("authorization", bearer.as_str());
    assert_eq!(knock(&server, &[authorization]).await.0, 200);
    assert_eq!(knock(&server, &[authorization, ("origin", "http://crm.example.com")]).await.0, 200);
    assert_eq!(knock(&server, &[authorization, ("origin", "https://evil.example")]).await, (403, "foreign_origin".to_owned()));
    assert_eq!(knock(&server, &[authorization, ("cookie", "a=b")]).await, (403, "foreign_origin".to_owned()));
    assert_eq!(knock(&server, &[]).await, (401, "sign_in_needed".to_owned()));
    assert_eq!(knock_with(&server, &server.token().await).await.0, 401, "a session is no device");
    assert!(!server.knows_token(&enrolled.token).await, "a device is no session");
}

#[tokio::test]
async fn a_device_that_is_shut_out_is_out_at_its_next_request() {
    let server = Server::start().await;
    let enrolled = device(&server).await;
    assert!(server.app.auth.revoke_device(server.workspace, enrolled.device, None).await.unwrap());
    assert_eq!(knock_with(&server, &enrolled.token).await, (401, "revoked".to_owned()));
    assert!(!server.app.auth.revoke_device(server.workspace, enrolled.device, None).await.unwrap(), "it was out already");
}

#[tokio::test]
async fn a_device_of_somebody_shut_out_waits_and_may_come_back() {
    let server = Server::start().await;
    let enrolled = device(&server).await;
    server.app.auth.disable_user(server.workspace, server.ann, None).await.unwrap();
    assert_eq!(knock_with(&server, &enrolled.token).await, (StatusCode::UNAUTHORIZED.as_u16(), "disabled".to_owned()));
    let mut tx = server.app.store.begin().await.unwrap();
    rapport_server::store::people::set_disabled(&mut tx, server.workspace, server.ann, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(knock_with(&server, &enrolled.token).await.0, 200);
}

#[tokio::test]
async fn live_connections_hear_at_once_that_their_device_is_out() {
    let server = Server::start().await;
    let enrolled = device(&server).await;
    let caller = |device: DeviceId| DeviceCaller {
        workspace: server.workspace,
        user: server.ann,
        name: "ann".to_owned(),
        login: "ann".to_owned(),
        role: "office".parse().unwrap(),
        language: rapport_server::language::Language::En,
        device,
        token_hash: rapport_server::auth::secret::Token::parse(rapport_server::auth::secret::TokenKind::Device, &enrolled.token)
            .unwrap()
            .hash(),
    };
    let (auth, own) = (server.app.auth.clone(), caller(enrolled.device));
    let live = tokio::spawn(async move { auth.until_gone(&own).await });
    // Another one's end does not concern it.
    server.app.auth.revoke_device(server.workspace, DeviceId::of_cause("another"), None).await.unwrap();
    tokio::task::yield_now().await;
    assert!(!live.is_finished());
    server.app.auth.revoke_device(server.workspace, enrolled.device, None).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), live).await.unwrap().unwrap();
    // Nor does one that comes too late hang.
    tokio::time::timeout(Duration::from_secs(10), server.app.auth.until_gone(&caller(enrolled.device))).await.unwrap();
}
