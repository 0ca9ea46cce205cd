//! Records as an app shows them: facets joined, disagreements with who claims what. Never writes.

use serde_json::{Map, Value as Json};

use crate::engine::Replica;
use crate::id::{DeviceId, Facet, KindName, Millis, RecordId, UserId};
use crate::merge;
use crate::projection::{disputed, texts_in};
use crate::record::fields::FieldEdit;
use crate::record::history::OFFLINE_AFTER_MS;
use crate::record::path::{Path, unescape};
use crate::schema::{Kind, Schema};
use crate::search::{Piece, snippet, sort_key};
use crate::store::{Kept, StoreError, StoredRow};

/// A record as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// Its name.
    pub title: String,
    /// What its fields show, all facets that are here joined.
    pub fields: Map<String, Json>,
    /// Whether it is archived.
    pub archived: bool,
    /// Edit time of the first change.
    pub created_at: Millis,
    /// Edit time of the newest change.
    pub updated_at: Millis,
    /// Paths that people disagree on.
    pub conflicts: u64,
    /// Whether own edits of it wait for the server.
    pub pending: bool,
    /// Own edits of it that were not accepted.
    pub drafts: u64,
    /// The record that stands for it since it was merged.
    pub merged_into: Option<RecordId>,
}

/// A record with its disagreements.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What it shows.
    pub row: Listed,
    /// What people disagree on.
    pub conflicts: Vec<ConflictView>,
}

/// A path where people disagree.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictView {
    /// The path: what [`super::Device::resolve`] takes.
    pub path: String,
    /// The field.
    pub field: String,
    /// Which document holds it.
    pub facet: Facet,
    /// What was written, newest first: the first one is shown.
    pub claims: Vec<ClaimView>,
}

/// What somebody wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimView {
    /// The value.
    pub value: Json,
    /// Who.
    pub user: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When, in the server's clock.
    pub edit_time: Millis,
    /// When the server received it; `None` while it waits here.
    pub received_at: Option<Millis>,
    /// Whether it was written out of reach of the server.
    pub offline: bool,
}

/// A record that a search has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What it shows.
    pub row: Listed,
    /// Its name, with what was hit.
    pub title: Vec<Piece>,
    /// Where else it was hit first: the field, and its text cut around the hit.
    pub context: Option<(String, Vec<Piece>)>,
}

pub(super) fn listed(row: StoredRow) -> Result<Listed, StoreError> {
    let mut fields = Map::new();
    for facet in row.facets.iter().flatten() {
        fields.extend(fields_of(facet)?);
    }
    Ok(Listed {
        record: row.record,
        kind: row.kind,
        title: row.title,
        fields,
        archived: row.archived,
        created_at: row.created_at,
        updated_at: row.updated_at,
        conflicts: row.conflicts,
        pending: row.pending,
        drafts: row.drafts,
        merged_into: row.merged_into,
    })
}

/// What a facet shows, as the store has it.
pub(super) fn fields_of(facet: &str) -> Result<Map<String, Json>, StoreError> {
    serde_json::from_str(facet).map_err(|error| StoreError::Damaged(error.to_string()))
}

pub(super) fn view(replica: &mut Replica, record: RecordId) -> Result<Option<View>, StoreError> {
    replica.store.settle_aliases()?;
    let Some(row) = replica.store.row(record)?.map(listed).transpose()? else { return Ok(None) };
    let mut conflicts = Vec::new();
    if row.conflicts > 0
        && let Some(kind) = replica.kind_of(record)?
    {
        replica.trim();
        for facet in kind.facets() {
            conflicts.extend(conflicts_of(replica, &kind, record, facet)?);
        }
    }
    Ok(Some(View { row, conflicts }))
}

/// What a search reads of the values that people disagree about.
pub(super) fn disputed_texts(replica: &mut Replica, record: RecordId) -> Result<Vec<String>, StoreError> {
    let Some(kind) = replica.kind_of(record)? else { return Ok(Vec::new()) };
    let mut texts = Vec::new();
    for facet in kind.facets() {
        replica.load(&kind, record, facet)?;
        let open = replica.doc(record, facet).map(|doc| merge::conflicts(&kind, facet, doc)).unwrap_or_default();
        let values = open.iter().flat_map(|open| open.claims.iter().map(|claim| (open.field.as_str(), &claim.value)));
        texts.extend(disputed(&kind, values));
    }
    Ok(texts)
}

fn conflicts_of(replica: &mut Replica, kind: &Kind, record: RecordId, facet: Facet) -> Result<Vec<ConflictView>, StoreError> {
    replica.load(kind, record, facet)?;
    let found = replica.doc(record, facet).map(|doc| merge::conflicts(kind, facet, doc)).unwrap_or_default();
    let kept = replica.store.document(record, facet)?;
    let claim = |claim: merge::Claim| kept.iter().find(|kept| kept.change.hash == claim.change).map(|kept| claim_view(claim, kept));
    let shown = |conflict: merge::Conflict| ConflictView {
        path: conflict.path,
        field: conflict.field,
        facet,
        claims: conflict.claims.into_iter().filter_map(claim).collect(),
    };
    Ok(found.into_iter().map(shown).collect())
}

fn claim_view(claim: merge::Claim, kept: &Kept) -> ClaimView {
    let received_at = kept.change.received_at;
    ClaimView {
        value: claim.value,
        user: kept.change.user,
        device: kept.change.device,
        edit_time: claim.edit_time,
        received_at,
        offline: received_at.is_none_or(|received| received - claim.edit_time > OFFLINE_AFTER_MS),
    }
}

/// The edit that writes a value at the path of a disagreement: a field, or a part of a row.
pub(super) fn decision(path: &str, value: Json) -> FieldEdit {
    match Path::parse(path) {
        Some(Path { field, key: Some(row), item: Some(item) }) => FieldEdit::SetRow {
            field: field.to_owned(),
            row: unescape(row).into_owned(),
            values: Map::from_iter([(item.to_owned(), value)]),
        },
        _ => FieldEdit::Set { field: path.to_owned(), value },
    }
}

/// A listed record as queries see it.
pub(super) fn as_queried(row: &Listed) -> crate::query::Row<'_> {
    crate::query::Row {
        id: row.record,
        created_at: row.created_at,
        updated_at: row.updated_at,
        sort_title: sort_key(&row.title).into(),
        fields: std::borrow::Cow::Borrowed(&row.fields),
    }
}

/// Where in a record a search has hit.
pub(super) fn found(schema: &Schema, row: Listed, text: &str) -> Found {
    let title = snippet(&row.title, text).unwrap_or_else(|| vec![Piece { text: row.title.clone(), is_hit: false }]);
    let searched = schema.kind(&row.kind).map(|kind| kind.search.as_slice()).unwrap_or_default();
    let context = searched.iter().find_map(|field| {
        let mut texts = Vec::new();
        texts_in(row.fields.get(field.as_str())?, &mut texts);
        texts.iter().find_map(|value| snippet(value, text)).map(|pieces| (field.to_string(), pieces))
    });
    Found { row, title, context }
}
