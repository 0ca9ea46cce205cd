//! A record's portrait out of the records that link to it, those in sight.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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
    pub async fn portrait(&self, kind: &Kind, record: &Row, offset_minutes: i32) -> Result<Vec<(Trait, Vec<Shown>)>, ReadError> {
        if kind.portrait.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, record.id).await?;
        // Lines that look at the same links, or the same records, read them once.
        let (mut linking, mut read): (BTreeMap<_, Vec<RecordId>>, BTreeMap<_, Vec<Row>>) = (BTreeMap::new(), BTreeMap::new());
        let mut portrait = Vec::new();
        for line in &kind.portrait {
            let rows: &[Row] = match &line.from {
                // A line that asks for what is not there any more, or is not for the caller, says nothing.
                Some(from) if !self.kind(&from.kind).is_ok_and(|kind| self.may_read(kind, &from.via)) => continue,
                Some(from) => {
                    let of = (&from.kind, from.via.as_str());
                    let links = match linking.entry(of) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(place) => {
                            let scope = &self.scope;
                            place.insert(lists::newest_sources_of(&mut tx, self.workspace, scope, of, &targets, LOOKED_AT).await?)
                        }
                    };
                    match read.entry((of, line.filter.as_deref())) {
                        Entry::Occupied(known) => &*known.into_mut(),
                        Entry::Vacant(place) => &*place.insert(self.linked_rows(&mut tx, line, from, links, offset_minutes).await?),
                    }
                }
                None => std::slice::from_ref(record),
            };
            let shown = said(line, rows.iter().map(|row| (row.id, &row.fields)), offset_minutes);
            portrait.extend((!shown.is_empty()).then(|| (line.clone(), shown)));
        }
        Ok(portrait)
    }

    /// The records of some links that a line asks for. One that asks for what the caller may not see finds nothing.
    async fn linked_rows(
        &self,
        tx: &mut Tx,
        line: &Trait,
        from: &From,
        linking: &[RecordId],
        offset_minutes: i32,
    ) -> Result<Vec<Row>, ReadError> {
        match query(self.schema(), &from.kind, line, linking) {
            Ok(query) if !linking.is_empty() && self.check(&query.reads(self.schema())).is_ok() => {
                let list = List { offset_minutes, ..List::of(query) };
                let found = lists::page(tx, self.which(&list, None), Way::Gathered).await?;
                Ok(found.into_iter().map(|row| Row::of(row, 0)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}
