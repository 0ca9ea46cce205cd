//! Workspaces: the tenants, each with its feed's epoch and head.

use sync_core::id::{Millis, WorkspaceId};
use sync_core::schema::Schema;

use super::{Result, StoreError, Tx, id, marks};

/// Names one life of a feed: it changes when the database was restored.
pub type FeedEpoch = [u8; 16];

/// Seals what goes out of a workspace. Not shown by `Debug`: it is a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealKey(pub [u8; 32]);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its id.
    pub workspace: WorkspaceId,
    /// What people call it.
    pub name: String,
    /// The present life of its feed.
    pub feed_epoch: FeedEpoch,
    /// What seals its changes; the same for ever, so that a restored server knows its own seals.
    pub seal_key: SealKey,
    /// The position of its newest feed entry.
    pub head: u64,
    /// When it was made.
    pub created_at: Millis,
}

type Row = (Vec<u8>, String, Vec<u8>, Vec<u8>, i64, Millis);

fn from_row((workspace, name, feed_epoch, seal_key, head, created_at): Row) -> Result<Workspace> {
    Ok(Workspace {
        workspace: id(WorkspaceId::from_bytes(&workspace), "workspace id")?,
        name,
        feed_epoch: feed_epoch.try_into().map_err(|_| StoreError::Damaged("feed epoch"))?,
        seal_key: SealKey(seal_key.try_into().map_err(|_| StoreError::Damaged("seal key"))?),
        head: u64::try_from(head).map_err(|_| StoreError::Damaged("feed head"))?,
        created_at,
    })
}

/// Adds a workspace; its name must be free.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, name: &str, feed_epoch: FeedEpoch, seal_key: SealKey, now: Millis) -> Result<()> {
    sqlx::query("insert into workspaces (workspace, name, feed_epoch, seal_key, head, created_at) values ($1, $2, $3, $4, 0, $5)")
        .bind(&workspace.as_bytes()[..])
        .bind(name)
        .bind(&feed_epoch[..])
        .bind(&seal_key.0[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    // What it comes to hold is made by these: nothing is to be made again.
    for kind in Schema::builtin().kinds() {
        marks::set(tx, workspace, &marks::row_rules(&kind.name), marks::number_of_rules(kind)).await?;
    }
    Ok(())
}

/// All workspaces, oldest first.
pub async fn all(tx: &mut Tx) -> Result<Vec<Workspace>> {
    let rows: Vec<Row> =
        sqlx::query_as("select workspace, name, feed_epoch, seal_key, head, created_at from workspaces order by created_at, workspace")
            .fetch_all(tx.conn())
            .await?;
    rows.into_iter().map(from_row).collect()
}

/// One workspace.
pub async fn by_id(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<Workspace>> {
    let row: Option<Row> =
        sqlx::query_as("select workspace, name, feed_epoch, seal_key, head, created_at from workspaces where workspace = $1")
            .bind(&workspace.as_bytes()[..])
            .fetch_optional(tx.conn())
            .await?;
    row.map(from_row).transpose()
}

/// Takes the next `count` feed positions and answers the last of them.
///
/// Inside the transaction that writes the entries, so that a rollback gives the numbers back.
pub async fn advance_head(tx: &mut Tx, workspace: WorkspaceId, count: u64) -> Result<u64> {
    let count = i64::try_from(count).map_err(|_| StoreError::Damaged("feed head"))?;
    // Where none is taken nothing is written: the transaction costs no flush then.
    let sql = match count {
        0 => "select head + $2 from workspaces where workspace = $1",
        _ => "update workspaces set head = head + $2 where workspace = $1 returning head",
    };
    let head: i64 = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).bind(count).fetch_one(tx.conn()).await?;
    u64::try_from(head).map_err(|_| StoreError::Damaged("feed head"))
}

/// Begins a new life of a feed: every device will offer back what it holds.
pub async fn set_feed_epoch(tx: &mut Tx, workspace: WorkspaceId, feed_epoch: FeedEpoch) -> Result<()> {
    sqlx::query("update workspaces set feed_epoch = $2 where workspace = $1")
        .bind(&workspace.as_bytes()[..])
        .bind(&feed_epoch[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}
