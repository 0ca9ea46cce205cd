//! Photos, signatures, documents: copied into the sealed store, sent when there is a network, fetched on demand.
//!
//! Large bytes stay on our side: the app hands paths in and reads pieces out. Nothing of a file is on the
//! disk in plain, unless the app exports it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sync_core::net::{self, Attach, FileError, Files, NetError, Whereabouts};
use tokio::sync::watch;

use crate::client::Client;
use crate::error::ClientError;
use crate::open::Open;
use crate::read::{RecordId, moment};
use crate::runtime::{CancelHandle, blocking, guarded};

/// A signature is a few KB: what is larger is handed over as a file.
const BYTES_MAX: u64 = 256 * 1024;

/// A file that is to hang on a record.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NewAttachment {
    /// Where it is. It is copied; the app removes its own when it likes.
    pub path: String,
    /// What it is, such as `image/jpeg`.
    pub media_type: String,
    /// What it is called; without, as in the path.
    #[uniffi(default = None)]
    pub name: Option<String>,
    /// A small picture of it, at most 64 KiB of JPEG, PNG or WebP: it is sent before the content. A picture
    /// that is small itself needs none.
    #[uniffi(default = None)]
    pub thumbnail: Option<Vec<u8>>,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum AttachmentState {
    /// Not on this device: `fetch_attachment` brings them.
    Elsewhere,
    /// On their way to this device; what has come is kept.
    Arriving {
        /// Bytes that are here.
        received: u64,
    },
    /// On this device, and on the server.
    Here,
    /// On this device only: they are sent by the next sync.
    Waiting {
        /// Bytes that are safe on the server.
        sent: u64,
    },
    /// On this device only, and the server does not take them: `retry_attachment` tries again.
    Refused {
        /// A word for the cause, stable for apps to act on.
        code: String,
        /// What the server said.
        detail: String,
    },
}

/// A file that hangs on a record.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Attachment {
    /// Its record, of the kind `file`.
    pub id: RecordId,
    /// What it is called.
    pub name: String,
    /// What it is, such as `image/jpeg`.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// Whether there is a small picture of it.
    pub has_thumbnail: bool,
    /// When it was made.
    pub created_at: SystemTime,
    /// Where its bytes are.
    pub state: AttachmentState,
}

impl From<net::Attachment> for Attachment {
    fn from(attachment: net::Attachment) -> Self {
        let file = attachment.file;
        Self {
            id: file.row.record.into(),
            name: file.row.title,
            media_type: file.media_type,
            size: file.size,
            has_thumbnail: file.thumbnail.is_some(),
            created_at: moment(file.row.created_at),
            state: match attachment.content {
                Whereabouts::Elsewhere => AttachmentState::Elsewhere,
                Whereabouts::Arriving { received } => AttachmentState::Arriving { received },
                Whereabouts::Here => AttachmentState::Here,
                Whereabouts::Waiting { sent } => AttachmentState::Waiting { sent },
                Whereabouts::Refused(problem) => AttachmentState::Refused { code: problem.code, detail: problem.detail },
            },
        }
    }
}

/// A content on its way to the server.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Transfer {
    /// The file.
    pub file: RecordId,
    /// Bytes that are safe on the server.
    pub sent: u64,
    /// Bytes in all.
    pub size: u64,
    /// Whether the server does not take it: `attachment` says why.
    pub refused: bool,
}

fn transfers(files: &Files) -> Result<Vec<Transfer>, ClientError> {
    let transfer =
        |one: net::Transfer| Transfer { file: one.record.into(), sent: one.sent, size: one.size, refused: one.problem.is_some() };
    Ok(files.transfers()?.into_iter().map(transfer).collect())
}

/// Contents on their way, as they get further.
#[derive(uniffi::Object)]
pub struct TransferStream {
    open: Arc<Open>,
    changes: Arc<tokio::sync::Mutex<watch::Receiver<u64>>>,
    stopped: watch::Sender<bool>,
}

#[uniffi::export]
impl TransferStream {
    /// What is on its way: at once the first time, then when it has got further. Nothing when the stream
    /// was stopped or the client closed.
    pub async fn next(&self) -> Result<Option<Vec<Transfer>>, ClientError> {
        let (open, changes, mut stopped) = (self.open.clone(), self.changes.clone(), self.stopped.subscribe());
        guarded(async move {
            let mut changes = changes.lock().await;
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(None),
                () = open.until_ended() => return Ok(None),
                _ = changes.changed() => {}
            }
            changes.mark_unchanged();
            blocking(move || transfers(&open.files).map(Some)).await
        })
        .await
    }

    /// Ends the stream: a call that waits answers with nothing.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> ClientError {
    ClientError::BadArgument { detail: format!("`{path}` cannot be read: {error}") }
}

fn name_of(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The bytes of a file, piece by piece, to where the app wants them.
fn export(files: &Files, id: sync_core::id::RecordId, to: &str) -> Result<(), ClientError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => ClientError::StorageFull,
        _ => ClientError::BadArgument { detail: format!("`{to}` cannot be written: {error}") },
    };
    let mut target = File::create(to).map_err(failed)?;
    let mut at = 0;
    loop {
        let piece = files.read(id, at)?;
        if piece.is_empty() {
            return target.flush().map_err(failed);
        }
        target.write_all(&piece).map_err(failed)?;
        at += piece.len() as u64;
    }
}

impl Client {
    /// Runs a call on the device's files, on our threads.
    pub(crate) async fn files<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Files) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || call(&open.files))).await
    }
}

#[uniffi::export]
impl Client {
    /// Hangs a file on a record: copied into the sealed store and shown at once, sent later. Answers with
    /// its own record.
    pub async fn attach(&self, to: RecordId, file: NewAttachment) -> Result<RecordId, ClientError> {
        let to = to.parse()?;
        self.files(move |files| {
            let mut content = File::open(&file.path).map_err(|error| unreadable(&file.path, &error))?;
            let name = file.name.unwrap_or_else(|| name_of(&file.path));
            Ok(files.attach(to, Attach { name, media_type: file.media_type, content: &mut content, thumbnail: file.thumbnail })?.into())
        })
        .await
    }

    /// As `attach`, for what never was a file: a signature. At most 256 KiB.
    pub async fn attach_bytes(&self, to: RecordId, name: String, media_type: String, bytes: Vec<u8>) -> Result<RecordId, ClientError> {
        let to = to.parse()?;
        if bytes.len() as u64 > BYTES_MAX {
            let detail = format!("at most {BYTES_MAX} bytes are handed over as such: use `attach` with a path");
            return Err(ClientError::TooLarge { most: BYTES_MAX, detail });
        }
        self.files(move |files| Ok(files.attach(to, Attach { name, media_type, content: &mut bytes.as_slice(), thumbnail: None })?.into()))
            .await
    }

    /// The files that hang on a record, oldest first.
    pub async fn attachments(&self, of: RecordId) -> Result<Vec<Attachment>, ClientError> {
        let of = of.parse()?;
        self.files(move |files| Ok(files.of(of)?.into_iter().map(Attachment::from).collect())).await
    }

    /// One file, by its own record.
    pub async fn attachment(&self, id: RecordId) -> Result<Attachment, ClientError> {
        let id = id.parse()?;
        self.files(move |files| Ok(files.get(id)?.into())).await
    }

    /// The small picture of a file, if it has one: of this device, or fetched. Nothing without a network.
    pub async fn thumbnail(&self, id: RecordId) -> Result<Option<Vec<u8>>, ClientError> {
        let (open, id) = (self.open_now()?, id.parse()?);
        guarded(async move {
            let here = |open: Arc<Open>| blocking(move || Ok::<_, ClientError>(open.files.thumbnail(id)?));
            if let Some(bytes) = here(open.clone()).await? {
                return Ok(Some(bytes));
            }
            match open.files.fetch_thumbnail(&open.server, id).await {
                Err(FileError::Net(NetError::Unreachable(_) | NetError::NotArrived)) => Ok(None),
                Err(FileError::Net(error @ NetError::Stopped(_))) => Err(open.heed(error).await),
                Err(error) => Err(error.into()),
                Ok(()) => here(open).await,
            }
        })
        .await
    }

    /// Brings the bytes of a file to this device. What was received is kept when it breaks off, and goes on
    /// from there. `NotArrived` while they are still on the phone that made it.
    pub async fn fetch_attachment(&self, id: RecordId, cancel: Option<Arc<CancelHandle>>) -> Result<Attachment, ClientError> {
        let (open, id) = (self.open_now()?, id.parse()?);
        guarded(async move {
            let fetched = tokio::select! {
                fetched = open.files.fetch(&open.server, id) => fetched,
                () = open.until_ended() => return Err(ClientError::Closed),
                () = CancelHandle::wait(cancel) => return Err(ClientError::Cancelled),
            };
            match fetched {
                Err(FileError::Net(error @ NetError::Stopped(_))) => return Err(open.heed(error).await),
                fetched => fetched?,
            }
            blocking(move || Ok::<_, ClientError>(open.files.get(id)?.into())).await
        })
        .await
    }

    /// The bytes of a file that is here, from a place on: at most 512 KiB, none at its end.
    pub async fn read_attachment(&self, id: RecordId, from: u64) -> Result<Vec<u8>, ClientError> {
        let id = id.parse()?;
        self.files(move |files| Ok(files.read(id, from)?)).await
    }

    /// Writes a file that is here to a path of the app's, in plain: to share it, to show it in another app.
    /// Whoever exports it removes it.
    pub async fn export_attachment(&self, id: RecordId, to: String) -> Result<(), ClientError> {
        let id = id.parse()?;
        self.files(move |files| match files.get(id)?.content {
            Whereabouts::Elsewhere | Whereabouts::Arriving { .. } => {
                Err(ClientError::NotFound { what: format!("content of file {id}, fetch it first,") })
            }
            Whereabouts::Here | Whereabouts::Waiting { .. } | Whereabouts::Refused(_) => export(files, id, &to),
        })
        .await
    }

    /// Tries again to send a file that the server did not take.
    pub async fn retry_attachment(&self, id: RecordId) -> Result<(), ClientError> {
        let id = id.parse()?;
        self.files(move |files| Ok(files.try_again(id)?)).await
    }

    /// Removes copies of what the server has until the rest takes at most so many bytes.
    pub async fn free_space(&self, keep_bytes: u64) -> Result<(), ClientError> {
        self.files(move |files| Ok(files.tidy(keep_bytes)?)).await
    }

    /// Watches what is on its way to the server.
    pub async fn watch_transfers(&self) -> Result<Arc<TransferStream>, ClientError> {
        let open = self.open_now()?;
        let mut changes = open.files.changed();
        // What is now is the first news.
        changes.mark_changed();
        Ok(Arc::new(TransferStream { open, changes: Arc::new(tokio::sync::Mutex::new(changes)), stopped: watch::Sender::new(false) }))
    }
}
