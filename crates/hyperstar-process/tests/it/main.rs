//! What a process does, seen from its host.

#![allow(clippy::unwrap_used)]

mod answers;
mod app;
mod bodies;
mod clients;
mod collections;
mod contexts;
mod driver;
mod fuzz;
mod kit;
mod migrations;
mod random;
mod saves;
mod tasks;
