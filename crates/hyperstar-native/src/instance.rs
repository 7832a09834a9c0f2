//! What a host drives: programs, and the processes that are made of them.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
pub use hyperstar_interface::Interface;
use hyperstar_process::abi::{Asset, Event, Page, RenderError, RenderRequest, Start, Turn};
use hyperstar_process::sys::Level;

/// A future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A new process and what its first turn says is to be done, or why there is none.
pub type Started = Result<(Box<dyn Instance>, Turn), Crash>;

/// A program that processes are made of: a native struct or a compiled component.
pub trait Program: Send + Sync {
    /// What it is and can be asked.
    fn interface(&self) -> &Interface;

    /// The files that its pages use.
    fn assets(&self) -> &[Asset] {
        &[]
    }

    /// Makes an instance and begins its life.
    ///
    /// # Errors
    /// [`Crash::Refused`] if the program says that it cannot start; another [`Crash`] if it failed to.
    fn start<'a>(
        &'a self,
        start: Start,
        sys: Arc<dyn HostSys>,
        limits: Limits,
    ) -> BoxFuture<'a, Started>;
}

/// A living process. After a [`Crash`], or a call that was dropped before it ended, it is of no use any
/// more: drop it.
pub trait Instance: Send {
    /// Takes what happened and says what is to be done.
    fn turn<'a>(&'a mut self, events: Vec<Event>) -> BoxFuture<'a, Result<Turn, Crash>>;

    /// Renders a page; changes nothing.
    fn render<'a>(
        &'a mut self,
        request: RenderRequest,
    ) -> BoxFuture<'a, Result<Result<Page, RenderError>, Crash>>;

    /// The memory that it has taken, in bytes. What it never touched counts too.
    fn memory_bytes(&self) -> usize;
}

/// What an instance reaches of its host, which ties it to one process's part of the store.
pub trait HostSys: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> u64;
    /// Fills `bytes`, which are at most 4,096.
    ///
    /// # Errors
    /// There is no randomness; the process crashes with the message.
    fn random(&self, bytes: &mut [u8]) -> Result<(), String>;
    /// A line for the process's log.
    fn log(&self, level: Level, text: &str);
    /// A value of the process's own state, as it was last kept.
    ///
    /// # Errors
    /// The store failed; the process crashes with the message.
    fn get(&self, path: &str) -> Result<Option<Bytes>, String>;
    /// Values from `at_or_after` on and before `before`, in the order of their paths, from the end if
    /// `back`: at most `most` and at most 1 MiB, at least one if there is one.
    ///
    /// # Errors
    /// As [`get`](Self::get).
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
    /// As [`get`](Self::get).
    fn count(&self, prefix: &str) -> Result<u64, String>;
}

/// What one process may use. Past a limit it crashes, and the others notice nothing.
#[derive(Clone, Debug)]
pub struct Limits {
    /// All its memories together.
    pub memory_bytes_max: usize,
    /// All its tables together.
    pub table_elements_max: usize,
    /// The processor time of a turn for one message. Each further one adds a quarter of it, up to eight times as
    /// much: who is asked by many at once is not ended for that.
    pub turn_ms_max: u64,
    /// The processor time of one render.
    pub render_ms_max: u64,
    /// The processor time of a start.
    pub init_ms_max: u64,
    /// What it may log in one turn; the rest is left out, and the log says so.
    pub log_bytes_per_turn_max: usize,
    /// Actions of one turn, and changes of one turn.
    pub actions_max: usize,
    /// What one turn or render may answer, and what one call of `sys` may be given.
    pub turn_bytes_max: usize,
}

impl Default for Limits {
    /// 64 MiB of memory, 20,000 table elements, a second for a turn and for a render, five for a start,
    /// 64 KiB of log, 10,000 actions and 8 MiB a turn.
    fn default() -> Self {
        Self {
            memory_bytes_max: 64 << 20,
            table_elements_max: 20_000,
            turn_ms_max: 1_000,
            render_ms_max: 1_000,
            init_ms_max: 5_000,
            log_bytes_per_turn_max: 64 << 10,
            actions_max: 10_000,
            turn_bytes_max: 8 << 20,
        }
    }
}

/// Why a process is no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Crash {
    /// It failed by itself: a panic, a division by zero, an access outside of its memory.
    #[error("{message}")]
    Trap {
        /// What failed.
        message: String,
        /// Where, innermost first, a line a frame; empty if that is not known.
        backtrace: String,
    },
    /// It computed for too long.
    #[error("it computed for more than {ms} ms in one go; do less in one turn, or raise its limit")]
    OutOfTime {
        /// What it was allowed.
        ms: u64,
    },
    /// It asked for too much memory.
    #[error(
        "it asked for more than {bytes_max} bytes of memory; keep less in memory, or raise its limit"
    )]
    OutOfMemory {
        /// What it was allowed.
        bytes_max: usize,
    },
    /// It called itself too often.
    #[error("its calls nested too deeply; a function that calls itself may not end")]
    StackOverflow,
    /// It says that it cannot start.
    #[error("{0}")]
    Refused(String),
    /// What it did or answered is not allowed.
    #[error("{0}")]
    Protocol(String),
    /// The host failed it.
    #[error("{0}")]
    Host(String),
}

impl Crash {
    /// A panic is a trap, unless it carries a crash itself.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        if let Some(crash) = panic.downcast_ref::<Self>() {
            return crash.clone();
        }
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Trap {
            message: message.unwrap_or_else(|| "a panic without a message".to_owned()),
            // The panic hook has printed it.
            backtrace: String::new(),
        }
    }
}

/// What a program does, where its panic ends its process and nothing else.
pub(crate) async fn unwound<T>(work: impl Future<Output = Result<T, Crash>>) -> Result<T, Crash> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(Crash::of_panic(&*panic)))
}
