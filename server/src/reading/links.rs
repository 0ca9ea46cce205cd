//! Which records the values of a row lead to.

use serde_json::{Map, Value as Json};
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind};

use super::{LinksOut, Names};
use sync_core::projection::linked;

/// Every link among these fields.
pub(super) fn ids(kind: &Kind, fields: &Map<String, Json>) -> Vec<RecordId> {
    roles(kind, fields).into_iter().map(|(_, id)| id).collect()
}

/// The links by role, in the order of the kind's fields; those out of sight are left out.
pub(super) fn named(kind: &Kind, fields: &Map<String, Json>, names: &Names) -> Vec<LinksOut> {
    let mut links: Vec<LinksOut> = Vec::new();
    for (role, id) in roles(kind, fields) {
        let Some(record) = names.get(&id).cloned() else { continue };
        match links.last_mut().filter(|links| links.role == role) {
            Some(links) => links.records.push(record),
            None => links.push(LinksOut { role, records: vec![record] }),
        }
    }
    links
}

fn roles(kind: &Kind, fields: &Map<String, Json>) -> Vec<(String, RecordId)> {
    let links = |field: &Field| fields.get(&*field.name).map(|value| linked(field, value)).unwrap_or_default();
    kind.fields.iter().flat_map(links).collect()
}
