//! A number that is added to.

use hyperstar_collections::Tree;

use super::{Handle, Shelf, decode};
use crate::state::StateError;

/// A number that is added to. It is 0 before the first time.
///
/// It is a value of its own, `c/<field>`, that additions on two branches of a store can be merged of. A
/// plain `i64` field does as well where nobody merges.
///
/// ```
/// use hyperstar_process::Counter;
///
/// let mut visits = Counter::default();
/// visits.add(2)?;
/// assert_eq!(visits.add(-3)?, -1);
/// assert_eq!(visits.get()?, -1);
/// # Ok::<(), hyperstar_process::StateError>(())
/// ```
pub struct Counter {
    pub(super) handle: Handle,
}

impl Counter {
    pub(super) fn from_handle(handle: Handle) -> Self {
        Self { handle }
    }

    /// The number.
    ///
    /// # Errors
    /// [`StateError::Entry`] if what is stored is no integer.
    pub fn get(&self) -> Result<i64, StateError> {
        let shelf = self.handle.shelf();
        read(&shelf, &shelf.path)
    }

    /// Adds `delta`, which may be negative, and returns the sum.
    ///
    /// # Errors
    /// [`StateError::CounterOverflow`] if the sum is not an `i64`; as [`Counter::get`].
    pub fn add(&mut self, delta: i64) -> Result<i64, StateError> {
        let mut shelf = self.handle.shelf();
        let path = shelf.path.clone();
        add(&mut shelf, &path, delta)
    }
}

/// Adds to the counter at `path`.
pub(super) fn add(shelf: &mut Shelf, path: &str, delta: i64) -> Result<i64, StateError> {
    let value = read(shelf, path)?;
    let sum = value
        .checked_add(delta)
        .ok_or_else(|| StateError::CounterOverflow {
            path: path.to_owned(),
            value,
            delta,
        })?;
    shelf.write(path, &sum)?;
    Ok(sum)
}

fn read(shelf: &Shelf, path: &str) -> Result<i64, StateError> {
    match shelf.get(path)? {
        Some(bytes) => decode(path, &bytes),
        None => Ok(0),
    }
}
