//! Who changed what, and a record as it was.

use std::cmp::Reverse;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use sync_core::id::{ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, UserId};
use sync_core::record::Stored;
use sync_core::record::fields::ARCHIVED;
use sync_core::record::history::{self, HistoryEntry};
use sync_core::schema::Kind;

use super::{ReadError, Reading, Who};
use crate::store::lists;
use crate::store::rejected::{self, Reviewed};

/// Entries of one answer, the newest: more than anybody scrolls through.
pub const HISTORY_MAX: usize = 1_000;

/// What happened to a record, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// What changes did, by edit time.
    pub entries: Vec<Entry>,
    /// Whether older ones were left out.
    pub cut: bool,
}

/// What one change did to one field.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The change.
    pub change: ChangeHash,
    /// The field.
    pub field: String,
    /// What the field showed to its author before.
    pub old: Option<Json>,
    /// What it showed after.
    pub new: Option<Json>,
    /// Who, and on which device.
    #[serde(flatten)]
    pub who: Who,
    /// When it was made.
    pub edit_time: Millis,
    /// When the server received it.
    pub received_at: Option<Millis>,
    /// Whether it was made out of reach of the server.
    pub offline: bool,
    /// Set for what needed somebody's word: who asked, and who accepted.
    pub review: Option<ReviewedBy>,
}

/// Who asked for an edit that needed somebody's word, and who gave it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewedBy {
    /// Who asked.
    pub asked_by: UserId,
    /// What they are called.
    pub asked_by_name: Option<String>,
    /// Who accepted.
    pub accepted_by: Option<UserId>,
    /// What they are called.
    pub accepted_by_name: Option<String>,
}

/// A record as the server showed it at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AsOf {
    /// The record.
    pub id: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// What named it.
    pub title: String,
    /// Whether it was archived.
    pub archived: bool,
    /// The moment.
    pub at: Millis,
    /// Its fields.
    pub fields: Map<String, Json>,
}

impl Reading {
    /// What happened to a record, if it is in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn history(&self, id: RecordId) -> Result<Option<History>, ReadError> {
        let mut tx = self.store.reader().await?;
        let changes = lists::changes_seen(&mut tx, self.workspace, &self.scope, id).await?;
        let Some(kind) = changes.first().and_then(|stored| self.schema().kind(&stored.kind)).cloned() else { return Ok(None) };
        let reviewed = rejected::reviewed_of(&mut tx, self.workspace, id).await?;
        let mut makers: Vec<(UserId, DeviceId)> = changes.iter().map(|stored| (stored.user, stored.device)).collect();
        for reviewed in &reviewed {
            makers.extend([Some(reviewed.asked_by), reviewed.by].into_iter().flatten().map(|user| (user, DeviceId(user.0))));
        }
        let people = self.people(&mut tx, makers.into_iter()).await?;
        drop(tx);
        // Replaying a long history takes a while; the threads that answer requests go on meanwhile.
        let entries = tokio::task::spawn_blocking(move || entries(&kind, &changes)).await.map_err(|_| ReadError::BrokeOff)?;
        let cut = entries.len() > HISTORY_MAX;
        let review = |change: ChangeHash| {
            let Reviewed { asked_by, by, .. } = reviewed.iter().find(|reviewed| reviewed.answer == change)?;
            let name = |user: &UserId| people.users.get(user).cloned();
            Some(ReviewedBy {
                asked_by: *asked_by,
                asked_by_name: name(asked_by),
                accepted_by: *by,
                accepted_by_name: by.as_ref().and_then(name),
            })
        };
        let named = |entry: HistoryEntry| Entry {
            review: review(entry.change),
            change: entry.change,
            field: entry.field,
            old: entry.old,
            new: entry.new,
            who: people.who(entry.user, entry.device),
            edit_time: entry.edit_time,
            received_at: entry.received_at,
            offline: entry.offline,
        };
        Ok(Some(History { entries: entries.into_iter().take(HISTORY_MAX).map(named).collect(), cut }))
    }

    /// The changes of a record that is in sight, for taking one of them back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(&self, id: RecordId) -> Result<Vec<Stored>, ReadError> {
        let mut tx = self.store.reader().await?;
        Ok(lists::changes_seen(&mut tx, self.workspace, &self.scope, id).await?)
    }

    /// A record as the server showed it at a moment, if it was there and is in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn as_of(&self, id: RecordId, at: Millis) -> Result<Option<AsOf>, ReadError> {
        let mut tx = self.store.reader().await?;
        let mut changes = lists::changes_seen(&mut tx, self.workspace, &self.scope, id).await?;
        changes.retain(|stored| stored.received_at.is_some_and(|received| received <= at));
        Ok(self.as_was(id, at, &changes, |kind, facet, changes| history::at_time(kind, facet, changes, at)))
    }

    /// A record as it was once these changes, and all that they follow, were made; if it is in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn as_after(&self, id: RecordId, made: &[ChangeHash]) -> Result<Option<AsOf>, ReadError> {
        let mut tx = self.store.reader().await?;
        let changes = lists::changes_seen(&mut tx, self.workspace, &self.scope, id).await?;
        Ok(self.as_was(id, self.now, &changes, |kind, facet, changes| history::as_of(kind, facet, changes, made)))
    }

    fn as_was(
        &self,
        id: RecordId,
        at: Millis,
        changes: &[Stored],
        row: impl Fn(&Kind, Facet, &[Stored]) -> Map<String, Json>,
    ) -> Option<AsOf> {
        let kind = changes.first().and_then(|stored| self.schema().kind(&stored.kind))?;
        let mut fields = Map::new();
        for (facet, changes) in by_facet(changes) {
            fields.extend(row(kind, facet, &changes));
        }
        let archived = fields.remove(ARCHIVED).is_some();
        let title = fields.get(&*kind.title).and_then(Json::as_str).unwrap_or_default().to_owned();
        Some(AsOf { id, kind: kind.name.clone(), title, archived, at, fields })
    }
}

fn entries(kind: &Kind, changes: &[Stored]) -> Vec<HistoryEntry> {
    let facets = by_facet(changes);
    let mut entries: Vec<HistoryEntry> = facets.iter().flat_map(|(facet, changes)| history::history(kind, *facet, changes)).collect();
    entries.reverse();
    entries.sort_by_key(|entry| Reverse(entry.edit_time));
    entries
}

fn by_facet(changes: &[Stored]) -> Vec<(Facet, Vec<Stored>)> {
    let of = |facet| changes.iter().filter(|stored| stored.facet == facet).cloned().collect::<Vec<_>>();
    Facet::ALL.into_iter().map(|facet| (facet, of(facet))).filter(|(_, changes)| !changes.is_empty()).collect()
}
