//! The kernel through its public API: each rule by itself, and whole networks under faults.

#![allow(clippy::unwrap_used)]

mod calls;
mod grants;
mod host;
mod keys;
mod lives;
mod mailboxes;
mod notes;
mod sim;
mod turns;
