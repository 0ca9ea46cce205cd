//! Answers kept for requests that are sent again.

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::people::SecretHash;
use super::{Result, Tx};

/// Whose request, and under which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnceKey {
    /// Where.
    pub workspace: WorkspaceId,
    /// Who asked.
    pub user: UserId,
    /// The hash of the key that came with the request.
    pub key: SecretHash,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The hash of method, address and body.
    pub fingerprint: Vec<u8>,
    /// The answer; none while the first request is running.
    pub answer: Option<KeptAnswer>,
    /// When it began.
    pub created_at: Millis,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// Names and values of headers, as JSON.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The status of an answer that told of a record that was erased. No request is answered with it otherwise.
const ERASED: u16 = 410;

impl KeptAnswer {
    /// Whether what it told of was erased: only that the key was used is known then.
    pub fn is_erased(&self) -> bool {
        self.status == ERASED
    }
}

type Row = (Vec<u8>, Option<i64>, String, Option<Vec<u8>>, Millis);

/// What is known of a request.
pub async fn known(tx: &mut Tx, key: &OnceKey) -> Result<Option<Known>> {
    let sql = "select fingerprint, status, headers, body, created_at from answers where workspace = $1 and user_id = $2 and key_hash = $3";
    let query = sqlx::query_as::<_, Row>(sql);
    let row = query.bind(&key.workspace.as_bytes()[..]).bind(&key.user.as_bytes()[..]).bind(&key.key[..]).fetch_optional(tx.conn()).await?;
    Ok(row.map(|(fingerprint, status, headers, body, created_at)| {
        let answer = status.map(|status| KeptAnswer { status: status as u16, headers, body: body.unwrap_or_default() });
        Known { fingerprint, answer, created_at }
    }))
}

/// Notes that a request runs.
pub async fn begin(tx: &mut Tx, key: &OnceKey, fingerprint: &SecretHash, now: Millis) -> Result<()> {
    sqlx::query(
        "insert into answers (workspace, user_id, key_hash, fingerprint, created_at) values ($1, $2, $3, $4, $5)
         on conflict (workspace, user_id, key_hash) do update set fingerprint = excluded.fingerprint, status = null,
           headers = '[]', body = null, created_at = excluded.created_at",
    )
    .bind(&key.workspace.as_bytes()[..])
    .bind(&key.user.as_bytes()[..])
    .bind(&key.key[..])
    .bind(&fingerprint[..])
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps the answer.
pub async fn finish(tx: &mut Tx, key: &OnceKey, answer: &KeptAnswer) -> Result<()> {
    sqlx::query("update answers set status = $4, headers = $5, body = $6 where workspace = $1 and user_id = $2 and key_hash = $3")
        .bind(&key.workspace.as_bytes()[..])
        .bind(&key.user.as_bytes()[..])
        .bind(&key.key[..])
        .bind(i64::from(answer.status))
        .bind(&answer.headers)
        .bind(&answer.body)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets a request that was not answered: it may be tried again.
pub async fn forget(tx: &mut Tx, key: &OnceKey) -> Result<()> {
    sqlx::query("delete from answers where workspace = $1 and user_id = $2 and key_hash = $3")
        .bind(&key.workspace.as_bytes()[..])
        .bind(&key.user.as_bytes()[..])
        .bind(&key.key[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes everything but the key from answers that tell of a record. A request that made it would make it again, were
/// its key forgotten. The hash of the request goes, too: what little stood in it could be guessed.
pub async fn erase(tx: &mut Tx, workspace: WorkspaceId, record: &str) -> Result<u64> {
    let sql = "update answers set fingerprint = x'', status = $3, headers = '[]', body = null
               where workspace = $1 and (instr(cast(body as text), $2) > 0 or instr(headers, $2) > 0)";
    let query = sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(record).bind(i64::from(ERASED));
    Ok(query.execute(tx.conn()).await?.rows_affected())
}

/// Removes answers from before a time.
pub async fn sweep(tx: &mut Tx, workspace: WorkspaceId, before: Millis) -> Result<()> {
    sqlx::query("delete from answers where workspace = $1 and created_at < $2")
        .bind(&workspace.as_bytes()[..])
        .bind(before)
        .execute(tx.conn())
        .await?;
    Ok(())
}
