//! What is to be done next about some records.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use sync_core::actions::next::{ABOUT, ACTIVITY, Tone, due, is_open, place, tone};
use sync_core::id::RecordId;
use sync_core::query::Context;

use super::{ReadError, Reading};
use crate::store::lists;

/// The open activity that is due first.
#[derive(Debug, Clone, PartialEq)]
pub struct NextStep {
    /// The activity.
    pub id: RecordId,
    /// What it is.
    pub title: String,
    /// When it is due: a day, a moment, or nothing.
    pub due: Option<Json>,
    /// How it stands with it.
    pub tone: Tone,
}

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
        let mut steps: BTreeMap<RecordId, NextStep> = BTreeMap::new();
        for (target, id, title, main) in found {
            let fields: Map<String, Json> = serde_json::from_str(&main).unwrap_or_default();
            if !is_open(&fields) {
                continue;
            }
            let due = due(&fields);
            let step = NextStep { id, title, tone: tone(due.as_ref(), &context), due };
            let sooner = |known: &NextStep| place(step.due.as_ref(), &context) < place(known.due.as_ref(), &context);
            if steps.get(&target).is_none_or(sooner) {
                steps.insert(target, step);
            }
        }
        Ok(steps)
    }
}
