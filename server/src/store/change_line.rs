//! A change as a line of text: in exports of a whole workspace, and in the ledger of what documents begin with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sync_core::id::{ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, UserId};
use sync_core::record::Stored;

/// Bytes as base 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A change that was accepted, with its maker and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeLine {
    /// Its position in the feed.
    pub position: u64,
    /// Its record's kind.
    pub kind: KindName,
    /// Its record.
    pub record: RecordId,
    /// Which document.
    pub facet: Facet,
    /// SHA-256.
    pub hash: ChangeHash,
    /// Who made it.
    pub user: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When it came.
    pub received_at: Millis,
    /// An automerge change chunk.
    pub body: Bytes,
}

impl From<Stored> for ChangeLine {
    fn from(stored: Stored) -> Self {
        let Stored { hash, kind, record, facet, user, device, received_at, position, body } = stored;
        let (position, received_at) = (position.unwrap_or_default(), received_at.unwrap_or_default());
        Self { position, kind, record, facet, hash, user, device, received_at, body: Bytes(body) }
    }
}

impl From<ChangeLine> for Stored {
    fn from(line: ChangeLine) -> Self {
        let ChangeLine { position, kind, record, facet, hash, user, device, received_at, body } = line;
        Self { hash, kind, record, facet, user, device, received_at: Some(received_at), position: Some(position), body: body.0 }
    }
}
