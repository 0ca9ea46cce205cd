//! Imports: what was brought in, from which file, by whom, and which changes that made.

use std::collections::HashSet;

use sqlx::{QueryBuilder, Sqlite};
use sync_core::id::{ChangeHash, Facet, KindName, Millis, RecordId, UserId, WorkspaceId};
use sync_core::query::Param;

use super::records::ROWS_PER_STATEMENT;
use super::scope::{Scope, Statement};
use super::{Result, Tx, id};

/// One file that was brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Its id: every change that it made carries it.
    pub import: [u8; 16],
    /// The kind of its records.
    pub kind: KindName,
    /// What the file was called.
    pub file_name: String,
    /// When it began.
    pub started_at: Millis,
    /// When it came to its end; missing when it runs, or was broken off.
    pub finished_at: Option<Millis>,
    /// Who brought it in.
    pub user: UserId,
    /// Records that it made.
    pub created: u64,
    /// Records that it changed.
    pub updated: u64,
    /// Rows that were left out.
    pub failed: u64,
    /// When it was taken back, if it was.
    pub undone_at: Option<Millis>,
    /// What it was.
    pub act: Act,
}

/// What several edits have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A file was brought in.
    File,
    /// Many records were edited at once.
    Bulk,
    /// Two records became one.
    Merge,
    /// What one person had went to another.
    Handover,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Act::File => "file",
            Act::Bulk => "bulk",
            Act::Merge => "merge",
            Act::Handover => "handover",
        }
    }

    fn of_word(word: &str) -> Self {
        [Act::Bulk, Act::Merge, Act::Handover].into_iter().find(|act| act.word() == word).unwrap_or(Act::File)
    }
}

/// Notes that an import begins.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, row: &ImportRow) -> Result<()> {
    sqlx::query(
        "insert into imports (workspace, import_id, kind, file_name, started_at, user_id, act) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&row.import[..])
    .bind(row.kind.as_str())
    .bind(&row.file_name)
    .bind(row.started_at)
    .bind(&row.user.as_bytes()[..])
    .bind(row.act.word())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes how far an import is.
pub async fn note(tx: &mut Tx, workspace: WorkspaceId, row: &ImportRow) -> Result<()> {
    sqlx::query(
        "update imports set created = $3, updated = $4, failed = $5, finished_at = $6, undone_at = $7 where workspace = $1 and import_id = $2",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&row.import[..])
    .bind(row.created as i64)
    .bind(row.updated as i64)
    .bind(row.failed as i64)
    .bind(row.finished_at)
    .bind(row.undone_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

type Row = (Vec<u8>, String, String, Millis, Option<Millis>, Vec<u8>, i64, i64, i64, Option<Millis>, String);

fn import_row(
    (import, kind, file_name, started_at, finished_at, user, created, updated, failed, undone_at, act): Row,
) -> Result<ImportRow> {
    Ok(ImportRow {
        import: import.try_into().map_err(|_| super::StoreError::Damaged("import id"))?,
        kind: id(kind.parse(), "kind name")?,
        file_name,
        started_at,
        finished_at,
        user: id(UserId::from_bytes(&user), "user id")?,
        created: created as u64,
        updated: updated as u64,
        failed: failed as u64,
        undone_at,
        act: Act::of_word(&act),
    })
}

/// All imports, oldest first.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<ImportRow>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select import_id, kind, file_name, started_at, finished_at, user_id, created, updated, failed, undone_at, act \
         from imports where workspace = $1 order by started_at, import_id",
    )
    .bind(&workspace.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(import_row).collect()
}

/// Records that an import touched, in the order of their ids, after one of them; at most `limit`.
pub async fn records_of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    import: [u8; 16],
    after: Option<RecordId>,
    limit: u32,
) -> Result<Vec<RecordId>> {
    let after = after.map_or_else(Vec::new, |record| record.as_bytes().to_vec());
    let records: Vec<Vec<u8>> = sqlx::query_scalar(
        "select distinct record from changes where workspace = $1 and import_id = $2 and record > $3 order by record limit $4",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&import[..])
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    records.iter().map(|record| id(RecordId::from_bytes(record), "record id")).collect()
}

/// The changes of these records that an import made.
pub async fn hashes_of(tx: &mut Tx, workspace: WorkspaceId, import: [u8; 16], records: &[RecordId]) -> Result<HashSet<ChangeHash>> {
    let mut hashes = HashSet::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select hash from changes where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and import_id = ").push_bind(&import[..]).push(" and record in (");
        super::records::push_records(&mut query, chunk.iter());
        let rows: Vec<Vec<u8>> = query.push(")").build_query_scalar().fetch_all(tx.conn()).await?;
        for hash in rows {
            hashes.insert(id(ChangeHash::from_bytes(&hash), "change hash")?);
        }
    }
    Ok(hashes)
}

/// What the living records of a kind that are in sight have in a field, as text; records without a value are left out.
pub async fn values_of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    kind: &KindName,
    (facet, field): (Facet, &str),
) -> Result<Vec<(RecordId, String)>> {
    if !scope.shows(kind, facet) {
        return Ok(Vec::new());
    }
    let column = match facet {
        Facet::Main => "main",
        Facet::Commercial => "commercial",
        Facet::Private => "private",
    };
    let mut statement = Statement::of("select rows.record, cast(rows.", workspace);
    let field = statement.bind(Param::Text(field.to_owned()));
    let sees = scope.sees("rows", kind, |param| statement.bind(param));
    statement.push(&format!(
        "{column} ->> {field} as text) from rows where rows.workspace = $1 and rows.kind = '{kind}' and rows.archived = 0 \
         and (rows.{column} ->> {field}) is not null and {sees}"
    ));
    let rows = statement.all::<(Vec<u8>, String)>(tx).await?;
    rows.into_iter().map(|(record, value)| Ok((id(RecordId::from_bytes(&record), "record id")?, value))).collect()
}
