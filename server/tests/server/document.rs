//! The OpenAPI document, held against the server: every operation it names is tried, every answer
//! must be one that it describes.

use std::collections::BTreeSet;

use rapport_server::intake::{Expect, RecordEdit};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::access::RoleSet;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::{Client, disputed};
use crate::harness::{Answer, PASSWORD, START, Server};

const CUSTOM: &str = r#"
name = "visit_plan"
label = { en = "Visit plan", zh = "拜访计划" }
plural = { en = "Visit plans", zh = "拜访计划" }
title = "title"
list = ["title"]
[[field]]
name = "title"
label = { en = "Title", zh = "标题" }
[[field]]
name = "weeks"
label = { en = "Weeks", zh = "周数" }
type = "integer"
"#;

async fn document(client: &Client<'_>) -> Value {
    let answer = client.get("/api/v1/openapi.json").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn nobody_reads_the_document_or_anything_in_it_without_a_session() {
    let server = Server::start().await;
    let document = document(&Client::office(&server).await).await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["security"] == json!([]) {
                continue;
            }
            let path = filled(path, "party", RecordId::of_cause("nobody"));
            let headers = [("content-type", "application/json")];
            let answer = server.send(method.to_uppercase().parse().unwrap(), &path, &headers, "{}").await;
            assert_eq!(answer.status, 401, "{method} {path}");
            // An answer to HEAD has no body.
            assert!(method == "head" || answer.code() == "sign_in_needed", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let server = Server::start().await;
    let document = document(&Client::office(&server).await).await;
    let mut left = vec![&document];
    while let Some(part) = left.pop() {
        resolved(&document, part);
        left.extend(part.as_object().into_iter().flat_map(|parts| parts.values()));
        left.extend(part.as_array().into_iter().flatten());
    }
}

#[tokio::test]
async fn the_document_says_how_programs_sign_in_and_what_webhooks_are_told() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    ann.make("kind", json!({"name": "visit_plan", "definition": CUSTOM})).await;
    let document = document(&ann).await;
    assert_eq!(document["security"], json!([{"session": []}, {"key": []}]));
    assert!(document["components"]["securitySchemes"]["key"]["description"].as_str().unwrap().contains("rpk_"));
    assert_eq!(document["paths"]["/api/v1/keys"]["post"]["security"], json!([{"session": []}]), "no key manages keys");
    let event = &document["webhooks"]["visit_plan"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(event, "#/components/schemas/visit_plan.event");
    let schema = &document["components"]["schemas"]["visit_plan.event"];
    assert_eq!(schema["properties"]["data"]["properties"]["record"]["$ref"], "#/components/schemas/visit_plan.row");
    assert!(schema["properties"]["type"]["enum"].as_array().unwrap().contains(&json!("visit_plan.archived")));
}

#[tokio::test]
async fn an_address_is_one_where_it_is_written_and_may_be_none_where_it_is_read() {
    let server = Server::start().await;
    let document = document(&Client::office(&server).await).await;
    let schemas = &document["components"]["schemas"];
    for (part, email, website) in [("party.new_fields", json!("email"), json!("uri-reference")), ("party.fields", json!(null), json!(null))]
    {
        let fields = &schemas[part]["properties"];
        assert_eq!(fields["emails"]["items"]["properties"]["value"]["format"], email, "{part}");
        assert_eq!(fields["website"]["format"], website, "{part}");
        assert_eq!(fields["website"]["type"], "string", "{part}");
    }
    assert!(schemas["party.batch"].to_string().contains("party.new_fields"), "many at once are written, too");
}

#[tokio::test]
async fn every_operation_exists_and_answers_as_described() {
    let server = Server::start().await;
    link_targets(&server).await;
    let ann = Client::office(&server).await;
    ann.make("kind", json!({"name": "visit_plan", "definition": CUSTOM})).await;
    let disputed = disputed(&server).await;
    let document = document(&ann).await;
    assert!(document["paths"]["/api/v1/visit_plan/{id}"]["patch"].is_object(), "a custom kind has its paths");
    assert_eq!(document["components"]["schemas"]["visit_plan.fields"]["properties"]["weeks"]["type"], "integer");
    let kinds: Vec<String> = document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
        .filter_map(|name| name.strip_suffix(".row"))
        .map(str::to_owned)
        .collect();
    assert_eq!(kinds.len(), sync_core::schema::Schema::builtin().kinds().count() + 1);
    // A role, a rate and a rule of numbers must make sense, and be there once, and what somebody follows is theirs: tests of
    // their own make them.
    for kind in kinds.into_iter().filter(|kind| !["approval", "follow", "role", "rate", "sequence"].contains(&&**kind)) {
        let record = match kind.as_str() {
            "party" => disputed.rsplit('/').next().unwrap().parse().unwrap(),
            _ => made(&ann, &document, &kind).await,
        };
        let prefix = format!("/api/v1/{kind}");
        // Bytes are fetched in the tests of files, cards in those of imports, two records made one in those of duplicates.
        let elsewhere = ["/{id}/content", "/{id}/thumbnail", "/{id}/card", "/{id}/merge", "/{id}/set-apart", "/preview"];
        let own = |path: &str| {
            path == prefix || path.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with('/') && !elsewhere.contains(&rest))
        };
        for (path, methods) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| own(path)) {
            // Putting away comes last, and then back: nothing else is written in between.
            if !path.ends_with("/archive") && !path.ends_with("/restore") {
                walk(&ann, &document, path, methods, (&kind, record)).await;
            }
        }
        let [archive, restore] = ["archive", "restore"].map(|act| format!("{prefix}/{{id}}/{act}"));
        assert_eq!(document["paths"].get(&archive).is_none(), ["member", "settings"].contains(&&*kind), "{archive}");
        let back = document["paths"].get(&restore).unwrap_or_else(|| panic!("{restore}"));
        if let Some(methods) = document["paths"].get(&archive) {
            walk(&ann, &document, &archive, methods, (&kind, record)).await;
            walk(&ann, &document, &restore, back, (&kind, record)).await;
        }
    }
}

#[tokio::test]
async fn what_is_there_for_all_kinds_answers_as_described() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    disputed(&server).await;
    let customer = ann.make("party", json!({"name": "佳美"})).await;
    for yuan in [2_900, 2_700] {
        let line = json!({"product_name": "复印机", "price": {"amount": yuan, "currency": "CNY"}});
        ann.make("offer", json!({"form": "quote", "party": customer.rsplit('/').next(), "lines": [line]})).await;
    }
    let document = document(&ann).await;
    let shared = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, methods)| methods.as_object().unwrap().values().any(|one| one["tags"] == json!(["workspace"])));
    // Signing out ends the session: last.
    let mut shared: Vec<_> = shared.collect();
    shared.sort_by_key(|(path, _)| path.ends_with("/sign-out"));
    assert_eq!(shared.len(), 12);
    for (path, methods) in shared {
        walk(&ann, &document, path, methods, ("party", RecordId::of_cause("nobody"))).await;
    }
}

#[tokio::test]
async fn what_a_role_may_not_do_is_not_in_its_document() {
    let server = Server::start().await;
    let rep = Client::of_role(&server, "cy", "rep").await;
    let document = document(&rep).await;
    assert!(document["paths"]["/api/v1/product"]["post"].is_null(), "reps make no products");
    assert!(document["paths"]["/api/v1/party"]["post"].is_object());
    assert!(!document.to_string().contains("credit_limit"));
}

/// Tries all methods of a path: each must be there, and answer what the document says.
async fn walk(client: &Client<'_>, document: &Value, path: &str, methods: &Value, (kind, record): (&str, RecordId)) {
    for (method, operation) in methods.as_object().unwrap() {
        let body = operation.get("requestBody").map(|_| body_for(path, method, document, kind));
        let mut address = filled(path, kind, record);
        if path.ends_with("/as-of") {
            address.push_str("?at=1900000000000");
        }
        let answer = client.send(method.to_uppercase().parse::<Method>().unwrap(), &address, body).await;
        let refused = path.ends_with("/resolve") && kind != "party";
        assert_eq!(answer.status.is_success(), !refused, "{method} {address}: {}", answer.text());
        described(document, operation, &answer, &format!("{method} {address}"));
    }
}

fn filled(path: &str, kind: &str, record: RecordId) -> String {
    path.replace("{id}", &record.to_string()).replace("{kind}", kind)
}

/// A body that the operation takes.
fn body_for(path: &str, method: &str, document: &Value, kind: &str) -> Value {
    match (path.rsplit('/').next(), method) {
        (Some("sign-in"), _) => json!({"login": "ann", "password": PASSWORD}),
        (Some("seen"), _) => json!({"position": 1}),
        (Some("codes"), _) => json!({"login": "ann"}),
        (Some("search"), _) => json!({"limit": 1}),
        (Some("batch"), _) => json!({"items": [{"fields": example(document, kind)}]}),
        (Some("resolve"), _) => json!({"path": "name", "value": "佳美"}),
        (_, "patch") => json!({"edits": [title_edit(kind)]}),
        _ => json!({"fields": example(document, kind)}),
    }
}

/// Of the title; of another field where two people disagree about the title, so that there is something left to settle.
fn title_edit(kind: &str) -> Value {
    let title = sync_core::schema::Schema::builtin().kind(kind).map_or("title", |kind| &*kind.title);
    json!({"op": "set", "field": if kind == "party" { "industry" } else { title }, "value": "changed"})
}

async fn made(client: &Client<'_>, document: &Value, kind: &str) -> RecordId {
    client.make(kind, example(document, kind)).await.rsplit('/').next().unwrap().parse().unwrap()
}

/// Values for all fields that may be written, made from their schemas alone.
fn example(document: &Value, kind: &str) -> Value {
    let schema = &document["components"]["schemas"][format!("{kind}.new_fields")];
    let fields = schema["properties"].as_object().unwrap().iter();
    // A definition is a kind's text: any other word is none.
    let example = |(name, schema): (&String, &Value)| match (kind, name.as_str()) {
        (_, "definition") => (name.clone(), json!(CUSTOM)),
        // The name of a role must be one.
        ("member", "role") => (name.clone(), json!("rep")),
        ("member", "more_roles") => (name.clone(), json!(["manager"])),
        // What a workspace goes by must make sense.
        ("settings", "currency") => (name.clone(), json!("CNY")),
        ("settings", "time_zone") => (name.clone(), json!("Asia/Shanghai")),
        ("settings", "country") => (name.clone(), json!("DE")),
        ("settings", "working_hours") => (name.clone(), json!([{"day": "mon", "from": "09:00", "to": "18:00"}])),
        // A view asks what can be asked.
        ("view", "about") => (name.clone(), json!("party")),
        ("view", "filter") => (name.clone(), json!("[]")),
        ("view", "columns") => (name.clone(), json!([{"field": "name"}])),
        ("view", "sort" | "group" | "split" | "day") => (name.clone(), json!("name")),
        ("rule", "about") => (name.clone(), json!("party")),
        ("rule", "enabled") => (name.clone(), json!(false)),
        _ => (name.clone(), value(schema)),
    };
    fields.map(example).collect::<serde_json::Map<_, _>>().into()
}

fn value(schema: &Value) -> Value {
    if let Some(word) = schema["enum"].get(0) {
        return word.clone();
    }
    let first = schema["type"].get(0).unwrap_or(&schema["type"]);
    match (first.as_str().unwrap_or_default(), schema["format"].as_str().unwrap_or_default(), schema["pattern"].as_str()) {
        ("object", ..) => {
            let parts = schema["properties"].as_object().unwrap().iter();
            parts.map(|(name, schema)| (name.clone(), value(schema))).collect::<serde_json::Map<_, _>>().into()
        }
        ("array", ..) => json!([value(&schema["items"])]),
        ("integer" | "number", ..) => json!(7),
        ("boolean", ..) => json!(true),
        (_, "date", _) => json!("2026-05-03"),
        (_, "email", _) => json!("li@example.com"),
        (_, "uri-reference", _) => json!("https://example.com"),
        (_, "uuid", _) if schema["x-kinds"][0] == "member" => json!(UserId::of_cause("ann")),
        (_, "uuid", _) => json!(RecordId::of_cause(schema["x-kinds"][0].as_str().unwrap_or("linked"))),
        (_, _, Some("^[A-Z]{3}$")) => json!("CNY"),
        _ => json!("2026-05-03"),
    }
}

/// Whether an answer is one that the operation describes, in every member.
fn described(document: &Value, operation: &Value, answer: &Answer, what: &str) {
    let response = &operation["responses"][answer.status.as_str()];
    assert!(!response.is_null(), "{what}: {} is not described: {}", answer.status, answer.text());
    let response = resolved(document, response);
    let Some(content) = response.get("content").and_then(Value::as_object) else { return assert!(answer.body.is_empty(), "{what}") };
    let (media_type, content) = content.iter().next().unwrap();
    assert_eq!(answer.header("content-type"), media_type, "{what}");
    let mut misfits = Vec::new();
    fits(document, &content["schema"], &answer.json(), what, &mut misfits);
    assert_eq!(misfits, Vec::<String>::new());
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference} leads nowhere")),
        None => schema,
    }
}

/// As much of JSON Schema as the document uses.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str, misfits: &mut Vec<String>) {
    let schema = resolved(document, schema);
    if let Some(alternatives) = schema["oneOf"].as_array() {
        let passing = alternatives.iter().filter(|schema| {
            let mut inner = Vec::new();
            fits(document, schema, value, place, &mut inner);
            inner.is_empty()
        });
        if passing.count() != 1 {
            misfits.push(format!("{place} is none of its alternatives: {value}"));
        }
        return;
    }
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    if !types.iter().any(|word| word.is_null() || is_type(word.as_str().unwrap(), value)) {
        misfits.push(format!("{place} is not {}: {value}", schema["type"]));
    }
    let wrong_word = schema.get("enum").is_some_and(|words| !words.as_array().unwrap().contains(value));
    if wrong_word || schema.get("const").is_some_and(|word| word != value) {
        misfits.push(format!("{place} is another word: {value}"));
    }
    for element in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        fits(document, &schema["items"], element, &format!("{place}[]"), misfits);
    }
    let Some(object) = value.as_object().filter(|_| schema["type"] == "object") else { return };
    let missing = schema["required"].as_array().into_iter().flatten().filter(|name| !object.contains_key(name.as_str().unwrap()));
    misfits.extend(missing.map(|name| format!("{place} lacks {name}")));
    for (name, value) in object {
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) => fits(document, schema, value, &format!("{place}.{name}"), misfits),
            (None, Value::Bool(false)) => misfits.push(format!("{place}.{name} is not described")),
            (None, others) if others.is_object() => fits(document, others, value, &format!("{place}.{name}"), misfits),
            (None, _) => {}
        }
    }
}

fn is_type(word: &str, value: &Value) -> bool {
    match word {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => panic!("a type that JSON does not know: {word}"),
    }
}

/// A record of each kind that links lead to, under the id that examples have.
async fn link_targets(server: &Server) {
    let author = server.app.intake.on_behalf(server.workspace, server.ann, RoleSet::office());
    let schema = sync_core::schema::Schema::builtin();
    let fields = || schema.kinds().flat_map(|kind| &kind.fields).flat_map(|field| std::iter::once(field).chain(&field.items));
    let kinds: BTreeSet<&str> = fields().flat_map(|field| &field.to).map(|kind| &**kind).filter(|kind| *kind != "member").collect();
    for kind in kinds {
        let edits = vec![FieldEdit::set(&schema.kind(kind).unwrap().title, "linked")];
        let edit = RecordEdit { kind: kind.parse().unwrap(), record: RecordId::of_cause(kind), edits, expect: Expect::New };
        server.app.intake.edit(&author, vec![edit], START, None).await.unwrap().remove(0).unwrap();
    }
}
