//! Whose the records of a kind would be if it said otherwise: worked out as the writer would, and kept nowhere.

use std::collections::{BTreeSet, HashMap};

use sync_core::access::{self, FOLLOW_DEPTH_MAX, Holder};
use sync_core::id::{KindName, WorkspaceId};
use sync_core::schema::{Kind, Schema};

use crate::intake::facts_around;
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

/// Whose records are now, whose they would be, and which facets they have.
type Alike = (BTreeSet<Holder>, BTreeSet<Holder>, [bool; 3]);

/// The records of a kind, sorted by whose they are now and whose they would be.
pub(super) async fn sorts(tx: &mut Tx, workspace: WorkspaceId, then: &Schema, kind: &KindName) -> Result<Vec<Sort>> {
    let mut sorts: HashMap<Alike, u64> = HashMap::new();
    let mut after = None;
    loop {
        let ids = sight::records_of_kind_after(tx, workspace, kind, after, RECORDS).await?;
        let Some(last) = ids.last() else { break };
        after = Some(*last);
        let facts = facts_around(tx, workspace, then, &ids).await?;
        let own = |record| facts.get(&record).map(|facts| facts.holders.clone()).unwrap_or_default();
        let parents = |record| facts.get(&record).map(|facts| facts.follows.clone()).unwrap_or_default();
        let held = sight::holders_of(tx, workspace, &ids).await?;
        for (record, row) in records::rows_of(tx, workspace, &ids).await? {
            let before = held.get(&record).into_iter().flatten().map(|held| held.holder.clone()).filter(grants).collect();
            let after = access::holders(record, own, parents).into_keys().filter(grants).collect();
            *sorts.entry((before, after, row.facets.each_ref().map(Option::is_some))).or_default() += 1;
        }
    }
    let sort = |((before, after, parts), records): (Alike, u64)| Sort {
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
