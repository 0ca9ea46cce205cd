//! The store's files in the app's folder: one database and what SQLite keeps beside it.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::ClientError;
use crate::runtime::{blocking, guarded};

const STORE: &str = "rapport.db";
/// What SQLite keeps beside its file while it is open.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];
/// Stores set aside that are kept: the older one may hold edits that support can still read with its key.
const ASIDE_MAX: u32 = 100;

/// The database.
pub(crate) fn store(folder: &Path) -> PathBuf {
    folder.join(STORE)
}

/// Whether there is a store.
pub(crate) fn has_store(folder: &Path) -> bool {
    store(folder).metadata().is_ok_and(|file| file.len() > 0)
}

/// Removes the store; one that is not there is no error.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    for end in BESIDE.iter().rev() {
        match std::fs::remove_file(folder.join(format!("{STORE}{end}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn set_aside(folder: &Path) -> io::Result<Option<String>> {
    if !has_store(folder) {
        return Ok(None);
    }
    let free = (1..ASIDE_MAX).find(|number| !folder.join(format!("{STORE}.aside-{number}")).exists());
    let name = format!("{STORE}.aside-{}", free.unwrap_or(ASIDE_MAX));
    for end in BESIDE {
        match std::fs::rename(folder.join(format!("{STORE}{end}")), folder.join(format!("{name}{end}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(name))
}

/// Sets a store aside that cannot be opened (its key is lost or another one, it is damaged), so that a
/// new one can be opened in its place and everything the server has is downloaded again. Answers with
/// the file's new name, or nothing when there was no store.
#[uniffi::export]
pub async fn set_store_aside(folder: String) -> Result<Option<String>, ClientError> {
    let failed = |error: io::Error| ClientError::Store { detail: error.to_string() };
    guarded(blocking(move || set_aside(Path::new(&folder)).map_err(failed))).await
}
