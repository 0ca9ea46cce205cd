//! Whether a workspace erases every day what may not be kept any longer.

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::{Result, Tx, id};

/// A workspace that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    /// On whose behalf: whoever switched it on.
    pub by: UserId,
    /// Since when.
    pub since: Millis,
    /// The day for which nothing is left to do.
    pub last_day: String,
    /// When it was done last.
    pub last_at: Option<Millis>,
}

/// How a workspace has it.
pub async fn daily(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<Daily>> {
    let row: Option<(Vec<u8>, Millis, String, Option<Millis>)> =
        sqlx::query_as("select user_id, since, last_day, last_at from retention_daily where workspace = $1")
            .bind(&workspace.as_bytes()[..])
            .fetch_optional(tx.conn())
            .await?;
    let daily = |(by, since, last_day, last_at): (Vec<u8>, _, _, _)| {
        Ok(Daily { by: id(UserId::from_bytes(&by), "user id")?, since, last_day, last_at })
    };
    row.map(daily).transpose()
}

/// Switches it on; who did so last answers for it.
pub async fn switch_on(tx: &mut Tx, workspace: WorkspaceId, daily: &Daily) -> Result<()> {
    sqlx::query(
        "insert into retention_daily (workspace, user_id, since, last_day) values ($1, $2, $3, $4)
         on conflict (workspace) do update set user_id = excluded.user_id, since = excluded.since",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&daily.by.as_bytes()[..])
    .bind(daily.since)
    .bind(&daily.last_day)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Switches it off.
pub async fn switch_off(tx: &mut Tx, workspace: WorkspaceId) -> Result<()> {
    sqlx::query("delete from retention_daily where workspace = $1").bind(&workspace.as_bytes()[..]).execute(tx.conn()).await?;
    Ok(())
}

/// Notes that it was done for a day.
pub async fn done(tx: &mut Tx, workspace: WorkspaceId, day: &str, now: Millis) -> Result<()> {
    sqlx::query("update retention_daily set last_day = $2, last_at = $3 where workspace = $1")
        .bind(&workspace.as_bytes()[..])
        .bind(day)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}
