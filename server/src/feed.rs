//! Who sees what since when: the feed of one workspace, as one caller may see it.
//!
//! Positions follow the order of commits and have no gaps, so a reader that has seen one has seen all
//! before it. A cursor says where a reader stands and what it could see then; when its rights have
//! changed since, it starts again from the beginning and is told nothing twice that it cannot ignore.

use minicbor::{Decode, Encode};
use sync_core::access::{Act, Caller, RoleSet, Roles, Subject, decide};
use sync_core::id::{Facet, KindName, Millis, UserId, WorkspaceId};
use sync_core::protocol::{Entry, MAX_FRAME_PLAIN_BYTES, Page};
use sync_core::schema::Schema;

use crate::intake::Rules;
use crate::seal::Sealer;
use crate::store::{Result, Store, StoreError, erasure, records, workspaces};

/// Changes read at a time: what does not fit into the page any more was read in vain, and a statement costs as much as ten changes.
const READ_CHANGES: u32 = 250;

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

/// Where a reader stands. Opaque to devices.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cursor {
    /// The last position seen.
    #[n(0)]
    pub position: u64,
    /// The feed's epoch.
    #[cbor(n(1), with = "minicbor::bytes")]
    epoch: Vec<u8>,
    /// What the reader could see: role and facets, as a fingerprint.
    #[n(2)]
    sight: u64,
}

/// A cursor that this server did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of this server's")]
pub struct BadCursor;

impl Cursor {
    /// Reads a cursor as it came from a device.
    ///
    /// # Errors
    /// [`BadCursor`].
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, BadCursor> {
        minicbor::decode(bytes).map_err(|_| BadCursor)
    }

    /// The bytes that a device keeps.
    pub fn bytes(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to a vector cannot fail")
    }
}

/// A page of the feed after a cursor, of at most `max_bytes` of changes (one change at least).
///
/// # Errors
/// When the database cannot be read.
pub async fn page(store: &Store, rules: &Rules, reader: &Reader, cursor: Option<&Cursor>, max_bytes: u64, now: Millis) -> Result<Page> {
    let sight = Sight::of(rules, reader);
    let mut tx = store.reader().await?;
    let feed = workspaces::by_id(&mut tx, reader.workspace).await?.ok_or(StoreError::Damaged("workspace"))?;
    let (head, epoch) = (feed.head, feed.feed_epoch.to_vec());
    let sealer = Sealer::new(reader.workspace, &feed.seal_key);
    // After a restore, or with other rights, a cursor means nothing any more.
    let valid = cursor.filter(|cursor| cursor.epoch == epoch && cursor.sight == sight.fingerprint && cursor.position <= head);
    let after = valid.map(Cursor::bytes);
    let mut position = valid.map_or(0, |cursor| cursor.position);
    let limit = max_bytes.min(MAX_FRAME_PLAIN_BYTES as u64 / 2);
    let (mut entries, mut bytes) = (Vec::new(), 0);
    'pages: while position < head {
        let changes = records::changes_after(&mut tx, reader.workspace, position, read_limit(limit)).await?;
        if changes.is_empty() {
            position = head;
        }
        for stored in changes {
            let size = stored.body.len() as u64;
            if sight.shows(&stored.kind, stored.facet) {
                if bytes > 0 && bytes + size > limit {
                    break 'pages;
                }
                bytes += size;
                position = stored.position.unwrap_or(position);
                entries.push(Entry::Change(sealer.delivered(stored)));
            } else {
                position = stored.position.unwrap_or(position);
            }
        }
    }
    // Of a record that was erased no change is left: it does not matter where among the others its purge stands.
    let purged = erasure::purges_between(&mut tx, reader.workspace, valid.map_or(0, |cursor| cursor.position), position).await?;
    entries.extend(purged.into_iter().map(|record| Entry::Purge { record }));
    let cursor = Cursor { position, epoch, sight: sight.fingerprint }.bytes();
    Ok(Page { entries, cursor, more: position < head, left: head.saturating_sub(position), server_time: now, after })
}

/// As many changes as can fit: most are larger than this.
fn read_limit(max_bytes: u64) -> u32 {
    const SMALL_CHANGE: u64 = 150;
    READ_CHANGES.min((max_bytes / SMALL_CHANGE + 1) as u32)
}

/// What a reader's role lets it see.
struct Sight {
    visible: Vec<(KindName, Vec<Facet>)>,
    fingerprint: u64,
}

impl Sight {
    fn of(rules: &Rules, reader: &Reader) -> Self {
        let caller = Caller { user: reader.user, role: reader.role.clone() };
        let visible: Vec<(KindName, Vec<Facet>)> =
            rules.schema.kinds().map(|kind| (kind.name.clone(), readable(&rules.roles, &rules.schema, &caller, &kind.name))).collect();
        let mut fingerprint = FNV_OFFSET;
        let mut add = |byte: u8| fingerprint = (fingerprint ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        // Kinds that show nothing do not count: adding one must not send everything again.
        for (kind, facets) in visible.iter().filter(|(_, facets)| *facets != [Facet::Main]) {
            kind.bytes().chain(facets.iter().map(|facet| *facet as u8 + 1)).chain([0]).for_each(&mut add);
        }
        Self { visible, fingerprint }
    }

    fn shows(&self, kind: &KindName, facet: Facet) -> bool {
        let index = self.visible.binary_search_by(|(name, _)| name.cmp(kind));
        index.is_ok_and(|index| self.visible[index].1.contains(&facet))
    }
}

/// FNV-1a: the fingerprint only has to differ when rights differ, nobody gains by a collision.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

fn readable(roles: &Roles, schema: &Schema, caller: &Caller, kind: &KindName) -> Vec<Facet> {
    let Some(kind) = schema.kind(kind) else { return Vec::new() };
    let may = |facet: &Facet| decide(roles, caller, &Subject::of(kind, *facet), &Act::Read).is_allowed();
    Facet::ALL.into_iter().filter(may).collect()
}
