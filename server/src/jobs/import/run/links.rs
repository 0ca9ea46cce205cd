//! Where the links of rows lead: what the server's other doors refuse is no record's here either.

use std::collections::HashSet;

use sync_core::id::RecordId;
use sync_core::schema::Label;

use super::super::mistakes::joined;
use super::super::reasons::reason_in;
use super::{Run, Step};
use crate::intake::NotEdited;
use crate::store::{Result, Tx};
use crate::writing::Leads;

impl Run<'_> {
    /// Leaves out rows that link to no record in sight, or to one of another kind. Rows of this batch, and those that were
    /// made before it or would have been, are there.
    pub(super) async fn leave_out_strays(&self, tx: &mut Tx, steps: &mut [Step]) -> Result<()> {
        let (mut leads, mut new) = (Leads::default(), HashSet::<RecordId>::new());
        for step in steps.iter() {
            match step {
                Step::Write { record, is_new, changes, .. } => {
                    changes.iter().for_each(|edits| leads.note(self.kind, *record, edits));
                    new.extend(is_new.then_some(*record));
                }
                Step::Fail { record, changes, .. } => changes.iter().for_each(|edits| leads.note(self.kind, *record, edits)),
                Step::Unchanged(_) => {}
            }
        }
        let made = |target: &RecordId| (new.contains(target) || self.made.contains(target)).then(|| self.kind.name.clone());
        let strays = leads.astray(tx, (self.rules, self.author), made).await?;
        for step in steps.iter_mut().filter(|_| !strays.is_empty()) {
            let (record, before) = match &*step {
                Step::Write { record, .. } => (*record, None),
                Step::Fail { record, why, .. } => (*record, Some(why.clone())),
                Step::Unchanged(_) => continue,
            };
            let Some(bad) = strays.get(&record) else { continue };
            let mut reasons: Vec<Label> = before.into_iter().collect();
            for reason in bad.iter().map(|bad| reason_in(self.kind, &NotEdited::BadEdit(bad.clone()))) {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
            *step = Step::Fail { record, changes: Vec::new(), why: joined(&reasons) };
        }
        Ok(())
    }
}
