//! A phone of a world: a real device over a real file, with a host that a dice plays.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rapport_server::sync::{Speaker, Unasked};
use sync_core::device::{Device, Opening};
use sync_core::engine::Stopped;
use sync_core::id::{ChangeHash, DeviceId, Facet, Millis, RecordId, UserId};
use sync_core::protocol::Enrolled;
use sync_core::record::Stored;
use sync_core::record::change::Change;
use sync_core::store::Place;

use super::desk::TurnedDown;
use super::server::{speaker, workspace};
use crate::compose::intent_of;
use crate::model::{Held, IntentId};

/// A connection as the host sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Frames of other connections are not for this one.
    pub number: u64,
    /// Whether it stays open.
    pub live: bool,
}

/// An older copy of a phone.
#[derive(Debug, Clone)]
pub struct Backup {
    /// The files.
    pub path: PathBuf,
    /// What its owner had done by then.
    pub produced: BTreeSet<IntentId>,
    /// What waited to be sent then.
    pub pending: BTreeSet<IntentId>,
}

/// One phone.
pub struct Handset {
    /// Whose.
    pub name: String,
    /// What the owner may do.
    pub role: &'static str,
    /// Whether it may still hold what an earlier role let it see, until it has synchronised.
    pub demoted: bool,
    /// The owner.
    pub user: UserId,
    /// The device.
    pub id: DeviceId,
    /// The app, while it runs.
    pub device: Option<Device>,
    /// The database file.
    pub path: PathBuf,
    generation: u32,
    incarnation: [u8; 16],
    /// Its clock minus the world's.
    pub skew: Millis,
    /// Its connection.
    pub connection: Option<Connection>,
    /// Requests that it waits for.
    pub open: BTreeSet<u64>,
    /// When its timer goes off, in the world's time: timers do not follow a clock that jumps.
    pub timer: Option<Millis>,
    /// Edits that it was told are not accepted, and that are still among those that wait.
    pub turned_down: Vec<TurnedDown>,
    /// Why it sends no more.
    pub stopped: Option<Stopped>,
    /// What the server knows of its open connection.
    pub unasked: Unasked,
    /// The last arrival at either end of an open connection: frames keep their order there.
    pub last_up: Millis,
    /// As `last_up`, downwards.
    pub last_down: Millis,
    /// What the owner did.
    pub produced: BTreeSet<IntentId>,
    /// What the owner gave up, or lost with a phone that was replaced.
    pub excused: BTreeSet<IntentId>,
    /// What may be there twice: it was sent by two copies of the phone.
    pub doubled: BTreeSet<IntentId>,
    /// An older copy.
    pub backup: Option<Backup>,
    /// Whether it was shut out: it delivers what it has not sent, and forgets everything then.
    pub leaves: bool,
    /// Whether it has.
    pub gone: bool,
    /// Its word that it has, until the server knows.
    pub receipt: Option<Vec<u8>>,
}

impl Handset {
    /// A phone that is enrolled.
    pub fn new(folder: &Path, name: &str, role: &'static str, now: Millis, seed: [u8; 32]) -> Self {
        let (user, id) = (UserId::of_cause(name), DeviceId::of_cause(&format!("{name}'s phone")));
        let mut phone = Self {
            name: name.to_owned(),
            role,
            demoted: false,
            user,
            id,
            device: None,
            path: folder.join(format!("{name}-0.db")),
            generation: 0,
            incarnation: [0; 16],
            skew: 0,
            connection: None,
            open: BTreeSet::new(),
            timer: None,
            turned_down: Vec::new(),
            stopped: None,
            unasked: Unasked::default(),
            last_up: 0,
            last_down: 0,
            produced: BTreeSet::new(),
            excused: BTreeSet::new(),
            doubled: BTreeSet::new(),
            backup: None,
            leaves: false,
            gone: false,
            receipt: None,
        };
        phone.start(seed);
        let enrolled = Enrolled {
            token: "token".to_owned(),
            device: id,
            workspace: workspace(),
            user,
            role: role.to_owned(),
            epoch: vec![1; 16],
            server_time: now,
        };
        phone.device().enrol(now, &enrolled).expect("a new phone is enrolled");
        phone
    }

    /// The app, which runs.
    pub fn device(&mut self) -> &mut Device {
        self.device.as_mut().expect("the app runs")
    }

    /// Who it is to the server.
    pub fn speaker(&self) -> Speaker {
        speaker(self.user, self.role, self.id)
    }

    /// Starts the app.
    pub fn start(&mut self, seed: [u8; 32]) {
        let place = Place::File(self.path.clone());
        let opening = Opening { place, app: "world 1".to_owned(), incarnation: self.incarnation, seed };
        self.device = Some(Device::open(&opening).expect("the phone's store opens"));
    }

    /// The process dies: what it had in memory is gone, and nothing is closed in order.
    pub fn die(&mut self) {
        let next = self.next_path();
        copy_database(&self.path, &next);
        self.device = None;
        remove_database(&self.path);
        self.path = next;
        self.forget_network();
    }

    /// Keeps a copy of the phone.
    pub fn back_up(&mut self, records: &[RecordId]) {
        let path = self.path.with_extension("backup");
        remove_database(&path);
        copy_database(&self.path, &path);
        let pending = self.pending(records);
        self.backup = Some(Backup { path, produced: self.produced.clone(), pending });
    }

    /// The phone is replaced by its older copy: another installation.
    pub fn restore(&mut self, incarnation: [u8; 16]) -> Option<Backup> {
        let backup = self.backup.take()?;
        let next = self.next_path();
        self.device = None;
        remove_database(&self.path);
        copy_database(&backup.path, &next);
        self.path = next;
        self.incarnation = incarnation;
        self.forget_network();
        self.turned_down.clear();
        Some(backup)
    }

    fn next_path(&mut self) -> PathBuf {
        self.generation += 1;
        self.path.with_file_name(format!("{}-{}.db", self.name, self.generation))
    }

    fn forget_network(&mut self) {
        (self.connection, self.timer, self.unasked) = (None, None, Unasked::default());
        self.open.clear();
    }

    /// The changes of a document that the phone holds.
    pub fn changes(&self, record: RecordId, facet: Facet) -> Vec<Stored> {
        self.device.as_ref().map(|device| device.changes(record, facet).expect("the store answers")).unwrap_or_default()
    }

    /// The intents of a document that the phone holds.
    pub fn held(&self, record: RecordId, facet: Facet) -> Vec<Held> {
        held_in(&self.changes(record, facet))
    }

    /// The intents that wait for the server, among these records.
    pub fn pending(&self, records: &[RecordId]) -> BTreeSet<IntentId> {
        let documents = records.iter().flat_map(|record| Facet::ALL.map(|facet| (*record, facet)));
        let waiting = |(record, facet)| self.changes(record, facet).into_iter().filter(|change| change.received_at.is_none());
        documents.flat_map(waiting).filter_map(|change| Some(held_by(&change)?.0)).collect()
    }

    /// The intents that were turned down and are kept.
    pub fn drafts(&self) -> BTreeMap<IntentId, i64> {
        let Some(device) = &self.device else { return BTreeMap::new() };
        let drafts = device.drafts().expect("the store answers");
        drafts.iter().filter_map(|draft| Some((intent_of(&Change::read(&draft.body).ok()?)?, draft.id))).collect()
    }
}

/// The intents in some changes, with the time that each bears; and those that they are what is left of.
pub fn held_in(changes: &[Stored]) -> Vec<Held> {
    changes.iter().filter_map(held_by).chain(changes.iter().flat_map(held_before)).collect()
}

thread_local! {
    /// What was read from a change, by its bytes: a world asks for the same few hundred again and again.
    static HELD: RefCell<HashMap<Vec<u8>, Option<Held>>> = RefCell::default();
    /// The changes that were written in the place of others: what is left of an intent does not always bear its name.
    static RENEWED: RefCell<HashMap<ChangeHash, Renewed>> = RefCell::default();
}

/// A change in the place of another one.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The intent that it is what is left of.
    pub held: Option<Held>,
    /// Intents of which nothing is left: the first change of a document has them.
    pub gone: Vec<Held>,
}

/// Keeps what a change is what is left of. No two worlds have one.
pub fn renewed(hash: ChangeHash, renewed: Renewed) {
    RENEWED.with_borrow_mut(|known| known.insert(hash, renewed));
}

fn held_before(stored: &Stored) -> Vec<Held> {
    RENEWED.with_borrow(|known| known.get(&stored.hash).map(|renewed| renewed.gone.clone()).unwrap_or_default())
}

/// The intent of a change, with the time that it bears.
pub fn held_by(stored: &Stored) -> Option<Held> {
    /// More than any world has; the next world starts over.
    const REMEMBERED: usize = 4_096;
    if let Some(held) = RENEWED.with_borrow(|known| known.get(&stored.hash).map(|renewed| renewed.held)) {
        return held;
    }
    HELD.with_borrow_mut(|known| {
        if known.len() > REMEMBERED {
            known.clear();
        }
        let read = || Change::read(&stored.body).ok().and_then(|change| Some((intent_of(&change)?, change.time)));
        *known.entry(stored.body.clone()).or_insert_with(read)
    })
}

const FILES: [&str; 2] = ["", "-wal"];

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn copy_database(from: &Path, to: &Path) {
    for suffix in FILES {
        let file = with_suffix(from, suffix);
        if file.exists() {
            std::fs::copy(file, with_suffix(to, suffix)).expect("a copy");
        }
    }
}

fn remove_database(path: &Path) {
    for suffix in FILES.into_iter().chain(["-shm"]) {
        std::fs::remove_file(with_suffix(path, suffix)).ok();
    }
}
