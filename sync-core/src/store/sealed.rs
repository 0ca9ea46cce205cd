//! Encryption at rest: a file that SQLCipher seals with a key of 32 random bytes.
//!
//! A key on a SQLite that has no cipher does nothing, without a word: so opening proves that there is
//! one, and that the file is sealed, before anything is written. Never makes or keeps a key: the host does.

use std::fmt;
use std::io::Read;
use std::path::Path;

use rusqlite::Connection;

use super::{BUSY_TIMEOUT, StoreError};

/// How every SQLite file begins that is not sealed.
const PLAIN_HEADER: &[u8; 16] = b"SQLite format 3\0";

/// The key of a sealed store. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Opens a sealed file, or makes one.
pub(super) fn open(path: &Path, key: &Key) -> Result<Connection, StoreError> {
    refuse_plain(path)?;
    let is_new = !path.metadata().is_ok_and(|file| file.len() > 0);
    let db = Connection::open(path)?;
    if cipher_version(&db)?.is_none() {
        return Err(StoreError::NoCipher);
    }
    // It writes to the app's log otherwise, on a wrong key for example.
    db.pragma_update_and_check(None, "cipher_log_level", "NONE", |_| Ok(()))?;
    let hex: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
    // Raw: no derivation, 2 ms instead of 200.
    db.pragma_update_and_check(None, "key", format!("x'{hex}'"), |_| Ok(()))?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    // Nobody else has the file while it is open: no index in shared memory, and one writer only.
    db.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
    match db.query_row("select count(*) from sqlite_master", [], |row| row.get::<_, i64>(0)) {
        Ok(_) => Ok(db),
        // SQLCipher says all sorts of things about a wrong key, `out of memory` among them.
        Err(error) => match StoreError::from(error) {
            busy @ (StoreError::Busy | StoreError::Full) => Err(busy),
            other if is_new => Err(other),
            _ => Err(StoreError::WrongKey),
        },
    }
}

/// Which cipher is linked, if one is.
pub(super) fn cipher_version(db: &Connection) -> Result<Option<String>, StoreError> {
    let mut version = None;
    db.pragma_query(None, "cipher_version", |row| {
        version = Some(row.get(0)?);
        Ok(())
    })?;
    Ok(version)
}

/// Fails for a file that anybody can read.
pub(super) fn refuse_plain(path: &Path) -> Result<(), StoreError> {
    let mut header = [0; PLAIN_HEADER.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    if read.is_ok() && &header == PLAIN_HEADER { Err(StoreError::NotSealed) } else { Ok(()) }
}
