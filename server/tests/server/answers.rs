//! Articles: versions as they were published, what strangers read of them, and what is offered to whoever writes a case.

use serde_json::{Value, json};

use crate::api::Client;
use crate::console::{Desk, encoded};
use crate::harness::{Answer, MINUTE, START};
use crate::lists::has;

const CASES: &[(&str, &str)] =
    &[("name", "Help with lamps"), ("kind", "case"), ("fields", "subject, description"), ("preset", "channel = web"), ("owners", "")];

/// An article about the printer, published once and written on since.
async fn printer(office: &Client<'_>, more: Value) -> String {
    let mut values = json!({"title": "Printer does not start", "body": "Hold the button.\nThen wait.", "audience": "public",
        "categories": ["hardware"], "language": "en"});
    values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let article = office.make("article", values).await;
    let id = article.rsplit('/').next().unwrap().to_owned();
    let version = json!({"text": "Hold the button.\nThen wait.", "at": START});
    for edit in [
        json!({"op": "append", "field": "published", "item": "a", "values": version}),
        json!({"op": "splice", "field": "body", "at": 0, "delete": 4, "insert": "UNFINISHED"}),
    ] {
        let edited = office.edit(&article, json!([edit])).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
    }
    id
}

async fn form_of_cases(desk: &Desk) -> String {
    desk.form(CASES).await
}

async fn guest(desk: &Desk, path: &str) -> String {
    let page = desk.server.get(path, &[("accept", "text/html")]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.text()
}

async fn judged(desk: &Desk, path: &str, form: &[(&str, &str)]) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    desk.server.send(reqwest::Method::POST, path, &headers, encoded(form)).await
}

#[tokio::test]
async fn a_stranger_finds_what_was_published_for_everybody_and_says_whether_it_helped() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let id = printer(&office, json!({})).await;
    let inside = printer(&office, json!({"title": "Printer passwords", "audience": "internal"})).await;
    office.make("article", json!({"title": "Printer draft", "body": "Never published", "audience": "public"})).await;
    let key = form_of_cases(&desk).await;
    desk.server.clock.forward(MINUTE);
    rapport_server::jobs::index::catch_up(&desk.server.app).await.unwrap();

    let all = guest(&desk, &format!("/forms/{key}?lang=en")).await;
    has(&all, &["Printer does not start", "hardware", "How can we help?", "name=\"subject\""], &["passwords", "draft", "UNFINISHED"]);
    let found = guest(&desk, &format!("/forms/{key}?lang=en&q=my+printer+will+not+turn+on")).await;
    has(&found, &["Printer does not start"], &["passwords", "draft"]);
    let unfinished = guest(&desk, &format!("/forms/{key}?lang=en&q=unfinished")).await;
    has(&unfinished, &["Nothing speaks of that yet"], &["Printer does not start"]);

    let address = format!("/forms/{key}/answers/{id}?lang=en");
    let page = guest(&desk, &address).await;
    has(&page, &["Hold the button.\nThen wait.", "Did this help?", "<html lang=\"en\""], &["UNFINISHED"]);
    let chinese = guest(&desk, &format!("/forms/{key}/answers/{id}?lang=zh-CN")).await;
    has(&chinese, &["这篇文章有帮助吗", "<html lang=\"zh-CN\""], &["Did this"]);
    for hidden in [&*inside, "01890a5d-ac96-774b-bcce-b302099a8057", &id.replace(['1', '2', '3'], "9")] {
        assert_eq!(desk.server.get(&format!("/forms/{key}/answers/{hidden}"), &[]).await.status, 404);
    }

    let yes = judged(&desk, &address, &[("helped", "yes")]).await;
    has(&guest(&desk, yes.header("location")).await, &["glad that it helped"], &["Did this help?"]);
    let no = judged(&desk, &address, &[("helped", "no")]).await;
    has(&guest(&desk, no.header("location")).await, &["Write to us", &format!("/forms/{key}")], &[]);
    judged(&desk, &address, &[("helped", "yes"), ("_homepage", "x")]).await;
    assert_eq!(judged(&desk, &address, &[("helped", "perhaps")]).await.status, 404);
    let fields = office.get(&format!("/api/v1/article/{id}")).await.json()["fields"].clone();
    assert_eq!((&fields["helpful"], &fields["unhelpful"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_form_whose_records_have_no_answers_shows_none() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let id = printer(&office, json!({})).await;
    let key = desk.form(&[]).await;
    has(&guest(&desk, &format!("/forms/{key}?lang=en")).await, &["name=\"phones\""], &["Printer", "How can we help?"]);
    assert_eq!(desk.server.get(&format!("/forms/{key}/answers/{id}"), &[]).await.status, 404);
    desk.server.clock.forward(MINUTE);
    let cases = form_of_cases(&desk).await;
    office.edit(&format!("/api/v1/article/{id}"), json!([{"op": "set", "field": "audience", "value": "internal"}])).await;
    has(&guest(&desk, &format!("/forms/{cases}?lang=en")).await, &["name=\"subject\""], &["How can we help?"]);
}

#[tokio::test]
async fn whoever_writes_a_case_is_offered_what_may_answer_it() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let id = printer(&office, json!({"audience": "internal"})).await;
    office.make("article", json!({"title": "打印机无法启动怎么办", "body": "请长按电源键"})).await;
    rapport_server::jobs::index::catch_up(&desk.server.app).await.unwrap();
    has(&desk.page("/records/case/new").await, &["data-likely=\"/records/case/likely\""], &[]);
    let english = desk.post("/records/case/likely", &[("f.subject", "The printer in room 4 does not start any more")]).await.text();
    has(&english, &["Perhaps this answers it", "Printer does not start", &format!("/records/article/{id}")], &["打印机"]);
    let chinese = desk.post("/records/case/likely", &[("f.subject", "客户的打印机坏了")]).await.text();
    has(&chinese, &["打印机无法启动怎么办"], &["Printer does"]);
    has(&desk.post("/records/case/likely", &[("f.subject", "Is it so?")]).await.text(), &[], &["Perhaps"]);
}

#[tokio::test]
async fn a_version_is_published_as_the_draft_stands_and_stays_so() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let article = office.make("article", json!({"title": "Lamps", "body": "Line one.\nLine two."})).await;
    let page = article.replace("/api/v1", "/records");
    has(&desk.page(&format!("{page}?edit=published")).await, &["f.published.new.text", "Line one.\nLine two.</textarea>"], &[]);
    let form = [("f.published.rows", "new"), ("f.published.new.text", "Line one.\r\nLine two."), ("f.published.new.note", "First")];
    let saved = desk.post(&format!("{page}/fields/published"), &form).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    office.edit(&article, json!([{"op": "splice", "field": "body", "at": 0, "delete": 4, "insert": "Row"}])).await;
    let fields = office.get(&article).await.json()["fields"].clone();
    assert_eq!((&fields["published"][0]["text"], &fields["body"]), (&json!("Line one.\nLine two."), &json!("Row one.\nLine two.")));
}
