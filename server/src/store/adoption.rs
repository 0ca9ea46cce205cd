//! Who works with the system, and how much.

use std::collections::HashMap;

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::{Result, Tx, id};

/// How many changes somebody made of one kind in one week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Who.
    pub user: UserId,
    /// Which week, counted from the first one that was asked for.
    pub week: usize,
    /// Of which kind.
    pub kind: String,
    /// How many of them on phones.
    pub by_phone: u64,
    /// How many.
    pub count: u64,
}

/// A week.
pub const WEEK_MS: Millis = 7 * 24 * 60 * 60 * 1000;

/// What people changed since a moment, by week; what they imported is not theirs.
pub async fn made_since(tx: &mut Tx, workspace: WorkspaceId, since: Millis, server: &[u8; 16]) -> Result<Vec<Made>> {
    let first = first_since(tx, workspace, since).await?;
    let rows: Vec<(Vec<u8>, i64, String, i64, i64)> = sqlx::query_as(
        "select user_id, (received_at - $3) / $4 as week, kind, sum(case when device <> $5 then 1 else 0 end), count(*) from changes
         where workspace = $1 and position >= $2 and received_at >= $3 and import_id is null group by 1, 2, 3",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(first)
    .bind(since)
    .bind(WEEK_MS)
    .bind(&server[..])
    .fetch_all(tx.conn())
    .await?;
    let read = |(user, week, kind, by_phone, count): (Vec<u8>, i64, String, i64, i64)| {
        let user = id(UserId::from_bytes(&user), "user id")?;
        Ok(Made { user, week: week.max(0) as usize, kind, by_phone: by_phone as u64, count: count as u64 })
    };
    rows.into_iter().map(read).collect()
}

/// The first position that was given at a moment or later: they rise together, so nothing older is read.
async fn first_since(tx: &mut Tx, workspace: WorkspaceId, since: Millis) -> Result<i64> {
    let head: Option<i64> = sqlx::query_scalar("select max(position) from changes where workspace = $1")
        .bind(&workspace.as_bytes()[..])
        .fetch_one(tx.conn())
        .await?;
    let (mut low, mut high) = (0, head.unwrap_or_default() + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let at: Option<Millis> =
            sqlx::query_scalar("select received_at from changes where workspace = $1 and position >= $2 order by position limit 1")
                .bind(&workspace.as_bytes()[..])
                .bind(middle)
                .fetch_optional(tx.conn())
                .await?;
        if at.is_some_and(|at| at < since) { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// When each person last signed in, as far as the audit log goes back.
pub async fn signed_in(tx: &mut Tx, workspace: WorkspaceId, act: &str) -> Result<HashMap<UserId, Millis>> {
    let rows: Vec<(Vec<u8>, Millis)> =
        sqlx::query_as("select user_id, max(at) from audit where workspace = $1 and act = $2 and user_id is not null group by 1")
            .bind(&workspace.as_bytes()[..])
            .bind(act)
            .fetch_all(tx.conn())
            .await?;
    rows.into_iter().map(|(user, at)| Ok((id(UserId::from_bytes(&user), "user id")?, at))).collect()
}
