//! What a device on an open connection is sent without asking for it.
//!
//! After the first pull each new page goes out by itself, unless there is nothing in it for the device: then it is not
//! woken. Knows no socket.

use sync_core::id::Millis;
use sync_core::protocol::{Entry, Message, PAGE_BYTES, Page, Pull};

use super::{Door, Speaker};
use crate::store::StoreError;

/// Where a device on an open connection stands.
#[derive(Debug, Default)]
pub struct Unasked {
    /// What it asked for last.
    pulled: Pull,
    /// Set once it has pulled everything.
    stand: Option<Stand>,
    /// Set while it was sent that something is to be removed, and has not said where it stands since.
    owes: bool,
}

/// Two places in the feed with nothing in between that the device is told of.
#[derive(Debug, Clone)]
struct Stand {
    /// The cursor that the device has.
    device: Vec<u8>,
    /// How far was read for it.
    read: Vec<u8>,
}

impl Unasked {
    /// Whether pages go out by themselves.
    pub fn is_current(&self) -> bool {
        self.stand.is_some()
    }

    /// Whether it was told to remove something and has not said where it stands since: how far it is, nobody knows.
    pub fn owes(&self) -> bool {
        self.owes
    }

    /// Notes what was asked for, if that was a page, and what was answered.
    pub(super) fn answered(&mut self, pulled: Option<Pull>, answers: &[Message]) {
        self.owes &= pulled.is_none();
        self.pulled = pulled.unwrap_or_else(|| std::mem::take(&mut self.pulled));
        for answer in answers {
            if let Message::Page(page) = answer {
                self.sent(page);
            }
        }
    }

    fn sent(&mut self, page: &Page) {
        self.owes |= page.entries.iter().any(Entry::takes_away);
        self.stand = (!page.more).then(|| Stand { device: page.cursor.clone(), read: page.cursor.clone() });
    }
}

impl Door {
    /// What goes out after something was kept, if it concerns the device.
    ///
    /// # Errors
    /// When the database cannot be read: the device will ask.
    pub async fn news(&self, speaker: &Speaker, unasked: &mut Unasked, now: Millis) -> Result<Option<Message>, StoreError> {
        let Some(Stand { device, read }) = unasked.stand.clone() else { return Ok(None) };
        let pull = Pull { cursor: Some(read), max_bytes: PAGE_BYTES, before: None, number: None, ..unasked.pulled.clone() };
        let page = match self.pull(speaker, &pull, now).await? {
            Ok(page) => page,
            Err(refused) => return Ok(Some(refused)),
        };
        if page.entries.is_empty() && !page.more {
            unasked.stand = Some(Stand { device, read: page.cursor });
            return Ok(None);
        }
        unasked.sent(&page);
        Ok(Some(Message::Page(Page { after: page.after.as_ref().map(|_| device), ..page })))
    }
}
