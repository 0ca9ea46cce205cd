//! Secret addresses of calendars.

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::people::{SecretHash, User, user};
use super::{Result, Tx, id};

/// Gives somebody a new address; the one before leads nowhere from now on.
pub async fn put(tx: &mut Tx, workspace: WorkspaceId, user: UserId, token: &SecretHash, now: Millis) -> Result<()> {
    sqlx::query(
        "insert into calendars (workspace, user_id, token_hash, created_at) values ($1, $2, $3, $4)
         on conflict (workspace, user_id) do update set token_hash = excluded.token_hash, created_at = excluded.created_at",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&user.as_bytes()[..])
    .bind(&token[..])
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes somebody's address away; answers whether there was one.
pub async fn drop_of(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<bool> {
    let query = sqlx::query("delete from calendars where workspace = $1 and user_id = $2");
    let done = query.bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]).execute(tx.conn()).await?;
    Ok(done.rows_affected() > 0)
}

/// Since when somebody has an address.
pub async fn since(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Option<Millis>> {
    let query = sqlx::query_scalar("select created_at from calendars where workspace = $1 and user_id = $2");
    Ok(query.bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]).fetch_optional(tx.conn()).await?)
}

/// Whose address it is.
pub async fn by_token(tx: &mut Tx, workspace: WorkspaceId, token: &SecretHash) -> Result<Option<User>> {
    let query = sqlx::query_scalar("select user_id from calendars where workspace = $1 and token_hash = $2");
    let found: Option<Vec<u8>> = query.bind(&workspace.as_bytes()[..]).bind(&token[..]).fetch_optional(tx.conn()).await?;
    match found {
        Some(whose) => user(tx, workspace, id(UserId::from_bytes(&whose), "user id")?).await,
        None => Ok(None),
    }
}
