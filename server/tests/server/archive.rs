//! What is put away can be brought back: by whom, through which doors, and what comes with it.

use reqwest::Method;
use serde_json::json;
use sync_core::id::UserId;
use sync_core::record::fields::FieldEdit;

use crate::api::{Client, Phone};
use crate::bulk::shown;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::Server;

const KIND: &str = r#"
name = "visit_plan"
label = { en = "Visit plan", zh = "拜访计划" }
plural = { en = "Visit plans", zh = "拜访计划" }
title = "title"
list = ["title"]
[[field]]
name = "title"
label = { en = "Title", zh = "标题" }
"#;

async fn acts(server: &Server, act: &str) -> usize {
    let mut tx = server.app.store.reader().await.unwrap();
    rapport_server::store::trail::before(&mut tx, server.workspace, u64::MAX, Some(act), 100).await.unwrap().len()
}

#[tokio::test]
async fn a_customer_is_archived_and_brought_back_on_its_page() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let id = office.make("party", json!({"name": "佳美"})).await.rsplit('/').next().unwrap().to_owned();
    let path = format!("/records/party/{id}");
    let question = desk.get(&format!("{path}/archive")).await.text();
    assert!(question.contains("whoever may archive it can bring it back"), "{question}");
    assert_eq!(desk.post(&format!("{path}/archive"), &[]).await.status, 303);
    let away = desk.get(&path).await.text();
    assert!(away.contains(&format!("action=\"{path}/restore\"")) && !away.contains(&format!("href=\"{path}/archive\"")), "{away}");
    assert!(desk.get(&format!("{path}/history")).await.text().contains(&format!("action=\"{path}/restore\"")));
    let back = desk.post(&format!("{path}/restore"), &[]).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, &*format!("{path}?done=restored#f-")));
    let page = desk.get(&format!("{path}?done=restored")).await.text();
    assert!(page.contains("in use again") && !page.contains("/restore"), "{page}");
    assert!(desk.get("/records/party").await.text().contains("佳美"));
    assert!(desk.get(&format!("{path}/history")).await.text().contains("Brought back"));
    assert_eq!(desk.post(&format!("{path}/fields/industry"), &[("f.industry", "print")]).await.status, 303);
    assert_eq!((acts(&desk.server, "archived").await, acts(&desk.server, "restored").await), (1, 1));
}

#[tokio::test]
async fn what_is_so_already_is_refused_and_writes_nothing() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let address = office.make("party", json!({"name": "佳美"})).await;
    let early = office.post(&format!("{address}/restore"), json!({})).await;
    assert!(early.status == 409 && early.text().contains("is not archived"), "{}", early.text());
    assert_eq!(office.post(&format!("{address}/archive"), json!({})).await.status, 200);
    let version = office.get(&address).await.header("etag").to_owned();
    let twice = office.post(&format!("{address}/archive"), json!({})).await;
    assert!(twice.status == 409 && twice.text().contains("archived already"), "{}", twice.text());
    let page = format!("/records/party/{}", address.rsplit('/').next().unwrap());
    let asked = desk.get(&format!("{page}/archive")).await;
    assert!(asked.status == 422 && asked.text().contains("archived already"), "{}", asked.text());
    assert!(desk.post(&format!("{page}/archive"), &[]).await.text().contains("archived already"));
    assert_eq!(office.get(&address).await.header("etag"), version);
    let back = office.post(&format!("{address}/restore"), json!({})).await;
    assert_eq!((back.status.as_u16(), &back.json()["archived"]), (200, &json!(false)), "{}", back.text());
}

#[tokio::test]
async fn many_are_brought_back_from_the_archived_list_and_that_is_taken_back() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    for name in ["甲", "乙"] {
        let address = office.make("party", json!({ "name": name })).await;
        assert_eq!(office.post(&format!("{address}/archive"), json!({})).await.status, 200);
    }
    assert!(desk.get("/records/party?archived=true").await.text().contains("id=\"bulk\""));
    let form = [("all", "true"), ("field", "archived")];
    let preview = desk.post("/records/party/bulk?archived=true", &[&form[..], &[("step", "preview")]].concat()).await.text();
    assert!(preview.contains("2 records will change") && preview.contains("Bring back"), "{preview}");
    let done =
        desk.post("/records/party/bulk?archived=true", &[&form[..], &[("step", "apply"), ("shown", shown(&preview))]].concat()).await;
    assert_eq!(done.status, 303, "{}", done.text());
    assert!(desk.get("/records/party").await.text().contains("2 records<"));
    let act = done.header("location").split("undo=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(desk.post(&format!("/records/party/bulk/{act}/undo"), &[]).await.status, 303);
    assert!(desk.get("/records/party?archived=true").await.text().contains("2 records<"));
}

#[tokio::test]
async fn whoever_may_not_archive_brings_nothing_back() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let rep = Client::of_role(&desk.server, "cy", "rep").await;
    // A rep archives what is theirs: a product is nobody's.
    let address = office.make("product", json!({"name": "Paper"})).await;
    assert_eq!(office.post(&format!("{address}/archive"), json!({})).await.status, 200);
    assert_eq!(rep.post(&format!("{address}/restore"), json!({})).await.status, 403);
    let edits = json!([{"op": "set", "field": "archived", "value": false}]);
    assert_eq!(rep.edit(&address, edits).await.status, 403);
    let address = office.make("party", json!({"name": "佳美"})).await;
    assert_eq!(office.post(&format!("{address}/archive"), json!({})).await.status, 200);
    let mut phone = Phone::of(&desk.server, desk.server.ann, "office", 7).await;
    let id = address.rsplit('/').next().unwrap().parse().unwrap();
    let stray = phone.write("party", id, crate::harness::START, &[FieldEdit::set("industry", "print")]);
    let verdict = phone.push(&desk.server, &stray).await;
    assert!(matches!(&verdict, sync_core::protocol::Verdict::Rejected { code, .. } if code == "archived"), "{verdict:?}");
}

#[tokio::test]
async fn a_phone_has_again_what_was_brought_back_and_edits_it() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let address = office.make("party", json!({"name": "佳美"})).await;
    let id = address.rsplit('/').next().unwrap().parse().unwrap();
    let mut phone = Handset::of(&desk.server, UserId::of_cause("bo")).await;
    office.post(&format!("{address}/archive"), json!({})).await;
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(id).unwrap()["archived"], true);
    office.post(&format!("{address}/restore"), json!({})).await;
    phone.sync(&desk.server).await;
    assert!(!phone.fields(id).unwrap().contains_key("archived"));
    phone.edit(&desk.server, "party", id, &[FieldEdit::set("industry", "print")]);
    phone.sync(&desk.server).await;
    assert_eq!(office.get(&address).await.json()["fields"]["industry"], "print");
}

#[tokio::test]
async fn archiving_a_kind_says_how_many_records_go_with_it_and_they_come_back() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let kind = office.make("kind", json!({"name": "visit_plan", "definition": KIND})).await;
    for title in ["East", "West"] {
        office.make("visit_plan", json!({ "title": title })).await;
    }
    let page = format!("/records/kind/{}", kind.rsplit('/').next().unwrap());
    let question = desk.get(&format!("{page}/archive")).await.text();
    assert!(question.contains("2 records of this kind are out of sight"), "{question}");
    assert_eq!(desk.post(&format!("{page}/archive"), &[]).await.status, 303);
    assert_eq!(office.send(Method::GET, "/api/v1/visit_plan", None).await.status, 404);
    assert_eq!(desk.post(&format!("{page}/restore"), &[]).await.status, 303);
    let listed = office.list("visit_plan", &[("total", "true")]).await.json();
    assert_eq!(listed["total"], 2, "{listed}");
}

#[tokio::test]
async fn the_settings_of_a_workspace_are_not_archived_through_any_door() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let opened = desk.post("/admin/settings", &[]).await.header("location").to_owned();
    let form = [("f.name", "Rapport"), ("f.currency", "CNY"), ("f.time_zone", "Asia/Shanghai")];
    assert!(opened.starts_with("/records/settings/new"));
    let saved = desk.post("/records/settings", &form).await.header("location").to_owned();
    let page = saved.split('?').next().unwrap().to_owned();
    assert!(!desk.get(&page).await.text().contains("/archive\""));
    let told = "The workspace settings are not archived";
    let refused = office.post(&format!("/api/v1{}/archive", page.strip_prefix("/records").unwrap()), json!({})).await;
    assert!(refused.status == 403 && refused.text().contains(told), "{}", refused.text());
    let id = page.rsplit('/').next().unwrap().parse().unwrap();
    let mut phone = Phone::of(&desk.server, desk.server.ann, "office", 7).await;
    let pushed = phone.write("settings", id, crate::harness::START, &[FieldEdit::archive()]);
    let verdict = phone.push(&desk.server, &pushed).await;
    assert!(matches!(&verdict, sync_core::protocol::Verdict::Rejected { message, .. } if message.contains(told)), "{verdict:?}");
}
