//! Kinds that say otherwise from now on whose their records are, or by which field they are called: it is owed with the
//! change of the kind, and worked out record by record after it, so that nobody waits for a kind with a million of them.

use sync_core::id::{KindName, RecordId};
use sync_core::schema::Schema;

use super::Unit;
use super::sight::Written;
use crate::intake::backfill::{facts_of, sort_again};
use crate::intake::writer::schema_of;
use crate::store::{Result, Tx, owed, sight};

/// Records of a kind whose holders one transaction works out: what follows them comes on top.
const RECORDS_AT_ONCE: u32 = 500;

/// What one transaction has worked out.
pub struct Settled {
    /// The position of the feed that it took, if somebody's sight changed.
    pub position: Option<u64>,
    /// Whether something is left.
    pub more: bool,
}

impl Unit<'_> {
    /// Owes the kinds that say otherwise in this unit whose their records are.
    pub(super) async fn owe_holders(&self, tx: &mut Tx) -> Result<()> {
        let schema = schema_of(tx, self.workspace).await?;
        for kind in changed(&self.rules.schema, &schema) {
            owed::owe(tx, self.workspace, &kind).await?;
        }
        Ok(())
    }

    /// Works out some of what is owed: whose the next records are, and who came to see them or ceased to.
    pub async fn settle_owed(&mut self, tx: &mut Tx) -> Result<Settled> {
        let Some((kind, done)) = owed::next(tx, self.workspace).await? else { return Ok(Settled { position: None, more: false }) };
        let found = sight::records_after(tx, self.workspace, std::slice::from_ref(&kind), done, RECORDS_AT_ONCE).await?;
        let records: Vec<RecordId> = found.into_iter().map(|(record, _)| record).collect();
        sort_again(tx, self.workspace, &self.rules.schema, &records).await?;
        let facts = facts_of(tx, self.workspace, &self.rules.schema, &records).await?;
        self.kept.extend(&records);
        let written = facts.into_iter().map(|(record, facts)| Written { record, facts, is_as_before: false });
        let position = self.settle_sight(tx, written.collect()).await?;
        match records.last() {
            Some(last) if records.len() == RECORDS_AT_ONCE as usize => owed::done(tx, self.workspace, &kind, *last).await?,
            _ => owed::settle(tx, self.workspace, &kind).await?,
        }
        Ok(Settled { position, more: owed::next(tx, self.workspace).await?.is_some() })
    }
}

/// The kinds of which records are somebody else's by the new schema, or called by another field.
fn changed(old: &Schema, new: &Schema) -> Vec<KindName> {
    let is_other = |kind: &sync_core::schema::Kind| {
        let was = old.kind(&kind.name);
        was.is_none_or(|was| (&was.owner, &was.sharing, &was.title) != (&kind.owner, &kind.sharing, &kind.title))
    };
    new.kinds().filter(|kind| is_other(kind)).map(|kind| kind.name.clone()).collect()
}
