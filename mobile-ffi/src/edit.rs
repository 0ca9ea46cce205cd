//! Writing: field edits, never whole records, so that nobody's concurrent edit is written over.

use std::collections::HashMap;

use sync_core::device::{Device, RecordEdits};
use sync_core::engine::Edited;
use sync_core::record::fields as core;

use crate::client::Client;
use crate::error::ClientError;
use crate::open::now;
use crate::read::RecordId;
use crate::runtime::caught;
use crate::value::{Value, map_of};

/// One edit of one field.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum FieldEdit {
    /// Writes a value; `Empty` clears.
    Set {
        /// The field.
        field: String,
        /// Its new value.
        value: Value,
    },
    /// Adds an element to a set.
    Add {
        /// The field.
        field: String,
        /// The element.
        value: String,
    },
    /// Removes an element from a set.
    Remove {
        /// The field.
        field: String,
        /// The element.
        value: String,
    },
    /// Makes a row, or writes some of its parts.
    SetRow {
        /// The field.
        field: String,
        /// The row's id, chosen by who makes it.
        row: String,
        /// Parts to write; `Empty` clears one.
        values: HashMap<String, Value>,
    },
    /// Removes a row.
    RemoveRow {
        /// The field.
        field: String,
        /// The row's id.
        row: String,
    },
    /// Moves a row of a list behind another one, or to the front.
    MoveRow {
        /// The field.
        field: String,
        /// The row's id.
        row: String,
        /// The row it goes behind; nothing for the front.
        after: Option<String>,
    },
    /// Adds an item to a log; an item is never altered.
    Append {
        /// The field.
        field: String,
        /// What it holds.
        values: HashMap<String, Value>,
    },
    /// Adds to a counter.
    Increment {
        /// The field.
        field: String,
        /// How much; negative to subtract.
        by: i64,
    },
    /// Replaces characters of a text; positions count Unicode scalar values.
    Splice {
        /// The field.
        field: String,
        /// Where.
        at: u64,
        /// How many characters go.
        delete: u64,
        /// What comes.
        insert: String,
    },
    /// Archives the record: how records are deleted.
    Archive,
}

impl TryFrom<FieldEdit> for core::FieldEdit {
    type Error = ClientError;

    fn try_from(edit: FieldEdit) -> Result<Self, ClientError> {
        Ok(match edit {
            FieldEdit::Set { field, value } => core::FieldEdit::Set { field, value: value.try_into()? },
            FieldEdit::Add { field, value } => core::FieldEdit::Add { field, value },
            FieldEdit::Remove { field, value } => core::FieldEdit::Remove { field, value },
            FieldEdit::SetRow { field, row, values } => core::FieldEdit::SetRow { field, row, values: map_of(values)? },
            FieldEdit::RemoveRow { field, row } => core::FieldEdit::RemoveRow { field, row },
            FieldEdit::MoveRow { field, row, after } => core::FieldEdit::MoveRow { field, row, after },
            FieldEdit::Append { field, values } => core::FieldEdit::Append { field, item: new_record_id()?.0, values: map_of(values)? },
            FieldEdit::Increment { field, by } => core::FieldEdit::Increment { field, by },
            FieldEdit::Splice { field, at, delete, insert } => {
                core::FieldEdit::Splice { field, at: index(at)?, delete: index(delete)?, insert }
            }
            FieldEdit::Archive => core::FieldEdit::archive(),
        })
    }
}

fn index(number: u64) -> Result<usize, ClientError> {
    usize::try_from(number).map_err(|_| ClientError::BadArgument { detail: format!("no text has {number} characters") })
}

/// Edits as the device takes them.
pub(crate) fn field_edits(edits: Vec<FieldEdit>) -> Result<Vec<core::FieldEdit>, ClientError> {
    edits.into_iter().map(core::FieldEdit::try_from).collect()
}

/// What to do to one record.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct RecordEdit {
    /// The record: a new one with an id of `new_record_id`.
    pub record: RecordId,
    /// Its kind: needed for one that is not on this device.
    #[uniffi(default = None)]
    pub kind: Option<String>,
    /// In this order.
    pub edits: Vec<FieldEdit>,
    /// Whether this makes the record: what the edits say nothing of gets the defaults of its kind then. A record that is not
    /// on this device may be elsewhere, and keeps what it has.
    #[uniffi(default = false)]
    pub makes: bool,
}

impl RecordEdit {
    pub(crate) fn resolve(self, device: &Device) -> Result<RecordEdits, ClientError> {
        let record = self.record.parse()?;
        let kind = match self.kind {
            Some(kind) => kind.parse().map_err(|_| ClientError::BadArgument { detail: format!("there is no kind `{kind}`") })?,
            None => device.row(record)?.ok_or_else(|| ClientError::NotFound { what: format!("record {record}") })?.kind,
        };
        Ok(RecordEdits { kind, record, edits: field_edits(self.edits)?, makes: self.makes })
    }
}

/// Why somebody with the right will have to look at an edit.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Review {
    /// The rule that says so.
    pub rule: String,
    /// A sentence for a person, in English.
    pub detail: String,
    /// The same in Chinese.
    pub detail_zh: String,
}

/// An edit that is on the disk, and on its way.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Receipt {
    /// The record.
    pub record: RecordId,
    /// Whether anything was different.
    pub changed: bool,
    /// Set when somebody will have to approve it.
    pub review: Option<Review>,
}

impl From<Edited> for Receipt {
    fn from(edited: Edited) -> Self {
        let review = edited.needs_approval.map(|(rule, label)| Review { rule, detail: label.en, detail_zh: label.zh });
        Self { record: edited.record.into(), changed: !edited.changes.is_empty(), review }
    }
}

pub(crate) fn receipts(edited: Vec<Edited>) -> Vec<Receipt> {
    edited.into_iter().map(Receipt::from).collect()
}

/// An id for a record that is about to be made, or for a row or item. Ids sort by time.
#[uniffi::export]
pub fn new_record_id() -> Result<RecordId, ClientError> {
    caught(|| {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|error| ClientError::Store { detail: error.to_string() })?;
        Ok(sync_core::id::RecordId::new(now(), random).into())
    })
}

#[uniffi::export]
impl Client {
    /// Edits records, all or none of them: on the disk when this returns, shown at once, sent when the
    /// server can be reached.
    pub async fn transact(&self, edits: Vec<RecordEdit>) -> Result<Vec<Receipt>, ClientError> {
        self.on_device(move |device, now| {
            let edits = edits.into_iter().map(|edit| edit.resolve(device)).collect::<Result<Vec<_>, _>>()?;
            Ok(receipts(device.edit_all(now, &edits)?))
        })
        .await
    }
}

impl From<core::FieldEdit> for FieldEdit {
    fn from(edit: core::FieldEdit) -> Self {
        let parts = crate::value::parts_of;
        match edit {
            core::FieldEdit::Set { field, value } if field == core::ARCHIVED && value == true => FieldEdit::Archive,
            core::FieldEdit::Set { field, value } => FieldEdit::Set { field, value: value.into() },
            core::FieldEdit::Add { field, value } => FieldEdit::Add { field, value },
            core::FieldEdit::Remove { field, value } => FieldEdit::Remove { field, value },
            core::FieldEdit::SetRow { field, row, values } => FieldEdit::SetRow { field, row, values: parts(values) },
            core::FieldEdit::RemoveRow { field, row } => FieldEdit::RemoveRow { field, row },
            core::FieldEdit::MoveRow { field, row, after } => FieldEdit::MoveRow { field, row, after },
            core::FieldEdit::Append { field, values, .. } => FieldEdit::Append { field, values: parts(values) },
            core::FieldEdit::Increment { field, by } => FieldEdit::Increment { field, by },
            core::FieldEdit::Splice { field, at, delete, insert } => {
                FieldEdit::Splice { field, at: at as u64, delete: delete as u64, insert }
            }
        }
    }
}
