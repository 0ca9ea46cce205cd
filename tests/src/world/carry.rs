//! Carrying frames: what the host of a phone, the network and the server's listener do.

use std::collections::BTreeSet;

use rapport_server::intake::Fate;
use rapport_server::sync::Unasked;
use sync_core::engine::Event;
use sync_core::id::{Facet, Millis};
use sync_core::protocol::{self, Entry, Message, Verdict};
use sync_core::record::change::Change;

use super::network::{Cargo, Pushed};
use super::phone::{Connection, held_in};
use super::server::Outcome;
use super::{Fault, Inner};
use crate::compose::intent_of;
use crate::model::IntentId;

const SECOND: Millis = 1_000;
const DAY: Millis = 86_400_000;
/// How long a host waits for the answer to a request.
const TIMEOUT: Millis = 60 * SECOND;
/// How soon a host opens another connection after one has ended.
const RECONNECT: Millis = 2 * SECOND;

impl Inner {
    /// A phone finds the server, over a connection that stays open or not.
    pub fn connect(&mut self, phone: usize, live: bool) {
        if self.phones[phone].device.is_none() {
            return;
        }
        // Whoever was shut out has nothing to wait for.
        let live = live && !self.phones[phone].leaves;
        self.connections += 1;
        let handset = &mut self.phones[phone];
        handset.connection = Some(Connection { number: self.connections, live });
        (handset.unasked, handset.last_up, handset.last_down) = (Unasked::default(), self.now, self.now);
        handset.open.clear();
        let name = handset.name.clone();
        self.note(format!("{name} is online{}", if live { " and stays" } else { "" }));
        self.tell(phone, Event::NetworkUp { live });
    }

    /// A phone loses the server.
    pub fn disconnect(&mut self, phone: usize) {
        if self.phones[phone].connection.take().is_some() {
            self.phones[phone].open.clear();
            let name = self.phones[phone].name.clone();
            self.note(format!("{name} is offline"));
            self.tell(phone, Event::NetworkDown);
        }
    }

    /// The host ends an open connection and opens another one.
    pub fn hang_up(&mut self, phone: usize) {
        if self.phones[phone].connection.is_some() {
            self.disconnect(phone);
            if self.phones[phone].stopped.is_none() {
                let connection = self.connections;
                self.network.send(self.now + RECONNECT, Cargo::Hangup { phone, connection });
            }
        }
    }

    /// Takes a frame from a phone.
    pub fn send_up(&mut self, phone: usize, frame: Vec<u8>) {
        let Some(Connection { number: connection, live }) = self.phones[phone].connection else { return };
        if live {
            let at = (self.now + self.dice.between(5, 300)).max(self.phones[phone].last_up);
            self.phones[phone].last_up = at;
            if self.faults.strikes(&mut self.dice, Fault::LostRequest, 6) {
                self.network.send(at, Cargo::Hangup { phone, connection });
                return;
            }
            let frame = self.cut(frame);
            return self.network.send(at, Cargo::Request { phone, connection, exchange: 0, frame, loses_answer: false });
        }
        self.connections += 1;
        let exchange = self.connections;
        self.phones[phone].open.insert(exchange);
        self.network.send(self.now + TIMEOUT, Cargo::Failed { phone, connection, exchange });
        if self.faults.strikes(&mut self.dice, Fault::LostRequest, 10) {
            return;
        }
        let loses_answer = self.faults.strikes(&mut self.dice, Fault::LostAnswer, 12);
        let times = if self.faults.strikes(&mut self.dice, Fault::Twice, 15) { 2 } else { 1 };
        for _ in 0..times {
            let (at, frame) = (self.now + self.delay(), self.cut(frame.clone()));
            self.network.send(at, Cargo::Request { phone, connection, exchange, frame, loses_answer });
        }
    }

    fn delay(&mut self) -> Millis {
        if self.faults.strikes(&mut self.dice, Fault::Slow, 8) {
            return self.dice.between(SECOND, 30 * DAY);
        }
        self.dice.between(5, 2_000)
    }

    fn cut(&mut self, mut frame: Vec<u8>) -> Vec<u8> {
        if self.faults.strikes(&mut self.dice, Fault::Cut, 5) {
            frame.truncate(self.dice.below(frame.len()));
        }
        frame
    }

    /// Lets time pass, and everything arrive that arrives within it.
    pub fn pass(&mut self, span: Millis) {
        let until = self.now + span;
        while self.violation.is_none() {
            let timers = self.phones.iter().filter_map(|phone| phone.timer);
            let Some(next) = timers.chain(self.network.next_at()).min().filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            self.happen();
        }
        self.now = until.max(self.now);
    }

    /// When something will happen by itself.
    pub fn next_at(&self) -> Option<Millis> {
        self.phones.iter().filter_map(|phone| phone.timer).chain(self.network.next_at()).min()
    }

    /// How much is under way.
    pub fn under_way(&self) -> usize {
        self.network.len()
    }

    fn happen(&mut self) {
        while let Some(cargo) = self.network.arrived(self.now) {
            self.arrive(cargo);
            self.announce();
        }
        for phone in 0..self.phones.len() {
            if self.phones[phone].timer.is_some_and(|at| at <= self.now) {
                self.phones[phone].timer = None;
                self.note(format!("{}'s timer goes off", self.phones[phone].name));
                self.tell(phone, Event::TimerFired);
            }
        }
    }

    fn arrive(&mut self, cargo: Cargo) {
        match cargo {
            Cargo::Request { phone, connection, exchange, frame, loses_answer } => {
                self.request(phone, connection, exchange, &frame, loses_answer);
            }
            Cargo::Answer { phone, connection, exchange, life, frame, pushed } => {
                let said_now = life == self.life;
                self.answer((phone, connection, exchange), frame, &pushed, said_now);
            }
            Cargo::Failed { phone, connection, exchange } => {
                if self.is_for(phone, connection) && self.phones[phone].open.remove(&exchange) {
                    self.note(format!("{} hears nothing", self.phones[phone].name));
                    self.tell(phone, Event::SendFailed);
                }
            }
            Cargo::Hangup { phone, connection } => {
                let now = self.phones[phone].connection;
                if now.is_some_and(|now| now.number == connection) {
                    self.hang_up(phone);
                } else if now.is_none() && self.connections >= connection && self.phones[phone].stopped.is_none() {
                    self.connect(phone, true);
                }
            }
            Cargo::ServerStarts => {
                if !self.server.is_up() {
                    let pen = self.dice.bytes();
                    self.server.start(pen);
                    self.note("the server is back".to_owned());
                }
            }
        }
    }

    fn is_for(&self, phone: usize, connection: u64) -> bool {
        self.phones[phone].connection.is_some_and(|now| now.number == connection)
    }

    fn request(&mut self, phone: usize, connection: u64, exchange: u64, frame: &[u8], loses_answer: bool) {
        let live = exchange == 0;
        if live && !self.is_for(phone, connection) && self.dice.chance(50) {
            // It was sent before the connection ended, and did not make it.
            return;
        }
        if !self.server.is_up() {
            self.network.send(
                self.now + 10,
                if live { Cargo::Hangup { phone, connection } } else { Cargo::Failed { phone, connection, exchange } },
            );
            return;
        }
        let (speaker, fate) = (self.phones[phone].speaker(), self.fate());
        let (mut none, leaves) = (Unasked::default(), self.phones[phone].leaves);
        let unasked = if live { &mut self.phones[phone].unasked } else { &mut none };
        let outcome = match leaves {
            false => Some(self.server.answer(&speaker, frame, unasked, self.now, fate)),
            true => self.server.say_farewell(&speaker, frame, self.now),
        };
        // A late copy of what somebody sent who has left.
        let Some(outcome) = outcome else { return };
        let (frame_out, died) = match outcome {
            Outcome::Answered(frame) => (frame, false),
            Outcome::Died(frame) => (frame, true),
        };
        let said = protocol::decode_frame(&frame_out).unwrap_or_default();
        self.note(format!("{} asks ({fate:?}){}: {}", self.phones[phone].name, sends(frame), brief(&said)));
        let unavailable = said.iter().any(|message| matches!(message, Message::Refused(refused) if refused.code == "unavailable"));
        if unavailable && fate == Fate::Commit {
            self.fail("I10: the server was unavailable without a cause".to_owned());
        }
        if died {
            self.server_died();
        }
        self.note_late(phone, frame, &said);
        let pushed = pushes(frame);
        self.check_refused(&pushed, &said);
        if died && unavailable || loses_answer {
            return;
        }
        let at = if live { (self.now + self.dice.between(5, 300)).max(self.phones[phone].last_down) } else { self.now + self.delay() };
        if live {
            self.phones[phone].last_down = at;
        }
        let frame = self.cut(frame_out);
        self.network.send(at, Cargo::Answer { phone, connection, exchange, life: self.life, frame, pushed });
        if live && said.iter().any(|message| matches!(message, Message::Refused(_))) {
            self.network.send(at, Cargo::Hangup { phone, connection });
        }
    }

    /// The server's process is gone; somebody starts it again.
    pub fn server_died(&mut self) {
        self.note("the server dies".to_owned());
        self.network.drop_open_connections();
        let back = self.now + self.dice.between(100, 20 * SECOND);
        self.network.send(back, Cargo::ServerStarts);
        for phone in 0..self.phones.len() {
            if let Some(Connection { number: connection, live: true }) = self.phones[phone].connection {
                self.network.send(self.now + 50, Cargo::Hangup { phone, connection });
            }
        }
    }

    /// After something was kept the server sends open connections what is new to them.
    fn announce(&mut self) {
        if !self.server.is_up() {
            return;
        }
        let live = |phone: &super::Handset| phone.unasked.is_current() && phone.connection.is_some_and(|connection| connection.live);
        if !self.phones.iter().any(live) {
            return;
        }
        let head = self.server.head();
        if std::mem::replace(&mut self.told_head, head) == head {
            return;
        }
        for phone in 0..self.phones.len() {
            let Some(Connection { number: connection, live: true }) = self.phones[phone].connection else { continue };
            let speaker = self.phones[phone].speaker();
            let Some(news) = self.server.news(&speaker, &mut self.phones[phone].unasked, self.now) else { continue };
            let frame = protocol::encode_frame(&[news]);
            let at = (self.now + self.dice.between(5, 300)).max(self.phones[phone].last_down);
            self.phones[phone].last_down = at;
            self.network.send(at, Cargo::Answer { phone, connection, exchange: 0, life: self.life, frame, pushed: Vec::new() });
        }
    }

    /// `said_now`: in this life of the server.
    fn answer(&mut self, (phone, connection, exchange): (usize, u64, u64), frame: Vec<u8>, pushed: &Pushed, said_now: bool) {
        let wanted = self.is_for(phone, connection) && (exchange == 0 || self.phones[phone].open.remove(&exchange));
        if !wanted || self.phones[phone].device.is_none() {
            return;
        }
        if let Ok(messages) = protocol::decode_frame(&frame) {
            self.note(format!("{} hears {}", self.phones[phone].name, brief(&messages)));
            let turned_down = self.turned_down(phone, &messages, pushed);
            self.phones[phone].turned_down.extend(turned_down);
            if said_now {
                self.remember(&messages, pushed);
            }
        }
        self.tell(phone, Event::Received(frame));
        if !said_now {
            // It lets go by the word of a server that has gone back in time since.
            self.note_let_go(phone);
        }
    }

    /// What the server has said to somebody holds from now on.
    fn remember(&mut self, messages: &[Message], pushed: &Pushed) {
        for message in messages {
            match message {
                Message::Verdicts(verdicts) => {
                    let Some((_, names)) = pushed.iter().find(|(batch, _)| *batch == verdicts.batch) else { continue };
                    for (name, verdict) in names.iter().zip(&verdicts.verdicts) {
                        // Said before it was forgotten, and heard after it.
                        if let Verdict::Accepted { position, .. } | Verdict::Duplicate { position, .. } = verdict
                            && !self.pasts.has(&name.2)
                        {
                            let before = self.acked.insert(*name, *position);
                            if before.is_some_and(|before| before != *position) {
                                self.fail(format!("I2: change {} was acknowledged at {before:?} and at {position}", name.2));
                            }
                        }
                    }
                }
                Message::Page(page) => {
                    for entry in &page.entries {
                        if let Entry::Change(change) = entry
                            && !self.pasts.has(&change.hash)
                        {
                            let before = self.read.insert(change.position, change.hash);
                            if before.is_some_and(|before| before != change.hash) {
                                self.fail(format!("I4: two readers saw different changes at position {}", change.position));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The server goes back in time: what was said before holds no more, what is kept on phones must come back.
    pub fn restore_server(&mut self) {
        self.note_unheard();
        self.network.drop_open_connections();
        let (epoch, pen) = (self.dice.bytes(), self.dice.bytes());
        let before: BTreeSet<IntentId> = held_in(&self.server.feed()).into_iter().map(|(id, _)| id).collect();
        let head = self.server.restore(epoch, pen);
        self.take_away_again();
        self.note_left(&before);
        self.note_reviewed();
        self.note(format!("the server is restored to position {head}"));
        self.life += 1;
        self.acked.clear();
        self.read.clear();
        self.told_head = 0;
        for phone in 0..self.phones.len() {
            self.phones[phone].unasked = Unasked::default();
            if let Some(Connection { number: connection, live: true }) = self.phones[phone].connection {
                self.network.send(self.now + 50, Cargo::Hangup { phone, connection });
            }
        }
    }
}

impl Inner {
    /// What its author's phone had to let go, and a server that went back in time has lost, is nobody's any more but others'.
    fn note_left(&mut self, before: &BTreeSet<IntentId>) {
        let after: BTreeSet<IntentId> = held_in(&self.server.feed()).into_iter().map(|(id, _)| id).collect();
        let documents: Vec<_> = self.record_ids().into_iter().flat_map(|record| Facet::ALL.map(|facet| (record, facet))).collect();
        for phone in &mut self.phones {
            let held: BTreeSet<IntentId> =
                documents.iter().flat_map(|(record, facet)| phone.held(*record, *facet)).map(|(id, _)| id).collect();
            let lost: Vec<IntentId> = before.iter().filter(|id| !after.contains(id) && !held.contains(id)).copied().collect();
            phone.excused.extend(lost);
        }
    }

    /// What a phone had let go when it was backed up, and a server that went back in time has lost since, is others' at best.
    pub(super) fn note_let_go(&mut self, phone: usize) {
        if !self.server.is_up() {
            return;
        }
        let mut here: BTreeSet<IntentId> = held_in(&self.server.feed()).into_iter().map(|(id, _)| id).collect();
        let ids = self.record_ids();
        let phone = &mut self.phones[phone];
        let documents = ids.into_iter().flat_map(|record| Facet::ALL.map(|facet| (record, facet)));
        here.extend(documents.flat_map(|(record, facet)| phone.held(record, facet)).map(|(id, _)| id));
        here.extend(phone.drafts().into_keys());
        phone.excused.extend(phone.produced.difference(&here).copied().collect::<Vec<_>>());
    }

    /// What the desk has accepted lies there again, and phones bring back what was accepted: it may come to be there twice.
    fn note_reviewed(&mut self) {
        for phone in &mut self.phones {
            let theirs = self.reviewed.iter().filter(|id| self.ledger.intents.get(id).is_some_and(|intent| intent.author == phone.name));
            phone.doubled.extend(theirs);
        }
    }

    /// What the server has taken and its author has not heard of: another phone may bring it back as it is, while
    /// its author sends it again and is told something else this time. It may come to be there twice.
    fn note_unheard(&mut self) {
        let kept: BTreeSet<IntentId> = held_in(&self.server.feed()).into_iter().map(|(id, _)| id).collect();
        let ids = self.record_ids();
        for phone in &mut self.phones {
            let unheard: Vec<IntentId> = phone.pending(&ids).intersection(&kept).copied().collect();
            phone.doubled.extend(unheard);
        }
    }
}

/// The batches of a frame.
fn pushes(frame: &[u8]) -> Pushed {
    let messages = protocol::decode_frame(frame).unwrap_or_default();
    let batch = |message| match message {
        Message::Push(push) => Some((push.batch, push.changes.iter().map(|change| (change.record, change.facet, change.hash)).collect())),
        Message::Offer(offer) => {
            Some((offer.batch, offer.changes.iter().map(|change| (change.record, change.facet, change.hash)).collect()))
        }
        _ => None,
    };
    messages.into_iter().filter_map(batch).collect()
}

/// The edits that a frame brings, by their names.
fn sends(frame: &[u8]) -> String {
    let messages = protocol::decode_frame(frame).unwrap_or_default();
    let bodies = messages.iter().filter_map(|message| if let Message::Push(push) = message { Some(&push.changes) } else { None }).flatten();
    let names: Vec<_> = bodies.filter_map(|pushed| intent_of(&Change::read(&pushed.body).ok()?)).collect();
    if names.is_empty() { String::new() } else { format!(" with {names:?}") }
}

/// Messages, as a trace shows them.
fn brief(messages: &[Message]) -> String {
    let one = |message: &Message| match message {
        Message::Verdicts(verdicts) => format!("verdicts {:?}", verdicts.verdicts.iter().map(word).collect::<Vec<_>>()),
        Message::Page(page) => format!("page of {}{}", page.entries.len(), if page.more { ", more" } else { "" }),
        Message::Refused(refused) => format!("refused: {}", refused.code),
        Message::Welcome(_) => "welcome".to_owned(),
        other => format!("{other:?}").chars().take(40).collect(),
    };
    messages.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted { position, .. } => format!("kept at {position}"),
        Verdict::Duplicate { position, .. } => format!("known at {position}"),
        Verdict::Waiting { missing } => format!("waits for {}", missing.len()),
        Verdict::Rejected { code, .. } => code.clone(),
        Verdict::Held { .. } => "held".to_owned(),
        Verdict::ActorFork { last_seq } => format!("fork after {last_seq}"),
    }
}
