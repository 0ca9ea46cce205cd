//! One seed: a fleet that works while things go wrong, then peace, then the bill.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rapport_server::intake::{Expect, Fate, RecordEdit};
use sync_core::access::MEMBER_KIND;
use sync_core::engine::Event;
use sync_core::id::{Facet, Millis, RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use super::check::readable;
use super::server::{Outcome, START};
use super::{Fault, Faults, Inner, short};
use crate::compose::{AREAS, Composed, Desk, KINDS, archive, compose};
use crate::dice::Dice;
use crate::model::{Intent, IntentId};

const SECOND: Millis = 1_000;
const DAY: Millis = 86_400_000;
const YEAR: Millis = 365 * DAY;
const NAMES: [&str; 5] = ["ann", "bo", "chen", "dai", "eva"];
const RECORDS_MAX: usize = 12;
/// A change costs a handful of frames; a fleet that says more than this has something it never settles.
const FRAMES_MAX: usize = 3_000;

/// What a seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The seed.
    pub seed: u64,
    /// Everything that happened, in order.
    pub trace: Vec<String>,
    /// How many edits were made.
    pub edits: usize,
    /// How many changes the server kept.
    pub changes: u64,
    /// How long it took in the world.
    pub millis: Millis,
}

/// A seed that broke the promise.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// What broke.
    pub what: String,
    /// Everything that happened before.
    pub trace: Vec<String>,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// The rest is told by playing the seed again.
        const LINES: usize = 60;
        let skipped = self.trace.len().saturating_sub(LINES);
        writeln!(f, "seed {} breaks the promise: {}", self.seed, self.what)?;
        writeln!(f, "... {skipped} lines")?;
        self.trace[skipped..].iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "play it again: RAPPORT_SEED={} cargo test -p tests one_seed -- --nocapture", self.seed)
    }
}

/// Plays a seed.
///
/// # Errors
/// [`Violation`].
pub fn play(seed: u64) -> Result<Played, Violation> {
    let named = |variable: &str| std::env::var(variable).unwrap_or_default();
    let faults = Faults::some(&mut Dice::new(!seed)).without(&named("RAPPORT_WITHOUT")).with(&named("RAPPORT_WITH"));
    let mut world = Inner::new(seed, faults);
    let done = catch_unwind(AssertUnwindSafe(|| world.run()));
    if let Err(panic) = done {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.violation.get_or_insert(format!("I10: panic: {}", text.unwrap_or_default()));
    }
    let trace = std::mem::take(&mut world.trace);
    match world.violation.take() {
        Some(what) => Err(Violation { seed, what, trace }),
        None => {
            let (edits, changes, millis) = (world.ledger.intents.len(), world.server.head(), world.now - START);
            Ok(Played { seed, trace, edits, changes, millis })
        }
    }
}

impl Inner {
    fn run(&mut self) {
        self.note(format!("{:?}", self.faults));
        if self.faults.has(Fault::Hostile) {
            self.open_elsewhere();
        }
        for name in &NAMES[..2 + self.dice.below(4)] {
            let role = *self.dice.pick(&["rep", "rep", "manager", "office", "agent", "leader", "regional"]);
            let phone = self.add_phone(name, role);
            self.note(format!("{name} is a {role}"));
            if self.faults.has(Fault::Moved) {
                self.somebody_moves(phone);
            }
            if self.dice.chance(70) {
                let live = self.prefers_live();
                self.connect(phone, live);
            }
        }
        let steps = 50 + self.dice.below(90);
        for step in 0..steps {
            self.step();
            let span = self.dice.between(0, 800);
            self.pass(span);
            if step % 16 == 15 && self.violation.is_none() {
                self.check_now();
            }
            if self.violation.is_some() {
                return;
            }
        }
        self.settle();
    }

    fn prefers_live(&mut self) -> bool {
        self.faults.has(Fault::Live) && self.dice.chance(50)
    }

    fn step(&mut self) {
        let here: Vec<usize> = (0..self.phones.len()).filter(|phone| !self.phones[*phone].gone).collect();
        let phone = *self.dice.pick(&here);
        if self.phones[phone].device.is_none() {
            let seed = self.dice.bytes();
            self.phones[phone].start(seed);
            self.tell(phone, Event::Started);
        }
        match self.dice.below(100) {
            40..51 if self.faults.has(Fault::Desk) => self.desk_decides(),
            0..51 => self.somebody_edits(phone),
            51..53 if self.faults.has(Fault::Moved) => self.somebody_moves(phone),
            53..55 if self.faults.has(Fault::Demoted) => self.demoted(phone),
            55..63 => self.time_passes(),
            65..73 => self.toggle(phone),
            73 if self.faults.has(Fault::Erased) => self.erases(),
            74 if self.faults.has(Fault::Forgotten) => self.forgets(),
            73..76 => self.tell(phone, Event::Wake),
            76..80 => self.decide_draft(phone),
            80 if self.faults.has(Fault::HandedOver) => self.handed_over(phone),
            80..85 if self.faults.has(Fault::Office) => self.office_edits(),
            85 if self.faults.has(Fault::Revoked) => self.revoked(phone),
            85..89 if self.faults.has(Fault::Hostile) => self.hostile(),
            89..92 if self.faults.has(Fault::PhoneDies) => self.phone_dies(phone),
            92..95 if self.faults.has(Fault::PhoneRestored) => self.phone_restored(phone),
            95..98 if self.faults.has(Fault::ClockJumps) => self.clock_jumps(phone),
            98..100 if self.faults.has(Fault::ServerRestored) => self.server_restored(),
            63..65 if self.faults.has(Fault::Promoted) => self.promoted(phone),
            _ => self.somebody_edits(phone),
        }
    }

    fn time_passes(&mut self) {
        let span = if self.dice.chance(30) { self.dice.between(0, 5 * DAY) } else { self.dice.between(0, 120 * SECOND) };
        self.pass(span);
    }

    fn toggle(&mut self, phone: usize) {
        if self.phones[phone].connection.is_some() {
            self.disconnect(phone);
        } else {
            let live = self.prefers_live();
            self.connect(phone, live);
        }
    }

    /// A record and a facet of it to edit; a new record sometimes.
    fn choose(
        &mut self,
        visible: &[(RecordId, &'static str)],
        facets: impl Fn(&Self, &'static str) -> Vec<Facet>,
    ) -> (RecordId, &'static str, Facet, bool) {
        let is_new = visible.is_empty() || self.records.len() < RECORDS_MAX && self.dice.chance(15);
        if is_new {
            let kind = *self.dice.pick(&KINDS);
            let record = RecordId::new(self.now, self.dice.bytes());
            self.records.push((record, kind));
            return (record, kind, Facet::Main, true);
        }
        // Where somebody decides about quotes, people work on quotes.
        let quotes: Vec<_> = visible.iter().filter(|(_, kind)| *kind == "offer").collect();
        let (record, kind) = match !quotes.is_empty() && self.faults.strikes(&mut self.dice, Fault::Desk, 60) {
            true => **self.dice.pick(&quotes),
            false => *self.dice.pick(visible),
        };
        let facets = facets(self, kind);
        let facet = if self.dice.chance(75) { Facet::Main } else { *self.dice.pick(&facets) };
        (record, kind, facet, false)
    }

    pub(super) fn compose(
        &mut self,
        id: IntentId,
        kind: &'static str,
        facet: Facet,
        row: &serde_json::Map<String, serde_json::Value>,
        is_new: bool,
    ) -> Composed {
        let people = self.phones.iter().map(|phone| (RecordId(phone.user.0), MEMBER_KIND));
        let linkable: Vec<_> = self.records.iter().copied().chain(people).collect();
        let asks_often = self.faults.has(Fault::Desk);
        let asks_much = asks_often || self.faults.has(Fault::Held);
        let desk = Desk { kind: Self::kind(kind), facet, row, is_new, asks_much, asks_often, linkable: &linkable };
        if !is_new && facet == Facet::Main && self.faults.strikes(&mut self.dice, Fault::Forbidden, 4) {
            return archive(id, &desk);
        }
        compose(&mut self.dice, id, &desk)
    }

    fn somebody_edits(&mut self, phone: usize) {
        let records = self.records.clone();
        let visible: Vec<_> = records
            .into_iter()
            .filter(|(record, _)| self.phones[phone].device().row(*record).expect("the store answers").is_some())
            .collect();
        let facets = |world: &Self, kind: &'static str| readable(Self::kind(kind), &world.phones[phone]);
        let (record, kind, facet, is_new) = self.choose(&visible, facets);
        let row = self.phones[phone].device().get(record).expect("the store answers").map(|view| view.row.fields).unwrap_or_default();
        let id = self.ledger.new_id();
        let composed = self.compose(id, kind, facet, &row, is_new);
        self.edit_on(phone, id, kind, record, facet, composed);
    }

    fn office_edits(&mut self) {
        if !self.server.is_up() {
            return;
        }
        let known: Vec<_> = self.records.iter().filter(|(record, _)| self.server.row(*record).is_some()).copied().collect();
        let facets = |_: &Self, kind: &'static str| Self::kind(kind).facets();
        let (record, kind, facet, is_new) = self.choose(&known, facets);
        let id = self.ledger.new_id();
        let row = self.server.row(record).and_then(|row| row.facets[facet as usize].clone());
        let row = row.map(|json| serde_json::from_str(&json).expect("a row")).unwrap_or_default();
        let composed = self.compose(id, kind, facet, &row, is_new);
        self.edit_at_office(id, kind, record, facet, composed);
    }

    /// Somebody looks at what was turned down: gives it up, or writes something else instead.
    fn decide_draft(&mut self, phone: usize) {
        let drafts = self.phones[phone].drafts();
        let Some((&old, &draft_id)) = drafts.iter().next() else { return };
        let now = self.phone_time(phone);
        let name = self.phones[phone].name.clone();
        if self.dice.chance(50) {
            self.phones[phone].device().discard_draft(draft_id).expect("there is such a draft");
            self.phones[phone].excused.insert(old);
            self.note(format!("{name} gives {old} up"));
            return self.tell(phone, Event::LocalEdit);
        }
        let drafts = self.phones[phone].device().drafts().expect("the store answers");
        let Some(draft) = drafts.into_iter().find(|draft| draft.id == draft_id) else { return };
        let Some((record, kind)) = self.records.iter().find(|(record, _)| *record == draft.record).copied() else { return };
        let view = self.phones[phone].device().get(record).expect("the store answers");
        let (is_new, row) = (view.is_none(), view.map(|view| view.row.fields).unwrap_or_default());
        if is_new && draft.facet != Facet::Main {
            return;
        }
        let id = self.ledger.new_id();
        let composed = self.compose(id, kind, draft.facet, &row, is_new);
        let seen = self.phones[phone].held(record, draft.facet).into_iter().map(|(id, _)| id).collect();
        let edits: &[FieldEdit] = &composed.edits;
        match self.phones[phone].device().retry_draft(now, draft_id, Some(edits)) {
            Ok(edited) if !edited.changes.is_empty() => {
                self.note(format!("{name} does {id} instead of {old} in {kind} {}: {:?}", short(&record), composed.edits));
                self.phones[phone].produced.insert(id);
                self.phones[phone].excused.insert(old);
                self.ledger.note(Intent { id, author: name, record, facet: draft.facet, acts: composed.acts, seen });
                self.note_on_the_past(phone, id, (record, draft.facet));
                self.tell(phone, Event::LocalEdit);
            }
            Ok(_) => drop(self.phones[phone].excused.insert(old)),
            Err(error) => self.note(format!("{name} may not do {id} instead of {old}: {error}")),
        }
    }

    /// I5: what was there before a crash is there after it.
    fn phone_dies(&mut self, phone: usize) {
        let ids = self.record_ids();
        let everything = |world: &Self| {
            let phone = &world.phones[phone];
            let documents = ids.iter().flat_map(|record| Facet::ALL.map(|facet| phone.changes(*record, facet)));
            (documents.collect::<Vec<_>>(), phone.drafts())
        };
        let before = everything(self);
        self.note(format!("{}'s phone dies", self.phones[phone].name));
        self.phones[phone].die();
        let seed = self.dice.bytes();
        self.phones[phone].start(seed);
        if everything(self) != before {
            self.fail("I5: after a crash the phone holds something else".to_owned());
        }
        self.tell(phone, Event::Started);
    }

    fn phone_restored(&mut self, phone: usize) {
        let ids = self.record_ids();
        let name = self.phones[phone].name.clone();
        // An older copy of one that was shut out would have to be shut out again.
        if self.phones[phone].leaves {
            return;
        }
        if self.phones[phone].backup.is_none() || self.dice.chance(40) {
            self.phones[phone].back_up(&ids);
            return self.note(format!("{name}'s phone is backed up"));
        }
        let (incarnation, seed) = (self.dice.bytes(), self.dice.bytes());
        let Some(backup) = self.phones[phone].restore(incarnation) else { return };
        self.note(format!("{name}'s phone is replaced by its backup"));
        let handset = &mut self.phones[phone];
        handset.start(seed);
        handset.excused.extend(handset.produced.difference(&backup.produced).copied().collect::<Vec<_>>());
        let rewritten = backup.pending.iter().filter(|id| self.ledger.rewritten.contains(id));
        self.ledger.uncertain.extend(rewritten);
        handset.doubled.extend(backup.pending);
        self.note_let_go(phone);
        self.tell(phone, Event::Started);
    }

    /// The back office changes somebody's role; the phone hears of it with its next welcome.
    fn promoted(&mut self, phone: usize) {
        let handset = &mut self.phones[phone];
        handset.role = if handset.role == "rep" { "manager" } else { "office" };
        let (name, role) = (handset.name.clone(), handset.role);
        self.note(format!("{name} is a {role} from now on"));
    }

    /// As [`Inner::promoted`], to a role that sees less.
    fn demoted(&mut self, phone: usize) {
        let role = *self.dice.pick(&["rep", "agent"]);
        let handset = &mut self.phones[phone];
        (handset.role, handset.demoted) = (role, true);
        let name = handset.name.clone();
        self.note(format!("{name} is a {role} from now on"));
    }

    /// The back office puts somebody into another team or territory, or under somebody else.
    fn somebody_moves(&mut self, phone: usize) {
        if !self.server.is_up() {
            return;
        }
        let (name, user) = (self.phones[phone].name.clone(), self.phones[phone].user);
        let field = *self.dice.pick(&["teams", "territories"]);
        let value = (*self.dice.pick(&AREAS)).to_owned();
        let other = RecordId(self.phones[self.dice.below(self.phones.len())].user.0);
        let edit = match self.dice.below(5) {
            0..3 => FieldEdit::Add { field: field.to_owned(), value },
            3 => FieldEdit::Remove { field: field.to_owned(), value },
            _ => FieldEdit::set("reports_to", other.to_string()),
        };
        self.note(format!("the office moves {name}: {edit:?}"));
        let edits = vec![FieldEdit::set("name", name.as_str()), edit];
        let edit = RecordEdit { kind: super::name(MEMBER_KIND), record: RecordId(user.0), edits, expect: Expect::Any };
        let moved = self.server.edit(UserId::of_cause("office"), edit, self.now, Fate::Commit);
        if !matches!(&moved, Outcome::Answered(Ok(edited)) if edited.iter().all(Result::is_ok)) {
            self.fail("I10: the office could not move somebody, without a cause".to_owned());
        }
    }

    fn clock_jumps(&mut self, phone: usize) {
        let skew = match self.dice.below(4) {
            0 => 0,
            1 => self.dice.between(-90 * SECOND, 90 * SECOND),
            2 => self.dice.between(-3 * DAY, 3 * DAY),
            _ => self.dice.between(-30 * YEAR, 80 * YEAR),
        };
        self.phones[phone].skew = skew;
        self.note(format!("{}'s clock is off by {skew} ms", self.phones[phone].name));
    }

    fn server_restored(&mut self) {
        if !self.server.is_up() {
            return;
        }
        if !self.server.has_backup() || self.dice.chance(40) {
            self.server.back_up();
            return self.note("the server is backed up".to_owned());
        }
        self.restore_server();
    }

    /// Peace: nothing goes wrong any more, everybody is online. It must become quiet, and stay so.
    pub fn settle(&mut self) {
        self.note("peace".to_owned());
        self.faults = Faults::default();
        if !self.server.is_up() {
            self.pass(30 * SECOND);
        }
        for phone in 0..self.phones.len() {
            if self.phones[phone].device.is_none() && !self.phones[phone].gone {
                let seed = self.dice.bytes();
                self.phones[phone].start(seed);
            }
            if self.phones[phone].connection.is_none() {
                self.connect(phone, false);
            }
        }
        // What is under way arrives; then everybody looks for news, as apps do when they are opened.
        for round in 0..4 {
            self.drain();
            if self.violation.is_some() {
                return;
            }
            self.check_nothing_waits(round);
            self.say_receipts();
            for phone in 0..self.phones.len() {
                self.tell(phone, Event::Wake);
            }
        }
        self.drain();
        self.check_nothing_waits(4);
        if self.violation.is_none() {
            self.check_quiet();
        }
    }

    /// Lets everything happen that is under way.
    pub fn drain(&mut self) {
        let mut frames = 0;
        while let Some(next) = self.next_at() {
            self.pass((next - self.now).max(0));
            frames += 1;
            if frames > FRAMES_MAX || self.violation.is_some() {
                let under_way = self.under_way();
                return self.fail(format!("liveness: it never becomes quiet: {under_way} frames are under way"));
            }
        }
    }

    /// Edits wait only for something that is under way.
    fn check_nothing_waits(&mut self, round: usize) {
        for phone in 0..self.phones.len() {
            if self.phones[phone].gone {
                continue;
            }
            let status = self.phones[phone].device().sync_status().expect("the store answers");
            if status.pending > 0 && self.phones[phone].stopped.is_none() {
                let name = self.phones[phone].name.clone();
                self.fail(format!(
                    "liveness: {} edits wait on {name}'s phone in peace, round {round}, and nothing is under way",
                    status.pending
                ));
            }
        }
    }
}
