//! The store's files in the app's folder: a database of records, one of contents, and what SQLite keeps beside them.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::ClientError;
use crate::runtime::{blocking, guarded};

const STORE: &str = "rapport.db";
/// Photos and other contents: large, and never in the way of the records.
const CONTENTS: &str = "rapport-files.db";
/// The contents first: what is interrupted is begun again while the records' database is there.
const DATABASES: [&str; 2] = [CONTENTS, STORE];
/// What SQLite keeps beside its file while it is open.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];
/// Stores set aside that are kept: the older one may hold edits that support can still read with its key.
const ASIDE_MAX: u32 = 100;

/// The database of records.
pub(crate) fn store(folder: &Path) -> PathBuf {
    folder.join(STORE)
}

/// The database of contents.
pub(crate) fn contents(folder: &Path) -> PathBuf {
    folder.join(CONTENTS)
}

/// Whether there is a store.
pub(crate) fn has_store(folder: &Path) -> bool {
    DATABASES.iter().any(|name| folder.join(name).metadata().is_ok_and(|file| file.len() > 0))
}

/// Removes the store; one that is not there is no error.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    for (name, end) in DATABASES.iter().flat_map(|name| BESIDE.iter().rev().map(move |end| (name, end))) {
        if_there(std::fs::remove_file(folder.join(format!("{name}{end}"))))?;
    }
    Ok(())
}

fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn set_aside(folder: &Path) -> io::Result<Option<String>> {
    if !has_store(folder) {
        return Ok(None);
    }
    let is_free = |number: &u32| !DATABASES.iter().any(|name| folder.join(format!("{name}.aside-{number}")).exists());
    let number = (1..ASIDE_MAX).find(is_free).unwrap_or(ASIDE_MAX);
    for (name, end) in DATABASES.iter().flat_map(|name| BESIDE.iter().map(move |end| (name, end))) {
        if_there(std::fs::rename(folder.join(format!("{name}{end}")), folder.join(format!("{name}.aside-{number}{end}"))))?;
    }
    Ok(Some(format!("{STORE}.aside-{number}")))
}

/// Sets a store aside that cannot be opened (its key is lost or another one, it is damaged), so that a
/// new one can be opened in its place and everything the server has is downloaded again. Answers with
/// the file's new name, or nothing when there was no store.
#[uniffi::export]
pub async fn set_store_aside(folder: String) -> Result<Option<String>, ClientError> {
    let failed = |error: io::Error| ClientError::Store { detail: error.to_string() };
    guarded(blocking(move || set_aside(Path::new(&folder)).map_err(failed))).await
}
