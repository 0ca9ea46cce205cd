//! Whose records are and whom people reach: worked out again from rows, links and colleagues.

use std::collections::BTreeMap;

use sync_core::access::{self, Facts, MEMBER_KIND, Reach};
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::schema::Schema;

use super::{Place, Teller};
use crate::intake::{facts_around, members};
use crate::store::{Result, Tx, sight};

/// Checks the holders of some records.
pub(super) async fn check(tx: &mut Tx, workspace: WorkspaceId, schema: &Schema, batch: &[RecordId], teller: &mut Teller<'_>) -> Result<()> {
    let facts = facts_around(tx, workspace, schema, batch).await?;
    let kept = sight::holders_of(tx, workspace, batch).await?;
    let kinds = sight::kinds_of(tx, workspace, batch).await?;
    let own = |record| facts.get(&record).map(|facts: &Facts| facts.holders.clone()).unwrap_or_default();
    let parents = |record| facts.get(&record).map(|facts| facts.follows.clone()).unwrap_or_default();
    for record in batch.iter().filter(|record| facts.contains_key(record)) {
        let Some(kind) = kinds.get(record) else { continue };
        let expected: BTreeMap<String, bool> =
            access::holders(*record, own, parents).into_iter().map(|(holder, own)| (holder.to_string(), own)).collect();
        let found = kept.get(record).into_iter().flatten().map(|held| (held.holder.to_string(), held.own)).collect();
        teller.compare(&Place::Record(kind.clone(), *record, None), "holders", &expected, &found);
    }
    Ok(())
}

/// Checks whom everybody reaches.
pub(super) async fn check_reach(tx: &mut Tx, workspace: WorkspaceId, schema: &Schema, teller: &mut Teller<'_>) -> Result<()> {
    let Some(kind) = schema.kind(MEMBER_KIND) else { return Ok(()) };
    let members = members(tx, workspace).await?;
    // Of those who were archived nothing is kept any more.
    for user in members.iter().map(|member| member.user) {
        let expected = Reach::of(user, &members);
        let found = sight::reach_now(tx, workspace, user).await?;
        let levels = |reach: &Reach| reach.levels().map(|(holder, level)| (holder.to_string(), level)).collect::<BTreeMap<_, _>>();
        let place = Place::Record(kind.name.clone(), RecordId(user.0), None);
        teller.compare(&place, "reach", &levels(&expected), &levels(&found));
    }
    Ok(())
}
