//! Everything, page by page and in one order: what exports and checks read.
//!
//! Reads values as they are stored, damaged or not: who asks decides what that means.

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite};
use sync_core::id::{Facet, KindName, Millis, RecordId, WorkspaceId};

use super::records::{LinkRow, ROW_COLUMNS, ROWS_PER_STATEMENT, RecordRow, RowTuple, push_records, record_row};
use super::{Result, Tx, id};

/// A change as its row describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeFacts {
    /// Its position in the feed.
    pub position: u64,
    /// The record.
    pub record: RecordId,
    /// The code of its facet.
    pub facet: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Its actor.
    pub actor: Vec<u8>,
    /// The actor's how many-th change of the document.
    pub seq: u64,
    /// When it was made.
    pub edit_time: Millis,
    /// The change chunk.
    pub body: Vec<u8>,
}

type FactsTuple = (i64, Vec<u8>, i64, Vec<u8>, Vec<u8>, i64, Millis, Vec<u8>);

/// The changes after a position, in the order of the feed; at most `limit`.
pub async fn facts_after(tx: &mut Tx, workspace: WorkspaceId, after: u64, limit: u32) -> Result<Vec<ChangeFacts>> {
    let rows: Vec<FactsTuple> = sqlx::query_as(
        "select position, record, facet, hash, actor, seq, edit_time, body from changes \
         where workspace = $1 and position > $2 order by position limit 0 + $3",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(after as i64)
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    let facts = |(position, record, facet, hash, actor, seq, edit_time, body): FactsTuple| {
        let record = id(RecordId::from_bytes(&record), "record id")?;
        Ok(ChangeFacts { position: position as u64, record, facet, hash, actor, seq: seq as u64, edit_time, body })
    };
    rows.into_iter().map(facts).collect()
}

/// The positions of feed entries that are no changes, after one of them and up to another.
pub async fn marks_between(tx: &mut Tx, workspace: WorkspaceId, after: u64, to: u64) -> Result<Vec<u64>> {
    let rows: Vec<i64> =
        sqlx::query_scalar("select position from feed_marks where workspace = $1 and position > $2 and position <= $3 order by position")
            .bind(&workspace.as_bytes()[..])
            .bind(after as i64)
            .bind(i64::try_from(to).unwrap_or(i64::MAX))
            .fetch_all(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|position| position as u64).collect())
}

/// The records that any table names, in the order of their ids, after one of them; at most `limit`.
pub async fn records_after(tx: &mut Tx, workspace: WorkspaceId, after: Option<RecordId>, limit: u32) -> Result<Vec<RecordId>> {
    const TABLES: [(&str, &str); 5] =
        [("documents", "record"), ("changes", "record"), ("rows", "record"), ("conflicts", "record"), ("links", "source")];
    let after = after.map_or_else(Vec::new, |record| record.as_bytes().to_vec());
    let mut found = BTreeSet::new();
    for (table, column) in TABLES {
        let mut query = QueryBuilder::<Sqlite>::new("select distinct ");
        query.push(column).push(" from ").push(table).push(" where workspace = ").push_bind(&workspace.as_bytes()[..]);
        query.push(" and ").push(column).push(" > ").push_bind(after.clone());
        query.push(" order by ").push(column).push(" limit ").push_bind(i64::from(limit));
        let records: Vec<Vec<u8>> = query.build_query_scalar().fetch_all(tx.conn()).await?;
        for record in records {
            found.insert(id(RecordId::from_bytes(&record), "record id")?);
        }
    }
    Ok(found.into_iter().take(limit as usize).collect())
}

/// The rows of records after one, in the order of their ids; of one kind if it is named; at most `limit`.
pub async fn rows_after(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: Option<&KindName>,
    after: Option<RecordId>,
    limit: u32,
) -> Result<Vec<RecordRow>> {
    let mut query = QueryBuilder::<Sqlite>::new(ROW_COLUMNS);
    query.push("where workspace = ").push_bind(&workspace.as_bytes()[..]).push(" and record > ");
    query.push_bind(after.map_or_else(Vec::new, |record| record.as_bytes().to_vec()));
    if let Some(kind) = kind {
        query.push(" and kind = ").push_bind(kind.as_str());
    }
    query.push(" order by record limit ").push_bind(i64::from(limit));
    let rows: Vec<RowTuple> = query.build_query_as().fetch_all(tx.conn()).await?;
    rows.into_iter().map(record_row).collect()
}

/// The links that start at some records.
pub async fn links_from(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<Vec<LinkRow>> {
    let mut links = Vec::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select source, source_kind, role, target from links where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and source in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<(Vec<u8>, String, String, Vec<u8>)> = query.push(")").build_query_as().fetch_all(tx.conn()).await?;
        for (source, kind, role, target) in rows {
            let source = id(RecordId::from_bytes(&source), "record id")?;
            let target = id(RecordId::from_bytes(&target), "record id")?;
            links.push(LinkRow { source, source_kind: id(kind.parse(), "kind name")?, role, target });
        }
    }
    Ok(links)
}

/// The facet that a stored code stands for.
pub fn facet(code: i64) -> Option<Facet> {
    usize::try_from(code).ok().and_then(|code| Facet::ALL.get(code)).copied()
}

/// How many records a workspace has.
pub async fn count_rows(tx: &mut Tx, workspace: WorkspaceId, kind: Option<&KindName>) -> Result<u64> {
    let mut query = QueryBuilder::<Sqlite>::new("select count(*) from rows where workspace = ");
    query.push_bind(&workspace.as_bytes()[..]);
    if let Some(kind) = kind {
        query.push(" and kind = ").push_bind(kind.as_str());
    }
    let count: i64 = query.build_query_scalar().fetch_one(tx.conn()).await?;
    Ok(count as u64)
}

/// What SQLite finds wrong with its file; nothing when it is sound.
pub async fn integrity(tx: &mut Tx) -> Result<Vec<String>> {
    let mut problems: Vec<String> = sqlx::query_scalar("pragma integrity_check(20)").fetch_all(tx.conn()).await?;
    problems.retain(|problem| problem != "ok");
    Ok(problems)
}
