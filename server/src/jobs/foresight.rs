//! What rights would say of edits before they are written: for looks ahead at many of them. Never writes; `intake` decides.

use std::collections::HashMap;

use serde_json::Map;
use sync_core::access::{self, Caller, Holder, Reach, Roles, Subject};
use sync_core::id::{Facet, RecordId, WorkspaceId};
use sync_core::projection;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Kind, Label, Merge};

use crate::store::records::RecordRow;
use crate::store::sight::{HeldBy, holders_of, reach_now};
use crate::store::{Result, Tx};

/// Whose some records are, for a look ahead at what rights say.
pub struct Foresight<'a> {
    roles: &'a Roles,
    caller: &'a Caller,
    kind: &'a Kind,
    held: HashMap<RecordId, Vec<HeldBy>>,
    reach: Reach,
}

impl<'a> Foresight<'a> {
    /// What somebody would do to some records of a kind.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(
        tx: &mut Tx,
        workspace: WorkspaceId,
        (roles, caller): (&'a Roles, &'a Caller),
        kind: &'a Kind,
        records: &[RecordId],
    ) -> Result<Self> {
        let held = holders_of(tx, workspace, records).await?;
        Ok(Self { roles, caller, kind, held, reach: reach_now(tx, workspace, caller.user).await? })
    }

    /// What stands against changes of a record, as far as that can be said without writing. `row`: as it is, unless it is new.
    pub fn against(&self, record: RecordId, row: Option<&RecordRow>, changes: &[Vec<FieldEdit>]) -> Option<Label> {
        let (kind, user) = (self.kind, self.caller.user);
        let held = self.held.get(&record).map_or(&[][..], Vec::as_slice);
        let is_own = held.iter().any(|held| held.own && held.holder == Holder::User(user));
        let main = match row {
            Some(row) => row.facets[Facet::Main as usize].as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default(),
            // What it says matters to conditions alone.
            None if self.roles.has_conditions(&self.caller.role, kind) => projection::made(kind, &changes.concat()),
            None => Map::new(),
        };
        let subject = match row {
            Some(_) => Subject::existing(kind, Facet::Main, &main, is_own.then_some(user)),
            None => Subject { main: Some(&main), ..Subject::new_by(kind, Facet::Main, user) },
        };
        let manager = access::manager_among(held.iter().map(|held| &held.holder));
        let subject = Subject { manager, ..subject.at(self.reach.distance(held.iter().map(|held| &held.holder))) };
        // Numbers that were given elsewhere are kept.
        let is_kept = |edit: &FieldEdit| kind.field(edit.field()).is_some_and(|field| field.merge == Merge::Assigned);
        let edits = changes.iter().flatten().filter(|edit| !is_kept(edit));
        access::against(self.roles, self.caller, &subject, edits).decision.message().cloned()
    }
}
