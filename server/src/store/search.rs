//! The full-text index: which rows are not in it yet, putting them in, looking words up.
//!
//! Every answer passes a [`Scope`]. Knows no words: `sync_core::search` cuts texts into them.

use sync_core::id::{KindName, RecordId, WorkspaceId};
use sync_core::query::Param;

use super::records::{ROW_COLUMNS, RecordRow, RowTuple, record_row};
use super::scope::{Scope, Statement};
use super::{Result, Tx, erasure, id, marks};

/// A record that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// Its kind.
    pub kind: KindName,
    /// The record.
    pub record: RecordId,
    /// Its title.
    pub title: String,
}

/// Rows that changed after a position, in the order of the feed.
pub async fn changed_after(tx: &mut Tx, workspace: WorkspaceId, mark: u64, limit: u32) -> Result<Vec<RecordRow>> {
    let mut statement = Statement::of(ROW_COLUMNS, workspace);
    let (mark, limit) = (statement.bind(Param::Int(mark as i64)), statement.bind(Param::Int(i64::from(limit))));
    statement.push(&format!("where workspace = $1 and position > {mark} order by position limit 0 + {limit}"));
    statement.all::<RowTuple>(tx).await?.into_iter().map(record_row).collect()
}

/// Has records looked at again from a position on: they are called otherwise, and nobody wrote to them.
pub async fn look_again(tx: &mut Tx, workspace: WorkspaceId, from: u64) -> Result<()> {
    let again = marks::of(tx, workspace, marks::REINDEX).await?;
    if from <= again { marks::set(tx, workspace, marks::REINDEX, from.saturating_sub(1)).await } else { Ok(()) }
}

/// How far the index is: of what was written, and of what is written again in the form of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Up to which position of the feed.
    pub index: u64,
    /// Behind it: what stands above is of an older form.
    pub again: u64,
    /// How often rows were made again by then.
    pub rows: u64,
}

/// How far the index is.
pub async fn marks_of(tx: &mut Tx, workspace: WorkspaceId) -> Result<Marks> {
    let index = marks::of(tx, workspace, marks::INDEX).await?;
    let again = marks::of(tx, workspace, marks::REINDEX).await?;
    Ok(Marks { index, again, rows: marks::of(tx, workspace, marks::ROWS).await? })
}

/// Puts the words of records in, instead of what was there, and moves the marks from `before`; what is to be looked at again
/// since is not forgotten.
pub async fn put(tx: &mut Tx, workspace: WorkspaceId, entries: &[(RecordId, String)], before: Marks, now: Marks) -> Result<()> {
    // What was read before a record was erased must not come back after it.
    let erased = erasure::among(tx, workspace, entries.iter().map(|(record, _)| *record)).await?;
    for (record, tokens) in entries.iter().filter(|(record, _)| !erased.contains(record)) {
        let number: i64 = sqlx::query_scalar(
            "insert into search_records (workspace, record) values ($1, $2) \
             on conflict (workspace, record) do update set record = excluded.record returning number",
        )
        .bind(&workspace.as_bytes()[..])
        .bind(&record.as_bytes()[..])
        .fetch_one(tx.conn())
        .await?;
        sqlx::query("delete from search where rowid = $1").bind(number).execute(tx.conn()).await?;
        if !tokens.is_empty() {
            sqlx::query("insert into search (rowid, tokens) values ($1, $2)").bind(number).bind(tokens).execute(tx.conn()).await?;
        }
    }
    let meanwhile = marks_of(tx, workspace).await?;
    if meanwhile.rows != before.rows {
        // What was read may have been called otherwise.
        marks::set(tx, workspace, marks::REINDEX, meanwhile.again.min(before.again).min(before.index)).await?;
    } else if meanwhile.again == before.again {
        marks::set(tx, workspace, marks::REINDEX, now.again).await?;
    }
    marks::set(tx, workspace, marks::INDEX, now.index).await
}

/// Records in use with all these words, best first; of those that another one in sight stands for, that one.
///
/// `cross join`: the index is asked first and each hit looked up, or SQLite would walk all rows and ask the index about each.
pub async fn find(tx: &mut Tx, workspace: WorkspaceId, scope: &Scope, expression: &str, limit: u32) -> Result<Vec<FoundRow>> {
    let mut found = Vec::new();
    for (kind, record, title) in found_statement(workspace, scope, expression, limit).all::<(String, Vec<u8>, String)>(tx).await? {
        let kind: KindName = id(kind.parse(), "kind name")?;
        let title = if scope.of(&kind).is_some_and(|scope| scope.title) { title } else { String::new() };
        let row = FoundRow { kind, record: id(RecordId::from_bytes(&record), "record id")?, title };
        if !found.contains(&row) {
            found.push(row);
        }
    }
    Ok(found)
}

fn found_statement(workspace: WorkspaceId, scope: &Scope, expression: &str, limit: u32) -> Statement {
    let start = "select t.kind, t.record, t.title from search cross join search_records s on s.number = search.rowid ";
    let mut statement = Statement::of(start, workspace);
    let expression = statement.bind(Param::Text(expression.to_owned()));
    let (sees, stood_for) = (scope.sees_any("r", &mut statement), scope.stood_for_any(&mut statement));
    let limit = statement.bind(Param::Int(i64::from(limit)));
    // The plus: a few records are looked up by their ids, never by an index of a whole kind.
    statement.push(&format!(
        "cross join rows r on r.workspace = s.workspace and r.record = s.record \
         left join aliases a on a.workspace = r.workspace and a.kind = r.kind and a.record = r.record{stood_for} \
         cross join rows t on t.workspace = r.workspace and t.record = coalesce(a.survivor, r.record) \
         where search match {expression} and s.workspace = $1 and +r.archived = 0 and {sees} and +t.archived = 0 \
         order by search.rank limit {limit}"
    ));
    statement
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scope::KindScope;
    use crate::store::{Options, Store};

    #[tokio::test]
    async fn the_index_is_asked_first_and_each_hit_looked_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.reader().await.unwrap();
        let kinds = ["party", "deal"]
            .map(|kind| (kind.parse().unwrap(), KindScope { facets: Vec::new(), is_whole: true, title: true, near: None }));
        let scope = Scope { kinds: kinds.into_iter().collect() };
        let plan = found_statement(WorkspaceId::of_cause("test"), &scope, "\"jia\"*", 8).plan(&mut tx).await;
        let steps: Vec<&str> = plan.split("; ").collect();
        assert!(steps[0].starts_with("SCAN search VIRTUAL TABLE"), "{plan}");
        assert!(plan.contains("SEARCH s USING INTEGER PRIMARY KEY") && plan.contains("(workspace=? AND record=?)"), "{plan}");
    }

    #[tokio::test]
    async fn what_is_called_otherwise_while_it_is_put_in_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let workspace = WorkspaceId::of_cause("test");
        for follower in [marks::INDEX, marks::REINDEX] {
            marks::set(&mut tx, workspace, follower, 100).await.unwrap();
        }
        let before = marks_of(&mut tx, workspace).await.unwrap();
        let now = Marks { index: 101, again: 101, ..before };
        // The row at 101 was read; now it is called otherwise, above what is looked at again.
        look_again(&mut tx, workspace, 101).await.unwrap();
        marks::set(&mut tx, workspace, marks::ROWS, before.rows + 1).await.unwrap();
        put(&mut tx, workspace, &[], before, now).await.unwrap();
        let after = marks_of(&mut tx, workspace).await.unwrap();
        assert_eq!((after.index, after.again), (101, 100), "101 is read once more");
        put(&mut tx, workspace, &[], after, Marks { again: 101, ..after }).await.unwrap();
        assert_eq!(marks_of(&mut tx, workspace).await.unwrap().again, 101);
    }
}
