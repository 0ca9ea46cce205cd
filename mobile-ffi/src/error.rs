//! What an app can act upon, and nothing else: inner errors are mapped here, once.

use sync_core::engine::{EditError, Stopped};
use sync_core::net::{FileError, NetError};
use sync_core::query::QueryError;
use sync_core::store::{StoreError, TakeError};

use crate::runtime::Failed;
use crate::secrets::SecretError;

/// What HTTP calls an answer of "not now"; the wire says it inside of a frame.
const NOT_NOW: u16 = 503;
/// What HTTP calls an answer that makes no sense to whoever asked.
const NOT_WHAT_WAS_NAMED: u16 = 502;

/// Why nothing is sent any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum StopReason {
    /// The back office has shut the device out. What was not sent is kept.
    Revoked,
    /// The server does not know the device any more: enrol again. What was not sent is kept.
    SignedOut,
    /// The app is too old for the server.
    Outdated,
    /// The server said to remove everything, and so it was: the client is closed.
    Wiped,
}

impl From<&Stopped> for StopReason {
    fn from(stopped: &Stopped) -> Self {
        match stopped {
            Stopped::Revoked => StopReason::Revoked,
            Stopped::Unauthorized => StopReason::SignedOut,
            Stopped::Outdated(_) => StopReason::Outdated,
            Stopped::Wiped => StopReason::Wiped,
        }
    }
}

/// Why a call did not do what was asked. Nothing of it was done, unless it says so.
#[derive(Debug, Clone, PartialEq, thiserror::Error, uniffi::Error)]
pub enum ClientError {
    /// The client was shut down, signed out or wiped: open a new one.
    #[error("the client is closed")]
    Closed,
    /// The device belongs to nobody yet.
    #[error("the device is not enrolled: redeem a one-time code first")]
    NotEnrolled,
    /// What was named is not on this device.
    #[error("there is no {what} on this device")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// An argument is not what it should be.
    #[error("{detail}")]
    BadArgument {
        /// What is wrong, and what would be right.
        detail: String,
    },
    /// The edit does not fit, or the server would refuse it.
    #[error("{detail}")]
    Refused {
        /// A word for the cause, stable for apps to act on.
        code: String,
        /// The field concerned.
        field: Option<String>,
        /// The rule that says so.
        rule: Option<String>,
        /// A sentence for a person, in English.
        detail: String,
        /// The same in Chinese.
        detail_zh: String,
    },
    /// There is nothing to take back, or it cannot be.
    #[error("{detail}")]
    NotUndoable {
        /// Why not.
        detail: String,
    },
    /// The server cannot be reached. Nothing is lost; try again.
    #[error("the server cannot be reached: {detail}")]
    Offline {
        /// What the network said.
        detail: String,
    },
    /// The server said no.
    #[error("the server answered {status}: {detail}")]
    Server {
        /// HTTP status.
        status: u16,
        /// A word for the cause, stable for apps to act on.
        code: String,
        /// What it says.
        detail: String,
    },
    /// Nothing is sent any more.
    #[error("sync has stopped: {reason:?}")]
    Stopped {
        /// Why.
        reason: StopReason,
    },
    /// The device was too long without contact: what it holds is neither shown nor written until the server
    /// answers. Nothing is lost; sync.
    #[error("the device was too long without contact: connect it to the server")]
    Locked,
    /// Signing out would lose what is on this device only.
    #[error("{edits} edits and {files} contents wait for the server and {drafts} drafts for a decision: they are on this device only")]
    Unsent {
        /// Edits that wait for the server.
        edits: u64,
        /// Edits that were not accepted.
        drafts: u64,
        /// Contents of files that wait for the server.
        files: u64,
    },
    /// A file is larger than it may be.
    #[error("{detail}")]
    TooLarge {
        /// How large it may be, in bytes.
        most: u64,
        /// A sentence that says so.
        detail: String,
    },
    /// The bytes of a file are still on the phone that made it: try again later.
    #[error("the bytes of this file have not arrived at the server yet")]
    NotArrived,
    /// The call was cancelled.
    #[error("the call was cancelled")]
    Cancelled,
    /// The device's storage is full: free some and try again.
    #[error("the device's storage is full")]
    StorageFull,
    /// The store failed.
    #[error("the store failed: {detail}")]
    Store {
        /// What SQLite said.
        detail: String,
    },
    /// The app's secret store failed.
    #[error("the secret store failed: {detail}")]
    Secrets {
        /// What it said.
        detail: String,
    },
    /// Our own mistake. Please report it with this number.
    #[error("internal error {report}: {detail}")]
    Internal {
        /// Names this failure in logs.
        report: String,
        /// What the code said; no customer's data.
        detail: String,
    },
}

impl Failed for ClientError {
    fn no_threads(detail: String) -> Self {
        ClientError::Store { detail: format!("the app's threads cannot start: {detail}") }
    }

    fn panicked(detail: String) -> Self {
        let mut number = [0; 4];
        // Without randomness the report is number 0: still better than no report.
        let _ = getrandom::fill(&mut number);
        ClientError::Internal { report: format!("{:08x}", u32::from_be_bytes(number)), detail }
    }
}

impl From<StoreError> for ClientError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => ClientError::StorageFull,
            StoreError::Locked => ClientError::Locked,
            other => ClientError::Store { detail: other.to_string() },
        }
    }
}

impl From<QueryError> for ClientError {
    fn from(error: QueryError) -> Self {
        ClientError::BadArgument { detail: error.to_string() }
    }
}

impl From<NetError> for ClientError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Unreachable(detail) => ClientError::Offline { detail },
            NetError::Status { status, code, message } => ClientError::Server { status, code, detail: message },
            NetError::Refused { code, message } => ClientError::Server { status: NOT_NOW, code, detail: message },
            NetError::Stopped(stopped) => ClientError::Stopped { reason: (&stopped).into() },
            NetError::BadAddress(_) | NetError::NoTls(_) | NetError::OtherUser => ClientError::BadArgument { detail: error.to_string() },
            NetError::NotEnrolled => ClientError::NotEnrolled,
            NetError::NotArrived => ClientError::NotArrived,
            NetError::Store(error) => error.into(),
        }
    }
}

impl From<FileError> for ClientError {
    fn from(error: FileError) -> Self {
        let detail = error.to_string();
        match error {
            FileError::Unknown(record) => ClientError::NotFound { what: format!("file {record}") },
            FileError::Take(TakeError::Read(_)) | FileError::NoPicture => ClientError::BadArgument { detail },
            FileError::Take(TakeError::TooLarge { most }) | FileError::NoRoom { most, .. } => ClientError::TooLarge { most, detail },
            FileError::Other => ClientError::Server { status: NOT_WHAT_WAS_NAMED, code: "other_content".to_owned(), detail },
            // Whoever may not see it any more has it no longer; the next sync takes its record away.
            FileError::Net(NetError::Status { status: 404, .. }) => ClientError::NotFound { what: "such file for this user".to_owned() },
            FileError::Net(error) => error.into(),
            FileError::Edit(error) => error.into(),
            FileError::Take(TakeError::Store(error)) | FileError::Store(error) => error.into(),
        }
    }
}

impl From<EditError> for ClientError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::NotEnrolled => ClientError::NotEnrolled,
            EditError::Store(error) => error.into(),
            EditError::UnknownRecord(record) => ClientError::NotFound { what: format!("record {record}") },
            EditError::UnknownDraft(draft) => ClientError::NotFound { what: format!("draft {draft}") },
            EditError::NotUndoable(why) => ClientError::NotUndoable { detail: why.to_owned() },
            refused => refused.because().map_or_else(
                || ClientError::BadArgument { detail: refused.to_string() },
                |because| ClientError::Refused {
                    code: because.code.to_owned(),
                    field: because.field,
                    rule: because.rule,
                    detail: refused.to_string(),
                    detail_zh: because.message_zh,
                },
            ),
        }
    }
}

/// Why a store was not opened.
#[derive(Debug, Clone, PartialEq, thiserror::Error, uniffi::Error)]
pub enum OpenError {
    /// The secret store is locked: try again when the phone was unlocked once.
    #[error("the secret store is locked")]
    KeyLocked,
    /// The store is there and its key is not: restored from a backup, or the system's key store was reset.
    /// What the server has comes back: `set_store_aside`, open, enrol.
    #[error("the key of the store is lost: set the store aside, open a new one and enrol again")]
    KeyLost,
    /// The key does not open the store. The same way out as for `KeyLost`.
    #[error("the key does not open the store: set the store aside, open a new one and enrol again")]
    KeyDoesNotMatch,
    /// The secret store failed otherwise.
    #[error("the secret store failed: {detail}")]
    KeyUnavailable {
        /// What it said.
        detail: String,
    },
    /// The library was built without a cipher, or the file is not encrypted: nothing was written.
    #[error("the store would not be encrypted: {detail}")]
    NotEncrypted {
        /// Which of them.
        detail: String,
    },
    /// Another process of the app has the store open.
    #[error("another process has the store open")]
    InUse,
    /// A newer version of the app has written the store.
    #[error("the store was written by a newer version of the app")]
    TooNew,
    /// The device's storage is full.
    #[error("the device's storage is full")]
    StorageFull,
    /// The store cannot be read. The same way out as for `KeyLost`.
    #[error("the store is damaged: {detail}")]
    Damaged {
        /// What SQLite said.
        detail: String,
    },
    /// A setting is not what it should be.
    #[error("{detail}")]
    BadSettings {
        /// What is wrong.
        detail: String,
    },
    /// Anything else that the system said.
    #[error("the store cannot be opened: {detail}")]
    Failed {
        /// What it said.
        detail: String,
    },
}

impl Failed for OpenError {
    fn no_threads(detail: String) -> Self {
        OpenError::Failed { detail }
    }

    fn panicked(detail: String) -> Self {
        OpenError::Failed { detail }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => OpenError::StorageFull,
            StoreError::Busy => OpenError::InUse,
            StoreError::TooNew { .. } => OpenError::TooNew,
            StoreError::NoCipher | StoreError::NotSealed => OpenError::NotEncrypted { detail: error.to_string() },
            StoreError::WrongKey => OpenError::KeyDoesNotMatch,
            StoreError::Damaged(detail) => OpenError::Damaged { detail },
            StoreError::UnsafeSqlite(_) | StoreError::Sqlite(_) | StoreError::Locked => OpenError::Failed { detail: error.to_string() },
        }
    }
}

impl From<SecretError> for OpenError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Locked => OpenError::KeyLocked,
            SecretError::Invalidated => OpenError::KeyLost,
            SecretError::Unavailable { detail } => OpenError::KeyUnavailable { detail },
        }
    }
}

impl From<SecretError> for ClientError {
    fn from(error: SecretError) -> Self {
        ClientError::Secrets { detail: error.to_string() }
    }
}
