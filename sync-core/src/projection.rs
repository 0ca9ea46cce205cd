//! A document as one flat row and its links: what lists, queries and search read.
//!
//! Pure, and the same on server and device: what is derived here can be derived again at any time, and
//! `rapport check` does.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::collation::keys_in;
use crate::id::{ActorId, Facet, Millis, RecordId};
use crate::merge;
use crate::record::doc::Doc;
use crate::record::fields::{FieldEdit, path_edits};
use crate::schema::{Field, Formula, Kind, ValueType};
use crate::search::sort_key;
use crate::value::JsonRef;

/// Titles are cut here for lists and sorting; the record keeps the whole text.
const TITLE_CHARS: usize = 200;

/// What a document shows outside of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// Title and sort key, if this facet holds the kind's title.
    pub title: Option<(String, String)>,
    /// Whether the record is archived, if this is the main facet.
    pub archived: Option<bool>,
    /// Edit time of the first change.
    pub created_at: Millis,
    /// Edit time of the newest change.
    pub updated_at: Millis,
    /// The facet's row as JSON text.
    pub json: String,
    /// What its texts are ordered by, where that is something else: [`crate::collation::keys`].
    pub sort: Option<String>,
    /// Which records it points at, by role: the field, or `field.item` in rows.
    pub links: BTreeSet<(String, RecordId)>,
}

/// The projection of a document.
pub fn project(kind: &Kind, facet: Facet, doc: &Doc) -> Projection {
    let (created_at, updated_at) = times(doc);
    let row = merge::row_in(kind, facet, doc);
    let shown = |name: &str| row.binary_search_by_key(&name, |(name, _)| name).ok().map(|index| &row[index].1);
    let has_title = kind.field(&kind.title).is_some_and(|field| field.facet == facet);
    let title = has_title.then(|| titled(shown(&kind.title)));
    let archived = (facet == Facet::Main).then(|| merge::is_archived(doc));
    let linking = kind.fields.iter().filter(|field| field.facet == facet && may_link(field));
    let linked = linking.filter_map(|field| Some(linked(field, &shown(&field.name)?.clone().into_json())));
    let links = linked.flatten().collect();
    let sort = keys_in(kind, &row);
    // Text keys and plain values cannot fail.
    let json = serde_json::to_string(&JsonRef::Object(row)).unwrap_or_default();
    Projection { title, archived, created_at, updated_at, json, sort, links }
}

/// What will be computed of a record that edits make, by the names of the fields: for whoever is still typing. Edits that do
/// not fit yet count for nothing.
pub fn foreseen(kind: &Kind, edits: &[FieldEdit]) -> Map<String, Json> {
    let mut row = made(kind, edits);
    row.retain(|name, _| kind.field(name).is_some_and(|field| field.computed().is_some()));
    row
}

/// The row of a record that edits make, by the names of the fields. Edits that do not fit count for nothing.
pub fn made(kind: &Kind, edits: &[FieldEdit]) -> Map<String, Json> {
    let fits = |edit: &&FieldEdit| path_edits(kind, |_| None, std::slice::from_ref(*edit)).is_ok();
    let fitting: Vec<FieldEdit> = edits.iter().filter(fits).cloned().collect();
    let mut row = Map::new();
    for (facet, edits) in path_edits(kind, |_| None, &fitting).unwrap_or_default() {
        let mut doc = Doc::default();
        doc.write(ActorId([0; 16]), 0, &edits);
        row.extend(merge::row(kind, facet, &doc));
    }
    // Nothing is written yet, at no moment.
    row.retain(|name, _| !kind.field(name).and_then(Field::computed).is_some_and(Formula::tells_time));
    row
}

fn titled(value: Option<&JsonRef<'_>>) -> (String, String) {
    let title = value.map(title_text).unwrap_or_default();
    let sort = sort_key(&title);
    (title, sort)
}

fn may_link(field: &Field) -> bool {
    field.value == ValueType::Link || field.items.iter().any(|item| item.value == ValueType::Link)
}

/// The links that a facet's row makes.
pub fn links(kind: &Kind, facet: Facet, row: &Map<String, Json>) -> BTreeSet<(String, RecordId)> {
    let here = kind.fields.iter().filter(|field| field.facet == facet);
    here.filter_map(|field| row.get(&*field.name).map(|value| linked(field, value))).flatten().collect()
}

/// Where the value of a field leads: by `field` for links, by `field.item` for links in its rows.
pub fn linked(field: &Field, value: &Json) -> Vec<(String, RecordId)> {
    let elements = || value.as_array().into_iter().flatten();
    let target = |value: &Json| value.as_str().and_then(|text| text.parse::<RecordId>().ok());
    let mut links = Vec::new();
    if field.value == ValueType::Link {
        let targets = elements().chain(value.is_string().then_some(value)).filter_map(target);
        links.extend(targets.map(|id| (field.name.to_string(), id)));
    }
    for item in field.items.iter().filter(|item| item.value == ValueType::Link) {
        let targets = elements().filter_map(|row| row.get(&*item.name)).filter_map(target);
        links.extend(targets.map(|id| (format!("{}.{}", field.name, item.name), id)));
    }
    links
}

/// The texts besides the title that a kind's search reads.
pub fn searched(kind: &Kind, facets: &[Option<String>; 3]) -> Vec<String> {
    let mut texts = Vec::new();
    let rows: Vec<Map<String, Json>> = facets.iter().flatten().filter_map(|json| serde_json::from_str(json).ok()).collect();
    for name in &kind.search {
        if let Some(value) = rows.iter().find_map(|row| row.get(&**name)) {
            texts_in(value, &mut texts);
        }
    }
    texts
}

/// The texts of disagreements that a kind's search reads: nobody knows yet which of the values will stand, so each of
/// them finds the record. `values` are fields with one of their values each.
pub fn disputed<'v>(kind: &Kind, values: impl IntoIterator<Item = (&'v str, &'v Json)>) -> Vec<String> {
    let mut texts = Vec::new();
    let is_read = |field: &str| *kind.title == *field || kind.search.iter().any(|name| **name == *field);
    values.into_iter().filter(|(field, _)| is_read(field)).for_each(|(_, value)| texts_in(value, &mut texts));
    texts
}

/// Every text and number of a value.
pub(crate) fn texts_in(value: &Json, texts: &mut Vec<String>) {
    match value {
        Json::String(text) => texts.push(text.clone()),
        Json::Number(number) => texts.push(number.to_string()),
        Json::Array(items) => items.iter().for_each(|item| texts_in(item, texts)),
        Json::Object(map) => map.iter().filter(|(key, _)| *key != "id").for_each(|(_, item)| texts_in(item, texts)),
        Json::Null | Json::Bool(_) => {}
    }
}

fn title_text(value: &JsonRef<'_>) -> String {
    let first = |text: &str| text.chars().take(TITLE_CHARS).collect();
    if let JsonRef::Text(text) = value { first(text) } else { first(&value.clone().into_json().to_string()) }
}

/// Edit times of the first and the newest change; derived first changes of texts have none.
pub(crate) fn times(doc: &Doc) -> (Millis, Millis) {
    let times = || (0..doc.len() as u32).map(|index| doc.node(index).time).filter(|time| *time > 0);
    (times().min().unwrap_or(0), times().max().unwrap_or(0))
}
