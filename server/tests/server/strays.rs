//! Links lead to records that are there, and of a kind that their field names; numbers and amounts mean something. Held to by
//! whoever makes something up, whichever door it comes through; never by phones that come back, by merges, or by what stands.

use rapport_server::jobs::import::{self, Source, Spec};
use serde_json::{Value, json};
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::api::{Client, Phone, problem};
use crate::console::Desk;
use crate::harness::{START, Server};

fn id_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn a_link_to_another_kind_or_to_nothing_is_refused_by_the_api() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let member = id_of(&ann.make("member", json!({"name": "Chen", "role": "rep"})).await).to_owned();
    let party = id_of(&ann.make("party", json!({"name": "Acme"})).await).to_owned();
    let other = ann.post("/api/v1/deal", json!({"fields": {"title": "D", "party": member}})).await;
    assert_eq!(problem(&other), (422, "invalid".to_owned(), "party".to_owned()));
    let said = other.json()["detail"].as_str().unwrap().to_owned();
    assert!(said.contains("leads to customers") && said.contains(&format!("`{member}` is a member")), "{said}");
    let none = ann.post("/api/v1/deal", json!({"fields": {"title": "D", "party": NOBODY}})).await;
    assert!(problem(&none).0 == 422 && none.text().contains("is no such record"), "{}", none.text());
    let deal = ann.make("deal", json!({"title": "D", "party": party, "owner": member})).await;
    let set = |field: &str, value: &str| json!([{"op": "set", "field": field, "value": value}]);
    assert_eq!(ann.edit(&deal, set("party", &member)).await.status, 422);
    assert_eq!(ann.edit(&deal, set("party", &party)).await.status, 200);
    let row = |part: &str, target: &str| json!([{"op": "set_row", "field": "lines", "row": "1", "values": {part: target}}]);
    let line = ann.edit(&deal, row("product", &party)).await;
    assert_eq!(problem(&line).2, "lines.product", "rows have links, too");
    let about = json!([{"op": "add", "field": "about", "value": member}]);
    let activity = ann.make("activity", json!({"subject": "Call", "about": [party, id_of(&deal)], "people": [party, member]})).await;
    assert!(ann.edit(&activity, about).await.text().contains("is a member"), "and so have sets");
}

#[tokio::test]
async fn a_batch_is_refused_item_by_item_and_may_link_to_what_it_makes() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let (group, gone) = ("01890a5d-ac96-774b-bcce-b302099a8001", "01890a5d-ac96-774b-bcce-b302099a8002");
    let items = json!([
        {"id": "01890a5d-ac96-774b-bcce-b302099a8003", "fields": {"name": "Branch", "parent": group}},
        {"id": group, "fields": {"name": "Group"}},
        {"fields": {"name": "Lost", "parent": gone}},
    ]);
    let answer = ann.post("/api/v1/party/batch", json!({ "items": items })).await.json();
    let statuses: Vec<&Value> = answer["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, ["created", "created", "failed"], "{answer}");
    assert_eq!(answer["results"][2]["problem"]["field"], "parent");
}

#[tokio::test]
async fn what_is_erased_or_out_of_sight_is_as_if_it_were_not_there() {
    let server = Server::start().await;
    let (ann, rep) = (Client::office(&server).await, Client::of_role(&server, "rita", "agent").await);
    let hidden = id_of(&ann.make("party", json!({"name": "Ann's own"})).await).to_owned();
    let refused = rep.post("/api/v1/deal", json!({"fields": {"title": "D", "party": hidden}})).await;
    let unknown = rep.post("/api/v1/deal", json!({"fields": {"title": "D", "party": NOBODY}})).await;
    assert_eq!((refused.status.as_u16(), refused.json()["detail"].clone()), (422, unknown.json()["detail"].clone()), "{}", refused.text());
    // What the record holds may be written again by whoever does not see where it leads.
    let deal = ann.make("deal", json!({"title": "D", "party": hidden, "owner": UserId::of_cause("rita")})).await;
    let same =
        rep.edit(&deal, json!([{"op": "set", "field": "party", "value": hidden}, {"op": "set", "field": "title", "value": "E"}])).await;
    assert_eq!(same.status, 200, "{}", same.text());
}

#[tokio::test]
async fn phones_are_never_refused_for_where_a_link_leads() {
    let server = Server::start().await;
    let mut phone = Phone::of(&server, server.ann, "office", 7).await;
    let edits = [FieldEdit::set("title", "D"), FieldEdit::set("party", NOBODY)];
    let pushed = phone.write("deal", RecordId::of_cause("a phone's"), START, &edits);
    let verdict = phone.push(&server, &pushed).await;
    assert!(matches!(verdict, Verdict::Accepted { .. }), "{verdict:?}");
}

#[tokio::test]
async fn forms_and_bulk_edits_say_where_a_link_may_lead() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Acme")]).await.to_string();
    let typed = [("f.title", "D"), ("f.party", NOBODY)];
    let page = desk.post("/records/deal", &typed).await;
    assert!(page.status == 422 && page.text().contains("is no such record"), "{}", page.text());
    let made = desk.post("/records/deal", &[("f.title", "D"), ("f.party", &*party)]).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let deal = made.header("location").rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let bulk = [("id", &*deal), ("field", "party"), ("f.party", NOBODY), ("step", "preview")];
    let page = desk.post("/records/deal/bulk", &bulk).await.text();
    assert!(page.contains("is no such record") && !page.contains("records will change"), "{page}");
    let inline = desk.post(&format!("/records/deal/{deal}/fields/party"), &[("f.party", &*deal)]).await.text();
    assert!(inline.contains("leads to customers") && inline.contains("is a deal"), "{inline}");
}

#[tokio::test]
async fn a_file_with_ids_is_checked_and_brought_in_alike() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let member = id_of(&ann.make("member", json!({"name": "Chen", "role": "rep"})).await).to_owned();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deals.csv");
    let group = "01890a5d-ac96-774b-bcce-b302099a8001";
    let rows = format!("id,name,parent\n,Branch,{group}\n{group},Group,\n,Lost,{NOBODY}\n,Odd,{member}\n");
    std::fs::write(&file, rows).unwrap();
    let (author, _) = import::author(&server.app, server.workspace, Some("ann")).await.unwrap();
    for is_dry_run in [true, false] {
        let spec = Spec { is_dry_run, ..Spec::new("party".parse().unwrap()) };
        let report = import::run(&server.app, &author, &spec, &Source::File(file.clone()), &mut |_| {}).await.unwrap();
        assert_eq!((report.created, report.failed), (2, 2), "{:?}", report.failures);
        let reasons: Vec<&str> = report.failures.iter().map(|failure| &*failure.reason.en).collect();
        assert!(reasons[0].contains("Parent company: there is no such record"), "{reasons:?}");
        assert!(reasons[1].contains("leads to customers") && reasons[1].contains("is a member"), "{reasons:?}");
    }
}

#[tokio::test]
async fn numbers_out_of_bounds_and_currencies_that_are_none_are_refused() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let line = |part: &str, value: Value| json!({"title": "Q", "lines": [{"product_name": "x", part: value}]});
    let money = |code: &str| json!({"amount": -100, "currency": code});
    let cases = [
        (line("quantity", json!(-1)), "lines.quantity"),
        (line("discount_percent", json!(120)), "lines.discount_percent"),
        (line("tax_percent", json!(-5)), "lines.tax_percent"),
        (line("price", money("XXQ")), "lines.price"),
        (json!({"title": "Q", "amount": money("ABC")}), "amount"),
    ];
    for (fields, field) in cases {
        let answer = ann.post("/api/v1/offer", json!({ "fields": fields })).await;
        assert_eq!((problem(&answer).0, &*problem(&answer).2), (422, field), "{fields}");
    }
    ann.make("offer", json!({"title": "Credit note", "amount": money("EUR"), "lines": [{"quantity": 1, "price": money("CNY")}]})).await;
    let typed = desk.post("/records/offer", &[("f.title", "Q"), ("f.amount.amount", "5"), ("f.amount.currency", "ABC")]).await;
    assert!(typed.status == 422 && typed.text().contains("ABC"), "{}", typed.text());
    let document = ann.get("/api/v1/openapi.json").await.json();
    let tax = &document["components"]["schemas"]["product.new_fields"]["properties"]["tax_percent"];
    assert_eq!((&tax["minimum"], &tax["maximum"]), (&json!(0), &json!(100)), "{tax}");
}

#[tokio::test]
async fn a_kind_of_ones_own_has_bounds_too() {
    let desk = Desk::new().await;
    let field = [
        ("label_en", "Round"),
        ("plural_en", "Rounds"),
        ("name", "round"),
        ("fields", "2"),
        ("field.0.label_en", "Place"),
        ("field.1.label_en", "Stars"),
        ("field.1.type", "integer"),
        ("step", "save"),
        ("whole", ""),
    ];
    let wrong = desk.post("/kinds/new", &[&field[..], &[("field.1.min", "5"), ("field.1.max", "1")]].concat()).await;
    assert!(wrong.status == 422 && wrong.text().contains("least is not above the most"), "{}", wrong.text());
    let made = desk.post("/kinds/new", &[&field[..], &[("field.1.min", "1"), ("field.1.max", "5")]].concat()).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let page = desk.page("/kinds/round").await;
    assert!(page.contains("name=\"field.1.min\" value=\"1\"") && page.contains("name=\"field.1.max\" value=\"5\""), "{page}");
    assert!(page.contains("min = 1\nmax = 5"), "{page}");
    let refused = desk.post("/records/round", &[("f.place", "x"), ("f.stars", "6")]).await;
    assert!(refused.status == 422 && refused.text().contains("most 5, not 6"), "{}", refused.text());
}
