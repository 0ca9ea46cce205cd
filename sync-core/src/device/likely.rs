//! Likely duplicates as a phone knows them: offered while somebody types, and of what is there already. Works offline.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{Device, Listed, RecordEdits};
use crate::actions::duplicates::can_merge;
use crate::actions::duplicates::country::Country;
use crate::actions::duplicates::likely::{Profile, Reason, SHARED_BY_MAX, typed};
use crate::id::RecordId;
use crate::record::fields::FieldEdit;
use crate::schema::Kind;
use crate::store::StoreError;

/// Likely duplicates that are offered.
const OFFERED: usize = 5;

/// A record that something being written is likely the same as.
#[derive(Debug, Clone, PartialEq)]
pub struct LikelyDuplicate {
    /// The record.
    pub row: Listed,
    /// How likely, in percent.
    pub percent: u8,
    /// Why, the heaviest first; each says so in words.
    pub reasons: Vec<Reason>,
}

impl Device {
    /// The records here that a record is likely the same as, as it would be with these edits, the most likely first: of one that
    /// is being made while somebody types, of one that is here with no edits, too. What people have said is another one is not
    /// offered again, and what another one stands for is nobody's duplicate any more. Only what is on this device is looked at.
    ///
    /// # Errors
    /// When the store fails.
    pub fn likely_duplicates(&mut self, of: &RecordEdits) -> Result<Vec<LikelyDuplicate>, StoreError> {
        match self.row(of.record)? {
            Some(row) if row.archived || row.merged_into.is_some() => Ok(Vec::new()),
            Some(row) => self.likely(&row.kind, row.fields, &of.edits, Some(row.record)),
            None => self.likely(&of.kind, Map::new(), &of.edits, None),
        }
    }

    fn likely(
        &mut self,
        kind: &str,
        mut fields: Map<String, Json>,
        edits: &[FieldEdit],
        own: Option<RecordId>,
    ) -> Result<Vec<LikelyDuplicate>, StoreError> {
        let Some(kind) = self.schema().kind(kind).filter(|kind| can_merge(kind)).cloned() else { return Ok(Vec::new()) };
        edits.iter().for_each(|edit| typed(&mut fields, edit));
        let home = self.country()?;
        let profile = Profile::of(&kind, &fields, home);
        let mut likely = Vec::new();
        for row in self.candidates((&kind, home), &profile)?.into_values().filter(|row| Some(row.record) != own) {
            let other = Profile::of(&kind, &row.fields, home);
            let likeness = profile.compare(&other);
            if likeness.is_likely() && own.is_none_or(|own| !profile.is_decided(own, &other, row.record)) {
                likely.push((likeness.weight, LikelyDuplicate { row, percent: likeness.percent(), reasons: likeness.reasons }));
            }
        }
        likely.sort_by_key(|(weight, likely)| (-weight, likely.row.record));
        Ok(likely.into_iter().map(|(_, likely)| likely).take(OFFERED).collect())
    }

    /// What shares anything with a record; of merged ones what stands for them.
    fn candidates(&mut self, (kind, home): (&Kind, Country), profile: &Profile) -> Result<BTreeMap<RecordId, Listed>, StoreError> {
        let mut candidates = BTreeMap::new();
        for text in profile.searches() {
            candidates.extend(self.search_at(home, &text, Some(&*kind.name))?.into_iter().map(|row| (row.record, row)));
        }
        // Those that belong to one record need have no word in common.
        let Some((belongs, follows)) = profile.belongs().zip(kind.sharing.follows.as_ref()) else { return Ok(candidates) };
        let sources = self.replica.store.some_sources_of((&kind.name, follows), belongs, SHARED_BY_MAX + 1)?;
        if sources.len() <= SHARED_BY_MAX as usize {
            let rows = sources.into_iter().filter_map(|source| self.row(source).transpose()).collect::<Result<Vec<_>, _>>()?;
            let is_shown = |row: &Listed| !row.archived && row.merged_into.is_none();
            candidates.extend(rows.into_iter().filter(is_shown).map(|row| (row.record, row)));
        }
        Ok(candidates)
    }
}
