//! Mallory: a rep with an enrolled phone and a program of her own.
//!
//! Each trick breaks one rule and nothing else, so that only the guard of that rule stands in its way.

use rapport_server::intake::Fate;
use rapport_server::sync::{Speaker, Unasked};
use sync_core::id::{ActorId, ChangeHash, DeviceId, Facet, RecordId, UserId};
use sync_core::protocol::{
    self, CAPABILITIES, Delivered, Entry, Hello, Message, Offer, PAGE_BYTES, PROTOCOL_VERSION, Pull, Push, Pushed, Verdict,
};
use sync_core::record::change::{Change, Op, OpRef};
use sync_core::record::doc::{Doc, Edit};
use sync_core::record::history::document;
use sync_core::schema::Kind;
use sync_core::value::Scalar;

use super::server::{Outcome, speaker};
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
}

/// All tricks.
pub const TRICKS: [Trick; 17] = [
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
];

const DAY: i64 = 86_400_000;

fn mallory() -> Speaker {
    speaker(UserId::of_cause("mallory"), "rep", DeviceId::of_cause("mallory's phone"))
}

impl Inner {
    /// Mallory tries something with a record that the server has.
    pub fn hostile(&mut self) {
        if !self.server.is_up() {
            return;
        }
        let known: Vec<(RecordId, &'static str)> =
            self.records.iter().filter(|(record, _)| !self.server.changes(*record, Facet::Main).is_empty()).copied().collect();
        if known.is_empty() {
            return;
        }
        let (record, kind) = *self.dice.pick(&known);
        let trick = *self.dice.pick(&TRICKS);
        let messages = self.trick(trick, record, Self::kind(kind));
        let frame = if trick == Trick::Noise { self.noise() } else { protocol::encode_frame(&messages) };
        let Outcome::Answered(answer) = self.server.answer(&mallory(), &frame, &mut Unasked::default(), self.now, Fate::Commit) else {
            return;
        };
        let answers = protocol::decode_frame(&answer).unwrap_or_default();
        self.note(format!("mallory tries {trick:?} on {kind} {}: {answers:?}", short(&record)));
        let admitted = |message: &Message| match message {
            Message::Verdicts(verdicts) => verdicts.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Accepted { .. })),
            Message::Welcome(_) => trick == Trick::ForeignHello,
            _ => false,
        };
        if answers.iter().any(admitted) {
            self.check_now();
            self.fail(format!("the server took mallory's {trick:?}"));
        }
    }

    fn noise(&mut self) -> Vec<u8> {
        let mut noise: Vec<u8> = (0..self.dice.below(300)).map(|_| self.dice.roll() as u8).collect();
        if let Some(first) = noise.first_mut() {
            *first %= 3;
        }
        noise
    }

    fn trick(&mut self, trick: Trick, record: RecordId, kind: &Kind) -> Vec<Message> {
        let own = ActorId(*b"mallory's actor.");
        let here: Vec<usize> = (0..self.phones.len()).filter(|phone| !self.phones[*phone].gone).collect();
        let victim = *self.dice.pick(&here);
        let foreign = self.phones[victim].device.as_ref().map_or(own, sync_core::device::Device::actor);
        let changes = self.server.changes(record, Facet::Main);
        let (doc, _) = document(kind, &changes);
        let hello = |actor| {
            let capabilities = CAPABILITIES.map(str::to_owned).to_vec();
            Message::Hello(Hello {
                protocol: PROTOCOL_VERSION,
                capabilities,
                app: "mallory".to_owned(),
                actor,
                epoch: None,
                pending: 0,
                unconfirmed: None,
            })
        };
        if trick == Trick::ForeignHello {
            // The name under which a phone has spoken; the server's own pen is nobody's to steal either way.
            let spoken = changes.iter().find(|stored| self.phones.iter().any(|phone| phone.id == stored.device));
            let stolen = spoken.and_then(|stored| Change::read(&stored.body).ok()).map(|change| change.actor);
            return stolen.map(hello).into_iter().collect();
        }
        if trick == Trick::ForgedOffer {
            let changes = self.forged_offer().into_iter().collect();
            return vec![hello(own), Message::Offer(Offer { batch: 1, changes })];
        }
        let (body, hash, facet, target) = match trick {
            Trick::OtherRecord => {
                let first = &changes[0];
                (first.body.clone(), first.hash, Facet::Main, RecordId::of_cause("mallory's record"))
            }
            _ => {
                let (body, hash, facet) = self.forge(trick, own, foreign, &doc, kind);
                (body, hash, facet, record)
            }
        };
        let pushed = Pushed { kind: kind.name.clone(), record: target, facet, hash, body };
        vec![hello(own), Message::Push(Push { batch: 1, changes: vec![pushed] })]
    }

    /// Something that the server gave her, for a record of her own.
    fn forged_offer(&mut self) -> Option<Delivered> {
        let pull = protocol::encode_frame(&[Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() })]);
        let Outcome::Answered(frame) = self.server.answer(&mallory(), &pull, &mut Unasked::default(), self.now, Fate::Commit) else {
            return None;
        };
        let pages = protocol::decode_frame(&frame).unwrap_or_default();
        let entries = pages.into_iter().flat_map(|message| if let Message::Page(page) = message { page.entries } else { Vec::new() });
        let given: Vec<Delivered> =
            entries.filter_map(|entry| if let Entry::Change(change) = entry { Some(change) } else { None }).collect();
        let first = given.into_iter().find(|given| Change::read(&given.body).is_ok_and(|change| change.deps.is_empty()))?;
        Some(Delivered { record: RecordId::of_cause("mallory's offer"), ..first })
    }

    fn forge(&mut self, trick: Trick, own: ActorId, foreign: ActorId, doc: &Doc, kind: &Kind) -> (Vec<u8>, ChangeHash, Facet) {
        let put = |path: &str, value: &str| Edit::Put { path: path.to_owned(), value: Scalar::Text(value.into()) };
        let (edit, facet) = match trick {
            Trick::UnknownField => (put("no_such_field", "evil"), Facet::Main),
            Trick::DerivedField => {
                let derived = kind.fields.iter().find(|field| field.merge == sync_core::schema::Merge::Derived);
                (put(derived.map_or("no_such_field", |field| &field.name), "evil"), Facet::Main)
            }
            Trick::ForeignFacet => {
                let hidden =
                    kind.fields.iter().find(|field| field.facet != Facet::Main && field.value == sync_core::schema::ValueType::String);
                hidden.map_or((put("no_such_field", "evil"), Facet::Main), |field| (put(&field.name, "evil"), field.facet))
            }
            Trick::Unarchive => (Edit::Put { path: "archived".to_owned(), value: Scalar::Bool(false) }, Facet::Main),
            _ => (put(&kind.title, "evil"), Facet::Main),
        };
        let actor = if trick == Trick::ForeignActor { foreign } else { own };
        let time = match trick {
            Trick::Ahead => self.now + 365 * DAY,
            Trick::Ancient => 900_000_000_000,
            _ => self.now,
        };
        let mut doc = if facet == Facet::Main { doc.clone() } else { Doc::default() };
        let written = doc.write(actor, time, &[edit]).expect("it writes something");
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
