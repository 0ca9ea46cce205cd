//! Edits that were not accepted and that their author has given up: nobody is asked about them any more.

use sync_core::id::Millis;
use sync_core::protocol::GivenUp;

use super::Unit;
use crate::intake::Author;
use crate::store::rejected::{self, ChangeName, Decision, DeskState};
use crate::store::{Result, Tx};

impl Unit<'_> {
    /// Takes edits from the desk. Whose they are not keeps them there, and what somebody has decided about stays as it was
    /// decided: the author hears of that as usual.
    pub async fn withdraw(&mut self, tx: &mut Tx, author: &Author, now: Millis, changes: &[GivenUp]) -> Result<()> {
        let names: Vec<ChangeName> = changes.iter().map(ChangeName::from).collect();
        let found = rejected::rejected_among(tx, self.workspace, &names).await?;
        for name in names {
            let Some(row) = found.get(&name) else { continue };
            // A phone that was enrolled anew is another device, and still its user's.
            if row.user != author.user {
                tracing::warn!(device = %author.device, record = %row.record, "somebody else's edit was not withdrawn");
                continue;
            }
            let decision = Decision { change: name, state: DeskState::Withdrawn, by: author.user, note: None, answer: None, at: now };
            if rejected::decide_rejected(tx, self.workspace, &decision).await? {
                self.was_withdrawn = true;
                self.waits_no_more(&name);
                self.write_down(tx, author.user, now, row, DeskState::Withdrawn.word()).await?;
            }
        }
        Ok(())
    }
}
