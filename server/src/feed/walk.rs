//! From where a reader stands to where its page ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sync_core::id::{Facet, KindName, RecordId};
use sync_core::protocol::{Entry, MAX_PAGE_ENTRIES, Subscriptions};
use sync_core::record::Stored;

use super::cursor::{Cursor, Inside, Pass};
use super::eyes::{Eyes, Since};
use crate::seal::Sealer;
use crate::store::{Result, Tx, records, sight};

/// Changes read at a time: what does not fit into the page any more was read in vain, and a statement costs as much as ten changes.
const READ_CHANGES: u32 = 250;
/// Records looked at together in a pass, or of a mark.
const READ_RECORDS: usize = 200;
/// A change that says little; most are larger.
const SMALL_CHANGE: u64 = 150;
/// What an entry without a change counts for.
const LEAVE_BYTES: u64 = 40;

/// A page in the making.
pub(super) struct Walk<'a> {
    pub tx: Tx,
    pub sealer: Sealer,
    pub eyes: &'a Eyes<'a>,
    pub head: u64,
    pub limit: u64,
    pub bytes: u64,
    pub entries: Vec<Entry>,
    /// Records that come whole at a position in the place of what they were, and not before.
    pub renewed: BTreeMap<u64, RecordId>,
    /// Where each does last.
    pub whole_at: HashMap<RecordId, u64>,
}

/// Some changes in sight, in order, and where the feed was read to.
struct Chunk {
    changes: Vec<Stored>,
    reached: u64,
    /// A record that the reader begins to want with its change right behind.
    woken: Option<RecordId>,
}

/// Whether there was room for everything.
type Fitted = bool;

impl Walk<'_> {
    /// Fills the page; answers where it ends.
    pub async fn from(&mut self, mut cursor: Cursor, wanted: Option<&Subscriptions>) -> Result<Cursor> {
        cursor.turn(self.eyes, wanted.is_some());
        if let Some(pass) = cursor.pass.clone()
            && !self.pass(&mut cursor, pass, wanted).await?
        {
            return Ok(cursor);
        }
        while cursor.position < self.head {
            let mark = self.next_mark(cursor.position).await?;
            let fitted = match (cursor.inside, mark) {
                (Some(_), Some(mark)) if mark == cursor.position + 1 => self.mark(&mut cursor, mark).await?,
                (Some(inside), _) => self.wake(&mut cursor, inside.record).await?,
                (None, Some(mark)) if mark == cursor.position + 1 => self.mark(&mut cursor, mark).await?,
                (None, mark) => self.changes(&mut cursor, mark.map_or(self.head, |mark| mark - 1)).await?,
            };
            if !fitted {
                break;
            }
        }
        Ok(cursor)
    }

    /// The next position at which something may have come into the reader's sight or gone out of it.
    async fn next_mark(&mut self, after: u64) -> Result<Option<u64>> {
        let renewed = self.renewed.range(after + 1..).next().map(|(position, _)| *position);
        if self.eyes.is_open() {
            return Ok(renewed);
        }
        let reader = self.eyes.reader;
        let moved = sight::next_move(&mut self.tx, reader.workspace, reader.user, self.eyes.wants_code() != 0, after, self.head).await?;
        let reached = sight::reach_changed_after(&mut self.tx, reader.workspace, reader.user, after, self.head).await?;
        Ok(moved.into_iter().chain(reached).chain(renewed).min())
    }

    /// The changes up to a position.
    async fn changes(&mut self, cursor: &mut Cursor, until: u64) -> Result<Fitted> {
        while cursor.position < until {
            let chunk = self.chunk(cursor.position, until).await?;
            for stored in chunk.changes {
                let position = stored.position.unwrap_or(cursor.position);
                if !self.comes_later(stored.record, position) && !self.send(stored) {
                    return Ok(false);
                }
                cursor.position = position;
            }
            cursor.position = cursor.position.max(chunk.reached);
            if let Some(record) = chunk.woken {
                return self.wake(cursor, record).await;
            }
        }
        Ok(true)
    }

    async fn chunk(&mut self, after: u64, until: u64) -> Result<Chunk> {
        let (workspace, most) = (self.eyes.reader.workspace, read_limit(self.limit));
        if self.eyes.is_open() {
            let mut changes = records::changes_after(&mut self.tx, workspace, after, most).await?;
            let is_last = changes.len() < most as usize;
            let last = changes.last().and_then(|stored| stored.position);
            // Not beyond: a record comes whole there, and would be passed by.
            let reached = last.filter(|last| !is_last && *last < until).unwrap_or(until);
            changes.retain(|stored| stored.position <= Some(until) && self.eyes.shows(&stored.kind, stored.facet));
            return Ok(Chunk { changes, reached, woken: None });
        }
        let mut heads = sight::heads_between(&mut self.tx, workspace, after, until, most).await?;
        let mut reached = heads.last().map(|head| head.position).filter(|_| heads.len() == most as usize).unwrap_or(until);
        heads.retain(|head| self.eyes.shows(&head.kind, head.facet));
        let asked: Vec<(RecordId, KindName)> = heads.iter().map(|head| (head.record, head.kind.clone())).collect();
        let since = self.eyes.since(&mut self.tx, &asked).await?;
        heads.retain(|head| since.get(&head.record).is_some_and(|since| since.position <= head.position));
        let wakes = |head: &sight::Head| since.get(&head.record).is_some_and(|since| since.at_change && since.position == head.position);
        let woken = heads.iter().position(wakes).map(|index| {
            reached = heads[index].position - 1;
            let record = heads[index].record;
            heads.truncate(index);
            record
        });
        let positions: Vec<u64> = heads.iter().map(|head| head.position).collect();
        Ok(Chunk { changes: records::changes_at(&mut self.tx, workspace, &positions).await?, reached, woken })
    }

    /// A record that the reader wants from the next position on: whole, with the change there.
    async fn wake(&mut self, cursor: &mut Cursor, record: RecordId) -> Result<Fitted> {
        let position = cursor.position + 1;
        let fitted = self.whole(cursor, record, &Facet::ALL, position).await?;
        if fitted {
            (cursor.position, cursor.inside) = (position, None);
        }
        Ok(fitted)
    }

    /// Whether a record comes whole behind a position.
    fn comes_later(&self, record: RecordId, position: u64) -> bool {
        self.whole_at.get(&record).is_some_and(|at| *at > position)
    }

    /// A record whose past was forgotten.
    async fn renewed(&mut self, cursor: &mut Cursor, record: RecordId, position: u64) -> Result<Fitted> {
        let kinds = sight::kinds_of(&mut self.tx, self.eyes.reader.workspace, &[record]).await?;
        let asked: Vec<(RecordId, KindName)> = kinds.into_iter().collect();
        let since = self.eyes.since(&mut self.tx, &asked).await?;
        if since.get(&record).is_some_and(|since| since.position <= position) {
            let changes = records::changes_of(&mut self.tx, self.eyes.reader.workspace, &[record]).await?;
            let shown: Vec<Stored> = changes.into_iter().filter(|stored| self.eyes.shows(&stored.kind, stored.facet)).collect();
            let size = shown.iter().map(|stored| stored.body.len() as u64).sum::<u64>();
            // On one page: a device shows nothing that has half begun anew.
            if self.bytes > 0 && self.bytes + size > self.limit {
                return Ok(false);
            }
            self.bytes += size;
            self.entries.extend(shown.into_iter().map(|stored| Entry::Change(self.sealer.delivered(stored))));
        }
        (cursor.position, cursor.inside) = (position, None);
        Ok(true)
    }

    /// What came into sight or went out of it at a position.
    async fn mark(&mut self, cursor: &mut Cursor, position: u64) -> Result<Fitted> {
        if let Some(record) = self.renewed.get(&position).copied() {
            return self.renewed(cursor, record, position).await;
        }
        let reader = self.eyes.reader;
        loop {
            let batch = self.touched(cursor, position).await?;
            if batch.is_empty() {
                break;
            }
            let kinds = sight::kinds_of(&mut self.tx, reader.workspace, &batch).await?;
            let asked: Vec<(RecordId, KindName)> = batch.iter().filter_map(|record| Some((*record, kinds.get(record)?.clone()))).collect();
            let since = self.eyes.since(&mut self.tx, &asked).await?;
            for (record, kind) in asked {
                let fitted = match since.get(&record) {
                    Some(since) if since.position == position => self.whole(cursor, record, &Facet::ALL, position).await?,
                    Some(_) => true,
                    None => self.leave(kind, Some(record), None),
                };
                if !fitted {
                    return Ok(false);
                }
                cursor.inside = Some(Inside { record, position: None });
            }
            // Of the last ones there may be nothing any more.
            cursor.inside = batch.last().map(|record| Inside { record: *record, position: None });
        }
        (cursor.position, cursor.inside) = (position, None);
        Ok(true)
    }

    /// The next records that came into sight at a position, or went out of it.
    async fn touched(&mut self, cursor: &Cursor, position: u64) -> Result<Vec<RecordId>> {
        let (reader, with_records) = (self.eyes.reader, self.eyes.wants_code() != 0);
        let from = (cursor.inside.map(|inside| inside.record), READ_RECORDS as u32);
        let mut touched: BTreeSet<RecordId> =
            sight::moved_at(&mut self.tx, reader.workspace, reader.user, with_records, position, from).await?.into_iter().collect();
        touched.extend(sight::touched_by_reach(&mut self.tx, reader.workspace, reader.user, position, from).await?);
        let is_done = |record: &RecordId| cursor.inside.is_some_and(|inside| *record == inside.record && inside.position.is_none());
        // Behind as many, either of the two may have left some out.
        Ok(touched.into_iter().take(READ_RECORDS).filter(|record| !is_done(record)).collect())
    }

    /// Brings a reader that saw with other eyes to what it may see and wants now.
    async fn pass(&mut self, cursor: &mut Cursor, mut pass: Pass, wanted: Option<&Subscriptions>) -> Result<Fitted> {
        let eyes = self.eyes;
        if pass.done.is_none() && cursor.inside.is_none() {
            self.leave_kinds(&pass);
        }
        let before = eyes.wanting_as(wanted);
        let changed = |kind: &KindName| pass.unsure || pass.wants_changed || pass.old.view(kind) != eyes.codes.view(kind);
        let kinds: Vec<KindName> = eyes.kinds().into_iter().filter(changed).collect();
        while !kinds.is_empty() {
            let batch = sight::records_after(&mut self.tx, eyes.reader.workspace, &kinds, pass.done, READ_RECORDS as u32).await?;
            if batch.is_empty() {
                break;
            }
            let since = eyes.since(&mut self.tx, &batch).await?;
            let had = if pass.wants_changed { before.since(&mut self.tx, &batch).await? } else { HashMap::new() };
            for (record, kind) in batch {
                let wanted_before = !pass.wants_changed || had.contains_key(&record);
                if !self.turn(cursor, &pass, (record, kind), since.get(&record), wanted_before).await? {
                    cursor.pass = Some(pass);
                    return Ok(false);
                }
                pass.done = Some(record);
                cursor.inside = None;
            }
        }
        (cursor.pass, cursor.inside) = (None, None);
        Ok(true)
    }

    /// What a pass does about one record.
    async fn turn(
        &mut self,
        cursor: &mut Cursor,
        pass: &Pass,
        (record, kind): (RecordId, KindName),
        since: Option<&Since>,
        wanted_before: bool,
    ) -> Result<Fitted> {
        let ((old_level, old_facets), (level, _)) = (pass.old.view(&kind), self.eyes.codes.view(&kind));
        match since {
            Some(since) if since.position <= cursor.position => {
                let whole = pass.unsure || level > old_level || !wanted_before;
                let gained = |facet: &Facet| whole || old_facets & 1 << (*facet as u8) == 0;
                let facets: Vec<Facet> = Facet::ALL.into_iter().filter(|facet| gained(facet) && self.eyes.shows(&kind, *facet)).collect();
                if facets.is_empty() { Ok(true) } else { self.whole(cursor, record, &facets, cursor.position).await }
            }
            // It comes with its mark.
            Some(_) => Ok(true),
            None if pass.unsure || old_level > level || pass.wants_changed && wanted_before => Ok(self.leave(kind, Some(record), None)),
            None => Ok(true),
        }
    }

    /// Kinds and facets that the reader may see nothing of any more.
    fn leave_kinds(&mut self, pass: &Pass) {
        for (kind, view) in self.eyes.views() {
            let (_, old) = pass.old.view(kind);
            let lost = |facet: &Facet| (pass.unsure || old & 1 << (*facet as u8) != 0) && !view.facets.contains(facet);
            let lost: Vec<Facet> = Facet::ALL.into_iter().filter(lost).collect();
            let leave = |facet| Entry::Leave { kind: kind.clone(), record: None, facet };
            if view.facets.is_empty() {
                self.entries.extend((!lost.is_empty()).then(|| leave(None)));
            } else {
                self.entries.extend(lost.into_iter().map(|facet| leave(Some(facet))));
            }
        }
    }

    /// All changes of some facets of a record up to a position; those that an earlier page had are left out.
    async fn whole(&mut self, cursor: &mut Cursor, record: RecordId, facets: &[Facet], up_to: u64) -> Result<Fitted> {
        if self.comes_later(record, up_to) {
            return Ok(true);
        }
        let under_way = cursor.inside.filter(|inside| inside.record == record).and_then(|inside| inside.position);
        let sent = under_way.unwrap_or_default();
        let changes = records::changes_of(&mut self.tx, self.eyes.reader.workspace, &[record]).await?;
        for stored in changes {
            let position = stored.position.unwrap_or_default();
            if position <= sent || position > up_to || !facets.contains(&stored.facet) || !self.eyes.shows(&stored.kind, stored.facet) {
                continue;
            }
            if !self.send(stored) {
                return Ok(false);
            }
            cursor.inside = Some(Inside { record, position: Some(position) });
        }
        Ok(true)
    }

    fn send(&mut self, stored: Stored) -> Fitted {
        let fits = self.has_room(stored.body.len() as u64);
        if fits {
            self.entries.push(Entry::Change(self.sealer.delivered(stored)));
        }
        fits
    }

    fn leave(&mut self, kind: KindName, record: Option<RecordId>, facet: Option<Facet>) -> Fitted {
        let fits = self.has_room(LEAVE_BYTES);
        if fits {
            self.entries.push(Entry::Leave { kind, record, facet });
        }
        fits
    }

    /// Takes room in the page; there is always room for one entry.
    fn has_room(&mut self, size: u64) -> bool {
        /// Purges come behind: they are few.
        const ENTRIES: usize = MAX_PAGE_ENTRIES / 2;
        let fits = self.bytes == 0 || self.bytes + size <= self.limit && self.entries.len() < ENTRIES;
        self.bytes += if fits { size } else { 0 };
        fits
    }
}

/// As many changes as can fit: most are larger than this.
fn read_limit(max_bytes: u64) -> u32 {
    READ_CHANGES.min((max_bytes / SMALL_CHANGE + 1) as u32)
}
