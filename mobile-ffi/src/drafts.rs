//! What needs a person: fields that people disagree on, and edits that were not accepted.

use std::time::SystemTime;

use sync_core::device::{ClaimView, ConflictView};
use sync_core::id::RecordId as CoreId;
use sync_core::store;

use crate::client::Client;
use crate::edit::{FieldEdit, Receipt, field_edits};
use crate::error::ClientError;
use crate::read::{RecordId, moment};
use crate::value::Value;

/// A field that people disagree on.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Conflict {
    /// The record.
    pub record: RecordId,
    /// The record's name.
    pub title: String,
    /// The field.
    pub field: String,
    /// What `resolve` takes: the field, or a part of a row.
    pub path: String,
    /// What was written, newest first: the first one is shown.
    pub claims: Vec<Claim>,
}

/// What somebody wrote.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Claim {
    /// The value.
    pub value: Value,
    /// Who.
    pub user: RecordId,
    /// Whether it was on this device.
    pub mine: bool,
    /// When.
    pub at: SystemTime,
    /// Whether it was written out of reach of the server.
    pub offline: bool,
}

/// What became of an edit that was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DraftState {
    /// It was refused: amend and send again, or discard.
    Refused,
    /// It waits until somebody with the right decides.
    Held,
    /// The record was taken from this device before the edit could be sent.
    TakenAway,
}

/// An own edit that was not accepted, with the reason.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Draft {
    /// Names it on this device.
    pub id: i64,
    /// The record.
    pub record: RecordId,
    /// The record's kind.
    pub kind: String,
    /// What became of it.
    pub state: DraftState,
    /// A word for the cause, stable for apps to act on: `declined` is final, `returned` wants it changed as `detail` says and
    /// sent again.
    pub code: String,
    /// The field concerned.
    pub field: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// A sentence for a person, in English.
    pub detail: String,
    /// The same in Chinese.
    pub detail_zh: String,
    /// What it wanted to do: change it and retry.
    pub edits: Vec<FieldEdit>,
    /// When it was made.
    pub at: SystemTime,
}

impl From<store::Draft> for Draft {
    fn from(draft: store::Draft) -> Self {
        Self {
            id: draft.id,
            record: draft.record.into(),
            kind: draft.kind.to_string(),
            state: match draft.state {
                store::DraftState::Rejected => DraftState::Refused,
                store::DraftState::Held => DraftState::Held,
                store::DraftState::Purged => DraftState::TakenAway,
            },
            code: draft.code,
            field: draft.field,
            rule: draft.rule,
            detail: draft.message,
            detail_zh: draft.message_zh,
            edits: draft.edits.into_iter().map(FieldEdit::from).collect(),
            at: moment(draft.edit_time),
        }
    }
}

fn conflict(record: CoreId, title: &str, device: Option<sync_core::id::DeviceId>, conflict: ConflictView) -> Conflict {
    let claim = |claim: ClaimView| Claim {
        mine: Some(claim.device) == device,
        value: claim.value.into(),
        user: claim.user.to_string().into(),
        at: moment(claim.edit_time),
        offline: claim.offline,
    };
    Conflict {
        record: record.into(),
        title: title.to_owned(),
        field: conflict.field,
        path: conflict.path,
        claims: conflict.claims.into_iter().map(claim).collect(),
    }
}

#[uniffi::export]
impl Client {
    /// What people disagree on.
    pub async fn conflicts(&self) -> Result<Vec<Conflict>, ClientError> {
        self.on_device(|device, _| {
            let me = device.identity().map(|me| me.device);
            let views = device.conflicts()?;
            let each = views.into_iter().flat_map(|view| {
                let (record, title) = (view.row.record, view.row.title);
                view.conflicts.into_iter().map(move |found| conflict(record, &title, me, found))
            });
            Ok(each.collect())
        })
        .await
    }

    /// Decides a disagreement, with one of the claims or another value: an ordinary edit.
    pub async fn resolve(&self, record: RecordId, path: String, value: Value) -> Result<Receipt, ClientError> {
        let (record, value) = (record.parse()?, value.try_into()?);
        self.on_device(move |device, now| Ok(device.resolve(now, record, &path, value)?.into())).await
    }

    /// Own edits that were not accepted, oldest first.
    pub async fn drafts(&self) -> Result<Vec<Draft>, ClientError> {
        self.on_device(|device, _| Ok(device.drafts()?.into_iter().map(Draft::from).collect())).await
    }

    /// Sends a draft again, with these edits or as it was. It is no draft any more then; when it does not
    /// fit, it stays one.
    pub async fn retry_draft(&self, id: i64, edits: Option<Vec<FieldEdit>>) -> Result<Receipt, ClientError> {
        let edits = edits.map(field_edits).transpose()?;
        self.on_device(move |device, now| Ok(device.retry_draft(now, id, edits.as_deref())?.into())).await
    }

    /// Gives a draft up.
    pub async fn discard_draft(&self, id: i64) -> Result<(), ClientError> {
        self.on_device(move |device, _| Ok(device.discard_draft(id)?)).await
    }
}
