//! A document as the device keeps it in lists.

use crate::id::{Facet, RecordId};
use crate::merge;
use crate::projection::{Projection, project};
use crate::record::doc::Doc;
use crate::schema::Kind;
use crate::store::RowOf;

/// The row of a record's facet.
pub(super) fn row_of(kind: &Kind, record: RecordId, facet: Facet, doc: &Doc, position: u64) -> RowOf {
    let Projection { title, archived, created_at, updated_at, json, sort, links } = project(kind, facet, doc);
    let conflicts = merge::conflicts(kind, facet, doc).len() as u64;
    let links = links.into_iter().collect();
    RowOf { record, kind: kind.name.clone(), facet, title, archived, created_at, updated_at, position, json, sort, links, conflicts }
}
