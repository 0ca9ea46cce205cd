//! The network of a world: what is under way, and when it arrives.

use std::collections::BTreeMap;

use sync_core::id::{ChangeHash, Facet, Millis, RecordId};

/// A change of a document: the same words in the same moment are one hash, in two records.
pub type ChangeName = (RecordId, Facet, ChangeHash);
/// What the pushes of a frame were about: the batch's number and its changes.
pub type Pushed = Vec<(u64, Vec<ChangeName>)>;

/// Something under way. `connection` and `exchange` say for whom it still
/// matters, `life` which life of the server spoke: after a restore its old words hold no more.
#[derive(Debug, Clone)]
pub enum Cargo {
    /// A frame for the server. An `exchange` of 0 is an open connection's.
    Request { phone: usize, connection: u64, exchange: u64, frame: Vec<u8>, loses_answer: bool },
    /// A frame for a phone.
    Answer { phone: usize, connection: u64, exchange: u64, life: u32, frame: Vec<u8>, pushed: Pushed },
    /// A request that will not be answered.
    Failed { phone: usize, connection: u64, exchange: u64 },
    /// The end of an open connection.
    Hangup { phone: usize, connection: u64 },
    /// The server starts again.
    ServerStarts,
}

/// Everything under way, in the order of arrival.
#[derive(Debug, Default)]
pub struct Network {
    queue: BTreeMap<(Millis, u64), Cargo>,
    count: u64,
}

impl Network {
    /// Sends something that arrives at a moment.
    pub fn send(&mut self, at: Millis, cargo: Cargo) {
        self.count += 1;
        self.queue.insert((at, self.count), cargo);
    }

    /// When the next thing arrives.
    pub fn next_at(&self) -> Option<Millis> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// What has arrived by a moment, one at a time.
    pub fn arrived(&mut self, now: Millis) -> Option<Cargo> {
        if self.next_at()? > now {
            return None;
        }
        self.queue.pop_first().map(|(_, cargo)| cargo)
    }

    /// The server's process is gone, and with it what was on its way to it over open connections.
    pub fn drop_open_connections(&mut self) {
        self.queue.retain(|_, cargo| !matches!(cargo, Cargo::Request { exchange: 0, .. }));
    }

    /// How much is under way.
    pub fn len(&self) -> usize {
        self.queue.len()
    }
}
