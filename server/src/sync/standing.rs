//! Where a device stands after an exchange: for the list of devices.
//!
//! What it says of itself was so before the exchange; what the server has answered since is taken into account. An
//! answer that does not arrive is corrected by the next hello.

use sync_core::id::Millis;
use sync_core::protocol::{Entry, Hello, Message, Verdict};

use super::{Door, Speaker};
use crate::feed::Cursor;
use crate::store::farewells::{self, DeviceNote};
use crate::store::{StoreError, devices};

/// How often it is noted where a device stands.
const NOTE_EVERY_MS: Millis = 60_000;
/// A device that has caught up and would be listed as this far behind is noted at once: more than what a busy hour writes,
/// so that an import costs nobody's exchange a flush.
const LAG_TOLD: u64 = 10_000;
/// The longest name of an app that is kept.
const APP_CHARS_MAX: usize = 80;

/// What an exchange tells of a device.
#[derive(Debug, Default)]
pub(super) struct Standing {
    hello: Option<Hello>,
    /// Its own changes that were taken: they wait on it no longer. What was turned down or held may have been a draft that it
    /// asked about, which was never counted: rather too many wait, until its next hello, than too few.
    settled: u64,
    position: Option<u64>,
    /// Whether it has all that it may have.
    is_caught_up: bool,
    /// Whether it is told to remove what was erased: the proof of that names it.
    pub erases: bool,
    /// The pushes among what it says.
    batches: Vec<u64>,
}

impl Standing {
    /// As the device says.
    pub fn said(messages: &[Message]) -> Self {
        let mut standing = Self::default();
        for message in messages {
            match message {
                Message::Hello(hello) => standing.hello = Some(hello.clone()),
                Message::Pull(pull) => standing.stands_at(pull.cursor.as_deref()),
                Message::Push(push) => standing.batches.push(push.batch),
                _ => {}
            }
        }
        standing
    }

    /// As it is when it has heard the answers.
    pub fn answered(mut self, answers: &[Message]) -> Self {
        for answer in answers {
            match answer {
                Message::Page(page) => {
                    self.stands_at(Some(&page.cursor));
                    self.is_caught_up = !page.more;
                    self.erases |= page.entries.iter().any(|entry| matches!(entry, Entry::Purge { .. }));
                }
                Message::Verdicts(answer) if self.batches.contains(&answer.batch) => {
                    self.settled += answer.verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Accepted { .. })).count() as u64;
                }
                _ => {}
            }
        }
        self
    }

    fn stands_at(&mut self, cursor: Option<&[u8]>) {
        let position = cursor.and_then(|cursor| Cursor::parse(cursor).ok()).map(|cursor| cursor.position);
        self.position = position.or(self.position);
    }
}

impl Door {
    /// Notes where a device stands. At most once a minute, unless it begins or ceases to have something to send, or has
    /// caught up after a long time, or something was erased: a reconnect costs no flush to the disk.
    pub(super) async fn note_standing(&self, speaker: &Speaker, standing: Standing, now: Millis) -> Result<(), StoreError> {
        // Most frames of an open connection say nothing of that.
        if standing.hello.is_none() && standing.position.is_none() && standing.settled == 0 {
            return Ok(());
        }
        let (workspace, device) = (speaker.reader.workspace, speaker.device);
        let known = farewells::note_of(&mut self.store.reader().await?, workspace, device).await?;
        if known.is_none() && standing.hello.is_none() {
            return Ok(());
        }
        let (before, noted_at) = known.unwrap_or_default();
        let waited = standing.hello.as_ref().map_or(before.pending, |hello| hello.pending);
        let note = DeviceNote {
            protocol: standing.hello.as_ref().map_or(before.protocol, |hello| hello.protocol),
            pending: waited.saturating_sub(standing.settled),
            position: standing.position.unwrap_or(before.position),
        };
        let turned = (note.pending == 0) != (before.pending == 0);
        let caught_up = standing.is_caught_up && note.position.saturating_sub(before.position) >= LAG_TOLD;
        if note == before || (!turned && !caught_up && !standing.erases && now - noted_at < NOTE_EVERY_MS) {
            return Ok(());
        }
        let app = standing.hello.map(|hello| hello.app.chars().filter(|c| !c.is_control()).take(APP_CHARS_MAX).collect::<String>());
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    if let Some(app) = app {
                        devices::set_device_app(tx, workspace, device, &app).await?;
                    }
                    farewells::note(tx, workspace, device, &note, now).await
                })
            })
            .await
    }
}
