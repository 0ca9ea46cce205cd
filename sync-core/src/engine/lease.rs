//! The offline lease: after so long without contact a device locks what it holds, until the server answers again.
//!
//! Nothing is lost by it: edits that wait are sent as ever. A clock that is set back gains no time: the device
//! remembers the latest moment it has seen, and a clock far before it locks at once.

use super::replica::Replica;
use crate::id::Millis;
use crate::store::StoreError;

/// A clock may be put right by so much without anybody thinking of it.
const SET_BACK_MAX_MS: Millis = 60 * 60_000;
/// How often the latest moment is written down: a clock that is set back gains no more than this.
const NOTE_EVERY_MS: Millis = 60_000;

const LEASE: &str = "lease";

/// How long a device may be without contact, and how long it has been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    /// When the server last answered, in the device's clock.
    contact: Millis,
    /// How long from then on.
    length: Millis,
    /// The latest moment that this device has seen.
    latest: Millis,
}

impl Lease {
    fn is_over(&self, now: Millis) -> bool {
        now + SET_BACK_MAX_MS < self.latest || now.max(self.latest) - self.contact > self.length
    }

    fn bytes(&self) -> Vec<u8> {
        [self.contact, self.length, self.latest].iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut numbers = bytes.chunks_exact(8).filter_map(|chunk| Some(Millis::from_be_bytes(chunk.try_into().ok()?)));
        Some(Self { contact: numbers.next()?, length: numbers.next()?, latest: numbers.next()? })
    }
}

impl Replica {
    /// Reads what is kept of the lease.
    pub(super) fn read_lease(&mut self) -> Result<(), StoreError> {
        self.lease = self.store.meta(LEASE)?.as_deref().and_then(Lease::read);
        Ok(())
    }

    /// The server has answered, and says how long that is good for.
    pub(super) fn take_lease(&mut self, now: Millis, length_ms: Option<u64>) -> Result<(), StoreError> {
        if length_ms.is_none() && self.lease.is_none() {
            return Ok(());
        }
        self.lease =
            length_ms.map(|length| Lease { contact: now, length: Millis::try_from(length).unwrap_or(Millis::MAX / 2), latest: now });
        self.is_locked = false;
        self.store.set_meta(LEASE, self.lease.as_ref().map(Lease::bytes).as_deref())
    }

    /// The server has answered over a connection that is open already.
    pub(super) fn renew_lease(&mut self, now: Millis) -> Result<(), StoreError> {
        match self.lease {
            Some(lease) if now - lease.contact >= NOTE_EVERY_MS || self.is_locked => self.take_lease(now, Some(lease.length as u64)),
            _ => Ok(()),
        }
    }

    /// What time it is: whether the device is locked follows from it.
    pub(crate) fn look_at_clock(&mut self, now: Millis) -> Result<(), StoreError> {
        let Some(lease) = &mut self.lease else {
            self.is_locked = false;
            return Ok(());
        };
        self.is_locked = lease.is_over(now);
        if now - lease.latest >= NOTE_EVERY_MS {
            lease.latest = now;
            let bytes = lease.bytes();
            return self.store.set_meta(LEASE, Some(&bytes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Millis = 86_400_000;

    #[test]
    fn a_clock_that_is_set_back_gains_nothing() {
        let lease = Lease { contact: 0, length: 7 * DAY, latest: 6 * DAY };
        let cases = [
            (6 * DAY, false, "within it"),
            (7 * DAY + 1, true, "after it"),
            (6 * DAY - 30 * 60_000, false, "put right by half an hour"),
            (5 * DAY, true, "set back by a day"),
            (-400 * DAY, true, "set back by a year"),
        ];
        for (now, over, what) in cases {
            assert_eq!(lease.is_over(now), over, "{what}");
        }
        assert_eq!(Lease::read(&lease.bytes()), Some(lease));
    }
}
