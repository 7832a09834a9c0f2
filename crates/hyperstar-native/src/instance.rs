//! How a host drives processes, whatever they are made of.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use hyperstar_interface::Interface;
use hyperstar_process::abi::{Event, Page, RenderError, RenderRequest, Start, Turn};
use hyperstar_process::sys::Level;

/// A future that may be polled on any thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What processes are made of: a struct of this binary, or a compiled component.
pub trait Program: Send + Sync {
    /// What it is and can be asked.
    fn interface(&self) -> &Interface;

    /// Makes an instance and begins its life. What the first turn wants kept is in the answer.
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing has happened.
    fn start<'a>(
        &'a self,
        start: Start,
        sys: Arc<dyn HostSys>,
        limits: Limits,
    ) -> BoxFuture<'a, Result<(Box<dyn Instance>, Turn), Crash>>;
}

/// A living process. After a [`Crash`], or after a future of it was dropped, it is of no use any more: drop it.
pub trait Instance: Send {
    /// Gives it what happened, and takes what it wants done.
    fn turn(&mut self, events: Vec<Event>) -> BoxFuture<'_, Result<Turn, Crash>>;

    /// Renders a page. A view that fails is no crash.
    fn render(
        &mut self,
        request: RenderRequest,
    ) -> BoxFuture<'_, Result<Result<Page, RenderError>, Crash>>;

    /// How much memory it has; 0 where that is not known.
    fn memory_bytes(&self) -> usize;
}

/// What an instance reaches of its host, tied to one process's part of the store. An error ends the process.
pub trait HostSys: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> u64;
    /// Fills `bytes`.
    ///
    /// # Errors
    /// The system has no randomness.
    fn random(&self, bytes: &mut [u8]) -> Result<(), String>;
    /// A line for the process's log.
    fn log(&self, level: Level, text: &str);
    /// A value of the process's state, as it was last kept.
    ///
    /// # Errors
    /// The path is none, or the store failed.
    fn get(&self, path: &str) -> Result<Option<Bytes>, String>;
    /// Values from `at_or_after` on and before `before` (empty: to the end), from the end if `back`.
    ///
    /// # Errors
    /// As [`HostSys::get`].
    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        back: bool,
    ) -> Result<Vec<(String, Bytes)>, String>;
    /// How many values are below a path.
    ///
    /// # Errors
    /// As [`HostSys::get`].
    fn count(&self, prefix: &str) -> Result<u64, String>;
}

/// What one process may use. Past any of them it crashes, and only it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, in bytes (16 MiB).
    pub memory_bytes_max: usize,
    /// Elements of all tables (20,000).
    pub table_elements_max: usize,
    /// Processor time of a turn, in milliseconds (1,000).
    pub turn_ms_max: u64,
    /// Processor time of a render, in milliseconds (1,000).
    pub render_ms_max: u64,
    /// Processor time of a start, in milliseconds (5,000).
    pub start_ms_max: u64,
    /// What it may log in a turn, in bytes (64 KiB); the rest is left out, which the log says.
    pub log_bytes_max: usize,
    /// Actions of a turn (10,000).
    pub actions_max: usize,
    /// All bytes that come out of a turn (16 MiB).
    pub turn_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 16 * 1024 * 1024,
            table_elements_max: 20_000,
            turn_ms_max: 1_000,
            render_ms_max: 1_000,
            start_ms_max: 5_000,
            log_bytes_max: 64 * 1024,
            actions_max: 10_000,
            turn_bytes_max: 16 * 1024 * 1024,
        }
    }
}

/// Why a process ended in the midst of something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Crash {
    /// It panicked or trapped.
    #[error("it failed: {message}")]
    Trap {
        /// What it said, or where it was.
        message: String,
    },
    /// It ran for too long.
    #[error(
        "it ran for more than {ms_max} ms without an end; let long work wait in between (`cx.sleep(0).await`), or raise `turn_ms_max`"
    )]
    OutOfTime {
        /// What was allowed.
        ms_max: u64,
    },
    /// It took too much memory.
    #[error(
        "it took more than {bytes_max} bytes of memory; keep large data in `Map`, `List` or `Log`, or raise `memory_bytes_max`"
    )]
    OutOfMemory {
        /// What was allowed.
        bytes_max: usize,
    },
    /// It called itself too often.
    #[error("its calls are nested too deeply; look for a recursion without an end")]
    StackOverflow,
    /// It would not start.
    #[error("it would not start: {0}")]
    Refused(String),
    /// What it answered makes no sense.
    #[error("what it answered cannot be: {0}")]
    Protocol(String),
    /// The host could not serve it.
    #[error("the host could not serve it: {0}")]
    Host(String),
}
