//! What rights would say of edits before they are written: for looks ahead at many of them. Never writes; `intake` decides.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use sync_core::access::{Act, Caller, Holder, Reach, Roles, Subject, decide};
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
        let all: Vec<FieldEdit> = changes.iter().flatten().cloned().collect();
        let main = match row {
            Some(row) => row.facets[Facet::Main as usize].as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default(),
            // What it says matters to conditions alone.
            None if self.roles.has_conditions(&self.caller.role, self.kind) => projection::made(self.kind, &all),
            None => Map::new(),
        };
        all.iter().find_map(|edit| self.denied(record, row.is_none(), &main, edit))
    }

    fn denied(&self, record: RecordId, is_new: bool, main: &Map<String, Json>, edit: &FieldEdit) -> Option<Label> {
        let field = self.kind.field(edit.field());
        // Numbers that were given elsewhere are kept.
        if field.is_some_and(|field| field.merge == Merge::Assigned) {
            return None;
        }
        let facet = field.map_or(Facet::Main, |field| field.facet);
        let held = self.held.get(&record).map_or(&[][..], Vec::as_slice);
        let is_own = held.iter().any(|held| held.own && held.holder == Holder::User(self.caller.user));
        let subject = match is_new {
            true => Subject { main: Some(main), ..Subject::new_by(self.kind, facet, self.caller.user) },
            false => Subject::existing(self.kind, facet, main, is_own.then_some(self.caller.user)),
        };
        let subject = subject.at(self.reach.distance(held.iter().map(|held| &held.holder)));
        let row;
        let value = match edit {
            FieldEdit::Set { value, .. } => Some(value),
            FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } => {
                row = Json::Object(values.clone());
                Some(&row)
            }
            _ => None,
        };
        decide(self.roles, self.caller, &subject, &Act::Write { field: edit.field(), item: None, value }).message().cloned()
    }
}
