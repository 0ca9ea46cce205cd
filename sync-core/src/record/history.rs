//! Who changed what, when, from which value, offline or not; and the record as it was.
//!
//! Derived from the changes themselves: there is no second log to forget. Never decides who may read it.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::change::{Change, Op};
use super::doc::Doc;
use super::text::genesis;
use crate::id::{ChangeHash, DeviceId, Facet, KindName, Millis, Name, RecordId, UserId};
use crate::merge;
use crate::schema::{Field, Kind, Merge};

/// An edit received later than this after it was made was made offline: a live one takes seconds.
pub const OFFLINE_AFTER_MS: Millis = 60_000;

/// A change as kept by a server or a device, with what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// SHA-256 of the change.
    pub hash: ChangeHash,
    /// The record's kind.
    pub kind: KindName,
    /// The record.
    pub record: RecordId,
    /// Which document of the record.
    pub facet: Facet,
    /// Who made it.
    pub user: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When the server received it; `None` while it waits on the device.
    pub received_at: Option<Millis>,
    /// Its position in the feed; `None` while it waits on the device.
    pub position: Option<u64>,
    /// The change chunk.
    pub body: Vec<u8>,
}

/// What one change did to one field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// The change.
    pub change: ChangeHash,
    /// The field.
    pub field: String,
    /// What the field showed to its author before.
    pub old: Option<Json>,
    /// What it showed after.
    pub new: Option<Json>,
    /// Who.
    pub user: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When it was made, in the server's clock.
    pub edit_time: Millis,
    /// When the server received it.
    pub received_at: Option<Millis>,
    /// Whether it was made out of reach of the server.
    pub offline: bool,
}

/// The names of a kind's text fields: what [`Doc::apply`] needs to know.
pub fn texts_of(kind: &Kind) -> Vec<Name> {
    kind.fields.iter().filter(|field| field.merge == Merge::Text).map(|field| field.name.clone()).collect()
}

/// The document that these changes make. Changes that do not fit are left out and returned.
pub fn document<'a>(kind: &Kind, changes: impl IntoIterator<Item = &'a Stored>) -> (Doc, Vec<ChangeHash>) {
    let texts = texts_of(kind);
    let (mut doc, mut left_out) = (Doc::default(), Vec::new());
    for stored in changes {
        let applied = Change::read(&stored.body).ok().and_then(|change| doc.take(change, stored.hash, &texts).ok());
        if applied.is_none() {
            left_out.push(stored.hash);
        }
    }
    (doc, left_out)
}

/// What happened to a record's facet, oldest first. `changes` in an order in which each follows its parents.
pub fn history(kind: &Kind, facet: Facet, changes: &[Stored]) -> Vec<HistoryEntry> {
    let texts = texts_of(kind);
    let mut entries = Vec::new();
    let mut all = Doc::default();
    for (index, stored) in changes.iter().enumerate() {
        let Ok(change) = Change::read(&stored.body) else { continue };
        // What its author saw is everything, unless something arrived at the same time.
        let saw_all = all.heads().iter().all(|head| change.deps.contains(head));
        let mut seen = if saw_all { all.clone() } else { seen_by(kind, &change, &changes[..index]) };
        if all.apply(&change, stored.hash, &texts).is_err() {
            continue;
        }
        let fields = fields_of(kind, facet, &change);
        let old: Vec<_> = fields.iter().map(|field| shown(&seen, field)).collect();
        let _ = seen.apply(&change, stored.hash, &texts);
        for (field, old) in fields.into_iter().zip(old) {
            entries.push(entry(
                stored,
                &change,
                &field.map_or_else(|| super::fields::ARCHIVED.to_owned(), |field| field.name.to_string()),
                old,
                shown(&seen, &field),
            ));
        }
    }
    entries
}

/// The row as it was for somebody who had seen exactly these changes and all that they follow.
pub fn as_of(kind: &Kind, facet: Facet, changes: &[Stored], version: &[ChangeHash]) -> Map<String, Json> {
    let (whole, _) = document(kind, changes);
    let from: Vec<u32> = version.iter().filter_map(|hash| whole.find(hash)).collect();
    let ancestors = whole.ancestors(&from);
    let included = |stored: &&Stored| whole.find(&stored.hash).is_some_and(|node| ancestors[node as usize]);
    merge::row(kind, facet, &document(kind, changes.iter().filter(included)).0)
}

/// The row as the server showed it at a moment.
pub fn at_time(kind: &Kind, facet: Facet, changes: &[Stored], moment: Millis) -> Map<String, Json> {
    let received = |stored: &&Stored| stored.received_at.is_some_and(|at| at <= moment);
    merge::row(kind, facet, &document(kind, changes.iter().filter(received)).0)
}

/// The document as the author of a change saw it. `earlier` in an order in which each follows its parents.
pub fn seen_by(kind: &Kind, change: &Change, earlier: &[Stored]) -> Doc {
    let (whole, _) = document(kind, earlier);
    let from: Vec<u32> = change.deps.iter().filter_map(|dep| whole.find(dep)).collect();
    let ancestors = whole.ancestors(&from);
    document(kind, earlier.iter().filter(|stored| whole.find(&stored.hash).is_some_and(|node| ancestors[node as usize]))).0
}

/// `None` stands for the reserved `archived`.
fn shown(doc: &Doc, field: &Option<&Field>) -> Option<Json> {
    match field {
        Some(field) => merge::shown(doc, field),
        None => Some(Json::Bool(merge::is_archived(doc))),
    }
}

fn fields_of<'a>(kind: &'a Kind, facet: Facet, change: &Change) -> Vec<Option<&'a Field>> {
    let mut fields: Vec<Option<&Field>> = Vec::new();
    for op in &change.ops {
        let field = match op {
            Op::Put { path, .. } | Op::Delete { path, .. } | Op::Increment { path, .. } | Op::MakeText { path } => {
                let name = path.split('/').next().unwrap_or_default();
                let field = kind.field(name);
                if field.is_none() && name != super::fields::ARCHIVED {
                    continue;
                }
                field
            }
            Op::Insert { text, .. } | Op::Remove { text, .. } => {
                let maker = change.actor_at(text.actor);
                let Some(field) = kind.fields.iter().find(|field| field.merge == Merge::Text && Some(genesis(&field.name).actor) == maker)
                else {
                    continue;
                };
                Some(field)
            }
        };
        let here = field.is_none_or(|field| field.facet == facet);
        if here && !fields.iter().any(|known| known.map(|known| &known.name) == field.map(|field| &field.name)) {
            fields.push(field);
        }
    }
    fields
}

fn entry(stored: &Stored, change: &Change, field: &str, old: Option<Json>, new: Option<Json>) -> HistoryEntry {
    HistoryEntry {
        change: stored.hash,
        field: field.to_owned(),
        old,
        new,
        user: stored.user,
        device: stored.device,
        edit_time: change.time,
        received_at: stored.received_at,
        offline: stored.received_at.is_none_or(|received| received - change.time > OFFLINE_AFTER_MS),
    }
}
