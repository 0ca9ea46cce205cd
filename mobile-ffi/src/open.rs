//! What a client holds while it is open: the device, the server, the connection, the app's secrets.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sync_core::device::{Device, Opening};
use sync_core::engine::{Farewell, Stopped};
use sync_core::id::Millis;
use sync_core::net::{Files, Host, NetError, Server};
use sync_core::query::Context;
use sync_core::store::{Contents, Place};
use tokio::sync::watch;

use crate::client::Settings;
use crate::error::{ClientError, OpenError};
use crate::files;
use crate::runtime::{Task, blocking, spawn};
use crate::secrets::{self, SecretStore};
use crate::sync::Signals;

/// How long to wait before the server is told again what it did not hear. Nobody waits for it.
const SAY_AGAIN_EVERY: Duration = Duration::from_secs(60);

/// A device that is open.
pub(crate) struct Open {
    pub host: Host,
    pub files: Files,
    pub server: Server,
    pub settings: Settings,
    pub signals: watch::Sender<Signals>,
    /// The connection, while the app wants one.
    pub connection: Mutex<Option<Task>>,
    pub is_enrolled: AtomicBool,
    /// Tells a server that had everything removed before that it is.
    farewell: Mutex<Option<Task>>,
    /// How far the clock of a store in memory was set forward.
    ahead_ms: Arc<AtomicI64>,
    ended: watch::Sender<bool>,
    /// Nothing for a store in memory.
    place: Option<(PathBuf, Arc<dyn SecretStore>)>,
}

/// Opens the encrypted store of a folder.
pub(crate) fn sealed(settings: Settings, secrets: Arc<dyn SecretStore>) -> Result<Open, OpenError> {
    let folder = PathBuf::from(&settings.folder);
    let failed = |error: std::io::Error| OpenError::Failed { detail: format!("{}: {error}", folder.display()) };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    if secrets::is_wiping(&*secrets)? {
        secrets::destroy(&secrets)?;
        files::remove(&folder).map_err(failed)?;
        secrets::wiped(&secrets)?;
    }
    let key = secrets::key(&*secrets, files::has_store(&folder))?;
    let mark = secrets::installation(&*secrets)?;
    let places = (Place::Sealed(files::store(&folder), key.clone()), Place::Sealed(files::contents(&folder), key));
    let opened = open(settings.clone(), places, mark, Some((folder.clone(), secrets.clone())))?;
    if let Some(farewell) = opened.host.with(|device, _| device.farewell())? {
        // The server had everything removed, and the app ended before the key and the files were.
        secrets::keep_farewell(&*secrets, &settings.server, &farewell)?;
        secrets::destroy(&secrets)?;
        drop(opened);
        return sealed(settings, secrets);
    }
    *opened.farewell.lock().unwrap_or_else(PoisonError::into_inner) = say_farewell(&opened.settings, secrets);
    Ok(opened)
}

/// Begins to tell a server what a wiped device has not said yet, if there is anything; over when it knows.
fn say_farewell(settings: &Settings, secrets: Arc<dyn SecretStore>) -> Option<Task> {
    // A secret store that fails says so at what cannot do without it; this is tried again at the next start.
    let (address, farewell) = secrets::farewell(&*secrets).ok()??;
    // To the server that gave the token, whichever the app speaks with now.
    let server = Server::with_root(&address, settings.root_certificate.clone()).ok()?;
    let work = async move {
        while !is_said(&server, &farewell, Some(&secrets)).await {
            tokio::time::sleep(SAY_AGAIN_EVERY).await;
        }
    };
    spawn(work).ok()
}

/// Whether nothing is left to say: the server knows, or listens to that device no more.
async fn is_said(server: &Server, farewell: &Farewell, secrets: Option<&Arc<dyn SecretStore>>) -> bool {
    if !matches!(server.deliver(farewell).await, Ok(()) | Err(NetError::Stopped(_))) {
        return false;
    }
    if let Some(secrets) = secrets.cloned() {
        // If it is not forgotten it is said once more, which does no harm.
        let _ = blocking(move || Ok::<_, ClientError>(secrets::said_farewell(&*secrets)?)).await;
    }
    true
}

/// Opens a store in memory.
pub(crate) fn in_memory(settings: Settings) -> Result<Open, OpenError> {
    open(settings, (Place::Memory, Place::Memory), secrets::random()?, None)
}

fn open(
    settings: Settings,
    (place, contents): (Place, Place),
    incarnation: [u8; 16],
    kept_at: Option<(PathBuf, Arc<dyn SecretStore>)>,
) -> Result<Open, OpenError> {
    link_cipher();
    let bad = |error: NetError| OpenError::BadSettings { detail: error.to_string() };
    let server = Server::with_root(&settings.server, settings.root_certificate.clone()).map_err(bad)?;
    let opening = Opening { place, app: settings.app.clone(), incarnation, seed: secrets::random()? };
    let device = Device::open(&opening)?;
    let is_enrolled = AtomicBool::new(device.identity().is_some());
    let ahead_ms = Arc::new(AtomicI64::new(0));
    let ahead = ahead_ms.clone();
    let host = Host::new(device, Arc::new(move || now().saturating_add(ahead.load(Ordering::Relaxed))));
    let files = Files::new(host.clone(), Contents::open(&contents)?, settings.cache_bytes);
    // What was copied when the app was killed, and has no record.
    files.tidy(settings.cache_bytes)?;
    Ok(Open {
        host,
        files,
        is_enrolled,
        farewell: Mutex::new(None),
        ahead_ms,
        server,
        settings,
        signals: watch::Sender::new(Signals::default()),
        connection: Mutex::new(None),
        ended: watch::Sender::new(false),
        place: kept_at,
    })
}

/// SQLCipher calls this crate from C; naming it once is what makes the linker take it.
fn link_cipher() {
    #[cfg(feature = "cipher")]
    std::hint::black_box(rapport_cipher::rapport_cipher_setup as *const ());
}

/// What time it is on this device.
pub(crate) fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
}

impl Open {
    /// When and where relative dates are counted.
    pub fn context(&self, now: Millis) -> Context {
        Context { now, offset_minutes: self.settings.utc_offset_minutes }
    }

    /// Sets the clock forward; only that of a store in memory. Answers whether it did.
    pub fn forward_clock(&self, by_ms: Millis) -> bool {
        let may = self.place.is_none();
        if may {
            let further = |ahead: Millis| Some(ahead.saturating_add(by_ms));
            // It never says no.
            let _ = self.ahead_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, further);
        }
        may
    }

    /// Ends streams and the connection.
    pub fn end(&self) {
        self.ended.send_replace(true);
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Whether the client was closed.
    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Whether the device is somebody's.
    pub fn is_enrolled(&self) -> bool {
        self.is_enrolled.load(Ordering::Relaxed)
    }

    /// Returns when the client was closed.
    pub async fn until_ended(&self) {
        // The sender lives as long as we do.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Waits for a call that still holds the device; the store closes with the last of them.
    pub async fn settle(self: Arc<Self>) -> Result<(), ClientError> {
        blocking(move || {
            self.host.go_offline();
            Ok(())
        })
        .await
    }

    /// Removes everything: the key, the files, and the mark that this is under way.
    pub async fn wipe(self: Arc<Self>) -> Result<(), ClientError> {
        blocking(move || self.wipe_now()).await
    }

    fn wipe_now(self: Arc<Self>) -> Result<(), ClientError> {
        self.host.go_offline();
        let Some((folder, secrets)) = self.place.clone() else { return Ok(()) };
        secrets::destroy(&secrets)?;
        drop(self);
        remove_files(&folder)?;
        Ok(secrets::wiped(&secrets)?)
    }

    /// What a failure of the network means for this device: told to wipe, it does.
    pub async fn heed(self: &Arc<Self>, error: NetError) -> ClientError {
        if matches!(error, NetError::Stopped(Stopped::Wiped)) {
            self.end();
            let open = self.clone();
            // In one go: whoever waits for it may be gone any moment, the connection that brought the word first of all.
            let wiped = blocking(move || {
                let farewell = open.keep_farewell();
                open.wipe_now().map(|()| farewell.ok().flatten())
            });
            // The key and the files are gone then. Whoever is not reached now hears of it when the app starts next.
            match wiped.await {
                Err(failed) => return failed,
                Ok(Some(farewell)) => drop(is_said(&self.server, &farewell, self.place.as_ref().map(|(_, secrets)| secrets)).await),
                Ok(None) => {}
            }
        }
        error.into()
    }

    /// What is to be told to the server that had everything removed: kept where it outlives the store.
    fn keep_farewell(&self) -> Result<Option<Farewell>, ClientError> {
        let farewell = self.host.with(|device, _| device.farewell())?;
        if let (Some(farewell), Some((_, secrets))) = (&farewell, &self.place) {
            secrets::keep_farewell(&**secrets, &self.settings.server, farewell)?;
        }
        Ok(farewell)
    }

    /// The folder of the store, when it has one.
    pub fn folder(&self) -> Option<&Path> {
        self.place.as_ref().map(|(folder, _)| folder.as_path())
    }
}

fn remove_files(folder: &Path) -> Result<(), ClientError> {
    files::remove(folder).map_err(|error| ClientError::Store { detail: error.to_string() })
}
