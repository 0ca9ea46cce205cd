//! The promise, checked: numbered as in the project's list of invariants.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use rapport_server::store::rejected::RejectedRow;
use serde_json::{Map, Value as Json};
use sync_core::access::{self, Action, Facts, Level, Member, Reach, Roles};
use sync_core::id::{ActorId, ChangeHash, Facet, RecordId};
use sync_core::merge;
use sync_core::record::Stored;
use sync_core::record::change::Change;
use sync_core::record::history::{document, texts_of};
use sync_core::record::reference::compare;
use sync_core::record::text::genesis;
use sync_core::schema::Kind;
use sync_core::store::Quarantined;

use super::phone::{held_by, held_in};
use super::{Handset, Inner, short};
use crate::compose::intent_of;
use crate::model::{IntentId, Shown};

type Checked = Result<(), String>;

/// Exchanges that a phone may have open: five at once, and those given up in the last minute's retries.
const OPEN_MAX: usize = 64;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// The facets of a kind that a role may read.
pub(crate) fn readable(kind: &Kind, phone: &Handset) -> Vec<Facet> {
    Roles::builtin().readable(phone.role, kind)
}

impl Inner {
    /// What must hold at every moment.
    pub fn check_now(&mut self) {
        let done = self.check_feed().and_then(|()| self.check_phones());
        if let Err(what) = done {
            self.fail(what);
        }
    }

    /// What must hold once everything is quiet.
    pub fn check_quiet(&mut self) {
        let done = self.check_feed().and_then(|()| self.check_phones()).and_then(|()| self.check_alike());
        let done = done.and_then(|()| self.check_kept()).and_then(|()| self.check_taken()).and_then(|()| self.check_elsewhere());
        if let Err(what) = done {
            self.fail(what);
        }
    }

    /// I2, I4, I6 on the server: acknowledged changes are there, the feed has no gap and never changes, and
    /// each change comes after what it follows.
    fn check_feed(&self) -> Checked {
        if !self.server.is_up() {
            return Ok(());
        }
        let feed = self.server.feed();
        let (head, marks) = (self.server.head(), self.server.marks());
        ensure(head == (feed.len() + marks.len()) as u64, || {
            format!("I4: the head is {head}, the feed has {} changes and {} marks", feed.len(), marks.len())
        })?;
        let positions = (1..=head).filter(|position| !marks.contains(position));
        let mut seqs: HashMap<(RecordId, Facet, ActorId), u64> = HashMap::new();
        let mut documents: HashMap<(RecordId, Facet), BTreeSet<ChangeHash>> = HashMap::new();
        for (position, stored) in positions.zip(&feed) {
            ensure(stored.position == Some(position), || format!("I4: entry {position} of the feed has position {:?}", stored.position))?;
            if let Some(read) = self.read.get(&position) {
                ensure(*read == stored.hash, || format!("I4: position {position} was read as {read} and is {}", stored.hash))?;
            }
            let change = Change::read(&stored.body).map_err(|error| format!("I10: the feed holds an unreadable change: {error}"))?;
            let here = documents.entry((stored.record, stored.facet)).or_default();
            ensure(here.insert(stored.hash), || format!("I2: change {} is in the feed twice", stored.hash))?;
            let seq = seqs.entry((stored.record, stored.facet, change.actor)).or_default();
            ensure(change.seq == *seq + 1, || format!("I4: at {position} an actor's change {} follows its change {seq}", change.seq))?;
            *seq = change.seq;
            let here = &documents[&(stored.record, stored.facet)];
            follows(Self::kind(&stored.kind), &change, here).map_err(|problem| format!("I6: at {position} of the feed: {problem}"))?;
            ensure(change.time <= stored.received_at.unwrap_or(0) + 60_000, || {
                format!("the change at {position} is dated ahead of its receipt")
            })?;
        }
        for ((record, facet, hash), position) in &self.acked {
            if self.erased.contains(record) {
                continue;
            }
            let found = feed.binary_search_by_key(&Some(*position), |kept| kept.position);
            let kept = found.is_ok_and(|index| (feed[index].record, feed[index].facet, feed[index].hash) == (*record, *facet, *hash));
            ensure(kept, || format!("I2: change {hash} was acknowledged at {position} and is not there"))?;
        }
        self.check_rows()
    }

    /// I1, I10, I11 on the server: every document loads in automerge, rows and conflicts are what the
    /// documents say, and what the model says.
    fn check_rows(&self) -> Checked {
        for (record, kind_name) in &self.records {
            let kind = Self::kind(kind_name);
            let Some(row) = self.server.row(*record) else { continue };
            let conflicts = self.server.conflicts(*record);
            for facet in kind.facets() {
                let changes = self.server.changes(*record, facet);
                let json: Map<String, Json> =
                    row.facets[facet as usize].as_deref().map(|text| serde_json::from_str(text).expect("a row")).unwrap_or_default();
                let claims = conflicts.iter().filter(|conflict| conflict.facet == facet).map(|conflict| {
                    let values: Vec<Json> = serde_json::from_str(&conflict.values_json).expect("claims");
                    (conflict.path.clone(), values.into_iter().map(|claim| claim["value"].clone()).collect())
                });
                let shown = Shown { row: json, claims: claims.collect() };
                self.check_document("the server", kind, (*record, facet), &changes, &shown)?;
            }
            self.check_links(kind, *record, &row.facets)?;
        }
        Ok(())
    }

    /// Most documents are as they were at the last look, and the same on every phone: one look is enough.
    fn check_document(&self, whose: &str, kind: &Kind, document: (RecordId, Facet), changes: &[Stored], shown: &Shown) -> Checked {
        let mut hasher = DefaultHasher::new();
        document.hash(&mut hasher);
        changes.iter().for_each(|change| (&change.hash, &change.body).hash(&mut hasher));
        format!("{shown:?}").hash(&mut hasher);
        let name = hasher.finish();
        if !self.good.borrow().contains(&name) {
            self.look_into(whose, kind, document, changes, shown)?;
            self.good.borrow_mut().insert(name);
        }
        Ok(())
    }

    fn look_into(&self, whose: &str, kind: &Kind, (record, facet): (RecordId, Facet), changes: &[Stored], shown: &Shown) -> Checked {
        let place = || format!("{whose}, {} {} {facet}", kind.name, short(&record));
        let (doc, left_out) = document(kind, changes);
        ensure(left_out.is_empty(), || format!("I10: {}: {} changes do not fit", place(), left_out.len()))?;
        compare(&doc, changes.iter().map(|change| change.body.as_slice()), &texts_of(kind))
            .map_err(|difference| format!("I1: {}: {difference}", place()))?;
        let recomputed = Shown {
            row: merge::row(kind, facet, &doc),
            claims: merge::conflicts(kind, facet, &doc)
                .into_iter()
                .map(|conflict| (conflict.path, conflict.claims.into_iter().map(|claim| claim.value).collect()))
                .collect(),
        };
        ensure(recomputed == *shown, || format!("I11: {}: shown is {shown:?}, the document says {recomputed:?}", place()))?;
        if self.is_story {
            return Ok(());
        }
        let held = held_in(changes);
        let nobodys = changes.iter().filter(|change| held_by(change).is_none()).count();
        ensure(nobodys == 0, || format!("{}: {nobodys} of {} changes are nobody's", place(), changes.len()))?;
        self.check_twice(&held).map_err(|problem| format!("I3: {}: {problem}", place()))?;
        self.ledger.judge(&kind.name, &held, shown).map_err(|problem| format!("I7: {}: {problem}", place()))
    }

    /// Nothing takes effect twice, unless two copies of a phone sent it.
    fn check_twice(&self, held: &[(IntentId, i64)]) -> Checked {
        let mut seen = BTreeSet::new();
        let doubled = |id: &IntentId| self.phones.iter().any(|phone| phone.doubled.contains(id));
        match held.iter().find(|(id, _)| !seen.insert(*id) && !doubled(id)) {
            Some((id, _)) => Err(format!("intent {id} is there twice")),
            None => Ok(()),
        }
    }

    /// Links are what the rows say.
    fn check_links(&self, kind: &Kind, record: RecordId, facets: &[Option<String>; 3]) -> Checked {
        let mut expected = BTreeSet::new();
        for (facet, json) in Facet::ALL.iter().zip(facets) {
            let Some(json) = json else { continue };
            let row: Map<String, Json> = serde_json::from_str(json).expect("a row");
            expected.extend(super::check_links_of(kind, *facet, &row));
        }
        let found: BTreeSet<(String, RecordId)> = self.server.links_from(record).into_iter().collect();
        ensure(found == expected, || format!("I11: links of {}: kept are {found:?}, the row says {expected:?}", short(&record)))
    }

    /// I3, I5, I6, I10, I11 on each phone.
    fn check_phones(&self) -> Checked {
        for phone in self.phones.iter().filter(|phone| phone.device.is_some()) {
            self.check_phone(phone).map_err(|problem| format!("{problem} ({}'s phone)", phone.name))?;
        }
        Ok(())
    }

    fn check_phone(&self, phone: &Handset) -> Checked {
        ensure(phone.open.len() <= OPEN_MAX, || format!("I10: it waits for {} answers at once", phone.open.len()))?;
        let device = phone.device.as_ref().expect("it runs");
        let quarantined = device.quarantined().expect("the store answers");
        let told =
            |aside: &Quarantined| format!("what stands at {} of {}: {}", aside.delivered.position, aside.delivered.record, aside.reason);
        ensure(quarantined.is_empty(), || format!("I1: put aside: {}", told(&quarantined[0])))?;
        for (record, kind_name) in &self.records {
            let kind = Self::kind(kind_name);
            let allowed = readable(kind, phone);
            for facet in kind.facets() {
                let changes = phone.changes(*record, facet);
                ensure(phone.demoted || changes.is_empty() || allowed.contains(&facet), || {
                    format!("I8: it holds {facet} of {}", short(record))
                })?;
                let mut here = BTreeSet::new();
                for stored in &changes {
                    let change = Change::read(&stored.body).map_err(|error| format!("I10: it holds an unreadable change: {error}"))?;
                    follows(kind, &change, &here).map_err(|problem| format!("I6: {problem}"))?;
                    ensure(here.insert(stored.hash), || format!("I3: it holds change {} twice", stored.hash))?;
                }
            }
        }
        self.check_produced(phone)
    }

    /// I3: what its owner did is at the server, waits, or is a draft.
    fn check_produced(&self, phone: &Handset) -> Checked {
        let (ids, drafts) = (self.record_ids(), phone.drafts());
        let pending = phone.pending(&ids);
        let status = phone.device.as_ref().expect("it runs").sync_status().expect("the store answers");
        ensure(self.is_story || status.drafts as usize == drafts.len(), || {
            format!("I3: {} drafts, {} of them known", status.drafts, drafts.len())
        })?;
        let held: BTreeSet<IntentId> = self.documents_of(phone).flat_map(|(_, changes)| held_in(&changes)).map(|(id, _)| id).collect();
        for id in phone.produced.iter().filter(|id| !self.is_forgotten(id)) {
            let here = held.contains(id) || drafts.contains_key(id);
            // What went out of sight was delivered first.
            let delivered = || !self.server.is_up() || held_in(&self.server.feed()).iter().any(|(kept, _)| kept == id);
            ensure(here || phone.excused.contains(id) || delivered() || self.stands_at_desk(phone, id), || {
                format!("I3: intent {id} is lost")
            })?;
            let both = pending.contains(id) && drafts.contains_key(id);
            ensure(!both || phone.doubled.contains(id), || format!("I3: intent {id} waits and is a draft"))?;
        }
        Ok(())
    }

    fn documents_of<'a>(&'a self, phone: &'a Handset) -> impl Iterator<Item = ((RecordId, Facet), Vec<Stored>)> + 'a {
        let documents = self.records.iter().flat_map(|(record, _)| Facet::ALL.map(|facet| (*record, facet)));
        documents.map(|(record, facet)| ((record, facet), phone.changes(record, facet)))
    }

    /// I1: every phone shows what the server shows of what it may see, with equal histories.
    fn check_alike(&mut self) -> Checked {
        let sight = Sight::of(self);
        for index in (0..self.phones.len()).filter(|index| !self.phones[*index].gone).collect::<Vec<_>>() {
            for (record, kind_name) in self.records.clone() {
                let kind = Self::kind(kind_name);
                let name = self.phones[index].name.clone();
                let visible = if sight.sees(&self.phones[index], kind, record) { readable(kind, &self.phones[index]) } else { Vec::new() };
                for facet in kind.facets().into_iter().filter(|facet| !visible.contains(facet)) {
                    let held = self.phones[index].changes(record, facet);
                    ensure(held.is_empty(), || {
                        let positions: Vec<_> = held.iter().map(|change| change.position).collect();
                        format!("I8: {name} holds {facet} of {kind_name} {}, which is out of sight, from {positions:?}", short(&record))
                    })?;
                }
                let view = self.phones[index].device().get(record).map_err(|error| format!("I10: {error}"))?;
                let mut expected = Map::new();
                for facet in visible {
                    let (here, there) = (self.phones[index].changes(record, facet), self.server.changes(record, facet));
                    let names = |changes: &[Stored]| changes.iter().map(|change| change.hash).collect::<BTreeSet<_>>();
                    ensure(names(&here) == names(&there), || {
                        let only = |a: &[Stored], b: &[Stored]| {
                            let b = names(b);
                            let read = |change: &Stored| Change::read(&change.body).ok().and_then(|change| intent_of(&change));
                            a.iter().filter(|change| !b.contains(&change.hash)).map(read).collect::<Vec<_>>()
                        };
                        let (here, there) = (only(&here, &there), only(&there, &here));
                        format!(
                            "I1: {name} and the server differ in {kind_name} {} {facet}: only here {here:?}, only there {there:?}",
                            short(&record)
                        )
                    })?;
                    let (doc, _) = document(kind, &here);
                    expected.extend(merge::row(kind, facet, &doc));
                    let claims = view.iter().flat_map(|view| &view.conflicts).filter(|conflict| conflict.facet == facet);
                    let claims: BTreeMap<String, Vec<Json>> = claims
                        .map(|conflict| (conflict.path.clone(), conflict.claims.iter().map(|claim| claim.value.clone()).collect()))
                        .collect();
                    self.check_document(&name, kind, (record, facet), &here, &Shown { row: merge::row(kind, facet, &doc), claims })?;
                }
                let shown = view.map(|view| view.row.fields).unwrap_or_default();
                ensure(shown == expected, || format!("I11: {name} shows {shown:?}, the documents say {expected:?}"))?;
            }
        }
        Ok(())
    }

    /// Whether an edit stands at the desk for a phone that was replaced by its backup: that does not know what it has written
    /// again since, and is told that it did.
    fn stands_at_desk(&self, phone: &Handset, id: &IntentId) -> bool {
        let is_it = |change: &Change| intent_of(change).as_ref() == Some(id);
        let is_here = |row: &RejectedRow| row.is_open() && row.device == phone.id && Change::read(&row.body).is_ok_and(|body| is_it(&body));
        phone.doubled.contains(id) && (!self.server.is_up() || self.server.at_the_desk().iter().any(is_here))
    }

    /// I3 at the end: nothing waits; what was done is at the server or a draft, never both.
    fn check_kept(&self) -> Checked {
        let kept: BTreeSet<IntentId> = held_in(&self.server.feed()).into_iter().map(|(id, _)| id).collect();
        for phone in self.phones.iter().filter(|phone| !phone.gone) {
            let drafts = phone.drafts();
            for id in phone.produced.iter().filter(|id| !self.is_forgotten(id)) {
                let (kept, draft) = (kept.contains(id), drafts.contains_key(id));
                ensure(kept || draft || phone.excused.contains(id) || self.stands_at_desk(phone, id), || {
                    format!("I3: intent {id} of {} is lost", phone.name)
                })?;
                ensure(!(kept && draft) || phone.doubled.contains(id), || {
                    format!("I3: intent {id} of {} is kept and a draft", phone.name)
                })?;
            }
        }
        Ok(())
    }
}

/// Who sees what, worked out from the documents alone.
struct Sight {
    facts: HashMap<RecordId, Facts>,
    members: Vec<Member>,
}

impl Sight {
    fn of(world: &Inner) -> Self {
        let facts = |(record, kind): &(RecordId, &'static str)| {
            let row = world.server.row(*record)?;
            let main: Map<String, Json> = serde_json::from_str(row.facets[0].as_deref().unwrap_or_default()).expect("a row");
            let author = world.server.changes(*record, Facet::Main).first().map(|change| change.user);
            Some((*record, Facts::of(Inner::kind(kind), &main, author)))
        };
        Self { facts: world.records.iter().filter_map(facts).collect(), members: world.server.members() }
    }

    fn sees(&self, phone: &Handset, kind: &Kind, record: RecordId) -> bool {
        let own = |record| self.facts.get(&record).map(|facts| facts.holders.clone()).unwrap_or_default();
        let above = |record| self.facts.get(&record).map(|facts| facts.follows.clone()).unwrap_or_default();
        let holders = access::holders(record, own, above);
        let level = Roles::builtin().level(phone.role, kind, Action::Read);
        level > Level::None && Reach::of(phone.user, &self.members).distance(holders.keys()) <= level
    }
}

/// I6: a change's parents are here.
fn follows(kind: &Kind, change: &Change, here: &BTreeSet<ChangeHash>) -> Checked {
    let texts = texts_of(kind);
    let is_here = |dep: &ChangeHash| here.contains(dep) || texts.iter().any(|text| genesis(text).hash == *dep);
    match change.deps.iter().find(|dep| !is_here(dep)) {
        Some(dep) => Err(format!("a change is there without its parent {dep}")),
        None => Ok(()),
    }
}
