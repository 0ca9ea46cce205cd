//! The feed: every position from one to the head is taken once, and every change is what its row says.

use sync_core::id::{ChangeHash, WorkspaceId};
use sync_core::record::change::Change;

use super::{Place, Teller};
use crate::store::audit::{self, ChangeFacts};
use crate::store::{Result, Tx};

/// Entries that are looked at together.
const BATCH_ENTRIES: u32 = 1_000;

/// Checks the feed; answers how many entries it has.
pub(super) async fn check(
    tx: &mut Tx,
    workspace: WorkspaceId,
    head: u64,
    teller: &mut Teller<'_>,
    watch: &mut (dyn FnMut(u64) + Send),
) -> Result<u64> {
    let (mut after, mut next, mut entries) = (0, 1, 0);
    loop {
        let changes = audit::facts_after(tx, workspace, after, BATCH_ENTRIES).await?;
        let last = changes.last().map(|change| change.position);
        let marks = audit::marks_between(tx, workspace, after, last.unwrap_or(u64::MAX)).await?;
        let mut positions: Vec<u64> = changes.iter().map(|change| change.position).chain(marks).collect();
        positions.sort_unstable();
        entries += positions.len() as u64;
        next = in_order(&positions, next, teller);
        changes.iter().for_each(|change| facts(change, teller));
        let Some(last) = last else { break };
        after = last;
        watch(after);
    }
    if next != head + 1 {
        teller.tell(Place::Database, "head of the feed", next - 1, head);
    }
    Ok(entries)
}

/// Checks that positions follow each other; answers the one that is expected next.
fn in_order(positions: &[u64], mut next: u64, teller: &mut Teller<'_>) -> u64 {
    for position in positions {
        if *position < next {
            teller.tell(Place::Position(*position), "position", "one entry", "several");
            continue;
        }
        if *position > next {
            teller.tell(Place::Position(next), "position", "an entry", format!("none up to {}", position - 1));
        }
        next = position + 1;
    }
    next
}

/// Whether a change is what the columns beside it say.
fn facts(facts: &ChangeFacts, teller: &mut Teller<'_>) {
    let place = Place::Position(facts.position);
    if audit::facet(facts.facet).is_none() {
        teller.tell(place.clone(), "facet", "0, 1 or 2", facts.facet);
    }
    let (change, hash) = match Change::parse(&facts.body) {
        Ok(parsed) => parsed,
        Err(why) => return teller.tell(place, "change", "one that can be read", why),
    };
    let shown = |bytes: &[u8]| ChangeHash::from_bytes(bytes).map_or_else(|_| format!("{} bytes", bytes.len()), |hash| hash.to_string());
    if hash.0[..] != facts.hash[..] {
        teller.tell(place.clone(), "hash", hash, shown(&facts.hash));
    }
    if change.actor.0[..] != facts.actor[..] {
        teller.tell(place.clone(), "actor", format!("{:?}", change.actor.0), format!("{:?}", facts.actor));
    }
    teller.compare(&place, "number of its author", &change.seq, &facts.seq);
    teller.compare(&place, "edit time", &change.time, &facts.edit_time);
}
