//! One change: the bytes of automerge's plain change chunk, read and written by us.
//!
//! Records are flat, so a change may hold few things: puts, deletes and increments of root paths, and
//! inserted or removed characters of root texts. Anything else is refused here, by its bytes, and so is
//! every second way of writing the same change: what is read is written again and must be equal byte for
//! byte. That is why a change admitted here always loads in automerge, on every replica, for ever.
//! Never looks at a document.

use sha2::{Digest, Sha256};

use super::columns::{
    BadColumn, Bytes, DeltaWriter, Deltas, FlagWriter, Flags, RunWriter, Runs, write_prefixed, write_signed, write_unsigned,
};
use crate::id::{ActorId, ChangeHash, Millis};
use crate::planted::{Bug, is_planted};
use crate::value::Scalar;

/// The largest change: far above any edit by hand, and 64 of them fit into the smallest server's memory with ease.
pub const MAX_CHANGE_BYTES: usize = 256 * 1024;
/// The most operations of one change: a 10,000-character paste.
pub const MAX_CHANGE_OPS: usize = 10_000;
/// The most parents of one change: one per replica that wrote while nobody met.
pub const MAX_CHANGE_DEPS: usize = 64;
/// The most actors that one change may name.
pub const MAX_CHANGE_ACTORS: usize = 64;
/// Operation counters stay below this: automerge keeps them in 32 bits.
pub const MAX_COUNTER: u64 = u32::MAX as u64 - MAX_CHANGE_OPS as u64;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const PLAIN_CHANGE: u8 = 1;

/// Column numbers of the format: id * 16 + type.
mod column {
    pub const OBJ_ACTOR: u64 = 0x01;
    pub const OBJ_COUNTER: u64 = 0x02;
    pub const KEY_ACTOR: u64 = 0x11;
    pub const KEY_COUNTER: u64 = 0x13;
    pub const KEY_TEXT: u64 = 0x15;
    pub const INSERT: u64 = 0x34;
    pub const ACTION: u64 = 0x42;
    pub const VALUE_META: u64 = 0x56;
    pub const VALUE: u64 = 0x57;
    pub const PRED_COUNT: u64 = 0x70;
    pub const PRED_ACTOR: u64 = 0x71;
    pub const PRED_COUNTER: u64 = 0x73;
}

const ACTION_PUT: u64 = 1;
const ACTION_DELETE: u64 = 3;
const ACTION_MAKE_TEXT: u64 = 4;
const ACTION_INCREMENT: u64 = 5;

/// An operation's name: its counter and its author, an index into [`Change::actor_at`] (0 is the change's own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpRef {
    /// Lamport counter.
    pub counter: u32,
    /// Index of the actor within the change.
    pub actor: u32,
}

/// What one operation does. `pred` are the operations that it replaces, by counter and actor.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Writes a value at a path.
    Put { path: Box<str>, value: Scalar, pred: Vec<OpRef> },
    /// Removes what is at a path.
    Delete { path: Box<str>, pred: Vec<OpRef> },
    /// Adds to a counter.
    Increment { path: Box<str>, by: i64, pred: OpRef },
    /// Makes the text at a path: only in the deterministic first change of a text.
    MakeText { path: Box<str> },
    /// Inserts a character after another one, or at the start.
    Insert { text: OpRef, after: Option<OpRef>, character: char },
    /// Removes a character.
    Remove { text: OpRef, element: OpRef },
}

/// A change that is not one of ours, with what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A limit is exceeded.
    #[error("the change has {what} {found}, the limit is {limit}")]
    TooLarge { what: &'static str, found: usize, limit: usize },
    /// It is not a plain change chunk.
    #[error("not a plain automerge change: {0}")]
    NotAChange(&'static str),
    /// A column cannot be read.
    #[error("unreadable change: {0}")]
    Column(#[from] BadColumn),
    /// An operation that a flat record never has.
    #[error("operation {index} is not allowed: {reason}")]
    NotFlat { index: usize, reason: &'static str },
    /// The same content, written differently from the one form that automerge writes.
    #[error("the change is not in canonical form")]
    NotCanonical,
    /// The claimed hash is not the hash of the bytes.
    #[error("the change does not have the claimed hash")]
    WrongHash,
}

/// A change as read or about to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The changes it follows, sorted.
    pub deps: Vec<ChangeHash>,
    /// Who wrote it.
    pub actor: ActorId,
    /// The author's how many-th change of this document, from 1.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u32,
    /// Edit time, milliseconds since 1970 UTC, in the server's clock.
    pub time: Millis,
    /// Other actors that operations refer to, sorted.
    pub others: Vec<ActorId>,
    /// What it does, in order.
    pub ops: Vec<Op>,
}

impl Change {
    /// Reads a change and proves that it is in canonical form. Returns it with its hash.
    ///
    /// # Errors
    /// [`Malformed`] for anything that [`Change::encode`] would not have written.
    pub fn parse(bytes: &[u8]) -> Result<(Change, ChangeHash), Malformed> {
        let change = Self::read(bytes)?;
        let (canonical, hash) = change.encode();
        if (canonical != bytes || !change.names_only_used_actors()) && !is_planted(Bug::SkipRoundTrip) {
            return Err(Malformed::NotCanonical);
        }
        Ok((change, hash))
    }

    /// Reads a change that was admitted before, without proving its form again.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are no change: the store is damaged.
    pub fn read(bytes: &[u8]) -> Result<Change, Malformed> {
        check_limit("bytes", bytes.len(), MAX_CHANGE_BYTES)?;
        let mut header = Bytes(bytes);
        if header.take(4)? != MAGIC {
            return Err(Malformed::NotAChange("wrong magic bytes"));
        }
        header.take(4)?;
        if header.take(1)? != [PLAIN_CHANGE] {
            return Err(Malformed::NotAChange("another chunk type"));
        }
        if header.length()? != header.0.len() {
            return Err(Malformed::NotAChange("wrong length"));
        }
        read_contents(header)
    }

    /// The author of an operation that this change refers to.
    pub fn actor_at(&self, index: u32) -> Option<ActorId> {
        match index {
            0 => Some(self.actor),
            _ => self.others.get(index as usize - 1).copied(),
        }
    }

    /// Counter of the last operation.
    pub fn max_op(&self) -> u32 {
        self.start_op + self.ops.len() as u32 - 1
    }

    /// The bytes and hash of this change.
    pub fn encode(&self) -> (Vec<u8>, ChangeHash) {
        let contents = self.contents();
        let mut body = Vec::with_capacity(contents.len() + 4);
        body.push(PLAIN_CHANGE);
        write_prefixed(&mut body, &contents);
        let hash: [u8; 32] = Sha256::digest(&body).into();
        let mut bytes = Vec::with_capacity(body.len() + 8);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&hash[..4]);
        bytes.extend_from_slice(&body);
        (bytes, ChangeHash(hash))
    }

    fn names_only_used_actors(&self) -> bool {
        let mut used = vec![false; self.others.len() + 1];
        for op in &self.ops {
            op.refs(|reference| used[reference.actor as usize] = true);
        }
        used[1..].iter().all(|used| *used)
    }

    fn contents(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.ops.len() * 16);
        write_unsigned(&mut out, self.deps.len() as u64);
        for dep in &self.deps {
            out.extend_from_slice(&dep.0);
        }
        write_prefixed(&mut out, &self.actor.0);
        write_unsigned(&mut out, self.seq);
        write_unsigned(&mut out, u64::from(self.start_op));
        write_signed(&mut out, self.time);
        write_prefixed(&mut out, b"");
        write_unsigned(&mut out, self.others.len() as u64);
        for actor in &self.others {
            write_prefixed(&mut out, &actor.0);
        }
        let columns = Writers::of(&self.ops).finish();
        let present = columns.iter().filter(|(_, data)| !data.is_empty());
        write_unsigned(&mut out, present.clone().count() as u64);
        for (number, data) in present {
            write_unsigned(&mut out, *number);
            write_unsigned(&mut out, data.len() as u64);
        }
        for (_, data) in &columns {
            out.extend_from_slice(data);
        }
        out
    }
}

fn check_limit(what: &'static str, found: usize, limit: usize) -> Result<(), Malformed> {
    if found > limit { Err(Malformed::TooLarge { what, found, limit }) } else { Ok(()) }
}

fn read_contents(mut bytes: Bytes<'_>) -> Result<Change, Malformed> {
    let dep_count = bytes.length()?;
    check_limit("parents", dep_count, MAX_CHANGE_DEPS)?;
    let mut deps = Vec::with_capacity(dep_count);
    for _ in 0..dep_count {
        deps.push(ChangeHash::from_bytes(bytes.take(32)?).map_err(|_| BadColumn::Truncated)?);
    }
    let actor = read_actor(&mut bytes)?;
    let seq = bytes.unsigned()?;
    let start_op = bytes.unsigned()?;
    if seq == 0 || start_op == 0 || start_op > MAX_COUNTER {
        return Err(Malformed::NotAChange("a counter is out of range"));
    }
    let time = bytes.signed()?;
    if !bytes.prefixed()?.is_empty() {
        return Err(Malformed::NotAChange("it carries a message"));
    }
    let other_count = bytes.length()?;
    check_limit("actors", other_count, MAX_CHANGE_ACTORS)?;
    let mut others = Vec::with_capacity(other_count);
    for _ in 0..other_count {
        others.push(read_actor(&mut bytes)?);
    }
    if deps.windows(2).any(|pair| pair[0] >= pair[1]) || others.windows(2).any(|pair| pair[0] >= pair[1]) || others.contains(&actor) {
        return Err(Malformed::NotCanonical);
    }
    let ops = Readers::of(bytes)?.ops(others.len() as u64)?;
    Ok(Change { deps, actor, seq, start_op: start_op as u32, time, others, ops })
}

fn read_actor(bytes: &mut Bytes<'_>) -> Result<ActorId, Malformed> {
    ActorId::from_bytes(bytes.prefixed()?).map_err(|_| Malformed::NotAChange("an actor id is not 16 bytes long"))
}

/// The columns of a change, being read.
struct Readers<'a> {
    obj_actor: Runs<'a, u64>,
    obj_counter: Runs<'a, u64>,
    key_actor: Runs<'a, u64>,
    key_counter: Deltas<'a>,
    key_text: Runs<'a, &'a str>,
    insert: Flags<'a>,
    action: Runs<'a, u64>,
    value_meta: Runs<'a, u64>,
    value: Bytes<'a>,
    pred_count: Runs<'a, u64>,
    pred_actor: Runs<'a, u64>,
    pred_counter: Deltas<'a>,
}

impl<'a> Readers<'a> {
    fn of(mut bytes: Bytes<'a>) -> Result<Self, Malformed> {
        const KNOWN: [u64; 12] = [
            column::OBJ_ACTOR,
            column::OBJ_COUNTER,
            column::KEY_ACTOR,
            column::KEY_COUNTER,
            column::KEY_TEXT,
            column::INSERT,
            column::ACTION,
            column::VALUE_META,
            column::VALUE,
            column::PRED_COUNT,
            column::PRED_ACTOR,
            column::PRED_COUNTER,
        ];
        let count = bytes.length()?;
        check_limit("columns", count, KNOWN.len())?;
        let mut lengths = [0usize; KNOWN.len()];
        let mut order = Vec::with_capacity(count);
        for _ in 0..count {
            let number = bytes.unsigned()?;
            let index = KNOWN.iter().position(|known| *known == number).ok_or(Malformed::NotAChange("an unknown or compressed column"))?;
            lengths[index] = bytes.length()?;
            order.push(index);
        }
        if order.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Malformed::NotCanonical);
        }
        let mut data = [&[][..]; KNOWN.len()];
        for index in order {
            data[index] = bytes.take(lengths[index])?;
        }
        if !bytes.0.is_empty() {
            return Err(Malformed::NotAChange("bytes after the columns"));
        }
        Ok(Self {
            obj_actor: Runs::new(data[0]),
            obj_counter: Runs::new(data[1]),
            key_actor: Runs::new(data[2]),
            key_counter: Deltas::new(data[3]),
            key_text: Runs::new(data[4]),
            insert: Flags::new(data[5]),
            action: Runs::new(data[6]),
            value_meta: Runs::new(data[7]),
            value: Bytes(data[8]),
            pred_count: Runs::new(data[9]),
            pred_actor: Runs::new(data[10]),
            pred_counter: Deltas::new(data[11]),
        })
    }

    fn ops(mut self, others: u64) -> Result<Vec<Op>, Malformed> {
        let mut ops = Vec::new();
        while !self.action.is_done() {
            check_limit("operations", ops.len() + 1, MAX_CHANGE_OPS)?;
            let op = self.op(ops.len(), others)?;
            ops.push(op);
        }
        if ops.is_empty() { Err(Malformed::NotAChange("it does nothing")) } else { Ok(ops) }
    }

    fn op(&mut self, index: usize, others: u64) -> Result<Op, Malformed> {
        let not_flat = |reason| Malformed::NotFlat { index, reason };
        let action = self.action.next()?.ok_or(not_flat("it has no action"))?;
        let obj = (self.obj_actor.next()?, self.obj_counter.next()?);
        let key = (self.key_actor.next()?, self.key_counter.next()?, self.key_text.next()?);
        let insert = self.insert.next()?;
        let value = self.value()?;
        let pred = self.preds(others)?;
        let named = |actor: Option<u64>, counter: i64| op_ref(actor.unwrap_or(u64::MAX), counter, others);
        match (obj, key) {
            ((None, None), (None, None, Some(path))) if !insert => {
                let path = Box::from(path);
                match (action, value, pred.as_slice()) {
                    (ACTION_PUT, Some(value), _) => Ok(Op::Put { path, value, pred }),
                    (ACTION_DELETE, Some(Scalar::Null), [_, ..]) => Ok(Op::Delete { path, pred }),
                    (ACTION_INCREMENT, Some(Scalar::Int(by)), [counter]) => Ok(Op::Increment { path, by, pred: *counter }),
                    (ACTION_MAKE_TEXT, Some(Scalar::Null), []) => Ok(Op::MakeText { path }),
                    _ => Err(not_flat("only puts, deletes and increments of scalars are")),
                }
            }
            ((Some(actor), Some(counter)), (key_actor, Some(key_counter), None)) => {
                let text = op_ref(actor, i64::try_from(counter).unwrap_or(-1), others)?;
                let element = if key_counter == 0 && key_actor.is_none() { None } else { Some(named(key_actor, key_counter)?) };
                match (action, insert, value, element) {
                    (ACTION_PUT, true, Some(Scalar::Text(character)), after) if pred.is_empty() => Ok(Op::Insert {
                        text,
                        after,
                        character: single(&character).ok_or(not_flat("an inserted text is not one character"))?,
                    }),
                    (ACTION_DELETE, false, Some(Scalar::Null), Some(element)) if pred == [element] => Ok(Op::Remove { text, element }),
                    _ => Err(not_flat("only inserted and removed characters are")),
                }
            }
            _ => Err(not_flat("it is neither on a root path nor in a root text")),
        }
    }

    fn preds(&mut self, others: u64) -> Result<Vec<OpRef>, Malformed> {
        let count = self.pred_count.next()?.unwrap_or(0);
        check_limit("replaced operations", count as usize, MAX_CHANGE_OPS)?;
        let mut preds = Vec::with_capacity((count as usize).min(8));
        for _ in 0..count {
            let (Some(actor), Some(counter)) = (self.pred_actor.next()?, self.pred_counter.next()?) else {
                return Err(BadColumn::Truncated.into());
            };
            preds.push(op_ref(actor, counter, others)?);
        }
        Ok(preds)
    }

    /// The next value; `None` for a type that flat records do not hold.
    fn value(&mut self) -> Result<Option<Scalar>, Malformed> {
        let meta = self.value_meta.next()?.unwrap_or(0);
        let mut raw = Bytes(self.value.take(usize::try_from(meta >> 4).map_err(|_| BadColumn::Number)?)?);
        Ok(Some(match meta & 0xf {
            0 => Scalar::Null,
            1 => Scalar::Bool(false),
            2 => Scalar::Bool(true),
            4 => Scalar::Int(raw.signed()?),
            5 => Scalar::Float(f64::from_le_bytes(raw.0.try_into().map_err(|_| BadColumn::Truncated)?)),
            6 => Scalar::Text(std::str::from_utf8(raw.0).map_err(|_| BadColumn::Text)?.into()),
            8 => Scalar::Counter(raw.signed()?),
            _ => return Ok(None),
        }))
    }
}

fn single(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

fn op_ref(actor: u64, counter: i64, others: u64) -> Result<OpRef, Malformed> {
    let in_range = actor <= others && counter > 0 && counter as u64 <= MAX_COUNTER + MAX_CHANGE_OPS as u64;
    if in_range {
        Ok(OpRef { counter: counter as u32, actor: actor as u32 })
    } else {
        Err(Malformed::NotAChange("an operation id is out of range"))
    }
}

/// The columns of a change, being written.
struct Writers<'a> {
    obj_actor: RunWriter<u64>,
    obj_counter: RunWriter<u64>,
    key_actor: RunWriter<u64>,
    key_counter: DeltaWriter,
    key_text: RunWriter<&'a str>,
    insert: FlagWriter,
    action: RunWriter<u64>,
    value_meta: RunWriter<u64>,
    value: Vec<u8>,
    pred_count: RunWriter<u64>,
    pred_actor: RunWriter<u64>,
    pred_counter: DeltaWriter,
}

impl<'a> Writers<'a> {
    fn of(ops: &'a [Op]) -> Self {
        let mut writers = Self {
            obj_actor: RunWriter::new(),
            obj_counter: RunWriter::new(),
            key_actor: RunWriter::new(),
            key_counter: DeltaWriter::new(),
            key_text: RunWriter::new(),
            insert: FlagWriter::new(),
            action: RunWriter::new(),
            value_meta: RunWriter::new(),
            value: Vec::new(),
            pred_count: RunWriter::new(),
            pred_actor: RunWriter::new(),
            pred_counter: DeltaWriter::new(),
        };
        for op in ops {
            writers.push(op);
        }
        writers
    }

    fn push(&mut self, op: &'a Op) {
        match op {
            Op::Put { path, value, pred } => self.push_root(ACTION_PUT, path, value, pred),
            Op::Delete { path, pred } => self.push_root(ACTION_DELETE, path, &Scalar::Null, pred),
            Op::Increment { path, by, pred } => self.push_root(ACTION_INCREMENT, path, &Scalar::Int(*by), std::slice::from_ref(pred)),
            Op::MakeText { path } => self.push_root(ACTION_MAKE_TEXT, path, &Scalar::Null, &[]),
            Op::Insert { text, after, character } => {
                self.push_element(*text, *after, true, ACTION_PUT);
                let mut buffer = [0; 4];
                let encoded = character.encode_utf8(&mut buffer);
                self.value_meta.push(Some((encoded.len() as u64) << 4 | 6));
                self.value.extend_from_slice(encoded.as_bytes());
                self.push_preds(&[]);
            }
            Op::Remove { text, element } => {
                self.push_element(*text, Some(*element), false, ACTION_DELETE);
                self.value_meta.push(Some(0));
                self.push_preds(std::slice::from_ref(element));
            }
        }
    }

    fn push_root(&mut self, action: u64, path: &'a str, value: &Scalar, pred: &[OpRef]) {
        self.obj_actor.push(None);
        self.obj_counter.push(None);
        self.key_actor.push(None);
        self.key_counter.push(None);
        self.key_text.push(Some(path));
        self.insert.push(false);
        self.action.push(Some(action));
        self.push_value(value);
        self.push_preds(pred);
    }

    fn push_element(&mut self, text: OpRef, element: Option<OpRef>, insert: bool, action: u64) {
        self.obj_actor.push(Some(u64::from(text.actor)));
        self.obj_counter.push(Some(u64::from(text.counter)));
        self.key_actor.push(element.map(|element| u64::from(element.actor)));
        self.key_counter.push(Some(element.map_or(0, |element| i64::from(element.counter))));
        self.key_text.push(None);
        self.insert.push(insert);
        self.action.push(Some(action));
    }

    fn push_value(&mut self, value: &Scalar) {
        let start = self.value.len();
        let code = match value {
            Scalar::Null => 0,
            Scalar::Bool(false) => 1,
            Scalar::Bool(true) => 2,
            Scalar::Int(number) => {
                write_signed(&mut self.value, *number);
                4
            }
            Scalar::Float(number) => {
                self.value.extend_from_slice(&number.to_le_bytes());
                5
            }
            Scalar::Text(text) => {
                self.value.extend_from_slice(text.as_bytes());
                6
            }
            Scalar::Counter(number) => {
                write_signed(&mut self.value, *number);
                8
            }
        };
        self.value_meta.push(Some(((self.value.len() - start) as u64) << 4 | code));
    }

    fn push_preds(&mut self, pred: &[OpRef]) {
        self.pred_count.push(Some(pred.len() as u64));
        for replaced in pred {
            self.pred_actor.push(Some(u64::from(replaced.actor)));
            self.pred_counter.push(Some(i64::from(replaced.counter)));
        }
    }

    fn finish(self) -> [(u64, Vec<u8>); 12] {
        [
            (column::OBJ_ACTOR, self.obj_actor.finish()),
            (column::OBJ_COUNTER, self.obj_counter.finish()),
            (column::KEY_ACTOR, self.key_actor.finish()),
            (column::KEY_COUNTER, self.key_counter.finish()),
            (column::KEY_TEXT, self.key_text.finish()),
            (column::INSERT, self.insert.finish()),
            (column::ACTION, self.action.finish()),
            (column::VALUE_META, self.value_meta.finish()),
            (column::VALUE, self.value),
            (column::PRED_COUNT, self.pred_count.finish()),
            (column::PRED_ACTOR, self.pred_actor.finish()),
            (column::PRED_COUNTER, self.pred_counter.finish()),
        ]
    }
}

impl Op {
    /// The root path it is on; `None` inside a text.
    pub fn path(&self) -> Option<&str> {
        match self {
            Op::Put { path, .. } | Op::Delete { path, .. } | Op::Increment { path, .. } | Op::MakeText { path } => Some(path),
            Op::Insert { .. } | Op::Remove { .. } => None,
        }
    }

    fn refs(&self, mut visit: impl FnMut(OpRef)) {
        match self {
            Op::Put { pred, .. } | Op::Delete { pred, .. } => pred.iter().copied().for_each(visit),
            Op::Increment { pred, .. } => visit(*pred),
            Op::MakeText { .. } => {}
            Op::Insert { text, after, .. } => {
                visit(*text);
                after.iter().copied().for_each(visit);
            }
            Op::Remove { text, element } => {
                visit(*text);
                visit(*element);
            }
        }
    }

    /// Visits every operation id that this operation refers to.
    pub(super) fn for_each_ref(&mut self, mut visit: impl FnMut(&mut OpRef)) {
        match self {
            Op::Put { pred, .. } | Op::Delete { pred, .. } => pred.iter_mut().for_each(visit),
            Op::Increment { pred, .. } => visit(pred),
            Op::MakeText { .. } => {}
            Op::Insert { text, after, .. } => {
                visit(text);
                after.iter_mut().for_each(visit);
            }
            Op::Remove { text, element } => {
                visit(text);
                visit(element);
            }
        }
    }
}
