//! Own edits: written on top of what is shown, taken back when the server says no.
//!
//! Checks an edit with the server's own rules before it is kept, so that most refusals never happen.
//! Never changes what the server has accepted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Map;

use super::replica::{Identity, Replica, read_change, read_changes};
use crate::access::{self, Decision, Level, Roles, Subject, judge};
use crate::actions::next::ACTIVITY;
use crate::actions::{checklist, prices};
use crate::fence::{self, Pen, Refusal};
use crate::id::{ChangeHash, Facet, KindName, Millis, RecordId};
use crate::merge;
use crate::protocol::{GivenUp, code};
use crate::record::change::{Change, Op};
use crate::record::doc::{Doc, Edit, Inadmissible, Written};
use crate::record::fields::{BadEdit, FieldEdit, path_edits, with_defaults};
use crate::record::intent::field_edits;
use crate::record::replay::{Anew, Rewrite, Rewritten, as_seen_by, rewrite};
use crate::record::{Stored, authored};
use crate::schema::{Kind, Label};
use crate::store::{Draft, DraftState, Kept, StoreError};
use crate::value::Scalar;

/// First changes of documents that are remembered: some 300 KB, and more than people write in one moment.
const FIRST_CHANGES: usize = 10_000;

/// The first changes of documents that were written lately: the same words in the same moment in two new records would be
/// one change, as far as their hashes tell, and the desk keeps edits by those.
#[derive(Debug, Default)]
pub(super) struct FirstChanges {
    /// Each with the moment in which the same words would be another one.
    free: HashMap<ChangeHash, Millis>,
    until: Millis,
}

impl FirstChanges {
    /// Writes a change, milliseconds later where it would be one that was written before. None if there is nothing to write.
    fn of_its_own(&mut self, time: Millis, write: impl Fn(Millis) -> Option<Written>) -> Option<Written> {
        if self.free.len() >= FIRST_CHANGES && time > self.until {
            self.free.clear();
        }
        let (mut at, mut first) = (time, None);
        while at < fence::LATEST {
            let written = write(at)?;
            let first = *first.get_or_insert(written.hash);
            match self.free.get(&written.hash) {
                Some(free) => at = *free,
                None => {
                    self.until = self.until.max(at);
                    self.free.extend([(first, at + 1), (written.hash, at + 1)]);
                    return Some(written);
                }
            }
        }
        None
    }
}

/// An edit was not kept. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The device belongs to nobody yet.
    #[error("the device is not enrolled")]
    NotEnrolled,
    /// The workspace has no such kind.
    #[error("there is no kind `{0}`")]
    UnknownKind(KindName),
    /// No such record is on this device.
    #[error("record {0} is not on this device")]
    UnknownRecord(RecordId),
    /// The record is of another kind than was said.
    #[error("record {record} is a `{kind}`")]
    WrongKind {
        /// The record.
        record: RecordId,
        /// What it is.
        kind: String,
    },
    /// The record is archived: it does not change any more.
    #[error("the record is archived")]
    Archived,
    /// An edit does not fit its field.
    #[error(transparent)]
    BadEdit(#[from] BadEdit),
    /// The server would not admit the change.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The user may not do this.
    #[error("{}", message.en)]
    Denied {
        /// The rule that says so.
        rule: String,
        /// A sentence for the person.
        message: Label,
    },
    /// There is no such draft.
    #[error("there is no draft {0}")]
    UnknownDraft(i64),
    /// The last edit cannot simply be taken back: it was a text, or somebody has written since.
    #[error("the last edit cannot be undone: {0}")]
    NotUndoable(&'static str),
    /// These two records cannot be merged.
    #[error("the records cannot be merged: {0}")]
    NotMergeable(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an app can say about an edit that was refused; the English sentence is the error's `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// One of [`crate::protocol::code`]: as the server would have said.
    pub code: &'static str,
    /// The field concerned.
    pub field: Option<String>,
    /// The rule that says so.
    pub rule: Option<String>,
    /// A sentence for a person, in Chinese.
    pub message_zh: String,
}

impl EditError {
    /// Why the edit was refused; `None` when it was not judged.
    pub fn because(&self) -> Option<Because> {
        let because =
            |code, field: Option<&str>, message_zh: String| Some(Because { code, field: field.map(str::to_owned), rule: None, message_zh });
        match self {
            EditError::UnknownKind(kind) => because(code::UNKNOWN_FIELD, None, format!("没有对象“{kind}”")),
            EditError::WrongKind { kind, .. } => because(code::WRONG_RECORD, None, format!("该记录属于对象“{kind}”")),
            EditError::Archived => because(code::ARCHIVED, None, "该记录已归档".to_owned()),
            EditError::BadEdit(bad) => {
                let code = if matches!(bad, BadEdit::UnknownField { .. }) { code::UNKNOWN_FIELD } else { code::BAD_VALUE };
                because(code, Some(bad.field()), bad.message_zh())
            }
            EditError::Refused(refusal) => because(refusal.code(), refusal.field(), refusal.message_zh()),
            EditError::Denied { rule, message } => {
                Some(Because { code: code::FORBIDDEN, field: None, rule: Some(rule.clone()), message_zh: message.zh.clone() })
            }
            EditError::NotEnrolled
            | EditError::UnknownRecord(_)
            | EditError::UnknownDraft(_)
            | EditError::NotUndoable(_)
            | EditError::NotMergeable(_)
            | EditError::Store(_) => None,
        }
    }
}

/// An edit that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The record.
    pub record: RecordId,
    /// The changes it became: one for each facet; none when nothing differed.
    pub changes: Vec<ChangeHash>,
    /// Set when somebody with the right will have to look at it: the rule, and a sentence for the user.
    pub needs_approval: Option<(String, Label)>,
}

/// Why an edit became a draft.
#[derive(Debug, Clone)]
pub(crate) struct Reason {
    pub state: DraftState,
    pub code: String,
    pub field: Option<String>,
    pub rule: Option<String>,
    pub message: String,
    pub message_zh: String,
}

impl Replica {
    /// The server's clock, as far as this device knows it.
    pub(crate) fn server_time(&self, now: Millis) -> Millis {
        now + self.clock_offset
    }

    /// The edits that make a record of a kind, with its defaults.
    pub(crate) fn with_defaults(&self, kind: &str, edits: &[FieldEdit]) -> Vec<FieldEdit> {
        let (Some(kind), Some(me)) = (self.schema.kind(kind), &self.me) else { return edits.to_vec() };
        let caller = me.caller();
        with_defaults(kind, edits, |edits, default| self.roles.may_add(&caller, kind, edits, default))
    }

    /// Writes field edits that somebody has just made up. Part of a transaction.
    pub(crate) fn write_new(&mut self, now: Millis, kind: &str, record: RecordId, edits: &[FieldEdit]) -> Result<Edited, EditError> {
        let Some(declared) = self.schema.kind(kind).cloned() else { return self.write(now, kind, record, edits) };
        let mut before = Map::new();
        for field in authored::beside(&declared, edits).into_iter().chain(prices::beside(&declared, edits)) {
            self.load(&declared, record, field.facet)?;
            let shown = self.doc(record, field.facet).and_then(|doc| merge::shown(doc, field));
            before.extend(shown.map(|shown| (field.name.to_string(), shown)));
        }
        let mut known = HashMap::new();
        for id in prices::asks_for(&declared, &before, edits) {
            let row = self.store.row(id)?.filter(|row| !row.archived);
            let main = row.and_then(|row| row.facets.into_iter().next().flatten());
            known.extend(main.and_then(|main| Some((id, serde_json::from_str(&main).ok()?))));
        }
        let edits = prices::filled(&declared, &before, edits.to_vec(), &known, self.server_time(now));
        authored::check(&declared, &before, &edits)?;
        let edited = self.write(now, kind, record, &edits)?;
        let Some(user) = self.me.as_ref().map(|me| me.user) else { return Ok(edited) };
        for (task, edits) in checklist::tasks(&self.schema, (&declared, record), &before, &edits, user) {
            if self.store.kind_of(task)?.is_none() {
                self.write(now, ACTIVITY, task, &edits)?;
            }
        }
        Ok(edited)
    }

    /// Writes field edits, also such as stand already or were written under older rules. Part of a transaction.
    pub(crate) fn write(&mut self, now: Millis, kind: &str, record: RecordId, edits: &[FieldEdit]) -> Result<Edited, EditError> {
        let kind = self.known_kind(kind)?;
        let found = self.store.kind_of(record)?;
        let is_new = found.is_none();
        if let Some(found) = found.filter(|found| found != kind.name.as_str()) {
            return Err(EditError::WrongKind { record, kind: found });
        }
        for facet in kind.facets() {
            self.load(&kind, record, facet)?;
        }
        let by_facet = path_edits(&kind, |facet| self.doc(record, facet), edits)?;
        self.write_paths(now, &kind, record, by_facet, is_new)
    }

    fn known_kind(&self, name: &str) -> Result<Arc<Kind>, EditError> {
        let unknown = || name.parse().map_or_else(|_| EditError::NotUndoable("its kind has no name"), EditError::UnknownKind);
        self.schema.kind(name).cloned().ok_or_else(unknown)
    }

    /// Writes path edits on documents that are loaded. `is_new`: nothing of the record is kept yet.
    fn write_paths(
        &mut self,
        now: Millis,
        kind: &Arc<Kind>,
        record: RecordId,
        by_facet: BTreeMap<Facet, Vec<Edit>>,
        mut is_new: bool,
    ) -> Result<Edited, EditError> {
        let me = self.me.clone().ok_or(EditError::NotEnrolled)?;
        let time = self.server_time(now).clamp(fence::EARLIEST, fence::LATEST - 1);
        let first = self.doc(record, Facet::Main).and_then(Doc::first_change);
        let made_by = first.map(|first| self.store.writer_of((record, Facet::Main, &first))).transpose()?.flatten();
        let was_new = self.doc(record, Facet::Main).is_none();
        let mut edited = Edited { record, changes: Vec::new(), needs_approval: None };
        for (facet, edits) in by_facet {
            let before = self.as_it_is(record, facet);
            let write = |time| before.draft(self.actor, time, &edits);
            let is_first = before.first_change().is_none();
            let Some(written) = (if is_first { self.first_changes.of_its_own(time, write) } else { write(time) }) else { continue };
            // Reading it back is the fence's first step: what cannot be read back is never kept.
            fence::inspect(&written.hash, &written.bytes)?;
            fence::check_beside(&before, self.doc(record, Facet::Main), kind, facet, &written.change, Pen::Device)?;
            let subject = self.subject(kind, record, facet, &me, made_by, was_new)?;
            let main = self.doc(record, Facet::Main);
            let subject = Subject { manager: self.manager(kind, (record, facet), main, &written.change)?, ..subject };
            let approval = predicted(&self.roles, &me, &subject, main, &written.change)?;
            edited.needs_approval = edited.needs_approval.or(approval);
            let stored = Stored {
                hash: written.hash,
                kind: kind.name.clone(),
                record,
                facet,
                user: me.user,
                device: me.device,
                received_at: None,
                position: None,
                body: written.bytes,
            };
            self.store.add_change(&stored, None)?;
            drop(before);
            // Nobody else holds it now: it is changed in place, not copied.
            let mut doc = self.take(record, facet).unwrap_or_default();
            doc.take(written.change, written.hash, &self.texts(kind)).map_err(Refusal::from)?;
            self.project(kind, record, facet, &doc, 0, is_new)?;
            self.keep(record, facet, doc);
            is_new = false;
            edited.changes.push(stored.hash);
        }
        self.settle_kinds()?;
        Ok(edited)
    }

    fn subject<'a>(
        &self,
        kind: &'a Kind,
        record: RecordId,
        facet: Facet,
        me: &Identity,
        made_by: Option<crate::id::UserId>,
        is_new: bool,
    ) -> Result<Subject<'a>, StoreError> {
        let shown = |doc: &Doc| kind.field(kind.owner.as_deref()?).and_then(|field| merge::shown(doc, field));
        let owner = self.doc(record, Facet::Main).and_then(shown).and_then(|owner| owner.as_str()?.parse().ok());
        let distance = if is_new { Level::All } else { self.distance(record, me)? };
        let subject = Subject { owner, author: made_by.or(is_new.then_some(me.user)), is_new, ..Subject::of(kind, facet) }.at(distance);
        Ok(Subject { waits: self.waits(&subject, record, me)?, ..subject })
    }

    /// Whether an edit of a record waits for approval, or will: one that the server holds, or one on its way that it
    /// is going to hold.
    fn waits(&self, subject: &Subject<'_>, record: RecordId, me: &Identity) -> Result<bool, StoreError> {
        let kind = subject.kind;
        if !self.roles.look_at_waiting(&kind.name) {
            return Ok(false);
        }
        if self.store.drafts_of(record)? > 0
            && self.store.drafts()?.iter().any(|draft| draft.record == record && draft.state == DraftState::Held)
        {
            return Ok(true);
        }
        let caller = me.caller();
        for facet in kind.facets() {
            for kept in self.store.document(record, facet)?.iter().filter(|kept| kept.pending) {
                let (main, change) = (self.doc(record, Facet::Main), read_change(kept)?);
                let subject = Subject { facet, ..*subject };
                let subject = Subject { manager: self.manager(kind, (record, facet), main, &change)?, ..subject };
                let judged = judge(&self.roles, &caller, &subject, main, &change, |_| false);
                if matches!(judged.decision, Decision::Review { .. }) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Takes back the last own edit of a record, as an ordinary edit. Part of a transaction.
    pub(crate) fn undo(&mut self, now: Millis, record: RecordId) -> Result<Edited, EditError> {
        let me = self.me.clone().ok_or(EditError::NotEnrolled)?;
        let last = self.store.last_own_change(record, me.device)?.ok_or(EditError::NotUndoable("there is none"))?;
        self.take_back(now, &last, &HashSet::new())
    }

    /// Takes back one own change, as an ordinary edit. A value that one of `restored` has put back counts
    /// as the one it was. Part of a transaction.
    pub(crate) fn take_back(&mut self, now: Millis, last: &Kept, restored: &HashSet<ChangeHash>) -> Result<Edited, EditError> {
        let (record, facet) = (last.change.record, last.change.facet);
        let kind = self.kind_of(record)?.ok_or(EditError::UnknownRecord(record))?;
        for facet in kind.facets() {
            self.load(&kind, record, facet)?;
        }
        let kept = self.store.document(record, facet)?;
        let change = read_change(last)?;
        if self.doc(record, facet).is_some_and(|doc| doc.begins_with(&change)) {
            return Err(EditError::NotUndoable("what stood there before was forgotten"));
        }
        let before = as_seen_by(&read_changes(&kept)?, &change, &self.texts(&kind));
        let current = self.doc(record, facet).ok_or(EditError::UnknownRecord(record))?;
        let undone = |op| inverse(op, &before, current, last.change.hash, restored);
        let edits = change.ops.iter().map(undone).collect::<Result<Vec<_>, _>>()?;
        self.write_paths(now, &kind, record, BTreeMap::from([(facet, edits)]), false)
    }

    /// Takes a pending change out, keeps it as a draft, and writes those after it anew. Part of a
    /// transaction. Answers whether there was such a change.
    pub(crate) fn refuse(
        &mut self,
        (record, facet, hash): (RecordId, Facet, ChangeHash),
        reason: &Reason,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let Some(kind) = self.kind_of(record)? else { return Ok(false) };
        let kept = self.store.document(record, facet)?;
        let Some(pending) = kept.iter().find(|kept| kept.pending && kept.change.hash == hash) else { return Ok(false) };
        self.keep_draft(&kind, &kept, pending, reason, now)?;
        self.rewrite_pending(&kind, record, facet, &HashSet::from([hash]), Millis::MAX, |_| false)?;
        self.project_again(&kind, record)?;
        Ok(true)
    }

    /// Keeps what a pending change wanted to do, with the reason it may not.
    pub(crate) fn keep_draft(
        &mut self,
        kind: &Kind,
        kept: &[Kept],
        pending: &Kept,
        reason: &Reason,
        now: Millis,
    ) -> Result<(), StoreError> {
        let change = read_change(pending)?;
        let texts = self.texts(kind);
        let before = as_seen_by(&read_changes(kept)?, &change, &texts);
        let mut after = before.clone();
        // It was applied when it was written; and a draft without edits still has its bytes.
        let _ = after.apply(&change, pending.change.hash, &texts);
        let Reason { state, code, field, rule, message, message_zh } = reason.clone();
        let key = (pending.change.record, pending.change.facet);
        let waits_for = || (state == DraftState::Held).then(|| self.waits_for(kind, key, &before, &change)).flatten();
        let field = field.or_else(waits_for);
        self.store.add_draft(&Draft {
            id: 0,
            hash: pending.change.hash,
            kind: kind.name.clone(),
            record: pending.change.record,
            facet: pending.change.facet,
            state,
            code,
            field,
            rule,
            message,
            message_zh,
            edits: field_edits(kind, &before, &after, &change),
            edit_time: change.time,
            since: self.server_time(now),
            body: pending.change.body.clone(),
        })
    }

    /// The field for which a change that the server holds waits: the wire names the rule alone. By the rules that are known
    /// here, as of a record of one's own, whose limits alone are asked for; else the only field that it writes.
    fn waits_for(&self, kind: &Kind, (record, facet): (RecordId, Facet), before: &Doc, change: &Change) -> Option<String> {
        let me = self.me.as_ref()?;
        let caller = me.caller();
        let subject = Subject { owner: Some(me.user), ..Subject::of(kind, facet) }.at(Level::Own);
        let main = if facet == Facet::Main { Some(before) } else { self.doc(record, Facet::Main) };
        let subject = Subject { manager: self.manager(kind, (record, facet), main, change).ok()?, ..subject };
        let judged = judge(&self.roles, &caller, &subject, main, change, |_| false);
        if matches!(judged.decision, Decision::Review { .. }) {
            return judged.field;
        }
        let touched = fence::touched(kind, change);
        let first = touched.first()?.field;
        touched.iter().all(|touch| touch.field == first).then(|| first.to_owned())
    }

    /// As [`Replica::waits_for`], for what is a draft already.
    pub(crate) fn draft_waits_for(&mut self, draft: &Draft) -> Result<Option<String>, StoreError> {
        let (Some(kind), Ok(change)) = (self.schema.kind(&draft.kind).cloned(), Change::read(&draft.body)) else { return Ok(None) };
        for facet in kind.facets() {
            self.load(&kind, draft.record, facet)?;
        }
        let before = self.doc(draft.record, draft.facet).cloned().unwrap_or_default();
        Ok(self.waits_for(&kind, (draft.record, draft.facet), &before, &change))
    }

    /// Writes pending changes of a document anew under a new pen: those for which `again` holds, those
    /// that follow a changed one, and none of `gone`. The rows are the caller's to write.
    pub(crate) fn rewrite_pending(
        &mut self,
        kind: &Kind,
        record: RecordId,
        facet: Facet,
        gone: &HashSet<ChangeHash>,
        not_after: Millis,
        again: impl Fn(&(ChangeHash, Change)) -> bool,
    ) -> Result<(), StoreError> {
        self.take_new_pen()?;
        let (pending, base): (Vec<Kept>, Vec<Kept>) = self.store.document(record, facet)?.into_iter().partition(|kept| kept.pending);
        let (base, changes) = (read_changes(&base)?, read_changes(&pending)?);
        let again = changes.iter().filter(|change| again(change)).map(|(hash, _)| *hash).collect();
        let (actor, texts) = (self.actor, self.texts(kind));
        let task = Rewrite { base: &base, pending: &changes, gone, again: &again, actor, not_after, texts: &texts, anew: None };
        self.replace_pending(&pending, rewrite(&task))?;
        self.forget(record);
        Ok(())
    }

    /// Writes anew what waits in a document whose past was forgotten, and forgets that past here. Nothing, until all that the
    /// document begins with is here. The rows are the caller's to write.
    pub(crate) fn begin_anew(&mut self, kind: &Kind, record: RecordId, facet: Facet) -> Result<(), StoreError> {
        let base: Vec<Kept> = self.store.document(record, facet)?.into_iter().filter(|kept| !kept.pending).collect();
        let doc = self.replay(kind, &base)?;
        let Some(tip) = doc.beginning() else { return Ok(()) };
        self.lost(&doc, &base).iter().try_for_each(|hash| self.store.unaccept_change(record, facet, hash))?;
        let (pending, base): (Vec<Kept>, Vec<Kept>) = self.store.document(record, facet)?.into_iter().partition(|kept| kept.pending);
        let (base, before): (Vec<Kept>, Vec<Kept>) = base.into_iter().partition(|kept| doc.contains(&kept.change.hash));
        let (changes, read) = (read_changes(&pending)?, read_changes(&base)?);
        let moment = |kept: &Kept, change: &Change| (kept.change.device, change.time);
        let past = read_changes(&before)?;
        let mut seen: HashSet<_> = before.iter().zip(&past).map(|(kept, (_, change))| moment(kept, change)).collect();
        // What has arrived and was not answered was written here.
        let arrived = pending.iter().zip(&changes).filter(|(_, (hash, _))| doc.has_forgotten(hash));
        seen.extend(arrived.map(|(kept, (_, change))| moment(kept, change)));
        let is_unseen = |kept: &Kept, change: &Change| doc.begins_with(change) && !seen.contains(&moment(kept, change));
        let unseen = base.iter().zip(&read).filter(|(kept, (_, change))| is_unseen(kept, change)).map(|(_, (hash, _))| *hash).collect();
        let texts = self.texts(kind);
        let is_of_before = |(hash, change): &&(ChangeHash, Change)| doc.fits(change, *hash, &texts).is_err();
        let again = changes.iter().filter(is_of_before).map(|(hash, _)| *hash).collect();
        let gone = changes.iter().map(|(hash, _)| *hash).filter(|hash| doc.has_forgotten(hash)).collect();
        let anew = Anew { before: past, tip, unseen };
        self.take_new_pen()?;
        let (actor, not_after) = (self.actor, Millis::MAX);
        let task =
            Rewrite { base: &read, pending: &changes, gone: &gone, again: &again, actor, not_after, texts: &texts, anew: Some(&anew) };
        self.replace_pending(&pending, rewrite(&task))?;
        before.iter().try_for_each(|kept| self.store.remove_change(kept.id))?;
        self.store.to_scrub()?;
        self.begun_anew = true;
        self.forget(record);
        Ok(())
    }

    /// Whether something waits that was written on a past that this document has forgotten.
    pub(super) fn waits_on_past(&mut self, kind: &Kind, doc: &Doc, pending: &[Kept]) -> Result<bool, StoreError> {
        if doc.generation() == 0 {
            return Ok(false);
        }
        let texts = self.texts(kind);
        let is_of_before = |(hash, change): &(ChangeHash, Change)| {
            doc.has_forgotten(hash) || matches!(doc.fits(change, *hash, &texts), Err(Inadmissible::Forgotten))
        };
        Ok(read_changes(pending)?.iter().any(is_of_before))
    }

    /// Own changes that a restored server had lost, and did not know of when it forgot: they wait again.
    pub(super) fn lost(&self, doc: &Doc, base: &[Kept]) -> Vec<ChangeHash> {
        let me = self.me.as_ref().map(|me| me.device);
        let is_known = |hash: &ChangeHash| doc.contains(hash) || doc.has_forgotten(hash);
        let is_lost = |kept: &&Kept| kept.change.position.is_none() && Some(kept.change.device) == me && !is_known(&kept.change.hash);
        base.iter().filter(|kept| !kept.pending).filter(is_lost).map(|kept| kept.change.hash).collect()
    }

    fn replace_pending(&mut self, pending: &[Kept], rewritten: Vec<Rewritten>) -> Result<(), StoreError> {
        for rewritten in rewritten {
            let Some(old) = pending.iter().find(|kept| kept.change.hash == rewritten.old) else { continue };
            self.store.remove_change(old.id)?;
            if let Some(new) = rewritten.new {
                // The server may have the old one at the desk: nobody is to let both in.
                self.store.add_withdrawal(&GivenUp { record: old.change.record, facet: old.change.facet, hash: rewritten.old })?;
                self.store.add_change(&Stored { hash: new.hash, body: new.bytes, ..old.change.clone() }, None)?;
            }
        }
        Ok(())
    }
}

/// What the server would say: an error when it would refuse, a rule when it would ask for a review.
fn predicted(
    roles: &Roles,
    me: &Identity,
    subject: &Subject<'_>,
    main: Option<&Doc>,
    change: &Change,
) -> Result<Option<(String, Label)>, EditError> {
    if access::is_too_late(subject.kind, main, change) {
        return Err(EditError::Archived);
    }
    match judge(roles, &me.caller(), subject, main, change, |_| false).decision {
        Decision::Allowed => Ok(None),
        Decision::Denied { rule, message } => Err(EditError::Denied { rule, message }),
        Decision::Review { rule, message } => Ok(Some((rule, message))),
    }
}

/// The edit that takes an operation back, if it is still what everybody sees.
fn inverse(op: &Op, before: &Doc, current: &Doc, change: ChangeHash, restored: &HashSet<ChangeHash>) -> Result<Edit, EditError> {
    let stands = |path: &str, value: &Scalar| match current.values(path) {
        [put] => {
            let by = current.node(put.node).hash;
            by == change || (restored.contains(&by) && put.value == *value)
        }
        _ => false,
    };
    let before_of = |path: &str| before.values(path).iter().max_by(|a, b| before.order(a.id, b.id)).map(|put| put.value.clone());
    let written_since = EditError::NotUndoable("somebody has written there since");
    match op {
        Op::Increment { path, by, .. } => Ok(Edit::Increment { path: path.to_string(), by: by.saturating_neg() }),
        Op::Put { path, value: Scalar::Counter(by), .. } => Ok(Edit::Increment { path: path.to_string(), by: by.saturating_neg() }),
        Op::Put { path, value, .. } if stands(path, value) => Ok(match before_of(path) {
            Some(value) => Edit::Put { path: path.to_string(), value },
            // Two segments: the marker of an element or a row.
            None if path.matches('/').count() == 1 => Edit::Delete { path: path.to_string() },
            None => Edit::Put { path: path.to_string(), value: Scalar::Null },
        }),
        Op::Delete { path, .. } if current.values(path).is_empty() => match before_of(path) {
            Some(value) => Ok(Edit::Put { path: path.to_string(), value }),
            None => Err(written_since),
        },
        Op::Put { .. } | Op::Delete { .. } => Err(written_since),
        Op::MakeText { .. } | Op::Insert { .. } | Op::Remove { .. } => Err(EditError::NotUndoable("it edited a text")),
    }
}
