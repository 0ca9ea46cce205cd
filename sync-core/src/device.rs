//! One device: the handle that apps, shells and tests hold.
//!
//! Opens a store, keeps the engine, and says everything an app needs in the words of fields and
//! records. Every call works without a network. The caller passes time and randomness; what is to be
//! sent comes back as [`Effect`]s. Never blocks on a network and never starts a thread.

#[cfg(test)]
mod authored_tests;
mod cards;
#[cfg(test)]
mod desk_tests;
mod explain;
mod files;
#[cfg(test)]
mod formula_tests;
mod index;
#[cfg(test)]
mod leave_tests;
mod likely;
#[cfg(test)]
mod likely_tests;
mod merging;
#[cfg(test)]
mod merging_tests;
#[cfg(test)]
mod model;
mod next;
#[cfg(test)]
mod order_tests;
mod packages;
mod portrait;
#[cfg(test)]
mod portrait_tests;
#[cfg(test)]
mod search_tests;
mod steps;
#[cfg(test)]
mod tests;
mod totals;
#[cfg(test)]
mod totals_tests;
mod view;
mod wants;
mod watch;

pub use explain::{Alarm, Because, Health, KeyAccount, Presence};
pub use files::{FileView, NewFile};
pub use likely::LikelyDuplicate;
pub use merging::{MergeChoice, Together};
pub use view::{ClaimView, ConflictView, Found, Listed, View};
pub use watch::{ListStep, ListUpdate, Watch};

use std::collections::HashSet;

use crate::actions::duplicates::country::Country;
use crate::actions::duplicates::normal::{is_number, phone_digits};
use crate::engine::{
    Changed, EPOCH, EditError, Edited, Effect, Engine, Event, FAREWELL, Farewell, Identity, Random, Replica, SyncStatus, TOKEN,
};
use crate::id::{ActorId, ChangeHash, Facet, KindName, Millis, RecordId};
use crate::protocol::Enrolled;
use crate::query::{Compiler, Context, Dialect, Param, Query};
use crate::record::fields::FieldEdit;
use crate::record::history::{HistoryEntry, Stored, as_of, history};
use crate::schema::{Kind, Schema};
use crate::search::{CANDIDATES, by_closeness, match_expression, near_expression, start_expressions, starts_first};
use crate::store::{Draft, Place, Quarantined, Store, StoreError};

/// Rows indexed in one idle step: a few milliseconds.
const INDEX_STEP: usize = 200;
/// The most records that one search answers with.
const SEARCH_LIMIT: u32 = CANDIDATES;
/// The records of a kind that lists are made of: what another record stands for is shown there.
const LISTED: &str = "rows.workspace = $1 and rows.kind = $2 and rows.record not in (select record from temp.aliases)";

/// What opening a device takes.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Where its store is.
    pub place: Place,
    /// App name and version, for the back office's list of devices.
    pub app: String,
    /// Marks this installation. Kept where no backup reaches (keychain of this device only): a store
    /// that comes with another mark was restored from a copy, and writes under a new name.
    pub incarnation: [u8; 16],
    /// Fresh randomness of the operating system, at every opening.
    pub seed: [u8; 32],
}

/// One record to write in [`Device::edit_all`].
#[derive(Debug, Clone, PartialEq)]
pub struct RecordEdits {
    /// Its kind.
    pub kind: KindName,
    /// The record.
    pub record: RecordId,
    /// What to do.
    pub edits: Vec<FieldEdit>,
    /// Whether this makes it: what the edits say nothing of gets the defaults of its kind then. A record that is not here
    /// may be elsewhere, and keeps what it has.
    pub makes: bool,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPage {
    /// The records.
    pub rows: Vec<Listed>,
    /// How many the query has in all.
    pub total: u64,
    /// What to pass as `after` for the next page; `None` at the end.
    pub next: Option<String>,
}

/// A device with its records.
#[derive(Debug)]
pub struct Device {
    replica: Replica,
    engine: Engine,
    steps: steps::Steps,
}

impl Device {
    /// Opens a device's store, or makes an empty one.
    ///
    /// # Errors
    /// [`StoreError`]: among them a store that a newer app has written.
    pub fn open(opening: &Opening) -> Result<Self, StoreError> {
        let store = Store::open(&opening.place)?;
        let replica = Replica::open(store, opening.incarnation, Random::new(opening.seed))?;
        Ok(Self { replica, engine: Engine::new(&opening.app), steps: steps::Steps::default() })
    }

    /// Takes the answer to enrolment: from now on the device is somebody's.
    ///
    /// # Errors
    /// When the store fails, or the role is no name.
    pub fn enrol(&mut self, now: Millis, enrolled: &Enrolled) -> Result<(), StoreError> {
        let role = enrolled.role.parse()?;
        let me = Identity { device: enrolled.device, workspace: enrolled.workspace, user: enrolled.user, role };
        self.replica.transact(|replica| {
            replica.set_identity(me)?;
            replica.set_clock_offset(enrolled.server_time - now)?;
            if replica.store.meta(EPOCH)?.is_none() {
                // Known from another one, it is compared at the next welcome.
                replica.store.set_meta(EPOCH, Some(&enrolled.epoch))?;
            }
            replica.store.set_meta(TOKEN, Some(enrolled.token.as_bytes()))
        })?;
        self.engine.restart();
        Ok(())
    }

    /// Who the device is, once it is enrolled.
    pub fn identity(&self) -> Option<&Identity> {
        self.replica.me.as_ref()
    }

    /// For `Authorization: Bearer`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn token(&self) -> Result<Option<String>, StoreError> {
        Ok(self.replica.store.meta(TOKEN)?.and_then(|token| String::from_utf8(token).ok()))
    }

    /// The actor to enrol with: a new one for a device that was enrolled before, as the old one is another
    /// device's to the server. What waits is written anew when it is sent.
    ///
    /// # Errors
    /// When the store fails.
    pub fn actor_to_enrol(&mut self) -> Result<ActorId, StoreError> {
        if self.identity().is_some() {
            self.replica.transact(Replica::take_new_pen)?;
        }
        Ok(self.actor())
    }

    /// The actor it writes under now: enrolment names it.
    pub fn actor(&self) -> ActorId {
        self.replica.actor
    }

    /// Tells the device what time it is; [`Device::handle`] does so, too. Whether it is locked follows from it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn look_at_clock(&mut self, now: Millis) -> Result<(), StoreError> {
        self.replica.look_at_clock(now)
    }

    /// Whether the offline lease is over: records are neither shown nor written until the server answers.
    pub fn is_locked(&self) -> bool {
        self.replica.is_locked
    }

    fn unlocked(&self) -> Result<(), StoreError> {
        if self.replica.is_locked { Err(StoreError::Locked) } else { Ok(()) }
    }

    /// What is to be told to a server that had this device wiped. Kept, through restarts, until [`Device::said_farewell`].
    ///
    /// # Errors
    /// When the store fails.
    pub fn farewell(&self) -> Result<Option<Farewell>, StoreError> {
        Ok(self.replica.store.meta(FAREWELL)?.and_then(|bytes| Farewell::of_bytes(&bytes)))
    }

    /// The server knows: nothing is left here.
    ///
    /// # Errors
    /// When the store fails.
    pub fn said_farewell(&mut self) -> Result<(), StoreError> {
        self.replica.store.set_meta(FAREWELL, None)
    }

    /// What whoever lets a new device in compares: the same eight digits stand in the console.
    ///
    /// # Errors
    /// When the store fails.
    pub fn fingerprint(&self) -> Result<Option<String>, StoreError> {
        Ok(self.token()?.map(|token| crate::protocol::fingerprint(&token)))
    }

    /// The kinds of the workspace, as far as they are known here.
    pub fn schema(&self) -> &Schema {
        &self.replica.schema
    }

    /// A new record's id.
    pub fn new_id(&mut self, now: Millis) -> RecordId {
        self.replica.random.record(now)
    }

    /// Makes a record. A choice that the edits say nothing of gets the default of its kind.
    ///
    /// # Errors
    /// As [`Device::edit`].
    pub fn create(&mut self, now: Millis, kind: &str, edits: &[FieldEdit]) -> Result<Edited, EditError> {
        let record = self.new_id(now);
        let edits = self.replica.with_defaults(kind, edits);
        self.edit(now, kind, record, &edits)
    }

    /// Edits a record, or makes it if it is not here. On disk when this returns, and shown at once.
    /// The host then passes [`Event::LocalEdit`] to [`Device::handle`].
    ///
    /// # Errors
    /// [`EditError`] when the edit does not fit, the server would refuse it, or the store fails.
    pub fn edit(&mut self, now: Millis, kind: &str, record: RecordId, edits: &[FieldEdit]) -> Result<Edited, EditError> {
        self.unlocked()?;
        self.one_step(|replica| replica.write_new(now, kind, record, edits))
    }

    /// Writes to one record, as a step that can be taken back.
    fn one_step(&mut self, write: impl FnOnce(&mut Replica) -> Result<Edited, EditError>) -> Result<Edited, EditError> {
        let edited = self.replica.transact(write)?;
        self.steps.did(std::slice::from_ref(&edited));
        Ok(edited)
    }

    /// Edits many records, all or none: imports, and what belongs together.
    ///
    /// # Errors
    /// As [`Device::edit`].
    pub fn edit_all(&mut self, now: Millis, records: &[RecordEdits]) -> Result<Vec<Edited>, EditError> {
        self.unlocked()?;
        let write = |replica: &mut Replica, edit: &RecordEdits| {
            // Of a record that is here, what is not said stays: one that an earlier edit of the batch has made, too.
            let makes = edit.makes && replica.store.kind_of(edit.record)?.is_none();
            let all = if makes { replica.with_defaults(&edit.kind, &edit.edits) } else { edit.edits.clone() };
            replica.write_new(now, &edit.kind, edit.record, &all)
        };
        let edited: Vec<Edited> =
            self.replica.transact(|replica| records.iter().map(|edit| write(replica, edit)).collect::<Result<_, EditError>>())?;
        self.steps.did(&edited);
        Ok(edited)
    }

    /// Archives a record: how records are deleted.
    ///
    /// # Errors
    /// As [`Device::edit`].
    pub fn archive(&mut self, now: Millis, record: RecordId) -> Result<Edited, EditError> {
        let kind = self.kind_of(record)?;
        self.edit(now, &kind.name, record, &[FieldEdit::archive()])
    }

    /// Takes back the last own edit of a record, as an ordinary edit.
    ///
    /// # Errors
    /// [`EditError::NotUndoable`] when it edited a text, or somebody has written there since.
    pub fn undo(&mut self, now: Millis, record: RecordId) -> Result<Edited, EditError> {
        self.unlocked()?;
        self.replica.transact(|replica| replica.undo(now, record))
    }

    /// Decides a disagreement: an ordinary write, which replaces all that was claimed. `path` as in
    /// [`ConflictView::path`].
    ///
    /// # Errors
    /// As [`Device::edit`].
    pub fn resolve(&mut self, now: Millis, record: RecordId, path: &str, value: serde_json::Value) -> Result<Edited, EditError> {
        let kind = self.kind_of(record)?;
        let view = self.get(record)?.ok_or(EditError::UnknownRecord(record))?;
        let mut claims = view.conflicts.iter().filter(|conflict| conflict.path == path).flat_map(|conflict| &conflict.claims);
        let stands = claims.any(|claim| claim.value == value);
        let edits = [view::decision(path, value)];
        match stands {
            true => self.one_step(|replica| replica.write(now, &kind.name, record, &edits)),
            false => self.edit(now, &kind.name, record, &edits),
        }
    }

    /// A record as it reads now.
    ///
    /// # Errors
    /// When the store fails.
    pub fn get(&mut self, record: RecordId) -> Result<Option<View>, StoreError> {
        self.unlocked()?;
        view::view(&mut self.replica, record)
    }

    /// A record as lists show it: one read, no document.
    ///
    /// # Errors
    /// When the store fails.
    pub fn row(&self, record: RecordId) -> Result<Option<Listed>, StoreError> {
        self.unlocked()?;
        self.replica.store.settle_aliases()?;
        self.replica.store.row(record)?.map(view::listed).transpose()
    }

    /// Every record that is here, archived and merged ones included: for exports and comparisons.
    ///
    /// # Errors
    /// When the store fails.
    pub fn all_rows(&self) -> Result<Vec<Listed>, StoreError> {
        self.unlocked()?;
        self.replica.store.settle_aliases()?;
        self.replica.store.all_rows()?.into_iter().map(view::listed).collect()
    }

    /// How many records are here, archived ones included.
    ///
    /// # Errors
    /// When the store fails.
    pub fn record_count(&self) -> Result<u64, StoreError> {
        self.replica.store.record_count()
    }

    /// The records that people disagree on, with what each claims.
    ///
    /// # Errors
    /// When the store fails.
    pub fn conflicts(&mut self) -> Result<Vec<View>, StoreError> {
        self.unlocked()?;
        let disputed = self.replica.store.disputed()?;
        disputed.into_iter().filter_map(|record| self.get(record).transpose()).collect()
    }

    /// The records of a query, but for those that another one stands for. `context` says when and where relative dates are
    /// counted.
    ///
    /// # Errors
    /// When the store fails.
    pub fn list(&self, query: &Query, context: Context) -> Result<Vec<Listed>, StoreError> {
        self.unlocked()?;
        let compiler = Compiler { first_param: 3, ..Compiler::new(Dialect::Sqlite, context) };
        let page = compiler.page(query);
        let binds = self.binds(query, page.condition.params);
        self.replica.store.settle_aliases()?;
        let rows = self.replica.store.rows_where(&format!("{LISTED} and {}", page.condition.text), &page.order, page.limit, binds)?;
        rows.into_iter().map(view::listed).collect()
    }

    /// As [`Device::list`], with how many records there are in all, and where the next page begins.
    ///
    /// # Errors
    /// When the store fails.
    pub fn page(&self, query: &Query, context: Context) -> Result<ListPage, StoreError> {
        let rows = self.list(query, context)?;
        let is_full = rows.len() >= query.max_size as usize;
        let next = rows.last().filter(|_| is_full).map(|last| query.cursor(&view::as_queried(last)));
        Ok(ListPage { total: self.count(query, context)?, rows, next })
    }

    fn binds(&self, query: &Query, params: Vec<Param>) -> Vec<rusqlite::types::Value> {
        use rusqlite::types::Value;
        let of = |param| match param {
            Param::Text(text) => Value::Text(text),
            Param::Int(number) => Value::Integer(number),
            Param::Float(number) => Value::Real(number),
            Param::Blob(bytes) => Value::Blob(bytes),
            Param::Null => Value::Null,
        };
        let workspace = Value::Blob(self.replica.store.workspace().as_bytes().to_vec());
        let kind = Value::Text(query.kind.to_string());
        [workspace, kind].into_iter().chain(params.into_iter().map(of)).collect()
    }

    /// Records that a text finds, best first, of one kind or of all; if there are none, those with words that are
    /// one slip of the finger away. What it finds of a record that another one stands for leads to that one. Brings the index
    /// up to date first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn search(&mut self, text: &str, kind: Option<&str>) -> Result<Vec<Listed>, StoreError> {
        // Of what is no number it does not matter where it is dialled.
        let home = if is_number(text) { self.country()? } else { Country::default() };
        self.search_at(home, text, kind)
    }

    /// As [`Device::search`], where the workspace is at home.
    fn search_at(&mut self, home: Country, text: &str, kind: Option<&str>) -> Result<Vec<Listed>, StoreError> {
        self.unlocked()?;
        let number = phone_digits(text, home);
        let Some(expression) = match_expression(text, number.as_deref()) else { return Ok(Vec::new()) };
        while self.index_these(false)? > 0 {}
        let mut found = self.replica.store.find(&expression, kind, SEARCH_LIMIT)?;
        if found.len() as u32 == SEARCH_LIMIT {
            let mut first = Vec::new();
            for start in start_expressions(text) {
                if (first.len() as u32) < SEARCH_LIMIT {
                    first.append(&mut self.replica.store.find(&start, kind, SEARCH_LIMIT)?);
                }
            }
            found = starts_first(first, found);
        }
        if let Some(near) = near_expression(text).filter(|_| found.is_empty()) {
            found = self.replica.store.find(&near, kind, SEARCH_LIMIT)?;
        }
        // Several that were merged are found as one.
        let mut seen = HashSet::new();
        found.retain(|record| seen.insert(*record));
        let rows = found.into_iter().filter_map(|record| self.replica.store.row(record).transpose());
        let mut rows: Vec<Listed> = rows.map(|row| row.and_then(view::listed)).collect::<Result<_, StoreError>>()?;
        by_closeness(text, &mut rows, |row| &row.title);
        rows.truncate(SEARCH_LIMIT as usize);
        Ok(rows)
    }

    /// As [`Device::search`], with where in each record the text was found.
    ///
    /// # Errors
    /// When the store fails.
    pub fn find(&mut self, text: &str, kind: Option<&str>) -> Result<Vec<Found>, StoreError> {
        let rows = self.search(text, kind)?;
        Ok(rows.into_iter().map(|row| view::found(&self.replica.schema, row, text)).collect())
    }

    /// The records that link to a record or to what it stands for, and by which field: merged ones, too.
    ///
    /// # Errors
    /// When the store fails.
    pub fn links_to(&self, record: RecordId) -> Result<Vec<(RecordId, String)>, StoreError> {
        self.unlocked()?;
        self.replica.store.links_to(record)
    }

    /// Who changed what in a record, when, from which value, offline or not; oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn history(&self, record: RecordId) -> Result<Vec<HistoryEntry>, StoreError> {
        self.unlocked()?;
        let Some(kind) = self.replica.kind_of(record)? else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        for facet in kind.facets() {
            entries.extend(history(&kind, facet, &self.changes(record, facet)?));
        }
        entries.sort_by_key(|entry| entry.edit_time);
        Ok(entries)
    }

    /// A facet of a record as it was for somebody who had seen exactly these changes and what they follow.
    ///
    /// # Errors
    /// When the store fails.
    pub fn as_of(
        &self,
        record: RecordId,
        facet: Facet,
        version: &[ChangeHash],
    ) -> Result<Option<serde_json::Map<String, serde_json::Value>>, StoreError> {
        self.unlocked()?;
        let Some(kind) = self.replica.kind_of(record)? else { return Ok(None) };
        Ok(Some(as_of(&kind, facet, &self.changes(record, facet)?, version)))
    }

    /// The changes of a document, each after its parents: exports and checks read them.
    ///
    /// # Errors
    /// When the store fails.
    pub fn changes(&self, record: RecordId, facet: Facet) -> Result<Vec<Stored>, StoreError> {
        Ok(self.replica.store.document(record, facet)?.into_iter().map(|kept| kept.change).collect())
    }

    /// Own edits that were refused or are held, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn drafts(&self) -> Result<Vec<Draft>, StoreError> {
        self.unlocked()?;
        self.replica.store.drafts()
    }

    /// Sends a draft again: with these edits, or as it was. It is no draft any more then, and the back office is not asked
    /// about it any longer.
    ///
    /// # Errors
    /// As [`Device::edit`]; the draft is kept then.
    pub fn retry_draft(&mut self, now: Millis, id: i64, amended: Option<&[FieldEdit]>) -> Result<Edited, EditError> {
        self.unlocked()?;
        self.replica.transact(|replica| {
            let draft = replica.store.draft(id)?.ok_or(EditError::UnknownDraft(id))?;
            let edited = match amended {
                Some(amended) => replica.write_new(now, &draft.kind, draft.record, amended),
                None => replica.write(now, &draft.kind, draft.record, &draft.edits),
            }?;
            replica.give_up(&draft)?;
            Ok(edited)
        })
    }

    /// Gives a draft up: here, and at the back office's desk once the server hears of it. The host then passes
    /// [`Event::LocalEdit`] to [`Device::handle`].
    ///
    /// # Errors
    /// [`EditError::UnknownDraft`], or when the store fails.
    pub fn discard_draft(&mut self, id: i64) -> Result<(), EditError> {
        self.replica.transact(|replica| {
            let draft = replica.store.draft(id)?.ok_or(EditError::UnknownDraft(id))?;
            Ok(replica.give_up(&draft)?)
        })
    }

    /// What the server sent and this device could not admit, with the reasons.
    ///
    /// # Errors
    /// When the store fails.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        self.replica.store.quarantined()
    }

    /// What a status line shows.
    ///
    /// # Errors
    /// When the store fails.
    pub fn sync_status(&self) -> Result<SyncStatus, StoreError> {
        self.engine.status(&self.replica)
    }

    /// The number of the last commit that changed records; for [`Device::changes_since`].
    pub fn revision(&self) -> u64 {
        self.replica.revision()
    }

    /// Which records have changed since a revision, by own edits or by the server.
    pub fn changes_since(&self, revision: u64) -> Changed {
        self.replica.changes_since(revision)
    }

    /// Tells the engine what happened; answers with what is to be done.
    pub fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.handle_each(now, event, &mut |effect| effects.push(effect));
        effects
    }

    /// As [`Device::handle`], but passes each effect on as soon as it is known: a frame sent then travels while the
    /// device still works.
    pub fn handle_each(&mut self, now: Millis, event: Event, effect: &mut dyn FnMut(Effect)) {
        // A store that fails says so at the work itself.
        let _ = self.replica.look_at_clock(now);
        self.engine.handle(&mut self.replica, now, event, effect);
    }

    fn kind_of(&self, record: RecordId) -> Result<std::sync::Arc<Kind>, EditError> {
        self.replica.kind_of(record)?.ok_or(EditError::UnknownRecord(record))
    }

    /// The store, for tests that damage it.
    #[cfg(test)]
    pub(crate) fn store(&self) -> &Store {
        &self.replica.store
    }
}
