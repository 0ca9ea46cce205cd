//! Which records may be one: the keys they share, and the pairs that were found alike.
//!
//! Knows no names and no numbers: `sync_core::actions::duplicates` makes the keys and weighs the pairs.

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite};
use sync_core::actions::duplicates::likely::shared_by_max;
use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::query::Param;

use super::records::{ROWS_PER_STATEMENT, push_records};
use super::scope::{Scope, Statement};
use super::{Result, Tx, id};

/// A pair that was found alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRow {
    /// The record with the lower id.
    pub one: RecordId,
    /// The other one.
    pub other: RecordId,
    /// How alike, in tenths of a bit.
    pub weight: i32,
}

/// Puts the keys of a record in, instead of what was there.
pub async fn put_keys(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName, record: RecordId, keys: &BTreeSet<String>) -> Result<()> {
    sqlx::query("delete from duplicate_keys where workspace = $1 and record = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&record.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    if keys.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("insert into duplicate_keys (workspace, kind, match_key, record) ");
    query.push_values(keys, |mut row, key| {
        row.push_bind(workspace.as_bytes().to_vec()).push_bind(kind.as_str()).push_bind(key.as_str()).push_bind(record.as_bytes().to_vec());
    });
    query.build().execute(tx.conn()).await?;
    Ok(())
}

/// The records that share a key with these; what too many records share tells nothing apart.
pub async fn sharing(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName, keys: &BTreeSet<String>) -> Result<BTreeSet<RecordId>> {
    let mut found = BTreeSet::new();
    for key in keys {
        let each = shared_by_max(key);
        let records: Vec<Vec<u8>> = sqlx::query_scalar(
            "select record from duplicate_keys where workspace = $1 and kind = $2 and match_key = $3 order by record limit 0 + $4",
        )
        .bind(&workspace.as_bytes()[..])
        .bind(kind.as_str())
        .bind(key)
        .bind(i64::from(each) + 1)
        .fetch_all(tx.conn())
        .await?;
        if records.len() > each as usize {
            continue;
        }
        for record in records {
            found.insert(id(RecordId::from_bytes(&record), "record id")?);
        }
    }
    Ok(found)
}

/// Replaces the pairs that a record is part of.
pub async fn put_pairs(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName, record: RecordId, pairs: &[PairRow]) -> Result<()> {
    for sql in
        ["delete from duplicate_pairs where workspace = $1 and one = $2", "delete from duplicate_pairs where workspace = $1 and other = $2"]
    {
        sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&record.as_bytes()[..]).execute(tx.conn()).await?;
    }
    if pairs.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("insert into duplicate_pairs (workspace, one, other, kind, weight) ");
    query.push_values(pairs, |mut row, pair| {
        row.push_bind(workspace.as_bytes().to_vec())
            .push_bind(pair.one.as_bytes().to_vec())
            .push_bind(pair.other.as_bytes().to_vec())
            .push_bind(kind.as_str())
            .push_bind(pair.weight);
    });
    query.build().execute(tx.conn()).await?;
    Ok(())
}

/// The pairs of a kind whose records are both in use and in sight, the most likely first.
pub async fn pairs(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, kind: &KindName, limit: u32) -> Result<Vec<PairRow>> {
    let mut statement = Statement::of("select p.one, p.other, p.weight from duplicate_pairs p ", workspace);
    let first = scope.sees("a", kind, |param| statement.bind(param));
    let second = scope.sees("b", kind, |param| statement.bind(param));
    let limit = statement.bind(Param::Int(i64::from(limit)));
    statement.push(&format!(
        "join rows a on a.workspace = p.workspace and a.record = p.one join rows b on b.workspace = p.workspace and b.record = p.other \
         where p.workspace = $1 and p.kind = '{kind}' and a.archived = 0 and b.archived = 0 and {first} and {second} \
         order by p.weight desc, p.one, p.other limit {limit}"
    ));
    pair_rows(statement.all(tx).await?)
}

/// The pairs that some records are part of, seen or not: who asks looks at the other record.
pub async fn pairs_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<Vec<PairRow>> {
    let mut found = Vec::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT / 2) {
        let mut query = QueryBuilder::<Sqlite>::new("select one, other, weight from duplicate_pairs where workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and one in (");
        push_records(&mut query, chunk.iter());
        query.push(") union select one, other, weight from duplicate_pairs where workspace = ");
        query.push_bind(workspace.as_bytes().to_vec()).push(" and other in (");
        push_records(&mut query, chunk.iter());
        found.extend(pair_rows(query.push(") order by 3 desc, 1, 2").build_query_as().fetch_all(tx.conn()).await?)?);
    }
    Ok(found)
}

fn pair_rows(rows: Vec<(Vec<u8>, Vec<u8>, i64)>) -> Result<Vec<PairRow>> {
    let row = |(one, other, weight): (Vec<u8>, Vec<u8>, i64)| {
        let of = |bytes: &[u8]| id(RecordId::from_bytes(bytes), "record id");
        Ok(PairRow { one: of(&one)?, other: of(&other)?, weight: weight as i32 })
    };
    rows.into_iter().map(row).collect()
}
