//! Which records stand for others: written with the links that say so, read by everything that lists.
//!
//! Decides nothing: `sync_core::actions::duplicates` says who survives.

use std::collections::{BTreeSet, HashMap};

use sqlx::{QueryBuilder, Sqlite};
use sync_core::actions::duplicates::FIELD;
use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::query::Param;

use super::records::{ROWS_PER_STATEMENT, push_records};
use super::scope::{Scope, Statement};
use super::{Result, Tx, id};

/// A mark: (the duplicate, what it is the same as).
pub type Mark = (RecordId, RecordId);

/// All marks that hang together with some records.
pub async fn marks_around(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<BTreeSet<Mark>> {
    let (mut marks, mut known) = (BTreeSet::new(), BTreeSet::from_iter(records.iter().copied()));
    let mut ask: Vec<RecordId> = known.iter().copied().collect();
    while !ask.is_empty() {
        let mut found = Vec::new();
        for chunk in ask.chunks(ROWS_PER_STATEMENT) {
            // Apart, or SQLite would walk all links instead of finding these by either end.
            found.extend(marks_by(tx, workspace, "source", chunk).await?);
            found.extend(marks_by(tx, workspace, "target", chunk).await?);
        }
        let ends = found.iter().flat_map(|(duplicate, original)| [*duplicate, *original]);
        ask = ends.filter(|end| known.insert(*end)).collect();
        marks.extend(found);
    }
    Ok(marks)
}

async fn marks_by(tx: &mut Tx, workspace: WorkspaceId, end: &'static str, records: &[RecordId]) -> Result<Vec<Mark>> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> = marks_statement(workspace, end, records).all(tx).await?;
    rows.into_iter().map(|(source, target)| Ok((record_of(&source)?, record_of(&target)?))).collect()
}

fn marks_statement(workspace: WorkspaceId, end: &'static str, records: &[RecordId]) -> Statement {
    let mut statement = Statement::of("select source, target from links where workspace = $1 and role = ", workspace);
    let role = statement.bind(Param::Text(FIELD.to_owned()));
    let records = statement.bind_records(records);
    statement.push(&format!("{role} and {end} in ({records})"));
    statement
}

/// Forgets what some records stood behind, and keeps what they stand behind now.
pub async fn settle(
    tx: &mut Tx,
    workspace: WorkspaceId,
    kind: &KindName,
    members: &[RecordId],
    aliases: &[(RecordId, RecordId)],
) -> Result<()> {
    for chunk in members.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("delete from aliases where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and kind = ").push_bind(kind.as_str()).push(" and record in (");
        push_records(&mut query, chunk.iter());
        query.push(")").build().execute(tx.conn()).await?;
    }
    for (record, survivor) in aliases {
        sqlx::query("insert into aliases (workspace, kind, record, survivor) values ($1, $2, $3, $4)")
            .bind(&workspace.as_bytes()[..])
            .bind(kind.as_str())
            .bind(&record.as_bytes()[..])
            .bind(&survivor.as_bytes()[..])
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// What stands for each of these records; those that stand for themselves are missing.
pub async fn survivors_of(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId]) -> Result<HashMap<RecordId, RecordId>> {
    pairs(tx, workspace, records, "record").await.map(|pairs| pairs.into_iter().collect())
}

/// The records of a kind that one in use and in sight stands for, each with that.
pub async fn standing(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, kind: &KindName) -> Result<HashMap<RecordId, RecordId>> {
    let mut statement = Statement::of("select a.record, a.survivor from aliases a ", workspace);
    let sees = scope.sees("r", kind, |param| statement.bind(param));
    statement.push(&format!(
        "cross join rows r on r.workspace = $1 and r.record = a.survivor where a.workspace = $1 and a.kind = '{kind}' \
         and r.archived = 0 and {sees}"
    ));
    let rows: Vec<(Vec<u8>, Vec<u8>)> = statement.all(tx).await?;
    rows.into_iter().map(|(record, survivor)| Ok((record_of(&record)?, record_of(&survivor)?))).collect()
}

/// The records that one stands for.
pub async fn behind(tx: &mut Tx, workspace: WorkspaceId, survivor: RecordId) -> Result<Vec<RecordId>> {
    let found = all_behind(tx, workspace, &[survivor]).await?;
    Ok(found.into_iter().map(|(record, _)| record).collect())
}

/// The records that some stand for, each with what stands for it.
pub async fn all_behind(tx: &mut Tx, workspace: WorkspaceId, survivors: &[RecordId]) -> Result<Vec<(RecordId, RecordId)>> {
    pairs(tx, workspace, survivors, "survivor").await
}

async fn pairs(tx: &mut Tx, workspace: WorkspaceId, records: &[RecordId], column: &'static str) -> Result<Vec<(RecordId, RecordId)>> {
    let mut found = Vec::new();
    for chunk in records.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new("select record, survivor from aliases where workspace = ");
        query.push_bind(&workspace.as_bytes()[..]).push(" and ").push(column).push(" in (");
        push_records(&mut query, chunk.iter());
        let rows: Vec<(Vec<u8>, Vec<u8>)> = query.push(") order by record").build_query_as().fetch_all(tx.conn()).await?;
        for (record, survivor) in rows {
            found.push((record_of(&record)?, record_of(&survivor)?));
        }
    }
    Ok(found)
}

fn record_of(bytes: &[u8]) -> Result<RecordId> {
    id(RecordId::from_bytes(bytes), "record id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Options, Store};

    #[tokio::test]
    async fn marks_are_found_by_either_end_and_links_never_walked() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        let record = RecordId::of_cause("record");
        for end in ["source", "target"] {
            let plan = marks_statement(WorkspaceId::of_cause("test"), end, &[record, record]).plan(&mut tx).await;
            assert!(plan.contains(&format!("(workspace=? AND {end}=? AND role=?)")), "{plan}");
        }
    }
}
