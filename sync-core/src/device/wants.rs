//! What a device wants of all that it may see.

use super::Device;
use crate::protocol::{MAX_SUBSCRIPTIONS, Subscription, Subscriptions};
use crate::store::StoreError;

impl Device {
    /// What this device wants; everything until somebody says otherwise.
    ///
    /// # Errors
    /// When the store fails.
    pub fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        Ok(self.replica.subscriptions()?.0)
    }

    /// Wants this, too. Answers whether it is new and there was room for it ([`MAX_SUBSCRIPTIONS`]). It comes with the next
    /// exchange: pass [`Event::Wake`](crate::engine::Event::Wake).
    ///
    /// # Errors
    /// When the store fails.
    pub fn subscribe(&mut self, subscription: &Subscription) -> Result<bool, StoreError> {
        let mut wants = self.subscriptions()?;
        let is_new = !wants.contains(subscription) && wants.len() < MAX_SUBSCRIPTIONS;
        if is_new {
            wants.push(subscription.clone());
            self.replica.transact(|replica| replica.want(&Subscriptions(wants)))?;
        }
        Ok(is_new)
    }

    /// Does not want this any more. Answers whether it was wanted. With the next exchange the server says what goes; what has
    /// unsent edits goes when they are delivered, and what nothing ever asked for, because it was made here, stays.
    ///
    /// # Errors
    /// When the store fails.
    pub fn unsubscribe(&mut self, subscription: &Subscription) -> Result<bool, StoreError> {
        let mut wants = self.subscriptions()?;
        let known = wants.len();
        wants.retain(|wanted| wanted != subscription);
        let was_wanted = wants.len() < known;
        if was_wanted {
            self.replica.transact(|replica| replica.want(&Subscriptions(wants)))?;
        }
        Ok(was_wanted)
    }
}
