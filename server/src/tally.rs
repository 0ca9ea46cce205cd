//! What was handed out lately, and to whom: added up in memory, to tell when it has become much.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use sync_core::id::Millis;

/// Sums that are kept for a time. Forgotten with the process: an entry more in a log is no harm.
pub(crate) struct Tally<K>(Arc<Mutex<HashMap<K, (Millis, u64)>>>);

impl<K> Clone for Tally<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// From where on it is much.
pub(crate) struct Much {
    /// So many.
    pub count: u64,
    /// In so long.
    pub within_ms: Millis,
}

impl<K: Hash + Eq> Tally<K> {
    /// Adds to a sum; answers whether it has become much by that.
    pub fn add(&self, key: K, more: u64, now: Millis, much: &Much) -> bool {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.retain(|_, (since, _)| now - *since < much.within_ms);
        let (_, sum) = sums.entry(key).or_insert((now, 0));
        let before = std::mem::replace(sum, *sum + more);
        before < much.count && *sum >= much.count
    }
}
