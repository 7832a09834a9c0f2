//! The SDK of Hyperstar apps: one struct with handlers, run natively or as a sandboxed WebAssembly process.

pub mod abi;
pub mod sys;
