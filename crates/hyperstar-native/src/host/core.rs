//! The kernel under its lock, and what it is still to be told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hyperstar::Platform;
use hyperstar_kernel::{Effect, Input, Kernel, KernelLimits, Request};
use hyperstar_process::abi::Response;
use tokio::sync::Notify;

use super::lock;
use crate::convert::Payload;

/// The kernel is told the time at least this often, since clocks are set.
const TICK_MS_MAX: u64 = 60_000;

/// How often a thread looks whether the kernel is free before it sleeps; some ten microseconds.
const LOOKS_MAX: u32 = 1_000;

/// What the kernel wants done.
type Effects = Vec<Effect<Payload, Response>>;

pub(crate) struct Core {
    state: Mutex<State>,
    platform: Platform,
    /// What the kernel has not been told yet: requests that come together are told together. Each is somebody's
    /// who waits, so there are no more of them than of those.
    asked: Mutex<Vec<Request<Payload>>>,
    /// A task is about to tell it.
    is_expected: AtomicBool,
    /// The last who were answered were several.
    has_crowd: AtomicBool,
    /// How far the kernel's clock is ahead of the system's: that may be set back, and what waits for a time must not
    /// wait for it twice.
    ahead_ms: AtomicU64,
    /// The kernel waits for an earlier time than it is going to be told.
    alarm: Arc<Notify>,
}

struct State {
    kernel: Kernel<Payload, Response>,
    /// When it is told the time at the latest.
    wakes_at_ms: u64,
    /// The last time that the system said.
    system_ms: u64,
}

impl Core {
    pub(super) fn new(platform: &Platform) -> Self {
        // Without randomness names could be chosen that share a place in a table; nothing else depends on it.
        let seed = platform.random().map_or(0, u64::from_le_bytes);
        Self {
            state: Mutex::new(State {
                kernel: Kernel::new(KernelLimits::default(), seed),
                wakes_at_ms: u64::MAX,
                system_ms: 0,
            }),
            platform: platform.clone(),
            asked: Mutex::default(),
            is_expected: AtomicBool::new(false),
            has_crowd: AtomicBool::new(false),
            ahead_ms: AtomicU64::new(0),
            alarm: Arc::default(),
        }
    }

    /// Notes a request: somebody is to [decide](Self::decide).
    pub(crate) fn note(&self, request: Request<Payload>) {
        lock(&self.asked).push(request);
    }

    /// Whether there are requests that the kernel was not told of.
    pub(crate) fn has_asked(&self) -> bool {
        !lock(&self.asked).is_empty()
    }

    /// Says that a task is about to tell it. False: one is already, and sees all that has been noted so far.
    pub(crate) fn expect(&self) -> bool {
        !self.is_expected.swap(true, Ordering::AcqRel)
    }

    /// Says that the task is going to look now: whoever notes something after this cannot rely on it.
    pub(crate) fn expect_no_more(&self) {
        self.is_expected.store(false, Ordering::Release);
    }

    /// Whether those who were answered last were several.
    pub(crate) fn has_crowd(&self) -> bool {
        self.has_crowd.load(Ordering::Relaxed)
    }

    /// Tells the kernel of the requests that came since, and then of an input.
    pub(crate) fn decide(&self, input: Input<Payload, Response>) -> Effects {
        self.decide_by(|kernel, now_ms, effects| kernel.step(now_ms, input, effects))
    }

    /// The same, but that nobody gets a turn before the kernel is told something again.
    pub(crate) fn hear(&self, input: Input<Payload, Response>) -> Effects {
        self.decide_by(|kernel, now_ms, effects| kernel.note(now_ms, input, effects))
    }

    fn decide_by(
        &self,
        tell: impl FnOnce(&mut Kernel<Payload, Response>, u64, &mut Effects),
    ) -> Effects {
        let mut effects = Vec::new();
        let mut state = lock_soon(&self.state);
        let now_ms = self.now_ms(&mut state);
        // Taken under the lock of the kernel, so that nothing overtakes them.
        let asked = std::mem::take(&mut *lock(&self.asked));
        for request in asked {
            let input = Input::Request(request);
            state.kernel.note(now_ms, input, &mut effects);
        }
        tell(&mut state.kernel, now_ms, &mut effects);
        let next = state.kernel.next_wake_ms().unwrap_or(u64::MAX);
        let is_early = next < state.wakes_at_ms;
        state.wakes_at_ms = state.wakes_at_ms.min(next);
        drop(state);
        if is_early {
            self.alarm.notify_one();
        }
        let answers = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Answer { .. }))
            .count();
        if answers > 0 {
            self.has_crowd.store(answers > 1, Ordering::Relaxed);
        }
        effects
    }

    /// How long until the kernel is to be told the time.
    pub(super) fn wait_ms(&self) -> u64 {
        let mut state = lock(&self.state);
        let now_ms = self.now_ms(&mut state);
        state.wakes_at_ms.saturating_sub(now_ms).min(TICK_MS_MAX)
    }

    /// The time on the kernel's clock, which never goes back.
    fn now_ms(&self, state: &mut State) -> u64 {
        let system_ms = self.platform.unix_ms();
        let back_ms = state.system_ms.saturating_sub(system_ms);
        state.system_ms = system_ms;
        // Written under the lock alone.
        self.ahead_ms.fetch_add(back_ms, Ordering::Relaxed) + back_ms + system_ms
    }

    /// A time of the kernel's on the clock that everybody else has.
    pub(crate) fn system_ms(&self, kernel_ms: u64) -> u64 {
        kernel_ms.saturating_sub(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Rings when that has become shorter.
    pub(super) fn alarm(&self) -> Arc<Notify> {
        self.alarm.clone()
    }

    /// Notes that the kernel was told the time, and when it is told again. A time that it waits for no longer
    /// stays: to put it off with each answer would cost more than to be told once in vain.
    pub(super) fn ticked(&self) {
        let mut state = lock(&self.state);
        let next = state.kernel.next_wake_ms().unwrap_or(u64::MAX);
        let now_ms = self.now_ms(&mut state);
        state.wakes_at_ms = next.min(now_ms.saturating_add(TICK_MS_MAX));
    }
}

/// As [`lock`], for what is held for microseconds at most: to be woken takes longer than to look again.
fn lock_soon<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..LOOKS_MAX {
        if let Ok(guard) = mutex.try_lock() {
            return guard;
        }
        std::hint::spin_loop();
    }
    lock(mutex)
}
