//! Who answers for the key account that a record is or belongs to.

use sync_core::access::{Holder, manager_among};
use sync_core::id::RecordId;
use sync_core::schema::Kind;

use super::{Linked, ReadError, Reading};
use crate::store::{aliases, sight};

/// A key account, as everybody who works with it is to know.
#[derive(Debug, Clone)]
pub struct KeyAccount {
    /// The account.
    pub account: Linked,
    /// Who answers for it.
    pub manager: Linked,
}

impl Reading {
    /// The key account that a record is or belongs to, if the caller sees it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key_account(&self, record: RecordId) -> Result<Option<KeyAccount>, ReadError> {
        let mut tx = self.store.reader().await?;
        let held = sight::holders_of(&mut tx, self.workspace, &[record]).await?.remove(&record).unwrap_or_default();
        let above = held.iter().filter_map(|held| if let Holder::Record(above) = held.holder { Some(above) } else { None });
        let mut family: Vec<RecordId> = std::iter::once(record).chain(above).collect();
        family.extend(aliases::survivors_of(&mut tx, self.workspace, &family).await?.into_values());
        let held = sight::holders_of(&mut tx, self.workspace, &family).await?;
        let of_its_own = |record: &RecordId| {
            let own = held.get(record)?.iter().filter(|held| held.own).map(|held| &held.holder);
            Some((*record, RecordId(manager_among(own)?.0)))
        };
        let Some((account, manager)) = family.iter().find_map(of_its_own) else { return Ok(None) };
        let names = self.names(&mut tx, [account, manager]).await?;
        let known = names.get(&account).zip(names.get(&manager));
        Ok(known.map(|(account, manager)| KeyAccount { account: account.clone(), manager: manager.clone() }))
    }

    /// The kinds of which the caller needs the word of who answers for a key account, for some of what they write.
    pub fn asks_managers(&self) -> impl Iterator<Item = &Kind> {
        let asks = |kind: &&Kind| self.rules.roles.asks_managers(&self.caller.role, &kind.name);
        self.schema().kinds().map(|kind| &**kind).filter(asks)
    }
}
