//! A document without its past: what it shows, with whom it is from and when, and nothing of what stood before.
//!
//! A history of signed changes cannot forget a part of itself: it is replaced. The first change of a later generation says
//! that it is one, and by short hashes which changes it holds what is left of. A document that takes such a change begins
//! anew with it, on every replica; what follows a change of an earlier generation does not fit any more, and whoever wrote
//! it writes it again ([`super::replay`]). Only the server begins generations. Never decides whether one is due.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::change::{Change, MAX_CHANGE_BYTES, MAX_CHANGE_OPS, Op, OpRef};
use super::doc::{Doc, OpId, Written};
use super::history::{Stored, document, texts_of};
use super::path::Path;
use super::text::{Element, Text, genesis};
use crate::id::{ActorId, ChangeHash, Name};
use crate::schema::{Formula, Kind};
use crate::value::Scalar;

/// Where the first change of a generation says what it is: no field can have this name.
pub const GENERATION: &str = "~generation";
/// What a document's last change says where nothing is left of it: so it stays the last one, with its moment.
const LAST: &str = "~last";
/// The changes that a generation knows to be held in it, the last ones: 64 KiB of short hashes.
const HELD_MAX: usize = 4_096;
/// How many hexadecimal digits of a change's hash are kept: no two of a document are alike by chance.
const SHORT: usize = 16;

/// What the first change of a generation says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Declared {
    /// Which one it is: what nobody has renewed is 0.
    pub generation: u32,
    /// How many changes it begins with, all by one author.
    pub changes: u64,
    /// Short hashes of the changes of which this is what is left.
    held: String,
    /// Options that a field once had and that something is computed from.
    #[serde(default)]
    pub past: BTreeMap<String, Vec<String>>,
}

impl Declared {
    /// What a change says, if it begins a generation.
    pub fn by(change: &Change) -> Option<Self> {
        let is_said = |op: &&Op| matches!(op, Op::Put { path, .. } if &**path == GENERATION);
        let Op::Put { value: Scalar::Text(text), .. } = change.ops.iter().find(is_said)? else { return None };
        serde_json::from_str(text).ok()
    }

    /// Whether a change is of an earlier generation than this: held in it, following what is, or a first change that says of
    /// no generation, or of an earlier one, that it begins it.
    pub fn has_left_behind(&self, change: &Change, hash: &ChangeHash, begins: Option<&Self>, texts: &[Name]) -> bool {
        let is_earlier = |begins: &Self| begins.generation < self.generation;
        begins.map_or_else(|| is_first(change, texts), is_earlier) || self.holds(hash) || change.deps.iter().any(|dep| self.holds(dep))
    }

    fn holds(&self, hash: &ChangeHash) -> bool {
        let short = short(hash);
        self.held.as_bytes().chunks(SHORT).any(|held| held == short.as_bytes())
    }
}

/// Whether a change follows nothing that anybody wrote: what texts begin with follows from their names.
pub fn is_first(change: &Change, texts: &[Name]) -> bool {
    change.deps.iter().all(|dep| texts.iter().any(|name| genesis(name).hash == *dep))
}

fn short(hash: &ChangeHash) -> String {
    hash.0[..SHORT / 2].iter().fold(String::with_capacity(SHORT), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Doc {
    /// How often its past was forgotten.
    pub fn generation(&self) -> u32 {
        self.begun.as_ref().map_or(0, |begun| begun.generation)
    }

    /// Whether it holds what is left of a change of an earlier generation.
    pub fn has_forgotten(&self, hash: &ChangeHash) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.holds(hash))
    }

    /// Who wrote what its generation began with.
    fn beginner(&self) -> Option<ActorId> {
        self.values(GENERATION).first().map(|put| self.author(self.node(put.node)))
    }

    /// The last of the changes that its generation began with, if they are all here.
    pub fn beginning(&self) -> Option<ChangeHash> {
        let (begun, author) = self.begun.as_ref().zip(self.beginner())?;
        self.nodes.iter().find(|node| node.seq == begun.changes && self.author(node) == author).map(|node| node.hash)
    }

    /// Whether a change is one of those that its generation began with.
    pub fn begins_with(&self, change: &Change) -> bool {
        self.begun.as_ref().zip(self.beginner()).is_some_and(|(begun, author)| change.actor == author && change.seq <= begun.changes)
    }
}

/// Whether a change says that a generation begins with it.
pub fn begins(change: &Change) -> bool {
    Declared::by(change).is_some()
}

/// A change of a generation's beginning, and the one that it is what is left of.
#[derive(Debug, Clone, PartialEq)]
pub struct Renewed {
    /// The change that it takes the place of.
    pub of: ChangeHash,
    /// The change.
    pub written: Written,
}

/// Writes a document anew without its past: of each change what still stands, at its moment, each after the one before it.
/// `changes` are the document's, each after its parents; `actor` never wrote in it. `None` when there is nothing, or a
/// change would be larger than changes may be.
pub fn renew(kind: &Kind, changes: &[Stored], actor: ActorId) -> Option<Vec<Renewed>> {
    let (old, left_out) = document(kind, changes);
    // A beginning that another one has replaced says nothing any more.
    let live: Vec<&Stored> = changes.iter().filter(|stored| !left_out.contains(&stored.hash) && old.contains(&stored.hash)).collect();
    let remains = Remains::of(&old);
    let (first, last) = (live.first()?.hash, live.last()?.hash);
    let stays = |stored: &&Stored| [first, last].contains(&stored.hash) || remains.of_change(&old, &stored.hash);
    let kept: Vec<&Stored> = live.iter().copied().filter(stays).collect();
    let declared = declare(kind, &old, &live, kept.len() as u64)?;
    let mut writer = Writer { old: &old, remains, place: Doc::default(), placed: HashMap::new(), actor, texts: texts_of(kind) };
    let mut declared = Some(declared);
    kept.into_iter().map(|stored| Some(Renewed { of: stored.hash, written: writer.write(&stored.hash, declared.take())? })).collect()
}

fn declare(kind: &Kind, old: &Doc, live: &[&Stored], changes: u64) -> Option<String> {
    let mut held = old.begun.as_ref().map(|begun| begun.held.clone()).unwrap_or_default();
    held.extend(live.iter().map(|stored| short(&stored.hash)));
    let held = held[held.len().saturating_sub(HELD_MAX * SHORT)..].to_owned();
    let looked_back = kind.fields.iter().filter_map(|field| match field.computed()? {
        Formula::Furthest { of } => Some(of.to_string()),
        Formula::Sum { .. } | Formula::Weight { .. } | Formula::Percent { .. } | Formula::Count { .. } | Formula::Unmet { .. } => None,
        // What stands keeps its moment, and so does the beginning.
        Formula::Due { .. } | Formula::Since { .. } | Formula::Days { .. } => None,
        Formula::Unknown(_) => None,
    });
    let past = looked_back.map(|field| (field.clone(), old.past(&field).map(str::to_owned).collect::<Vec<_>>()));
    let past = past.filter(|(_, words)| !words.is_empty()).collect();
    let generation = old.generation() + 1;
    serde_json::to_string(&Declared { generation, changes, held, past }).ok()
}

/// What is left of the changes of a document, by the index of each.
#[derive(Default)]
struct Remains {
    puts: HashMap<u32, Vec<(Box<str>, Scalar)>>,
    runs: HashMap<u32, Vec<Run>>,
}

/// Characters of one change that stand together, once those of later changes are taken away.
struct Run {
    path: Box<str>,
    /// The character of an earlier change that they stand behind.
    after: Option<OpId>,
    characters: Vec<(OpId, char)>,
}

impl Remains {
    fn of(old: &Doc) -> Self {
        let mut remains = Self::default();
        for (path, puts) in old.paths().filter(|(path, _)| ![GENERATION, LAST].contains(path) && !is_of_removed_row(old, path)) {
            for put in puts {
                let value = match put.value {
                    Scalar::Counter(start) => Scalar::Counter(start.wrapping_add(put.added)),
                    ref value => value.clone(),
                };
                remains.puts.entry(put.node).or_default().push((path.into(), value));
            }
        }
        let writers = Writers::of(old);
        for (path, text) in &old.texts {
            remains.take_apart(&writers, path, text);
        }
        remains
    }

    /// Takes the characters of a text away, change by change from the last one on: what then stands before each is what it is to
    /// be put behind.
    fn take_apart(&mut self, writers: &Writers<'_>, path: &str, text: &Text) {
        let standing: Vec<&Element> = text.elements.iter().filter(|element| !element.removed).collect();
        let mut by_node: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, element) in standing.iter().enumerate() {
            if let Some(node) = writers.change_of(element.id) {
                by_node.entry(node).or_default().push(at);
            }
        }
        let end = standing.len();
        // The neighbours of each; `end` is none.
        let mut before: Vec<usize> = (0..=end).map(|at| if at == 0 { end } else { at - 1 }).collect();
        let mut behind: Vec<usize> = (1..=end + 1).map(|at| at.min(end)).collect();
        for (node, places) in by_node.into_iter().rev() {
            let mut runs: Vec<Run> = Vec::new();
            let mut last = end;
            for &at in &places {
                let character = (standing[at].id, standing[at].character);
                match runs.last_mut() {
                    Some(run) if before[at] == last && last != end => run.characters.push(character),
                    _ => {
                        let after = standing.get(before[at]).map(|element| element.id);
                        runs.push(Run { path: path.into(), after, characters: vec![character] });
                    }
                }
                last = at;
            }
            for at in places {
                (behind[before[at]], before[behind[at]]) = (behind[at], before[at]);
            }
            self.runs.entry(node).or_default().append(&mut runs);
        }
    }

    fn of_change(&self, old: &Doc, hash: &ChangeHash) -> bool {
        old.find(hash).is_some_and(|node| self.puts.contains_key(&node) || self.runs.contains_key(&node))
    }
}

/// Which change each operation of a document belongs to: the changes of each author, in the order of their operations.
struct Writers<'a> {
    doc: &'a Doc,
    by_actor: BTreeMap<u32, Vec<u32>>,
}

impl<'a> Writers<'a> {
    fn of(doc: &'a Doc) -> Self {
        let mut by_actor: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (index, node) in doc.nodes.iter().enumerate() {
            by_actor.entry(node.actor).or_default().push(index as u32);
        }
        by_actor.values_mut().for_each(|nodes| nodes.sort_unstable_by_key(|node| doc.node(*node).start_op));
        Self { doc, by_actor }
    }

    fn change_of(&self, id: OpId) -> Option<u32> {
        let nodes = self.by_actor.get(&id.actor)?;
        let at = nodes.partition_point(|node| self.doc.node(*node).start_op <= id.counter);
        at.checked_sub(1).map(|at| nodes[at]).filter(|node| id.counter <= self.doc.node(*node).max_op)
    }
}

/// Whether a value belongs to a row that was removed: nobody sees it.
fn is_of_removed_row(old: &Doc, path: &str) -> bool {
    let parsed = Path::parse(path).filter(|parsed| parsed.item.is_some());
    let marker = parsed.and_then(|parsed| Some(format!("{}/{}", parsed.field, parsed.key?)));
    marker.is_some_and(|marker| old.values(&marker).is_empty())
}

struct Writer<'a> {
    old: &'a Doc,
    remains: Remains,
    place: Doc,
    /// The counters of characters that are there again.
    placed: HashMap<OpId, u32>,
    actor: ActorId,
    texts: Vec<Name>,
}

impl Writer<'_> {
    fn write(&mut self, of: &ChangeHash, declared: Option<String>) -> Option<Written> {
        let node = self.old.find(of)?;
        if declared.is_some() {
            self.begin_texts();
        }
        let own = self.place.intern(self.actor);
        let start_op = self.place.nodes.iter().map(|node| node.max_op).max().unwrap_or(0) + 1;
        let puts = declared.map(|text| (GENERATION.into(), Scalar::Text(text.into()))).into_iter();
        let puts = puts.chain(self.remains.puts.remove(&node).unwrap_or_default());
        let mut ops: Vec<Op> = puts.map(|(path, value)| Op::Put { path, value, pred: Vec::new() }).collect();
        self.characters(node, own, start_op, &mut ops);
        if ops.is_empty() {
            ops.push(Op::Put { path: LAST.into(), value: Scalar::Null, pred: Vec::new() });
        }
        let seq = self.place.last_seq(&self.actor) + 1;
        let time = self.old.node(node).time;
        let change = Change { deps: self.place.heads(), actor: self.actor, seq, start_op, time, others: Vec::new(), ops };
        let change = self.place.localised(change, Some(own));
        let (bytes, hash) = change.encode();
        let fits = change.op_count() <= MAX_CHANGE_OPS && bytes.len() <= MAX_CHANGE_BYTES;
        if !fits {
            return None;
        }
        self.place.apply(&change, hash, &self.texts).ok()?;
        Some(Written { hash, bytes, change })
    }

    /// The texts begin before all: also one that is empty by now was written.
    fn begin_texts(&mut self) {
        for name in self.old.texts.keys().filter_map(|path| path.parse::<Name>().ok()) {
            self.place.add_genesis(&genesis(&name));
        }
    }

    /// Characters of a change, each run behind the character that stands before it by now.
    fn characters(&mut self, node: u32, own: u32, start_op: u32, ops: &mut Vec<Op>) {
        let mut counter = start_op + ops.len() as u32;
        for Run { path, after, characters } in self.remains.runs.remove(&node).unwrap_or_default() {
            let Some(text) = self.place.maker_of(&path) else { continue };
            let after = after.and_then(|after| self.placed.get(&after)).map(|counter| OpRef { counter: *counter, actor: own });
            let typed = characters.iter().map(|(_, character)| *character).collect();
            for (id, _) in characters {
                self.placed.insert(id, counter);
                counter += 1;
            }
            ops.push(Op::Insert { text, after, characters: typed });
        }
    }
}
