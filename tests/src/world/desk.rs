//! The back office's desk: somebody accepts, changes, declines, returns or opens again what was not accepted, while phones give it
//! up, send something else, or have not even heard of it.
//!
//! What the model must learn of it: an edit that is written again was made with everything in sight; one that was turned
//! down was, to what its author wrote later and nobody has accepted yet, never there.

use rapport_server::intake::{NotReviewed, Review, Ruling};
use rapport_server::store::rejected::RejectedRow;
use serde_json::{Map, Value as Json};
use sync_core::id::{Facet, UserId};
use sync_core::protocol::{self, Message, Verdict, code};
use sync_core::record::change::Change;

use super::network::{ChangeName, Pushed};
use super::phone::held_in;
use super::{Inner, short};
use crate::compose::{intent_of, typed_by};
use crate::model::{Act, Intent, IntentId};

/// An edit that a phone was told is not accepted.
pub(super) type TurnedDown = (IntentId, ChangeName);

impl Inner {
    /// Somebody at the desk takes one of the edits that are there.
    pub(super) fn desk_decides(&mut self) {
        if !self.server.is_up() {
            return;
        }
        let rows: Vec<(RejectedRow, IntentId, usize)> = self.server.at_the_desk().into_iter().filter_map(|row| self.known(row)).collect();
        if rows.is_empty() {
            return;
        }
        let (row, id, phone) = self.dice.pick(&rows).clone();
        match (row.is_open(), self.dice.below(100)) {
            (false, _) => {
                self.rule(&row, id, Ruling::Reopen);
            }
            (true, 0..50) => self.desk_accepts(&row, id, phone),
            (true, 50..75) => self.desk_writes_instead(&row, id, phone),
            (true, 75..88) => {
                self.rule(&row, id, Ruling::Return("less".to_owned()));
            }
            (true, _) => {
                self.rule(&row, id, Ruling::Decline(None));
            }
        }
    }

    /// Whose edit it is, if a phone's owner made it: what strangers sent stays where it is.
    fn known(&self, row: RejectedRow) -> Option<(RejectedRow, IntentId, usize)> {
        let id = intent_of(&Change::read(&row.body).ok()?)?;
        let intent = self.ledger.intents.get(&id).filter(|intent| (intent.record, intent.facet) == (row.record, row.facet))?;
        let phone = self.phones.iter().position(|phone| (phone.user, phone.id) == (row.user, row.device) && phone.name == intent.author)?;
        Some((row, id, phone))
    }

    /// Answers whether it was done.
    fn rule(&mut self, row: &RejectedRow, id: IntentId, ruling: Ruling) -> bool {
        let word = format!("{ruling:?}");
        let done = self.server.review(UserId::of_cause("office"), Review { change: row.name(), ruling }, self.now);
        self.note(format!("the desk: {word} of {id} in {} {}: {done:?}", row.kind, short(&row.record)));
        if matches!(done, Err(NotReviewed::NoSuchEdit | NotReviewed::MayNot(_) | NotReviewed::NotDeclined)) {
            self.fail(format!("I10: the desk could not decide about {id}: {done:?}"));
        }
        done.is_ok()
    }

    fn desk_accepts(&mut self, row: &RejectedRow, id: IntentId, phone: usize) {
        let before = held_in(&self.server.changes(row.record, row.facet));
        let shown = self.shown_at_the_desk(row);
        if !self.rule(row, id, Ruling::Accept) {
            return;
        }
        // A server that goes back in time forgets the decision, not what phones have of it.
        self.reviewed.insert(id);
        let after = self.server.changes(row.record, row.facet);
        if after.iter().any(|change| change.hash == row.hash) {
            return;
        }
        if held_in(&after).iter().any(|(kept, _)| *kept == id) {
            self.ledger.write_again(id, before.into_iter().map(|(seen, _)| seen).collect(), &shown);
        } else {
            // The record said so already.
            self.phones[phone].excused.insert(id);
        }
    }

    /// What the edit's document shows on the server.
    fn shown_at_the_desk(&self, row: &RejectedRow) -> Map<String, Json> {
        let shown = self.server.row(row.record).and_then(|shown| shown.facets[row.facet as usize].clone());
        shown.map(|json| serde_json::from_str(&json).expect("a row")).unwrap_or_default()
    }

    fn desk_writes_instead(&mut self, row: &RejectedRow, old: IntentId, phone: usize) {
        let Some(kind) = self.records.iter().find(|(record, _)| *record == row.record).map(|(_, kind)| *kind) else { return };
        let seen = held_in(&self.server.changes(row.record, row.facet)).into_iter().map(|(id, _)| id).collect();
        let shown = self.shown_at_the_desk(row);
        let id = self.ledger.new_id();
        let is_new = self.server.row(row.record).is_none();
        if is_new && row.facet != Facet::Main {
            return;
        }
        let composed = self.compose(id, kind, row.facet, &shown, is_new);
        self.note(format!("{id} instead of {old}: {:?}", composed.edits));
        self.ledger.note(Intent { id, author: "office".to_owned(), record: row.record, facet: row.facet, acts: composed.acts, seen });
        if self.rule(row, old, Ruling::Amend(composed.edits)) {
            self.phones[phone].excused.insert(old);
        }
    }

    /// The edits that wait on a phone and that it is told now were not accepted.
    pub(super) fn turned_down(&self, phone: usize, messages: &[Message], pushed: &Pushed) -> Vec<TurnedDown> {
        let verdicts = messages.iter().filter_map(|message| if let Message::Verdicts(verdicts) = message { Some(verdicts) } else { None });
        let mut found = Vec::new();
        for verdicts in verdicts {
            let Some((_, names)) = pushed.iter().find(|(batch, _)| *batch == verdicts.batch) else { continue };
            for (&(record, facet, hash), verdict) in names.iter().zip(&verdicts.verdicts) {
                if is_refusal(verdict)
                    && let Some(change) = self.phones[phone].changes(record, facet).iter().find(|change| change.hash == hash)
                    && change.received_at.is_none()
                    && let Some(id) = Change::read(&change.body).ok().and_then(|change| intent_of(&change))
                {
                    found.push((id, (record, facet, hash)));
                }
            }
        }
        found
    }

    /// What its phone has written again without another one, or given up since, and that arrives after all, is as it was at
    /// first: which of the two was seen by whom, the intents do not say.
    pub(super) fn note_late(&mut self, phone: usize, frame: &[u8], said: &[Message]) {
        let messages = protocol::decode_frame(frame).unwrap_or_default();
        let pushes = messages.into_iter().filter_map(|message| if let Message::Push(push) = message { Some(push) } else { None });
        for push in pushes {
            let verdicts = said.iter().find_map(|message| match message {
                Message::Verdicts(verdicts) if verdicts.batch == push.batch => Some(&verdicts.verdicts),
                _ => None,
            });
            for (pushed, verdict) in push.changes.iter().zip(verdicts.into_iter().flatten()) {
                let is_here = || self.phones[phone].changes(pushed.record, pushed.facet).iter().any(|change| change.hash == pushed.hash);
                let late = matches!(verdict, Verdict::Accepted { .. }) && !is_here();
                let id = Change::read(&pushed.body).ok().filter(|_| late).and_then(|change| intent_of(&change));
                self.ledger.uncertain.extend(id.filter(|id| self.ledger.rewritten.contains(id)));
            }
        }
    }

    /// What waits on the phone behind edits that were turned down says nothing of them any more. A phone takes such an
    /// edit out when nothing of its document is under way: until then it is there, and may be let in after all.
    pub(super) fn forget_turned_down(&mut self, phone: usize) {
        for (gone, (record, facet, hash)) in std::mem::take(&mut self.phones[phone].turned_down) {
            let (waiting, here): (Vec<_>, Vec<_>) =
                self.phones[phone].changes(record, facet).into_iter().partition(|change| change.received_at.is_none());
            let waiting = held_in(&waiting);
            // What the desk has written in its place is here, and is not what they follow.
            let was_let_in = here.iter().any(|change| change.hash == hash);
            if waiting.iter().any(|(id, _)| *id == gone) {
                self.phones[phone].turned_down.push((gone, (record, facet, hash)));
            } else if !was_let_in {
                waiting.into_iter().for_each(|(id, _)| self.ledger.forget_seen(id, gone));
            }
        }
    }
}

/// Whether a row of a field is shown.
pub(super) fn is_there(shown: &Map<String, Json>, field: &str, row: &str) -> bool {
    shown.get(field).and_then(Json::as_array).is_some_and(|rows| rows.iter().any(|one| one["id"] == row))
}

fn is_refusal(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Held { .. } => true,
        // Written again with another date or pen.
        Verdict::Rejected { code, .. } => ![code::AHEAD, code::FOREIGN_ACTOR].contains(&code.as_str()),
        Verdict::Accepted { .. } | Verdict::Duplicate { .. } | Verdict::Waiting { .. } | Verdict::ActorFork { .. } => false,
    }
}

impl crate::model::Ledger {
    /// An intent is written again by somebody who sees these: their word is the newest, characters stand where it puts them,
    /// and a row that is not there is made.
    fn write_again(&mut self, id: IntentId, seen: std::collections::BTreeSet<IntentId>, shown: &Map<String, Json>) {
        let Some(intent) = self.intents.get_mut(&id) else { return };
        intent.seen = seen;
        for act in &mut intent.acts {
            match act {
                Act::Type { typed, after, .. } => after.clone_from(typed),
                // One that wrote no part of a row that was there wrote nothing of it.
                Act::Row { field, row, makes, parts } => *makes |= !parts.is_empty() && !is_there(shown, field, row),
                _ => {}
            }
        }
    }

    /// An intent does not know of another one after all.
    fn forget_seen(&mut self, id: IntentId, gone: IntentId) {
        let Some(intent) = self.intents.get_mut(&id).filter(|intent| intent.seen.contains(&gone)) else { return };
        intent.seen.remove(&gone);
        self.rewritten.insert(id);
        for act in &mut intent.acts {
            if let Act::Type { removed, after, .. } = act {
                removed.retain(|character| typed_by(character) != Some(gone));
                after.retain(|character| typed_by(character) != Some(gone));
            }
        }
    }
}
