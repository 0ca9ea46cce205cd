//! Bringing records in from a file: mapped, matched, in batches, and taken back as one act.
//!
//! A row makes a record or changes the one that it matches; the same file twice changes nothing. Rows
//! that cannot be brought in are left out and listed. Writes only through `intake`, as a named person.

mod attach;
mod demo;
mod directory;
mod draft;
mod edits;
mod failures;
mod mapping;
mod mistakes;
mod presets;
mod preview;
mod reasons;
mod run;
mod sight;
mod source;
mod suggest;
mod undo;
mod unpack;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::tz::TimeZone;
use sync_core::access::{Act, Decision, Subject, decide};
use sync_core::id::{BadId, KindName, RecordId, WorkspaceId};
use sync_core::schema::{Kind, Label};

pub use demo::{CDNOW_SAMPLE_CUSTOMERS, CDNOW_SAMPLE_ORDERS, cdnow_customers, cdnow_orders, cdnow_sample};
pub use directory::usual_matches;
pub(crate) use draft::Draft;
pub(crate) use edits::{edits, unclear};
pub use failures::Failure;
pub use mapping::{AS_COLUMN, Told, is_money, without_row};
pub use presets::Preset;
pub use preview::{Becomes, Difference, Preview};
pub(crate) use reasons::reason;
pub use run::{Report, run};
pub use source::{CARD_COLUMN, Content, Source};
pub use suggest::{suggest, targets};
pub use undo::{Undone, take_back, undo};
pub use unpack::{BadFile, as_csv};

use crate::app::App;
use crate::error::{Error, Text};
use crate::intake::{Author, IntakeError, Rules};
use crate::language::Language;
use crate::store::StoreError;
use crate::store::people::{self, User};

/// What one import is called: every change that it makes carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImportId(pub [u8; 16]);

impl fmt::Display for ImportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).fmt(f)
    }
}

impl FromStr for ImportId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let parsed = uuid::Uuid::from_str(text).map(|uuid| Self(*uuid.as_bytes()));
        parsed.map_err(|_| BadId { what: "import id", text: text.to_owned() })
    }
}

/// Which records an import writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Only new ones; a row that matches a record is left out.
    Create,
    /// Only those that are there; a row that matches none is left out.
    Update,
    /// Both.
    #[default]
    Both,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The kind of the records.
    pub kind: KindName,
    /// Which records are written.
    pub mode: Mode,
    /// Which column goes where.
    pub told: Told,
    /// The fields that rows are matched by; those of the kind when missing.
    pub matches: Option<Vec<String>>,
    /// Whether a row that matches nothing goes to the record that it is nearly certainly about, instead of making another.
    pub attach: bool,
    /// The zone of moments that say none, where the workspace has no time zone.
    pub zone: TimeZone,
    /// Whether apostrophes in front of formulas are part of the text.
    pub is_raw: bool,
    /// Look at every row, write nothing.
    pub is_dry_run: bool,
    /// Beside which file rows that were left out are written.
    pub failed_beside: Option<PathBuf>,
    /// The language of their reasons.
    pub language: Language,
}

impl Spec {
    /// An import of a kind as it goes when nothing else is said.
    pub fn new(kind: KindName) -> Self {
        Self {
            kind,
            mode: Mode::Both,
            told: Told::default(),
            matches: None,
            attach: false,
            zone: TimeZone::UTC,
            is_raw: false,
            is_dry_run: false,
            failed_beside: None,
            language: Language::En,
        }
    }

    /// With a column for a target: `party:external_id`, `amount.amount`; an empty target leaves it out.
    #[must_use]
    pub fn map(mut self, column: &str, target: &str) -> Self {
        self.told.maps.push((column.to_owned(), target.to_owned()));
        self
    }

    /// With a text for a target that no cell fills; columns in braces stand for their cells.
    #[must_use]
    pub fn set(mut self, target: &str, text: &str) -> Self {
        self.told.sets.push((target.to_owned(), text.to_owned()));
        self
    }
}

/// Why nothing, or not everything, was brought in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such kind.
    #[error("there is no kind `{kind}`; there are {}", known.join(", "))]
    UnknownKind {
        /// What was named.
        kind: KindName,
        /// What there is.
        known: Vec<String>,
    },
    /// The file is not there or not readable.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The bytes are no UTF-8.
    #[error(
        "line {line} is no UTF-8 text: the file may come from a Chinese Excel (GBK) or be UTF-16; save it as \"CSV UTF-8\", \
         or convert it with `iconv -f GB18030 -t UTF-8 old.csv > new.csv`"
    )]
    Encoding {
        /// The first such line.
        line: u64,
    },
    /// A quotation mark is never closed.
    #[error("a cell of the row on line {line} is longer than a megabyte: is a quotation mark before it never closed?")]
    OpenQuote {
        /// The line.
        line: u64,
    },
    /// There is no header.
    #[error("the file is empty: its first line must name the columns")]
    Empty,
    /// A mapped column is not in the header.
    #[error("the file has no column `{column}`; it has {}", quoted(columns))]
    NoSuchColumn {
        /// What was named.
        column: String,
        /// What there is.
        columns: Vec<String>,
    },
    /// Columns of the header have no field.
    #[error(
        "no field of `{kind}` is called like the columns {}: say where each goes with --map \"COLUMN=FIELD\", or leave it out with \
         --map \"COLUMN=\" or all of them with --skip-others; the fields are {}",
        quoted(columns),
        fields.join(", ")
    )]
    NoField {
        /// The columns.
        columns: Vec<String>,
        /// The kind.
        kind: String,
        /// Its fields.
        fields: Vec<String>,
    },
    /// A target is no field.
    #[error("kind `{kind}` has no field `{target}`; its fields are {}", fields.join(", "))]
    NoSuchField {
        /// The kind.
        kind: String,
        /// What was named.
        target: String,
        /// Its fields.
        fields: Vec<String>,
    },
    /// A target is computed.
    #[error("field `{field}` is computed and cannot be brought in")]
    Computed {
        /// The field.
        field: String,
    },
    /// A link cannot be looked up so.
    #[error("`{field}` cannot be looked up by `{via}`: it must be a link, and one of the kinds it points at must have that field")]
    BadLink {
        /// The field.
        field: String,
        /// How it should have been looked up.
        via: String,
    },
    /// Two columns go to one place.
    #[error("the columns {} go to the same field: leave one out with --map \"COLUMN=\"", quoted(columns))]
    Twice {
        /// The columns.
        columns: [String; 2],
    },
    /// Rows cannot be matched by a field that the file does not have.
    #[error("no column goes to `{field}`, so rows cannot be matched by it")]
    NoMatchColumn {
        /// The field.
        field: String,
    },
    /// Updating needs something to match by.
    #[error("to update records, rows must be matched: map a column to `id`, or name a field with --match")]
    NothingToMatch,
    /// The caller may not.
    #[error("{}", .0.en)]
    Denied(Label),
    /// Nobody may be asked to do it.
    #[error("there is no user `{0}` who may do this; `rapport user list` shows who there is")]
    NoUser(String),
    /// The file of failed rows cannot be written.
    #[error("cannot write the failed rows to `{}`", path.display())]
    Failures {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It stopped in the middle.
    #[error("stopped after {rows} rows, which are kept; run it again to go on, or take them back with `rapport import undo {import}`")]
    BrokeOff {
        /// The import.
        import: ImportId,
        /// Rows that were looked at.
        rows: u64,
        /// What happened.
        #[source]
        source: Box<ImportError>,
    },
    /// There is no such import.
    #[error("there is no import `{0}`; `rapport import list` shows them")]
    NoSuchImport(ImportId),
    /// It was taken back before.
    #[error("import `{0}` was taken back already")]
    AlreadyUndone(ImportId),
    /// Two records are one already.
    #[error("the two records are merged already")]
    Together,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The write path failed.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

/// What a caller can act upon.
impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::NoSuchImport(_) => Self::NotFound,
            ImportError::AlreadyUndone(_) => Self::Conflict(Text::new("This was taken back already.", "此操作已撤销。")),
            ImportError::Together => Self::Conflict(Text::new(
                "These two are merged already, so nothing was changed. Split them again first.",
                "这两条记录已经合并，没有做任何更改。请先拆分还原。",
            )),
            ImportError::Denied(label) => Self::Denied { field: None, message: Text::new(label.en, label.zh) },
            ImportError::Store(error) => Self::Store(error),
            ImportError::Intake(error) => error.into(),
            other => Self::Internal(other.into()),
        }
    }
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Whether an author may bring in records of a kind in bulk.
fn authorise(rules: &Rules, author: &Author, kind: &Kind) -> Result<(), ImportError> {
    match decide(&rules.roles, &author.caller(), &Subject::of(kind, sync_core::id::Facet::Main), &Act::Import) {
        Decision::Allowed => Ok(()),
        Decision::Denied { message, .. } | Decision::Review { message, .. } => Err(ImportError::Denied(message)),
    }
}

/// Whether an author may bring in records of a kind.
pub fn may(rules: &Rules, author: &Author, kind: &Kind) -> bool {
    authorise(rules, author, kind).is_ok()
}

/// On whose behalf an operator works: the user with a login, or else the first of the back office.
///
/// # Errors
/// When there is no such user.
pub async fn author(app: &App, workspace: WorkspaceId, login: Option<&str>) -> Result<(Author, User), ImportError> {
    let mut tx = app.store.reader().await?;
    let mut users = people::users(&mut tx, workspace).await?;
    users.retain(|user| user.disabled_at.is_none());
    users.sort_by_key(|user| user.created_at);
    let fits = |user: &&User| login.map_or(&*user.role == "office", |login| user.login == login);
    let user = users.iter().find(fits).cloned().ok_or_else(|| ImportError::NoUser(login.unwrap_or("of the role office").to_owned()))?;
    Ok((app.intake.on_behalf(workspace, user.user, user.role.clone()), user))
}

/// The workspace's imports, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, workspace: WorkspaceId) -> Result<Vec<crate::store::imports::ImportRow>, ImportError> {
    Ok(crate::store::imports::all(&mut app.store.reader().await?, workspace).await?)
}

/// A record id that follows from a cause, and another one each time it has to be made again.
pub fn made_of(cause: &str, attempt: u32) -> RecordId {
    if attempt == 0 { RecordId::of_cause(cause) } else { RecordId::of_cause(&format!("{cause} {attempt}")) }
}

fn record_of(cause: &str, attempt: u32) -> RecordId {
    made_of(&format!("imported {cause}"), attempt)
}
