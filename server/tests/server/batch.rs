//! Many records at once, as an ERP sends them every night.

use serde_json::{Value, json};

use crate::api::Client;
use crate::harness::Server;

async fn batch(ann: &Client<'_>, kind: &str, body: Value) -> Vec<Value> {
    let answer = ann.post(&format!("/api/v1/{kind}/batch"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["results"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().unwrap()).collect()
}

fn customer(number: u32, name: &str) -> Value {
    json!({"fields": {"external_id": format!("K-{number}"), "name": name, "phones": [{"value": "+86 10 6552 9988", "label": "office"}]}})
}

#[tokio::test]
async fn what_is_not_there_is_made_and_what_is_there_is_brought_up_to_date() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let first = batch(&ann, "party", json!({"items": [customer(1, "佳美"), customer(2, "Acme")]})).await;
    assert_eq!(statuses(&first), ["created", "created"]);
    let again = batch(&ann, "party", json!({"items": [customer(1, "佳美"), customer(2, "Acme Ltd"), customer(3, "New")]})).await;
    assert_eq!(statuses(&again), ["unchanged", "updated", "created"]);
    assert_eq!(first[1]["id"], again[1]["id"]);
    let record = ann.get(&format!("/api/v1/party/{}", again[1]["id"].as_str().unwrap())).await.json();
    assert_eq!(record["title"], "Acme Ltd");
    assert_eq!(record["fields"]["phones"].as_array().unwrap().len(), 1, "rows are matched, not added again");
}

#[tokio::test]
async fn what_stands_against_one_item_stands_against_no_other() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let items = json!([
        customer(1, "佳美"),
        {"fields": {"external_id": "K-2"}},
        {"fields": {"external_id": "K-3", "name": "x", "nosuch": 1}},
        {"fields": {"external_id": "K-4", "name": "x", "type": "alien"}},
        {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "fields": {"name": "named"}},
    ]);
    let results = batch(&ann, "party", json!({ "items": items })).await;
    assert_eq!(statuses(&results), ["created", "failed", "failed", "failed", "created"]);
    let fields: Vec<&Value> = results[1..4].iter().map(|result| &result["problem"]["field"]).collect();
    assert_eq!(fields, ["name", "nosuch", "type"]);
    assert_eq!(results[4]["id"], "01890a5d-ac96-774b-bcce-b302099a8057");
}

#[tokio::test]
async fn an_item_that_cannot_be_read_or_asked_about_fails_alone() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let items = json!([
        customer(1, "佳美"),
        "no item",
        {"id": "nonsense", "fields": {"name": "x"}},
        {"fields": {"external_id": "K-\u{0}2", "name": "x"}},
        {"fields": {"external_id": "K".repeat(2_000), "name": "x"}},
        {"fields": {"external_id": "K-5", "name": "x", "emails": [{"value": "n/a"}]}},
        {"fields": {"external_id": "K-6", "name": "x", "website": "javascript:alert(1)"}},
        customer(7, "Acme"),
    ]);
    let results = batch(&ann, "party", json!({ "items": items })).await;
    let expected = ["created", "failed", "failed", "failed", "failed", "failed", "failed", "created"];
    assert_eq!(statuses(&results), expected, "{results:?}");
    let fields: Vec<&Value> = results[4..7].iter().map(|result| &result["problem"]["field"]).collect();
    assert_eq!(fields, ["external_id", "emails.value", "website"]);
    for matched in ["nosuch", "emails.nosuch"] {
        let answer = ann.post("/api/v1/party/batch", json!({"matchBy": matched, "items": [customer(9, "x")]})).await;
        assert_eq!(answer.status, 422, "{matched}: {}", answer.text());
    }
}

#[tokio::test]
async fn records_are_matched_by_any_attribute_that_names_them() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    ann.make("party", json!({"name": "Li", "emails": [{"value": "li@example.com"}]})).await;
    let items = json!([{"fields": {"emails": [{"value": "LI@example.com"}], "industry": "print"}}]);
    let results = batch(&ann, "party", json!({"matchBy": "emails.value", "mode": "update", "items": items})).await;
    assert_eq!(statuses(&results), ["updated"]);
    for name in ["Twin", "Twin"] {
        ann.make("party", json!({ "name": name })).await;
    }
    let results = batch(&ann, "party", json!({"matchBy": "name", "items": [{"fields": {"name": "Twin", "industry": "x"}}]})).await;
    assert_eq!(statuses(&results), ["failed"]);
    assert!(results[0]["problem"]["detail"].as_str().unwrap().contains("Several records"));
}

#[tokio::test]
async fn the_mode_says_what_must_be_there() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let update = batch(&ann, "party", json!({"mode": "update", "items": [customer(1, "x"), {"fields": {"name": "x"}}]})).await;
    assert_eq!(statuses(&update), ["failed", "failed"]);
    assert_eq!((&update[0]["problem"]["code"], &update[1]["problem"]["field"]), (&json!("not_found"), &json!("external_id")));
    assert_eq!(statuses(&batch(&ann, "party", json!({"mode": "create", "items": [customer(1, "x")]})).await), ["created"]);
    let create = batch(&ann, "party", json!({"mode": "create", "items": [customer(1, "x")]})).await;
    assert_eq!(create[0]["problem"]["code"], "exists");
}

#[tokio::test]
async fn two_items_about_one_record_are_written_one_after_the_other() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let results = batch(&ann, "party", json!({"items": [customer(1, "first"), customer(1, "second")]})).await;
    assert_eq!(statuses(&results), ["created", "updated"]);
    assert_eq!(results[0]["id"], results[1]["id"]);
}

#[tokio::test]
async fn two_batches_at_once_make_a_record_once() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    // One of the others may come between any two steps of a batch: often enough to meet each of them.
    for n in 1..=12 {
        let batches = (0..6).map(|_| batch(&ann, "party", json!({"items": [customer(n, "佳美")]})));
        let results = futures_util::future::join_all(batches).await;
        assert_eq!(results.iter().filter(|one| one[0]["status"] == "created").count(), 1, "{results:?}");
        assert_eq!(ann.list("party", &[("total", "true")]).await.json()["total"], n);
    }
}

#[tokio::test]
async fn a_name_that_a_record_bore_once_makes_another_record() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let first = batch(&ann, "party", json!({"items": [customer(1, "old")]})).await;
    let address = format!("/api/v1/party/{}", first[0]["id"].as_str().unwrap());
    assert_eq!(ann.edit(&address, json!([{"op": "set", "field": "external_id", "value": "K-9"}])).await.status, 200);
    let second = batch(&ann, "party", json!({"items": [customer(1, "new")]})).await;
    assert_eq!(statuses(&second), ["created"]);
    assert_ne!(first[0]["id"], second[0]["id"]);
    let again = batch(&ann, "party", json!({"items": [customer(1, "newer")]})).await;
    assert_eq!((statuses(&again), &again[0]["id"]), (vec!["updated"], &second[0]["id"]));

    let archived = ann.post(&format!("/api/v1/party/{}/archive", second[0]["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(archived.status, 200, "{}", archived.text());
    let third = batch(&ann, "party", json!({"items": [customer(1, "third"), customer(1, "once more")]})).await;
    assert_eq!(statuses(&third), ["created", "updated"]);
}

#[tokio::test]
async fn a_name_is_found_whatever_blanks_it_is_typed_with_and_one_of_many_records_is_only_said_to_be() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let first = batch(&ann, "party", json!({"items": [customer(1, "佳美")]})).await;
    let blank = batch(&ann, "party", json!({"items": [{"fields": {"external_id": " K-1 ", "name": "佳美"}}]})).await;
    assert_eq!((statuses(&blank), &blank[0]["id"]), (vec!["updated"], &first[0]["id"]), "{blank:?}");

    let items: Vec<Value> =
        (10..15).map(|number| json!({"fields": {"external_id": format!("K-{number}"), "name": "x", "industry": "print"}})).collect();
    batch(&ann, "party", json!({ "items": items })).await;
    let several = batch(&ann, "party", json!({"matchBy": "industry", "items": [{"fields": {"name": "y", "industry": "print"}}]})).await;
    assert_eq!((statuses(&several), &several[0]["problem"]["field"]), (vec!["failed"], &json!("industry")));
}

#[tokio::test]
async fn a_batch_is_bounded_and_needs_the_right_to_write() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let many: Vec<Value> = (0..201).map(|number| customer(number, "x")).collect();
    assert_eq!(ann.post("/api/v1/party/batch", json!({ "items": many })).await.status, 422);
    let rep = Client::of_role(&server, "cy", "rep").await;
    let results = batch(&rep, "product", json!({"items": [{"fields": {"name": "x"}}]})).await;
    assert_eq!(results[0]["problem"]["code"], "forbidden");
}

#[tokio::test]
async fn groups_of_filters_find_what_the_filter_language_finds() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    for (name, industry, tags) in [("Ada", "print", json!(["vip"])), ("Bea", "retail", json!([])), ("Cyd", "print", json!([]))] {
        ann.make("party", json!({"name": name, "industry": industry, "tags": tags})).await;
    }
    let filter = |name: &str, operator: &str, value: Value| json!({"propertyName": name, "operator": operator, "value": value});
    let group = |filters: Vec<Value>| json!({ "filters": filters });
    let sorts = json!([{"propertyName": "name", "direction": "DESCENDING"}]);
    for (body, found) in [
        (json!({"filterGroups": [group(vec![filter("industry", "EQ", json!("print"))])], "sorts": sorts}), vec!["Cyd", "Ada"]),
        (json!({"filterGroups": [group(vec![filter("industry", "EQ", json!("print")), filter("name", "LT", json!("B"))])]}), vec!["Ada"]),
        (
            json!({"filterGroups": [group(vec![filter("name", "EQ", json!("Bea"))]), group(vec![filter("name", "CONTAINS_TOKEN", json!("yd"))])],
                "sorts": sorts}),
            vec!["Cyd", "Bea"],
        ),
        (
            json!({"filterGroups": [group(vec![json!({"propertyName": "name", "operator": "IN", "values": ["Ada", "Nobody"]})])]}),
            vec!["Ada"],
        ),
        (
            json!({"filterGroups": [group(vec![json!({"propertyName": "name", "operator": "BETWEEN", "value": "Ac", "highValue": "Bz"})])], "sorts": sorts}),
            vec!["Bea", "Ada"],
        ),
        (json!({"filterGroups": [group(vec![json!({"propertyName": "tags", "operator": "HAS_PROPERTY"})])]}), vec!["Ada"]),
        (
            json!({"where": [{"type": "equals", "attribute": "industry", "value": "retail"}], "properties": ["name"], "total": true}),
            vec!["Bea"],
        ),
    ] {
        let answer = ann.post("/api/v1/party/search", body.clone()).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        let page = answer.json();
        let titles: Vec<&str> = page["rows"].as_array().unwrap().iter().map(|row| row["title"].as_str().unwrap()).collect();
        assert_eq!(titles, found, "{body}");
    }
    let first = ann.post("/api/v1/party/search", json!({"limit": 2, "sorts": sorts})).await.json();
    let rest = ann.post("/api/v1/party/search", json!({"limit": 2, "sorts": sorts, "after": first["next"]})).await.json();
    assert_eq!((first["rows"].as_array().unwrap().len(), rest["rows"][0]["title"].as_str()), (2, Some("Ada")));
    for (body, field) in [
        (json!({"filterGroups": [group(vec![filter("nothing", "EQ", json!(1))])]}), "nothing"),
        (json!({"limit": 0}), "limit"),
        (json!({"sorts": [{"propertyName": "name"}, {"propertyName": "industry"}]}), "sorts"),
        (json!({"filters": []}), ""),
    ] {
        let answer = ann.post("/api/v1/party/search", body.clone()).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
        assert!(answer.text().contains(field), "{body}: {}", answer.text());
    }
    let rep = Client::of_role(&server, "cy", "rep").await;
    let hidden = json!({"filterGroups": [group(vec![filter("id_number", "HAS_PROPERTY", Value::Null)])]});
    assert_eq!(rep.post("/api/v1/party/search", hidden).await.status, 403, "what may not be read may not be searched");
}

#[tokio::test]
async fn what_was_merged_into_another_record_is_brought_up_to_date_there() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let made = batch(&ann, "party", json!({"items": [customer(1, "Jiamei"), customer(2, "Jiamei Co"), customer(3, "Jiamei Ltd")]})).await;
    let ids: Vec<&str> = made.iter().map(|result| result["id"].as_str().unwrap()).collect();
    for duplicate in &ids[1..] {
        let merged = ann.post(&format!("/api/v1/party/{}/merge", ids[0]), json!({ "duplicate": duplicate })).await;
        assert_eq!(merged.status, 200, "{}", merged.text());
    }
    let industry = |number: u32, industry: &str| json!({"fields": {"external_id": format!("K-{number}"), "industry": industry}});
    let results = batch(&ann, "party", json!({"items": [industry(2, "print")]})).await;
    assert_eq!((statuses(&results), &results[0]["id"]), (vec!["updated"], &json!(ids[0])));
    let results = batch(&ann, "party", json!({"items": [industry(2, "print"), industry(1, "lamps"), customer(4, "New")]})).await;
    assert_eq!((statuses(&results), &results[1]["id"]), (vec!["unchanged", "updated", "created"], &json!(ids[0])));
    let survivor = ann.get(&format!("/api/v1/party/{}", ids[0])).await.json();
    assert_eq!((&survivor["fields"]["external_id"], &survivor["fields"]["industry"]), (&json!("K-1"), &json!("lamps")));
    assert_eq!(ann.get(&format!("/api/v1/party/{}", ids[1])).await.json()["fields"].get("industry"), None);
    let exists = batch(&ann, "party", json!({"mode": "create", "items": [customer(3, "Jiamei Ltd")]})).await;
    assert_eq!(
        (&exists[0]["problem"]["code"], ann.get("/api/v1/party?total=true").await.json()["total"].clone()),
        (&json!("exists"), json!(2))
    );
    // A record of its own that bears the name now is meant before what bore it and was merged.
    ann.edit(
        &format!("/api/v1/party/{}", results[2]["id"].as_str().unwrap()),
        json!([{"op": "set", "field": "external_id", "value": "K-3"}]),
    )
    .await;
    let own = batch(&ann, "party", json!({"items": [industry(3, "paper")]})).await;
    assert_eq!((statuses(&own), &own[0]["id"]), (vec!["updated"], &results[2]["id"]));
}
