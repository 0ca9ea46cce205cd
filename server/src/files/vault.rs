//! The one way to the bytes of contents: sealed where the operator has a key, as they are elsewhere.

use std::path::Path;

use axum::body::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::buffered::BufWriter;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use sync_core::id::{RecordId, WorkspaceId};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::sealed::{BLOCK, HEAD, Keys, Opening, SealError, is_sealed, sealed_range, sealed_size};
use super::{FileError, Files, hex, private_folder};
use crate::jobs::{Progress, Watch};
use crate::store::people::SecretHash;
use crate::store::{Store, files, workspaces};

/// The bytes of a content, as they come.
pub(super) type Blocks = BoxStream<'static, Result<Bytes, FileError>>;

impl Files {
    /// The operator's keys as they are now: somebody may have added one since the server began. None: contents lie as they are.
    fn keys(&self) -> Result<Option<Keys>, FileError> {
        Ok(self.settings.key_file.as_deref().map(Keys::open).transpose()?)
    }

    /// The bytes `range` of a content of `size` bytes; all of them for none.
    pub(super) async fn read(
        &self,
        workspace: WorkspaceId,
        sha256: &SecretHash,
        (range, size): (Option<(u64, u64)>, u64),
    ) -> Result<Blocks, FileError> {
        let (place, objects) = (Self::place(workspace, sha256), self.objects().await?);
        let (from, to) = range.unwrap_or((0, size));
        let opener = match self.head(&place, size).await? {
            Some(head) => self.keys()?.unwrap_or_default().opener(&head, sha256)?,
            None => None,
        };
        let asked = if opener.is_some() { Some(sealed_range(from, to, size).0) } else { range.map(|(from, to)| from..to) };
        let options = GetOptions { range: asked.map(GetRange::Bounded), ..GetOptions::default() };
        let got = objects.get_opts(&place, options).await?;
        let is_sealed = got.meta.size != size && got.meta.size == sealed_size(size);
        let got = got.into_stream().map_err(FileError::from);
        let Some(opener) = opener else {
            // Without its key it says nothing; or it was sealed between two looks, and is there at the next.
            return if is_sealed { Err(SealError::NoFile.into()) } else { Ok(got.boxed()) };
        };
        let ended = got.map_ok(Some).chain(stream::once(async { Ok(None) }));
        let opening = Opening::new(opener, (from, to), size);
        let opened = ended.scan(opening, |opening, piece| {
            let taken = piece.and_then(|piece| Ok::<_, FileError>(opening.take(piece.as_deref().unwrap_or_default(), piece.is_none())?));
            std::future::ready(Some(taken.map(|open| stream::iter(open.into_iter().map(Ok::<_, FileError>)))))
        });
        Ok(opened.try_flatten().boxed())
    }

    /// How a content of `size` bytes begins, if it is as long as what is sealed.
    async fn head(&self, place: &ObjectPath, size: u64) -> Result<Option<Vec<u8>>, FileError> {
        if self.settings.key_file.is_none() {
            return Ok(None);
        }
        let objects = self.objects().await?;
        if objects.head(place).await?.size != sealed_size(size) {
            return Ok(None);
        }
        let options = GetOptions { range: Some(GetRange::Bounded(0..HEAD as u64)), ..GetOptions::default() };
        Ok(Some(objects.get_opts(place, options).await?.bytes().await?.to_vec()))
    }

    /// Makes the key file where one is named and is not there, before anything is kept: not where something is sealed already.
    ///
    /// # Errors
    /// When it is missing although something is sealed, or cannot be read or made.
    pub async fn prepare(&self, store: &Store) -> Result<(), FileError> {
        let Some(path) = self.settings.key_file.as_deref() else { return Ok(()) };
        if !path.exists() {
            for (workspace, sha256, size) in contents(store).await? {
                if self.head(&Self::place(workspace, &sha256), size).await.is_ok_and(|head| head.is_some_and(|head| is_sealed(&head))) {
                    return Err(SealError::Missing(path.to_owned()).into());
                }
            }
            Keys::make(path)?;
        }
        Ok(Keys::open(path).map(drop)?)
    }

    /// Keeps what a file on this machine holds, unless it is there.
    pub(super) async fn write(&self, from: &Path, workspace: WorkspaceId, sha256: &SecretHash, size: u64) -> Result<(), FileError> {
        let place = Self::place(workspace, sha256);
        let objects = self.objects().await?;
        let keys = self.keys()?;
        let kept = if keys.is_some() { sealed_size(size) } else { size };
        if objects.head(&place).await.is_ok_and(|there| there.size == kept) {
            return Ok(());
        }
        self.put_from(tokio::fs::File::open(from).await?, place, (keys.as_ref(), sha256, size)).await
    }

    async fn put_from(
        &self,
        mut from: impl AsyncRead + Unpin,
        place: ObjectPath,
        (keys, sha256, size): (Option<&Keys>, &SecretHash, u64),
    ) -> Result<(), FileError> {
        let mut writer = BufWriter::new(self.objects().await?.clone(), place);
        match keys.and_then(|keys| keys.sealer(sha256)) {
            None => drop(tokio::io::copy(&mut from, &mut writer).await?),
            Some(mut sealer) => {
                writer.write_all(&sealer.head).await?;
                let mut left = size;
                loop {
                    let mut block = vec![0; left.min(BLOCK as u64) as usize];
                    from.read_exact(&mut block).await?;
                    left -= block.len() as u64;
                    sealer.seal(&mut block, left == 0);
                    writer.write_all(&block).await?;
                    if left == 0 {
                        break;
                    }
                }
            }
        }
        writer.shutdown().await?;
        Ok(())
    }

    /// Seals every content with the operator's newest key that is not yet; a new one is made first where `rotate` says so. Where
    /// all were sealed with it before, the older keys go. Answers how many were sealed.
    ///
    /// # Errors
    /// When there is no key file, or a store fails; what was not sealed is sealed the next time.
    pub async fn seal_all(&self, store: &Store, rotate: bool, watch: Watch<'_>) -> Result<u64, FileError> {
        let Some(path) = self.settings.key_file.as_deref() else { return Err(SealError::NoFile.into()) };
        self.prepare(store).await?;
        let mut keys = Keys::open(path)?;
        if rotate {
            keys = keys.with_new(path)?;
        }
        let all = contents(store).await?;
        let (mut done, mut failed, total) = (0, 0, all.len() as u64);
        for (at, (workspace, sha256, size)) in all.into_iter().enumerate() {
            match self.seal_one(&keys, workspace, &sha256, size).await {
                Ok(sealed) => done += u64::from(sealed),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, content = hex(&sha256), "a content was not sealed");
                    failed += 1;
                }
            }
            watch(Progress { done: at as u64 + 1, total });
        }
        if failed > 0 {
            return Err(SealError::NotAll(failed).into());
        }
        // Whoever was about to keep one with an older key has done so by the next time.
        if done == 0 && !rotate {
            keys.newest_alone(path)?;
        }
        Ok(done)
    }

    /// Answers whether it was sealed with another key, or none. It is whole at every moment: an object is replaced at once.
    async fn seal_one(&self, keys: &Keys, workspace: WorkspaceId, sha256: &SecretHash, size: u64) -> Result<bool, FileError> {
        let place = Self::place(workspace, sha256);
        match self.head(&place, size).await {
            Ok(head) if head.as_deref().is_some_and(|head| keys.is_newest(head)) => return Ok(false),
            // A content that is not there: `rapport check` tells of it.
            Err(FileError::Object(object_store::Error::NotFound { .. })) => return Ok(false),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let open = self.partial(RecordId::of_cause(&hex(sha256)));
        if let Some(folder) = open.parent() {
            private_folder(folder)?;
        }
        let sealed = async {
            self.copy_out(workspace, (sha256, size), &open).await?;
            self.put_from(tokio::fs::File::open(&open).await?, place, (Some(keys), sha256, size)).await
        };
        let sealed = sealed.await;
        tokio::fs::remove_file(&open).await.ok();
        sealed.map(|()| true)
    }
}

/// All contents, with their sizes.
async fn contents(store: &Store) -> Result<Vec<(WorkspaceId, SecretHash, u64)>, FileError> {
    let (mut tx, mut all) = (store.reader().await?, Vec::new());
    for workspace in workspaces::all(&mut tx).await?.into_iter().map(|one| one.workspace) {
        let found = files::blobs(&mut tx, workspace).await?;
        all.extend(found.into_iter().map(|(content, size)| (workspace, content, size)));
    }
    Ok(all)
}
