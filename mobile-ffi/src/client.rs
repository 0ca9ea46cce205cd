//! The one handle: who the device is, opening and closing, signing out.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sync_core::device::Device;
use sync_core::id::Millis;
use sync_core::protocol;

use crate::error::{ClientError, OpenError};
use crate::open::{self, Open};
use crate::read::RecordId;
use crate::runtime::{CancelHandle, blocking, guarded};
use crate::secrets::SecretStore;

/// What the app says once.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Settings {
    /// Where the server is: `https://crm.example`.
    pub server: String,
    /// A folder of the app's own, for the store: kept out of backups.
    pub folder: String,
    /// App name and version, for the back office's list of devices.
    pub app: String,
    /// The server's own authority (PEM), where its certificate is not from a public one.
    #[uniffi(default = None)]
    pub root_certificate: Option<Vec<u8>>,
    /// The local time of the phone: what `today` means in lists.
    #[uniffi(default = 0)]
    pub utc_offset_minutes: i32,
    /// What photos and other contents may take on the device that the server has too: what was looked at
    /// longest ago is removed first. What was not sent yet is never removed.
    #[uniffi(default = 268435456)]
    pub cache_bytes: u64,
}

/// Whose device it is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Session {
    /// The user; also the record of the kind `member` that names them.
    pub user: RecordId,
    /// The device, as the back office lists it.
    pub device: String,
    /// The workspace.
    pub workspace: String,
    /// The user's role.
    pub role: String,
}

/// A device with its records. One for each app; share it.
#[derive(uniffi::Object)]
pub struct Client {
    open: Mutex<Option<Arc<Open>>>,
}

impl Client {
    fn of(open: Open) -> Arc<Self> {
        Arc::new(Self { open: Mutex::new(Some(Arc::new(open))) })
    }

    /// What is open; an error after shutdown, and after the server had everything removed.
    pub(crate) fn open_now(&self) -> Result<Arc<Open>, ClientError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        open.filter(|open| !open.has_ended()).ok_or(ClientError::Closed)
    }

    /// Takes what is open away from this client: whoever holds it now ends its streams and tasks.
    pub(crate) fn take(&self) -> Option<Arc<Open>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(open) = &open {
            open.end();
        }
        open
    }

    /// Runs a call on the device, on our threads.
    pub(crate) async fn on_device<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Device, Millis) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || open.host.with(call))).await
    }
}

/// What the square in the console says: which server to open the app's store for, and the code to enrol with.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Invitation {
    /// The server's address, for [`Settings::server`].
    pub server: String,
    /// The one-time code, for [`Client::enrol`].
    pub code: String,
}

/// Reads the text of a square that was scanned.
#[uniffi::export]
pub fn read_invitation(text: String) -> Result<Invitation, ClientError> {
    let read = text.parse::<protocol::Invitation>();
    let protocol::Invitation { server, code } = read.map_err(|error| ClientError::BadArgument { detail: error.to_string() })?;
    Ok(Invitation { server, code })
}

#[uniffi::export]
impl Client {
    /// Opens the app's store, or makes an empty one; no network is needed. The store is encrypted with a
    /// key that is made here and kept in the app's secret store, or it is not opened.
    #[uniffi::constructor(name = "open")]
    pub async fn open(settings: Settings, secrets: Arc<dyn SecretStore>) -> Result<Arc<Self>, OpenError> {
        guarded(blocking(move || Ok(Self::of(open::sealed(settings, secrets)?)))).await
    }

    /// A store in memory, gone with the client: for previews and tests.
    #[uniffi::constructor(name = "open_in_memory")]
    pub async fn open_in_memory(settings: Settings) -> Result<Arc<Self>, OpenError> {
        guarded(blocking(move || Ok(Self::of(open::in_memory(settings)?)))).await
    }

    /// Redeems the one-time code that the back office shows: from then on the device is its user's.
    pub async fn enrol(&self, code: String, device_name: String, cancel: Option<Arc<CancelHandle>>) -> Result<Session, ClientError> {
        let open = self.open_now()?;
        guarded(async move {
            tokio::select! {
                done = open.server.enrol(&open.host, &code, &device_name, &open.settings.app) => done?,
                () = CancelHandle::wait(cancel) => return Err(ClientError::Cancelled),
            }
            open.is_enrolled.store(true, Ordering::Relaxed);
            blocking(move || session_of(&open)?.ok_or(ClientError::NotEnrolled)).await
        })
        .await
    }

    /// Whose device this is; nothing before it is enrolled.
    pub async fn session(&self) -> Result<Option<Session>, ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || session_of(&open))).await
    }

    /// Eight digits that an administrator compares before a new device is let in, where the workspace asks for that.
    pub async fn fingerprint(&self) -> Result<Option<String>, ClientError> {
        self.on_device(|device, _| Ok(device.fingerprint()?)).await
    }

    /// Sets the clock of a store in memory forward: a test sees what time does, such as a lease that runs out. A store
    /// on a disk goes by the device's clock: `BadArgument`.
    pub async fn forward_clock(&self, by: Duration) -> Result<(), ClientError> {
        let open = self.open_now()?;
        let by_ms = Millis::try_from(by.as_millis()).unwrap_or(Millis::MAX);
        guarded(blocking(move || {
            if !open.forward_clock(by_ms) {
                return Err(ClientError::BadArgument { detail: "only the clock of a store in memory is a test's to set".to_owned() });
            }
            // Whether it is locked now is what its streams hear of, too.
            open.host.with(|_, _| Ok(()))
        }))
        .await
    }

    /// Closes the store. Streams end, calls answer `Closed` from here on; closing twice is no error.
    pub async fn shutdown(&self) -> Result<(), ClientError> {
        let Some(open) = self.take() else { return Ok(()) };
        guarded(async move { open.settle().await }).await
    }

    /// Gives the phone back: refuses while edits are on this device only, unless they are to be lost.
    /// Then everything is removed, as by `wipe`.
    pub async fn sign_out(&self, lose_unsent: bool) -> Result<(), ClientError> {
        if !lose_unsent {
            let status = self.on_device(|device, _| Ok(device.sync_status()?)).await?;
            let (edits, drafts, files) = (status.pending, status.drafts, self.files(|files| Ok(files.usage()?.waiting)).await?);
            if edits > 0 || drafts > 0 || files > 0 {
                return Err(ClientError::Unsent { edits, drafts, files });
            }
        }
        self.wipe().await
    }

    /// Removes everything from this device: the key first, so that nobody reads what is left if the
    /// phone dies meanwhile; an interrupted wipe is finished when the app opens next. The client is closed.
    pub async fn wipe(&self) -> Result<(), ClientError> {
        let Some(open) = self.take() else { return Err(ClientError::Closed) };
        guarded(async move { open.wipe().await }).await
    }
}

fn session_of(open: &Open) -> Result<Option<Session>, ClientError> {
    let session = |me: &sync_core::engine::Identity| Session {
        user: me.user.to_string().into(),
        device: me.device.to_string(),
        workspace: me.workspace.to_string(),
        role: me.role.to_string(),
    };
    Ok(open.host.with(|device, _| device.identity().map(session)))
}
