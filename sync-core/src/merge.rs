//! THE merge rules: what concurrent values of a field become.
//!
//! One exhaustive match on the policy for what is shown, one for what is a disagreement. Every replica
//! runs this on the same changes and gets the same record. Never writes anything.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use crate::derive;
use crate::id::{ActorId, ChangeHash, Facet, Millis};
use crate::record::doc::{Doc, Put};
use crate::record::fields::ARCHIVED;
use crate::record::{list, path, valid};
use crate::schema::{Field, Kind, Merge};
use crate::value::{JsonRef, Scalar};

/// One of several values that nobody has decided between yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The value.
    pub value: Json,
    /// Whose device wrote it.
    pub actor: ActorId,
    /// When it was written, in the server's clock.
    pub edit_time: Millis,
    /// The change that wrote it.
    pub change: ChangeHash,
}

/// A path where people disagree: lasts until somebody writes again, on any replica.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The path.
    pub path: String,
    /// The kind's field.
    pub field: String,
    /// What was written, newest first: the first one is shown.
    pub claims: Vec<Claim>,
}

/// What a record's document shows, field by field: the row of lists, pages and queries.
/// Sets and logs become arrays, rows become objects with their `id`, what was never set is absent.
pub fn row(kind: &Kind, facet: Facet, doc: &Doc) -> Map<String, Json> {
    row_in(kind, facet, doc).into_iter().map(|(name, value)| (name.to_owned(), value.into_json())).collect()
}

/// As [`row`], borrowed from the document: the values by the names of their fields, sorted.
pub(crate) fn row_in<'a>(kind: &'a Kind, facet: Facet, doc: &'a Doc) -> Vec<(&'a str, JsonRef<'a>)> {
    let fields = kind.fields.iter().filter(|field| field.facet == facet);
    let mut is_computed = false;
    let shown = |field: &'a Field| {
        is_computed |= field.formula.is_some();
        Some((&*field.name, shown_in(doc, field)?))
    };
    let mut row: Vec<_> = fields.filter_map(shown).collect();
    if facet == Facet::Main && is_archived(doc) {
        row.push((ARCHIVED, JsonRef::Bool(true)));
    }
    row.sort_unstable_by_key(|(name, _)| *name);
    if is_computed {
        derive::fill(kind, facet, doc, &mut row);
    }
    row
}

/// Whether anybody has archived the record.
pub fn is_archived(doc: &Doc) -> bool {
    doc.values(ARCHIVED).iter().any(|put| put.value == Scalar::Bool(true))
}

/// What a field shows of what was written; `None` when it has nothing to show. What is computed stands in the [`row`].
pub fn shown(doc: &Doc, field: &Field) -> Option<Json> {
    shown_in(doc, field).map(JsonRef::into_json)
}

fn shown_in<'a>(doc: &'a Doc, field: &'a Field) -> Option<JsonRef<'a>> {
    match &field.merge {
        Merge::Register | Merge::Visible | Merge::Assigned | Merge::Unknown(_) => {
            newest(doc, doc.values(&field.name)).and_then(|put| value_of(field, &put.value))
        }
        Merge::Monotone => highest(doc, field).and_then(|put| value_of(field, &put.value)),
        Merge::Set if field.items.is_empty() => elements(doc, field),
        Merge::Set => rows(doc, field, doc.below(&field.name).map(|(key, _)| key).filter(|key| !key.contains('/'))),
        Merge::List => rows(doc, field, list::rows(doc, &field.name).into_iter().map(|(_, row)| row)),
        Merge::Log => items(doc, field),
        Merge::Counter => {
            let counters = doc.values(&field.name);
            let sum = |put: &Put| if let Scalar::Counter(start) = put.value { start.wrapping_add(put.added) } else { 0 };
            (!counters.is_empty()).then(|| JsonRef::Int(counters.iter().map(sum).fold(0, i64::wrapping_add)))
        }
        Merge::Text => doc.text(&field.name).map(|text| JsonRef::Text(Cow::Owned(text))),
        Merge::Derived => None,
    }
}

/// All disagreements of a document: fields, and sub-fields of rows, that ask to be decided by people.
pub fn conflicts(kind: &Kind, facet: Facet, doc: &Doc) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (path, puts) in doc.paths().filter(|(_, puts)| puts.len() > 1) {
        let Some((field, parsed)) = path::Path::parse(path).and_then(|parsed| Some((kind.field(parsed.field)?, parsed))) else { continue };
        let asked = match (&field.merge, parsed.item) {
            (Merge::Visible, None) => Some(field),
            (Merge::Set | Merge::List, Some(item)) => field.item(item).filter(|item| item.merge == Merge::Visible),
            (Merge::Register | Merge::Visible | Merge::Set | Merge::Counter | Merge::Text | Merge::List, _) => None,
            (Merge::Log | Merge::Monotone | Merge::Assigned | Merge::Derived | Merge::Unknown(_), _) => None,
        };
        if let Some(claims) = asked.filter(|_| field.facet == facet).and_then(|asked| disagreement(doc, asked, puts)) {
            conflicts.push(Conflict { path: path.to_owned(), field: field.name.to_string(), claims });
        }
    }
    conflicts
}

/// The claims of a path, newest first; `None` when all say the same.
fn disagreement(doc: &Doc, field: &Field, puts: &[Put]) -> Option<Vec<Claim>> {
    if puts.windows(2).all(|pair| pair[0].value == pair[1].value) {
        return None;
    }
    let mut puts: Vec<&Put> = puts.iter().collect();
    puts.sort_by(|a, b| by_age(doc, b, a));
    let claim = |put: &&Put| {
        let node = doc.node(put.node);
        let value = value_of(field, &put.value).map_or(Json::Null, JsonRef::into_json);
        Claim { value, actor: doc.author(node), edit_time: node.time, change: node.hash }
    };
    Some(puts.iter().map(claim).collect())
}

/// Older first: by edit time, ties by automerge's order.
fn by_age(doc: &Doc, left: &Put, right: &Put) -> Ordering {
    doc.node(left.node).time.cmp(&doc.node(right.node).time).then_with(|| doc.order(left.id, right.id))
}

fn newest<'a>(doc: &Doc, puts: &'a [Put]) -> Option<&'a Put> {
    puts.iter().max_by(|a, b| by_age(doc, a, b))
}

fn highest<'a>(doc: &'a Doc, field: &Field) -> Option<&'a Put> {
    let rank = |put: &Put| valid::rank(field, &put.value);
    let order = |a: &&Put, b: &&Put| rank(a).partial_cmp(&rank(b)).unwrap_or(Ordering::Equal).then_with(|| by_age(doc, a, b));
    doc.values(&field.name).iter().max_by(order)
}

fn value_of<'a>(field: &Field, value: &'a Scalar) -> Option<JsonRef<'a>> {
    match value {
        Scalar::Null => None,
        value if field.value.is_group() => {
            Some(value.to_object().map_or_else(|| value.as_json(), |object| JsonRef::Owned(Json::Object(object))))
        }
        value => Some(value.as_json()),
    }
}

fn elements<'a>(doc: &'a Doc, field: &Field) -> Option<JsonRef<'a>> {
    let mut words: Vec<Cow<'a, str>> = doc.below(&field.name).map(|(key, _)| path::unescape(key)).collect();
    words.sort_unstable();
    (!words.is_empty()).then(|| JsonRef::Array(words.into_iter().map(JsonRef::Text).collect()))
}

fn rows<'a>(doc: &'a Doc, field: &'a Field, keys: impl Iterator<Item = &'a str>) -> Option<JsonRef<'a>> {
    // One buffer for all paths: a first sync reads hundreds of thousands of them.
    let mut path = format!("{}/", field.name);
    let rows: Vec<JsonRef<'a>> = keys
        .map(|key| {
            let mut row = Vec::with_capacity(field.items.len() + 1);
            row.push(("id", JsonRef::Text(path::unescape(key))));
            path.truncate(field.name.len() + 1);
            path.push_str(key);
            path.push('/');
            let start = path.len();
            for item in &field.items {
                path.truncate(start);
                path.push_str(&item.name);
                if let Some(value) = newest(doc, doc.values(&path)).and_then(|put| value_of(item, &put.value)) {
                    row.push((&*item.name, value));
                }
            }
            row.sort_unstable_by_key(|(name, _)| *name);
            JsonRef::Object(row)
        })
        .collect();
    (!rows.is_empty()).then_some(JsonRef::Array(rows))
}

fn items<'a>(doc: &'a Doc, field: &Field) -> Option<JsonRef<'a>> {
    let items: Vec<JsonRef<'a>> = doc
        .below(&field.name)
        .filter_map(|(key, puts)| {
            let mut item = newest(doc, puts)?.value.to_object()?;
            item.insert("id".to_owned(), Json::from(path::unescape(key)));
            Some(JsonRef::Owned(Json::Object(item)))
        })
        .collect();
    (!items.is_empty()).then_some(JsonRef::Array(items))
}
