//! The only place with SQL: where the server keeps everything.
//!
//! Callers own transactions (`Tx`) and never name sqlx; siblings of this file hold the queries, one
//! function each. Nothing here decides what is allowed.
//!
//! SQLite has one writer: a single connection that starts with `begin immediate`, so that a
//! transaction which reads first never fails half-way with "busy". Readers have their own
//! connections, see one snapshot each, and cannot write.

pub mod adoption;
pub mod aliases;
pub mod approvals;
pub mod audit;
mod backup;
pub mod calendars;
pub(crate) mod change_line;
pub mod columns;
pub mod devices;
pub mod duplicates;
pub mod erasure;
pub mod farewells;
pub mod figures;
pub mod files;
pub mod follows;
pub mod forms;
pub mod grouping;
pub mod handovers;
pub mod hooks;
pub mod identities;
pub mod imports;
pub mod keys;
pub mod ledger;
pub mod lists;
pub mod mails;
pub mod marks;
pub mod mentions;
pub mod numbers;
pub mod once;
mod open;
pub mod owed;
pub mod people;
pub mod pointing;
pub mod receipts;
pub mod records;
pub mod rejected;
pub mod remembered;
pub mod renewals;
pub mod reports;
pub mod requests;
pub mod retention;
pub mod rights;
pub mod scope;
pub mod search;
pub mod second;
pub mod sequences;
pub mod sight;
pub mod totals;
pub mod trail;
pub mod undecided;
pub mod views;
pub mod workspaces;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, SqliteConnection, Transaction};

pub use backup::{BackupError, backup, restore};
pub use open::{OpenError, Options, Settings, is_current};

/// Why a query or a transaction failed, as far as a caller can act upon it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another row has this key already.
    #[error("a row with this key exists already")]
    Exists(#[source] sqlx::Error),
    /// The writer or a reader was not free in time: the request may be repeated.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// The disk is full or cannot be written: nothing was kept.
    #[error("the database cannot be written")]
    Unwritable(#[source] sqlx::Error),
    /// A ledger beside the database cannot be written or read: nothing was kept.
    #[error("a ledger beside the database cannot be written or read")]
    Ledger(#[source] std::io::Error),
    /// A stored value is not what this program wrote.
    #[error("the database holds a damaged {0}")]
    Damaged(&'static str),
    /// The unit of work ended in a panic; its transaction was rolled back.
    #[error("a unit of work broke off")]
    BrokeOff,
    /// It still has to be worked out, and whoever asks does not wait: of [`only_known`](remembered::only_known) alone.
    #[error("the answer is not known yet")]
    Later,
    /// Anything else the database says.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

/// What a store function answers.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::PoolTimedOut) {
            return Self::Busy(error);
        }
        match primary_code(&error) {
            SQLITE_BUSY | SQLITE_LOCKED => Self::Busy(error),
            SQLITE_READONLY | SQLITE_IOERR | SQLITE_FULL => Self::Unwritable(error),
            _ if error.as_database_error().is_some_and(|database| database.is_unique_violation()) => Self::Exists(error),
            _ => Self::Database(error),
        }
    }
}

/// SQLite's primary result code, the low byte of the extended one; 0 when it is not SQLite that speaks.
fn primary_code(error: &sqlx::Error) -> u32 {
    let code = error.as_database_error().and_then(|database| database.code());
    code.and_then(|code| code.parse::<u32>().ok()).map_or(0, |code| code & 0xff)
}

const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_READONLY: u32 = 8;
const SQLITE_IOERR: u32 = 10;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_FULL: u32 = 13;
const SQLITE_NOTADB: u32 = 26;

/// A transaction. Dropped without [`Tx::commit`], it never happened.
pub struct Tx {
    inner: Transaction<'static, Sqlite>,
    about: Arc<About>,
    /// What the ledger is to say of it.
    withdrawn: Vec<(sync_core::id::WorkspaceId, ledger::Withdrawal)>,
    /// What documents begin with whose past it forgets.
    beginnings: Vec<renewals::Beginning>,
}

impl Tx {
    /// Makes the transaction durable: when this returns, it is on the disk.
    pub async fn commit(mut self) -> Result<()> {
        if !self.withdrawn.is_empty() {
            self.settle_ledger().await?;
        }
        let replaced = if self.beginnings.is_empty() { None } else { Some(self.settle_beginnings().await?) };
        let (done, path) = (self.inner.commit().await, self.about.path.clone());
        if let (Err(_), Some(replaced)) = (&done, replaced) {
            // The past is still there: at the next start it would be forgotten with what came since.
            renewals::put_back(path, replaced).await;
        }
        Ok(done?)
    }

    /// The connection, for the queries in this folder.
    fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }
}

/// A unit of work that borrows its transaction.
pub type Work<'tx, T, E> = Pin<Box<dyn Future<Output = std::result::Result<T, E>> + Send + 'tx>>;

/// An open database; cloning it is cheap and shares the connections.
#[derive(Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    about: Arc<About>,
}

struct About {
    answers: remembered::Answers,
    path: PathBuf,
    settings: Settings,
    /// Held for as long as the store is open: `rapport restore` must not swap a file in use.
    _lock: std::fs::File,
}

impl Store {
    /// Opens the database, creates it where there is none, brings its tables up to date, and checks
    /// that what was asked of SQLite is what it does.
    pub async fn open(options: &Options) -> std::result::Result<Self, OpenError> {
        let lock = open::share_lock(&options.path)?;
        let (writer, readers, settings) = open::open(options).await?;
        let about = About { answers: remembered::Answers::default(), path: options.path.clone(), settings, _lock: lock };
        Ok(Self { writer, readers, about: Arc::new(about) })
    }

    /// A transaction that may write. There is one at a time; others wait their turn.
    ///
    /// The future must run to its end: call it from a spawned task, or use [`Store::write`].
    pub async fn begin(&self) -> Result<Tx> {
        Ok(self.tx(self.writer.begin_with("begin immediate").await?))
    }

    /// A transaction that reads one snapshot and cannot write. Keep it short: while it lives, the
    /// write-ahead log cannot shrink.
    pub async fn reader(&self) -> Result<Tx> {
        Ok(self.tx(self.readers.begin().await?))
    }

    fn tx(&self, inner: Transaction<'static, Sqlite>) -> Tx {
        Tx { inner, about: Arc::clone(&self.about), withdrawn: Vec::new(), beginnings: Vec::new() }
    }

    /// Runs one unit of work in a transaction: committed when it answers `Ok`, undone otherwise.
    ///
    /// It runs in a task of its own: when a client hangs up, its request is dropped at any `await`,
    /// and a transaction must not end there.
    ///
    /// ```text
    /// store.write(move |tx| Box::pin(async move { people::add_user(tx, &user, &hash).await })).await?;
    /// ```
    pub async fn write<T, E, F>(&self, work: F) -> std::result::Result<T, E>
    where
        F: for<'tx> FnOnce(&'tx mut Tx) -> Work<'tx, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        let unit = tokio::spawn(async move {
            let mut tx = store.begin().await?;
            let answer = work(&mut tx).await?;
            tx.commit().await?;
            Ok(answer)
        });
        unit.await.unwrap_or_else(|_| Err(StoreError::BrokeOff.into()))
    }

    /// Answers when the database answers.
    pub async fn ping(&self) -> Result<()> {
        let mut tx = self.reader().await?;
        sqlx::query_scalar::<_, i64>("select count(*) from workspaces").fetch_one(tx.conn()).await?;
        Ok(())
    }

    /// Numbers over many records that were worked out before.
    pub fn answers(&self) -> &remembered::Answers {
        &self.about.answers
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.about.path
    }

    /// How large the write-ahead log is: when it grows without end, a reader never ends.
    pub fn wal_bytes(&self) -> u64 {
        let mut name = self.about.path.as_os_str().to_owned();
        name.push("-wal");
        std::fs::metadata(name).map_or(0, |file| file.len())
    }

    /// How large the database file is.
    pub fn database_bytes(&self) -> u64 {
        std::fs::metadata(&self.about.path).map_or(0, |file| file.len())
    }

    /// How much room there is beside the database, where the system says so.
    pub fn free_bytes(&self) -> Option<u64> {
        open::free_bytes(self.about.path.parent()?)
    }

    /// When `rapport backup` last wrote a whole one.
    pub fn last_backup(&self) -> Option<sync_core::id::Millis> {
        backup::last(&self.about.path)
    }

    /// The databases that earlier restores moved aside: everything is still in them, and no erasure reaches it.
    pub fn set_aside(&self) -> Vec<PathBuf> {
        backup::set_aside(&self.about.path)
    }

    /// What SQLite says about itself, as checked when the store was opened.
    pub fn settings(&self) -> &Settings {
        &self.about.settings
    }

    /// Ends all connections; what is in the write-ahead log goes to the database file first.
    pub async fn close(&self) {
        self.readers.close().await;
        if let Err(error) = sqlx::query("pragma wal_checkpoint(truncate)").execute(&self.writer).await {
            tracing::warn!(%error, "the write-ahead log was not emptied; it is read at the next start");
        }
        self.writer.close().await;
    }
}

/// A stored id, or an error that says which one is damaged.
fn id<T>(parsed: std::result::Result<T, sync_core::id::BadId>, what: &'static str) -> Result<T> {
    parsed.map_err(|_| StoreError::Damaged(what))
}

#[cfg(test)]
mod tests;
