//! How many records come into sight and go out of it when rules change, counted on the rows themselves; and when they
//! have changed.

use std::collections::HashMap;

use sync_core::access::{Holder, Reach, RoleSet};
use sync_core::id::{Facet, KindName, RecordId, UserId, WorkspaceId};
use sync_core::record::change::{Change, Op};
use sync_core::value::Scalar;

use super::remembered::Answers;
use super::scope::{KindScope, Scope, Statement, reached};
use super::{Result, Tx, id, records};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
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

/// Records that are alike in whose they are and which parts they have: what anybody sees of a record hangs on that alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// Whose they are now.
    pub before: Vec<Holder>,
    /// Whose they are then.
    pub after: Vec<Holder>,
    /// Which facets they have.
    pub parts: [bool; 3],
    /// How many they are.
    pub records: u64,
}

/// What each shift moves of a kind, and last what any of them does; archived records count.
///
/// Records that are alike are counted once, however many people it concerns: of hundreds of thousands there are a few hundred
/// sorts.
pub async fn moved(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName, shifts: &[Shift]) -> Result<Vec<Moved>> {
    let with_parts = shifts.iter().map(|shift| shift.views(kind)).any(|[before, after]| before.facets() != after.facets());
    let sorts: Vec<SortTuple> = sorts_statement(workspace, kind, with_parts).all(tx).await?;
    let sort = |(held, commercial, private, records): SortTuple| {
        let holders: Vec<Holder> = held.iter().flat_map(|held| held.split(BETWEEN)).filter_map(|holder| holder.parse().ok()).collect();
        Sort { before: holders.clone(), after: holders, parts: [true, commercial != 0, private != 0], records: records as u64 }
    };
    Ok(tally(kind, shifts, &sorts.into_iter().map(sort).collect::<Vec<_>>()))
}

/// The same of records that are sorted already.
pub fn tally(kind: &KindName, shifts: &[Shift], sorts: &[Sort]) -> Vec<Moved> {
    let views: Vec<[View<'_>; 2]> = shifts.iter().map(|shift| shift.views(kind)).collect();
    let mut moved = vec![Moved::default(); shifts.len() + 1];
    for sort in sorts {
        let mut any = [false; 4];
        for (at, [before, after]) in views.iter().enumerate() {
            let ways = before.ways(after, [&sort.before, &sort.after], sort.parts);
            moved[at].add(ways, sort.records);
            any = std::array::from_fn(|way| any[way] || ways[way]);
        }
        moved[shifts.len()].add(any, sort.records);
    }
    moved
}

/// Between the holders of a record.
const BETWEEN: char = '\u{1f}';

/// Whose some records are, whether they have a commercial and a private part, and how many they are.
type SortTuple = (Option<String>, i64, i64, i64);

fn sorts_statement(workspace: WorkspaceId, kind: &KindName, with_parts: bool) -> Statement {
    // Without them the index alone is read.
    let parts = if with_parts { "rows.commercial is not null, rows.private is not null" } else { "0, 0" };
    let mut statement = Statement::of("", workspace);
    statement.push(&format!(
        "select (select group_concat(h.holder, char(31)) from holders h where h.workspace = rows.workspace and h.record = rows.record \
         and h.holder not like 'record:%') as held, {parts}, count(*) from rows where rows.workspace = $1 and rows.kind = '{kind}' \
         group by 1, 2, 3"
    ));
    statement
}

impl Moved {
    fn add(&mut self, ways: [bool; 4], records: u64) {
        let counts = [&mut self.gone, &mut self.less, &mut self.more, &mut self.come];
        counts.into_iter().zip(ways).filter(|(_, goes)| *goes).for_each(|(count, _)| *count += records);
    }
}

/// What somebody sees of a kind: which records, by whom they reach, and which parts of them.
struct View<'a> {
    scope: Option<&'a KindScope>,
    reach: &'a Reach,
}

impl View<'_> {
    fn facets(&self) -> &[Facet] {
        self.scope.map_or(&[][..], |scope| &scope.facets[..])
    }

    fn sees(&self, holders: &[Holder]) -> bool {
        self.scope.is_some_and(|scope| scope.near.is_none_or(|near| self.reach.distance(holders) <= near.level))
    }

    /// Whether such records go, lose a part, gain one, come, for whoever sees this now and something else then.
    fn ways(&self, then: &Self, [held, held_then]: [&[Holder]; 2], has: [bool; 3]) -> [bool; 4] {
        let lost = |from: &Self, to: &Self| {
            Facet::ALL.into_iter().any(|facet| has[facet as usize] && from.facets().contains(&facet) && !to.facets().contains(&facet))
        };
        match (self.sees(held), then.sees(held_then)) {
            (true, true) => [false, lost(self, then), lost(then, self), false],
            (before, after) => [before && !after, false, false, after && !before],
        }
    }
}

impl Shift {
    /// What is seen of a kind now, and then.
    fn views(&self, kind: &KindName) -> [View<'_>; 2] {
        let before = View { scope: self.before.of(kind), reach: &self.now };
        let after = View { scope: self.after.of(kind), reach: self.reach.as_ref().unwrap_or(&self.now) };
        [before, after]
    }
}

/// How many records of each kind are in sight, archived ones aside.
pub async fn in_sight(tx: &mut Tx, answers: &Answers, workspace: WorkspaceId, scope: &Scope) -> Result<Vec<(KindName, u64)>> {
    let mut statement = Statement::of("", workspace);
    // Kinds that are seen alike at once, each counted in an index.
    let counts = scope.alike(|scope| scope.near).into_iter().map(|(near, kinds)| {
        let reached = reached(near, "rows", |param| statement.bind(param));
        format!(
            "select rows.kind, count(*) from rows where rows.workspace = $1 and rows.kind in ({kinds}) and rows.archived = 0 \
             and {reached} group by rows.kind"
        )
    });
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    statement.push(&counts.join(" union all "));
    let rows: Vec<(String, i64)> = answers.to(tx, workspace, statement, true).await?;
    rows.into_iter().map(|(kind, count)| Ok((super::id(kind.parse(), "kind name")?, count as u64))).collect()
}

#[cfg(test)]
mod tests {
    use sync_core::access::Level;

    use super::*;
    use crate::store::scope::Near;
    use crate::store::{Options, Store};

    fn scope(near: Option<Level>, facets: &[Facet]) -> KindScope {
        let near = near.map(|level| Near { user: UserId::of_cause("ann"), level });
        KindScope { facets: facets.to_vec(), is_whole: false, title: true, near }
    }

    #[test]
    fn a_record_goes_comes_or_loses_a_part_by_whose_it_is() {
        let ann = Holder::User(UserId::of_cause("ann"));
        let [north, south] = ["north", "south"].map(|team| Holder::Team(team.to_owned()));
        let reach = Reach::kept([(ann.clone(), Level::Own), (north.clone(), Level::Team)]);
        let (main, both) = ([Facet::Main], [Facet::Main, Facet::Commercial]);
        let (own, team) = (scope(Some(Level::Own), &main), scope(Some(Level::Team), &main));
        let (all, deep) = (scope(None, &main), scope(None, &both));
        let cases = [
            (Some(&own), Some(&team), vec![north.clone()], [false, false, false, true]),
            (Some(&own), Some(&team), vec![ann.clone(), north.clone()], [false; 4]),
            (Some(&team), Some(&own), vec![north], [true, false, false, false]),
            (Some(&team), Some(&all), vec![], [false, false, false, true]),
            (Some(&deep), Some(&all), vec![], [false, true, false, false]),
            (Some(&all), Some(&deep), vec![south], [false, false, true, false]),
            (Some(&deep), None, vec![ann], [true, false, false, false]),
        ];
        for (before, after, holders, expected) in cases {
            let [before, after] = [before, after].map(|scope| View { scope, reach: &reach });
            assert_eq!(before.ways(&after, [&holders, &holders], [true, true, false]), expected, "{holders:?}");
        }
    }

    #[tokio::test]
    async fn whose_records_are_is_read_once_from_indexes_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        let plan = sorts_statement(WorkspaceId::of_cause("test"), &"party".parse().unwrap(), false).plan(&mut tx).await;
        assert!(plan.contains("SEARCH rows USING COVERING INDEX") && plan.contains("kind=?"), "{plan}");
        assert!(plan.contains("SEARCH h USING COVERING INDEX sqlite_autoindex_holders_1 (workspace=? AND record=?)"), "{plan}");
    }
}
