//! Everything through the public API: memory, real files, a simulated disk, injected faults.

#![allow(clippy::unwrap_used)]

mod callbacks;
mod collections;
mod concurrency;
mod files;
mod git;
mod history;
mod kill;
mod model;
mod paths;
mod power;
mod reads;
mod scans;
mod submit;
mod support;
mod sync;
mod timeline;
mod transactions;
mod watches;
