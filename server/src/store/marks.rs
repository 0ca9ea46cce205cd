//! How far what runs behind the feed has come.

use std::collections::HashMap;

use sync_core::id::{KindName, RecordId, UserId, WorkspaceId};
use sync_core::schema::Kind;

use super::{Result, Store, StoreError, Tx, workspaces};

/// What keeps the full-text index.
pub const INDEX: &str = "index";
/// What writes the index again in the form that it has now: where it stands behind the index, older entries follow.
pub const REINDEX: &str = "index.2";
/// What compares records.
pub const DUPLICATES: &str = "duplicates";
/// What gives records their numbers.
pub const NUMBERS: &str = "numbers";
/// What works out who has had which content.
pub const PROOFS: &str = "proofs";

/// How often rows were made again without a change of their records.
pub const ROWS: &str = "rows";

/// What the marks begin with that say by which rules the rows of kinds are made.
const ROW_RULES: &str = "row_rules.";

/// By which rules the rows of a kind are made.
pub fn row_rules(kind: &KindName) -> String {
    format!("{ROW_RULES}{kind}")
}

/// By which rules the rows of all kinds are made: their marks by name.
pub async fn all_row_rules(tx: &mut Tx, workspace: WorkspaceId) -> Result<HashMap<String, u64>> {
    let sql = "select follower, position from follower_marks where workspace = $1 and substr(follower, 1, $2) = $3";
    let query = sqlx::query_as::<_, (String, i64)>(sql).bind(&workspace.as_bytes()[..]).bind(ROW_RULES.len() as i64).bind(ROW_RULES);
    Ok(query.fetch_all(tx.conn()).await?.into_iter().map(|(name, number)| (name, number as u64)).collect())
}

/// What the rows of a kind are made by, as a number that a mark can be; never 0, as where there is no mark.
pub fn number_of_rules(kind: &Kind) -> u64 {
    let [.., a, b, c, d] = *RecordId::of_cause(&kind.row_rules()).as_bytes();
    // Small: marks are added up.
    u64::from(u32::from_be_bytes([a, b, c, d])) + 1
}

/// What a person has seen of the notes that name them: they follow the feed, too.
pub fn mentions(user: UserId) -> String {
    format!("mentions.{user}")
}

/// What a person has seen of what others did to the records that they follow.
pub fn followed(user: UserId) -> String {
    format!("followed.{user}")
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

impl Store {
    /// Moves a mark of what somebody has seen up to a position of the feed, and never back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_seen(&self, workspace: WorkspaceId, mark: String, position: u64) -> Result<()> {
        let seeing = self.write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let before = of(tx, workspace, &mark).await?;
                // Nobody has seen what is not written yet.
                let head = workspaces::by_id(tx, workspace).await?.map_or(0, |workspace| workspace.head);
                set(tx, workspace, &mark, position.min(head).max(before)).await
            })
        });
        seeing.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_another_form_has_another_mark() {
        assert_eq!(REINDEX, format!("index.{}", sync_core::search::INDEX_FORM));
    }
}
