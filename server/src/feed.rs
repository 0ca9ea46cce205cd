//! Who sees what since when: the feed of one workspace, as one caller may see it.
//!
//! Positions follow the order of commits and have no gaps, so a reader that has seen one has seen all
//! before it. A cursor says where a reader stands and what it could see then. What comes into its sight comes
//! whole, at the position where it came; what goes out of it is a `Leave`. Whether a record is in sight was
//! worked out when it was written ([`crate::store::sight`]); a reader that may see all never asks.

mod cursor;
mod eyes;
#[cfg(test)]
mod tests;
mod walk;

use sync_core::access::RoleSet;
use sync_core::id::{Millis, UserId, WorkspaceId};
use sync_core::protocol::{Estimated, MAX_FRAME_PLAIN_BYTES, Page, Pull, Subscription, Subscriptions};

use crate::intake::Rules;
use crate::seal::Sealer;
use crate::store::{Result, Store, StoreError, erasure, renewals, sight, workspaces};

pub use cursor::{BadCursor, Cursor};
use eyes::Eyes;
use walk::Walk;

/// Who reads the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Whose data.
    pub workspace: WorkspaceId,
    /// Who.
    pub user: UserId,
    /// The user's role.
    pub role: RoleSet,
}

/// What a reader asks for.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// Where it stands; `None` at the beginning.
    pub cursor: Option<&'a Cursor>,
    /// How many bytes of changes a page may have (one change at least).
    pub max_bytes: u64,
    /// What it wants of all that it may see; `None` for everything.
    pub wants: Option<&'a Subscriptions>,
    /// What it wanted before.
    pub wanted: Option<&'a Subscriptions>,
}

impl<'a> Asked<'a> {
    /// Everything after a cursor.
    pub fn after(cursor: Option<&'a Cursor>, max_bytes: u64) -> Self {
        Self { cursor, max_bytes, ..Self::default() }
    }

    /// What a device asks for.
    pub fn by(pull: &'a Pull, cursor: Option<&'a Cursor>) -> Self {
        Self { cursor, max_bytes: pull.max_bytes, wants: pull.subscriptions.as_ref(), wanted: pull.before.as_ref() }
    }
}

/// A page of the feed.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(store: &Store, rules: &Rules, reader: &Reader, asked: &Asked<'_>, now: Millis) -> Result<Page> {
    let mut tx = store.reader().await?;
    let feed = workspaces::by_id(&mut tx, reader.workspace).await?.ok_or(StoreError::Damaged("workspace"))?;
    let (head, epoch) = (feed.head, feed.feed_epoch.to_vec());
    let eyes = Eyes::of(&mut tx, rules, reader, asked.wants, now).await?;
    // After a restore a cursor means nothing any more.
    let valid = asked.cursor.filter(|cursor| cursor.epoch == epoch && cursor.position <= head);
    let after = valid.map(Cursor::bytes);
    let start = match (valid, asked.cursor) {
        (Some(valid), _) => valid.clone(),
        (None, before) => Cursor::at_the_beginning(epoch, &eyes, before),
    };
    let limit = asked.max_bytes.min(MAX_FRAME_PLAIN_BYTES as u64 / 2);
    let before = start.position;
    let sealer = Sealer::new(reader.workspace, &feed.seal_key);
    let renewed = renewals::between(&mut tx, reader.workspace, before, head).await?;
    let whole_at = renewed.iter().map(|(position, record)| (*record, *position)).collect();
    let mut walk = Walk { tx, sealer, eyes: &eyes, head, limit, bytes: 0, entries: Vec::new(), renewed, whole_at };
    let cursor = walk.from(start, asked.wanted).await?;
    let (mut tx, mut entries) = (walk.tx, walk.entries);
    // Of a record that was erased no change is left: it does not matter where among the others its purge stands.
    let purged = erasure::purges_between(&mut tx, reader.workspace, before, cursor.position).await?;
    entries.extend(purged.into_iter().map(|record| sync_core::protocol::Entry::Purge { record }));
    let more = cursor.position < head || cursor.is_under_way();
    let left = head.saturating_sub(cursor.position);
    Ok(Page { entries, cursor: cursor.bytes(), more, left, server_time: now, after, pull: None })
}

/// How much a part of what a reader may see would be.
///
/// # Errors
/// When the database cannot be read.
pub async fn estimate(store: &Store, rules: &Rules, reader: &Reader, subscription: &Subscription, now: Millis) -> Result<Estimated> {
    /// Records looked at together.
    const RECORDS: u32 = 1_000;
    let mut tx = store.reader().await?;
    let wants = Subscriptions(vec![subscription.clone()]);
    let eyes = Eyes::of(&mut tx, rules, reader, Some(&wants), now).await?;
    let kinds = eyes.kinds();
    let (mut estimated, mut after) = (Estimated { number: 0, records: 0, bytes: 0, files: 0, file_bytes: 0 }, None);
    loop {
        let records = sight::records_after(&mut tx, reader.workspace, &kinds, after, RECORDS).await?;
        let Some((last, _)) = records.last() else { return Ok(estimated) };
        after = Some(*last);
        let seen = eyes.since(&mut tx, &records).await?;
        let seen: Vec<_> = records.into_iter().filter(|(record, _)| seen.contains_key(record)).collect();
        for size in sight::sizes_of(&mut tx, reader.workspace, &seen.iter().map(|(record, _)| *record).collect::<Vec<_>>()).await? {
            let visible = eyes.shows(&size.kind, size.facet);
            estimated.bytes += if visible { size.bytes } else { 0 };
        }
        estimated.records += seen.len() as u64;
        let files: Vec<_> = seen.iter().filter(|(_, kind)| &**kind == FILE_KIND).map(|(record, _)| *record).collect();
        estimated.files += files.len() as u64;
        estimated.file_bytes += sight::content_bytes_of(&mut tx, reader.workspace, &files).await?;
    }
}

/// The kind whose records are files.
const FILE_KIND: &str = "file";
