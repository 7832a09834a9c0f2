//! Runs Hyperstar processes as WebAssembly components, each in a sandbox of its own.
//!
//! [`Engine`] makes a [`Component`] of an app's bytes; as a [`Program`] it makes [`Instance`]s, which a
//! host drives turn by turn. A component reaches `hyperstar:process/sys` and nothing else: no files, no
//! sockets, no environment. Whatever it does wrong ends it with a [`Crash`] that says why, and nobody
//! else notices.
//!
//! The crate knows no store, no network and no other process: the host does.

mod apps;
mod bindings;
mod cache;
mod check;
mod compile;
mod component;
mod control;
mod convert;
mod crash;
mod engine;
mod guest;
mod home;
mod node;
mod process;
mod serve_control;
mod site;
mod slices;
#[cfg(feature = "test")]
pub mod test;
mod wasi;

pub use apps::HostCalls;
pub use cache::CacheError;
pub use check::LoadError;
pub use component::Component;
pub use control::{Control, ControlError, GrantInfo, ProcessInfo, Request, Update, Updates};
pub use engine::{Engine, EngineConfig, EngineError, LoadOptions};
pub use home::{HomeError, is_inhabited};
pub use hyperstar::Server;
pub use hyperstar_native::instance::{
    BoxFuture, Crash, HostSys, Instance, Limits, Program, Started,
};
pub use node::{Node, NodeConfig, NodeError};
