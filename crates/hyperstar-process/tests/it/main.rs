//! What a process does, seen from its host.

#![allow(clippy::unwrap_used)]

mod app;
mod collections;
mod migrations;
mod saves;
mod tasks;
