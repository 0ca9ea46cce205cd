//! What is sent up, and what the server's verdicts do to it.
//!
//! Several batches are under way at once. A lost answer costs nothing but sending again: the server
//! knows a change by its hash. Never keeps what it could read from the store.

use std::collections::{HashSet, VecDeque};

use super::pen::Reason;
use super::replica::{Replica, read_change};
use crate::id::{ChangeHash, Facet, Millis, RecordId};
use crate::protocol::{Delivered, GivenUp, MAX_PUSH_CHANGES, Message, Offer, Push, Pushed, Verdict, WITHDRAW, Welcome, Withdraw, code};
use crate::record::change::{Change, Malformed};
use crate::store::{Draft, DraftState, Kept, Receipt, StoreError};

/// Batches under way at once: enough to hide the way there and back, few enough to be sent again without harm.
const MAX_IN_FLIGHT: usize = 4;
/// Bytes of changes in one push: stays below the frame's limit even if it does not compress.
const MAX_PUSH_BYTES: usize = 768 * 1024;
/// Set while the server is one that hears of drafts that were given up: another one could not read the frame.
const HEARS_WITHDRAWN: &str = "hears_withdrawn";
type ChangeName = (RecordId, Facet, ChangeHash);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Pending,
    /// Accepted once, by a server that has lost it.
    Offered,
    /// Not accepted, and somebody may have decided about it since: asks what became of it.
    Draft,
}

#[derive(Debug)]
struct Batch {
    number: u64,
    sort: Sort,
    changes: Vec<ChangeName>,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    in_flight: VecDeque<Batch>,
    next_number: u64,
    /// Pending changes up to here were sent in this session.
    sent: i64,
    /// Base changes up to here were offered in this session, those that the server has not shown.
    offered: i64,
    /// Whether everything that the server has was seen in this session: what is not confirmed by now, it lacks.
    has_seen_all: bool,
    /// Whether all drafts were asked about in this session.
    drafts_asked: bool,
    /// Those that were, until all are.
    asked: HashSet<ChangeName>,
    /// Drafts that were given up were told of in this session, up to here.
    withdrawn: u64,
    /// A draft was not known for want of what it follows.
    draft_waits: bool,
    /// Base changes that the server turned out to miss.
    missing: Vec<ChangeName>,
    /// What was turned down while others of its document are under way: whether those are taken says whether somebody has
    /// let it in meanwhile.
    undecided: Vec<(ChangeName, Verdict)>,
    /// What must have been let in meanwhile, because something that follows it was taken.
    let_in: HashSet<ChangeName>,
    /// A pending change was not taken for want of its parents.
    is_waiting: bool,
    /// An offer was not.
    offer_waits: bool,
    /// Something was offered, or handed in by whoever is shut out, since it was asked last.
    offers: bool,
    moved: bool,
}

impl Outbox {
    /// Begins a session: whatever was under way may or may not have arrived.
    pub fn begin(&mut self) {
        *self = Self { next_number: self.next_number, ..Self::default() };
    }

    /// What waits was written anew, or is to leave: it is sent again.
    pub fn wakes(&mut self) {
        self.moved = true;
    }

    /// The device has read the feed to its end.
    pub fn all_seen(&mut self) {
        self.has_seen_all = true;
    }

    /// Somebody may have decided about what is no more than a draft.
    pub fn ask_again(&mut self) {
        self.drafts_asked = false;
        self.asked.clear();
    }

    /// What was given up and was not told in this session, for a server that hears of it.
    pub fn withdraw(&mut self, replica: &Replica) -> Result<Option<Message>, StoreError> {
        let given_up = replica.store.withdrawals_after(self.withdrawn, MAX_PUSH_CHANGES)?;
        let Some(number) = given_up.last().map(|(number, _)| *number) else { return Ok(None) };
        if replica.store.meta(HEARS_WITHDRAWN)?.is_none() {
            return Ok(None);
        }
        self.withdrawn = number;
        Ok(Some(Message::Withdraw(Withdraw { number, changes: given_up.into_iter().map(|(_, change)| change).collect() })))
    }

    /// The next push or offer, if there is something to send and room for it.
    pub fn next(&mut self, replica: &Replica) -> Result<Option<Message>, StoreError> {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return Ok(None);
        }
        let (sort, kept) = self.choose(replica)?;
        if kept.is_empty() {
            return Ok(None);
        }
        self.next_number += 1;
        self.offers |= sort == Sort::Offered;
        let number = self.next_number;
        let changes = kept.iter().map(|kept| (kept.change.record, kept.change.facet, kept.change.hash)).collect();
        self.in_flight.push_back(Batch { number, sort, changes });
        Ok(Some(match sort {
            Sort::Offered => Message::Offer(offer(number, kept)),
            Sort::Pending | Sort::Draft => Message::Push(push(number, kept)),
        }))
    }

    fn choose(&mut self, replica: &Replica) -> Result<(Sort, Vec<Kept>), StoreError> {
        let store = &replica.store;
        if !self.missing.is_empty() {
            let mut kept = Vec::new();
            for (record, facet, hash) in self.missing.drain(..) {
                kept.extend(store.change(record, facet, &hash)?);
            }
            // Without a seal it cannot be offered: it waits until its author's phone sends it.
            kept.retain(is_sealed);
            if !kept.is_empty() {
                return Ok((Sort::Offered, kept));
            }
        }
        if self.has_seen_all {
            let mut kept = store.unconfirmed_after(self.offered, MAX_PUSH_CHANGES, MAX_PUSH_BYTES)?;
            self.offered = kept.last().map_or(self.offered, |kept| kept.id);
            kept.retain(is_sealed);
            if !kept.is_empty() {
                return Ok((Sort::Offered, kept));
            }
        }
        if !self.drafts_asked {
            let kept = self.drafts_to_ask_about(replica)?;
            if !kept.is_empty() {
                return Ok((Sort::Draft, kept));
            }
            (self.drafts_asked, self.asked) = (true, HashSet::new());
        }
        let kept = store.pending_after(self.sent, MAX_PUSH_CHANGES, MAX_PUSH_BYTES)?;
        self.sent = kept.last().map_or(self.sent, |kept| kept.id);
        Ok((Sort::Pending, kept))
    }

    /// Drafts that were not asked about in this session, those that wait first; as many as a push carries, and one at least.
    fn drafts_to_ask_about(&mut self, replica: &Replica) -> Result<Vec<Kept>, StoreError> {
        let (mut kept, mut bytes): (Vec<Kept>, usize) = (Vec::new(), 0);
        for name in replica.store.undecided_drafts()?.into_iter().filter(|name| !self.asked.contains(name)) {
            let Some(draft) = replica.store.draft_named(name)?.and_then(|draft| replica.as_kept(draft)) else { continue };
            bytes += draft.change.body.len();
            if kept.len() == MAX_PUSH_CHANGES || bytes > MAX_PUSH_BYTES && !kept.is_empty() {
                break;
            }
            kept.push(draft);
        }
        self.asked.extend(kept.iter().map(|kept| (kept.change.record, kept.change.facet, kept.change.hash)));
        Ok(kept)
    }

    /// Whether something waits of which the server has not said in this session that it has heard.
    pub fn has_unheard(&self, replica: &Replica) -> Result<bool, StoreError> {
        let is_under_way = self.in_flight.iter().any(|batch| batch.sort == Sort::Pending);
        Ok(is_under_way || !replica.store.pending_after(self.sent, 1, MAX_PUSH_BYTES)?.is_empty())
    }

    /// Takes the answer to a push. Part of a transaction.
    pub fn answered(&mut self, replica: &mut Replica, number: u64, verdicts: Vec<Verdict>, now: Millis) -> Result<(), StoreError> {
        // An answer to a push of an earlier session: what it was about is sent again.
        let Some(index) = self.in_flight.iter().position(|batch| batch.number == number) else { return Ok(()) };
        let Some(batch) = self.in_flight.remove(index) else { return Ok(()) };
        for (name, verdict) in batch.changes.iter().zip(verdicts) {
            self.offers |= matches!(&verdict, Verdict::Held { rule, .. } if rule == code::REVOKED);
            match batch.sort {
                Sort::Pending if is_refusal(&verdict) => self.undecided.push((*name, verdict)),
                Sort::Pending => self.pending_answered(replica, *name, verdict, now)?,
                Sort::Offered => self.offer_answered(replica, *name, verdict, now)?,
                Sort::Draft => {
                    self.draft_waits |= matches!(verdict, Verdict::Waiting { .. });
                    draft_answered(replica, *name, verdict)?;
                }
            }
        }
        // What the record says already goes first, the last of it before what it follows: nothing of it is written again.
        let (said, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.undecided).into_iter().partition(|(_, verdict)| is_said(verdict));
        for (name, verdict) in said.into_iter().rev().chain(others) {
            if self.let_in.contains(&name) {
                // The word is old. Sent again, it is known; and what follows it need not be written again.
                (self.is_waiting, self.moved) = (true, true);
            } else if self.is_followed(&name) {
                self.undecided.push((name, verdict));
            } else {
                self.pending_answered(replica, name, verdict, now)?;
            }
        }
        Ok(())
    }

    /// Whether others of a change's document are under way.
    fn is_followed(&self, (record, facet, _): &ChangeName) -> bool {
        let pending = self.in_flight.iter().filter(|batch| batch.sort == Sort::Pending);
        pending.flat_map(|batch| &batch.changes).any(|(other, of, _)| (other, of) == (record, facet))
    }

    /// Whether something that waits can be sent again at once: the server has taken something since.
    /// `None` when nothing waits.
    pub fn send_waiting_again(&mut self, is_pulling: bool) -> Option<bool> {
        if !self.in_flight.is_empty() || !(self.is_waiting || self.offer_waits) {
            return None;
        }
        if is_pulling && !self.moved && self.missing.is_empty() {
            // The page that is under way may say why.
            return None;
        }
        let (waits, offer_waits) = (std::mem::take(&mut self.is_waiting), std::mem::take(&mut self.offer_waits));
        let moved = std::mem::take(&mut self.moved) || !self.missing.is_empty();
        if moved && waits {
            self.sent = 0;
        }
        if moved && offer_waits {
            self.offered = 0;
        }
        // What cannot even be offered back now is kept, and offered in the next session: nobody's edit hangs on it.
        Some(moved || !waits)
    }

    /// Whether something was offered or handed in, and all that was sent is answered.
    pub fn has_given_back(&mut self) -> bool {
        self.in_flight.is_empty() && std::mem::take(&mut self.offers)
    }

    fn pending_answered(&mut self, replica: &mut Replica, name: ChangeName, verdict: Verdict, now: Millis) -> Result<(), StoreError> {
        match verdict {
            Verdict::Accepted { position, received_at, seal } | Verdict::Duplicate { position, received_at, seal } => {
                let before = replica.accepted(name, Receipt { position, received_at, seal })?;
                if before.is_empty() {
                    self.moved = true;
                } else {
                    self.is_waiting = true;
                    self.let_in.extend(before);
                }
                Ok(())
            }
            // What it was written on will not come any more: it stays with its author.
            verdict if verdict.is_forgotten() && replica.store.is_leaving(name.0, name.1)? => self.refused(replica, name, forgotten(), now),
            Verdict::Waiting { missing } => self.wait_for(replica, name, missing),
            Verdict::Rejected { code, .. } if code == code::AHEAD => {
                // Never later than the server's clock, so it is not ahead again.
                replica.write_again(name, replica.server_time(now), |change, hash| change.0 == hash)
            }
            Verdict::Rejected { code, .. } if code == code::FOREIGN_ACTOR => replica.take_other_pen(name),
            Verdict::ActorFork { .. } => replica.take_other_pen(name),
            verdict @ (Verdict::Rejected { .. } | Verdict::Held { .. }) => self.refused(replica, name, verdict, now),
        }
    }

    fn refused(&mut self, replica: &mut Replica, name: ChangeName, verdict: Verdict, now: Millis) -> Result<(), StoreError> {
        let Some(reason) = reason_of(verdict) else { return Ok(()) };
        self.moved = true;
        replica.refuse(name, &reason, now)?;
        // The answer that held it was lost, and somebody has decided since; or it is here already, as another copy of
        // this phone has sent it.
        if is_in_record(&reason.code) { replica.settle_draft(name) } else { Ok(()) }
    }

    fn wait_for(&mut self, replica: &Replica, (record, facet, hash): ChangeName, missing: Vec<ChangeHash>) -> Result<(), StoreError> {
        // It may have been written anew because of an earlier verdict: then the old one is no more.
        if !replica.store.is_waiting(record, facet, &hash)? {
            return Ok(());
        }
        self.is_waiting = true;
        self.find_missing(replica, (record, facet), missing)
    }

    /// The server lacks changes of the base: they are offered next.
    fn find_missing(&mut self, replica: &Replica, (record, facet): (RecordId, Facet), missing: Vec<ChangeHash>) -> Result<(), StoreError> {
        for hash in missing {
            let name = (record, facet, hash);
            let is_lost = replica.store.change(record, facet, &hash)?.is_some_and(|kept| !kept.pending && kept.seal.is_some());
            if is_lost && !self.missing.contains(&name) && self.missing.len() < MAX_PUSH_CHANGES {
                self.missing.push(name);
            }
        }
        Ok(())
    }

    fn offer_answered(&mut self, replica: &mut Replica, name: ChangeName, verdict: Verdict, now: Millis) -> Result<(), StoreError> {
        let (record, facet, hash) = name;
        match verdict {
            Verdict::Accepted { position, received_at, seal } | Verdict::Duplicate { position, received_at, seal } => {
                self.moved = true;
                if std::mem::take(&mut self.draft_waits) {
                    self.ask_again();
                }
                replica.store.accept_change((record, facet, &hash), Receipt { position, received_at, seal }).map(drop)
            }
            Verdict::Waiting { missing } => {
                self.offer_waits = true;
                let mut is_here = false;
                for parent in &missing {
                    is_here |= replica.store.change(record, facet, parent)?.is_some();
                }
                if !is_here {
                    give_up(replica, name)?;
                }
                self.find_missing(replica, (record, facet), missing)
            }
            // It was erased, and nobody gives it back: all of the record goes, not this change of it alone.
            Verdict::Rejected { code, .. } if code == code::ERASED => replica.purge(record, now).map(drop),
            Verdict::Rejected { .. } | Verdict::Held { .. } | Verdict::ActorFork { .. } => {
                // The server does not know its own seal. An own change waits again and takes the usual way;
                // another's is its author's to bring.
                let own = replica.store.change(record, facet, &hash)?.map(|kept| kept.change.device);
                if own.is_some() && own == replica.me.as_ref().map(|me| me.device) {
                    replica.store.unaccept_change(record, facet, &hash)?;
                    (self.is_waiting, self.moved) = (true, true);
                    if !matches!(&verdict, Verdict::Rejected { code, .. } if code == code::SEAL) {
                        return self.pending_answered(replica, name, verdict, now);
                    }
                    return Ok(());
                }
                give_up(replica, name)
            }
        }
    }
}

/// What a device says itself of an edit that cannot be written on anything any more.
fn forgotten() -> Verdict {
    Verdict::Rejected {
        code: code::FORGOTTEN.to_owned(),
        field: None,
        rule: None,
        message: "what it was written on was forgotten, and the record has left this device".to_owned(),
        message_zh: "该修改所依据的内容已被清除，且该记录已离开本设备".to_owned(),
    }
}

/// A restored server does not take another's change, whose maker has it as well: if it is about to leave, nothing is to
/// be waited for.
fn give_up(replica: &Replica, (record, facet, hash): ChangeName) -> Result<(), StoreError> {
    match replica.store.change(record, facet, &hash)? {
        Some(kept) if replica.store.is_leaving(record, facet)? => replica.store.remove_change(kept.id),
        _ => Ok(()),
    }
}

/// Whether the record says what a change meant, which was not taken itself.
fn is_in_record(code: &str) -> bool {
    [code::AMENDED, code::REWRITTEN].contains(&code)
}

fn is_said(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Rejected { code, .. } if is_in_record(code))
}

/// Whether a verdict keeps a change out of the record: what follows it is written again without it.
fn is_refusal(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Held { .. } => true,
        Verdict::Rejected { code, .. } => ![code::AHEAD, code::FOREIGN_ACTOR].contains(&code.as_str()),
        Verdict::Accepted { .. } | Verdict::Duplicate { .. } | Verdict::Waiting { .. } | Verdict::ActorFork { .. } => false,
    }
}

/// Why a change is a draft; `None` when it is none.
fn reason_of(verdict: Verdict) -> Option<Reason> {
    match verdict {
        Verdict::Rejected { code, field, rule, message, message_zh } => {
            Some(Reason { state: DraftState::Rejected, code, field, rule, message, message_zh })
        }
        Verdict::Held { rule, message, message_zh } => {
            let code = code::FORBIDDEN.to_owned();
            Some(Reason { state: DraftState::Held, code, field: None, rule: Some(rule), message, message_zh })
        }
        Verdict::Accepted { .. } | Verdict::Duplicate { .. } | Verdict::Waiting { .. } | Verdict::ActorFork { .. } => None,
    }
}

/// What became of a change that was not accepted.
fn draft_answered(replica: &mut Replica, name: ChangeName, verdict: Verdict) -> Result<(), StoreError> {
    // The feed brings it, and with it the draft goes; of a document that is not here, as it is out of sight, it brings
    // nothing.
    let is_taken = matches!(verdict, Verdict::Accepted { .. } | Verdict::Duplicate { .. });
    if is_taken && replica.store.document(name.0, name.1)?.is_empty() {
        return replica.settle_draft(name);
    }
    let Some(Reason { state, code, field, rule, message, message_zh }) = reason_of(verdict) else { return Ok(()) };
    let Some(draft) = replica.store.draft_named(name)? else { return Ok(()) };
    if is_in_record(&code) {
        return replica.settle_draft(name);
    }
    let field = match (field, state) {
        // What was found when it began to wait goes on to be true.
        (None, DraftState::Held) if draft.state == DraftState::Held && draft.field.is_some() => draft.field.clone(),
        (None, DraftState::Held) => replica.draft_waits_for(&draft)?,
        (field, _) => field,
    };
    if (draft.state, &draft.code, &draft.field, &draft.message) == (state, &code, &field, &message) {
        return Ok(());
    }
    let draft = Draft { state, code, field, rule, message, message_zh, ..draft };
    replica.touch(draft.record);
    replica.store.add_draft(&draft)
}

impl Replica {
    /// Its user wants a draft no more: whoever would decide about it is told when the server can be reached. Part of a
    /// transaction.
    pub(crate) fn give_up(&mut self, draft: &Draft) -> Result<(), StoreError> {
        let Draft { record, facet, hash, .. } = *draft;
        self.settle_draft((record, facet, hash))?;
        self.store.add_withdrawal(&GivenUp { record, facet, hash })
    }

    /// Notes whether the server hears of drafts that were given up.
    pub(super) fn note_hearing(&self, welcome: &Welcome) -> Result<(), StoreError> {
        let hears = welcome.capabilities.iter().any(|capability| capability == WITHDRAW);
        match hears == self.store.meta(HEARS_WITHDRAWN)?.is_some() {
            true => Ok(()),
            false => self.store.set_meta(HEARS_WITHDRAWN, hears.then_some(&[1][..])),
        }
    }

    /// The server could not read a frame: one that was set up anew, older than the last, knows less.
    pub(super) fn forget_hearing(&self) -> Result<(), StoreError> {
        self.store.set_meta(HEARS_WITHDRAWN, None)
    }

    /// The record says what a draft meant: there is nothing left to do.
    fn settle_draft(&mut self, (record, facet, hash): ChangeName) -> Result<(), StoreError> {
        self.touch(record);
        self.store.remove_draft((record, facet, &hash)).map(drop)
    }

    /// The server has accepted a pending change. The base stays causally complete: one behind others that still wait,
    /// which are answered, is taken when they are.
    fn accepted(&mut self, name: ChangeName, receipt: Receipt) -> Result<Vec<ChangeName>, StoreError> {
        let (record, facet, hash) = name;
        if self.store.change(record, facet, &hash)?.is_none() {
            return Ok(Vec::new());
        }
        let before = self.waiting_before(name)?;
        if before.is_empty() {
            self.store.accept_change((record, facet, &hash), receipt)?;
            self.touch(record);
        }
        Ok(before)
    }

    /// The pending changes that a change follows, however far back.
    fn waiting_before(&self, (record, facet, hash): ChangeName) -> Result<Vec<ChangeName>, StoreError> {
        let damaged = |error: Malformed| StoreError::Damaged(error.to_string());
        let (mut before, mut frontier) = (Vec::new(), vec![hash]);
        while let Some(hash) = frontier.pop() {
            let Some(kept) = self.store.change(record, facet, &hash)? else { continue };
            for dep in Change::read_deps(&kept.change.body).map_err(damaged)? {
                if self.store.is_waiting(record, facet, &dep)? && !before.contains(&(record, facet, dep)) {
                    before.push((record, facet, dep));
                    frontier.push(dep);
                }
            }
        }
        Ok(before)
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

    fn as_kept(&self, draft: Draft) -> Option<Kept> {
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
        Some(Kept { id: draft.id, pending: true, change, seal: None })
    }
}

fn push(batch: u64, kept: Vec<Kept>) -> Push {
    let pushed = |kept: Kept| {
        let change = kept.change;
        Pushed { kind: change.kind, record: change.record, facet: change.facet, hash: change.hash, body: change.body }
    };
    Push { batch, changes: kept.into_iter().map(pushed).collect() }
}

/// Whether a change can be offered back: with all that the server once said about it.
fn is_sealed(kept: &Kept) -> bool {
    kept.seal.is_some() && kept.change.received_at.is_some()
}

/// What once was delivered, as it was delivered.
fn offer(batch: u64, kept: Vec<Kept>) -> Offer {
    let delivered = |kept: Kept| {
        let change = kept.change;
        Some(Delivered {
            position: change.position.unwrap_or_default(),
            kind: change.kind,
            record: change.record,
            facet: change.facet,
            hash: change.hash,
            user: change.user,
            device: change.device,
            received_at: change.received_at?,
            body: change.body,
            seal: kept.seal?,
        })
    };
    Offer { batch, changes: kept.into_iter().filter_map(delivered).collect() }
}
