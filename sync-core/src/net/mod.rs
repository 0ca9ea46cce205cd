//! Drives a device over a real network: HTTP for one exchange, a WebSocket for staying live.
//!
//! The engine decides what is said; here frames are carried, and nothing of them is read. One host
//! holds one device: calls of the app and of the network take turns.

mod files;
mod http;
mod live;
mod tus;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{Notify, mpsc, watch};

use crate::device::Device;
use crate::engine::{Effect, Event, Stopped, SyncStatus};
use crate::id::Millis;
use crate::store::{Contents, StoreError};

pub use files::{ATTACHMENT_BYTES_MAX, Attach, Attachment, FileError, Files, Transfer, Whereabouts};
pub use http::{Budget, Outcome, Server, install_crypto};

/// Why a sync ended without being up to date.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The server cannot be reached, or the connection broke. Nothing is lost; try again.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server answered with an error.
    #[error("the server answered {status}: {message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// A word for the cause, stable for apps to act on.
        code: String,
        /// What it says.
        message: String,
    },
    /// The server has answered that it cannot do what was asked now. Nothing is lost; try again later.
    #[error("the server cannot take part in a sync now: {message} ({code})")]
    Refused {
        /// A word for the cause, stable for apps to act on.
        code: String,
        /// What it says.
        message: String,
    },
    /// The engine sends nothing more.
    #[error("sync has stopped: {0:?}")]
    Stopped(Stopped),
    /// The address is not one.
    #[error("`{0}` is not an http or https address")]
    BadAddress(String),
    /// The system gives no authorities to trust, or its verifier was not set up.
    #[error("encrypted connections cannot be set up on this device: {0}")]
    NoTls(String),
    /// The device is not enrolled.
    #[error("the device is not enrolled: redeem a one-time code first")]
    NotEnrolled,
    /// The code is another person's, and the records here are not theirs.
    #[error("this device holds another person's records: sign out first")]
    OtherUser,
    /// The bytes of a file are still on the phone that made it.
    #[error("the bytes of this file have not arrived at the server yet: the phone that made it still holds them")]
    NotArrived,
    /// The device's store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// A device that is shared between an app and its connection to the server.
#[derive(Clone)]
pub struct Host {
    device: Arc<Mutex<Device>>,
    /// The contents of the device's files, where it has any.
    contents: Arc<OnceLock<Arc<Mutex<Contents>>>>,
    clock: Clock,
    edited: Arc<Notify>,
    woken: Arc<Notify>,
    revision: watch::Sender<u64>,
    status: watch::Sender<SyncStatus>,
}

impl Host {
    /// Shares a device.
    pub fn new(device: Device, clock: Clock) -> Self {
        let revision = watch::Sender::new(device.revision());
        let status = watch::Sender::new(device.sync_status().unwrap_or_default());
        let (device, contents) = (Arc::new(Mutex::new(device)), Arc::default());
        Self { device, contents, clock, edited: Arc::default(), woken: Arc::default(), revision, status }
    }

    /// Runs a call on the device, with the time. Edits wake the connection.
    pub fn with<T>(&self, call: impl FnOnce(&mut Device, Millis) -> T) -> T {
        let now = (self.clock)();
        // A panic inside a call left the device's store as its last transaction left it.
        let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        // A store that fails says so at the call itself.
        let _ = device.look_at_clock(now);
        let answer = call(&mut device, now);
        if self.publish_revision(&device) {
            self.publish_status(&device);
            self.edited.notify_one();
        }
        answer
    }

    /// Tells those who watch records. Answers whether any have changed.
    fn publish_revision(&self, device: &Device) -> bool {
        self.revision.send_if_modified(|known| std::mem::replace(known, device.revision()) != device.revision())
    }

    fn publish_status(&self, device: &Device) {
        if let Ok(status) = device.sync_status() {
            self.status.send_if_modified(|known| std::mem::replace(known, status.clone()) != status);
        }
    }

    /// Changes whenever what a status line shows has changed.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.subscribe()
    }

    /// Changes whenever something on the device has changed.
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// As [`Host::with`], for calls that change what the device wants: a connection that stands asks for it at once.
    pub fn with_wants<T>(&self, call: impl FnOnce(&mut Device, Millis) -> T) -> T {
        let answer = self.with_status(call);
        self.woken.notify_one();
        answer
    }

    /// Tells the engine that a connection was given up.
    pub fn go_offline(&self) {
        self.with_status(|device, now| device.handle(now, Event::NetworkDown));
    }

    /// As [`Host::with`], for calls that change the status without changing a record.
    fn with_status<T>(&self, call: impl FnOnce(&mut Device, Millis) -> T) -> T {
        self.with(|device, now| {
            let answer = call(device, now);
            self.publish_status(device);
            answer
        })
    }

    /// Hands an event to the engine, away from the threads that carry frames: applying a page takes a while. Effects
    /// come as soon as they are known, the last one when the work is done.
    fn begin(&self, event: Event) -> mpsc::UnboundedReceiver<Effect> {
        let host = self.clone();
        let (effects, receiver) = mpsc::unbounded_channel();
        tokio::task::spawn_blocking(move || {
            let mut device = host.device.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever listened may be gone, with the connection: then there is nothing left to do for it.
            device.handle_each((host.clock)(), event, &mut |effect| drop(effects.send(effect)));
            host.publish_revision(&device);
            host.publish_status(&device);
        });
        receiver
    }

    /// As [`Host::begin`], all effects together.
    async fn handle(&self, event: Event) -> Vec<Effect> {
        let (mut receiver, mut effects) = (self.begin(event), Vec::new());
        while let Some(effect) = receiver.recv().await {
            effects.push(effect);
        }
        effects
    }

    /// Removes what no file of the device names any more, away from the threads that carry frames.
    async fn clear(&self) -> Result<(), StoreError> {
        let host = self.clone();
        let cleared = tokio::task::spawn_blocking(move || match host.contents.get() {
            Some(contents) => host.tidy(&mut contents.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Ok(()),
        });
        cleared.await.unwrap_or_else(|_| Err(StoreError::Damaged("the work on contents was ended".to_owned())))
    }

    /// Removes what no file of the device names any more.
    fn tidy(&self, contents: &mut Contents) -> Result<(), StoreError> {
        let (files, drafts) = self.with(|device, _| Ok::<_, StoreError>((device.file_contents()?, device.drafts()?)))?;
        let named = files.iter().flat_map(|named| [named.content, named.thumbnail].into_iter().flatten()).collect();
        let records = files.iter().map(|named| named.file).chain(drafts.iter().map(|draft| draft.record)).collect();
        contents.tidy(&named, &records)
    }

    /// What the device says to be let in; an error when it knows that it is not. Whoever was shut out asks again: the
    /// server may have another word for it.
    fn token(&self) -> Result<String, NetError> {
        let (token, status) = self.with(|device, _| Ok::<_, NetError>((device.token()?, device.sync_status()?)))?;
        match status.stopped {
            Some(stopped @ (Stopped::Outdated(_) | Stopped::Wiped)) => Err(NetError::Stopped(stopped)),
            Some(Stopped::Revoked | Stopped::Unauthorized) | None => token.ok_or(NetError::NotEnrolled),
        }
    }
}
