//! Secret addresses of calendars.

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::people::{SecretHash, User, user};
use super::{Result, Tx, id};
use crate::files::hex;

/// Gives somebody a new address; the one before leads nowhere from now on.
pub async fn put(tx: &mut Tx, workspace: WorkspaceId, user: UserId, token: &SecretHash, now: Millis) -> Result<()> {
    drop_of(tx, workspace, user).await?;
    sqlx::query("insert into calendars (workspace, user_id, token_hash, created_at) values ($1, $2, $3, $4)")
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
    let query = sqlx::query_scalar("delete from calendars where workspace = $1 and user_id = $2 returning token_hash");
    let gone: Option<Vec<u8>> = query.bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]).fetch_optional(tx.conn()).await?;
    if let Some(hash) = gone.as_deref().and_then(|hash| hash.try_into().ok()) {
        tx.withdrawn(workspace, Withdrawal::Calendar { hash: hex(hash) });
    }
    Ok(gone.is_some())
}

/// Makes an address lead nowhere, whosever it is.
pub(super) async fn drop_token(tx: &mut Tx, workspace: WorkspaceId, token: &SecretHash) -> Result<()> {
    let query = sqlx::query("delete from calendars where workspace = $1 and token_hash = $2");
    query.bind(&workspace.as_bytes()[..]).bind(&token[..]).execute(tx.conn()).await?;
    Ok(())
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
