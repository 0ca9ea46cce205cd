//! Dashboards that are sent by mail, and each sending.

use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::{Result, Tx, id};

/// A dashboard that is sent again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMail {
    /// Names it.
    pub mail: RecordId,
    /// What is sent.
    pub dashboard: RecordId,
    /// Through whose eyes it is read.
    pub user: UserId,
    /// Addresses, with commas.
    pub recipients: String,
    /// `day`, `week` or `month`.
    pub every: String,
    /// At which hour of the zone's clocks.
    pub hour: u8,
    /// The zone, by its name or as `+08:00`.
    pub zone: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it goes out next.
    pub next_at: Millis,
}

/// One sending that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// Of which.
    pub mail: RecordId,
    /// What it is for: with the mail, its key.
    pub due_at: Millis,
    /// How often it was tried.
    pub attempts: u32,
}

type Row = (Vec<u8>, Vec<u8>, Vec<u8>, String, String, i64, String, Millis, Millis);

/// A macro, because `concat!` takes no constants.
macro_rules! mail_columns {
    () => {
        "select mail, dashboard, user_id, recipients, every, hour, zone, created_at, next_at from report_mails "
    };
}

fn from_row((mail, dashboard, user, recipients, every, hour, zone, created_at, next_at): Row) -> Result<ReportMail> {
    Ok(ReportMail {
        mail: id(RecordId::from_bytes(&mail), "mail id")?,
        dashboard: id(RecordId::from_bytes(&dashboard), "record id")?,
        user: id(UserId::from_bytes(&user), "user id")?,
        recipients,
        every,
        hour: u8::try_from(hour).unwrap_or_default(),
        zone,
        created_at,
        next_at,
    })
}

/// Adds one.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, mail: &ReportMail) -> Result<()> {
    sqlx::query(
        "insert into report_mails (workspace, mail, dashboard, user_id, recipients, every, hour, zone, created_at, next_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&mail.mail.as_bytes()[..])
    .bind(&mail.dashboard.as_bytes()[..])
    .bind(&mail.user.as_bytes()[..])
    .bind(&mail.recipients)
    .bind(&mail.every)
    .bind(i64::from(mail.hour))
    .bind(&mail.zone)
    .bind(mail.created_at)
    .bind(mail.next_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Those of a dashboard, in the order they were made.
pub async fn of_dashboard(tx: &mut Tx, workspace: WorkspaceId, dashboard: RecordId) -> Result<Vec<ReportMail>> {
    let sql = concat!(mail_columns!(), "where workspace = $1 and dashboard = $2 order by created_at, mail");
    let query = sqlx::query_as::<_, Row>(sql).bind(&workspace.as_bytes()[..]).bind(&dashboard.as_bytes()[..]);
    query.fetch_all(tx.conn()).await?.into_iter().map(from_row).collect()
}

/// One of them.
pub async fn get(tx: &mut Tx, workspace: WorkspaceId, mail: RecordId) -> Result<Option<ReportMail>> {
    let sql = concat!(mail_columns!(), "where workspace = $1 and mail = $2");
    let query = sqlx::query_as::<_, Row>(sql).bind(&workspace.as_bytes()[..]).bind(&mail.as_bytes()[..]);
    query.fetch_optional(tx.conn()).await?.map(from_row).transpose()
}

/// Those that are due.
pub async fn due(tx: &mut Tx, workspace: WorkspaceId, now: Millis) -> Result<Vec<ReportMail>> {
    let sql = concat!(mail_columns!(), "where workspace = $1 and next_at <= $2 order by next_at");
    let query = sqlx::query_as::<_, Row>(sql).bind(&workspace.as_bytes()[..]).bind(now);
    query.fetch_all(tx.conn()).await?.into_iter().map(from_row).collect()
}

/// Begins a sending, once for each key, and says when the next one is due.
pub async fn begin(tx: &mut Tx, workspace: WorkspaceId, mail: &ReportMail, now: Millis, next_at: Millis) -> Result<()> {
    sqlx::query(
        "insert into report_mails_sent (workspace, mail, due_at, retry_at) values ($1, $2, $3, $4) on conflict (workspace, mail, due_at) do nothing",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&mail.mail.as_bytes()[..])
    .bind(mail.next_at)
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query("update report_mails set next_at = $3 where workspace = $1 and mail = $2 and next_at < $3")
        .bind(&workspace.as_bytes()[..])
        .bind(&mail.mail.as_bytes()[..])
        .bind(next_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Sendings that are to be tried now.
pub async fn waiting(tx: &mut Tx, workspace: WorkspaceId, now: Millis) -> Result<Vec<Sending>> {
    let rows: Vec<(Vec<u8>, Millis, i64)> = sqlx::query_as(
        "select mail, due_at, attempts from report_mails_sent where workspace = $1 and retry_at is not null and retry_at <= $2 order by due_at",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    let sending = |(mail, due_at, attempts): (Vec<u8>, Millis, i64)| {
        Ok(Sending { mail: id(RecordId::from_bytes(&mail), "mail id")?, due_at, attempts: u32::try_from(attempts).unwrap_or(u32::MAX) })
    };
    rows.into_iter().map(sending).collect()
}

/// Takes a sending that is to be tried now, until a moment. Answers whether it was there: another server may have been faster.
pub async fn claim(tx: &mut Tx, workspace: WorkspaceId, sending: &Sending, now: Millis, until: Millis) -> Result<bool> {
    let taken =
        sqlx::query("update report_mails_sent set retry_at = $5 where workspace = $1 and mail = $2 and due_at = $3 and retry_at <= $4")
            .bind(&workspace.as_bytes()[..])
            .bind(&sending.mail.as_bytes()[..])
            .bind(sending.due_at)
            .bind(now)
            .bind(until)
            .execute(tx.conn())
            .await?;
    Ok(taken.rows_affected() == 1)
}

/// What became of a try.
pub async fn tried(
    tx: &mut Tx,
    workspace: WorkspaceId,
    sending: &Sending,
    sent_at: Option<Millis>,
    retry_at: Option<Millis>,
    problem: Option<&str>,
) -> Result<()> {
    sqlx::query(
        "update report_mails_sent set attempts = attempts + 1, sent_at = $4, retry_at = $5, problem = $6
         where workspace = $1 and mail = $2 and due_at = $3",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&sending.mail.as_bytes()[..])
    .bind(sending.due_at)
    .bind(sent_at)
    .bind(retry_at)
    .bind(problem)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// When it went out last, or why it did not.
pub async fn last(tx: &mut Tx, workspace: WorkspaceId, mail: RecordId) -> Result<Option<(Option<Millis>, Option<String>)>> {
    let sql = "select sent_at, problem from report_mails_sent where workspace = $1 and mail = $2 order by due_at desc limit 1";
    let query = sqlx::query_as::<_, (Option<Millis>, Option<String>)>(sql).bind(&workspace.as_bytes()[..]).bind(&mail.as_bytes()[..]);
    Ok(query.fetch_optional(tx.conn()).await?)
}

/// Stops sending one. Answers whether there was one.
pub async fn remove(tx: &mut Tx, workspace: WorkspaceId, dashboard: RecordId, mail: RecordId) -> Result<bool> {
    let sql = "delete from report_mails where workspace = $1 and dashboard = $2 and mail = $3";
    let query = sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&dashboard.as_bytes()[..]).bind(&mail.as_bytes()[..]);
    let there_was = query.execute(tx.conn()).await?.rows_affected() > 0;
    if there_was {
        tx.withdrawn(workspace, Withdrawal::Mail { dashboard, mail });
    }
    Ok(there_was)
}
