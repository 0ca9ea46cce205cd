//! What the server sends: fenced, applied, shown; or put aside with the reason.
//!
//! The server is not trusted with the device's memory: every change passes the same fence as on the
//! server, minus rights. One that cannot be admitted stops no other.

use std::collections::HashSet;
use std::sync::Arc;

use super::ahead::{Arrived, ahead};
use super::leave::ERASED;
use super::pen::Reason;
use super::replica::{Replica, read_changes};
use crate::fence::{self, Pen, Refusal};
use crate::id::{Facet, Millis, RecordId};
use crate::protocol::Delivered;
use crate::record::Stored;
use crate::record::change::{Change, Op};
use crate::record::doc::{Doc, Inadmissible};
use crate::schema::Kind;
use crate::store::{DraftState, Receipt, StoreError};

/// The document that a run of delivered changes is for.
struct Open {
    kind: Arc<Kind>,
    record: RecordId,
    facet: Facet,
    /// Base and pending.
    doc: Doc,
    /// The base alone, while anything is pending.
    base: Option<Doc>,
    is_new: bool,
    is_changed: bool,
    /// Its past was forgotten, and something waits that was written on it.
    begins_anew: bool,
    position: u64,
}

impl Replica {
    /// Takes changes in the order of the feed. Part of a transaction.
    pub(crate) fn admit(&mut self, changes: Vec<Delivered>) -> Result<(), StoreError> {
        ahead(changes, |changes| self.admit_each(changes))
    }

    fn admit_each(&mut self, changes: &mut dyn Iterator<Item = Arrived>) -> Result<(), StoreError> {
        let may_be_drafts = self.store.draft_count()? > 0;
        let may_be_leaving = self.store.has_leaving()?;
        let mut open: Option<Open> = None;
        for (delivered, read) in changes {
            let Some(kind) = self.schema.kind(&delivered.kind).cloned() else {
                self.store.quarantine(&delivered, "this app does not know the kind yet")?;
                continue;
            };
            let fits = |open: &Open| open.record == delivered.record && open.facet == delivered.facet && open.kind.name == kind.name;
            if !open.as_ref().is_some_and(fits) {
                if may_be_leaving {
                    self.stays(delivered.record, delivered.facet)?;
                }
                if self.is_echo(&delivered)? {
                    continue;
                }
                self.close(open.take())?;
                open = Some(self.open_document(kind, delivered.record, delivered.facet)?);
            }
            if let Some(open) = &mut open {
                self.admit_one(open, (delivered, read), may_be_drafts)?;
            }
        }
        self.close(open)
    }

    /// An own change that the answer to its push has settled already: the feed brings it as well.
    fn is_echo(&self, delivered: &Delivered) -> Result<bool, StoreError> {
        let is_own = self.me.as_ref().is_some_and(|me| me.device == delivered.device);
        let name = (delivered.record, delivered.facet, &delivered.hash);
        Ok(is_own && self.store.is_confirmed(name, delivered.position)?)
    }

    fn open_document(&mut self, kind: Arc<Kind>, record: RecordId, facet: Facet) -> Result<Open, StoreError> {
        let is_new = !self.store.has_record(record)?;
        let mut open =
            Open { kind, record, facet, doc: Doc::default(), base: None, is_new, is_changed: false, begins_anew: false, position: 0 };
        if is_new {
            // Somebody may have looked for it here meanwhile and found nothing.
            self.forget(record);
            return Ok(open);
        }
        let kept = if self.store.is_pending(record)? { self.store.document(record, facet)? } else { Vec::new() };
        if kept.iter().any(|kept| kept.pending) {
            let (pending, base): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| kept.pending);
            let doc = self.replay(&open.kind, &base)?;
            // A page ended before all was here that it begins with.
            open.begins_anew =
                base.iter().any(|kept| !doc.contains(&kept.change.hash)) || self.waits_on_past(&open.kind, &doc, &pending)?;
            open.base = Some(doc);
        }
        self.load(&open.kind, record, facet)?;
        open.doc = self.take(record, facet).unwrap_or_default();
        if open.base.is_none() && open.doc.generation() > 0 {
            let kept = self.store.document(record, facet)?;
            open.begins_anew = kept.iter().any(|kept| !open.doc.contains(&kept.change.hash));
            open.base = open.begins_anew.then(|| open.doc.clone());
        }
        Ok(open)
    }

    fn close(&mut self, open: Option<Open>) -> Result<(), StoreError> {
        let Some(mut open) = open else { return Ok(()) };
        if open.begins_anew {
            self.begin_anew(&open.kind, open.record, open.facet)?;
            let kept = self.store.document(open.record, open.facet)?;
            open.doc = self.replay(&open.kind, &kept)?;
        }
        if open.is_changed {
            self.project(&open.kind, open.record, open.facet, &open.doc, open.position, open.is_new)?;
        }
        // A first sync would only push out what is in use.
        if !open.is_new {
            self.keep_if_room(open.record, open.facet, open.doc);
        }
        Ok(())
    }

    fn admit_one(&mut self, open: &mut Open, (delivered, read): Arrived, may_be_drafts: bool) -> Result<(), StoreError> {
        open.position = delivered.position;
        if open.doc.contains(&delivered.hash) {
            return self.confirm(open, &delivered);
        }
        let texts = self.texts(&open.kind);
        let base = open.base.as_ref().unwrap_or(&open.doc);
        let read = read.unwrap_or_else(|| fence::inspect(&delivered.hash, &delivered.body));
        let change = match read.and_then(|change| checked(base, open, change)) {
            Ok(change) => change,
            Err(refusal) => return self.store.quarantine(&delivered, &refusal.to_string()),
        };
        let generation = base.generation();
        let (applied, for_pending) = match &mut open.base {
            Some(base) => (base.apply(&change, delivered.hash, &texts), Some(change)),
            None => (open.doc.take(change, delivered.hash, &texts), None),
        };
        match applied {
            Ok(_) => {}
            // From a server that was restored, and has not heard yet that this was forgotten.
            Err(Inadmissible::Forgotten) => return Ok(()),
            Err(reason) => return self.store.quarantine(&delivered, &reason.to_string()),
        }
        if open.base.as_ref().unwrap_or(&open.doc).generation() > generation {
            if open.base.is_none() && !self.lost(&open.doc, &self.store.document(open.record, open.facet)?).is_empty() {
                open.base = Some(open.doc.clone());
            }
            open.begins_anew = open.base.is_some();
            if !open.begins_anew {
                self.store.remove_document(open.record, open.facet)?;
                self.store.to_scrub()?;
            }
        }
        let stored = Stored {
            hash: delivered.hash,
            kind: delivered.kind,
            record: delivered.record,
            facet: delivered.facet,
            user: delivered.user,
            device: delivered.device,
            received_at: Some(delivered.received_at),
            position: Some(delivered.position),
            body: delivered.body,
        };
        self.store.add_change(&stored, Some(&delivered.seal))?;
        open.is_changed = true;
        if may_be_drafts {
            // Somebody has accepted after all what was refused or held.
            self.store.remove_draft((stored.record, stored.facet, &stored.hash))?;
        }
        if let Some(change) = for_pending
            && open.doc.take(change, stored.hash, &texts).is_err()
        {
            // Two pens with one name: the pending edits are written again under another.
            self.rewrite_pending(&open.kind.clone(), open.record, open.facet, &HashSet::new(), Millis::MAX, |_| true)?;
            let kept = self.store.document(open.record, open.facet)?;
            open.doc = self.replay(&open.kind.clone(), &kept)?;
        }
        Ok(())
    }

    /// A change that is here already: an own one is confirmed by this, even if the answer to its push was lost.
    fn confirm(&mut self, open: &mut Open, delivered: &Delivered) -> Result<(), StoreError> {
        let name = (delivered.record, delivered.facet, &delivered.hash);
        let receipt = Receipt { position: delivered.position, received_at: delivered.received_at, seal: delivered.seal };
        if self.store.accept_change(name, receipt)? {
            self.touch(delivered.record);
            if let Some(base) = &mut open.base
                && let Some(kept) = self.store.change(delivered.record, delivered.facet, &delivered.hash)?
            {
                let texts = self.texts(&open.kind);
                for (hash, change) in read_changes(&[kept])? {
                    // It stays out of the base only if the feed forgot its parents; the view has it anyway.
                    let _ = base.apply(&change, hash, &texts);
                }
            }
        }
        Ok(())
    }

    /// A record is taken from this device. What waited to be sent stays as a draft.
    /// Answers how many edits that was.
    pub(crate) fn purge(&mut self, record: RecordId, now: Millis) -> Result<u64, StoreError> {
        let mut unsent = 0;
        if self.store.has_record(record)? {
            self.store.set_meta(ERASED, Some(&[1]))?;
        }
        if let Some(kind) = self.kind_of(record)? {
            let reason = Reason {
                state: DraftState::Purged,
                code: "purged".to_owned(),
                field: None,
                rule: None,
                message: "the record was taken from this device before the edit was sent".to_owned(),
                message_zh: "该记录已从本设备移除，修改尚未发送".to_owned(),
            };
            for facet in kind.facets() {
                let kept = self.store.document(record, facet)?;
                for pending in kept.iter().filter(|kept| kept.pending) {
                    self.keep_draft(&kind, &kept, pending, &reason, now)?;
                    unsent += 1;
                }
            }
        }
        self.forget(record);
        self.store.remove_record(record)?;
        self.store.to_scrub()?;
        self.touch(record);
        Ok(unsent)
    }
}

/// Whether a field takes an edit was the server's to say when it accepted it: the server may know fields, options
/// and policies that this app does not, and whether a state forbids an edit depends on what the server had then.
/// Such a change is carried. One that is left out would take with it everything that follows it.
fn checked(base: &Doc, open: &Open, change: Change) -> Result<Change, Refusal> {
    let makes_text = change.ops.iter().any(|op| matches!(op, Op::MakeText { .. }));
    match fence::check(base, &open.kind, open.facet, &change, Pen::Server) {
        Err(refusal) if makes_text || refusal.field().is_none() => Err(refusal),
        Ok(()) | Err(_) => Ok(change),
    }
}
