//! A record's document in memory: what all its changes together say, path by path.
//!
//! Applies changes that fit, refuses every other one before anything is touched, and writes new ones.
//! Knows the format's rules (parents, sequence numbers, replaced operations) and nothing of kinds:
//! what a path means is `merge`'s business.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::change::{Change, Op, OpRef};
use super::fit::Plan;
use super::generation::Declared;
use super::text::{Text, genesis};
use crate::id::{ActorId, ChangeHash, Millis, Name};
use crate::schema::OPTION_VALUE_MAX;
use crate::value::Scalar;

/// As long as the word of an option can be: longer texts that were replaced are not remembered, only in their changes.
const WORD_BYTES: usize = OPTION_VALUE_MAX;

/// An operation's name within a document: Lamport counter and index into the document's actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpId {
    /// Lamport counter.
    pub counter: u32,
    /// Index of the actor within the document.
    pub actor: u32,
}

/// A value at a path that nobody has replaced yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Put {
    /// The operation that wrote it.
    pub id: OpId,
    /// What it wrote.
    pub value: Scalar,
    /// What increments have added since, for a counter.
    pub added: i64,
    /// The change it belongs to, an index for [`Doc::node`].
    pub node: u32,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Register {
    pub visible: Vec<Put>,
    pub replaced: Vec<OpId>,
}

/// A change as a document remembers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its hash.
    pub hash: ChangeHash,
    /// Its author, an index into the document's actors.
    pub(super) actor: u32,
    /// The author's how many-th change of this document.
    pub seq: u64,
    pub(super) start_op: u32,
    pub(super) max_op: u32,
    /// Edit time.
    pub time: Millis,
    pub(super) deps: Vec<u32>,
}

/// Why a change does not fit a document. Nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// It is here already.
    #[error("the change is here already")]
    Duplicate,
    /// Changes that it follows are not here yet.
    #[error("{} of the changes it follows are not here", .0.len())]
    MissingDeps(Vec<ChangeHash>),
    /// Its author has already written another change with this number: two pens with one name.
    #[error("change {found} of this author is here already, with other content")]
    ActorFork {
        /// The sequence number it bears.
        found: u64,
        /// The last one known of its author.
        last: u64,
    },
    /// Its author's own earlier changes are not among its ancestors.
    #[error("it does not follow its author's own last change ({last}), it is number {found}")]
    SeqGap {
        /// The sequence number it bears.
        found: u64,
        /// The last one known of its author.
        last: u64,
    },
    /// Its first counter is not the one that follows from its parents.
    #[error("its first operation is {found}, it must be {expected}")]
    StartOp {
        /// The counter it starts at.
        found: u32,
        /// The one that follows from its parents.
        expected: u32,
    },
    /// It refers to an operation or an actor that its author cannot have seen.
    #[error("operation {index} refers to something its author cannot have seen")]
    UnknownOperation {
        /// Which operation of the change, from 0.
        index: usize,
    },
    /// It is of a generation whose past was forgotten, or follows what was: whoever wrote it writes it again.
    #[error("it is of a past that was forgotten")]
    Forgotten,
    /// An operation is of a sort that its path does not take.
    #[error("operation {index} does not fit what is at `{path}`")]
    WrongSort {
        /// Which operation of the change, from 0.
        index: usize,
        /// The path it names.
        path: Box<str>,
    },
}

/// One edit of a path, as the writer of a change wants it.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Writes a value; replaces all that are visible.
    Put {
        /// The root path.
        path: String,
        /// What to write.
        value: Scalar,
    },
    /// Removes what is at the path.
    Delete {
        /// The root path.
        path: String,
    },
    /// Adds to a counter.
    Increment {
        /// The root path.
        path: String,
        /// How much; negative to subtract.
        by: i64,
    },
    /// Replaces `delete` characters at `at` (both counted in Unicode scalar values) by `insert`.
    Splice {
        /// The text's path.
        path: String,
        /// Where, in the text as the edits before this one left it.
        at: usize,
        /// How many characters go.
        delete: usize,
        /// What comes instead.
        insert: String,
    },
}

impl Edit {
    /// The root path it is on.
    pub fn path(&self) -> &str {
        match self {
            Edit::Put { path, .. } | Edit::Delete { path } | Edit::Increment { path, .. } | Edit::Splice { path, .. } => path,
        }
    }
}

/// A change ready to be kept and sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// SHA-256, as automerge computes it.
    pub hash: ChangeHash,
    /// The change chunk.
    pub bytes: Vec<u8>,
    /// Its content.
    pub change: Change,
}

/// What all changes of one document say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Doc {
    pub(super) actors: Vec<ActorId>,
    pub(super) nodes: Vec<Node>,
    pub(super) heads: Vec<u32>,
    pub(super) registers: BTreeMap<Box<str>, Register>,
    /// Words that were replaced, by their paths: what a record once was.
    past: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    /// What its first change says, where a past was forgotten.
    pub(super) begun: Option<Arc<Declared>>,
    pub(super) texts: BTreeMap<Box<str>, Text>,
}

impl Doc {
    /// The changes that no other change follows, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.heads.iter().map(|&head| self.nodes[head as usize].hash).collect();
        heads.sort_unstable();
        heads
    }

    /// Whether it holds a change.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.find(hash).is_some()
    }

    /// How many changes it holds, the derived first changes of texts included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A change it holds, by index.
    pub fn node(&self, index: u32) -> &Node {
        &self.nodes[index as usize]
    }

    /// The change it began with: the first that somebody wrote.
    pub fn first_change(&self) -> Option<ChangeHash> {
        // The derived first changes of texts are nobody's and have no time.
        self.nodes.iter().find(|node| node.time > 0).map(|node| node.hash)
    }

    /// The author of a change it holds.
    pub fn author(&self, node: &Node) -> ActorId {
        self.actors[node.actor as usize]
    }

    /// Who wrote at a change's moment without its knowing, and which of their changes it was.
    pub fn written_beside(&self, change: &Change) -> Vec<(ActorId, u64)> {
        if self.nodes.iter().all(|node| node.time != change.time) {
            return Vec::new();
        }
        let parents: Vec<u32> = change.deps.iter().filter_map(|dep| self.find(dep)).collect();
        let known = self.ancestors(&parents);
        let beside = self.nodes.iter().zip(known).filter(|(node, is_known)| node.time == change.time && !is_known);
        beside.map(|(node, _)| (self.author(node), node.seq)).collect()
    }

    /// The last sequence number of an actor; 0 when it never wrote here.
    pub fn last_seq(&self, actor: &ActorId) -> u64 {
        let index = self.actors.iter().position(|known| known == actor);
        index.map_or(0, |index| self.nodes.iter().filter(|node| node.actor == index as u32).map(|node| node.seq).max().unwrap_or(0))
    }

    /// The words that stood at a path and were replaced since, in no order of time: the longer texts are not among them.
    pub fn past(&self, path: &str) -> impl Iterator<Item = &str> {
        self.past.get(path).into_iter().flatten().map(|word| &**word)
    }

    /// The values at a path that nobody has replaced; more than one after concurrent edits.
    pub fn values(&self, path: &str) -> &[Put] {
        self.registers.get(path).map_or(&[], |register| &register.visible)
    }

    /// All paths that hold values, with them, in path order.
    pub fn paths(&self) -> impl Iterator<Item = (&str, &[Put])> {
        self.registers.iter().filter(|(_, register)| !register.visible.is_empty()).map(|(path, register)| (&**path, &*register.visible))
    }

    /// The paths below `field/`, without that prefix, with their values.
    pub fn below<'a>(&'a self, field: &str) -> impl Iterator<Item = (&'a str, &'a [Put])> {
        let mut prefix = String::with_capacity(field.len() + 1);
        prefix.push_str(field);
        prefix.push('/');
        let skip = prefix.len();
        self.registers
            .range::<str, _>((std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded))
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .filter(|(_, register)| !register.visible.is_empty())
            .map(move |(path, register)| (&path[skip..], &*register.visible))
    }

    /// The text at a path; `None` when it was never written.
    pub fn text(&self, path: &str) -> Option<String> {
        self.texts.get(path).map(Text::content)
    }

    /// How many characters a text holds, removed ones included.
    pub fn text_elements(&self, path: &str) -> usize {
        self.texts.get(path).map_or(0, |text| text.elements.len())
    }

    /// The values at a path, still visible, that an operation of a change names as replaced.
    pub fn named<'a>(&'a self, change: &'a Change, path: &str, pred: &'a [OpRef]) -> impl Iterator<Item = &'a Put> {
        self.values(path).iter().filter(|put| {
            let author = self.actors[put.id.actor as usize];
            pred.iter().any(|named| named.counter == put.id.counter && change.actor_at(named.actor) == Some(author))
        })
    }

    /// Whether anything was ever written at a path.
    pub fn knows(&self, path: &str) -> bool {
        self.registers.contains_key(path)
    }

    /// All texts with their paths.
    pub fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.texts.iter().map(|(path, text)| (&**path, text.content()))
    }

    /// Automerge's order of operations: by counter, then by actor bytes.
    pub fn order(&self, left: OpId, right: OpId) -> Ordering {
        left.counter.cmp(&right.counter).then_with(|| self.actors[left.actor as usize].cmp(&self.actors[right.actor as usize]))
    }

    /// Applies a change, or leaves everything as it is. `texts` are the names of the kind's text fields:
    /// their derived first changes count as known.
    ///
    /// # Errors
    /// [`Inadmissible`], with nothing touched.
    pub fn apply(&mut self, change: &Change, hash: ChangeHash, texts: &[Name]) -> Result<u32, Inadmissible> {
        let plan = self.plan(change, hash, texts)?;
        Ok(self.keep(change.clone(), hash, plan))
    }

    /// As [`Doc::apply`], for a change that nobody needs any more: its paths and values are not copied.
    ///
    /// # Errors
    /// [`Inadmissible`], with nothing touched.
    pub fn take(&mut self, change: Change, hash: ChangeHash, texts: &[Name]) -> Result<u32, Inadmissible> {
        let plan = self.plan(&change, hash, texts)?;
        Ok(self.keep(change, hash, plan))
    }

    fn keep(&mut self, change: Change, hash: ChangeHash, plan: Plan) -> u32 {
        if let Some(declared) = plan.begins {
            let words =
                |(path, words): (&String, &Vec<String>)| (path.as_str().into(), words.iter().map(|word| word.as_str().into()).collect());
            *self = Self { past: declared.past.iter().map(words).collect(), begun: Some(Arc::new(declared)), ..Self::default() };
        }
        for first in plan.births {
            self.add_genesis(&first);
        }
        let deps = change.deps.iter().filter_map(|dep| self.find(dep)).collect();
        let actor = self.intern(change.actor);
        let node = self.nodes.len() as u32;
        let ids: Vec<u32> = change.others.iter().map(|other| self.intern(*other)).collect();
        let global =
            |local: OpRef| OpId { counter: local.counter, actor: if local.actor == 0 { actor } else { ids[local.actor as usize - 1] } };
        let max_op = change.max_op();
        let mut counter = change.start_op;
        for op in change.ops {
            let count = op.count() as u32;
            self.perform(op, OpId { counter, actor }, node, &global);
            counter += count;
        }
        self.push_node(Node { hash, actor, seq: change.seq, start_op: change.start_op, max_op, time: change.time, deps });
        node
    }

    /// Whether [`Doc::apply`] would take a change; nothing is touched.
    ///
    /// # Errors
    /// [`Inadmissible`] as from [`Doc::apply`].
    pub fn fits(&self, change: &Change, hash: ChangeHash, texts: &[Name]) -> Result<(), Inadmissible> {
        self.plan(change, hash, texts).map(|_| ())
    }

    /// Writes edits as one change that follows everything here, and applies it. `None` when the edits
    /// change nothing. A path is put, deleted or incremented once; a text may be spliced several times.
    pub fn write(&mut self, actor: ActorId, time: Millis, edits: &[Edit]) -> Option<Written> {
        let written = self.draft(actor, time, edits)?;
        let spliced = edits.iter().filter_map(|edit| if let Edit::Splice { path, .. } = edit { Some(path.as_str()) } else { None });
        let names: Vec<Name> = self.texts.keys().map(|path| &**path).chain(spliced).filter_map(|path| path.parse().ok()).collect();
        self.apply(&written.change, written.hash, &names).ok()?;
        Some(written)
    }

    /// The change that [`Doc::write`] would apply.
    pub fn draft(&self, actor: ActorId, time: Millis, edits: &[Edit]) -> Option<Written> {
        let unborn = |edit: &Edit| match edit {
            Edit::Splice { path, insert, .. } if !insert.is_empty() && !self.texts.contains_key(path.as_str()) => path.parse().ok(),
            _ => None,
        };
        let unborn: Vec<Name> = edits.iter().filter_map(unborn).collect();
        if !unborn.is_empty() {
            let mut born = self.clone();
            unborn.iter().for_each(|name| born.add_genesis(&genesis(name)));
            return born.draft(actor, time, edits);
        }
        let start_op = self.nodes.iter().map(|node| node.max_op).max().unwrap_or(0) + 1;
        let ops = self.ops_of(edits);
        if ops.is_empty() {
            return None;
        }
        let own = self.actors.iter().position(|known| *known == actor).map(|index| index as u32);
        let seq = self.last_seq(&actor) + 1;
        let change = self.localised(Change { deps: self.heads(), actor, seq, start_op, time, others: Vec::new(), ops }, own);
        let (bytes, hash) = change.encode();
        Some(Written { hash, bytes, change })
    }

    /// Whether everything here is among the ancestors of these nodes or one of them.
    pub(super) fn covers(&self, deps: &[u32]) -> bool {
        self.heads.iter().all(|head| deps.contains(head))
    }

    /// Marks the ancestors of nodes, themselves included.
    pub(super) fn ancestors(&self, from: &[u32]) -> Vec<bool> {
        let mut seen = vec![false; self.nodes.len()];
        let mut open: Vec<u32> = from.to_vec();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node as usize], true) {
                open.extend(&self.nodes[node as usize].deps);
            }
        }
        seen
    }

    pub(super) fn find(&self, hash: &ChangeHash) -> Option<u32> {
        // Parents are nearly always among the last changes.
        self.nodes.iter().rposition(|node| node.hash == *hash).map(|index| index as u32)
    }

    pub(super) fn intern(&mut self, actor: ActorId) -> u32 {
        self.actors.iter().position(|known| *known == actor).unwrap_or_else(|| {
            self.actors.push(actor);
            self.actors.len() - 1
        }) as u32
    }

    fn push_node(&mut self, node: Node) {
        let index = self.nodes.len() as u32;
        self.heads.retain(|head| !node.deps.contains(head));
        self.heads.push(index);
        self.nodes.push(node);
    }

    pub(super) fn add_genesis(&mut self, first: &super::text::Genesis) {
        if self.find(&first.hash).is_none() {
            let actor = self.intern(first.actor);
            self.texts.insert(first.path.as_str().into(), Text::of(actor));
            self.push_node(Node { hash: first.hash, actor, seq: 1, start_op: 1, max_op: 1, time: 0, deps: Vec::new() });
        }
    }

    fn perform(&mut self, op: Op, id: OpId, node: u32, global: &impl Fn(OpRef) -> OpId) {
        match op {
            Op::Put { path, value, pred } => {
                self.replace(&path, pred.into_iter().map(global));
                let register = self.registers.entry(path).or_default();
                // Nearly always the only one: a vector would make room for four.
                register.visible.reserve_exact(usize::from(register.visible.is_empty()));
                register.visible.push(Put { id, value, added: 0, node });
            }
            Op::Delete { path, pred } => {
                self.replace(&path, pred.into_iter().map(global));
            }
            Op::Increment { path, by, pred } => {
                let counter = global(pred);
                let puts = self.registers.get_mut(&path).map(|register| &mut register.visible);
                if let Some(put) = puts.and_then(|puts| puts.iter_mut().find(|put| put.id == counter)) {
                    // Wrapping, because only that gives the same sum in every order; the fence keeps sums far from it.
                    put.added = put.added.wrapping_add(by);
                }
            }
            Op::MakeText { .. } => {}
            Op::Insert { text, after, characters } => {
                let (text, after) = (global(text), after.map(global));
                if let Some(held) = self.texts.values_mut().find(|held| held.made_by(text)) {
                    held.insert(id, after, &characters, &self.actors);
                }
            }
            Op::Remove { text, element } => {
                let (text, element) = (global(text), global(element));
                if let Some(held) = self.texts.values_mut().find(|held| held.made_by(text)) {
                    held.remove(element);
                }
            }
        }
    }

    /// The operation that made the text at a path.
    pub(super) fn maker_of(&self, path: &str) -> Option<OpRef> {
        let maker = genesis(&path.parse().ok()?).actor;
        let maker = self.texts.contains_key(path).then(|| self.actors.iter().position(|actor| *actor == maker))??;
        Some(OpRef { counter: 1, actor: maker as u32 })
    }

    /// The path of the text that an operation made.
    pub(super) fn path_of_text(&self, made_by: OpId) -> Option<Box<str>> {
        self.texts.iter().find(|(_, text)| text.made_by(made_by)).map(|(path, _)| path.clone())
    }

    /// The text that an operation made.
    pub(super) fn text_made_by(&self, made_by: OpId) -> Option<&Text> {
        self.texts.values().find(|text| text.made_by(made_by))
    }
}

impl Doc {
    /// Takes away what an operation replaces; words that stood there are remembered.
    fn replace(&mut self, path: &str, replaced: impl Iterator<Item = OpId>) {
        let Some(register) = self.registers.get_mut(path) else { return };
        for id in replaced {
            let Some(index) = register.visible.iter().position(|put| put.id == id) else { continue };
            let put = register.visible.remove(index);
            register.replaced.push(id);
            if let Scalar::Text(word) = put.value
                && word.len() <= WORD_BYTES
                && !path.contains('/')
            {
                let known = match self.past.get_mut(path) {
                    Some(known) => known,
                    None => self.past.entry(path.into()).or_default(),
                };
                known.insert(word);
            }
        }
    }
}

/// Writing: edits become operations on what is visible.
impl Doc {
    fn ops_of(&self, edits: &[Edit]) -> Vec<Op> {
        let mut ops = Vec::new();
        let mut spliced: Vec<&str> = Vec::new();
        for edit in edits {
            match edit {
                Edit::Put { path, value } => {
                    ops.push(Op::Put { path: path.as_str().into(), value: value.clone(), pred: self.visible_ids(path) })
                }
                Edit::Delete { path } => {
                    let pred = self.visible_ids(path);
                    if !pred.is_empty() {
                        ops.push(Op::Delete { path: path.as_str().into(), pred });
                    }
                }
                Edit::Increment { path, by } => ops.push(match self.values(path).iter().max_by(|a, b| self.order(a.id, b.id)) {
                    Some(put) => {
                        Op::Increment { path: path.as_str().into(), by: *by, pred: OpRef { counter: put.id.counter, actor: put.id.actor } }
                    }
                    None => Op::Put { path: path.as_str().into(), value: Scalar::Counter(*by), pred: Vec::new() },
                }),
                // All splices of a text together, where its first one is.
                Edit::Splice { path, .. } if spliced.contains(&path.as_str()) => {}
                Edit::Splice { path, .. } => {
                    spliced.push(path);
                    self.splice_ops(&mut ops, path, edits);
                }
            }
        }
        ops
    }

    pub(super) fn visible_ids(&self, path: &str) -> Vec<OpRef> {
        self.ids_where(path, |_| true)
    }

    pub(super) fn ids_where(&self, path: &str, is_meant: impl Fn(&Put) -> bool) -> Vec<OpRef> {
        let mut ids: Vec<OpId> = self.values(path).iter().filter(|put| is_meant(put)).map(|put| put.id).collect();
        ids.sort_unstable_by(|a, b| self.order(*a, *b));
        ids.into_iter().map(|id| OpRef { counter: id.counter, actor: id.actor }).collect()
    }

    fn splice_ops(&self, ops: &mut Vec<Op>, path: &str, edits: &[Edit]) {
        let (Some(text), Some(text_ref)) = (self.texts.get(path), self.maker_of(path)) else { return };
        let splices = edits.iter().filter_map(|edit| match edit {
            Edit::Splice { path: same, at, delete, insert } if same == path => Some((*at, *delete, insert.as_str())),
            Edit::Splice { .. } | Edit::Put { .. } | Edit::Delete { .. } | Edit::Increment { .. } => None,
        });
        let spliced = text.spliced(splices);
        let named = |id: OpId| OpRef { counter: id.counter, actor: id.actor };
        ops.extend(spliced.removed.into_iter().map(|element| Op::Remove { text: text_ref, element: named(element) }));
        ops.extend(spliced.inserted.into_iter().map(|(after, characters)| Op::Insert {
            text: text_ref,
            after: after.map(named),
            characters,
        }));
    }

    /// Turns document actor indexes into the change's own: 0 for its author, then the others, sorted.
    pub(super) fn localised(&self, mut change: Change, own: Option<u32>) -> Change {
        let mut used: Vec<u32> = Vec::new();
        for op in &mut change.ops {
            op.for_each_ref(|reference| {
                if Some(reference.actor) != own && !used.contains(&reference.actor) {
                    used.push(reference.actor);
                }
            });
        }
        used.sort_unstable_by_key(|&actor| self.actors[actor as usize]);
        for op in &mut change.ops {
            op.for_each_ref(|reference| {
                reference.actor = used.iter().position(|&actor| actor == reference.actor).map_or(0, |index| index as u32 + 1);
            });
        }
        change.others = used.into_iter().map(|actor| self.actors[actor as usize]).collect();
        change
    }
}
