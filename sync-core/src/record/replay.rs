//! Writes pending changes again, at the same causal place, without those that were refused.
//!
//! A change names its parents and the operations it replaces by their ids. When one is dropped, or an
//! author turns out to have two pens, what was written on top of it is written anew: it says the same
//! thing at the same time about what was visible to its author, under another pen. Never touches a
//! change that the server has accepted.

use std::collections::{HashMap, HashSet};

use super::change::{Change, Op, OpRef};
use super::doc::{Doc, OpId, Put, Written};
use super::path::Path;
use super::text::{Element, Text, genesis};
use crate::id::{ActorId, ChangeHash, Millis, Name};
use crate::value::Scalar;

/// What to write again, and how.
#[derive(Debug, Clone)]
pub struct Rewrite<'a> {
    /// What the server has accepted, each after its parents.
    pub base: &'a [(ChangeHash, Change)],
    /// What waits on top of it, in the order written.
    pub pending: &'a [(ChangeHash, Change)],
    /// Pending changes that are left out.
    pub gone: &'a HashSet<ChangeHash>,
    /// Pending changes that are written again though nothing below them moved.
    pub again: &'a HashSet<ChangeHash>,
    /// The new pen: an actor that never wrote in this document.
    pub actor: ActorId,
    /// Edit times beyond this are set to it.
    pub not_after: Millis,
    /// The names of the kind's text fields.
    pub texts: &'a [Name],
    /// What `base` begins with, where what `pending` follows was forgotten.
    pub anew: Option<&'a Anew>,
}

/// The beginning of a generation, for what was written on the one before it.
#[derive(Debug, Clone)]
pub struct Anew {
    /// The changes of the generation before, each after its parents.
    pub before: Vec<(ChangeHash, Change)>,
    /// The last change that this one began with: what followed the other follows it.
    pub tip: ChangeHash,
    /// Changes that this one began with and that are left of what the author had not seen: not replaced.
    pub unseen: HashSet<ChangeHash>,
}

/// What became of a pending change that could not stay as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewritten {
    /// The change it was.
    pub old: ChangeHash,
    /// The change it is now; `None` when it was left out or had nothing left to say.
    pub new: Option<Written>,
}

/// An operation's name that means the same in every document.
type GlobalOp = (ActorId, u32);

/// Writes the pending changes anew that cannot stay. Those not mentioned in the answer stay as they are.
pub fn rewrite(task: &Rewrite<'_>) -> Vec<Rewritten> {
    let mut work = Work::of(task);
    let mut answer = Vec::new();
    for (hash, change) in task.pending {
        if task.gone.contains(hash) {
            work.leave_out(*hash, change);
            answer.push(Rewritten { old: *hash, new: None });
        } else if task.again.contains(hash) || change.deps.iter().any(|dep| work.heirs.contains_key(dep)) {
            answer.push(Rewritten { old: *hash, new: work.write_again(*hash, change) });
        } else {
            work.keep(*hash, change.clone());
        }
    }
    answer
}

struct Work<'a> {
    task: &'a Rewrite<'a>,
    /// Everything as it was: knows where a vanished character stood.
    whole: Doc,
    /// Everything as it will be, each after its parents.
    log: Vec<(ChangeHash, Change)>,
    /// What stands in the place of a change that is no more.
    heirs: HashMap<ChangeHash, Vec<ChangeHash>>,
    /// What an operation is called now; `None` when it is no more.
    renamed: HashMap<GlobalOp, Option<GlobalOp>>,
    /// The document as the author of the change in hand saw it.
    place: Doc,
    last: Option<ChangeHash>,
    /// What the author of the change in hand left standing: by path, moment and value.
    left: Vec<Left>,
}

type Left = (Box<str>, Millis, Scalar);

impl<'a> Work<'a> {
    fn of(task: &'a Rewrite<'a>) -> Self {
        let mut whole = Doc::default();
        let below = task.anew.map_or(task.base, |anew| &anew.before);
        for (hash, change) in below.iter().chain(task.pending) {
            // One that does not fit was never shown either.
            let _ = whole.apply(change, *hash, task.texts);
        }
        let (heirs, renamed) = (HashMap::new(), HashMap::new());
        let mut work = Self { task, whole, log: task.base.to_vec(), heirs, renamed, place: Doc::default(), last: None, left: Vec::new() };
        if let Some(anew) = task.anew {
            work.heirs = anew.before.iter().map(|(hash, _)| (*hash, vec![anew.tip])).collect();
            work.find_characters_again(anew);
        }
        work
    }

    /// Characters of the generation before, where the beginning has them: as far as both texts are alike from either end.
    fn find_characters_again(&mut self, anew: &Anew) {
        let mut before = Doc::default();
        let is_held = |(hash, _): &&(ChangeHash, Change)| self.task.gone.contains(hash);
        for (hash, change) in anew.before.iter().chain(self.task.pending.iter().filter(is_held)) {
            let _ = before.apply(change, *hash, self.task.texts);
        }
        self.go_to(&[anew.tip]);
        for (path, text) in &before.texts {
            let Some(now) = self.place.texts.get(path) else { continue };
            let shown = |text: &Text| text.elements.iter().filter(|element| !element.removed).copied().collect::<Vec<_>>();
            let (then, now) = (shown(text), shown(now));
            let alike = |(one, other): &(&Element, &Element)| one.character == other.character;
            let front = then.iter().zip(&now).take_while(alike).count();
            let most = then.len().min(now.len()) - front;
            let back = then.iter().rev().zip(now.iter().rev()).take(most).take_while(alike).count();
            let ends = then[then.len() - back..].iter().zip(&now[now.len() - back..]);
            let name = |doc: &Doc, id: OpId| (doc.actors[id.actor as usize], id.counter);
            let pairs: Vec<_> = then[..front].iter().zip(&now[..front]).chain(ends).collect();
            self.renamed.extend(pairs.into_iter().map(|(then, now)| (name(&before, then.id), Some(name(&self.place, now.id)))));
        }
        self.place = Doc::default();
    }

    fn keep(&mut self, hash: ChangeHash, change: Change) {
        self.log.push((hash, change));
    }

    fn leave_out(&mut self, hash: ChangeHash, change: &Change) {
        let heirs = self.heirs_of(&change.deps);
        self.heirs.insert(hash, heirs);
        for offset in 0..change.op_count() as u32 {
            // Its characters may be there again.
            self.renamed.entry((change.actor, change.start_op + offset)).or_insert(None);
        }
    }

    fn heirs_of(&self, deps: &[ChangeHash]) -> Vec<ChangeHash> {
        let mut heirs: Vec<ChangeHash> = Vec::new();
        for dep in deps {
            let stands_in = self.heirs.get(dep).map_or(std::slice::from_ref(dep), Vec::as_slice);
            heirs.extend(stands_in.iter().filter(|heir| !heirs.contains(heir)).copied().collect::<Vec<_>>());
        }
        heirs
    }

    fn write_again(&mut self, hash: ChangeHash, old: &Change) -> Option<Written> {
        let mut parents = self.heirs_of(&old.deps);
        // What begins a document of before follows the beginning of this one.
        parents.extend(self.task.anew.map(|anew| anew.tip).filter(|tip| !parents.contains(tip)));
        // A pen's changes follow each other, whatever they followed before.
        parents.extend(self.last.filter(|last| !parents.contains(last)));
        self.go_to(&parents);
        self.left = self.left_standing(old);
        let own = self.place.intern(self.task.actor);
        self.make_texts(old);
        let start_op = self.place.nodes.iter().map(|node| node.max_op).max().unwrap_or(0) + 1;
        let ops = self.translate(old, own, start_op);
        if ops.is_empty() {
            self.heirs.insert(hash, parents);
            return None;
        }
        let seq = self.place.last_seq(&self.task.actor) + 1;
        let time = old.time.min(self.task.not_after);
        let change = Change { deps: self.place.heads(), actor: self.task.actor, seq, start_op, time, others: Vec::new(), ops };
        let change = self.place.localised(change, Some(own));
        let (bytes, new) = change.encode();
        self.place.apply(&change, new, self.task.texts).ok()?;
        self.log.push((new, change.clone()));
        self.heirs.insert(hash, vec![new]);
        self.last = Some(new);
        Some(Written { hash: new, bytes, change })
    }

    /// The values that a change neither replaces nor could not see: it was written again on a beginning of which its author
    /// had not seen all, and does not replace that when it is written once more.
    fn left_standing(&self, old: &Change) -> Vec<Left> {
        if self.whole.generation() == 0 {
            return Vec::new();
        }
        let below = self.task.anew.map_or(self.task.base, |anew| &anew.before);
        let was: Vec<_> = below.iter().chain(self.task.pending).cloned().collect();
        let seen = as_seen_by(&was, old, self.task.texts);
        let mut left = Vec::new();
        for op in &old.ops {
            let (Op::Put { path, pred, .. } | Op::Delete { path, pred }) = op else { continue };
            let replaced: Vec<GlobalOp> = pred.iter().filter_map(|id| Some((old.actor_at(id.actor)?, id.counter))).collect();
            let stays = |put: &&Put| !replaced.contains(&(seen.actors[put.id.actor as usize], put.id.counter));
            left.extend(seen.values(path).iter().filter(stays).map(|put| (path.clone(), seen.node(put.node).time, put.value.clone())));
        }
        left
    }

    /// Whether a value belongs to a row that was removed, and forgotten: nobody would see it, and it has no place any more.
    fn is_of_lost_row(&self, old: &Change, path: &str) -> bool {
        let Some(Path { field, key: Some(key), item: Some(_) }) = Path::parse(path) else { return false };
        let marker = format!("{field}/{key}");
        let makes_it = || old.ops.iter().any(|op| matches!(op, Op::Put { path, .. } if **path == *marker));
        self.place.generation() > 0 && !self.place.knows(&marker) && !makes_it()
    }

    /// Brings `place` to what somebody sees who has these changes and all that they follow.
    fn go_to(&mut self, parents: &[ChangeHash]) {
        let index: HashMap<ChangeHash, usize> = self.log.iter().enumerate().map(|(index, (hash, _))| (*hash, index)).collect();
        let mut wanted = vec![false; self.log.len()];
        let mut open: Vec<ChangeHash> = parents.to_vec();
        while let Some(hash) = open.pop() {
            let Some(&found) = index.get(&hash).filter(|_| !self.place.contains(&hash)) else { continue };
            if !std::mem::replace(&mut wanted[found], true) {
                open.extend(&self.log[found].1.deps);
            }
        }
        for (wanted, (hash, change)) in wanted.into_iter().zip(&self.log) {
            if wanted {
                let _ = self.place.apply(change, *hash, self.task.texts);
            }
        }
    }

    /// The texts that the change inserts into begin with their derived first change.
    fn make_texts(&mut self, old: &Change) {
        for op in &old.ops {
            if let Op::Insert { text, .. } = op
                && let Some(maker) = old.actor_at(text.actor)
                && let Some(first) = self.task.texts.iter().map(genesis).find(|first| first.actor == maker)
            {
                self.place.add_genesis(&first);
            }
        }
    }

    fn translate(&mut self, old: &Change, own: u32, start_op: u32) -> Vec<Op> {
        let mut ops = Vec::with_capacity(old.ops.len());
        let mut counter = start_op;
        for (first, op) in old.numbered() {
            let new = self.translated(old, op, own);
            for offset in 0..op.count() as u32 {
                let name = new.is_some().then_some((self.task.actor, counter + offset));
                self.renamed.insert((old.actor, first + offset), name);
            }
            if let Some(new) = new {
                let count = new.count() as u32;
                new.push_onto(&mut ops, counter, own);
                counter += count;
            }
        }
        ops
    }

    fn translated(&mut self, old: &Change, op: &Op, own: u32) -> Option<Op> {
        match op {
            Op::Put { path, value: value @ Scalar::Counter(_), .. } => {
                Some(Op::Put { path: path.clone(), value: value.clone(), pred: Vec::new() })
            }
            Op::Put { path, .. } if self.is_of_lost_row(old, path) => None,
            Op::Put { path, value, .. } => Some(Op::Put { path: path.clone(), value: value.clone(), pred: self.seen_ids(path) }),
            Op::Delete { path, .. } => {
                let pred = self.seen_ids(path);
                (!pred.is_empty()).then(|| Op::Delete { path: path.clone(), pred })
            }
            Op::Increment { path, by, pred } => Some(self.increment(old, path, *by, *pred)),
            Op::MakeText { .. } => None,
            Op::Insert { text, after, characters } => {
                let (text, path) = self.text(old, *text)?;
                let after = after.and_then(|after| self.anchor(old, &path, after, own));
                Some(Op::Insert { text, after, characters: characters.clone() })
            }
            Op::Remove { text, element } => {
                let (text, path) = self.text(old, *text)?;
                let element = self.surviving(&path, (old.actor_at(element.actor)?, element.counter))?;
                Some(Op::Remove { text, element })
            }
        }
    }

    /// The values at a path that the author has seen.
    fn seen_ids(&self, path: &str) -> Vec<OpRef> {
        let is_unseen = |hash: &ChangeHash| self.task.anew.is_some_and(|anew| anew.unseen.contains(hash));
        let was_left = |put: &Put, time| self.left.iter().any(|(at, then, value)| **at == *path && *then == time && *value == put.value);
        self.place.ids_where(path, |put| {
            let node = self.place.node(put.node);
            !is_unseen(&node.hash) && !was_left(put, node.time)
        })
    }

    fn increment(&self, old: &Change, path: &str, by: i64, pred: OpRef) -> Op {
        let named = old.actor_at(pred.actor).and_then(|actor| self.now((actor, pred.counter)));
        let counters = self.place.values(path);
        let chosen = named
            .and_then(|id| counters.iter().find(|put| self.global(put.id) == id))
            .or_else(|| counters.iter().max_by(|a, b| self.place.order(a.id, b.id)));
        match chosen {
            Some(put) => Op::Increment { path: path.into(), by, pred: OpRef { counter: put.id.counter, actor: put.id.actor } },
            // What it added to is gone: it begins the count.
            None => Op::Put { path: path.into(), value: Scalar::Counter(by), pred: Vec::new() },
        }
    }

    fn text(&self, old: &Change, text: OpRef) -> Option<(OpRef, Box<str>)> {
        let maker = old.actor_at(text.actor)?;
        let actor = self.place.actors.iter().position(|known| *known == maker)? as u32;
        let path = self.place.path_of_text(OpId { counter: 1, actor })?;
        Some((OpRef { counter: 1, actor }, path))
    }

    /// The character to stand behind: the one named, or the nearest before it that is still there.
    fn anchor(&self, old: &Change, path: &str, after: OpRef, own: u32) -> Option<OpRef> {
        let named = (old.actor_at(after.actor)?, after.counter);
        // A character of the same change was translated a moment ago.
        if after.actor == 0 && after.counter >= old.start_op {
            return self.now(named).map(|(_, counter)| OpRef { counter, actor: own });
        }
        if let Some(here) = self.surviving(path, named) {
            return Some(here);
        }
        let elements = &self.whole.texts.get(path)?.elements;
        let id_of = |id: OpId| (self.whole.actors[id.actor as usize], id.counter);
        let stood = elements.iter().position(|element| id_of(element.id) == named)?;
        elements[..stood].iter().rev().find_map(|element| self.surviving(path, id_of(element.id)))
    }

    fn surviving(&self, path: &str, was: GlobalOp) -> Option<OpRef> {
        let (actor, counter) = self.now(was)?;
        let actor = self.place.actors.iter().position(|known| *known == actor)? as u32;
        let id = OpId { counter, actor };
        self.place.texts.get(path)?.contains(id).then_some(OpRef { counter, actor })
    }

    /// What an operation is called now.
    fn now(&self, was: GlobalOp) -> Option<GlobalOp> {
        self.renamed.get(&was).copied().unwrap_or(Some(was))
    }

    fn global(&self, id: OpId) -> GlobalOp {
        (self.place.actors[id.actor as usize], id.counter)
    }
}

/// Whether one of two changes is the other, written again by [`rewrite`]: at the same moment, under another pen, it says
/// what is left to say. Of a change that only takes away nothing is known.
pub fn is_written_again(one: &Change, other: &Change) -> bool {
    let (said, again) = (said(one), said(other));
    one.actor != other.actor && one.time == other.time && said == again && said != Said::default()
}

/// What a change writes, whatever it replaces: by path, and the characters.
type Said<'c> = (Vec<(&'c str, Scalar)>, String);

fn said(change: &Change) -> Said<'_> {
    let mut said = Said::default();
    for op in &change.ops {
        match op {
            Op::Put { path, value, .. } => said.0.push((path, value.clone())),
            // Without the counter that it added to it begins one.
            Op::Increment { path, by, .. } => said.0.push((path, Scalar::Counter(*by))),
            Op::Insert { characters, .. } => said.1.push_str(characters),
            Op::Delete { .. } | Op::MakeText { .. } | Op::Remove { .. } => {}
        }
    }
    said.0.sort_by_key(|(path, _)| *path);
    said
}

/// The document as the author of a change saw it. `changes` each after its parents.
pub fn as_seen_by(changes: &[(ChangeHash, Change)], change: &Change, texts: &[Name]) -> Doc {
    let none = HashSet::new();
    let actor = change.actor;
    let task = Rewrite { base: changes, pending: &[], gone: &none, again: &none, actor, not_after: Millis::MAX, texts, anew: None };
    let mut work = Work::of(&task);
    work.go_to(&change.deps);
    for first in texts.iter().map(genesis).filter(|first| change.deps.contains(&first.hash)) {
        work.place.add_genesis(&first);
    }
    work.place
}
