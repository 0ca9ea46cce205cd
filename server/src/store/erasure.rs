//! Removing a record from every table, and remembering that it was removed.

use std::collections::HashSet;

use sync_core::actions::follow::{FOLLOW, RECORD};
use sync_core::actions::request::APPROVAL;
use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};

use super::scope::Statement;
use super::{Result, StoreError, Tx, id, once};

/// The codes of feed entries: a purge tells devices to remove a record, a gap stands where a change was.
const PURGE: i64 = 1;
pub(super) const GAP: i64 = 5;

/// What was removed, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Changes: the whole history.
    pub changes: u64,
    /// Edits that were not accepted.
    pub rejected: u64,
    /// Links from it. Those to it are other records' own: they name an id that leads nowhere.
    pub links: u64,
    /// Messages to webhooks and kept answers that held it.
    pub messages: u64,
    /// Contents of files.
    pub contents: u64,
}

/// A record that was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedRow {
    /// The record.
    pub record: RecordId,
    /// What it was.
    pub kind: String,
    /// When.
    pub at: Millis,
    /// By whom.
    pub by: Option<UserId>,
    /// The proof, as JSON.
    pub proof: String,
}

/// Removes a record from every table. The feed keeps its numbers: where a change was, there is a gap.
pub async fn remove(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<Removed> {
    let (space, bytes) = (workspace.as_bytes().to_vec(), record.as_bytes().to_vec());
    let gaps = "insert into feed_marks (workspace, position, entry)
                select workspace, position, $3 from changes where workspace = $1 and record = $2";
    sqlx::query(gaps).bind(&space).bind(&bytes).bind(GAP).execute(tx.conn()).await?;
    let mut removed = Removed::default();
    for (sql, count) in [
        ("delete from changes where workspace = $1 and record = $2", Some(&mut removed.changes)),
        ("delete from rejected where workspace = $1 and record = $2", Some(&mut removed.rejected)),
        ("delete from links where workspace = $1 and source = $2", Some(&mut removed.links)),
        ("delete from search where rowid in (select number from search_records where workspace = $1 and record = $2)", None),
        ("delete from search_records where workspace = $1 and record = $2", None),
        ("delete from documents where workspace = $1 and record = $2", None),
        ("delete from rows where workspace = $1 and record = $2", None),
        ("delete from approvals where workspace = $1 and record = $2", None),
        ("delete from conflicts where workspace = $1 and record = $2", None),
        ("delete from holders where workspace = $1 and record = $2", None),
        ("delete from moves where workspace = $1 and record = $2", None),
        ("delete from uploads where workspace = $1 and record = $2", None),
        ("delete from aliases where workspace = $1 and (record = $2 or survivor = $2)", None),
        ("delete from duplicate_keys where workspace = $1 and record = $2", None),
        ("delete from duplicate_pairs where workspace = $1 and (one = $2 or other = $2)", None),
    ] {
        let gone = sqlx::query(sql).bind(&space).bind(&bytes).execute(tx.conn()).await?.rows_affected();
        if let Some(count) = count {
            *count = gone;
        }
    }
    removed.messages = remove_messages(tx, workspace, record).await?;
    Ok(removed)
}

/// Removes messages to webhooks and kept answers that tell of a record; answers how many.
pub(super) async fn remove_messages(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<u64> {
    let text = record.to_string();
    let sql = "delete from deliveries where workspace = $1 and instr(body, $2) > 0";
    let gone = sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&text).execute(tx.conn()).await?.rows_affected();
    Ok(gone + once::erase(tx, workspace, &text).await?)
}

/// Remembers that a record was erased, and tells devices at a position of the feed.
pub async fn remember(tx: &mut Tx, workspace: WorkspaceId, row: &ErasedRow, position: u64) -> Result<()> {
    sqlx::query("insert into feed_marks (workspace, position, entry, record) values ($1, $2, $3, $4)")
        .bind(&workspace.as_bytes()[..])
        .bind(position as i64)
        .bind(PURGE)
        .bind(&row.record.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into erased (workspace, record, kind, at, by_user, proof) values ($1, $2, $3, $4, $5, $6)
         on conflict (workspace, record) do update set proof = excluded.proof",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&row.record.as_bytes()[..])
    .bind(&row.kind)
    .bind(row.at)
    .bind(row.by.map(|by| by.as_bytes().to_vec()))
    .bind(&row.proof)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Which of these records were erased.
pub async fn among(tx: &mut Tx, workspace: WorkspaceId, records: impl Iterator<Item = RecordId>) -> Result<HashSet<RecordId>> {
    let any: i64 = sqlx::query_scalar("select exists (select 1 from erased where workspace = $1)")
        .bind(&workspace.as_bytes()[..])
        .fetch_one(tx.conn())
        .await?;
    let mut erased = HashSet::new();
    if any == 0 {
        return Ok(erased);
    }
    for record in records {
        let found: Option<i64> = sqlx::query_scalar("select 1 from erased where workspace = $1 and record = $2")
            .bind(&workspace.as_bytes()[..])
            .bind(&record.as_bytes()[..])
            .fetch_optional(tx.conn())
            .await?;
        if found.is_some() {
            erased.insert(record);
        }
    }
    Ok(erased)
}

/// The records whose removal devices are told of between two positions.
pub async fn purges_between(tx: &mut Tx, workspace: WorkspaceId, after: u64, to: u64) -> Result<Vec<RecordId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "select record from feed_marks where workspace = $1 and position > $2 and position <= $3 and entry = $4 order by position",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(after as i64)
    .bind(i64::try_from(to).unwrap_or(i64::MAX))
    .bind(PURGE)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|record| id(RecordId::from_bytes(&record), "record id")).collect()
}

/// Whether devices are told of a removal between two positions.
pub async fn is_between(tx: &mut Tx, workspace: WorkspaceId, after: u64, to: u64) -> Result<bool> {
    if to <= after {
        return Ok(false);
    }
    let found: i64 = sqlx::query_scalar(
        "select exists (select 1 from feed_marks where workspace = $1 and position > $2 and position <= $3 and entry = $4)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(i64::try_from(after).unwrap_or(i64::MAX))
    .bind(i64::try_from(to).unwrap_or(i64::MAX))
    .bind(PURGE)
    .fetch_one(tx.conn())
    .await?;
    Ok(found != 0)
}

type ErasedTuple = (Vec<u8>, String, Millis, Option<Vec<u8>>, String);

fn erased_row((record, kind, at, by, proof): ErasedTuple) -> Result<ErasedRow> {
    let by = by.map(|by| id(UserId::from_bytes(&by), "user id")).transpose()?;
    Ok(ErasedRow { record: id(RecordId::from_bytes(&record), "record id")?, kind, at, by, proof })
}

/// What was erased, newest first.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<ErasedRow>> {
    before(tx, workspace, None, u32::MAX).await
}

/// A place in what was erased.
pub type ErasedPlace = (Millis, RecordId);

/// Some of what was erased, newest first, from a place on.
pub async fn before(tx: &mut Tx, workspace: WorkspaceId, place: Option<ErasedPlace>, limit: u32) -> Result<Vec<ErasedRow>> {
    let (at, record) = place.map_or((Millis::MAX, vec![0xff; 17]), |(at, record)| (at, record.as_bytes().to_vec()));
    let rows: Vec<ErasedTuple> = sqlx::query_as(
        "select record, kind, at, by_user, proof from erased where workspace = $1 and (at, record) < ($2, $3) \
         order by at desc, record desc limit $4",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(at)
    .bind(record)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(erased_row).collect()
}

/// One that was erased.
pub async fn one(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<Option<ErasedRow>> {
    let row: Option<ErasedTuple> =
        sqlx::query_as("select record, kind, at, by_user, proof from erased where workspace = $1 and record = $2")
            .bind(&workspace.as_bytes()[..])
            .bind(&record.as_bytes()[..])
            .fetch_optional(tx.conn())
            .await?;
    row.map(erased_row).transpose()
}

/// What people keep for themselves about a record, with its kind: that they follow it, and why; that they are asked for their
/// word on an edit of it, and what that would change.
pub async fn own_notes_of(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<Vec<(RecordId, &'static str)>> {
    let mut notes = Vec::new();
    for kind in [FOLLOW, APPROVAL] {
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("select source from links where workspace = $1 and target = $2 and source_kind = $3 and role = $4")
                .bind(&workspace.as_bytes()[..])
                .bind(&record.as_bytes()[..])
                .bind(kind)
                .bind(RECORD)
                .fetch_all(tx.conn())
                .await?;
        for record in rows {
            notes.push((id(RecordId::from_bytes(&record), "record id")?, kind));
        }
    }
    Ok(notes)
}

/// The files that are about some records and about nothing else.
pub async fn files_only_about(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<Vec<RecordId>> {
    let mut statement = Statement::of("select distinct l.source from links l where l.workspace = $1 and l.target in (", workspace);
    let targets = statement.bind_records(records);
    statement.push(&format!(
        "{targets}) and l.role = 'about' and l.source_kind = 'file' and not exists (select 1 from links o \
         where o.workspace = $1 and o.source = l.source and o.role = 'about' and o.target not in ({targets}))"
    ));
    let rows: Vec<(Vec<u8>,)> = statement.all(tx).await?;
    rows.into_iter().map(|(record,)| id(RecordId::from_bytes(&record), "record id")).collect()
}

impl super::Store {
    /// Rewrites the database file without what was deleted: SQLite leaves the bytes of deleted rows where they
    /// were until something else needs the room. Nobody writes meanwhile.
    ///
    /// # Errors
    /// When the database fails, or readers did not let go of what was deleted.
    pub async fn scrub(&self) -> Result<()> {
        const TRIES: u32 = 20;
        // The index only marks what was deleted, until its parts are merged.
        sqlx::query("insert into search (search) values ('optimize')").execute(&self.writer).await?;
        sqlx::query("vacuum").execute(&self.writer).await?;
        for _ in 0..TRIES {
            // Busy, pages in the log, pages moved: the log is empty when nobody was in the way.
            let (busy, ..): (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(truncate)").fetch_one(&self.writer).await?;
            if busy == 0 {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Err(StoreError::Damaged("write-ahead log: a reader holds on to it"))
    }
}
