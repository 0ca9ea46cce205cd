//! A complete upload becomes a content, and the content gets its file record.

use std::path::Path;
use std::process::Stdio;

use futures_util::StreamExt;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{FileError, Files, KIND, hex, proof};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::reading::Reading;
use crate::store::files::{self, Upload};
use crate::store::people::SecretHash;
use crate::store::{Store, StoreError};
use crate::writing::Writing;

/// Read at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// A file that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its content.
    pub sha256: SecretHash,
    /// Its record, but for a content whose record comes from a phone.
    pub record: Option<RecordId>,
}

/// Keeps a complete upload and writes its record, as far as its caller may.
pub async fn keep(app: &App, caller: &Caller, upload: &Upload) -> Result<Kept, Error> {
    let sha256 = app.files.take_in(&app.store, caller.workspace, upload, app.clock.now()).await?;
    let record = record_of(app, caller, upload, &sha256).await?;
    proof::settle_all(app, caller.workspace, &sha256).await?;
    Ok(Kept { sha256, record })
}

/// The file record of an upload: the one it names, or a new one; none where a phone brings it.
async fn record_of(app: &App, caller: &Caller, upload: &Upload, sha256: &SecretHash) -> Result<Option<RecordId>, Error> {
    let (reading, writing) = (Reading::of(app, caller), Writing::of(app, caller));
    let values = [("hash", json!(hex(sha256))), ("size", json!(upload.length)), ("media_type", json!(upload.media_type))];
    let set = |(field, value): (&str, Json)| FieldEdit::Set { field: field.to_owned(), value };
    match upload.record {
        Some(id) => match reading.row(id).await? {
            Some(row) if row.fields.get("hash") == Some(&values[0].1) => {
                // Whoever has the bytes may give them to a record that lacks them.
                proof::vouch(app, caller.workspace, id, sha256).await?;
                Ok(Some(id))
            }
            Some(_) => writing.edit(KIND, id, values.map(set).to_vec()).await.map(|()| Some(id)).map_err(Error::from),
            None => made(&writing, Some(id), upload, values.map(set).to_vec()).await.map(Some),
        },
        None if upload.about.is_empty() && upload.sha256.is_some() => Ok(None),
        None => made(&writing, None, upload, values.map(set).to_vec()).await.map(Some),
    }
}

async fn made(writing: &Writing, id: Option<RecordId>, upload: &Upload, mut edits: Vec<FieldEdit>) -> Result<RecordId, Error> {
    edits.insert(0, FieldEdit::Set { field: "name".to_owned(), value: json!(upload.name) });
    if !upload.about.is_empty() {
        edits.push(FieldEdit::Set { field: "about".to_owned(), value: json!(upload.about) });
    }
    Ok(writing.create(KIND, id, edits).await?)
}

/// The content that a field of a file record (`hash`, `thumbnail`) names, if it does.
pub fn content_of(fields: &Map<String, Json>, field: &str) -> Option<SecretHash> {
    super::unhex(fields.get(field)?.as_str()?)
}

impl Files {
    /// Checks, scans and keeps the content of a complete upload; the upload ends, whatever comes of it.
    async fn take_in(&self, store: &Store, workspace: WorkspaceId, upload: &Upload, now: i64) -> Result<SecretHash, FileError> {
        let path = self.partial(upload.upload);
        let kept = self.put(&path, workspace, upload).await;
        let (id, size, user) = (upload.upload, upload.length, upload.user);
        if !matches!(kept, Err(FileError::Object(_) | FileError::Disk(_) | FileError::Sealed(_))) {
            let hash = kept.as_ref().ok().copied();
            store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move {
                        if let Some(hash) = hash {
                            files::add_blob(tx, workspace, &hash, size, now).await?;
                            files::prove(tx, workspace, &hash, user, now).await?;
                        }
                        files::drop_upload(tx, workspace, id).await
                    })
                })
                .await?;
            tokio::fs::remove_file(&path).await.ok();
        }
        kept
    }

    async fn put(&self, path: &Path, workspace: WorkspaceId, upload: &Upload) -> Result<SecretHash, FileError> {
        // A file without bytes was never opened.
        drop(tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?);
        let sha256 = hash_of(path).await?;
        if upload.sha256.is_some_and(|announced| announced != sha256) {
            return Err(FileError::WrongHash);
        }
        self.scan(path).await?;
        self.write(path, workspace, &sha256, upload.length).await?;
        Ok(sha256)
    }

    /// Writes a content into a new file, a block at a time.
    ///
    /// # Errors
    /// When it is not there or the disk is full.
    pub async fn copy_out(&self, workspace: WorkspaceId, (sha256, size): (&SecretHash, u64), to: &Path) -> Result<(), FileError> {
        let mut blocks = self.read(workspace, sha256, (None, size)).await?;
        let mut file = tokio::fs::File::create_new(to).await?;
        while let Some(block) = blocks.next().await {
            file.write_all(&block?).await?;
        }
        file.sync_all().await?;
        Ok(())
    }

    /// Keeps the content of a file that lies on this machine; answers what it hashes to.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    pub async fn copy_in(&self, store: &Store, workspace: WorkspaceId, from: &Path, now: i64) -> Result<SecretHash, FileError> {
        let (sha256, size) = (hash_of(from).await?, tokio::fs::metadata(from).await?.len());
        self.write(from, workspace, &sha256, size).await?;
        store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { files::add_blob(tx, workspace, &sha256, size, now).await }))
            .await?;
        Ok(sha256)
    }

    /// Asks the operator's scanner: it gets the path of the file, and its exit status says whether it is clean.
    async fn scan(&self, path: &Path) -> Result<(), FileError> {
        let Some(scanner) = &self.settings.scanner else { return Ok(()) };
        let mut command = std::process::Command::new(scanner);
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A scanner that cannot run lets nothing through: the error is the operator's to see.
        let status = tokio::task::spawn_blocking(move || command.status()).await.map_err(std::io::Error::other)??;
        if status.success() { Ok(()) } else { Err(FileError::Infected) }
    }
}

async fn hash_of(path: &Path) -> Result<SecretHash, FileError> {
    let mut file = tokio::fs::File::open(path).await?;
    let (mut hash, mut block) = (Sha256::new(), vec![0; BLOCK_BYTES]);
    loop {
        let read = file.read(&mut block).await?;
        if read == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&block[..read]);
    }
}
