//! What happened to a record, and taking back what was just done.

use std::collections::HashMap;
use std::time::SystemTime;

use sync_core::record::history::HistoryEntry;

use crate::client::Client;
use crate::edit::{Receipt, receipts};
use crate::error::ClientError;
use crate::read::{RecordId, moment};
use crate::value::{Value, parts_of};

/// What one change did to one field.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Change {
    /// The change: `record_at` takes it.
    pub version: String,
    /// The field.
    pub field: String,
    /// What it showed to its author before.
    pub old: Value,
    /// What it showed after.
    pub new: Value,
    /// Who.
    pub user: RecordId,
    /// On which device.
    pub device: String,
    /// When it was made.
    pub at: SystemTime,
    /// When the server received it; nothing while it waits here.
    pub received_at: Option<SystemTime>,
    /// Whether it was made out of reach of the server.
    pub offline: bool,
}

impl From<HistoryEntry> for Change {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            version: entry.change.to_string(),
            field: entry.field,
            old: entry.old.unwrap_or_default().into(),
            new: entry.new.unwrap_or_default().into(),
            user: entry.user.to_string().into(),
            device: entry.device.to_string(),
            at: moment(entry.edit_time),
            received_at: entry.received_at.map(moment),
            offline: entry.offline,
        }
    }
}

/// How far back and forth one can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Steps {
    /// Steps that `undo` can take.
    pub undo: u32,
    /// Steps that `redo` can take.
    pub redo: u32,
}

#[uniffi::export]
impl Client {
    /// Who changed what, when, from which value, offline or not; oldest first.
    pub async fn history(&self, id: RecordId) -> Result<Vec<Change>, ClientError> {
        let id = id.parse()?;
        self.on_device(move |device, _| Ok(device.history(id)?.into_iter().map(Change::from).collect())).await
    }

    /// What a record's fields were for whoever made a change, just after it.
    pub async fn record_at(&self, id: RecordId, version: String) -> Result<HashMap<String, Value>, ClientError> {
        let id = id.parse()?;
        let bad = || ClientError::BadArgument { detail: format!("`{version}` is not a version of a history") };
        let change = version.parse().map_err(|_| bad())?;
        self.on_device(move |device, _| {
            let missing = || ClientError::NotFound { what: format!("version {version}") };
            Ok(parts_of(device.record_at(id, &change)?.ok_or_else(missing)?))
        })
        .await
    }

    /// Takes back the last thing done on this device since the app was opened, a whole transaction;
    /// again: the one before. It syncs like any edit.
    pub async fn undo(&self) -> Result<Vec<Receipt>, ClientError> {
        self.on_device(|device, now| Ok(receipts(device.undo_last(now)?))).await
    }

    /// Does again what was taken back last.
    pub async fn redo(&self) -> Result<Vec<Receipt>, ClientError> {
        self.on_device(|device, now| Ok(receipts(device.redo_last(now)?))).await
    }

    /// How far `undo` and `redo` can go, for the state of their buttons.
    pub async fn steps(&self) -> Result<Steps, ClientError> {
        let number = |steps: usize| u32::try_from(steps).unwrap_or(u32::MAX);
        self.on_device(move |device, _| {
            let (undo, redo) = device.steps();
            Ok(Steps { undo: number(undo), redo: number(redo) })
        })
        .await
    }
}
