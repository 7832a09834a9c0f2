//! The test kit: an app's process in a test, with a clock that the test moves and faults that it makes.
//!
//! [`Process`] is a host in memory: it asks handlers, renders pages, answers the calls that the app makes,
//! keeps what turns change, and kills the process when the test says so.
//!
//! ```
//! use hyperstar_process::test::Process;
//! use hyperstar_process::{State, hyperapp};
//!
//! #[derive(Default, State)]
//! struct Counter {
//!     count: i64,
//! }
//!
//! #[hyperapp(name = "Counter")]
//! impl Counter {
//!     #[local]
//!     fn increment(&mut self) -> i64 {
//!         self.count += 1;
//!         self.count
//!     }
//! }
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
