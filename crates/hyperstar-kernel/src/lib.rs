//! Processes and their messages as one pure state machine.
#![forbid(unsafe_code)]

mod agenda;
mod effect;
mod error;
mod grants;
mod hash;
mod input;
mod kernel;
mod name;
mod slab;
mod spec;

pub use effect::{Effect, Event, ExitReason, Next, Record, Room, Sender};
pub use error::CallError;
pub use grants::{Grant, Handlers, Target};
pub use input::{Action, Exclusive, Input, Memory, Origin, OutboxEntry, Outcome, Request};
pub use kernel::{Census, Kernel, ProcessLoad};
pub use name::{CallId, GrantId, Incarnation, Key, Name, NoteId, TaskId, Ticket, TimerId};
pub use spec::{
    Acknowledge, ExitPolicy, KernelLimits, Link, MailboxLimits, OnEnd, OutboxLimits, Rate, Restart,
    Spec,
};
