//! A record's portrait out of the records that link to it, those in sight.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use sync_core::actions::portrait::{LOOKED_AT, Shown, query, said};
use sync_core::schema::{From, Kind, Trait};

use super::{List, ReadError, Reading, Row};
use crate::store::lists::{self, Way};

impl Reading {
    /// What shows of a record: each line that says something, with the records that say so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn portrait(&self, kind: &Kind, record: &Row, offset_minutes: i32) -> Result<Vec<(Trait, Vec<Shown>)>, ReadError> {
        // Lines that look at the same records read them once.
        let mut read: BTreeMap<_, Vec<Row>> = BTreeMap::new();
        let mut portrait = Vec::new();
        for line in &kind.portrait {
            let rows: &[Row] = match &line.from {
                Some(from) => {
                    let asked = (from.kind.as_str(), from.via.as_str(), line.filter.as_deref());
                    match read.entry(asked) {
                        Entry::Occupied(known) => &*known.into_mut(),
                        Entry::Vacant(place) => &*place.insert(self.rows_for(line, from, record, offset_minutes).await?),
                    }
                }
                None => std::slice::from_ref(record),
            };
            let shown = said(line, rows.iter().map(|row| (row.id, &row.fields)), offset_minutes);
            portrait.extend((!shown.is_empty()).then(|| (line.clone(), shown)));
        }
        Ok(portrait)
    }

    /// A line that asks for what is not there any more, or is not for the caller, says nothing.
    async fn rows_for(&self, line: &Trait, from: &From, record: &Row, offset_minutes: i32) -> Result<Vec<Row>, ReadError> {
        if !self.kind(&from.kind).is_ok_and(|kind| self.may_read(kind, &from.via)) {
            return Ok(Vec::new());
        }
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, record.id).await?;
        let (of, scope) = ((&from.kind, from.via.as_str()), &self.scope);
        let linking = lists::newest_sources_of(&mut tx, self.workspace, scope, of, &targets, LOOKED_AT).await?;
        match query(self.schema(), &from.kind, line, &linking) {
            Ok(query) if !linking.is_empty() && self.check(&query.reads(self.schema())).is_ok() => {
                let list = List { offset_minutes, ..List::of(query) };
                let found = lists::page(&mut tx, self.which(&list, None), Way::Gathered).await?;
                Ok(found.into_iter().map(|row| Row::of(row, 0)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}
