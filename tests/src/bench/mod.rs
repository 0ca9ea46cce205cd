//! The benchmark: our own server and device on the workload that other stacks are measured with.

pub mod client;
pub mod machine;
pub mod server;
pub mod wire;
pub mod workload;
