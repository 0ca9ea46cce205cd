//! Another house on the same server: somebody's phone and records, to which nothing may happen and of which nothing may come
//! here.

use std::collections::BTreeMap;

use rapport_server::intake::Fate;
use rapport_server::sync::{Speaker, Unasked};
use sync_core::device::{Device, Opening};
use sync_core::engine::{Effect, Event};
use sync_core::id::{DeviceId, Facet, Millis, RecordId, UserId};
use sync_core::protocol::{self, Delivered, Enrolled, Entry, Message, PAGE_BYTES, Pull, Pushed};
use sync_core::record::Stored;
use sync_core::record::doc::Doc;
use sync_core::record::fields::FieldEdit;
use sync_core::record::history::document;
use sync_core::schema::Kind;
use sync_core::store::Place;

use super::hostile::{Trick, pushed_alone, put};
use super::server::{Outcome, Server, elsewhere, speaker_in, workspace};
use super::{Inner, short};

/// In everything that is there.
const CANARY: &str = "known to nobody here";

/// A phone next door, and what there is.
pub(super) struct Elsewhere {
    device: Device,
    records: Vec<RecordId>,
    /// What its device was sent: Mallory has it from somebody.
    known: Vec<Delivered>,
    rows: BTreeMap<String, Vec<String>>,
}

impl Elsewhere {
    fn new(server: &mut Server, seed: [u8; 32], now: Millis) -> Self {
        let opening = Opening { place: Place::Memory, app: "world 1".to_owned(), incarnation: [9; 16], seed };
        let mut device = Device::open(&opening).expect("the phone's store opens");
        let Speaker { reader, device: id } = Self::speaker();
        let (workspace, user, role) = (reader.workspace, reader.user, "office".to_owned());
        let enrolled = Enrolled { token: "token".to_owned(), device: id, workspace, user, role, epoch: vec![1; 16], server_time: now };
        device.enrol(now, &enrolled).expect("a new phone is enrolled");
        let mut records = Vec::new();
        for (kind, title) in [("party", "name"), ("deal", "title"), ("article", "title")] {
            let made = device.create(now, kind, &[FieldEdit::set(title, CANARY)]).expect("it is allowed");
            records.push(made.record);
        }
        device.edit(now, "party", records[0], &[FieldEdit::set("id_number", CANARY)]).expect("it is allowed");
        let mut new = Self { device, records, known: Vec::new(), rows: BTreeMap::new() };
        new.sync(server, now);
        let pull = protocol::encode_frame(&[Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() })]);
        let pages = protocol::decode_frame(&Self::say(server, &pull, now)).expect("a frame").into_iter();
        let entries = pages.flat_map(|message| if let Message::Page(page) = message { page.entries } else { Vec::new() });
        new.known = entries.filter_map(|entry| if let Entry::Change(change) = entry { Some(change) } else { None }).collect();
        new.rows = server.rows_of(elsewhere());
        new
    }

    fn speaker() -> Speaker {
        speaker_in(elsewhere(), UserId::of_cause("zoe"), "office", DeviceId::of_cause("zoe's phone"))
    }

    fn say(server: &mut Server, frame: &[u8], now: Millis) -> Vec<u8> {
        match server.answer(&Self::speaker(), frame, &mut Unasked::default(), now, Fate::Commit) {
            Outcome::Answered(answer) | Outcome::Died(answer) => answer,
        }
    }

    fn tell(&mut self, now: Millis, event: Event) -> Vec<Vec<u8>> {
        let effects = self.device.handle(now, event).into_iter();
        effects.filter_map(|effect| if let Effect::Send(frame) = effect { Some(frame) } else { None }).collect()
    }

    /// Says all that there is to say, and hears all that there is to hear.
    fn sync(&mut self, server: &mut Server, now: Millis) {
        let mut frames = self.tell(now, Event::NetworkUp { live: false });
        while !frames.is_empty() {
            let answer = Self::say(server, &frames.remove(0), now);
            frames.extend(self.tell(now, Event::Received(answer)));
        }
        self.tell(now, Event::NetworkDown);
    }

    /// Whether it is as it was, and goes on.
    fn check(&mut self, server: &mut Server, now: Millis) -> Result<(), String> {
        let rows = server.rows_of(elsewhere());
        if let Some((table, now)) = rows.iter().find(|(table, rows)| self.rows.get(*table) != Some(rows)) {
            return Err(format!("I8: `{table}` of another house was {:?} and is {now:?}", self.rows.get(table)));
        }
        let hex: String = CANARY.bytes().map(|byte| format!("{byte:02X}")).collect();
        let here = server.rows_of(workspace());
        if let Some((table, row)) = here
            .iter()
            .flat_map(|(table, rows)| rows.iter().map(move |row| (table, row)))
            .find(|(_, row)| row.contains(CANARY) || row.contains(&hex))
        {
            return Err(format!("I8: `{table}` has something of another house: {row}"));
        }
        let edits = [FieldEdit::set("name", format!("{CANARY}, still"))];
        self.device.edit(now, "party", self.records[0], &edits).map_err(|error| format!("another house cannot work: {error}"))?;
        self.sync(server, now);
        let status = self.device.sync_status().expect("the store answers");
        let is_well = status.pending == 0 && status.drafts == 0 && self.device.quarantined().expect("the store answers").is_empty();
        if is_well { Ok(()) } else { Err(format!("another house cannot work: {status:?}")) }
    }
}

impl Inner {
    /// Somebody works next door.
    pub(super) fn open_elsewhere(&mut self) {
        let seed = self.dice.bytes();
        self.elsewhere = Some(Elsewhere::new(&mut self.server, seed, self.now));
    }

    /// What Mallory has of the other house.
    pub(super) fn elsewhere_known(&self) -> &[Delivered] {
        self.elsewhere.as_ref().map_or(&[][..], |elsewhere| &elsewhere.known[..])
    }

    /// A change that is of the other house, in one way or another.
    pub(super) fn of_another_house(&self, trick: Trick, (record, kind): (RecordId, &Kind), doc: &Doc) -> Pushed {
        let first = self.elsewhere_known().first().expect("it is open where somebody is hostile");
        let copy = Delivered::clone(first);
        let (own, now) = (trick.pen(), self.now);
        match trick {
            Trick::OtherHousePen => {
                let theirs = sync_core::record::change::Change::read(&copy.body).expect("it was accepted").actor;
                pushed_alone((&*kind.name, record, Facet::Main), doc, theirs, now, put(&kind.title, "evil"))
            }
            Trick::OtherHouseRecord => {
                let kind = Self::kind(&copy.kind);
                let (doc, _) = document(kind, &[stored(&copy)]);
                pushed_alone((&*kind.name, copy.record, copy.facet), &doc, own, now, put(&kind.title, "evil"))
            }
            _ => Pushed { kind: copy.kind, record: copy.record, facet: copy.facet, hash: copy.hash, body: copy.body },
        }
    }

    /// The other house is as it was, and nothing of it is here.
    pub(super) fn check_elsewhere(&mut self) -> Result<(), String> {
        let Some(mut elsewhere) = self.elsewhere.take() else { return Ok(()) };
        let holder = |record: &RecordId| {
            self.phones.iter().find(|phone| Facet::ALL.into_iter().any(|facet| !phone.changes(*record, facet).is_empty()))
        };
        if let Some((record, phone)) = elsewhere.records.iter().find_map(|record| Some((record, holder(record)?))) {
            return Err(format!("I8: {} holds {} of another house", phone.name, short(record)));
        }
        elsewhere.check(&mut self.server, self.now)
    }
}

fn stored(given: &Delivered) -> Stored {
    let Delivered { position, kind, record, facet, hash, user, device, received_at, body, .. } = given.clone();
    Stored { position: Some(position), kind, record, facet, hash, user, device, received_at: Some(received_at), body }
}
