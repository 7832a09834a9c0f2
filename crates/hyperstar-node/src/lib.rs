//! Runs Hyperstar processes as WebAssembly components, each in a sandbox of its own.
//!
//! [`Engine`] makes a [`Component`] of an app's bytes; as a [`Program`](hyperstar_native::instance::Program) it
//! makes instances, which a host drives turn by turn. A component reaches `hyperstar:process/sys` and nothing else: no files, no
//! sockets, no environment. Whatever it does wrong ends it with a [`Crash`](hyperstar_native::instance::Crash) that says why, and nobody
//! else notices.
//!
//! The crate knows no store, no network and no other process: the host does.

mod apps;
mod bindings;
mod cache;
mod check;
mod compile;
mod component;
mod convert;
mod crash;
mod engine;
mod guest;
mod process;
mod slices;
mod wasi;

pub use apps::{Apps, HostCalls};
pub use cache::CacheError;
pub use check::LoadError;
pub use component::Component;
pub use engine::{Engine, EngineConfig, EngineError, LoadOptions};
