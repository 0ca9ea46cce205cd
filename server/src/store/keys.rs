//! API keys.

use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::people::{SecretHash, User, user};
use super::{Result, Tx, id};

/// A key of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id: names it in lists, and is no secret.
    pub key: RecordId,
    /// For whom it acts.
    pub user: UserId,
    /// What it is for.
    pub name: String,
    /// What it may do, as text.
    pub scopes: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<Millis>,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// When it was taken back.
    pub revoked_at: Option<Millis>,
}

type Row = (Vec<u8>, Vec<u8>, String, String, Millis, Option<Millis>, Option<Millis>, Option<Millis>);

/// A macro, because `concat!` takes no constants.
macro_rules! key_columns {
    () => {
        "select key_id, user_id, name, scopes, created_at, last_used_at, expires_at, revoked_at from api_keys "
    };
}

fn from_row((key, user, name, scopes, created_at, last_used_at, expires_at, revoked_at): Row) -> Result<ApiKey> {
    let (key, user) = (id(RecordId::from_bytes(&key), "key id")?, id(UserId::from_bytes(&user), "user id")?);
    Ok(ApiKey { key, user, name, scopes, created_at, last_used_at, expires_at, revoked_at })
}

/// Adds a key.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, key: &ApiKey, token: &SecretHash) -> Result<()> {
    sqlx::query(
        "insert into api_keys (workspace, key_id, token_hash, user_id, name, scopes, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&key.key.as_bytes()[..])
    .bind(&token[..])
    .bind(&key.user.as_bytes()[..])
    .bind(&key.name)
    .bind(&key.scopes)
    .bind(key.created_at)
    .bind(key.expires_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// All keys of a workspace, newest first.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<ApiKey>> {
    let rows: Vec<Row> = sqlx::query_as(concat!(key_columns!(), "where workspace = $1 order by created_at desc, key_id"))
        .bind(&workspace.as_bytes()[..])
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// The key behind a token, whatever became of it, and its user.
pub async fn by_token(tx: &mut Tx, workspace: WorkspaceId, token: &SecretHash) -> Result<Option<(ApiKey, User)>> {
    let row: Option<Row> = sqlx::query_as(concat!(key_columns!(), "where workspace = $1 and token_hash = $2"))
        .bind(&workspace.as_bytes()[..])
        .bind(&token[..])
        .fetch_optional(tx.conn())
        .await?;
    let Some(key) = row.map(from_row).transpose()? else { return Ok(None) };
    Ok(user(tx, workspace, key.user).await?.map(|user| (key, user)))
}

/// Notes that a key is in use.
pub async fn touch(tx: &mut Tx, workspace: WorkspaceId, key: RecordId, now: Millis) -> Result<()> {
    sqlx::query("update api_keys set last_used_at = $3 where workspace = $1 and key_id = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&key.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes a key back, one of `user`'s if that is given. Answers whether it was in use.
pub async fn revoke(tx: &mut Tx, workspace: WorkspaceId, key: RecordId, user: Option<UserId>, now: Millis) -> Result<bool> {
    let done = sqlx::query(
        "update api_keys set revoked_at = $3 where workspace = $1 and key_id = $2 and revoked_at is null and ($4 is null or user_id = $4)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&key.as_bytes()[..])
    .bind(now)
    .bind(user.map(|user| user.as_bytes().to_vec()))
    .execute(tx.conn())
    .await?;
    let was_in_use = done.rows_affected() > 0;
    if was_in_use {
        tx.withdrawn(workspace, Withdrawal::ApiKey { key });
    }
    Ok(was_in_use)
}
