//! Builds small apps in folders of their own, with the real cargo and compiler.

mod builds;
mod errors;
mod kit;
