//! A whole workspace in open files, and an equal system from them.
//!
//! Beside the tables that `export` writes for people stand lines for programs: every change with its maker and
//! time, people (without their passwords), what was not accepted, what was erased, the audit log, and the
//! contents of files. Bringing them in goes through `intake` as everything does, under seals of the new system:
//! each change is checked again, and rows, links and disagreements are derived, not copied.
//!
//! Devices, sessions, keys and webhooks hold secrets and stay where they are: phones enrol again.

mod back;
mod out;

use std::path::PathBuf;

pub use back::{Brought, bring};
pub use out::write;

use crate::error::Error;
use crate::files::FileError;
use crate::intake::IntakeError;
use crate::store::StoreError;

const WORKSPACE: &str = "workspace.json";
const USERS: &str = "users.jsonl";
const CHANGES: &str = "changes.jsonl";
const REJECTED: &str = "rejected.jsonl";
const ERASED: &str = "erased.jsonl";
const AUDIT: &str = "audit.jsonl";
const CONTENTS: &str = "contents";
const PROOFS: &str = "proofs.jsonl";

/// Why a whole system was not written, or not brought in.
#[derive(Debug, thiserror::Error)]
pub enum WholeError {
    /// A file cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A line is not one that `rapport export --all` writes.
    #[error("line {line} of `{}` is not understood: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// There is somebody here already.
    #[error("there are records here already: bring a whole system into an empty database only (`database.path`)")]
    NotEmpty,
    /// A change does not pass: the files were altered, or are of a newer version.
    #[error("change {position} of {record} is not taken: {why}")]
    Refused {
        /// Where it stood.
        position: u64,
        /// Of which record.
        record: sync_core::id::RecordId,
        /// Why.
        why: String,
    },
    /// The bytes of a file are other ones.
    #[error("`{}` does not hold what its name says", .0.display())]
    WrongContent(PathBuf),
    /// A content cannot be read or kept.
    #[error("a content cannot be read or kept")]
    Content(#[from] FileError),
    /// The write path failed.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T> = std::result::Result<T, WholeError>;

fn at<T>(path: &std::path::Path, done: std::io::Result<T>) -> Result<T> {
    done.map_err(|source| WholeError::File { path: path.to_owned(), source })
}

impl From<WholeError> for Error {
    fn from(error: WholeError) -> Self {
        Self::Internal(error.into())
    }
}

mod line {
    //! The lines of the files, as they are written and read.

    use serde::{Deserialize, Serialize};
    use sync_core::id::{ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, UserId, WorkspaceId};

    use crate::language::Language;
    pub use crate::store::change_line::{Bytes, ChangeLine as Change};
    use crate::store::rejected::DeskState;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Workspace {
        pub id: WorkspaceId,
        pub name: String,
        pub created_at: Millis,
        /// Of the files: the next version may say more.
        pub format: u32,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct User {
        pub id: UserId,
        pub login: String,
        pub name: String,
        pub role: sync_core::access::RoleSet,
        pub language: Language,
        pub disabled_at: Option<Millis>,
        pub created_at: Millis,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Rejected {
        pub hash: ChangeHash,
        pub kind: KindName,
        pub record: RecordId,
        pub facet: Facet,
        pub user: UserId,
        pub device: DeviceId,
        pub code: String,
        pub field: Option<String>,
        pub rule: Option<String>,
        pub account: Option<RecordId>,
        pub message_en: String,
        pub message_zh: String,
        pub received_at: Millis,
        pub state: DeskState,
        pub body: Bytes,
        pub note: Option<String>,
        pub answer: Option<ChangeHash>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Erased {
        pub record: RecordId,
        pub kind: String,
        pub at: Millis,
        pub by: Option<UserId>,
        pub proof: String,
    }

    /// Who has had a content.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Proof {
        pub sha256: String,
        pub users: Vec<UserId>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Entry {
        pub number: u64,
        pub at: Millis,
        pub user: Option<UserId>,
        pub act: String,
        pub subject: String,
        pub detail: String,
        pub hash: Bytes,
    }
}
