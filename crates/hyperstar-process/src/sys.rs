//! What a process can reach by itself: clock, randomness, its log, its own state. The host gives it.

use std::cell::RefCell;
use std::rc::Rc;

/// What a host gives to the process that it runs. In a component these are imports.
///
/// What a turn handed out as changes is seen by `get`, `scan` and `count` from the next call into the
/// process on, durable or not; a host that cannot keep them ends the process.
pub trait Sys {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> u64;
    /// Fills `bytes`, which are at most 4,096.
    fn random(&self, bytes: &mut [u8]);
    /// A line for the process's log.
    fn log(&self, level: Level, text: &str);
    /// A value of the process's own state, as it was last kept.
    fn get(&self, path: &str) -> Option<Vec<u8>>;
    /// Values from `at_or_after` on and before `before`, in the order of their paths, from the end if `back`:
    /// at most `most` and at most 1 MiB, at least one if there is one.
    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        back: bool,
    ) -> Vec<(String, Vec<u8>)>;
    /// How many values are below a path.
    fn count(&self, prefix: &str) -> u64;
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something is not as it should be.
    Warn = 2,
    /// Something happened.
    Info = 3,
    /// For whoever looks for a mistake.
    Debug = 4,
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<dyn Sys>>> = const { RefCell::new(None) };
}

/// Runs `work` with `sys` as what the process on this thread reaches. Calls nest.
pub fn enter<T>(sys: &Rc<dyn Sys>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Rc<dyn Sys>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.with_borrow_mut(|current| *current = self.0.take());
        }
    }
    let outer = CURRENT.with_borrow_mut(|current| current.replace(sys.clone()));
    let _restore = Restore(outer);
    work()
}

/// What the running process reaches.
///
/// # Panics
/// Outside of a turn, a render or a start: there is no process then.
pub fn current() -> Rc<dyn Sys> {
    CURRENT
        .with_borrow(Clone::clone)
        .expect("the state of a process is used where no process runs; use it in a handler, or in `test::Process`")
}
