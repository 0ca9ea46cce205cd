//! Drives everything: the seeded world, real processes, the benchmark. Nobody depends on it.

pub mod bench;
