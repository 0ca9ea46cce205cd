//! Rows that are about the same as a row above them: that one's record is theirs, too.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value as Json};
use sync_core::actions::duplicates::country::Country;
use sync_core::actions::duplicates::likely::{Profile, shared_by_max, typed};
use sync_core::id::RecordId;
use sync_core::projection;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use super::super::attach::{PERCENT_MIN, likely};
use super::super::draft::Draft;
use super::super::edits::{edits, unclear};
use super::super::mistakes::{joined, mistakes};
use super::{Identity, Planned, Run, Step};
use crate::store::records::RecordRow;
use crate::store::{Result, Tx};

/// Rows that later ones are compared with: what they say is held in memory until the file ends.
const COMPARED_MAX: usize = 50_000;

/// What rows make, as far as later ones may be about the same.
#[derive(Default)]
pub(super) struct Above {
    values: HashMap<RecordId, Map<String, Json>>,
    by_key: HashMap<String, Vec<RecordId>>,
}

impl Above {
    /// What a row is going to make.
    fn keep(&mut self, record: RecordId, profile: &Profile, values: Map<String, Json>) {
        if self.values.len() >= COMPARED_MAX {
            return;
        }
        self.values.insert(record, values);
        for key in profile.keys() {
            self.by_key.entry(key).or_default().push(record);
        }
    }

    /// The records that are nearly certainly what a profile is of.
    fn alike(&self, (kind, home): (&Kind, Country), profile: &Profile) -> BTreeSet<RecordId> {
        let keys = profile.keys();
        let sharing = keys.iter().filter_map(|key| Some((key, self.by_key.get(key)?)));
        // What too many share tells nothing apart.
        let some = sharing.filter(|(key, records)| records.len() <= shared_by_max(key) as usize).flat_map(|(_, records)| records);
        let is_alike = |record: &&RecordId| {
            let values = self.values.get(*record);
            values.is_some_and(|values| profile.compare(&Profile::of(kind, values, home)).percent() >= PERCENT_MIN)
        };
        some.collect::<BTreeSet<_>>().into_iter().filter(is_alike).copied().collect()
    }

    /// What is known of a record that rows have made.
    pub fn values(&self, record: &RecordId) -> Option<&Map<String, Json>> {
        self.values.get(record)
    }

    /// What a later row has made of one.
    pub fn change(&mut self, kind: &Kind, record: RecordId, changes: &[Vec<FieldEdit>]) {
        let Some(values) = self.values.get_mut(&record) else { return };
        let known = kind.fields.iter().enumerate().filter_map(|(index, field)| Some((index, values.get(&*field.name)?.clone())));
        let whole = edits(kind, record, &Map::new(), &Draft { values: known.collect(), ..Draft::default() });
        *values = projection::made(kind, &whole.iter().chain(changes).flatten().cloned().collect::<Vec<_>>());
    }
}

impl Run<'_> {
    /// Rows that would make a record which is nearly certainly there already change that one, and so do those that are about
    /// the same as a row above them. A row with a key of its own is another one than those above, however alike.
    pub(super) async fn attach(
        &mut self,
        tx: &mut Tx,
        batch: &mut [Planned],
        ids: &mut [RecordId],
        rows: &mut HashMap<RecordId, RecordRow>,
    ) -> Result<()> {
        let home = self.rules.country;
        for (planned, id) in batch.iter_mut().zip(ids) {
            let Identity::New { by_key, .. } = planned.identity else { continue };
            if rows.contains_key(id) {
                continue;
            }
            let made = edits(self.kind, *id, &Map::new(), &planned.draft);
            let mut fields = Map::new();
            made.iter().flatten().for_each(|edit| typed(&mut fields, edit));
            let profile = Profile::of(self.kind, &fields, home);
            let mut there = likely(tx, self.author.workspace, &self.sight.scope, (self.kind, home), &profile).await?;
            // Those above may have been found in the database since.
            there.retain(|row| !by_key || self.above.values(&row.record).is_none());
            let above = if by_key { BTreeSet::new() } else { self.above.alike((self.kind, home), &profile) };
            let found: BTreeSet<RecordId> = there.iter().map(|row| row.record).chain(above).collect();
            match (found.len(), found.first()) {
                (1, Some(record)) => {
                    self.report.doubled += u64::from(self.above.values(record).is_some());
                    (*id, planned.identity) = (*record, Identity::Known(*record));
                    rows.extend(there.pop().map(|row| (row.record, row)));
                }
                _ if planned.mistakes.is_empty() => self.above.keep(*id, &profile, projection::made(self.kind, &made.concat())),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the rows out of a batch that are about the same record as one before them: they wait until that is written.
    pub(super) fn put_off(&self, batch: &mut Vec<Planned>, ids: &mut Vec<RecordId>) -> Vec<Planned> {
        let mut taken = HashSet::new();
        let (first, later): (Vec<_>, Vec<_>) =
            std::mem::take(batch).into_iter().zip(std::mem::take(ids)).partition(|(_, id)| taken.insert(*id));
        (*batch, *ids) = first.into_iter().unzip();
        later.into_iter().map(|(planned, _)| planned).collect()
    }

    /// Puts rows that waited into the next batch, but for those that say nothing that the row above has not said.
    pub(super) fn go_on_with(&mut self, later: Vec<Planned>) {
        for planned in later {
            let Identity::Known(record) = planned.identity else {
                self.batch.push(planned);
                continue;
            };
            let known = self.above.values(&record).filter(|_| self.made.contains(&record));
            let says_nothing = known.is_some_and(|values| edits(self.kind, record, values, &planned.draft).is_empty());
            match says_nothing && planned.mistakes.is_empty() {
                true => self.count(&planned, &Step::Unchanged(record), None),
                false => self.batch.push(planned),
            }
        }
    }

    /// What would be written to a record that a row above would have made: only a dry run asks.
    pub(super) fn step_behind(&self, planned: &Planned, record: RecordId) -> Option<Step> {
        let before = self.above.values(&record).filter(|_| self.spec.is_dry_run && self.made.contains(&record))?;
        let changes = edits(self.kind, record, before, &planned.draft);
        let mut wrong = planned.mistakes.clone();
        wrong.extend(unclear(self.kind, before, &planned.draft));
        wrong.extend(mistakes(self.kind, before, &changes));
        Some(match (wrong.is_empty(), changes.is_empty()) {
            (false, _) => Step::Fail { record, changes, why: joined(&wrong) },
            (true, true) => Step::Unchanged(record),
            (true, false) => Step::Write { record, is_new: false, changes, shown: Vec::new() },
        })
    }
}
