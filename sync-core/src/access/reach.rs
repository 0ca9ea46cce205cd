//! Whose records are, and whom somebody reaches: what the levels `own`, `team` and `territory` compare.
//!
//! A record has *holders*: its owner, its teams, its territories, and those of the customer that it follows.
//! A person *reaches* some holders, each from a level on. Both are worked out when a record or a member is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::Level;
use crate::id::{BadId, RecordId, UserId};
use crate::merge;
use crate::record::doc::Doc;
use crate::schema::Kind;

/// How far records follow others: a file follows an activity, that a deal, that a customer.
pub const FOLLOW_DEPTH_MAX: usize = 4;

/// Somebody or something that a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    /// A person.
    User(UserId),
    /// A team, by name.
    Team(String),
    /// A territory, by name.
    Territory(String),
    /// The record that it follows, as such: says what goes with a customer, and grants nothing.
    Record(RecordId),
    /// Who answers for the key account that it is or follows, as such: theirs it is as a [`Holder::User`].
    Manager(UserId),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::User(user) => write!(f, "user:{user}"),
            Holder::Team(name) => write!(f, "team:{name}"),
            Holder::Territory(name) => write!(f, "territory:{name}"),
            Holder::Record(record) => write!(f, "record:{record}"),
            Holder::Manager(user) => write!(f, "manager:{user}"),
        }
    }
}

impl FromStr for Holder {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match text.split_once(':') {
            Some(("team", name)) => Ok(Holder::Team(name.to_owned())),
            Some(("territory", name)) => Ok(Holder::Territory(name.to_owned())),
            Some(("record", record)) => Ok(Holder::Record(record.parse()?)),
            Some(("manager", user)) => Ok(Holder::Manager(user.parse()?)),
            Some((_, user)) => Ok(Holder::User(user.parse()?)),
            None => Ok(Holder::User(text.parse()?)),
        }
    }
}

/// What a record says itself of whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its owner or author, its teams and territories.
    pub holders: BTreeSet<Holder>,
    /// The records that it follows.
    pub follows: BTreeSet<RecordId>,
}

impl Facts {
    /// As they stand in its main row. `author`: who made it; it is theirs as long as it has no owner.
    pub fn of(kind: &Kind, main: &Map<String, Value>, author: Option<UserId>) -> Self {
        let owner = kind.owner.as_ref().and_then(|field| main.get(&**field)).and_then(Value::as_str).and_then(|id| id.parse().ok());
        let mut holders: BTreeSet<Holder> = owner.or(author).map(Holder::User).into_iter().collect();
        let sharing = &kind.sharing;
        holders.extend(texts_of(main, sharing.teams.as_deref()).map(|team| Holder::Team(team.to_owned())));
        holders.extend(texts_of(main, sharing.territories.as_deref()).map(|territory| Holder::Territory(territory.to_owned())));
        holders.extend(manager(kind, main).into_iter().flat_map(|user| [Holder::User(user), Holder::Manager(user)]));
        let follows = texts_of(main, sharing.follows.as_deref()).filter_map(|id| id.parse().ok()).collect();
        Self { holders, follows }
    }

    /// As a main document shows them.
    pub fn in_doc(kind: &Kind, main: &Doc, author: Option<UserId>) -> Self {
        let fields = kind.sharing_fields().filter_map(|name| kind.field(name));
        let shown = fields.filter_map(|field| Some((field.name.to_string(), merge::shown(main, field)?)));
        Self::of(kind, &shown.collect(), author)
    }
}

/// The key account that a record is or follows, the nearest one, and who answers for it. `look` answers what stands for a record
/// after merges, and what that says of whose it is.
///
/// # Errors
/// Those of `look`.
pub fn key_account<E>(
    record: RecordId,
    mut look: impl FnMut(RecordId) -> Result<(RecordId, Facts), E>,
) -> Result<Option<(RecordId, UserId)>, E> {
    // Records may follow each other in a circle: each is looked at once.
    let (mut seen, mut frontier) = (BTreeSet::from([record]), vec![record]);
    for _ in 0..=FOLLOW_DEPTH_MAX {
        let mut above = Vec::new();
        for record in std::mem::take(&mut frontier) {
            let (account, facts) = look(record)?;
            if let Some(manager) = manager_among(&facts.holders) {
                return Ok(Some((account, manager)));
            }
            above.extend(facts.follows);
        }
        frontier = above.into_iter().filter(|followed| seen.insert(*followed)).collect();
    }
    Ok(None)
}

/// Who answers for a record as a key account, if it is one.
pub(super) fn manager(kind: &Kind, main: &Map<String, Value>) -> Option<UserId> {
    let (key, manager) = kind.sharing.key_account()?;
    main.get(&**key).and_then(Value::as_bool).filter(|is_key| *is_key)?;
    main.get(&**manager)?.as_str()?.parse().ok()
}

/// Who answers for the key account that a record with these holders is or follows.
pub fn manager_among<'h>(holders: impl IntoIterator<Item = &'h Holder>) -> Option<UserId> {
    holders.into_iter().find_map(|holder| if let Holder::Manager(user) = holder { Some(*user) } else { None })
}

/// The texts of a field.
fn texts_of<'m>(main: &'m Map<String, Value>, field: Option<&str>) -> impl Iterator<Item = &'m str> {
    field.and_then(|field| main.get(field)).into_iter().flat_map(texts)
}

/// The texts of a value: one, or those of a set.
pub(super) fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter().filter_map(Value::as_str)
}

/// A colleague, as far as it matters who reaches what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// The teams they are in.
    pub teams: BTreeSet<String>,
    /// The territories they look after.
    pub territories: BTreeSet<String>,
    /// Whom they report to.
    pub reports_to: Option<UserId>,
}

/// The kind whose records are colleagues: each has the id of its user.
pub const MEMBER_KIND: &str = "member";

impl Member {
    /// As they stand in the row of a member.
    pub fn of(record: RecordId, main: &Map<String, Value>) -> Self {
        let set = |field| texts_of(main, Some(field)).map(str::to_owned).collect();
        let reports_to = texts_of(main, Some("reports_to")).next().and_then(|id| id.parse().ok());
        Self { user: UserId(record.0), teams: set("teams"), territories: set("territories"), reports_to }
    }
}

/// Whom somebody reaches, each from which level on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    levels: BTreeMap<Holder, Level>,
}

impl Reach {
    /// Somebody of whom nothing else is known.
    pub fn alone(user: UserId) -> Self {
        Self { levels: BTreeMap::from([(Holder::User(user), Level::Own)]) }
    }

    /// What follows from who is in which team, looks after which territory and reports to whom.
    pub fn of(user: UserId, members: &[Member]) -> Self {
        let mut reach = Self::alone(user);
        if let Some(me) = members.iter().find(|member| member.user == user) {
            for member in members.iter().filter(|member| !member.teams.is_disjoint(&me.teams)) {
                reach.add(Holder::User(member.user), Level::Team);
            }
            me.teams.iter().for_each(|team| reach.add(Holder::Team(team.clone()), Level::Team));
            me.territories.iter().for_each(|territory| reach.add(Holder::Territory(territory.clone()), Level::Territory));
        }
        let mut managers = vec![user];
        let mut followed = BTreeSet::from([user]);
        while let Some(manager) = managers.pop() {
            for member in members.iter().filter(|member| member.reports_to == Some(manager)) {
                reach.add(Holder::User(member.user), Level::Team);
                // People may report in a circle.
                if followed.insert(member.user) {
                    managers.push(member.user);
                }
            }
        }
        reach
    }

    /// A reach that was kept.
    pub fn kept(levels: impl IntoIterator<Item = (Holder, Level)>) -> Self {
        Self { levels: levels.into_iter().collect() }
    }

    fn add(&mut self, holder: Holder, level: Level) {
        self.levels.entry(holder).or_insert(level);
    }

    /// Each holder, and from which level on it is reached.
    pub fn levels(&self) -> impl Iterator<Item = (&Holder, Level)> {
        self.levels.iter().map(|(holder, level)| (holder, *level))
    }

    /// How far one must go to reach a record with these holders: [`Level::All`] when none of them is reached.
    pub fn distance<'h>(&self, holders: impl IntoIterator<Item = &'h Holder>) -> Level {
        holders.into_iter().filter_map(|holder| self.levels.get(holder)).min().copied().unwrap_or(Level::All)
    }
}

/// All holders of a record, and whether each is its own: what it follows brings its own holders, however far up.
///
/// `own` answers the holders that a record has itself, `parents` what it follows.
pub fn holders(
    record: RecordId,
    own: impl Fn(RecordId) -> BTreeSet<Holder>,
    parents: impl Fn(RecordId) -> BTreeSet<RecordId>,
) -> BTreeMap<Holder, bool> {
    let mut holders: BTreeMap<Holder, bool> = own(record).into_iter().map(|holder| (holder, true)).collect();
    // Records may follow each other in a circle: each counts once.
    let (mut seen, mut frontier) = (BTreeSet::from([record]), vec![record]);
    for _ in 0..FOLLOW_DEPTH_MAX {
        let above: Vec<RecordId> = frontier.iter().flat_map(|record| parents(*record)).collect();
        frontier = above.into_iter().filter(|parent| seen.insert(*parent)).collect();
        for parent in &frontier {
            holders.entry(Holder::Record(*parent)).or_insert(false);
            own(*parent).into_iter().for_each(|holder| {
                holders.entry(holder).or_insert(false);
            });
        }
    }
    holders
}
