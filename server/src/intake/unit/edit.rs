//! Field edits that the server writes on behalf of somebody: for the console, the API, imports.

use std::sync::Arc;

use sync_core::id::{ActorId, Facet, Millis, RecordId};
use sync_core::protocol::{Pushed, code};
use sync_core::record::doc::Written;
use sync_core::record::fields::{ARCHIVED, FieldEdit, path_edits};
use sync_core::schema::Kind;

use super::{Outcome, Unit};
use crate::auth::secret::random;
use crate::intake::decide::{Case, Refused};
use crate::intake::govern::Effect;
use crate::intake::{Author, Expect, NotEdited, RecordEdit};

/// A change for each facet, and what the rules say of it.
type Judged = Vec<(Facet, Written, Result<Option<Effect>, Refused>)>;

/// As what edits are judged, beside as their author's.
#[derive(Debug, Clone, Copy, Default)]
struct As {
    /// They come with an import.
    imported: bool,
    /// A rule gives the author the word on them.
    by_turn: bool,
}

impl Unit<'_> {
    /// Writes field edits on behalf of somebody; index of the last change, or `None` when nothing changes. What
    /// needs a review is held, as a device's edit is.
    pub fn edit(&mut self, author: &Author, now: Millis, edit: &RecordEdit, import: Option<[u8; 16]>) -> Result<Option<usize>, NotEdited> {
        let kind = self.editable(author, edit)?;
        let judged = self.judged(author, now, &kind, edit, As { imported: import.is_some(), ..As::default() }, self.pen.actor)?;
        let refusals = judged.iter().filter_map(|(.., judgement)| judgement.as_ref().err());
        let Some(worst) = refusals.min_by_key(|refused| refused.held) else {
            return Ok(self.keep_written(author, now, &kind, edit, judged, import));
        };
        if worst.held {
            return Err(self.hold(author, now, &kind, edit)?);
        }
        Err(worst.clone().into())
    }

    /// As [`Unit::edit`], for somebody who decides for others: what they would have to ask for is refused, unless a rule gives
    /// them the word on it.
    pub(super) fn edit_at_once(
        &mut self,
        author: &Author,
        now: Millis,
        edit: &RecordEdit,
        by_turn: bool,
    ) -> Result<Option<usize>, NotEdited> {
        let kind = self.editable(author, edit)?;
        let judged = self.judged(author, now, &kind, edit, As { by_turn, ..As::default() }, self.pen.actor)?;
        if let Some(refused) = judged.iter().find_map(|(.., judgement)| judgement.as_ref().err()) {
            return Err(refused.clone().into());
        }
        Ok(self.keep_written(author, now, &kind, edit, judged, None))
    }

    fn editable(&self, author: &Author, edit: &RecordEdit) -> Result<Arc<Kind>, NotEdited> {
        let kind = self.rules.schema.kind(&edit.kind).cloned().ok_or_else(|| NotEdited::UnknownKind(edit.kind.clone()))?;
        if self.erased.contains(&edit.record) {
            return Err(NotEdited::NoSuchRecord);
        }
        match (self.kinds.get(&edit.record), edit.expect) {
            (None, Expect::Existing | Expect::Version(_)) => return Err(NotEdited::NoSuchRecord),
            (Some(known), _) if *known != edit.kind => return Err(NotEdited::NoSuchRecord),
            (Some(_), Expect::New) => return Err(NotEdited::Exists),
            _ => {}
        }
        if let Expect::Version(seen) = edit.expect {
            self.unchanged_since(author, &kind, edit.record, seen)?;
        }
        Ok(kind)
    }

    /// The changes that the edits make, written by `actor` and kept nowhere yet.
    fn judged(
        &self,
        author: &Author,
        now: Millis,
        kind: &Kind,
        edit: &RecordEdit,
        As { imported, by_turn }: As,
        actor: ActorId,
    ) -> Result<Judged, NotEdited> {
        let open = |facet| self.open.get(&(edit.record, facet)).map(|open| &open.held.doc);
        let mut judged = Vec::new();
        self.moves_shelves(edit)?;
        for (facet, edits) in path_edits(kind, open, &edit.edits)? {
            let before = open(facet).cloned().unwrap_or_default();
            let mut after = before.clone();
            let Some(written) = after.write(actor, now, &edits) else { continue };
            let case = self.case(author, kind, (edit.record, facet), &before, &written.change);
            let judged_alone = Case { imported, by_turn, ..case }.judge();
            let judgement = judged_alone.and_then(|()| self.govern(kind, edit.record, facet, &before, || after));
            judged.push((facet, written, judgement));
        }
        Ok(judged)
    }

    /// Whether a record that is to be archived is not yet, and one that is to be brought back is: a change that changes
    /// nothing would stand in the history as if it had.
    fn moves_shelves(&self, edit: &RecordEdit) -> Result<(), NotEdited> {
        let asked = |edit: &FieldEdit| match edit {
            FieldEdit::Set { field, value } if field == ARCHIVED => value.as_bool(),
            _ => None,
        };
        let is_so = |asked: &bool| *asked == self.is_put_away(&(edit.record, Facet::Main));
        match edit.edits.iter().find_map(asked).filter(is_so) {
            Some(true) => Err(Refused::new(code::ARCHIVED, "the record is archived already", "该记录已归档，无需再次归档").into()),
            Some(false) => Err(Refused::new(code::ARCHIVED, "the record is not archived", "该记录未归档，无需恢复").into()),
            None => Ok(()),
        }
    }

    fn keep_written(
        &mut self,
        author: &Author,
        now: Millis,
        kind: &Arc<Kind>,
        edit: &RecordEdit,
        judged: Judged,
        import: Option<[u8; 16]>,
    ) -> Option<usize> {
        let mut last = None;
        for (facet, written, judgement) in judged {
            self.follow(author, now, judgement.ok().flatten());
            let pushed = Pushed { kind: kind.name.clone(), record: edit.record, facet, hash: written.hash, body: written.bytes };
            if let Outcome::Accepted(index) = self.accept(author, now, pushed, &written.change, kind.clone(), import) {
                last = Some(index);
            }
        }
        last
    }

    /// Keeps the edits for the desk: all of them, as they were meant together. They are written by a pen of their
    /// own: the server's goes on writing in the record, and a number once used is never used for other content.
    fn hold(&mut self, author: &Author, now: Millis, kind: &Arc<Kind>, edit: &RecordEdit) -> Result<NotEdited, NotEdited> {
        let judged = self.judged(author, now, kind, edit, As::default(), ActorId::new(random()))?;
        let held = judged.iter().filter_map(|(_, written, judgement)| Some((written.hash, judgement.as_ref().err()?.clone()))).next();
        let Some((change, reason)) = held else { return Ok(NotEdited::NoSuchRecord) };
        if !self.has_room(author, judged.len(), judged.iter().map(|(_, written, _)| written.bytes.len()).sum()) {
            return Err(NotEdited::Crowded);
        }
        for (facet, written, judgement) in judged {
            let pushed = Pushed { kind: kind.name.clone(), record: edit.record, facet, hash: written.hash, body: written.bytes };
            self.refuse(author, now, &pushed, judgement.err().unwrap_or_else(|| reason.clone()));
        }
        Ok(NotEdited::Held { change, field: reason.field, rule: reason.rule.unwrap_or_default(), message: reason.message })
    }

    /// Whether a record stands where somebody saw it, of what they see; what this unit changed has no position yet.
    fn unchanged_since(&self, author: &Author, kind: &Kind, record: RecordId, seen: u64) -> Result<(), NotEdited> {
        let facets = self.rules.roles.readable(&author.role, kind);
        let documents = || facets.iter().filter_map(|facet| self.open.get(&(record, *facet)));
        let version = documents().map(|open| open.held.position).max().unwrap_or(0);
        if version != seen || documents().any(|open| open.dirty) { Err(NotEdited::Stale(version)) } else { Ok(()) }
    }
}
