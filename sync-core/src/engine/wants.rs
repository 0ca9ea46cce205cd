//! What this device wants of all that it may see.

use serde::{Deserialize, Serialize};

use super::replica::Replica;
use crate::protocol::{PAGE_BYTES, Pull, Subscription, Subscriptions};
use crate::store::StoreError;

const SUBSCRIPTIONS: &str = "subscriptions";
const TURNING: &str = "subscriptions_before";

/// What was wanted before, until the server has brought what is wanted now.
#[derive(Debug, Serialize, Deserialize)]
struct Turning {
    number: u64,
    before: Subscriptions,
}

fn damaged(error: serde_json::Error) -> StoreError {
    StoreError::Damaged(error.to_string())
}

impl Replica {
    /// What the device wants; everything until somebody says otherwise.
    pub(crate) fn subscriptions(&self) -> Result<Subscriptions, StoreError> {
        let kept = self.store.meta(SUBSCRIPTIONS)?.map(|json| serde_json::from_slice(&json).map_err(damaged)).transpose()?;
        Ok(kept.unwrap_or_else(|| Subscriptions(vec![Subscription::everything()])))
    }

    /// Wants something else from now on. Part of a transaction.
    pub(crate) fn want(&mut self, wants: &Subscriptions) -> Result<(), StoreError> {
        let now = self.subscriptions()?;
        // In the middle of another change nobody knows how far it came: what was wanted then may be here, too.
        let mut before = self.turning()?.map(|turning| turning.before).unwrap_or_default();
        before.0.extend(now.0.into_iter().filter(|known| !before.0.contains(known)).collect::<Vec<_>>());
        let turning = Turning { number: self.random.below(1 << 53), before };
        self.store.set_meta(TURNING, Some(&serde_json::to_vec(&turning).map_err(damaged)?))?;
        self.store.set_meta(SUBSCRIPTIONS, Some(&serde_json::to_vec(wants).map_err(damaged)?))
    }

    fn turning(&self) -> Result<Option<Turning>, StoreError> {
        self.store.meta(TURNING)?.map(|json| serde_json::from_slice(&json).map_err(damaged)).transpose()
    }

    /// The number of the pull that brings what is wanted now; nothing when it is here.
    pub(super) fn turn(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.turning()?.map(|turning| turning.number))
    }

    /// The pull from where the device stands.
    pub(super) fn pull(&self, cursor: Option<Vec<u8>>) -> Result<Pull, StoreError> {
        let (wants, turning) = (self.subscriptions()?, self.turning()?);
        let is_all = wants.0.contains(&Subscription::everything());
        let (number, before) = turning.map_or((None, None), |turning| (Some(turning.number), Some(turning.before)));
        Ok(Pull { cursor, max_bytes: PAGE_BYTES, subscriptions: (!is_all || before.is_some()).then_some(wants), before, number })
    }

    /// The last page of an answer came: with it, all that the pull of this number wanted.
    pub(super) fn brought(&mut self, pull: Option<u64>) -> Result<(), StoreError> {
        let is_it = pull.is_some() && self.turning()?.is_some_and(|turning| pull == Some(turning.number));
        if is_it { self.store.set_meta(TURNING, None) } else { Ok(()) }
    }
}
