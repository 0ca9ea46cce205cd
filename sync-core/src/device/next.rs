//! The action needed next about records, out of the activities that are on this device. Works offline.

use std::collections::BTreeMap;

use super::Device;
use crate::actions::next::{ABOUT, ACTIVITY, Activity, NextStep, next_steps};
use crate::id::RecordId;
use crate::query::Context;
use crate::store::StoreError;

impl Device {
    /// What is to be done next about each of some records; those about which nothing is planned are missing. What is about a
    /// record that one of them stands for counts.
    ///
    /// # Errors
    /// When the store fails.
    pub fn next_steps(&self, records: &[RecordId], context: Context) -> Result<BTreeMap<RecordId, NextStep>, StoreError> {
        let mut activities = Vec::new();
        for about in records {
            for (source, _) in self.links_to(*about)?.into_iter().filter(|(_, role)| role == ABOUT) {
                let row = self.row(source)?.filter(|row| &*row.kind == ACTIVITY && !row.archived);
                activities.extend(row.map(|row| Activity { about: *about, id: source, title: row.title, fields: row.fields }));
            }
        }
        Ok(next_steps(activities, &context))
    }
}
