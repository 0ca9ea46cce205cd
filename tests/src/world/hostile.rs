//! Mallory: a rep with an enrolled phone and a program of her own.
//!
//! Each trick breaks one rule and nothing else, so that only the guard of that rule stands in its way.

use rapport_server::intake::Fate;
use rapport_server::sync::{Speaker, Unasked};
use sync_core::access::{Action, Level, Roles};
use sync_core::id::{ActorId, ChangeHash, DeviceId, Facet, Millis, RecordId, UserId};
use sync_core::protocol::{
    self, CAPABILITIES, Delivered, Entry, Hello, Message, Offer, PAGE_BYTES, PROTOCOL_VERSION, Pull, Push, Pushed, Verdict,
};
use sync_core::record::change::{Change, Op, OpRef};
use sync_core::record::doc::{Doc, Edit};
use sync_core::record::history::document;
use sync_core::schema::{Kind, ValueType};
use sync_core::value::Scalar;

use super::server::{Outcome, name, speaker};
use super::{Inner, short};

/// What Mallory tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// One bit of a good change is another.
    FlippedBit,
    /// Signed by somebody else's device.
    ForeignActor,
    /// Her change number three without number two.
    MissingNumber,
    /// A counter that does not follow from what it follows.
    WrongCounter,
    /// Replaces something that was never written.
    UnseenOperation,
    /// A field that no kind has.
    UnknownField,
    /// A field that only the server computes.
    DerivedField,
    /// What reps may not even read.
    ForeignFacet,
    /// Takes back what is for good.
    Unarchive,
    /// Names an actor that nothing refers to: another form of the same change.
    UnusedActor,
    /// A number with more bytes than it needs: another form of the same change.
    LongNumber,
    /// Dated next year.
    Ahead,
    /// Dated 1999.
    Ancient,
    /// Somebody's change of one record, sent for another.
    OtherRecord,
    /// No frame at all.
    Noise,
    /// Says hello in somebody else's name.
    ForeignHello,
    /// Gives back what she was given, as another record's: only its seal is in her way.
    ForgedOffer,
    /// Another change under a number that is taken. The first one is hers to make.
    Fork,
    /// Goes on with a record of another house, whose changes she has from somebody.
    OtherHouseRecord,
    /// A change of another house, as it is.
    OtherHouseCopy,
    /// Signed by a pen of another house.
    OtherHousePen,
    /// What another house has sealed.
    OtherHouseOffer,
    /// Begins a generation that the record never had.
    LaterGeneration,
    /// Begins one behind what is there.
    MiddleGeneration,
    /// Goes on with what was forgotten.
    PastGeneration,
    /// A record that she does not see; of this and the following as an agent, who sees only what is hers.
    OutOfSight,
    /// The same without having seen anything of it.
    OutOfSightBlind,
    /// A part of it that her role does not read.
    OutOfSightFacet,
    /// Makes it hers.
    OutOfSightOwner,
    /// Says that it is something else.
    OutOfSightKind,
}

/// All tricks.
pub const TRICKS: [Trick; 30] = [
    Trick::FlippedBit,
    Trick::ForeignActor,
    Trick::MissingNumber,
    Trick::WrongCounter,
    Trick::UnseenOperation,
    Trick::UnknownField,
    Trick::DerivedField,
    Trick::ForeignFacet,
    Trick::Unarchive,
    Trick::UnusedActor,
    Trick::LongNumber,
    Trick::Ahead,
    Trick::Ancient,
    Trick::OtherRecord,
    Trick::Noise,
    Trick::ForeignHello,
    Trick::ForgedOffer,
    Trick::Fork,
    Trick::OtherHouseRecord,
    Trick::OtherHouseCopy,
    Trick::OtherHousePen,
    Trick::OtherHouseOffer,
    Trick::LaterGeneration,
    Trick::MiddleGeneration,
    Trick::PastGeneration,
    Trick::OutOfSight,
    Trick::OutOfSightBlind,
    Trick::OutOfSightFacet,
    Trick::OutOfSightOwner,
    Trick::OutOfSightKind,
];

const DAY: i64 = 86_400_000;

impl Trick {
    /// What the server may say to it, each of its answers.
    fn reasons(self) -> &'static [&'static str] {
        match self {
            Trick::FlippedBit | Trick::UnusedActor | Trick::LongNumber | Trick::Ancient => &["malformed"],
            Trick::ForeignActor | Trick::OtherRecord | Trick::OtherHouseCopy | Trick::OtherHousePen => &["foreign_actor"],
            Trick::MissingNumber | Trick::OtherHouseRecord | Trick::MiddleGeneration => &["waiting"],
            Trick::PastGeneration => &["forgotten"],
            Trick::WrongCounter => &["inadmissible"],
            Trick::UnseenOperation => &["malformed", "inadmissible"],
            Trick::UnknownField | Trick::LaterGeneration => &["unknown_field"],
            // Where a kind has none, it is one that no kind has.
            Trick::DerivedField => &["bad_value", "unknown_field"],
            Trick::ForeignFacet => &["forbidden", "unknown_field"],
            Trick::Unarchive => &["forbidden"],
            Trick::Ahead => &["ahead"],
            Trick::Noise => &["bad_frame"],
            // Where nobody has spoken yet, she says nothing.
            Trick::ForeignHello => &["foreign_actor", "bad_frame"],
            Trick::ForgedOffer | Trick::OtherHouseOffer => &["seal"],
            Trick::Fork => &["accepted", "fork"],
            Trick::OutOfSight | Trick::OutOfSightBlind | Trick::OutOfSightFacet => &["forbidden"],
            Trick::OutOfSightOwner | Trick::OutOfSightKind => &["forbidden"],
        }
    }

    /// Whether it aims at what she does not see.
    fn is_out_of_sight(self) -> bool {
        use Trick::{OutOfSight, OutOfSightBlind, OutOfSightFacet, OutOfSightKind, OutOfSightOwner};
        matches!(self, OutOfSight | OutOfSightBlind | OutOfSightFacet | OutOfSightOwner | OutOfSightKind)
    }

    fn role(self) -> &'static str {
        if self.is_out_of_sight() { "agent" } else { "rep" }
    }

    /// Who tries it: each role has a device of its own.
    fn speaker(self) -> Speaker {
        speaker(UserId::of_cause("mallory"), self.role(), DeviceId::of_cause(&format!("mallory's, as a {}", self.role())))
    }

    /// Her own pen.
    pub(super) fn pen(self) -> ActorId {
        ActorId(*if self.is_out_of_sight() { b"mallory's second" } else { b"mallory's actor." })
    }
}

/// What an answer says to a change or a frame: nothing where it says nothing of either.
fn said(message: &Message) -> Vec<(String, bool)> {
    let one = |verdict: &Verdict| match verdict {
        Verdict::Accepted { .. } => ("accepted".to_owned(), true),
        Verdict::Duplicate { .. } => ("duplicate".to_owned(), true),
        Verdict::Rejected { code, message, message_zh, .. } => (code.clone(), !message.is_empty() && !message_zh.is_empty()),
        Verdict::Held { .. } => ("held".to_owned(), true),
        Verdict::ActorFork { .. } => ("fork".to_owned(), true),
        waiting @ Verdict::Waiting { .. } if waiting.is_forgotten() => ("forgotten".to_owned(), true),
        Verdict::Waiting { .. } => ("waiting".to_owned(), true),
    };
    match message {
        Message::Verdicts(verdicts) => verdicts.verdicts.iter().map(one).collect(),
        Message::Refused(refused) => vec![(refused.code.clone(), !refused.message.is_empty())],
        _ => Vec::new(),
    }
}

impl Inner {
    /// Mallory tries something with a record that the server has.
    pub fn hostile(&mut self) {
        if !self.server.is_up() {
            return;
        }
        let trick = *self.dice.pick(&TRICKS);
        let is_hidden = |kind: &str| Roles::builtin().level(trick.role(), Self::kind(kind), Action::Read) < Level::All;
        let has_past = |record| trick != Trick::PastGeneration || self.pasts.main_of(record).is_some();
        let is_aim = |(record, kind): &(RecordId, &'static str)| {
            (!trick.is_out_of_sight() || is_hidden(kind)) && has_past(*record) && !self.server.changes(*record, Facet::Main).is_empty()
        };
        let known: Vec<(RecordId, &'static str)> = self.records.iter().filter(|record| is_aim(record)).copied().collect();
        if known.is_empty() {
            return;
        }
        let (record, kind) = *self.dice.pick(&known);
        let messages = self.trick(trick, record, Self::kind(kind));
        let frame = if trick == Trick::Noise { self.noise() } else { protocol::encode_frame(&messages) };
        let answers = self.tell_mallory(trick, &frame);
        self.note(format!("mallory tries {trick:?} on {kind} {}: {answers:?}", short(&record)));
        let said: Vec<(String, bool)> = answers.iter().flat_map(said).collect();
        // An archived record takes nothing, whatever else is wrong with it.
        let is_reason = |word: &String| trick.reasons().contains(&&**word) || word == "archived" && !trick.is_out_of_sight();
        let wrong = said.iter().find(|(word, is_told)| !is_told || !is_reason(word));
        let admitted = said.iter().filter(|(word, _)| word == "accepted").count() > usize::from(trick == Trick::Fork);
        if wrong.is_some() || admitted || said.is_empty() && !messages.is_empty() && trick != Trick::ForgedOffer {
            self.check_now();
            self.fail(format!("the server said {said:?} to mallory's {trick:?}"));
        }
        if trick.is_out_of_sight() && self.given(trick).iter().any(|given| given.record == record) {
            self.fail(format!("I8: mallory is given {kind} {}, which she does not see", short(&record)));
        }
    }

    fn tell_mallory(&mut self, trick: Trick, frame: &[u8]) -> Vec<Message> {
        match self.server.answer(&trick.speaker(), frame, &mut Unasked::default(), self.now, Fate::Commit) {
            Outcome::Answered(answer) | Outcome::Died(answer) => protocol::decode_frame(&answer).unwrap_or_default(),
        }
    }

    /// What the server gives her of records.
    fn given(&mut self, trick: Trick) -> Vec<Delivered> {
        let pull = protocol::encode_frame(&[Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() })]);
        let pages = self.tell_mallory(trick, &pull);
        let entries = pages.into_iter().flat_map(|message| if let Message::Page(page) = message { page.entries } else { Vec::new() });
        entries.filter_map(|entry| if let Entry::Change(change) = entry { Some(change) } else { None }).collect()
    }

    fn noise(&mut self) -> Vec<u8> {
        let mut noise: Vec<u8> = (0..self.dice.below(300)).map(|_| self.dice.roll() as u8).collect();
        if let Some(first) = noise.first_mut() {
            *first %= 3;
        }
        noise
    }

    fn trick(&mut self, trick: Trick, record: RecordId, kind: &Kind) -> Vec<Message> {
        let own = trick.pen();
        let changes = self.server.changes(record, Facet::Main);
        let past = self.pasts.main_of(record).filter(|_| trick == Trick::PastGeneration);
        let (doc, _) = document(kind, past.unwrap_or(&changes));
        let offering = |offered: Option<Delivered>| Message::Offer(Offer { batch: 1, changes: offered.into_iter().collect() });
        let pushed = match trick {
            Trick::ForeignHello => {
                // The name under which a phone has spoken; the server's own pen is nobody's to steal either way.
                let spoken = changes.iter().find(|stored| self.phones.iter().any(|phone| phone.id == stored.device));
                let stolen = spoken.and_then(|stored| Change::read(&stored.body).ok()).map(|change| change.actor);
                return stolen.map(hello).into_iter().collect();
            }
            Trick::ForgedOffer => {
                let offered =
                    self.given(trick).into_iter().find(|given| Change::read(&given.body).is_ok_and(|change| change.deps.is_empty()));
                let record = RecordId::of_cause("mallory's offer");
                return vec![hello(own), offering(offered.map(|given| Delivered { record, ..given }))];
            }
            Trick::OtherHouseOffer => return vec![hello(own), offering(self.elsewhere_known().first().cloned())],
            Trick::Fork => self.fork(own),
            Trick::OtherHouseRecord | Trick::OtherHouseCopy | Trick::OtherHousePen => {
                vec![self.of_another_house(trick, (record, kind), &doc)]
            }
            Trick::OutOfSight | Trick::OutOfSightBlind | Trick::OutOfSightFacet | Trick::OutOfSightOwner | Trick::OutOfSightKind => {
                vec![self.out_of_sight(trick, (record, kind), &doc)]
            }
            Trick::OtherRecord => {
                let (first, record) = (&changes[0], RecordId::of_cause("mallory's record"));
                vec![Pushed { kind: kind.name.clone(), record, facet: Facet::Main, hash: first.hash, body: first.body.clone() }]
            }
            _ => {
                let (body, hash, facet) = self.forge(trick, own, &doc, kind);
                vec![Pushed { kind: kind.name.clone(), record, facet, hash, body }]
            }
        };
        vec![hello(own), Message::Push(Push { batch: 1, changes: pushed })]
    }

    /// Two records of hers in one: both are the first change of it.
    fn fork(&mut self, own: ActorId) -> Vec<Pushed> {
        let (record, now) = (RecordId::new(self.now, self.dice.bytes()), self.now);
        let first = |name: &str| pushed_alone(("party", record, Facet::Main), &Doc::default(), own, now, put("name", name));
        vec![first("evil"), first("more evil")]
    }

    /// A record that she does not see, which somebody told her of.
    fn out_of_sight(&mut self, trick: Trick, (record, kind): (RecordId, &Kind), doc: &Doc) -> Pushed {
        let (blind, title) = (Doc::default(), || put(&kind.title, "evil"));
        let hidden = kind.fields.iter().find(|field| field.facet != Facet::Main && field.value == ValueType::String);
        let main = (&*kind.name, record, Facet::Main);
        let (document, doc, edit) = match (trick, hidden, &kind.owner) {
            (Trick::OutOfSightFacet, Some(field), _) => ((&*kind.name, record, field.facet), &blind, put(&field.name, "evil")),
            (Trick::OutOfSightOwner, _, Some(owner)) => (main, doc, put(owner, &UserId::of_cause("mallory").to_string())),
            (Trick::OutOfSightKind, ..) if &*kind.name == "deal" => (("party", record, Facet::Main), &blind, put("name", "evil")),
            (Trick::OutOfSightKind, ..) => (("deal", record, Facet::Main), &blind, put("title", "evil")),
            (Trick::OutOfSightBlind, ..) => (main, &blind, title()),
            _ => (main, doc, title()),
        };
        pushed_alone(document, doc, trick.pen(), self.now, edit)
    }

    fn forge(&mut self, trick: Trick, own: ActorId, doc: &Doc, kind: &Kind) -> (Vec<u8>, ChangeHash, Facet) {
        let here: Vec<usize> = (0..self.phones.len()).filter(|phone| !self.phones[*phone].gone).collect();
        let victim = *self.dice.pick(&here);
        let foreign = self.phones[victim].device.as_ref().map_or(own, sync_core::device::Device::actor);
        let begins = |generation: u32| put("~generation", &format!("{{\"generation\":{generation},\"changes\":1,\"held\":\"\"}}"));
        let (edit, facet) = match trick {
            Trick::UnknownField => (put("no_such_field", "evil"), Facet::Main),
            Trick::DerivedField => {
                let derived = kind.fields.iter().find(|field| field.merge == sync_core::schema::Merge::Derived);
                (put(derived.map_or("no_such_field", |field| &field.name), "evil"), Facet::Main)
            }
            Trick::ForeignFacet => {
                let hidden = kind.fields.iter().find(|field| field.facet != Facet::Main && field.value == ValueType::String);
                hidden.map_or((put("no_such_field", "evil"), Facet::Main), |field| (put(&field.name, "evil"), field.facet))
            }
            Trick::LaterGeneration | Trick::MiddleGeneration => (begins(doc.generation() + 1 + self.dice.below(3) as u32), Facet::Main),
            Trick::Unarchive => (Edit::Put { path: "archived".to_owned(), value: Scalar::Bool(false) }, Facet::Main),
            _ => (put(&kind.title, "evil"), Facet::Main),
        };
        let actor = if trick == Trick::ForeignActor { foreign } else { own };
        let time = match trick {
            Trick::Ahead => self.now + 365 * DAY,
            Trick::Ancient => 900_000_000_000,
            _ => self.now,
        };
        let is_first = facet != Facet::Main || trick == Trick::LaterGeneration;
        let none = Doc::default();
        let written = if is_first { &none } else { doc }.draft(actor, time, &[edit]).expect("it writes something");
        let mut change = written.change;
        match trick {
            Trick::MissingNumber => change.seq += 1,
            Trick::WrongCounter => change.start_op += 3,
            Trick::UnseenOperation => {
                if let Some(Op::Put { pred, .. }) = change.ops.first_mut() {
                    *pred = vec![OpRef { counter: change.start_op + 9, actor: 0 }];
                }
            }
            Trick::UnusedActor => {
                // Last in their order: no reference moves.
                change.others.push(ActorId([0xff; 16]));
            }
            _ => {}
        }
        let (mut body, hash) = change.encode();
        match trick {
            Trick::FlippedBit => {
                let bit = self.dice.below(body.len() * 8);
                body[bit / 8] ^= 1 << (bit % 8);
                (body, hash, facet)
            }
            Trick::LongNumber => {
                let (body, hash) = with_long_number(&body);
                (body, hash, facet)
            }
            _ => (body, hash, facet),
        }
    }
}

fn hello(actor: ActorId) -> Message {
    let capabilities = CAPABILITIES.map(str::to_owned).to_vec();
    let app = "mallory".to_owned();
    Message::Hello(Hello { protocol: PROTOCOL_VERSION, capabilities, app, actor, epoch: None, pending: 0, unconfirmed: None })
}

pub(super) fn put(path: &str, value: &str) -> Edit {
    Edit::Put { path: path.to_owned(), value: Scalar::Text(value.into()) }
}

/// A change of a document by somebody's pen.
pub(super) fn pushed_alone((kind, record, facet): (&str, RecordId, Facet), doc: &Doc, pen: ActorId, now: Millis, edit: Edit) -> Pushed {
    let written = doc.draft(pen, now, &[edit]).expect("it writes something");
    Pushed { kind: name(kind), record, facet, hash: written.hash, body: written.bytes }
}

/// The same chunk with its length written in one byte more, and the hash of that.
fn with_long_number(body: &[u8]) -> (Vec<u8>, ChangeHash) {
    use sha2::{Digest, Sha256};
    const HEADER: usize = 9;
    let length_bytes = body[HEADER..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let mut chunk = vec![body[8]];
    chunk.extend_from_slice(&body[HEADER..HEADER + length_bytes]);
    if let Some(last) = chunk.last_mut() {
        *last |= 0x80;
    }
    chunk.push(0);
    chunk.extend_from_slice(&body[HEADER + length_bytes..]);
    let hash: [u8; 32] = Sha256::digest(&chunk).into();
    ([&body[..4], &hash[..4], &chunk].concat(), ChangeHash(hash))
}
