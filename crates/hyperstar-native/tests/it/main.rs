//! Tests of the host at its boundary, with processes that do exactly what a test says.

#![allow(missing_docs, clippy::unwrap_used)]

mod browsers;
mod durable;
mod failures;
mod native;
mod running;
mod scripted;
mod upgrades;
