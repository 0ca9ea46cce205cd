//! Decisions about edits that were not accepted.

use sync_core::id::{DeviceId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Label;

use super::NotEdited;
use crate::store::rejected::ChangeName;

/// What somebody decides about an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// The change that was not accepted.
    pub change: ChangeName,
    /// What becomes of it.
    pub ruling: Ruling,
}

/// What becomes of an edit.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruling {
    /// It is written into the record.
    Accept,
    /// This is written instead.
    Amend(Vec<FieldEdit>),
    /// It is not written; what its author is told.
    Decline(Option<String>),
    /// It goes back to its author, who is told what to change before it is sent again.
    Return(String),
    /// What was declined or returned is open again.
    Reopen,
}

/// Why nothing was decided.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotReviewed {
    /// There is no such edit.
    #[error("there is no such edit")]
    NoSuchEdit,
    /// The hash alone names several: the same was sent for several records.
    #[error("it was sent for several records: name it as `{{change}}.{{record}}`")]
    Several,
    /// Somebody was faster.
    #[error("somebody has decided about it already")]
    Decided,
    /// Nobody wants it any more.
    #[error("its author has withdrawn it")]
    Withdrawn,
    /// Only what was declined or returned can be opened again.
    #[error("it was neither declined nor returned: what was accepted is taken back in the record")]
    NotDeclined,
    /// The bytes say nothing, or their kind is not known: it can only be declined.
    #[error("it cannot be read: it can only be declined")]
    Unreadable,
    /// It says that the record is of another kind than it is: it can only be declined.
    #[error("the record is of another kind than the edit says: it can only be declined")]
    OtherKind,
    /// What it was typed into was forgotten: where its characters belong, nobody knows.
    #[error("the text that it edits was forgotten: write it in your own words, or decline it")]
    Forgotten,
    /// It takes several words, and the next is somebody else's.
    #[error("it is not your turn: this step takes the word of {0}")]
    NotYourTurn(String),
    /// It takes somebody else's word.
    #[error("nobody approves their own edit: it waits for somebody else's word")]
    TheirOwn,
    /// Only whoever speaks last writes other words.
    #[error("other approvals follow yours: approve it as it is, decline it, or return it")]
    OthersFollow,
    /// Who gets an edit back has to know what for.
    #[error("say what should be changed: an edit is returned with a sentence for its author")]
    NoNote,
    /// Whoever may not make the edit decides nothing about it.
    #[error("{}", .0.as_ref().map_or("you may not decide about this edit", |message| &message.en))]
    MayNot(Option<Label>),
    /// The record does not take it.
    #[error(transparent)]
    NotEdited(NotEdited),
}

/// Something has come to the desk, or was decided there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskNews {
    /// In which workspace.
    pub workspace: WorkspaceId,
    /// About whose edit somebody has decided, if it is about one.
    pub device: Option<DeviceId>,
    /// The edit that waits for somebody else's word from now on, if it is about one.
    pub asked: Option<ChangeName>,
}
