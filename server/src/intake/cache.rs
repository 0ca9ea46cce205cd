//! Documents that were used lately, bounded in bytes.
//!
//! The database is the truth: a document is used only while its position is the one the database
//! names. Never holds a document that a failed transaction has touched.

use std::collections::{BTreeSet, HashMap};

use sync_core::access::Facts;
use sync_core::id::{RecordId, UserId, WorkspaceId};
use sync_core::record::doc::Doc;

use crate::store::records::{DocKey, Heading};

/// What the cache may hold: some 10,000 records in use, whatever the database holds.
const MAX_BYTES: usize = 48 * 1024 * 1024;
/// Bytes in memory for each byte of changes, measured on records of 1.1 KB; rounded up.
const BYTES_PER_CHANGE_BYTE: usize = 4;

/// A document and what else is asked of it with every change.
pub(super) struct Held {
    /// The document.
    pub doc: Doc,
    /// Who wrote its first change.
    pub author: Option<UserId>,
    /// Where its newest change stands in the feed.
    pub position: u64,
    /// The size of its changes.
    pub change_bytes: usize,
    /// What was last written of its record; only where no other document has a part in that.
    pub shown: Option<Box<Shown>>,
}

/// What the database says of a record that its document does not: nothing, but it was another document then.
pub(super) struct Shown {
    /// Where it points, by role.
    pub links: BTreeSet<(String, RecordId)>,
    /// Whose it is.
    pub facts: Facts,
    /// What lists order it by.
    pub heading: Heading,
}

struct Kept {
    held: Held,
    bytes: usize,
    used: u64,
}

/// Documents by key.
#[derive(Default)]
pub(super) struct Cache {
    kept: HashMap<(WorkspaceId, DocKey), Kept>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    /// Takes a document out if it is as the database has it.
    pub fn take(&mut self, workspace: WorkspaceId, key: DocKey, position: u64) -> Option<Held> {
        let kept = self.kept.remove(&(workspace, key))?;
        self.bytes -= kept.bytes;
        (kept.held.position == position).then_some(kept.held)
    }

    /// Keeps a document.
    pub fn put(&mut self, workspace: WorkspaceId, key: DocKey, held: Held) {
        self.clock += 1;
        let bytes = held.change_bytes * BYTES_PER_CHANGE_BYTE + 512;
        self.bytes += bytes;
        if let Some(old) = self.kept.insert((workspace, key), Kept { held, bytes, used: self.clock }) {
            self.bytes -= old.bytes;
        }
        if self.bytes > MAX_BYTES {
            self.forget_older_half();
        }
    }

    /// Forgets what rows show: the kinds are others now.
    pub fn forget_shown(&mut self) {
        for kept in self.kept.values_mut() {
            kept.held.shown = None;
        }
    }

    fn forget_older_half(&mut self) {
        let mut ages: Vec<u64> = self.kept.values().map(|kept| kept.used).collect();
        ages.sort_unstable();
        let middle = ages[ages.len() / 2];
        self.kept.retain(|_, kept| kept.used > middle);
        self.bytes = self.kept.values().map(|kept| kept.bytes).sum();
    }
}
