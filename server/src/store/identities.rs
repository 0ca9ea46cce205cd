//! As whom other systems know our people.

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::people::{User, user};
use super::{Result, Tx, id};

/// Who a provider means by a subject.
pub async fn user_of(tx: &mut Tx, workspace: WorkspaceId, provider: &str, subject: &str) -> Result<Option<User>> {
    let query = sqlx::query_scalar("select user_id from identities where workspace = $1 and provider = $2 and subject = $3");
    let found: Option<Vec<u8>> = query.bind(&workspace.as_bytes()[..]).bind(provider).bind(subject).fetch_optional(tx.conn()).await?;
    match found {
        Some(whose) => user(tx, workspace, id(UserId::from_bytes(&whose), "user id")?).await,
        None => Ok(None),
    }
}

/// Whether somebody is known to a provider already, under whatever subject.
pub async fn is_known(tx: &mut Tx, workspace: WorkspaceId, provider: &str, user: UserId) -> Result<bool> {
    let query = sqlx::query_scalar("select exists (select 1 from identities where workspace = $1 and provider = $2 and user_id = $3)");
    let known: i64 = query.bind(&workspace.as_bytes()[..]).bind(provider).bind(&user.as_bytes()[..]).fetch_one(tx.conn()).await?;
    Ok(known != 0)
}

/// Remembers who a provider means by a subject.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, provider: &str, subject: &str, user: UserId, now: Millis) -> Result<()> {
    sqlx::query("insert into identities (workspace, provider, subject, user_id, created_at) values ($1, $2, $3, $4, $5)")
        .bind(&workspace.as_bytes()[..])
        .bind(provider)
        .bind(subject)
        .bind(&user.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}
