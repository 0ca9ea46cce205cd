//! What nobody needs any more: uploads that were given up, contents that no file names.

use std::time::Duration;

use object_store::ObjectStoreExt;
use sync_core::id::{Millis, RecordId, WorkspaceId};

use super::{FileError, Files};
use crate::app::App;
use crate::jobs::runs::Runs;
use crate::store::people::SecretHash;
use crate::store::{Store, StoreError, files, workspaces};

/// A content may come before its record: a phone sends both when it is online, and is not always so for long.
const ORPHAN_AGE_MS: Millis = 7 * 86_400_000;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Uploads that were given up.
    pub uploads: u64,
    /// Contents that no file named.
    pub contents: u64,
}

impl Files {
    /// Ends an upload and removes what came of it.
    pub(super) async fn drop_upload(&self, store: &Store, workspace: WorkspaceId, upload: RecordId) -> Result<(), FileError> {
        store.write::<_, StoreError, _>(move |tx| Box::pin(async move { files::drop_upload(tx, workspace, upload).await })).await?;
        match tokio::fs::remove_file(self.partial(upload)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes a content for good.
    ///
    /// # Errors
    /// When the file store or the database fails.
    pub async fn erase(&self, store: &Store, workspace: WorkspaceId, sha256: SecretHash) -> Result<(), FileError> {
        match self.objects().await?.delete(&Self::place(workspace, &sha256)).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(store.write::<_, StoreError, _>(move |tx| Box::pin(async move { files::drop_blob(tx, workspace, &sha256).await })).await?)
    }

    /// Removes what nobody needs any more.
    ///
    /// # Errors
    /// When the file store or the database fails; what was not removed is removed the next time.
    pub async fn sweep(&self, store: &Store, now: Millis) -> Result<Swept, FileError> {
        let mut swept = Swept::default();
        let all = workspaces::all(&mut store.reader().await?).await?;
        for workspace in all.into_iter().map(|one| one.workspace) {
            let mut tx = store.reader().await?;
            let expired = files::expired(&mut tx, workspace, now).await?;
            let orphans = files::orphans(&mut tx, workspace, now - ORPHAN_AGE_MS).await?;
            drop(tx);
            for upload in expired {
                let Ok(_held) = self.hold(upload) else { continue };
                self.drop_upload(store, workspace, upload).await?;
                swept.uploads += 1;
            }
            for content in orphans {
                self.erase(store, workspace, content).await?;
                swept.contents += 1;
            }
        }
        Ok(swept)
    }
}

/// Sweeps every hour. Runs for ever.
pub async fn housekeeping(app: App) {
    const EVERY: Duration = Duration::from_secs(3600);
    loop {
        tokio::time::sleep(EVERY).await;
        let done = app.files.sweep(&app.store, app.clock.now()).await;
        app.runs.note(Runs::SWEEP, app.clock.now(), &done);
        if let Err(error) = &done {
            tracing::warn!(error = error as &dyn std::error::Error, "old uploads and files could not be removed; it is tried again");
        }
    }
}
