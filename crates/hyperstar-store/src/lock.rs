//! Locks that a panic does not poison: what they guard is changed in one step, or not at all.

use std::hint;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread that wants a lock soon does not sleep.
const AWAKE_MAX: Duration = Duration::from_micros(50);
/// And how long it lets no other thread run meanwhile.
const SPIN_MAX: Duration = Duration::from_micros(5);

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], for a lock that is held for microseconds as a rule and wanted by many threads. Once they
/// sleep for it, each release has to wake one, and that takes longer than what the lock is held for.
pub(crate) fn lock_soon<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    let mut began = None;
    loop {
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
        let waited = began.get_or_insert_with(Instant::now).elapsed();
        if waited < SPIN_MAX {
            hint::spin_loop();
        } else if waited < AWAKE_MAX {
            thread::yield_now();
        } else {
            return lock(mutex);
        }
    }
}
