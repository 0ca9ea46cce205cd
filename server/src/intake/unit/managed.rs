//! Who answers for the key accounts that the records of this unit are or follow, where what may be written hangs on it.

use std::collections::BTreeSet;
use std::convert::Infallible;

use sync_core::access::{self, Facts, Holder, manager_among};
use sync_core::id::{Facet, KindName, RecordId, UserId};
use sync_core::record::change::Change;
use sync_core::record::doc::Doc;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use super::{DocKey, Unit};
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
            let shown = self.main(edit.record).map(|main| Facts::in_doc(kind, main, None).follows).unwrap_or_default();
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
    pub(super) fn key_account(&self, kind: &Kind, document: DocKey, change: &Change) -> Option<KeyAccount> {
        let look = |record| Ok::<_, Infallible>(self.standing(record));
        let Ok(account) = access::account_of(&self.rules.roles, kind, document, self.main(document.0), change, look);
        account.map(|(record, manager)| KeyAccount { record, manager })
    }

    /// A record as this unit has written it; or else what is known of its account, which stands for all that it follows.
    fn standing(&self, record: RecordId) -> (RecordId, Facts) {
        if let Some(open) = self.open.get(&(record, Facet::Main)).filter(|open| open.dirty) {
            return (record, Facts::in_doc(&open.kind, &open.held.doc, None));
        }
        let account = self.managers.get(&record).copied().flatten();
        let holders = account.map(|account| Holder::Manager(account.manager)).into_iter().collect();
        (account.map_or(record, |account| account.record), Facts { holders, ..Facts::default() })
    }

    fn main(&self, record: RecordId) -> Option<&Doc> {
        self.open.get(&(record, Facet::Main)).map(|open| &open.held.doc)
    }
}
