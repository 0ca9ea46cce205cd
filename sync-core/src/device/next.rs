//! The action needed next about records, out of the activities that are on this device. Works offline.

use std::collections::BTreeMap;

use super::Device;
use super::view::fields_of;
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
        self.unlocked()?;
        let mut activities = Vec::new();
        for about in records {
            for (id, title, main) in self.replica.store.sources_of((ACTIVITY, ABOUT), *about)? {
                activities.push(Activity { about: *about, id, title, fields: fields_of(&main)? });
            }
        }
        Ok(next_steps(activities, &context))
    }
}
