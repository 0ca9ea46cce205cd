//! The audit log's rows. What an entry means, and how one is chained to the next, `audit` knows.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite};
use sync_core::id::{Millis, UserId, WorkspaceId};

use super::people::SecretHash;
use super::{Result, StoreError, Tx, id};

/// One entry, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Its place, from 1.
    pub number: u64,
    /// When it was written.
    pub at: Millis,
    /// Who did it.
    pub user: Option<UserId>,
    /// What was done, by name.
    pub act: String,
    /// To what.
    pub subject: String,
    /// More about it: a JSON object.
    pub detail: String,
    /// The hash over this and the entry before it.
    pub hash: SecretHash,
}

/// The newest entry: its number and hash.
pub type Head = (u64, SecretHash);

type Row = (i64, Millis, Option<Vec<u8>>, String, String, String, Vec<u8>);

fn from_row((number, at, user, act, subject, detail, hash): Row) -> Result<EntryRow> {
    let user = user.map(|user| id(UserId::from_bytes(&user), "user id")).transpose()?;
    Ok(EntryRow { number: number as u64, at, user, act, subject, detail, hash: hash_of(hash)? })
}

fn hash_of(bytes: Vec<u8>) -> Result<SecretHash> {
    bytes.try_into().map_err(|_| StoreError::Damaged("audit hash"))
}

/// The head of the log, if anything was ever written.
pub async fn head(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<Head>> {
    let row: Option<(i64, Vec<u8>)> = sqlx::query_as("select number, hash from audit_heads where workspace = $1")
        .bind(&workspace.as_bytes()[..])
        .fetch_optional(tx.conn())
        .await?;
    row.map(|(number, hash)| Ok((number as u64, hash_of(hash)?))).transpose()
}

/// Writes an entry and makes it the head.
pub async fn append(tx: &mut Tx, workspace: WorkspaceId, entry: &EntryRow) -> Result<()> {
    sqlx::query("insert into audit (workspace, number, at, user_id, act, subject, detail, hash) values ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(&workspace.as_bytes()[..])
        .bind(entry.number as i64)
        .bind(entry.at)
        .bind(entry.user.map(|user| user.as_bytes().to_vec()))
        .bind(&entry.act)
        .bind(&entry.subject)
        .bind(&entry.detail)
        .bind(&entry.hash[..])
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into audit_heads (workspace, number, hash) values ($1, $2, $3)
         on conflict (workspace) do update set number = excluded.number, hash = excluded.hash",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(entry.number as i64)
    .bind(&entry.hash[..])
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The entries after one, oldest first; at most `limit`.
pub async fn after(tx: &mut Tx, workspace: WorkspaceId, after: u64, limit: u32) -> Result<Vec<EntryRow>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select number, at, user_id, act, subject, detail, hash from audit where workspace = $1 and number > $2 order by number limit $3",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(after as i64)
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(from_row).collect()
}

/// An entry that stands before the first one, if there is any: the server writes none there.
pub async fn before_the_first(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<i64>> {
    let sql = "select number from audit where workspace = $1 and number < 1 order by number desc limit 1";
    Ok(sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).fetch_optional(tx.conn()).await?)
}

/// When the same was written down the last time: an act on a subject, by somebody or by nobody who is known, with one detail.
/// The act stands in the text (a to z and `_`), so that an index of such entries is used.
pub async fn last_alike(
    tx: &mut Tx,
    workspace: WorkspaceId,
    (act, subject, detail): (&'static str, &str, &str),
    user: Option<UserId>,
) -> Result<Option<Millis>> {
    let sql = format!(
        "select at from audit where workspace = $1 and act = '{act}' and subject = $2 and user_id is $3 and detail = $4 \
         order by number desc limit 1"
    );
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&workspace.as_bytes()[..]).bind(subject);
    Ok(query.bind(user.map(|user| user.as_bytes().to_vec())).bind(detail).fetch_optional(tx.conn()).await?)
}

/// Which entries are wanted; what is not named may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What was done.
    pub act: Option<String>,
    /// Who did it; `Some(None)`: the operator, or somebody unknown.
    pub by: Option<Option<UserId>>,
    /// Not earlier.
    pub from: Option<Millis>,
    /// Not later.
    pub until: Option<Millis>,
    /// The id that an entry is about, or names.
    pub about: Option<String>,
}

/// The entries before one, newest first, of one act if it is named; at most `limit`.
pub async fn before(tx: &mut Tx, workspace: WorkspaceId, before: u64, act: Option<&str>, limit: u32) -> Result<Vec<EntryRow>> {
    let wanted = Wanted { act: act.map(str::to_owned), ..Wanted::default() };
    wanted_before(tx, workspace, before, &wanted, limit).await
}

/// The newest entries of an act among which the last one about each subject is looked for.
const LAST_MAX: u32 = 500;

/// The last entry about each subject of an act, as far as it is among the newest.
pub async fn last_of_each(tx: &mut Tx, workspace: WorkspaceId, act: &str) -> Result<HashMap<String, EntryRow>> {
    let mut entries = before(tx, workspace, u64::MAX, Some(act), LAST_MAX).await?;
    // Of those with one subject the newest comes last, and stays.
    entries.reverse();
    Ok(entries.into_iter().map(|entry| (entry.subject.clone(), entry)).collect())
}

/// The entries before one that are wanted, newest first; at most `limit`.
pub async fn wanted_before(tx: &mut Tx, workspace: WorkspaceId, before: u64, wanted: &Wanted, limit: u32) -> Result<Vec<EntryRow>> {
    let mut query = QueryBuilder::<Sqlite>::new("select number, at, user_id, act, subject, detail, hash from audit where workspace = ");
    query.push_bind(&workspace.as_bytes()[..]).push(" and number < ").push_bind(i64::try_from(before).unwrap_or(i64::MAX));
    if let Some(act) = &wanted.act {
        query.push(" and act = ").push_bind(act);
    }
    match wanted.by {
        Some(Some(user)) => drop(query.push(" and user_id = ").push_bind(user.as_bytes().to_vec())),
        Some(None) => drop(query.push(" and user_id is null")),
        None => {}
    }
    if let Some(from) = wanted.from {
        query.push(" and at >= ").push_bind(from);
    }
    if let Some(until) = wanted.until {
        query.push(" and at <= ").push_bind(until);
    }
    if let Some(about) = &wanted.about {
        // Ids are long enough that none is a part of another text.
        let somewhere = format!("%{about}%");
        query.push(" and (subject like ").push_bind(somewhere.clone()).push(" or detail like ").push_bind(somewhere).push(")");
    }
    query.push(" order by number desc limit ").push_bind(i64::from(limit));
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.conn()).await?;
    rows.into_iter().map(from_row).collect()
}
