//! What is said on the wire between a device and the server.
//!
//! A frame is a sequence of messages, the same over HTTP and WebSocket. Keys are numbers and unknown
//! keys are skipped, so that both sides may learn new fields without a new version; what changes
//! meaning gets a new message or a capability. `docs/protocol.md` describes it for strangers.

mod bounded;
mod enrol;
mod invitation;
mod sight;
mod withdraw;

pub use enrol::{Enrol, Enrolled, fingerprint, fingerprint_of};
pub use invitation::{Invitation, NoInvitation};
pub use sight::{Estimate, Estimated, MAX_SUBSCRIBED_KINDS, MAX_SUBSCRIPTIONS, Receipt, Removal, Subscription, Subscriptions, Whose};
pub use withdraw::{GivenUp, Withdraw};

use minicbor::{Decode, Encode};

use crate::id::{ActorId, ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, Seal, UserId, WorkspaceId};

/// The version both sides speak. It changes only when old peers could misunderstand.
pub const PROTOCOL_VERSION: u32 = 1;
/// The largest frame on the wire, compressed: fits a phone's memory and a proxy's limits.
pub const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;
/// The largest frame after decompression: bounds what a small frame may blow up to.
pub const MAX_FRAME_PLAIN_BYTES: usize = 8 * 1024 * 1024;
/// The most messages of one frame.
pub const MAX_FRAME_MESSAGES: usize = 256;
/// The most changes of one push: a verdict for each fits one frame, and one transaction stays short.
pub const MAX_PUSH_CHANGES: usize = 2_000;
/// The most entries of one page: far more small changes than [`PAGE_BYTES`] holds.
pub const MAX_PAGE_ENTRIES: usize = 65_536;
/// The most capabilities that a peer names.
pub const MAX_CAPABILITIES: usize = 64;
/// How much uncompressed change data a page carries unless the device asks for less.
pub const PAGE_BYTES: u64 = 2 * 1024 * 1024;
/// Changes dated later than the server's clock by more than this are refused; the device stamps anew.
pub const MAX_AHEAD_MS: Millis = 60_000;
/// Frames below this are sent as they are: compressing them saves nothing.
pub const COMPRESS_FROM_BYTES: usize = 256;

/// What a peer can do beyond the version; unknown names are ignored.
pub const CAPABILITIES: [&str; 3] = ["live", "zstd", WITHDRAW];
/// The peer knows [`Message::Withdraw`].
pub const WITHDRAW: &str = "withdraw";

/// Codes of [`Verdict::Rejected`], stable for apps to act on.
pub mod code {
    /// The bytes are not an admissible change.
    pub const MALFORMED: &str = "malformed";
    /// It does not fit the record's history.
    pub const INADMISSIBLE: &str = "inadmissible";
    /// The caller may not do this.
    pub const FORBIDDEN: &str = "forbidden";
    /// The kind, or a field of it, is unknown.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// A value does not fit its field.
    pub const BAD_VALUE: &str = "bad_value";
    /// The field may not change in the record's state.
    pub const FROZEN: &str = "frozen";
    /// The record is of another kind, or lies in another facet.
    pub const WRONG_RECORD: &str = "wrong_record";
    /// The actor belongs to another device.
    pub const FOREIGN_ACTOR: &str = "foreign_actor";
    /// The change is dated ahead of the server's clock.
    pub const AHEAD: &str = "ahead";
    /// The record is archived.
    pub const ARCHIVED: &str = "archived";
    /// The review ended with no.
    pub const DECLINED: &str = "declined";
    /// The review ended with a wish: the message says what its author should change before it is sent again.
    pub const RETURNED: &str = "returned";
    /// The review ended with yes, in the reviewer's own words: the record says what was meant, nothing is left to do.
    pub const AMENDED: &str = "amended";
    /// Its device has written it again under another actor, and that was taken: nothing is left to do.
    pub const REWRITTEN: &str = "rewritten";
    /// Its author has given it up.
    pub const WITHDRAWN: &str = "withdrawn";
    /// The device was shut out before the edit was sent: somebody looks at it first.
    pub const REVOKED: &str = "revoked";
    /// The record was erased: a person's right to be forgotten.
    pub const ERASED: &str = "erased";
    /// What it was written on was forgotten, and comes no more: a device says so itself.
    pub const FORGOTTEN: &str = "forgotten";
    /// What is offered back does not bear this server's seal.
    pub const SEAL: &str = "seal";
}

/// One message, in either direction.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Message {
    /// Device: who speaks and where it stands. First in every exchange.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// Device: changes to accept.
    #[n(1)]
    Push(#[n(0)] Push),
    /// Device: send what I have not seen.
    #[n(2)]
    Pull(#[n(0)] Pull),
    /// Either: are you there.
    #[n(3)]
    Ping,
    /// Device: what a restored server once gave out and has no more.
    #[n(4)]
    Offer(#[n(0)] Offer),
    /// Device: what it was told to remove is gone.
    #[n(5)]
    Receipt(#[n(0)] Receipt),
    /// Device: how much would this be.
    #[n(6)]
    Estimate(#[n(0)] Estimate),
    /// Device, to a server that can [`WITHDRAW`]: its user has given up what was not accepted.
    #[n(7)]
    Withdraw(#[n(0)] Withdraw),
    /// Server: the answer to hello.
    #[n(16)]
    Welcome(#[n(0)] Welcome),
    /// Server: what became of each pushed change, in order.
    #[n(17)]
    Verdicts(#[n(0)] Verdicts),
    /// Server: what the device has not seen.
    #[n(18)]
    Page(#[n(0)] Page),
    /// Server: the whole exchange is refused.
    #[n(19)]
    Refused(#[n(0)] Refused),
    /// Either: the answer to ping.
    #[n(20)]
    Pong,
    /// Server, on a live connection: there is something new. Pull, and ask what became of drafts: push them again.
    #[n(21)]
    News(#[n(0)] u64),
    /// Server: the receipt with this number is kept.
    #[n(22)]
    Noted(#[n(0)] u64),
    /// Server: how much it would be.
    #[n(23)]
    Estimated(#[n(0)] Estimated),
    /// Server: what was given up under this number is noted.
    #[n(24)]
    Withdrawn(#[n(0)] u64),
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of the device.
    #[n(0)]
    pub protocol: u32,
    /// What it can do.
    #[cbor(n(1), decode_with = "bounded::capabilities")]
    pub capabilities: Vec<String>,
    /// App name and version, for the device list.
    #[n(2)]
    pub app: String,
    /// The actor it writes under now. A new one is registered to the device by this.
    #[n(3)]
    pub actor: ActorId,
    /// The feed epoch it knows. If it is not the server's, the server was restored: the rest of the frame is of
    /// another life and is not looked at.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub epoch: Option<Vec<u8>>,
    /// How many edits wait on the device, for the device list.
    #[n(5)]
    pub pending: u64,
    /// How many changes of its base it can offer that this life of the server has not shown to have; left out for none.
    #[n(6)]
    pub unconfirmed: Option<u64>,
}

/// Changes to accept. Each is answered alone.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Push {
    /// Chosen by the device; the verdicts repeat it.
    #[n(0)]
    pub batch: u64,
    /// In the order written, per record.
    #[cbor(n(1), decode_with = "bounded::changes")]
    pub changes: Vec<Pushed>,
}

/// One change on its way up.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Pushed {
    /// The record's kind.
    #[n(0)]
    pub kind: KindName,
    /// The record.
    #[n(1)]
    pub record: RecordId,
    /// Which document of the record.
    #[n(2)]
    pub facet: Facet,
    /// SHA-256 of the change.
    #[n(3)]
    pub hash: ChangeHash,
    /// The change chunk.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// What the device was given in an earlier life of the server, and this one lacks. Each is answered alone.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Offer {
    /// Chosen by the device, as for a push; the verdicts repeat it.
    #[n(0)]
    pub batch: u64,
    /// As they were delivered, each after its parents. Their positions mean nothing any more.
    #[cbor(n(1), decode_with = "bounded::offered")]
    pub changes: Vec<Delivered>,
}

/// Send what I have not seen.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Pull {
    /// From the last page; `None` for everything.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub cursor: Option<Vec<u8>>,
    /// How much uncompressed change data the page may carry.
    #[n(1)]
    pub max_bytes: u64,
    /// What of all that it may see the device wants; `None` for everything.
    #[n(2)]
    pub subscriptions: Option<Subscriptions>,
    /// What it wanted before, until a page without `more` has come for what it wants now; `None` when nothing has
    /// changed. `[]` is nothing, everything is [`Subscription::everything`].
    #[n(3)]
    pub before: Option<Subscriptions>,
    /// Chosen by the device; the page that answers this pull repeats it.
    #[n(4)]
    pub number: Option<u64>,
}

/// The answer to hello.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Welcome {
    /// [`PROTOCOL_VERSION`] of the server.
    #[n(0)]
    pub protocol: u32,
    /// What it can do.
    #[cbor(n(1), decode_with = "bounded::capabilities")]
    pub capabilities: Vec<String>,
    /// Its clock, for the device to correct its own.
    #[n(2)]
    pub server_time: Millis,
    /// Whose data this is.
    #[n(3)]
    pub workspace: WorkspaceId,
    /// Who the device's user is.
    #[n(4)]
    pub user: UserId,
    /// The user's role.
    #[n(5)]
    pub role: String,
    /// Which device this is.
    #[n(6)]
    pub device: DeviceId,
    /// The feed's epoch: another one than known means that the server was restored.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub epoch: Vec<u8>,
    /// How long the device may be without contact before it locks what it holds; `None` for ever.
    #[n(8)]
    pub lease_ms: Option<u64>,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Verdicts {
    /// The push's number.
    #[n(0)]
    pub batch: u64,
    /// One for each change, in order.
    #[cbor(n(1), decode_with = "bounded::verdicts")]
    pub verdicts: Vec<Verdict>,
}

impl Verdict {
    /// Nothing was kept, as too much waits for a decision: the change stays pending and comes again. It waits for a change
    /// that there is not, which every device understands.
    pub fn come_again() -> Self {
        Self::Waiting { missing: vec![ChangeHash([0; 32])] }
    }

    /// Nothing was kept: it follows a past that was forgotten, and is written again on what the feed brings in its place.
    pub fn forgotten() -> Self {
        Self::Waiting { missing: vec![ChangeHash([0xff; 32])] }
    }

    /// Whether the device is told that it follows a past that was forgotten.
    pub fn is_forgotten(&self) -> bool {
        *self == Self::forgotten()
    }

    /// Whether the device is told to come again because too much waits for a decision.
    pub fn is_come_again(&self) -> bool {
        *self == Self::come_again()
    }
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Verdict {
    /// Kept, on disk, at this position of the feed.
    #[n(0)]
    Accepted {
        /// Its position.
        #[n(0)]
        position: u64,
        /// The server's clock when it arrived.
        #[n(1)]
        received_at: Millis,
        /// The server's seal on it.
        #[n(2)]
        seal: Seal,
    },
    /// Kept before.
    #[n(1)]
    Duplicate {
        /// Its position.
        #[n(0)]
        position: u64,
        /// The server's clock when it arrived.
        #[n(1)]
        received_at: Millis,
        /// The server's seal on it.
        #[n(2)]
        seal: Seal,
    },
    /// Changes that it follows are not here. Nothing was kept; send those first.
    #[n(2)]
    Waiting {
        /// What it follows.
        #[cbor(n(0), decode_with = "bounded::missing")]
        missing: Vec<ChangeHash>,
    },
    /// Not kept in the record, but kept for the back office to see.
    #[n(3)]
    Rejected {
        /// One of [`code`].
        #[n(0)]
        code: String,
        /// The field concerned.
        #[n(1)]
        field: Option<String>,
        /// The rule that decided.
        #[n(2)]
        rule: Option<String>,
        /// A sentence for a person, in English.
        #[n(3)]
        message: String,
        /// The same in Chinese.
        #[n(4)]
        message_zh: String,
    },
    /// Kept aside until somebody with the right decides.
    #[n(4)]
    Held {
        /// The rule that asks for a review.
        #[n(0)]
        rule: String,
        /// A sentence for a person, in English.
        #[n(1)]
        message: String,
        /// The same in Chinese.
        #[n(2)]
        message_zh: String,
    },
    /// The actor has already written another change with this number: take a new actor and write it again.
    #[n(5)]
    ActorFork {
        /// The last number the server knows of this actor in this document.
        #[n(0)]
        last_seq: u64,
    },
}

/// What a device has not seen, in the order of the feed.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Page {
    /// The entries.
    #[cbor(n(0), decode_with = "bounded::entries")]
    pub entries: Vec<Entry>,
    /// Where to go on. Opaque: only the server reads it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub cursor: Vec<u8>,
    /// Whether there is more.
    #[n(2)]
    pub more: bool,
    /// How many entries are left behind this page, roughly: for a progress bar.
    #[n(3)]
    pub left: u64,
    /// The server's clock.
    #[n(4)]
    pub server_time: Millis,
    /// The cursor that this page follows; `None` when it begins at the beginning. A device that stands
    /// elsewhere has missed a page, or has seen this one.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub after: Option<Vec<u8>>,
    /// The number of the pull that this page answers, if it has one.
    #[n(6)]
    pub pull: Option<u64>,
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Entry {
    /// A change was accepted.
    #[n(0)]
    Change(#[n(0)] Delivered),
    /// A record is to be removed from the device, with all its history.
    #[n(1)]
    Purge {
        /// The record.
        #[n(0)]
        record: RecordId,
    },
    /// Everything is to be removed from the device.
    #[n(2)]
    Wipe,
    /// Something went out of the reader's sight: the device delivers its edits of it, then removes it and sends a
    /// [`Receipt`].
    #[n(3)]
    Leave {
        /// The kind.
        #[n(0)]
        kind: KindName,
        /// The record; `None` for all of the kind.
        #[n(1)]
        record: Option<RecordId>,
        /// The document that may not be held any more; `None` for the whole record.
        #[n(2)]
        facet: Option<Facet>,
    },
}

impl Entry {
    /// Whether the device is to remove something. That it has is certain once it says so itself, and not when it was told.
    pub fn takes_away(&self) -> bool {
        !matches!(self, Entry::Change(_))
    }
}

/// One change on its way down.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Delivered {
    /// Its position in the feed.
    #[n(0)]
    pub position: u64,
    /// The record's kind.
    #[n(1)]
    pub kind: KindName,
    /// The record.
    #[n(2)]
    pub record: RecordId,
    /// Which document of the record.
    #[n(3)]
    pub facet: Facet,
    /// SHA-256 of the change.
    #[n(4)]
    pub hash: ChangeHash,
    /// Who made it.
    #[n(5)]
    pub user: UserId,
    /// On which device.
    #[n(6)]
    pub device: DeviceId,
    /// When the server received it.
    #[n(7)]
    pub received_at: Millis,
    /// The change chunk.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// The server's seal on all of this but the position: whoever holds it may offer the change back to a
    /// server that has lost it, whoever made it.
    #[n(9)]
    pub seal: Seal,
}

/// The whole exchange is refused.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// `unauthorized`, `revoked`, `protocol`, `too_large`, `bad_frame`, `bad_cursor` or `unavailable`.
    #[n(0)]
    pub code: String,
    /// What to do, in English.
    #[n(1)]
    pub message: String,
}

/// A frame that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// A limit is exceeded.
    #[error("the frame has {found} {what}, the limit is {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        found: usize,
        /// How much is allowed.
        limit: usize,
    },
    /// The first byte names no codec that this build knows.
    #[error("unknown frame codec {0}")]
    UnknownCodec(u8),
    /// The bytes are not messages.
    #[error("unreadable frame: {0}")]
    Unreadable(String),
}

/// First byte of a frame: what follows is plain.
pub const CODEC_PLAIN: u8 = 0;
/// First byte of a frame: what follows is one zstd frame.
pub const CODEC_ZSTD: u8 = 1;

/// Writes messages as one frame.
#[cfg(feature = "codec")]
pub fn encode_frame(messages: &[Message]) -> Vec<u8> {
    /// Level 1: the fastest; higher levels save a tenth and cost three times the time.
    const LEVEL: i32 = 1;
    let mut plain = vec![CODEC_PLAIN];
    minicbor::encode(messages, &mut plain).expect("writing to a vector cannot fail");
    if plain.len() < COMPRESS_FROM_BYTES {
        return plain;
    }
    match zstd::bulk::compress(&plain[1..], LEVEL) {
        Ok(packed) => [&[CODEC_ZSTD], packed.as_slice()].concat(),
        Err(_) => plain,
    }
}

/// Reads one frame, bounded in every direction.
///
/// # Errors
/// [`BadFrame`]; nothing of the frame is used then.
#[cfg(feature = "codec")]
pub fn decode_frame(frame: &[u8]) -> Result<Vec<Message>, BadFrame> {
    let limit = |what, found, limit| if found > limit { Err(BadFrame::TooLarge { what, found, limit }) } else { Ok(()) };
    limit("bytes", frame.len(), MAX_FRAME_PLAIN_BYTES)?;
    let messages: Vec<Message> = match frame.split_first() {
        Some((&CODEC_PLAIN, plain)) => decode_messages(plain)?,
        Some((&CODEC_ZSTD, packed)) => {
            let plain = zstd::bulk::decompress(packed, MAX_FRAME_PLAIN_BYTES).map_err(|error| BadFrame::Unreadable(error.to_string()))?;
            decode_messages(&plain)?
        }
        Some((codec, _)) => return Err(BadFrame::UnknownCodec(*codec)),
        // A frame that was cut off before its first byte: whoever sent it waits for an answer.
        None => return Err(BadFrame::Unreadable("no bytes".into())),
    };
    Ok(messages)
}

#[cfg(feature = "codec")]
fn decode_messages(plain: &[u8]) -> Result<Vec<Message>, BadFrame> {
    let mut decoder = minicbor::Decoder::new(plain);
    let messages = bounded::at_most(&mut decoder, &mut (), MAX_FRAME_MESSAGES).map_err(|error| BadFrame::Unreadable(error.to_string()))?;
    if decoder.position() == plain.len() { Ok(messages) } else { Err(BadFrame::Unreadable("bytes after the messages".into())) }
}
