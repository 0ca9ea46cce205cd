//! Looking words up in everything that the caller sees.

use sync_core::search::match_expression;

use super::{Linked, ReadError, Reading};
use crate::store::search;

impl Reading {
    /// Records in use with all these words, best first: Chinese by any part and by pinyin, words by their
    /// beginning, digits by any three in a row.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(&self, text: &str, limit: u32) -> Result<Vec<Linked>, ReadError> {
        let Some(expression) = match_expression(text) else { return Ok(Vec::new()) };
        let mut tx = self.store.reader().await?;
        let found = search::find(&mut tx, self.workspace, &self.scope, &expression, limit).await?;
        Ok(found.into_iter().map(|row| Linked { id: row.record, kind: row.kind, title: row.title, archived: false }).collect())
    }
}
