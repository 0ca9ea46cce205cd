//! Rows that match no record by their key, and are likely about one that is there: attached, not doubled.

use sync_core::actions::duplicates::country::Country;
use sync_core::actions::duplicates::likely::Profile;
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::schema::Kind;

use crate::projection;
use crate::store::records::RecordRow;
use crate::store::scope::Scope;
use crate::store::{Result, Tx, aliases, duplicates, lists};

/// Nobody looks at each row: what is attached must be nearly certain.
pub(super) const PERCENT_MIN: u8 = 90;

/// The records in sight that a new one of this profile is nearly certainly about.
pub(super) async fn likely(
    tx: &mut Tx,
    workspace: WorkspaceId,
    scope: &Scope,
    (kind, home): (&Kind, Country),
    profile: &Profile,
) -> Result<Vec<RecordRow>> {
    let others = duplicates::sharing(tx, workspace, &kind.name, &profile.keys()).await?;
    let others: Vec<RecordId> = others.into_iter().collect();
    let rows = lists::seen_rows(tx, workspace, scope, &others).await?;
    let hidden = aliases::survivors_of(tx, workspace, &others).await?;
    let alike = |row: &RecordRow| profile.compare(&Profile::of(kind, &projection::values(row), home)).percent() >= PERCENT_MIN;
    Ok(rows.into_iter().filter(|row| !row.archived && !hidden.contains_key(&row.record) && alike(row)).collect())
}
