//! Devices: a one-time code makes a phone one, a token says which one it is, revoking ends it.

use std::net::IpAddr;
use std::time::Duration;

use sync_core::id::{ActorId, DeviceId, Millis, UserId, WorkspaceId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::secret::{Code, Token, TokenKind, random};
use super::{Auth, AuthError, DeviceCaller, TOUCH_EVERY_MS};
use crate::audit::{Act, Note};
use crate::store::devices::{self, Device};
use crate::store::people::{self, User};
use crate::store::{StoreError, Tx, farewells, records};

/// How often a live connection asks the database, whatever it was told.
const RECHECK_EVERY: Duration = Duration::from_secs(60);

/// How far back to look for what other processes shut out: their transaction may end late.
const LOOK_BACK_MS: Millis = 10_000;

/// The kind of colleagues' records, which say what roles they have.
const MEMBER: &str = "member";

/// The longest name of a device that is kept.
const NAME_CHARS_MAX: usize = 80;

/// Somebody was shut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// One device.
    Device(WorkspaceId, DeviceId),
    /// A user, with all devices.
    User(WorkspaceId, UserId),
}

/// A phone with a code.
#[derive(Debug)]
pub struct Enrolment<'a> {
    /// What the back office showed.
    pub code: &'a str,
    /// What its owner calls the phone.
    pub device_name: &'a str,
    /// The app and its version.
    pub app: &'a str,
    /// The actor it will write as.
    pub actor: ActorId,
    /// From where.
    pub address: IpAddr,
}

impl Auth {
    /// A code for a user's next device, made by `by` or the operator, and when it expires. An earlier code stays good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn device_code(&self, workspace: WorkspaceId, user: UserId, by: Option<UserId>) -> Result<(Code, Millis), StoreError> {
        let (code, now) = (Code::new(), self.clock.now());
        let (hash, expires_at) = (code.hash(), now + self.policy.code_ms);
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    devices::add_code(tx, workspace, &hash, user, now, expires_at).await?;
                    Note::of(workspace, by, Act::DeviceCode, user).write(tx, now).await
                })
            })
            .await?;
        Ok((code, expires_at))
    }

    /// Makes a phone a device: uses the code up and gives it a token.
    ///
    /// # Errors
    /// When the code is no good or the actor has an owner; then the code stays unused.
    pub async fn enrol(&self, enrolment: Enrolment<'_>) -> Result<(Token, Device, User), AuthError> {
        let address = self.address(enrolment.address);
        self.count(vec![address]).await?;
        let code = Code::parse(enrolment.code).ok_or(AuthError::WrongCode)?.hash();
        let now = self.clock.now();
        let (actor, app) = (enrolment.actor, shortened(enrolment.app));
        let name = shortened(enrolment.device_name);
        let enrolled: Result<(Token, Device, User), AuthError> = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let (workspace, user) = devices::take_code(tx, &code, now).await?.ok_or(AuthError::WrongCode)?;
                    let user = people::user(tx, workspace, user).await?.filter(|user| user.disabled_at.is_none());
                    let user = user.ok_or(AuthError::WrongCode)?;
                    let token = Token::new(TokenKind::Device, workspace);
                    let device = DeviceId::new(now, random());
                    let (created_at, last_seen_at) = (now, now);
                    let device =
                        Device { workspace, device, user: user.user, name, actor, app, created_at, last_seen_at, revoked_at: None };
                    devices::add_device(tx, &device, &token.hash()).await.map_err(|error| match error {
                        StoreError::Exists(_) => AuthError::ActorTaken,
                        other => other.into(),
                    })?;
                    address.forgive(tx).await?;
                    if farewells::terms(tx, workspace).await?.confirm {
                        farewells::wait(tx, workspace, device.device, now).await?;
                    }
                    Note::of(workspace, Some(user.user), Act::DeviceEnrolled, device.device).write(tx, now).await?;
                    Ok((token, device, user))
                })
            })
            .await;
        if let Ok((_, device, _)) = &enrolled {
            self.heard_of_devices(device.workspace);
        }
        enrolled
    }

    /// The device behind a token, shut out or not, and its user.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn device(&self, token: &Token) -> Result<Option<(Device, User)>, StoreError> {
        let found = devices::device_by_token(&mut self.store.reader().await?, token.workspace(), &token.hash()).await?;
        if let Some((device, _)) = &found {
            let (workspace, id, now) = (device.workspace, device.device, self.clock.now());
            if now - device.last_seen_at >= TOUCH_EVERY_MS {
                self.store
                    .write::<_, StoreError, _>(move |tx| Box::pin(async move { devices::touch_device(tx, workspace, id, now).await }))
                    .await?;
            }
        }
        Ok(found)
    }

    /// Shuts a device out, for `by` or the operator: its next request is refused, its live connections close. Answers whether
    /// it was in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_device(&self, workspace: WorkspaceId, device: DeviceId, by: Option<UserId>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let done = self
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let done = devices::revoke_device(tx, workspace, device, now).await?;
                    if done {
                        Note::of(workspace, by, Act::DeviceRevoked, device).write(tx, now).await?;
                    }
                    Ok(done)
                })
            })
            .await?;
        self.announce(Gone::Device(workspace, device));
        Ok(done)
    }

    /// Ends somebody's live connections, after their account was shut out.
    pub fn shut_out(&self, workspace: WorkspaceId, user: UserId) {
        self.announce(Gone::User(workspace, user));
    }

    /// Shuts a device out and has it forget everything. Answers whether there is such a device.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn send_away(&self, workspace: WorkspaceId, device: DeviceId, act: farewells::Act, by: UserId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let done = self
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let known = devices::devices(tx, workspace).await?.into_iter().any(|known| known.device == device);
                    if known {
                        ask_to_leave(tx, (workspace, device), act, Some(by), now).await?;
                    }
                    Ok(known)
                })
            })
            .await?;
        self.announce(Gone::Device(workspace, device));
        Ok(done)
    }

    /// Has all phones of somebody's that are in use handed back, as when they are shut out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hand_back(&self, workspace: WorkspaceId, user: UserId, by: UserId) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { hand_back(tx, workspace, user, Some(by), now).await }))
            .await?;
        self.announce(Gone::User(workspace, user));
        Ok(())
    }

    /// What a device that was shut out has still to do; nothing when it has said that it did, or never held anything.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn farewell(&self, workspace: WorkspaceId, device: DeviceId) -> Result<Option<farewells::Farewell>, StoreError> {
        let found = farewells::of_device(&mut self.store.reader().await?, workspace, device).await?;
        Ok(found.filter(|farewell| !farewell.is_over()))
    }

    /// Whether a device waits until somebody lets it in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waits(&self, workspace: WorkspaceId, device: DeviceId) -> Result<bool, StoreError> {
        farewells::waits(&mut self.store.reader().await?, workspace, device).await
    }

    /// Lets a device in that waits, or turns it away. Answers whether it waited.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirm(&self, workspace: WorkspaceId, device: DeviceId, let_in: bool, by: UserId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let waited = self
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let waited = if let_in {
                        farewells::let_in(tx, workspace, device).await?
                    } else {
                        farewells::waits(tx, workspace, device).await? && devices::revoke_device(tx, workspace, device, now).await?
                    };
                    if waited {
                        let act = if let_in { Act::DeviceEnrolled } else { Act::DeviceRevoked };
                        let detail = serde_json::json!({"confirmed": let_in});
                        Note::of(workspace, Some(by), act, device).with(detail).write(tx, now).await?;
                    }
                    Ok(waited)
                })
            })
            .await?;
        self.heard_of_devices(workspace);
        Ok(waited)
    }

    pub(super) fn announce(&self, gone: Gone) {
        // An error means that nobody is connected live.
        self.gone.send(gone).ok();
        let (Gone::Device(workspace, _) | Gone::User(workspace, _)) = gone;
        self.heard_of_devices(workspace);
    }

    /// Tells open lists of devices that one came, spoke or was shut out.
    pub fn heard_of_devices(&self, workspace: WorkspaceId) {
        // An error means that nobody looks at one.
        self.devices.send(workspace).ok();
    }

    /// The workspaces of devices that come, speak or are shut out.
    pub fn news_of_devices(&self) -> broadcast::Receiver<WorkspaceId> {
        self.devices.subscribe()
    }

    /// The workspaces where a colleague's record was written, maybe by another process: roles may be others.
    pub fn people(&self) -> broadcast::Receiver<WorkspaceId> {
        self.people.subscribe()
    }

    /// Announces whom other processes, such as `rapport device revoke`, shut out lately.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn announce_others(&self, workspace: WorkspaceId) -> Result<(), StoreError> {
        let since = self.clock.now() - LOOK_BACK_MS;
        let mut tx = self.store.reader().await?;
        for device in devices::revoked_since(&mut tx, workspace, since).await? {
            self.announce(Gone::Device(workspace, device));
        }
        for user in people::disabled_since(&mut tx, workspace, since).await? {
            self.announce(Gone::User(workspace, user));
        }
        Ok(())
    }

    /// Announces that a colleague's record was written after a position of the feed: roles may be others.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn announce_roles(&self, workspace: WorkspaceId, after: u64) -> Result<(), StoreError> {
        if records::is_of_kinds_after(&mut self.store.reader().await?, workspace, &[MEMBER], after).await? {
            // An error means that nobody is connected live.
            self.people.send(workspace).ok();
        }
        Ok(())
    }

    /// Returns when the device, or its user, is shut out. For live connections to wait for; cheap
    /// when ten thousand do.
    pub async fn until_gone(&self, caller: &DeviceCaller) {
        let mut gone = self.gone.subscribe();
        loop {
            // Asked after subscribing: what happened in between is in the database.
            if self.is_gone(caller).await {
                return;
            }
            if tokio::time::timeout(RECHECK_EVERY, told(&mut gone, caller)).await == Ok(Told::Gone) {
                return;
            }
        }
    }

    /// Whether a device is shut out now. A database that does not answer shuts nobody out.
    async fn is_gone(&self, caller: &DeviceCaller) -> bool {
        let look = async {
            let mut tx = self.store.reader().await?;
            let found = devices::device_by_token(&mut tx, caller.workspace, &caller.token_hash).await?;
            Ok::<_, StoreError>(found.is_none_or(|(device, user)| device.revoked_at.is_some() || user.disabled_at.is_some()))
        };
        look.await.unwrap_or(false)
    }
}

async fn ask_to_leave(
    tx: &mut Tx,
    (workspace, device): (WorkspaceId, DeviceId),
    act: farewells::Act,
    by: Option<UserId>,
    now: Millis,
) -> Result<(), StoreError> {
    devices::revoke_device(tx, workspace, device, now).await?;
    farewells::ask(tx, workspace, device, act, by, now).await?;
    let detail = serde_json::json!({"act": act.as_str()});
    Note::of(workspace, by, Act::DeviceRevoked, device).with(detail).write(tx, now).await
}

/// The phones of somebody who is shut out deliver what they have not sent, to the desk, and forget everything then.
pub(crate) async fn hand_back(
    tx: &mut Tx,
    workspace: WorkspaceId,
    user: UserId,
    by: Option<UserId>,
    now: Millis,
) -> Result<(), StoreError> {
    for device in devices::in_use_by(tx, workspace, user).await? {
        ask_to_leave(tx, (workspace, device.device), farewells::Act::HandBack, by, now).await?;
    }
    Ok(())
}

/// Takes back what [`hand_back`] asked of phones when their user was shut out: those that were not told to forget
/// everything go on as before. Others keep what they were asked for another reason.
pub(crate) async fn take_back(
    tx: &mut Tx,
    workspace: WorkspaceId,
    user: UserId,
    by: Option<UserId>,
    now: Millis,
) -> Result<(), StoreError> {
    let Some(shut_out_at) = people::user(tx, workspace, user).await?.and_then(|user| user.disabled_at) else { return Ok(()) };
    let asked = farewells::all(tx, workspace).await?;
    let with_them = |device: &Device| {
        let farewell = asked.get(&device.device);
        farewell.is_some_and(|it| it.act == farewells::Act::HandBack && it.asked_at >= shut_out_at)
    };
    for device in devices::of_user(tx, workspace, user).await?.into_iter().filter(with_them) {
        if farewells::forget(tx, workspace, device.device).await? {
            devices::restore_device(tx, workspace, device.device).await?;
            Note::of(workspace, by, Act::DeviceRestored, device.device).write(tx, now).await?;
        }
    }
    Ok(())
}

#[derive(PartialEq)]
enum Told {
    Gone,
    MissedSome,
}

/// Waits for an announcement about this device, or for having missed some.
async fn told(gone: &mut broadcast::Receiver<Gone>, caller: &DeviceCaller) -> Told {
    loop {
        match gone.recv().await {
            Ok(Gone::Device(workspace, device)) if (workspace, device) == (caller.workspace, caller.device) => return Told::Gone,
            Ok(Gone::User(workspace, user)) if (workspace, user) == (caller.workspace, caller.user) => return Told::Gone,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Told::MissedSome,
            // The sender lives as long as `Auth` does, which the caller holds.
            Err(RecvError::Closed) => return Told::Gone,
        }
    }
}

fn shortened(name: &str) -> String {
    name.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}
