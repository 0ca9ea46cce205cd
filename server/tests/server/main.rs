//! The server through its own doors: real listeners on loopback, a clock that tests set.
#![expect(clippy::unwrap_used, reason = "all of it is tests")]

mod api;
mod checks;
mod cli;
mod connections;
mod devices;
mod document;
mod exports;
mod harness;
mod imports;
mod sessions;
