//! Notes that name the caller: what a colleague wants them to see.

use std::collections::HashMap;

use serde_json::Value as Json;
use sync_core::actions::next::{ABOUT, ACTIVITY};
use sync_core::id::RecordId;

use super::{Linked, Names, ReadError, Reading, Row};
use crate::store::mentions::{self, Naming};
use crate::store::{lists, marks};

/// The people of an activity: a note names whoever is among them.
pub const PEOPLE: &str = "people";

/// Whose an activity is: who has written a note.
const AUTHOR: &str = "assignee";

/// Notes that are shown or counted, those that named somebody last: a badge that says so many says enough.
const MENTIONS_MAX: u32 = 50;

/// A note that names the caller.
#[derive(Debug, Clone)]
pub struct Mention {
    /// The note.
    pub note: Row,
    /// Who wrote it.
    pub by: Option<Linked>,
    /// The records it is about, those in sight.
    pub about: Vec<Linked>,
    /// The position of the feed at which it named the caller; later edits of the note leave it where it is.
    pub named_at: u64,
    /// Whether it named the caller after what they have said that they have seen.
    pub is_new: bool,
}

impl Reading {
    /// The notes that name the caller, those that did so last come first.
    ///
    /// "Seen" is a place of the feed: whatever named the caller up to there is seen, whether or not they could see it then.
    /// A note that comes into their sight later, and named them before the mark, stands here and is not new.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mentions(&self) -> Result<Vec<Mention>, ReadError> {
        let Some(naming) = self.naming() else { return Ok(Vec::new()) };
        let mut tx = self.store.reader().await?;
        let seen = marks::of(&mut tx, self.workspace, &marks::mentions(self.caller.user)).await?;
        let found = mentions::notes_naming(&mut tx, self.workspace, &self.scope, &naming, MENTIONS_MAX).await?;
        let (ids, named): (Vec<RecordId>, HashMap<RecordId, u64>) =
            (found.iter().map(|(id, _)| *id).collect(), found.into_iter().collect());
        let rows = lists::seen_rows(&mut tx, self.workspace, &self.scope, &ids).await?;
        let rows: Vec<Row> = rows.into_iter().map(|row| Row::of(row, 0)).collect();
        let names = self.names(&mut tx, rows.iter().flat_map(|row| [linked(row, ABOUT), linked(row, AUTHOR)].concat())).await?;
        let mention = |note: Row| mention(named.get(&note.id).copied().unwrap_or(note.version), note, &names, seen);
        Ok(rows.into_iter().filter_map(mention).collect())
    }

    /// How many of them are new: of those made last, fifty at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn new_mentions(&self) -> Result<u64, ReadError> {
        let Some(naming) = self.naming() else { return Ok(0) };
        let mut tx = self.store.reader().await?;
        let seen = marks::of(&mut tx, self.workspace, &marks::mentions(self.caller.user)).await?;
        Ok(mentions::new_count(&mut tx, self.workspace, &self.scope, &naming, (seen, MENTIONS_MAX)).await?)
    }

    /// None for who may not see whom an activity names.
    fn naming(&self) -> Option<Naming<'_>> {
        let kind = self.kind(ACTIVITY).ok().filter(|kind| self.may_read(kind, PEOPLE))?;
        Some(Naming { kind: &kind.name, role: PEOPLE, about: ABOUT, person: RecordId(self.caller.user.0) })
    }
}

/// None for a note about records of which none is in sight.
fn mention(named_at: u64, note: Row, names: &Names, seen: u64) -> Option<Mention> {
    let ids = linked(&note, ABOUT);
    let about: Vec<Linked> = ids.iter().filter_map(|id| names.get(id).cloned()).collect();
    if about.is_empty() && !ids.is_empty() {
        return None;
    }
    let by = linked(&note, AUTHOR).first().and_then(|id| names.get(id).cloned());
    Some(Mention { by, about, named_at, is_new: named_at > seen, note })
}

/// Where a field of a note leads.
fn linked(note: &Row, field: &str) -> Vec<RecordId> {
    match note.fields.get(field) {
        Some(Json::Array(values)) => values.iter().filter_map(|value| value.as_str()?.parse().ok()).collect(),
        Some(Json::String(id)) => id.parse().into_iter().collect(),
        _ => Vec::new(),
    }
}
