//! Which records stand for others, as filters ask for it: worked out from the marks when a list is read, in a table that is
//! gone with the connection.
//!
//! Decides nothing: [`Duplicates`] says who survives.

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

    /// Writes down which records stand for others, unless nobody has marked any since: merges are rare, lists are not.
    pub(crate) fn settle_aliases(&self) -> Result<(), StoreError> {
        // Another number, another process has written to the file.
        let version: i64 = self.db.prepare_cached("pragma data_version")?.query_row([], |row| row.get(0))?;
        if self.aliases_of.get() == Some(version) {
            return Ok(());
        }
        let aliases = Duplicates::of(self.marks()?).aliases();
        self.db.prepare_cached("delete from temp.aliases")?.execute([])?;
        let mut put = self.db.prepare_cached("insert into temp.aliases (record, survivor) values (?1, ?2)")?;
        for (record, survivor) in aliases {
            put.execute(params![record.as_bytes(), survivor.as_bytes()])?;
        }
        // What is written within a transaction may be taken back with it.
        self.aliases_of.set(self.db.is_autocommit().then_some(version));
        Ok(())
    }

    /// The record that stands for this one; itself if none does.
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

    /// All marks: the duplicate, what it is the same as.
    fn marks(&self) -> Result<Vec<(RecordId, RecordId)>, StoreError> {
        // In words, or SQLite would not know that there is an index of just these.
        let mut statement = self.db.prepare_cached(&format!("select source, target from links where role = '{FIELD}'"))?;
        let mut rows = statement.query([])?;
        let mut marks = Vec::new();
        while let Some(row) = rows.next()? {
            let (source, target): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            marks.push((RecordId::from_bytes(&source)?, RecordId::from_bytes(&target)?));
        }
        Ok(marks)
    }
}
