//! Changes that no honest device writes: for the tests of the fence and of the whole world.
//!
//! They are self-consistent, with the right length, checksum and hash, so that only what they say and
//! how they say it is wrong. Only compiled for tests, those of servers too, and for planted bugs.

use sha2::{Digest, Sha256};

use crate::id::ChangeHash;
use crate::record::change::Change;
use crate::record::columns::{Bytes, write_prefixed, write_signed, write_unsigned};

/// Column numbers that hostile changes are made of.
pub mod column {
    /// Author of the object.
    pub const OBJ_ACTOR: u64 = 0x01;
    /// Counter of the object.
    pub const OBJ_COUNTER: u64 = 0x02;
    /// Author of the element.
    pub const KEY_ACTOR: u64 = 0x11;
    /// Counter of the element.
    pub const KEY_COUNTER: u64 = 0x13;
    /// Key in a map.
    pub const KEY_TEXT: u64 = 0x15;
    /// Whether it inserts.
    pub const INSERT: u64 = 0x34;
    /// What it does.
    pub const ACTION: u64 = 0x42;
    /// Length and type of the value.
    pub const VALUE_META: u64 = 0x56;
    /// The value's bytes.
    pub const VALUE: u64 = 0x57;
    /// How many operations it replaces.
    pub const PRED_COUNT: u64 = 0x70;
    /// Their authors.
    pub const PRED_ACTOR: u64 = 0x71;
    /// Their counters.
    pub const PRED_COUNTER: u64 = 0x73;
    /// Whether a mark grows.
    pub const EXPAND: u64 = 0x94;
    /// The name of a mark.
    pub const MARK_NAME: u64 = 0xa5;
    /// Set in the number of a compressed column.
    pub const COMPRESSED: u64 = 0x08;
}

/// A change chunk taken apart, with every part free to lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// 1 for a plain change.
    pub chunk_type: u8,
    /// Parents.
    pub deps: Vec<[u8; 32]>,
    /// The author.
    pub actor: Vec<u8>,
    /// The author's how many-th change.
    pub seq: u64,
    /// Counter of the first operation.
    pub start_op: u64,
    /// Edit time.
    pub time: i64,
    /// The commit message.
    pub message: Vec<u8>,
    /// Other actors.
    pub others: Vec<Vec<u8>>,
    /// Number and bytes of each column.
    pub columns: Vec<(u64, Vec<u8>)>,
    /// Bytes behind the columns.
    pub extra: Vec<u8>,
}

impl Raw {
    /// Takes a change apart that is well-formed down to its columns.
    pub fn read(bytes: &[u8]) -> Option<Raw> {
        let mut bytes = Bytes(bytes.get(8..)?);
        let chunk_type = bytes.take(1).ok()?[0];
        bytes.length().ok()?;
        let deps = (0..bytes.length().ok()?).map(|_| bytes.take(32).ok()?.try_into().ok()).collect::<Option<_>>()?;
        let actor = bytes.prefixed().ok()?.to_vec();
        let (seq, start_op, time) = (bytes.unsigned().ok()?, bytes.unsigned().ok()?, bytes.signed().ok()?);
        let message = bytes.prefixed().ok()?.to_vec();
        let others = (0..bytes.length().ok()?).map(|_| Some(bytes.prefixed().ok()?.to_vec())).collect::<Option<_>>()?;
        let count = bytes.length().ok()?;
        let sizes = (0..count).map(|_| Some((bytes.unsigned().ok()?, bytes.length().ok()?))).collect::<Option<Vec<_>>>()?;
        let columns = sizes.into_iter().map(|(number, size)| Some((number, bytes.take(size).ok()?.to_vec()))).collect::<Option<_>>()?;
        Some(Raw { chunk_type, deps, actor, seq, start_op, time, message, others, columns, extra: bytes.0.to_vec() })
    }

    /// The chunk with its true length, checksum and hash.
    pub fn write(&self) -> (ChangeHash, Vec<u8>) {
        let mut out = Vec::new();
        write_unsigned(&mut out, self.deps.len() as u64);
        self.deps.iter().for_each(|dep| out.extend_from_slice(dep));
        write_prefixed(&mut out, &self.actor);
        write_unsigned(&mut out, self.seq);
        write_unsigned(&mut out, self.start_op);
        write_signed(&mut out, self.time);
        write_prefixed(&mut out, &self.message);
        write_unsigned(&mut out, self.others.len() as u64);
        self.others.iter().for_each(|other| write_prefixed(&mut out, other));
        write_unsigned(&mut out, self.columns.len() as u64);
        for (number, data) in &self.columns {
            write_unsigned(&mut out, *number);
            write_unsigned(&mut out, data.len() as u64);
        }
        self.columns.iter().for_each(|(_, data)| out.extend_from_slice(data));
        out.extend_from_slice(&self.extra);
        chunk(self.chunk_type, &out)
    }

    /// The bytes of a column; an empty one is added when it has none.
    pub fn column(&mut self, number: u64) -> &mut Vec<u8> {
        let index = self.columns.iter().position(|(known, _)| *known == number).unwrap_or_else(|| {
            let index = self.columns.iter().take_while(|(known, _)| *known < number).count();
            self.columns.insert(index, (number, Vec::new()));
            index
        });
        &mut self.columns[index].1
    }
}

/// Contents as a chunk with its true length, checksum and hash.
pub fn chunk(chunk_type: u8, contents: &[u8]) -> (ChangeHash, Vec<u8>) {
    let mut body = vec![chunk_type];
    write_prefixed(&mut body, contents);
    let hash: [u8; 32] = Sha256::digest(&body).into();
    (ChangeHash(hash), [&[0x85, 0x6f, 0x4a, 0x83], &hash[..4], &body].concat())
}

/// Makes the checksum and the length of damaged bytes right again: what an attacker does.
pub fn repaired(bytes: &[u8]) -> (ChangeHash, Vec<u8>) {
    let mut rest = Bytes(bytes.get(9..).unwrap_or_default());
    let _ = rest.length();
    chunk(bytes.get(8).copied().unwrap_or(1), rest.0)
}

/// The hash of a chunk's bytes as they are, right or wrong.
pub fn hash_of(bytes: &[u8]) -> ChangeHash {
    ChangeHash(Sha256::digest(bytes.get(8..).unwrap_or_default()).into())
}

/// How the same change is written in a second way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Each action is a run of one: the format has two ways to say it, automerge writes the other.
    RunsOfOne,
    /// A number has a needless last byte.
    NeedlessByte,
    /// A column goes on after the last operation.
    TrailingItem,
    /// A column that says nothing is written out: every operation inserts nothing.
    EmptyColumn,
    /// It names an actor that no operation refers to.
    UnusedActor,
    /// A value has bytes that its type does not need.
    TrailingValue,
}

impl Manner {
    /// All of them.
    pub const ALL: [Manner; 6] =
        [Manner::RunsOfOne, Manner::NeedlessByte, Manner::TrailingItem, Manner::EmptyColumn, Manner::UnusedActor, Manner::TrailingValue];
}

/// The same change written in a way that automerge does not write: self-consistent, and to a tolerant
/// reader the same. Who admits it keeps a record that automerge may never load again. `None` when these
/// bytes are no change.
pub fn non_canonical(change_bytes: &[u8]) -> Option<(ChangeHash, Vec<u8>)> {
    in_manner(change_bytes, Manner::RunsOfOne)
}

/// As [`non_canonical`], in a chosen manner; `None` also when the change has nothing to say that way.
pub fn in_manner(change_bytes: &[u8], manner: Manner) -> Option<(ChangeHash, Vec<u8>)> {
    let change = Change::read(change_bytes).ok()?;
    let mut raw = Raw::read(change_bytes)?;
    match manner {
        Manner::RunsOfOne => *raw.column(column::ACTION) = runs_of_one(raw.column(column::ACTION))?,
        Manner::NeedlessByte => {
            let last = raw.column(column::ACTION).last_mut()?;
            *last |= 0x80;
            raw.column(column::ACTION).push(0);
        }
        Manner::TrailingItem => raw.column(column::KEY_TEXT).extend_from_slice(&[0x7f, 1, b'z']),
        Manner::EmptyColumn => {
            if raw.columns.iter().any(|(number, _)| *number == column::KEY_ACTOR) {
                return None;
            }
            *raw.column(column::KEY_ACTOR) = [&[0][..], &unsigned(change.op_count() as u64)].concat();
        }
        Manner::UnusedActor => {
            raw.others.push(vec![0xff; 16]);
            if raw.others.iter().filter(|other| **other == vec![0xff; 16]).count() > 1 {
                return None;
            }
        }
        Manner::TrailingValue => {
            // The last operation's length and type is the last number of the column; nothing, no and yes have no bytes.
            let meta = raw.column(column::VALUE_META);
            let last = meta.last_mut().filter(|meta| **meta <= 2)?;
            *last += 0x10;
            raw.column(column::VALUE).push(0);
        }
    }
    Some(raw.write())
}

/// A run-length column of small numbers with every item as a run of one.
fn runs_of_one(column: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Bytes(column);
    let mut out = Vec::new();
    while !bytes.0.is_empty() {
        let count = bytes.signed().ok()?;
        let repeated = if count > 0 { Some(bytes.unsigned().ok()?) } else { None };
        for _ in 0..count.unsigned_abs() {
            write_signed(&mut out, 1);
            write_unsigned(
                &mut out,
                match repeated {
                    Some(value) => value,
                    None => bytes.unsigned().ok()?,
                },
            );
        }
    }
    Some(out)
}

/// LEB128 of a number.
pub fn unsigned(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write_unsigned(&mut out, value);
    out
}

/// A run: signed LEB128 of its length, then its value's bytes.
pub fn run(count: i64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_signed(&mut out, count);
    out.extend_from_slice(value);
    out
}
