//! The test kit: a process natively, over a host in memory.

mod host;

pub use host::Host;
