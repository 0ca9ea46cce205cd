//! Kinds that say otherwise from now on whose their records are, or how their rows are made (what names them, what is
//! computed, how texts are sorted): it is owed with the change of the kind or the first start of another version, and worked
//! out record by record after it, so that nobody waits for a kind with a million of them.

use std::collections::{BTreeMap, HashMap};

use sync_core::id::{Facet, KindName, RecordId, WorkspaceId};
use sync_core::projection::project;
use sync_core::record::Stored;
use sync_core::record::history::document;
use sync_core::schema::Schema;

use super::sight::Written;
use super::{DocKey, Unit};
use crate::intake::backfill::facts_of;
use crate::intake::writer::schema_of;
use crate::projection;
use crate::store::records::{self, RecordRow};
use crate::store::{Result, Tx, marks, owed, search, sight};

/// Records of a kind that one transaction works out: what follows them comes on top.
const RECORDS_AT_ONCE: u32 = 500;
/// Changes of theirs that it reads, if it is more than one record: some 5 MB, and everybody who writes waits for them.
const CHANGES_AT_ONCE: u64 = 10_000;

/// What one transaction has worked out.
pub struct Settled {
    /// The position of the feed that it took, if somebody's sight changed.
    pub position: Option<u64>,
    /// Whether something is left.
    pub more: bool,
}

impl Unit<'_> {
    /// Owes the kinds that say otherwise in this unit whose their records are, or how their rows are made.
    pub(super) async fn owe_kinds(&self, tx: &mut Tx) -> Result<()> {
        let schema = schema_of(tx, self.workspace).await?;
        for kind in changed(&self.rules.schema, &schema) {
            owed::owe(tx, self.workspace, &kind).await?;
        }
        owe_rows(tx, self.workspace, &schema).await
    }

    /// Works out some of what is owed: how the next rows read, whose the records are, and who came to see them or
    /// ceased to.
    pub async fn settle_owed(&mut self, tx: &mut Tx) -> Result<Settled> {
        let Some((kind, done)) = owed::next(tx, self.workspace).await? else { return Ok(Settled { position: None, more: false }) };
        let (records, are_last) = self.owed_records(tx, &kind, done).await?;
        self.write_rows_again(tx, &kind, &records).await?;
        let facts = facts_of(tx, self.workspace, &self.rules.schema, &records).await?;
        self.kept.extend(&records);
        let written = facts.into_iter().map(|(record, facts)| Written { record, facts, is_as_before: false });
        let position = self.settle_sight(tx, written.collect()).await?;
        match records.last() {
            Some(last) if !are_last => owed::done(tx, self.workspace, &kind, *last).await?,
            _ => owed::settle(tx, self.workspace, &kind).await?,
        }
        Ok(Settled { position, more: owed::next(tx, self.workspace).await?.is_some() })
    }

    /// The records of a kind that come next, as many as one transaction works out; and whether they are the last.
    async fn owed_records(&self, tx: &mut Tx, kind: &KindName, done: Option<RecordId>) -> Result<(Vec<RecordId>, bool)> {
        let mut next = sight::records_of_kind_after(tx, self.workspace, kind, done, RECORDS_AT_ONCE).await?;
        let keys: Vec<DocKey> = next.iter().map(|record| (*record, Facet::Main)).collect();
        let mut changes: HashMap<RecordId, u64> = HashMap::new();
        for ((record, _), document) in records::documents(tx, self.workspace, &keys).await? {
            *changes.entry(record).or_default() += document.changes;
        }
        let mut read = 0;
        let fits = |record: &&RecordId| {
            let is_first = read == 0;
            read += changes.get(record).copied().unwrap_or_default();
            is_first || read <= CHANGES_AT_ONCE
        };
        let fitting = next.iter().take_while(fits).count();
        let are_last = next.len() < RECORDS_AT_ONCE as usize && fitting == next.len();
        next.truncate(fitting);
        Ok((next, are_last))
    }

    /// Writes the rows of some records again that are others by the kind as it is now.
    async fn write_rows_again(&self, tx: &mut Tx, kind: &KindName, ids: &[RecordId]) -> Result<()> {
        let Some(kind) = self.rules.schema.kind(kind) else { return Ok(()) };
        let mut changes: BTreeMap<(RecordId, Facet), Vec<Stored>> = BTreeMap::new();
        for stored in records::changes_of(tx, self.workspace, ids).await? {
            changes.entry((stored.record, stored.facet)).or_default().push(stored);
        }
        let mut rows = records::rows_of(tx, self.workspace, ids).await?;
        let (mut others, mut first_renamed): (HashMap<RecordId, RecordRow>, u64) = (HashMap::new(), u64::MAX);
        for ((record, facet), changes) in changes {
            let Some(row) = rows.get_mut(&record) else { continue };
            let (doc, left_out) = document(kind, &changes);
            let again = projection::row(kind, (record, facet), project(kind, facet, &doc), last_of(&changes), Some(row.clone()));
            // What does not fit is for `rapport check` to tell of.
            if left_out.is_empty() && *row != again {
                if row.title != again.title {
                    first_renamed = first_renamed.min(row.position);
                }
                *row = again;
                others.insert(record, row.clone());
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        let own = self.rules.schema.own_columns();
        records::put_rows(tx, self.workspace, own, &others.into_values().collect::<Vec<_>>(), true).await?;
        search::look_again(tx, self.workspace, first_renamed).await?;
        // Who remembers an answer for as long as nothing moves is told that something did.
        let times = marks::of(tx, self.workspace, marks::ROWS).await?;
        marks::set(tx, self.workspace, marks::ROWS, times + 1).await
    }
}

/// Where the last of some changes stands in the feed.
fn last_of(changes: &[Stored]) -> u64 {
    changes.iter().filter_map(|stored| stored.position).max().unwrap_or_default()
}

/// The kinds whose rows were made by other rules than theirs, with a number for those.
pub async fn made_otherwise(tx: &mut Tx, workspace: WorkspaceId, schema: &Schema) -> Result<Vec<(KindName, u64)>> {
    let made = marks::all_row_rules(tx, workspace).await?;
    let numbered = schema.kinds().map(|kind| (kind.name.clone(), marks::number_of_rules(kind)));
    Ok(numbered.filter(|(kind, number)| made.get(&marks::row_rules(kind)) != Some(number)).collect())
}

/// Owes those of them that have records.
pub async fn owe_rows(tx: &mut Tx, workspace: WorkspaceId, schema: &Schema) -> Result<()> {
    for (kind, number) in made_otherwise(tx, workspace, schema).await? {
        if records::count_of_kind(tx, workspace, &kind).await? > 0 {
            owed::owe(tx, workspace, &kind).await?;
        }
        marks::set(tx, workspace, &marks::row_rules(&kind), number).await?;
    }
    Ok(())
}

/// The kinds of which records are somebody else's by the new schema.
fn changed(old: &Schema, new: &Schema) -> Vec<KindName> {
    let is_other = |kind: &sync_core::schema::Kind| {
        let was = old.kind(&kind.name);
        was.is_none_or(|was| (&was.owner, &was.sharing) != (&kind.owner, &kind.sharing))
    };
    new.kinds().filter(|kind| is_other(kind)).map(|kind| kind.name.clone()).collect()
}
