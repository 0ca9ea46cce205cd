//! Forms for strangers: what comes by them becomes one record each, and no program gets through.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Client;
use crate::console::{Desk, encoded};
use crate::harness::{Answer, MINUTE};
use crate::lists::{between, has};

const FORM: &[(&str, &str)] = &[
    ("name", "Ask for a quote"),
    ("kind", "party"),
    ("fields", "name, phones, emails, notes"),
    ("preset", "roles = prospect\nsource = Website"),
];

impl Desk {
    /// Makes a form; its key.
    pub async fn form(&self, more: &[(&str, &str)]) -> String {
        let made = self.post("/lead-forms", &[FORM, more].concat()).await;
        assert_eq!((made.status.as_u16(), made.header("location")), (303, "/lead-forms?done=made"), "{}", made.text());
        let page = self.page("/lead-forms").await;
        between(&page, "/forms/", "\"").to_owned()
    }

    /// What a page of another site sends.
    async fn stranger(&self, key: &str, form: &[(&str, &str)]) -> Answer {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://shop.example"),
            ("accept", "text/html"),
        ];
        self.server.send(Method::POST, &format!("/forms/{key}"), &headers, encoded(form)).await
    }

    async fn parties(&self) -> Vec<Value> {
        let office = Client::office(&self.server).await;
        office.list("party", &[("orderBy", "createdAt"), ("maxSize", "100")]).await.json()["rows"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn what_a_stranger_sends_becomes_a_lead_with_its_campaign_and_a_second_time_is_added_to_it() {
    let desk = Desk::new().await;
    let key = desk.form(&[]).await;
    let page = desk.server.get(&format!("/forms/{key}?lang=zh-CN&utm_source=baidu&utm_campaign=spring"), &[("accept", "text/html")]).await;
    assert_eq!(page.status, 200);
    has(
        &page.text(),
        &["lang=\"zh-CN\"", "name=\"phones\"", "电话", "name=\"utm_source\" value=\"baidu\"", "name=\"_homepage\""],
        &["<script"],
    );
    assert!(
        page.header("content-security-policy").contains("frame-ancestors *")
            && page.header("content-security-policy").contains("default-src 'self'")
    );
    let at = between(&page.text(), "name=\"_at\" value=\"", "\"").to_owned();
    desk.server.clock.forward(MINUTE);
    let form = [
        ("name", "王芳"),
        ("phones", "138 0013 8000"),
        ("emails", "Wang@jiamei.example"),
        ("notes", "Forty lamps"),
        ("utm_source", "baidu"),
        ("utm_campaign", "spring"),
        ("_at", &*at),
        ("_homepage", ""),
    ];
    let sent = desk.stranger(&key, &form).await;
    assert_eq!((sent.status.as_u16(), sent.header("location")), (303, &*format!("/forms/{key}?done=true&lang=en")), "{}", sent.text());
    has(&desk.server.get(sent.header("location"), &[]).await.text(), &["Thank you"], &["<form class"]);
    let leads = desk.parties().await;
    let fields = &leads[0]["fields"];
    assert_eq!(
        (leads.len(), &fields["name"], &fields["source"], &fields["roles"]),
        (1, &json!("王芳"), &json!("Website"), &json!(["prospect"]))
    );
    assert_eq!(
        (&fields["utm_source"], &fields["utm_campaign"], &fields["notes"]),
        (&json!("baidu"), &json!("spring"), &json!("Forty lamps"))
    );
    // The same number, written otherwise, and the same address.
    rapport_server::jobs::duplicates::catch_up(&desk.server.app).await.unwrap();
    for again in [[("name", "Fang Wang"), ("phones", "+86 13800138000")], [("name", "F. W."), ("emails", "wang@jiamei.example")]] {
        assert_eq!(desk.stranger(&key, &again).await.status, 303);
    }
    assert_eq!(desk.parties().await.len(), 1, "who is there is not doubled");
    let record = desk.page(&format!("/records/party/{}", leads[0]["id"].as_str().unwrap())).await;
    let events = Client::office(&desk.server).await.list("activity", &[]).await.json()["rows"].as_array().unwrap().len();
    assert_eq!((events, record.contains("Ask for a quote</a>")), (3, true), "each is an event");
    has(&record, &["Fang Wang", "F. W."], &[]);
    has(&desk.page("/lead-forms").await, &["data-label=\"Received\">3<"], &[]);
}

#[tokio::test]
async fn a_program_sends_json_and_is_told_what_is_wrong() {
    let desk = Desk::new().await;
    let key = desk.form(&[]).await;
    let send = async |body: Value| {
        desk.server.send(Method::POST, &format!("/forms/{key}"), &[("content-type", "application/json")], body.to_string()).await
    };
    let made = send(json!({"name": "Haida", "emails": "info@haida.example", "utm_source": "fair"})).await;
    assert_eq!((made.status.as_u16(), made.json()), (201, json!({"received": true})), "{}", made.text());
    let wrong = send(json!({"name": "Haida", "emails": "nobody"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["field"].clone()), (422, json!("emails")), "{}", wrong.text());
    let missing = send(json!({"emails": "a@b.example"})).await;
    assert_eq!((missing.status.as_u16(), missing.json()["field"].clone()), (422, json!("name")));
    assert_eq!(send(json!({"name": "x".repeat(40_000)})).await.status, 422);
    assert_eq!(desk.parties().await.len(), 1);
    let page = desk.stranger(&key, &[("name", ""), ("phones", "12")]).await;
    assert_eq!(page.status, 422);
    has(&page.text(), &["This is needed.", "value=\"12\"", "fewer than 3 digits"], &[]);
}

#[tokio::test]
async fn what_no_human_typed_is_not_kept_and_too_much_is_refused() {
    let desk = Desk::new().await;
    let key = desk.form(&[]).await;
    let now = desk.server.app.clock.now().to_string();
    for robot in [
        [("name", "Robot"), ("_homepage", "https://spam.example")],
        [("name", "Robot"), ("_at", &*now)],
        [("name", "Robot"), ("_at", "soon")],
    ] {
        assert_eq!(desk.stranger(&key, &robot).await.status, 303, "it is told nothing");
    }
    assert!(desk.parties().await.is_empty());
    let mut last = 0;
    for n in 0..30 {
        last = desk.stranger(&key, &[("name", &format!("Customer {n}"))]).await.status.as_u16();
    }
    assert_eq!(last, 429);
    assert_eq!(desk.parties().await.len(), 27);
    desk.server.clock.forward(24 * 60 * MINUTE);
    assert_eq!(desk.stranger(&key, &[("name", "Next day")]).await.status, 303);
}

#[tokio::test]
async fn what_a_form_asks_for_is_said_as_people_call_it_in_either_language() {
    let desk = Desk::new().await;
    has(&desk.page("/lead-forms").await, &["value=\"Name, Phone numbers, E-mail addresses, Notes\""], &["value=\"name, phones"]);
    let made = desk.post("/lead-forms", &[&FORM[..2], &[("fields", "name，电话, e-mail addresses")]].concat()).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let page = desk.page("/lead-forms").await;
    has(&page, &["Name, Phone numbers, E-mail addresses</span>"], &["name, phones, emails"]);
    let key = between(&page, "/forms/", "\"").to_owned();
    let form = desk.server.get(&format!("/forms/{key}"), &[("accept", "text/html")]).await.text();
    has(&form, &["name=\"name\"", "name=\"phones\"", "name=\"emails\""], &[]);
}

#[tokio::test]
async fn leads_become_colleagues_in_turn_and_a_form_that_is_taken_back_leads_nowhere() {
    let desk = Desk::new().await;
    let wrong = desk.post("/lead-forms", &[FORM, &[("owners", "nobody")]].concat()).await;
    assert_eq!(wrong.status, 422);
    has(&wrong.text(), &["Nobody signs in as “nobody”"], &[]);
    let wrong = desk.post("/lead-forms", &[&FORM[..2], &[("fields", "name, owner")]].concat()).await;
    has(&wrong.text(), &["“owner” cannot be asked for"], &[]);
    let wrong = desk.post("/lead-forms", &[&FORM[..2], &[("fields", "phones")]].concat()).await;
    has(&wrong.text(), &["“Name” (name) must be filled in"], &[]);
    let key = desk.form(&[("owners", "ann, bo")]).await;
    for name in ["One", "Two", "Three"] {
        assert_eq!(desk.stranger(&key, &[("name", name)]).await.status, 303);
    }
    let mut owners: Vec<(String, String)> = desk
        .parties()
        .await
        .iter()
        .map(|row| (row["fields"]["name"].as_str().unwrap().to_owned(), row["fields"]["owner"].as_str().unwrap().to_owned()))
        .collect();
    owners.sort();
    let (ann, bo) = (desk.server.ann.to_string(), sync_core::id::UserId::of_cause("bo").to_string());
    assert_eq!(owners, [("One".to_owned(), ann.clone()), ("Three".to_owned(), ann), ("Two".to_owned(), bo)]);
    let page = desk.page("/lead-forms").await;
    let revoke = format!("/lead-forms/{}/revoke", between(&page, "action=\"/lead-forms/", "/revoke"));
    assert_eq!(desk.post(&revoke, &[]).await.status, 303);
    assert_eq!(desk.post(&revoke, &[]).await.status, 404);
    assert_eq!(desk.stranger(&key, &[("name", "Late")]).await.status, 404);
    assert_eq!(desk.server.get(&format!("/forms/{key}"), &[]).await.status, 404);
    has(&desk.page("/audit").await, &["Made the form", "Took back the form"], &[]);
}

#[tokio::test]
async fn a_form_may_make_records_of_ones_own_kinds() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let text = "name = \"visa\"\nlabel = { en = \"Visa\", zh = \"签证\" }\nplural = { en = \"Visas\", zh = \"签证\" }\ntitle = \"who\"\nlist = [\"who\"]\n[[field]]\nname = \"who\"\nlabel = { en = \"Who\", zh = \"申请人\" }\n[[field]]\nname = \"mail\"\nlabel = { en = \"Mail\", zh = \"邮箱\" }\ntype = \"email\"\n[[field]]\nname = \"speed\"\nlabel = { en = \"How fast\", zh = \"速度\" }\ntype = \"choice\"\noptions = [{ value = \"slow\", label = { en = \"Slow\", zh = \"慢\" } }, { value = \"fast\", label = { en = \"Fast\", zh = \"快\" } }]\n";
    office.make("kind", json!({"name": "visa", "definition": text})).await;
    let key = desk.form(&[("kind", "visa"), ("fields", "who, mail, speed"), ("preset", "")]).await;
    has(&desk.server.get(&format!("/forms/{key}?lang=en"), &[]).await.text(), &["How fast", "<option value=\"fast\">Fast"], &[]);
    for who in ["Wang", "Wang again"] {
        assert_eq!(desk.stranger(&key, &[("who", who), ("mail", "wang@jiamei.example"), ("speed", "fast")]).await.status, 303);
    }
    let rows = office.list("visa", &[]).await.json()["rows"].as_array().unwrap().clone();
    assert_eq!((rows.len(), &rows[0]["fields"]["speed"]), (1, &json!("fast")));
}
