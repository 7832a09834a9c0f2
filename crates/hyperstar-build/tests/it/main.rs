//! Builds small apps in folders of their own, with the real cargo and compiler.

#![allow(missing_docs, clippy::unwrap_used)]

mod builds;
mod errors;
mod kit;
