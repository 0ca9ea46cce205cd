//! A rep leaves, a territory moves: what one person had is a colleague's, as one act.

use rapport_server::jobs::handover::{self, Order};
use rapport_server::store::farewells::{self, DeviceNote};
use serde_json::{Value, json};
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::{START, Server};
use crate::pen::Phone;

fn user(login: &str) -> UserId {
    UserId::of_cause(login)
}

/// The office, and cai, who hands over to dan; both are reps.
async fn cai_and_dan(server: &Server) -> (Client<'_>, Client<'_>) {
    Client::of_role(server, "dan", "rep").await;
    (Client::office(server).await, Client::of_role(server, "cai", "rep").await)
}

async fn owned(office: &Client<'_>, kind: &str, field: &str, login: &str) -> usize {
    let filter = json!([{"type": "equals", "attribute": field, "value": user(login)}]).to_string();
    let answer = office.list(kind, &[("where", &filter)]).await;
    answer.json()["rows"].as_array().unwrap_or_else(|| panic!("{}", answer.text())).len()
}

/// The newest handover, once it has come to its end: each question gives the server its turn.
pub async fn finished(office: &Client<'_>) -> Value {
    for _ in 0..2_000 {
        let newest = office.get("/api/v1/handovers").await.json()["rows"][0].clone();
        if !newest["finishedAt"].is_null() {
            return newest;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never ends")
}

/// Three customers of cai's, one in Suzhou, with deals and tasks that are open and closed.
async fn book(rep: &Client<'_>) -> Vec<String> {
    let cai = user("cai");
    let mut customers = Vec::new();
    for (name, industry) in [("Jiamei", "trade"), ("Haida", "trade"), ("Meike", "health")] {
        let address = rep.make("party", json!({"name": name, "industry": industry, "owner": cai})).await;
        let id = address.rsplit('/').next().unwrap();
        rep.make("deal", json!({"title": format!("{name} open"), "party": id, "stage": "proposal", "owner": cai})).await;
        customers.push(address);
    }
    rep.make("deal", json!({"title": "Won long ago", "stage": "won", "owner": cai})).await;
    rep.make("activity", json!({"subject": "Call Jiamei", "status": "planned", "assignee": cai})).await;
    rep.make("activity", json!({"subject": "Called", "status": "done", "assignee": cai})).await;
    customers
}

#[tokio::test]
async fn a_rep_leaves_and_everything_open_is_a_colleagues_as_one_act_that_comes_back() {
    let server = Server::start().await;
    let (office, rep) = cai_and_dan(&server).await;
    let customers = book(&rep).await;
    let _phone = Phone::of(&server.app, server.workspace, user("cai"), "rep", "Cai's phone", START).await;
    let order = json!({"from": user("cai"), "to": user("dan"), "disable": true});
    let preview = office.post("/api/v1/handovers/preview", order.clone()).await.json();
    assert_eq!(preview["records"], 7, "{preview}");
    assert_eq!(preview["devices"][0]["name"], "Cai's phone");
    assert!(preview["bytes"].as_u64().unwrap() > 500);
    let asked = rep.post("/api/v1/handovers/preview", order.clone()).await;
    assert_eq!(asked.status, 403, "{}", asked.text());
    let begun = office.post("/api/v1/handovers", order).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let done = finished(&office).await;
    assert_eq!((&done["moved"], &done["refused"]), (&json!(7), &json!(0)));
    assert_eq!((owned(&office, "party", "owner", "dan").await, owned(&office, "deal", "owner", "dan").await), (3, 3));
    assert_eq!(owned(&office, "activity", "assignee", "dan").await, 1);
    // What was closed is still the doing of whoever closed it.
    assert_eq!((owned(&office, "deal", "owner", "cai").await, owned(&office, "activity", "assignee", "cai").await), (1, 1));
    assert_eq!(rep.get("/api/v1/me").await.status, 401);
    let history = office.get(&format!("{}/history", customers[0])).await.text();
    assert!(history.contains(&user("dan").to_string()), "{history}");
    // Somebody gave one of them to the office since: that stays.
    let other = json!([{"op": "set", "field": "owner", "value": server.ann}]);
    assert_eq!(office.edit(&customers[1], other).await.status, 200);
    let undone = office.post(&format!("/api/v1/handovers/{}/undo", done["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(undone.json(), json!({"restored": 6, "left": 1}));
    assert_eq!((owned(&office, "party", "owner", "cai").await, owned(&office, "party", "owner", "ann").await), (2, 1));
    let twice = office.post(&format!("/api/v1/handovers/{}/undo", done["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(twice.status, 409, "{}", twice.text());
}

#[tokio::test]
async fn some_customers_go_over_and_what_belongs_to_them_follows() {
    let server = Server::start().await;
    let (office, rep) = cai_and_dan(&server).await;
    book(&rep).await;
    let trade = json!([{"type": "equals", "attribute": "industry", "value": "trade"}]);
    let order = json!({"from": user("cai"), "to": user("dan"), "customers": trade});
    assert_eq!(office.post("/api/v1/handovers", order).await.status, 202);
    assert_eq!(finished(&office).await["moved"], 4);
    assert_eq!((owned(&office, "party", "owner", "dan").await, owned(&office, "deal", "owner", "dan").await), (2, 2));
    let wrong = json!([{"type": "equals", "attribute": "industri", "value": "trade"}]);
    let refused = office.post("/api/v1/handovers", json!({"from": user("cai"), "to": user("dan"), "customers": wrong})).await;
    assert!(refused.status == 422 && refused.text().contains("did you mean `industry`"), "{}", refused.text());
}

#[tokio::test]
async fn a_handover_that_broke_off_is_brought_to_its_end() {
    let server = Server::start().await;
    let (office, rep) = cai_and_dan(&server).await;
    book(&rep).await;
    let author = server.app.intake.on_behalf(server.workspace, server.ann, "office".parse().unwrap());
    let (from, to) = (user("cai"), user("dan"));
    let order = Order { from, to, customers: String::new(), with_closed: true, disable: false };
    // It was noted, and the server stopped.
    handover::begin(&server.app, &author, order).await.unwrap();
    assert_eq!(owned(&office, "party", "owner", "dan").await, 0);
    handover::resume(server.app.clone()).await;
    assert_eq!(finished(&office).await["moved"], 9);
    assert_eq!((owned(&office, "party", "owner", "dan").await, owned(&office, "deal", "owner", "dan").await), (3, 4));
}

#[tokio::test]
async fn the_console_shows_what_would_go_over_and_hands_it_over() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let rep = Client::of_role(&desk.server, "cai", "rep").await;
    book(&rep).await;
    let (from, to) = (user("cai").to_string(), user("bo").to_string());
    let page = desk.post("/handover", &[("from", &from), ("to", &to), ("step", "preview")]).await;
    assert!(page.status == 200 && page.text().contains("7 records would go over to 1 phone"), "{}", page.text());
    assert_eq!(owned(&office, "party", "owner", "bo").await, 0, "nothing was done yet");
    let done = desk.post("/handover", &[("from", &from), ("to", &to), ("step", "apply")]).await;
    assert_eq!(done.header("location"), "/handover?done=begun");
    let act = finished(&office).await["id"].as_str().unwrap().to_owned();
    let page = desk.get("/handover").await.text();
    assert!(page.contains("cai → bo") && page.contains("7 / 7"), "{page}");
    assert!(desk.get("/audit").await.text().contains("Handed over"));
    let undone = desk.post(&format!("/handover/{act}/undo"), &[]).await;
    assert_eq!(undone.header("location"), "/handover?done=undone&count=7&left=0");
    assert_eq!(owned(&office, "party", "owner", "cai").await, 3);
    let same = desk.post("/handover", &[("from", &from), ("to", &from), ("step", "apply")]).await;
    assert!(same.status == 422 && same.text().contains("Hand over to somebody else"), "{}", same.text());
    let ann = desk.server.ann.to_string();
    let fine = desk.post("/handover", &[("from", &ann), ("to", &to), ("disable", "on"), ("step", "preview")]).await;
    assert_eq!(fine.status, 200, "bo administers, too");
}

#[tokio::test]
async fn what_the_phones_have_not_sent_is_said_before_anything_goes_over() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let rep = Client::of_role(&desk.server, "cai", "rep").await;
    book(&rep).await;
    let phone = Handset::of(&desk.server, user("cai")).await.enrolled.device;
    let note = DeviceNote { protocol: 1, pending: 3, position: 0 };
    let mut tx = desk.server.app.store.begin().await.unwrap();
    farewells::note(&mut tx, desk.server.workspace, phone, &note, desk.server.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let (from, to) = (user("cai").to_string(), user("bo").to_string());
    let preview = office.post("/api/v1/handovers/preview", json!({"from": from, "to": to})).await.json();
    assert_eq!(preview["devices"][0]["unsent"], 3, "{preview}");
    let order = [("from", from.as_str()), ("to", to.as_str()), ("step", "preview")];
    let page = desk.post("/handover", &order).await.text();
    assert!(page.contains("3 edits have not been sent") && page.contains("3 edits not sent"), "{page}");
    desk.post("/language", &[("language", "zh-CN")]).await;
    assert!(desk.post("/handover", &order).await.text().contains("还有 3 条修改尚未发送"));
}

#[tokio::test]
async fn what_nobody_owns_is_its_makers_and_goes_over_too() {
    let server = Server::start().await;
    let (office, rep) = cai_and_dan(&server).await;
    let nobodys = rep.make("party", json!({"name": "Nobody's"})).await;
    office.make("party", json!({"name": "The office's"})).await;
    let order = json!({"from": user("cai"), "to": user("dan")});
    assert_eq!(office.post("/api/v1/handovers/preview", order.clone()).await.json()["records"], 1);
    assert_eq!(office.post("/api/v1/handovers", order).await.status, 202);
    let done = finished(&office).await;
    assert_eq!((&done["moved"], owned(&office, "party", "owner", "dan").await), (&json!(1), 1));
    office.post(&format!("/api/v1/handovers/{}/undo", done["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(office.get(&nobodys).await.json()["fields"].get("owner"), None);
}

#[tokio::test]
async fn the_phone_of_whoever_leaves_delivers_what_it_has_not_sent_and_forgets_everything() {
    let server = Server::start().await;
    let (office, rep) = cai_and_dan(&server).await;
    let customer = rep.make("party", json!({"name": "Jiamei", "owner": user("cai")})).await;
    let customer: RecordId = customer.rsplit('/').next().unwrap().parse().unwrap();
    let mut phone = Handset::of(&server, user("cai")).await;
    phone.sync(&server).await;
    phone.edit(&server, "party", customer, &[FieldEdit::set("name", "Jiamei Paper")]);
    let order = json!({"from": user("cai"), "to": user("dan"), "disable": true});
    assert_eq!(office.post("/api/v1/handovers", order).await.status, 202);
    let done = finished(&office).await;
    phone.sync(&server).await;
    assert_eq!(phone.fields(customer), None);
    let desk = office.get("/api/v1/rejected").await;
    assert!(desk.text().contains("revoked"), "{}", desk.text());
    let mut tx = server.app.store.reader().await.unwrap();
    let farewells = farewells::all(&mut tx, server.workspace).await.unwrap();
    assert!(farewells[&phone.enrolled.device].told_at.is_some(), "{farewells:?}");
    drop(tx);
    // Taken back, they may come in again.
    assert_eq!(rep.get("/api/v1/me").await.status, 401);
    office.post(&format!("/api/v1/handovers/{}/undo", done["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(server.api_sign_in("cai", crate::harness::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn some_customers_are_chosen_as_in_a_list() {
    let desk = Desk::new().await;
    let (_office, rep) = cai_and_dan(&desk.server).await;
    book(&rep).await;
    let (cai, dan) = (user("cai").to_string(), user("dan").to_string());
    let form = [("from", &*cai), ("to", &*dan), ("customers.form", ""), ("customers.0.attribute", "industry")];
    let said = [("customers.0.was", "industry"), ("customers.0.op", "equals")];
    let post = async |rows: &[(&str, &str)]| desk.post("/handover", &[&form[..], rows].concat()).await;
    let asked = post(&[("step", "ask")]).await;
    let text = asked.text();
    assert!(asked.status == 200 && text.contains("name=\"customers.0.op\"") && !text.contains("id=\"effect\""), "{text}");
    assert!(text.contains(&format!("<option value=\"{cai}\" selected>")) && text.contains("<details open>"), "{text}");
    let half = post(&[&said[..], &[("step", "preview")]].concat()).await;
    assert!(half.status == 422 && half.text().contains("Say what to compare with"), "{}", half.text());
    let preview = post(&[&said[..], &[("customers.0.v", "trade"), ("step", "preview")]].concat()).await.text();
    assert!(preview.contains("4 records would go over") && preview.contains("name=\"customers.0.v\""), "{preview}");
    let raw = desk.post("/handover", &[("from", &cai), ("to", &dan), ("customers", "["), ("step", "preview")]).await;
    assert!(raw.status == 422 && raw.text().contains("is not JSON"), "what cannot be read is not everything: {}", raw.text());
}

#[tokio::test]
async fn whoever_may_not_shut_people_out_takes_back_no_half_of_a_handover_and_begins_none() {
    let server = Server::start().await;
    let (office, rep) = cai_and_dan(&server).await;
    book(&rep).await;
    let chief = "name = \"chief\"\nlabel = { en = \"Chief\", zh = \"主管\" }\nrights = [\"administer\"]\n[[rule]]\nkinds = [\"*\"]\nread = \"all\"\n\
        create = \"all\"\nedit = \"all\"\nreads = [\"main\"]\nwrites = [\"main\"]\n[[rule]]\nkinds = [\"member\"]\nread = \"all\"\nreads = [\"main\"]\n";
    assert_eq!(crate::roles::define(&office, "chief", chief).await.status, 201);
    let chief = Client::of_role(&server, "eva", "chief").await;
    let order = json!({"from": user("cai"), "to": user("dan"), "disable": true});
    let refused = chief.post("/api/v1/handovers", order.clone()).await;
    assert!(refused.status == 403 && refused.text().contains("may not create members"), "{}", refused.text());
    assert_eq!(office.get("/api/v1/handovers").await.json()["rows"], json!([]), "nothing was begun");

    assert_eq!(office.post("/api/v1/handovers", order).await.status, 202);
    let act = finished(&office).await["id"].as_str().unwrap().to_owned();
    let refused = chief.post(&format!("/api/v1/handovers/{act}/undo"), json!({})).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(owned(&office, "party", "owner", "cai").await, 0, "nothing went back");
    let undone = office.post(&format!("/api/v1/handovers/{act}/undo"), json!({})).await;
    assert_eq!((undone.status.as_u16(), owned(&office, "party", "owner", "cai").await), (200, 3), "{}", undone.text());
}
