//! What a device does when it is idle: it indexes records for search, and clears away what was forgotten.

use super::{Device, INDEX_STEP, view};
use crate::projection::searched;
use crate::search::index_text;
use crate::store::StoreError;

impl Device {
    /// Indexes some records for search, those of which an older version of the app made the entry last. Answers whether more
    /// are left: call it while the device is idle.
    ///
    /// # Errors
    /// When the store fails.
    pub fn index_some(&mut self) -> Result<bool, StoreError> {
        let done = self.index_these(false)? > 0 || self.index_these(true)? > 0;
        if !done {
            self.replica.store.scrub()?;
        }
        Ok(done && self.replica.store.is_index_behind()?)
    }

    /// Indexes some records that are new or changed, or else some again. Answers how many.
    pub(super) fn index_these(&mut self, again: bool) -> Result<usize, StoreError> {
        let store = &self.replica.store;
        let waiting = if again { store.to_index_again(INDEX_STEP)? } else { store.to_index(INDEX_STEP)? };
        let Some(last) = waiting.last().map(|row| row.number) else { return Ok(0) };
        self.replica.transact(|replica| {
            let count = waiting.len();
            for row in waiting {
                let mut others = replica.schema.kind(&row.kind).map(|kind| searched(kind, &row.facets)).unwrap_or_default();
                if row.is_disputed {
                    others.extend(view::disputed_texts(replica, row.record)?);
                }
                let others: Vec<&str> = others.iter().map(String::as_str).collect();
                replica.store.index(row.number, &index_text(&row.title, &others))?;
            }
            if again {
                replica.store.indexed_again(last)?;
            }
            Ok(count)
        })
    }
}
