//! Where a reader stands. Opaque to devices.

use minicbor::{Decode, Encode};
use sync_core::id::RecordId;

use super::eyes::{Codes, Eyes};

/// Where a reader stands, what it could see then, and what it was in the middle of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cursor {
    /// The last position seen.
    #[n(0)]
    pub position: u64,
    /// The feed's epoch.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) epoch: Vec<u8>,
    /// What the reader could see.
    #[n(2)]
    pub(super) codes: Codes,
    /// What it wanted of that, as a fingerprint.
    #[n(3)]
    pub(super) wants: u64,
    /// Set while the reader is brought from another sight to this one.
    #[n(4)]
    pub(super) pass: Option<Pass>,
    /// The record under way, and the last position of its changes that was sent: within a mark or a pass.
    #[n(5)]
    pub(super) inside: Option<Inside>,
}

/// A walk over all records because the reader sees with other eyes than before.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Pass {
    /// What it could see before.
    #[n(0)]
    pub old: Codes,
    /// Whether its eyes changed once more on the way: what it holds is known of no record.
    #[n(1)]
    pub unsure: bool,
    /// Whether what it wants has changed.
    #[n(2)]
    pub wants_changed: bool,
    /// The last record that was dealt with.
    #[n(3)]
    pub done: Option<RecordId>,
}

/// How far a record, or the records of a mark, have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Inside {
    /// The record.
    #[n(0)]
    pub record: RecordId,
    /// The last position of its changes that was sent; `None` when all were.
    #[n(1)]
    pub position: Option<u64>,
}

/// A cursor that this server did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of this server's")]
pub struct BadCursor;

impl Cursor {
    /// Reads a cursor as it came from a device.
    ///
    /// # Errors
    /// [`BadCursor`].
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, BadCursor> {
        minicbor::decode(bytes).map_err(|_| BadCursor)
    }

    /// The bytes that a device keeps.
    pub fn bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to a vector cannot fail")
    }

    /// Before everything, with these eyes. A reader that had another cursor, of a life of the feed that is over, holds what
    /// it saw then.
    pub(super) fn at_the_beginning(epoch: Vec<u8>, eyes: &Eyes<'_>, before: Option<&Cursor>) -> Self {
        let (codes, wants) = (eyes.codes.clone(), eyes.wants_code());
        let may_hold_more = before.filter(|before| !eyes.is_open() || before.codes != codes || before.wants != wants);
        let pass = may_hold_more.map(|before| Pass { old: before.codes.clone(), unsure: true, wants_changed: true, done: None });
        Self { position: 0, epoch, codes, wants, pass, inside: None }
    }

    /// Whether more is to come, whatever the position.
    pub(super) fn is_under_way(&self) -> bool {
        self.pass.is_some() || self.inside.is_some()
    }

    /// Notes that the reader sees with other eyes than when it got this cursor.
    pub(super) fn turn(&mut self, eyes: &Eyes<'_>, says_what_it_wanted: bool) {
        let (codes, wants) = (&eyes.codes, eyes.wants_code());
        if self.codes == *codes && self.wants == wants {
            return;
        }
        let before = self.pass.take();
        self.pass = Some(Pass {
            wants_changed: self.wants != wants || before.as_ref().is_some_and(|pass| pass.wants_changed),
            // A reader that wants something else and does not say what it has may have anything.
            unsure: before.is_some() || self.wants != wants && !says_what_it_wanted,
            old: self.codes.clone(),
            done: None,
        });
        (self.codes, self.wants, self.inside) = (codes.clone(), wants, None);
    }
}
