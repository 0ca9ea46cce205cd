//! Receiving an upload piece by piece: what is answered as received is on the disk.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use ring::digest;
use sync_core::id::WorkspaceId;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::{FileError, Files, private_folder};
use crate::store::files::{self, Upload};
use crate::store::{Store, StoreError};

/// How long a client may send nothing before the connection is given up; what came is kept.
const SILENCE: Duration = Duration::from_secs(60);

/// What a piece must hash to, as its sender says.
pub struct Checksum {
    algorithm: &'static digest::Algorithm,
    expected: Vec<u8>,
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// So much is safe now.
    Safe(u64),
    /// Its checksum is wrong, or it broke off before that could be told: nothing of it was kept.
    WrongSum,
    /// It goes beyond the length of the upload.
    TooLong,
}

impl Checksum {
    /// The algorithms, as `Tus-Checksum-Algorithm` lists them.
    pub const ALGORITHMS: &str = "sha1,sha256";

    /// From `Upload-Checksum`: an algorithm and base 64.
    pub fn parse(text: &str) -> Option<Self> {
        use base64::Engine;
        let (algorithm, sum) = text.trim().split_once(' ')?;
        let algorithm = match algorithm {
            "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => &digest::SHA256,
            _ => return None,
        };
        let expected = base64::engine::general_purpose::STANDARD.decode(sum.trim()).ok()?;
        Some(Self { algorithm, expected })
    }
}

impl Files {
    /// Appends a piece to an upload that nobody else writes to.
    pub(super) async fn receive(
        &self,
        store: &Store,
        workspace: WorkspaceId,
        upload: &Upload,
        body: Body,
        checksum: Option<Checksum>,
    ) -> Result<Piece, FileError> {
        let path = self.partial(upload.upload);
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        let mut file = tokio::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).await?;
        // What was not answered as received may be anything.
        file.set_len(upload.received).await?;
        file.seek(std::io::SeekFrom::Start(upload.received)).await?;
        let mut sum = checksum.as_ref().map(|checksum| digest::Context::new(checksum.algorithm));
        let (mut offset, mut broke_off) = (upload.received, false);
        let mut pieces = body.into_data_stream();
        loop {
            let bytes = match tokio::time::timeout(SILENCE, pieces.next()).await {
                Ok(Some(Ok(bytes))) => bytes,
                Ok(None) => break,
                Ok(Some(Err(_))) | Err(_) => {
                    broke_off = true;
                    break;
                }
            };
            if offset + bytes.len() as u64 > upload.length {
                return Ok(Piece::TooLong);
            }
            if let Some(sum) = &mut sum {
                sum.update(&bytes);
            }
            file.write_all(&bytes).await?;
            offset += bytes.len() as u64;
        }
        if let (Some(sum), Some(checksum)) = (sum, checksum)
            && (broke_off || sum.finish().as_ref() != checksum.expected)
        {
            return Ok(Piece::WrongSum);
        }
        file.flush().await?;
        file.sync_data().await?;
        let id = upload.upload;
        store.write::<_, StoreError, _>(move |tx| Box::pin(async move { files::set_received(tx, workspace, id, offset).await })).await?;
        Ok(Piece::Safe(offset))
    }
}
