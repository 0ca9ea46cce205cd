//! How often somebody may try a secret: counted in the database, so that all servers share one count.

use std::net::IpAddr;

use sync_core::id::WorkspaceId;
use uuid::Uuid;

use super::{Auth, AuthError, secret};
use crate::store::people::{self, SecretHash};

/// Addresses are counted for the whole server.
pub(super) const NO_WORKSPACE: WorkspaceId = WorkspaceId(Uuid::nil());

/// Whose attempts are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    workspace: WorkspaceId,
    scope: &'static str,
    hash: SecretHash,
    max: i64,
}

impl Auth {
    /// An account, known or not: counting only known ones would tell them apart.
    pub(super) fn account(&self, workspace: WorkspaceId, login: &str) -> Subject {
        Subject { workspace, scope: "account", hash: secret::subject(login), max: self.policy.attempts_per_account_max }
    }

    /// An address; of IPv6, the network that one customer is given.
    pub(super) fn address(&self, address: IpAddr) -> Subject {
        let hash = secret::subject(&network(address).to_string());
        Subject { workspace: NO_WORKSPACE, scope: "address", hash, max: self.policy.attempts_per_address_max }
    }

    /// Counts an attempt before it is made, so that many at once cannot pass together.
    pub(super) async fn count(&self, subjects: Vec<Subject>) -> Result<(), AuthError> {
        let (now, window_ms) = (self.clock.now(), self.policy.attempts_window_ms);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let mut wait_ms = 0;
                    for subject in subjects {
                        let counted = people::count_attempt(tx, subject.workspace, subject.scope, &subject.hash, now, window_ms).await?;
                        if counted.attempts > subject.max {
                            wait_ms = wait_ms.max(counted.window_ends_at - now);
                        }
                    }
                    Ok::<_, AuthError>(wait_ms)
                })
            })
            .await
            .and_then(|wait_ms| match u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000) {
                0 => Ok(()),
                retry_after_s => Err(AuthError::Throttled { retry_after_s }),
            })
    }
}

impl Subject {
    /// The attempt was right: the whole account is forgiven, an address only this one.
    pub(super) async fn forgive(&self, tx: &mut crate::store::Tx) -> crate::store::Result<()> {
        if self.workspace == NO_WORKSPACE {
            people::forgive_attempt(tx, self.workspace, self.scope, &self.hash).await
        } else {
            people::forget_attempts(tx, self.workspace, self.scope, &self.hash).await
        }
    }
}

/// What one party can be assumed to hold: an IPv4 address, an IPv6 /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}
