//! Does a change fit a document? Everything that can be wrong with it, found before anything is touched.
//!
//! Knows the format's rules: parents, sequence numbers, counters, operations that the author has seen.
//! Never changes a document, and never looks at kinds beyond the names of their texts.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use super::change::{Change, Op, OpRef};
use super::doc::{Doc, Inadmissible, Node, OpId, Put};
use super::generation::Declared;
use super::text::{Genesis, genesis};
use crate::id::{ChangeHash, Name};
use crate::value::Scalar;

/// What applying a change needs besides the change.
pub(super) struct Plan {
    /// First changes of texts that it follows and that are not here yet.
    pub births: Vec<Arc<Genesis>>,
    /// The generation that it begins: nothing of what is here stays.
    pub begins: Option<Declared>,
}

impl Doc {
    pub(super) fn plan(&self, change: &Change, hash: ChangeHash, texts: &[Name]) -> Result<Plan, Inadmissible> {
        if self.contains(&hash) {
            return Err(Inadmissible::Duplicate);
        }
        let begins = Declared::by(change);
        let is_later = |begins: &Declared| begins.generation > self.generation();
        if begins.as_ref().is_some_and(is_later) {
            return Ok(Plan { begins, ..Self::default().plan_beside(change, texts)? });
        }
        if self.begun.as_ref().is_some_and(|begun| begun.has_left_behind(change, &hash, begins.as_ref(), texts)) {
            return Err(Inadmissible::Forgotten);
        }
        self.plan_beside(change, texts)
    }

    fn plan_beside(&self, change: &Change, texts: &[Name]) -> Result<Plan, Inadmissible> {
        let (mut deps, mut births, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for dep in &change.deps {
            match self.find(dep) {
                Some(node) => deps.push(node),
                None => match texts.iter().map(genesis).find(|first| first.hash == *dep) {
                    Some(first) => births.push(first),
                    None => missing.push(*dep),
                },
            }
        }
        let last = self.last_seq(&change.actor);
        if change.seq <= last {
            return Err(Inadmissible::ActorFork { found: change.seq, last });
        }
        if !missing.is_empty() {
            return Err(Inadmissible::MissingDeps(missing));
        }
        let known = deps.iter().map(|&dep| self.nodes[dep as usize].max_op).max().unwrap_or(0).max(u32::from(!births.is_empty()));
        if change.start_op != known + 1 {
            return Err(Inadmissible::StartOp { found: change.start_op, expected: known + 1 });
        }
        let past = if self.covers(&deps) { Past::Everything } else { Past::Only(self.ancestors(&deps)) };
        if change.seq != last + 1 || !self.follows_itself(change, &past) {
            return Err(Inadmissible::SeqGap { found: change.seq, last });
        }
        Check { doc: self, change, past, births: &births, texts }.ops()?;
        Ok(Plan { births, begins: None })
    }

    fn follows_itself(&self, change: &Change, past: &Past) -> bool {
        let own = |node: &&Node| self.actors[node.actor as usize] == change.actor;
        let last = self.nodes.iter().filter(own).max_by_key(|node| node.seq);
        last.is_none_or(|node| past.includes(self.find(&node.hash).unwrap_or(u32::MAX)))
    }
}

/// Characters that a change inserts: counter of the first, how many, and into which text.
type Inserted = (u32, u32, OpRef);

enum Past {
    Everything,
    Only(Vec<bool>),
}

impl Past {
    fn includes(&self, node: u32) -> bool {
        match self {
            Past::Everything => true,
            Past::Only(ancestors) => ancestors.get(node as usize).copied().unwrap_or(false),
        }
    }
}

struct Check<'a> {
    doc: &'a Doc,
    change: &'a Change,
    past: Past,
    births: &'a [Arc<Genesis>],
    texts: &'a [Name],
}

impl Check<'_> {
    fn ops(&self) -> Result<(), Inadmissible> {
        let mut written = HashSet::with_capacity(self.change.ops.len().min(64));
        let mut inserted: Vec<Inserted> = Vec::new();
        for (counter, op) in self.change.numbered() {
            let index = (counter - self.change.start_op) as usize;
            let wrong = |path: &str| Inadmissible::WrongSort { index, path: path.into() };
            match op {
                Op::Put { path, pred, .. } | Op::Delete { path, pred } => {
                    let sorted = pred.windows(2).all(|pair| self.order(pair[0], pair[1]) == Some(Ordering::Less));
                    if !written.insert(&**path) || self.is_text(path) || !sorted {
                        return Err(wrong(path));
                    }
                    for replaced in pred {
                        let put = self.known(index, path, *replaced)?;
                        if put.is_some_and(|put| matches!(put.value, Scalar::Counter(_))) {
                            return Err(wrong(path));
                        }
                    }
                }
                Op::Increment { path, pred, .. } => {
                    let put = self.known(index, path, *pred)?;
                    if !written.insert(&**path) || !put.is_some_and(|put| matches!(put.value, Scalar::Counter(_))) {
                        return Err(wrong(path));
                    }
                }
                Op::MakeText { path } => return Err(wrong(path)),
                Op::Insert { text, after, characters } => {
                    self.element(index, *text, *after, &inserted)?;
                    inserted.push((counter, characters.chars().count() as u32, *text));
                }
                Op::Remove { text, element } => {
                    if element.actor == 0 && element.counter >= self.change.start_op {
                        return Err(Inadmissible::UnknownOperation { index });
                    }
                    self.element(index, *text, Some(*element), &inserted)?;
                }
            }
        }
        Ok(())
    }

    fn order(&self, left: OpRef, right: OpRef) -> Option<Ordering> {
        let (a, b) = (self.change.actor_at(left.actor)?, self.change.actor_at(right.actor)?);
        Some(left.counter.cmp(&right.counter).then(a.cmp(&b)))
    }

    fn is_text(&self, path: &str) -> bool {
        // Also one that nobody has written yet: it would be a value and a text at once when somebody does.
        self.doc.texts.contains_key(path) || self.texts.iter().any(|name| name.as_str() == path)
    }

    fn global(&self, local: OpRef) -> Option<OpId> {
        let actor = self.change.actor_at(local.actor)?;
        let index = self.doc.actors.iter().position(|known| *known == actor)?;
        Some(OpId { counter: local.counter, actor: index as u32 })
    }

    /// The put that an operation names, if it is still visible; an error if its author cannot have seen it.
    fn known(&self, index: usize, path: &str, local: OpRef) -> Result<Option<&Put>, Inadmissible> {
        let unknown = Inadmissible::UnknownOperation { index };
        let id = self.global(local).ok_or(unknown.clone())?;
        let register = self.doc.registers.get(path).ok_or(unknown.clone())?;
        let put = register.visible.iter().find(|put| put.id == id);
        if (put.is_some() || register.replaced.contains(&id)) && self.was_seen(id) { Ok(put) } else { Err(unknown) }
    }

    fn was_seen(&self, id: OpId) -> bool {
        let wrote = |node: &Node| node.actor == id.actor && (node.start_op..=node.max_op).contains(&id.counter);
        match &self.past {
            Past::Everything => true,
            Past::Only(_) => self.doc.nodes.iter().position(wrote).is_some_and(|node| self.past.includes(node as u32)),
        }
    }

    /// Whether the author can have seen a text and a character of it. `inserted`: what the change itself has inserted before.
    fn element(&self, index: usize, text: OpRef, element: Option<OpRef>, inserted: &[Inserted]) -> Result<(), Inadmissible> {
        let unknown = Inadmissible::UnknownOperation { index };
        let maker = self.change.actor_at(text.actor).ok_or(unknown.clone())?;
        let born_now = text.counter == 1 && self.births.iter().any(|first| first.actor == maker);
        let held = self.global(text).and_then(|id| self.doc.text_made_by(id));
        let own = |element: OpRef| element.actor == 0 && element.counter >= self.change.start_op;
        match element {
            None if held.is_some() || born_now => Ok(()),
            Some(element) if own(element) => {
                let at = inserted.partition_point(|(first, ..)| *first <= element.counter);
                let run = at.checked_sub(1).map(|at| inserted[at]);
                let is_in = run.is_some_and(|(first, count, same)| element.counter - first < count && same == text);
                if is_in && (held.is_some() || born_now) { Ok(()) } else { Err(unknown) }
            }
            Some(element) => {
                let id = self.global(element).ok_or(unknown.clone())?;
                if held.is_some_and(|text| text.contains(id)) && self.was_seen(id) { Ok(()) } else { Err(unknown) }
            }
            None => Err(unknown),
        }
    }
}
