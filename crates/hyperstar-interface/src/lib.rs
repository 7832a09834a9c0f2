//! What an app can be asked: its handlers, the types that they take and return, and how requests find them.
//!
//! `#[hyperapp]` writes an [`Interface`] next to the handlers; a process routes by it ([`Router`]), a node
//! serves by it, and the command line prints it as WIT ([`Wit`]).

mod error;
mod model;
mod names;
pub mod route;
mod suggest;
mod wire;
pub mod wit;

pub use error::AskError;
pub use model::{Access, Audience, Handler, Http, Interface, Mode, Param, Save, Trigger, View};
pub use names::pascal;
pub use route::{Asked, Claim, Clash, Path, PathError, Routed, Router, Source, check};
pub use suggest::{near, quoted};
pub use wire::{Field, Named, Shape, Type, Types, Wire, WireKey};
pub use wit::{Wit, wit_names};
