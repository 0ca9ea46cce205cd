//! What waits for somebody to decide, in the whole workspace: disagreements, and refused edits.

use serde::Serialize;
use sync_core::id::{ChangeHash, Facet, KindName, Millis, RecordId};
use sync_core::query::{DEFAULT_PAGE, MAX_PAGE};
use sync_core::record::Stored;
use sync_core::record::change::Change;
use sync_core::record::fields::{ARCHIVED, FieldEdit};
use sync_core::record::history::{seen_by, texts_of};
use sync_core::record::intent::field_edits;
use sync_core::schema::{Kind, Label};

use super::record::KeptClaim;
use super::{Disagreement, Linked, ReadError, Reading, Who};
use crate::store::records::{self, ConflictRow};
use crate::store::rejected::RejectedRow;
use crate::store::undecided::{self, ConflictPlace, Refused};

/// Which page of a list without filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `next` of the page before.
    pub after: Option<String>,
    /// How many rows, at most [`MAX_PAGE`].
    pub max_size: u32,
}

/// A page of a list without filters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice<T> {
    /// In order.
    pub rows: Vec<T>,
    /// `after` of the next page, if there is one.
    pub next: Option<String>,
}

/// A disagreement and the record it is in.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenConflict {
    /// The record.
    pub record: Linked,
    /// Where and about what.
    #[serde(flatten)]
    pub disagreement: Disagreement,
}

/// What became of a refused edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedState {
    /// Nobody has decided: turned down by a rule, or held for a review.
    Open,
    /// Somebody has accepted or declined it.
    Decided,
}

/// An edit that was not accepted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedEdit {
    /// The change.
    pub change: ChangeHash,
    /// The kind it is for.
    pub kind: KindName,
    /// The record it is for.
    pub record: RecordId,
    /// What the record is called, if it is there.
    pub title: Option<String>,
    /// Which document.
    pub facet: Facet,
    /// Who, and on which device.
    #[serde(flatten)]
    pub who: Who,
    /// When it was made, as far as its bytes can be read.
    pub edit_time: Option<Millis>,
    /// When the server received it.
    pub received_at: Millis,
    /// `rejected`, `held`, `accepted` or `declined`.
    pub state: String,
    /// A stable code of why.
    pub code: String,
    /// The field it was refused for.
    pub field: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why, for people.
    pub message: Label,
    /// What it wanted to write, of the fields that the caller may read.
    pub edits: Vec<FieldEdit>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { after: None, max_size: DEFAULT_PAGE }
    }
}

impl Asked {
    fn size(&self) -> usize {
        self.max_size.clamp(1, MAX_PAGE) as usize
    }
}

impl Reading {
    /// The open disagreements of the workspace, oldest first.
    ///
    /// # Errors
    /// When the cursor is none, or the database fails.
    pub async fn conflicts(&self, asked: &Asked) -> Result<Slice<OpenConflict>, ReadError> {
        let after = asked.after.as_deref().map(|text| conflict_place(text).ok_or(ReadError::Cursor)).transpose()?;
        let mut tx = self.store.reader().await?;
        let limit = asked.size() as u32 + 1;
        let mut found = undecided::conflicts_after(&mut tx, self.workspace, &self.scope, after.as_ref(), limit).await?;
        let next = cut(&mut found, asked.size(), conflict_cursor);
        let found: Vec<_> = found.into_iter().map(|conflict| (KeptClaim::all(&conflict), conflict)).collect();
        let people = self.people(&mut tx, found.iter().flat_map(|(claims, _)| claims).filter_map(KeptClaim::maker)).await?;
        let names = self.names(&mut tx, found.iter().map(|(_, conflict)| conflict.record)).await?;
        let open = |(claims, conflict): (Vec<KeptClaim>, ConflictRow)| {
            let record = names.get(&conflict.record)?.clone();
            Some(OpenConflict { record, disagreement: Disagreement::of(conflict, claims, &people) })
        };
        Ok(Slice { rows: found.into_iter().filter_map(open).collect(), next })
    }

    /// The edits that were not accepted, newest first.
    ///
    /// # Errors
    /// When the cursor is none, or the database fails.
    pub async fn rejected(&self, state: RefusedState, asked: &Asked) -> Result<Slice<RefusedEdit>, ReadError> {
        let known: Vec<KindName> = self.schema().kinds().map(|kind| kind.name.clone()).collect();
        let refused = Refused {
            states: state.words(),
            after: asked.after.as_deref().map(|text| refused_place(text).ok_or(ReadError::Cursor)).transpose()?,
            strange_to: self.may_administer().then_some(&known),
        };
        let mut tx = self.store.reader().await?;
        let mut found = undecided::refused(&mut tx, self.workspace, &self.scope, &refused, asked.size() as u32 + 1).await?;
        let next = cut(&mut found, asked.size(), |row| format!("{}.{}", row.received_at, row.hash));
        let people = self.people(&mut tx, found.iter().map(|row| (row.user, row.device))).await?;
        let ids: Vec<RecordId> = found.iter().map(|row| row.record).collect();
        let names = self.names(&mut tx, ids.iter().copied()).await?;
        let changes = records::changes_of(&mut tx, self.workspace, &ids).await?;
        let edit = |row: RejectedRow| {
            let (edit_time, edits) = self.wanted(&row, &changes);
            let title = names.get(&row.record).map(|linked| linked.title.clone());
            let who = people.who(row.user, row.device);
            refused_edit(row, title, who, edit_time, edits)
        };
        Ok(Slice { rows: found.into_iter().map(edit).collect(), next })
    }

    /// What a refused change wanted to write: its fields that the caller may read.
    fn wanted(&self, row: &RejectedRow, changes: &[Stored]) -> (Option<Millis>, Vec<FieldEdit>) {
        let Ok(change) = Change::read(&row.body) else { return (None, Vec::new()) };
        let Some(kind) = self.schema().kind(&row.kind) else { return (Some(change.time), Vec::new()) };
        let mut edits = edits_of(kind, row, &change, changes);
        edits.retain(|edit| edit.field() == ARCHIVED || self.may_read(kind, edit.field()));
        (Some(change.time), edits)
    }
}

/// How much waits for somebody to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Disagreements.
    pub conflicts: u64,
    /// Edits that were not accepted.
    pub refused: u64,
}

impl Reading {
    /// How much waits for somebody to decide, as far as the caller sees it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(&self) -> Result<Open, ReadError> {
        let known: Vec<KindName> = self.schema().kinds().map(|kind| kind.name.clone()).collect();
        let refused = Refused { states: RefusedState::Open.words(), after: None, strange_to: self.may_administer().then_some(&known) };
        let mut tx = self.store.reader().await?;
        let conflicts = undecided::conflicts_count(&mut tx, self.workspace, &self.scope).await?;
        Ok(Open { conflicts, refused: undecided::refused_count(&mut tx, self.workspace, &self.scope, &refused).await? })
    }
}

impl RefusedState {
    /// The states as they are kept.
    fn words(self) -> &'static [&'static str] {
        match self {
            RefusedState::Open => &["rejected", "held"],
            RefusedState::Decided => &["accepted", "declined"],
        }
    }
}

/// Cuts what was read to see whether there is more; answers the cursor of what comes then.
fn cut<T>(found: &mut Vec<T>, size: usize, cursor: impl Fn(&T) -> String) -> Option<String> {
    let more = found.len() > size;
    found.truncate(size);
    found.last().filter(|_| more).map(cursor)
}

fn conflict_cursor(conflict: &ConflictRow) -> String {
    format!("{}.{}.{}.{}", conflict.since, conflict.record, conflict.facet, conflict.path)
}

fn conflict_place(text: &str) -> Option<ConflictPlace> {
    let mut parts = text.splitn(4, '.');
    let (since, record, facet) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(ConflictPlace { since, record, facet, path: parts.next()?.to_owned() })
}

fn refused_place(text: &str) -> Option<(Millis, ChangeHash)> {
    let (received_at, hash) = text.split_once('.')?;
    Some((received_at.parse().ok()?, hash.parse().ok()?))
}

fn edits_of(kind: &Kind, row: &RejectedRow, change: &Change, changes: &[Stored]) -> Vec<FieldEdit> {
    let here = |stored: &&Stored| stored.record == row.record && stored.facet == row.facet;
    let earlier: Vec<Stored> = changes.iter().filter(here).cloned().collect();
    let before = seen_by(kind, change, &earlier);
    let mut after = before.clone();
    // One that does not fit the record's history is still read as far as its own operations go.
    if after.apply(change, row.hash, &texts_of(kind)).is_err() {
        after = before.clone();
    }
    field_edits(kind, &before, &after, change)
}

fn refused_edit(row: RejectedRow, title: Option<String>, who: Who, edit_time: Option<Millis>, edits: Vec<FieldEdit>) -> RefusedEdit {
    RefusedEdit {
        change: row.hash,
        kind: row.kind,
        record: row.record,
        title,
        facet: row.facet,
        who,
        edit_time,
        received_at: row.received_at,
        state: row.state,
        code: row.code,
        field: row.field,
        rule: row.rule,
        message: Label { en: row.message_en, zh: row.message_zh },
        edits,
    }
}
