//! A document as a flat row and its links: the same columns as on the server. Pure.

use serde_json::{Map, Value as Json};

use crate::id::{Facet, Millis, RecordId};
use crate::merge;
use crate::record::doc::Doc;
use crate::schema::{Kind, ValueType};
use crate::search::sort_key;
use crate::store::RowOf;

/// Titles are cut here for lists and sorting; the record keeps the whole text.
const TITLE_CHARS: usize = 200;

/// The row of a record's facet.
pub(super) fn row_of(kind: &Kind, record: RecordId, facet: Facet, doc: &Doc, position: u64) -> RowOf {
    let (created_at, updated_at) = times(doc);
    let row = merge::row(kind, facet, doc);
    let has_title = kind.field(&kind.title).is_some_and(|field| field.facet == facet);
    let title = has_title.then(|| row.get(&*kind.title).map(title_text).unwrap_or_default()).map(|title| {
        let sort = sort_key(&title);
        (title, sort)
    });
    let archived = (facet == Facet::Main).then(|| merge::is_archived(doc));
    let links = links(kind, facet, &row);
    let conflicts = merge::conflicts(kind, facet, doc).len() as u64;
    let json = Json::Object(row).to_string();
    RowOf { record, kind: kind.name.clone(), facet, title, archived, created_at, updated_at, position, json, links, conflicts }
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

fn links(kind: &Kind, facet: Facet, row: &Map<String, Json>) -> Vec<(String, RecordId)> {
    let mut links = Vec::new();
    for field in kind.fields.iter().filter(|field| field.facet == facet) {
        let Some(value) = row.get(&*field.name) else { continue };
        let mut add = |role: &str, value: &Json| {
            if let Some(target) = value.as_str().and_then(|text| text.parse().ok()) {
                links.push((role.to_owned(), target));
            }
        };
        let nested = || value.as_array().into_iter().flatten();
        if field.value == ValueType::Link {
            nested().chain(value.is_string().then_some(value)).for_each(|target| add(&field.name, target));
        }
        for item in field.items.iter().filter(|item| item.value == ValueType::Link) {
            nested().filter_map(|row| row.get(&*item.name)).for_each(|target| add(&format!("{}.{}", field.name, item.name), target));
        }
    }
    links
}
