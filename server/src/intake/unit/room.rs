//! How much may wait at the desk: a device that is turned down for ever must not fill the disk, nor the desk.

use sync_core::id::{DeviceId, UserId};

use super::Unit;
use crate::intake::Author;
use crate::store::rejected::{self, Load};
use crate::store::{Result, Tx};

/// Of one person on one device: a phone that was away for a month brings some thousand edits, of some hundred bytes each.
/// More than that nobody looks through one by one.
const PER_DEVICE: Load = Load { edits: 5_000, bytes: 16 << 20 };
/// In a workspace: ten phones that have all they may.
const IN_ALL: Load = Load { edits: 50_000, bytes: 160 << 20 };

/// What waits at the desk, this unit's included, as far as somebody asked.
#[derive(Debug, Default)]
pub(super) struct Desk {
    all: Load,
    of: Vec<((DeviceId, UserId), Load)>,
}

impl Unit<'_> {
    /// Reads how much waits at the desk of somebody who may add to it.
    pub async fn load_desk(&mut self, tx: &mut Tx, author: &Author) -> Result<()> {
        let who = (author.device, author.user);
        if self.desk.of.is_empty() {
            self.desk.all = rejected::load(tx, self.workspace, None).await?;
        }
        if !self.desk.of.iter().any(|(known, _)| *known == who) {
            let load = rejected::load(tx, self.workspace, Some(who)).await?;
            self.desk.of.push((who, load));
        }
        Ok(())
    }

    /// Whether there is room at the desk for more edits of somebody.
    pub(super) fn has_room(&self, author: &Author, edits: usize, bytes: usize) -> bool {
        let more = Load { edits: edits as u64, bytes: bytes as u64 };
        let own = self.desk.of.iter().find(|(who, _)| *who == (author.device, author.user)).map_or(Load::default(), |(_, load)| *load);
        own.and(more).fits(PER_DEVICE) && self.desk.all.and(more).fits(IN_ALL)
    }

    /// Whether anything of somebody waits at the desk.
    pub(super) fn has_any_at_desk(&self, author: &Author) -> bool {
        self.desk.of.iter().any(|(who, load)| *who == (author.device, author.user) && load.edits > 0)
    }

    /// Counts what comes to the desk in this unit.
    pub(super) fn takes_room(&mut self, author: &Author, bytes: usize) {
        let one = Load { edits: 1, bytes: bytes as u64 };
        self.desk.all = self.desk.all.and(one);
        if let Some((_, load)) = self.desk.of.iter_mut().find(|(who, _)| *who == (author.device, author.user)) {
            *load = load.and(one);
        }
    }
}
