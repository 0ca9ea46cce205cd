//! What is to be done next about some records.

use std::collections::BTreeMap;

use sync_core::actions::next::{ABOUT, ACTIVITY, Activity, NextStep, next_steps};
use sync_core::id::RecordId;
use sync_core::query::Context;

use super::{ReadError, Reading};
use crate::store::lists;

impl Reading {
    /// Whether activities can be about records of a kind, and the caller sees them.
    pub fn has_next_steps(&self, kind: &str) -> bool {
        let about = self.kind(ACTIVITY).ok().and_then(|activity| activity.field(ABOUT).cloned());
        about.is_some_and(|about| about.to.iter().any(|to| &**to == kind))
    }

    /// What is to be done next about each of these records; those about which nothing is planned are missing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_steps(&self, records: &[RecordId], offset_minutes: i32) -> Result<BTreeMap<RecordId, NextStep>, ReadError> {
        let Ok(kind) = self.kind(ACTIVITY) else { return Ok(BTreeMap::new()) };
        let context = Context { now: self.now, offset_minutes };
        let mut tx = self.store.reader().await?;
        let found = lists::sources_of(&mut tx, self.workspace, &self.scope, &kind.name, ABOUT, records).await?;
        let activity = |(about, id, title, main): (_, _, _, String)| {
            let fields = serde_json::from_str(&main).unwrap_or_default();
            Activity { about, id, title, fields }
        };
        Ok(next_steps(found.into_iter().map(activity), &context))
    }
}
