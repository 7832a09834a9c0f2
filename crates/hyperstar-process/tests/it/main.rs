//! What a process does, seen from its host.

#![allow(clippy::unwrap_used)]

mod app;
mod collections;
mod contexts;
mod kit;
mod migrations;
mod random;
mod saves;
mod tasks;
