//! A number that is added to.

use std::borrow::Cow;

use super::{Readable, Reading};
use crate::{StoreError, Transaction};

/// A number that is added to. It is 0 before the first time.
///
/// It is the JSON of one integer at its path. Additions on two branches are both kept when these are
/// merged: the difference that theirs made since the branches parted is added to ours,
/// `ours + (theirs - base)`, which is what the merge policy for counters does. That is why there is no
/// call to set it.
///
/// ```
/// use hyperstar_store::{Counter, Store};
///
/// const VISITS: Counter = Counter::at("visits");
///
/// let store = Store::memory();
/// store.transaction(|tx| VISITS.add(tx, 1))?;
/// assert_eq!(VISITS.get(&store)?, 1);
/// # Ok::<(), hyperstar_store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Counter {
    path: Cow<'static, str>,
}

impl Counter {
    /// The counter at `path`. A path that is none is refused when the counter is used.
    ///
    /// ```
    /// use hyperstar_store::Counter;
    /// const VISITS: Counter = Counter::at("visits");
    /// # let _ = VISITS;
    /// ```
    pub const fn at(path: &'static str) -> Self {
        Self {
            path: Cow::Borrowed(path),
        }
    }

    /// The counter at a path that is put together at run time, as [`Map::at_path`](crate::Map::at_path).
    ///
    /// ```
    /// use hyperstar_store::{Counter, Key};
    /// let visits = Counter::at_path(format!("visits/{}", String::encode("/about")));
    /// assert_eq!(visits.path(), "visits/.~about");
    /// ```
    pub fn at_path(path: impl Into<String>) -> Self {
        Self {
            path: Cow::Owned(path.into()),
        }
    }

    /// The path of the number.
    ///
    /// ```
    /// # use hyperstar_store::Counter;
    /// assert_eq!(Counter::at("visits").path(), "visits");
    /// ```
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The number.
    ///
    /// ```
    /// # use hyperstar_store::{Counter, Store};
    /// assert_eq!(Counter::at("visits").get(&Store::memory())?, 0);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Decode`] if the value there is no integer; [`StoreError::InvalidPath`];
    /// [`StoreError::Backend`].
    pub fn get<R: Readable + ?Sized>(&self, db: &R) -> Result<i64, StoreError> {
        self.read(&db.reading())
    }

    /// Adds `delta`, which may be negative, and returns the sum.
    ///
    /// ```
    /// # use hyperstar_store::{Counter, Store};
    /// # let store = Store::memory();
    /// const PLACES: Counter = Counter::at("places");
    /// let (sum, _) = store.transaction(|tx| {
    ///     PLACES.add(tx, 10)?;
    ///     PLACES.add(tx, -3)
    /// })?;
    /// assert_eq!(sum, 7);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::CounterOverflow`] if the sum is not an `i64`; as [`Counter::get`] and
    /// [`Transaction::set`].
    pub fn add(&self, tx: &mut Transaction, delta: i64) -> Result<i64, StoreError> {
        let value = self.read(&Reading::Transaction(tx))?;
        let sum = value
            .checked_add(delta)
            .ok_or_else(|| StoreError::CounterOverflow {
                path: self.path.to_string(),
                value,
                delta,
            })?;
        tx.set(&self.path, &sum)?;
        Ok(sum)
    }

    fn read(&self, reading: &Reading<'_>) -> Result<i64, StoreError> {
        Ok(reading.get(&self.path)?.unwrap_or(0))
    }
}
