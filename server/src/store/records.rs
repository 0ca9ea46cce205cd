//! Changes, documents and what is derived from them: rows, conflicts, links.
//!
//! Reads and writes many at once: a push of a thousand changes is a handful of statements. Decides
//! nothing; `intake` says what is written.

use std::collections::{BTreeSet, HashMap};

use sqlx::{QueryBuilder, Sqlite};
use sync_core::id::{ActorId, ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, UserId, WorkspaceId};
use sync_core::record::Stored;
use sync_core::schema::OwnColumn;

use super::scope::Statement;
use super::{Result, StoreError, Tx, columns, id};

/// Rows of one statement: far below SQLite's limit of 32,766 parameters with the widest table here.
pub(super) const ROWS_PER_STATEMENT: usize = 400;

/// A document's key within its workspace.
pub type DocKey = (RecordId, Facet);

/// What is known of a document without reading its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its record's kind.
    pub kind: KindName,
    /// How many changes it has.
    pub changes: u64,
    /// Where the last one stands in the feed.
    pub position: u64,
}

/// A change about to be kept.
#[derive(Debug, Clone)]
pub struct NewChange {
    /// Its position in the feed.
    pub position: u64,
    /// What it is and who made it.
    pub stored: Stored,
    /// Its actor.
    pub actor: ActorId,
    /// The actor's how many-th change of the document.
    pub seq: u64,
    /// When it was made.
    pub edit_time: Millis,
    /// The import it belongs to.
    pub import: Option<[u8; 16]>,
}

/// Edit time and position of the newest change of a facet.
pub type Stamp = (Millis, u64);

/// Those of each facet that a record has, in the order of [`Facet::ALL`].
pub type Stamps = [Option<Stamp>; 3];

/// A record as it reads now.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// What names it in lists and links.
    pub title: String,
    /// Orders it by title.
    pub sort_title: String,
    /// Whether it is archived.
    pub archived: bool,
    /// Edit time of its first change.
    pub created_at: Millis,
    /// Edit time of its newest change.
    pub updated_at: Millis,
    /// Position of its newest change.
    pub position: u64,
    /// The same of each facet; none while there is the main one alone.
    pub stamps: Option<Stamps>,
    /// One JSON object for each facet, in the order of [`Facet::ALL`].
    pub facets: [Option<String>; 3],
    /// What texts of each facet are ordered by, where that is something else: [`sync_core::collation::keys`].
    pub sort: [Option<String>; 3],
}

/// What lists are ordered by and most edits leave as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Heading {
    title: String,
    sort_title: String,
    sort: [Option<String>; 3],
    archived: bool,
    created_at: Millis,
}

impl RecordRow {
    /// When each facet was last edited.
    pub fn stamps(&self) -> Stamps {
        self.stamps.unwrap_or([Some((self.updated_at, self.position)), None, None])
    }

    /// What lists order it by, beside its values.
    pub fn heading(&self) -> Heading {
        let (title, sort_title, sort) = (self.title.clone(), self.sort_title.clone(), self.sort.clone());
        Heading { title, sort_title, sort, archived: self.archived, created_at: self.created_at }
    }
}

/// A disagreement about to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictRow {
    /// The record.
    pub record: RecordId,
    /// Which document.
    pub facet: Facet,
    /// The path.
    pub path: String,
    /// The record's kind.
    pub kind: KindName,
    /// The field.
    pub field: String,
    /// The claims, newest first, as a JSON array.
    pub values_json: String,
    /// When the server first saw it.
    pub since: Millis,
}

/// A link about to be kept or removed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkRow {
    /// The record that points.
    pub source: RecordId,
    /// Its kind.
    pub source_kind: KindName,
    /// The field.
    pub role: String,
    /// The record it points at.
    pub target: RecordId,
}

pub(super) fn facet_of(code: i64) -> Result<Facet> {
    usize::try_from(code).ok().and_then(|code| Facet::ALL.get(code)).copied().ok_or(StoreError::Damaged("facet"))
}

pub(super) fn kind_of(name: &str) -> Result<KindName> {
    id(name.parse(), "kind name")
}

/// The documents among these that exist.
pub async fn documents(tx: &mut Tx, workspace: WorkspaceId, keys: &[DocKey]) -> Result<HashMap<DocKey, DocumentRow>> {
    let mut found = HashMap::new();
    for chunk in keys.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select record, facet, kind, changes, position from documents where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and record in (");
        push_records(&mut query, chunk.iter().map(|(record, _)| record));
        let rows: Vec<(Vec<u8>, i64, String, i64, i64)> = query.push(")").build_query_as().fetch_all(tx.conn()).await?;
        for (record, facet, kind, changes, position) in rows {
            let key = (id(RecordId::from_bytes(&record), "record id")?, facet_of(facet)?);
            found.insert(key, DocumentRow { kind: kind_of(&kind)?, changes: changes as u64, position: position as u64 });
        }
    }
    Ok(found)
}

pub(super) fn push_records<'a>(query: &mut QueryBuilder<Sqlite>, records: impl Iterator<Item = &'a RecordId>) {
    let mut list = query.separated(", ");
    for record in records {
        list.push_bind(record.as_bytes().to_vec());
    }
}

type ChangeTuple = (i64, String, Vec<u8>, i64, Vec<u8>, Vec<u8>, Vec<u8>, i64, Vec<u8>);

fn stored((position, kind, record, facet, hash, user, device, received_at, body): ChangeTuple) -> Result<Stored> {
    Ok(Stored {
        hash: id(ChangeHash::from_bytes(&hash), "change hash")?,
        kind: kind_of(&kind)?,
        record: id(RecordId::from_bytes(&record), "record id")?,
        facet: facet_of(facet)?,
        user: id(UserId::from_bytes(&user), "user id")?,
        device: id(DeviceId::from_bytes(&device), "device id")?,
        received_at: Some(received_at),
        position: Some(position as u64),
        body,
    })
}

const CHANGE_COLUMNS: &str =
    "select position, kind, record, facet, hash, user_id, device, received_at, body from changes where workspace = ";

/// All changes of some records, in the order of the feed.
pub async fn changes_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<Vec<Stored>> {
    let mut changes = Vec::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        for row in changes_statement(workspace, chunk).all::<ChangeTuple>(tx).await? {
            changes.push(stored(row)?);
        }
    }
    Ok(changes)
}

pub(super) fn changes_statement(workspace: WorkspaceId, records: &[RecordId]) -> Statement {
    let mut statement = Statement::of(CHANGE_COLUMNS, workspace);
    let records = statement.bind_records(records);
    // `+ 0`: ordered by the bare column, SQLite would walk the whole feed in that order instead of finding the records.
    statement.push(&format!("$1 and record in ({records}) order by position + 0"));
    statement
}

/// The changes after a position, in the order of the feed, of the facets named for each kind; at most `limit`.
pub async fn changes_after(tx: &mut Tx, workspace: WorkspaceId, after: u64, limit: u32) -> Result<Vec<Stored>> {
    let mut query = QueryBuilder::<Sqlite>::new(CHANGE_COLUMNS);
    query.push_bind(&workspace.as_bytes()[..]).push(" and position > ").push_bind(after as i64);
    // The sum: SQLite plans a statement again for every number that it is given as a bare limit.
    query.push(" order by position limit 0 + ").push_bind(i64::from(limit));
    let rows: Vec<ChangeTuple> = query.build_query_as().fetch_all(tx.conn()).await?;
    rows.into_iter().map(stored).collect()
}

/// Whether a record of a kind was written after a position: reads what came since, so ask often.
pub async fn is_of_kinds_after(tx: &mut Tx, workspace: WorkspaceId, kinds: &[&str], after: u64) -> Result<bool> {
    let sql = "select 1 from changes where workspace = $1 and position > $2 and kind in (select value from json_each($3)) limit 1";
    let found: Option<i64> = sqlx::query_scalar(sql)
        .bind(&workspace.as_bytes()[..])
        .bind(after as i64)
        .bind(serde_json::json!(kinds).to_string())
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.is_some())
}

/// The changes at some positions, in the order of the feed.
pub async fn changes_at(tx: &mut Tx, workspace: WorkspaceId, positions: &[u64]) -> Result<Vec<Stored>> {
    let mut changes = Vec::with_capacity(positions.len());
    for chunk in positions.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(CHANGE_COLUMNS);
        query.push_bind(&workspace.as_bytes()[..]).push(" and position in (");
        let mut list = query.separated(", ");
        for position in chunk {
            list.push_bind(*position as i64);
        }
        let rows: Vec<ChangeTuple> = query.push(") order by position").build_query_as().fetch_all(tx.conn()).await?;
        for row in rows {
            changes.push(stored(row)?);
        }
    }
    Ok(changes)
}

fn changes_of_document(workspace: WorkspaceId, (record, facet): DocKey) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(CHANGE_COLUMNS);
    query.push_bind(workspace.as_bytes().to_vec()).push(" and record = ").push_bind(record.as_bytes().to_vec());
    query.push(" and facet = ").push_bind(facet as i64);
    query
}

/// A change of a document, by actor and number.
pub async fn change_by_seq(tx: &mut Tx, workspace: WorkspaceId, key: DocKey, actor: ActorId, seq: u64) -> Result<Option<Stored>> {
    let mut query = changes_of_document(workspace, key);
    query.push(" and actor = ").push_bind(&actor.0[..]).push(" and seq = ").push_bind(seq as i64);
    query.build_query_as::<ChangeTuple>().fetch_optional(tx.conn()).await?.map(stored).transpose()
}

/// A change of a document by its hash.
pub async fn change_by_hash(tx: &mut Tx, workspace: WorkspaceId, key: DocKey, hash: ChangeHash) -> Result<Option<Stored>> {
    let mut query = changes_of_document(workspace, key);
    query.push(" and hash = ").push_bind(&hash.0[..]);
    query.build_query_as::<ChangeTuple>().fetch_optional(tx.conn()).await?.map(stored).transpose()
}

/// Keeps changes.
pub async fn insert_changes(tx: &mut Tx, workspace: WorkspaceId, changes: &[NewChange]) -> Result<()> {
    for chunk in changes.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into changes (workspace, position, kind, record, facet, hash, actor, seq, user_id, device, edit_time, received_at, import_id, body) ",
        );
        query.push_values(chunk, |mut row, change| {
            let stored = &change.stored;
            row.push_bind(workspace.as_bytes().to_vec())
                .push_bind(change.position as i64)
                .push_bind(stored.kind.as_str())
                .push_bind(stored.record.as_bytes().to_vec())
                .push_bind(stored.facet as i64)
                .push_bind(stored.hash.0.to_vec())
                .push_bind(change.actor.0.to_vec())
                .push_bind(change.seq as i64)
                .push_bind(stored.user.as_bytes().to_vec())
                .push_bind(stored.device.as_bytes().to_vec())
                .push_bind(change.edit_time)
                .push_bind(stored.received_at)
                .push_bind(change.import.map(|import| import.to_vec()))
                .push_bind(stored.body.as_slice());
        });
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Keeps how far documents are.
pub async fn put_documents(tx: &mut Tx, workspace: WorkspaceId, documents: &[(DocKey, DocumentRow)]) -> Result<()> {
    for chunk in documents.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("insert into documents (workspace, record, facet, kind, changes, position) ");
        query.push_values(chunk, |mut row, ((record, facet), document)| {
            row.push_bind(workspace.as_bytes().to_vec())
                .push_bind(record.as_bytes().to_vec())
                .push_bind(*facet as i64)
                .push_bind(document.kind.as_str())
                .push_bind(document.changes as i64)
                .push_bind(document.position as i64);
        });
        query.push(" on conflict (workspace, record, facet) do update set changes = excluded.changes, position = excluded.position");
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// A facet's column, or its keys'.
type Json = Option<String>;

pub(super) type RowTuple = (String, Vec<u8>, String, String, i64, i64, i64, i64, String, Json, Json, Json, Json, Json, Json);

pub(super) fn record_row(row: RowTuple) -> Result<RecordRow> {
    let (kind, record, title, sort_title, archived, created_at, updated_at, position, main, commercial, private, ..) = row;
    let (.., sort_main, sort_commercial, sort_private, stamps) = row;
    Ok(RecordRow {
        record: id(RecordId::from_bytes(&record), "record id")?,
        kind: kind_of(&kind)?,
        title,
        sort_title,
        archived: archived != 0,
        created_at,
        updated_at,
        position: position as u64,
        stamps: stamps.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| StoreError::Damaged("stamps"))?,
        facets: [Some(main), commercial, private],
        sort: [sort_main, sort_commercial, sort_private],
    })
}

/// The columns of [`RecordRow`], for queries over `rows`.
pub(super) const ROW_COLUMNS: &str = "select kind, record, title, sort_title, archived, created_at, updated_at, position, \
     main, commercial, private, sort_main, sort_commercial, sort_private, stamps from rows ";

/// The rows of records, those that exist.
pub async fn rows_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<HashMap<RecordId, RecordRow>> {
    let mut found = HashMap::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(ROW_COLUMNS);
        query.push("where workspace = ").push_bind(&workspace.as_bytes()[..]).push(" and record in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<RowTuple> = query.push(")").build_query_as().fetch_all(tx.conn()).await?;
        for row in rows {
            let row = record_row(row)?;
            found.insert(row.record, row);
        }
    }
    Ok(found)
}

/// Every row of a kind that has few: colleagues, not customers.
pub async fn rows_of_kind(tx: &mut Tx, workspace: WorkspaceId, kind: &str) -> Result<Vec<RecordRow>> {
    let mut query = QueryBuilder::<Sqlite>::new(ROW_COLUMNS);
    query.push("where workspace = ").push_bind(&workspace.as_bytes()[..]).push(" and kind = ").push_bind(kind);
    let rows: Vec<RowTuple> = query.push(" order by record").build_query_as().fetch_all(tx.conn()).await?;
    rows.into_iter().map(record_row).collect()
}

/// Every row of a workspace: for comparisons of small ones; exports go page by page.
pub async fn all_rows(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<RecordRow>> {
    let mut query = QueryBuilder::<Sqlite>::new(ROW_COLUMNS);
    let rows: Vec<RowTuple> = query
        .push("where workspace = ")
        .push_bind(&workspace.as_bytes()[..])
        .push(" order by record")
        .build_query_as()
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(record_row).collect()
}

const PUT_COLUMNS: &str = "workspace, kind, record, title, sort_title, archived, created_at, updated_at, position, \
     main, commercial, private, sort_main, sort_commercial, sort_private, stamps";

/// Keeps rows. A facet that is not given stays as it is; so do all headings, sort keys among them, unless there are others.
///
/// Columns of their own are written here for new records: what changes in others is seen to by triggers
/// ([`super::columns::make_own`]), whoever writes.
pub async fn put_rows(
    tx: &mut Tx,
    workspace: WorkspaceId,
    own: &BTreeSet<OwnColumn>,
    rows: &[RecordRow],
    have_other_headings: bool,
) -> Result<()> {
    let own = if have_other_headings { columns::own_values(own, rows) } else { None };
    // The indexes of columns that are not named here are left alone.
    let headings = if have_other_headings {
        "title = excluded.title, sort_title = excluded.sort_title, archived = excluded.archived, created_at = excluded.created_at, \
         sort_main = excluded.sort_main, \
         sort_commercial = iif(excluded.commercial is null, sort_commercial, excluded.sort_commercial), \
         sort_private = iif(excluded.private is null, sort_private, excluded.sort_private), "
    } else {
        ""
    };
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(match &own {
            None => format!("insert into rows ({PUT_COLUMNS}) "),
            Some(_) => format!("with given ({PUT_COLUMNS}) as ("),
        });
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(workspace.as_bytes().to_vec())
                .push_bind(row.kind.as_str())
                .push_bind(row.record.as_bytes().to_vec())
                .push_bind(row.title.as_str())
                .push_bind(row.sort_title.as_str())
                .push_bind(i64::from(row.archived))
                .push_bind(row.created_at)
                .push_bind(row.updated_at)
                .push_bind(row.position as i64)
                .push_bind(row.facets[0].as_deref().unwrap_or("{}"))
                .push_bind(row.facets[1].as_deref())
                .push_bind(row.facets[2].as_deref())
                .push_bind(row.sort[0].as_deref())
                .push_bind(row.sort[1].as_deref())
                .push_bind(row.sort[2].as_deref())
                // Numbers cannot fail.
                .push_bind(row.stamps.as_ref().and_then(|stamps| serde_json::to_string(stamps).ok()));
        });
        if let Some((names, values)) = &own {
            query.push(format!(") insert into rows ({PUT_COLUMNS}, {names}) select given.*, {values} from given where true"));
        }
        query.push(" on conflict (workspace, record) do update set ").push(headings);
        query.push(
            "stamps = excluded.stamps, updated_at = excluded.updated_at, position = excluded.position, main = excluded.main, \
             commercial = coalesce(excluded.commercial, commercial), private = coalesce(excluded.private, private)",
        );
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Replaces the disagreements of documents by what they are now; `since` of those that stay is kept.
pub async fn replace_conflicts(tx: &mut Tx, workspace: WorkspaceId, documents: &[DocKey], now: &[ConflictRow]) -> Result<()> {
    for (record, facet) in documents {
        let mut query = QueryBuilder::<Sqlite>::new("delete from conflicts where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and record = ").push_bind(&record.as_bytes()[..]);
        query.push(" and facet = ").push_bind(*facet as i64);
        let staying: Vec<&str> =
            now.iter().filter(|row| row.record == *record && row.facet == *facet).map(|row| row.path.as_str()).collect();
        if !staying.is_empty() {
            query.push(" and path not in (");
            let mut list = query.separated(", ");
            for path in staying {
                list.push_bind(path);
            }
            query.push(")");
        }
        query.build().execute(tx.conn()).await?;
    }
    for chunk in now.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("insert into conflicts (workspace, record, facet, path, kind, field, values_json, since) ");
        query.push_values(chunk, |mut values, row| {
            values
                .push_bind(workspace.as_bytes().to_vec())
                .push_bind(row.record.as_bytes().to_vec())
                .push_bind(row.facet as i64)
                .push_bind(row.path.as_str())
                .push_bind(row.kind.as_str())
                .push_bind(row.field.as_str())
                .push_bind(row.values_json.as_str())
                .push_bind(row.since);
        });
        query.push(" on conflict (workspace, record, facet, path) do update set values_json = excluded.values_json");
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Removes links that are gone and keeps new ones.
pub async fn change_links(tx: &mut Tx, workspace: WorkspaceId, gone: &[LinkRow], new: &[LinkRow]) -> Result<()> {
    for link in gone {
        sqlx::query("delete from links where workspace = $1 and source = $2 and role = $3 and target = $4")
            .bind(&workspace.as_bytes()[..])
            .bind(&link.source.as_bytes()[..])
            .bind(&link.role)
            .bind(&link.target.as_bytes()[..])
            .execute(tx.conn())
            .await?;
    }
    for chunk in new.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("insert into links (workspace, source, role, target, source_kind) ");
        query.push_values(chunk, |mut row, link| {
            row.push_bind(workspace.as_bytes().to_vec())
                .push_bind(link.source.as_bytes().to_vec())
                .push_bind(link.role.as_str())
                .push_bind(link.target.as_bytes().to_vec())
                .push_bind(link.source_kind.as_str());
        });
        query.push(" on conflict (workspace, source, role, target) do nothing").build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Who made a change, where, and when the server received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maker {
    /// Who.
    pub user: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When the server received it.
    pub received_at: Millis,
}

/// The makers of a document's changes.
pub async fn makers_of(tx: &mut Tx, workspace: WorkspaceId, (record, facet): DocKey) -> Result<HashMap<ChangeHash, Maker>> {
    type Row = (Vec<u8>, Vec<u8>, Vec<u8>, i64);
    let rows: Vec<Row> =
        sqlx::query_as("select hash, user_id, device, received_at from changes where workspace = $1 and record = $2 and facet = $3")
            .bind(&workspace.as_bytes()[..])
            .bind(&record.as_bytes()[..])
            .bind(facet as i64)
            .fetch_all(tx.conn())
            .await?;
    let maker = |(hash, user, device, received_at): Row| {
        let maker =
            Maker { user: id(UserId::from_bytes(&user), "user id")?, device: id(DeviceId::from_bytes(&device), "device id")?, received_at };
        Ok((id(ChangeHash::from_bytes(&hash), "change hash")?, maker))
    };
    rows.into_iter().map(maker).collect()
}

/// The `definition` of each record of the kind whose records are kinds.
pub async fn definitions(tx: &mut Tx, workspace: WorkspaceId, kind: &str) -> Result<Vec<Definition>> {
    let rows: Vec<(Vec<u8>, String, String)> = sqlx::query_as(
        "select record, coalesce(main ->> 'name', ''), main ->> 'definition' from rows \
         where workspace = $1 and kind = $2 and archived = 0 and main ->> 'definition' is not null order by record",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(kind)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|(record, name, text)| Ok(Definition { record: id(RecordId::from_bytes(&record), "record id")?, name, text }))
        .collect()
}

/// What a record of the kind `kind` or `role` defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The record.
    pub record: RecordId,
    /// What it is called.
    pub name: String,
    /// The definition: TOML.
    pub text: String,
}

pub(super) type ConflictTuple = (Vec<u8>, i64, String, String, String, String, i64);

/// The disagreements of some records.
pub async fn conflicts_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<Vec<ConflictRow>> {
    let mut conflicts = Vec::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("select record, facet, path, kind, field, values_json, since from conflicts where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and record in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<ConflictTuple> = query.push(") order by record, facet, path").build_query_as().fetch_all(tx.conn()).await?;
        for row in rows {
            conflicts.push(conflict_row(row)?);
        }
    }
    Ok(conflicts)
}

pub(super) fn conflict_row((record, facet, path, kind, field, values_json, since): ConflictTuple) -> Result<ConflictRow> {
    let (record, facet) = (id(RecordId::from_bytes(&record), "record id")?, facet_of(facet)?);
    Ok(ConflictRow { record, facet, path, kind: kind_of(&kind)?, field, values_json, since })
}

/// How many records of a kind are not archived.
pub async fn count_in_use(tx: &mut Tx, workspace: WorkspaceId, kind: &str) -> Result<u64> {
    let sql = "select count(*) from rows where workspace = $1 and kind = $2 and archived = 0";
    let count: i64 = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).bind(kind).fetch_one(tx.conn()).await?;
    Ok(count as u64)
}

/// How many records of a kind there are, archived ones included.
pub async fn count_of_kind(tx: &mut Tx, workspace: WorkspaceId, kind: &str) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("select count(*) from rows where workspace = $1 and kind = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(kind)
        .fetch_one(tx.conn())
        .await?;
    Ok(count as u64)
}
