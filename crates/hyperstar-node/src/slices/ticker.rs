//! The clock of the epochs: one thread, which sleeps while no guest runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};

use super::TICK;

/// After so many ticks in which no guest ran the thread parks: to wake it costs more than a turn.
const QUIET_TICKS: u32 = 100;

/// Advances the engine's epoch while guests run.
pub(crate) struct Ticker {
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
    waker: Thread,
}

#[derive(Default)]
struct Pulse {
    running: AtomicUsize,
    is_parked: AtomicBool,
    stop: AtomicBool,
}

/// A guest runs for as long as this lives.
pub(crate) struct Running<'a>(&'a Pulse);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let pulse = Arc::<Pulse>::default();
        let thread = thread::Builder::new().name("hyperstar-ticker".into());
        let thread = thread.spawn({
            let pulse = pulse.clone();
            move || tick(&engine, &pulse)
        })?;
        let waker = thread.thread().clone();
        Ok(Self {
            pulse,
            thread: Some(thread),
            waker,
        })
    }

    pub(crate) fn run(&self) -> Running<'_> {
        // Either this sees that the thread is parked, or the thread sees that a guest runs.
        self.pulse.running.fetch_add(1, Ordering::SeqCst);
        if self.pulse.is_parked.load(Ordering::SeqCst) {
            self.waker.unpark();
        }
        Running(&self.pulse)
    }
}

fn tick(engine: &wasmtime::Engine, pulse: &Pulse) {
    let mut quiet = 0;
    while !pulse.stop.load(Ordering::SeqCst) {
        if pulse.running.load(Ordering::SeqCst) > 0 {
            quiet = 0;
        } else if quiet < QUIET_TICKS {
            quiet += 1;
        } else {
            pulse.is_parked.store(true, Ordering::SeqCst);
            if pulse.running.load(Ordering::SeqCst) == 0 && !pulse.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            pulse.is_parked.store(false, Ordering::SeqCst);
            quiet = 0;
        }
        thread::sleep(TICK);
        engine.increment_epoch();
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.pulse.stop.store(true, Ordering::SeqCst);
        self.waker.unpark();
        super::join(self.thread.take());
    }
}
