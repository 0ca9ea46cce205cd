//! Drives everything: the seeded world, real processes, the benchmark. Nobody depends on it.

pub mod bench;
pub mod compose;
pub mod dice;
pub mod model;
pub mod process;
pub mod world;
