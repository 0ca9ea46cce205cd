//! Which records have an edit that waits for approval: what is not approved does not go on.

use sync_core::id::{KindName, RecordId};
use sync_core::schema::Kind;

use super::Unit;
use crate::store::rejected::{self, ChangeName};
use crate::store::{Result, Tx};

impl Unit<'_> {
    /// Reads what waits for approval in these records, where some role may write less because of it.
    pub(super) async fn load_waiting<'k>(&mut self, tx: &mut Tx, records: impl Iterator<Item = (&'k KindName, RecordId)>) -> Result<()> {
        let roles = &self.rules.roles;
        let records: Vec<RecordId> = records.filter(|(kind, _)| roles.look_at_waiting(kind)).map(|(_, record)| record).collect();
        for record in &records {
            self.waiting.remove(record);
        }
        for change in rejected::waiting_among(tx, self.workspace, &records).await? {
            self.waiting.entry(change.record).or_default().insert(change);
        }
        Ok(())
    }

    /// An edit that is decided about now does not wait for itself.
    pub(super) fn waits_no_more(&mut self, change: &ChangeName) {
        if let Some(waiting) = self.waiting.get_mut(&change.record) {
            waiting.remove(change);
        }
    }

    pub(super) fn waits(&self, kind: &Kind, record: RecordId) -> bool {
        let before = || self.waiting.get(&record).is_some_and(|waiting| !waiting.is_empty());
        self.rules.roles.look_at_waiting(&kind.name) && (before() || self.held.contains(&record))
    }
}
