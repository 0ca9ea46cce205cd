//! Ids and jitter from one seed that the host gives: this crate reads no randomness.

use sha2::{Digest, Sha256};

use crate::id::{ActorId, Millis, RecordId};

/// Unpredictable bytes from a seed: SHA-256 of the seed and a count.
#[derive(Debug, Clone)]
pub struct Random {
    seed: [u8; 32],
    count: u64,
}

impl Random {
    /// The seed must be fresh at every opening: 32 bytes of the operating system's randomness.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, count: 0 }
    }

    fn next(&mut self) -> [u8; 32] {
        self.count += 1;
        Sha256::new().chain_update(self.seed).chain_update(self.count.to_be_bytes()).finalize().into()
    }

    /// A new actor.
    pub fn actor(&mut self) -> ActorId {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.next()[..16]);
        ActorId::new(bytes)
    }

    /// A new record's id.
    pub fn record(&mut self, now: Millis) -> RecordId {
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&self.next()[..10]);
        RecordId::new(now, bytes)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        let bytes = self.next();
        let number = u64::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]);
        number % limit.max(1)
    }
}
