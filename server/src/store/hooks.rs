//! Webhooks and what is delivered to them.

use std::collections::HashMap;

use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::{Result, StoreError, Tx, id};

/// How many bytes a signing secret has.
pub const SECRET_BYTES: usize = 32;

/// Why a delivery was given up that waited when somebody else's sight became the webhook's.
pub const WITHDRAWN: &str = "withdrawn: somebody else changed the webhook";

/// What became of a wish to have something delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It is on its way.
    Queued,
    /// Its body went when somebody else's sight became the webhook's.
    Withdrawn,
    /// There is no such delivery.
    Absent,
}

/// An address that is told what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub webhook: RecordId,
    /// Whose sight it has.
    pub user: UserId,
    /// Where it is.
    pub url: String,
    /// What it is told, as patterns separated by blanks.
    pub events: String,
    /// What deliveries are signed with.
    pub secret: [u8; SECRET_BYTES],
    /// Whether it is not told what its own user did.
    pub skip_own: bool,
    /// The position in the feed up to which it was told.
    pub position: u64,
    /// When it was added.
    pub created_at: Millis,
    /// Since when it is told nothing.
    pub paused_at: Option<Millis>,
}

/// One thing that an address is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id: the same in every attempt.
    pub delivery: RecordId,
    /// To which address.
    pub webhook: RecordId,
    /// What happened: `party.updated`.
    pub event: String,
    /// What is sent; empty when it was withdrawn.
    pub body: String,
    /// When it happened.
    pub created_at: Millis,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<Millis>,
    /// `waiting`, `delivered` or `failed`.
    pub state: String,
    /// The last answer's status.
    pub status: Option<u16>,
    /// What went wrong instead of an answer.
    pub problem: Option<String>,
    /// When it was tried last.
    pub tried_at: Option<Millis>,
}

type HookRow = (Vec<u8>, Vec<u8>, String, String, Vec<u8>, i64, i64, Millis, Option<Millis>);
type DeliveryRow = (Vec<u8>, Vec<u8>, String, String, Millis, i64, Option<Millis>, String, Option<i64>, Option<String>, Option<Millis>);

fn hook((webhook, user, url, events, secret, skip_own, position, created_at, paused_at): HookRow) -> Result<Webhook> {
    Ok(Webhook {
        webhook: id(RecordId::from_bytes(&webhook), "webhook id")?,
        user: id(UserId::from_bytes(&user), "user id")?,
        url,
        events,
        secret: secret.try_into().map_err(|_| StoreError::Damaged("webhook secret"))?,
        skip_own: skip_own != 0,
        position: position as u64,
        created_at,
        paused_at,
    })
}

fn delivery(row: DeliveryRow) -> Result<Delivery> {
    let (delivery, webhook, event, body, created_at, attempts, next_at, state, status, problem, tried_at) = row;
    Ok(Delivery {
        delivery: id(RecordId::from_bytes(&delivery), "delivery id")?,
        webhook: id(RecordId::from_bytes(&webhook), "webhook id")?,
        event,
        body,
        created_at,
        attempts: attempts as u32,
        next_at,
        state,
        status: status.map(|status| status as u16),
        problem,
        tried_at,
    })
}

/// A macro, because `concat!` takes no constants.
macro_rules! delivery_columns {
    () => {
        "delivery, webhook, event, body, created_at, attempts, next_at, state, status, problem, tried_at"
    };
}

/// Adds a webhook.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, new: &Webhook) -> Result<()> {
    sqlx::query(
        "insert into webhooks (workspace, webhook, user_id, url, events, secret, skip_own, position, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&new.webhook.as_bytes()[..])
    .bind(&new.user.as_bytes()[..])
    .bind(&new.url)
    .bind(&new.events)
    .bind(&new.secret[..])
    .bind(i64::from(new.skip_own))
    .bind(new.position as i64)
    .bind(new.created_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// All webhooks of a workspace, oldest first.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Webhook>> {
    let rows: Vec<HookRow> = sqlx::query_as(
        "select webhook, user_id, url, events, secret, skip_own, position, created_at, paused_at from webhooks
         where workspace = $1 order by created_at, webhook",
    )
    .bind(&workspace.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(hook).collect()
}

/// One of them.
pub async fn one(tx: &mut Tx, workspace: WorkspaceId, webhook: RecordId) -> Result<Option<Webhook>> {
    Ok(all(tx, workspace).await?.into_iter().find(|hook| hook.webhook == webhook))
}

/// Replaces what a webhook is told, where, and through whose eyes; answers whether it was there.
pub async fn edit(tx: &mut Tx, workspace: WorkspaceId, edited: &Webhook) -> Result<bool> {
    let done = sqlx::query("update webhooks set user_id = $3, url = $4, events = $5, skip_own = $6 where workspace = $1 and webhook = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&edited.webhook.as_bytes()[..])
        .bind(&edited.user.as_bytes()[..])
        .bind(&edited.url)
        .bind(&edited.events)
        .bind(i64::from(edited.skip_own))
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Makes what waits for a webhook due at once.
pub async fn hurry(tx: &mut Tx, workspace: WorkspaceId, webhook: RecordId, now: Millis) -> Result<()> {
    sqlx::query("update deliveries set next_at = $3 where workspace = $1 and webhook = $2 and next_at > $3")
        .bind(&workspace.as_bytes()[..])
        .bind(&webhook.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Withdraws everything of a webhook that was made with another person's sight: what waits is given up, and no body
/// stays that could be sent again.
pub async fn withdraw(tx: &mut Tx, workspace: WorkspaceId, webhook: RecordId) -> Result<()> {
    sqlx::query(
        "update deliveries set body = '', next_at = null,
           state = case when state = 'waiting' then 'failed' else state end,
           status = case when state = 'waiting' then null else status end,
           problem = case when state = 'waiting' then $3 else problem end
         where workspace = $1 and webhook = $2",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&webhook.as_bytes()[..])
    .bind(WITHDRAWN)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Since when an address does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// When the first that was not delivered had happened.
    pub since: Millis,
    /// When one of them is tried next.
    pub next_at: Option<Millis>,
    /// The last answer's status.
    pub status: Option<u16>,
    /// What went wrong instead of an answer.
    pub problem: Option<String>,
}

/// The webhooks to which nothing was delivered since something was tried in vain.
pub async fn failing(tx: &mut Tx, workspace: WorkspaceId) -> Result<HashMap<RecordId, Failing>> {
    type Row = (Vec<u8>, Millis, Option<Millis>, Option<i64>, Option<String>);
    // The last attempt of each says which one is newest; of two at once, whichever stands later. What was withdrawn
    // says nothing of an address that may be another by now.
    let rows: Vec<Row> = sqlx::query_as(
        "select d.webhook, f.since, f.next_at, d.status, d.problem from deliveries d join
           (select v.webhook, min(v.created_at) as since, min(v.next_at) as next_at, max(v.tried_at) as tried_at from deliveries v
            left join (select webhook, max(tried_at) as tried_at from deliveries
                       where workspace = $1 and state = 'delivered' group by webhook) g on g.webhook = v.webhook
            where v.workspace = $1 and v.state <> 'delivered' and v.body <> '' and v.tried_at > coalesce(g.tried_at, 0)
            group by v.webhook) f
         on f.webhook = d.webhook and f.tried_at = d.tried_at
         where d.workspace = $1 and d.state <> 'delivered' and d.body <> '' order by d.created_at",
    )
    .bind(&workspace.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    let failing = |(webhook, since, next_at, status, problem): Row| {
        let webhook = id(RecordId::from_bytes(&webhook), "webhook id")?;
        Ok((webhook, Failing { since, next_at, status: status.map(|status| status as u16), problem }))
    };
    rows.into_iter().map(failing).collect()
}

/// How many deliveries of a webhook are kept, and how many of them are still to be tried.
pub async fn count(tx: &mut Tx, workspace: WorkspaceId, webhook: RecordId) -> Result<(u64, u64)> {
    let sql = "select count(*), count(next_at) from deliveries where workspace = $1 and webhook = $2";
    let query = sqlx::query_as::<_, (i64, i64)>(sql).bind(&workspace.as_bytes()[..]).bind(&webhook.as_bytes()[..]);
    let (all, waiting) = query.fetch_one(tx.conn()).await?;
    Ok((all as u64, waiting as u64))
}

/// Removes a webhook with what was delivered to it. Answers whether it was there.
pub async fn remove(tx: &mut Tx, workspace: WorkspaceId, webhook: RecordId) -> Result<bool> {
    let mut gone = 0;
    for sql in
        ["delete from deliveries where workspace = $1 and webhook = $2", "delete from webhooks where workspace = $1 and webhook = $2"]
    {
        gone = sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&webhook.as_bytes()[..]).execute(tx.conn()).await?.rows_affected();
    }
    if gone > 0 {
        tx.withdrawn(workspace, Withdrawal::Webhook { webhook });
    }
    Ok(gone > 0)
}

/// Pauses a webhook, or lets it go on; answers whether it was there.
pub async fn pause(tx: &mut Tx, workspace: WorkspaceId, webhook: RecordId, at: Option<Millis>) -> Result<bool> {
    let done = sqlx::query("update webhooks set paused_at = $3 where workspace = $1 and webhook = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&webhook.as_bytes()[..])
        .bind(at)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes how far a webhook was told, if nobody else has done so since and its sight is still the same person's.
pub async fn advance(tx: &mut Tx, workspace: WorkspaceId, told: &Webhook, to: u64) -> Result<bool> {
    let sql = "update webhooks set position = $4 where workspace = $1 and webhook = $2 and position = $3 and user_id = $5";
    let done = sqlx::query(sql)
        .bind(&workspace.as_bytes()[..])
        .bind(&told.webhook.as_bytes()[..])
        .bind(told.position as i64)
        .bind(to as i64)
        .bind(&told.user.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps something to deliver.
pub async fn add_delivery(tx: &mut Tx, workspace: WorkspaceId, new: &Delivery) -> Result<()> {
    sqlx::query(
        "insert into deliveries (workspace, delivery, webhook, event, body, created_at, next_at, state) values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&new.delivery.as_bytes()[..])
    .bind(&new.webhook.as_bytes()[..])
    .bind(&new.event)
    .bind(&new.body)
    .bind(new.created_at)
    .bind(new.next_at)
    .bind(&new.state)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes what is due, of webhooks that are not paused; nobody else gets it until `until`.
pub async fn claim_due(tx: &mut Tx, workspace: WorkspaceId, now: Millis, until: Millis, limit: u32) -> Result<Vec<Delivery>> {
    let rows: Vec<DeliveryRow> = sqlx::query_as(concat!(
        "update deliveries set next_at = $3, attempts = attempts + 1 where workspace = $1 and delivery in
           (select d.delivery from deliveries d join webhooks w on w.workspace = d.workspace and w.webhook = d.webhook
            where d.workspace = $1 and d.next_at <= $2 and w.paused_at is null order by d.next_at limit $4)
         returning ",
        delivery_columns!()
    ))
    .bind(&workspace.as_bytes()[..])
    .bind(now)
    .bind(until)
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(delivery).collect()
}

/// Notes what became of an attempt, unless it was withdrawn meanwhile.
pub async fn note_attempt(tx: &mut Tx, workspace: WorkspaceId, tried: &Delivery) -> Result<()> {
    sqlx::query(
        "update deliveries set next_at = $3, state = $4, status = $5, problem = $6, tried_at = $7
         where workspace = $1 and delivery = $2 and body <> ''",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&tried.delivery.as_bytes()[..])
    .bind(tried.next_at)
    .bind(&tried.state)
    .bind(tried.status.map(i64::from))
    .bind(&tried.problem)
    .bind(tried.tried_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The newest deliveries of a webhook, newest first.
pub async fn deliveries(tx: &mut Tx, workspace: WorkspaceId, webhook: RecordId, limit: u32) -> Result<Vec<Delivery>> {
    let rows: Vec<DeliveryRow> = sqlx::query_as(concat!(
        "select ",
        delivery_columns!(),
        " from deliveries where workspace = $1 and webhook = $2 order by created_at desc, delivery desc limit $3"
    ))
    .bind(&workspace.as_bytes()[..])
    .bind(&webhook.as_bytes()[..])
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(delivery).collect()
}

/// Has something delivered again, from the first attempt on, if its body is still there.
pub async fn replay(tx: &mut Tx, workspace: WorkspaceId, webhook: RecordId, delivery: RecordId, now: Millis) -> Result<Replay> {
    let sql = "select body <> '' from deliveries where workspace = $1 and webhook = $2 and delivery = $3";
    let kept: Option<bool> = sqlx::query_scalar(sql)
        .bind(&workspace.as_bytes()[..])
        .bind(&webhook.as_bytes()[..])
        .bind(&delivery.as_bytes()[..])
        .fetch_optional(tx.conn())
        .await?;
    match kept {
        None => return Ok(Replay::Absent),
        Some(false) => return Ok(Replay::Withdrawn),
        Some(true) => {}
    }
    sqlx::query("update deliveries set next_at = $3, state = 'waiting', attempts = 0 where workspace = $1 and delivery = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&delivery.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(Replay::Queued)
}

/// The position of each record's first change.
pub async fn first_position(tx: &mut Tx, workspace: WorkspaceId, record: RecordId) -> Result<Option<u64>> {
    let position: Option<i64> = sqlx::query_scalar("select min(position + 0) from changes where workspace = $1 and record = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&record.as_bytes()[..])
        .fetch_one(tx.conn())
        .await?;
    Ok(position.map(|position| position as u64))
}

/// Removes what was delivered or given up before a time.
pub async fn sweep(tx: &mut Tx, workspace: WorkspaceId, before: Millis) -> Result<()> {
    sqlx::query("delete from deliveries where workspace = $1 and next_at is null and created_at < $2")
        .bind(&workspace.as_bytes()[..])
        .bind(before)
        .execute(tx.conn())
        .await?;
    Ok(())
}
