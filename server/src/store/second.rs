//! The second factor: what authenticator apps share with us, recovery codes, and tickets between the two steps.

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::people::SecretHash;
use super::{Result, StoreError, Tx, id};

/// Somebody's second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// What their app shares with us.
    pub secret: Vec<u8>,
    /// When it was shown to work; until then it is not asked for.
    pub confirmed_at: Option<Millis>,
    /// The newest half minute of which a code was used.
    pub last_step: i64,
}

/// The second factor of a user, in use or being set up.
pub async fn second_factor(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Option<SecondFactor>> {
    let row = sqlx::query_as("select secret, confirmed_at, last_step from second_factors where workspace = $1 and user_id = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|(secret, confirmed_at, last_step)| SecondFactor { secret, confirmed_at, last_step }))
}

/// Begins setting one up, in place of one that was not confirmed.
pub async fn put_second_factor(tx: &mut Tx, workspace: WorkspaceId, user: UserId, secret: &[u8]) -> Result<()> {
    sqlx::query(
        "insert into second_factors (workspace, user_id, secret) values ($1, $2, $3)
         on conflict (workspace, user_id) do update set secret = excluded.secret, confirmed_at = null, last_step = 0",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&user.as_bytes()[..])
    .bind(secret)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that a code of a half minute was used; confirms the factor if it was not.
pub async fn use_step(tx: &mut Tx, workspace: WorkspaceId, user: UserId, step: i64, now: Millis) -> Result<()> {
    sqlx::query(
        "update second_factors set last_step = $3, confirmed_at = coalesce(confirmed_at, $4) where workspace = $1 and user_id = $2",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&user.as_bytes()[..])
    .bind(step)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes the second factor away. Answers whether there was one.
pub async fn drop_second_factor(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<bool> {
    let gone = sqlx::query("delete from second_factors where workspace = $1 and user_id = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    let was = gone.rows_affected() > 0;
    if was {
        tx.withdrawn(workspace, Withdrawal::SecondFactor { user, on: false });
    }
    Ok(was)
}

/// Replaces the recovery codes of a user.
pub async fn set_recovery_codes(tx: &mut Tx, workspace: WorkspaceId, user: UserId, codes: &[SecretHash]) -> Result<()> {
    sqlx::query("delete from recovery_codes where workspace = $1 and user_id = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    for code in codes {
        sqlx::query("insert into recovery_codes (workspace, user_id, code_hash) values ($1, $2, $3)")
            .bind(&workspace.as_bytes()[..])
            .bind(&user.as_bytes()[..])
            .bind(&code[..])
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Uses up a recovery code. Answers whether it was one that is left.
pub async fn use_recovery_code(tx: &mut Tx, workspace: WorkspaceId, user: UserId, code: &SecretHash, now: Millis) -> Result<bool> {
    let used =
        sqlx::query("update recovery_codes set used_at = $4 where workspace = $1 and user_id = $2 and code_hash = $3 and used_at is null")
            .bind(&workspace.as_bytes()[..])
            .bind(&user.as_bytes()[..])
            .bind(&code[..])
            .bind(now)
            .execute(tx.conn())
            .await?;
    Ok(used.rows_affected() > 0)
}

/// How many recovery codes are left.
pub async fn recovery_codes_left(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<u64> {
    let left: i64 = sqlx::query_scalar("select count(*) from recovery_codes where workspace = $1 and user_id = $2 and used_at is null")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .fetch_one(tx.conn())
        .await?;
    Ok(left as u64)
}

/// Whose code of a second factor is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub user: UserId,
    /// Whether another system said so, and no password.
    pub by_provider: bool,
}

/// Keeps whose code is still to come.
pub async fn add_ticket(tx: &mut Tx, workspace: WorkspaceId, ticket: &SecretHash, holder: Holder, expires_at: Millis) -> Result<()> {
    sqlx::query("insert into sign_in_tickets (workspace, ticket_hash, user_id, expires_at, by_provider) values ($1, $2, $3, $4, $5)")
        .bind(&workspace.as_bytes()[..])
        .bind(&ticket[..])
        .bind(&holder.user.as_bytes()[..])
        .bind(expires_at)
        .bind(i64::from(holder.by_provider))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whose ticket this is, while it lasts.
pub async fn holder_of_ticket(tx: &mut Tx, workspace: WorkspaceId, ticket: &SecretHash, now: Millis) -> Result<Option<Holder>> {
    let holder: Option<(Vec<u8>, i64)> =
        sqlx::query_as("select user_id, by_provider from sign_in_tickets where workspace = $1 and ticket_hash = $2 and expires_at > $3")
            .bind(&workspace.as_bytes()[..])
            .bind(&ticket[..])
            .bind(now)
            .fetch_optional(tx.conn())
            .await?;
    let holder = holder.map(|(user, by)| Ok(Holder { user: id(UserId::from_bytes(&user), "user id")?, by_provider: by != 0 }));
    holder.transpose()
}

/// Ends a ticket.
pub async fn drop_ticket(tx: &mut Tx, workspace: WorkspaceId, ticket: &SecretHash) -> Result<()> {
    sqlx::query("delete from sign_in_tickets where workspace = $1 and ticket_hash = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&ticket[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}

impl SecondFactor {
    /// The secret, of the length that it is written with.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn shared<const N: usize>(&self) -> Result<[u8; N]> {
        self.secret.as_slice().try_into().map_err(|_| StoreError::Damaged("second factor"))
    }
}

/// An app was set up as a second factor: a backup from before knows nothing of it.
pub fn was_set_up(tx: &mut Tx, workspace: WorkspaceId, user: UserId) {
    tx.withdrawn(workspace, Withdrawal::SecondFactor { user, on: true });
}
