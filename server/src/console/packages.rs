//! What is in the packages of a quote or an order, on its page.

use sync_core::actions::packages::{Known, Package, asks_for, packages};
use sync_core::id::RecordId;
use sync_core::schema::Kind;

use super::desk::Desk;
use super::format::{Shown, grouped};
use crate::error::Error;
use crate::reading::Row;

/// A line that is a package.
pub struct PackageView {
    /// The package.
    pub product: Shown,
    /// How many.
    pub quantity: String,
    /// What is in all of them together: the product, how many, how deep.
    pub parts: Vec<(Shown, String, usize)>,
}

/// The packages of a record, as far as their products are in sight.
pub async fn of(desk: &Desk, kind: &Kind, row: &Row) -> Result<Vec<PackageView>, Error> {
    let mut known = Known::new();
    loop {
        let asked = asks_for(kind, &row.fields, &known);
        if asked.is_empty() {
            break;
        }
        let rows = desk.reading.those(asked.iter().copied().collect()).await?;
        known.extend(asked.into_iter().map(|id| (id, serde_json::Map::new())));
        known.extend(rows.into_iter().map(|row| (row.id, row.fields)));
    }
    let found = packages(kind, &row.fields, &known);
    let ids: Vec<RecordId> =
        found.iter().flat_map(|package| package.parts.iter().map(|part| part.product).chain([package.product])).collect();
    let names = desk.reading.names_of(ids).await?;
    let format = desk.formatter(&names);
    let view = |package: Package| PackageView {
        product: format.record(package.product),
        quantity: number(package.quantity),
        parts: package.parts.iter().map(|part| (format.record(part.product), number(part.quantity), part.depth)).collect(),
    };
    Ok(found.into_iter().map(view).collect())
}

fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    grouped(text.trim_end_matches('0').trim_end_matches('.'))
}
