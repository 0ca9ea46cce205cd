//! Sync: once within a budget, or staying connected while the app and the network allow it.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use sync_core::engine;
use sync_core::net;

use crate::client::Client;
use crate::error::{ClientError, StopReason};
use crate::open::Open;
use crate::read::moment;
use crate::runtime::{CancelHandle, blocking, guarded, spawn};

/// How much a sync may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Budget {
    /// At most so long: what the system grants a background task, less two seconds to end in peace.
    #[uniffi(default = None)]
    pub time: Option<Duration>,
    /// At most so many bytes received.
    #[uniffi(default = None)]
    pub bytes: Option<u64>,
}

/// How a sync has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SyncOutcome {
    /// Everything is sent, and everything is here.
    Done,
    /// The budget is used up; the next sync goes on from here.
    OutOfBudget {
        /// Edits that still wait for the server.
        waiting: u64,
        /// Contents of files that still wait for it.
        files: u64,
    },
}

/// What the system says of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Network {
    /// There is none: nothing is tried.
    Offline,
    /// There is some, or nobody knows.
    Online,
}

/// How far the device is with the server.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum SyncPhase {
    /// The device belongs to nobody yet.
    NotEnrolled,
    /// The server is not reached; edits wait.
    Offline,
    /// More is to come.
    Receiving {
        /// Changes received since it began.
        received: u64,
        /// Changes left, roughly.
        left: u64,
    },
    /// Connected; edits are on their way.
    Sending,
    /// Connected, and everything is here.
    Current,
    /// Nothing is sent any more.
    Stopped {
        /// Why.
        reason: StopReason,
    },
}

/// What a status line shows.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SyncStatus {
    /// How far the device is.
    pub phase: SyncPhase,
    /// Edits that wait for the server.
    pub waiting: u64,
    /// Edits that were not accepted.
    pub drafts: u64,
    /// Contents of files that wait for the server.
    pub files: u64,
    /// When everything was last received.
    pub last_sync: Option<SystemTime>,
}

impl SyncStatus {
    pub(crate) fn of(status: engine::SyncStatus, is_enrolled: bool, files: u64) -> Self {
        let phase = match (&status.stopped, status.progress) {
            (Some(stopped), _) => SyncPhase::Stopped { reason: stopped.into() },
            _ if !is_enrolled => SyncPhase::NotEnrolled,
            _ if !status.online => SyncPhase::Offline,
            (_, Some(progress)) => SyncPhase::Receiving { received: progress.received, left: progress.left },
            _ if status.is_current && status.pending == 0 => SyncPhase::Current,
            _ => SyncPhase::Sending,
        };
        Self { phase, waiting: status.pending, drafts: status.drafts, files, last_sync: status.last_sync.map(moment) }
    }
}

/// What the app and the system want of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signals {
    network: Network,
    foreground: bool,
}

impl Default for Signals {
    fn default() -> Self {
        Self { network: Network::Online, foreground: true }
    }
}

impl Signals {
    fn allow(&self) -> bool {
        self.foreground && self.network == Network::Online
    }
}

/// Takes the device offline when a sync ends, however it ends: a dropped call leaves no half-open session.
struct Offline(Option<Arc<Open>>);

impl Offline {
    fn not_needed(mut self) {
        self.0 = None;
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            // Not on this thread: somebody may hold the device. Without threads there is nothing to take offline.
            let _ = spawn_blocking_detached(move || open.host.go_offline());
        }
    }
}

fn spawn_blocking_detached(work: impl FnOnce() + Send + 'static) -> Result<(), tokio::runtime::TryCurrentError> {
    tokio::runtime::Handle::try_current().map(|runtime| drop(runtime.spawn_blocking(work)))
}

/// Connected while it is allowed, until sync has stopped for good: then `status` says why.
async fn stay_connected(open: Arc<Open>) {
    let mut signals = open.signals.subscribe();
    // An error means that the client is gone.
    while signals.wait_for(Signals::allow).await.is_ok() {
        let offline = Offline(Some(open.clone()));
        tokio::select! {
            () = open.files.stay(&open.server) => {}
            error = open.server.stay_live(&open.host) => {
                offline.not_needed();
                open.heed(error).await;
                return;
            }
            // The guard of the value must not outlive the wait.
            () = async { drop(signals.wait_for(|signals| !signals.allow()).await) } => {}
        }
    }
}

/// Waits until all edits and contents are sent and everything is here, or sync has stopped.
async fn settled(open: &Open) -> Result<engine::SyncStatus, ClientError> {
    let (mut changes, mut files) = (open.host.status(), open.files.changed());
    loop {
        files.mark_unchanged();
        let settled = changes.wait_for(|status| status.stopped.is_some() || (status.is_current && status.pending == 0));
        let status = settled.await.map_err(|_| ClientError::Closed)?.clone();
        if status.stopped.is_some() || open.files.is_settled().await? {
            return Ok(status);
        }
        tokio::select! {
            _ = files.changed() => {}
            _ = changes.changed() => {}
        }
    }
}

#[uniffi::export]
impl Client {
    /// Sends what waits and receives what is new, once: a pull to refresh, a background task. Own edits
    /// go first, then thumbnails, then contents of files. What was not sent is kept, whatever happens.
    pub async fn sync_once(&self, budget: Budget, cancel: Option<Arc<CancelHandle>>) -> Result<SyncOutcome, ClientError> {
        let open = self.open_now()?;
        guarded(async move {
            let budget = net::Budget { time: budget.time, bytes: budget.bytes };
            let offline = Offline(Some(open.clone()));
            let done = tokio::select! {
                done = open.files.sync(&open.server, budget) => done,
                () = open.until_ended() => return Err(ClientError::Closed),
                () = CancelHandle::wait(cancel) => return Err(ClientError::Cancelled),
            };
            offline.not_needed();
            match done {
                Ok(net::Outcome::Done) => Ok(SyncOutcome::Done),
                Ok(net::Outcome::OutOfBudget) => {
                    let left = move || {
                        let status = open.host.with(|device, _| device.sync_status())?;
                        Ok::<_, ClientError>(SyncOutcome::OutOfBudget { waiting: status.pending, files: open.files.usage()?.waiting })
                    };
                    blocking(left).await
                }
                Err(error) => Err(open.heed(error).await),
            }
        })
        .await
    }

    /// Stays connected from now on, while the app is in front and there is a network: edits go up and
    /// others' come down as they are made. Connecting again is our business.
    pub async fn connect(&self) -> Result<(), ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || {
            let mut connection = open.connection.lock().unwrap_or_else(PoisonError::into_inner);
            *connection = None;
            *connection = Some(spawn(stay_connected(open.clone()))?);
            Ok(())
        }))
        .await
    }

    /// Ends the connection.
    pub async fn disconnect(&self) -> Result<(), ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || {
            open.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
            open.host.go_offline();
            Ok(())
        }))
        .await
    }

    /// The system has found or lost the network.
    pub fn set_network(&self, network: Network) -> Result<(), ClientError> {
        self.open_now()?.signals.send_modify(|signals| signals.network = network);
        Ok(())
    }

    /// The app came to the front, or left it: in the background there is no connection, `sync_once` is for that.
    pub fn set_foreground(&self, foreground: bool) -> Result<(), ClientError> {
        self.open_now()?.signals.send_modify(|signals| signals.foreground = foreground);
        Ok(())
    }

    /// What a status line shows.
    pub async fn status(&self) -> Result<SyncStatus, ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || {
            let files = open.files.usage()?.waiting;
            open.host.with(|device, _| Ok(SyncStatus::of(device.sync_status()?, device.identity().is_some(), files)))
        }))
        .await
    }

    /// Waits until everything is sent and everything is here; needs `connect`. Fails when sync has stopped.
    pub async fn wait_current(&self, cancel: Option<Arc<CancelHandle>>) -> Result<(), ClientError> {
        let open = self.open_now()?;
        guarded(async move {
            let status = tokio::select! {
                status = settled(&open) => status?,
                () = open.until_ended() => return Err(ClientError::Closed),
                () = CancelHandle::wait(cancel) => return Err(ClientError::Cancelled),
            };
            status.stopped.map_or(Ok(()), |stopped| Err(ClientError::Stopped { reason: (&stopped).into() }))
        })
        .await
    }
}
