//! The test kit: an app's process in a test, with a clock that the test moves and faults that it makes.
//!
//! [`Process`] is a host in memory: it asks handlers, renders pages, answers the calls that the app makes,
//! keeps what turns change, and kills the process when the test says so.
//!
//! ```
//! # use hyperstar_process::{Fields, Hyperapp, Outcome, Response, Run, Saver, State, StateError, ViewFn};
//! # use hyperstar_interface::{Handler, Interface, Mode};
//! # #[derive(Default)] struct Counter { count: i64 }
//! # impl State for Counter {
//! #     const VERSION: u32 = 1;
//! #     fn load(fields: &mut Fields) -> Result<Self, StateError> {
//! #         Ok(Self { count: fields.get("count")?.unwrap_or(0) })
//! #     }
//! #     fn save(&self, saver: &mut Saver) { saver.field("count", &self.count); }
//! #     fn migrate(_: u32, _: &mut Fields) -> Result<(), StateError> { Ok(()) }
//! # }
//! # impl Hyperapp for Counter {
//! #     const HANDLERS: &'static [Run<Self>] = &[Run::Write(|app, _| {
//! #         app.count += 1;
//! #         Ok(Response { status: 200, headers: vec![], body: app.count.to_string().into_bytes() })
//! #     })];
//! #     const VIEWS: &'static [ViewFn<Self>] = &[];
//! #     fn interface() -> Interface {
//! #         let mut interface = Interface::new("Counter");
//! #         interface.handlers.push(Handler::new("increment", Mode::Write));
//! #         interface
//! #     }
//! # }
//! use hyperstar_process::test::Process;
//!
//! let mut process = Process::<Counter>::new();
//! assert_eq!(process.call::<i64>("increment", &()), Ok(1));
//! // What was acknowledged survives a kill.
//! process.restart();
//! assert_eq!(process.call::<i64>("increment", &()), Ok(2));
//! ```

mod calls;
mod host;
mod process;

pub use calls::ExpectedCall;
pub use host::Host;
pub use process::{Process, Sent};
