//! One test binary: stories and seeds in one process, and real processes that are killed.

#[cfg(feature = "planted-bugs")]
mod planted;
mod processes;
mod seeds;
mod stories;
