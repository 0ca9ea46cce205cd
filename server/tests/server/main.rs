//! The server through its own doors: real listeners on loopback, a clock that tests set.
#![expect(clippy::unwrap_used, reason = "all of it is tests")]

mod admin;
mod api;
mod audit;
mod batch;
mod browser;
mod checks;
mod cli;
mod connections;
mod console;
mod devices;
mod document;
mod duplicates;
mod exports;
mod files;
mod handover;
mod harness;
mod hooks;
mod imports;
mod keys;
mod kinds;
mod lists;
mod office;
mod once;
mod pen;
mod privacy;
mod roles;
mod second_factor;
mod sessions;
mod sight;
mod timelines;
mod uploads;
