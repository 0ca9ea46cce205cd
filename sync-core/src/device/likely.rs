//! Duplicates as a phone knows them: offered while somebody types, and who stands for whom. Works offline.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use super::{Device, Listed};
use crate::actions::duplicates::likely::{Profile, Reason, typed};
use crate::actions::duplicates::{Duplicates, FIELD, can_merge};
use crate::id::RecordId;
use crate::record::fields::FieldEdit;
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
    /// The records here that a new record of a kind with these edits is likely the same as, the most likely
    /// first. Call it while somebody types: only what is on this device is looked at.
    ///
    /// # Errors
    /// When the store fails.
    pub fn likely_duplicates(&mut self, kind: &str, edits: &[FieldEdit]) -> Result<Vec<LikelyDuplicate>, StoreError> {
        let Some(kind) = self.schema().kind(kind).filter(|kind| can_merge(kind)).cloned() else { return Ok(Vec::new()) };
        let mut fields = Map::new();
        edits.iter().for_each(|edit| typed(&mut fields, edit));
        let home = self.country()?;
        let profile = Profile::of(&kind, &fields, home);
        let mut candidates: BTreeMap<RecordId, Listed> = BTreeMap::new();
        for text in profile.searches() {
            candidates.extend(self.search(&text, Some(&*kind.name))?.into_iter().map(|row| (row.record, row)));
        }
        let mut likely = Vec::new();
        for row in candidates.into_values() {
            let likeness = profile.compare(&Profile::of(&kind, &row.fields, home));
            if likeness.is_likely() && self.same_as(row.record)? == row.record {
                likely.push((likeness.weight, LikelyDuplicate { row, percent: likeness.percent(), reasons: likeness.reasons }));
            }
        }
        likely.sort_by_key(|(weight, likely)| (-weight, likely.row.record));
        Ok(likely.into_iter().map(|(_, likely)| likely).take(OFFERED).collect())
    }

    /// The record that stands for this one after merges; itself if none does.
    ///
    /// # Errors
    /// When the store fails.
    pub fn same_as(&self, record: RecordId) -> Result<RecordId, StoreError> {
        let (mut marks, mut known, mut ask) = (Vec::new(), BTreeSet::from([record]), vec![record]);
        while let Some(next) = ask.pop() {
            let fields = self.row(next)?.map(|row| row.fields).unwrap_or_default();
            let targets = fields.get(FIELD).and_then(serde_json::Value::as_array).into_iter().flatten();
            marks.extend(targets.filter_map(|id| id.as_str()?.parse().ok()).map(|target: RecordId| (next, target)));
            marks.extend(self.links_to(next)?.into_iter().filter(|(_, role)| role == FIELD).map(|(source, _)| (source, next)));
            let others: Vec<RecordId> = marks.iter().flat_map(|(duplicate, original)| [*duplicate, *original]).collect();
            ask.extend(others.into_iter().filter(|other| known.insert(*other)));
        }
        Ok(Duplicates::of(marks).same_as(record))
    }
}
