//! Runs Hyperstar processes as WebAssembly components, each in a sandbox of its own.
//!
//! [`Engine`] makes a [`Component`] of an app's bytes; as a [`Program`] it makes [`Instance`]s, which a
//! host drives turn by turn. A component reaches `hyperstar:process/sys` and nothing else: no files, no
//! sockets, no environment. Whatever it does wrong ends it with a [`Crash`] that says why, and nobody
//! else notices.
//!
//! The crate knows no store, no network and no other process: the host does.

mod bindings;
mod cache;
mod control;
mod home;
mod node;
mod serve_control;
mod site;
mod check;
mod compile;
mod component;
mod convert;
mod crash;
mod engine;
mod guest;
mod process;
mod slices;

pub use cache::CacheError;
pub use control::{Control, ControlError, ProcessInfo, Request, Update, Updates};
pub use home::HomeError;
pub use node::{Node, NodeConfig, NodeError};
pub use check::LoadError;
pub use component::Component;
pub use engine::{Engine, EngineConfig, EngineError, LoadOptions};
pub use hyperstar_native::instance::{BoxFuture, Crash, HostSys, Instance, Limits, Program, Started};
