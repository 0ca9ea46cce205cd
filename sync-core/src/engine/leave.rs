//! What this device may not hold any more: its edits are delivered first, then it goes, then the server gets a receipt.

use super::replica::{Replica, read_change};
use crate::id::{Facet, KindName, Millis, RecordId};
use crate::protocol::{Entry, Receipt, Removal};
use crate::store::StoreError;

/// Set until what is held was compared with what the role may read.
const LOOK_AGAIN: &str = "look_again";

/// Set until something that was erased is nowhere in the store any more.
pub(super) const ERASED: &str = "erased";

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
    /// Whether these take away something that may be here.
    pub(super) fn loses(&self, entries: &[Entry]) -> Result<bool, StoreError> {
        for entry in entries.iter().filter(|entry| entry.takes_away()) {
            match entry {
                // A first sync is told of all that was ever erased.
                Entry::Purge { record } if !self.store.has_record(*record)? => {}
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Something went out of sight. What has something to deliver goes when that is delivered. Part of a transaction.
    pub(super) fn leave(
        &mut self,
        kind: &KindName,
        record: Option<RecordId>,
        facet: Option<Facet>,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        let records = match record {
            Some(record) => vec![record],
            None => self.store.records_of_kind(kind, facet)?,
        };
        for record in records {
            if self.store.is_undelivered(record)? {
                self.store.add_leaving(record, facet)?;
            } else {
                self.let_go(record, facet, removed)?;
            }
        }
        Ok(())
    }

    /// From now on its user reads with another role, or the role says something else.
    pub(super) fn look_again(&mut self) -> Result<(), StoreError> {
        self.store.set_meta(LOOK_AGAIN, Some(&[1]))
    }

    /// What this device holds and its user may not read any more goes. The server says so of what it has sent; this device
    /// alone knows what it has written and was never sent. Part of a transaction.
    pub(super) fn leave_unreadable(&mut self, removed: &mut Removed) -> Result<(), StoreError> {
        let Some(me) = self.me.clone() else { return Ok(()) };
        // A role that is not known yet says nothing: the feed brings it.
        if self.store.meta(LOOK_AGAIN)?.is_none() || !self.roles.knows(&me.role) {
            return Ok(());
        }
        for (name, facet) in self.store.documents_held()? {
            let Some(kind) = self.schema.kind(&name) else { continue };
            let readable = self.roles.readable(&me.role, kind);
            if !readable.contains(&facet) {
                self.leave(&name, None, (!readable.is_empty()).then_some(facet), removed)?;
            }
        }
        self.store.set_meta(LOOK_AGAIN, None)
    }

    /// The server sends a document again: it is in sight.
    pub(super) fn stays(&mut self, record: RecordId, facet: Facet) -> Result<(), StoreError> {
        self.store.keep_here(record, facet)
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

    /// Takes what was erased out of the index and the log, too: what this device says next says that it is gone. Answers
    /// whether there was something.
    pub(super) fn clear_erased(&self) -> Result<bool, StoreError> {
        if self.store.meta(ERASED)?.is_none() || !self.store.scrub()? {
            return Ok(false);
        }
        self.store.set_meta(ERASED, None)?;
        Ok(true)
    }

    /// Should the record come back, this pen's next number in it might be one that it had before.
    fn leave_pen(&mut self, record: RecordId) -> Result<(), StoreError> {
        let Some(device) = self.me.as_ref().map(|me| me.device) else { return Ok(()) };
        match self.store.last_own_change(record, device)? {
            Some(last) if read_change(&last)?.actor == self.actor => self.take_new_pen(),
            _ => Ok(()),
        }
    }

    fn let_go(&mut self, record: RecordId, facet: Option<Facet>, removed: &mut Removed) -> Result<(), StoreError> {
        self.store.has_left(record, facet)?;
        self.leave_pen(record)?;
        // Of what could not be admitted there may be something, too.
        removed.left += u64::from(self.store.has_record(record)?);
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
