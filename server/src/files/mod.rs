//! The bytes of files: received in pieces, kept once for each content, handed out to whoever may see the record.
//!
//! Contents lie under their SHA-256 in an object store: a folder, or S3 and what speaks like it. What is
//! under way lies in a folder of this machine. Never decides who may see a file: `reading` does, through the
//! file's record and what that is about. Never looks into a file, but for the scanner that the operator names.

mod content;
mod door;
mod form;
mod keep;
mod pieces;
pub(crate) mod proof;
mod sealed;
mod sweep;
mod vault;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use sync_core::id::{RecordId, WorkspaceId};
use tokio::sync::OnceCell;

use crate::config::{Config, Files as Settings};
use crate::error::{Error, Text};
use crate::store::StoreError;
use crate::store::people::SecretHash;

pub use content::{content, thumbnail};
pub use door::{create, give_up, options, patch, state};
pub use form::upload_on_record;
pub(crate) use keep::content_of;
pub use sealed::{Keys, SealError};
pub use sweep::{Swept, housekeeping};
pub use sync_core::files::{KIND, hex, unhex};

/// Why a file is not kept or not handed out.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk or the object store failed.
    #[error("the file store failed")]
    Object(#[from] object_store::Error),
    /// The folder of what is under way failed.
    #[error("the folder of uploads failed")]
    Disk(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The content is not what the client said it would be.
    #[error("the content has another hash than announced")]
    WrongHash,
    /// The scanner refused it.
    #[error("the scanner refused the file")]
    Infected,
    /// A content is sealed, and cannot be opened.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// Another request writes to the upload.
    #[error("another request writes to this upload")]
    Busy,
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Store(error) => Self::Store(error),
            FileError::WrongHash => Self::Invalid {
                field: Some("sha256".to_owned()),
                message: Text::new(
                    "The content has another SHA-256 than was announced: upload it again.",
                    "内容的 SHA-256 与声明不符，请重新上传。",
                ),
            },
            FileError::Infected => Self::Invalid {
                field: None,
                message: Text::new("The virus scanner refused this file.", "病毒扫描未通过，文件被拒绝。"),
            },
            FileError::Busy => Self::Locked,
            FileError::Object(_) | FileError::Disk(_) | FileError::Sealed(_) => Self::Internal(error.into()),
        }
    }
}

/// The server's files; cloning is cheap.
#[derive(Clone)]
pub struct Files {
    settings: Arc<Settings>,
    folder: PathBuf,
    /// Opened when it is first needed: commands that touch no file make no folder.
    objects: Arc<OnceCell<Arc<dyn ObjectStore>>>,
    /// Uploads that a request is writing to.
    busy: Arc<Mutex<HashSet<RecordId>>>,
}

/// An upload that nobody else writes to while this lives.
struct Held {
    upload: RecordId,
    busy: Arc<Mutex<HashSet<RecordId>>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&self.upload);
    }
}

impl Files {
    /// With what the operator set.
    pub fn new(config: &Config) -> Self {
        let beside = || {
            let mut name = config.database.path.as_os_str().to_owned();
            name.push(".files");
            PathBuf::from(name)
        };
        let folder = config.files.folder.clone().unwrap_or_else(beside);
        Self { settings: Arc::new(config.files.clone()), folder, objects: Arc::default(), busy: Arc::default() }
    }

    async fn objects(&self) -> Result<&Arc<dyn ObjectStore>, FileError> {
        self.objects.get_or_try_init(|| async { self.open() }).await
    }

    fn open(&self) -> Result<Arc<dyn ObjectStore>, FileError> {
        let Some(bucket) = &self.settings.bucket else {
            private_folder(&self.folder)?;
            // A content that is acknowledged is on the disk, as everything else is.
            return Ok(Arc::new(LocalFileSystem::new_with_prefix(&self.folder)?.with_fsync(true)));
        };
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(&self.settings.region);
        if let Some(endpoint) = &self.settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let (Some(key), Some(secret)) = (&self.settings.access_key, &self.settings.secret_key) {
            builder = builder.with_access_key_id(key).with_secret_access_key(&secret.0);
        }
        Ok(Arc::new(builder.build()?))
    }

    /// Where a content lies. The workspace comes first: none can reach into another's.
    fn place(workspace: WorkspaceId, sha256: &SecretHash) -> ObjectPath {
        let hash = hex(sha256);
        ObjectPath::from_iter(["contents", &workspace.0.simple().to_string(), &hash[..2], &hash])
    }

    /// Where an upload lies until it is complete.
    fn partial(&self, upload: RecordId) -> PathBuf {
        self.folder.join("partial").join(upload.to_string())
    }

    fn hold(&self, upload: RecordId) -> Result<Held, FileError> {
        let is_free = self.busy.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(upload);
        if is_free { Ok(Held { upload, busy: Arc::clone(&self.busy) }) } else { Err(FileError::Busy) }
    }
}

/// A folder that its owner alone reads.
pub(crate) fn private_folder(path: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
