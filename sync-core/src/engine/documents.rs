//! Documents in memory: a cache of what the store holds, of those that were used last.
//!
//! Two generations: what is used moves to the young one; when that is full, it becomes the old one, and what was in the old
//! one and not used meanwhile is forgotten. So whoever edits the same records again finds their documents.

use std::collections::HashMap;
use std::sync::Arc;

use crate::id::{Facet, RecordId};
use crate::record::doc::Doc;

/// Documents of a generation: those on screen and those being edited.
const GENERATION: usize = 256;
/// What one piece of work may leave behind: of more, nothing is kept, or a phone would hold it for nothing.
const LEFT_BEHIND_MAX: usize = 2 * GENERATION;

type Key = (RecordId, Facet);

/// Shared, so that whoever writes can look at what was there before without a copy of it.
#[derive(Debug, Default)]
pub(super) struct Documents {
    young: HashMap<Key, Arc<Doc>>,
    old: HashMap<Key, Arc<Doc>>,
}

impl Documents {
    /// Marks a document as used. Answers whether it is in memory.
    pub fn recall(&mut self, key: Key) -> bool {
        if let Some(doc) = self.old.remove(&key) {
            self.young.insert(key, doc);
        }
        self.young.contains_key(&key)
    }

    pub fn get(&self, key: &Key) -> Option<&Arc<Doc>> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub fn take(&mut self, key: &Key) -> Option<Doc> {
        let (young, old) = (self.young.remove(key), self.old.remove(key));
        young.or(old).map(Arc::unwrap_or_clone)
    }

    pub fn keep(&mut self, key: Key, doc: Doc) {
        self.old.remove(&key);
        self.young.insert(key, Arc::new(doc));
    }

    pub fn has_room(&self) -> bool {
        self.young.len() < GENERATION
    }

    /// Forgets what was not used lately, when there is much: never in the middle of a piece of work.
    pub fn trim(&mut self) {
        if !self.has_room() {
            self.old = std::mem::take(&mut self.young);
            if self.old.len() > LEFT_BEHIND_MAX {
                self.old = HashMap::new();
            }
        }
    }

    pub fn forget(&mut self, record: RecordId) {
        for facet in Facet::ALL {
            self.young.remove(&(record, facet));
            self.old.remove(&(record, facet));
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(i: usize) -> Key {
        (RecordId::of_cause(&i.to_string()), Facet::Main)
    }

    /// Answers how many had to be read from the store.
    fn work_on(documents: &mut Documents, records: std::ops::Range<usize>) -> usize {
        documents.trim();
        let mut read = 0;
        for key in records.map(key) {
            if !documents.recall(key) {
                documents.keep(key, Doc::default());
                read += 1;
            }
        }
        read
    }

    #[test]
    fn what_is_edited_again_is_still_in_memory_though_there_was_more_than_fits() {
        let mut documents = Documents::default();
        assert_eq!(work_on(&mut documents, 0..300), 300);
        for _ in 0..3 {
            assert_eq!(work_on(&mut documents, 0..300), 0);
        }
        assert_eq!(work_on(&mut documents, 1_000..1_300), 300);
        assert_eq!(work_on(&mut documents, 2_000..2_300), 300);
        assert_eq!(work_on(&mut documents, 0..300), 300, "what was not used for long is forgotten");
    }

    #[test]
    fn a_bulk_edit_leaves_nothing_behind_that_a_phone_would_hold_for_nothing() {
        let mut documents = Documents::default();
        work_on(&mut documents, 0..5_000);
        documents.trim();
        assert!(documents.young.is_empty() && documents.old.is_empty());
    }
}
