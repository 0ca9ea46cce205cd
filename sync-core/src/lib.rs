//! What a record is, how it merges, who may do what, what is said on the wire.
//!
//! No clock, no randomness and no socket is read here: callers pass the time and random bytes in,
//! and carry bytes out.
#![warn(missing_docs)]

pub mod access;
pub mod actions;
pub mod collation;
pub mod derive;
#[cfg(feature = "device")]
pub mod device;
#[cfg(feature = "device")]
pub mod engine;
pub mod fence;
#[cfg(test)]
mod fence_fuzz;
#[cfg(test)]
mod fence_tests;
pub mod files;
#[cfg(test)]
mod golden_tests;
#[cfg(any(test, feature = "planted-bugs", feature = "hostile"))]
pub mod hostile;
pub mod id;
pub mod lines;
pub mod merge;
#[cfg(test)]
mod merge_tests;
#[cfg(feature = "net")]
pub mod net;
pub mod planted;
pub mod projection;
pub mod protocol;
pub mod query;
pub mod record;
#[cfg(test)]
mod schedule_tests;
pub mod schema;
pub mod search;
pub mod spelling;
#[cfg(feature = "device")]
pub mod store;
#[cfg(test)]
mod testing;
pub mod value;
