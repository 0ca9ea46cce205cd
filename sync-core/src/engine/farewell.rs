//! What a device says when it has forgotten everything.

use minicbor::{Decode, Encode};

use super::TOKEN;
use super::replica::Replica;
use crate::id::Millis;
use crate::protocol::{self, Message, Receipt, Removal};
use crate::store::StoreError;

/// What a wiped device still has to say. Until the server knows, this is all that it holds: nobody's name, no key.
#[derive(Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Farewell {
    /// For `Authorization: Bearer`: good for this receipt, and for nothing else.
    #[n(0)]
    pub token: String,
    /// A frame: the receipt.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub frame: Vec<u8>,
}

impl std::fmt::Debug for Farewell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Farewell(..)")
    }
}

impl Farewell {
    /// As bytes, to be kept until it is said.
    pub fn bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to a vector cannot fail")
    }

    /// From bytes that were kept; nothing when they are none.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }

    /// Read before the device is wiped; nothing for one that belongs to nobody.
    pub(super) fn of(replica: &mut Replica, now: Millis) -> Result<Option<Self>, StoreError> {
        let Some(token) = replica.store.meta(TOKEN)?.and_then(|token| String::from_utf8(token).ok()) else { return Ok(None) };
        let receipt = Receipt {
            // Below 2^53: every language and SQLite hold it.
            number: replica.random.below(1 << 53),
            removal: Removal::Wiped,
            records: replica.store.record_count()?,
            unsent: replica.store.pending_count()?,
            at: replica.server_time(now),
        };
        Ok(Some(Self { token, frame: protocol::encode_frame(&[Message::Receipt(receipt)]) }))
    }
}
