//! Hosts Hyperstar apps in your own binary.
//!
//! Structs with `#[hyperapp]` become processes: each has its own durable state, takes its messages one after the
//! other, is called by others, and is looked at by browsers. No WebAssembly is involved; `hyperstar-node` runs the
//! same apps sandboxed, on top of this.

mod convert;
mod drive;
mod gateway;
mod host;
pub mod instance;
mod log;
mod mail;
mod native;
mod place;
mod process;

pub use host::{Ask, Host, HostError, Options};
pub use hyperstar_kernel::{ExitPolicy, Restart};
pub use log::{LOG_LINE_BYTES_MAX, LOG_LINES_MAX, LogLine};
pub use mail::MailError;
pub use native::Native;
pub use process::Status;
