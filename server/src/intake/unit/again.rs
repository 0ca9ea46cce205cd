//! Late copies: a change that its device has given up and written again, which arrives after all.
//!
//! A phone writes again what followed a change that was turned down. If the back office lets that one in, an old copy of
//! what followed fits again, and would do the same a second time.

use sync_core::id::{ActorId, Facet, RecordId};
use sync_core::protocol::Pushed;
use sync_core::record::change::Change;
use sync_core::record::replay::is_written_again;

use super::Unit;
use crate::intake::Author;
use crate::store::{Result, Tx, devices, records, rejected};

impl Unit<'_> {
    /// Whether the author's device has written a change again, and that was taken.
    pub(super) async fn was_written_again(&self, tx: &mut Tx, author: &Author, pushed: &Pushed, change: &Change) -> Result<bool> {
        let key = (pushed.record, pushed.facet);
        let Some(open) = self.open.get(&key) else { return Ok(false) };
        // A late copy never knows what was written in its place. Whoever writes the same again later does.
        let others = open.held.doc.written_beside(change).into_iter().filter(|(actor, _)| *actor != change.actor);
        for (actor, seq) in others {
            if devices::owner_of_actor(tx, self.workspace, actor).await? != Some(author.device) {
                continue;
            }
            let other = self.body_of(tx, key, actor, seq).await?.and_then(|body| Change::read(&body).ok());
            if other.is_some_and(|other| is_written_again(&other, change)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the author's device has written a change again, and that waits for a decision: an old copy that fits by now would
    /// be in the record, and a draft besides. The pen that is newer has written again.
    pub(super) async fn waits_written_again(&self, tx: &mut Tx, author: &Author, pushed: &Pushed, change: &Change) -> Result<bool> {
        if !self.has_any_at_desk(author) {
            return Ok(false);
        }
        let key = (pushed.record, pushed.facet);
        let mut bodies = rejected::open_bodies(tx, self.workspace, key, author.device).await?;
        let of_unit = self.rejected.iter().filter(|row| row.is_open() && (row.record, row.facet) == key && row.device == author.device);
        bodies.extend(of_unit.map(|row| row.body.clone()));
        for body in bodies {
            let Some(other) = Change::read(&body).ok().filter(|other| is_written_again(other, change)) else { continue };
            let since = devices::registered_at(tx, self.workspace, change.actor).await?;
            if devices::registered_at(tx, self.workspace, other.actor).await? > since {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn body_of(&self, tx: &mut Tx, key: (RecordId, Facet), actor: ActorId, seq: u64) -> Result<Option<Vec<u8>>> {
        let here = self
            .accepted
            .iter()
            .find(|accepted| (accepted.actor, accepted.seq) == (actor, seq) && (accepted.stored.record, accepted.stored.facet) == key);
        if let Some(accepted) = here {
            return Ok(Some(accepted.stored.body.clone()));
        }
        Ok(records::change_by_seq(tx, self.workspace, key, actor, seq).await?.map(|stored| stored.body))
    }
}
