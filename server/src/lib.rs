//! The Rapport server: checks, merges and keeps every change.
#![forbid(unsafe_code)]

pub mod config;
pub mod language;
pub mod store;
