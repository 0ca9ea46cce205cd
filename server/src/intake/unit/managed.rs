//! Who answers for the key accounts that the records of this unit are or follow, where what may be written hangs on it.

use std::collections::BTreeSet;

use sync_core::access::{self, FOLLOW_DEPTH_MAX, Facts, manager_among};
use sync_core::id::{Facet, KindName, RecordId, UserId};
use sync_core::merge;
use sync_core::record::change::Change;
use sync_core::record::doc::Doc;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use super::{Open, Unit};
use crate::intake::RecordEdit;
use crate::store::{Result, Tx, aliases, sight};

/// A key account, and who answers for it.
#[derive(Debug, Clone, Copy)]
pub(in crate::intake) struct KeyAccount {
    /// The record whose holders say so: the account, or what follows it.
    pub record: RecordId,
    /// Who.
    pub manager: UserId,
}

impl Unit<'_> {
    /// Reads who answers for what these records follow, or would after their changes.
    pub(super) async fn load_managers<'c>(
        &mut self,
        tx: &mut Tx,
        changes: impl Iterator<Item = (&'c KindName, RecordId, &'c Change)>,
    ) -> Result<()> {
        let mut followed = BTreeSet::new();
        for (kind, record, change) in changes {
            let Some(kind) = self.rules.schema.kind(kind).filter(|kind| self.rules.roles.look_at_managers(&kind.name)) else { continue };
            followed.extend(access::followed(kind, Facet::Main, self.main(record), change));
        }
        self.read_managers(tx, followed).await
    }

    /// The same of edits that are no changes yet.
    pub(super) async fn load_managers_of(&mut self, tx: &mut Tx, edits: &[RecordEdit]) -> Result<()> {
        let mut followed = BTreeSet::new();
        for edit in edits {
            let Some(kind) = self.rules.schema.kind(&edit.kind).filter(|kind| self.rules.roles.look_at_managers(&kind.name)) else {
                continue;
            };
            let shown = self.main(edit.record).map(|main| facts(kind, main).follows).unwrap_or_default();
            let link = kind.sharing.follows.as_deref();
            let written = edit.edits.iter().filter(|edit| link == Some(edit.field())).flat_map(FieldEdit::texts);
            followed.extend(shown.into_iter().chain(written.filter_map(|id| id.parse().ok())));
        }
        self.read_managers(tx, followed).await
    }

    /// Of records that another one stands for, that one says who.
    async fn read_managers(&mut self, tx: &mut Tx, mut records: BTreeSet<RecordId>) -> Result<()> {
        records.retain(|record| !self.managers.contains_key(record));
        let asked: Vec<RecordId> = records.into_iter().collect();
        let survivors = aliases::survivors_of(tx, self.workspace, &asked).await?;
        let standing = |record| survivors.get(&record).copied().unwrap_or(record);
        let held = sight::holders_of(tx, self.workspace, &asked.iter().map(|record| standing(*record)).collect::<Vec<_>>()).await?;
        let account = |record: RecordId| {
            let holders = held.get(&standing(record)).into_iter().flatten().map(|held| &held.holder);
            (record, manager_among(holders).map(|manager| KeyAccount { record: standing(record), manager }))
        };
        self.managers.extend(asked.into_iter().map(account));
        Ok(())
    }

    /// The key account that a record is, or belongs to by what is judged.
    pub(super) fn key_account(&self, kind: &Kind, (record, facet): (RecordId, Facet), change: &Change) -> Option<KeyAccount> {
        let main = self.main(record);
        if kind.sharing.key_account().is_some() {
            return manager_among(&facts(kind, main?).holders).map(|manager| KeyAccount { record, manager });
        }
        if !self.rules.roles.look_at_managers(&kind.name) {
            return None;
        }
        access::followed(kind, facet, main, change).into_iter().find_map(|record| self.account_of(record, FOLLOW_DEPTH_MAX))
    }

    /// The key account that a record is or follows: as this unit has written it, or else as it is kept.
    fn account_of(&self, record: RecordId, depth: usize) -> Option<KeyAccount> {
        let written = self.open.get(&(record, Facet::Main)).filter(|open| open.dirty);
        let Some(Open { kind, held, .. }) = written else { return self.managers.get(&record).copied().flatten() };
        let facts = facts(kind, &held.doc);
        let above = || facts.follows.iter().find_map(|followed| self.account_of(*followed, depth.checked_sub(1)?));
        manager_among(&facts.holders).map(|manager| KeyAccount { record, manager }).or_else(above)
    }

    fn main(&self, record: RecordId) -> Option<&Doc> {
        self.open.get(&(record, Facet::Main)).map(|open| &open.held.doc)
    }
}

/// What a main document says of whose it is, whoever made it.
fn facts(kind: &Kind, main: &Doc) -> Facts {
    let fields = kind.sharing_fields().filter_map(|name| kind.field(name));
    Facts::of(kind, &fields.filter_map(|field| Some((field.name.to_string(), merge::shown(main, field)?))).collect(), None)
}
