//! A record's portrait out of what is on this device. Works offline.

use super::{Device, Listed};
use crate::actions::portrait::{LOOKED_AT, Shown, query, said};
use crate::id::RecordId;
use crate::query::Context;
use crate::schema::{From, Trait};
use crate::store::StoreError;

impl Device {
    /// What shows of a record by those that link to it: each line that says something, with the records that say so. Its kind
    /// declares the lines.
    ///
    /// # Errors
    /// When the store fails.
    pub fn portrait(&self, record: RecordId, context: Context) -> Result<Vec<(Trait, Vec<Shown>)>, StoreError> {
        let Some(kind) = self.replica.kind_of(record)? else { return Ok(Vec::new()) };
        let says_itself = kind.portrait.iter().any(|line| line.from.is_none());
        let own = if says_itself { self.row(record)? } else { None };
        let mut portrait = Vec::new();
        for line in &kind.portrait {
            let linking = line.from.as_ref().map(|from| self.rows_for(line, from, record, context)).transpose()?;
            let rows = linking.as_deref().unwrap_or(own.as_slice());
            let shown = said(line, rows.iter().map(|row| (row.record, &row.fields)), context.offset_minutes);
            portrait.extend((!shown.is_empty()).then(|| (line.clone(), shown)));
        }
        Ok(portrait)
    }

    /// A line that asks for what is not there any more says nothing.
    fn rows_for(&self, line: &Trait, from: &From, record: RecordId, context: Context) -> Result<Vec<Listed>, StoreError> {
        let linking = self.replica.store.newest_sources_of((&from.kind, &from.via), record, LOOKED_AT)?;
        match query(self.schema(), &from.kind, line, &linking) {
            Ok(query) if !linking.is_empty() => self.list(&query, context),
            _ => Ok(Vec::new()),
        }
    }
}
