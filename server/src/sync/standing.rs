//! Where a device stands after an exchange: for the list of devices.
//!
//! What it says of itself was so before the exchange; what the server has answered since is taken into account. An
//! answer that does not arrive is corrected by the next hello. That something was to be removed is no such thing: the
//! device has removed it when it says itself that it stands behind that.

use sync_core::id::Millis;
use sync_core::protocol::{Entry, Hello, Message, Page, Verdict};

use super::{Door, Speaker};
use crate::feed::Cursor;
use crate::store::farewells::{self, DeviceNote};
use crate::store::{StoreError, devices, erasure};

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
    /// Whether it asks for a page, and says with it where it stands.
    pulls: bool,
    /// Where it says itself that it stands.
    said: Option<u64>,
    /// Where it stands when it has heard the answers.
    position: Option<u64>,
    /// Whether it has all that it may have.
    is_caught_up: bool,
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
                Message::Pull(_) => standing.pulls = true,
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
                Message::Page(page) => self.sent(page),
                Message::Verdicts(answer) if self.batches.contains(&answer.batch) => {
                    self.settled += answer.verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Accepted { .. })).count() as u64;
                }
                _ => {}
            }
        }
        self
    }

    fn sent(&mut self, page: &Page) {
        let position = |cursor: &[u8]| Cursor::parse(cursor).ok().map(|cursor| cursor.position);
        if self.pulls {
            // As the server has understood it: a cursor of another life of the feed says nothing.
            self.said = page.after.as_deref().and_then(position);
        }
        let takes_away = page.entries.iter().any(Entry::takes_away);
        self.position = if takes_away { self.said } else { position(&page.cursor).or(self.said) };
        self.is_caught_up = !page.more && !takes_away;
    }
}

impl Door {
    /// Notes where a device stands. At most once a minute, unless it begins or ceases to have something to send, or has
    /// caught up after a long time, or says that it has gone past something that was erased: a reconnect costs no flush to
    /// the disk.
    pub(super) async fn note_standing(&self, speaker: &Speaker, standing: Standing, now: Millis) -> Result<(), StoreError> {
        // Most frames of an open connection say nothing of that.
        if standing.hello.is_none() && standing.position.is_none() && standing.settled == 0 {
            return Ok(());
        }
        let (workspace, device) = (speaker.reader.workspace, speaker.device);
        let mut tx = self.store.reader().await?;
        let known = farewells::note_of(&mut tx, workspace, device).await?;
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
        if note == before {
            return Ok(());
        }
        let is_due = turned || caught_up || now - noted_at >= NOTE_EVERY_MS;
        if !is_due && !erasure::is_between(&mut tx, workspace, before.position, standing.said.unwrap_or(0)).await? {
            return Ok(());
        }
        drop(tx);
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
