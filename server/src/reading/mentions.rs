//! Notes that name the caller: what a colleague wants them to see.

use serde_json::Value as Json;
use sync_core::actions::next::{ABOUT, ACTIVITY};
use sync_core::id::RecordId;

use super::{Linked, Names, ReadError, Reading, Row};
use crate::store::{lists, marks, mentions};

/// The people of an activity: a note names whoever is among them.
pub const PEOPLE: &str = "people";

/// Whose an activity is: who has written a note.
const AUTHOR: &str = "assignee";

/// Notes that are looked at, those written last: a badge that says so many says enough.
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
    /// Whether the caller has not said yet that they have seen it.
    pub is_new: bool,
}

impl Reading {
    /// The notes that name the caller, those written last come first; all of them, or those that they have not seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mentions(&self, only_new: bool) -> Result<Vec<Mention>, ReadError> {
        let Ok(kind) = self.kind(ACTIVITY) else { return Ok(Vec::new()) };
        if !self.may_read(kind, PEOPLE) {
            return Ok(Vec::new());
        }
        let mut tx = self.store.reader().await?;
        let seen = marks::of(&mut tx, self.workspace, &marks::mentions(self.caller.user)).await?;
        let (me, after) = (RecordId(self.caller.user.0), if only_new { seen } else { 0 });
        let role = (&kind.name, PEOPLE);
        let ids = mentions::notes_naming(&mut tx, self.workspace, &self.scope, role, me, (after, MENTIONS_MAX)).await?;
        let found = lists::seen_rows(&mut tx, self.workspace, &self.scope, &ids).await?;
        let rows: Vec<Row> = found.into_iter().map(|row| Row::of(row, 0)).collect();
        let names = self.names(&mut tx, rows.iter().flat_map(|row| [linked(row, ABOUT), linked(row, AUTHOR)].concat())).await?;
        Ok(rows.into_iter().filter_map(|note| mention(note, &names, seen)).collect())
    }
}

/// None for a note about records of which none is in sight.
fn mention(note: Row, names: &Names, seen: u64) -> Option<Mention> {
    let ids = linked(&note, ABOUT);
    let about: Vec<Linked> = ids.iter().filter_map(|id| names.get(id).cloned()).collect();
    if about.is_empty() && !ids.is_empty() {
        return None;
    }
    let by = linked(&note, AUTHOR).first().and_then(|id| names.get(id).cloned());
    Some(Mention { by, about, is_new: note.version > seen, note })
}

/// Where a field of a note leads.
fn linked(note: &Row, field: &str) -> Vec<RecordId> {
    match note.fields.get(field) {
        Some(Json::Array(values)) => values.iter().filter_map(|value| value.as_str()?.parse().ok()).collect(),
        Some(Json::String(id)) => id.parse().into_iter().collect(),
        _ => Vec::new(),
    }
}
