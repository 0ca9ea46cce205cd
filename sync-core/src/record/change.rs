//! One change: the bytes of automerge's plain change chunk, read and written by us.
//!
//! Records are flat, so a change may hold few things: puts, deletes and increments of root paths, and
//! inserted or removed characters of root texts. Anything else is refused here, by its bytes, and so is
//! every second way of writing the same change: what is read is written again and must be equal byte for
//! byte. That is why a change admitted here always loads in automerge, on every replica, for ever.
//! Never looks at a document.

use sha2::{Digest, Sha256};

use super::codec::{Readers, Writers};
use super::columns::{BadColumn, Bytes, write_prefixed, write_signed, write_unsigned};
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

/// An operation's name: its counter and its author, an index into [`Change::actor_at`] (0 is the change's own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpRef {
    /// Lamport counter.
    pub counter: u32,
    /// Index of the actor within the change.
    pub actor: u32,
}

/// What one operation does.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Writes a value at a path.
    Put {
        /// The root path.
        path: Box<str>,
        /// What it writes.
        value: Scalar,
        /// The operations it replaces, by counter, then actor.
        pred: Vec<OpRef>,
    },
    /// Removes what is at a path.
    Delete {
        /// The root path.
        path: Box<str>,
        /// The operations it replaces, by counter, then actor.
        pred: Vec<OpRef>,
    },
    /// Adds to a counter.
    Increment {
        /// The root path.
        path: Box<str>,
        /// How much; negative to subtract.
        by: i64,
        /// The counter it adds to.
        pred: OpRef,
    },
    /// Makes the text at a path: only in the deterministic first change of a text.
    MakeText {
        /// The root path.
        path: Box<str>,
    },
    /// Inserts characters, each behind the one before it: as many operations as there are characters. What was typed
    /// or pasted in one go is one of these, as long as it can be (`Op::push_onto`).
    Insert {
        /// The operation that made the text.
        text: OpRef,
        /// The character that the first one stands behind; `None` for the start.
        after: Option<OpRef>,
        /// What it inserts: one character at least.
        characters: String,
    },
    /// Removes a character.
    Remove {
        /// The operation that made the text.
        text: OpRef,
        /// The insertion whose character goes.
        element: OpRef,
    },
}

/// A change that is not one of ours, with what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A limit is exceeded.
    #[error("the change has {what} {found}, the limit is {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        found: usize,
        /// How much is allowed.
        limit: usize,
    },
    /// It is not a plain change chunk.
    #[error("not a plain automerge change: {0}")]
    NotAChange(&'static str),
    /// A column cannot be read.
    #[error("unreadable change: {0}")]
    Column(#[from] BadColumn),
    /// An operation that a flat record never has.
    #[error("operation {index} is not allowed: {reason}")]
    NotFlat {
        /// Which operation of the change, from 0.
        index: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
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
        if change.actor.is_maker_of_text() {
            return Err(Malformed::NotAChange("its author is a name that only texts have"));
        }
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
        let (mut change, columns) = read_header(contents_of(bytes)?)?;
        change.ops = Readers::of(columns)?.ops(change.start_op, change.others.len() as u64)?;
        Ok(change)
    }

    /// The changes that a change follows, without reading what it does.
    ///
    /// # Errors
    /// As [`Change::read`].
    pub fn read_deps(bytes: &[u8]) -> Result<Vec<ChangeHash>, Malformed> {
        Ok(read_header(contents_of(bytes)?)?.0.deps)
    }

    /// The author of an operation that this change refers to.
    pub fn actor_at(&self, index: u32) -> Option<ActorId> {
        match index {
            0 => Some(self.actor),
            _ => self.others.get(index as usize - 1).copied(),
        }
    }

    /// How many operations it consists of, each inserted character counted.
    pub fn op_count(&self) -> usize {
        self.ops.iter().map(Op::count).sum()
    }

    /// What it does, each with the counter of its first operation.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Op)> {
        self.ops.iter().scan(self.start_op, |counter, op| {
            let first = *counter;
            *counter += op.count() as u32;
            Some((first, op))
        })
    }

    /// Counter of the last operation.
    pub fn max_op(&self) -> u32 {
        self.start_op + self.op_count() as u32 - 1
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
        let columns = Writers::of(&self.ops, self.start_op).finish();
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

pub(super) fn check_limit(what: &'static str, found: usize, limit: usize) -> Result<(), Malformed> {
    if found > limit { Err(Malformed::TooLarge { what, found, limit }) } else { Ok(()) }
}

/// What stands behind the chunk's own header.
fn contents_of(bytes: &[u8]) -> Result<Bytes<'_>, Malformed> {
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
    Ok(header)
}

/// A change without its operations, and the columns that hold them.
fn read_header(mut bytes: Bytes<'_>) -> Result<(Change, Bytes<'_>), Malformed> {
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
    Ok((Change { deps, actor, seq, start_op: start_op as u32, time, others, ops: Vec::new() }, bytes))
}

fn read_actor(bytes: &mut Bytes<'_>) -> Result<ActorId, Malformed> {
    ActorId::from_bytes(bytes.prefixed()?).map_err(|_| Malformed::NotAChange("an actor id is not 16 bytes long"))
}

impl Op {
    /// The root path it is on; `None` inside a text.
    pub fn path(&self) -> Option<&str> {
        match self {
            Op::Put { path, .. } | Op::Delete { path, .. } | Op::Increment { path, .. } | Op::MakeText { path } => Some(path),
            Op::Insert { .. } | Op::Remove { .. } => None,
        }
    }

    /// How many operations of the format it stands for.
    pub fn count(&self) -> usize {
        match self {
            Op::Insert { characters, .. } => characters.chars().count(),
            Op::Put { .. } | Op::Delete { .. } | Op::Increment { .. } | Op::MakeText { .. } | Op::Remove { .. } => 1,
        }
    }

    /// Appends an operation whose counter is `counter`: to the insertion before it where it goes on with that one.
    /// `own` is the index of the author, as references name it.
    pub(super) fn push_onto(self, ops: &mut Vec<Op>, counter: u32, own: u32) {
        if let Op::Insert { text, after: Some(after), characters } = &self
            && (after.actor, after.counter + 1) == (own, counter)
            && let Some(Op::Insert { text: same, characters: before, .. }) = ops.last_mut()
            && text == same
        {
            before.push_str(characters);
        } else {
            ops.push(self);
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
    pub(crate) fn for_each_ref(&mut self, mut visit: impl FnMut(&mut OpRef)) {
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
