//! Which records stand for others, as filters ask for it: worked out from the marks when a list is read, in a table that is
//! gone with the connection.
//!
//! Decides nothing: [`Duplicates`] says who survives. What stands for a record and is not here, as with one whose survivor the
//! user does not see, stands for nothing: the record would be in no list at all.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::actions::duplicates::{Duplicates, FIELD};
use crate::id::RecordId;

impl Store {
    pub(super) fn begin_aliases(&self) -> Result<(), StoreError> {
        let table = "create temp table aliases (record blob primary key, survivor blob not null) without rowid; \
                     create index temp.aliases_by_survivor on aliases (survivor);";
        Ok(self.db.execute_batch(table)?)
    }

    /// Notes that somebody marked a record as the same as another, or took that back.
    pub(super) fn marked(&self) {
        self.aliases_of.set(None);
    }

    /// Notes that a record came or went that others are marked as the same as: whether it stands for them is another question now.
    pub(super) fn original_moved(&self, record: RecordId) -> Result<(), StoreError> {
        let sql = format!("select 1 from links where target = ?1 and role = '{FIELD}' limit 1");
        if self.db.prepare_cached(&sql)?.query_row([record.as_bytes()], |_| Ok(())).optional()?.is_some() {
            self.marked();
        }
        Ok(())
    }

    /// Writes down which records stand for others, unless nobody has marked any since: merges are rare, lists are not.
    pub(crate) fn settle_aliases(&self) -> Result<(), StoreError> {
        // Another number, another process has written to the file.
        let version: i64 = self.db.prepare_cached("pragma data_version")?.query_row([], |row| row.get(0))?;
        if self.aliases_of.get() == Some(version) {
            return Ok(());
        }
        let aliases = Duplicates::of(self.marks()?).aliases();
        self.db.prepare_cached("delete from temp.aliases")?.execute([])?;
        let sql = "insert into temp.aliases (record, survivor) select ?1, record from rows where workspace = ?3 and record = ?2";
        let mut put = self.db.prepare_cached(sql)?;
        for (record, survivor) in aliases {
            put.execute(params![record.as_bytes(), survivor.as_bytes(), self.workspace.as_bytes()])?;
        }
        // What is written within a transaction may be taken back with it.
        self.aliases_of.set(self.db.is_autocommit().then_some(version));
        Ok(())
    }

    /// The record that stands for this one; itself if none does that is here.
    pub(crate) fn survivor_of(&self, record: RecordId) -> Result<RecordId, StoreError> {
        self.settle_aliases()?;
        let mut find = self.db.prepare_cached("select survivor from temp.aliases where record = ?1")?;
        let survivor: Option<Vec<u8>> = find.query_row(params![record.as_bytes()], |row| row.get(0)).optional()?;
        Ok(survivor.and_then(|bytes| RecordId::from_bytes(&bytes).ok()).unwrap_or(record))
    }

    /// The records that one stands for, by id.
    pub(crate) fn behind(&self, survivor: RecordId) -> Result<Vec<RecordId>, StoreError> {
        self.settle_aliases()?;
        self.ids("select record from temp.aliases where survivor = ?1 order by record", [survivor.as_bytes()])
    }

    /// All records that others stand for, each with that other one.
    pub(crate) fn aliases(&self) -> Result<Vec<(RecordId, RecordId)>, StoreError> {
        self.settle_aliases()?;
        self.pairs("select record, survivor from temp.aliases")
    }

    /// All marks: the duplicate, what it is the same as.
    fn marks(&self) -> Result<Vec<(RecordId, RecordId)>, StoreError> {
        // In words, or SQLite would not know that there is an index of just these.
        self.pairs(&format!("select source, target from links where role = '{FIELD}'"))
    }

    fn pairs(&self, sql: &str) -> Result<Vec<(RecordId, RecordId)>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut pairs = Vec::new();
        while let Some(row) = rows.next()? {
            let (one, other): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            pairs.push((RecordId::from_bytes(&one)?, RecordId::from_bytes(&other)?));
        }
        Ok(pairs)
    }
}
