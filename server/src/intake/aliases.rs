//! Who stands for whom, after a mark of a duplicate came or went: kept with the links that say so.

use std::collections::BTreeSet;

use sync_core::actions::duplicates::{Duplicates, FIELD};
use sync_core::id::{KindName, RecordId, WorkspaceId};

use crate::store::{Result, Tx, aliases};

/// Settles the groups around links that have changed: (kind, role and record that each comes from).
///
/// # Errors
/// When the database fails.
pub async fn settle<'a>(
    tx: &mut Tx,
    workspace: WorkspaceId,
    changed: impl Iterator<Item = (&'a KindName, &'a str, RecordId)>,
) -> Result<()> {
    for (kind, _, record) in changed.filter(|(_, role, _)| *role == FIELD) {
        // Who hung together until now is settled anew, and who does now.
        let before = aliases::survivors_of(tx, workspace, &[record]).await?.get(&record).copied().unwrap_or(record);
        let mut members = BTreeSet::from([record, before]);
        members.extend(aliases::behind(tx, workspace, before).await?);
        let marks = aliases::marks_around(tx, workspace, &members.iter().copied().collect::<Vec<_>>()).await?;
        members.extend(marks.iter().flat_map(|(duplicate, original)| [*duplicate, *original]));
        let members: Vec<RecordId> = members.into_iter().collect();
        aliases::settle(tx, workspace, kind, &members, &Duplicates::of(marks).aliases()).await?;
    }
    Ok(())
}
