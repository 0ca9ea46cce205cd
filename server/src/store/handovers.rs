//! Handovers: whose records go to whom, how far it is, and which records those are.

use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};
use sync_core::query::{Compiler, Context, Dialect, Filter, Param, Tables};
use sync_core::schema::Kind;

use super::scope::Statement;
use super::{Result, StoreError, Tx, id};

/// One handover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// What it is called: its edits carry it.
    pub act: [u8; 16],
    /// Who had the records.
    pub from: UserId,
    /// Who gets them.
    pub to: UserId,
    /// Who handed over.
    pub by: UserId,
    /// A filter over customers; empty: everything that the person has.
    pub customers: String,
    /// Whether closed records go along.
    pub with_closed: bool,
    /// Whether the person is shut out at the end.
    pub disable: bool,
    /// Records that there were to hand over.
    pub total: u64,
    /// Records that were handed over.
    pub moved: u64,
    /// Records that could not be.
    pub refused: u64,
    /// When it began.
    pub started_at: Millis,
    /// When it came to its end; missing while it runs, or when it was broken off.
    pub finished_at: Option<Millis>,
    /// When it was taken back, if it was.
    pub undone_at: Option<Millis>,
}

type Row = (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, String, i64, i64, i64, i64, i64, Millis, Option<Millis>, Option<Millis>);

/// Notes that a handover begins.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, handover: &Handover) -> Result<()> {
    sqlx::query(
        "insert into handovers (workspace, act, from_user, to_user, by_user, customers, with_closed, disable, total, started_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&handover.act[..])
    .bind(&handover.from.as_bytes()[..])
    .bind(&handover.to.as_bytes()[..])
    .bind(&handover.by.as_bytes()[..])
    .bind(&handover.customers)
    .bind(i64::from(handover.with_closed))
    .bind(i64::from(handover.disable))
    .bind(handover.total as i64)
    .bind(handover.started_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes how far a handover is.
pub async fn note(tx: &mut Tx, workspace: WorkspaceId, handover: &Handover) -> Result<()> {
    sqlx::query("update handovers set moved = $3, refused = $4, finished_at = $5, undone_at = $6 where workspace = $1 and act = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&handover.act[..])
        .bind(handover.moved as i64)
        .bind(handover.refused as i64)
        .bind(handover.finished_at)
        .bind(handover.undone_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// All handovers, the newest first.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Handover>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select act, from_user, to_user, by_user, customers, with_closed, disable, total, moved, refused, started_at, finished_at, undone_at \
         from handovers where workspace = $1 order by started_at desc, act desc",
    )
    .bind(&workspace.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(handover).collect()
}

fn handover(row: Row) -> Result<Handover> {
    let (act, from, to, by, customers, with_closed, disable, total, moved, refused, started_at, finished_at, undone_at) = row;
    Ok(Handover {
        act: act.try_into().map_err(|_| StoreError::Damaged("act"))?,
        from: id(UserId::from_bytes(&from), "user id")?,
        to: id(UserId::from_bytes(&to), "user id")?,
        by: id(UserId::from_bytes(&by), "user id")?,
        customers,
        with_closed: with_closed != 0,
        disable: disable != 0,
        total: total as u64,
        moved: moved as u64,
        refused: refused as u64,
        started_at,
        finished_at,
        undone_at,
    })
}

/// Which records of a kind somebody has: those that they own, and the key accounts that they answer for.
#[derive(Debug, Clone, Copy)]
pub struct Having<'a> {
    /// Whose.
    pub owner: UserId,
    /// The kind; it has an owner.
    pub kind: &'a Kind,
    /// Whether closed ones count.
    pub with_closed: bool,
    /// If given: these, and what links to one of them.
    pub customers: Option<&'a [RecordId]>,
}

/// A record that somebody has, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Had {
    /// The record.
    pub record: RecordId,
    /// Whether they own it.
    pub owns: bool,
    /// Whether they answer for it as a key account.
    pub answers: bool,
}

/// What is asked of `rows`.
struct Conditions {
    /// Which count.
    having: String,
    owns: String,
    answers: String,
}

impl Having<'_> {
    /// The conditions on `rows`; `None` for a kind without an owner. `$1` is the workspace.
    fn conditions(&self, statement: &mut Statement) -> Option<Conditions> {
        let owner = self.kind.owner.as_ref()?;
        let user = statement.bind(Param::Text(self.owner.to_string()));
        let maker = statement.bind(Param::Blob(self.owner.as_bytes().to_vec()));
        // What has no owner is its maker's. The plus sign keeps SQLite from walking the whole feed in its order.
        let mut owns = format!(
            "(lower(rows.main ->> '{owner}') = {user} or coalesce(rows.main ->> '{owner}', '') = '' and {maker} = \
             (select c.user_id from changes c where c.workspace = $1 and c.record = rows.record order by +c.position limit 1))"
        );
        if let Some(board) = self.kind.board.as_ref().filter(|board| !self.with_closed && !board.closed.is_empty()) {
            let closed = statement.bind_all(board.closed.iter().map(|value| Param::Text(value.clone())));
            owns.push_str(&format!(" and coalesce(rows.main ->> '{}', '') not in ({closed})", board.by));
        }
        let answers = self.kind.sharing.key_account().map_or_else(
            || "0".to_owned(),
            |(key, manager)| format!("coalesce(rows.main ->> '{key}' and lower(rows.main ->> '{manager}') = {user}, 0)"),
        );
        let mut having =
            format!("rows.workspace = $1 and rows.kind = '{}' and rows.archived = 0 and (({owns}) or {answers})", self.kind.name);
        if let Some(customers) = self.customers {
            let these = statement.bind_records(customers);
            having.push_str(&format!(
                " and (rows.record in ({these}) or exists \
                 (select 1 from links l where l.workspace = $1 and l.source = rows.record and l.target in ({these})))"
            ));
        }
        Some(Conditions { having, owns, answers })
    }
}

/// The records, in the order of their ids, after one of them; at most `limit`.
pub async fn records(tx: &mut Tx, workspace: WorkspaceId, having: &Having<'_>, after: Option<RecordId>, limit: u32) -> Result<Vec<Had>> {
    let mut statement = Statement::of("", workspace);
    let Some(Conditions { having, owns, answers }) = having.conditions(&mut statement) else { return Ok(Vec::new()) };
    let after = statement.bind(Param::Blob(after.map_or_else(Vec::new, |record| record.as_bytes().to_vec())));
    statement.push(&format!(
        "select rows.record, ({owns}), {answers} from rows where {having} and rows.record > {after} order by rows.record limit {limit}"
    ));
    let rows: Vec<(Vec<u8>, bool, bool)> = statement.all(tx).await?;
    let had = |(record, owns, answers): (Vec<u8>, _, _)| Ok(Had { record: id(RecordId::from_bytes(&record), "record id")?, owns, answers });
    rows.into_iter().map(had).collect()
}

/// The records of a kind, in use, that a filter finds.
pub async fn customers(tx: &mut Tx, workspace: WorkspaceId, kind: &str, filter: &Filter, context: Context) -> Result<Vec<RecordId>> {
    let mut statement =
        Statement::of("select rows.record from rows where rows.workspace = $1 and rows.archived = 0 and rows.kind = ", workspace);
    let kind = statement.bind(Param::Text(kind.to_owned()));
    let first_param = statement.params.len() + 1;
    let compiled = Compiler { first_param, tables: Tables::Server, ..Compiler::new(Dialect::Sqlite, context) }.filter(filter);
    statement.push(&format!("{kind} and {}", compiled.text)).params.extend(compiled.params);
    let rows: Vec<(Vec<u8>,)> = statement.all(tx).await?;
    rows.iter().map(|(record,)| id(RecordId::from_bytes(record), "record id")).collect()
}

/// How many they are, and how many bytes of changes: what a phone has to fetch that has none of them.
pub async fn weigh(tx: &mut Tx, workspace: WorkspaceId, having: &Having<'_>) -> Result<(u64, u64)> {
    let mut statement = Statement::of(
        "select count(*), coalesce(sum((select sum(length(c.body)) from changes c \
         where c.workspace = rows.workspace and c.record = rows.record)), 0) from rows where ",
        workspace,
    );
    let Some(Conditions { having, .. }) = having.conditions(&mut statement) else { return Ok((0, 0)) };
    statement.push(&having);
    let rows: Vec<(i64, i64)> = statement.all(tx).await?;
    Ok(rows.first().map_or((0, 0), |(count, bytes)| (*count as u64, *bytes as u64)))
}

/// Edits of somebody's that were not accepted and that nobody has decided on.
pub async fn undecided_of(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<u64> {
    let mut statement =
        Statement::of("select count(*) from rejected where workspace = $1 and state in ('held', 'rejected') and user_id = ", workspace);
    let user = statement.bind(Param::Blob(user.as_bytes().to_vec()));
    statement.push(&user);
    let rows: Vec<(i64,)> = statement.all(tx).await?;
    Ok(rows.first().map_or(0, |(count,)| *count as u64))
}

/// The kinds of a workspace's records that somebody can own.
pub fn owned<'s>(kinds: impl Iterator<Item = &'s std::sync::Arc<Kind>>) -> Vec<&'s Kind> {
    kinds.map(|kind| &**kind).filter(|kind| kind.owner.is_some() && !kind.sharing.personal).collect()
}
