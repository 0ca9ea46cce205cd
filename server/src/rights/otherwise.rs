//! Whose the records of a kind would be if it said otherwise: worked out as the writer would, and kept nowhere.

use std::collections::{BTreeSet, HashMap};

use sync_core::access::{self, FOLLOW_DEPTH_MAX, Facts, Holder};
use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::schema::{Kind, Schema};

use crate::intake::facts_of;
use crate::store::rights::Sort;
use crate::store::{Result, Tx, records, sight};

/// Records looked at together.
const RECORDS: u32 = 1_000;

/// The kinds as they would be.
pub(super) fn schema_with(now: &Schema, kind: &Kind) -> Schema {
    let mut then = now.clone();
    // What a built-in kind has stays; what one of a workspace's own had before does not.
    let whole = Schema::builtin().with([kind.clone()]);
    then.insert(whole.kind(&kind.name).map_or_else(|| kind.clone(), |kind| Kind::clone(kind)));
    then
}

/// The kinds of which records would be somebody else's: one that says otherwise whose its are, and what follows it.
pub(super) fn regrouped(now: &Schema, then: &Schema, name: &KindName) -> BTreeSet<KindName> {
    let says = |schema: &Schema| schema.kind(name).map(|kind| (kind.owner.clone(), kind.sharing.clone()));
    let mut found = BTreeSet::new();
    if now.kind(name).is_none() || says(now) == says(then) {
        return found;
    }
    found.insert(name.clone());
    for _ in 0..FOLLOW_DEPTH_MAX {
        let below = then.kinds().filter(|kind| leads_to(kind, &found)).map(|kind| kind.name.clone());
        found.extend(below.collect::<Vec<_>>());
    }
    found
}

fn leads_to(kind: &Kind, kinds: &BTreeSet<KindName>) -> bool {
    let link = kind.sharing.follows.as_deref().and_then(|name| kind.field(name));
    link.is_some_and(|link| link.to.iter().any(|to| kinds.contains(to)))
}

/// The records of a kind, sorted by whose they are now and whose they would be.
pub(super) async fn sorts(tx: &mut Tx, workspace: WorkspaceId, then: &Schema, kind: &KindName) -> Result<Vec<Sort>> {
    let mut sorts: HashMap<(BTreeSet<Holder>, BTreeSet<Holder>, [bool; 3]), u64> = HashMap::new();
    let mut after = None;
    loop {
        let ids = sight::records_of_kind_after(tx, workspace, kind, after, RECORDS).await?;
        let Some(last) = ids.last() else { break };
        after = Some(*last);
        let facts = with_what_they_follow(tx, workspace, then, &ids).await?;
        let own = |record| facts.get(&record).map(|facts| facts.holders.clone()).unwrap_or_default();
        let parents = |record| facts.get(&record).map(|facts| facts.follows.clone()).unwrap_or_default();
        let held = sight::holders_of(tx, workspace, &ids).await?;
        for (record, row) in records::rows_of(tx, workspace, &ids).await? {
            let before = held.get(&record).into_iter().flatten().map(|held| held.holder.clone()).filter(grants).collect();
            let after = access::holders(record, own, parents).into_keys().filter(grants).collect();
            *sorts.entry((before, after, row.facets.each_ref().map(Option::is_some))).or_default() += 1;
        }
    }
    let sort = |((before, after, parts), records): ((BTreeSet<Holder>, BTreeSet<Holder>, _), _)| Sort {
        before: before.into_iter().collect(),
        after: after.into_iter().collect(),
        parts,
        records,
    };
    Ok(sorts.into_iter().map(sort).collect())
}

/// Whether somebody may see a record by it.
fn grants(holder: &Holder) -> bool {
    !matches!(holder, Holder::Record(_))
}

/// What some records would say of whose they are, and what those say that they would follow.
async fn with_what_they_follow(tx: &mut Tx, workspace: WorkspaceId, then: &Schema, ids: &[RecordId]) -> Result<HashMap<RecordId, Facts>> {
    let mut facts = facts_of(tx, workspace, then, ids).await?;
    for _ in 0..FOLLOW_DEPTH_MAX {
        let above: BTreeSet<RecordId> = facts.values().flat_map(|facts| &facts.follows).copied().collect();
        let above: Vec<RecordId> = above.into_iter().filter(|record| !facts.contains_key(record)).collect();
        let found = facts_of(tx, workspace, then, &above).await?;
        // What is not there says nothing, and is not asked again.
        facts.extend(above.into_iter().map(|record| (record, Facts::default())));
        facts.extend(found);
    }
    Ok(facts)
}
