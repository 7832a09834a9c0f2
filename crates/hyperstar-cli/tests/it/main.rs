//! The program, run on real files: what it prints, what it exits with, and what it leaves alone.

#![allow(clippy::unwrap_used)]

mod apps;
mod changes;
mod files;
mod git;
mod guide;
mod history;
mod names;
mod new;
mod output;
mod places;
mod support;
mod upkeep;
mod workshop;
