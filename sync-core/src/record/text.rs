//! A text that merges character by character, and the first change that makes it.
//!
//! Two devices that create the same automerge text at once would lose one of the two. So a text is made
//! by a change that nobody invents: same author, same bytes on every replica, derived from the path. It
//! is never sent and never stored. Never decides which path is a text: the kind does.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};

use super::change::{Change, Op};
use super::doc::OpId;
use crate::id::{ActorId, ChangeHash, Name};

/// The first change of a text.
#[derive(Debug, PartialEq)]
pub struct Genesis {
    /// The text's path.
    pub path: Name,
    /// Its author, derived from the path.
    pub actor: ActorId,
    /// Its hash.
    pub hash: ChangeHash,
    /// The change chunk, for automerge.
    pub bytes: Vec<u8>,
}

/// The first change of the text at a path: the same on every replica.
pub fn genesis(path: &Name) -> Arc<Genesis> {
    static MADE: LazyLock<RwLock<HashMap<Name, Arc<Genesis>>>> = LazyLock::new(RwLock::default);
    // A poisoned lock only means that another thread panicked while it added an entry; entries are whole.
    if let Some(made) = MADE.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(path) {
        return made.clone();
    }
    let actor = ActorId::maker_of_text(path);
    let ops = vec![Op::MakeText { path: path.as_str().into() }];
    let (bytes, hash) = Change { deps: Vec::new(), actor, seq: 1, start_op: 1, time: 0, others: Vec::new(), ops }.encode();
    let made = Arc::new(Genesis { path: path.clone(), actor, hash, bytes });
    MADE.write().unwrap_or_else(std::sync::PoisonError::into_inner).insert(path.clone(), made.clone());
    made
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Element {
    pub id: OpId,
    pub character: char,
    pub removed: bool,
}

/// The characters of a text, removed ones included, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    /// The author of the genesis change, an index into the document's actors.
    maker: u32,
    pub elements: Vec<Element>,
    /// Where the last insertion went: typing goes on right behind it.
    cursor: usize,
}

impl Text {
    pub fn of(maker: u32) -> Self {
        Self { maker, elements: Vec::new(), cursor: 0 }
    }

    /// Whether this is the text that an operation made: a genesis change has one operation.
    pub fn made_by(&self, id: OpId) -> bool {
        id.actor == self.maker && id.counter == 1
    }

    pub fn content(&self) -> String {
        let mut content = String::with_capacity(self.elements.len());
        content.extend(self.elements.iter().filter(|element| !element.removed).map(|element| element.character));
        content
    }

    pub fn contains(&self, id: OpId) -> bool {
        self.position(id).is_some()
    }

    fn position(&self, id: OpId) -> Option<usize> {
        match self.elements.get(self.cursor) {
            Some(element) if element.id == id => Some(self.cursor),
            _ => self.elements.iter().position(|element| element.id == id),
        }
    }

    /// Inserts behind `after`, and behind what newer authors have put there (the RGA rule of automerge).
    /// Each further character stands behind the one before it: it is newer than all that could come between.
    pub fn insert(&mut self, id: OpId, after: Option<OpId>, characters: &str, actors: &[ActorId]) {
        let mut index = match after {
            None => 0,
            Some(after) => self.position(after).map_or(self.elements.len(), |index| index + 1),
        };
        let newer = |other: OpId| (other.counter, actors[other.actor as usize]) > (id.counter, actors[id.actor as usize]);
        while self.elements.get(index).is_some_and(|element| newer(element.id)) {
            index += 1;
        }
        let before = self.elements.len();
        let typed = characters.chars().zip(id.counter..);
        let typed = typed.map(|(character, counter)| Element { id: OpId { counter, ..id }, character, removed: false });
        // Typing goes on at the end more often than not.
        if before == 0 {
            self.elements.reserve_exact(characters.chars().count());
        }
        if index == before {
            self.elements.extend(typed)
        } else {
            drop(self.elements.splice(index..index, typed))
        }
        self.cursor = index + (self.elements.len() - before).saturating_sub(1);
    }

    pub fn remove(&mut self, id: OpId) {
        if let Some(index) = self.position(id) {
            self.elements[index].removed = true;
        }
    }
}

/// What some splices of one text come to, in the text's order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Spliced {
    /// Characters that go.
    pub removed: Vec<OpId>,
    /// Characters that come, those that follow each other together, with the held one that the first stands behind.
    pub inserted: Vec<(Option<OpId>, String)>,
}

/// A character while splices are tried out.
struct Tried {
    held: Option<OpId>,
    character: char,
    removed: bool,
}

impl Text {
    /// What splices come to, each on the text as those before it left it: a character that one inserts
    /// and another removes never was.
    pub fn spliced<'a>(&self, splices: impl Iterator<Item = (usize, usize, &'a str)>) -> Spliced {
        let held = |element: &Element| Tried { held: Some(element.id), character: element.character, removed: element.removed };
        let mut tried: Vec<Tried> = self.elements.iter().map(held).collect();
        let mut spliced = Spliced::default();
        for (at, delete, insert) in splices {
            let visible =
                |tried: &[Tried]| tried.iter().enumerate().filter(|(_, one)| !one.removed).map(|(index, _)| index).collect::<Vec<_>>();
            let shown = visible(&tried);
            let at = at.min(shown.len());
            for &index in shown.iter().skip(at).take(delete) {
                tried[index].removed = true;
                spliced.removed.extend(tried[index].held);
            }
            let index = at.checked_sub(1).map_or(0, |before| shown[before] + 1);
            tried.splice(index..index, insert.chars().map(|character| Tried { held: None, character, removed: false }));
        }
        let (mut before, mut goes_on) = (None, false);
        for one in tried {
            match (one.held, spliced.inserted.last_mut()) {
                (Some(id), _) => (before, goes_on) = (Some(id), false),
                (None, _) if one.removed => {}
                (None, Some((_, characters))) if goes_on => characters.push(one.character),
                (None, _) => {
                    spliced.inserted.push((before, one.character.to_string()));
                    goes_on = true;
                }
            }
        }
        spliced
    }
}
