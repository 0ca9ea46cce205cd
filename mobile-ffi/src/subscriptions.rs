//! What this device wants of all that its user may see, and how much that would be.
//!
//! At first a device wants everything. An app that wants less subscribes to that, and unsubscribes from everyone's: what
//! is here and not wanted any more goes with the next sync, but what has unsent edits.

use std::sync::Arc;

use sync_core::id::KindName;
use sync_core::protocol::{self, Estimated, MAX_SUBSCRIBED_KINDS, MAX_SUBSCRIPTIONS};

use crate::client::Client;
use crate::error::ClientError;
use crate::read::RecordId;
use crate::runtime::{CancelHandle, blocking, guarded};

/// Whose records a subscription is for.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Whose {
    /// All that the user may see.
    Everyone,
    /// The user's own, and what belongs to the user's customers.
    Mine,
    /// Those of the user's teams and of who reports to the user.
    Team,
    /// Those of one territory.
    Territory {
        /// As customers name it.
        name: String,
    },
    /// One customer, with everything that belongs to it.
    Customer {
        /// The customer.
        record: RecordId,
    },
}

/// A part of all that the user may see. A device wants what any of its subscriptions names.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Subscription {
    /// Whose records.
    pub whose: Whose,
    /// Of which kinds; none named: of all.
    #[uniffi(default = [])]
    pub kinds: Vec<String>,
    /// Only those that were changed within so many days.
    #[uniffi(default = None)]
    pub days: Option<u32>,
}

/// How much a subscription would bring, before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Estimate {
    /// Records.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files among the records.
    pub files: u64,
    /// Bytes of the files' contents; they come when they are opened.
    pub file_bytes: u64,
}

impl From<Estimated> for Estimate {
    fn from(estimated: Estimated) -> Self {
        let Estimated { records, bytes, files, file_bytes, .. } = estimated;
        Self { records, bytes, files, file_bytes }
    }
}

impl From<protocol::Subscription> for Subscription {
    fn from(subscription: protocol::Subscription) -> Self {
        let whose = match subscription.whose {
            protocol::Whose::Everyone => Whose::Everyone,
            protocol::Whose::Mine => Whose::Mine,
            protocol::Whose::Team => Whose::Team,
            protocol::Whose::Territory(name) => Whose::Territory { name },
            protocol::Whose::Customer(record) => Whose::Customer { record: record.into() },
        };
        Self { whose, kinds: subscription.kinds.iter().map(ToString::to_string).collect(), days: subscription.days }
    }
}

fn bad(detail: impl Into<String>) -> ClientError {
    ClientError::BadArgument { detail: detail.into() }
}

impl Subscription {
    /// What is meant, or what is wrong with it: the server would refuse the whole exchange.
    fn read(self) -> Result<protocol::Subscription, ClientError> {
        let whose = match self.whose {
            Whose::Everyone => protocol::Whose::Everyone,
            Whose::Mine => protocol::Whose::Mine,
            Whose::Team => protocol::Whose::Team,
            Whose::Territory { name } if name.trim().is_empty() => return Err(bad("a territory has a name")),
            Whose::Territory { name } => protocol::Whose::Territory(name),
            Whose::Customer { record } => protocol::Whose::Customer(record.parse()?),
        };
        if self.kinds.len() > MAX_SUBSCRIBED_KINDS {
            return Err(bad(format!("a subscription names at most {MAX_SUBSCRIBED_KINDS} kinds")));
        }
        if self.days == Some(0) {
            return Err(bad("`days` is at least 1; left out, time does not matter"));
        }
        let kind = |kind: &String| kind.parse::<KindName>().map_err(|_| bad(format!("`{kind}` is not the name of a kind")));
        let kinds = self.kinds.iter().map(kind).collect::<Result<_, _>>()?;
        Ok(protocol::Subscription { whose, kinds, days: self.days })
    }
}

#[uniffi::export]
impl Client {
    /// What this device wants: everyone's, until the app says otherwise.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, ClientError> {
        self.on_device(|device, _| Ok(device.subscriptions()?.into_iter().map(Subscription::from).collect())).await
    }

    /// Wants this, too: it comes with the next sync, at once while connected. Answers whether it is new.
    pub async fn subscribe(&self, subscription: Subscription) -> Result<bool, ClientError> {
        let (open, wanted) = (self.open_now()?, subscription.read()?);
        guarded(blocking(move || {
            open.host.with_wants(|device, _| {
                let known = device.subscriptions()?;
                if known.len() >= MAX_SUBSCRIPTIONS && !known.contains(&wanted) {
                    return Err(bad(format!("a device has at most {MAX_SUBSCRIPTIONS} subscriptions")));
                }
                Ok(device.subscribe(&wanted)?)
            })
        }))
        .await
    }

    /// Does not want this any more: what nothing else asks for goes with the next sync; what has unsent edits goes when
    /// they are delivered. Answers whether it was wanted.
    pub async fn unsubscribe(&self, subscription: Subscription) -> Result<bool, ClientError> {
        let (open, wanted) = (self.open_now()?, subscription.read()?);
        guarded(blocking(move || open.host.with_wants(|device, _| Ok(device.unsubscribe(&wanted)?)))).await
    }

    /// Asks the server how much a subscription would bring, before anything of it is downloaded: `Offline` without a
    /// network. Nothing is sent or received but the answer.
    pub async fn estimate(&self, subscription: Subscription, cancel: Option<Arc<CancelHandle>>) -> Result<Estimate, ClientError> {
        let (open, wanted) = (self.open_now()?, subscription.read()?);
        guarded(async move {
            tokio::select! {
                estimated = open.server.estimate(&open.host, &wanted) => Ok(estimated?.into()),
                () = open.until_ended() => Err(ClientError::Closed),
                () = CancelHandle::wait(cancel) => Err(ClientError::Cancelled),
            }
        })
        .await
    }
}
