//! Looking words up in everything that the caller sees.

use sync_core::search::{CANDIDATES, by_closeness, match_expression, near_expression, start_expressions, starts_first};

use super::{Linked, ReadError, Reading};
use crate::store::search;

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hits {
    /// The records.
    pub rows: Vec<Linked>,
    /// Whether none has the words as they were typed.
    pub is_near: bool,
}

impl Reading {
    /// Records in use with all these words, those whose title begins with them first: Chinese by any part and by pinyin, words by their
    /// beginning, digits by any three in a row. If there are none, those with words that are one slip away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(&self, text: &str, limit: u32) -> Result<Hits, ReadError> {
        let Some(expression) = match_expression(text) else { return Ok(Hits::default()) };
        let mut tx = self.store.reader().await?;
        let mut found = search::find(&mut tx, self.workspace, &self.scope, &expression, limit.max(CANDIDATES)).await?;
        if found.len() as u32 >= CANDIDATES {
            let mut first = Vec::new();
            for start in start_expressions(text) {
                if (first.len() as u32) < CANDIDATES {
                    first.extend(search::find(&mut tx, self.workspace, &self.scope, &start, limit.max(CANDIDATES)).await?);
                }
            }
            found = starts_first(first, found);
        }
        by_closeness(text, &mut found, |row| &row.title);
        found.truncate(limit as usize);
        let near = near_expression(text).filter(|_| found.is_empty());
        if let Some(near) = &near {
            found = search::find(&mut tx, self.workspace, &self.scope, near, limit).await?;
        }
        let is_near = near.is_some() && !found.is_empty();
        let rows = found.into_iter().map(|row| Linked { id: row.record, kind: row.kind, title: row.title, archived: false }).collect();
        Ok(Hits { rows, is_near })
    }
}
