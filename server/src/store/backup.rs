//! Backup and restore. A live database file is never copied: SQLite writes a consistent new one.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use sync_core::id::Millis;

use super::ledger::{beside, note_restored};
use super::open::{Options, lock_file};
use super::workspaces::{self, FeedEpoch};
use super::{OpenError, Store, StoreError};

/// Why a backup or a restore did not happen.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nothing is overwritten.
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
    /// There is nothing to back up or to restore from.
    #[error("there is no database at `{}`", .0.display())]
    Missing(PathBuf),
    /// A server, or another command, uses the database.
    #[error("the database `{}` is in use: stop the server first", .0.display())]
    InUse(PathBuf),
    /// The file is not a sound database.
    #[error("`{}` is not a sound database: {found}", path.display())]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        found: String,
    },
    /// The system refused to read or write a file.
    #[error("cannot write `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The backup cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Writes the whole database, as of now, to a new file. The server may go on working.
pub async fn backup(database: &Path, to: &Path) -> Result<(), BackupError> {
    if !database.exists() {
        return Err(BackupError::Missing(database.to_owned()));
    }
    reserve(to)?;
    let written = vacuum_into(database, to).await;
    if written.is_err() {
        // Half a backup looks like a backup; best effort, the error that matters is the first.
        std::fs::remove_file(to).ok();
    }
    written?;
    check(to).await?;
    sync_file(to)?;
    // For the page that says how old the last one is; a backup is good without it.
    std::fs::write(note_of(database), to.as_os_str().as_encoded_bytes()).ok();
    Ok(())
}

/// The file beside the database whose age is that of the last backup.
fn note_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-backed-up");
    PathBuf::from(name)
}

/// When the last whole backup of a database was written.
pub(super) fn last(database: &Path) -> Option<Millis> {
    let at = std::fs::metadata(note_of(database)).ok()?.modified().ok()?;
    at.duration_since(std::time::UNIX_EPOCH).ok().and_then(|since| Millis::try_from(since.as_millis()).ok())
}

/// Makes the empty file that SQLite fills, in one step that fails when it exists.
fn reserve(to: &Path) -> Result<(), BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(to) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(BackupError::Exists(to.to_owned())),
        Err(source) => Err(BackupError::File { path: to.to_owned(), source }),
    }
}

async fn vacuum_into(database: &Path, to: &Path) -> Result<(), BackupError> {
    let options = SqliteConnectOptions::new().filename(database).busy_timeout(std::time::Duration::from_secs(5));
    let mut conn = options.connect().await?;
    let target = to.to_str().ok_or_else(|| BackupError::File {
        path: to.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidFilename, "the path is not UTF-8"),
    })?;
    sqlx::query("vacuum into $1").bind(target).execute(&mut conn).await?;
    Ok(())
}

/// Reads the whole file and compares its tables with their indexes.
async fn check(path: &Path) -> Result<(), BackupError> {
    let unsound = |found: String| BackupError::Unsound { path: path.to_owned(), found };
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut conn = options.connect().await.map_err(|error| unsound(error.to_string()))?;
    let found: Vec<String> =
        sqlx::query_scalar("pragma integrity_check").fetch_all(&mut conn).await.map_err(|error| unsound(error.to_string()))?;
    if found != ["ok"] {
        return Err(unsound(found.first().cloned().unwrap_or_default()));
    }
    let ours: i64 = sqlx::query_scalar("select count(*) from sqlite_master where type = 'table' and name in ('workspaces', 'changes')")
        .fetch_one(&mut conn)
        .await?;
    if ours == 2 { Ok(()) } else { Err(unsound("it has none of Rapport's tables".to_owned())) }
}

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// Where the database that was there before is now.
    pub set_aside: Option<PathBuf>,
    /// The workspaces in the backup.
    pub workspaces: Vec<workspaces::Workspace>,
}

/// Puts a backup in the place of the database, and gives every feed a new epoch: phones see it and
/// offer back what they hold and the backup does not.
///
/// With `set_aside`, a database that is there is renamed with that time in its name; without, it is
/// an error. `new_epoch` is asked once for each workspace.
pub async fn restore(
    from: &Path,
    options: &Options,
    set_aside: Option<Millis>,
    mut new_epoch: impl FnMut() -> FeedEpoch,
) -> Result<Restored, BackupError> {
    if !from.exists() {
        return Err(BackupError::Missing(from.to_owned()));
    }
    check(from).await?;
    let target = &options.path;
    let lock = lock_file(target)?;
    lock.try_lock().map_err(|_| BackupError::InUse(target.clone()))?;
    if target.exists() && set_aside.is_none() {
        return Err(BackupError::Exists(target.clone()));
    }
    // Everything that can fail happens on a file beside the target, which is then renamed into place.
    let partial = beside(target, "restoring");
    remove_database(&partial)?;
    reserve(&partial)?;
    vacuum_into(from, &partial).await?;
    let heads = heads_of(target).await;
    let workspaces = renew(&Options { path: partial.clone(), ..options.clone() }, heads, &mut new_epoch).await?;
    sync_file(&partial)?;
    let aside = move_aside(target, set_aside)?;
    rename(&partial, target)?;
    remove_database(&partial)?;
    sync_folder(target)?;
    Ok(Restored { set_aside: aside, workspaces })
}

/// How far the audit logs of the database that is replaced went, as far as it can still be read.
async fn heads_of(database: &Path) -> Heads {
    let read = async {
        let mut conn = SqliteConnectOptions::new().filename(database).connect().await?;
        let rows: Vec<(Vec<u8>, i64, Vec<u8>)> =
            sqlx::query_as("select workspace, number, hash from audit_heads").fetch_all(&mut conn).await?;
        conn.close().await?;
        Ok::<_, sqlx::Error>(rows)
    };
    let rows = if database.exists() { read.await.unwrap_or_default() } else { Vec::new() };
    rows.into_iter().map(|(workspace, number, hash)| (workspace, (number, hash))).collect()
}

/// The number and the hash of the newest entry of audit logs, by workspace.
type Heads = HashMap<Vec<u8>, (i64, Vec<u8>)>;

/// Brings the copy up to date, renews its epochs, and notes for its audit logs that it is one.
async fn renew(
    options: &Options,
    mut heads: Heads,
    new_epoch: &mut impl FnMut() -> FeedEpoch,
) -> Result<Vec<workspaces::Workspace>, BackupError> {
    let store = Store::open(options).await?;
    let mut tx = store.begin().await?;
    for workspace in workspaces::all(&mut tx).await? {
        workspaces::set_feed_epoch(&mut tx, workspace.workspace, new_epoch()).await?;
        note_restored(&mut tx, workspace.workspace, heads.remove(&workspace.workspace.as_bytes()[..])).await?;
    }
    let workspaces = workspaces::all(&mut tx).await?;
    tx.commit().await?;
    store.close().await;
    Ok(workspaces)
}

/// The files of a database besides itself: what is not yet in it, and how to find that.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Renames a database with its companions. The companions go first: the write-ahead log of one
/// database must never lie beside another.
fn move_aside(path: &Path, now: Option<Millis>) -> Result<Option<PathBuf>, BackupError> {
    let Some(now) = now.filter(|_| path.exists()) else { return Ok(None) };
    let aside = beside(path, &format!("{SET_ASIDE}{now}"));
    for suffix in COMPANIONS {
        if companion(path, suffix).exists() {
            rename(&companion(path, suffix), &companion(&aside, suffix))?;
        }
    }
    rename(path, &aside)?;
    Ok(Some(aside))
}

/// The databases that earlier restores moved aside, with everything that was in them.
pub(super) fn set_aside(database: &Path) -> Vec<PathBuf> {
    let (folder, aside) = (folder_of(database), beside(database, SET_ASIDE));
    let Some(start) = aside.file_name() else { return Vec::new() };
    let is_one = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.strip_prefix(&*start.to_string_lossy()).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    found
}

/// What a database that was moved aside is called, before the time.
const SET_ASIDE: &str = "before-restore-";

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn remove_database(path: &Path) -> Result<(), BackupError> {
    let files = [path.to_owned(), companion(path, "-wal"), companion(path, "-shm"), companion(path, ".lock")];
    for file in files.iter().filter(|file| file.exists()) {
        std::fs::remove_file(file).map_err(|source| BackupError::File { path: file.clone(), source })?;
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    std::fs::rename(from, to).map_err(|source| BackupError::File { path: to.to_owned(), source })
}

fn sync_file(path: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { path: path.to_owned(), source };
    OpenOptions::new().write(true).open(path).and_then(|file| file.sync_all()).map_err(failed)?;
    sync_folder(path)
}

/// A new name is durable once its folder is.
fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let folder = folder_of(path);
    if cfg!(unix) {
        let failed = |source| BackupError::File { path: folder.to_owned(), source };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}
