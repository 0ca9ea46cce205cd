//! Undo and redo over everything the user has done since the app was opened, newest first.
//!
//! Taking back is an ordinary edit, so it syncs like one. Never takes back what others have written.

use std::collections::HashSet;

use super::Device;
use crate::engine::{EditError, Edited};
use crate::id::{ChangeHash, Millis, RecordId};
use crate::record::history::Stored;
use crate::store::{Kept, StoreError};

/// Steps that can be taken back: more than anybody remembers having done.
const STEPS: usize = 100;

/// The changes of one call, in the order written.
type Step = Vec<(RecordId, ChangeHash)>;

/// What was done, and what was taken back.
#[derive(Debug, Default)]
pub(super) struct Steps {
    done: Vec<Step>,
    undone: Vec<Step>,
    /// Changes that took others back: what they put back counts as what it was.
    restored: HashSet<ChangeHash>,
}

impl Steps {
    /// Something new was done: what was taken back before stays so.
    pub(super) fn did(&mut self, edited: &[Edited]) {
        let step = step_of(edited);
        if !step.is_empty() {
            self.undone.clear();
            push(&mut self.done, step);
        }
    }
}

fn step_of(edited: &[Edited]) -> Step {
    edited.iter().flat_map(|edited| edited.changes.iter().map(|change| (edited.record, *change))).collect()
}

fn push(steps: &mut Vec<Step>, step: Step) {
    if steps.len() == STEPS {
        steps.remove(0);
    }
    steps.push(step);
}

impl Device {
    /// Takes back the last thing that was done on this device since it was opened: all of a transaction.
    /// Again: the one before.
    ///
    /// # Errors
    /// [`EditError::NotUndoable`] when there is nothing left, it edited a text, or somebody has written
    /// there since; such a step is forgotten.
    pub fn undo_last(&mut self, now: Millis) -> Result<Vec<Edited>, EditError> {
        let step = self.steps.done.pop().ok_or(EditError::NotUndoable("nothing was done since the app was opened"))?;
        let edited = self.take_back(now, &step)?;
        self.steps.restored.extend(edited.iter().flat_map(|edited| &edited.changes));
        push(&mut self.steps.undone, step_of(&edited));
        Ok(edited)
    }

    /// Does again what was taken back last.
    ///
    /// # Errors
    /// As [`Device::undo_last`].
    pub fn redo_last(&mut self, now: Millis) -> Result<Vec<Edited>, EditError> {
        let step = self.steps.undone.pop().ok_or(EditError::NotUndoable("nothing was taken back"))?;
        let edited = self.take_back(now, &step)?;
        self.steps.restored.extend(edited.iter().flat_map(|edited| &edited.changes));
        push(&mut self.steps.done, step_of(&edited));
        Ok(edited)
    }

    /// How many steps can be taken back, and how many done again.
    pub fn steps(&self) -> (usize, usize) {
        (self.steps.done.len(), self.steps.undone.len())
    }

    fn take_back(&mut self, now: Millis, step: &Step) -> Result<Vec<Edited>, EditError> {
        let changes = step.iter().rev().map(|(record, hash)| self.own_change(*record, hash)).collect::<Result<Vec<_>, _>>()?;
        let restored = &self.steps.restored;
        self.replica.transact(|replica| changes.iter().map(|change| replica.take_back(now, change, restored)).collect())
    }

    fn own_change(&self, record: RecordId, hash: &ChangeHash) -> Result<Kept, EditError> {
        let gone = EditError::NotUndoable("the server did not take it as it was");
        self.change_of(record, hash)?.ok_or(gone)
    }

    /// A change of any facet of a record.
    fn change_of(&self, record: RecordId, hash: &ChangeHash) -> Result<Option<Kept>, StoreError> {
        let Some(kind) = self.replica.kind_of(record)? else { return Ok(None) };
        for facet in kind.facets() {
            if let Some(kept) = self.replica.store.change(record, facet, hash)? {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// A record as it was for whoever made a change, just after it; `None` when the change is not here.
    ///
    /// # Errors
    /// When the store fails.
    pub fn record_at(
        &self,
        record: RecordId,
        change: &ChangeHash,
    ) -> Result<Option<serde_json::Map<String, serde_json::Value>>, StoreError> {
        let (Some(kind), Some(kept)) = (self.replica.kind_of(record)?, self.change_of(record, change)?) else { return Ok(None) };
        let time = crate::record::change::Change::read(&kept.change.body).map_or(Millis::MAX, |change| change.time);
        let mut fields = serde_json::Map::new();
        for facet in kind.facets() {
            let changes = self.changes(record, facet)?;
            // Documents of a record do not know of each other: of the others, what was there by then.
            let by_then = |stored: &&Stored| crate::record::change::Change::read(&stored.body).is_ok_and(|change| change.time <= time);
            let version: Vec<ChangeHash> = match facet == kept.change.facet {
                true => vec![*change],
                false => changes.iter().filter(by_then).map(|stored| stored.hash).collect(),
            };
            fields.extend(crate::record::history::as_of(&kind, facet, &changes, &version));
        }
        Ok(Some(fields))
    }
}
