//! How often somebody may try a secret: counted in the database, so that all servers share one count.

use std::net::IpAddr;

use sync_core::id::{Millis, WorkspaceId};
use uuid::Uuid;

use super::{Auth, AuthError, secret};
use crate::store::people::{self, SecretHash};
use crate::store::{StoreError, Tx};

/// Addresses are counted for the whole server.
pub(super) const NO_WORKSPACE: WorkspaceId = WorkspaceId(Uuid::nil());

/// Whose attempts are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    workspace: WorkspaceId,
    scope: &'static str,
    hash: SecretHash,
    max: i64,
    window_ms: Millis,
}

impl Auth {
    /// An account, known or not: counting only known ones would tell them apart.
    pub(super) fn account(&self, workspace: WorkspaceId, login: &str) -> Subject {
        let (max, window_ms) = (self.policy.attempts_per_account_max, self.policy.attempts_window_ms);
        Subject::new((workspace, "account"), login, max, window_ms)
    }

    /// An address.
    pub(super) fn address(&self, address: IpAddr) -> Subject {
        Subject::of_address("address", address, self.policy.attempts_per_address_max, self.policy.attempts_window_ms)
    }

    /// Counts what strangers send by a form: from one address, and from all of them together.
    pub(crate) async fn count_sent(&self, workspace: WorkspaceId, form: &str, address: IpAddr) -> Result<(), AuthError> {
        /// An office behind one address, on a good day at a fair.
        const FROM_ADDRESS_MAX: i64 = 30;
        /// More than people fill in, and little enough for whoever has to clear it up.
        const FROM_ALL_MAX: i64 = 600;
        let window_ms = self.policy.attempts_window_ms;
        let of_all = Subject::new((workspace, "form"), form, FROM_ALL_MAX, window_ms);
        self.count(vec![Subject::of_address("form_address", address, FROM_ADDRESS_MAX, window_ms), of_all]).await
    }

    /// Counts an attempt before it is made, so that many at once cannot pass together.
    pub(super) async fn count(&self, subjects: Vec<Subject>) -> Result<(), AuthError> {
        let now = self.clock.now();
        let wait_ms = self.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { counted(tx, subjects, now).await })).await?;
        match u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000) {
            0 => Ok(()),
            retry_after_s => Err(AuthError::Throttled { retry_after_s }),
        }
    }
}

/// Counts an attempt of each; how long to wait, when it is one too many of any.
pub(super) async fn counted(tx: &mut Tx, subjects: Vec<Subject>, now: Millis) -> Result<Millis, StoreError> {
    let mut wait_ms = 0;
    for Subject { workspace, scope, hash, max, window_ms } in subjects {
        let counted = people::count_attempt(tx, workspace, scope, &hash, now, window_ms).await?;
        if counted.attempts > max {
            wait_ms = wait_ms.max(counted.window_ends_at - now);
        }
    }
    Ok(wait_ms)
}

impl Subject {
    /// Somebody, in one respect (`scope`).
    pub(super) fn new((workspace, scope): (WorkspaceId, &'static str), who: &str, max: i64, window_ms: Millis) -> Self {
        Self { workspace, scope, hash: secret::subject(who), max, window_ms }
    }

    /// An address; of IPv6, the network that one customer is given.
    pub(super) fn of_address(scope: &'static str, address: IpAddr, max: i64, window_ms: Millis) -> Self {
        Self::new((NO_WORKSPACE, scope), &network(address).to_string(), max, window_ms)
    }

    /// The attempt was right: the whole account is forgiven, an address only this one.
    pub(super) async fn forgive(&self, tx: &mut Tx) -> Result<(), StoreError> {
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
