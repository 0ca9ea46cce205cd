//! The seeded world: phones, a server and a network in one thread, from one seed.
//!
//! The phones are real devices over real files, the server is the real store, intake and door. What is
//! simulated is what is unreliable: the network, the clocks, the processes. A world either tells a
//! story ([`World::new`], [`World::two_phones`]) or plays a seed ([`play`]).

mod carry;
mod check;
mod desk;
mod elsewhere;
mod faults;
mod forgets;
mod hostile;
mod network;
mod phone;
mod play;
mod server;
mod story;
mod taken;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use rapport_server::intake::{Expect, Fate, RecordEdit};
use sync_core::engine::{Effect, Event, Stopped};
use sync_core::id::{ChangeHash, Facet, Millis, RecordId, UserId};
use sync_core::schema::{Kind, Schema};
use tempfile::TempDir;

pub use faults::{ALL, Fault, Faults};
pub use play::{Played, Violation, play};
pub use server::{START, scratch, workspace};
pub use story::{IntoEdits, Phone, World, append, set, splice};

use crate::compose::Composed;
use crate::dice::Dice;
use crate::model::{Intent, IntentId, Ledger};
use network::{ChangeName, Network};
use phone::{Handset, held_in};
use server::{Outcome, Server, name};

/// Everything there is.
pub(crate) struct Inner {
    pub dice: Dice,
    /// The world's time, which is the server's.
    pub now: Millis,
    pub faults: Faults,
    pub phones: Vec<Handset>,
    pub server: Server,
    network: Network,
    /// What everybody did; a story keeps none.
    pub ledger: Ledger,
    pub is_story: bool,
    pub records: Vec<(RecordId, &'static str)>,
    /// What a phone was told is kept: the position of each change. Emptied when the server goes back in time.
    acked: BTreeMap<ChangeName, u64>,
    /// What readers saw at each position.
    read: BTreeMap<u64, ChangeHash>,
    /// What the desk has accepted, in whatever words.
    reviewed: BTreeSet<IntentId>,
    /// Records that were erased for good.
    erased: BTreeSet<RecordId>,
    /// What stood in records before it was forgotten.
    pasts: forgets::Pasts,
    /// The house next door, where somebody aims at it.
    elsewhere: Option<elsewhere::Elsewhere>,
    /// How often the server went back in time.
    pub life: u32,
    connections: u64,
    told_head: u64,
    pub trace: Vec<String>,
    /// Documents that were found good: the same changes in the same order show the same.
    good: RefCell<HashSet<u64>>,
    pub violation: Option<String>,
    folder: TempDir,
}

impl Inner {
    pub fn new(seed: u64, faults: Faults) -> Self {
        let mut dice = Dice::new(seed);
        let server = Server::new(dice.bytes());
        Self {
            dice,
            now: START,
            faults,
            phones: Vec::new(),
            server,
            network: Network::default(),
            ledger: Ledger::default(),
            is_story: false,
            records: Vec::new(),
            acked: BTreeMap::new(),
            read: BTreeMap::new(),
            reviewed: BTreeSet::new(),
            erased: BTreeSet::new(),
            pasts: forgets::Pasts::default(),
            elsewhere: None,
            life: 0,
            connections: 0,
            told_head: 0,
            trace: Vec::new(),
            good: RefCell::default(),
            violation: None,
            folder: scratch(),
        }
    }

    pub fn add_phone(&mut self, name: &str, role: &'static str) -> usize {
        let seed = self.dice.bytes();
        let phone = Handset::new(self.folder.path(), name, role, self.now, seed);
        self.phones.push(phone);
        self.phones.len() - 1
    }

    pub fn note(&mut self, line: String) {
        self.trace.push(format!("{:>13} {line}", self.now - START));
    }

    /// The first thing that breaks the promise is what a seed is reported for.
    pub fn fail(&mut self, what: String) {
        self.note(format!("VIOLATION {what}"));
        self.violation.get_or_insert(what);
    }

    pub fn kind(name: &str) -> &'static Kind {
        Schema::builtin().kind(name).expect("a built-in kind")
    }

    pub fn record_ids(&self) -> Vec<RecordId> {
        self.records.iter().map(|(record, _)| *record).collect()
    }

    /// Makes an edit on a phone and notes what it means. Answers whether the device took it.
    pub fn edit_on(&mut self, phone: usize, id: IntentId, kind: &'static str, record: RecordId, facet: Facet, composed: Composed) -> bool {
        let now = self.phone_time(phone);
        let handset = &mut self.phones[phone];
        let seen: BTreeSet<IntentId> = handset.held(record, facet).into_iter().map(|(id, _)| id).collect();
        let author = handset.name.clone();
        match handset.device().edit(now, kind, record, &composed.edits) {
            Ok(edited) if !edited.changes.is_empty() => {
                handset.produced.insert(id);
                self.note(format!("{author} does {id} in {kind} {}: {:?}", short(&record), composed.edits));
                self.ledger.note(Intent { id, author, record, facet, acts: composed.acts, seen });
                self.note_on_the_past(phone, id, (record, facet));
                let kept = self.phones[phone].changes(record, facet);
                if !edited.changes.iter().all(|hash| kept.iter().any(|change| change.hash == *hash)) {
                    self.fail(format!("I5: edit {id} was acknowledged and is not in the phone's store"));
                }
                self.tell(phone, Event::LocalEdit);
                true
            }
            Ok(_) => false,
            Err(sync_core::engine::EditError::Store(error)) => {
                self.fail(format!("I10: {author}'s store failed at an edit: {error}"));
                false
            }
            Err(error) => {
                self.note(format!("{author} may not do {id} in {kind} {}: {error}", short(&record)));
                false
            }
        }
    }

    /// Makes an edit in the back office.
    pub fn edit_at_office(&mut self, id: IntentId, kind: &'static str, record: RecordId, facet: Facet, composed: Composed) -> bool {
        let seen = held_in(&self.server.changes(record, facet)).into_iter().map(|(id, _)| id).collect();
        self.ledger.note(Intent { id, author: "office".to_owned(), record, facet, acts: composed.acts, seen });
        let fate = self.fate();
        let edit = RecordEdit { kind: name(kind), record, edits: composed.edits.clone(), expect: Expect::Any };
        let (edited, died) = match self.server.edit(UserId::of_cause("office"), edit, self.now, fate) {
            Outcome::Answered(edited) => (edited, false),
            Outcome::Died(edited) => (edited, true),
        };
        self.note(format!("the office does {id} in {kind} {} ({fate:?}): {:?} is {edited:?}", short(&record), composed.edits));
        if died {
            self.server_died();
        } else if edited.is_err() && fate == Fate::Commit {
            self.fail("I10: the server could not edit, without a cause".to_owned());
        }
        matches!(edited.as_deref(), Ok([Ok(_)]))
    }

    /// What the next transaction comes to.
    pub fn fate(&mut self) -> Fate {
        if self.faults.strikes(&mut self.dice, Fault::CommitFails, 8) {
            Fate::Fail
        } else if self.faults.strikes(&mut self.dice, Fault::ServerDies, 4) {
            *self.dice.pick(&[Fate::CrashBefore, Fate::CrashAfter])
        } else {
            Fate::Commit
        }
    }

    pub fn phone_time(&self, phone: usize) -> Millis {
        self.now + self.phones[phone].skew
    }

    /// Tells a phone what happened and does what it answers.
    pub fn tell(&mut self, phone: usize, event: Event) {
        let now = self.phone_time(phone);
        if self.phones[phone].device.is_none() {
            return;
        }
        for effect in self.phones[phone].device().handle(now, event) {
            match effect {
                Effect::Send(frame) => self.send_up(phone, frame),
                // The host's timer counts a span: a clock that jumps does not move it.
                Effect::Schedule(at) => self.phones[phone].timer = Some(self.now + (at - now).max(0)),
                Effect::Stop(why) => {
                    self.note(format!("{} stops: {why:?}", self.phones[phone].name));
                    self.phones[phone].stopped = Some(why);
                }
                Effect::Close => self.hang_up(phone),
                Effect::StoreFailed(error) => self.fail(format!("I10: a phone's store failed: {error}")),
                Effect::Notify(_) | Effect::Clear | Effect::Failed(_) => {}
            }
        }
        if self.phones[phone].stopped == Some(Stopped::Wiped) {
            return self.has_left(phone);
        }
        self.forget_turned_down(phone);
    }
}

/// The end of an id, for people.
pub(crate) fn short(record: &RecordId) -> String {
    let text = record.to_string();
    text[text.len() - 6..].to_owned()
}

/// Where a row points: links, and links in the parts of rows.
fn check_links_of(kind: &Kind, facet: Facet, row: &serde_json::Map<String, serde_json::Value>) -> BTreeSet<(String, RecordId)> {
    use sync_core::schema::ValueType;
    let mut links = BTreeSet::new();
    let target = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse().ok());
    for field in kind.fields.iter().filter(|field| field.facet == facet) {
        let Some(value) = row.get(&*field.name) else { continue };
        let many = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        if field.value == ValueType::Link && field.items.is_empty() {
            links.extend(many.iter().filter_map(target).map(|target| (field.name.to_string(), target)));
        }
        for item in field.items.iter().filter(|item| item.value == ValueType::Link) {
            let targets = many.iter().filter_map(|row| row.get(&*item.name)).filter_map(target);
            links.extend(targets.map(|target| (format!("{}.{}", field.name, item.name), target)));
        }
    }
    links
}
