//! A filter over one row in memory. Never decides what the caller may see: rows and links come from outside.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::operator::Match;
use super::when::{Context, sides};
use super::{Bound, Class, Condition, Filter, Holder, Place, Scalar, Spot, Test};
use crate::id::{Millis, RecordId};

/// A record as filters see it: its row with all facets merged, and what stands beside the row.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Its id.
    pub id: RecordId,
    /// When it was created.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Its title as ordered: [`crate::search::sort_key`].
    pub sort_title: Cow<'a, str>,
    /// Its fields, as projected.
    pub fields: Cow<'a, Map<String, Value>>,
}

impl<'a> Row<'a> {
    /// A row of which only the fields are known yet.
    pub fn of(fields: &'a Map<String, Value>) -> Self {
        let id = RecordId(uuid::Uuid::nil());
        Self { id, created_at: 0, updated_at: 0, sort_title: Cow::Borrowed(""), fields: Cow::Borrowed(fields) }
    }

    /// The value at a way of names, `null` if there is none.
    pub(super) fn value(&self, path: &[crate::id::FieldName]) -> &Value {
        match path.split_first() {
            Some((first, rest)) => within(self.fields.get(first.as_str()).unwrap_or(&Value::Null), rest),
            None => &Value::Null,
        }
    }
}

fn within<'v>(value: &'v Value, path: &[crate::id::FieldName]) -> &'v Value {
    let step = |value: &'v Value, name: &crate::id::FieldName| match name.is_first() {
        true => value.as_array().and_then(|rows| rows.first()),
        false => value.as_object().and_then(|object| object.get(name.as_str())),
    };
    path.iter().fold(value, |value, name| step(value, name).unwrap_or(&Value::Null))
}

/// Finds the records that links point at.
pub trait Links {
    /// The record, if there is one of this kind that the caller may see.
    fn linked(&self, kind: &str, id: RecordId) -> Option<Row<'_>>;

    /// The records of a kind that point at a record by one of their links (`field` or `field.item`), those that the
    /// caller may see.
    fn pointing(&self, kind: &str, role: &str, id: RecordId) -> Vec<Row<'_>>;
}

/// For filters that walk no link, in either direction: finds nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLinks;

impl Links for NoLinks {
    fn linked(&self, _kind: &str, _id: RecordId) -> Option<Row<'_>> {
        None
    }

    fn pointing(&self, _kind: &str, _role: &str, _id: RecordId) -> Vec<Row<'_>> {
        Vec::new()
    }
}

/// Whether a row passes a filter.
pub fn matches(filter: &Filter, context: &Context, row: &Row<'_>, links: &dyn Links) -> bool {
    match filter {
        Filter::All(inner) => inner.iter().all(|filter| matches(filter, context, row, links)),
        Filter::Any(inner) => inner.iter().any(|filter| matches(filter, context, row, links)),
        Filter::Not(inner) => !matches(inner, context, row, links),
        Filter::Is(Condition { place: Place { walk: None, spot }, test }) => {
            any_value(row, spot, |value| test.holds(spot.class, value, context))
        }
        Filter::Is(Condition { place: Place { walk: Some(walk), spot }, test }) => any_value(row, &walk.via, |id| {
            let Here::Json(Value::String(id)) = id else { return false };
            let linked = record_id(id).and_then(|id| links.linked(&walk.kind, id));
            linked.is_some_and(|row| any_value(&row, spot, |value| test.holds(spot.class, value, context)))
        }),
        Filter::Pointed(pointed) => {
            let sources = links.pointing(&pointed.kind, &pointed.role(), row.id);
            let counts = |source: &&Row<'_>| !is_archived(source) && matches(&pointed.filter, context, source, links);
            sources.iter().filter(counts).take(pointed.least as usize).count() == pointed.least as usize
        }
    }
}

/// A link's text as an id; dashes do not count, as in the SQL.
fn record_id(text: &str) -> Option<RecordId> {
    let digits = text.replace('-', "");
    if digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { digits.parse().ok() } else { None }
}

/// A value that stands at a spot: in the JSON or beside it.
enum Here<'v> {
    Json(&'v Value),
    Id(RecordId),
    Flag(bool),
    Moment(Millis),
}

fn is_archived(row: &Row<'_>) -> bool {
    row.fields.get("archived") == Some(&Value::Bool(true))
}

fn any_value(row: &Row<'_>, spot: &Spot, holds: impl Fn(Here<'_>) -> bool) -> bool {
    match &spot.holder {
        Holder::Id => holds(Here::Id(row.id)),
        Holder::Archived => holds(Here::Flag(is_archived(row))),
        Holder::CreatedAt => holds(Here::Moment(row.created_at)),
        Holder::UpdatedAt => holds(Here::Moment(row.updated_at)),
        Holder::Value { path, .. } => holds(Here::Json(row.value(path))),
        Holder::Each { field, path, .. } => match row.fields.get(field.as_str()) {
            Some(Value::Array(elements)) => elements.iter().any(|element| holds(Here::Json(within(element, path)))),
            _ => false,
        },
    }
}

impl Test {
    fn holds(&self, class: Class, here: Here<'_>, context: &Context) -> bool {
        match here {
            Here::Json(value) => self.holds_json(class, value, context),
            Here::Id(id) => match self {
                Test::Present => true,
                Test::OneOf(ids) => ids.contains(&Scalar::Id(id)),
                Test::Range { .. } | Test::Text(..) | Test::When(_) | Test::Near(_) => false,
            },
            Here::Flag(flag) => match self {
                Test::Present => true,
                Test::OneOf(flags) => flags.contains(&Scalar::Boolean(flag)),
                Test::Range { .. } | Test::Text(..) | Test::When(_) | Test::Near(_) => false,
            },
            Here::Moment(moment) => match self {
                Test::Present => true,
                Test::When(spans) => spans.iter().any(|span| span.interval(context).holds_moment(moment)),
                Test::OneOf(_) | Test::Range { .. } | Test::Text(..) | Test::Near(_) => false,
            },
        }
    }

    fn holds_json(&self, class: Class, value: &Value, context: &Context) -> bool {
        match self {
            Test::Present => present(class, value),
            Test::OneOf(scalars) => scalars.iter().any(|scalar| ordering(class, value, scalar) == Some(std::cmp::Ordering::Equal)),
            Test::Range { from, until } => {
                let above = |bound: &Bound| ordering(class, value, &bound.value).is_some_and(|o| o.is_gt() || bound.inclusive && o.is_eq());
                let below = |bound: &Bound| ordering(class, value, &bound.value).is_some_and(|o| o.is_lt() || bound.inclusive && o.is_eq());
                present(class, value) && from.as_ref().is_none_or(above) && until.as_ref().is_none_or(below)
            }
            Test::Near(near) => near.holds(value),
            Test::Text(how, wanted) => value.as_str().is_some_and(|text| has(text.as_bytes(), *how, wanted.as_bytes())),
            Test::When(spans) => {
                let (days, moments) = sides(class);
                let day = value.as_str().filter(|_| days);
                let moment = value.as_i64().filter(|_| moments);
                spans.iter().map(|span| span.interval(context)).any(|interval| {
                    day.is_some_and(|day| interval.holds_day(day)) || moment.is_some_and(|moment| interval.holds_moment(moment))
                })
            }
        }
    }
}

/// Whether a value is there, and of the class's JSON type.
pub(super) fn present(class: Class, value: &Value) -> bool {
    match class {
        Class::Text | Class::Word | Class::Link | Class::Id | Class::Day => value.is_string(),
        Class::Integer | Class::Moment => value.is_i64(),
        Class::DayOrMoment => value.is_string() || value.is_i64(),
        Class::Number => value.is_number(),
        Class::Boolean => value.is_boolean(),
        Class::Geo | Class::Opaque => !value.is_null(),
    }
}

fn ordering(class: Class, value: &Value, scalar: &Scalar) -> Option<std::cmp::Ordering> {
    match scalar {
        Scalar::Text(wanted) if class == Class::Text => Some(folded(value.as_str()?.as_bytes()).cmp(wanted.bytes())),
        Scalar::Text(wanted) => Some(value.as_str()?.cmp(wanted)),
        Scalar::Integer(wanted) => Some(value.as_i64()?.cmp(wanted)),
        Scalar::Number(wanted) => value.as_f64()?.partial_cmp(wanted),
        Scalar::Boolean(wanted) => Some(value.as_bool()?.cmp(wanted)),
        Scalar::Id(_) => None,
    }
}

fn folded(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().map(u8::to_ascii_lowercase)
}

/// Bytes suffice: in UTF-8 the bytes of one character never look like the beginning of another.
fn has(text: &[u8], how: Match, wanted: &[u8]) -> bool {
    let (length, size) = (text.len(), wanted.len());
    match how {
        _ if size == 0 => true,
        _ if size > length => false,
        Match::Contains => text.windows(size).any(|part| part.eq_ignore_ascii_case(wanted)),
        Match::Starts => text[..size].eq_ignore_ascii_case(wanted),
        Match::Ends => text[length - size..].eq_ignore_ascii_case(wanted),
    }
}
