//! What a person has given up: edits that were not accepted, and that nobody is to decide about any more.

use minicbor::{Decode, Encode};

use super::bounded;
use crate::id::{ChangeHash, Facet, RecordId};

/// Edits that were not accepted and that their author has given up. Only who made them may say so, and only what is
/// still open is touched by it: what the back office has decided stands.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Withdraw {
    /// Chosen by the device; the server's `Withdrawn` repeats it.
    #[n(0)]
    pub number: u64,
    /// The changes.
    #[cbor(n(1), decode_with = "bounded::given_up")]
    pub changes: Vec<GivenUp>,
}

/// One change that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct GivenUp {
    /// The record.
    #[n(0)]
    pub record: RecordId,
    /// Which document of the record.
    #[n(1)]
    pub facet: Facet,
    /// SHA-256 of the change.
    #[n(2)]
    pub hash: ChangeHash,
}
