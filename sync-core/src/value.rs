//! What a path of a record can hold: one scalar.
//!
//! Compound values (an amount with its currency) are one JSON text, so that they merge as a whole.
//! Never knows which field a value belongs to.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

/// A scalar at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Nothing: what clearing a field writes.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number, a moment in milliseconds, or an amount in minor units.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// A text; also dates, links and compound values in canonical JSON.
    Text(Box<str>),
    /// The start of a counter.
    Counter(i64),
}

impl Scalar {
    /// The scalar for a JSON value; objects and arrays become canonical JSON text.
    pub fn from_json(json: &Json) -> Scalar {
        match json {
            Json::Null => Scalar::Null,
            Json::Bool(flag) => Scalar::Bool(*flag),
            Json::Number(number) => number.as_i64().map_or_else(|| Scalar::Float(number.as_f64().unwrap_or(0.0)), Scalar::Int),
            Json::String(text) => Scalar::Text(text.as_str().into()),
            Json::Array(_) | Json::Object(_) => Scalar::Text(canonical(json).into()),
        }
    }

    /// The JSON of a plain scalar; a counter is its number.
    pub fn to_json(&self) -> Json {
        self.as_json().into_json()
    }

    /// As [`Scalar::to_json`], borrowed.
    pub(crate) fn as_json(&self) -> JsonRef<'_> {
        match self {
            Scalar::Null => JsonRef::Owned(Json::Null),
            Scalar::Bool(flag) => JsonRef::Bool(*flag),
            Scalar::Int(number) | Scalar::Counter(number) => JsonRef::Int(*number),
            Scalar::Float(number) => JsonRef::Float(*number),
            Scalar::Text(text) => JsonRef::Text(Cow::Borrowed(text)),
        }
    }

    /// The object inside a compound value.
    pub fn to_object(&self) -> Option<Map<String, Json>> {
        match self {
            Scalar::Text(text) => serde_json::from_str(text).ok(),
            Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) | Scalar::Counter(_) => None,
        }
    }
}

/// JSON that borrows from what it is about: what is only written down needs no copy of its names and texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JsonRef<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Array(Vec<JsonRef<'a>>),
    /// Sorted by their names.
    Object(Vec<(&'a str, JsonRef<'a>)>),
    Owned(Json),
}

impl JsonRef<'_> {
    pub(crate) fn into_json(self) -> Json {
        match self {
            JsonRef::Bool(flag) => Json::Bool(flag),
            JsonRef::Int(number) => Json::from(number),
            JsonRef::Float(number) => Json::from(number),
            JsonRef::Text(text) => Json::String(text.into_owned()),
            JsonRef::Array(items) => items.into_iter().map(Self::into_json).collect(),
            JsonRef::Object(values) => values.into_iter().map(|(name, value)| (name.to_owned(), value.into_json())).collect(),
            JsonRef::Owned(json) => json,
        }
    }
}

impl Serialize for JsonRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            JsonRef::Bool(flag) => serializer.serialize_bool(*flag),
            JsonRef::Int(number) => serializer.serialize_i64(*number),
            JsonRef::Float(number) => serializer.serialize_f64(*number),
            JsonRef::Text(text) => serializer.serialize_str(text),
            JsonRef::Array(items) => serializer.collect_seq(items),
            JsonRef::Object(values) => serializer.collect_map(values.iter().map(|(name, value)| (name, value))),
            JsonRef::Owned(json) => json.serialize(serializer),
        }
    }
}

/// JSON in its one canonical form: keys sorted, no spaces, nulls left out of objects.
pub fn canonical(json: &Json) -> String {
    fn clean(json: &Json) -> Json {
        match json {
            Json::Object(map) => {
                // serde_json's default map is sorted by key.
                Json::Object(map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), clean(value))).collect())
            }
            Json::Array(items) => Json::Array(items.iter().map(clean).collect()),
            other => other.clone(),
        }
    }
    clean(json).to_string()
}
