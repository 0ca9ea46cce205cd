//! What integrations send: refused with its place and what would fit, or written as it was meant.

use reqwest::Method;
use serde_json::{Value, json};
use sync_core::id::{RecordId, UserId};

use crate::api::{Client, problem};
use crate::harness::Server;

#[tokio::test]
async fn a_body_that_does_not_fit_is_answered_with_its_place_and_what_would_fit() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let hook = json!({"url": "https://example.com", "events": "party.created"});
    let with = |name: &str, value: Value| {
        let mut hook = hook.clone();
        hook[name] = value;
        hook
    };
    let party = "/api/v1/party";
    let cases = [
        (ann.post("/api/v1/webhooks", with("skipOwn", json!("yes"))).await, "skipOwn", "`skipOwn` is `true` or `false`, not a text."),
        (
            ann.post("/api/v1/webhooks", with("skipown", json!(true))).await,
            "skipown",
            "did you mean `skipOwn`? (valid: url, events, skipOwn)",
        ),
        (ann.post("/api/v1/webhooks", json!({"url": "https://example.com"})).await, "events", "`events` is missing."),
        (ann.post("/api/v1/webhooks", json!("x")).await, "", "The body is an object, not a text."),
        (ann.post("/api/v1/keys", json!({"name": "x", "scopes": "party:read", "expiresAt": "soon"})).await, "expiresAt", "a whole number"),
        (ann.post("/api/v1/devices/codes", json!({"login": 5})).await, "login", "`login` is a text, not `5`."),
        (ann.post("/api/v1/devices/codes", json!({"user": "ann"})).await, "user", "`user` is unknown (valid: login)."),
        (ann.post("/api/v1/handovers/preview", json!({"from": UserId::of_cause("bo")})).await, "to", "`to` is missing."),
        (ann.post("/api/v1/handovers", json!({"from": 1})).await, "from", "`from`"),
        (ann.post(party, json!({"edits": [{"op": "set", "field": "name"}]})).await, "edits[0].value", "is missing."),
        (ann.post(party, json!({"edits": [{"op": "explode"}]})).await, "edits[0].op", "is one of: set"),
        (ann.post(&format!("{party}/search"), json!({"sorts": [{"propertyName": 1}]})).await, "sorts[0].propertyName", "is a text"),
        (ann.post(&format!("{party}/batch"), json!({"items": {}})).await, "items", "is a list, not an object."),
    ];
    for (index, (answer, field, words)) in cases.iter().enumerate() {
        let (status, code, named) = problem(answer);
        assert_eq!((status, code.as_str(), named.as_str()), (422, "invalid", *field), "case {index}: {}", answer.text());
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "case {index}: {detail}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_says_so_and_where() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token().await);
    let json = "application/json";
    let cases = [
        (json, "{\"paused\": ", 422, "it ends too early, at line 1"),
        (json, "{\"paused\" true}", 422, "look at line 1, column 1"),
        (json, "", 422, "The body is empty"),
        (json, "{\"paused\": true} x", 422, "look at line 1"),
        ("text/plain", "{\"paused\": true}", 415, "Content-Type: application/json"),
    ];
    for (content, body, status, words) in cases {
        let path = format!("/api/v1/webhooks/{}", RecordId::of_cause("hook"));
        let answer = server.send(Method::PATCH, &path, &[("authorization", &*bearer), ("content-type", content)], body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
        assert!(answer.text().contains(words), "{body}: {}", answer.text());
    }
    let path = format!("/api/v1/webhooks/{}", RecordId::of_cause("hook"));
    let headers = [("authorization", &*bearer), ("content-type", "application/vnd.api+json; charset=utf-8")];
    assert_eq!(server.send(Method::PATCH, &path, &headers, "{\"paused\": true}").await.status, 404);
}

#[tokio::test]
async fn a_mistyped_parameter_is_told_every_valid_one() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let list = ann.list("party", &[("archivd", "true")]).await;
    assert!(list.text().contains("did you mean `archived`"), "{}", list.text());
    assert!(
        list.text().contains("(valid: where, orderBy, order, after, maxSize, select, total, archived, utcOffset, q)"),
        "{}",
        list.text()
    );
    let rejected = ann.get("/api/v1/rejected?stat=open").await;
    assert!(rejected.text().contains("did you mean `state`") && rejected.text().contains("maxSize"), "{}", rejected.text());
}

#[tokio::test]
async fn a_deal_has_a_stage_and_nobody_writes_what_nobody_means() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let deal = ann.make("deal", json!({"title": "Lamps"})).await;
    assert_eq!(ann.get(&deal).await.json()["fields"]["stage"], "lead");
    let cleared = ann.make("deal", json!({"title": "Chairs", "stage": null})).await;
    assert!(ann.get(&cleared).await.json()["fields"]["stage"].is_null(), "who clears it means it");
    let batch = ann.post("/api/v1/deal/batch", json!({"items": [{"fields": {"title": "Desks", "external_id": "d"}}]})).await.json();
    let made = ann.get(&format!("/api/v1/deal/{}", batch["results"][0]["id"].as_str().unwrap())).await.json();
    assert_eq!(made["fields"]["stage"], "lead", "{batch}");

    let asset = ann.make("asset", json!({"name": "Press", "bought_on": "2026-05-03"})).await;
    let refused = ann.edit(&asset, json!([{"op": "set", "field": "warranty_until", "value": "2026-05-02"}])).await;
    assert_eq!(problem(&refused), (422, "invalid".to_owned(), "warranty_until".to_owned()), "{}", refused.text());
    assert!(refused.text().contains("before it begins on 2026-05-03"), "{}", refused.text());
    let year = ann.edit(&asset, json!([{"op": "set", "field": "warranty_until", "value": "0027-05-02"}])).await;
    assert!(year.status == 422 && year.text().contains("from 1600 to 2200"), "{}", year.text());
    let phone = json!({"name": "Bo", "phones": [{"value": "abc"}]});
    let refused = ann.post("/api/v1/party", json!({"fields": phone})).await;
    assert_eq!(problem(&refused).2, "phones.value", "{}", refused.text());
    for number in ["+86 138 0013 8000", "021-5888 转 12", "95588", "12345", "110"] {
        ann.make("party", json!({"name": number, "phones": [{"value": number}]})).await;
    }
}

#[tokio::test]
async fn a_body_that_is_a_list_or_names_something_twice_is_refused_and_a_misspelt_field_is_told_first() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let raw = async |path: &str, body: &str| {
        let token = format!("Bearer {}", server.token().await);
        let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
        server.send(Method::POST, path, &headers, body.to_owned()).await
    };
    let list = raw("/api/v1/party", r#" [null, {"name": "Ann"}, []]"#).await;
    assert_eq!(problem(&list).0, 422);
    assert!(list.text().contains("The body is an object, not a list."), "{}", list.text());
    let twice = raw("/api/v1/party", r#"{"fields": {"name": "Ann", "name": "Bo"}}"#).await;
    assert_eq!(problem(&twice), (422, "invalid".to_owned(), "fields.name".to_owned()), "{}", twice.text());
    assert!(twice.text().contains("`fields.name` stands there twice"), "{}", twice.text());
    let twice = raw("/api/v1/party", r#"{"fields": {"name": "Ann"}, "fields": {}}"#).await;
    assert_eq!(problem(&twice).2, "fields", "{}", twice.text());
    let item = ann.post("/api/v1/party/batch", json!({"items": [[null, {"name": "Ann"}], {"fields": {"name": "Bo"}}]})).await.json();
    assert_eq!((&item["results"][0]["status"], &item["results"][1]["status"]), (&json!("failed"), &json!("created")), "{item}");
    assert_eq!(ann.get("/api/v1/party?total=true").await.json()["total"], 1, "nothing else was made");

    let misspelt = ann.post("/api/v1/party", json!({"fields": {"nmae": "Ann"}})).await;
    assert_eq!(problem(&misspelt).2, "nmae", "{}", misspelt.text());
    assert!(misspelt.text().contains("no field `nmae`, did you mean `name`?"), "{}", misspelt.text());
    let batch = ann.post("/api/v1/party/batch", json!({"items": [{"fields": {"nmae": "Ann"}}]})).await.text();
    assert!(batch.contains("did you mean `name`?"), "{batch}");
}

#[tokio::test]
async fn what_was_read_of_a_record_is_sent_back_with_a_change_and_what_it_once_reached_stands() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let deal = ann.make("deal", json!({"title": "Lamps", "external_id": "d", "stage": "proposal"})).await;
    ann.edit(&deal, json!([{"op": "set", "field": "stage", "value": "lost"}])).await;
    let reached = ann.get(&deal).await.json()["fields"]["reached"].clone();
    assert_eq!(reached, "proposal");
    let again = |reached: &Value| json!({"items": [{"fields": {"external_id": "d", "title": "Desks", "reached": reached}}]});
    let sent = ann.post("/api/v1/deal/batch", again(&reached)).await.json();
    assert_eq!(sent["results"][0]["status"], "updated", "{sent}");
    let sent = ann.post("/api/v1/deal/batch", again(&json!("won"))).await.json();
    assert_eq!(sent["results"][0]["status"], "failed", "what nobody reached is not written: {sent}");
}

#[tokio::test]
async fn what_must_be_filled_in_and_has_a_default_need_not_be_said() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let definition = "name = \"visit\"\nlabel = { en = \"Visit\", zh = \"拜访\" }\nplural = { en = \"Visits\", zh = \"拜访\" }\ntitle = \"name\"\nlist = [\"name\"]\n\
        [[field]]\nname = \"name\"\nlabel = { en = \"Name\", zh = \"名称\" }\n\
        [[field]]\nname = \"state\"\nlabel = { en = \"State\", zh = \"状态\" }\ntype = \"choice\"\nmerge = \"visible\"\nrequired = true\ndefault = \"new\"\n\
        options = [{ value = \"new\", label = { en = \"New\", zh = \"新建\" } }, { value = \"done\", label = { en = \"Done\", zh = \"完成\" } }]\n";
    ann.make("kind", json!({"name": "visit", "definition": definition})).await;
    let visit = ann.make("visit", json!({"name": "Jiamei"})).await;
    assert_eq!(ann.get(&visit).await.json()["fields"]["state"], "new");
    let cleared = ann.post("/api/v1/visit", json!({"fields": {"name": "Jiamei", "state": null}})).await;
    assert_eq!((cleared.status.as_u16(), problem(&cleared).2.as_str()), (422, "state"), "{}", cleared.text());
}
