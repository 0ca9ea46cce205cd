//! A kind's fields and types as JSON schemas.

use serde_json::{Map, Value, json};
use sync_core::record::valid::{MAX_KEY_CHARS, MAX_STRING_CHARS, MAX_TEXT_CHARS};
use sync_core::schema::{Field, Kind, Merge, ValueType};

use crate::reading::Reading;

/// Who says a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Whoever writes it: an address is one.
    Request,
    /// The server: an older app may have written what is none.
    Answer,
}

/// The components of a kind: its fields, its record in lists and alone, a page, a new one, one as it was.
pub(super) fn of(reading: &Reading, kind: &Kind) -> Map<String, Value> {
    let shown: Vec<&Field> = kind.fields.iter().filter(|field| !field.hidden && reading.may_read(kind, &field.name)).collect();
    let fields = object(shown.iter().map(|field| (field.name.to_string(), of_field(field, Side::Answer))), &[]);
    let writable = shown.iter().filter(|field| reading.may_write(kind, &field.name));
    let new_fields = object(writable.map(|field| (field.name.to_string(), of_field(field, Side::Request))), &[]);
    let own = |part: &str| format!("{}.{part}", kind.name);
    let known = |name: &str, schema: Value| (name.to_owned(), schema);
    let head = || {
        let moment = || json!({"type": "integer", "format": "int64", "description": "Milliseconds since 1970 UTC."});
        vec![
            known("id", uuid()),
            known("kind", json!({"const": kind.name})),
            known("title", text()),
            known("archived", json!({"type": "boolean"})),
            known("createdAt", moment()),
            known("updatedAt", moment()),
            known("version", json!({"type": "integer", "description": "Another number, another content; also in `ETag`."})),
            known("conflicts", json!({"type": "integer", "description": "In how many places people disagree."})),
            known("fields", reference(&own("fields"))),
        ]
    };
    let (listed, alone) = (head(), record_parts());
    let page = vec![
        known("rows", list(reference(&own("row")))),
        known("names", reference("Names")),
        known("near", json!({"type": "boolean", "description": "That no record has the words of `q` as they were typed."})),
        known("next", json!({"type": ["string", "null"], "description": "`after` of the next page; null on the last one."})),
        known("total", json!({"type": "integer", "description": "On all pages, if asked for."})),
    ];
    let new = vec![
        known("id", json!({"type": "string", "format": "uuid", "description": "Of your choice: the same again is answered with 409."})),
        known("fields", reference(&own("new_fields"))),
        known("edits", list(reference("FieldEdit"))),
    ];
    let was = ["id", "kind", "title", "archived", "fields"];
    let as_of = head().into_iter().filter(|(name, _)| was.contains(&name.as_str())).chain([known("at", json!({"type": "integer"}))]);
    Map::from_iter([
        (own("fields"), fields),
        (own("row"), required(listed.clone(), &[])),
        (own("record"), required(listed.into_iter().chain(alone).collect(), &[])),
        (own("page"), required(page, &["near", "total"])),
        (own("changes"), object(new.iter().skip(1).cloned(), &[])),
        (own("event"), event(kind)),
        (own("new"), object(new, &[])),
        (own("batch"), batch(reference(&own("new_fields")))),
        (own("new_fields"), new_fields),
        (own("as_of"), required(as_of.collect(), &[])),
    ])
}

/// What a webhook is told.
fn event(kind: &Kind) -> Value {
    let known = |name: &str, schema: Value| (name.to_owned(), schema);
    let types = ["created", "updated", "archived", "restored"].map(|action| format!("{}.{action}", kind.name));
    let changed = json!({"type": "array", "items": {"type": "string"}, "description": "The fields that changed."});
    let by = json!({"type": "array", "items": uuid(), "description": "Who did it."});
    let data = [known("record", reference(&format!("{}.row", kind.name))), known("changed", changed), known("by", by)];
    let moment = json!({"type": "string", "format": "date-time", "description": "When it was told."});
    let parts = [known("type", json!({"enum": types})), known("timestamp", moment), known("data", required(data.into(), &[]))];
    required(parts.into(), &[])
}

/// Many records at once.
fn batch(fields: Value) -> Value {
    let known = |name: &str, schema: Value| (name.to_owned(), schema);
    let item = object([known("id", uuid()), known("fields", fields)], &["fields"]);
    let mode = json!({"type": "string", "enum": ["create", "update", "upsert"], "default": "upsert"});
    let by = json!({"type": "string", "description": "The attribute that names a record, such as `emails.value`; by default what imports match by."});
    let items = json!({"type": "array", "items": item, "maxItems": crate::writing::ITEMS_MAX});
    object([known("mode", mode), known("matchBy", by), known("items", items)], &["items"])
}

/// What a record alone has more than one in a list.
fn record_parts() -> Vec<(String, Value)> {
    let part = |name: &str, schema: &str| (name.to_owned(), list(reference(schema)));
    let parts = [("disagreements", "Disagreement"), ("doubts", "Doubt"), ("links", "LinksOut"), ("linkedFrom", "LinksIn")];
    parts.map(|(name, schema)| part(name, schema)).into()
}

/// A field as it reads.
fn of_field(field: &Field, side: Side) -> Value {
    let mut schema = match &field.merge {
        Merge::Set if field.items.is_empty() => json!({"type": "array", "items": element(field, side), "uniqueItems": true}),
        Merge::Set | Merge::List | Merge::Log => list(row(field, side)),
        Merge::Counter => json!({"type": "integer", "format": "int64"}),
        Merge::Text => json!({"type": "string"}),
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => of_value(field, side),
    };
    schema["title"] = field.label.en.clone().into();
    schema["x-label-zh"] = field.label.zh.clone().into();
    schema["x-type"] = field.value.as_str().into();
    schema["x-merge"] = json!(field.merge);
    if matches!(field.merge, Merge::Assigned | Merge::Derived) {
        schema["readOnly"] = true.into();
    }
    schema
}

fn row(field: &Field, side: Side) -> Value {
    let id = ("id".to_owned(), json!({"type": "string", "maxLength": MAX_KEY_CHARS}));
    let items = field.items.iter().map(|item| (item.name.to_string(), of_field(item, side)));
    object([id].into_iter().chain(items), &[])
}

fn element(field: &Field, side: Side) -> Value {
    match &field.value {
        ValueType::String => json!({"type": "string", "maxLength": MAX_KEY_CHARS}),
        _ => of_value(field, side),
    }
}

fn of_value(field: &Field, side: Side) -> Value {
    let number = || json!({"type": "number"});
    match &field.value {
        ValueType::String | ValueType::Phone => json!({"type": "string", "maxLength": MAX_STRING_CHARS}),
        ValueType::Email | ValueType::Url if side == Side::Answer => json!({"type": "string", "maxLength": MAX_STRING_CHARS}),
        ValueType::Email => json!({"type": "string", "format": "email", "maxLength": MAX_STRING_CHARS}),
        // A host such as `www.example.com` is a reference and no URI.
        ValueType::Url => {
            let about = "Begins with https:// or http://, or is a host.";
            json!({"type": "string", "format": "uri-reference", "maxLength": MAX_STRING_CHARS, "description": about})
        }
        ValueType::Paragraph => json!({"type": "string", "maxLength": MAX_TEXT_CHARS}),
        ValueType::Integer => bounded(json!({"type": "integer", "format": "int64"}), field, side),
        ValueType::Number => bounded(number(), field, side),
        ValueType::Boolean => json!({"type": "boolean"}),
        ValueType::Date => json!({"type": "string", "format": "date"}),
        ValueType::Datetime => json!({"type": "integer", "format": "int64", "description": "Milliseconds since 1970 UTC."}),
        ValueType::Choice => {
            let options = field.options.iter().filter(|option| side == Side::Answer || !option.hidden);
            json!({"type": "string", "enum": options.map(|option| &option.value).collect::<Vec<_>>()})
        }
        ValueType::Link => json!({"type": "string", "format": "uuid", "x-kinds": field.to}),
        ValueType::Money => {
            let amount = json!({"type": "integer", "format": "int64", "description": "In minor units: 290000 is 2,900.00."});
            let parts = [("amount".to_owned(), amount), ("currency".to_owned(), json!({"type": "string", "pattern": "^[A-Z]{3}$"}))];
            required(parts.into(), &[])
        }
        ValueType::Address => object(["country", "region", "city", "postal_code", "street"].map(|part| (part.to_owned(), text())), &[]),
        ValueType::Period => {
            let end = || json!({"type": ["string", "integer"], "description": "A day, or milliseconds since 1970 UTC."});
            object(["start", "end"].map(|part| (part.to_owned(), end())), &[])
        }
        ValueType::Geo => required(["lat", "lon"].map(|part| (part.to_owned(), number())).into(), &[]),
        ValueType::Unknown(_) => json!({}),
    }
}

/// Authors are held to bounds; what stands already may be beyond them.
fn bounded(mut schema: Value, field: &Field, side: Side) -> Value {
    for (key, bound) in [("minimum", field.min), ("maximum", field.max)].into_iter().filter(|_| side != Side::Answer) {
        if let Some(bound) = bound {
            schema[key] = bound.into();
        }
    }
    schema
}

/// A component by name.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// An object all of whose properties are there, but for some.
fn required(properties: Vec<(String, Value)>, but: &[&str]) -> Value {
    let names: Vec<String> = properties.iter().map(|(name, _)| name.clone()).filter(|name| !but.contains(&name.as_str())).collect();
    object(properties, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn object(properties: impl IntoIterator<Item = (String, Value)>, required: &[&str]) -> Value {
    json!({"type": "object", "properties": Map::from_iter(properties), "required": required, "additionalProperties": false})
}
