//! Counts and sums of the records that are on this device. Works offline.

use std::collections::HashMap;

use rusqlite::types::Value;

use super::view::fields_of;
use super::{Device, LISTED};
use crate::actions::currency::{Dated, FEW_MAX, RATE, SETTINGS};
use crate::actions::totals::{Adding, Linked, Names, Plan, Totals};
use crate::id::RecordId;
use crate::query::grouped::{Counted, Frame};
use crate::query::{Compiler, Context, Dialect, Query};
use crate::store::StoreError;

impl Device {
    /// How many records a query has, whatever its page.
    ///
    /// # Errors
    /// When the store fails.
    pub fn count(&self, query: &Query, context: Context) -> Result<u64, StoreError> {
        self.unlocked()?;
        self.replica.store.settle_aliases()?;
        let (condition, binds) = self.those_of(query, context);
        self.replica.store.count_where(&condition, binds)
    }

    /// The condition that the records of a query pass, with what it binds.
    fn those_of(&self, query: &Query, context: Context) -> (String, Vec<Value>) {
        let filter = Compiler { first_param: 3, ..Compiler::new(Dialect::Sqlite, context) }.filter(&query.filter);
        (format!("{LISTED} and {}", filter.text), self.binds(query, filter.params))
    }

    /// Counts and sums of the records of a query, whatever its page, as the server would answer of the same records: those that
    /// [`Device::list`] shows, own edits that wait among them.
    ///
    /// # Errors
    /// When the store fails.
    pub fn totals(&self, query: &Query, plan: &Plan, context: Context) -> Result<Totals, StoreError> {
        self.unlocked()?;
        self.replica.store.settle_aliases()?;
        let compiler = Compiler::new(Dialect::Sqlite, context);
        let asking = Asking { device: self, query, plan, compiler };
        let counted: Vec<Counted> = asking.rows(&plan.by.counted(), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let merged = if plan.by.is_link() { self.merged(&counted)? } else { HashMap::new() };
        let dated = if plan.has_amounts() { Some(self.dated()?) } else { None };
        let cuts = dated.as_ref().map(Dated::cuts).unwrap_or_default();
        let mut adding = Adding::of(plan, counted, merged);
        for (field, added) in &plan.sums {
            let frame = plan.by.summed(added, &|spot| compiler.value(spot), &cuts);
            let found = asking.rows(&frame, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
            adding.add(field, found, dated.as_ref());
        }
        let mut totals = adding.totals();
        if plan.by.is_link() {
            totals.call(self.called(totals.records())?);
        }
        Ok(totals)
    }

    /// What stands for the records that groups are called by, where another one does.
    fn merged(&self, counted: &[Counted]) -> Result<HashMap<String, String>, StoreError> {
        let survivors: HashMap<RecordId, RecordId> = self.replica.store.aliases()?.into_iter().collect();
        let merged = counted.iter().filter_map(|(key, _)| {
            let record = key.as_deref()?;
            Some((record.to_owned(), survivors.get(&record.parse().ok()?)?.to_string()))
        });
        Ok(merged.collect())
    }

    /// What some records are called, as far as they are here.
    fn called(&self, records: Vec<RecordId>) -> Result<Names, StoreError> {
        let mut names = Names::new();
        for id in records {
            let row = self.replica.store.row(id)?;
            names.extend(row.map(|row| (id, Linked { id, kind: row.kind, title: row.title, archived: row.archived })));
        }
        Ok(names)
    }

    /// What amounts are worth in the workspace's currency, as far as its rates are here.
    fn dated(&self) -> Result<Dated, StoreError> {
        let settings = self.replica.store.first_of_kind(SETTINGS)?.map(|main| fields_of(&main)).transpose()?;
        let rates = self.replica.store.first_ones_of_kind(RATE, FEW_MAX)?;
        let rates = rates.iter().map(|main| fields_of(main)).collect::<Result<Vec<_>, _>>()?;
        Ok(Dated::of(settings.as_ref(), &rates))
    }
}

/// A question that is being asked of the store.
struct Asking<'a> {
    device: &'a Device,
    query: &'a Query,
    plan: &'a Plan,
    compiler: Compiler<'a>,
}

impl Asking<'_> {
    fn rows<T>(&self, frame: &Frame, read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, StoreError> {
        // On a phone nothing is out of sight, and so a place binds nothing.
        let by = self.plan.by.column(self.compiler.context, |place| self.compiler.placed(place).text);
        let (condition, binds) = self.device.those_of(self.query, self.compiler.context);
        self.device.replica.store.grouped_where((frame, by), &condition, binds, read)
    }
}
