//! The description of the API as OpenAPI 3.1: what every workspace has, and its kinds as the caller sees them.
//!
//! What does not depend on kinds stands in `openapi/shared.json`. A component of a kind is called
//! `party.record`: no kind's name has a dot, so a custom kind never takes the name of another schema.

mod schemas;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use sync_core::access::Action;
use sync_core::actions::duplicates::can_merge;
use sync_core::schema::Kind;

use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::intake::never_archived;
use crate::reading::Reading;

const SHARED: &str = include_str!("openapi/shared.json");

/// What does not depend on kinds either, one file for each subject: tags, paths, schemas.
const PARTS: [&str; 9] = [
    include_str!("openapi/access.json"),
    include_str!("openapi/calendars.json"),
    include_str!("openapi/duplicates.json"),
    include_str!("openapi/figures.json"),
    include_str!("openapi/files.json"),
    include_str!("openapi/hooks.json"),
    include_str!("openapi/handovers.json"),
    include_str!("openapi/privacy.json"),
    include_str!("openapi/rights.json"),
];

/// `GET /api/v1/openapi.json`: the API as the caller may use it.
///
/// # Errors
/// When nobody is signed in: kinds say how a house works.
pub async fn document(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Error> {
    Ok(Json(describe(&Reading::of(&app, &caller)).map_err(|error| Error::Internal(error.into()))?))
}

fn describe(reading: &Reading) -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_str(SHARED)?;
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    for part in PARTS {
        add(&mut document, serde_json::from_str(part)?);
    }
    for kind in reading.kinds() {
        if let Some(tags) = document["tags"].as_array_mut() {
            tags.push(json!({"name": kind.name, "description": format!("{} / {}", kind.plural.en, kind.plural.zh)}));
        }
        extend(&mut document["paths"], paths(reading, kind));
        extend(&mut document["components"]["schemas"], schemas::of(reading, kind));
        document["webhooks"][&*kind.name] = webhook(kind);
    }
    Ok(document)
}

/// Adds a part: its tags, paths and schemas.
fn add(document: &mut Value, mut part: Map<String, Value>) {
    if let (Some(tags), Some(Value::Array(more))) = (document["tags"].as_array_mut(), part.remove("tags")) {
        tags.extend(more);
    }
    for (name, place) in [("paths", "/paths"), ("schemas", "/components/schemas"), ("parameters", "/components/parameters")] {
        if let (Some(object), Some(Value::Object(more))) = (document.pointer_mut(place), part.remove(name)) {
            extend(object, more);
        }
    }
}

fn extend(object: &mut Value, more: Map<String, Value>) {
    if let Some(object) = object.as_object_mut() {
        object.extend(more);
    }
}

/// The paths of a kind, with what the caller may do there.
fn paths(reading: &Reading, kind: &Kind) -> Map<String, Value> {
    let may = |action| reading.may_some(kind, action);
    let at = |rest: &str| format!("/api/v1/{}{rest}", kind.name);
    let own = |part: &str| format!("{}.{part}", kind.name);
    let (one, many) = (kind.label.en.as_str(), kind.plural.en.as_str());
    let op = |name: &str, summary: String| Operation::new(kind, name, summary);
    let of_record = |name: &str, summary: String| op(name, summary).parameter("id").fails("NotFound");
    let mut all = of_lists(kind);
    if may(Action::Create) {
        let create = op("create", format!("Makes one of: {many}. With an `id`, only once.")).once();
        let create = create.takes(&own("new")).fails("Held").fails("Forbidden").fails("Conflict").fails("Invalid");
        all.push((at(""), "post", create.answers("201", &own("record"))));
    }
    if may(Action::Create) || may(Action::Edit) {
        let batch = op(
            "batch",
            format!("Makes and updates many of: {many}, matched by a value that names them elsewhere. Each has a result of its own."),
        );
        let batch = batch.once();
        all.push((at("/batch"), "post", batch.takes(&own("batch")).fails("Forbidden").fails("Invalid").answers("200", "Outcomes")));
    }
    all.push((at("/{id}"), "get", of_record("get", format!("{one}, with links and open conflicts.")).answers("200", &own("record"))));
    if crate::cards::has_cards(kind) {
        let mut card = of_record("card", format!("{one} as a vCard, for address books."));
        card.0["responses"]["200"] = json!({"description": "The card.", "content": {"text/vcard": {"schema": {"type": "string"}}}});
        all.push((at("/{id}/card"), "get", card));
    }
    if may(Action::Edit) {
        let edit = of_record("edit", "Gives fields values, or edits them; concurrent edits of others are merged.".to_owned())
            .parameter("ifMatch")
            .fails("Stale");
        let edit = edit.once().takes(&own("changes")).fails("Held").fails("Forbidden").fails("Conflict").fails("Invalid");
        all.push((at("/{id}"), "patch", edit.answers("200", &own("record"))));
    }
    if may(Action::Archive) && never_archived(&kind.name).is_none() {
        let archive = of_record("archive", "Puts it away; nothing is erased.".to_owned()).parameter("ifMatch").fails("Stale");
        all.push((at("/{id}/archive"), "post", archive.fails("Forbidden").fails("Conflict").answers("200", &own("record"))));
    }
    if may(Action::Archive) {
        let restore = of_record("restore", "Brings it back from the archive.".to_owned()).parameter("ifMatch").fails("Stale");
        let restore = restore.fails("Forbidden").fails("Conflict").fails("Invalid");
        all.push((at("/{id}/restore"), "post", restore.answers("200", &own("record"))));
    }
    all.push((at("/{id}/history"), "get", of_record("history", "Who changed what, newest first.".to_owned()).answers("200", "History")));
    let as_of =
        of_record("asOf", "As the server showed it at a moment.".to_owned()).parameter("at").parameter("utcOffset").fails("Invalid");
    all.push((at("/{id}/as-of"), "get", as_of.answers("200", &own("as_of"))));
    let explain = of_record("explain", "Why somebody does or does not see it.".to_owned()).parameter("user").fails("Invalid");
    all.push((at("/{id}/explain"), "get", explain.answers("200", "Explanation")));
    let conflicts = of_record("conflicts", "Where people disagree about it.".to_owned());
    all.push((at("/{id}/conflicts"), "get", conflicts.answers("200", "Disagreements")));
    if may(Action::Resolve) {
        let resolve = of_record("resolve", "Settles a conflict: one of the values, or another one.".to_owned());
        let resolve = resolve.parameter("ifMatch").fails("Stale").takes("Resolution").fails("Forbidden").fails("Conflict").fails("Invalid");
        all.push((at("/{id}/conflicts/resolve"), "post", resolve.answers("200", &own("record"))));
    }
    if can_merge(kind) {
        all.extend(of_duplicates(kind, may(Action::Edit)));
    }
    let mut paths: Map<String, Value> = Map::new();
    for (path, method, operation) in all {
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation.0;
    }
    paths
}

/// What answers many records of a kind: paths, methods and operations.
fn of_lists(kind: &Kind) -> Vec<(String, &'static str, Operation)> {
    let (own, many) = (format!("{}.page", kind.name), kind.plural.en.as_str());
    let at = |rest: &str| format!("/api/v1/{}{rest}", kind.name);
    let asked = |name: &str, summary: String, parameters: &[&str]| {
        let operation = parameters.iter().fold(Operation::new(kind, name, summary), |operation, name| operation.parameter(name));
        operation.fails("Forbidden").fails("Invalid")
    };
    let list = ["q", "where", "orderBy", "order", "maxSize", "after", "select", "total", "archived", "utcOffset"];
    let figures = ["q", "where", "archived", "utcOffset", "by", "split", "step", "measure"];
    vec![
        (at(""), "get", asked("list", format!("{many}, a page."), &list).answers("200", &own)),
        (at("/figures"), "get", asked("figures", format!("{many}, counted and added up."), &figures).answers("200", "Figures")),
        (
            at("/search"),
            "post",
            asked("search", format!("{many}, asked for by groups of filters."), &[]).takes("Search").answers("200", &own),
        ),
    ]
}

/// What a webhook is told of a kind, by the Standard Webhooks convention.
fn webhook(kind: &Kind) -> Value {
    let header = |name: &str| json!({"$ref": format!("#/components/parameters/{name}")});
    let headers = ["webhookId", "webhookTimestamp", "webhookSignature"].map(header);
    json!({"post": {
        "operationId": format!("told.{}", kind.name),
        "summary": format!("{}: made, changed, put away or brought back.", kind.plural.en),
        "tags": ["webhooks"],
        "security": [],
        "parameters": headers,
        "requestBody": {"required": true, "content": content(&format!("{}.event", kind.name))},
        "responses": {
            "2XX": {"description": "It was taken. Anything else within 15 seconds is tried again."},
            "410": {"description": "Nobody is here any more: the webhook pauses."}
        }
    }})
}

/// What finds duplicates of a kind, and with the right to edit also merges and parts them: paths, methods and operations.
fn of_duplicates(kind: &Kind, may_edit: bool) -> Vec<(String, &'static str, Operation)> {
    let at = |rest: &str| format!("/api/v1/{}{rest}", kind.name);
    let of_record = |name: &str, summary: &str| Operation::new(kind, name, summary.to_owned()).parameter("id").fails("NotFound");
    let pairs = Operation::new(kind, "duplicates", format!("Pairs that are likely one, of: {}.", kind.plural.en));
    let around = of_record("duplicatesOf", "What it is or may be the same as.");
    let mut all = vec![
        (at("/duplicates"), "get", pairs.answers("200", "DuplicatePairs")),
        (at("/{id}/duplicates"), "get", around.answers("200", "Duplicates")),
    ];
    if may_edit {
        let change = |name, summary| of_record(name, summary).fails("Forbidden").fails("Conflict").fails("Invalid");
        let merge = change("merge", "Lets it stand for a duplicate, as an act that can be taken back.").once();
        all.push((at("/{id}/merge"), "post", merge.takes("Merge").answers("200", "Merged")));
        let apart = change("setApart", "Remembers that two are not the same.");
        all.push((at("/{id}/set-apart"), "post", apart.takes("Apart").answers("200", "Duplicates")));
        let part = change("part", "Lets a duplicate stand for itself again; what the merge gave to the survivor goes back.");
        all.push((at("/{id}/part"), "post", part.answers("200", "Duplicates")));
    }
    all
}

/// One operation, built up.
struct Operation(Value);

impl Operation {
    fn new(kind: &Kind, name: &str, summary: String) -> Self {
        let responses = json!({"401": {"$ref": "#/components/responses/SignInNeeded"}});
        let id = format!("{name}.{}", kind.name);
        Self(json!({"operationId": id, "summary": summary, "tags": [kind.name], "parameters": [], "responses": responses}))
    }

    fn parameter(mut self, name: &str) -> Self {
        if let Some(parameters) = self.0["parameters"].as_array_mut() {
            parameters.push(json!({"$ref": format!("#/components/parameters/{name}")}));
        }
        self
    }

    fn takes(mut self, schema: &str) -> Self {
        self.0["requestBody"] = json!({"required": true, "content": content(schema)});
        self
    }

    fn answers(mut self, status: &str, schema: &str) -> Self {
        self.0["responses"][status] = json!({"description": "The answer.", "content": content(schema)});
        self
    }

    /// May be sent again under a key of the client's.
    fn once(self) -> Self {
        self.parameter("idempotencyKey").fails("Erased")
    }

    /// One of the problems in `shared.json`.
    fn fails(mut self, problem: &str) -> Self {
        let status = match problem {
            "Held" => "202",
            "Forbidden" => "403",
            "NotFound" => "404",
            "Conflict" => "409",
            "Erased" => "410",
            "Stale" => "412",
            _ => "422",
        };
        self.0["responses"][status] = json!({"$ref": format!("#/components/responses/{problem}")});
        self
    }
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": schemas::reference(schema)}})
}
