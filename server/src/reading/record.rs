//! One record with all that is known about it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sync_core::actions::doubts::doubts;
use sync_core::actions::request::is_own_note;
use sync_core::id::{ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, UserId};

use super::{Linked, Names, People, ReadError, Reading, Row, Who, links};
use crate::store::records::ConflictRow;
use crate::store::{lists, pointing, undecided};

/// Records named of each kind and role that point at a record; the count says how many there are.
pub const LINKED_FROM_MAX: u32 = 20;

/// A record with its open disagreements and what it links to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordView {
    /// The record.
    #[serde(flatten)]
    pub row: Row,
    /// Where people disagree, by path.
    pub disagreements: Vec<Disagreement>,
    /// What of it is probably a slip.
    pub doubts: Vec<DoubtView>,
    /// The records it links to.
    pub links: Vec<LinksOut>,
}

/// A record, and what links to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkedRecord {
    /// The record.
    #[serde(flatten)]
    pub view: RecordView,
    /// The records in use that link to it.
    pub linked_from: Vec<LinksIn>,
}

/// A value that is probably a slip: it stands, and whoever looks is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoubtView {
    /// The field, or `field.part` of a row.
    pub field: String,
    /// Why: `phone`, `email` or `credit_code`.
    pub code: &'static str,
}

/// A place where people disagree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disagreement {
    /// The path: a field, or `lines/<row>/price`.
    pub path: String,
    /// The field.
    pub field: String,
    /// Which document.
    pub facet: Facet,
    /// When the server first saw it.
    pub since: Millis,
    /// What was written, newest first: the first one is shown.
    pub claims: Vec<Claim>,
}

/// One of the values that nobody has decided between.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The value.
    pub value: Json,
    /// Whose it is.
    #[serde(flatten)]
    pub who: Option<Who>,
    /// When it was written.
    pub edit_time: Millis,
    /// When the server received it.
    pub received_at: Option<Millis>,
    /// The change that wrote it.
    pub change: ChangeHash,
}

/// The records that a record links to by one role.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinksOut {
    /// The field, or `field.part`.
    pub role: String,
    /// The records.
    pub records: Vec<Linked>,
}

/// The records of one kind that link to a record by one role.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinksIn {
    /// The kind that links.
    pub kind: KindName,
    /// Its field, or `field.part`.
    pub role: String,
    /// How many there are.
    pub count: u64,
    /// Those that took place last, or were changed last where nothing says when they did: at most [`LINKED_FROM_MAX`].
    pub records: Vec<Linked>,
}

/// A claim as intake keeps it.
#[derive(Debug, Deserialize)]
pub(super) struct KeptClaim {
    value: Json,
    user: Option<UserId>,
    device: Option<DeviceId>,
    edit_time: Millis,
    received_at: Option<Millis>,
    change: ChangeHash,
}

impl KeptClaim {
    pub(super) fn all(conflict: &ConflictRow) -> Vec<Self> {
        serde_json::from_str(&conflict.values_json).unwrap_or_default()
    }

    pub(super) fn maker(&self) -> Option<(UserId, DeviceId)> {
        self.user.zip(self.device)
    }
}

impl Disagreement {
    pub(super) fn of(conflict: ConflictRow, claims: Vec<KeptClaim>, people: &People) -> Self {
        let claim = |kept: KeptClaim| Claim {
            who: kept.maker().map(|(user, device)| people.who(user, device)),
            value: kept.value,
            edit_time: kept.edit_time,
            received_at: kept.received_at,
            change: kept.change,
        };
        let ConflictRow { path, field, facet, since, .. } = conflict;
        Self { path, field, facet, since, claims: claims.into_iter().map(claim).collect() }
    }
}

impl RecordView {
    /// What a link of the record leads to, if that is in sight.
    pub fn linked(&self, id: RecordId) -> Option<&Linked> {
        self.links.iter().flat_map(|links| &links.records).find(|linked| linked.id == id)
    }
}

impl Reading {
    /// A record's row alone, if it is there and in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn row(&self, id: RecordId) -> Result<Option<Row>, ReadError> {
        let mut tx = self.store.reader().await?;
        Ok(lists::seen(&mut tx, self.workspace, &self.scope, id).await?.map(|row| Row::of(row, 0)))
    }

    /// A record, if it is there and in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(&self, id: RecordId) -> Result<Option<RecordView>, ReadError> {
        let mut tx = self.store.reader().await?;
        let Some(row) = lists::seen(&mut tx, self.workspace, &self.scope, id).await? else { return Ok(None) };
        // A kind that can no longer be read shows nothing.
        let Ok(kind) = self.kind(&row.kind) else { return Ok(None) };
        let conflicts = undecided::conflicts_seen(&mut tx, self.workspace, &self.scope, id).await?;
        let conflicts: Vec<_> = conflicts.into_iter().map(|conflict| (KeptClaim::all(&conflict), conflict)).collect();
        let people = self.people(&mut tx, conflicts.iter().flat_map(|(claims, _)| claims).filter_map(KeptClaim::maker)).await?;
        let disagreements: Vec<_> = conflicts.into_iter().map(|(claims, conflict)| Disagreement::of(conflict, claims, &people)).collect();
        let row = Row::of(row, disagreements.len() as u64);
        let names = self.names(&mut tx, links::ids(kind, &row.fields)).await?;
        let doubts = doubts(kind, &row.fields, self.country())
            .into_iter()
            .map(|found| DoubtView { field: found.path(), code: found.doubt.as_str() })
            .collect();
        Ok(Some(RecordView { links: links::named(kind, &row.fields, &names), row, disagreements, doubts }))
    }

    /// Some records, those in sight of them, and what those are called that they link to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows(&self, ids: &[RecordId]) -> Result<(HashMap<RecordId, Row>, Names), ReadError> {
        let mut tx = self.store.reader().await?;
        let found = lists::seen_rows(&mut tx, self.workspace, &self.scope, ids).await?;
        let rows: HashMap<RecordId, Row> = found.into_iter().map(|row| (row.record, Row::of(row, 0))).collect();
        let linked = |row: &Row| self.schema().kind(&row.kind).map(|kind| links::ids(kind, &row.fields)).unwrap_or_default();
        let names = self.names(&mut tx, rows.values().flat_map(linked)).await?;
        Ok((rows, names))
    }

    /// Who made a record that is in sight: rights of the level `own` look at it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn author(&self, id: RecordId) -> Result<Option<UserId>, ReadError> {
        let mut tx = self.store.reader().await?;
        Ok(lists::author_of(&mut tx, self.workspace, id).await?)
    }

    /// The records in use that link to one, by kind and role.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn linked_from(&self, id: RecordId) -> Result<Vec<LinksIn>, ReadError> {
        let mut groups: Vec<LinksIn> = Vec::new();
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, id).await?;
        for pointer in pointing::at(&mut tx, self.workspace, &self.scope, &targets, &self.happens(), LINKED_FROM_MAX).await? {
            if !self.is_told(&pointer.kind, &pointer.role) {
                continue;
            }
            let linked = Linked { id: pointer.record, kind: pointer.kind.clone(), title: pointer.title, archived: false };
            match groups.last_mut().filter(|group| group.kind == pointer.kind && group.role == pointer.role) {
                Some(group) => group.records.push(linked),
                None => groups.push(LinksIn { kind: pointer.kind, role: pointer.role, count: pointer.count, records: vec![linked] }),
            }
        }
        Ok(groups)
    }

    /// Whether it is said that a record of a kind points at another one: by a field that the caller may read. Whether one
    /// follows it is said on top of the page, what waits for one's word at the desk.
    fn is_told(&self, kind: &KindName, role: &str) -> bool {
        let field = role.split('.').next().unwrap_or_default();
        !is_own_note(kind) && self.schema().kind(kind).is_some_and(|kind| self.may_read(kind, field))
    }

    /// Every record in sight that points at any of some, in use or archived, with its kind, but not these themselves.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pointing_at(&self, ids: &[RecordId]) -> Result<BTreeMap<RecordId, KindName>, ReadError> {
        let pointers = pointing::all(&mut self.store.reader().await?, self.workspace, &self.scope, ids).await?;
        let told = pointers.into_iter().filter(|(kind, role, record)| self.is_told(kind, role) && !ids.contains(record));
        Ok(told.map(|(kind, _, record)| (record, kind)).collect())
    }

    /// What records are called, those in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn names_of(&self, ids: impl IntoIterator<Item = RecordId>) -> Result<Names, ReadError> {
        let mut tx = self.store.reader().await?;
        self.names(&mut tx, ids).await
    }

    /// Those of some records that are in sight, as they stand now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn those(&self, mut ids: Vec<RecordId>) -> Result<Vec<Row>, ReadError> {
        ids.sort_unstable();
        ids.dedup();
        let mut tx = self.store.reader().await?;
        let rows = lists::seen_rows(&mut tx, self.workspace, &self.scope, &ids).await?;
        Ok(rows.into_iter().map(|row| Row::of(row, 0)).collect())
    }
}
