//! A value that pages read and actions change.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Hub, scope};

/// A value in memory whose readers render again when it changes. Made by [`Hub::live`].
///
/// Guarantees: a page that read it shows every change that was made before its last render began,
/// and renders again after every later one. Clones share the value.
///
/// ```
/// use hyperstar::Hub;
///
/// let hub = Hub::new();
/// let count = hub.live(41);
/// count.update(|n| *n += 1);
/// assert_eq!(count.get(), 42);
/// ```
///
/// It is lost when the program ends; what must last belongs in a store that the hub
/// [follows](Hub::follow).
pub struct Live<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    hub: Hub,
    topic: String,
    value: RwLock<T>,
}

impl<T> Live<T> {
    pub(crate) fn new(hub: Hub, value: T) -> Self {
        let topic = format!("live:{}", hub.next_id());
        Self {
            inner: Arc::new(Inner {
                hub,
                topic,
                value: RwLock::new(value),
            }),
        }
    }

    /// A copy of the value.
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Looks at the value. `look` must not change this same value.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        scope::read(&self.inner.topic);
        look(
            &self
                .inner
                .value
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        self.update(|current| *current = value);
    }

    /// Changes the value in place and announces it. `change` must not read this same value through
    /// the handle. If `change` panics, what it did so far stays.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let answer = change(
            &mut self
                .inner
                .value
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.inner.hub.notify(&self.inner.topic);
        answer
    }

    /// Changes the value in place; announces it only if `change` says that it did something.
    pub fn update_if(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        let changed = change(
            &mut self
                .inner
                .value
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if changed {
            self.inner.hub.notify(&self.inner.topic);
        } else {
            // The handler knows what it changed: nothing.
            scope::announce();
        }
        changed
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.inner.value).finish()
    }
}
