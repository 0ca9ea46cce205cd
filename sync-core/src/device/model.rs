//! A server small enough to be seen through, for tests: a feed, and documents that decide.

use std::collections::HashMap;

use super::{Device, Opening};
use crate::engine::{Effect, Event, Stopped};
use crate::fence::{self, Pen};
use crate::id::{ActorId, ChangeHash, DeviceId, Facet, Millis, RecordId, Seal, UserId, WorkspaceId};
use crate::protocol::{
    CAPABILITIES, Delivered, Enrolled, Entry, GivenUp, MAX_AHEAD_MS, Message, PROTOCOL_VERSION, Page, Pull, Pushed, Receipt, Refused,
    Verdict, Verdicts, WITHDRAW, Welcome, code, decode_frame, encode_frame,
};
use crate::record::doc::{Doc, Inadmissible};
use crate::record::history::texts_of;
use crate::schema::Schema;
use crate::store::Place;

pub const START: Millis = 1_770_000_000_000;

/// The server of a test.
pub struct Server {
    pub now: Millis,
    pub epoch: Vec<u8>,
    pub feed: Vec<Entry>,
    pub docs: HashMap<(RecordId, Facet), Doc>,
    pub actors: HashMap<ActorId, DeviceId>,
    pub revoked: bool,
    pub page_entries: usize,
    /// What the back office has decided: accepted, or not, with the code.
    pub decided: HashMap<ChangeHash, Result<(), &'static str>>,
    /// What devices said that they have removed.
    pub receipts: Vec<Receipt>,
    /// What it can do beyond the version.
    pub capabilities: Vec<String>,
    /// What was given up.
    pub withdrawn: Vec<GivenUp>,
    /// How long a device may be without contact.
    pub lease_ms: Option<u64>,
    /// The last pull.
    pub pulled: Pull,
    /// The role of whoever comes.
    pub role: &'static str,
}

impl Server {
    pub fn new() -> Self {
        let (feed, docs, actors, decided) = (Vec::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Self {
            now: START,
            epoch: vec![1],
            feed,
            docs,
            actors,
            revoked: false,
            page_entries: 1_000,
            decided,
            receipts: Vec::new(),
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            withdrawn: Vec::new(),
            lease_ms: None,
            pulled: Pull::default(),
            role: "office",
        }
    }

    pub fn answer(&mut self, user: UserId, device: DeviceId, frame: &[u8]) -> Vec<u8> {
        let (mut answers, mut other_life) = (Vec::new(), false);
        for message in decode_frame(frame).unwrap() {
            if other_life {
                break;
            }
            if self.revoked {
                answers.push(Message::Refused(Refused { code: "revoked".into(), message: String::new() }));
                break;
            }
            match message {
                Message::Hello(hello) => {
                    other_life = hello.epoch.is_some_and(|epoch| epoch != self.epoch);
                    assert_eq!(*self.actors.entry(hello.actor).or_insert(device), device);
                    answers.push(Message::Welcome(Welcome {
                        protocol: PROTOCOL_VERSION,
                        capabilities: self.capabilities.clone(),
                        server_time: self.now,
                        workspace: WorkspaceId::of_cause("w"),
                        user,
                        role: self.role.into(),
                        device,
                        epoch: self.epoch.clone(),
                        lease_ms: self.lease_ms,
                    }));
                }
                Message::Offer(offer) => {
                    let verdicts = offer.changes.into_iter().map(|offered| self.take_back(offered)).collect();
                    answers.push(Message::Verdicts(Verdicts { batch: offer.batch, verdicts }));
                }
                Message::Push(push) => {
                    let verdicts = push.changes.into_iter().map(|pushed| self.take(user, device, pushed)).collect();
                    answers.push(Message::Verdicts(Verdicts { batch: push.batch, verdicts }));
                }
                Message::Pull(pull) => {
                    self.pulled = pull.clone();
                    // A cursor of another life of the feed begins at the beginning.
                    let cursor = pull.cursor.as_deref().and_then(|cursor| cursor.strip_prefix(self.epoch.as_slice()));
                    let from = cursor.map_or(0, |cursor| usize::from_be_bytes(cursor.try_into().unwrap()));
                    let cursor = |at: usize| [self.epoch.as_slice(), &at.to_be_bytes()].concat();
                    let until = self.feed.len().min(from + self.page_entries);
                    answers.push(Message::Page(Page {
                        entries: self.feed[from.min(until)..until].to_vec(),
                        cursor: cursor(until),
                        more: until < self.feed.len(),
                        left: (self.feed.len() - until) as u64,
                        server_time: self.now,
                        after: (from > 0).then(|| cursor(from)),
                        pull: pull.number,
                    }));
                }
                Message::Receipt(receipt) => {
                    self.receipts.push(receipt);
                    answers.push(Message::Noted(receipt.number));
                }
                Message::Withdraw(withdraw) => {
                    if !self.capabilities.iter().any(|capability| capability == WITHDRAW) {
                        answers.push(Message::Refused(Refused { code: "bad_frame".into(), message: "unknown".into() }));
                        break;
                    }
                    self.withdrawn.extend(withdraw.changes);
                    answers.push(Message::Withdrawn(withdraw.number));
                }
                other => panic!("a device never says {other:?}"),
            }
        }
        encode_frame(&answers)
    }

    fn take(&mut self, user: UserId, device: DeviceId, pushed: Pushed) -> Verdict {
        let kind = Schema::builtin().kind(&pushed.kind).unwrap();
        let Pushed { record, facet, hash, body, kind: name } = pushed;
        let same = |entry: &&Entry| matches!(entry, Entry::Change(kept) if kept.hash == hash);
        if let Some(Entry::Change(kept)) = self.feed.iter().find(same) {
            return Verdict::Duplicate { position: kept.position, received_at: kept.received_at, seal: kept.seal };
        }
        let reject = |code: &str| Verdict::Rejected {
            code: code.into(),
            field: Some("name".into()),
            rule: Some("test.rule".into()),
            message: "no".into(),
            message_zh: "不".into(),
        };
        let change = fence::inspect(&hash, &body).unwrap();
        let doc = self.docs.entry((record, facet)).or_default();
        if change.time > self.now + MAX_AHEAD_MS {
            return reject(code::AHEAD);
        }
        let mut after = doc.clone();
        match after.apply(&change, hash, &texts_of(kind)) {
            Ok(_) => {}
            Err(Inadmissible::MissingDeps(missing)) => return Verdict::Waiting { missing },
            Err(Inadmissible::ActorFork { last, .. } | Inadmissible::SeqGap { last, .. }) => return Verdict::ActorFork { last_seq: last },
            Err(other) => panic!("inadmissible: {other}"),
        }
        let text = String::from_utf8_lossy(&body);
        if text.contains("forbidden") {
            return reject(code::FORBIDDEN);
        }
        if text.contains("expensive") {
            match self.decided.get(&hash) {
                None => return Verdict::Held { rule: "limit".into(), message: "needs approval".into(), message_zh: "需要审批".into() },
                Some(Err(code)) => return reject(code),
                Some(Ok(())) => {}
            }
        }
        fence::check(doc, kind, facet, &change, Pen::Device).unwrap();
        *doc = after;
        let (position, received_at) = (self.feed.len() as u64 + 1, self.now);
        let seal = seal(user, device, &hash);
        self.feed.push(Entry::Change(Delivered { position, kind: name, record, facet, hash, user, device, received_at, body, seal }));
        Verdict::Accepted { position, received_at, seal }
    }

    fn take_back(&mut self, offered: Delivered) -> Verdict {
        assert_eq!(offered.seal, seal(offered.user, offered.device, &offered.hash), "it is offered as it was delivered");
        let Delivered { kind, record, facet, hash, body, .. } = offered;
        self.take(offered.user, offered.device, Pushed { kind, record, facet, hash, body })
    }

    /// Goes back to an earlier state, as from a backup.
    pub fn restore(&mut self, entries: usize) {
        let kept: Vec<Entry> = self.feed.drain(..entries).collect();
        (self.feed, self.docs) = (Vec::new(), HashMap::new());
        self.epoch = vec![self.epoch[0] + 1];
        for entry in kept {
            if let Entry::Change(kept) = entry {
                let pushed = Pushed { kind: kept.kind, record: kept.record, facet: kept.facet, hash: kept.hash, body: kept.body };
                self.take(kept.user, kept.device, pushed);
            }
        }
    }
}

/// What stands for a seal here: it names who made the change.
fn seal(user: UserId, device: DeviceId, hash: &ChangeHash) -> Seal {
    Seal(std::array::from_fn(|at| user.as_bytes()[at] ^ device.as_bytes()[at] ^ hash.0[at]))
}

/// A device of a test, with its network.
pub struct Phone {
    pub device: Device,
    pub user: UserId,
    pub id: DeviceId,
    pub opening: Opening,
    /// Frames on their way up.
    pub frames: Vec<Vec<u8>>,
    pub stopped: Option<Stopped>,
    pub timer: Option<Millis>,
    pub failures: Vec<String>,
}

impl Phone {
    pub fn new(name: &str, place: Place, now: Millis) -> Self {
        let mut seed = [7; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let opening = Opening { place, app: "test 1".into(), incarnation: [1; 16], seed };
        let mut device = Device::open(&opening).unwrap();
        let (user, id) = (UserId::of_cause(name), DeviceId::of_cause(name));
        let enrolled = Enrolled {
            token: "t".into(),
            device: id,
            workspace: WorkspaceId::of_cause("w"),
            user,
            role: "office".into(),
            epoch: vec![1],
            server_time: START,
        };
        device.enrol(now, &enrolled).unwrap();
        Self { device, user, id, opening, frames: Vec::new(), stopped: None, timer: None, failures: Vec::new() }
    }

    pub fn reopen(&mut self, incarnation: [u8; 16]) {
        self.opening.incarnation = incarnation;
        self.opening.seed[31] += 1;
        self.device = Device::open(&self.opening).unwrap();
        self.frames.clear();
    }

    pub fn tell(&mut self, now: Millis, event: Event) {
        for effect in self.device.handle(now, event) {
            match effect {
                Effect::Send(frame) => self.frames.push(frame),
                Effect::Stop(why) => self.stopped = Some(why),
                Effect::Schedule(at) => self.timer = Some(at),
                Effect::StoreFailed(error) => self.failures.push(error.to_string()),
                Effect::Notify(_) | Effect::Clear | Effect::Close => {}
                Effect::Failed(refused) => self.failures.push(refused.message),
            }
        }
    }

    /// Exchanges frames until nothing is under way. Answers how many.
    pub fn exchange(&mut self, server: &mut Server) -> usize {
        let mut count = 0;
        while !self.frames.is_empty() {
            let frame = self.frames.remove(0);
            let answer = server.answer(self.user, self.id, &frame);
            self.tell(server.now, Event::Received(answer));
            count += 1;
            assert!(count < 100, "it never ends");
        }
        count
    }

    pub fn sync(&mut self, server: &mut Server) -> usize {
        self.frames.clear();
        self.tell(server.now, Event::NetworkUp { live: false });
        self.exchange(server)
    }
}
