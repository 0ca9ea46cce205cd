//! `POST /api/v1/{kind}/search`: a list asked for by a body instead of an address, in the shape that
//! integrations know: groups of filters, of which one must hold; in a group all of them.
//!
//! Only translates. What comes out is our own filter language, and is checked and answered as any list.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use sync_core::query::MAX_PAGE;

use super::taken;
use crate::app::App;
use crate::auth::Caller;
use crate::body::Body;
use crate::error::{Error, Text};
use crate::place::Path;
use crate::reading::{Count, List, Listing, Reading};
use crate::store::lists::Shelf;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Search {
    /// Words that records must have.
    q: String,
    filter_groups: Vec<Group>,
    /// Conditions of the filter language, beside the groups.
    #[serde(rename = "where")]
    conditions: Vec<Value>,
    sorts: Vec<Sort>,
    /// The fields that are answered; all of them when none is named.
    properties: Vec<String>,
    limit: Option<u32>,
    after: Option<String>,
    total: bool,
    archived: bool,
    utc_offset: i32,
}

/// All of these.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    filters: Vec<Filter>,
}

/// One condition.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    property_name: String,
    operator: Operator,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    values: Vec<Value>,
    #[serde(default)]
    high_value: Value,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operator {
    /// It is the value.
    Eq,
    /// It is not.
    Neq,
    /// It is below.
    Lt,
    /// It is not above.
    Lte,
    /// It is above.
    Gt,
    /// It is not below.
    Gte,
    /// It is from `value` to `highValue`.
    Between,
    /// It is one of `values`.
    In,
    /// It is none of them.
    NotIn,
    /// There is one.
    HasProperty,
    /// There is none.
    NotHasProperty,
    /// It has this part.
    ContainsToken,
    /// It has not.
    NotContainsToken,
}

/// By what the answer is ordered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sort {
    property_name: String,
    #[serde(default)]
    direction: Direction,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Direction {
    #[default]
    Ascending,
    Descending,
}

impl Filter {
    /// The same in our own language.
    fn condition(self) -> Value {
        let word = match self.operator {
            Operator::Eq => "equals",
            Operator::Neq => "notEquals",
            Operator::Lt => "lessThan",
            Operator::Lte => "lessThanOrEquals",
            Operator::Gt => "greaterThan",
            Operator::Gte => "greaterThanOrEquals",
            Operator::Between => "between",
            Operator::In => "in",
            Operator::NotIn => "notIn",
            Operator::HasProperty => "isNotNull",
            Operator::NotHasProperty => "isNull",
            Operator::ContainsToken => "contains",
            Operator::NotContainsToken => "notContains",
        };
        let value = match self.operator {
            Operator::Between => json!([self.value, self.high_value]),
            Operator::In | Operator::NotIn => json!(self.values),
            Operator::HasProperty | Operator::NotHasProperty => Value::Null,
            _ => self.value,
        };
        let mut condition = json!({"type": word, "attribute": self.property_name});
        if !value.is_null() {
            condition["value"] = value;
        }
        condition
    }
}

impl Search {
    /// The parameters of a list that finds the same.
    fn params(self) -> Result<Vec<(&'static str, String)>, Error> {
        let mut conditions = self.conditions;
        let groups: Vec<Value> = self
            .filter_groups
            .into_iter()
            .map(|group| json!({"type": "and", "value": group.filters.into_iter().map(Filter::condition).collect::<Vec<_>>()}))
            .collect();
        if !groups.is_empty() {
            conditions.push(json!({"type": "or", "value": groups}));
        }
        let mut params = Vec::new();
        if !conditions.is_empty() {
            params.push(("where", Value::from(conditions).to_string()));
        }
        let mut sorts = self.sorts.into_iter();
        if let Some(sort) = sorts.next() {
            params.push(("orderBy", sort.property_name));
            params.push(("order", if sort.direction == Direction::Descending { "desc" } else { "asc" }.to_owned()));
        }
        if sorts.next().is_some() {
            return Err(bad("sorts", "has one entry: lists are ordered by one value", "只能有一项：列表按一个值排序"));
        }
        if !self.properties.is_empty() {
            params.push(("select", self.properties.join(",")));
        }
        if let Some(limit) = self.limit {
            if !(1..=MAX_PAGE).contains(&limit) {
                return Err(bad("limit", "is a whole number from 1 to 200", "应为 1 至 200 的整数"));
            }
            params.push(("maxSize", limit.to_string()));
        }
        params.extend(self.after.map(|after| ("after", after)));
        Ok(params)
    }
}

/// `POST /api/v1/{kind}/search`.
///
/// # Errors
/// When a condition is wrong, or names what the caller may not see.
pub async fn search(
    State(app): State<App>,
    caller: Caller,
    Path(kind): Path<String>,
    Body(search): Body<Search>,
) -> Result<Json<Listing>, Error> {
    let reading = Reading::of(&app, &caller);
    let offset_minutes = super::request::offset(Some(search.utc_offset))?;
    let total = if search.total { Count::All } else { Count::No };
    let shelf = if search.archived { Shelf::Archived } else { Shelf::InUse };
    let (words, params) = (super::request::words(search.q.clone())?, search.params()?);
    let query = reading.query(&kind, params.iter().map(|(name, value)| (*name, value.as_str())))?;
    let list = reading.narrowed(List { shelf, total, offset_minutes, ..List::of(query) }, &words)?;
    taken::page(&app, &caller, &list).await
}

fn bad(name: &str, en: &str, zh: &str) -> Error {
    Error::Invalid { field: Some(name.to_owned()), message: Text::new(format!("`{name}` {en}."), format!("“{name}”{zh}。")) }
}
