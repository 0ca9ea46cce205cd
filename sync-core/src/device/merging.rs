//! Two records made one on a phone, and two again. Works offline: what is written are ordinary edits.
//!
//! Who survives, what the survivor is given and what goes back is decided by the code that the server runs, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Device, Listed};
use crate::actions::duplicates::country::Country;
use crate::actions::duplicates::merging::{Keep, Side, choices, giving_back, merging};
use crate::actions::duplicates::{APART, FIELD, can_merge};
use crate::engine::{EditError, Edited, Replica};
use crate::id::{FieldName, Millis, RecordId};
use crate::record::Stored;
use crate::record::fields::{FieldEdit, unknown};
use crate::schema::{Field, Kind, Merge};
use crate::store::{Kept, Store, StoreError};

/// Who stands for whom around a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Together {
    /// The record that stands for this one, if another does and is here.
    pub survivor: Option<Listed>,
    /// The records that this one stands for, those that are here.
    pub behind: Vec<Listed>,
}

/// A field in which two records differ, and what the one that stays may have there.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeChoice {
    /// The field.
    pub field: FieldName,
    /// What the record has that stays.
    pub own: Option<Json>,
    /// What the other one has.
    pub other: Option<Json>,
    /// What can be chosen, the most sensible first.
    pub keep: Vec<Keep>,
    /// Whether what is taken over stays when the records are parted again.
    pub is_for_good: bool,
}

/// Two records that are to be one.
struct Pair {
    kind: Arc<Kind>,
    survivor: Listed,
    duplicate: Listed,
    /// Whose numbers are written without a country code.
    home: Country,
}

impl Device {
    /// The record that stands for this one after merges; itself if none does.
    ///
    /// # Errors
    /// When the store fails.
    pub fn same_as(&self, record: RecordId) -> Result<RecordId, StoreError> {
        self.unlocked()?;
        self.replica.store.survivor_of(record)
    }

    /// Who stands for whom around a record.
    ///
    /// # Errors
    /// When the store fails.
    pub fn together(&self, record: RecordId) -> Result<Together, StoreError> {
        let survivor = self.same_as(record)?;
        let survivor = if survivor == record { None } else { self.row(survivor)? };
        let behind = self.replica.store.behind(record)?.into_iter().filter_map(|id| self.row(id).transpose());
        Ok(Together { survivor, behind: behind.collect::<Result<_, _>>()? })
    }

    /// What can be chosen before a record is merged into another one, field by field; what the user may not write is left out.
    ///
    /// # Errors
    /// [`EditError::NotMergeable`], or when either is not here.
    pub fn merge_choices(&self, record: RecordId, into: RecordId) -> Result<Vec<MergeChoice>, EditError> {
        let pair = self.pair(record, into)?;
        let choice = |field: &Field| {
            let (own, other) = (pair.survivor.fields.get(&*field.name), pair.duplicate.fields.get(&*field.name));
            let (keep, is_for_good) = (choices(field, own, other, pair.home), field.merge == Merge::Monotone);
            let choice = |keep| MergeChoice { field: field.name.clone(), own: own.cloned(), other: other.cloned(), keep, is_for_good };
            (!keep.is_empty() && self.may_write(&pair, field)).then(|| choice(keep))
        };
        Ok(pair.kind.fields.iter().filter_map(choice).collect())
    }

    /// Makes a record one with another, which stands for both from then on: what points at either is shown with that one. Of
    /// a field of which nothing is said the survivor keeps what it has, and gets what it lacks. Two that other records
    /// stand for are merged as those.
    ///
    /// # Errors
    /// [`EditError::NotMergeable`] when they are one already or of a kind that is not merged; else as [`Device::edit`]. Half a
    /// merge is none.
    pub fn merge(
        &mut self,
        now: Millis,
        record: RecordId,
        into: RecordId,
        keep: &BTreeMap<String, Keep>,
    ) -> Result<Vec<Edited>, EditError> {
        let pair = self.pair(record, into)?;
        if let Some(name) = keep.keys().find(|name| pair.kind.field(name).is_none()) {
            return Err(unknown(&pair.kind, name).into());
        }
        let wanted = |field: &Field, possible: &[Keep]| {
            let usual = || possible.first().copied().filter(|_| self.may_write(&pair, field));
            keep.get(&*field.name).copied().or_else(usual).unwrap_or(Keep::Own)
        };
        let edits = merging((&pair.kind, pair.home), side(&pair.survivor), side(&pair.duplicate), wanted);
        let edited: Vec<Edited> = self.replica.transact(|replica| {
            // What is taken over stands already, and may be older than what authors are held to.
            edits.iter().map(|(id, edits)| replica.write(now, &pair.kind.name, *id, edits)).collect::<Result<_, EditError>>()
        })?;
        self.steps.did(&edited);
        Ok(edited)
    }

    /// Lets a record stand for itself again, wherever it was merged: its marks go, and what those merges gave to others goes
    /// back where nobody has changed it since and the user may write it.
    ///
    /// # Errors
    /// As [`Device::edit`].
    pub fn split(&mut self, now: Millis, record: RecordId) -> Result<Vec<Edited>, EditError> {
        self.unlocked()?;
        let kind = self.kind_of(record)?;
        let edited = self.replica.transact(|replica| split(replica, now, &kind, record))?;
        self.steps.did(&edited);
        Ok(edited)
    }

    /// Remembers that two records are not the same, however alike they look: nobody is asked again.
    ///
    /// # Errors
    /// As [`Device::edit`].
    pub fn set_apart(&mut self, now: Millis, record: RecordId, other: RecordId) -> Result<Edited, EditError> {
        let Pair { kind, duplicate, survivor, .. } = self.pair(record, other)?;
        let apart = FieldEdit::Add { field: APART.to_owned(), value: survivor.record.to_string() };
        self.edit(now, &kind.name, duplicate.record, &[apart])
    }

    fn pair(&self, record: RecordId, into: RecordId) -> Result<Pair, EditError> {
        let row = |record| self.row(self.same_as(record)?)?.ok_or(EditError::UnknownRecord(record));
        let (survivor, duplicate) = (row(into)?, row(record)?);
        let kind = self.kind_of(survivor.record)?;
        if duplicate.kind != survivor.kind {
            return Err(EditError::WrongKind { record: duplicate.record, kind: duplicate.kind.to_string() });
        }
        if !can_merge(&kind) {
            return Err(EditError::NotMergeable("records of their kind are not merged"));
        }
        if survivor.record == duplicate.record {
            return Err(EditError::NotMergeable("they are one already"));
        }
        Ok(Pair { kind, survivor, duplicate, home: self.country()? })
    }

    fn may_write(&self, pair: &Pair, field: &Field) -> bool {
        self.identity().is_some_and(|me| self.replica.roles.may_write_field(&me.role, &pair.kind, &field.name))
    }
}

fn side(row: &Listed) -> Side<'_> {
    Side { id: row.record, fields: &row.fields }
}

/// Part of a transaction.
fn split(replica: &mut Replica, now: Millis, kind: &Kind, record: RecordId) -> Result<Vec<Edited>, EditError> {
    let (mut edited, mut unmark) = (Vec::new(), Vec::new());
    let marked = changes_of(&replica.store, kind, record)?;
    for target in replica.store.marks_of(record)? {
        unmark.push(FieldEdit::Remove { field: FIELD.to_owned(), value: target.to_string() });
        let changes = changes_of(&replica.store, kind, target)?;
        for edits in giving_back(kind, &marked, (target, changes)) {
            match replica.write(now, &kind.name, target, &edits) {
                Ok(one) => edited.push(one),
                // What the user may not write, or the kind knows nothing of any more, stays: the two are parted all the same.
                Err(EditError::Denied { .. } | EditError::Archived | EditError::Refused(_) | EditError::BadEdit(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    if !unmark.is_empty() {
        edited.push(replica.write(now, &kind.name, record, &unmark)?);
    }
    Ok(edited)
}

/// All changes of a record, each after its parents.
fn changes_of(store: &Store, kind: &Kind, record: RecordId) -> Result<Vec<Stored>, StoreError> {
    let of = |facet| store.document(record, facet);
    let kept: Vec<Vec<Kept>> = kind.facets().into_iter().map(of).collect::<Result<_, _>>()?;
    Ok(kept.into_iter().flatten().map(|kept| kept.change).collect())
}
