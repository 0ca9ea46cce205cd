//! What is in the packages of a quote or an order, out of what is on this device. Works offline.

use std::collections::BTreeMap;

use super::Device;
use crate::actions::packages::{Known, Package, asks_for, packages};
use crate::id::RecordId;
use crate::store::StoreError;

impl Device {
    /// The lines of a record whose products are packages, with what is in them, and what all those products are called. Products
    /// that are not here are not opened, and have no name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn packages(&self, record: RecordId) -> Result<(Vec<Package>, BTreeMap<RecordId, String>), StoreError> {
        let (mut known, mut titles) = (Known::new(), BTreeMap::new());
        let Some((kind, row)) = self.replica.kind_of(record)?.zip(self.row(record)?) else { return Ok((Vec::new(), titles)) };
        loop {
            let asked = asks_for(&kind, &row.fields, &known);
            if asked.is_empty() {
                break;
            }
            for product in asked {
                let (title, fields) = self.row(product)?.map(|row| (row.title, row.fields)).unzip();
                titles.extend(title.map(|title| (product, title)));
                known.insert(product, fields.unwrap_or_default());
            }
        }
        let packages = packages(&kind, &row.fields, &known);
        // What lies deepest was not opened.
        for part in packages.iter().flat_map(|package| &package.parts).filter(|part| !known.contains_key(&part.product)) {
            titles.extend(self.row(part.product)?.map(|row| (part.product, row.title)));
        }
        Ok((packages, titles))
    }
}
