//! What is in the packages of a quote or an order, out of what is on this device. Works offline.

use super::Device;
use crate::actions::packages::{Known, Package, asks_for, packages};
use crate::id::RecordId;
use crate::store::StoreError;

impl Device {
    /// The lines of a record whose products are packages, with what is in them. Products that are not here are not opened.
    ///
    /// # Errors
    /// When the store fails.
    pub fn packages(&self, record: RecordId) -> Result<Vec<Package>, StoreError> {
        let Some((kind, row)) = self.replica.kind_of(record)?.zip(self.row(record)?) else { return Ok(Vec::new()) };
        let mut known = Known::new();
        loop {
            let asked = asks_for(&kind, &row.fields, &known);
            if asked.is_empty() {
                return Ok(packages(&kind, &row.fields, &known));
            }
            for product in asked {
                known.insert(product, self.row(product)?.map(|row| row.fields).unwrap_or_default());
            }
        }
    }
}
