//! What a process does, seen from its host.

mod app;
mod saves;
mod tasks;
