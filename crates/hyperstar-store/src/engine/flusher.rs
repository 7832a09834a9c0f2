//! The thread that makes durable what nobody waits for with a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;

use super::Engine;
use crate::lock::lock;

/// It starts with the first call, and ends with the engine.
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
    /// Has the thread lead. False if there is none, and none can be started.
    pub(super) fn call(self: &Arc<Self>, engine: &Arc<Engine>) -> bool {
        let mut state = lock(&self.state);
        if !state.is_started {
            let (flusher, engine) = (self.clone(), Arc::downgrade(engine));
            let thread = thread::Builder::new().name("store flusher".to_owned());
            state.is_started = thread.spawn(move || flusher.run(&engine)).is_ok();
        }
        state.is_called = true;
        let is_started = state.is_started;
        drop(state);
        self.called.notify_one();
        is_started
    }

    /// As [`Flusher::call`], by whoever leads: then it has been started.
    pub(super) fn wake(&self) {
        lock(&self.state).is_called = true;
        self.called.notify_one();
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
