//! What whoever imports may see: rows find and are compared with nothing else, and no message tells of anything else. Never
//! writes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sync_core::access::{Caller, Roles};
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::record::fields::{ARCHIVED, FieldEdit};
use sync_core::schema::Kind;

use super::preview::Difference;
use crate::intake::{Author, Rules};
use crate::jobs::foresight::Foresight;
use crate::reading;
use crate::store::records::RecordRow;
use crate::store::scope::Scope;
use crate::store::{Result, Tx, lists, sight};

/// Some records of a kind, as far as they are in sight.
pub(super) type Seen = HashMap<RecordId, RecordRow>;

/// Whoever imports, with what they may see.
pub(super) struct Sight {
    workspace: WorkspaceId,
    caller: Caller,
    pub scope: Scope,
}

impl Sight {
    /// Of an author, by the rules as they are.
    pub fn of(rules: &Rules, author: &Author) -> Self {
        let caller = author.caller();
        Self { workspace: author.workspace, scope: reading::scope(rules, &caller), caller }
    }

    /// Those of some records that are in sight.
    pub async fn of_records<'r>(&self, tx: &mut Tx, kind: &Kind, all: &'r HashMap<RecordId, RecordRow>) -> Result<Cow<'r, Seen>> {
        if self.scope.of(&kind.name).is_some_and(|scope| scope.is_whole && scope.near.is_none()) {
            return Ok(Cow::Borrowed(all));
        }
        let ids: Vec<RecordId> = all.keys().copied().collect();
        let rows = lists::seen_rows(tx, self.workspace, &self.scope, &ids).await?;
        Ok(Cow::Owned(rows.into_iter().map(|row| (row.record, row)).collect()))
    }

    /// Those of some records that whoever imports made themselves and sees no more.
    pub async fn given_away(&self, tx: &mut Tx, records: &[RecordId]) -> Result<HashSet<RecordId>> {
        let makers = sight::authors_of(tx, self.workspace, records).await?;
        let own: Vec<RecordId> = records.iter().copied().filter(|record| makers.get(record) == Some(&self.caller.user)).collect();
        let seen = lists::seen_rows(tx, self.workspace, &self.scope, &own).await?;
        let seen: HashSet<RecordId> = seen.into_iter().map(|row| row.record).collect();
        Ok(own.into_iter().filter(|record| !seen.contains(record)).collect())
    }

    /// Whether a difference may be shown.
    pub fn shows(&self, kind: &Kind, one: &Difference) -> bool {
        one.field == ARCHIVED || kind.field(&one.field).is_some_and(|field| self.scope.shows(&kind.name, field.facet))
    }

    /// Whether a record that is made with these edits may have a default, too.
    pub fn may_add(&self, roles: &Roles, kind: &Kind, edits: &[FieldEdit], default: &FieldEdit) -> bool {
        roles.may_add(&self.caller, kind, edits, default)
    }

    /// What a dry run needs to know to foresee what would be refused of these records.
    pub async fn foresight<'a>(&'a self, tx: &mut Tx, rules: &'a Rules, kind: &'a Kind, ids: &[RecordId]) -> Result<Foresight<'a>> {
        Foresight::of(tx, self.workspace, (&rules.roles, &self.caller), kind, ids).await
    }
}
