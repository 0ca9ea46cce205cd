//! What is sent up, and what the server's verdicts do to it.
//!
//! Several batches are under way at once. A lost answer costs nothing but sending again: the server
//! knows a change by its hash. Never keeps what it could read from the store.

use std::collections::VecDeque;

use super::pen::Reason;
use super::replica::{Replica, read_change};
use crate::id::{ChangeHash, Facet, Millis, RecordId};
use crate::protocol::{MAX_PUSH_CHANGES, Push, Pushed, Verdict, code};
use crate::store::{DraftState, Kept, StoreError};

/// Batches under way at once: enough to hide the way there and back, few enough to be sent again without harm.
const MAX_IN_FLIGHT: usize = 4;
/// Bytes of changes in one push: stays below the frame's limit even if it does not compress.
const MAX_PUSH_BYTES: usize = 768 * 1024;
/// How far the device has offered back what a restored server may have lost: two numbers of changes.
const OFFER: &str = "offer";

type ChangeName = (RecordId, Facet, ChangeHash);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Pending,
    /// Accepted once, by a server that may have lost it.
    Offered,
    /// Accepted once, and now asked for as a parent of something that waits.
    Missing,
    /// Held for review: asks what became of it.
    Held,
}

#[derive(Debug)]
struct Batch {
    number: u64,
    sort: Sort,
    changes: Vec<ChangeName>,
    last: i64,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    in_flight: VecDeque<Batch>,
    next_number: u64,
    /// Pending changes up to here were sent in this session.
    sent: i64,
    /// Base changes up to here were sent in this session.
    offered: i64,
    offer_last: i64,
    held_asked: bool,
    /// Base changes that the server turned out to miss.
    missing: Vec<ChangeName>,
    /// Something was not taken for want of its parents.
    is_waiting: bool,
    moved: bool,
}

impl Outbox {
    /// Begins a session: whatever was under way may or may not have arrived.
    pub fn begin(&mut self, replica: &Replica) -> Result<(), StoreError> {
        let (offered, offer_last) = read_offer(replica)?;
        *self = Self { next_number: self.next_number, offered, offer_last, ..Self::default() };
        Ok(())
    }

    /// The next push, if there is something to send and room for it.
    pub fn next(&mut self, replica: &Replica) -> Result<Option<Push>, StoreError> {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return Ok(None);
        }
        let (sort, kept) = self.choose(replica)?;
        let Some(last) = kept.last().map(|kept| kept.id) else { return Ok(None) };
        self.next_number += 1;
        let number = self.next_number;
        let changes = kept.iter().map(|kept| (kept.change.record, kept.change.facet, kept.change.hash)).collect();
        self.in_flight.push_back(Batch { number, sort, changes, last });
        let pushed = |kept: Kept| {
            let change = kept.change;
            Pushed { kind: change.kind, record: change.record, facet: change.facet, hash: change.hash, body: change.body }
        };
        Ok(Some(Push { batch: number, changes: kept.into_iter().map(pushed).collect() }))
    }

    fn choose(&mut self, replica: &Replica) -> Result<(Sort, Vec<Kept>), StoreError> {
        let store = &replica.store;
        if self.offered < self.offer_last {
            let kept = store.base_after(self.offered, self.offer_last, MAX_PUSH_CHANGES, MAX_PUSH_BYTES)?;
            self.offered = kept.last().map_or(self.offer_last, |kept| kept.id);
            if !kept.is_empty() {
                return Ok((Sort::Offered, kept));
            }
        }
        if !self.missing.is_empty() {
            let mut kept = Vec::new();
            for (record, facet, hash) in self.missing.drain(..) {
                kept.extend(store.change(record, facet, &hash)?);
            }
            return Ok((Sort::Missing, kept));
        }
        if !std::mem::replace(&mut self.held_asked, true) {
            let held = store.drafts()?.into_iter().filter(|draft| draft.state == DraftState::Held);
            let kept: Vec<Kept> = held.filter_map(|draft| replica.as_kept(draft)).take(MAX_PUSH_CHANGES).collect();
            if !kept.is_empty() {
                return Ok((Sort::Held, kept));
            }
        }
        let kept = store.pending_after(self.sent, MAX_PUSH_CHANGES, MAX_PUSH_BYTES)?;
        self.sent = kept.last().map_or(self.sent, |kept| kept.id);
        Ok((Sort::Pending, kept))
    }

    /// Takes the answer to a push. Part of a transaction.
    pub fn answered(&mut self, replica: &mut Replica, number: u64, verdicts: Vec<Verdict>, now: Millis) -> Result<(), StoreError> {
        // An answer to a push of an earlier session: what it was about is sent again.
        let Some(index) = self.in_flight.iter().position(|batch| batch.number == number) else { return Ok(()) };
        let Some(batch) = self.in_flight.remove(index) else { return Ok(()) };
        for (name, verdict) in batch.changes.iter().zip(verdicts) {
            match batch.sort {
                Sort::Pending => self.pending_answered(replica, *name, verdict, now)?,
                Sort::Offered | Sort::Missing => self.offer_answered(replica, *name, verdict, now)?,
                Sort::Held => held_answered(replica, *name, verdict)?,
            }
        }
        if batch.sort == Sort::Offered && self.offer_last > 0 {
            let done = self.offered >= self.offer_last && self.in_flight.iter().all(|batch| batch.sort != Sort::Offered);
            write_offer(replica, if done { None } else { Some((batch.last, self.offer_last)) })?;
        }
        Ok(())
    }

    /// Whether something that waits can be sent again at once: the server has taken something since.
    /// `None` when nothing waits.
    pub fn send_waiting_again(&mut self) -> Option<bool> {
        if !self.in_flight.is_empty() || !self.is_waiting {
            return None;
        }
        self.is_waiting = false;
        let moved = std::mem::take(&mut self.moved) || !self.missing.is_empty();
        if moved {
            self.sent = 0;
        }
        Some(moved)
    }

    fn pending_answered(&mut self, replica: &mut Replica, name: ChangeName, verdict: Verdict, now: Millis) -> Result<(), StoreError> {
        match verdict {
            Verdict::Accepted { position, received_at } | Verdict::Duplicate { position, received_at } => {
                if replica.accepted(name, position, received_at)? {
                    self.moved = true;
                } else {
                    self.is_waiting = true;
                }
                Ok(())
            }
            Verdict::Waiting { missing } => self.wait_for(replica, name, missing),
            Verdict::Rejected { code, .. } if code == code::AHEAD => {
                // Never later than the server's clock, so it is not ahead again.
                replica.write_again(name, replica.server_time(now), |change, hash| change.0 == hash)
            }
            Verdict::Rejected { code, .. } if code == code::FOREIGN_ACTOR => replica.take_other_pen(name),
            Verdict::ActorFork { .. } => replica.take_other_pen(name),
            Verdict::Rejected { code, field, rule, message, message_zh } => {
                self.moved = true;
                let reason = Reason { state: DraftState::Rejected, code, field, rule, message, message_zh };
                replica.refuse(name, &reason, now).map(drop)
            }
            Verdict::Held { rule, message, message_zh } => {
                self.moved = true;
                let code = code::FORBIDDEN.to_owned();
                let reason = Reason { state: DraftState::Held, code, field: None, rule: Some(rule), message, message_zh };
                replica.refuse(name, &reason, now).map(drop)
            }
        }
    }

    fn wait_for(&mut self, replica: &Replica, (record, facet, hash): ChangeName, missing: Vec<ChangeHash>) -> Result<(), StoreError> {
        // It may have been written anew because of an earlier verdict: then the old one is no more.
        if !replica.store.is_waiting(record, facet, &hash)? {
            return Ok(());
        }
        self.is_waiting = true;
        for hash in missing {
            let name = (record, facet, hash);
            let lost = replica.store.change(record, facet, &hash)?.is_some_and(|kept| !kept.pending);
            if lost && !self.missing.contains(&name) && self.missing.len() < MAX_PUSH_CHANGES {
                self.missing.push(name);
            }
        }
        Ok(())
    }

    fn offer_answered(&mut self, replica: &mut Replica, name: ChangeName, verdict: Verdict, now: Millis) -> Result<(), StoreError> {
        let (record, facet, hash) = name;
        match verdict {
            Verdict::Accepted { position, received_at } | Verdict::Duplicate { position, received_at } => {
                self.moved = true;
                replica.store.accept_change((record, facet, &hash), position, received_at).map(drop)
            }
            Verdict::Waiting { missing } => {
                for hash in missing {
                    let known = replica.store.change(record, facet, &hash)?.is_some();
                    if known && !self.missing.contains(&(record, facet, hash)) && self.missing.len() < MAX_PUSH_CHANGES {
                        self.missing.push((record, facet, hash));
                    }
                }
                Ok(())
            }
            Verdict::Rejected { .. } | Verdict::Held { .. } | Verdict::ActorFork { .. } => {
                // An own one waits again and takes the usual way; another's is its author's to offer.
                let own = replica.store.change(record, facet, &hash)?.map(|kept| kept.change.device);
                if own.is_some() && own == replica.me.as_ref().map(|me| me.device) {
                    replica.store.unaccept_change(record, facet, &hash)?;
                    return self.pending_answered(replica, name, verdict, now);
                }
                Ok(())
            }
        }
    }
}

/// What became of a change that was held for review.
fn held_answered(replica: &mut Replica, name: ChangeName, verdict: Verdict) -> Result<(), StoreError> {
    let Verdict::Rejected { code, field, rule, message, message_zh } = verdict else {
        // Accepted: the feed brings it, and with it the draft goes. Held: still nobody has decided.
        return Ok(());
    };
    let Some(draft) = replica.store.drafts()?.into_iter().find(|draft| (draft.record, draft.facet, draft.hash) == name) else {
        return Ok(());
    };
    let draft = crate::store::Draft { state: DraftState::Rejected, code, field, rule, message, message_zh, ..draft };
    replica.touch(draft.record);
    replica.store.add_draft(&draft)
}

impl Replica {
    /// The server has accepted a pending change. The base stays causally complete: one whose parents
    /// still wait is taken when they are.
    fn accepted(&mut self, (record, facet, hash): ChangeName, position: u64, received_at: Millis) -> Result<bool, StoreError> {
        let Some(kept) = self.store.change(record, facet, &hash)? else { return Ok(true) };
        for dep in read_change(&kept)?.deps {
            if self.store.is_waiting(record, facet, &dep)? {
                return Ok(false);
            }
        }
        self.store.accept_change((record, facet, &hash), position, received_at)?;
        self.touch(record);
        Ok(true)
    }

    /// The server knows another change by this one's author and number: all that this author has
    /// pending in the document is written again by another.
    fn take_other_pen(&mut self, name: ChangeName) -> Result<(), StoreError> {
        use crate::planted::{Bug, is_planted};
        let Some(kept) = self.store.change(name.0, name.1, &name.2)?.filter(|kept| kept.pending) else { return Ok(()) };
        if is_planted(Bug::ReuseActor) {
            return Ok(());
        }
        let actor = read_change(&kept)?.actor;
        self.write_again(name, Millis::MAX, |change, _| change.1.actor == actor)
    }

    fn write_again(
        &mut self,
        (record, facet, hash): ChangeName,
        not_after: Millis,
        again: impl Fn(&(ChangeHash, crate::record::change::Change), ChangeHash) -> bool,
    ) -> Result<(), StoreError> {
        let Some(kind) = self.kind_of(record)? else { return Ok(()) };
        if !self.store.is_waiting(record, facet, &hash)? {
            return Ok(());
        }
        self.rewrite_pending(&kind, record, facet, &Default::default(), not_after, |change| again(change, hash))?;
        self.project_again(&kind, record)
    }

    fn as_kept(&self, draft: crate::store::Draft) -> Option<Kept> {
        let me = self.me.as_ref()?;
        let change = crate::record::Stored {
            hash: draft.hash,
            kind: draft.kind,
            record: draft.record,
            facet: draft.facet,
            user: me.user,
            device: me.device,
            received_at: None,
            position: None,
            body: draft.body,
        };
        Some(Kept { id: draft.id, pending: true, change })
    }

    /// The server was restored: everything here is offered back.
    pub(super) fn offer_everything(&mut self) -> Result<(), StoreError> {
        let last = self.store.last_change()?;
        write_offer(self, (last > 0).then_some((0, last)))
    }
}

fn read_offer(replica: &Replica) -> Result<(i64, i64), StoreError> {
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, i64::from_be_bytes);
    Ok(match replica.store.meta(OFFER)? {
        Some(bytes) if bytes.len() == 16 => (number(&bytes[..8]), number(&bytes[8..])),
        _ => (0, 0),
    })
}

fn write_offer(replica: &Replica, offer: Option<(i64, i64)>) -> Result<(), StoreError> {
    let bytes = offer.map(|(done, last)| [done.to_be_bytes(), last.to_be_bytes()].concat());
    replica.store.set_meta(OFFER, bytes.as_deref())
}
