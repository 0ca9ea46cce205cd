//! A device's copy of the records: base and pending, as one view.
//!
//! Every change passes here on its way into the store, whether the user or the server made it. The
//! documents in memory are a cache of what the store holds. Never speaks to the server.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::documents::Documents;
use super::project::row_of;
use super::random::Random;
use crate::access::{Caller, RoleSet, Roles};
use crate::id::{ActorId, ChangeHash, DeviceId, Facet, KindName, Millis, Name, RecordId, UserId, WorkspaceId};
use crate::planted::{Bug, is_planted};
use crate::record::change::Change;
use crate::record::doc::Doc;
use crate::record::history::texts_of;
use crate::schema::{Kind, Reading, Schema};
use crate::store::{Kept, Store, StoreError};

/// Commits that [`Replica::changes_since`] can tell apart.
const REMEMBERED_CHANGES: usize = 20_000;

const ACTOR: &str = "actor";
const INCARNATION: &str = "incarnation";
const ENROLLED: &str = "enrolled";
const CLOCK_OFFSET: &str = "clock_offset";
/// What the rows of each kind were made by.
const ROW_RULES: &str = "row_rules";
/// Up to which record the rows of a kind are made again.
const ROWS_MADE: &str = "rows_made";
/// Rows that are made again together: an app that is ended in between goes on behind them.
const ROWS_AT_ONCE: usize = 500;

/// Who this device is: the answer to enrolment.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// The device.
    pub device: DeviceId,
    /// Whose data it holds.
    pub workspace: WorkspaceId,
    /// Whose device it is.
    pub user: UserId,
    /// The user's role, or several.
    pub role: RoleSet,
}

impl Identity {
    /// Who asks, as far as rights depend on it.
    pub fn caller(&self) -> Caller {
        Caller { user: self.user, role: self.role.clone() }
    }
}

/// What has changed in the store since a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Ask from here next time.
    pub revision: u64,
    /// The records; `None` when it is too long ago to tell: read everything again.
    pub records: Option<Vec<RecordId>>,
}

/// The records of one device.
#[derive(Debug)]
pub struct Replica {
    pub(crate) store: Store,
    pub(crate) schema: Arc<Schema>,
    pub(crate) roles: Arc<Roles>,
    pub(crate) me: Option<Identity>,
    pub(crate) actor: ActorId,
    /// The server's clock minus this device's.
    pub(crate) clock_offset: Millis,
    pub(crate) random: Random,
    docs: Documents,
    texts: HashMap<KindName, Arc<[Name]>>,
    pub(super) first_changes: super::pen::FirstChanges,
    /// Whether this transaction has taken a new pen already.
    new_pen: bool,
    pub(crate) kinds_changed: bool,
    /// How long the device may be without contact.
    pub(super) lease: Option<super::lease::Lease>,
    /// Whether what it holds is not shown any more until the server answers.
    pub(crate) is_locked: bool,
    revision: u64,
    touched: Vec<RecordId>,
    /// Something that waits was written anew on a document whose past was forgotten.
    pub(super) begun_anew: bool,
    log: std::collections::VecDeque<(u64, RecordId)>,
    forgotten: u64,
}

impl Replica {
    /// Reads what the store knows of the device. `incarnation` marks this installation; it is kept where
    /// no backup reaches, so that a restored copy of the store is recognised and takes a new actor.
    pub(crate) fn open(store: Store, incarnation: [u8; 16], random: Random) -> Result<Self, StoreError> {
        let mut replica = Self {
            store,
            schema: Arc::new(Schema::builtin().clone()),
            roles: Arc::new(Roles::builtin().clone()),
            me: None,
            actor: ActorId([0; 16]),
            clock_offset: 0,
            random,
            docs: Documents::default(),
            texts: HashMap::new(),
            first_changes: super::pen::FirstChanges::default(),
            new_pen: false,
            kinds_changed: false,
            lease: None,
            is_locked: false,
            revision: 0,
            touched: Vec::new(),
            begun_anew: false,
            log: std::collections::VecDeque::new(),
            forgotten: 0,
        };
        replica.read_meta()?;
        let known = replica.store.meta(INCARNATION)?;
        let is_copy = known.as_deref() != Some(&incarnation) && !is_planted(Bug::ReuseActor);
        if replica.store.meta(ACTOR)?.is_none() || is_copy {
            replica.transact(|replica| {
                replica.store.set_meta(INCARNATION, Some(&incarnation))?;
                replica.take_new_pen()
            })?;
        }
        replica.read_schema()?;
        replica.follow_row_rules()?;
        if !replica.store.is_search_form_known()? {
            replica.transact(|replica| replica.store.follow_search_form())?;
        }
        // An app that was updated may know what an older one could not read.
        if replica.store.has_quarantined()? {
            replica.transact(Self::admit_quarantined)?;
        }
        Ok(replica)
    }

    fn read_meta(&mut self) -> Result<(), StoreError> {
        if let Some(actor) = self.store.meta(ACTOR)? {
            self.actor = ActorId::from_bytes(&actor)?;
        }
        let damaged = |error: serde_json::Error| StoreError::Damaged(error.to_string());
        self.me = self.store.meta(ENROLLED)?.map(|json| serde_json::from_slice(&json).map_err(damaged)).transpose()?;
        self.clock_offset = self.store.meta(CLOCK_OFFSET)?.and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_be_bytes);
        self.read_lease()
    }

    /// Runs work that is kept as a whole or not at all.
    pub(crate) fn transact<T, E: From<StoreError>>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        if self.store.recover() {
            // A panic has ended the work before this: memory may know more than the store.
            self.docs.clear();
            self.touched.clear();
            self.read_meta()?;
            self.read_schema()?;
        }
        self.store.begin()?;
        self.new_pen = false;
        self.trim();
        let (schema, roles) = (self.schema.clone(), self.roles.clone());
        let done = work(self).and_then(|answer| self.store.commit().map(|()| answer).map_err(E::from));
        match &done {
            Ok(_) => self.publish(),
            Err(_) => {
                self.store.rollback();
                self.docs.clear();
                self.touched.clear();
                self.texts.clear();
                (self.schema, self.roles) = (schema, roles);
                self.read_meta()?;
            }
        }
        done
    }

    fn publish(&mut self) {
        if self.touched.is_empty() {
            return;
        }
        self.revision += 1;
        self.touched.sort_unstable();
        self.touched.dedup();
        self.log.extend(self.touched.drain(..).map(|record| (self.revision, record)));
        while self.log.len() > REMEMBERED_CHANGES {
            if let Some((revision, _)) = self.log.pop_front() {
                self.forgotten = revision;
            }
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn changes_since(&self, revision: u64) -> Changed {
        if revision < self.forgotten {
            return Changed { revision: self.revision, records: None };
        }
        let mut records: Vec<RecordId> = self.log.iter().filter(|(at, _)| *at > revision).map(|(_, record)| *record).collect();
        records.sort_unstable();
        records.dedup();
        Changed { revision: self.revision, records: Some(records) }
    }

    pub(crate) fn touch(&mut self, record: RecordId) {
        // Changes of one record come together.
        if self.touched.last() != Some(&record) {
            self.touched.push(record);
        }
    }

    pub(crate) fn set_identity(&mut self, me: Identity) -> Result<(), StoreError> {
        if self.me.as_ref() == Some(&me) {
            return Ok(());
        }
        let json = serde_json::to_vec(&me).map_err(|error| StoreError::Damaged(error.to_string()))?;
        self.store.set_workspace(me.workspace)?;
        self.store.set_meta(ENROLLED, Some(&json))?;
        self.me = Some(me);
        Ok(())
    }

    pub(crate) fn set_clock_offset(&mut self, offset: Millis) -> Result<(), StoreError> {
        /// Smaller differences are the network's.
        const NOTABLE_MS: Millis = 250;
        if (offset - self.clock_offset).abs() < NOTABLE_MS {
            return Ok(());
        }
        self.clock_offset = offset;
        self.store.set_meta(CLOCK_OFFSET, Some(&offset.to_be_bytes()))
    }

    /// A number once sent is never used for other content: whoever rewrites takes a new actor. One is
    /// enough for a transaction.
    pub(crate) fn take_new_pen(&mut self) -> Result<(), StoreError> {
        let is_first = self.actor == ActorId([0; 16]);
        if !self.new_pen && (is_first || !is_planted(Bug::ReuseActor)) {
            self.actor = self.random.actor();
            self.store.set_meta(ACTOR, Some(&self.actor.0))?;
            self.new_pen = true;
        }
        Ok(())
    }

    pub(crate) fn texts(&mut self, kind: &Kind) -> Arc<[Name]> {
        self.texts.entry(kind.name.clone()).or_insert_with(|| texts_of(kind).into()).clone()
    }

    /// Makes sure that a document is in memory. Answers whether anything of it exists.
    pub(crate) fn load(&mut self, kind: &Kind, record: RecordId, facet: Facet) -> Result<bool, StoreError> {
        if !self.docs.recall((record, facet)) {
            let kept = self.store.document(record, facet)?;
            let doc = self.replay(kind, &kept)?;
            self.keep(record, facet, doc);
        }
        Ok(self.docs.get(&(record, facet)).is_some_and(|doc| !doc.is_empty()))
    }

    /// The document that changes make, each after its parents.
    pub(crate) fn replay(&mut self, kind: &Kind, kept: &[Kept]) -> Result<Doc, StoreError> {
        let texts = self.texts(kind);
        let mut doc = Doc::default();
        for kept in kept {
            let change = read_change(kept)?;
            doc.take(change, kept.change.hash, &texts)
                .map_err(|error| StoreError::Damaged(format!("change {} does not fit: {error}", kept.change.hash)))?;
        }
        Ok(doc)
    }

    pub(crate) fn doc(&self, record: RecordId, facet: Facet) -> Option<&Doc> {
        self.docs.get(&(record, facet)).map(|doc| &**doc).filter(|doc| !doc.is_empty())
    }

    pub(crate) fn take(&mut self, record: RecordId, facet: Facet) -> Option<Doc> {
        self.docs.take(&(record, facet))
    }

    /// The document as it is, whatever is kept in its place meanwhile.
    pub(crate) fn as_it_is(&self, record: RecordId, facet: Facet) -> Arc<Doc> {
        self.docs.get(&(record, facet)).cloned().unwrap_or_default()
    }

    pub(crate) fn keep(&mut self, record: RecordId, facet: Facet, doc: Doc) {
        self.docs.keep((record, facet), doc);
    }

    /// Keeps a document if there is room.
    pub(crate) fn keep_if_room(&mut self, record: RecordId, facet: Facet, doc: Doc) {
        if self.docs.has_room() {
            self.keep(record, facet, doc);
        }
    }

    /// Forgets documents that were not used lately: never in the middle of a piece of work.
    pub(crate) fn trim(&mut self) {
        self.docs.trim();
    }

    pub(crate) fn forget(&mut self, record: RecordId) {
        self.docs.forget(record);
    }

    /// Writes the row of a facet as `doc` shows it. `is_new`: nothing of the record was kept before.
    pub(crate) fn project(
        &mut self,
        kind: &Kind,
        record: RecordId,
        facet: Facet,
        doc: &Doc,
        position: u64,
        is_new: bool,
    ) -> Result<(), StoreError> {
        self.store.put_row(&row_of(kind, record, facet, doc, position), is_new)?;
        self.kinds_changed |= matches!(kind.name.as_str(), "kind" | "role");
        self.touch(record);
        Ok(())
    }

    /// Writes all rows of a record anew, from its changes: after some were taken away.
    pub(crate) fn project_again(&mut self, kind: &Kind, record: RecordId) -> Result<(), StoreError> {
        self.forget(record);
        self.store.remove_row(record)?;
        self.touch(record);
        let mut is_new = true;
        for facet in kind.facets() {
            let kept = self.store.document(record, facet)?;
            if !kept.is_empty() {
                let doc = self.replay(kind, &kept)?;
                let position = kept.iter().filter_map(|kept| kept.change.position).max().unwrap_or(0);
                self.project(kind, record, facet, &doc, position, is_new)?;
                is_new = false;
            }
        }
        Ok(())
    }

    /// Reads the workspace's own kinds from its records, and writes the rows of those that changed anew.
    pub(crate) fn read_schema(&mut self) -> Result<Vec<KindName>, StoreError> {
        self.kinds_changed = false;
        let kinds = self.definitions("kind")?;
        let custom = kinds.into_iter().filter_map(|(name, text)| Kind::parse(&name, &text, Reading::Lenient).ok());
        let schema = Schema::builtin().with(custom);
        let roles = self.definitions("role")?;
        self.roles = Arc::new(Roles::builtin().in_force(roles, &schema).0);
        let differs = |kind: &&Arc<Kind>| self.schema.kind(&kind.name) != Some(kind);
        let changed: Vec<KindName> = schema.kinds().filter(differs).map(|kind| kind.name.clone()).collect();
        self.schema = Arc::new(schema);
        self.texts.clear();
        Ok(changed)
    }

    /// Name and text of what the records of a kind define, the oldest first.
    fn definitions(&mut self, kind: &str) -> Result<Vec<(String, String)>, StoreError> {
        let Some(kind) = Schema::builtin().kind(kind).cloned() else { return Ok(Vec::new()) };
        let mut definitions = Vec::new();
        let mut records = self.store.records_of_kind(&kind.name, None)?;
        records.sort_unstable();
        for record in records {
            if !self.load(&kind, record, Facet::Main)? {
                continue;
            }
            let row = self.doc(record, Facet::Main).map(|doc| crate::merge::row(&kind, Facet::Main, doc)).unwrap_or_default();
            let text = |field: &str| row.get(field).and_then(|text| text.as_str()).map(str::to_owned);
            let archived = row.contains_key(crate::record::fields::ARCHIVED);
            definitions.extend(text("definition").filter(|_| !archived).map(|definition| (text("name").unwrap_or_default(), definition)));
        }
        Ok(definitions)
    }

    /// What follows from changed kinds or roles, inside the transaction that changed them.
    pub(crate) fn settle_kinds(&mut self) -> Result<(), StoreError> {
        if !self.kinds_changed {
            return Ok(());
        }
        self.look_again()?;
        let changed = self.read_schema()?;
        self.project_kinds(changed)?;
        self.admit_quarantined()
    }

    /// Writes all rows of some kinds anew, and notes by which rules.
    fn project_kinds(&mut self, names: Vec<KindName>) -> Result<(), StoreError> {
        for name in &names {
            let Some(kind) = self.schema.kind(name).cloned() else { continue };
            for record in self.store.records_of_kind(name, None)? {
                self.project_again(&kind, record)?;
            }
        }
        self.note_row_rules(&names)
    }

    /// What the rows of each kind were made by.
    fn rows_made_by(&self) -> Result<BTreeMap<KindName, String>, StoreError> {
        Ok(self.store.meta(ROW_RULES)?.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    }

    /// The rows of these kinds are made by the rules of now.
    fn note_row_rules(&self, names: &[KindName]) -> Result<(), StoreError> {
        let mut made = self.rows_made_by()?;
        made.extend(names.iter().filter_map(|name| Some((name.clone(), self.schema.kind(name)?.row_rules()))));
        let made = serde_json::to_vec(&made).map_err(|error| StoreError::Damaged(error.to_string()))?;
        self.store.set_meta(ROW_RULES, Some(&made))
    }

    /// An app that was updated may name, compute or sort otherwise than the one that made the rows. Those are made again, some
    /// at a time.
    pub(crate) fn follow_row_rules(&mut self) -> Result<(), StoreError> {
        let made = self.rows_made_by()?;
        let is_other = |kind: &&Arc<Kind>| made.get(&kind.name) != Some(&kind.row_rules());
        let others: Vec<Arc<Kind>> = self.schema.kinds().filter(is_other).cloned().collect();
        let mut without: Vec<KindName> = Vec::new();
        for kind in others {
            let records = self.store.rows_of_kind(&kind.name)?;
            if records.is_empty() {
                without.push(kind.name.clone());
            } else {
                self.make_rows_again(&kind, &records)?;
            }
        }
        if without.is_empty() { Ok(()) } else { self.transact(|replica| replica.note_row_rules(&without)) }
    }

    fn make_rows_again(&mut self, kind: &Arc<Kind>, records: &[RecordId]) -> Result<(), StoreError> {
        let rules = kind.row_rules();
        let made = self.store.meta(ROWS_MADE)?.and_then(|json| serde_json::from_slice::<(String, RecordId)>(&json).ok());
        // Of other rules it says nothing.
        let done = made.filter(|(of, _)| *of == rules).map(|(_, record)| record);
        let left = &records[records.partition_point(|record| Some(*record) <= done)..];
        for some in left.chunks(ROWS_AT_ONCE) {
            self.transact(|replica| {
                for record in some {
                    replica.project_again(kind, *record)?;
                }
                let made = serde_json::to_vec(&(&rules, some.last())).map_err(|error| StoreError::Damaged(error.to_string()))?;
                replica.store.set_meta(ROWS_MADE, Some(&made))
            })?;
        }
        self.transact(|replica| {
            replica.store.set_meta(ROWS_MADE, None)?;
            replica.note_row_rules(std::slice::from_ref(&kind.name))
        })
    }

    /// What came before its kind, or before this version of the app, can be admitted now.
    fn admit_quarantined(&mut self) -> Result<(), StoreError> {
        let waiting = self.store.quarantined()?;
        let known: Vec<_> = waiting.into_iter().filter(|waiting| self.schema.kind(&waiting.delivered.kind).is_some()).collect();
        for waiting in &known {
            self.store.release(&waiting.delivered)?;
        }
        self.admit(known.into_iter().map(|waiting| waiting.delivered).collect())
    }

    /// Removes everything: the server said so.
    pub(crate) fn wipe(&mut self) -> Result<(), StoreError> {
        self.store.wipe()?;
        self.docs.clear();
        self.me = None;
        self.clock_offset = 0;
        (self.lease, self.is_locked) = (None, false);
        self.schema = Arc::new(Schema::builtin().clone());
        self.roles = Arc::new(Roles::builtin().clone());
        self.take_new_pen()?;
        self.store.follow_search_form()?;
        self.note_row_rules(&self.schema.kinds().map(|kind| kind.name.clone()).collect::<Vec<_>>())?;
        self.touched.clear();
        self.log.clear();
        self.revision += 1;
        self.forgotten = self.revision;
        Ok(())
    }

    /// The kind of a record that is here.
    pub(crate) fn kind_of(&self, record: RecordId) -> Result<Option<Arc<Kind>>, StoreError> {
        Ok(self.store.kind_of(record)?.and_then(|name| self.schema.kind(&name).cloned()))
    }
}

pub(crate) fn read_change(kept: &Kept) -> Result<Change, StoreError> {
    Change::read(&kept.change.body).map_err(|error| StoreError::Damaged(format!("change {}: {error}", kept.change.hash)))
}

pub(crate) fn read_changes(kept: &[Kept]) -> Result<Vec<(ChangeHash, Change)>, StoreError> {
    kept.iter().map(|kept| Ok((kept.change.hash, read_change(kept)?))).collect()
}
