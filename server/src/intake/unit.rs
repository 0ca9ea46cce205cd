//! One unit of work: the jobs of one transaction, decided on documents in memory, then written at once.

mod again;
mod archived;
mod back;
mod edit;
mod flush;
mod forget;
mod fork;
mod governed;
mod managed;
mod owed;
mod review;
mod room;
mod shaped;
mod sight;
mod waiting;
mod withdraw;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sync_core::access::{Holder, MEMBER_KIND, Reach, is_made_by_server};
use sync_core::actions::currency::SETTINGS;
use sync_core::fence::{Pen, Refusal};
use sync_core::id::{ActorId, DeviceId, Facet, KindName, Millis, Name, RecordId, Seal, UserId, WorkspaceId};
use sync_core::protocol::{MAX_AHEAD_MS, Pushed, Verdict, code};
use sync_core::record::Stored;
use sync_core::record::change::Change;
use sync_core::record::doc::{Doc, Inadmissible};
use sync_core::record::history::{document, texts_of};
use sync_core::schema::Kind;

use super::cache::{Cache, Held};
use super::decide::{Case, Refused};
use super::govern::{Effect, Governing, ROLE_KIND};
use super::{Aside, Author, DeskNews, Edited, Incoming, NotEdited, RecordEdit, Rules, ServerPen};
use crate::audit::Act;
use crate::seal::Sealer;
use crate::store::records::{self, DocKey, DocumentRow};
use crate::store::rejected::{self, ChangeName, DeskState, RejectedRow};
use crate::store::{Result, Tx, devices, erasure};

use archived::PutAway;
pub(super) use managed::KeyAccount;
pub(super) use owed::{Settled, made_otherwise, owe_rows};
use review::verdict_again;
pub(crate) use sight::members;
pub use sight::settle_erased;

/// Edits of one unit whose approvers are told one by one; of more, their pages show it all the same.
const TURNS_TOLD: usize = 16;

/// Whether an edit at the desk waits for approval: not what came from a device that was shut out.
fn waits_for_approval(state: DeskState, why: &str) -> bool {
    state == DeskState::Held && why != code::REVOKED
}

/// A document in use by this unit.
struct Open {
    kind: Arc<Kind>,
    held: Held,
    changes: u64,
    /// Changed in this unit.
    dirty: bool,
    had_conflicts: bool,
}

/// What is to be answered once positions are known.
pub(super) enum Outcome {
    Verdict(Verdict),
    /// Index into the accepted changes.
    Accepted(usize),
    DuplicateOf(usize),
}

/// Without its operations: a group of them would be most of the server's memory.
struct Accepted {
    stored: Stored,
    actor: ActorId,
    seq: u64,
    edit_time: Millis,
    import: Option<[u8; 16]>,
}

pub(super) struct Unit<'a> {
    pub workspace: WorkspaceId,
    rules: &'a Rules,
    pen: ServerPen,
    sealer: Sealer,
    open: HashMap<DocKey, Open>,
    /// The records of which the database has something.
    kept: HashSet<RecordId>,
    /// Records that were erased: nothing comes back.
    erased: HashSet<RecordId>,
    /// The kind of each record, as far as the database or this unit knows.
    kinds: HashMap<RecordId, KindName>,
    actors: HashMap<ActorId, Option<DeviceId>>,
    earlier: HashMap<ChangeName, RejectedRow>,
    accepted: Vec<Accepted>,
    /// The same words in the same moment are the same change, in two records.
    by_name: HashMap<ChangeName, usize>,
    rejected: Vec<RejectedRow>,
    /// How much waits for somebody's word.
    desk: room::Desk,
    /// The edits of records that waited for approval before this unit, where rights depend on it.
    waiting: HashMap<RecordId, HashSet<ChangeName>>,
    /// The records of which this unit holds an edit for approval.
    held: HashSet<RecordId>,
    /// What was turned down and is accepted after all, under a seal.
    settled: Vec<ChangeName>,
    /// The devices whose edits were decided about.
    decided: Vec<DeviceId>,
    /// Edits that wait for somebody else's word now.
    asked: Vec<ChangeName>,
    /// Whether something was taken from the desk by its author.
    was_withdrawn: bool,
    archived: Vec<PutAway>,
    /// Kinds whose records were changed.
    shaped: Vec<shaped::Shaped>,
    /// Documents of which a restored server was given a later generation than it had, and how many changes came before.
    begun_anew: Vec<(DocKey, usize)>,
    /// Actors that a restored server has forgotten.
    returned: HashMap<ActorId, (DeviceId, Millis)>,
    /// What was brought back by people who do not see all of its kind.
    brought: BTreeSet<(RecordId, UserId)>,
    /// Read as soon as a record comes that says who may do what.
    governing: Option<Governing>,
    /// Whom authors reach, and whose records are, where rights depend on it.
    reaches: HashMap<UserId, Reach>,
    holders: HashMap<RecordId, BTreeSet<Holder>>,
    /// Who answers for the key accounts that records are or follow, of those that were asked for.
    managers: HashMap<RecordId, Option<KeyAccount>>,
    texts: HashMap<KindName, Arc<[Name]>>,
}

/// The kinds whose records say by which rules a workspace works.
pub(super) const RULES: [&str; 3] = [KIND_KIND, ROLE_KIND, SETTINGS];

impl<'a> Unit<'a> {
    pub fn new(workspace: WorkspaceId, rules: &'a Rules, pen: ServerPen, sealer: Sealer) -> Self {
        Self {
            workspace,
            rules,
            pen,
            sealer,
            open: HashMap::new(),
            kept: HashSet::new(),
            erased: HashSet::new(),
            kinds: HashMap::new(),
            actors: HashMap::new(),
            earlier: HashMap::new(),
            accepted: Vec::new(),
            by_name: HashMap::new(),
            rejected: Vec::new(),
            desk: room::Desk::default(),
            waiting: HashMap::new(),
            held: HashSet::new(),
            settled: Vec::new(),
            decided: Vec::new(),
            asked: Vec::new(),
            was_withdrawn: false,
            archived: Vec::new(),
            shaped: Vec::new(),
            begun_anew: Vec::new(),
            returned: HashMap::new(),
            brought: BTreeSet::new(),
            governing: None,
            reaches: HashMap::new(),
            holders: HashMap::new(),
            managers: HashMap::new(),
            texts: HashMap::new(),
        }
    }

    pub fn accepted(&self) -> usize {
        self.accepted.len()
    }

    /// Whether a change of the rules is among what was accepted: other ones hold then.
    pub fn changes_rules(&self) -> bool {
        self.accepted.iter().any(|accepted| RULES.contains(&&*accepted.stored.kind))
    }

    /// Whether a change of a colleague's record is among what was accepted.
    pub fn changes_people(&self) -> bool {
        self.accepted.iter().any(|accepted| &*accepted.stored.kind == MEMBER_KIND)
    }

    fn texts(&mut self, kind: &Kind) -> Arc<[Name]> {
        self.texts.entry(kind.name.clone()).or_insert_with(|| texts_of(kind).into()).clone()
    }

    /// Reads all that deciding about these changes needs, in a few statements.
    pub async fn load_pushed(&mut self, tx: &mut Tx, cache: &mut Cache, incoming: &[Incoming]) -> Result<()> {
        let read = incoming.iter().filter(|incoming| incoming.change.is_ok());
        let keys: HashSet<DocKey> = read
            .clone()
            .flat_map(|incoming| [(incoming.pushed.record, incoming.pushed.facet), (incoming.pushed.record, Facet::Main)])
            .collect();
        self.load(tx, cache, keys).await?;
        let changes =
            read.clone().filter_map(|incoming| Some((&incoming.pushed.kind, incoming.pushed.record, incoming.change.as_ref().ok()?)));
        self.load_managers(tx, changes).await?;
        self.load_governing(tx, incoming.iter().map(|incoming| &incoming.pushed.kind)).await?;
        self.load_waiting(tx, incoming.iter().map(|incoming| (&incoming.pushed.kind, incoming.pushed.record))).await?;
        self.erased.extend(erasure::among(tx, self.workspace, incoming.iter().map(|incoming| incoming.pushed.record)).await?);
        let names: Vec<ChangeName> = incoming.iter().map(|incoming| ChangeName::from(&incoming.pushed)).collect();
        self.earlier.extend(rejected::rejected_among(tx, self.workspace, &names).await?);
        for change in read.filter_map(|incoming| incoming.change.as_ref().ok()) {
            if !self.actors.contains_key(&change.actor) {
                let owner = devices::owner_of_actor(tx, self.workspace, change.actor).await?;
                self.actors.insert(change.actor, owner);
            }
        }
        Ok(())
    }

    /// Reads all that writing these edits needs.
    pub async fn load_edited(&mut self, tx: &mut Tx, cache: &mut Cache, edits: &[RecordEdit]) -> Result<()> {
        self.erased.extend(erasure::among(tx, self.workspace, edits.iter().map(|edit| edit.record)).await?);
        let keys = edits.iter().flat_map(|edit| Facet::ALL.map(|facet| (edit.record, facet))).collect();
        self.load_governing(tx, edits.iter().map(|edit| &edit.kind)).await?;
        self.load_waiting(tx, edits.iter().map(|edit| (&edit.kind, edit.record))).await?;
        self.load(tx, cache, keys).await?;
        self.load_managers_of(tx, edits).await
    }

    async fn load(&mut self, tx: &mut Tx, cache: &mut Cache, mut keys: HashSet<DocKey>) -> Result<()> {
        keys.retain(|key| !self.open.contains_key(key));
        let keys: Vec<DocKey> = keys.into_iter().collect();
        let found = records::documents(tx, self.workspace, &keys).await?;
        self.kept.extend(found.keys().map(|(record, _)| *record));
        let mut missing: Vec<(DocKey, DocumentRow)> = Vec::new();
        for key in keys {
            let Some(row) = found.get(&key) else { continue };
            self.kinds.insert(key.0, row.kind.clone());
            match cache.take(self.workspace, key, row.position) {
                Some(held) => self.admit(key, row, held),
                None => missing.push((key, row.clone())),
            }
        }
        let records: Vec<RecordId> = missing.iter().map(|((record, _), _)| *record).collect::<HashSet<_>>().into_iter().collect();
        let mut changes: HashMap<DocKey, Vec<Stored>> = HashMap::new();
        for stored in records::changes_of(tx, self.workspace, &records).await? {
            changes.entry((stored.record, stored.facet)).or_default().push(stored);
        }
        for (key, row) in missing {
            let Some(kind) = self.rules.schema.kind(&row.kind) else { continue };
            let changes = changes.remove(&key).unwrap_or_default();
            let change_bytes = changes.iter().map(|stored| stored.body.len()).sum();
            let (doc, _) = document(kind, &changes);
            let author = changes.first().map(|stored| stored.user);
            self.admit(key, &row, Held { doc, author, position: row.position, change_bytes, shown: None });
        }
        Ok(())
    }

    fn admit(&mut self, key: DocKey, row: &DocumentRow, held: Held) {
        let Some(kind) = self.rules.schema.kind(&row.kind).cloned() else { return };
        let had_conflicts = held.doc.paths().any(|(_, puts)| puts.len() > 1);
        self.open.insert(key, Open { kind, held, changes: row.changes, dirty: false, had_conflicts });
    }

    /// Decides about one pushed change.
    pub async fn push(&mut self, tx: &mut Tx, author: &Author, now: Millis, incoming: Incoming, aside: Aside) -> Result<Outcome> {
        let Incoming { pushed, change, origin } = incoming;
        if self.erased.contains(&pushed.record) {
            // Not kept with what was refused: it would be what was to be forgotten.
            return Ok(Outcome::Verdict(Refused::new(code::ERASED, "the record was erased", "该记录已被清除").verdict()));
        }
        if let Some(origin) = origin {
            return self.take_back(tx, author, pushed, change, &origin).await;
        }
        let change = match change {
            Ok(change) => change,
            // Not kept: nobody can read it, and sent again it is told the same.
            Err(refusal) => {
                tracing::warn!(device = %author.device, record = %pushed.record, %refusal, "what is no readable change was refused");
                return Ok(Outcome::Verdict(Refused::from(&refusal).verdict()));
            }
        };
        if let Some(known) = self.known(tx, author, &pushed, &change, aside).await? {
            return Ok(known);
        }
        if change.time > now + MAX_AHEAD_MS {
            let ahead = Refused::new(code::AHEAD, "the change is dated ahead of the server's clock", "修改时间晚于服务器时间");
            return Ok(self.refuse(author, now, &pushed, ahead));
        }
        // What was put aside before a restore may bear a pen that is known no more: at the desk it is its device's word.
        let is_forgotten = aside != Aside::No && self.actors.get(&change.actor) == Some(&None);
        if author.pen == Pen::Device && !is_forgotten && self.actors.get(&change.actor) != Some(&Some(author.device)) {
            let foreign = Refused::new(code::FOREIGN_ACTOR, "the change is signed by another device's actor", "该修改的签名属于其他设备");
            tracing::warn!(device = %author.device, record = %pushed.record, "a change signed by another device's actor was refused");
            return Ok(self.refuse(author, now, &pushed, foreign));
        }
        if author.pen == Pen::Device
            && (self.was_written_again(tx, author, &pushed, &change).await?
                || self.waits_written_again(tx, author, &pushed, &change).await?)
        {
            let again =
                Refused::new(code::REWRITTEN, "its device has written it again, and that was taken", "该修改已由设备重新提交并被接受");
            return Ok(self.refuse(author, now, &pushed, again));
        }
        let decided = match aside {
            Aside::No => self.decide(author, &pushed, &change),
            Aside::Fitting | Aside::All => self.set_aside(&pushed, &change, aside),
        };
        match decided {
            Ok((kind, effect)) => {
                self.follow(author, now, effect);
                Ok(self.accept(author, now, pushed, &change, kind, None))
            }
            Err(Decided::Refused(refused)) => Ok(self.refuse(author, now, &pushed, refused)),
            Err(why) => self.outcome_of(tx, author, now, &pushed, change.seq, why).await,
        }
    }

    /// The answer to a change that was here before.
    async fn known(&self, tx: &mut Tx, author: &Author, pushed: &Pushed, change: &Change, aside: Aside) -> Result<Option<Outcome>> {
        if let Some(here) = self.here(tx, pushed, change).await? {
            return Ok(Some(here));
        }
        // What somebody else sent under this name says nothing about this one: a phone that offers a restored server
        // another's change must not stand in its author's way.
        // Whoever leaves writes nothing again.
        let comes_again = |row: &RejectedRow| aside != Aside::No && row.state == DeskState::Rewritten;
        let same = |row: &&RejectedRow| row.device == author.device && !comes_again(row);
        Ok(self.earlier.get(&pushed.into()).filter(same).map(|row| Outcome::Verdict(verdict_again(row))))
    }

    /// What is to be told to phones and open pages.
    pub fn desk_news(&self) -> Vec<DeskNews> {
        let news = |device, asked| DeskNews { workspace: self.workspace, device, asked };
        let decided = self.decided.iter().map(|device| news(Some(*device), None));
        let is_other = !self.rejected.is_empty() || self.was_withdrawn;
        let held = self.rejected.iter().filter(|row| waits_for_approval(row.state, &row.code)).map(RejectedRow::name);
        let asked = self.asked.iter().copied().chain(held).take(TURNS_TOLD).map(|change| news(None, Some(change)));
        decided.chain(is_other.then(|| news(None, None))).chain(asked).collect()
    }

    /// The answer to a change that is in the feed.
    async fn here(&self, tx: &mut Tx, pushed: &Pushed, change: &Change) -> Result<Option<Outcome>> {
        let key = (pushed.record, pushed.facet);
        if let Some(&index) = self.by_name.get(&pushed.into()) {
            return Ok(Some(Outcome::DuplicateOf(index)));
        }
        if !self.open.get(&key).is_some_and(|open| open.held.doc.contains(&pushed.hash)) {
            return Ok(None);
        }
        let found = records::change_by_seq(tx, self.workspace, key, change.actor, change.seq).await?;
        Ok(found.map(|stored| {
            let (position, received_at, seal) = self.receipt(&stored);
            Outcome::Verdict(Verdict::Duplicate { position, received_at, seal })
        }))
    }

    /// What a device is told of a change that is kept.
    fn receipt(&self, stored: &Stored) -> (u64, Millis, Seal) {
        (stored.position.unwrap_or(0), stored.received_at.unwrap_or(0), self.sealer.seal(stored))
    }

    /// Whether a record is of another kind than somebody says: rights would be asked of the wrong one.
    fn is_of_another_kind(&self, record: RecordId, kind: &KindName) -> bool {
        self.kinds.get(&record).is_some_and(|known| known != kind)
    }

    /// Whether a change fits its record's history.
    fn fits(&mut self, kind: &Kind, pushed: &Pushed, change: &Change) -> Result<(), Decided> {
        if self.is_of_another_kind(pushed.record, &pushed.kind) {
            return Err(Refused::new(code::WRONG_RECORD, "the record is of another kind", "该记录属于其他对象").into());
        }
        let texts = self.texts(kind);
        let empty = Doc::default();
        let doc = self.open.get(&(pushed.record, pushed.facet)).map_or(&empty, |open| &open.held.doc);
        doc.fits(change, pushed.hash, &texts).map_err(|why| Decided::from(why, pushed))
    }

    fn decide(&mut self, author: &Author, pushed: &Pushed, change: &Change) -> Result<(Arc<Kind>, Option<Effect>), Decided> {
        let Some(kind) = self.rules.schema.kind(&pushed.kind).cloned() else {
            let zh = format!("没有名为“{}”的对象", pushed.kind);
            return Err(Refused::new(code::UNKNOWN_FIELD, &format!("there is no kind `{}`", pushed.kind), &zh).into());
        };
        self.fits(&kind, pushed, change).map_err(|why| self.as_told(author, pushed, change, why))?;
        let empty = Doc::default();
        let key = (pushed.record, pushed.facet);
        let doc = self.open.get(&key).map_or(&empty, |open| &open.held.doc);
        self.case(author, &kind, key, doc, change).judge()?;
        let effect = self.effect_of(&kind, pushed, change)?;
        Ok((kind, effect))
    }

    /// What a device that was shut out sends waits at the desk, in the order in which it can be accepted.
    fn set_aside(&mut self, pushed: &Pushed, change: &Change, aside: Aside) -> Result<(Arc<Kind>, Option<Effect>), Decided> {
        if let Some(kind) = self.rules.schema.kind(&pushed.kind).cloned() {
            match self.fits(&kind, pushed, change) {
                // Its device is not here to write it again, nor to come again: whoever decides about it has its fields written.
                Ok(()) | Err(Decided::Forgotten) => {}
                Err(Decided::Outcome(Outcome::Verdict(Verdict::Waiting { .. }))) if aside == Aside::All => {}
                Err(why) => return Err(why),
            }
        }
        let held = Refused::new(code::REVOKED, "the device was shut out before this was sent", "该设备在发送前已被移除");
        Err(Refused { held: true, rule: Some(code::REVOKED.to_owned()), ..held }.into())
    }

    /// What judging a change takes. `doc` is the document before it.
    fn case<'s>(&'s self, author: &'s Author, kind: &'s Kind, (record, facet): DocKey, doc: &'s Doc, change: &'s Change) -> Case<'s> {
        let main = self.open.get(&(record, Facet::Main)).map(|open| &open.held);
        Case {
            schema: &self.rules.schema,
            roles: &self.rules.roles,
            author,
            kind,
            facet,
            doc,
            main: main.map(|held| &held.doc),
            change,
            made_by: main.and_then(|held| held.author),
            imported: false,
            by_turn: false,
            distance: self.distance(author, record),
            waits: self.waits(kind, record),
            account: self.key_account(kind, (record, facet), change),
        }
    }

    fn accept(
        &mut self,
        author: &Author,
        now: Millis,
        pushed: Pushed,
        change: &Change,
        kind: Arc<Kind>,
        import: Option<[u8; 16]>,
    ) -> Outcome {
        let key = (pushed.record, pushed.facet);
        if &*kind.name == KIND_KIND && pushed.facet == Facet::Main {
            self.note_shaped(author, now, pushed.record);
        }
        let was_put_away = self.is_put_away(&key);
        let texts = self.texts(&kind);
        let open = self.open.entry((pushed.record, pushed.facet)).or_insert_with(|| Open {
            kind: kind.clone(),
            held: Held { doc: Doc::default(), author: None, position: 0, change_bytes: 0, shown: None },
            changes: 0,
            dirty: false,
            had_conflicts: false,
        });
        let generation = open.held.doc.generation();
        if open.held.doc.apply(change, pushed.hash, &texts).is_err() {
            // `fits` said yes on the same document a moment ago.
            debug_assert!(false, "a change that fits was not applied");
        }
        if open.held.doc.generation() > generation {
            (open.changes, open.held.change_bytes, open.held.author) = (0, 0, None);
            self.begun_anew.push((key, self.accepted.len()));
        }
        open.held.author.get_or_insert(author.user);
        open.held.change_bytes += pushed.body.len();
        open.changes += 1;
        open.dirty = true;
        match (was_put_away, self.is_put_away(&key)) {
            (false, true) => self.note_archived(author, now, pushed.record, &kind.name, Act::Archived),
            (true, false) => self.note_archived(author, now, pushed.record, &kind.name, Act::Restored),
            _ => {}
        }
        self.kinds.insert(pushed.record, kind.name.clone());
        if author.device == self.pen.device {
            // Its pen is the server's, and no device gets to call it its own.
            self.returned.insert(change.actor, (self.pen.device, now));
        }
        let index = self.accepted.len();
        self.by_name.insert(ChangeName::from(&pushed), index);
        let stored = stored(author, now, pushed);
        self.accepted.push(Accepted { stored, actor: change.actor, seq: change.seq, edit_time: change.time, import });
        Outcome::Accepted(index)
    }

    fn refuse(&mut self, author: &Author, now: Millis, pushed: &Pushed, refused: Refused) -> Outcome {
        // A word that came too late is nobody's to decide on.
        let is_word = is_made_by_server(&pushed.kind) && !refused.held;
        let (verdict, state) = (refused.verdict(), if is_word { DeskState::Rewritten } else { refused.state() });
        // What its device writes again is nobody's to decide on: its hash is enough to know it by.
        let body = if state.is_open() { pushed.body.clone() } else { Vec::new() };
        if state.is_open() {
            if !self.has_room(author, 1, body.len()) {
                return Outcome::Verdict(Verdict::come_again());
            }
            self.takes_room(author, body.len());
        }
        if waits_for_approval(state, refused.code) {
            self.held.insert(pushed.record);
        }
        self.rejected.push(RejectedRow {
            hash: pushed.hash,
            kind: pushed.kind.clone(),
            record: pushed.record,
            facet: pushed.facet,
            user: author.user,
            device: author.device,
            code: refused.code.to_owned(),
            field: refused.field,
            rule: refused.rule,
            account: refused.account,
            message_en: refused.message.en,
            message_zh: refused.message.zh,
            received_at: now,
            state,
            body,
            note: None,
            answer: None,
        });
        Outcome::Verdict(verdict)
    }

    /// The verdict for an outcome, once positions are known.
    pub fn verdict(&self, outcome: Outcome) -> Verdict {
        let at = |index: usize| self.receipt(&self.accepted[index].stored);
        match outcome {
            Outcome::Verdict(verdict) => verdict,
            Outcome::Accepted(index) => {
                let (position, received_at, seal) = at(index);
                Verdict::Accepted { position, received_at, seal }
            }
            Outcome::DuplicateOf(index) => {
                let (position, received_at, seal) = at(index);
                Verdict::Duplicate { position, received_at, seal }
            }
        }
    }

    pub fn edited(&self, edited: Result<Option<usize>, NotEdited>, head: u64) -> Edited {
        edited.map(|index| index.and_then(|index| self.accepted[index].stored.position).unwrap_or(head))
    }

    /// After a commit: documents go back to the cache.
    pub fn give_back(self, cache: &mut Cache) {
        for (key, open) in self.open {
            if open.changes > 0 {
                cache.put(self.workspace, key, open.held);
            }
        }
    }
}

/// The kind whose records are kinds.
pub(crate) const KIND_KIND: &str = "kind";
/// The field of such a record that defines the kind.
pub(super) const DEFINITION: &str = "definition";

/// Why a change is not accepted, as far as it must be told apart.
enum Decided {
    /// It follows a past that was forgotten: its device writes it again when it hears of that.
    Forgotten,
    Outcome(Outcome),
    Refused(Refused),
}

impl From<Refused> for Decided {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Decided {
    fn outcome(self) -> Outcome {
        match self {
            Self::Forgotten => Outcome::Verdict(Verdict::forgotten()),
            Self::Outcome(outcome) => outcome,
            Self::Refused(refused) => Outcome::Verdict(refused.verdict()),
        }
    }

    fn from(why: Inadmissible, pushed: &Pushed) -> Self {
        match why {
            Inadmissible::MissingDeps(missing) => Self::Outcome(Outcome::Verdict(Verdict::Waiting { missing })),
            Inadmissible::ActorFork { last, .. } => Self::Outcome(Outcome::Verdict(Verdict::ActorFork { last_seq: last })),
            Inadmissible::Forgotten => Self::Forgotten,
            Inadmissible::SeqGap { .. } => Self::Outcome(Outcome::Verdict(Verdict::Waiting { missing: Vec::new() })),
            Inadmissible::Duplicate
            | Inadmissible::StartOp { .. }
            | Inadmissible::UnknownOperation { .. }
            | Inadmissible::WrongSort { .. } => {
                tracing::warn!(record = %pushed.record, %why, "an inadmissible change was refused");
                Self::Refused(Refused::from(&Refusal::from(why)))
            }
        }
    }
}

fn stored(author: &Author, now: Millis, pushed: Pushed) -> Stored {
    Stored {
        hash: pushed.hash,
        kind: pushed.kind,
        record: pushed.record,
        facet: pushed.facet,
        user: author.user,
        device: author.device,
        received_at: Some(now),
        position: None,
        body: pushed.body,
    }
}
