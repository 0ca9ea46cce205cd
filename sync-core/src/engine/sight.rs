//! Whom the user reaches and whose records are, as far as this device knows: for predicting what the server will say.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value as Json};

use super::replica::{Identity, Replica};
use crate::access::{self, Facts, Holder, Level, MEMBER_KIND, Member, Reach, holders};
use crate::id::{Facet, RecordId, UserId};
use crate::record::change::Change;
use crate::record::doc::Doc;
use crate::schema::Kind;
use crate::store::{StoreError, StoredRow};

/// Records that one may follow, directly or not, before a phone stops to look.
const FAMILY_MAX: usize = 1_000;

impl Replica {
    /// How far the user must reach to get at a record that is here. Where a phone cannot know, the server may say yes.
    pub(super) fn distance(&self, record: RecordId, me: &Identity) -> Result<Level, StoreError> {
        if !self.roles.looks_at_reach(&me.role) {
            return Ok(Level::All);
        }
        let members = self.members()?;
        if !members.iter().any(|member| member.user == me.user) {
            return Ok(Level::Team);
        }
        Ok(Reach::of(me.user, &members).distance(self.holders(record)?.keys()))
    }

    /// Who answers for the key account that the record of a change is or belongs to, as far as it is here.
    pub(super) fn manager(
        &self,
        kind: &Kind,
        document: (RecordId, Facet),
        main: Option<&Doc>,
        change: &Change,
    ) -> Result<Option<UserId>, StoreError> {
        let account = access::account_of(&self.roles, kind, document, main, change, |record| self.standing(record))?;
        Ok(account.map(|(_, manager)| manager))
    }

    /// The key account that a record is or belongs to, and who answers for it, as far as it is here.
    pub(crate) fn key_account(&self, record: RecordId) -> Result<Option<(RecordId, UserId)>, StoreError> {
        access::key_account(record, |record| self.standing(record))
    }

    /// What stands for a record after merges, and what it says of whose it is.
    fn standing(&self, record: RecordId) -> Result<(RecordId, Facts), StoreError> {
        let survivor = self.store.survivor_of(record)?;
        Ok((survivor, self.facts(survivor)?))
    }

    /// The holders of a record that is here, and whether each is its own.
    fn holders(&self, record: RecordId) -> Result<BTreeMap<Holder, bool>, StoreError> {
        let mut family = HashMap::new();
        let mut frontier = vec![record];
        while let Some(record) = frontier.pop() {
            if !family.contains_key(&record) && family.len() < FAMILY_MAX {
                let facts = self.facts(record)?;
                frontier.extend(&facts.follows);
                family.insert(record, facts);
            }
        }
        let own = |record| family.get(&record).map(|facts: &Facts| facts.holders.clone()).unwrap_or_default();
        let parents = |record| family.get(&record).map(|facts| facts.follows.clone()).unwrap_or_default();
        Ok(holders(record, own, parents))
    }

    fn members(&self) -> Result<Vec<Member>, StoreError> {
        let binds = vec![self.store.workspace().as_bytes().to_vec().into(), MEMBER_KIND.to_owned().into()];
        let rows = self.store.rows_where("workspace = ?1 and kind = ?2 and archived = 0", "record", u32::MAX, binds)?;
        Ok(rows.iter().filter_map(|row| Some(Member::of(row.record, &main_of(row)?))).collect())
    }

    /// What a record that is here says of whose it is.
    fn facts(&self, record: RecordId) -> Result<Facts, StoreError> {
        match (self.kind_of(record)?, self.main_row(record)?) {
            (Some(kind), Some(main)) => Ok(Facts::of(&kind, &main, self.store.author_of(record)?)),
            (_, _) => Ok(Facts::default()),
        }
    }

    fn main_row(&self, record: RecordId) -> Result<Option<Map<String, Json>>, StoreError> {
        Ok(self.store.row(record)?.as_ref().and_then(main_of))
    }
}

fn main_of(row: &StoredRow) -> Option<Map<String, Json>> {
    serde_json::from_str(row.facets[0].as_deref()?).ok()
}
