//! Seals: the server's word that it accepted a change, from whom and when.
//!
//! A phone holds other people's changes, and may not speak for them. After a restore from a backup those
//! changes may be all that is left of somebody's work: so each goes out with a seal, and who offers one back
//! under its seal says nothing of its own. Never says who may read a change.

use sha2::{Digest, Sha256};
use sync_core::id::{Seal, WorkspaceId};
use sync_core::protocol::Delivered;
use sync_core::record::Stored;

use crate::store::workspaces::SealKey;

/// What SHA-256 works on at a time.
const BLOCK: usize = 64;
/// Begins what is sealed: a key never seals two sorts of things.
const LABEL: &[u8] = b"rapport seal 1";

/// Seals the changes of one workspace: HMAC-SHA-256, the first 16 bytes.
///
/// 16 are enough: a wrong seal can only be tried at the server, so that a forger needs 2^127 requests on
/// average, and one that fits says nothing of any other change.
#[derive(Clone)]
pub struct Sealer {
    workspace: WorkspaceId,
    /// Both hashes of HMAC with the key in them: a page of thousands pays for the key once.
    inner: Sha256,
    outer: Sha256,
}

impl Sealer {
    /// With the key of a workspace.
    pub fn new(workspace: WorkspaceId, key: &SealKey) -> Self {
        let (inner, outer) = keyed(&key.0);
        Self { workspace, inner, outer }
    }

    /// The seal on a change as it is kept.
    pub fn seal(&self, stored: &Stored) -> Seal {
        let mut hash = self.inner.clone();
        // All of one length but the last: no two changes run together to the same bytes.
        hash.update(LABEL);
        hash.update(self.workspace.as_bytes());
        hash.update(stored.record.as_bytes());
        hash.update([stored.facet as u8]);
        hash.update(stored.hash.0);
        hash.update(stored.user.as_bytes());
        hash.update(stored.device.as_bytes());
        hash.update(stored.received_at.unwrap_or_default().to_be_bytes());
        hash.update(stored.kind.as_str());
        let tag = finish(hash, &self.outer);
        Seal(std::array::from_fn(|at| tag[at]))
    }

    /// A change as it goes out.
    pub fn delivered(&self, stored: Stored) -> Delivered {
        let seal = self.seal(&stored);
        Delivered {
            position: stored.position.unwrap_or_default(),
            kind: stored.kind,
            record: stored.record,
            facet: stored.facet,
            hash: stored.hash,
            user: stored.user,
            device: stored.device,
            received_at: stored.received_at.unwrap_or_default(),
            body: stored.body,
            seal,
        }
    }

    /// Whether this server once gave a change out under a seal.
    pub fn is_own(&self, stored: &Stored, seal: Seal) -> bool {
        // As numbers: how much of a wrong seal is right does not show in the time it takes.
        u128::from_be_bytes(self.seal(stored).0) ^ u128::from_be_bytes(seal.0) == 0
    }
}

fn keyed(key: &[u8; 32]) -> (Sha256, Sha256) {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        Sha256::new_with_prefix(block)
    };
    (padded(0x36), padded(0x5c))
}

fn finish(inner: Sha256, outer: &Sha256) -> [u8; 32] {
    outer.clone().chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use sync_core::id::{ChangeHash, DeviceId, Facet, RecordId, UserId};

    use super::*;

    fn stored() -> Stored {
        Stored {
            hash: ChangeHash([1; 32]),
            kind: "party".parse().unwrap(),
            record: RecordId::of_cause("record"),
            facet: Facet::Main,
            user: UserId::of_cause("ann"),
            device: DeviceId::of_cause("ann's phone"),
            received_at: Some(7),
            position: Some(3),
            body: vec![1, 2, 3],
        }
    }

    #[test]
    fn it_is_hmac() {
        // RFC 4231, test case 1, with its key of 20 bytes filled up by zeros as HMAC does.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let (inner, outer) = keyed(&key);
        let tag = finish(inner.chain_update("Hi There"), &outer);
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn a_change_is_taken_back_only_as_it_was_given_out_and_by_who_gave_it_out() {
        let sealer = Sealer::new(WorkspaceId::of_cause("w"), &SealKey([9; 32]));
        let seal = sealer.delivered(stored()).seal;
        assert!(sealer.is_own(&Stored { position: None, ..stored() }, seal));
        let others = [
            Stored { kind: "deal".parse().unwrap(), ..stored() },
            Stored { record: RecordId::of_cause("other"), ..stored() },
            Stored { facet: Facet::Private, ..stored() },
            Stored { hash: ChangeHash([2; 32]), ..stored() },
            Stored { user: UserId::of_cause("bo"), ..stored() },
            Stored { device: DeviceId::of_cause("bo's phone"), ..stored() },
            Stored { received_at: Some(8), ..stored() },
        ];
        assert!(others.iter().all(|other| !sealer.is_own(other, seal)));
        assert!(!sealer.is_own(&stored(), Seal([0; 16])));
        assert!(!Sealer::new(WorkspaceId::of_cause("v"), &SealKey([9; 32])).is_own(&stored(), seal));
        assert!(!Sealer::new(WorkspaceId::of_cause("w"), &SealKey([8; 32])).is_own(&stored(), seal));
    }
}
