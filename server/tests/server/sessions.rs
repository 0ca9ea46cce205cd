//! People: signing in and out, being forgotten, being slowed down, being protected from other sites.

use base64::Engine;
use reqwest::Method;

use crate::harness::{MINUTE, PASSWORD, Server, logged};

#[tokio::test]
async fn a_token_works_until_its_holder_signs_out() {
    let server = Server::start().await;
    let token = server.token().await;
    let bearer = format!("Bearer {token}");
    let me = server.get("/api/v1/me", &[("authorization", &bearer)]).await.json();
    assert_eq!((me["login"].as_str(), me["role"].as_str()), (Some("ann"), Some("office")));
    let out = server.send(Method::POST, "/api/v1/sign-out", &[("authorization", &bearer)], "").await;
    assert_eq!(out.status, 204);
    assert!(!server.knows_token(&token).await);
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_in_is_not_told() {
    let server = Server::start().await;
    server.app.auth.disable_user(server.workspace, sync_core::id::UserId::of_cause("bo"), None).await.unwrap();
    let mut answers = Vec::new();
    for (login, password) in [("ann", "another password"), ("nobody", PASSWORD), ("bo", PASSWORD), ("", "")] {
        let answer = server.api_sign_in(login, password).await;
        answers.push((answer.status.as_u16(), answer.text()));
    }
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
    let server = Server::start_with(|config| {
        config.session.idle_max_minutes = 30;
        config.session.absolute_max_hours = 2;
    })
    .await;
    let token = server.token().await;
    server.clock.forward(30 * MINUTE - 1);
    assert!(server.knows_token(&token).await);
    server.clock.forward(30 * MINUTE - 1);
    assert!(server.knows_token(&token).await, "being used keeps it");
    server.clock.forward(30 * MINUTE);
    assert!(!server.knows_token(&token).await, "idle");

    let token = server.token().await;
    for _ in 0..5 {
        server.clock.forward(20 * MINUTE);
        assert!(server.knows_token(&token).await);
    }
    server.clock.forward(20 * MINUTE);
    assert!(!server.knows_token(&token).await, "old, however busy");
}

#[tokio::test]
async fn a_browser_gets_a_new_session_each_time_and_the_old_one_ends() {
    let server = Server::start().await;
    let (answer, first) = server.browser_sign_in(&[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["rapport=rps_", "; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age="] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
    assert!(server.knows(&[("cookie", &format!("theme=dark; {first}"))]).await);
    let (_, second) = server.browser_sign_in(&[("cookie", &first)]).await;
    assert_ne!(first, second);
    assert!(!server.knows(&[("cookie", &first)]).await);
    let own = [("cookie", second.as_str()), ("sec-fetch-site", "same-origin")];
    let out = server.send(Method::POST, "/sign-out", &own, "").await;
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert!(!server.knows(&[("cookie", &second)]).await);
}

#[tokio::test]
async fn behind_https_the_cookie_never_travels_in_the_clear() {
    let server = Server::start_with(|config| config.listen.public_url = Some("https://crm.example.com".to_owned())).await;
    let (answer, cookie) = server.browser_sign_in(&[]).await;
    assert!(cookie.starts_with("__Host-rapport="), "{cookie}");
    assert!(answer.header("set-cookie").contains("; Secure"));
    assert!(answer.header("strict-transport-security").contains("max-age"));
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down() {
    let server = Server::start_with(|config| {
        config.sign_in.attempts_per_account_max = 3;
        config.sign_in.attempts_per_address_max = 5;
        config.sign_in.window_minutes = 15;
    })
    .await;
    for _ in 0..3 {
        assert_eq!(server.api_sign_in("ann", "not her password").await.status, 401);
    }
    let answer = server.api_sign_in("ANN ", PASSWORD).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str(), answer.header("retry-after")), (429, "throttled", "900"));
    // The address has one attempt left, whoever it tries.
    assert_eq!(server.api_sign_in("bo", "not his password").await.status, 401);
    assert_eq!(server.api_sign_in("bo", PASSWORD).await.status, 429);
    server.clock.forward(15 * MINUTE);
    assert_eq!(server.api_sign_in("ann", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_sign_in_that_works_forgives_the_slips_before_it() {
    let server = Server::start_with(|config| config.sign_in.attempts_per_account_max = 3).await;
    for _ in 0..4 {
        assert_eq!(server.api_sign_in("ann", "a slip of the hand").await.status, 401);
        assert_eq!(server.api_sign_in("ann", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn many_guesses_at_once_count_each() {
    let server = Server::start_with(|config| config.sign_in.attempts_per_account_max = 5).await;
    let guesses = (0..20).map(|_| server.api_sign_in("ann", "one of many guesses"));
    let answers = futures_util::future::join_all(guesses).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 5);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 15);
}

#[tokio::test]
async fn addresses_are_believed_only_from_a_trusted_proxy() {
    for (trusted, expected) in [(false, 429), (true, 401)] {
        let server = Server::start_with(|config| {
            config.listen.trust_forwarded_for = trusted;
            config.sign_in.attempts_per_address_max = 1;
        })
        .await;
        let mut last = 0;
        for client in ["192.0.2.1", "198.51.100.7, 192.0.2.2"] {
            let headers = [("content-type", "application/json"), ("x-forwarded-for", client)];
            let body = r#"{"login":"nobody","password":"guess guess"}"#;
            last = server.send(Method::POST, "/api/v1/sign-in", &headers, body).await.status.as_u16();
        }
        assert_eq!(last, expected, "trusted: {trusted}");
    }
}

#[tokio::test]
async fn other_sites_cannot_act_for_who_is_signed_in() {
    let server = Server::start().await;
    let own = format!("http://{}", server.address);
    for (headers, allowed) in [
        (&[("sec-fetch-site", "same-origin")][..], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", &own)], false),
        (&[("origin", &own)], true),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", "null")], false),
        (&[], false),
    ] {
        let (_, cookie) = server.browser_sign_in(&[]).await;
        let all = [headers, &[("cookie", &cookie)]].concat();
        let answer = server.send(Method::POST, "/sign-out", &all, "").await;
        assert_eq!(answer.status.as_u16(), if allowed { 303 } else { 403 }, "{headers:?}");
        assert_eq!(server.knows(&[("cookie", &cookie)]).await, !allowed, "{headers:?}");
    }
    let program =
        server.send(Method::POST, "/api/v1/sign-out", &[("authorization", &format!("Bearer {}", server.token().await))], "").await;
    assert_eq!(program.status, 204, "a program has no origin, and no cookies");
}

#[tokio::test]
async fn a_person_shut_out_is_out_at_once() {
    let server = Server::start().await;
    let token = server.token().await;
    server.app.auth.disable_user(server.workspace, server.ann, None).await.unwrap();
    assert!(!server.knows_token(&token).await);
    assert_eq!(server.api_sign_in("ann", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn people_get_pages_and_programs_get_problem_documents() {
    let server = Server::start().await;
    let program = server.get("/api/v1/me", &[]).await;
    assert_eq!((program.status.as_u16(), program.header("content-type")), (401, "application/problem+json"));
    assert_eq!(program.json()["type"], "urn:rapport:problem:sign_in_needed");
    let page = [("accept", "text/html"), ("accept-language", "zh-CN"), ("content-type", "application/x-www-form-urlencoded")];
    let wrong = server.send(Method::POST, "/sign-in", &page, "login=ann&password=wrong").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("content-type").starts_with("text/html"));
    assert!(wrong.text().contains("用户名或密码错误"), "{}", wrong.text());
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_with_a_problem() {
    let server = Server::start().await;
    let json = ("content-type", "application/json");
    for (path, headers, body, status) in [
        ("/api/v1/sign-in", &[json][..], "{", 422),
        ("/api/v1/sign-in", &[json], "{\"login\": \"ann\"}", 422),
        ("/api/v1/sign-in", &[], "{}", 415),
        ("/sync/enrol", &[], "nonsense", 422),
    ] {
        let answer = server.send(Method::POST, path, headers, body).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (status, "application/problem+json"), "{path} {body}");
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let server = Server::start().await;
    let token = server.token().await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    assert!(server.knows(&[("cookie", &cookie)]).await);
    server.api_sign_in("ann", "canary-typed-wrong").await;
    server.get("/api/v1/me?token=canary-in-the-address", &[("authorization", &format!("Bearer {token}"))]).await;
    server.get("/no/such/canary-path", &[("x-canary", "canary-header")]).await;
    let (code, _) = server.app.auth.device_code(server.workspace, server.ann, None).await.unwrap();
    let log = logged();
    assert!(log.contains("/api/v1/me"), "requests are logged by route");
    let session = cookie.split_once('=').unwrap().1;
    for secret in [PASSWORD, &token, session, &code.reveal(), "canary-"] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[tokio::test]
async fn a_restart_forgets_neither_sessions_nor_wrong_guesses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rapport.db");
    let config = |config: &mut rapport_server::Config| {
        config.database.path = path.clone();
        config.sign_in.attempts_per_account_max = 3;
    };
    let mut server = Server::start_with(config).await;
    let token = server.token().await;
    for _ in 0..3 {
        assert_eq!(server.api_sign_in("bo", "not his password").await.status, 401);
    }
    server.ask_to_stop();
    server.stopped().await;
    let server = Server::start_again(config).await;
    assert!(server.knows_token(&token).await);
    assert_eq!(server.api_sign_in("bo", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn where_there_are_several_workspaces_the_one_that_is_meant_is_asked_for() {
    let server = Server::start().await;
    let other = sync_core::id::WorkspaceId::of_cause("secret branch");
    let seal = rapport_server::store::workspaces::SealKey([3; 32]);
    let mut tx = server.app.store.begin().await.unwrap();
    rapport_server::store::workspaces::add(&mut tx, other, "secret branch", [3; 16], seal, 0).await.unwrap();
    tx.commit().await.unwrap();
    let asked = server.api_sign_in("ann", PASSWORD).await;
    assert_eq!((asked.status.as_u16(), asked.json()["field"].as_str()), (422, Some("workspace")), "{}", asked.text());
    assert!(asked.text().contains("`workspace` is missing") && !asked.text().contains("secret branch"), "{}", asked.text());
    let json = [("content-type", "application/json")];
    for (workspace, status) in [("main", 200), ("secret branch", 401), ("no such", 401)] {
        let body = serde_json::json!({"workspace": workspace, "login": "ann", "password": PASSWORD}).to_string();
        assert_eq!(server.send(Method::POST, "/api/v1/sign-in", &json, body).await.status, status, "{workspace}");
    }
}

#[tokio::test]
async fn whoever_has_to_sign_in_first_comes_to_the_page_that_they_asked_for_and_to_no_other_site() {
    let server = Server::start().await;
    let asked = server.get("/records/party?sort=name", &[("accept", "text/html")]).await;
    assert_eq!((asked.status.as_u16(), asked.header("location")), (303, "/sign-in"));
    let wanted = asked.header("set-cookie").split(';').next().unwrap().to_owned();
    let (answer, _) = server.browser_sign_in(&[("cookie", &wanted)]).await;
    assert_eq!(answer.header("location"), "/records/party?sort=name");
    let forgotten = answer.headers.get_all("set-cookie").iter().any(|set| set.to_str().unwrap().starts_with("rapport-wanted=; "));
    assert!(forgotten, "the next sign-in begins at the beginning: {:?}", answer.headers);
    // Whoever can write a cookie sends nobody elsewhere.
    for elsewhere in ["https://evil.example/", "//evil.example/", "/\\evil.example/", "/a\r\nb: c", "javascript:alert(1)", ""] {
        let written = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(elsewhere);
        let (answer, _) = server.browser_sign_in(&[("cookie", &format!("rapport-wanted={written}"))]).await;
        assert_eq!(answer.header("location"), "/", "{elsewhere}");
    }
    let page = server.get("/", &[("accept", "text/html")]).await;
    assert!(page.header("set-cookie").is_empty(), "there is nothing to remember");
    let changed =
        server.send(Method::POST, "/language", &[("accept", "text/html"), ("sec-fetch-site", "same-origin")], "language=en").await;
    assert!(changed.header("set-cookie").is_empty(), "what is sent is not sent again");
}

#[tokio::test]
async fn whoever_was_signed_out_is_told_so_and_comes_back_to_the_form_that_was_not_saved() {
    let server = Server::start().await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    assert_eq!(server.submit(&cookie, "/sign-out", &[]).await.status, 303);
    assert_eq!(server.browse(&cookie, "/records/party").await.header("location"), "/sign-in?left=page");
    let send = async |path: &str, referer: &str| {
        let headers = [
            ("cookie", &*cookie),
            ("accept", "text/html"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("referer", referer),
        ];
        server.send(Method::POST, path, &headers, "f.name=Jiamei").await
    };
    let page = format!("http://{}/records/party/new?f.source=fair", server.address);
    let lost = send("/records/party", &page).await;
    assert_eq!((lost.status.as_u16(), lost.header("location")), (303, "/sign-in?left=form"));
    let wanted = lost.header("set-cookie").split(';').next().unwrap().to_owned();
    let (back, _) = server.browser_sign_in(&[("cookie", &wanted)]).await;
    assert_eq!(back.header("location"), "/records/party/new?f.source=fair");
    for elsewhere in ["https://evil.example//evil.example/", "javascript:alert(1)", "https://evil.example"] {
        assert_eq!(send("/records/party", elsewhere).await.header("set-cookie"), "", "{elsewhere}");
    }
    let out = send("/sign-out", &page).await;
    assert_eq!((out.header("location"), out.header("set-cookie")), ("/sign-in", ""), "who wanted to be out is not sent back");

    let door = async |left: &str, headers: &[(&str, &str)]| server.get(&format!("/sign-in?left={left}"), headers).await.text();
    assert!(door("form", &[]).await.contains("what you typed is not saved yet"));
    assert!(door("form", &[("cookie", "language=zh-CN")]).await.contains("尚未保存"), "in the language that was read");
    assert!(door("page", &[("accept-language", "zh")]).await.contains("您已退出登录"));
    assert!(!door("", &[]).await.contains("signed out") && !door("nothing", &[]).await.contains("signed out"));
}
