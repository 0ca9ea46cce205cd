//! The full-text index, filled behind the user's back.
//!
//! A first sync does not wait for it: new rows lie above a mark, changed ones in a queue, and both are
//! indexed a few at a time when the device is idle, or when somebody searches. Never ranks by itself:
//! FTS5 does, and `search` by titles.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::id::{KindName, RecordId};
use crate::search::INDEX_FORM;

/// Rows up to here were indexed when they were new.
const MARK: &str = "searched";
/// In which form entries are made.
const FORM: &str = "search_form";
/// Up to which row entries of an older form are written again; nothing: there are none.
const AGAIN: &str = "searched_again";

/// Of a row, as [`ToIndex`] has it.
const COLUMNS: &str = "rows.rowid, kind, title, main, commercial, private, record, \
                       exists (select 1 from conflicts where conflicts.record = rows.record)";

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
        Ok(self.number(MARK)?.unwrap_or_default())
    }

    fn number(&self, key: &str) -> Result<Option<i64>, StoreError> {
        Ok(self.meta(key)?.and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes))
    }

    /// Whether all entries are of the form of now, or known not to be.
    pub(crate) fn is_search_form_known(&self) -> Result<bool, StoreError> {
        Ok(self.meta(FORM)?.as_deref() == Some(&[INDEX_FORM]))
    }

    /// An app that was updated may make other entries than the one before it: what is there is found as before, and written
    /// again a few at a time, behind what is new.
    pub(crate) fn follow_search_form(&self) -> Result<(), StoreError> {
        self.set_meta(AGAIN, (self.mark()? > 0).then(|| 0_i64.to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice))?;
        self.set_meta(FORM, Some(&[INDEX_FORM]))
    }

    /// Some of those whose entries are of an older form.
    pub(crate) fn to_index_again(&self, count: usize) -> Result<Vec<ToIndex>, StoreError> {
        let Some(done) = self.number(AGAIN)? else { return Ok(Vec::new()) };
        let sql = format!("select {COLUMNS} from rows where rowid > ?2 and rowid <= ?3 order by rowid limit ?1");
        self.read_to_index(&sql, params![count as i64, done, self.mark()?])
    }

    /// Entries up to a row are of the form of now.
    pub(crate) fn indexed_again(&self, up_to: i64) -> Result<(), StoreError> {
        self.set_meta(AGAIN, (up_to < self.mark()?).then(|| up_to.to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice))
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
        let mut found = self.read_to_index(
            &format!("select {COLUMNS} from search_pending join rows on rows.rowid = search_pending.id order by id limit ?1"),
            params![count as i64],
        )?;
        if found.is_empty() {
            let mark = self.mark()?;
            found = self.read_to_index(
                &format!("select {COLUMNS} from rows where rowid > ?2 order by rowid limit ?1"),
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

    /// Records whose tokens match, best first; of those that another one stands for, that one. Archived ones are left out.
    pub(crate) fn find(&self, expression: &str, kind: Option<&str>, limit: u32) -> Result<Vec<RecordId>, StoreError> {
        self.settle_aliases()?;
        let sql = "select coalesce(a.survivor, rows.record) from search cross join rows on rows.rowid = search.rowid
             left join temp.aliases a on a.record = rows.record
             where search match ?1 and rows.archived = 0 and (?2 is null or rows.kind = ?2) and (a.survivor is null or exists
               (select 1 from rows t where t.workspace = rows.workspace and t.record = a.survivor and t.archived = 0))
             order by search.rank limit ?3";
        self.ids(sql, params![expression, kind, limit])
    }

    /// Whether anything waits to be indexed, or to be indexed again.
    pub(crate) fn is_index_behind(&self) -> Result<bool, StoreError> {
        let (mark, again) = (self.mark()?, self.number(AGAIN)?.unwrap_or(i64::MAX));
        let sql = "select 1 where exists (select 1 from search_pending) or exists (select 1 from rows where rowid > ?1) \
                   or exists (select 1 from rows where rowid > ?2 and rowid <= ?1)";
        Ok(self.db.prepare_cached(sql)?.query_row([mark, again], |_| Ok(())).optional()?.is_some())
    }
}
