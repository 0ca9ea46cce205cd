//! What this device may not hold any more: its edits are delivered first, then it goes, then the server gets a receipt.

use super::replica::Replica;
use crate::id::{Facet, KindName, Millis, RecordId};
use crate::protocol::{Receipt, Removal};
use crate::store::StoreError;

/// What one frame of the server's made this device remove.
#[derive(Debug, Default)]
pub(super) struct Removed {
    left: u64,
    left_unsent: u64,
    purged: u64,
    purged_unsent: u64,
}

impl Removed {
    /// A record was erased; so many edits of it were not sent.
    pub fn purged(&mut self, unsent: u64) {
        self.purged += 1;
        self.purged_unsent += unsent;
    }
}

impl Replica {
    /// Something went out of sight. What has edits to deliver goes when they are delivered. Part of a transaction.
    pub(super) fn leave(
        &mut self,
        kind: &KindName,
        record: Option<RecordId>,
        facet: Option<Facet>,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        let records = match record {
            Some(record) => vec![record],
            None => self.store.records_of_kind(kind)?,
        };
        for record in records {
            if self.store.is_pending(record)? {
                self.store.add_leaving(record, facet)?;
            } else {
                self.let_go(record, facet, removed)?;
            }
        }
        Ok(())
    }

    /// The server sends a document again: it is in sight.
    pub(super) fn stays(&mut self, record: RecordId, facet: Facet) -> Result<(), StoreError> {
        self.store.remove_leaving(record, Some(facet))
    }

    /// Lets go of what was delivered since, and keeps a receipt of all that was removed. Part of a transaction.
    /// Answers whether there is one.
    pub(super) fn settle_leaving(&mut self, mut removed: Removed, now: Millis) -> Result<bool, StoreError> {
        if self.store.has_leaving()? {
            for (record, facet) in self.store.ready_to_leave()? {
                removed.left_unsent += self.store.drafts_of(record)?;
                self.let_go(record, facet, &mut removed)?;
            }
        }
        let at = self.server_time(now);
        for (removal, records, unsent) in
            [(Removal::Left, removed.left, removed.left_unsent), (Removal::Purged, removed.purged, removed.purged_unsent)]
        {
            if records > 0 {
                // Below 2^53: every language and SQLite hold it.
                let number = self.random.below(1 << 53);
                self.store.add_receipt(&Receipt { number, removal, records, unsent, at })?;
            }
        }
        Ok(removed.left + removed.purged > 0)
    }

    fn let_go(&mut self, record: RecordId, facet: Option<Facet>, removed: &mut Removed) -> Result<(), StoreError> {
        self.store.remove_leaving(record, facet)?;
        if !self.store.has_record(record)? {
            return Ok(());
        }
        removed.left += 1;
        match (facet, self.kind_of(record)?) {
            (Some(facet), Some(kind)) => {
                self.store.remove_document(record, facet)?;
                self.project_again(&kind, record)
            }
            (_, _) => {
                self.forget(record);
                self.store.remove_record(record)?;
                self.touch(record);
                Ok(())
            }
        }
    }
}
