//! Whose the records of this unit are now, and who came to see them or ceased to.
//!
//! Worked out where it is written, so that reading only looks it up. Whatever moved shares one position of the feed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value as Json};
use sync_core::access::{self, FOLLOW_DEPTH_MAX, Facts, Holder, Level, MEMBER_KIND, Member, Reach};
use sync_core::id::{Facet, FieldName, KindName, RecordId, UserId, WorkspaceId};
use sync_core::protocol::{Pushed, code};
use sync_core::record::change::Change;
use sync_core::record::generation::is_first;
use sync_core::record::history::texts_of;
use sync_core::schema::Schema;

use super::{Author, Decided, DocKey, Open, Unit};
use crate::intake::decide::Refused;
use crate::store::records::{self, RecordRow};
use crate::store::sight::{self, Direction, HeldBy, Move, Reached};
use crate::store::{Result, Tx, workspaces};

/// A record whose main document this unit has written.
pub(super) struct Written {
    pub record: RecordId,
    /// Whose it says to be.
    pub facts: Facts,
    /// Whether it said so before.
    pub is_as_before: bool,
}

/// Who follows whom around the records of a unit.
struct Family {
    facts: HashMap<RecordId, Facts>,
    parents: HashMap<RecordId, BTreeSet<RecordId>>,
    held: HashMap<RecordId, Vec<HeldBy>>,
}

impl Unit<'_> {
    /// Keeps whose these records are now. Answers the position of the feed that this took, if somebody's sight changed.
    pub(super) async fn settle_sight(&mut self, tx: &mut Tx, written: Vec<Written>) -> Result<Option<u64>> {
        let people = self.people(&written);
        let changed = written.into_iter().filter(|written| !written.is_as_before);
        let facts: HashMap<RecordId, Facts> = changed.map(|written| (written.record, written.facts)).collect();
        if facts.is_empty() && people.is_empty() && self.brought.is_empty() {
            return Ok(None);
        }
        let follows = follows(&self.rules.schema);
        let mut affected = descendants(tx, self.workspace, &follows, &facts).await?;
        affected.sort_unstable();
        // New records have no holders yet: a bulk of them asks only for what they follow.
        let is_new = |facts: &HashMap<RecordId, Facts>, record: &RecordId| facts.contains_key(record) && !self.kept.contains(record);
        let family = Family::around(tx, self.workspace, &follows, facts, &affected, is_new).await?;
        let (mut changes, first) = (Changes::default(), self.first_positions());
        for record in affected {
            let before = family.held.get(&record).map(Vec::as_slice);
            let holders = family.holders(record);
            changes.note(record, before, &holders, first.get(&record).copied());
            changes.moves.extend(self.made_for_others(record, &holders, &first));
        }
        self.brought_for_others(tx, &family, &mut changes.moves).await?;
        let reaches = if people.is_empty() { Vec::new() } else { self.reach_changes(tx, people).await? };
        let position = match changes.moves.is_empty() && reaches.is_empty() {
            true => None,
            false => Some(workspaces::advance_head(tx, self.workspace, 1).await?),
        };
        changes.keep(tx, self.workspace, position.unwrap_or_default()).await?;
        for (user, holder, reached) in reaches {
            let at = position.unwrap_or_default();
            let reached = match reached {
                Ok(level) => Reached { level, since: at, until: None },
                Err(before) => Reached { until: Some(at), ..before },
            };
            sight::put_reach(tx, self.workspace, user, &[(holder, reached)]).await?;
        }
        if let Some(position) = position {
            sight::add_mark(tx, self.workspace, position).await?;
        }
        Ok(position)
    }

    /// What a record says of whose it is, and whether its row, as it was, did too.
    pub(super) fn written(&self, key: &DocKey, before: Option<&RecordRow>) -> Written {
        let open = &self.open[key];
        let facts = Facts::in_doc(&open.kind, &open.held.doc, open.held.author);
        let is_as_before = match (&open.held.shown, before.and_then(|row| row.facets[0].as_deref())) {
            (Some(shown), _) => shown.facts == facts,
            // A row that a later facet made before its main document came says nothing of its author.
            (None, Some("{}") | None) => false,
            (None, Some(json)) => {
                let main: Map<String, Json> = serde_json::from_str(json).unwrap_or_default();
                Facts::of(&open.kind, &main, open.held.author) == facts
            }
        };
        Written { record: key.0, facts, is_as_before }
    }

    /// The colleagues whose records were written.
    fn people(&self, written: &[Written]) -> BTreeSet<UserId> {
        let is_member = |record: &RecordId| self.kinds.get(record).is_some_and(|kind| &**kind == MEMBER_KIND);
        written.iter().map(|written| written.record).filter(is_member).map(|record| UserId(record.0)).collect()
    }

    /// The positions of the first changes of the records that this unit made.
    fn first_positions(&self) -> HashMap<RecordId, u64> {
        let mut first = HashMap::new();
        for stored in self.accepted.iter().map(|accepted| &accepted.stored).filter(|stored| !self.kept.contains(&stored.record)) {
            if let Some(position) = stored.position {
                first.entry(stored.record).or_insert(position);
            }
        }
        first
    }

    /// A record that a phone has made and that is not its user's: the phone holds it and is told to let it go.
    fn made_for_others(&self, record: RecordId, holders: &BTreeMap<Holder, bool>, first: &HashMap<RecordId, u64>) -> Option<Move> {
        let position = first.get(&record)?;
        let start = self.accepted.first()?.stored.position?;
        let born = &self.accepted.get(usize::try_from(position.checked_sub(start)?).ok()?)?.stored;
        let author = Holder::User(born.user);
        let on_a_phone = born.device != self.pen.device;
        (on_a_phone && !holders.contains_key(&author)).then_some(Move { record, holder: author, gone: true })
    }

    /// A record that a phone has brought back to a restored server and that is not its user's: as above.
    async fn brought_for_others(&mut self, tx: &mut Tx, family: &Family, moves: &mut Vec<Move>) -> Result<()> {
        let brought = std::mem::take(&mut self.brought);
        let elsewhere: Vec<RecordId> = brought.iter().map(|(record, _)| *record).filter(|record| !family.knows(*record)).collect();
        let held = sight::holders_of(tx, self.workspace, &elsewhere).await?;
        for (record, user) in brought {
            let (holder, kept) = (Holder::User(user), held.get(&record).map_or(&[][..], Vec::as_slice));
            let is_theirs = family.holders(record).contains_key(&holder) || kept.iter().any(|held| held.holder == holder);
            let gone = Move { record, holder, gone: true };
            if !is_theirs && !moves.contains(&gone) {
                moves.push(gone);
            }
        }
        Ok(())
    }

    /// Whom users begin to reach, from which level on, and whom they cease to, as they did before.
    async fn reach_changes(&self, tx: &mut Tx, mut people: BTreeSet<UserId>) -> Result<Vec<(UserId, Holder, Result<Level, Reached>)>> {
        let members = members(tx, self.workspace).await?;
        // Somebody's teams say whom the others in them reach. Who was archived reaches nobody any more.
        people.extend(members.iter().map(|member| member.user));
        let mut changes = Vec::new();
        for (user, before) in sight::reach_of_each(tx, self.workspace, &people).await? {
            let now = Reach::of(user, &members);
            for (holder, level) in now.levels() {
                let same = before.get(holder).is_some_and(|reached| reached.until.is_none() && reached.level == level);
                if !same {
                    changes.push((user, holder.clone(), Ok(level)));
                }
            }
            let now: HashSet<&Holder> = now.levels().map(|(holder, _)| holder).collect();
            let ended = before.into_iter().filter(|(holder, reached)| reached.until.is_none() && !now.contains(holder));
            changes.extend(ended.map(|(holder, reached)| (user, holder, Err(reached))));
        }
        Ok(changes)
    }

    /// Reads what deciding about these records takes, if a level of the author's role looks at teams or territories.
    pub async fn load_sight(&mut self, tx: &mut Tx, author: &Author, records: impl Iterator<Item = RecordId>) -> Result<()> {
        if !self.rules.roles.looks_at_reach(&author.role) {
            return Ok(());
        }
        if !self.reaches.contains_key(&author.user) {
            self.reaches.insert(author.user, sight::reach_now(tx, self.workspace, author.user).await?);
        }
        let unknown: HashSet<RecordId> = records.filter(|record| !self.holders.contains_key(record)).collect();
        let unknown: Vec<RecordId> = unknown.into_iter().collect();
        for (record, held) in sight::holders_of(tx, self.workspace, &unknown).await? {
            self.holders.insert(record, held.into_iter().map(|held| held.holder).collect());
        }
        Ok(())
    }

    /// Of a record that its author does not see they are not told what it is, nor what it is like; and they are not sent what
    /// they could write something again on whose past was forgotten; of that they hear only if they wrote on it.
    pub(super) fn as_told(&self, author: &Author, pushed: &Pushed, change: &Change, why: Decided) -> Decided {
        let key = (pushed.record, Facet::Main);
        let is_hidden = |open: &&Open| self.case(author, &open.kind, key, &open.held.doc, change).is_out_of_sight();
        if self.open.get(&key).filter(is_hidden).is_none() {
            return why;
        }
        let has_arrived = || self.open.get(&(pushed.record, pushed.facet)).is_some_and(|open| open.held.doc.has_forgotten(&pushed.hash));
        let (code, en, zh) = match why {
            Decided::Outcome(_) => return why,
            Decided::Forgotten if has_arrived() => (code::REWRITTEN, "it was taken", "该修改已被接受"),
            Decided::Forgotten if !self.is_first(pushed, change) => {
                (code::FORGOTTEN, "what it was written on was forgotten", "该修改所依据的内容已被清除")
            }
            Decided::Refused(_) | Decided::Forgotten => (code::FORBIDDEN, "it is not yours to change", "您无权修改"),
        };
        Refused::new(code, en, zh).into()
    }

    /// Whether a change follows nothing that anybody wrote: whoever sends it need not know anything of the record.
    fn is_first(&self, pushed: &Pushed, change: &Change) -> bool {
        self.rules.schema.kind(&pushed.kind).is_none_or(|kind| is_first(change, &texts_of(kind)))
    }

    /// How far an author must reach to get at a record.
    pub(super) fn distance(&self, author: &Author, record: RecordId) -> Level {
        match (self.reaches.get(&author.user), self.holders.get(&record)) {
            (Some(reach), Some(holders)) => reach.distance(holders),
            (_, _) => Level::All,
        }
    }
}

/// Keeps whose the records are that follow one which was just erased: what they had through it, and through what it
/// followed, is theirs no longer. Takes a position of the feed if somebody's sight changed.
pub async fn settle_erased(tx: &mut Tx, workspace: WorkspaceId, schema: &Schema, erased: RecordId) -> Result<()> {
    let follows = follows(schema);
    let gone = HashMap::from([(erased, Facts::default())]);
    let mut affected = descendants(tx, workspace, &follows, &gone).await?;
    affected.retain(|record| *record != erased);
    affected.sort_unstable();
    let family = Family::around(tx, workspace, &follows, gone, &affected, |_, _| false).await?;
    let mut changes = Changes::default();
    for record in affected {
        changes.note(record, family.held.get(&record).map(Vec::as_slice), &family.holders(record), None);
    }
    if changes.moves.is_empty() {
        return Ok(());
    }
    let position = workspaces::advance_head(tx, workspace, 1).await?;
    changes.keep(tx, workspace, position).await?;
    sight::add_mark(tx, workspace, position).await
}

/// The fields by which records follow others, by kind.
pub(crate) fn follows(schema: &Schema) -> Vec<(KindName, FieldName)> {
    schema.kinds().filter_map(|kind| Some((kind.name.clone(), kind.sharing.follows.clone()?))).collect()
}

/// Everybody in a workspace, as far as it matters who reaches what.
pub(crate) async fn members(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Member>> {
    let rows = records::rows_of_kind(tx, workspace, MEMBER_KIND).await?;
    let member = |row: &RecordRow| {
        let main: Map<String, Json> = serde_json::from_str(row.facets[0].as_deref().unwrap_or_default()).unwrap_or_default();
        Member::of(row.record, &main)
    };
    Ok(rows.iter().filter(|row| !row.archived).map(member).collect())
}

/// These records and all that follow them.
async fn descendants(
    tx: &mut Tx,
    workspace: WorkspaceId,
    follows: &[(KindName, FieldName)],
    facts: &HashMap<RecordId, Facts>,
) -> Result<Vec<RecordId>> {
    let mut all: Vec<RecordId> = facts.keys().copied().collect();
    let mut known: HashSet<RecordId> = all.iter().copied().collect();
    let mut frontier = all.clone();
    for _ in 0..FOLLOW_DEPTH_MAX {
        let below = sight::followed(tx, workspace, follows, &frontier, Direction::Down).await?;
        frontier = below.into_iter().map(|(_, follower)| follower).filter(|follower| known.insert(*follower)).collect();
        if frontier.is_empty() {
            break;
        }
        all.extend(&frontier);
    }
    Ok(all)
}

impl Family {
    async fn around(
        tx: &mut Tx,
        workspace: WorkspaceId,
        follows: &[(KindName, FieldName)],
        facts: HashMap<RecordId, Facts>,
        affected: &[RecordId],
        is_new: impl Fn(&HashMap<RecordId, Facts>, &RecordId) -> bool,
    ) -> Result<Self> {
        let mut parents: HashMap<RecordId, BTreeSet<RecordId>> = HashMap::new();
        let mut frontier = affected.to_vec();
        for _ in 0..FOLLOW_DEPTH_MAX {
            let (told, asked): (Vec<RecordId>, Vec<RecordId>) = frontier.into_iter().partition(|record| facts.contains_key(record));
            parents.extend(told.into_iter().map(|record| (record, facts[&record].follows.clone())));
            parents.extend(asked.iter().map(|record| (*record, BTreeSet::new())));
            for (record, parent) in sight::followed(tx, workspace, follows, &asked, Direction::Up).await? {
                parents.entry(record).or_default().insert(parent);
            }
            let above: HashSet<RecordId> = parents.values().flatten().copied().filter(|parent| !parents.contains_key(parent)).collect();
            frontier = above.into_iter().collect();
            if frontier.is_empty() {
                break;
            }
        }
        let all: HashSet<RecordId> = parents.iter().flat_map(|(record, above)| above.iter().chain([record])).copied().collect();
        let asked: Vec<RecordId> = all.into_iter().filter(|record| !is_new(&facts, record)).collect();
        let held = sight::holders_of(tx, workspace, &asked).await?;
        Ok(Self { facts, parents, held })
    }

    /// A record's own holders.
    fn own(&self, record: RecordId) -> BTreeSet<Holder> {
        match self.facts.get(&record) {
            Some(facts) => facts.holders.clone(),
            None => self.held.get(&record).into_iter().flatten().filter(|held| held.own).map(|held| held.holder.clone()).collect(),
        }
    }

    /// Whether this unit works out whose a record is.
    fn knows(&self, record: RecordId) -> bool {
        self.parents.contains_key(&record)
    }

    /// All holders of a record, and whether each is its own.
    fn holders(&self, record: RecordId) -> BTreeMap<Holder, bool> {
        access::holders(record, |record| self.own(record), |record| self.parents.get(&record).cloned().unwrap_or_default())
    }
}

/// What is to be kept of holders.
#[derive(Default)]
struct Changes {
    /// Holders of new records, since their first change.
    first: Vec<(RecordId, HeldBy)>,
    /// Holders that a record came to, or has in another way.
    came: Vec<(RecordId, Holder, bool)>,
    moves: Vec<Move>,
}

impl Changes {
    fn note(&mut self, record: RecordId, before: Option<&[HeldBy]>, now: &BTreeMap<Holder, bool>, first: Option<u64>) {
        let before = before.unwrap_or_default();
        for (holder, own) in now {
            let was = before.iter().find(|held| held.holder == *holder);
            match (first, was) {
                (Some(since), _) => self.first.push((record, HeldBy { holder: holder.clone(), own: *own, since })),
                (None, Some(was)) if was.own == *own => {}
                (None, was) => {
                    self.came.push((record, holder.clone(), *own));
                    if was.is_none() {
                        self.moves.push(Move { record, holder: holder.clone(), gone: false });
                    }
                }
            }
        }
        let gone = before.iter().filter(|held| !now.contains_key(&held.holder));
        self.moves.extend(gone.map(|held| Move { record, holder: held.holder.clone(), gone: true }));
    }

    async fn keep(self, tx: &mut Tx, workspace: WorkspaceId, position: u64) -> Result<()> {
        let mut rows = self.first;
        rows.extend(self.came.into_iter().map(|(record, holder, own)| (record, HeldBy { holder, own, since: position })));
        sight::put_holders(tx, workspace, &rows).await?;
        sight::add_moves(tx, workspace, position, &self.moves).await
    }
}
