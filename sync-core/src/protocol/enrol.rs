//! How a phone becomes somebody's device.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::id::{ActorId, DeviceId, Millis, UserId, WorkspaceId};

/// Redeems a one-time code: body of `POST /sync/enrol`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Enrol {
    /// The code that the back office showed.
    #[n(0)]
    pub code: String,
    /// What the device is called in lists.
    #[n(1)]
    pub device_name: String,
    /// App name and version.
    #[n(2)]
    pub app: String,
    /// The actor it will write under.
    #[n(3)]
    pub actor: ActorId,
}

/// The answer to [`Enrol`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Enrolled {
    /// For `Authorization: Bearer`; shown once.
    #[n(0)]
    pub token: String,
    /// The device's id.
    #[n(1)]
    pub device: DeviceId,
    /// Whose data this is.
    #[n(2)]
    pub workspace: WorkspaceId,
    /// Who the device's user is.
    #[n(3)]
    pub user: UserId,
    /// The user's role.
    #[n(4)]
    pub role: String,
    /// The feed's epoch.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub epoch: Vec<u8>,
    /// The server's clock.
    #[n(6)]
    pub server_time: Millis,
}

/// What whoever lets a new device in compares, on its screen and in the console: eight digits that follow from
/// its token, and tell nobody anything about it.
pub fn fingerprint(token: &str) -> String {
    fingerprint_of(&Sha256::digest(token.as_bytes()))
}

/// The same from the SHA-256 of the token, which is all that the server keeps of it.
pub fn fingerprint_of(token_hash: &[u8]) -> String {
    let number = token_hash.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) % 100_000_000;
    format!("{:04} {:04}", number / 10_000, number % 10_000)
}
