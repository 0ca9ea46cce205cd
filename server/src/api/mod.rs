//! Door 2: JSON for integrations, under `/api/v1`.
//!
//! Reads a request, makes one call to `reading` or `writing`, and answers. Never decides what may be
//! seen or written. What it offers is described by `openapi`, made from the kinds of the workspace.

pub mod access;
pub mod calendar;
pub mod duplicates;
mod figures;
pub mod follows;
pub mod handovers;
pub mod hooks;
mod kinds;
pub mod once;
mod openapi;
pub mod privacy;
mod questions;
mod records;
mod request;
pub mod review;
pub mod rights;
mod search;
mod taken;
mod values;

pub use figures::figures;
pub use kinds::{kind, kinds};
pub use openapi::document;
pub use questions::{as_of, conflicts, explain, history, quote_collisions, rejected, resolve};
pub use records::{archive, batch, card, create, edit, get, list, record_conflicts, restore};
pub use search::search;
pub(crate) use taken::Taken;
pub use values::edits_of;

use std::sync::Arc;

use sync_core::schema::Kind;

use crate::reading::Reading;

/// What may be done with a kind, for answers.
fn actions(reading: &Reading, kind: &Arc<Kind>) -> serde_json::Map<String, serde_json::Value> {
    use sync_core::access::Action;
    Action::ALL.into_iter().map(|action| (action.as_str().to_owned(), reading.may_some(kind, action).into())).collect()
}
