//! Where the bytes are kept. [`Backend`] is small so that a test can wrap one and break it.

mod memory;
#[cfg(feature = "redb")]
mod redb;

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Commit, Version};

pub use self::memory::MemoryBackend;
#[cfg(feature = "redb")]
pub use self::redb::RedbBackend;

/// Keeps the values. One store owns it and calls it from one thread at a time.
///
/// # Contract
/// - [`apply`](Backend::apply) is atomic, also over a crash: all changes and the version, or none.
/// - When `apply` returns `Ok`, the commit is as durable as the backend can make it.
/// - When it returns an error that is not [in doubt](BackendError::in_doubt), nothing was changed.
/// - Views are immutable, and stay readable for as long as somebody holds them.
pub trait Backend: Send + 'static {
    /// The state now, for the first time after opening.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError>;

    /// Makes `commit` durable, and returns the state with it.
    ///
    /// # Errors
    /// An error for which [`BackendError::is_in_doubt`] if the commit may have become durable;
    /// any other only if nothing was changed.
    fn apply(&mut self, commit: &Commit) -> Result<Arc<dyn View>, BackendError>;
}

/// An immutable state of a backend: what a [`Snapshot`](crate::Snapshot) reads.
pub trait View: Send + Sync {
    /// The version of the last commit in it.
    fn version(&self) -> Version;

    /// The value of a path.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn get(&self, path: &str) -> Result<Option<Bytes>, BackendError>;

    /// Calls `visit` for each path from `start` on (included), in byte order, until it breaks.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn scan(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), BackendError>;

    /// Calls `visit` for each path before `end` (excluded), or from the last one if there is no
    /// `end`, in reverse byte order, until it breaks.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn scan_back(
        &self,
        end: Option<&str>,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), BackendError>;
}

/// A failure of a [`Backend`].
#[derive(Debug)]
pub struct BackendError {
    source: Box<dyn Error + Send + Sync>,
    in_doubt: bool,
}

impl BackendError {
    /// A failure that changed nothing.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            in_doubt: false,
        }
    }

    /// A failure after which the commit may be there or not. The store stops writing.
    pub fn in_doubt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            in_doubt: true,
        }
    }

    /// Whether the commit may have become durable.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
