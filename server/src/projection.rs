//! A record's row after one of its documents has changed, and the links it made before.
//!
//! Pure: what is derived here can be derived again at any time, and `rapport check` does.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use sync_core::id::{Facet, RecordId};
use sync_core::projection::{self, Projection};
use sync_core::schema::Kind;

use crate::store::records::{DocKey, RecordRow, Stamp, Stamps};

/// The row of a record after the document of one of its facets has changed, at a position of the feed, to what `projected`
/// says. `before` is the row as it was.
pub fn row(kind: &Kind, (record, facet): DocKey, projected: Projection, position: u64, before: Option<RecordRow>) -> RecordRow {
    let stamps = stamps(before.as_ref(), facet, (projected.updated_at, position));
    let mut row = before.unwrap_or_else(|| RecordRow {
        record,
        kind: kind.name.clone(),
        title: String::new(),
        sort_title: String::new(),
        archived: false,
        created_at: projected.created_at,
        updated_at: projected.updated_at,
        position,
        stamps: None,
        facets: [Some("{}".to_owned()), None, None],
        sort: [const { None }; 3],
    });
    row.created_at = row.created_at.min(projected.created_at);
    row.updated_at = row.updated_at.max(projected.updated_at);
    row.position = row.position.max(position);
    row.stamps = stamps;
    if let Some((title, sort_title)) = projected.title {
        (row.title, row.sort_title) = (title, sort_title);
    }
    row.archived = projected.archived.unwrap_or(row.archived);
    row.facets[facet as usize] = Some(projected.json);
    row.sort[facet as usize] = projected.sort;
    row
}

fn stamps(before: Option<&RecordRow>, facet: Facet, stamp: Stamp) -> Option<Stamps> {
    let mut stamps = before.map(RecordRow::stamps).unwrap_or_default();
    stamps[facet as usize] = Some(stamp);
    (stamps.iter().skip(1).any(Option::is_some)).then_some(stamps)
}

/// A record's values over all its facets.
pub fn values(row: &RecordRow) -> Map<String, Json> {
    let facets = row.facets.iter().flatten().filter_map(|json| serde_json::from_str::<Map<String, Json>>(json).ok());
    facets.flatten().collect()
}

/// The links that a record made by one facet of its row as it was kept.
pub fn kept_links(kind: &Kind, facet: Facet, row: &RecordRow) -> BTreeSet<(String, RecordId)> {
    let json = row.facets[facet as usize].as_deref().unwrap_or_default();
    let fields: Map<String, Json> = serde_json::from_str(json).unwrap_or_default();
    projection::links(kind, facet, &fields)
}
