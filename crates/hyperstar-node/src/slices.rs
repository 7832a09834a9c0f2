//! Processor time, in slices: who computes for longer than one slice goes on in the slow lane, on threads
//! of its own that yield to all others.
//!
//! A guest computes inside the poll of its future, on the caller's thread. Most are done within
//! microseconds. One that is not gives its thread back after 0.5 to 1 ms, and cannot delay other
//! processes any further.

mod lane;
mod ticker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) use lane::SlowLane;
pub(crate) use ticker::Ticker;

/// The time between two ticks of the epoch.
const TICK: Duration = Duration::from_micros(500);
/// The ticks of a slice. The first one may come at once, so that a slice is at least one tick long: a
/// short turn that happens to meet a tick stays where it is.
pub(crate) const SLICE_TICKS: u64 = 2;
/// What a slice is charged where nobody measured.
const SLICE_US: u64 = 1_000;

/// How far the slow lane and the compiler step back: a tenth of the weight of other threads.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// What one call into a guest has used.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    spent_us: AtomicU64,
    slice_is_over: AtomicBool,
}

impl Meter {
    pub(crate) fn reset(&self) {
        self.spent_us.store(0, Ordering::Relaxed);
        self.slice_is_over.store(false, Ordering::Relaxed);
    }

    pub(crate) fn spent_ms(&self) -> u64 {
        self.spent_us.load(Ordering::Relaxed) / 1_000
    }

    /// The guest gives its thread back because its slice is over, not because it waits for something.
    pub(crate) fn end_slice(&self) {
        self.slice_is_over.store(true, Ordering::Relaxed);
    }

    fn take_end_of_slice(&self) -> bool {
        self.slice_is_over.swap(false, Ordering::Relaxed)
    }

    fn charge(&self, us: u64) {
        self.spent_us.fetch_add(us, Ordering::Relaxed);
    }
}

/// The processor time that this thread has used.
fn thread_time_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let us = time.tv_sec * 1_000_000 + time.tv_nsec / 1_000;
    u64::try_from(us).unwrap_or(0)
}

/// Lets all other threads of the program go before this one. Where the system refuses it they share.
pub(crate) fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // On Linux a thread's id stands for the thread alone.
        let thread = rustix::thread::gettid();
        if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
            tracing::debug!(%error, "a thread keeps its priority");
        }
    }
}

/// Waits for a thread, unless it is this one: a thread may drop what owns it.
fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread
        && thread.thread().id() != thread::current().id()
    {
        // Its panic was reported by its hook.
        let _ = thread.join();
    }
}
