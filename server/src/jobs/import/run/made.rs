//! Under which ids rows make records: none is made a second time, and none under the id of another.

use std::collections::HashMap;

use sync_core::id::RecordId;

use super::super::record_of;
use super::{Identity, Planned, Run};
use crate::projection;
use crate::store::records::{self, RecordRow};
use crate::store::{StoreError, Tx};

impl Run<'_> {
    /// A record that was archived, or matches no more, is not made again under its old id. One that whoever imports made by
    /// this key and gave away is there, as long as it has the key: it is not made a second time.
    pub(super) async fn free_ids(
        &self,
        tx: &mut Tx,
        batch: &[Planned],
        ids: &mut [RecordId],
        rows: &mut HashMap<RecordId, RecordRow>,
    ) -> Result<(), StoreError> {
        let new = |(index, planned): (usize, &Planned)| match planned.identity {
            Identity::New { by_key, .. } => Some((index, by_key)),
            Identity::Named(_) | Identity::Known(_) => None,
        };
        let mut tried: Vec<(usize, bool)> = batch.iter().enumerate().filter_map(new).collect();
        for attempt in 1.. {
            let there: Vec<RecordId> = tried.iter().map(|(index, _)| ids[*index]).filter(|id| rows.contains_key(id)).collect();
            let given_away = self.sight.given_away(tx, &there).await?;
            tried.retain(|(index, by_key)| {
                let (id, planned) = (&ids[*index], &batch[*index]);
                let is_there = |row| given_away.contains(id) && self.has_key_of(planned, row);
                rows.get(id).is_some_and(|row| row.archived || (*by_key && !is_there(row)))
            });
            if tried.is_empty() {
                break;
            }
            tried.iter().for_each(|(index, _)| ids[*index] = candidate(&batch[*index].identity, attempt));
            let next: Vec<RecordId> = tried.iter().map(|(index, _)| ids[*index]).collect();
            rows.extend(records::rows_of(tx, self.author.workspace, &next).await?);
        }
        Ok(())
    }

    /// Whether a record still has the values that a row is matched by.
    fn has_key_of(&self, planned: &Planned, row: &RecordRow) -> bool {
        let now = projection::values(row);
        let of_row = |name: &String| planned.draft.values.iter().find(|(index, _)| *self.kind.fields[*index].name == **name);
        let of_rows = |name: &String| {
            let text = planned.draft.text_of(self.kind, name);
            text.is_some_and(|text| crate::writing::values_of(&now, name).contains(&text))
        };
        let has = |name: &String| now.get(name) == of_row(name).map(|(_, value)| value);
        self.matches.iter().all(|name| if name.contains('.') { of_rows(name) } else { has(name) })
    }
}

/// The id that a row is about, or would have at this attempt at one that is not taken.
pub(super) fn candidate(identity: &Identity, attempt: u32) -> RecordId {
    match identity {
        Identity::Named(id) | Identity::Known(id) => *id,
        Identity::New { cause, .. } => record_of(cause, attempt),
    }
}
