//! Everything of a workspace as files that anybody can open, and that come back with an import.
//!
//! One CSV file and one JSON Lines file for each kind, and if wanted each document as automerge saves
//! it. Reads one snapshot in pages. Never overwrites anything, and never leaves half an export under
//! the name of a whole one.

pub mod pdf;
mod sheet;
pub mod table;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use sync_core::id::{KindName, WorkspaceId};
use sync_core::record::Stored;
use sync_core::record::history::texts_of;
use sync_core::record::reference::{Difference, automerge_document};
use sync_core::schema::Schema;

pub use sheet::Format;
use sheet::Sheet;

use super::{Progress, Watch, whole};
use crate::app::App;
use crate::store::records::{self, RecordRow};
use crate::store::{StoreError, Tx, audit, workspaces};

/// Records that are read together.
const BATCH_RECORDS: u32 = 500;

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Nothing is overwritten.
    #[error("`{}` exists already: name a folder that does not exist", .0.display())]
    Exists(PathBuf),
    /// There is no such kind.
    #[error("there is no kind `{kind}`; there are {}", known.join(", "))]
    UnknownKind {
        /// What was named.
        kind: KindName,
        /// What there is.
        known: Vec<String>,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A document cannot be saved.
    #[error("{kind} {record} cannot be saved as an automerge document; `rapport check` says more")]
    Document {
        /// The record's kind.
        kind: KindName,
        /// The record.
        record: sync_core::id::RecordId,
        /// What automerge says.
        #[source]
        source: Difference,
    },
    /// What a whole system consists of cannot be written.
    #[error(transparent)]
    Whole(#[from] whole::WholeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T> = std::result::Result<T, ExportError>;

fn at<T>(path: &Path, done: std::io::Result<T>) -> Result<T> {
    done.map_err(|source| ExportError::File { path: path.to_owned(), source })
}

/// What is to be written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Leave out the apostrophe in front of cells that a spreadsheet would take for formulas.
    pub is_raw: bool,
    /// Each document as automerge saves it.
    pub automerge: bool,
    /// What it takes to have an equal system elsewhere.
    pub whole: bool,
}

/// Writes a workspace into a new folder; answers how many records of each kind there are.
///
/// # Errors
/// When the folder exists, or cannot be written.
pub async fn folder(app: &App, workspace: WorkspaceId, to: &Path, options: Options, watch: Watch<'_>) -> Result<BTreeMap<KindName, u64>> {
    let unfinished = unfinished(to);
    for path in [to, &unfinished] {
        if path.exists() {
            return Err(ExportError::Exists(path.to_owned()));
        }
    }
    make_folder(&unfinished)?;
    let written = Folder { app, workspace, path: &unfinished, options }.write(watch).await;
    if written.is_err() {
        // Half an export is of no use; the error that matters is the first.
        std::fs::remove_dir_all(&unfinished).ok();
    }
    let counts = written?;
    at(to, std::fs::rename(&unfinished, to))?;
    Ok(counts)
}

/// Where an export is until it is whole.
fn unfinished(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_os_string();
    name.push(".unfinished");
    to.with_file_name(name)
}

/// For nobody else: it holds all that the database holds.
fn make_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    at(path, builder.create(path))
}

/// Writes the records of one kind; answers how many there are.
///
/// # Errors
/// When there is no such kind, or it cannot be written.
pub async fn kind(app: &App, workspace: WorkspaceId, kind: &KindName, format: Format, is_raw: bool, out: impl Write) -> Result<u64> {
    let schema = app.intake.rules(workspace).schema;
    let known = || schema.kinds().map(|kind| kind.name.to_string()).collect();
    let declared = schema.kind(kind).ok_or_else(|| ExportError::UnknownKind { kind: kind.clone(), known: known() })?;
    let path = Path::new("standard output");
    let mut sheet = at(path, Sheet::new(format, declared, is_raw, out))?;
    let (mut tx, mut after, mut count) = (app.store.reader().await?, None, 0);
    loop {
        let rows = audit::rows_after(&mut tx, workspace, Some(kind), after, BATCH_RECORDS).await?;
        let Some(last) = rows.last() else { break };
        (after, count) = (Some(last.record), count + rows.len() as u64);
        for row in &rows {
            at(path, sheet.write(row))?;
        }
    }
    at(path, sheet.finish())?;
    Ok(count)
}

/// An export under way.
struct Folder<'a> {
    app: &'a App,
    workspace: WorkspaceId,
    path: &'a Path,
    options: Options,
}

/// The files of one kind.
struct Files {
    csv: Option<Sheet<BufWriter<File>>>,
    json: BufWriter<File>,
    count: u64,
}

impl Folder<'_> {
    async fn write(&self, watch: Watch<'_>) -> Result<BTreeMap<KindName, u64>> {
        let schema = self.app.intake.rules(self.workspace).schema;
        let mut tx = self.app.store.reader().await?;
        let total = audit::count_rows(&mut tx, self.workspace, None).await?;
        let (mut files, mut after, mut done) = (BTreeMap::new(), None, 0);
        loop {
            let rows = audit::rows_after(&mut tx, self.workspace, None, after, BATCH_RECORDS).await?;
            let Some(last) = rows.last() else { break };
            for row in &rows {
                self.record(&schema, &mut files, row)?;
            }
            if self.options.automerge {
                self.documents(&mut tx, &schema, &rows).await?;
            }
            (after, done) = (Some(last.record), done + rows.len() as u64);
            watch(Progress { done, total });
        }
        let mut counts = BTreeMap::new();
        for (kind, mut one) in files {
            counts.insert(kind, one.count);
            at(self.path, one.csv.as_mut().map_or(Ok(()), Sheet::finish))?;
            at(self.path, one.json.flush())?;
        }
        if self.options.whole {
            whole::write(self.app, &mut tx, self.workspace, self.path).await?;
        }
        self.about(&mut tx, &counts).await?;
        Ok(counts)
    }

    fn record(&self, schema: &Schema, files: &mut BTreeMap<KindName, Files>, row: &RecordRow) -> Result<()> {
        if !files.contains_key(&row.kind) {
            files.insert(row.kind.clone(), self.open(schema, &row.kind)?);
        }
        let Some(one) = files.get_mut(&row.kind) else { return Ok(()) };
        one.count += 1;
        if let Some(csv) = &mut one.csv {
            at(self.path, csv.write(row))?;
        }
        at(self.path, writeln!(one.json, "{}", sheet::object(row)))
    }

    /// A kind that is not defined any more has no columns: its records are in the JSON file.
    fn open(&self, schema: &Schema, kind: &KindName) -> Result<Files> {
        let create = |extension: &str| {
            let path = self.path.join(format!("{kind}.{extension}"));
            at(&path, File::create_new(&path)).map(BufWriter::new)
        };
        let csv = match schema.kind(kind) {
            Some(kind) => Some(at(self.path, Sheet::new(Format::Csv, kind, self.options.is_raw, create("csv")?))?),
            None => None,
        };
        Ok(Files { csv, json: create("jsonl")?, count: 0 })
    }

    async fn documents(&self, tx: &mut Tx, schema: &Schema, rows: &[RecordRow]) -> Result<()> {
        let records: Vec<_> = rows.iter().map(|row| row.record).collect();
        let mut documents: HashMap<_, Vec<Stored>> = HashMap::new();
        for stored in records::changes_of(tx, self.workspace, &records).await? {
            documents.entry((stored.record, stored.facet)).or_default().push(stored);
        }
        for ((record, facet), changes) in documents {
            let Some(kind) = changes.first().map(|stored| stored.kind.clone()) else { continue };
            let texts = schema.kind(&kind).map(|kind| texts_of(kind)).unwrap_or_default();
            let document = automerge_document(changes.iter().map(|stored| &stored.body[..]), &texts);
            let bytes = document.map_err(|source| ExportError::Document { kind: kind.clone(), record, source })?.save();
            let folder = self.path.join("automerge").join(kind.as_str());
            make_folder(&folder)?;
            let path = folder.join(format!("{record}.{facet}.automerge"));
            at(&path, std::fs::write(&path, bytes))?;
        }
        Ok(())
    }

    async fn about(&self, tx: &mut Tx, counts: &BTreeMap<KindName, u64>) -> Result<()> {
        let workspace = workspaces::by_id(tx, self.workspace).await?;
        let counts: BTreeMap<&str, u64> = counts.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
        let about = json!({
            "program": concat!("rapport ", env!("CARGO_PKG_VERSION")),
            "workspace": workspace.as_ref().map(|workspace| &workspace.name),
            "position": workspace.as_ref().map(|workspace| workspace.head),
            "exported_at": self.app.clock.now(),
            "records": counts,
        });
        let path = self.path.join("about.json");
        at(&path, std::fs::write(&path, format!("{about:#}\n")))
    }
}
