//! The records that the caller follows, and what others did to them since the caller last said that they have seen it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value as Json;
use sync_core::actions::duplicates;
use sync_core::actions::follow::{FOLLOW, RECORD, WHO};
use sync_core::actions::request::is_own_note;
use sync_core::id::{ChangeHash, KindName, Millis, RecordId};
use sync_core::schema::{Field, Kind, ValueType};

use super::{Entry, Event, Happened, Linked, Names, ReadError, Reading, Row, Who, links};
use crate::store::follows::{self, Done, Seek};
use crate::store::{Tx, aliases, lists, marks, remembered, workspaces};

/// News that are told or counted, the last ones: a badge that says so many says enough.
const NEWS_MAX: usize = 50;

/// Changes that are looked at: one act of somebody may be several, one in each facet.
const CHANGES_MAX: u32 = 3 * NEWS_MAX as u32;

/// How long a phone may have been out of reach that made a record which is news now: ids tell when it was made there.
const AWAY_MAX_MS: Millis = 60 * 24 * 60 * 60 * 1000;

/// What somebody did to a record that the caller follows.
#[derive(Debug, Clone)]
pub struct FollowedNews {
    /// The record.
    pub about: Linked,
    /// Who did it.
    pub who: Who,
    /// What, and when.
    pub happened: Happened,
}

/// What the caller follows.
#[derive(Debug, Clone, Default)]
pub struct Following {
    /// Where the feed is: what they did up to there is here.
    pub position: u64,
    /// What others did, the last first.
    pub news: Vec<FollowedNews>,
    /// The records, those in sight, the one followed last first.
    pub records: Vec<Linked>,
    /// What records are called that the new ones link to.
    pub names: Names,
}

/// What is watched for news.
struct Watched {
    /// The records that are followed, each with what it stands for and what stands for it, from a position on.
    after: BTreeMap<RecordId, (u64, Millis)>,
    /// Those in sight of them.
    names: Names,
    /// What is followed itself, the last first.
    followed: Vec<RecordId>,
}

impl Reading {
    /// What the caller follows, and what others did to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn following(&self) -> Result<Following, ReadError> {
        let mut tx = self.store.reader().await?;
        let position = workspaces::by_id(&mut tx, self.workspace).await?.map_or(0, |workspace| workspace.head);
        let watched = self.watched(&mut tx).await?;
        let done = self.done(&mut tx, &watched).await?;
        let made: Vec<RecordId> = done.iter().filter_map(|acts| acts[0].made).collect();
        let rows = lists::seen_rows(&mut tx, self.workspace, &self.scope, &made).await?;
        let rows: HashMap<RecordId, Row> = rows.into_iter().map(|row| (row.record, Row::of(row, 0))).collect();
        let linked = |row: &Row| self.schema().kind(&row.kind).map(|kind| links::ids(kind, &row.fields)).unwrap_or_default();
        let names = self.names(&mut tx, rows.values().flat_map(linked)).await?;
        let people = self.people(&mut tx, done.iter().map(|acts| (acts[0].user, acts[0].device))).await?;
        drop(tx);
        let mut entries = self.entries_of(&done).await?;
        let news = done.iter().filter_map(|acts| {
            let first = &acts[0];
            let event = match first.made {
                Some(made) => Event::Record(Box::new(rows.get(&made)?.clone())),
                None => Event::Change(acts.iter().filter_map(|act| entries.remove(&act.change)).flatten().collect()),
            };
            let about = watched.names.get(&first.about)?.clone();
            Some(FollowedNews { about, who: people.who(first.user, first.device), happened: Happened { at: first.at, event } })
        });
        let news = news.collect();
        let records = watched.followed.iter().filter_map(|id| watched.names.get(id).cloned()).collect();
        Ok(Following { position, news, records, names })
    }

    /// How many news there are: of the last ones, fifty at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn new_of_followed(&self) -> Result<u64, ReadError> {
        let mut tx = self.store.reader().await?;
        // Every page of the console asks.
        let question = format!("new of what {} follows {:?}", self.caller.user, self.scope);
        let turn = match self.store.answers().ask::<u64>(&mut tx, self.workspace, question).await? {
            remembered::Asked::Known(count) => return Ok(*count),
            remembered::Asked::Open(turn) => turn,
        };
        let watched = self.watched(&mut tx).await?;
        let count = self.done(&mut tx, &watched).await?.len() as u64;
        turn.keep(count);
        Ok(count)
    }

    /// Whether the caller may follow records of a kind.
    pub fn may_follow(&self, kind: &Kind) -> bool {
        let record = self.kind(FOLLOW).ok().filter(|follow| self.may_write(follow, RECORD)).and_then(|follow| follow.field(RECORD));
        record.is_some_and(|record| record.to.contains(&kind.name))
    }

    /// By which records the caller follows a record, or one that it stands for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn follows_of(&self, id: RecordId) -> Result<Vec<RecordId>, ReadError> {
        let Ok(kind) = self.kind(FOLLOW) else { return Ok(Vec::new()) };
        let mut tx = self.store.reader().await?;
        let targets = self.with_behind(&mut tx, id).await?;
        let found = lists::sources_of(&mut tx, self.workspace, &self.scope, &kind.name, RECORD, &targets).await?;
        let me = self.caller.user.to_string();
        let is_mine = |main: &str| serde_json::from_str::<Json>(main).is_ok_and(|main| main[WHO] == *me);
        Ok(found.into_iter().filter(|(.., main)| is_mine(main)).map(|(_, follow, ..)| follow).collect())
    }

    /// What the caller follows, with what belongs together, each after what they have seen of it.
    async fn watched(&self, tx: &mut Tx) -> Result<Watched, ReadError> {
        let mut watched = Watched { after: BTreeMap::new(), names: Names::new(), followed: Vec::new() };
        let found = match self.kind(FOLLOW) {
            Ok(_) => follows::followed(tx, self.workspace, self.caller.user).await?,
            Err(_) => Vec::new(),
        };
        if found.is_empty() {
            return Ok(watched);
        }
        let seen = marks::of(tx, self.workspace, &marks::followed(self.caller.user)).await?;
        let seen_at = follows::time_of(tx, self.workspace, seen).await?;
        let ids: Vec<RecordId> = found.iter().map(|followed| followed.record).collect();
        let survivors = self.stood_for(tx, &ids).await?;
        let survivor = |id: &RecordId| survivors.get(id).copied().unwrap_or(*id);
        for followed in &found {
            let after = if seen > followed.since { (seen, seen_at) } else { (followed.since, followed.at) };
            // Followed twice it counts from the first time on.
            let known = watched.after.entry(survivor(&followed.record)).or_insert(after);
            *known = after.min(*known);
        }
        let heads: Vec<RecordId> = watched.after.keys().copied().collect();
        for (behind, head) in aliases::all_behind(tx, self.workspace, &heads).await? {
            watched.after.insert(behind, watched.after[&head]);
        }
        watched.names = self.names(tx, watched.after.keys().copied()).await?;
        let mut known = HashSet::new();
        watched.followed = ids.iter().map(survivor).filter(|id| known.insert(*id)).collect();
        watched.after.retain(|id, _| watched.names.contains_key(id));
        Ok(watched)
    }

    /// What others did, the last first. What one did to one record at one moment stands together.
    async fn done(&self, tx: &mut Tx, watched: &Watched) -> Result<Vec<Vec<Done>>, ReadError> {
        if watched.after.is_empty() {
            return Ok(Vec::new());
        }
        let (workspace, scope, me) = (self.workspace, &self.scope, self.caller.user);
        let after: Vec<(RecordId, u64)> = watched.after.iter().map(|(id, (since, _))| (*id, *since)).collect();
        let changes = follows::changes(tx, workspace, scope, me, &after, CHANGES_MAX).await?;
        let roles = self.leading_to(watched);
        let followed: Vec<RecordId> = watched.after.keys().copied().collect();
        let used = follows::roles_of(tx, workspace, &followed).await?;
        let seeks = watched.after.iter().flat_map(|(id, after)| seeks(&roles, &watched.names[id], *after));
        let seeks: Vec<Seek<'_>> = seeks.filter(|seek| used.get(&seek.about).is_some_and(|roles| roles.contains(seek.role))).collect();
        let sources: Vec<String> = roles.iter().map(|(_, kind, role)| format!("{kind}.{role}")).collect();
        let mut made = follows::made(tx, workspace, scope, me, (&seeks, &sources), CHANGES_MAX).await?;
        let mut known = HashSet::new();
        made.retain(|done| known.insert(done.made));
        let mut together: BTreeMap<_, Vec<Done>> = BTreeMap::new();
        for done in changes {
            together.entry((done.about, done.user, done.at)).or_default().push(done);
        }
        let mut all: Vec<Vec<Done>> = together.into_values().chain(made.into_iter().map(|done| vec![done])).collect();
        all.sort_by_key(|acts| std::cmp::Reverse(acts[0].position));
        all.truncate(NEWS_MAX);
        Ok(all)
    }

    /// By which roles, that the caller may see, records link to the kinds of what is watched: `(to, kind, role)`.
    fn leading_to(&self, watched: &Watched) -> Vec<(KindName, KindName, String)> {
        let kinds: BTreeSet<&KindName> = watched.names.values().map(|linked| &linked.kind).collect();
        let mut roles = Vec::new();
        for kind in self.kinds().filter(|kind| !is_own_note(&kind.name)) {
            let seen = kind.fields.iter().filter(|field| self.may_read(kind, &field.name) && *field.name != *duplicates::FIELD);
            for (role, field) in seen.flat_map(links_of) {
                let to = field.to.iter().filter(|to| kinds.contains(to));
                roles.extend(to.map(|to| (to.clone(), kind.name.clone(), role.clone())));
            }
        }
        roles
    }

    /// What changes did to which fields.
    async fn entries_of(&self, done: &[Vec<Done>]) -> Result<HashMap<ChangeHash, Vec<Entry>>, ReadError> {
        let changed: BTreeSet<RecordId> = done.iter().filter(|acts| acts[0].made.is_none()).map(|acts| acts[0].about).collect();
        let told: HashSet<ChangeHash> = done.iter().flatten().map(|done| done.change).collect();
        let mut entries: HashMap<ChangeHash, Vec<Entry>> = HashMap::new();
        for id in changed {
            let history = self.history(id).await?.map(|history| history.entries).unwrap_or_default();
            for entry in history.into_iter().filter(|entry| told.contains(&entry.change)) {
                entries.entry(entry.change).or_default().push(entry);
            }
        }
        Ok(entries)
    }
}

/// The links of a field with their roles: itself, or its parts.
fn links_of(field: &Field) -> Vec<(String, &Field)> {
    let parts = field.items.iter().map(|item| (format!("{}.{}", field.name, item.name), item));
    std::iter::once((field.name.to_string(), field)).chain(parts).filter(|(_, field)| field.value == ValueType::Link).collect()
}

fn seeks<'r>(roles: &'r [(KindName, KindName, String)], about: &Linked, (since, at): (u64, Millis)) -> Vec<Seek<'r>> {
    let from = RecordId::new(at.saturating_sub(AWAY_MAX_MS).max(0), [0; 10]);
    let its: BTreeSet<&str> = roles.iter().filter(|(to, ..)| *to == about.kind).map(|(.., role)| &**role).collect();
    its.into_iter().map(|role| Seek { about: about.id, role, since, from }).collect()
}
