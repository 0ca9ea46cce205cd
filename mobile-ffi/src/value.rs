//! What a field holds, as it crosses the border.

use std::collections::HashMap;

use serde_json::{Map, Number, Value as Json};

use crate::error::ClientError;

/// A field's value. What a text means (a day, a link, a choice) the kind's description says.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum Value {
    /// Nothing: clears the field when written.
    Empty,
    /// Yes or no.
    Flag {
        /// Which.
        value: bool,
    },
    /// A whole number; a moment as milliseconds since 1970 UTC.
    Whole {
        /// The number.
        value: i64,
    },
    /// Another number.
    Real {
        /// The number.
        value: f64,
    },
    /// A text, a choice, a day, a link.
    Text {
        /// The text.
        value: String,
    },
    /// The elements of a set, the rows of a list.
    Many {
        /// In the order shown.
        values: Vec<Value>,
    },
    /// A group, such as money, or a row.
    Parts {
        /// By name.
        values: HashMap<String, Value>,
    },
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Value::Empty,
            Json::Bool(value) => Value::Flag { value },
            Json::Number(number) => match number.as_i64() {
                Some(value) => Value::Whole { value },
                None => Value::Real { value: number.as_f64().unwrap_or(f64::NAN) },
            },
            Json::String(value) => Value::Text { value },
            Json::Array(values) => Value::Many { values: values.into_iter().map(Value::from).collect() },
            Json::Object(parts) => Value::Parts { values: parts_of(parts) },
        }
    }
}

impl TryFrom<Value> for Json {
    type Error = ClientError;

    fn try_from(value: Value) -> Result<Self, ClientError> {
        Ok(match value {
            Value::Empty => Json::Null,
            Value::Flag { value } => Json::Bool(value),
            Value::Whole { value } => Json::from(value),
            Value::Real { value } => {
                let not_finite = || ClientError::BadArgument { detail: format!("{value} is not a number that can be kept") };
                Json::Number(Number::from_f64(value).ok_or_else(not_finite)?)
            }
            Value::Text { value } => Json::String(value),
            Value::Many { values } => Json::Array(values.into_iter().map(Json::try_from).collect::<Result<_, _>>()?),
            Value::Parts { values } => Json::Object(map_of(values)?),
        })
    }
}

/// The fields of a record, or the parts of a row.
pub(crate) fn parts_of(map: Map<String, Json>) -> HashMap<String, Value> {
    map.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// The way back.
pub(crate) fn map_of(values: HashMap<String, Value>) -> Result<Map<String, Json>, ClientError> {
    values.into_iter().map(|(name, value)| Ok((name, value.try_into()?))).collect()
}
