//! Opening the database: options, migrations, and the checks that make "acknowledged" mean "durable".

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};

/// Versions before this one can corrupt a database with several connections: the WAL-reset bug.
pub const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

/// `pragma synchronous` when every commit waits for the disk.
const SYNCHRONOUS_FULL: i64 = 2;

/// Pages in the writer's memory: 8 MiB, in kibibytes below zero as SQLite wants them. What a thousand changes touch at once;
/// with less, pages are written before their time and read again.
const WRITER_CACHE: &str = "-8192";

/// Pages in the memory of each reader: 16 MiB, in kibibytes below zero. What the page of a busy customer looks up all over the
/// database, several times; with SQLite's 2 MiB each look is a read of the file.
const READER_CACHE: &str = "-16384";

/// Pages that the write-ahead log takes before they are copied into the database: 8 MiB. Pages that many commits write are
/// copied once.
const CHECKPOINT_PAGES: &str = "2048";

/// The write-ahead log that is kept for reuse: 64 MiB, a large import.
const WAL_BYTES_KEPT: &str = "67108864";

/// Rows that SQLite's thread may be ahead of whoever reads them: all of most answers. With fewer, both wait for each
/// other's next turn on the processor.
const ROWS_AHEAD: usize = 512;

/// How long a request waits for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// How often to try to bring the tables up to date, when other processes try as well.
const MIGRATE_ATTEMPTS: u32 = 10;

/// How long to wait before a file that another process is preparing is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file; two more files appear beside it while it is open.
    pub path: PathBuf,
    /// Connections that read.
    pub readers: u32,
    /// How long to wait for another process that writes.
    pub busy_timeout: Duration,
}

impl Options {
    /// A database file with the usual settings.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 4, busy_timeout: Duration::from_secs(5) }
    }
}

/// What SQLite says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The version of the library.
    pub sqlite_version: String,
    /// Always `full`: anything else is refused.
    pub synchronous: &'static str,
    /// Always `wal`: anything else is refused.
    pub journal_mode: &'static str,
}

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path cannot be used.
    #[error("cannot open the database file `{}`: its folder must be there and be writable", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// `rapport restore` is replacing this file.
    #[error("the database `{}` is being restored by another process", .0.display())]
    Restoring(PathBuf),
    /// The SQLite library has a known bug that corrupts databases.
    #[error("SQLite {0} can corrupt this database (WAL-reset bug): 3.51.3 or later is needed")]
    TooOld(String),
    /// SQLite does not do what it was asked to do.
    #[error("SQLite runs with {setting} = {found}, expected {expected}: an acknowledged edit could be lost when the power fails")]
    Unsafe {
        /// The pragma.
        setting: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The file holds other tables: another program's, or a phone's.
    #[error("`{}` is another program's database: nothing was changed in it; say where Rapport's is with `database.path`", .0.display())]
    Foreign(PathBuf),
    /// The file is no database, or no longer a whole one.
    #[error("the database `{}` is damaged ({found}): put it aside and bring back a backup with `rapport restore`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        found: String,
    },
    /// The database was written by a newer version of Rapport.
    #[error("the database is from a newer version of Rapport (migration {0}): start that version, or restore a backup")]
    Newer(i64),
    /// A migration was edited after it ran.
    #[error("the database was made by a different build of Rapport: migration {0} does not match")]
    Different(i64),
    /// A migration failed; its transaction was undone.
    #[error("cannot bring the database up to date")]
    Migration(#[source] MigrateError),
    /// SQLite refused.
    #[error("cannot open the database `{}`", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: sqlx::Error,
    },
    /// What it holds cannot be read.
    #[error("cannot read the kinds that the database defines")]
    Kinds(#[from] super::StoreError),
}

/// All migrations, oldest first: a new one is a file and a line here.
///
/// Not `sqlx::migrate!`, which would bring a compile-time SQL parser for what `include_str!` does.
fn migrator() -> Migrator {
    let migrations = [
        (1, "initial", include_str!("../../migrations/0001_initial.sql")),
        (2, "seals", include_str!("../../migrations/0002_seals.sql")),
        (3, "audit", include_str!("../../migrations/0003_audit.sql")),
        (4, "sign in", include_str!("../../migrations/0004_sign_in.sql")),
        (5, "once", include_str!("../../migrations/0005_once.sql")),
        (6, "files", include_str!("../../migrations/0006_files.sql")),
        (7, "webhooks", include_str!("../../migrations/0007_webhooks.sql")),
        (8, "erasure", include_str!("../../migrations/0008_erasure.sql")),
        (9, "handovers", include_str!("../../migrations/0009_handovers.sql")),
        (10, "acts", include_str!("../../migrations/0010_acts.sql")),
        (11, "search", include_str!("../../migrations/0011_search.sql")),
        (12, "desk", include_str!("../../migrations/0012_desk.sql")),
        (13, "devices", include_str!("../../migrations/0013_devices.sql")),
        (14, "approvals", include_str!("../../migrations/0014_approvals.sql")),
        (15, "calendars", include_str!("../../migrations/0015_calendars.sql")),
        (16, "identities", include_str!("../../migrations/0016_identities.sql")),
        (17, "duplicates", include_str!("../../migrations/0017_duplicates.sql")),
        (18, "sequences", include_str!("../../migrations/0018_sequences.sql")),
        (19, "report links", include_str!("../../migrations/0019_report_links.sql")),
        (20, "report mails", include_str!("../../migrations/0020_report_mails.sql")),
        (21, "receipts", include_str!("../../migrations/0021_receipts.sql")),
        (22, "sight", include_str!("../../migrations/0022_sight.sql")),
        (23, "content proofs", include_str!("../../migrations/0023_content_proofs.sql")),
        (24, "files by position", include_str!("../../migrations/0024_files_by_position.sql")),
        (25, "retention", include_str!("../../migrations/0025_retention.sql")),
        (26, "holder debts", include_str!("../../migrations/0026_holder_debts.sql")),
        (27, "plans that stay", include_str!("../../migrations/0027_plans_that_stay.sql")),
        (28, "moves by record", include_str!("../../migrations/0028_moves_by_record.sql")),
        (29, "sort keys", include_str!("../../migrations/0029_sort_keys.sql")),
        (30, "rejected by record", include_str!("../../migrations/0030_rejected_by_record.sql")),
        (31, "farewell waits", include_str!("../../migrations/0031_farewell_waits.sql")),
        (32, "stamps", include_str!("../../migrations/0032_stamps.sql")),
        (33, "rows by text id", include_str!("../../migrations/0033_rows_by_text_id.sql")),
        (34, "own columns", include_str!("../../migrations/0034_own_columns.sql")),
        (35, "disclosed", include_str!("../../migrations/0035_disclosed.sql")),
        (36, "given passwords", include_str!("../../migrations/0036_given_passwords.sql")),
        (37, "erased newest", include_str!("../../migrations/0037_erased_newest.sql")),
        (39, "codes by sms", include_str!("../../migrations/0039_codes_by_sms.sql")),
        (40, "key accounts", include_str!("../../migrations/0040_key_accounts.sql")),
        (41, "audit by act", include_str!("../../migrations/0041_audit_by_act.sql")),
        (42, "ledger", include_str!("../../migrations/0042_ledger.sql")),
        (43, "rejected open", include_str!("../../migrations/0043_rejected_open.sql")),
        (44, "requests", include_str!("../../migrations/0044_requests.sql")),
        (46, "lead forms", include_str!("../../migrations/0046_lead_forms.sql")),
        (48, "renewed", include_str!("../../migrations/0048_renewed.sql")),
        (49, "turns", include_str!("../../migrations/0049_turns.sql")),
        (50, "links for colleagues", include_str!("../../migrations/0050_links_for_colleagues.sql")),
    ];
    let as_migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(migrations.into_iter().map(as_migration).collect())
}

/// Opens writer and readers over a database that is up to date and checked.
///
/// Of several that turn the journal of a new file to WAL at once, SQLite sends all but one away
/// without waiting for its busy timeout, so the waiting is done here.
pub(super) async fn open(options: &Options) -> Result<(SqlitePool, SqlitePool, Settings), OpenError> {
    let started = Instant::now();
    loop {
        match open_now(options).await {
            Err(OpenError::Database { source, .. })
                if super::primary_code(&source) == super::SQLITE_BUSY && started.elapsed() < options.busy_timeout =>
            {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn open_now(options: &Options) -> Result<(SqlitePool, SqlitePool, Settings), OpenError> {
    let failed = |source| open_error(&options.path, source);
    create_private(&options.path)?;
    check_ours(&options.path).await?;
    // One connection: SQLite has one writer, and waiting for it in order beats retrying on "busy".
    // Not `temp_store = memory`, which would spare the file of what a statement may have to undo: erasures rewrite the whole
    // database here, and would do so in memory.
    let writing = connection(options).pragma("cache_size", WRITER_CACHE).pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
    let writer = pool(1).connect_with(writing).await.map_err(failed)?;
    let mut conn = writer.acquire().await.map_err(failed)?;
    check_version(&version(&mut conn).await.map_err(failed)?)?;
    migrate(&mut conn).await.map_err(migration_error)?;
    let settings = checked_settings(&mut conn).await.map_err(failed)??;
    drop(conn);
    let read_only = connection(options).pragma("query_only", "on").pragma("cache_size", READER_CACHE);
    let readers = pool(options.readers).connect_with(read_only).await.map_err(failed)?;
    Ok((writer, readers, settings))
}

fn open_error(path: &Path, source: sqlx::Error) -> OpenError {
    match super::primary_code(&source) {
        super::SQLITE_CORRUPT | super::SQLITE_NOTADB => {
            let found = source.as_database_error().map_or_else(|| source.to_string(), |error| error.message().to_owned());
            OpenError::Damaged { path: path.to_owned(), found }
        }
        _ => OpenError::Database { path: path.to_owned(), source },
    }
}

/// Before anything is written, the kind of journal among it: is the file a new one, or one of ours?
async fn check_ours(path: &Path) -> Result<(), OpenError> {
    let failed = |source| open_error(path, source);
    let mut conn = SqliteConnectOptions::new().filename(path).connect().await.map_err(failed)?;
    let tables = "select count(*), coalesce(sum(name = '_sqlx_migrations'), 0) from sqlite_master where type = 'table'";
    let (all, ours): (i64, i64) = sqlx::query_as(tables).fetch_one(&mut conn).await.map_err(failed)?;
    conn.close().await.map_err(failed)?;
    if all > 0 && ours == 0 { Err(OpenError::Foreign(path.to_owned())) } else { Ok(()) }
}

/// Whether a database has the tables of this version: whoever opens it then leaves them as they are.
pub async fn is_current(path: &Path) -> Result<bool, OpenError> {
    let failed = |source| open_error(path, source);
    let mut conn = SqliteConnectOptions::new().filename(path).read_only(true).connect().await.map_err(failed)?;
    let newest: Option<i64> = sqlx::query_scalar("select max(version) from _sqlx_migrations").fetch_one(&mut conn).await.map_err(failed)?;
    conn.close().await.map_err(failed)?;
    Ok(newest == migrator().iter().map(|migration| migration.version).max())
}

fn pool(connections: u32) -> SqlitePoolOptions {
    // A connection to a local file does not age: closing and reopening it would only lose its caches.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // A full disk ends a transaction by itself: sqlx, whose rollback finds none, believes ever after that one is open, and
        // lets nobody begin another.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// Options of every connection. SQLite sets the busy timeout before any pragma, which the journal
/// mode needs: two processes that open one file at once would otherwise fail each other.
fn connection(options: &Options) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&options.path)
        .create_if_missing(true)
        .busy_timeout(options.busy_timeout)
        .journal_mode(SqliteJournalMode::Wal)
        // Without FULL, a power failure may take back commits that were acknowledged.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // A long reader lets the write-ahead log grow; once it is gone, the file shrinks to this.
        .pragma("journal_size_limit", WAL_BYTES_KEPT)
        .statement_cache_capacity(256)
        .row_buffer_size(ROWS_AHEAD)
}

/// Brings the tables up to date. Of two processes that begin at once, one fails half-way and is
/// undone; when it looks again, the other has done the work.
async fn migrate(conn: &mut SqliteConnection) -> Result<(), MigrateError> {
    let mut attempt = 1;
    loop {
        match migrator().run_direct(None, conn, false).await {
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) if attempt < MIGRATE_ATTEMPTS => attempt += 1,
            done => return done,
        }
    }
}

fn migration_error(error: MigrateError) -> OpenError {
    match error {
        MigrateError::VersionMissing(version) => OpenError::Newer(version),
        MigrateError::VersionMismatch(version) => OpenError::Different(version),
        other => OpenError::Migration(other),
    }
}

async fn version(conn: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("select sqlite_version()").fetch_one(conn).await
}

fn check_version(version: &str) -> Result<(), OpenError> {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < SQLITE_VERSION_MIN {
        return Err(OpenError::TooOld(version.to_owned()));
    }
    Ok(())
}

/// What SQLite really does, which is not always what it was asked: a network disk can refuse WAL.
async fn checked_settings(conn: &mut SqliteConnection) -> Result<Result<Settings, OpenError>, sqlx::Error> {
    let synchronous: i64 = sqlx::query_scalar("pragma synchronous").fetch_one(&mut *conn).await?;
    let journal_mode: String = sqlx::query_scalar("pragma journal_mode").fetch_one(&mut *conn).await?;
    let sqlite_version = version(conn).await?;
    Ok(match (synchronous, journal_mode.as_str()) {
        (SYNCHRONOUS_FULL, "wal") => Ok(Settings { sqlite_version, synchronous: "full", journal_mode: "wal" }),
        (SYNCHRONOUS_FULL, _) => Err(OpenError::Unsafe { setting: "journal_mode", expected: "wal", found: journal_mode }),
        _ => Err(OpenError::Unsafe { setting: "synchronous", expected: "2 (full)", found: synchronous.to_string() }),
    })
}

/// How much room a folder's disk has.
#[cfg(unix)]
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    rustix::fs::statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// How much room a folder's disk has: this system does not say.
#[cfg(not(unix))]
pub(super) fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// The database file, made readable by its owner alone: it holds other people's customers.
fn create_private(path: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| OpenError::File { path: path.to_owned(), source })
}

/// The file whose lock says that a database is in use.
pub(super) fn lock_file(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    OpenOptions::new().write(true).create(true).truncate(false).open(name).map_err(failed)
}

/// Marks the database as in use: several processes may, but not while it is being restored.
pub(super) fn share_lock(path: &Path) -> Result<File, OpenError> {
    let file = lock_file(path)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::Restoring(path.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(OpenError::File { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is in nobody's list is a migration that never runs.
    #[test]
    fn every_migration_of_the_folder_runs() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let name = |one: &Migration| format!("{:04}_{}.sql", one.version, one.description.replace(' ', "_"));
        assert_eq!(migrator().migrations.iter().map(name).collect::<Vec<_>>(), files);
    }

    #[test]
    fn an_sqlite_with_the_wal_reset_bug_is_refused() {
        for (version, fine) in [("3.51.2", false), ("3.7.0", false), ("3.51.3", true), ("3.54.1", true), ("4.0.0", true), ("what", false)] {
            assert_eq!(check_version(version).is_ok(), fine, "{version}");
        }
    }
}
