//! How many records come into sight and go out of it when rules change, counted on the rows themselves; and when they
//! have changed.

use std::collections::{BTreeSet, HashMap};

use sync_core::access::{Holder, Reach, RoleSet};
use sync_core::id::{Facet, KindName, RecordId, UserId, WorkspaceId};
use sync_core::query::Param;
use sync_core::record::change::{Change, Op};
use sync_core::value::Scalar;

use super::scope::{KindScope, Near, Scope, Statement};
use super::{Result, StoreError, Tx, id, records};

/// Changes of sight that one statement counts: its expressions are four times as many, and SQLite takes a thousand.
const SHIFTS_PER_STATEMENT: usize = 50;

/// What somebody sees of a kind, and what they will see.
#[derive(Debug, Clone)]
pub struct Shift {
    /// Now.
    pub before: Scope,
    /// Then.
    pub after: Scope,
    /// Whom they reach now.
    pub now: Reach,
    /// Whom they reach then, if others than now.
    pub reach: Option<Reach>,
}

/// Records of one kind that a shift moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// They go out of sight.
    pub gone: u64,
    /// They stay, but a part of them goes.
    pub less: u64,
    /// They stay, and a part of them comes.
    pub more: u64,
    /// They come into sight.
    pub come: u64,
}

/// Where in the feed what says who may do what was written last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    members: HashMap<UserId, u64>,
    roles: HashMap<RecordId, u64>,
}

/// Where members and each role were written last, by the names that role records ever had: when one of a built-in role
/// is called otherwise, that role is what it was built as.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    members: HashMap<UserId, u64>,
    roles: HashMap<String, u64>,
}

impl Turns {
    /// Where the rights of somebody with these roles may have changed last; 0 when they never have.
    pub fn of(&self, user: UserId, roles: &RoleSet) -> u64 {
        let roles = roles.names().filter_map(|role| self.roles.get(role));
        roles.chain(self.members.get(&user)).copied().max().unwrap_or(0)
    }
}

/// Where the members and roles of a workspace were written last.
pub async fn written(tx: &mut Tx, workspace: WorkspaceId) -> Result<Written> {
    let rows: Vec<(String, Vec<u8>, i64)> =
        sqlx::query_as("select kind, record, position from rows where workspace = $1 and kind in ('member', 'role')")
            .bind(&workspace.as_bytes()[..])
            .fetch_all(tx.conn())
            .await?;
    let mut written = Written::default();
    for (kind, record, position) in rows {
        if kind == "role" {
            written.roles.insert(id(RecordId::from_bytes(&record), "record id")?, position as u64);
        } else {
            written.members.insert(id(UserId::from_bytes(&record), "user id")?, position as u64);
        }
    }
    Ok(written)
}

/// Whose rights may have changed by that, and where.
pub async fn turns(tx: &mut Tx, workspace: WorkspaceId, written: &Written) -> Result<Turns> {
    let records: Vec<RecordId> = written.roles.keys().copied().collect();
    let mut turns = Turns { members: written.members.clone(), roles: HashMap::new() };
    for stored in records::changes_of(tx, workspace, &records).await? {
        let position = written.roles.get(&stored.record).copied().unwrap_or(0);
        for name in Change::read(&stored.body).into_iter().flat_map(names_in) {
            let last = turns.roles.entry(name).or_default();
            *last = position.max(*last);
        }
    }
    Ok(turns)
}

/// What a change of a role's record calls it.
fn names_in(change: Change) -> impl Iterator<Item = String> {
    change.ops.into_iter().filter_map(|op| match op {
        Op::Put { path, value: Scalar::Text(name), .. } if &*path == "name" => Some(name.into()),
        _ => None,
    })
}

/// What each shift moves of a kind, and last what any of them does; archived records count.
pub async fn moved(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName, shifts: &[Shift]) -> Result<Vec<Moved>> {
    let mut moved = Vec::new();
    for some in shifts.chunks(SHIFTS_PER_STATEMENT) {
        moved.append(&mut count(tx, workspace, kind, some, false).await?);
    }
    moved.append(&mut count(tx, workspace, kind, shifts, true).await?);
    Ok(moved)
}

async fn count(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName, shifts: &[Shift], any: bool) -> Result<Vec<Moved>> {
    let row: Vec<(String,)> = counting(workspace, kind, shifts, any).all(tx).await?;
    let numbers = row.first().map_or("", |(text,)| text).split(',').map(str::parse::<u64>).collect::<std::result::Result<Vec<_>, _>>();
    let numbers = numbers.map_err(|_| StoreError::Damaged("count"))?;
    Ok(numbers.chunks(4).map(|each| Moved { gone: each[0], less: each[1], more: each[2], come: each[3] }).collect())
}

pub(super) fn counting(workspace: WorkspaceId, kind: &KindName, shifts: &[Shift], any: bool) -> Statement {
    let touched: Option<Vec<BTreeSet<Holder>>> = shifts.iter().map(|shift| shift.touched(kind)).collect();
    let mut statement = Statement::of("select ", workspace);
    let mut conditions: Vec<[String; 4]> = shifts.iter().map(|shift| shift.conditions(kind, &mut statement)).collect();
    if any {
        conditions = vec![[0, 1, 2, 3].map(|at| any_of(&conditions, at))];
    }
    let counts: Vec<String> =
        conditions.iter().flatten().map(|condition| format!("cast(count(*) filter (where {condition}) as text)")).collect();
    statement.push(&counts.join(" || ',' || "));
    let kind = statement.bind(Param::Text(kind.to_string()));
    let Some(touched) = touched else {
        statement.push(&format!(" from rows where workspace = $1 and kind = {kind}"));
        return statement;
    };
    // Looked at alone: another team for one person moves a few hundred of what may be hundreds of thousands, for each
    // colleague of the team. A cross join and `+`: SQLite would rather walk all rows or all of the kind.
    let holders = touched.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().map(|holder| holder.to_string());
    let holders = statement.bind(Param::Text(serde_json::Value::from_iter(holders).to_string()));
    statement.push(&format!(
        " from (select distinct +h.record as record from holders h where h.workspace = $1 and h.holder in (select value from json_each({holders}))) t \
         cross join rows on rows.workspace = $1 and rows.record = t.record where +rows.kind = {kind}"
    ));
    statement
}

/// In groups of groups: SQLite's expressions may not be deeper than a thousand.
fn any_of(conditions: &[[String; 4]], at: usize) -> String {
    let group = |some: &[[String; 4]]| some.iter().map(|each| format!("({})", each[at])).collect::<Vec<_>>().join(" or ");
    conditions.chunks(SHIFTS_PER_STATEMENT).map(|some| format!("({})", group(some))).collect::<Vec<_>>().join(" or ")
}

impl Shift {
    /// The holders of which every record has one that the shift moves or of which another part is seen then; none where that
    /// may be any record.
    fn touched(&self, kind: &KindName) -> Option<BTreeSet<Holder>> {
        let (before, after) = (self.before.of(kind), self.after.of(kind));
        let reached = |scope: Option<&KindScope>, reach: &Reach| match scope.map(|scope| scope.near) {
            None => Some(BTreeSet::new()),
            Some(None) => None,
            Some(Some(Near { user, level })) => {
                let holders = reach.levels().filter(|(_, from)| *from <= level).map(|(holder, _)| holder.clone());
                Some(holders.chain([Holder::User(user)]).collect())
            }
        };
        let (now, then) = (reached(before, &self.now)?, reached(after, self.reach.as_ref().unwrap_or(&self.now))?);
        let facets = |scope: Option<&KindScope>| scope.map(|scope| scope.facets.clone());
        let is_same_part = facets(before) == facets(after);
        Some(if is_same_part { now.symmetric_difference(&then).cloned().collect() } else { now.union(&then).cloned().collect() })
    }

    /// When a row goes, loses a part, gains one, comes.
    fn conditions(&self, kind: &KindName, statement: &mut Statement) -> [String; 4] {
        let before = self.before.sees("rows", kind, |param| statement.bind(param));
        let after = self.after.sees_reaching("rows", kind, self.reach.as_ref(), |param| statement.bind(param));
        let parts = |from: &Scope, to: &Scope| {
            let lost = |facet: &&Facet| from.shows(kind, **facet) && !to.shows(kind, **facet);
            let parts: Vec<String> = Facet::ALL.iter().filter(lost).map(|facet| format!("rows.{facet} is not null")).collect();
            // Said so, SQLite does not even look at the rest.
            if parts.is_empty() { "0".to_owned() } else { format!("({})", parts.join(" or ")) }
        };
        let (less, more) = (parts(&self.before, &self.after), parts(&self.after, &self.before));
        // What is unknown to the database, as the owner of a record that has none, is not seen.
        let not = |condition: &str| format!("(case when {condition} then 1 else 0 end) = 0");
        let is_all = |scope: &Scope| scope.of(kind).is_some_and(|scope| scope.near.is_none());
        let out_of = |from: &str, to: &str, sees_all: bool| if sees_all { "0".to_owned() } else { format!("({from}) and {}", not(to)) };
        [
            out_of(&before, &after, is_all(&self.after)),
            format!("{less} and ({before}) and ({after})"),
            format!("{more} and ({before}) and ({after})"),
            out_of(&after, &before, is_all(&self.before)),
        ]
    }
}

/// How many records of each kind are in sight, archived ones aside.
pub async fn in_sight(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope) -> Result<Vec<(KindName, u64)>> {
    let mut statement =
        Statement::of("select rows.kind, count(*) from rows where rows.workspace = $1 and rows.archived = 0 and ", workspace);
    let sees = scope.sees_any("rows", &mut statement);
    statement.push(&sees).push(" group by rows.kind order by rows.kind");
    let rows: Vec<(String, i64)> = statement.all(tx).await?;
    rows.into_iter().map(|(kind, count)| Ok((super::id(kind.parse(), "kind name")?, count as u64))).collect()
}

#[cfg(test)]
mod tests {
    use sync_core::access::Level;

    use super::*;
    use crate::store::{Options, Store};

    fn shift(level: Level, teams: &[&str], then: &[&str]) -> Shift {
        let user = UserId::of_cause("ann");
        let near = Near { user, level };
        let kinds = [("party".parse().unwrap(), KindScope { facets: vec![Facet::Main], is_whole: false, title: true, near: Some(near) })];
        let scope = Scope { kinds: kinds.into() };
        let reach = |teams: &[&str]| Reach::kept(teams.iter().map(|team| (Holder::Team((*team).to_owned()), Level::Team)));
        Shift { before: scope.clone(), after: scope, now: reach(teams), reach: Some(reach(then)) }
    }

    #[tokio::test]
    async fn another_team_looks_at_the_records_that_it_moves_and_no_others() {
        let (kind, workspace) = ("party".parse().unwrap(), WorkspaceId::of_cause("test"));
        let team = shift(Level::Team, &["north"], &["north", "south"]);
        assert_eq!(team.touched(&kind), Some(BTreeSet::from([Holder::Team("south".to_owned())])));
        assert_eq!(shift(Level::Own, &["north"], &["south"]).touched(&kind), Some(BTreeSet::new()), "who sees their own alone");
        let mut all = team.clone();
        all.after.kinds.values_mut().for_each(|scope| scope.near = None);
        assert_eq!(all.touched(&kind), None, "it may be any record");

        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        let plan = counting(workspace, &kind, &[team], false).plan(&mut tx).await;
        assert!(
            plan.contains("SEARCH rows USING INDEX sqlite_autoindex_rows_1 (workspace=? AND record=?)")
                && plan.contains("holders_by_holder (workspace=? AND holder=?)"),
            "{plan}"
        );
    }
}
