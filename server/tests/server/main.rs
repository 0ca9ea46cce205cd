//! The server through its own doors: real listeners on loopback, a clock that tests set.
#![expect(clippy::unwrap_used, reason = "all of it is tests")]

mod cli;
mod connections;
mod console;
mod devices;
mod harness;
mod imports;
mod pen;
mod sessions;
