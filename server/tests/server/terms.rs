//! Settings, rates, number sequences and rules say nothing that could not be followed, whichever door they come through.

use serde_json::{Value, json};
use sync_core::id::RecordId;
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::api::{Client, Phone};
use crate::console::Desk;
use crate::harness::START;

/// Each is refused at its field, and the words say what would do.
async fn refused(office: &Client<'_>, kind: &str, cases: &[(Value, &str, &str)]) {
    for (fields, field, word) in cases {
        let answer = office.post(&format!("/api/v1/{kind}"), json!({ "fields": fields })).await;
        let said = answer.json();
        assert_eq!((answer.status.as_u16(), &said["field"]), (422, &json!(field)), "{fields}: {said}");
        assert!(answer.text().contains(word), "{fields} lacks {word}: {said}");
    }
}

#[tokio::test]
async fn settings_that_nothing_could_go_by_are_refused() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let with = |field: &str, value: Value| json!({"name": "x", field: value});
    let hours = |from: &str, to: &str| json!([{"day": "mon", "from": from, "to": to}]);
    let cases = [
        (with("time_zone", json!("Mars/Olympus")), "time_zone", "Asia/Shanghai"),
        (with("currency", json!("人民币")), "currency", "CNY"),
        (with("currency", json!("cny")), "currency", "three letters"),
        (with("working_hours", hours("18:00", "09:00")), "working_hours", "the earlier one first"),
        (with("working_hours", hours("early", "late")), "working_hours", "09:00"),
        (with("working_hours", hours("9:00", "25:00")), "working_hours", "09:00"),
    ];
    refused(&office, "settings", &cases).await;
    let typed = desk.post("/records/settings", &[("f.name", "x"), ("f.time_zone", "Mars/Olympus")]).await;
    assert!(typed.status == 422 && typed.text().contains("Mars/Olympus"), "{}", typed.text());
    office.make("settings", json!({"name": "x", "currency": "EUR", "time_zone": "Europe/Berlin"})).await;
    let mut phone = Phone::of(&desk.server, desk.server.ann, "office", 7).await;
    let pushed = phone.write("settings", RecordId::of_cause("a phone's"), START, &[FieldEdit::set("currency", "Euro")]);
    let verdict = phone.push(&desk.server, &pushed).await;
    assert!(matches!(&verdict, Verdict::Rejected { field: Some(field), .. } if field == "currency"), "{verdict:?}");
}

#[tokio::test]
async fn a_rate_is_above_nothing_of_another_currency_and_there_once_a_day() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let rate = |currency: &str, from: &str, rate: f64| json!({"currency": currency, "from": from, "rate": rate});
    let first = office.make("rate", rate("USD", "2026-01-01", 7.1)).await;
    let cases = [
        (rate("USD", "2026-02-01", 0.0), "rate", "above 0"),
        (rate("USD", "2026-02-01", -7.1), "rate", "above 0"),
        (rate("美元", "2026-02-01", 7.1), "currency", "ISO 4217"),
        (rate("CNY", "2026-02-01", 1.0), "currency", "are in CNY already"),
        (rate("USD", "2026-01-01", 7.2), "from", "change that one"),
    ];
    refused(&office, "rate", &cases).await;
    office.make("rate", rate("USD", "2026-02-01", 7.2)).await;
    // Of an archived one another may be made; then it does not come back beside it.
    assert_eq!(office.post(&format!("{first}/archive"), json!({})).await.status, 200);
    office.make("rate", rate("USD", "2026-01-01", 7.0)).await;
    let back = office.post(&format!("{first}/restore"), json!({})).await;
    assert!(back.status == 422 && back.text().contains("change that one"), "{}", back.text());
}

#[tokio::test]
async fn numbers_are_given_to_fields_that_take_them_by_one_rule() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let rule = |about: &str, field: &str, more: Value| {
        let mut fields = json!({"name": "Quotes", "about": about, "field": field});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    office.make("sequence", rule("offer", "number", json!({"digits": 4, "first": 1}))).await;
    let cases = [
        (rule("报价", "number", json!({})), "about", "offer"),
        (rule("offer", "title", json!({})), "field", "number"),
        (rule("case", "number", json!({"digits": 40})), "digits", "1 to 18"),
        (rule("case", "number", json!({"first": -1})), "first", "least 1"),
        (rule("offer", "number", json!({})), "field", "`Quotes` numbers"),
    ];
    refused(&office, "sequence", &cases).await;
}

#[tokio::test]
async fn a_rule_is_about_a_kind_that_there_is_and_says_nothing_that_nobody_follows() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let age = json!([{"type": "olderThanXDays", "attribute": "updatedAt", "value": 730}]).to_string();
    let actions = json!([{"action": "approve", "settings": "{\"role\": \"manager\"}"}]);
    let label = sync_core::schema::Schema::builtin().kind("offer").unwrap().label.zh.clone();
    let approval = |about: &str, condition: &str| json!({"name": "x", "purpose": "approval", "about": about, "enabled": true, "actions": actions, "condition": condition});
    let cases = [
        (approval(&label, ""), "about", "write `offer`"),
        (json!({"name": "x", "purpose": "retention", "about": "客户", "enabled": true, "condition": age}), "about", "write `party`"),
        (json!({"name": "x", "purpose": "retention", "about": "zzzz"}), "about", "party"),
        (approval("offer", "[{\"type\": \"isTrue\", \"attribute\": \"archived\"}]"), "condition", "takes no condition"),
        (json!({"name": "x", "purpose": "scoring", "about": "party"}), "purpose", "scoring"),
    ];
    refused(&office, "rule", &cases).await;
    office.make("rule", approval("offer", "")).await;
    let form = desk.get("/records/rule/new").await.text();
    assert!(form.contains("value=\"approval\"") && form.contains("value=\"retention\"") && !form.contains("value=\"scoring\""), "{form}");
    let typed = desk.post("/records/rule", &[("f.name", "x"), ("f.purpose", "approval"), ("f.about", &label)]).await;
    assert!(typed.status == 422 && typed.text().contains("write `offer`"), "{}", typed.text());
}

#[tokio::test]
async fn days_that_are_left_empty_stay_as_they_were() {
    let desk = Desk::new().await;
    desk.post("/devices/terms", &[("lease_days", "14")]).await;
    let empty = desk.post("/devices/terms", &[("lease_days", " ")]).await;
    assert_eq!(empty.header("location"), "/devices?done=terms_same");
    let page = desk.get("/devices?done=terms_same").await.text();
    assert!(page.contains("value=\"14\"") && page.contains("stay as they were"), "{page}");
    desk.post("/devices/terms", &[("lease_days", "0")]).await;
    assert!(desk.get("/devices").await.text().contains("step=\"1\" value=\"0\""));
}

#[tokio::test]
async fn what_was_typed_is_still_there_when_it_is_not_taken() {
    let desk = Desk::new().await;
    let form = [("login", "ann"), ("name", "安娜"), ("role", "manager"), ("language", "en")];
    let taken = desk.post("/people", &form).await;
    let page = taken.text();
    assert_eq!(taken.status, 422);
    for part in ["name=\"login\" value=\"ann\"", "value=\"安娜\"", "value=\"manager\" checked", "value=\"en\" lang=\"en\" selected"] {
        assert!(page.contains(part), "lacks {part}: {page}");
    }
    let bo = sync_core::id::UserId::of_cause("bo").to_string();
    let comma = desk.post("/teams", &[("what", "teams"), ("act", "add"), ("name", "East, West"), ("member", &bo)]).await;
    let page = comma.text();
    assert!(comma.status == 422 && page.contains("value=\"East, West\""), "{page}");
    assert!(page.contains(&format!("value=\"{bo}\" selected")), "{page}");
}

#[tokio::test]
async fn a_mail_to_what_is_no_address_says_so_on_the_dashboard() {
    let desk = Desk::with(|config| config.mail.url = Some(rapport_server::config::Secret("smtp://127.0.0.1:1".to_owned()))).await;
    let made = desk.post("/dashboards", &[("name", "Sales")]).await.header("location").to_owned();
    let path = made.split('?').next().unwrap();
    let wrong = desk.post(&format!("{path}/mails"), &[("recipients", "不是邮箱"), ("every", "week"), ("hour", "9")]).await;
    let page = wrong.text();
    assert!(wrong.status == 422 && page.contains("is no mail address") && page.contains("value=\"不是邮箱\""), "{page}");
    assert!(page.contains("value=\"week\" selected") && page.contains("value=\"9\""), "{page}");
}

#[tokio::test]
async fn nobody_comes_into_a_team_or_goes_out_of_it_unasked() {
    let desk = Desk::new().await;
    let bo = sync_core::id::UserId::of_cause("bo").to_string();
    let form = [("what", "teams"), ("name", "East"), ("member", &*bo)];
    let asked = desk.post("/teams", &[&form[..], &[("act", "add")]].concat()).await;
    let page = asked.text();
    assert!(asked.status == 200 && page.contains("to East?") && page.contains("id=\"effect\""), "{page}");
    assert!(!desk.get("/teams").await.text().contains("<h3>East</h3>"), "nothing was done");
    let done = desk.post("/teams", &[&form[..], &[("act", "add"), ("step", "save")]].concat()).await;
    assert_eq!(done.header("location"), "/teams?done=add");
    let page = desk.get("/teams?done=add").await.text();
    assert!(page.contains("<h3>East</h3>") && page.contains("It holds from now on"), "{page}");
    let asked = desk.post("/teams", &[&form[..], &[("act", "leave")]].concat()).await.text();
    assert!(asked.contains("out of East?") && asked.contains("Nobody else is in East"), "{asked}");
    assert!(desk.get("/teams").await.text().contains("<h3>East</h3>"));
    let done = desk.post("/teams", &[&form[..], &[("act", "leave"), ("step", "save")]].concat()).await;
    assert_eq!(done.header("location"), "/teams?done=leave");
}

#[tokio::test]
async fn a_proof_leads_to_what_still_names_the_person_and_is_found_again() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let party = office.make("party", json!({"name": "李雷"})).await;
    let id = party.rsplit('/').next().unwrap();
    let deal = office.make("deal", json!({"title": "Printers", "party": id})).await;
    for _ in 0..3 {
        assert_eq!(desk.get(&format!("/privacy/{id}")).await.status, 200);
    }
    let entries = async |act: &str| {
        let mut tx = desk.server.app.store.reader().await.unwrap();
        rapport_server::store::trail::before(&mut tx, desk.server.workspace, u64::MAX, Some(act), 10).await.unwrap().len()
    };
    assert_eq!((entries("disclosed").await, entries("downloaded").await), (1, 0), "once a day");
    assert_eq!(office.get(&format!("/api/v1/privacy/{id}")).await.status, 200);
    assert_eq!((entries("disclosed").await, entries("downloaded").await), (1, 1));
    desk.server.clock.forward(24 * 60 * crate::harness::MINUTE);
    let (_, cookie) = desk.server.browser_sign_in(&[]).await;
    let get = async |path: &str| desk.server.get(path, &[("cookie", &cookie), ("accept", "text/html")]).await.text();
    get(&format!("/privacy/{id}")).await;
    assert_eq!(entries("disclosed").await, 2, "and again the next day");
    assert!(get("/privacy").await.contains("Nothing was erased yet"));
    let office = Client::office(&desk.server).await;
    assert_eq!(office.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await.status, 200);
    let proof = get(&format!("/privacy/{id}")).await;
    let link = format!("href=\"/records/deal/{}\"", deal.rsplit('/').next().unwrap());
    assert!(proof.contains(&link) && proof.contains("href=\"/privacy\""), "{proof}");
    let list = get("/privacy").await;
    assert!(list.contains(&format!("href=\"/privacy/{id}\"")) && list.contains("Customer"), "{list}");
    assert!(get("/admin").await.contains("href=\"/privacy\""));
    assert!(get("/audit?act=erased").await.contains(&format!("href=\"/privacy/{id}\"")));
}
