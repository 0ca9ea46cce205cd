//! A record's documents as one flat row and its links.
//!
//! Pure: what is derived here can be derived again at any time, and `rapport check` does.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};
use sync_core::id::{Facet, Millis, RecordId};
use sync_core::merge;
use sync_core::record::doc::Doc;
use sync_core::schema::{Field, Kind, ValueType};
use sync_core::search::sort_key;

use crate::store::records::{LinkRow, RecordRow};

/// Titles are cut here for lists and sorting; the record keeps the whole text.
const TITLE_CHARS: usize = 200;

/// What a document shows, as the JSON text that is kept.
pub fn facet_json(kind: &Kind, facet: Facet, doc: &Doc) -> String {
    Json::Object(merge::row(kind, facet, doc)).to_string()
}

/// The row of a record after `doc` of one of its facets has changed. `before` is the row as it was.
pub fn row(kind: &Kind, record: RecordId, facet: Facet, doc: &Doc, before: Option<RecordRow>) -> RecordRow {
    let (first, last) = times(doc);
    let mut row = before.unwrap_or_else(|| RecordRow {
        record,
        kind: kind.name.clone(),
        title: String::new(),
        sort_title: String::new(),
        archived: false,
        created_at: first,
        updated_at: last,
        position: 0,
        facets: [Some("{}".to_owned()), None, None],
    });
    row.created_at = row.created_at.min(first);
    row.updated_at = row.updated_at.max(last);
    if kind.field(&kind.title).is_some_and(|field| field.facet == facet) {
        let title = kind.field(&kind.title).and_then(|field| merge::shown(doc, field)).map(|value| title_text(&value)).unwrap_or_default();
        if title != row.title {
            row.sort_title = sort_key(&title);
            row.title = title;
        }
    }
    if facet == Facet::Main {
        row.archived = merge::is_archived(doc);
    }
    row.facets[facet as usize] = Some(facet_json(kind, facet, doc));
    row
}

fn title_text(value: &Json) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(TITLE_CHARS).collect()
}

/// Edit times of the first and the newest change; derived first changes of texts have none.
fn times(doc: &Doc) -> (Millis, Millis) {
    let times = || (0..doc.len() as u32).map(|index| doc.node(index).time).filter(|time| *time > 0);
    (times().min().unwrap_or(0), times().max().unwrap_or(0))
}

/// The links that a row's facet makes.
pub fn links(kind: &Kind, record: RecordId, facet: Facet, json: &str) -> HashSet<LinkRow> {
    let row: Map<String, Json> = serde_json::from_str(json).unwrap_or_default();
    let mut links = HashSet::new();
    for field in kind.fields.iter().filter(|field| field.facet == facet) {
        let targets = row.get(&*field.name).map(|value| linked(field, value)).unwrap_or_default();
        links.extend(targets.into_iter().map(|(role, target)| LinkRow { source: record, source_kind: kind.name.clone(), role, target }));
    }
    links
}

/// Where the value of a field leads: by `field` for links, by `field.part` for links in its rows.
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
