//! How many records come into sight and go out of it when rules change: counted on the rows themselves.

use sync_core::id::{Facet, KindName, WorkspaceId};
use sync_core::query::Param;

use super::scope::{Scope, Statement};
use super::{Result, StoreError, Tx};

/// Changes of sight that one statement counts: its expressions are three times as deep, and SQLite takes a thousand.
const SHIFTS_PER_STATEMENT: usize = 50;

/// What somebody sees of a kind, and what they will see.
#[derive(Debug, Clone)]
pub struct Shift {
    /// Now.
    pub before: Scope,
    /// Then.
    pub after: Scope,
}

/// Records of one kind that a shift moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// They go out of sight.
    pub gone: u64,
    /// They stay, but a part of them goes.
    pub less: u64,
    /// They come into sight.
    pub come: u64,
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
    let mut statement = Statement::of("select ", workspace);
    let mut conditions: Vec<[String; 3]> = shifts.iter().map(|shift| shift.conditions(kind, &mut statement)).collect();
    if any {
        conditions = vec![[any_of(&conditions, 0), any_of(&conditions, 1), any_of(&conditions, 2)]];
    }
    let counts: Vec<String> =
        conditions.iter().flatten().map(|condition| format!("cast(count(*) filter (where {condition}) as text)")).collect();
    statement.push(&counts.join(" || ',' || "));
    let kind = statement.bind(Param::Text(kind.to_string()));
    statement.push(&format!(" from rows where workspace = $1 and kind = {kind}"));
    let row: Vec<(String,)> = statement.all(tx).await?;
    let numbers = row.first().map_or("", |(text,)| text).split(',').map(str::parse::<u64>).collect::<std::result::Result<Vec<_>, _>>();
    let numbers = numbers.map_err(|_| StoreError::Damaged("count"))?;
    Ok(numbers.chunks(3).map(|each| Moved { gone: each[0], less: each[1], come: each[2] }).collect())
}

/// In groups of groups: SQLite's expressions may not be deeper than a thousand.
fn any_of(conditions: &[[String; 3]], at: usize) -> String {
    let group = |some: &[[String; 3]]| some.iter().map(|each| format!("({})", each[at])).collect::<Vec<_>>().join(" or ");
    conditions.chunks(SHIFTS_PER_STATEMENT).map(|some| format!("({})", group(some))).collect::<Vec<_>>().join(" or ")
}

impl Shift {
    /// When a row goes, loses a part, comes.
    fn conditions(&self, kind: &KindName, statement: &mut Statement) -> [String; 3] {
        let before = self.before.sees("rows", kind, |param| statement.bind(param));
        let after = self.after.sees("rows", kind, |param| statement.bind(param));
        let lost = |facet: &Facet| self.before.shows(kind, *facet) && !self.after.shows(kind, *facet);
        let parts: Vec<String> = Facet::ALL.iter().filter(|facet| lost(facet)).map(|facet| format!("rows.{facet} is not null")).collect();
        let less = if parts.is_empty() { "1 = 0".to_owned() } else { format!("({})", parts.join(" or ")) };
        // What is unknown to the database, as the owner of a record that has none, is not seen.
        let not = |condition: &str| format!("(case when {condition} then 1 else 0 end) = 0");
        [
            format!("({before}) and {}", not(&after)),
            format!("({before}) and ({after}) and {less}"),
            format!("({after}) and {}", not(&before)),
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
