//! One test binary: stories and seeds, in one process and with real ones.

mod seeds;
mod stories;
