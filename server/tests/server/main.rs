//! The server through its own doors: real listeners on loopback, a clock that tests set.

mod cli;
mod connections;
mod devices;
mod harness;
mod sessions;
