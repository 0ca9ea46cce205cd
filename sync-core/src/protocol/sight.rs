//! What a device may hold, and what of it the device wants: subscriptions, how much they are, and receipts.

use minicbor::{Decode, Decoder, Encode};

use super::bounded;
use crate::id::{KindName, Millis, RecordId};

/// The most subscriptions of a device: a screen lets a person choose a handful.
pub const MAX_SUBSCRIPTIONS: usize = 64;
/// The most kinds that one subscription names.
pub const MAX_SUBSCRIBED_KINDS: usize = 256;

/// A part of what a device may see that it wants to hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(map)]
pub struct Subscription {
    /// Whose records.
    #[n(0)]
    pub whose: Whose,
    /// Of which kinds; none named: of all.
    #[cbor(n(1), decode_with = "named_kinds")]
    pub kinds: Vec<KindName>,
    /// Only those that were changed within so many days.
    #[n(2)]
    pub days: Option<u32>,
}

/// Whose records a subscription is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// All that the device may see.
    #[n(0)]
    Everyone,
    /// The user's own, and what belongs to the user's customers.
    #[n(1)]
    Mine,
    /// Those of the user's teams and of who reports to the user.
    #[n(2)]
    Team,
    /// Those of one territory.
    #[n(3)]
    Territory(#[n(0)] String),
    /// One customer, with everything that belongs to it.
    #[n(4)]
    Customer(#[n(0)] RecordId),
}

impl Subscription {
    /// Everything that the device may see: the same as no subscription at all.
    pub fn everything() -> Self {
        Self::of(Whose::Everyone)
    }

    /// All records of somebody.
    pub fn of(whose: Whose) -> Self {
        Self { whose, kinds: Vec::new(), days: None }
    }

    /// Whether it asks for records of a kind.
    pub fn is_about(&self, kind: &KindName) -> bool {
        self.kinds.is_empty() || self.kinds.contains(kind)
    }
}

/// All subscriptions of a device: what it wants is what any of them names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Encode, serde::Serialize, serde::Deserialize)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Subscriptions(#[n(0)] pub Vec<Subscription>);

impl<'b, C> Decode<'b, C> for Subscriptions {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        bounded::at_most(decoder, context, MAX_SUBSCRIPTIONS).map(Self)
    }
}

fn named_kinds<C>(decoder: &mut Decoder<'_>, context: &mut C) -> Result<Vec<KindName>, minicbor::decode::Error> {
    bounded::at_most(decoder, context, MAX_SUBSCRIBED_KINDS)
}

/// Asks how much a part of what the device may see would be.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Estimate {
    /// Chosen by the device; the answer repeats it.
    #[n(0)]
    pub number: u64,
    /// The part.
    #[n(1)]
    pub subscription: Subscription,
}

/// How much it would be, uncompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Estimated {
    /// The question's number.
    #[n(0)]
    pub number: u64,
    /// Records.
    #[n(1)]
    pub records: u64,
    /// Bytes of their changes.
    #[n(2)]
    pub bytes: u64,
    /// Files among the records; their contents come when they are opened.
    #[n(3)]
    pub files: u64,
    /// Bytes of the files' contents.
    #[n(4)]
    pub file_bytes: u64,
}

/// Why a device has removed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Removal {
    /// It went out of sight: entry `Leave`.
    #[n(0)]
    Left,
    /// It was erased: entry `Purge`.
    #[n(1)]
    Purged,
    /// Everything was to be removed: entry `Wipe`.
    #[n(2)]
    Wiped,
}

/// What the device was told to remove is gone from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// Chosen by the device; the server's `Noted` repeats it.
    #[n(0)]
    pub number: u64,
    /// Why.
    #[n(1)]
    pub removal: Removal,
    /// How many records were removed.
    #[n(2)]
    pub records: u64,
    /// How many of the user's own edits of them the server had not taken: they are kept on the device as drafts,
    /// or gone with a wipe.
    #[n(3)]
    pub unsent: u64,
    /// When, by the server's clock as the device knows it.
    #[n(4)]
    pub at: Millis,
}
