//! Names of things: newtypes, so that a user is never taken for a record.
//!
//! Ids are UUIDv7 made where the thing is made. Making one needs a clock and randomness, so the
//! caller passes both: this crate reads neither.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::schema::Label;

/// Milliseconds since 1970-01-01 UTC.
pub type Millis = i64;

/// A day.
pub(crate) const DAY_MS: Millis = 86_400_000;

/// A text that was expected to name something does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct BadId {
    /// What was expected, as a word for a message: `record id`.
    pub what: &'static str,
    /// What came instead.
    pub text: String,
}

/// What a [`Name`] is, as a word for a message.
const NAME: &str = "name (a-z, 0-9 and _, starting with a letter)";
/// What a [`Facet`] is.
const FACET: &str = "facet";

impl BadId {
    /// What a person reads.
    pub fn words(&self) -> Label {
        let what = match self.what {
            NAME => "标识（a-z、0-9 和 _，以字母开头）",
            FACET => "信息部分",
            _ => "id",
        };
        Label { en: self.to_string(), zh: format!("“{}”不是有效的{what}", self.text) }
    }
}

/// UUIDv7 from a time and 10 random bytes: sorts by time of making.
fn uuid_v7(now: Millis, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.max(0) as u64, &random).into_uuid()
}

/// The `u` of a cause: the same cause gives the same id on every device.
fn uuid_of_cause(cause: &str) -> Uuid {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(cause.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id: time-ordered, unique by its 10 random bytes.
            pub fn new(now: Millis, random: [u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }

            /// The id of what follows from `cause`: made twice, it is one.
            pub fn of_cause(cause: &str) -> Self {
                Self(uuid_of_cause(cause))
            }

            /// The 16 bytes, as stored and sent.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From 16 bytes, as stored and sent.
            ///
            /// # Errors
            /// When `bytes` is not 16 bytes long.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadId> {
                Uuid::from_slice(bytes).map(Self).map_err(|_| BadId { what: $what, text: format!("{} bytes", bytes.len()) })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Uuid::from_str(text).map(Self).map_err(|_| BadId { what: $what, text: text.to_owned() })
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(&self, e: &mut minicbor::Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(self.as_bytes())?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                Self::from_bytes(d.bytes()?).map_err(minicbor::decode::Error::custom)
            }
        }
    };
}

uuid_id!(/// One customer, deal, visit, ...: whatever a kind describes.
    RecordId, "record id");
uuid_id!(/// One tenant: nothing crosses it.
    WorkspaceId, "workspace id");
uuid_id!(/// A person who may sign in.
    UserId, "user id");
uuid_id!(/// One installation of the app on one phone, or the server's own pen.
    DeviceId, "device id");

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// From bytes, as stored and sent.
            ///
            /// # Errors
            /// When the length is wrong.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadId> {
                bytes.try_into().map(Self).map_err(|_| BadId { what: $what, text: format!("{} bytes", bytes.len()) })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = || BadId { what: $what, text: text.to_owned() };
                if text.len() != 2 * $len || !text.is_ascii() {
                    return Err(bad());
                }
                let mut bytes = [0; $len];
                for (i, byte) in bytes.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| bad())?;
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(&self, e: &mut minicbor::Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                Self::from_bytes(d.bytes()?).map_err(minicbor::decode::Error::custom)
            }
        }
    };
}

byte_id!(/// Who wrote a change: one incarnation of one device (automerge's actor id, always 16 bytes).
    ActorId, 16, "actor id");
/// What the actors begin with that make texts: nobody writes under such a name.
const MAKER_OF_TEXT: [u8; 4] = *b"text";

impl ActorId {
    /// A new actor, from 16 random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        let actor = Self(random);
        if actor.is_maker_of_text() { Self(random.map(|byte| !byte)) } else { actor }
    }

    /// The actor that makes a text: derived, so that it is the same on every replica.
    pub fn maker_of_text(path: &Name) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("rapport text {path}"));
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&MAKER_OF_TEXT);
        bytes[4..].copy_from_slice(&digest[..12]);
        Self(bytes)
    }

    /// Whether only a text may bear this name. A device that took it could write a first change of a text
    /// that is not the first change of that text.
    pub fn is_maker_of_text(&self) -> bool {
        self.0.starts_with(&MAKER_OF_TEXT)
    }
}

byte_id!(/// SHA-256 of a change, as automerge computes it.
    ChangeHash, 32, "change hash");
byte_id!(/// A server's word that it accepted a change, from whom and when. Opaque to devices.
    Seal, 16, "seal");

/// The name of a kind or of a field: lower case ASCII letters, digits and `_`, starting with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Box<str>);

/// The name of a kind: `party`.
pub type KindName = Name;
/// The name of a field within its kind: `close_date`.
pub type FieldName = Name;

impl Name {
    /// Names longer than this are refused: they are column headers and path segments, not texts.
    pub const MAX_LEN: usize = 48;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The step of a path into the first row of several. No name begins with a digit, so it is none of a field.
    pub(crate) fn first() -> Self {
        Self("0".into())
    }

    /// Whether it is that step.
    pub(crate) fn is_first(&self) -> bool {
        &*self.0 == "0"
    }
}

impl FromStr for Name {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let clean = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if starts && clean && text.len() <= Self::MAX_LEN {
            Ok(Self(text.into()))
        } else {
            Err(BadId { what: NAME, text: text.to_owned() })
        }
    }
}

impl TryFrom<String> for Name {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0.into()
    }
}

impl std::ops::Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

impl<C> minicbor::Encode<C> for Name {
    fn encode<W: minicbor::encode::Write>(&self, e: &mut minicbor::Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Name {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.str()?.parse().map_err(minicbor::decode::Error::custom)
    }
}

/// A visibility group of a record: each is a document of its own, so that who may not read it never holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Facet {
    /// What everybody who sees the record sees.
    #[default]
    Main,
    /// Prices, limits, margins.
    Commercial,
    /// Personal data.
    Private,
}

impl Facet {
    /// All facets, in storage order.
    pub const ALL: [Facet; 3] = [Facet::Main, Facet::Commercial, Facet::Private];

    /// The word for it, as in kind files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Facet::Main => "main",
            Facet::Commercial => "commercial",
            Facet::Private => "private",
        }
    }
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Facet {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        Facet::ALL.into_iter().find(|facet| facet.as_str() == text).ok_or_else(|| BadId { what: FACET, text: text.to_owned() })
    }
}

impl<C> minicbor::Encode<C> for Facet {
    fn encode<W: minicbor::encode::Write>(&self, e: &mut minicbor::Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u8(*self as u8)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Facet {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let code = d.u8()?;
        Facet::ALL.get(usize::from(code)).copied().ok_or_else(|| minicbor::decode::Error::message("unknown facet"))
    }
}
