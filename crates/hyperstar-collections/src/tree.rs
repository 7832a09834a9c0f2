//! What collections are written to.

use std::ops::{Bound, ControlFlow};

/// Values by path: a state of a store, or of a process.
pub trait Tree {
    /// Why a read or write failed.
    type Error;

    /// The value at `path`.
    ///
    /// # Errors
    /// As the tree reports.
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Hands the paths and values below `prefix` to `visit`, from one end of `range`, until it says to
    /// stop.
    ///
    /// # Errors
    /// As the tree reports.
    fn scan(
        &self,
        prefix: &str,
        range: (Bound<&str>, Bound<&str>),
        end: End,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Self::Error>;

    /// The refusal of a path that no collection of these types writes below `collection`.
    fn not_of(collection: &str, path: &str) -> Self::Error;
}

/// Values by path that can be written: a transaction of a store, or the state of a process in a handler.
pub trait TreeMut: Tree {
    /// Sets the value at `path`.
    ///
    /// # Errors
    /// As the tree reports.
    fn set(&mut self, path: &str, value: Vec<u8>) -> Result<(), Self::Error>;

    /// Removes the value at `path`.
    ///
    /// # Errors
    /// As the tree reports.
    fn remove(&mut self, path: &str) -> Result<(), Self::Error>;

    /// Removes all below `prefix`.
    ///
    /// # Errors
    /// As the tree reports.
    fn remove_all(&mut self, prefix: &str) -> Result<(), Self::Error>;
}

/// The end that a scan starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The least path.
    Front,
    /// The greatest path.
    Back,
}
