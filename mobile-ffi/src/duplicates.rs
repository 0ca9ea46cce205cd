//! Records that are the same: which likely are, and making two one or one two again. All of it works without a network.

use std::collections::HashMap;

use sync_core::actions::duplicates::merging;
use sync_core::device;

use crate::client::Client;
use crate::edit::{Receipt, RecordEdit, receipts};
use crate::error::ClientError;
use crate::kinds::Word;
use crate::read::{Record, RecordId};
use crate::value::Value;

/// A record that another one is likely the same as.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct LikelyDuplicate {
    /// The record.
    pub record: Record,
    /// How likely, in percent: 50 and more.
    pub percent: u8,
    /// What speaks for it and against it, the heaviest first: `same phone number: +8613812345678`.
    pub reasons: Vec<Word>,
}

impl From<device::LikelyDuplicate> for LikelyDuplicate {
    fn from(likely: device::LikelyDuplicate) -> Self {
        let reasons = likely.reasons.iter().map(|reason| (&reason.words()).into()).collect();
        Self { record: likely.row.into(), percent: likely.percent, reasons }
    }
}

/// Who stands for whom around a record.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Together {
    /// The record that stands for this one since they were merged: show that one.
    pub survivor: Option<Record>,
    /// The records that this one stands for: `split` parts each again.
    pub behind: Vec<Record>,
}

/// Whose value of a field the record that stays has afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Keep {
    /// Its own.
    Own,
    /// The other record's.
    Other,
    /// Everything that either has.
    Both,
}

impl From<merging::Keep> for Keep {
    fn from(keep: merging::Keep) -> Self {
        match keep {
            merging::Keep::Own => Keep::Own,
            merging::Keep::Other => Keep::Other,
            merging::Keep::Both => Keep::Both,
        }
    }
}

impl From<Keep> for merging::Keep {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::Own => merging::Keep::Own,
            Keep::Other => merging::Keep::Other,
            Keep::Both => merging::Keep::Both,
        }
    }
}

/// A field in which two records differ, and what the one that stays may have there.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct MergeChoice {
    /// The field.
    pub field: String,
    /// What the record has that stays.
    pub own: Value,
    /// What the other one has.
    pub other: Value,
    /// What can be chosen. The first is the most sensible: `merge` takes it where nothing is said.
    pub keep: Vec<Keep>,
    /// Whether what is taken over stays when the two are parted again: a no to calls.
    pub for_good: bool,
}

impl From<device::MergeChoice> for MergeChoice {
    fn from(choice: device::MergeChoice) -> Self {
        Self {
            field: choice.field.to_string(),
            own: choice.own.unwrap_or_default().into(),
            other: choice.other.unwrap_or_default().into(),
            keep: choice.keep.into_iter().map(Keep::from).collect(),
            for_good: choice.is_for_good,
        }
    }
}

#[uniffi::export]
impl Client {
    /// The records on this device that a record is likely the same as, with these edits: of one that is being made, while
    /// somebody types it; of one that is here, with no edits or while it is edited. The most likely first.
    pub async fn likely_duplicates(&self, of: RecordEdit) -> Result<Vec<LikelyDuplicate>, ClientError> {
        self.on_device(move |device, _| {
            let of = of.resolve(device)?;
            Ok(device.likely_duplicates(&of)?.into_iter().map(LikelyDuplicate::from).collect())
        })
        .await
    }

    /// Who stands for whom around a record.
    pub async fn together(&self, id: RecordId) -> Result<Together, ClientError> {
        let id = id.parse()?;
        self.on_device(move |device, _| {
            let device::Together { survivor, behind } = device.together(id)?;
            Ok(Together { survivor: survivor.map(Record::from), behind: behind.into_iter().map(Record::from).collect() })
        })
        .await
    }

    /// What can be chosen before a record is merged into another one, field by field: a page that shows both side by side.
    pub async fn merge_choices(&self, record: RecordId, into: RecordId) -> Result<Vec<MergeChoice>, ClientError> {
        let (record, into) = (record.parse()?, into.parse()?);
        self.on_device(move |device, _| Ok(device.merge_choices(record, into)?.into_iter().map(MergeChoice::from).collect())).await
    }

    /// Makes a record one with another, which stands for both from then on: lists show that one, searches lead to it, what
    /// points at either belongs to it. It keeps what it has and gets what it lacks, unless `keep` says otherwise of a field.
    /// `BadArgument` when they are one already, or of a kind that is not merged. `split` takes it back; so does `undo`, unless
    /// texts were joined.
    pub async fn merge(&self, record: RecordId, into: RecordId, keep: HashMap<String, Keep>) -> Result<Vec<Receipt>, ClientError> {
        let (record, into) = (record.parse()?, into.parse()?);
        let keep = keep.into_iter().map(|(field, keep)| (field, keep.into())).collect();
        self.on_device(move |device, now| Ok(receipts(device.merge(now, record, into, &keep)?))).await
    }

    /// Lets a record stand for itself again, wherever it was merged. What those merges gave to others goes back where nobody
    /// has changed it since.
    pub async fn split(&self, record: RecordId) -> Result<Vec<Receipt>, ClientError> {
        let record = record.parse()?;
        self.on_device(move |device, now| Ok(receipts(device.split(now, record)?))).await
    }

    /// Remembers that two records are not the same, however alike they look: nobody is asked about them again.
    pub async fn set_apart(&self, record: RecordId, other: RecordId) -> Result<Receipt, ClientError> {
        let (record, other) = (record.parse()?, other.parse()?);
        self.on_device(move |device, now| Ok(device.set_apart(now, record, other)?.into())).await
    }
}
