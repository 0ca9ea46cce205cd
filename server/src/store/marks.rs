//! How far what runs behind the feed has come.

use sync_core::id::{KindName, UserId, WorkspaceId};

use super::{Result, Tx};

/// What keeps the full-text index.
pub const INDEX: &str = "index";
/// What compares records.
pub const DUPLICATES: &str = "duplicates";
/// What gives records their numbers.
pub const NUMBERS: &str = "numbers";
/// What works out who has had which content.
pub const PROOFS: &str = "proofs";

/// How often rows were made again without a change of their records.
pub const ROWS: &str = "rows";

/// By which formulas the rows of a kind are made.
pub fn formulas(kind: &KindName) -> String {
    format!("formulas.{kind}")
}

/// What a person has seen of the notes that name them: they follow the feed, too.
pub fn mentions(user: UserId) -> String {
    format!("mentions.{user}")
}

/// Up to which position of the feed one of them has done its work.
pub async fn of(tx: &mut Tx, workspace: WorkspaceId, follower: &str) -> Result<u64> {
    let found: Option<i64> = sqlx::query_scalar("select position from follower_marks where workspace = $1 and follower = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(follower)
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.unwrap_or_default() as u64)
}

/// Moves a mark.
pub async fn set(tx: &mut Tx, workspace: WorkspaceId, follower: &str, position: u64) -> Result<()> {
    sqlx::query(
        "insert into follower_marks (workspace, follower, position) values ($1, $2, $3)
         on conflict (workspace, follower) do update set position = excluded.position",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(follower)
    .bind(position as i64)
    .execute(tx.conn())
    .await?;
    Ok(())
}
