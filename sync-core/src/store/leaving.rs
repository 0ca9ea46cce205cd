//! What is about to leave this device, and what the server is to be told of what has left it.

use rusqlite::params;

use super::{Store, StoreError};
use crate::id::{Facet, RecordId};
use crate::protocol::{Receipt, Removal};

const WHOLE: i64 = -1;

/// Waits to be sent, or was not shown by this life of the server and can be offered back to it.
const UNDELIVERED: &str = "(c.state = 1 or c.position is null and c.seal is not null)";

impl Store {
    /// A record, or a document of it, leaves when its edits are delivered.
    pub(crate) fn add_leaving(&self, record: RecordId, facet: Option<Facet>) -> Result<(), StoreError> {
        let facet = facet.map_or(WHOLE, |facet| facet as i64);
        let mut statement = self.db.prepare_cached("insert or ignore into leaving (record, facet) values (?1, ?2)")?;
        Ok(statement.execute(params![record.as_bytes(), facet]).map(drop)?)
    }

    /// A document does not leave after all, nor does its record.
    pub(crate) fn keep_here(&self, record: RecordId, facet: Facet) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached("delete from leaving where record = ?1 and facet in (?2, -1)")?;
        Ok(statement.execute(params![record.as_bytes(), facet as i64]).map(drop)?)
    }

    /// A record, or a document of it, has left; of a record whose document went, the rest may still be about to.
    pub(crate) fn has_left(&self, record: RecordId, facet: Option<Facet>) -> Result<(), StoreError> {
        let facet = facet.map_or(WHOLE, |facet| facet as i64);
        let mut statement = self.db.prepare_cached("delete from leaving where record = ?1 and ?2 in (facet, -1)")?;
        Ok(statement.execute(params![record.as_bytes(), facet]).map(drop)?)
    }

    /// Whether anything is about to leave.
    pub(crate) fn has_leaving(&self) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("select 1 from leaving limit 1")?.exists([])?)
    }

    /// Whether a record, or a document of it, is about to leave.
    pub(crate) fn is_leaving(&self, record: RecordId, facet: Facet) -> Result<bool, StoreError> {
        let mut statement = self.db.prepare_cached("select 1 from leaving where record = ?1 and facet in (?2, -1)")?;
        Ok(statement.exists(params![record.as_bytes(), facet as i64])?)
    }

    /// Whether a record has something to deliver: edits, or what a restored server may have lost.
    pub(crate) fn is_undelivered(&self, record: RecordId) -> Result<bool, StoreError> {
        let mut statement = self.db.prepare_cached(&format!("select 1 from changes c where record = ?1 and {UNDELIVERED} limit 1"))?;
        Ok(statement.exists([record.as_bytes()])?)
    }

    /// What is about to leave and has nothing of it left to deliver.
    pub(crate) fn ready_to_leave(&self) -> Result<Vec<(RecordId, Option<Facet>)>, StoreError> {
        let mut statement = self.db.prepare_cached(&format!(
            "select record, facet from leaving l where not exists
             (select 1 from changes c where c.record = l.record and {UNDELIVERED} and (l.facet = -1 or c.facet = l.facet))",
        ))?;
        let mut rows = statement.query([])?;
        let mut ready = Vec::new();
        while let Some(row) = rows.next()? {
            let record: Vec<u8> = row.get(0)?;
            let facet: i64 = row.get(1)?;
            ready.push((RecordId::from_bytes(&record)?, usize::try_from(facet).ok().and_then(|facet| Facet::ALL.get(facet)).copied()));
        }
        Ok(ready)
    }

    /// Removes one document of a record, but its drafts. Its row is to be written anew.
    pub(crate) fn remove_document(&self, record: RecordId, facet: Facet) -> Result<(), StoreError> {
        for table in ["changes", "conflicts", "quarantine"] {
            let mut statement = self.db.prepare_cached(&format!("delete from {table} where record = ?1 and facet = ?2"))?;
            statement.execute(params![record.as_bytes(), facet as i64])?;
        }
        Ok(())
    }

    /// Keeps a receipt until the server has it.
    pub(crate) fn add_receipt(&self, receipt: &Receipt) -> Result<(), StoreError> {
        let mut statement =
            self.db.prepare_cached("insert or replace into receipts (number, removal, records, unsent, at) values (?1, ?2, ?3, ?4, ?5)")?;
        let Receipt { number, removal, records, unsent, at } = *receipt;
        Ok(statement.execute(params![number, removal as i64, records, unsent, at]).map(drop)?)
    }

    /// The server has a receipt.
    pub(crate) fn remove_receipt(&self, number: u64) -> Result<(), StoreError> {
        let Ok(number) = i64::try_from(number) else { return Ok(()) };
        Ok(self.db.prepare_cached("delete from receipts where number = ?1")?.execute([number]).map(drop)?)
    }

    /// Receipts that the server does not have yet, oldest first.
    pub(crate) fn receipts(&self, limit: usize) -> Result<Vec<Receipt>, StoreError> {
        let mut statement =
            self.db.prepare_cached("select number, removal, records, unsent, at from receipts order by at, number limit ?1")?;
        let mut rows = statement.query([limit as i64])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let removal = match row.get::<_, i64>(1)? {
                0 => Removal::Left,
                1 => Removal::Purged,
                2 => Removal::Wiped,
                other => return Err(StoreError::Damaged(format!("removal {other}"))),
            };
            found.push(Receipt { number: row.get(0)?, removal, records: row.get(2)?, unsent: row.get(3)?, at: row.get(4)? });
        }
        Ok(found)
    }
}
