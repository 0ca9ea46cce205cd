//! Records: automerge documents by format, read, written and merged by us.

pub mod authored;
pub mod change;
mod codec;
pub(crate) mod columns;
pub mod currencies;
pub mod doc;
#[cfg(test)]
mod doc_tests;
pub mod fields;
mod fit;
pub mod gates;
pub mod generation;
#[cfg(test)]
mod generation_tests;
pub mod history;
pub mod intent;
pub mod list;
pub mod path;
#[cfg(any(test, feature = "reference"))]
pub mod reference;
pub mod replay;
#[cfg(test)]
mod replay_tests;
pub mod text;
pub mod valid;

pub use columns::BadColumn;
pub use history::Stored;
