//! A document as one flat row and its links: what lists, queries and search read.
//!
//! Pure, and the same on server and device: what is derived here can be derived again at any time, and
//! `rapport check` does.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::id::{Facet, Millis, RecordId};
use crate::merge;
use crate::record::doc::Doc;
use crate::schema::{Kind, ValueType};
use crate::search::sort_key;

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
    /// Which records it points at, by role: the field, or `field.item` in rows.
    pub links: BTreeSet<(String, RecordId)>,
}

/// The projection of a document.
pub fn project(kind: &Kind, facet: Facet, doc: &Doc) -> Projection {
    let (created_at, updated_at) = times(doc);
    let row = merge::row(kind, facet, doc);
    let has_title = kind.field(&kind.title).is_some_and(|field| field.facet == facet);
    let title = has_title.then(|| {
        let title = row.get(&*kind.title).map(title_text).unwrap_or_default();
        let sort = sort_key(&title);
        (title, sort)
    });
    let archived = (facet == Facet::Main).then(|| merge::is_archived(doc));
    let links = links(kind, facet, &row);
    Projection { title, archived, created_at, updated_at, json: Json::Object(row).to_string(), links }
}

/// The links that a facet's row makes.
pub fn links(kind: &Kind, facet: Facet, row: &Map<String, Json>) -> BTreeSet<(String, RecordId)> {
    let mut links = BTreeSet::new();
    for field in kind.fields.iter().filter(|field| field.facet == facet) {
        let Some(value) = row.get(&*field.name) else { continue };
        let mut add = |role: &str, value: &Json| {
            if let Some(target) = value.as_str().and_then(|text| text.parse().ok()) {
                links.insert((role.to_owned(), target));
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

fn title_text(value: &Json) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(TITLE_CHARS).collect()
}

/// Edit times of the first and the newest change; derived first changes of texts have none.
fn times(doc: &Doc) -> (Millis, Millis) {
    let times = || (0..doc.len() as u32).map(|index| doc.node(index).time).filter(|time| *time > 0);
    (times().min().unwrap_or(0), times().max().unwrap_or(0))
}
