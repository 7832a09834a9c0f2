//! The kernel through its public API: each rule by itself, and whole networks under faults.

#![allow(clippy::unwrap_used)]

mod sim;
