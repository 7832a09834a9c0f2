//! The path that the running handler's app is mounted at: what links and actions begin with.

use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    static BASE: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Runs `work` with `base` as the path that the app is mounted at. Calls nest; a panic restores too.
pub fn enter<T>(base: Arc<str>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<str>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            BASE.set(self.0.take());
        }
    }
    let _restore = Restore(BASE.replace(Some(base)));
    work()
}

/// The path that the running handler's app is mounted at; empty at the root, and outside of handlers.
pub fn current() -> Arc<str> {
    BASE.with_borrow(Clone::clone).unwrap_or_default()
}
