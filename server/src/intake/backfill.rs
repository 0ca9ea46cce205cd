//! What another version owes at its first start: whose the records are of workspaces from before that was kept, worked out
//! at once; and the rows of kinds that are made by other rules now, noted for the writer.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use sync_core::access::{self, FOLLOW_DEPTH_MAX, Facts, Reach};
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::schema::Schema;

use super::unit::{made_otherwise, members, owe_rows};
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

/// Owes the kinds whose rows were made by other rules than theirs.
pub(super) async fn rows(store: &Store, schema_of: impl Fn(WorkspaceId) -> Arc<Schema>) -> Result<()> {
    let all = workspaces::all(&mut store.reader().await?).await?;
    for workspace in all.into_iter().map(|all| all.workspace) {
        let schema = schema_of(workspace);
        if made_otherwise(&mut store.reader().await?, workspace, &schema).await?.is_empty() {
            continue;
        }
        let mut tx = store.begin().await?;
        owe_rows(&mut tx, workspace, &schema).await?;
        tx.commit().await?;
    }
    Ok(())
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
pub(super) async fn facts_of(
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

/// What these records say of whose they are, and what they follow, however far up.
pub(crate) async fn facts_around(
    tx: &mut Tx,
    workspace: WorkspaceId,
    schema: &Schema,
    batch: &[RecordId],
) -> Result<HashMap<RecordId, Facts>> {
    let (mut facts, mut frontier) = (HashMap::new(), batch.to_vec());
    for _ in 0..=FOLLOW_DEPTH_MAX {
        let found = facts_of(tx, workspace, schema, &frontier).await?;
        let above: BTreeSet<RecordId> = found.values().flat_map(|facts: &Facts| facts.follows.iter().copied()).collect();
        facts.extend(found);
        frontier = above.into_iter().filter(|record| !facts.contains_key(record)).collect();
        if frontier.is_empty() {
            break;
        }
    }
    Ok(facts)
}

fn held(record: RecordId, facts: &HashMap<RecordId, Facts>) -> Vec<(RecordId, HeldBy)> {
    let own = |record| facts.get(&record).map(|facts| facts.holders.clone()).unwrap_or_default();
    let parents = |record| facts.get(&record).map(|facts| facts.follows.clone()).unwrap_or_default();
    let holders = access::holders(record, own, parents);
    holders.into_iter().map(|(holder, own)| (record, HeldBy { holder, own, since: 0 })).collect()
}
