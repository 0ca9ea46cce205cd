//! What rows lack that were written before it was kept, or by other rules: worked out once, at the first start after.
//! Whose each record is, and what lists are ordered by.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use sync_core::access::{self, Facts, Reach};
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::schema::Schema;

use super::unit::members;
use crate::projection;
use crate::store::records::{self, RecordRow};
use crate::store::sight::{self, HeldBy, Reached};
use crate::store::{Result, Store, Tx, workspaces};

/// Records looked at together.
const RECORDS: u32 = 1_000;

/// Works out what is owed.
pub(super) async fn settle(store: &Store, schema_of: impl Fn(WorkspaceId) -> Arc<Schema>) -> Result<()> {
    let debts = sight::debts(&mut store.reader().await?).await?;
    for workspace in debts {
        let mut tx = store.begin().await?;
        let facts = facts(&mut tx, workspace, &schema_of(workspace)).await?;
        for chunk in facts.keys().copied().collect::<Vec<_>>().chunks(RECORDS as usize) {
            let rows: Vec<(RecordId, HeldBy)> = chunk.iter().flat_map(|record| held(*record, &facts)).collect();
            sight::put_holders(&mut tx, workspace, &rows).await?;
        }
        let members = members(&mut tx, workspace).await?;
        for member in &members {
            let reach = Reach::of(member.user, &members);
            let rows = reach.levels().map(|(holder, level)| (holder.clone(), Reached { level, since: 0, until: None }));
            sight::put_reach(&mut tx, workspace, member.user, &rows.collect::<Vec<_>>()).await?;
        }
        sight::settle_debt(&mut tx, workspace).await?;
        tx.commit().await?;
        tracing::info!(records = facts.len(), "it was worked out whose each record is");
    }
    Ok(())
}

/// Makes sort keys, where they were made by other rules or not at all. Begun again, it has less to do.
pub(super) async fn sort(store: &Store, schema_of: impl Fn(WorkspaceId) -> Arc<Schema>) -> Result<()> {
    let others = workspaces::sorted_otherwise(&mut store.reader().await?).await?;
    for workspace in others {
        let schema = schema_of(workspace);
        let kinds: Vec<_> = schema.kinds().map(|kind| kind.name.clone()).collect();
        let (mut after, mut count) = (None, 0);
        loop {
            let mut tx = store.begin().await?;
            let found = sight::records_after(&mut tx, workspace, &kinds, after, RECORDS).await?;
            let ids: Vec<RecordId> = found.into_iter().map(|(id, _)| id).collect();
            sort_again(&mut tx, workspace, &schema, &ids).await?;
            (after, count) = (ids.last().copied(), count + ids.len());
            if after.is_none() {
                workspaces::set_sorted(&mut tx, workspace).await?;
            }
            tx.commit().await?;
            if after.is_none() {
                break;
            }
        }
        tracing::info!(records = count, "it was worked out what lists are ordered by");
    }
    Ok(())
}

/// Makes what lists are ordered by anew for these records, and writes the rows that it changes.
pub(crate) async fn sort_again(tx: &mut Tx, workspace: WorkspaceId, schema: &Schema, records: &[RecordId]) -> Result<()> {
    let again = |row: RecordRow| {
        let sorted = projection::sorted(schema.kind(&row.kind)?, &row);
        (sorted != row).then_some(sorted)
    };
    let others: Vec<RecordRow> = records::rows_of(tx, workspace, records).await?.into_values().filter_map(again).collect();
    records::put_rows(tx, workspace, &others, true).await
}

async fn facts(tx: &mut Tx, workspace: WorkspaceId, schema: &Schema) -> Result<HashMap<RecordId, Facts>> {
    let kinds: Vec<_> = schema.kinds().map(|kind| kind.name.clone()).collect();
    let (mut facts, mut after) = (HashMap::new(), None);
    loop {
        let ids: Vec<RecordId> = sight::records_after(tx, workspace, &kinds, after, RECORDS).await?.into_iter().map(|(id, _)| id).collect();
        let Some(last) = ids.last() else { return Ok(facts) };
        after = Some(*last);
        facts.extend(facts_of(tx, workspace, schema, &ids).await?);
    }
}

/// What the rows of these records say of whose they are.
pub(crate) async fn facts_of(
    tx: &mut Tx,
    workspace: WorkspaceId,
    schema: &Schema,
    records: &[RecordId],
) -> Result<HashMap<RecordId, Facts>> {
    let authors = sight::authors_of(tx, workspace, records).await?;
    let facts = |row: &RecordRow| {
        let kind = schema.kind(&row.kind)?;
        let main: Map<String, Json> = serde_json::from_str(row.facets[0].as_deref().unwrap_or_default()).unwrap_or_default();
        Some((row.record, Facts::of(kind, &main, authors.get(&row.record).copied())))
    };
    Ok(records::rows_of(tx, workspace, records).await?.values().filter_map(facts).collect())
}

fn held(record: RecordId, facts: &HashMap<RecordId, Facts>) -> Vec<(RecordId, HeldBy)> {
    let own = |record| facts.get(&record).map(|facts| facts.holders.clone()).unwrap_or_default();
    let parents = |record| facts.get(&record).map(|facts| facts.follows.clone()).unwrap_or_default();
    let holders = access::holders(record, own, parents);
    holders.into_iter().map(|(holder, own)| (record, HeldBy { holder, own, since: 0 })).collect()
}
