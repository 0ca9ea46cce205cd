//! The full-text index, filled behind the user's back.
//!
//! A first sync does not wait for it: new rows lie above a mark, changed ones in a queue, and both are
//! indexed a few at a time when the device is idle, or when somebody searches. Never ranks by itself:
//! FTS5 does, and `search` by titles.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::id::{KindName, RecordId};

/// Rows up to here were indexed when they were new.
const MARK: &str = "searched";

/// What is to be indexed.
pub(crate) struct ToIndex {
    /// The row's number.
    pub number: i64,
    /// The record.
    pub record: RecordId,
    /// Whether people disagree about it.
    pub is_disputed: bool,
    /// The record's kind.
    pub kind: KindName,
    /// Its name.
    pub title: String,
    /// What its facets show, as JSON.
    pub facets: [Option<String>; 3],
}

impl Store {
    fn mark(&self) -> Result<i64, StoreError> {
        let mark = self.meta(MARK)?.and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes);
        Ok(mark)
    }

    /// A row has changed: it is indexed again, unless it never was.
    pub(super) fn index_again(&self, record: RecordId) -> Result<(), StoreError> {
        let sql = "insert or ignore into search_pending (id) select rowid from rows where workspace = ?1 and record = ?2 and rowid <= ?3";
        self.db.prepare_cached(sql)?.execute(params![self.workspace.as_bytes(), record.as_bytes(), self.mark()?])?;
        Ok(())
    }

    pub(super) fn remove_from_index(&self, record: RecordId) -> Result<(), StoreError> {
        let Some(number) = self.row_number(record)? else { return Ok(()) };
        self.db.prepare_cached("delete from search where rowid = ?1")?.execute([number])?;
        self.db.prepare_cached("delete from search_pending where id = ?1")?.execute([number])?;
        Ok(())
    }

    /// After rows were removed: numbers above the highest one are given anew, so they must lie above the mark.
    pub(super) fn lower_mark(&self) -> Result<(), StoreError> {
        let newest: i64 = self.db.prepare_cached("select coalesce(max(rowid), 0) from rows")?.query_row([], |row| row.get(0))?;
        if newest < self.mark()? { self.set_meta(MARK, Some(&newest.to_be_bytes())) } else { Ok(()) }
    }

    /// Some of what is not indexed yet: changed rows first, then new ones.
    pub(crate) fn to_index(&self, count: usize) -> Result<Vec<ToIndex>, StoreError> {
        let disputed = "exists (select 1 from conflicts where conflicts.record = rows.record)";
        let columns = format!("rows.rowid, kind, title, main, commercial, private, record, {disputed}");
        let mut found = self.read_to_index(
            &format!("select {columns} from search_pending join rows on rows.rowid = search_pending.id order by id limit ?1"),
            params![count as i64],
        )?;
        if found.is_empty() {
            let mark = self.mark()?;
            found = self.read_to_index(
                &format!("select {columns} from rows where rowid > ?2 order by rowid limit ?1"),
                params![count as i64, mark],
            )?;
        }
        Ok(found)
    }

    fn read_to_index(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<ToIndex>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let (kind, record): (String, Vec<u8>) = (row.get(1)?, row.get(6)?);
            found.push(ToIndex {
                number: row.get(0)?,
                record: RecordId::from_bytes(&record)?,
                is_disputed: row.get(7)?,
                kind: kind.parse()?,
                title: row.get(2)?,
                facets: [row.get(3)?, row.get(4)?, row.get(5)?],
            });
        }
        Ok(found)
    }

    /// Puts a row's tokens into the index.
    pub(crate) fn index(&self, number: i64, tokens: &str) -> Result<(), StoreError> {
        let mark = self.mark()?;
        if number <= mark {
            self.db.prepare_cached("delete from search where rowid = ?1")?.execute([number])?;
            self.db.prepare_cached("delete from search_pending where id = ?1")?.execute([number])?;
        } else {
            self.set_meta(MARK, Some(&number.to_be_bytes()))?;
        }
        self.db.prepare_cached("insert into search (rowid, tokens) values (?1, ?2)")?.execute(params![number, tokens])?;
        Ok(())
    }

    /// Records whose tokens match, best first; archived ones are left out.
    pub(crate) fn find(&self, expression: &str, kind: Option<&str>, limit: u32) -> Result<Vec<RecordId>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "select rows.record from search join rows on rows.rowid = search.rowid
             where search match ?1 and rows.archived = 0 and (?2 is null or rows.kind = ?2) order by search.rank limit ?3",
        )?;
        let mut rows = statement.query(params![expression, kind, limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let record: Vec<u8> = row.get(0)?;
            found.push(RecordId::from_bytes(&record)?);
        }
        Ok(found)
    }

    /// Whether anything waits to be indexed.
    pub(crate) fn is_index_behind(&self) -> Result<bool, StoreError> {
        let mark = self.mark()?;
        let sql = "select 1 where exists (select 1 from search_pending) or exists (select 1 from rows where rowid > ?1)";
        Ok(self.db.prepare_cached(sql)?.query_row([mark], |_| Ok(())).optional()?.is_some())
    }
}
