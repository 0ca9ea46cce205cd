//! Kinds of which it is still to be worked out again whose their records are and what their rows compute.

use std::collections::BTreeSet;

use sync_core::id::{KindName, RecordId, WorkspaceId};

use super::records::kind_of;
use super::{Result, Tx, id};

/// Owes a kind, from its first record on.
pub async fn owe(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName) -> Result<()> {
    sqlx::query("insert into holder_debts (workspace, kind) values ($1, $2) on conflict (workspace, kind) do update set done = null")
        .bind(&workspace.as_bytes()[..])
        .bind(kind.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Workspaces that owe something.
pub async fn debtors(tx: &mut Tx) -> Result<Vec<WorkspaceId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select distinct workspace from holder_debts").fetch_all(tx.conn()).await?;
    rows.iter().map(|workspace| id(WorkspaceId::from_bytes(workspace), "workspace id")).collect()
}

/// The kinds that are owed.
pub async fn kinds(tx: &mut Tx, workspace: WorkspaceId) -> Result<BTreeSet<KindName>> {
    let sql = "select kind from holder_debts where workspace = $1";
    let kinds: Vec<String> = sqlx::query_scalar(sql).bind(&workspace.as_bytes()[..]).fetch_all(tx.conn()).await?;
    kinds.iter().map(|kind| kind_of(kind)).collect()
}

/// A kind that is owed, and up to which record that is done.
pub async fn next(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<(KindName, Option<RecordId>)>> {
    let row: Option<(String, Option<Vec<u8>>)> =
        sqlx::query_as("select kind, done from holder_debts where workspace = $1 order by kind limit 1")
            .bind(&workspace.as_bytes()[..])
            .fetch_optional(tx.conn())
            .await?;
    let next = |(kind, done): (String, Option<Vec<u8>>)| {
        let done = done.map(|done| id(RecordId::from_bytes(&done), "record id")).transpose()?;
        Ok((kind_of(&kind)?, done))
    };
    row.map(next).transpose()
}

/// Notes up to which record of a kind it is done.
pub async fn done(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName, until: RecordId) -> Result<()> {
    sqlx::query("update holder_debts set done = $3 where workspace = $1 and kind = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(kind.as_str())
        .bind(&until.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A kind is done.
pub async fn settle(tx: &mut Tx, workspace: WorkspaceId, kind: &KindName) -> Result<()> {
    sqlx::query("delete from holder_debts where workspace = $1 and kind = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(kind.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}
