//! The SDK of Hyperstar apps: one struct with handlers, run natively or as a sandboxed WebAssembly process.
//!
//! A process does nothing by itself. Its host hands it what happened, and a [`Runtime`] answers with what
//! is to be done and kept: a turn. What goes in and what comes out is data, see [`abi`]; so it can be
//! recorded and played again ([`record`]), and tested without a host (the feature `test`).
//!
//! # What it promises
//! - **Each message is answered exactly once**, unless it is cancelled.
//! - **Nobody sees the state of another between two awaits**: a handler with `&mut self` has it until it
//!   ends, one with [`Cx<Self>`](Cx) between its awaits.
//! - **What a turn does is kept as a whole**: the state's changes with the answers and calls that go out.
//!   Changes of a handler that waits are those up to its last await.
//! - **A write costs what it changes**: a field that differs, an entry of a [`Map`], never the whole state.
//!
//! # What it refuses
//! There is no thread, no lock, no clock of its own, no randomness of its own, and no way to hold the state
//! across an await that others could see.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod abi;
pub mod action;
mod address;
#[doc(hidden)]
pub mod answer;
mod app;
pub mod args;
pub mod base;
pub mod call;
mod client;
mod clock;
mod collections;
#[cfg(target_arch = "wasm32")]
pub mod component;
mod cx;
mod executor;
mod export;
mod fields;
mod hosted;
pub mod html;
mod json;
mod memory;
mod process;
pub mod record;
pub mod reply;
mod rpc;
mod runtime;
mod state;
pub mod sys;
#[cfg(feature = "test")]
pub mod test;
pub mod view;
mod ws;

pub use abi::{CallError, Origin, Response};
pub use action::{Action, action, action_at};
pub use address::{Address, AddressError, ProcessId};
pub use app::{Alone, Asset, Guest, Hyperapp, Outcome, Run, Task, ViewFn};
pub use args::File;
pub use client::Asking;
pub use clock::{log, now_ms, random};
pub use collections::{Counter, Entries, List, Log, Map};
pub use cx::{Cx, SPAWNED_MAX, SpawnError};
pub use executor::{Either, join, join_all, race};
pub use fields::{Fields, Saver};
pub use hosted::Hosted;
pub use html::{Html, IntoHtml, ViewError};
pub use http::StatusCode;
pub use hyperstar_collections::{ItemId, Key, Place};
pub use hyperstar_interface::{Wire, WireKey};
pub use hyperstar_macros::{State, Wire, hyperapp};
pub use reply::{ActionError, Done, IntoReply, Reply, RequestError};
pub use rpc::{Elapsed, RawCall, Sleep, TIMEOUT_MS};
pub use runtime::Runtime;
pub use state::{State, StateError, Stored, checkpoint};
pub use sys::Level;
pub use view::{Session, ViewCall, ViewCx, Viewer};
pub use ws::{Channel, WsMessage};
