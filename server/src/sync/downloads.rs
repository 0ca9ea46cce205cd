//! How much a device takes along: the audit log tells of one to which very much is handed out in a day.

use std::collections::HashSet;

use serde_json::json;
use sync_core::id::{DeviceId, Millis, RecordId};
use sync_core::protocol::{Entry, Page};

use super::{DAY_MS, Door, Speaker};
use crate::audit::{Act, Note};
use crate::store::{StoreError, devices};
use crate::tally::{Much, Tally};

/// A day's work of a whole team changes some hundred records. More than this is a new phone that gets everything it may
/// have, wider rights, or somebody who takes everything along: each is worth an entry.
pub const MUCH_RECORDS: u64 = 5_000;

const MUCH: Much = Much { count: MUCH_RECORDS, within_ms: DAY_MS };

/// What was handed out to devices.
pub(crate) type Downloads = Tally<DeviceId>;

impl Door {
    /// Counts what is on a page; written down is only that it has become much.
    pub(super) async fn note_download(&self, speaker: &Speaker, page: &Page, now: Millis) -> Result<(), StoreError> {
        let record = |entry: &Entry| if let Entry::Change(change) = entry { Some(change.record) } else { None };
        let records: HashSet<RecordId> = page.entries.iter().filter_map(record).collect();
        if !self.downloads.add(speaker.device, records.len() as u64, now, &MUCH) {
            return Ok(());
        }
        let (workspace, user, device) = (speaker.reader.workspace, speaker.reader.user, speaker.device);
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let known = devices::of_user(tx, workspace, user).await?.into_iter().find(|known| known.device == device);
                    let is_new = known.is_some_and(|known| now - known.created_at < DAY_MS);
                    let note = Note::of(workspace, Some(user), Act::DeviceDownloaded, device);
                    note.with(json!({ "at_least": MUCH_RECORDS, "first": is_new })).write(tx, now).await
                })
            })
            .await
    }
}
