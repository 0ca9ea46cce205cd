//! Phone numbers of the second factor, and the newest code that was sent to each.

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::people::SecretHash;
use super::{Result, StoreError, Tx};

/// A number, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// In E.164: `+8613812345678`.
    pub number: String,
    /// When a code that was sent to it was typed; until then it stands for nothing.
    pub confirmed_at: Option<Millis>,
    /// The newest code, while nobody has used it.
    pub code: Option<SecretHash>,
    /// When that is worth nothing any more.
    pub code_expires_at: Millis,
    /// Wrong ones since it was sent.
    pub guesses: i64,
    /// When the next code may be sent.
    pub again_at: Millis,
}

type Row = (String, Option<Millis>, Option<Vec<u8>>, Millis, i64, Millis);

/// The number of a user that codes are sent to, or (`pending`) the one that is being added.
pub async fn number_of(tx: &mut Tx, workspace: WorkspaceId, user: UserId, pending: bool) -> Result<Option<Number>> {
    let row: Option<Row> = sqlx::query_as(
        "select number, confirmed_at, code_hash, code_expires_at, guesses, again_at from sms_numbers
         where workspace = $1 and user_id = $2 and (confirmed_at is null) = $3",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&user.as_bytes()[..])
    .bind(pending)
    .fetch_optional(tx.conn())
    .await?;
    let Some((number, confirmed_at, code, code_expires_at, guesses, again_at)) = row else { return Ok(None) };
    let code = code.map(|code| code.try_into().map_err(|_| StoreError::Damaged("code by SMS"))).transpose()?;
    Ok(Some(Number { number, confirmed_at, code, code_expires_at, guesses, again_at }))
}

/// Begins adding a number, in place of another one that was never confirmed.
pub async fn add_number(tx: &mut Tx, workspace: WorkspaceId, user: UserId, number: &str) -> Result<()> {
    drop_numbers(tx, workspace, user, true).await?;
    sqlx::query("insert into sms_numbers (workspace, user_id, number) values ($1, $2, $3)")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .bind(number)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Keeps a number as it stands now.
pub async fn put_number(tx: &mut Tx, workspace: WorkspaceId, user: UserId, number: &Number) -> Result<()> {
    sqlx::query(
        "update sms_numbers set confirmed_at = $4, code_hash = $5, code_expires_at = $6, guesses = $7, again_at = $8
         where workspace = $1 and user_id = $2 and number = $3",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&user.as_bytes()[..])
    .bind(&number.number)
    .bind(number.confirmed_at)
    .bind(number.code.as_ref().map(|code| &code[..]))
    .bind(number.code_expires_at)
    .bind(number.guesses)
    .bind(number.again_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a user's number away, or (`pending`) the one that is being added. Answers whether there was one.
pub async fn drop_numbers(tx: &mut Tx, workspace: WorkspaceId, user: UserId, pending: bool) -> Result<bool> {
    let gone = sqlx::query("delete from sms_numbers where workspace = $1 and user_id = $2 and (confirmed_at is null) = $3")
        .bind(&workspace.as_bytes()[..])
        .bind(&user.as_bytes()[..])
        .bind(pending)
        .execute(tx.conn())
        .await?;
    let was = gone.rows_affected() > 0;
    if was && !pending {
        tx.withdrawn(workspace, Withdrawal::Number { user, on: false });
    }
    Ok(was)
}

/// A number was set up as a second factor: a backup from before knows nothing of it.
pub fn was_set_up(tx: &mut Tx, workspace: WorkspaceId, user: UserId) {
    tx.withdrawn(workspace, Withdrawal::Number { user, on: true });
}
