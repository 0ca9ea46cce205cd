//! Stories: a world without faults, and handles that read like sentences.

use std::cell::RefCell;
use std::rc::Rc;

use rapport_server::intake::{Edited, Expect, RecordEdit};
use serde_json::Value as Json;
use sync_core::device::{Device, View};
use sync_core::engine::Event;
use sync_core::id::{Millis, RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use super::server::{Outcome, name};
use super::{Faults, Inner};

/// A world to tell a story in.
pub struct World(Rc<RefCell<Inner>>);

/// Somebody's phone in a story.
pub struct Phone {
    world: Rc<RefCell<Inner>>,
    index: usize,
}

impl World {
    /// A world in which nothing goes wrong by itself.
    pub fn new(seed: u64) -> Self {
        let mut inner = Inner::new(seed, Faults::default());
        inner.is_story = true;
        Self(Rc::new(RefCell::new(inner)))
    }

    /// The phones of two reps, offline until somebody syncs.
    pub fn two_phones(&mut self) -> (Phone, Phone) {
        (self.phone("ann", "rep"), self.phone("bo", "rep"))
    }

    /// A phone that belongs to somebody with a role.
    pub fn phone(&mut self, name: &str, role: &'static str) -> Phone {
        let index = self.0.borrow_mut().add_phone(name, role);
        Phone { world: Rc::clone(&self.0), index }
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Millis) {
        self.0.borrow_mut().pass(span);
    }

    /// Everybody comes online and says everything; then the whole promise is checked.
    ///
    /// # Panics
    /// With what broke.
    pub fn run_until_quiet(&mut self) {
        let mut world = self.0.borrow_mut();
        world.converge();
        let done = world.violation.clone();
        assert!(done.is_none(), "{}\n{}", done.unwrap_or_default(), world.trace.join("\n"));
    }

    /// The back office writes.
    pub fn office(&mut self, kind: &'static str, record: RecordId, edits: &[FieldEdit]) -> Edited {
        let mut world = self.0.borrow_mut();
        world.know(record, kind);
        let now = world.now;
        let edit = RecordEdit { kind: name(kind), record, edits: edits.to_vec(), expect: Expect::Any };
        let fate = rapport_server::intake::Fate::Commit;
        match world.server.edit(UserId::of_cause("office"), edit, now, fate) {
            Outcome::Answered(edited) | Outcome::Died(edited) => edited.expect("the server runs").remove(0),
        }
    }

    /// A field as the server shows it.
    pub fn shown(&self, record: RecordId, field: &str) -> Json {
        let row = self.0.borrow().server.row(record);
        let row = row.and_then(|row| row.facets[0].clone()).unwrap_or_else(|| "{}".to_owned());
        serde_json::from_str::<Json>(&row).expect("a row")[field].clone()
    }

    /// How many changes the server keeps.
    pub fn head(&self) -> u64 {
        self.0.borrow().server.head()
    }

    /// Keeps a copy of the server.
    pub fn back_up_server(&mut self) {
        self.0.borrow_mut().server.back_up();
    }

    /// The server is replaced by its copy.
    pub fn restore_server(&mut self) {
        self.0.borrow_mut().restore_server();
    }

    /// A record is erased for good.
    pub fn erase(&mut self, record: RecordId) {
        self.0.borrow_mut().erase(record);
    }

    /// Everything that happened.
    pub fn trace(&self) -> Vec<String> {
        self.0.borrow().trace.clone()
    }
}

impl Inner {
    fn know(&mut self, record: RecordId, kind: &'static str) {
        if !self.records.iter().any(|(known, _)| *known == record) {
            self.records.push((record, kind));
        }
    }

    fn converge(&mut self) {
        for _ in 0..3 {
            for phone in 0..self.phones.len() {
                self.connect(phone, false);
            }
            self.drain();
            self.say_receipts();
        }
        (0..self.phones.len()).for_each(|phone| self.disconnect(phone));
        self.check_quiet();
    }
}

impl Phone {
    /// Runs a call on the device.
    pub fn with<T>(&self, call: impl FnOnce(&mut Device, Millis) -> T) -> T {
        let mut world = self.world.borrow_mut();
        // Each act of a person takes a moment.
        world.pass(1);
        let now = world.phone_time(self.index);
        call(world.phones[self.index].device(), now)
    }

    /// Makes a record.
    pub fn create(&self, kind: &'static str, edits: &[FieldEdit]) -> RecordId {
        let record = self.with(|device, now| device.create(now, kind, edits)).expect("it is allowed").record;
        self.world.borrow_mut().know(record, kind);
        self.world.borrow_mut().tell(self.index, Event::LocalEdit);
        record
    }

    /// Edits a record.
    pub fn edit(&self, record: RecordId, edits: impl IntoEdits) {
        self.try_edit(record, edits).expect("it is allowed");
    }

    /// Edits a record, if that is allowed.
    ///
    /// # Errors
    /// As the device says.
    pub fn try_edit(&self, record: RecordId, edits: impl IntoEdits) -> Result<sync_core::engine::Edited, sync_core::engine::EditError> {
        let kind = self.world.borrow().records.iter().find(|(known, _)| *known == record).expect("a record of the story").1;
        let edited = self.with(|device, now| device.edit(now, kind, record, &edits.into_edits()))?;
        self.world.borrow_mut().tell(self.index, Event::LocalEdit);
        Ok(edited)
    }

    /// Goes online, until everything under way has arrived, and offline again.
    pub fn sync(&self) {
        let mut world = self.world.borrow_mut();
        world.connect(self.index, false);
        world.drain();
        assert!(world.violation.is_none(), "{}", world.trace.join("\n"));
        world.disconnect(self.index);
    }

    /// A record as it reads here.
    pub fn view(&self, record: RecordId) -> Option<View> {
        self.with(|device, _| device.get(record)).expect("the store answers")
    }

    /// A field as it reads here.
    pub fn field(&self, record: RecordId, field: &str) -> Json {
        self.view(record).and_then(|view| view.row.fields.get(field).cloned()).unwrap_or_default()
    }

    /// The notes of a record.
    pub fn text(&self, record: RecordId) -> String {
        self.field(record, "notes").as_str().unwrap_or_default().to_owned()
    }

    /// What people disagree on in a record.
    pub fn disagreements(&self, record: RecordId) -> usize {
        self.view(record).map_or(0, |view| view.conflicts.len())
    }

    /// The phone is shut out: it delivers what it has not sent, and forgets everything.
    pub fn shut_out(&self) {
        self.world.borrow_mut().revoked(self.index);
    }

    /// Keeps a copy of the phone.
    pub fn back_up(&self) {
        let mut world = self.world.borrow_mut();
        let ids = world.record_ids();
        world.phones[self.index].back_up(&ids);
    }

    /// The phone is replaced by its copy.
    pub fn restore(&self) {
        let mut world = self.world.borrow_mut();
        let (incarnation, seed) = (world.dice.bytes(), world.dice.bytes());
        world.phones[self.index].restore(incarnation).expect("a copy");
        world.phones[self.index].start(seed);
    }

    /// The process dies and starts again.
    pub fn die(&self) {
        let mut world = self.world.borrow_mut();
        let seed = world.dice.bytes();
        world.phones[self.index].die();
        world.phones[self.index].start(seed);
    }

    /// Sets the clock wrong.
    pub fn set_clock_off_by(&self, millis: Millis) {
        self.world.borrow_mut().phones[self.index].skew = millis;
    }
}

/// One edit or several.
pub trait IntoEdits {
    /// As a list.
    fn into_edits(self) -> Vec<FieldEdit>;
}

impl IntoEdits for FieldEdit {
    fn into_edits(self) -> Vec<FieldEdit> {
        vec![self]
    }
}

impl IntoEdits for &[FieldEdit] {
    fn into_edits(self) -> Vec<FieldEdit> {
        self.to_vec()
    }
}

impl<const N: usize> IntoEdits for [FieldEdit; N] {
    fn into_edits(self) -> Vec<FieldEdit> {
        self.to_vec()
    }
}

/// Writes a value.
pub fn set(field: &str, value: impl Into<Json>) -> FieldEdit {
    FieldEdit::set(field, value)
}

/// Types at the end of the notes.
pub fn append(insert: &str) -> FieldEdit {
    splice(usize::MAX, insert)
}

/// Types into the notes.
pub fn splice(at: usize, insert: &str) -> FieldEdit {
    FieldEdit::Splice { field: "notes".to_owned(), at, delete: 0, insert: insert.to_owned() }
}
