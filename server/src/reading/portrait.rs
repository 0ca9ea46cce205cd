//! A record's portrait out of the records that link to it, those in sight.

use sync_core::actions::portrait::{LOOKED_AT, Shown, query, said};
use sync_core::id::RecordId;
use sync_core::schema::{From, Kind, Trait};

use super::{List, ReadError, Reading, Row};
use crate::store::Tx;
use crate::store::lists::{self, Way};

impl Reading {
    /// What shows of a record: each line that says something, with the records that say so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn portrait(&self, kind: &Kind, id: RecordId, offset_minutes: i32) -> Result<Vec<(Trait, Vec<Shown>)>, ReadError> {
        let mut portrait = Vec::new();
        if kind.portrait.is_empty() {
            return Ok(portrait);
        }
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, id).await?;
        for line in &kind.portrait {
            let rows: Vec<Row> = match &line.from {
                Some(from) => self.rows_for(&mut tx, line, from, &targets, offset_minutes).await?,
                None => lists::seen(&mut tx, self.workspace, &self.scope, id).await?.into_iter().map(|row| Row::of(row, 0)).collect(),
            };
            let shown = said(line, rows.iter().map(|row| (row.id, &row.fields)), offset_minutes);
            portrait.extend((!shown.is_empty()).then(|| (line.clone(), shown)));
        }
        Ok(portrait)
    }

    /// A line that asks for what is not there any more, or is not for the caller, says nothing.
    async fn rows_for(
        &self,
        tx: &mut Tx,
        line: &Trait,
        from: &From,
        targets: &[RecordId],
        offset_minutes: i32,
    ) -> Result<Vec<Row>, ReadError> {
        if self.kind(&from.kind).is_err() {
            return Ok(Vec::new());
        }
        let linking = lists::newest_sources_of(tx, self.workspace, (&from.kind, &from.via), targets, LOOKED_AT).await?;
        match query(self.schema(), &from.kind, line, &linking) {
            Ok(query) if !linking.is_empty() && self.check(&query.reads(self.schema())).is_ok() => {
                let list = List { offset_minutes, ..List::of(query) };
                let found = lists::page(tx, self.which(&list, None), Way::Gathered).await?;
                Ok(found.into_iter().map(|row| Row::of(row, 0)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}
