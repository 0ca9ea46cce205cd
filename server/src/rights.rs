//! What a change of roles, or of what somebody is, would do: to what people see and phones hold, to what people may.
//!
//! Computed from the records and devices that there are, before anything is written. Never writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sync_core::access::{self, Action, Level, Member, Reach, Right, Role, RoleSet, Roles};
use sync_core::id::{Facet, KindName, RecordId, UserId, WorkspaceId};
use sync_core::schema::{Kind, Label};

use crate::app::App;
use crate::intake::{Rules, members};
use crate::reading;
use crate::store::rights::{Moved, Shift, moved, tally};
use crate::store::scope::{Near, Scope};
use crate::store::{Result, Tx, devices, lists, people, records};

mod otherwise;

/// Records of a kind beyond which it is not worked out beforehand whose they would be: some seconds' work.
const COUNTED_MAX: u64 = 100_000;

/// What is to be changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// A role becomes another.
    Role(Role),
    /// A role goes; a built-in one is what it was.
    Gone(String),
    /// Somebody becomes another.
    Person(Person),
    /// A kind says otherwise whose its records are.
    Kind(Box<Kind>),
}

/// What somebody is to be.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// What they may do; none: they are shut out.
    pub roles: Option<RoleSet>,
    /// The teams that they are in: their colleagues there reach what is theirs, and they what is their colleagues'.
    pub teams: BTreeSet<String>,
    /// The territories that they look after.
    pub territories: BTreeSet<String>,
}

/// What it would do.
#[derive(Debug, Clone, Default)]
pub struct Effect {
    /// Of each kind of which records come or go: how many, for anybody at all.
    pub kinds: Vec<(Arc<Kind>, Moved)>,
    /// For whom.
    pub people: Vec<Touched>,
    /// What people may do no longer, or from then on.
    pub deeds: Vec<Deed>,
    /// Records of which it is not worked out beforehand whose they would be.
    pub uncounted: u64,
}

/// Somebody who would see more or less.
#[derive(Debug, Clone)]
pub struct Touched {
    /// Who.
    pub user: UserId,
    /// What they are called.
    pub name: String,
    /// Their phones that are in use.
    pub phones: u64,
    /// What moves for them, of all kinds.
    pub moved: Moved,
}

/// Something that some may do no longer, or from then on.
#[derive(Debug, Clone)]
pub struct Deed {
    /// What: `change deals`.
    pub what: Label,
    /// Who may no longer.
    pub lost: Vec<String>,
    /// Who may then.
    pub won: Vec<String>,
}

impl Effect {
    /// Records that somebody loses.
    pub fn gone(&self) -> u64 {
        self.kinds.iter().map(|(_, moved)| moved.gone).sum()
    }

    /// Phones on which records go or come.
    pub fn phones(&self, which: impl Fn(&Moved) -> u64) -> u64 {
        self.people.iter().filter(|person| which(&person.moved) > 0).map(|person| person.phones).sum()
    }

    /// Whether nobody would notice.
    pub fn is_nothing(&self) -> bool {
        self.people.is_empty() && self.deeds.is_empty() && self.uncounted == 0
    }
}

/// Somebody of the workspace, before and after.
struct Case {
    user: UserId,
    name: String,
    phones: u64,
    before: Option<RoleSet>,
    after: Option<RoleSet>,
    /// Whom they reach.
    now: Reach,
    /// Whom they reach then, if others than now.
    reach: Option<Reach>,
}

/// What a change would do to everybody.
///
/// # Errors
/// When the database fails.
pub async fn effect(app: &App, workspace: WorkspaceId, change: &Change) -> Result<Effect> {
    let rules = app.intake.rules(workspace);
    let schema = match change {
        Change::Kind(kind) => Arc::new(otherwise::schema_with(&rules.schema, kind)),
        Change::Role(_) | Change::Gone(_) | Change::Person(_) => rules.schema.clone(),
    };
    let then = Rules { schema, roles: Arc::new(changed(&rules.roles, change)), country: rules.country };
    let regrouped = regrouped(&rules, &then, change);
    let mut tx = app.store.reader().await?;
    let cases = cases(&mut tx, workspace, change).await?;
    let shift = |case: &Case| Shift {
        before: sight(&rules, case.user, case.before.as_ref()),
        after: sight(&then, case.user, case.after.as_ref()),
        now: case.now.clone(),
        reach: case.reach.clone(),
    };
    let shifts: Vec<Shift> = cases.iter().map(shift).collect();
    let mut effect = Effect { deeds: deeds(&rules, &then, &cases), ..Effect::default() };
    let mut totals: BTreeMap<usize, Moved> = BTreeMap::new();
    for kind in rules.schema.kinds() {
        let is_regrouped = regrouped.contains(&kind.name);
        let is_touched = |shift: &Shift| differs(shift, &kind.name) || is_regrouped && looks_at_holders(shift, &kind.name);
        let touched: Vec<usize> = (0..cases.len()).filter(|&at| is_touched(&shifts[at])).collect();
        if touched.is_empty() {
            continue;
        }
        let some: Vec<Shift> = touched.iter().map(|&at| shifts[at].clone()).collect();
        let mut counts = match is_regrouped {
            false => moved(&mut tx, workspace, &kind.name, &some).await?,
            true => match records::count_of_kind(&mut tx, workspace, &kind.name).await? {
                records if records > COUNTED_MAX => {
                    effect.uncounted += records;
                    continue;
                }
                _ => tally(&kind.name, &some, &otherwise::sorts(&mut tx, workspace, &then.schema, &kind.name).await?),
            },
        };
        let any = counts.pop().unwrap_or_default();
        if any != Moved::default() {
            effect.kinds.push((kind.clone(), any));
        }
        for (at, moved) in touched.into_iter().zip(counts) {
            let total = totals.entry(at).or_default();
            *total = Moved {
                gone: total.gone + moved.gone,
                less: total.less + moved.less,
                more: total.more + moved.more,
                come: total.come + moved.come,
            };
        }
    }
    let shown = totals.into_iter().filter(|(_, moved)| *moved != Moved::default());
    effect.people =
        shown.map(|(at, moved)| Touched { user: cases[at].user, name: cases[at].name.clone(), phones: cases[at].phones, moved }).collect();
    Ok(effect)
}

/// Whether somebody sees a record, and why or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// These parts of it.
    Sees(Vec<Facet>),
    /// They are shut out.
    ShutOut,
    /// Their roles show no records of its kind.
    NotThisKind,
    /// Their roles show some of its kind; this one is somebody else's, or nobody's.
    NotTheirs,
}

/// Whether somebody sees a record, and why or why not; none when there is no such record.
///
/// # Errors
/// When the database fails.
pub async fn why(app: &App, user: &people::User, record: RecordId) -> Result<Option<(KindName, Sight)>> {
    let rules = app.intake.rules(user.workspace);
    let mut tx = app.store.reader().await?;
    let Some(row) = records::rows_of(&mut tx, user.workspace, &[record]).await?.remove(&record) else { return Ok(None) };
    let scope = seen_by(&rules, user.user, &user.role);
    let facets = scope.of(&row.kind).map(|scope| scope.facets.clone());
    let sight = match facets {
        _ if user.disabled_at.is_some() => Sight::ShutOut,
        None => Sight::NotThisKind,
        Some(facets) if lists::seen(&mut tx, user.workspace, &scope, record).await?.is_some() => {
            Sight::Sees(facets.into_iter().filter(|facet| row.facets[*facet as usize].is_some()).collect())
        }
        Some(_) => Sight::NotTheirs,
    };
    Ok(Some((row.kind, sight)))
}

fn changed(roles: &Roles, change: &Change) -> Roles {
    let mut roles = roles.clone();
    match change {
        Change::Role(role) => roles.insert(role.clone()),
        Change::Gone(name) => roles.reset(name),
        Change::Person(_) | Change::Kind(_) => {}
    }
    roles
}

async fn cases(tx: &mut Tx, workspace: WorkspaceId, change: &Change) -> Result<Vec<Case>> {
    let mut phones: BTreeMap<UserId, u64> = BTreeMap::new();
    for device in devices::devices(tx, workspace).await?.into_iter().filter(|device| device.revoked_at.is_none()) {
        *phones.entry(device.user).or_default() += 1;
    }
    let now = members(tx, workspace).await?;
    let then = changed_members(&now, change);
    let case = |user: people::User| {
        let before = user.disabled_at.is_none().then_some(user.role);
        let after = match change {
            Change::Person(person) if person.user == user.user => person.roles.clone(),
            _ => before.clone(),
        };
        let now = Reach::of(user.user, &now);
        let reach = Some(Reach::of(user.user, &then)).filter(|reach| *reach != now);
        Case { user: user.user, name: user.name, phones: phones.get(&user.user).copied().unwrap_or(0), before, after, now, reach }
    };
    let cases = people::users(tx, workspace).await?.into_iter().map(case);
    Ok(cases.filter(|case| case.before.is_some() || case.after.is_some()).collect())
}

/// Everybody as they are then, as far as it matters who reaches what.
fn changed_members(now: &[Member], change: &Change) -> Vec<Member> {
    let mut then = now.to_vec();
    if let Change::Person(person) = change {
        let reports_to = now.iter().find(|member| member.user == person.user).and_then(|member| member.reports_to);
        then.retain(|member| member.user != person.user);
        let (teams, territories) = (person.teams.clone(), person.territories.clone());
        then.push(Member { user: person.user, teams, territories, reports_to });
    }
    then
}

/// What somebody with these roles sees.
pub fn seen_by(rules: &Rules, user: UserId, role: &RoleSet) -> Scope {
    reading::scope(rules, &access::Caller { user, role: role.clone() })
}

/// As [`seen_by`]; whoever has none sees nothing.
fn sight(rules: &Rules, user: UserId, role: Option<&RoleSet>) -> Scope {
    role.map_or_else(Scope::default, |role| seen_by(rules, user, role))
}

/// Whether a kind says otherwise whose its records are.
pub fn is_regrouped(rules: &Rules, kind: &Kind) -> bool {
    !otherwise::regrouped(&rules.schema, &otherwise::schema_with(&rules.schema, kind), &kind.name).is_empty()
}

fn regrouped(now: &Rules, then: &Rules, change: &Change) -> BTreeSet<KindName> {
    match change {
        Change::Kind(kind) => otherwise::regrouped(&now.schema, &then.schema, &kind.name),
        Change::Role(_) | Change::Gone(_) | Change::Person(_) => BTreeSet::new(),
    }
}

/// Whether it matters whose the records of a kind are, before or after.
fn looks_at_holders(shift: &Shift, kind: &KindName) -> bool {
    [&shift.before, &shift.after].into_iter().any(|scope| scope.of(kind).is_some_and(|scope| scope.near.is_some()))
}

fn differs(shift: &Shift, kind: &KindName) -> bool {
    let looks_at_reach = |near: Option<Near>| near.is_some_and(|near| near.level > Level::Own);
    let reaches_others = shift.reach.is_some() && shift.after.of(kind).is_some_and(|scope| looks_at_reach(scope.near));
    reaches_others || shift.before.of(kind) != shift.after.of(kind)
}

/// What people may do no longer, or from then on: rights, and acts upon records of a kind.
fn deeds(now: &Rules, then: &Rules, cases: &[Case]) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let mut add = |what: Label, far: &dyn Fn(&Rules, &RoleSet) -> u8| {
        let (mut lost, mut won) = (BTreeSet::new(), BTreeSet::new());
        for case in cases {
            let before = case.before.as_ref().map_or(0, |role| far(now, role));
            let after = case.after.as_ref().map_or(0, |role| far(then, role));
            match after.cmp(&before) {
                std::cmp::Ordering::Less => drop(lost.insert(case.name.clone())),
                std::cmp::Ordering::Greater => drop(won.insert(case.name.clone())),
                std::cmp::Ordering::Equal => {}
            }
        }
        if !lost.is_empty() || !won.is_empty() {
            deeds.push(Deed { what, lost: lost.into_iter().collect(), won: won.into_iter().collect() });
        }
    };
    for right in Right::ALL {
        add(right.label(), &|rules, role| u8::from(rules.roles.may(role, right)));
    }
    for kind in now.schema.kinds() {
        for action in Action::ALL.into_iter().filter(|action| *action != Action::Read) {
            add(access::deed(kind, action), &|rules, role| {
                rules.schema.kind(&kind.name).map_or(0, |kind| rules.roles.level(role, kind, action) as u8)
            });
        }
    }
    deeds
}
