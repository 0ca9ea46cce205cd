//! The columns of a change: its operations, read and written.
//!
//! Reads tolerantly, but never more than the bytes can pay for; [`super::change`] writes what was read
//! again and compares. Never looks at the header, a hash or a document.

use super::change::{MAX_CHANGE_OPS, MAX_COUNTER, Malformed, Op, OpRef, check_limit};
use super::columns::{BadColumn, Bytes, DeltaWriter, Deltas, FlagWriter, Flags, RunWriter, Runs, write_signed};
use crate::value::Scalar;

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
/// The type of a value's bytes, the low four bits of its description.
const VALUE_TEXT: u64 = 6;

/// A value as it stands in the bytes. An inserted character is one, too, and there are thousands of those.
enum Raw<'a> {
    Text(&'a str),
    Other(Scalar),
}

impl From<Raw<'_>> for Scalar {
    fn from(raw: Raw<'_>) -> Self {
        match raw {
            Raw::Text(text) => Scalar::Text(text.into()),
            Raw::Other(scalar) => scalar,
        }
    }
}

/// The columns of a change, being read.
pub(super) struct Readers<'a> {
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
    preds_seen: u64,
}

impl<'a> Readers<'a> {
    pub fn of(mut bytes: Bytes<'a>) -> Result<Self, Malformed> {
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
            preds_seen: 0,
        })
    }

    /// The operations of a change whose first one has the counter `start`.
    pub fn ops(mut self, start: u32, others: u64) -> Result<Vec<Op>, Malformed> {
        let mut ops: Vec<Op> = Vec::new();
        let mut count = 0;
        while !self.action.is_done() {
            check_limit("operations", count + 1, MAX_CHANGE_OPS)?;
            let op = self.op(count, others)?;
            // A change writes a path once. Said here too, because a run of one long path costs no bytes.
            if op.path().is_some() && op.path() == ops.last().and_then(Op::path) {
                return Err(Malformed::NotFlat { index: count, reason: "its path was written just before" });
            }
            op.push_onto(&mut ops, start + count as u32, 0);
            count += 1;
            if let Some(Op::Insert { characters, .. }) = ops.last_mut() {
                count += self.typed_on(characters, u64::from(start) + count as u64, MAX_CHANGE_OPS - count)?;
            }
        }
        if ops.is_empty() { Err(Malformed::NotAChange("it does nothing")) } else { Ok(ops) }
    }

    /// Reads on while each operation inserts a character behind the one just read, as typing does: the columns say so
    /// by runs, so that only the characters themselves are looked at. `next` is the counter of the next operation.
    /// Answers how many it has read; what it does not take is for [`Readers::op`] to judge.
    fn typed_on(&mut self, characters: &mut String, next: u64, most: usize) -> Result<usize, Malformed> {
        let is_behind = self.key_actor.repeats(Some(0)) > 0 && self.key_counter.ascends_to(next - 1);
        if !is_behind || self.insert.left_of(true) == 0 {
            return Ok(0);
        }
        let columns = [
            self.obj_actor.ahead(),
            self.obj_counter.ahead(),
            self.key_actor.ahead(),
            self.key_counter.ahead(),
            self.key_text.ahead(),
            self.insert.left_of(true),
            self.action.ahead(),
            self.pred_count.ahead(),
            most as u64,
        ];
        let most = columns.into_iter().min().unwrap_or(0);
        let mut taken = 0;
        while taken < most {
            let some = self.characters(most - taken, characters)?;
            if some == 0 {
                break;
            }
            taken += some;
        }
        self.skip(taken)?;
        Ok(taken as usize)
    }

    /// Takes a run of values that are single characters of one length, at most so many. Answers how many: none for
    /// anything else.
    fn characters(&mut self, most: u64, out: &mut String) -> Result<u64, Malformed> {
        let Some((meta, ahead)) = self.value_meta.peek()? else { return Ok(0) };
        let (width, count) = (meta >> 4, ahead.min(most));
        if meta & 0xf != VALUE_TEXT || !(1..=4).contains(&width) {
            return Ok(0);
        }
        let mut rest = self.value;
        let Ok(bytes) = rest.take((width * count) as usize) else { return Ok(0) };
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(0) };
        let is_single = if width == 1 { text.is_ascii() } else { text.chars().all(|one| one.len_utf8() as u64 == width) };
        if !is_single {
            return Ok(0);
        }
        out.push_str(text);
        self.value = rest;
        self.value_meta.skip(count)?;
        Ok(count)
    }

    /// Passes operations that were read by their characters.
    fn skip(&mut self, count: u64) -> Result<(), Malformed> {
        self.obj_actor.skip(count)?;
        self.obj_counter.skip(count)?;
        self.key_actor.skip(count)?;
        self.key_counter.skip(count)?;
        self.key_text.skip(count)?;
        self.insert.skip(count);
        self.action.skip(count)?;
        Ok(self.pred_count.skip(count)?)
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
                    (ACTION_PUT, Some(value), _) => Ok(Op::Put { path, value: value.into(), pred }),
                    (ACTION_DELETE, Some(Raw::Other(Scalar::Null)), [_, ..]) => Ok(Op::Delete { path, pred }),
                    (ACTION_INCREMENT, Some(Raw::Other(Scalar::Int(by))), [counter]) => Ok(Op::Increment { path, by, pred: *counter }),
                    (ACTION_MAKE_TEXT, Some(Raw::Other(Scalar::Null)), []) => Ok(Op::MakeText { path }),
                    _ => Err(not_flat("only puts, deletes and increments of scalars are")),
                }
            }
            ((Some(actor), Some(counter)), (key_actor, Some(key_counter), None)) => {
                let text = op_ref(actor, i64::try_from(counter).unwrap_or(-1), others)?;
                let element = if key_counter == 0 && key_actor.is_none() { None } else { Some(named(key_actor, key_counter)?) };
                match (action, insert, value, element) {
                    (ACTION_PUT, true, Some(Raw::Text(character)), after) if pred.is_empty() => {
                        let is_one = character.chars().count() == 1;
                        let insert = Op::Insert { text, after, characters: character.to_owned() };
                        is_one.then_some(insert).ok_or(not_flat("an inserted text is not one character"))
                    }
                    (ACTION_DELETE, false, Some(Raw::Other(Scalar::Null)), Some(element)) if pred == [element] => {
                        Ok(Op::Remove { text, element })
                    }
                    _ => Err(not_flat("only inserted and removed characters are")),
                }
            }
            _ => Err(not_flat("it is neither on a root path nor in a root text")),
        }
    }

    fn preds(&mut self, others: u64) -> Result<Vec<OpRef>, Malformed> {
        let count = self.pred_count.next()?.unwrap_or(0);
        // Counted over the whole change: a run of large counts costs no bytes.
        self.preds_seen = self.preds_seen.saturating_add(count);
        check_limit("replaced operations", usize::try_from(self.preds_seen).unwrap_or(usize::MAX), MAX_CHANGE_OPS)?;
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
    fn value(&mut self) -> Result<Option<Raw<'a>>, Malformed> {
        let meta = self.value_meta.next()?.unwrap_or(0);
        let mut raw = Bytes(self.value.take(usize::try_from(meta >> 4).map_err(|_| BadColumn::Number)?)?);
        let scalar = match meta & 0xf {
            VALUE_TEXT => return Ok(Some(Raw::Text(std::str::from_utf8(raw.0).map_err(|_| BadColumn::Text)?))),
            0 => Scalar::Null,
            1 => Scalar::Bool(false),
            2 => Scalar::Bool(true),
            4 => Scalar::Int(raw.signed()?),
            5 => Scalar::Float(f64::from_le_bytes(raw.0.try_into().map_err(|_| BadColumn::Truncated)?)),
            8 => Scalar::Counter(raw.signed()?),
            _ => return Ok(None),
        };
        Ok(Some(Raw::Other(scalar)))
    }
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
pub(super) struct Writers<'a> {
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
    pub fn of(ops: &'a [Op], start: u32) -> Self {
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
        let mut counter = start;
        for op in ops {
            writers.push(op, counter);
            // No change that was read comes near the end of the numbers.
            counter = counter.wrapping_add(op.count() as u32);
        }
        writers
    }

    fn push(&mut self, op: &'a Op, counter: u32) {
        match op {
            Op::Put { path, value, pred } => self.push_root(ACTION_PUT, path, value, pred),
            Op::Delete { path, pred } => self.push_root(ACTION_DELETE, path, &Scalar::Null, pred),
            Op::Increment { path, by, pred } => self.push_root(ACTION_INCREMENT, path, &Scalar::Int(*by), std::slice::from_ref(pred)),
            Op::MakeText { path } => self.push_root(ACTION_MAKE_TEXT, path, &Scalar::Null, &[]),
            Op::Insert { text, after, characters } => {
                self.push_element(*text, *after, true, ACTION_PUT);
                self.push_preds(&[]);
                self.push_characters(characters);
                let more = characters.chars().count() as u64 - 1;
                if more > 0 {
                    self.push_element(*text, Some(OpRef { counter, actor: 0 }), true, ACTION_PUT);
                    self.push_preds(&[]);
                    self.repeat_element(*text, more - 1);
                }
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

    /// Insertions that go on behind the one just written.
    fn repeat_element(&mut self, text: OpRef, count: u64) {
        self.obj_actor.push_many(Some(u64::from(text.actor)), count);
        self.obj_counter.push_many(Some(u64::from(text.counter)), count);
        self.key_actor.push_many(Some(0), count);
        self.key_counter.push_ascending(count);
        self.key_text.push_many(None, count);
        self.insert.push_many(true, count);
        self.action.push_many(Some(ACTION_PUT), count);
        self.pred_count.push_many(Some(0), count);
    }

    fn push_characters(&mut self, characters: &str) {
        let described = |width: usize| Some((width as u64) << 4 | VALUE_TEXT);
        if characters.is_ascii() {
            self.value_meta.push_many(described(1), characters.len() as u64);
        } else {
            characters.chars().for_each(|character| self.value_meta.push(described(character.len_utf8())));
        }
        self.value.extend_from_slice(characters.as_bytes());
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
                VALUE_TEXT
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

    pub fn finish(self) -> [(u64, Vec<u8>); 12] {
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
