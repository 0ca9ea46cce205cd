//! Devices beyond their tokens: what they said of themselves, whether they wait to be let in, and their farewells.

use std::collections::HashMap;

use sync_core::id::{DeviceId, Millis, UserId, WorkspaceId};

use super::ledger::Withdrawal;
use super::{Result, StoreError, Tx, id};

/// How a device leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It delivers what was not sent, then it forgets everything.
    HandBack,
    /// It forgets everything at once.
    Lost,
}

impl Act {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Act::HandBack => "hand_back",
            Act::Lost => "lost",
        }
    }

    /// By its word.
    pub fn of(word: &str) -> Option<Self> {
        [Act::HandBack, Act::Lost].into_iter().find(|act| act.as_str() == word)
    }
}

/// A device that is to forget everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// How.
    pub act: Act,
    /// Since when.
    pub asked_at: Millis,
    /// When it was told.
    pub told_at: Option<Millis>,
    /// When it said that it has.
    pub wiped_at: Option<Millis>,
    /// How often in a row it has brought edits that follow what is not here and not what they follow, or nothing of what it was
    /// once given and says that it still has.
    pub waits: u32,
    /// Whether somebody has ever let it in; if not, it was given nothing.
    pub was_let_in: bool,
}

impl Farewell {
    /// Whether the device holds nothing any more, or never did.
    pub fn is_over(&self) -> bool {
        self.wiped_at.is_some() || !self.was_let_in
    }
}

/// What a device said of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeviceNote {
    /// The protocol it speaks.
    pub protocol: u32,
    /// Edits that waited on it.
    pub pending: u64,
    /// Up to where it had read the feed.
    pub position: u64,
}

type FarewellTuple = (Vec<u8>, String, Millis, Option<Millis>, Option<Millis>, u32, bool);

/// A macro, because `concat!` takes no constants.
macro_rules! all_farewells {
    () => {
        "select device, act, asked_at, told_at, wiped_at, waits, not exists (select 1 from device_waits as waiting \
         where waiting.workspace = farewells.workspace and waiting.device = farewells.device) from farewells "
    };
}

fn farewell((device, act, asked_at, told_at, wiped_at, waits, was_let_in): FarewellTuple) -> Result<(DeviceId, Farewell)> {
    let act = Act::of(&act).ok_or(StoreError::Damaged("farewell"))?;
    Ok((id(DeviceId::from_bytes(&device), "device id")?, Farewell { act, asked_at, told_at, wiped_at, waits, was_let_in }))
}

/// Asks a device to forget everything; asked again, the later word counts.
pub async fn ask(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, act: Act, by: Option<UserId>, now: Millis) -> Result<()> {
    sqlx::query(
        "insert into farewells (workspace, device, act, asked_by, asked_at) values ($1, $2, $3, $4, $5) \
         on conflict (workspace, device) do update set act = excluded.act, asked_by = excluded.asked_by, asked_at = excluded.asked_at",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&device.as_bytes()[..])
    .bind(act.as_str())
    .bind(by.map(|by| by.as_bytes().to_vec()))
    .bind(now)
    .execute(tx.conn())
    .await?;
    tx.withdrawn(workspace, Withdrawal::Device { device, out: true, farewell: Some(act.as_str().to_owned()) });
    Ok(())
}

/// Asks a device nothing any more, if it was not told yet. Answers whether it was not.
pub async fn forget(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId) -> Result<bool> {
    let done = sqlx::query("delete from farewells where workspace = $1 and device = $2 and told_at is null and wiped_at is null")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}

/// What a device is asked to do.
pub async fn of_device(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId) -> Result<Option<Farewell>> {
    let row: Option<FarewellTuple> = sqlx::query_as(concat!(all_farewells!(), "where workspace = $1 and device = $2"))
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(farewell).transpose()?.map(|(_, farewell)| farewell))
}

/// All farewells of a workspace.
pub async fn all(tx: &mut Tx, workspace: WorkspaceId) -> Result<HashMap<DeviceId, Farewell>> {
    let rows: Vec<FarewellTuple> =
        sqlx::query_as(concat!(all_farewells!(), "where workspace = $1")).bind(&workspace.as_bytes()[..]).fetch_all(tx.conn()).await?;
    rows.into_iter().map(farewell).collect()
}

/// Notes that a device was told to wipe.
pub async fn told(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, now: Millis) -> Result<()> {
    sqlx::query("update farewells set told_at = $3 where workspace = $1 and device = $2 and told_at is null")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes how often in a row a device has brought edits that follow what is not here.
pub async fn note_waits(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, waits: u32) -> Result<()> {
    sqlx::query("update farewells set waits = $3 where workspace = $1 and device = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .bind(waits)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes that a device has wiped itself.
pub async fn wiped(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, now: Millis) -> Result<()> {
    sqlx::query("update farewells set wiped_at = $3 where workspace = $1 and device = $2 and wiped_at is null")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Keeps what a device says of itself.
pub async fn note(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, note: &DeviceNote, now: Millis) -> Result<()> {
    sqlx::query(
        "insert into device_notes (workspace, device, protocol, pending, position, noted_at) values ($1, $2, $3, $4, $5, $6) \
         on conflict (workspace, device) do update set protocol = excluded.protocol, pending = excluded.pending, \
         position = excluded.position, noted_at = excluded.noted_at",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&device.as_bytes()[..])
    .bind(i64::from(note.protocol))
    .bind(i64::try_from(note.pending).unwrap_or(i64::MAX))
    .bind(i64::try_from(note.position).unwrap_or(i64::MAX))
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

type NoteTuple = (Vec<u8>, i64, i64, i64, Millis);

/// What all devices said of themselves, and when.
pub async fn notes(tx: &mut Tx, workspace: WorkspaceId) -> Result<HashMap<DeviceId, (DeviceNote, Millis)>> {
    let rows: Vec<NoteTuple> =
        sqlx::query_as("select device, protocol, pending, position, noted_at from device_notes where workspace = $1")
            .bind(&workspace.as_bytes()[..])
            .fetch_all(tx.conn())
            .await?;
    rows.into_iter().map(noted).collect()
}

/// What one device said of itself, and when.
pub async fn note_of(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId) -> Result<Option<(DeviceNote, Millis)>> {
    let row: Option<NoteTuple> =
        sqlx::query_as("select device, protocol, pending, position, noted_at from device_notes where workspace = $1 and device = $2")
            .bind(&workspace.as_bytes()[..])
            .bind(&device.as_bytes()[..])
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map(noted).transpose()?.map(|(_, note)| note))
}

fn noted((device, protocol, pending, position, at): NoteTuple) -> Result<(DeviceId, (DeviceNote, Millis))> {
    let note = DeviceNote { protocol: protocol as u32, pending: pending as u64, position: position as u64 };
    Ok((id(DeviceId::from_bytes(&device), "device id")?, (note, at)))
}

/// Makes a device wait until somebody lets it in.
pub async fn wait(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, now: Millis) -> Result<()> {
    sqlx::query("insert into device_waits (workspace, device, asked_at) values ($1, $2, $3)")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether a device waits to be let in.
pub async fn waits(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId) -> Result<bool> {
    let found: Option<i64> = sqlx::query_scalar("select 1 from device_waits where workspace = $1 and device = $2")
        .bind(&workspace.as_bytes()[..])
        .bind(&device.as_bytes()[..])
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.is_some())
}

/// The devices that wait to be let in, with what somebody compares: the hashes of their tokens.
pub async fn waiting(tx: &mut Tx, workspace: WorkspaceId) -> Result<HashMap<DeviceId, Vec<u8>>> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "select w.device, d.token_hash from device_waits w \
         join devices d on d.workspace = w.workspace and d.device = w.device where w.workspace = $1",
    )
    .bind(&workspace.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|(device, hash)| Ok((id(DeviceId::from_bytes(&device), "device id")?, hash))).collect()
}

/// A device waits no longer: it is let in. Answers whether it did; one that was turned away, or is lost, stays so noted: it
/// was given nothing.
pub async fn let_in(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId) -> Result<bool> {
    let sql = "delete from device_waits where workspace = $1 and device = $2 and not exists (select 1 from devices d \
               where d.workspace = device_waits.workspace and d.device = device_waits.device and d.revoked_at is not null)";
    let done = sqlx::query(sql).bind(&workspace.as_bytes()[..]).bind(&device.as_bytes()[..]).execute(tx.conn()).await?;
    Ok(done.rows_affected() > 0)
}

/// What a workspace asks of phones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// Days without contact after which they lock; 0 never.
    pub lease_days: u32,
    /// Whether new ones wait for somebody's word.
    pub confirm: bool,
}

/// What a workspace asks of phones.
pub async fn terms(tx: &mut Tx, workspace: WorkspaceId) -> Result<Terms> {
    let (lease, confirm): (i64, i64) = sqlx::query_as("select lease_days, confirm_devices from workspaces where workspace = $1")
        .bind(&workspace.as_bytes()[..])
        .fetch_one(tx.conn())
        .await?;
    Ok(Terms { lease_days: u32::try_from(lease).unwrap_or(0), confirm: confirm != 0 })
}

/// Sets what a workspace asks of phones.
pub async fn set_terms(tx: &mut Tx, workspace: WorkspaceId, terms: Terms) -> Result<()> {
    sqlx::query("update workspaces set lease_days = $2, confirm_devices = $3 where workspace = $1")
        .bind(&workspace.as_bytes()[..])
        .bind(i64::from(terms.lease_days))
        .bind(i64::from(terms.confirm))
        .execute(tx.conn())
        .await?;
    Ok(())
}
