//! Edits that were not accepted and that their author has given up: nobody is asked about them any more.

use sync_core::id::{ChangeHash, Millis};
use sync_core::protocol::GivenUp;

use super::Unit;
use crate::intake::Author;
use crate::store::rejected::{self, Decision, WITHDRAWN};
use crate::store::{Result, Tx};

impl Unit<'_> {
    /// Takes edits from the desk. Whose they are not keeps them there, and what somebody has decided about stays as it was
    /// decided: the author hears of that as usual.
    pub async fn withdraw(&mut self, tx: &mut Tx, author: &Author, now: Millis, changes: &[GivenUp]) -> Result<()> {
        let hashes: Vec<ChangeHash> = changes.iter().map(|change| change.hash).collect();
        let found = rejected::rejected_among(tx, self.workspace, &hashes).await?;
        for change in changes {
            let Some(row) = found.get(&change.hash).filter(|row| (row.record, row.facet) == (change.record, change.facet)) else {
                continue;
            };
            // A phone that was enrolled anew is another device, and still its user's.
            if row.user != author.user {
                tracing::warn!(device = %author.device, record = %row.record, "somebody else's edit was not withdrawn");
                continue;
            }
            let decision = Decision { change: row.hash, state: WITHDRAWN, by: author.user, note: None, answer: None, at: now };
            if rejected::decide_rejected(tx, self.workspace, &decision).await? {
                self.was_withdrawn = true;
                self.waits_no_more(row.record, &row.hash);
                self.write_down(tx, author.user, now, row, WITHDRAWN).await?;
            }
        }
        Ok(())
    }
}
