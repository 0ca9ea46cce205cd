//! Two changes under one number of one pen: the first stays, and the audit log tells of the second.
//!
//! A phone never does that: a copy of it is in use beside it, or its app was altered.

use serde_json::json;
use sync_core::id::Millis;
use sync_core::protocol::{Pushed, Verdict};

use super::{Decided, Outcome, Unit};
use crate::audit::{Act, Note};
use crate::intake::Author;
use crate::store::trail::{self, Wanted};
use crate::store::{Result, Tx};

const DAY_MS: Millis = 86_400_000;
/// Entries about one device in a day: enough to see what it is about, and no way to fill the log.
const NOTED_MAX: u32 = 20;

impl Unit<'_> {
    /// What a device is told of a change that is neither accepted nor kept.
    pub(super) async fn outcome_of(
        &self,
        tx: &mut Tx,
        author: &Author,
        now: Millis,
        pushed: &Pushed,
        number: u64,
        why: Decided,
    ) -> Result<Outcome> {
        let outcome = why.outcome();
        if matches!(outcome, Outcome::Verdict(Verdict::ActorFork { .. })) {
            self.note_fork(tx, author, now, pushed, number).await?;
        }
        Ok(outcome)
    }

    /// Writes down that a device has sent another change under a number that is taken, once a day for each record.
    async fn note_fork(&self, tx: &mut Tx, author: &Author, now: Millis, pushed: &Pushed, number: u64) -> Result<()> {
        tracing::warn!(device = %author.device, record = %pushed.record, "another change under a number that is taken was refused");
        let (act, device, record) = (Act::DeviceForked, author.device, pushed.record.to_string());
        let (word, from) = (Some(act.as_str().to_owned()), Some(now - DAY_MS));
        let wanted = Wanted { act: word, from, about: Some(device.to_string()), ..Wanted::default() };
        let noted = trail::wanted_before(tx, self.workspace, u64::MAX, &wanted, NOTED_MAX).await?;
        if noted.len() == NOTED_MAX as usize || noted.iter().any(|entry| entry.detail.contains(&record)) {
            return Ok(());
        }
        let detail = json!({"record": record, "kind": pushed.kind, "facet": pushed.facet.as_str(), "number": number});
        Note::of(self.workspace, Some(author.user), act, device).with(detail).write(tx, now).await
    }
}
