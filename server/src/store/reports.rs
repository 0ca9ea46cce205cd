//! Links under which dashboards are read, without signing in or by whoever has.

use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::people::{SecretHash, User, user};
use super::{Result, Tx, id};

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportLink {
    /// Its id: names it in lists, and is no secret.
    pub link: RecordId,
    /// What it shows.
    pub dashboard: RecordId,
    /// Through whose eyes.
    pub user: UserId,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// When it was taken back.
    pub revoked_at: Option<Millis>,
    /// How often it was opened.
    pub opens: u64,
    /// When last.
    pub opened_at: Option<Millis>,
    /// Whether who opens it has to sign in, and sees what they may see.
    pub signed_in: bool,
}

type Row = (Vec<u8>, Vec<u8>, Vec<u8>, Millis, Millis, Option<Millis>, i64, Option<Millis>, bool);

/// A macro, because `concat!` takes no constants.
macro_rules! link_columns {
    () => {
        "select link, dashboard, user_id, created_at, expires_at, revoked_at, opens, opened_at, signed_in from report_links "
    };
}

fn from_row((link, dashboard, user, created_at, expires_at, revoked_at, opens, opened_at, signed_in): Row) -> Result<ReportLink> {
    Ok(ReportLink {
        link: id(RecordId::from_bytes(&link), "link id")?,
        dashboard: id(RecordId::from_bytes(&dashboard), "record id")?,
        user: id(UserId::from_bytes(&user), "user id")?,
        created_at,
        expires_at,
        revoked_at,
        opens: opens as u64,
        opened_at,
        signed_in,
    })
}

/// Adds a link.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, link: &ReportLink, token: &SecretHash) -> Result<()> {
    sqlx::query(
        "insert into report_links (workspace, link, token_hash, dashboard, user_id, created_at, expires_at, signed_in)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&link.link.as_bytes()[..])
    .bind(&token[..])
    .bind(&link.dashboard.as_bytes()[..])
    .bind(&link.user.as_bytes()[..])
    .bind(link.created_at)
    .bind(link.expires_at)
    .bind(link.signed_in)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The links of a dashboard that are not taken back, newest first.
pub async fn of_dashboard(tx: &mut Tx, workspace: WorkspaceId, dashboard: RecordId) -> Result<Vec<ReportLink>> {
    let sql = concat!(link_columns!(), "where workspace = $1 and dashboard = $2 and revoked_at is null order by created_at desc, link");
    let query = sqlx::query_as::<_, Row>(sql).bind(&workspace.as_bytes()[..]).bind(&dashboard.as_bytes()[..]);
    query.fetch_all(tx.conn()).await?.into_iter().map(from_row).collect()
}

/// The link behind a token, whatever became of it, and its maker.
pub async fn by_token(tx: &mut Tx, workspace: WorkspaceId, token: &SecretHash) -> Result<Option<(ReportLink, User)>> {
    let row: Option<Row> = sqlx::query_as(concat!(link_columns!(), "where workspace = $1 and token_hash = $2"))
        .bind(&workspace.as_bytes()[..])
        .bind(&token[..])
        .fetch_optional(tx.conn())
        .await?;
    let Some(link) = row.map(from_row).transpose()? else { return Ok(None) };
    Ok(user(tx, workspace, link.user).await?.map(|user| (link, user)))
}

/// Counts that a link was opened.
pub async fn opened(tx: &mut Tx, workspace: WorkspaceId, link: RecordId, now: Millis) -> Result<()> {
    sqlx::query("update report_links set opens = opens + 1, opened_at = $3 where workspace = $1 and link = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&link.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes a link back. Answers whether there was one.
pub async fn revoke(tx: &mut Tx, workspace: WorkspaceId, dashboard: RecordId, link: RecordId, now: Millis) -> Result<bool> {
    let sql = "update report_links set revoked_at = $4 where workspace = $1 and dashboard = $2 and link = $3 and revoked_at is null";
    let query = sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&dashboard.as_bytes()[..]).bind(&link.as_bytes()[..]).bind(now);
    let there_was = query.execute(tx.conn()).await?.rows_affected() > 0;
    if there_was {
        tx.withdrawn(workspace, Withdrawal::Link { dashboard, link });
    }
    Ok(there_was)
}
