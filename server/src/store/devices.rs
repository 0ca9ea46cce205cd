//! Devices: the codes they enrol with, their tokens, and the actors they write as.

use std::collections::HashMap;

use sync_core::id::{ActorId, DeviceId, Millis, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::people::{SecretHash, User, user};
use super::{Result, StoreError, Tx, id};

/// One installation of the app on one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Where.
    pub workspace: WorkspaceId,
    /// Its id.
    pub device: DeviceId,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// The actor it enrolled with.
    pub actor: ActorId,
    /// The app and version it last spoke with.
    pub app: String,
    /// When it enrolled.
    pub created_at: Millis,
    /// When it was last heard of, to the minute or so.
    pub last_seen_at: Millis,
    /// When it was shut out, if it was.
    pub revoked_at: Option<Millis>,
}

type Row = (Vec<u8>, Vec<u8>, Vec<u8>, String, Vec<u8>, String, Millis, Millis, Option<Millis>);

/// A macro, because `concat!` takes no constants.
macro_rules! device_columns {
    () => {
        "workspace, device, user_id, name, actor, app, created_at, last_seen_at, revoked_at"
    };
}

fn from_row((workspace, device, user, name, actor, app, created_at, last_seen_at, revoked_at): Row) -> Result<Device> {
    Ok(Device {
        workspace: id(WorkspaceId::from_bytes(&workspace), "workspace id")?,
        device: id(DeviceId::from_bytes(&device), "device id")?,
        user: id(UserId::from_bytes(&user), "user id")?,
        name,
        actor: id(ActorId::from_bytes(&actor), "actor id")?,
        app,
        created_at,
        last_seen_at,
        revoked_at,
    })
}

/// How many devices there are, shut out or not.
pub async fn count(tx: &mut Tx, workspace: WorkspaceId) -> Result<u64> {
    let count: i64 = sqlx::query_scalar("select count(*) from devices where workspace = $1")
        .bind(&workspace.as_bytes()[..])
        .fetch_one(tx.conn())
        .await?;
    Ok(count as u64)
}

/// Keeps a one-time code for a user's next device.
pub async fn add_code(tx: &mut Tx, workspace: WorkspaceId, code: &SecretHash, user: UserId, now: Millis, expires_at: Millis) -> Result<()> {
    sqlx::query("insert into device_codes (workspace, code_hash, user_id, created_at, expires_at) values ($1, $2, $3, $4, $5)")
        .bind(&workspace.as_bytes()[..])
        .bind(&code[..])
        .bind(&user.as_bytes()[..])
        .bind(now)
        .bind(expires_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Uses a code up and answers whose it was. One statement: of many who hold it, one gets the answer.
pub async fn take_code(tx: &mut Tx, code: &SecretHash, now: Millis) -> Result<Option<(WorkspaceId, UserId)>> {
    let row: Option<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "update device_codes set used_at = $2 where code_hash = $1 and used_at is null and expires_at > $2 returning workspace, user_id",
    )
    .bind(&code[..])
    .bind(now)
    .fetch_optional(tx.conn())
    .await?;
    let Some((workspace, user)) = row else { return Ok(None) };
    Ok(Some((id(WorkspaceId::from_bytes(&workspace), "workspace id")?, id(UserId::from_bytes(&user), "user id")?)))
}

/// Adds a device, and its first actor.
pub async fn add_device(tx: &mut Tx, device: &Device, token: &SecretHash) -> Result<()> {
    sqlx::query(
        "insert into devices (workspace, device, user_id, name, actor, token_hash, app, created_at, last_seen_at, revoked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&device.workspace.as_bytes()[..])
    .bind(&device.device.as_bytes()[..])
    .bind(&device.user.as_bytes()[..])
    .bind(&device.name)
    .bind(&device.actor.0[..])
    .bind(&token[..])
    .bind(&device.app)
    .bind(device.created_at)
    .bind(device.last_seen_at)
    .bind(device.revoked_at)
    .execute(tx.conn())
    .await?;
    add_actor(tx, device.workspace, device.actor, device.device, device.created_at).await
}

/// Gives an actor to a device, for ever; fails with [`StoreError::Exists`] when it has an owner.
pub async fn add_actor(tx: &mut Tx, workspace: WorkspaceId, actor: ActorId, device: DeviceId, now: Millis) -> Result<()> {
    sqlx::query("insert into actors (workspace, actor, device, registered_at) values ($1, $2, $3, $4)")
        .bind(&workspace.as_bytes()[..])
        .bind(&actor.0[..])
        .bind(&device.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Gives actors back to the devices that had them before a restore. Those that have an owner keep it.
pub async fn keep_actors(tx: &mut Tx, workspace: WorkspaceId, actors: &HashMap<ActorId, (DeviceId, Millis)>) -> Result<()> {
    for (actor, (device, registered_at)) in actors {
        sqlx::query(
            "insert into actors (workspace, actor, device, registered_at) values ($1, $2, $3, $4) on conflict (workspace, actor) do nothing",
        )
        .bind(&workspace.as_bytes()[..])
        .bind(&actor.0[..])
        .bind(&device.as_bytes()[..])
        .bind(registered_at)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// How many actors a device has taken since a moment; counts to `limit`.
pub async fn actors_since(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, since: Millis, limit: u32) -> Result<u32> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from (select 1 from actors where workspace = $1 and device = $2 and registered_at > $3 limit $4) as recent",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&device.as_bytes()[..])
    .bind(since)
    .bind(i64::from(limit))
    .fetch_one(tx.conn())
    .await?;
    Ok(count as u32)
}

/// The device that owns an actor.
pub async fn owner_of_actor(tx: &mut Tx, workspace: WorkspaceId, actor: ActorId) -> Result<Option<DeviceId>> {
    let row: Option<Vec<u8>> = sqlx::query_scalar("select device from actors where workspace = $1 and actor = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&actor.0[..])
        .fetch_optional(tx.conn())
        .await?;
    row.map(|device| id(DeviceId::from_bytes(&device), "device id")).transpose()
}

/// When an actor was registered.
pub async fn registered_at(tx: &mut Tx, workspace: WorkspaceId, actor: ActorId) -> Result<Option<Millis>> {
    let query = sqlx::query_scalar("select registered_at from actors where workspace = $1 and actor = $2");
    Ok(query.bind(&workspace.as_bytes()[..]).bind(&actor.0[..]).fetch_optional(tx.conn()).await?)
}

/// All devices of a workspace, newest first.
pub async fn devices(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Device>> {
    let sql = concat!("select ", device_columns!(), " from devices where workspace = $1 order by created_at desc, device");
    let rows: Vec<Row> = sqlx::query_as(sql).bind(&workspace.as_bytes()[..]).fetch_all(tx.conn()).await?;
    rows.into_iter().map(from_row).collect()
}

/// The devices of a user, shut out or not, newest first.
pub async fn of_user(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Vec<Device>> {
    let sql = concat!("select ", device_columns!(), " from devices where workspace = $1 and user_id = $2 order by created_at desc, device");
    let query = sqlx::query_as(sql).bind(&workspace.as_bytes()[..]).bind(&user.as_bytes()[..]);
    let rows: Vec<Row> = query.fetch_all(tx.conn()).await?;
    rows.into_iter().map(from_row).collect()
}

/// The devices of a user that are not shut out, newest first.
pub async fn in_use_by(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Vec<Device>> {
    Ok(of_user(tx, workspace, user).await?.into_iter().filter(|device| device.revoked_at.is_none()).collect())
}

/// The device with a token, and its user; shut out or not.
pub async fn device_by_token(tx: &mut Tx, workspace: WorkspaceId, token: &SecretHash) -> Result<Option<(Device, User)>> {
    let sql = concat!("select ", device_columns!(), " from devices where workspace = $1 and token_hash = $2");
    let query = sqlx::query_as::<_, Row>(sql).bind(&workspace.as_bytes()[..]).bind(&token[..]);
    let Some(row) = query.fetch_optional(tx.conn()).await? else { return Ok(None) };
    let device = from_row(row)?;
    let user = user(tx, workspace, device.user).await?.ok_or(StoreError::Damaged("device: its user is missing"))?;
    Ok(Some((device, user)))
}

/// Notes when a device was heard of.
pub async fn touch_device(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, now: Millis) -> Result<()> {
    sqlx::query("update devices set last_seen_at = $3 where workspace = $1 and device = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes which app a device speaks with.
pub async fn set_device_app(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, app: &str) -> Result<()> {
    sqlx::query("update devices set app = $3 where workspace = $1 and device = $2 and app <> $3")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .bind(app)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Shuts a device out. Answers whether it was in.
pub async fn revoke_device(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, now: Millis) -> Result<bool> {
    let done = sqlx::query("update devices set revoked_at = $3 where workspace = $1 and device = $2 and revoked_at is null")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    let was_in = done.rows_affected() > 0;
    if was_in {
        tx.withdrawn(workspace, Withdrawal::Device { device, out: true, farewell: None });
    }
    Ok(was_in)
}

/// Lets a device in again.
pub async fn restore_device(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId) -> Result<()> {
    sqlx::query("update devices set revoked_at = null where workspace = $1 and device = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    tx.withdrawn(workspace, Withdrawal::Device { device, out: false, farewell: None });
    Ok(())
}

/// The devices shut out at `since` or later.
pub async fn revoked_since(tx: &mut Tx, workspace: WorkspaceId, since: Millis) -> Result<Vec<DeviceId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select device from devices where workspace = $1 and revoked_at >= $2")
        .bind(&workspace.as_bytes()[..])
        .bind(since)
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(|device| id(DeviceId::from_bytes(&device), "device id")).collect()
}
