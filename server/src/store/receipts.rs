//! What devices say that they have removed.

use sync_core::id::{DeviceId, Millis, WorkspaceId};
use sync_core::protocol::{Receipt, Removal};

use super::{Result, StoreError, Tx};

/// A receipt, and when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptRow {
    /// What the device says.
    pub receipt: Receipt,
    /// When the server heard of it first.
    pub received_at: Millis,
}

/// Keeps a receipt; one that is here already stays as it came first.
pub async fn keep(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, receipt: &Receipt, now: Millis) -> Result<()> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query(
        "insert into receipts (workspace, device, number, removal, records, unsent, at, received_at) values ($1, $2, $3, $4, $5, $6, $7, $8) \
         on conflict (workspace, device, number) do nothing",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&device.as_bytes()[..])
    .bind(number(receipt.number))
    .bind(receipt.removal as i64)
    .bind(number(receipt.records))
    .bind(number(receipt.unsent))
    .bind(receipt.at)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The receipts of a device, newest first.
pub async fn of_device(tx: &mut Tx, workspace: WorkspaceId, device: DeviceId, limit: u32) -> Result<Vec<ReceiptRow>> {
    type Row = (i64, i64, i64, i64, Millis, Millis);
    let rows: Vec<Row> = sqlx::query_as(
        "select number, removal, records, unsent, at, received_at from receipts where workspace = $1 and device = $2 \
         order by received_at desc, number limit $3",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&device.as_bytes()[..])
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    let row = |(number, removal, records, unsent, at, received_at): Row| {
        let removal = match removal {
            0 => Removal::Left,
            1 => Removal::Purged,
            2 => Removal::Wiped,
            _ => return Err(StoreError::Damaged("receipt")),
        };
        let receipt = Receipt { number: number as u64, removal, records: records as u64, unsent: unsent as u64, at };
        Ok(ReceiptRow { receipt, received_at })
    };
    rows.into_iter().map(row).collect()
}
