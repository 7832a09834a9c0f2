//! The thread that makes durable what nobody waits for with a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;

use super::Engine;
use crate::lock::lock;

/// It starts with the first commit that is submitted, and ends with the engine.
#[derive(Default)]
pub(super) struct Flusher {
    state: Mutex<FlusherState>,
    called: Condvar,
}

#[derive(Default)]
struct FlusherState {
    is_started: bool,
    is_called: bool,
    is_stopped: bool,
}

impl Flusher {
    /// Starts the thread, unless it runs or cannot.
    pub(super) fn start(self: &Arc<Self>, engine: &Arc<Engine>) {
        let mut state = lock(&self.state);
        if !state.is_started {
            let (flusher, engine) = (self.clone(), Arc::downgrade(engine));
            let thread = thread::Builder::new().name("store flusher".to_owned());
            state.is_started = thread.spawn(move || flusher.run(&engine)).is_ok();
        }
    }

    /// Has the thread lead. False if there is none.
    pub(super) fn wake(&self) -> bool {
        let mut state = lock(&self.state);
        state.is_called = state.is_started;
        let is_started = state.is_started;
        drop(state);
        self.called.notify_one();
        is_started
    }

    pub(super) fn stop(&self) {
        lock(&self.state).is_stopped = true;
        self.called.notify_one();
    }

    fn run(&self, engine: &Weak<Engine>) {
        while self.wait() {
            // If this is the last one that has it, it is closed here.
            let Some(engine) = engine.upgrade() else {
                return;
            };
            // Those who waited have been told of a panic.
            if catch_unwind(AssertUnwindSafe(|| engine.lead_if_free())).is_err() {
                tracing::error!("the store's backend panicked");
            }
        }
    }

    /// Whether it goes on.
    fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.is_called && !state.is_stopped {
            state = self
                .called
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_called = false;
        !state.is_stopped
    }
}
