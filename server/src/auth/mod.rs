//! Who is asking: passwords, sessions, device tokens, and the extractors that doors take.
//!
//! Decides who somebody is, never what they may do: that is `sync_core::access`.

mod caller;
pub(crate) mod cookie;
pub mod csrf;
pub(crate) mod devices;
pub mod doors;
pub mod grant;
mod keys;
pub mod oidc;
pub mod one_time;
pub mod password;
mod restored;
mod second;
pub mod secret;
mod sessions;
mod sms;
mod throttle;

use std::time::Duration;

use sync_core::id::{Millis, UserId, WorkspaceId};
use tokio::sync::broadcast;

pub use caller::{Arriving, Caller, ClientAddress, DeviceCaller, OWN_PASSWORD, Person};
pub(crate) use caller::{Peer, bearer_is, session_cookie};
pub(crate) use cookie::Cookie;
pub use devices::{Enrolment, Gone};
pub use keys::{KEY_DAYS_MAX, NewKey, key_ends_at};
pub use password::{BadPassword, Passwords};
pub use second::{Asked, Factor, SecondState, Ways};
pub use sessions::{Client, Finish, PasswordError, SignIn, SignedIn, normal_login};
pub use sms::{BadNumber, NotSent};
pub(crate) use throttle::network;

use crate::clock::Clock;
use crate::config::Config;
use crate::store::{Store, StoreError};

/// How many shut-out devices a slow live connection may miss before it asks the database itself.
const GONE_BACKLOG: usize = 256;

/// How stale "last seen" may be: one write a minute for each client, not one for each request.
const TOUCH_EVERY_MS: Millis = 60_000;

/// How often what time has ended is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// There are several workspaces, and none is named.
    #[error("the workspace is missing")]
    NoWorkspace,
    /// Login or password is wrong, or the account shut: which, is not said.
    #[error("login or password is wrong")]
    WrongPassword,
    /// The password is right, and a code of the second factor is needed.
    #[error("a code of the second factor is needed")]
    CodeNeeded(Box<Asked>),
    /// The code of the second factor is wrong or was used.
    #[error("the code of the second factor is wrong or was used")]
    WrongSecond,
    /// All is right, but somebody else chose the password, and here no other one can be chosen.
    #[error("the password was chosen by somebody else, and has to be changed first")]
    PasswordGiven,
    /// The code is wrong, used, or too old: which, is not said.
    #[error("the code is wrong, used or expired")]
    WrongCode,
    /// Too many attempts.
    #[error("too many attempts")]
    Throttled {
        /// How long to wait.
        retry_after_s: u64,
    },
    /// The actor id has an owner: the phone makes another one.
    #[error("the actor belongs to another device")]
    ActorTaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Durations and counts, from the configuration.
#[derive(Debug, Clone)]
struct Policy {
    session_idle_ms: Millis,
    session_absolute_ms: Millis,
    attempts_window_ms: Millis,
    attempts_per_account_max: i64,
    attempts_per_address_max: i64,
    code_ms: Millis,
}

/// Signs people in and enrols devices.
#[derive(Clone)]
pub struct Auth {
    store: Store,
    clock: Clock,
    passwords: Passwords,
    policy: Policy,
    sms: Option<sms::Hook>,
    gone: broadcast::Sender<Gone>,
    /// Changes when a colleague's record was written, maybe by another process.
    people: broadcast::Sender<WorkspaceId>,
    /// Changes when a device came, spoke or was shut out.
    devices: broadcast::Sender<WorkspaceId>,
}

impl Auth {
    /// With what the operator set.
    pub fn new(config: &Config, store: Store, clock: Clock) -> Self {
        const MINUTE_MS: Millis = 60_000;
        let policy = Policy {
            session_idle_ms: Millis::from(config.session.idle_max_minutes) * MINUTE_MS,
            session_absolute_ms: Millis::from(config.session.absolute_max_hours) * 60 * MINUTE_MS,
            attempts_window_ms: Millis::from(config.sign_in.window_minutes) * MINUTE_MS,
            attempts_per_account_max: config.sign_in.attempts_per_account_max.into(),
            attempts_per_address_max: config.sign_in.attempts_per_address_max.into(),
            code_ms: Millis::from(config.device.code_minutes) * MINUTE_MS,
        };
        Self {
            store,
            clock,
            passwords: Passwords::default(),
            policy,
            sms: sms::Hook::of(&config.sms),
            gone: broadcast::channel(GONE_BACKLOG).0,
            people: broadcast::channel(GONE_BACKLOG).0,
            devices: broadcast::channel(GONE_BACKLOG).0,
        }
    }

    /// How passwords are hashed.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Shuts a user out at once, for `by` or the operator: sessions end, devices are refused, live connections close.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disable_user(&self, workspace: WorkspaceId, user: UserId, by: Option<UserId>) -> Result<(), StoreError> {
        use crate::audit::{Act, Note};
        use crate::store::people;
        let now = self.clock.now();
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    people::set_disabled(tx, workspace, user, Some(now)).await?;
                    people::drop_sessions_of(tx, workspace, user, None).await?;
                    Note::of(workspace, by, Act::UserDisabled, user).write(tx, now).await
                })
            })
            .await?;
        self.announce(Gone::User(workspace, user));
        Ok(())
    }

    /// Lets a user in again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enable_user(&self, workspace: WorkspaceId, user: UserId, by: Option<UserId>) -> Result<(), StoreError> {
        use crate::audit::{Act, Note};
        use crate::store::people;
        let now = self.clock.now();
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    people::set_disabled(tx, workspace, user, None).await?;
                    Note::of(workspace, by, Act::UserEnabled, user).write(tx, now).await
                })
            })
            .await
    }

    /// Removes sessions, codes and counters that time has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        use crate::store::{people, workspaces};
        let now = self.clock.now();
        let idle_since = now - self.policy.session_idle_ms;
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let known = workspaces::all(tx).await?.into_iter().map(|one| one.workspace);
                    for workspace in known.chain([throttle::NO_WORKSPACE]) {
                        people::sweep(tx, workspace, now, idle_since).await?;
                        crate::store::once::sweep(tx, workspace, now - crate::api::once::KEPT_MS).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Sweeps every hour. Runs for ever.
    pub async fn housekeeping(self) {
        loop {
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "housekeeping of sessions and devices failed; it is tried again");
            }
            tokio::time::sleep(SWEEP_EVERY).await;
        }
    }
}
