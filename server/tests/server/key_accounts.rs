//! Key customers: one person answers for each, everybody else is told so, and what goes out to them takes that one's word.

use serde_json::{Value, json};
use sync_core::id::UserId;
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::record;
use crate::handset::Handset;
use crate::harness::{Answer, MINUTE, START, Server};
use crate::reviews::colleague;

fn user(login: &str) -> UserId {
    UserId::of_cause(login)
}

fn set(field: &str, value: &str) -> Value {
    json!([{"op": "set", "field": field, "value": value}])
}

/// A key customer that mia answers for.
async fn key_customer(office: &Client<'_>) -> String {
    office.make("party", json!({"name": "Jiamei", "is_key": true, "account_manager": user("mia")})).await
}

fn id_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

/// The only edit that waits, as somebody sees it.
async fn waiting(who: &Client<'_>) -> Value {
    let answer = who.get("/api/v1/rejected").await.json();
    assert_eq!(answer["rows"].as_array().map(Vec::len), Some(1), "{answer}");
    answer["rows"][0].clone()
}

async fn accept(who: &Client<'_>, edit: &Value) -> Answer {
    who.post(&format!("/api/v1/rejected/{}/accept", edit["change"].as_str().unwrap()), json!({})).await
}

#[tokio::test]
async fn a_key_customer_has_somebody_who_answers_for_it() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    Client::of_role(&server, "mia", "rep").await;
    let alone = office.post("/api/v1/party", json!({"fields": {"name": "Jiamei", "is_key": true}})).await;
    assert_eq!((alone.status.as_u16(), alone.json()["field"].as_str()), (422, Some("account_manager")), "{}", alone.text());
    assert!(alone.text().contains("key account needs somebody who answers for it"), "{}", alone.text());
    let customer = key_customer(&office).await;
    let without = office.edit(&customer, json!([{"op": "set", "field": "account_manager", "value": null}])).await;
    assert_eq!((without.status.as_u16(), without.json()["field"].as_str()), (422, Some("account_manager")), "{}", without.text());
    assert_eq!(office.edit(&customer, set("industry", "trade")).await.status, 200, "everything else is edited as ever");
    let both = json!([{"op": "set", "field": "is_key", "value": false}, {"op": "set", "field": "account_manager", "value": null}]);
    assert_eq!(office.edit(&customer, both).await.status, 200);
}

#[tokio::test]
async fn a_quote_to_a_key_customer_goes_out_with_the_word_of_who_answers_for_it() {
    let server = Server::start().await;
    let (office, mia) = (Client::office(&server).await, Client::of_role(&server, "mia", "rep").await);
    let mut seller = colleague(&server, "seller", "rep").await;
    let customer = key_customer(&office).await;
    let quote = record(9);
    let edits = [FieldEdit::set("title", "Lamps"), FieldEdit::set("party", id_of(&customer)), FieldEdit::set("status", "draft")];
    let drafted = seller.save(&server.app, "offer", quote, START, &edits).await;
    assert!(matches!(drafted[..], [Verdict::Accepted { .. }]), "work on it goes on: {drafted:?}");
    let sent = seller.save(&server.app, "offer", quote, START + MINUTE, &[FieldEdit::set("status", "sent")]).await;
    assert!(matches!(&sent[..], [Verdict::Held { rule, .. }] if rule == "rep.offer.key_account.status"), "{sent:?}");
    let seller = Client::signed_in(&server, "seller").await;
    let (theirs, hers) = (waiting(&seller).await, waiting(&mia).await);
    assert_eq!((&theirs["turn"]["approver"]["en"], &theirs["turn"]["yours"]), (&json!("mia"), &json!(false)), "{theirs}");
    assert_eq!((&hers["turn"]["of"], &hers["turn"]["yours"]), (&json!(1), &json!(true)), "{hers}");
    let own = accept(&seller, &theirs).await;
    assert_eq!(own.status, 403, "{}", own.text());
    let other = accept(&office, &theirs).await;
    assert!(other.status == 403 && other.text().contains("It is not your turn: this step takes the word of mia"), "{}", other.text());
    let given = accept(&mia, &hers).await;
    assert_eq!(given.json()["state"], "accepted", "{}", given.text());
    assert_eq!(office.get(&format!("/api/v1/offer/{quote}")).await.json()["fields"]["status"], "sent");
    // Her own go out at once.
    let hers = json!({"title": "Chairs", "party": id_of(&customer), "status": "sent"});
    mia.make("offer", hers).await;
}

#[tokio::test]
async fn everybody_who_works_with_a_key_customer_reads_who_answers_for_it() {
    let server = Server::start().await;
    let (office, mia) = (Client::office(&server).await, Client::of_role(&server, "mia", "rep").await);
    Client::of_role(&server, "seller", "rep").await;
    let customer = key_customer(&office).await;
    let deal = mia.make("deal", json!({"title": "Lamps", "party": id_of(&customer)})).await;
    let plain = office.make("party", json!({"name": "Haida", "account_manager": user("mia")})).await;
    let page = async |login: &str, address: &str| {
        let (_, cookie) = server.browser_sign_in_as(login).await;
        server.browse(&cookie, &address.replace("/api/v1/", "/records/")).await.text()
    };
    let banner = |page: &str| page.split("id=\"account\"").nth(1).map(|rest| rest.split("</div>").next().unwrap().to_owned());
    for address in [&customer, &deal] {
        let shown = banner(&page("seller", address).await).unwrap();
        for part in ["Key customer", "Account manager", "mia", "waits for the account manager’s word: Quotes and orders"] {
            assert!(shown.contains(part), "{shown} lacks {part}");
        }
        assert_eq!(shown.contains("Jiamei"), *address == deal, "{shown}");
        let hers = banner(&page("mia", address).await).unwrap();
        assert!(hers.contains("Key customer") && !hers.contains("waits for"), "{hers}");
    }
    assert_eq!(banner(&page("seller", &plain).await), None, "no key customer");
    // A record that was merged into a key customer belongs to it, and so does what is linked to it.
    assert_eq!(office.edit(&plain, json!([{"op": "add", "field": "alias_of", "value": id_of(&customer)}])).await.status, 200);
    let other = mia.make("deal", json!({"title": "Chairs", "party": id_of(&plain)})).await;
    assert!(banner(&page("seller", &other).await).is_some_and(|shown| shown.contains("Jiamei")));
}

#[tokio::test]
async fn a_discount_to_a_key_customer_takes_the_managers_word_and_then_whose_it_takes_anyway() {
    let server = Server::start().await;
    let (office, mia) = (Client::office(&server).await, Client::of_role(&server, "mia", "rep").await);
    let customer = key_customer(&office).await;
    let seller = Client::of_role(&server, "seller", "rep").await;
    let lines = json!([{"product_name": "Lamp", "quantity": 1, "discount_percent": 20}]);
    let fields = json!({"title": "Lamps", "party": id_of(&customer), "status": "sent", "lines": lines});
    // The whole of a new quote waits, and there is nothing yet to see it by.
    let held = seller.post("/api/v1/offer", json!({ "fields": fields })).await;
    assert_eq!(held.status, 202, "{}", held.text());
    let edit = waiting(&mia).await;
    assert_eq!((&edit["rule"], &edit["turn"]["of"]), (&json!("rep.offer.limit.lines.discount_percent"), &json!(2)), "{edit}");
    assert_eq!(accept(&office, &edit).await.status, 403, "mia is asked first");
    let first = accept(&mia, &edit).await.json();
    assert_eq!((&first["state"], &first["turn"]["approver"]["en"]), (&json!("held"), &json!("whoever may make this change")), "{first}");
    assert_eq!(accept(&mia, &edit).await.status, 403, "20 % are not hers to give");
    assert_eq!(accept(&office, &edit).await.json()["state"], "accepted");
}

#[tokio::test]
async fn another_manager_is_asked_from_then_on_and_finds_what_waits() {
    let server = Server::start().await;
    let (office, mia) = (Client::office(&server).await, Client::of_role(&server, "mia", "agent").await);
    let (lee, seller) = (Client::of_role(&server, "lee", "agent").await, Client::of_role(&server, "seller", "rep").await);
    let customer = key_customer(&office).await;
    let held = seller.post("/api/v1/offer", json!({"fields": {"title": "Lamps", "party": id_of(&customer), "status": "sent"}})).await;
    assert_eq!(held.status, 202, "{}", held.text());
    assert!(waiting(&mia).await["turn"]["yours"] == true && lee.get("/api/v1/rejected").await.json()["rows"] == json!([]));
    assert_eq!((mia.get(&customer).await.status.as_u16(), lee.get(&customer).await.status.as_u16()), (200, 404), "agents see their own");
    assert_eq!(mia.edit(&customer, set("industry", "trade")).await.status, 200, "it is hers as well");
    assert_eq!(office.edit(&customer, set("account_manager", &user("lee").to_string())).await.status, 200);
    assert_eq!((mia.get(&customer).await.status.as_u16(), lee.get(&customer).await.status.as_u16()), (404, 200));
    assert!(mia.get("/api/v1/rejected").await.json()["rows"] == json!([]));
    let edit = waiting(&lee).await;
    assert_eq!(accept(&lee, &edit).await.json()["state"], "accepted");
}

#[tokio::test]
async fn a_phone_that_answers_for_a_key_customer_holds_it_and_what_belongs_to_it() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    Client::of_role(&server, "mia", "agent").await;
    let mut phone = Handset::of(&server, user("mia")).await;
    let customer = key_customer(&office).await;
    let deal = office.make("deal", json!({"title": "Lamps", "party": id_of(&customer)})).await;
    phone.sync(&server).await;
    assert!([&customer, &deal].iter().all(|address| phone.fields(id_of(address).parse().unwrap()).is_some()));
    assert_eq!(office.edit(&customer, json!([{"op": "set", "field": "is_key", "value": false}])).await.status, 200);
    phone.sync(&server).await;
    assert!([&customer, &deal].iter().all(|address| phone.fields(id_of(address).parse().unwrap()).is_none()), "it is not hers any more");
}

#[tokio::test]
async fn whoever_leaves_hands_over_the_key_customers_that_they_answer_for() {
    let server = Server::start().await;
    let (office, _) = (Client::office(&server).await, Client::of_role(&server, "mia", "rep").await);
    Client::of_role(&server, "lee", "rep").await;
    let customer = key_customer(&office).await;
    let both = office.make("party", json!({"name": "Haida", "owner": user("mia"), "is_key": true, "account_manager": user("mia")})).await;
    let order = json!({"from": user("mia"), "to": user("lee"), "disable": true});
    assert_eq!(office.post("/api/v1/handovers/preview", order.clone()).await.json()["records"], 2);
    assert_eq!(office.post("/api/v1/handovers", order).await.status, 202);
    crate::handover::finished(&office).await;
    let (led, owned) = (office.get(&customer).await.json(), office.get(&both).await.json());
    let lee = json!(user("lee"));
    assert_eq!((&led["fields"]["account_manager"], &led["fields"]["owner"]), (&lee, &Value::Null), "{led}");
    assert_eq!((&owned["fields"]["account_manager"], &owned["fields"]["owner"]), (&lee, &lee));
}

#[tokio::test]
async fn a_step_gives_its_people_the_word_but_nobody_their_own() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let (mia, seller) = (Client::of_role(&server, "mia", "rep").await, Client::of_role(&server, "seller", "rep").await);
    let actions = json!([{"action": "approve", "settings": json!({"role": "rep", "hours": 2}).to_string()}]);
    let rule = json!({"name": "Discounts", "purpose": "approval", "about": "offer", "enabled": true, "actions": actions});
    office.make("rule", rule).await;
    let lines = json!([{"product_name": "Lamp", "quantity": 1, "discount_percent": 20}]);
    let held = seller.post("/api/v1/offer", json!({"fields": {"title": "Lamps", "lines": lines}})).await;
    assert_eq!(held.status, 202, "{}", held.text());
    let (theirs, hers) = (waiting(&seller).await, waiting(&mia).await);
    assert_eq!((&theirs["turn"]["yours"], &hers["turn"]["yours"]), (&json!(false), &json!(true)), "{theirs}");
    assert!(!hers["turn"]["due"].is_null(), "there are two hours for it, and no deputy: {hers}");
    let own = accept(&seller, &theirs).await;
    assert!(own.status == 403, "{}", own.text());
    let given = accept(&mia, &hers).await;
    assert_eq!(given.json()["state"], "accepted", "the rule gives the word: {}", given.text());
}
