//! Codes by SMS, through the pages and doors of people, with a provider on this machine.

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::Browser as Page;
use crate::console::Desk;
use crate::harness::{Answer, MINUTE, PASSWORD, Server, logged};
use crate::hooks::Receiver;
use crate::second_factor::{Browser, FORM, between, sign_in};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NUMBER: &str = "+8613812345678";
const HOUR: i64 = 60 * MINUTE;

/// A server with a provider.
async fn start() -> (Server, Receiver) {
    let (provider, url) = Receiver::start().await;
    let server = Server::start_with(|config| {
        config.sms.url = Some(url);
        config.sms.secret = Some(rapport_server::config::Secret(SECRET.to_owned()));
        config.sms.timeout_ms = 300;
        config.sign_in.attempts_per_account_max = 50;
    })
    .await;
    (server, provider)
}

/// The newest code that the provider was given.
fn code(provider: &Receiver) -> String {
    provider.bodies().last().unwrap()["code"].as_str().unwrap().to_owned()
}

/// Another code than this one.
fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn add(browser: &Browser<'_>, number: &str) -> Answer {
    browser.post("/account/phone", &format!("present={PASSWORD}&number={}", number.replace('+', "%2B"))).await
}

/// Adds a number as a person does; the recovery codes on the answer.
async fn set_up(browser: &Browser<'_>, provider: &Receiver) -> Vec<String> {
    let begun = add(browser, "138 1234-5678").await;
    assert_eq!((begun.status.as_u16(), begun.header("location")), (303, "/account/phone"), "{}", begun.text());
    let done = browser.post("/account/phone/code", &format!("code={}", code(provider))).await;
    between(&done.text(), "<li class=\"mono\">", "</li>")
}

/// The first step of a browser: the page on which a code is asked for, and its ticket.
async fn first_step(server: &Server) -> (String, String) {
    let (answer, cookie) = server.browser_sign_in(&[]).await;
    assert_eq!(cookie, "", "nobody is in yet");
    let page = answer.text();
    let ticket = between(&page, "name=\"ticket\" value=\"", "\"").remove(0);
    (page, ticket)
}

async fn step(server: &Server, path: &str, form: String) -> Answer {
    server.send(Method::POST, path, &FORM, form).await
}

async fn second_step(server: &Server, ticket: &str, code: &str) -> u16 {
    step(server, "/sign-in", format!("ticket={ticket}&code={code}&codeBy=sms")).await.status.as_u16()
}

async fn acts(server: &Server, act: &str) -> Vec<Value> {
    let mut tx = server.app.store.reader().await.unwrap();
    let wanted = rapport_server::store::trail::Wanted { act: Some(act.to_owned()), ..Default::default() };
    let rows = rapport_server::store::trail::wanted_before(&mut tx, server.workspace, u64::MAX, &wanted, 50).await.unwrap();
    rows.iter().map(|row| serde_json::from_str(&row.detail).unwrap()).collect()
}

#[tokio::test]
async fn a_number_counts_once_its_code_was_typed_and_then_the_password_alone_is_not_enough() {
    let (server, provider) = start().await;
    let browser = Browser::of(&server).await;
    assert_eq!(add(&browser, "138 1234 5678").await.status, 303);
    provider.believes_the_first(SECRET);
    let told = provider.bodies().remove(0);
    assert_eq!((&told["to"], &told["language"]), (&json!(NUMBER), &json!("en")));
    assert!(told["text"].as_str().unwrap().contains(told["code"].as_str().unwrap()));
    assert_eq!(sign_in(&server, None).await.0, 200, "nothing is asked for yet");
    let page = browser.get("/account/phone").await.text();
    assert!(page.contains("+86 ••• 678") && !page.contains("1234"), "{page}");
    let wrong = browser.post("/account/phone/code", &format!("code={}", other(&code(&provider)))).await;
    assert_eq!(wrong.status, 422);
    let again = browser.post("/account/phone/again", "").await;
    assert!(again.status == 429 && again.text().contains("in 60 seconds"), "{}", again.text());

    let done = browser.post("/account/phone/code", &format!("code={}", code(&provider))).await;
    assert_eq!(between(&done.text(), "<li class=\"mono\">", "</li>").len(), 10, "recovery codes: {}", done.text());
    assert!(browser.get("/account").await.text().contains("Codes go to +86 ••• 678"));
    assert_eq!(sign_in(&server, None).await, (401, "code_needed".to_owned()));
    assert_eq!(provider.bodies().len(), 2, "the code went out");
    let sent = code(&provider);
    assert_eq!(sign_in(&server, Some(&other(&sent))).await.1, "wrong_second_factor");
    assert_eq!(sign_in(&server, Some(&sent)).await.0, 200);
    assert_eq!(sign_in(&server, Some(&sent)).await.1, "wrong_second_factor", "it works once");
    assert_eq!(acts(&server, "code_sent").await.len(), 2);
    assert_eq!(acts(&server, "second_factor_on").await, [json!({"by": "sms"})]);
    assert_eq!(acts(&server, "signed_in").await[0]["with"], "sms");
}

#[tokio::test]
async fn a_browser_is_sent_a_code_and_another_one_after_a_pause() {
    let (server, provider) = start().await;
    set_up(&Browser::of(&server).await, &provider).await;
    let (page, ticket) = first_step(&server).await;
    assert!(page.contains("Code by SMS to +86 ••• 678") && page.contains("A code is on its way"), "{page}");
    let first = code(&provider);
    let early = step(&server, "/sign-in/code", format!("ticket={ticket}")).await;
    assert_eq!((early.status.as_u16(), provider.bodies().len()), (200, 2));
    assert!(early.text().contains("can be sent in 60 seconds"), "{}", early.text());
    server.clock.forward(MINUTE);
    assert_eq!(step(&server, "/sign-in/code", format!("ticket={ticket}")).await.status, 200);
    assert_eq!(provider.bodies().len(), 3);
    if first != code(&provider) {
        assert_eq!(second_step(&server, &ticket, &first).await, 401, "the newest one counts");
    }
    let wrong = step(&server, "/sign-in", format!("ticket={ticket}&code=x&codeBy=sms")).await;
    assert!(wrong.status == 401 && wrong.text().contains("Code by SMS to"), "{}", wrong.text());
    assert_eq!(second_step(&server, &ticket, &code(&provider)).await, 303);
    assert_eq!(step(&server, "/sign-in/code", format!("ticket={ticket}")).await.status, 401, "the ticket is used up");
}

#[tokio::test]
async fn who_has_both_chooses() {
    let (server, provider) = start().await;
    let browser = Browser::of(&server).await;
    let recovery = set_up(&browser, &provider).await;
    let (shared, newer) = browser.set_up().await;
    server.clock.forward(MINUTE);
    let (page, ticket) = first_step(&server).await;
    assert!(page.contains("authenticator app") && page.contains("Send a code by SMS to +86 ••• 678"), "{page}");
    assert_eq!(provider.bodies().len(), 1, "nothing is sent unasked");
    let asked = step(&server, "/sign-in/code", format!("ticket={ticket}")).await;
    assert!(asked.text().contains("Code by SMS to"), "{}", asked.text());
    assert_eq!(second_step(&server, &ticket, &code(&provider)).await, 303);
    let (_, ticket) = first_step(&server).await;
    assert_eq!(second_step(&server, &ticket, &shared.code_at(server.app.clock.now())).await, 303);
    let body = json!({"login": "ann", "password": PASSWORD, "codeBy": "sms"}).to_string();
    let asked = server.send(Method::POST, "/api/v1/sign-in", &[("content-type", "application/json")], body).await;
    assert_eq!((asked.status.as_u16(), provider.bodies().len()), (401, 3), "{}", asked.text());
    assert_eq!(sign_in(&server, Some(&code(&provider))).await.0, 200);
    assert_eq!(sign_in(&server, Some(&recovery[0])).await.0, 401, "the app brought newer recovery codes");

    assert_eq!(browser.post("/account/second/off", &format!("present={PASSWORD}")).await.status, 303);
    assert_eq!(sign_in(&server, Some(&newer[0])).await.0, 200, "the recovery codes stay with the number");
    assert_eq!(browser.post("/account/phone/off", "present=wrong-password").await.status, 422);
    assert_eq!(browser.post("/account/phone/off", &format!("present={PASSWORD}")).await.status, 303);
    assert_eq!(sign_in(&server, None).await.0, 200);
}

#[tokio::test]
async fn a_code_is_nobody_elses_and_grows_old_and_is_not_guessed() {
    let (server, provider) = start().await;
    let browser = Browser::of(&server).await;
    set_up(&browser, &provider).await;
    let bo = server.browser_sign_in_as("bo").await.1;
    let form = [("present", PASSWORD), ("number", "+14155550123")];
    assert_eq!(server.submit(&bo, "/account/phone", &form).await.status, 303);
    let of_bo = code(&provider);
    first_step(&server).await;
    if of_bo != code(&provider) {
        assert_eq!(sign_in(&server, Some(&of_bo)).await.0, 401);
    }
    server.clock.forward(5 * MINUTE);
    assert_eq!(sign_in(&server, Some(&code(&provider))).await.0, 401, "five minutes are over");
    first_step(&server).await;
    let right = code(&provider);
    for _ in 0..5 {
        assert_eq!(sign_in(&server, Some(&other(&right))).await.0, 401);
    }
    assert_eq!(sign_in(&server, Some(&right)).await.0, 401, "five guesses are over");
    let typed = server.submit(&bo, "/account/phone/code", &[("code", &right)]).await;
    assert_eq!(typed.status, 422, "nor is it one for a new number");
    let sent = provider.bodies().len();
    first_step(&server).await;
    assert_eq!(provider.bodies().len(), sent + 1, "what is worth nothing is waited for by nobody");
    assert_eq!(sign_in(&server, Some(&code(&provider))).await.0, 200);
}

#[tokio::test]
async fn another_number_takes_the_place_of_the_first_when_its_code_is_typed() {
    let (server, provider) = start().await;
    let browser = Browser::of(&server).await;
    set_up(&browser, &provider).await;
    for (number, said) in [("12", "no phone number"), ("88881234", "no phone number"), (NUMBER, "already")] {
        let refused = add(&browser, number).await;
        assert!(refused.status == 422 && refused.text().contains(said), "{number}: {}", refused.text());
    }
    let stranger = browser.post("/account/phone", "present=wrong-password&number=%2B14155550123").await;
    assert_eq!((stranger.status.as_u16(), provider.bodies().len()), (422, 1), "the password is asked for");
    assert_eq!(add(&browser, "+1 415 555 0123").await.status, 303);
    let of_new = code(&provider);
    sign_in(&server, None).await;
    assert_eq!(provider.bodies().last().unwrap()["to"], NUMBER, "until then the first one holds");
    assert_eq!(browser.post("/account/phone/code", &format!("code={of_new}")).await.header("location"), "/account?done=sms");
    server.clock.forward(MINUTE);
    sign_in(&server, None).await;
    assert_eq!(provider.bodies().last().unwrap()["to"], "+14155550123");
    assert_eq!(sign_in(&server, Some(&code(&provider))).await.0, 200);
}

#[tokio::test]
async fn a_provider_that_does_not_take_it_or_is_slow_is_said_so_and_may_be_asked_again_at_once() {
    let (server, provider) = start().await;
    let recovery = set_up(&Browser::of(&server).await, &provider).await;
    provider.answer(&[503, Receiver::NEVER, 302]);
    let (page, ticket) = first_step(&server).await;
    assert!(page.contains("the SMS provider did not take it"), "{page}");
    for _ in 0..2 {
        let again = step(&server, "/sign-in/code", format!("ticket={ticket}")).await;
        assert_eq!(again.status, 502);
    }
    let whys: Vec<Value> = acts(&server, "code_not_sent").await.into_iter().rev().map(|detail| detail["why"].clone()).collect();
    assert_eq!(whys, ["status 503", "no answer in time", "status 302"]);
    provider.answer(&[500]);
    assert_eq!(sign_in(&server, None).await, (502, "code_not_sent".to_owned()));
    assert_eq!(second_step(&server, &ticket, &recovery[0]).await, 303, "a recovery code stands in");
}

#[tokio::test]
async fn messages_are_limited_in_an_hour_and_in_a_day_and_to_one_at_once() {
    let (server, provider) = start().await;
    set_up(&Browser::of(&server).await, &provider).await;
    let at_once = futures_util::future::join_all((0..4).map(|_| sign_in(&server, None))).await;
    assert!(at_once.iter().all(|answer| answer.1 == "code_needed"), "{at_once:?}");
    assert_eq!(provider.bodies().len(), 2, "of many at once, one is sent");
    for (hour, sent) in [5, 10, 15, 15].into_iter().enumerate() {
        for _ in 0..6 {
            server.clock.forward(MINUTE);
            sign_in(&server, None).await;
        }
        assert_eq!(provider.bodies().len(), sent, "hour {hour}");
        assert_eq!(sign_in(&server, None).await, (429, "throttled".to_owned()));
        let (page, _) = first_step(&server).await;
        assert!(page.contains("No more codes are sent for now"), "{page}");
        server.clock.forward(HOUR);
    }
    server.clock.forward(24 * HOUR);
    assert_eq!(sign_in(&server, None).await.1, "code_needed");
    assert_eq!(provider.bodies().len(), 16);
}

#[tokio::test]
async fn without_a_provider_nothing_of_it_is_shown_and_a_number_that_is_there_keeps_the_account_shut() {
    let server = Server::start().await;
    let browser = Browser::of(&server).await;
    assert!(!browser.get("/account").await.text().contains("SMS"));
    assert_eq!(add(&browser, NUMBER).await.status, 404);
    assert_eq!(browser.get("/account/phone").await.header("location"), "/account");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rapport.db");
    let (provider, url) = Receiver::start().await;
    let mut with = Server::start_with(|config| {
        config.database.path = path.clone();
        config.sms.url = Some(url);
        config.sms.secret = Some(rapport_server::config::Secret(SECRET.to_owned()));
    })
    .await;
    let recovery = set_up(&Browser::of(&with).await, &provider).await;
    with.ask_to_stop();
    with.stopped().await;
    let without = Server::start_again(|config| config.database.path = path).await;
    let (page, ticket) = first_step(&without).await;
    assert!(page.contains("No codes are sent by SMS here any more") && !page.contains("/sign-in/code"), "{page}");
    let entered = step(&without, "/sign-in", format!("ticket={ticket}&code={}", recovery[0])).await;
    assert_eq!(entered.status, 303, "{}", entered.text());
    let cookie = entered.header("set-cookie").split(';').next().unwrap().to_owned();
    let page = without.browse(&cookie, "/account").await.text();
    assert!(page.contains("Remove the phone number") && !page.contains("Another phone number"), "{page}");
    assert_eq!(without.submit(&cookie, "/account/phone/off", &[("present", PASSWORD)]).await.status, 303);
    assert_eq!(sign_in(&without, None).await.0, 200);
}

#[tokio::test]
async fn whoever_administers_takes_a_lost_phone_away() {
    let (server, provider) = start().await;
    set_up(&Browser::of(&server).await, &provider).await;
    let bo = server.browser_sign_in_as("bo").await.1;
    let page = server.browse(&bo, &format!("/people/{}", server.ann)).await.text();
    assert!(page.contains("/second/off") && !page.contains("5678"), "{page}");
    assert_eq!(server.submit(&bo, &format!("/people/{}/second/off", server.ann), &[]).await.status, 303);
    assert_eq!(sign_in(&server, None).await.0, 200);
}

#[tokio::test]
async fn in_chinese_the_pages_and_the_message_are_chinese_and_no_log_names_number_or_code() {
    let (server, provider) = start().await;
    let browser = Browser::of(&server).await;
    assert_eq!(browser.post("/language", "language=zh-CN").await.status, 303);
    set_up(&browser, &provider).await;
    let told = provider.bodies().remove(0);
    assert_eq!(told["language"], "zh-CN");
    assert!(told["text"].as_str().unwrap().starts_with("您的 Rapport 验证码是"), "{told}");
    assert!(browser.get("/account").await.text().contains("验证码发送至 +86 ••• 678"));
    let page = step(&server, "/sign-in?lang=zh-CN", format!("login=ann&password={PASSWORD}")).await.text();
    assert!(page.contains("发送至 +86 ••• 678 的短信验证码") && page.contains("重新发送验证码"), "{page}");
    provider.answer(&[500]);
    server.clock.forward(MINUTE);
    sign_in(&server, None).await;
    assert!(!logged().contains("13812345678"));
    let audit = acts(&server, "code_not_sent").await;
    assert!(!json!(audit).to_string().contains("5678"), "{audit:?}");
}

#[tokio::test]
async fn in_a_browser_a_phone_is_added_and_signed_in_with() {
    let (provider, url) = Receiver::start().await;
    let desk = Desk::with(|config| {
        config.sms.url = Some(url);
        config.sms.secret = Some(rapport_server::config::Secret(SECRET.to_owned()));
    })
    .await;
    let mut page = Page::of(&desk).await;
    page.goto("/account").await;
    page.run("document.querySelector('#sms details').open = true").await;
    let fill = format!(
        "const form = document.querySelector('#sms form'); form.number.value = '138 1234 5678'; form.present.value = '{PASSWORD}';"
    );
    page.run(&fill).await;
    page.click("#sms form button").await;
    page.until("location.pathname === '/account/phone'").await;
    page.type_text(&code(&provider)).await;
    page.press("Enter", false).await;
    page.until("document.querySelectorAll('.codes li').length === 10").await;
    page.goto("/account").await;
    desk.server.clock.forward(MINUTE);
    page.run("document.querySelector('form[action=\"/sign-out\"]').requestSubmit()").await;
    page.until("location.pathname === '/sign-in'").await;
    let enter = format!(
        "const form = document.querySelector('.door form'); form.login.value = 'ann'; form.password.value = '{PASSWORD}'; form.requestSubmit()"
    );
    page.run(&enter).await;
    page.until("document.querySelector('[name=code]')").await;
    // The button beside sends again; Enter does not.
    page.click(".door form button[formaction]").await;
    page.until("document.body.innerText.includes('Another one can be sent in 60 seconds')").await;
    page.goto("/sign-in?lang=zh-CN").await;
    desk.server.clock.forward(MINUTE);
    provider.answer(&[503]);
    page.run(&enter).await;
    page.until("document.querySelector('[name=code]')").await;
    page.click(".door form button[formaction]").await;
    page.until("document.body.innerText.includes('验证码已发送')").await;
    page.run("document.querySelector('[name=code]').focus()").await;
    page.type_text(&code(&provider)).await;
    page.press("Enter", false).await;
    page.until("document.querySelector('#menu')").await;
}
