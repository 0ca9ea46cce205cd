//! Behaviour that works offline: what follows from records, the same on phone and server.
//!
//! Pure functions over rows. Never reads a store, and never writes: what is to be written is answered
//! as field edits.

pub mod approvals;
pub mod cards;
pub mod checklist;
pub mod currency;
pub mod decimal;
pub mod doubts;
pub mod duplicates;
pub mod follow;
pub mod next;
pub mod overstays;
pub mod packages;
pub mod plan;
pub mod portrait;
pub mod prices;
pub mod quotes;
pub mod request;
pub mod taking_back;
pub mod totals;
pub mod workdays;
