//! Files that somebody brings in from a browser: kept beside the database until they are taken away, and run in the background.
//!
//! A folder for each file: what it holds (under its own name, as CSV), whose it is (`about.json`), what became of it
//! (`report.json`), the rows that were left out (`….failed.csv`). What is running is known in memory
//! only: after a restart the file can be run again, and what was brought in already stays as it is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sync_core::id::{KindName, Millis, RecordId, UserId, WorkspaceId};

use super::Progress;
use super::import::{self, ImportError, Report, Source, Spec};
use crate::app::App;
use crate::auth::secret::random;
use crate::files::private_folder;
use crate::intake::Author;

/// Why a file cannot be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is none, or it is somebody else's.
    #[error("there is no such file")]
    NotThere,
    /// It cannot be read as rows.
    #[error(transparent)]
    Bad(#[from] import::BadFile),
    /// The disk does not take it.
    #[error("the file cannot be kept")]
    Disk(#[from] std::io::Error),
}

/// What a file is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct About {
    /// Whose data it is meant for.
    pub workspace: WorkspaceId,
    /// Who brought it.
    pub user: UserId,
    /// Records of this kind.
    pub kind: KindName,
    /// What it was called.
    pub name: String,
    /// When.
    pub at: Millis,
}

/// What became of a file, as kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The import, to take it back.
    pub import: Option<String>,
    /// Records that were made.
    pub created: u64,
    /// Records that were changed.
    pub updated: u64,
    /// Rows that said what is so already.
    pub unchanged: u64,
    /// Rows that were about the same as a row above them.
    #[serde(default)]
    pub doubled: u64,
    /// Rows that were left out.
    pub failed: u64,
    /// Why it stopped, if it did: English, Chinese.
    pub error: Option<String>,
}

/// How far a running import is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Running {
    /// Rows that were looked at.
    pub done: u64,
    /// Rows that there are.
    pub total: u64,
    /// Whether its rows are to go when it is done: somebody was erased meanwhile, who may stand in them.
    is_taken: bool,
}

/// The files of one database.
#[derive(Clone)]
pub struct Uploads {
    folder: PathBuf,
    running: Arc<Mutex<HashMap<RecordId, Running>>>,
}

/// One file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// What it is called in addresses.
    pub id: RecordId,
    /// What it is.
    pub about: About,
    folder: PathBuf,
}

/// How the columns of files with one header went last time.
pub type Remembered = Vec<(String, String)>;

/// In the folder of a file: whose it is.
const ABOUT: &str = "about.json";
/// And what became of it.
const REPORT: &str = "report.json";

/// Mappings of one kind: more is no list to choose from.
const MAPPINGS_MAX: usize = 50;

/// How files of one kind go in, under a name that somebody gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mapping {
    /// What it is called.
    pub name: String,
    /// Where each column goes, by what stands above it.
    pub columns: Remembered,
    /// `both`, `create` or `update`.
    pub mode: String,
    /// Fields that rows are matched by.
    pub matches: Vec<String>,
    /// Of amounts without one.
    pub currency: String,
    /// What records are called that have no title in the file.
    pub title: String,
    /// What every record gets where the file says nothing: targets with their texts.
    pub sets: Vec<(String, String)>,
    /// The preset it was made from: what it writes besides stays.
    pub preset: String,
    /// Whether rows are attached to likely duplicates.
    pub attach: bool,
    /// Who gave it its name; nobody knows of those from before that was kept.
    pub by: Option<UserId>,
}

/// What became of a wish to keep a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is there.
    Yes,
    /// There are too many.
    Full,
    /// The name is somebody else's.
    NotTheirs,
}

impl Mapping {
    /// Whether it may be replaced or forgotten by somebody: by its maker, and by whoever administers.
    fn is_theirs(&self, user: UserId, administers: bool) -> bool {
        administers || self.by == Some(user)
    }

    /// The same for a file with this header: each column goes where one of its name did, and of several that are called the
    /// same, each where its own did.
    pub fn of_header(&self, header: &[String]) -> Self {
        let column = |(index, column): (usize, &String)| {
            let earlier = header[..index].iter().filter(|earlier| is_same_head(earlier, column)).count();
            (column.clone(), self.target(column, earlier))
        };
        Self { columns: header.iter().enumerate().map(column).collect(), ..self.clone() }
    }

    /// Where a column goes that has so many of its name before it; nowhere if nobody said.
    fn target(&self, column: &str, earlier: usize) -> String {
        let mut called_so = self.columns.iter().filter(|(known, _)| is_same_head(known, column));
        called_so.nth(earlier).map(|(_, target)| target.clone()).unwrap_or_default()
    }
}

fn is_same_head(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// No file has such a header: what is kept under it is no file's.
const NAMED: &[String] = &[];

impl Uploads {
    /// The files beside a database.
    pub fn beside(database: &Path) -> Self {
        Self { folder: database.with_file_name("imports"), running: Arc::default() }
    }

    /// Keeps a file.
    ///
    /// # Errors
    /// When it cannot be read as rows, or the disk is full.
    pub fn keep(&self, about: About, bytes: Vec<u8>) -> Result<Upload, UploadError> {
        let id = RecordId::new(about.at, random());
        let folder = self.folder.join(id.to_string());
        let csv = import::as_csv(&about.name, bytes)?;
        private_folder(&folder)?;
        std::fs::write(folder.join(file_name(&about.name)), csv)?;
        std::fs::write(folder.join(ABOUT), serde_json::to_vec(&about).map_err(std::io::Error::from)?)?;
        Ok(Upload { id, about, folder })
    }

    /// A file, for whoever brought it.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, id: RecordId, workspace: WorkspaceId, user: UserId) -> Result<Upload, UploadError> {
        let is_theirs = |upload: &Upload| upload.about.workspace == workspace && upload.about.user == user;
        self.open(id).filter(is_theirs).ok_or(UploadError::NotThere)
    }

    /// Takes a file for one of another kind. One that is being brought in stays what it is.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn change_kind(&self, upload: &Upload, kind: KindName) -> Result<(), UploadError> {
        let running = self.all_running();
        if running.contains_key(&upload.id) {
            return Ok(());
        }
        let about = About { kind, ..upload.about.clone() };
        let text = serde_json::to_vec(&about).map_err(std::io::Error::from)?;
        Ok(write_whole(&upload.folder.join(ABOUT), &text)?)
    }

    fn open(&self, id: RecordId) -> Option<Upload> {
        let folder = self.folder.join(id.to_string());
        let about = serde_json::from_slice(&std::fs::read(folder.join(ABOUT)).ok()?).ok()?;
        Some(Upload { id, about, folder })
    }

    /// Takes the rows of a workspace's files away: somebody was erased, who may stand in them. What became of each file stays;
    /// one that is being brought in loses its rows when it is done.
    ///
    /// # Errors
    /// When the disk does not let go of one.
    pub fn take_rows(&self, workspace: WorkspaceId) -> std::io::Result<()> {
        if !self.folder.exists() {
            return Ok(());
        }
        for folder in std::fs::read_dir(&self.folder)? {
            let id = folder?.file_name().to_str().and_then(|name| name.parse().ok());
            let upload = id.and_then(|id| self.open(id)).filter(|upload| upload.about.workspace == workspace);
            let Some(upload) = upload else { continue };
            match self.all_running().get_mut(&upload.id) {
                Some(running) => running.is_taken = true,
                None => upload.take_rows()?,
            }
        }
        Ok(())
    }

    /// How far it is, while it runs.
    pub fn running(&self, id: RecordId) -> Option<Running> {
        self.all_running().get(&id).copied()
    }

    fn all_running(&self) -> MutexGuard<'_, HashMap<RecordId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the columns of such a header went last time.
    pub fn remembered(&self, upload: &Upload, header: &[String]) -> Remembered {
        let text = std::fs::read(self.mapping(upload, header)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Remembers how the columns of such a header go.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn remember(&self, upload: &Upload, header: &[String], columns: &Remembered) -> Result<(), UploadError> {
        private_folder(&self.folder.join("mappings"))?;
        let text = serde_json::to_vec(columns).map_err(std::io::Error::from)?;
        Ok(write_whole(&self.mapping(upload, header), &text)?)
    }

    /// The mappings that somebody named for files of such a kind, by name.
    pub fn mappings(&self, upload: &Upload) -> Vec<Mapping> {
        let text = std::fs::read(self.mapping(upload, NAMED)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Keeps a mapping under its name, in the place of one that had it, for whoever brought the file.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn keep_mapping(&self, upload: &Upload, mapping: Mapping, administers: bool) -> Result<Kept, UploadError> {
        let user = upload.about.user;
        self.change_mappings(upload, |all| {
            match all.iter().position(|known| known.name == mapping.name) {
                Some(at) if !all[at].is_theirs(user, administers) => return Kept::NotTheirs,
                Some(at) => all[at] = Mapping { by: all[at].by.or(Some(user)), ..mapping },
                None if all.len() >= MAPPINGS_MAX => return Kept::Full,
                None => all.push(Mapping { by: Some(user), ..mapping }),
            }
            Kept::Yes
        })
    }

    /// Forgets one, if it is theirs; answers whether it is gone.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn drop_mapping(&self, upload: &Upload, name: &str, administers: bool) -> Result<bool, UploadError> {
        self.change_mappings(upload, |all| {
            all.retain(|known| known.name != name || !known.is_theirs(upload.about.user, administers));
            all.iter().all(|known| known.name != name)
        })
    }

    /// One after the other: two people may save at once.
    fn change_mappings<T>(&self, upload: &Upload, change: impl FnOnce(&mut Vec<Mapping>) -> T) -> Result<T, UploadError> {
        let _turn = self.all_running();
        let mut all = self.mappings(upload);
        let answer = change(&mut all);
        all.sort_by(|one, other| one.name.cmp(&other.name));
        private_folder(&self.folder.join("mappings"))?;
        write_whole(&self.mapping(upload, NAMED), &serde_json::to_vec(&all).map_err(std::io::Error::from)?)?;
        Ok(answer)
    }

    fn mapping(&self, upload: &Upload, header: &[String]) -> PathBuf {
        let key = format!("{} {} {}", upload.about.workspace, upload.about.kind, header.join("\u{1f}"));
        let hash: String = Sha256::digest(key.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join("mappings").join(format!("{hash}.json"))
    }

    /// Brings a file in, in the background; answers at once. One that runs already is left alone.
    pub fn start(&self, app: App, author: Author, spec: Spec, upload: Upload) {
        match self.all_running().entry(upload.id) {
            Entry::Occupied(_) => return,
            Entry::Vacant(place) => place.insert(Running::default()),
        };
        let (uploads, id) = (self.clone(), upload.id);
        tokio::spawn(async move {
            let mut watch = |progress: Progress| {
                if let Some(running) = uploads.all_running().get_mut(&id) {
                    (running.done, running.total) = (progress.done, progress.total);
                }
            };
            let done = import::run(&app, &author, &spec, &upload.source(), &mut watch).await;
            if let Err(error) = upload.conclude(&done) {
                tracing::error!(%error, "what became of an import could not be kept");
            }
            let was_running = uploads.all_running().remove(&id);
            if was_running.is_some_and(|running| running.is_taken)
                && let Err(error) = upload.take_rows()
            {
                tracing::error!(%error, "the rows of an import could not be taken away");
            }
        });
    }
}

impl Upload {
    /// Its rows.
    pub fn source(&self) -> Source {
        match self.about.name.trim() {
            "" => Source::File(self.failed_beside()),
            name => Source::Upload(name.to_owned(), self.failed_beside()),
        }
    }

    /// Where rows that are left out are written.
    pub fn failed_beside(&self) -> PathBuf {
        self.folder.join(file_name(&self.about.name))
    }

    /// What became of it, once it has run.
    pub fn outcome(&self) -> Option<Outcome> {
        serde_json::from_slice(&std::fs::read(self.folder.join(REPORT)).ok()?).ok()
    }

    /// Of the folder stays what it was and what became of it.
    fn take_rows(&self) -> std::io::Result<()> {
        for file in std::fs::read_dir(&self.folder)? {
            let file = file?;
            if ![ABOUT, REPORT].contains(&&*file.file_name().to_string_lossy()) {
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }

    /// The rows that were left out last time.
    pub fn failed(&self) -> Option<Vec<u8>> {
        let files = std::fs::read_dir(&self.folder).ok()?;
        let failed = files.filter_map(|file| Some(file.ok()?.path())).filter(|path| path.to_string_lossy().contains(".failed"));
        let newest = failed.max_by_key(|path| path.metadata().and_then(|about| about.modified()).ok());
        std::fs::read(newest?).ok()
    }

    fn conclude(&self, done: &Result<Report, ImportError>) -> std::io::Result<()> {
        let outcome = match done {
            Ok(report) => Outcome {
                import: report.import.map(|import| import.to_string()),
                created: report.created,
                updated: report.updated,
                unchanged: report.unchanged,
                doubled: report.doubled,
                failed: report.failed,
                error: None,
            },
            Err(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "an import stopped");
                let import = if let ImportError::BrokeOff { import, .. } = error { Some(import.to_string()) } else { None };
                Outcome { import, error: Some(error.to_string()), ..Outcome::default() }
            }
        };
        std::fs::write(self.folder.join(REPORT), serde_json::to_vec(&outcome)?)
    }
}

/// Writes a file beside its place and moves it there: whoever reads it, also after a stop, has the old one or the new.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(unfinished, path)
}

/// What somebody called their file, as far as it can name one here.
fn file_name(name: &str) -> String {
    const CHARS_MAX: usize = 60;
    let plain = |letter: &char| letter.is_alphanumeric() || "-_ ".contains(*letter);
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let stem: String = stem.chars().filter(plain).take(CHARS_MAX).collect();
    format!("{}.csv", if stem.trim().is_empty() { "pasted" } else { stem.trim() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_name_and_leaves_its_folder_never() {
        for (name, kept) in [
            ("客户 2026.xlsx", "客户 2026.csv"),
            ("../../etc/passwd", "passwd.csv"),
            ("C:\\a\\b.csv", "b.csv"),
            ("", "pasted.csv"),
            ("...", "pasted.csv"),
        ] {
            assert_eq!(file_name(name), kept, "{name}");
        }
    }
}
