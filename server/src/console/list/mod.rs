//! Lists of records of any kind: as rows, as a board, as a calendar; filtered, put together, saved, edited, taken out.
//!
//! Which list it is stands in its address (`asked`) or in a saved view (`shape`, `views`); the other
//! modules each draw or do one thing with it. Knows no kind by name.

mod asked;
mod board;
mod bulk;
mod calendar;
mod chart;
mod columns;
mod export;
mod filter;
mod groups;
mod moves;
mod page;
mod previewed;
mod shape;
mod table;
pub mod tile;
mod views;

use axum::routing::{get, post};

use crate::console::make;
use crate::routes::Routes;

pub use asked::{address_of, encoded};
pub(super) use calendar::local;
pub use chart::Form;
pub use export::{CSV_TYPE, about, printed, report, sheet};
pub use groups::summed_up;
pub use shape::{Column, conditions_of};
pub use table::title_of;
pub use tile::{Tile, TileContent};
pub use views::views_for_tiles;

/// Every address of lists.
pub fn routes() -> Routes {
    Routes::new()
        .route("/records/{kind}", get(page::page).post(make::save))
        .route("/records/{kind}/filter", get(filter::build).post(filter::put_together))
        .route("/records/{kind}/columns", get(columns::choose))
        .route("/records/{kind}/views", post(views::save))
        .route("/records/{kind}/cell", post(table::save))
        .route("/records/{kind}/move", post(moves::save))
        .route("/records/{kind}/bulk", post(bulk::edit))
        .route("/records/{kind}/bulk/{act}/undo", post(bulk::undo))
        .route("/records/{kind}/export.vcf", get(export::vcf))
        .route("/records/{kind}/export.csv", get(export::csv))
        .route("/records/{kind}/export.xlsx", get(export::xlsx))
        .route("/records/{kind}/export.pdf", get(export::pdf))
}
