//! The Rapport server: checks, merges and keeps every change.
#![forbid(unsafe_code)]

pub mod language;
pub mod store;
