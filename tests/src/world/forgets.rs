//! The back office has forgotten what once stood in a record: its changes are written anew, while phones have written on the
//! old ones.
//!
//! To the model nothing has changed: whatever is forgotten whenever, everybody ends with what they would have had. It must
//! learn which changes stand for which intents, of which of them nothing is left, and what has lost its exact place in a text.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json};
use sync_core::id::{ChangeHash, Facet, RecordId, UserId};
use sync_core::record::Stored;

use super::desk::is_there;
use super::phone::{Renewed, held_by, held_in, renewed};
use super::{Inner, short};
use crate::model::{Act, Held, IntentId};

/// What stood in records before it was forgotten.
#[derive(Debug, Default)]
pub(super) struct Pasts {
    changes: HashSet<ChangeHash>,
    /// The main document of each record as it was before the last time.
    main: HashMap<RecordId, Vec<Stored>>,
}

impl Pasts {
    /// Whether a change is of the past.
    pub fn has(&self, hash: &ChangeHash) -> bool {
        self.changes.contains(hash)
    }

    /// The main document of a record as it was once.
    pub fn main_of(&self, record: RecordId) -> Option<&[Stored]> {
        self.main.get(&record).map(Vec::as_slice)
    }
}

impl Inner {
    /// Somebody has what once stood in a record forgotten.
    pub(super) fn forgets(&mut self) {
        if !self.server.is_up() {
            return;
        }
        let known: Vec<RecordId> = self.record_ids().into_iter().filter(|record| self.server.row(*record).is_some()).collect();
        if known.is_empty() {
            return;
        }
        let record = *self.dice.pick(&known);
        let before = Facet::ALL.map(|facet| self.server.changes(record, facet));
        let at_the_desk = self.server.ever_at_the_desk();
        let forgotten = self.server.forget_past(UserId::of_cause("office"), record, self.now);
        self.note(format!("what once stood in {} is forgotten: {forgotten:?}", short(&record)));
        if forgotten.is_err() {
            return self.fail(format!("I10: the past of {} could not be forgotten: {forgotten:?}", short(&record)));
        }
        self.acked.retain(|(known, ..), _| *known != record);
        for (facet, before) in Facet::ALL.into_iter().zip(before) {
            self.learn(record, facet, before);
        }
        // What was decided about at the desk is forgotten, too.
        let now: HashSet<_> = self.server.ever_at_the_desk().into_iter().collect();
        let gone: Vec<IntentId> = at_the_desk.into_iter().filter(|row| !now.contains(row)).filter_map(|(_, id)| id).collect();
        self.phones.iter_mut().for_each(|phone| phone.excused.extend(gone.iter().filter(|id| phone.produced.contains(*id))));
    }

    /// What is left of a document's changes stands where they stood.
    fn learn(&mut self, record: RecordId, facet: Facet, before: Vec<Stored>) {
        let after = self.server.changes(record, facet);
        let stood = |change: &Stored| before.iter().find(|old| old.position == change.position).and_then(held_by);
        let kept: Vec<Option<Held>> = after.iter().map(stood).collect();
        let mut gone: Vec<Held> = held_in(&before);
        for held in kept.iter().flatten() {
            if let Some(at) = gone.iter().position(|one| one == held) {
                gone.swap_remove(at);
            }
        }
        for (change, held) in after.iter().zip(kept) {
            // The first one has what is gone.
            renewed(change.hash, Renewed { held, gone: std::mem::take(&mut gone) });
        }
        for change in &before {
            change.position.map(|position| self.read.remove(&position));
            self.pasts.changes.insert(change.hash);
        }
        let shown = self.server.row(record).and_then(|row| row.facets[facet as usize].clone());
        let shown = shown.map(|json| serde_json::from_str(&json).expect("a row")).unwrap_or_default();
        self.ledger.forget_rows(&held_in(&before), &shown);
        let is_here: HashSet<IntentId> = held_in(&after).into_iter().map(|(id, _)| id).collect();
        let about = self.ledger.intents.values().filter(|intent| (intent.record, intent.facet) == (record, facet));
        let typed: Vec<IntentId> = about.filter(|intent| !is_here.contains(&intent.id) && types(&intent.acts)).map(|one| one.id).collect();
        self.ledger.displaced.extend(typed);
        if facet == Facet::Main {
            self.pasts.main.insert(record, before);
        }
    }

    /// Notes whether an edit was made on a past that is forgotten: what it types finds its place from both ends of the text.
    pub(super) fn note_on_the_past(&mut self, phone: usize, id: IntentId, (record, facet): (RecordId, Facet)) {
        let is_past = self.phones[phone].changes(record, facet).iter().any(|change| self.pasts.has(&change.hash));
        if is_past && self.ledger.intents.get(&id).is_some_and(|intent| types(&intent.acts)) {
            self.ledger.displaced.insert(id);
        }
    }
}

impl crate::model::Ledger {
    /// What stood in rows that are not there is forgotten: whoever makes one again finds nothing in it.
    fn forget_rows(&mut self, held: &[Held], shown: &Map<String, Json>) {
        for (id, _) in held {
            for act in self.intents.get_mut(id).into_iter().flat_map(|intent| &mut intent.acts) {
                if let Act::Row { field, row, parts, .. } = act
                    && !is_there(shown, field, row)
                {
                    parts.clear();
                }
            }
        }
    }
}

fn types(acts: &[Act]) -> bool {
    acts.iter().any(|act| matches!(act, Act::Type { .. }))
}
