//! Records as they read now: rows, links, and how many disagreements they hold.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Params, Row, Rows, params, params_from_iter};

use super::{Store, StoreError};
use crate::actions::duplicates::FIELD;
use crate::files::{ContentHash, unhex};
use crate::id::{Facet, KindName, Millis, RecordId};
use crate::query::grouped::Frame;

/// What a facet of a record shows, ready to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RowOf {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// The facet.
    pub facet: Facet,
    /// Its name and sort key, if this facet holds the title field.
    pub title: Option<(String, String)>,
    /// Whether it is archived, if this facet says so.
    pub archived: Option<bool>,
    /// Edit time of the first change.
    pub created_at: Millis,
    /// Edit time of the newest change.
    pub updated_at: Millis,
    /// The newest position of the feed that concerns it.
    pub position: u64,
    /// What the facet shows, as JSON.
    pub json: String,
    /// What its texts are ordered by, where that is something else.
    pub sort: Option<String>,
    /// Links from this facet: role and target.
    pub links: Vec<(String, RecordId)>,
    /// Paths that people disagree on.
    pub conflicts: u64,
}

/// A record as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// Its name.
    pub title: String,
    /// Whether it is archived.
    pub archived: bool,
    /// Edit time of the first change.
    pub created_at: Millis,
    /// Edit time of the newest change.
    pub updated_at: Millis,
    /// What each facet shows, as JSON, in storage order.
    pub facets: [Option<String>; 3],
    /// Paths that people disagree on.
    pub conflicts: u64,
    /// Whether own edits of it wait for the server.
    pub pending: bool,
    /// Own edits of it that were not accepted.
    pub drafts: u64,
    /// The record that stands for it, as far as `Store::settle_aliases` has last been told.
    pub merged_into: Option<RecordId>,
}

/// A file, and the contents that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedContents {
    /// The file.
    pub file: RecordId,
    /// What it holds.
    pub content: Option<ContentHash>,
    /// Its thumbnail.
    pub thumbnail: Option<ContentHash>,
}

/// What [`Store::rows`] answers with, for the table `rows`.
const COLUMNS: &str = "record, kind, title, archived, created_at, updated_at, main, commercial, private, \
    (select coalesce(sum(c.conflicts), 0) from conflicts c where c.record = rows.record), \
    exists (select 1 from changes p where p.record = rows.record and p.state = 1), \
    (select count(*) from drafts d where d.record = rows.record), \
    (select a.survivor from temp.aliases a where a.record = rows.record)";

/// In a statement: a record, which it has as `?1`, and those that it stands for.
const WITH_BEHIND: &str = "(select ?1 union all select record from temp.aliases where survivor = ?1)";

/// Asks for the records `l.source`, with their rows `r`, of a kind `?4` in a workspace `?2` that point by a role `?3` at a
/// record `?1`, or at one that it stands for.
fn sources(answer: &str, more: &str) -> String {
    format!(
        "select {answer} from links l cross join rows r on r.workspace = ?2 and r.record = l.source \
         where l.target in {WITH_BEHIND} and l.role = ?3 and r.kind = ?4 {more}"
    )
}

/// The record in the first column.
fn id(row: &Row<'_>) -> Result<RecordId, StoreError> {
    Ok(RecordId::from_bytes(row.get_ref(0)?.as_blob().unwrap_or_default())?)
}

fn read(row: &Row<'_>) -> Result<StoredRow, StoreError> {
    let kind: String = row.get(1)?;
    Ok(StoredRow {
        record: id(row)?,
        kind: kind.parse()?,
        title: row.get(2)?,
        archived: row.get::<_, i64>(3)? == 1,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        facets: [row.get(6)?, row.get(7)?, row.get(8)?],
        conflicts: row.get(9)?,
        pending: row.get(10)?,
        drafts: row.get(11)?,
        merged_into: row.get_ref(12)?.as_blob_or_null().unwrap_or_default().map(RecordId::from_bytes).transpose()?,
    })
}

/// Of most edits neither the title nor what lists are ordered by is another: their indexes are left alone then.
const UPDATE: &str = "update rows set updated_at = max(updated_at, ?8), position = max(position, ?9), main = coalesce(?10, main),
      commercial = coalesce(?11, commercial), private = coalesce(?12, private),
      sort_main = iif(?10 is null, sort_main, ?13), sort_commercial = iif(?11 is null, sort_commercial, ?13),
      sort_private = iif(?12 is null, sort_private, ?13)
    where workspace = ?1 and record = ?3 and kind = ?2 and title = coalesce(?4, title) and sort_title = coalesce(?5, sort_title)
      and archived = coalesce(?6, archived) and created_at <= ?7";
const PUT: &str = "insert into rows (workspace, kind, record, title, sort_title, archived, created_at, updated_at, position, main,
      commercial, private, sort_main, sort_commercial, sort_private)
    values (?1, ?2, ?3, coalesce(?4, ''), coalesce(?5, ''), coalesce(?6, 0), ?7, ?8, ?9, coalesce(?10, '{}'), ?11, ?12,
      iif(?10 is null, null, ?13), iif(?11 is null, null, ?13), iif(?12 is null, null, ?13))
    on conflict (workspace, record) do update set
      kind = excluded.kind, title = coalesce(?4, title), sort_title = coalesce(?5, sort_title), archived = coalesce(?6, archived),
      created_at = min(created_at, excluded.created_at), updated_at = max(updated_at, excluded.updated_at),
      position = max(position, excluded.position), main = coalesce(?10, main), commercial = coalesce(?11, commercial),
      private = coalesce(?12, private), sort_main = iif(?10 is null, sort_main, ?13),
      sort_commercial = iif(?11 is null, sort_commercial, ?13), sort_private = iif(?12 is null, sort_private, ?13)";

impl Store {
    /// Keeps what a facet of a record shows now. `is_new`: nothing of the record was kept before.
    pub(crate) fn put_row(&self, row: &RowOf, is_new: bool) -> Result<(), StoreError> {
        if is_new || !self.write_row(UPDATE, row)? {
            self.write_row(PUT, row)?;
            self.original_moved(row.record)?;
        }
        self.put_links(row, is_new)?;
        self.put_conflicts(row, is_new)?;
        // What is new lies above the mark: the index reads it when it gets there.
        if is_new { Ok(()) } else { self.index_again(row.record) }
    }

    /// Runs one of the statements above. Answers whether it wrote the row.
    fn write_row(&self, sql: &str, row: &RowOf) -> Result<bool, StoreError> {
        let (title, sort_title) = row.title.as_ref().map_or((None, None), |(title, sort)| (Some(title), Some(sort)));
        let shown = |facet| (row.facet == facet).then_some(&*row.json);
        let values = params![
            self.workspace.as_bytes(),
            row.kind.as_str(),
            row.record.as_bytes(),
            title,
            sort_title,
            row.archived.map(i64::from),
            row.created_at,
            row.updated_at,
            row.position,
            shown(Facet::Main),
            shown(Facet::Commercial),
            shown(Facet::Private),
            row.sort,
        ];
        Ok(self.db.prepare_cached(sql)?.execute(values)? > 0)
    }

    fn put_links(&self, row: &RowOf, is_new: bool) -> Result<(), StoreError> {
        let mut before = BTreeSet::new();
        if !is_new {
            let mut statement = self.db.prepare_cached("delete from links where source = ?1 and facet = ?2 returning role, target")?;
            before = marks_in(statement.query(params![row.record.as_bytes(), row.facet as i64])?)?;
        }
        let now = row.links.iter().filter(|(role, _)| role == FIELD).map(|(_, target)| target.as_bytes().to_vec());
        if before != now.collect() {
            self.marked();
        }
        for (role, target) in &row.links {
            let mut statement =
                self.db.prepare_cached("insert or ignore into links (target, role, source, facet) values (?1, ?2, ?3, ?4)")?;
            statement.execute(params![target.as_bytes(), role, row.record.as_bytes(), row.facet as i64])?;
        }
        Ok(())
    }

    fn put_conflicts(&self, row: &RowOf, is_new: bool) -> Result<(), StoreError> {
        if row.conflicts > 0 {
            let mut statement =
                self.db.prepare_cached("insert or replace into conflicts (record, facet, conflicts) values (?1, ?2, ?3)")?;
            statement.execute(params![row.record.as_bytes(), row.facet as i64, row.conflicts])?;
        } else if !is_new {
            let mut statement = self.db.prepare_cached("delete from conflicts where record = ?1 and facet = ?2")?;
            statement.execute(params![row.record.as_bytes(), row.facet as i64])?;
        }
        Ok(())
    }

    /// Removes a record's row, its links and its place in the index.
    pub(crate) fn remove_row(&self, record: RecordId) -> Result<(), StoreError> {
        self.remove_from_index(record)?;
        self.db
            .prepare_cached("delete from rows where workspace = ?1 and record = ?2")?
            .execute([self.workspace.as_bytes(), record.as_bytes()])?;
        let mut statement = self.db.prepare_cached("delete from links where source = ?1 returning role, target")?;
        if !marks_in(statement.query([record.as_bytes()])?)?.is_empty() {
            self.marked();
        }
        self.original_moved(record)?;
        self.lower_mark()
    }

    /// A record as it reads now.
    pub(crate) fn row(&self, record: RecordId) -> Result<Option<StoredRow>, StoreError> {
        let sql = format!("select {COLUMNS} from rows where workspace = ?1 and record = ?2");
        self.rows(&sql, vec![self.workspace.as_bytes().to_vec().into(), record.as_bytes().to_vec().into()]).map(|mut rows| rows.pop())
    }

    /// Rows that pass a condition over the table `rows`, with the values it binds.
    pub(crate) fn rows_where(&self, condition: &str, order: &str, limit: u32, binds: Vec<Value>) -> Result<Vec<StoredRow>, StoreError> {
        self.rows(&format!("select {COLUMNS} from rows where {condition} order by {order} limit {limit}"), binds)
    }

    fn rows(&self, sql: &str, binds: Vec<Value>) -> Result<Vec<StoredRow>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(binds))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }

    /// The records of a kind that have a row, by id.
    pub(crate) fn rows_of_kind(&self, kind: &str) -> Result<Vec<RecordId>, StoreError> {
        let sql = "select record from rows where workspace = ?1 and kind = ?2 and archived in (0, 1)";
        let mut records = self.ids(sql, params![self.workspace.as_bytes(), kind])?;
        records.sort_unstable();
        Ok(records)
    }

    /// Every row.
    pub(crate) fn all_rows(&self) -> Result<Vec<StoredRow>, StoreError> {
        self.rows(&format!("select {COLUMNS} from rows order by record"), Vec::new())
    }

    /// Rows with a field of reminders; the caller looks at what is in it.
    pub(crate) fn rows_that_remind(&self) -> Result<Vec<StoredRow>, StoreError> {
        self.rows_where("archived = 0 and main like '%\"reminders\":%'", "record", u32::MAX, Vec::new())
    }

    /// The files that are here, and the contents they name.
    pub(crate) fn files(&self) -> Result<Vec<NamedContents>, StoreError> {
        let sql = "select record, main ->> 'hash', main ->> 'thumbnail' from rows where workspace = ?1 and kind = ?2 and archived = 0
                   order by record desc";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params![self.workspace.as_bytes(), crate::files::KIND])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let record: Vec<u8> = row.get(0)?;
            let hash = |text: Option<String>| text.as_deref().and_then(unhex);
            found.push(NamedContents { file: RecordId::from_bytes(&record)?, content: hash(row.get(1)?), thumbnail: hash(row.get(2)?) });
        }
        Ok(found)
    }

    /// How many records of each kind there are, as JSON numbers.
    pub(crate) fn records_by_kind(&self) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        let mut statement = self.db.prepare_cached("select kind, count(*) from rows group by kind order by kind")?;
        let counts = statement.query_map([], |row| Ok((row.get(0)?, serde_json::Value::from(row.get::<_, i64>(1)?))))?;
        Ok(counts.collect::<Result<_, _>>()?)
    }

    /// How many rows there are.
    pub(crate) fn record_count(&self) -> Result<u64, StoreError> {
        self.count_where("1 = 1", Vec::new())
    }

    /// Rows that pass a condition, put together: what a frame around a table of their values answers with. `by`: what is read of
    /// each to put it somewhere. The conditions bind, the columns do not.
    pub(crate) fn grouped_where<T>(
        &self,
        (frame, by): (&Frame, String),
        condition: &str,
        binds: Vec<Value>,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let Frame { start, end, .. } = frame;
        // The limit is none; with it the values are read once a record, and not once for each place that they stand in.
        let sql = format!("{start}select {} from rows where {condition} limit -1{end}", frame.columns(by).join(", "));
        let mut statement = self.db.prepare(&sql)?;
        let found = statement.query_map(params_from_iter(binds), read)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// How many rows pass a condition.
    pub(crate) fn count_where(&self, condition: &str, binds: Vec<Value>) -> Result<u64, StoreError> {
        let mut statement = self.db.prepare_cached(&format!("select count(*) from rows where {condition}"))?;
        Ok(statement.query_row(params_from_iter(binds), |row| row.get(0))?)
    }

    /// Which records link to a record or to one that it stands for, and by which role. Marks of what is the same are no links
    /// of this sort.
    pub(crate) fn links_to(&self, target: RecordId) -> Result<Vec<(RecordId, String)>, StoreError> {
        self.settle_aliases()?;
        let sql = format!("select distinct source, role from links where target in {WITH_BEHIND} and role <> ?2 order by role, source");
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query(params![target.as_bytes(), FIELD])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((id(row)?, row.get(1)?));
        }
        Ok(found)
    }

    /// The records of a kind in use that link to a record, or to one that it stands for, by one role: those made last first, for
    /// ids begin with the time.
    pub(crate) fn newest_sources_of(&self, (kind, role): (&str, &str), target: RecordId, limit: u32) -> Result<Vec<RecordId>, StoreError> {
        self.settle_aliases()?;
        let sql = sources("distinct l.source", "and r.archived = 0 order by l.source desc limit ?5");
        self.ids(&sql, params![target.as_bytes(), self.workspace.as_bytes(), role, kind, limit])
    }

    /// Some of them, and of those that are archived.
    pub(crate) fn some_sources_of(&self, (kind, role): (&str, &str), target: RecordId, limit: u32) -> Result<Vec<RecordId>, StoreError> {
        self.settle_aliases()?;
        let sql = sources("distinct l.source", "limit ?5");
        self.ids(&sql, params![target.as_bytes(), self.workspace.as_bytes(), role, kind, limit])
    }

    /// The records of a kind in use that link to a record, or to one that it stands for, by one role: each with its title and
    /// its main facet, as JSON.
    pub(crate) fn sources_of(&self, (kind, role): (&str, &str), target: RecordId) -> Result<Vec<(RecordId, String, String)>, StoreError> {
        self.settle_aliases()?;
        let mut statement =
            self.db.prepare_cached(&sources("distinct l.source, r.title, r.main", "and r.archived = 0 order by l.source"))?;
        let binds = params![target.as_bytes(), self.workspace.as_bytes(), role, kind];
        let mut rows = statement.query(binds)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((id(row)?, row.get(1)?, row.get(2)?));
        }
        Ok(found)
    }

    /// What a record is marked as the same as.
    pub(crate) fn marks_of(&self, record: RecordId) -> Result<Vec<RecordId>, StoreError> {
        let sql = format!("select target from links where source = ?1 and role = '{FIELD}' order by target");
        self.ids(&sql, [record.as_bytes()])
    }

    /// The main facet of the first record of a kind that is in use, as JSON.
    pub(crate) fn first_of_kind(&self, kind: &str) -> Result<Option<String>, StoreError> {
        Ok(self.first_ones_of_kind(kind, 1)?.pop())
    }

    /// The main facets of the first records of a kind that are in use, as JSON, by id.
    pub(crate) fn first_ones_of_kind(&self, kind: &str, limit: i64) -> Result<Vec<String>, StoreError> {
        // `+`: or SQLite walks all records in their order until it comes to one of the kind.
        let sql = "select main from rows where workspace = ?1 and kind = ?2 and archived = 0 order by +record limit ?3";
        let mut statement = self.db.prepare_cached(sql)?;
        let found = statement.query_map(params![self.workspace.as_bytes(), kind, limit], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The records that people disagree on.
    pub(crate) fn disputed(&self) -> Result<Vec<RecordId>, StoreError> {
        self.ids("select distinct record from conflicts order by record", [])
    }

    /// The records that a statement answers with, in its first column.
    pub(super) fn ids(&self, sql: &str, binds: impl Params) -> Result<Vec<RecordId>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(binds)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(id(row)?);
        }
        Ok(found)
    }

    /// Number of a row, for the index.
    pub(super) fn row_number(&self, record: RecordId) -> Result<Option<i64>, StoreError> {
        let mut statement = self.db.prepare_cached("select rowid from rows where workspace = ?1 and record = ?2")?;
        Ok(statement.query_row([self.workspace.as_bytes(), record.as_bytes()], |row| row.get(0)).optional()?)
    }
}

/// The targets of those links that mark a record as the same as another.
fn marks_in(mut links: Rows<'_>) -> Result<BTreeSet<Vec<u8>>, StoreError> {
    let mut marks = BTreeSet::new();
    while let Some(link) = links.next()? {
        if link.get_ref(0)?.as_str().is_ok_and(|role| role == FIELD) {
            marks.insert(link.get(1)?);
        }
    }
    Ok(marks)
}
