//! The device's side of the wire, without the wire: events in, effects out.
//!
//! The same engine speaks over HTTP, one exchange for each frame, and over a connection that stays
//! open. It reads no clock, opens no socket and starts no thread: the host tells it the time and what
//! happened, and does what it answers. Up to date, a reconnect is one frame each way.

mod admit;
mod ahead;
mod documents;
mod farewell;
mod lease;
mod leave;
mod outbox;
mod pen;
mod project;
mod random;
mod replica;
mod sight;
mod wants;

pub use farewell::Farewell;
pub use pen::{EditError, Edited};
pub use random::Random;
pub use replica::{Changed, Identity, Replica};

use leave::Removed;
use outbox::Outbox;

use crate::id::{ActorId, Millis};
use crate::protocol::{self, CAPABILITIES, Entry, Hello, Message, PROTOCOL_VERSION, Page, Refused, Welcome};
use crate::store::StoreError;

/// The first wait after a failure; it doubles with each further one.
const BACKOFF_FIRST_MS: u64 = 1_000;
/// Receipts that go out together: more wait for the next exchange.
const RECEIPTS_AT_ONCE: usize = 16;
/// The longest wait: a phone that comes back into reach also says so itself.
const BACKOFF_MAX_MS: u64 = 5 * 60_000;

const CURSOR: &str = "cursor";
/// Which life of the feed the device knows.
pub(crate) const EPOCH: &str = "epoch";
const LAST_SYNC: &str = "last_sync";
/// What the device says to be let in.
pub(crate) const TOKEN: &str = "token";
/// What a wiped device has not said yet.
pub(crate) const FAREWELL: &str = "farewell";

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The app has started.
    Started,
    /// Somebody wants to be up to date: a pull to refresh, a push notification, a background slot.
    Wake,
    /// The server can be reached. `live`: over a connection that stays open; each opening is one event.
    NetworkUp {
        /// Whether frames travel over one connection, in order.
        live: bool,
    },
    /// It cannot be reached, or the connection has ended.
    NetworkDown,
    /// An edit was kept on the device.
    LocalEdit,
    /// A frame came.
    Received(Vec<u8>),
    /// A frame could not be sent, or its answer did not come.
    SendFailed,
    /// The moment of an [`Effect::Schedule`] has come.
    TimerFired,
    /// The server does not let the device in: what it says of that comes before any frame.
    ShutOut(Stopped),
}

/// What the host is to do.
#[derive(Debug)]
pub enum Effect {
    /// Send a frame.
    Send(Vec<u8>),
    /// Come back with [`Event::TimerFired`] at this moment of the device's clock; replaces earlier ones.
    Schedule(Millis),
    /// Show this.
    Notify(SyncStatus),
    /// End the connection and open another one.
    Close,
    /// Remove the contents that no file names any more, before whatever comes next is sent: that says that they are gone.
    Clear,
    /// Send nothing more.
    Stop(Stopped),
    /// Nothing of the frame was kept; it is asked for again.
    StoreFailed(StoreError),
    /// The server has answered, and not as hoped: the engine comes back by itself, as scheduled.
    Failed(Refused),
}

/// Why the engine sends nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The back office has revoked the device. What was not sent is kept.
    Revoked,
    /// The token is not good: enrol again. What was not sent is kept.
    Unauthorized,
    /// The app is too old for the server.
    Outdated(String),
    /// The server said to remove everything, and so it was.
    Wiped,
}

/// How far a first or long sync has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Entries received since it began.
    pub received: u64,
    /// Entries left, roughly.
    pub left: u64,
}

/// What a status line shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncStatus {
    /// Whether the server can be reached.
    pub online: bool,
    /// Changes that wait for the server.
    pub pending: u64,
    /// Edits that were refused or are held.
    pub drafts: u64,
    /// When everything was last received, in the device's clock.
    pub last_sync: Option<Millis>,
    /// Set while more is to come.
    pub progress: Option<Progress>,
    /// Whether everything that the server had at the last look is here, over this connection.
    pub is_current: bool,
    /// Set when nothing is sent any more.
    pub stopped: Option<Stopped>,
}

/// A device's session with the server.
#[derive(Debug, Default)]
pub struct Engine {
    app: String,
    online: bool,
    live: bool,
    /// The actor that the server was told of over this connection.
    greeted: Option<ActorId>,
    pulling: bool,
    /// The number of the last pull that was sent.
    pulled: Option<u64>,
    outbox: Outbox,
    /// Whether the receipts that are kept were sent over this connection.
    receipts_sent: bool,
    failures: u32,
    retry_at: Option<Millis>,
    progress: Option<Progress>,
    stopped: Option<Stopped>,
    shown: SyncStatus,
}

/// Where effects go.
struct Effects<'a>(&'a mut dyn FnMut(Effect));

impl Effects<'_> {
    fn push(&mut self, effect: Effect) {
        (self.0)(effect);
    }
}

/// What a frame asks for besides its own handling.
#[derive(Default)]
struct Outcome {
    pull: bool,
    close: bool,
    retry: bool,
    /// The server has answered the greeting in the same frame.
    greeted: bool,
}

impl Engine {
    /// An engine for an app of this name and version.
    pub fn new(app: &str) -> Self {
        Self { app: app.to_owned(), ..Self::default() }
    }

    /// What a status line shows now.
    ///
    /// # Errors
    /// When the store fails.
    pub fn status(&self, replica: &Replica) -> Result<SyncStatus, StoreError> {
        let last_sync = replica.store.meta(LAST_SYNC)?.and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
        Ok(SyncStatus {
            online: self.online,
            pending: replica.store.pending_count()?,
            drafts: replica.store.draft_count()?,
            last_sync,
            progress: self.progress,
            is_current: self.online && self.greeted.is_some() && !self.pulling && self.progress.is_none() && replica.turn()?.is_none(),
            stopped: self.stopped.clone(),
        })
    }

    /// Takes an event, says what is to be done: at once what need not wait for the end of the work, such as asking
    /// for the next page before this one is kept.
    pub fn handle(&mut self, replica: &mut Replica, now: Millis, event: Event, effects: &mut dyn FnMut(Effect)) {
        let mut effects = Effects(effects);
        // Asked for again, the server may have another word: whoever is shut out may be told to forget everything.
        if matches!((&self.stopped, &event), (Some(Stopped::Revoked | Stopped::Unauthorized), Event::NetworkUp { .. })) {
            self.restart();
        }
        let done = if self.stopped.is_some() { Ok(()) } else { self.step(replica, now, event, &mut effects) };
        if let Err(error) = done {
            self.fail(replica, now, &mut effects);
            effects.push(Effect::StoreFailed(error));
        }
        if let Ok(status) = self.status(replica)
            && status != self.shown
        {
            self.shown = status.clone();
            effects.push(Effect::Notify(status));
        }
    }

    fn step(&mut self, replica: &mut Replica, now: Millis, event: Event, effects: &mut Effects<'_>) -> Result<(), StoreError> {
        match event {
            Event::Started => Ok(()),
            Event::NetworkUp { live } => {
                (self.online, self.live, self.failures, self.retry_at) = (true, live, 0, None);
                self.begin();
                self.send(replica, true, effects)
            }
            Event::NetworkDown => {
                self.online = false;
                self.retry_at = None;
                self.begin();
                Ok(())
            }
            Event::Wake => {
                self.outbox.ask_again();
                if self.retry_at.take().is_some() {
                    self.begin();
                }
                self.send(replica, true, effects)
            }
            // A failed exchange is repeated in its own time, with this edit in it.
            Event::LocalEdit if self.retry_at.is_some() => Ok(()),
            // Over HTTP the way back is paid anyway: it brings what is new.
            Event::LocalEdit => self.send(replica, !self.live, effects),
            Event::TimerFired => match self.retry_at {
                None => Ok(()),
                // Later than any wait: the clock was set back in the meantime.
                Some(at) if at > now && at - now <= BACKOFF_MAX_MS as Millis => {
                    effects.push(Effect::Schedule(at));
                    Ok(())
                }
                Some(_) => {
                    self.retry_at = None;
                    self.begin();
                    self.send(replica, true, effects)
                }
            },
            Event::SendFailed => {
                self.fail(replica, now, effects);
                Ok(())
            }
            Event::ShutOut(why) => {
                self.stop(why, effects);
                Ok(())
            }
            Event::Received(frame) => self.received(replica, now, &frame, effects),
        }
    }

    fn begin(&mut self) {
        (self.greeted, self.pulling, self.progress) = (None, false, None);
        self.receipts_sent = false;
        self.outbox.begin();
    }

    /// Waits, longer after each failure, and begins anew then.
    fn fail(&mut self, replica: &mut Replica, now: Millis, effects: &mut Effects<'_>) {
        let wait = BACKOFF_MAX_MS.min(BACKOFF_FIRST_MS << self.failures.min(16));
        // Half of it by chance: a thousand phones do not come back in the same second.
        let at = now + (wait / 2 + replica.random.below(wait / 2)) as Millis;
        self.failures += 1;
        (self.greeted, self.pulling, self.retry_at) = (None, false, Some(at));
        effects.push(Effect::Schedule(at));
    }

    fn send(&mut self, replica: &Replica, mut pull: bool, effects: &mut Effects<'_>) -> Result<(), StoreError> {
        if !self.online || self.stopped.is_some() || replica.me.is_none() {
            return Ok(());
        }
        if replica.clear_erased()? {
            effects.push(Effect::Clear);
        }
        loop {
            // Before what was written in its place: a record may go on when nothing of it waits any more.
            let withdraw = self.outbox.withdraw(replica)?;
            let push = self.outbox.next(replica)?;
            let pulls = std::mem::take(&mut pull) && !self.pulling;
            let receipts =
                if std::mem::replace(&mut self.receipts_sent, true) { Vec::new() } else { replica.store.receipts(RECEIPTS_AT_ONCE)? };
            if withdraw.is_none() && push.is_none() && !pulls && receipts.is_empty() {
                return Ok(());
            }
            let mut messages = Vec::with_capacity(4);
            if !self.live || self.greeted != Some(replica.actor) {
                messages.push(Message::Hello(self.hello(replica)?));
                self.greeted = Some(replica.actor);
            }
            messages.extend(withdraw);
            messages.extend(push);
            messages.extend(receipts.into_iter().map(Message::Receipt));
            if pulls {
                messages.push(self.pull(replica, replica.store.meta(CURSOR)?)?);
            }
            effects.push(Effect::Send(protocol::encode_frame(&messages)));
        }
    }

    fn pull(&mut self, replica: &Replica, cursor: Option<Vec<u8>>) -> Result<Message, StoreError> {
        let pull = replica.pull(cursor)?;
        (self.pulling, self.pulled) = (true, pull.number);
        Ok(Message::Pull(pull))
    }

    fn hello(&self, replica: &Replica) -> Result<Hello, StoreError> {
        Ok(Hello {
            protocol: PROTOCOL_VERSION,
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            app: self.app.clone(),
            actor: replica.actor,
            epoch: replica.store.meta(EPOCH)?,
            pending: replica.store.pending_count()?,
            unconfirmed: Some(replica.store.offerable_count()?).filter(|count| *count > 0),
        })
    }

    fn received(&mut self, replica: &mut Replica, now: Millis, frame: &[u8], effects: &mut Effects<'_>) -> Result<(), StoreError> {
        let messages = match protocol::decode_frame(frame) {
            Ok(messages) => messages,
            Err(error) => {
                effects.push(Effect::Failed(Refused { code: "bad_frame".to_owned(), message: error.to_string() }));
                self.fail(replica, now, effects);
                return Ok(());
            }
        };
        replica.renew_lease(now)?;
        // All of a frame or nothing: the outbox in memory would otherwise know more than the store.
        let outcome = replica.transact(|replica| self.take_all(replica, now, messages, effects));
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.outbox.begin();
                return Err(error);
            }
        };
        if outcome.retry {
            self.fail(replica, now, effects);
            return Ok(());
        }
        // Of several exchanges one may have failed: what it carried is sent again in its time, whatever the others bring.
        if self.retry_at.is_none() {
            self.failures = 0;
        }
        if outcome.close {
            self.begin();
            if self.live {
                self.online = false;
                effects.push(Effect::Close);
                return Ok(());
            }
        }
        if std::mem::take(&mut replica.begun_anew) {
            self.outbox.wakes();
        }
        if self.outbox.send_waiting_again(self.pulling || outcome.pull) == Some(false) {
            effects
                .push(Effect::Failed(Refused { code: "waiting".to_owned(), message: "edits wait for others that they follow".to_owned() }));
            self.fail(replica, now, effects);
        }
        // Whoever is to leave is told to when all is given back: it has to be heard of again.
        let pulls = outcome.pull | self.outbox.has_given_back();
        self.send(replica, pulls, effects)
    }

    fn take_all(
        &mut self,
        replica: &mut Replica,
        now: Millis,
        messages: Vec<Message>,
        effects: &mut Effects<'_>,
    ) -> Result<Outcome, StoreError> {
        let (mut outcome, mut removed) = (Outcome::default(), Removed::default());
        for message in messages {
            match message {
                Message::Welcome(welcome) => self.welcomed(replica, now, welcome, &mut outcome)?,
                Message::Verdicts(verdicts) => self.outbox.answered(replica, verdicts.batch, verdicts.verdicts, now)?,
                // After a restore this page belongs to the time before.
                Message::Page(_) if outcome.close => {}
                Message::Page(page) => self.page(replica, now, page, (&mut outcome, &mut removed), effects)?,
                Message::Refused(refused) => self.refused(replica, refused, &mut outcome, effects)?,
                Message::News(_) => {
                    outcome.pull = true;
                    self.outbox.ask_again();
                }
                Message::Ping => effects.push(Effect::Send(protocol::encode_frame(&[Message::Pong]))),
                Message::Noted(number) => replica.store.remove_receipt(number)?,
                Message::Withdrawn(number) => replica.store.remove_withdrawals(number)?,
                Message::Pong | Message::Hello(_) | Message::Push(_) | Message::Offer(_) | Message::Pull(_) => {}
                // Asked in exchanges of their own: `Server::estimate`.
                Message::Receipt(_) | Message::Withdraw(_) | Message::Estimate(_) | Message::Estimated(_) => {}
            }
            if self.stopped.is_some() {
                return Ok(outcome);
            }
        }
        if replica.settle_leaving(removed, now)? {
            self.receipts_sent = false;
            // The receipt does not name what went. Where this device stands now does: the proof of an erasure waits for that.
            outcome.pull = true;
        }
        Ok(outcome)
    }

    fn welcomed(&mut self, replica: &mut Replica, now: Millis, welcome: Welcome, outcome: &mut Outcome) -> Result<(), StoreError> {
        outcome.greeted = true;
        replica.note_hearing(&welcome)?;
        let Welcome { workspace, user, device, role, lease_ms, .. } = welcome;
        if let Ok(role) = role.parse() {
            if replica.me.as_ref().is_some_and(|me| me.role != role) {
                replica.look_again()?;
            }
            replica.set_identity(Identity { device, workspace, user, role })?;
        }
        replica.set_clock_offset(welcome.server_time - now)?;
        replica.take_lease(now, lease_ms)?;
        let known = replica.store.meta(EPOCH)?;
        if known.as_ref() != Some(&welcome.epoch) {
            replica.store.set_meta(EPOCH, Some(&welcome.epoch))?;
            if known.is_some() {
                // The server was restored: it may have lost what it once had, and counts anew. What of the base it
                // has is seen when the feed was read once; the rest is offered back.
                // The old cursor still tells it with which eyes the device saw what it holds.
                replica.store.forget_positions()?;
                (outcome.close, outcome.pull) = (true, true);
            }
        }
        Ok(())
    }

    fn page(
        &mut self,
        replica: &mut Replica,
        now: Millis,
        page: Page,
        (outcome, removed): (&mut Outcome, &mut Removed),
        effects: &mut Effects<'_>,
    ) -> Result<(), StoreError> {
        if page.after.is_some() && page.after != replica.store.meta(CURSOR)? {
            // A page was missed, or this one came late. The answer to a pull under way fits, or is asked for again; after a
            // failure not before its time.
            outcome.pull |= !self.pulling && self.retry_at.is_none();
            return Ok(());
        }
        self.pulling = false;
        if page.more && self.live && !replica.loses(&page.entries)? {
            // The server reads the next page while this one is kept. Is it not kept, the next one does not fit, and is dropped.
            // Not when something is to go: to ask for the next page is to say that it has gone.
            effects.push(Effect::Send(protocol::encode_frame(&[self.pull(replica, Some(page.cursor.clone()))?])));
        }
        let received = page.entries.len() as u64;
        // Whoever has nothing to remove says so as well: until it does, nobody knows how far it is.
        outcome.pull |= !page.more && page.entries.iter().any(Entry::takes_away);
        let mut changes = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            match entry {
                Entry::Change(change) => changes.push(change),
                Entry::Purge { record } => {
                    replica.admit(std::mem::take(&mut changes))?;
                    removed.purged(replica.purge(record, now)?);
                }
                Entry::Leave { kind, record, facet } => {
                    replica.admit(std::mem::take(&mut changes))?;
                    replica.leave(&kind, record, facet, removed)?;
                    self.outbox.wakes();
                }
                // Whoever is handed back is greeted, and delivers first what was written since it said what waits. Whoever is
                // lost is not, and forgets at once.
                Entry::Wipe if outcome.greeted && self.outbox.has_unheard(replica)? => {
                    (outcome.close, outcome.pull) = (true, true);
                    return Ok(());
                }
                Entry::Wipe => {
                    let farewell = Farewell::of(replica, now)?;
                    replica.wipe()?;
                    replica.store.set_meta(FAREWELL, farewell.as_ref().map(Farewell::bytes).as_deref())?;
                    self.stop(Stopped::Wiped, effects);
                    return Ok(());
                }
            }
        }
        replica.admit(changes)?;
        replica.settle_kinds()?;
        replica.store.set_meta(CURSOR, Some(&page.cursor))?;
        replica.set_clock_offset(page.server_time - now)?;
        let before = self.progress.map_or(0, |progress| progress.received);
        self.progress = page.more.then_some(Progress { received: before + received, left: page.left });
        if page.more {
            outcome.pull |= !self.pulling;
        } else {
            replica.leave_unreadable(removed)?;
            replica.brought(page.pull)?;
            // What is wanted has changed while this was under way: that takes another pull.
            outcome.pull |= replica.turn()?.is_some_and(|turn| self.pulled != Some(turn));
            replica.store.set_meta(LAST_SYNC, Some(&now.to_be_bytes()))?;
            self.outbox.all_seen();
        }
        Ok(())
    }

    fn refused(
        &mut self,
        replica: &mut Replica,
        refused: Refused,
        outcome: &mut Outcome,
        effects: &mut Effects<'_>,
    ) -> Result<(), StoreError> {
        match refused.code.as_str() {
            "revoked" => self.stop(Stopped::Revoked, effects),
            "unauthorized" => self.stop(Stopped::Unauthorized, effects),
            "protocol" => self.stop(Stopped::Outdated(refused.message), effects),
            "bad_cursor" => {
                replica.store.set_meta(CURSOR, None)?;
                (self.pulling, outcome.pull) = (false, true);
            }
            "foreign_actor" => {
                replica.take_new_pen()?;
                outcome.retry = true;
            }
            other => {
                if other == "bad_frame" {
                    replica.forget_hearing()?;
                }
                outcome.retry = true;
                effects.push(Effect::Failed(refused));
            }
        }
        Ok(())
    }

    fn stop(&mut self, why: Stopped, effects: &mut Effects<'_>) {
        self.online = false;
        self.stopped = Some(why.clone());
        effects.push(Effect::Stop(why));
    }

    /// Speaks again after [`Effect::Stop`]: the user has enrolled the device anew.
    pub fn restart(&mut self) {
        self.stopped = None;
        self.failures = 0;
    }
}
