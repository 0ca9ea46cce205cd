//! Where a device keeps records: one SQLite file, or memory.
//!
//! The only place on a device with SQL. Writes happen inside one transaction: either all of a
//! user's edit, or of a page from the server, is on disk, or nothing of it. Never decides what a
//! change means.

mod aliases;
mod changes;
mod contents;
mod drafts;
mod leaving;
mod rows;
mod sealed;
mod search;

pub use changes::{Kept, Receipt};
pub use contents::{Contents, Held, PIECE_BYTES, Problem, TakeError, Taken, ToSend, Usage};
pub use drafts::{Draft, DraftState, Quarantined};
pub use rows::{NamedContents, RowOf, StoredRow};
pub use sealed::Key;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::id::WorkspaceId;

/// The version of the tables that this code writes.
pub const STORE_VERSION: i64 = 6;
/// SQLite before 3.51.3 may corrupt a database in WAL mode (the WAL-reset bug).
const OLDEST_SQLITE: i32 = 3_051_003;
/// It takes two connections for that bug, and a sealed store has one: it holds its file alone (SQLCipher 4.10 is SQLite 3.50.4).
const OLDEST_SQLITE_ALONE: i32 = 3_050_000;
/// Another process of the app (a share extension, a background job) may hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages in memory: a page of a first sync fits, so that it is written once.
const CACHE_KIB: i64 = 16 * 1024;
/// The log is folded into the file when it has so many pages (16 MB): a first sync does it twice, not ten times.
const CHECKPOINT_PAGES: i64 = 4_000;
const WORKSPACE: &str = "workspace";
/// Set while something that was forgotten is still in the index, or in the log.
const TO_SCRUB: &str = "to_scrub";

/// What stands there when only the log is left to be cleared.
const LOG_LEFT: [u8; 1] = [2];

/// A larger file is not written anew: its copy stands in memory meanwhile, and a phone gives an app some 200 MB. What is left
/// in the gaps of its pages is under its key.
const REWRITTEN_MAX: i64 = 64 << 20;
/// What a wipe empties, beside the search index.
const OWN_TABLES: [&str; 11] =
    ["meta", "changes", "rows", "conflicts", "links", "drafts", "quarantine", "search_pending", "leaving", "receipts", "withdrawals"];
/// All statements of this module, and the queries of some screens.
const CACHED_STATEMENTS: usize = 96;

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file; made when it is not there.
    File(PathBuf),
    /// A file that is sealed with a key, and held by one process at a time.
    Sealed(PathBuf, Key),
    /// Nowhere: for tests and previews.
    Memory,
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Place::File(path.to_owned())
    }
}

/// The store did not do what was asked. Nothing of the transaction was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room left: free some and try again.
    #[error("the device's storage is full")]
    Full,
    /// Another process holds the file.
    #[error("another process is writing to the store")]
    Busy,
    /// A newer version of the app has written the file.
    #[error("the store has version {found}, this app knows {known}: update the app")]
    TooNew {
        /// The file's version.
        found: i64,
        /// The newest version that this code knows.
        known: i64,
    },
    /// The app was built without a cipher: a key would seal nothing.
    #[error("this build of the app cannot encrypt: it has no SQLCipher")]
    NoCipher,
    /// The file can be read by anybody.
    #[error("the store's file is not encrypted")]
    NotSealed,
    /// The key is not the file's.
    #[error("the key does not open the store")]
    WrongKey,
    /// The SQLite that was linked has a bug that damages files.
    #[error("SQLite {0} damages files, 3.51.3 or later is needed")]
    UnsafeSqlite(String),
    /// The offline lease is over: what is here is neither shown nor written until the server answers.
    #[error("the device was too long without contact: connect it to the server")]
    Locked,
    /// What is in the file cannot be read.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Anything else that SQLite refuses.
    #[error("the store failed: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(error.to_string()),
            _ => StoreError::Sqlite(error),
        }
    }
}

impl From<crate::id::BadId> for StoreError {
    fn from(error: crate::id::BadId) -> Self {
        StoreError::Damaged(error.to_string())
    }
}

/// Opens the database of a place. `first` is said before anything is written.
fn connect(place: &Place, first: &str) -> Result<Connection, StoreError> {
    let oldest = if matches!(place, Place::File(_)) { OLDEST_SQLITE } else { OLDEST_SQLITE_ALONE };
    if rusqlite::version_number() < oldest {
        return Err(StoreError::UnsafeSqlite(rusqlite::version().to_owned()));
    }
    let db = match place {
        Place::File(path) => Connection::open(path)?,
        Place::Sealed(path, key) => sealed::open(path, key)?,
        Place::Memory => Connection::open_in_memory()?,
    };
    // Before the journal mode: switching it may have to wait for another process.
    db.busy_timeout(BUSY_TIMEOUT)?;
    // Or SQLite plans every statement with a bound limit again each time.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch(first)?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    // FULL, or an edit that the user saw saved is gone after a power loss.
    db.execute_batch("pragma synchronous = full; pragma fullfsync = 1; pragma checkpoint_fullfsync = 1; pragma temp_store = memory;")?;
    // What is deleted is overwritten: a record that was erased is in no page.
    db.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    Ok(db)
}

/// A device's database.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    /// Whose rows these are: leads every key, as on the server.
    workspace: WorkspaceId,
    /// The version of the file for which it is written down which records stand for others; none if nobody knows.
    aliases_of: Cell<Option<i64>>,
}

impl Store {
    /// Opens or makes a store, and brings an older one up to date.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] when a newer app has written it; else what SQLite says.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        let db = connect(place, "")?;
        db.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        let mut store = Self { db, workspace: WorkspaceId(uuid::Uuid::nil()), aliases_of: Cell::new(None) };
        store.migrate()?;
        store.begin_aliases()?;
        if let Place::Sealed(path, _) = place {
            sealed::refuse_plain(path)?;
        }
        if let Some(workspace) = store.meta(WORKSPACE)? {
            store.workspace = WorkspaceId::from_bytes(&workspace)?;
        }
        Ok(store)
    }

    fn migrate(&self) -> Result<(), StoreError> {
        let found: i64 = self.db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > STORE_VERSION {
            return Err(StoreError::TooNew { found, known: STORE_VERSION });
        }
        let steps = [
            include_str!("schema_1.sql"),
            include_str!("schema_2.sql"),
            include_str!("schema_3.sql"),
            include_str!("schema_4.sql"),
            include_str!("schema_5.sql"),
            include_str!("schema_6.sql"),
        ];
        for (version, step) in (1..).zip(steps).filter(|(version, _)| *version > found) {
            self.db.execute_batch(&format!("begin immediate; {step} pragma user_version = {version}; commit;"))?;
        }
        Ok(())
    }

    /// Whose data this is; nobody's before the device is enrolled.
    pub fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// Says whose data this is.
    pub(crate) fn set_workspace(&mut self, workspace: WorkspaceId) -> Result<(), StoreError> {
        self.set_meta(WORKSPACE, Some(workspace.as_bytes()))?;
        self.workspace = workspace;
        Ok(())
    }

    /// Which cipher seals the file, and whether SQLite finds it whole: a slow look at every page.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn health(&self) -> Result<(Option<String>, bool), StoreError> {
        let found: String = self.db.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        Ok((sealed::cipher_version(&self.db)?, found == "ok"))
    }

    /// Ends a transaction that a panic has left open. Answers whether there was one.
    pub(crate) fn recover(&self) -> bool {
        let left_open = !self.db.is_autocommit();
        self.rollback();
        left_open
    }

    /// Begins a transaction; it ends with [`Store::commit`] or [`Store::rollback`].
    pub(crate) fn begin(&self) -> Result<(), StoreError> {
        Ok(self.db.prepare_cached("begin immediate")?.execute([]).map(drop)?)
    }

    /// Makes everything since [`Store::begin`] durable.
    pub(crate) fn commit(&self) -> Result<(), StoreError> {
        Ok(self.db.prepare_cached("commit")?.execute([]).map(drop)?)
    }

    /// Forgets everything since [`Store::begin`].
    pub(crate) fn rollback(&self) {
        // SQLite has already rolled back after some errors (a full disk): then there is nothing to do.
        if !self.db.is_autocommit() {
            let _ = self.db.execute_batch("rollback");
        }
    }

    /// A named value of the device itself.
    pub(crate) fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.db.prepare_cached("select value from meta where name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Keeps a named value; `None` removes it.
    pub(crate) fn set_meta(&self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        match value {
            Some(value) => self
                .db
                .prepare_cached("insert into meta (name, value) values (?1, ?2) on conflict (name) do update set value = excluded.value")?
                .execute(params![name, value])?,
            None => self.db.prepare_cached("delete from meta where name = ?1")?.execute([name])?,
        };
        Ok(())
    }

    /// Something was forgotten for good: it is in the index and in the log until [`Store::scrub`].
    pub(crate) fn to_scrub(&self) -> Result<(), StoreError> {
        self.set_meta(TO_SCRUB, Some(&[1]))
    }

    /// Takes what was forgotten out of the index, which only marks what was deleted, out of the gaps of pages, where SQLite
    /// leaves copies of what it has moved to another one, and out of the log. Answers whether none is left.
    pub(crate) fn scrub(&self) -> Result<bool, StoreError> {
        let Some(left) = self.meta(TO_SCRUB)? else { return Ok(true) };
        if left != LOG_LEFT {
            self.db.execute("insert into search (search) values ('optimize')", [])?;
            if self.bytes()? <= REWRITTEN_MAX {
                // Rows keep their numbers, by which the index knows them: those of tables that have an index do.
                self.db.execute("vacuum", [])?;
            }
            self.set_meta(TO_SCRUB, Some(&LOG_LEFT))?;
        }
        let is_busy: bool = self.db.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))?;
        // Another process reads in the log: then it goes another time.
        if !is_busy {
            self.set_meta(TO_SCRUB, None)?;
        }
        Ok(!is_busy)
    }

    /// How large the file is.
    fn bytes(&self) -> Result<i64, StoreError> {
        let read = |name: &str| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok(read("page_count")? * read("page_size")?)
    }

    /// Puts everything into the one file, so that tests can copy it.
    #[cfg(test)]
    pub(crate) fn checkpoint(&self) {
        self.db.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(())).unwrap();
    }

    /// Limits the file's size: tests fill a disk with it.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, more: i64) {
        let pages: i64 = self.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        self.db.pragma_update_and_check(None, "max_page_count", pages + more, |_| Ok(())).unwrap();
    }

    /// Removes everything, the device's identity included: the server said so.
    pub(crate) fn wipe(&mut self) -> Result<(), StoreError> {
        for table in OWN_TABLES {
            self.db.execute(&format!("delete from {table}"), [])?;
        }
        self.db.execute("insert into search (search) values ('delete-all')", [])?;
        self.workspace = WorkspaceId(uuid::Uuid::nil());
        self.marked();
        Ok(())
    }
}
