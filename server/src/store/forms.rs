//! Forms that whoever has their address may fill in.

use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::people::{User, user};
use super::{Result, Tx, id};

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadForm {
    /// Its id.
    pub form: RecordId,
    /// The last part of its address.
    pub key: String,
    /// In whose name records are made.
    pub user: UserId,
    /// What it is called: to those who fill it in, too.
    pub name: String,
    /// What becomes of it.
    pub kind: String,
    /// Names of fields, with commas.
    pub fields: String,
    /// What every record gets besides, as JSON.
    pub preset: String,
    /// Whose records they become in turn, as JSON.
    pub owners: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it was taken back.
    pub revoked_at: Option<Millis>,
    /// How many were sent in.
    pub received: u64,
    /// When last.
    pub received_at: Option<Millis>,
}

type Row = (Vec<u8>, String, Vec<u8>, String, String, String, String, String, Millis, Option<Millis>, i64, Option<Millis>);

/// A macro, because `concat!` takes no constants.
macro_rules! form_columns {
    () => {
        "select form, public_key, user_id, name, kind, fields, preset, owners, created_at, revoked_at, received, received_at from lead_forms "
    };
}

fn from_row(row: Row) -> Result<LeadForm> {
    let (form, key, user, name, kind, fields, preset, owners, created_at, revoked_at, received, received_at) = row;
    let (form, user) = (id(RecordId::from_bytes(&form), "form id")?, id(UserId::from_bytes(&user), "user id")?);
    Ok(LeadForm { form, key, user, name, kind, fields, preset, owners, created_at, revoked_at, received: received as u64, received_at })
}

/// Adds a form.
pub async fn add(tx: &mut Tx, workspace: WorkspaceId, form: &LeadForm) -> Result<()> {
    sqlx::query(
        "insert into lead_forms (workspace, form, public_key, user_id, name, kind, fields, preset, owners, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&form.form.as_bytes()[..])
    .bind(&form.key)
    .bind(&form.user.as_bytes()[..])
    .bind(&form.name)
    .bind(&form.kind)
    .bind(&form.fields)
    .bind(&form.preset)
    .bind(&form.owners)
    .bind(form.created_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// All forms of a workspace, newest first.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<LeadForm>> {
    let rows: Vec<Row> = sqlx::query_as(concat!(form_columns!(), "where workspace = $1 order by created_at desc, form"))
        .bind(&workspace.as_bytes()[..])
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// The form behind a key, whatever became of it, and its maker.
pub async fn by_key(tx: &mut Tx, workspace: WorkspaceId, key: &str) -> Result<Option<(LeadForm, User)>> {
    let row: Option<Row> = sqlx::query_as(concat!(form_columns!(), "where workspace = $1 and public_key = $2"))
        .bind(&workspace.as_bytes()[..])
        .bind(key)
        .fetch_optional(tx.conn())
        .await?;
    let Some(form) = row.map(from_row).transpose()? else { return Ok(None) };
    Ok(user(tx, workspace, form.user).await?.map(|user| (form, user)))
}

/// Counts what was sent in; answers how many came before.
pub async fn count(tx: &mut Tx, workspace: WorkspaceId, form: RecordId, now: Millis) -> Result<u64> {
    let turn: i64 = sqlx::query_scalar(
        "update lead_forms set received = received + 1, received_at = $3
         where workspace = $1 and form = $2 returning received - 1",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&form.as_bytes()[..])
    .bind(now)
    .fetch_one(tx.conn())
    .await?;
    Ok(turn as u64)
}

/// Takes a form back. Answers whether it was in use.
pub async fn revoke(tx: &mut Tx, workspace: WorkspaceId, form: RecordId, now: Millis) -> Result<bool> {
    let sql = "update lead_forms set revoked_at = $3 where workspace = $1 and form = $2 and revoked_at is null";
    let query = sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&form.as_bytes()[..]).bind(now);
    let was_in_use = query.execute(tx.conn()).await?.rows_affected() > 0;
    if was_in_use {
        tx.withdrawn(workspace, Withdrawal::LeadForm { form });
    }
    Ok(was_in_use)
}
