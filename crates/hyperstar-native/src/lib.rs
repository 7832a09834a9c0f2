//! Hosts Hyperstar apps in your own binary.
//!
//! Structs with `#[hyperapp]` become processes: each has its own durable state, takes its messages one after the
//! other, is called by others, and is looked at by browsers. No WebAssembly is involved; `hyperstar-node` runs the
//! same apps sandboxed, on top of this.
//!
//! ```
//! use std::sync::Arc;
//!
//! use hyperstar_native::{Ask, Host, Native, Options};
//! use hyperstar_process::abi::Origin;
//! use hyperstar_process::{State, hyperapp};
//! use hyperstar_store::Store;
//!
//! #[derive(Default, State)]
//! struct Counter {
//!     count: i64,
//! }
//!
//! #[hyperapp(name = "Counter")]
//! impl Counter {
//!     #[local]
//!     fn add(&mut self, by: i64) -> i64 {
//!         self.count += by;
//!         self.count
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::memory(); // or `Store::open("apps.redb")?`
//! let host = Host::new("my.os", &store);
//! let name = "counter:counter:local";
//! host.add(name, Arc::new(Native::<Counter>::new()), &Options::default())?;
//! host.start_process(name).await?;
//!
//! let asked = host.ask(name, Ask {
//!     origin: Origin::Owner,
//!     handler: "add".to_owned(),
//!     body: br#"{"by": 2}"#.to_vec(),
//!     timeout_ms: 1_000,
//!     key: None,
//! });
//! assert_eq!(asked.await?.body, b"2");
//! // What was answered is in the store.
//! assert_eq!(store.get::<i64>("apps/local/counter/counter/state/f/count")?, Some(2));
//! # Ok(()) }
//! ```
//!
//! # What it promises
//! - **A turn is a transaction.** What it changed, what it answers and what it tells others become durable together,
//!   or nothing of it happens; none of it leaves before. That holds for apps that save with every message, which is
//!   the default.
//! - **Once.** What a process was told arrives once, whoever crashes in between; a request with a key is done once.
//! - **Alone.** A process that fails takes its own turn with it, is started again by its exit policy, and says why.
//! - **Pages show what is kept**, and follow it by themselves; while an app does not run they say so, and come back.
//!
//! # What it refuses
//! Apps here are trusted: a handler that never ends keeps its thread, and memory is not bounded. Nobody may message
//! another process without a grant ([`Host::grant`]), unless the handler is `#[public]`.

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
#[cfg(feature = "run")]
mod run;

pub use host::{Ask, Host, HostError, Options};
pub use hyperstar_kernel::{ExitPolicy, Restart};
pub use log::{LOG_LINE_BYTES_MAX, LOG_LINES_MAX, LogLine};
pub use mail::MailError;
pub use native::Native;
pub use process::Status;
#[cfg(feature = "run")]
pub use run::{PORTS_TRIED, Run, RunError, Running, bind_near, run};
