//! What happened, one after the other.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use hyperstar_collections::{End, Key, Tree};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::map::entries;
use super::{Entries, Handle, Shelf, key_of};
use crate::state::StateError;

/// Entries that are only ever added, numbered from 1 on without gaps, and forgotten from the front.
///
/// A number is given once: also after [`Log::trim`] and [`Log::clear`] the next entry has the next number.
///
/// ```
/// use hyperstar_process::Log;
///
/// let mut said: Log<String> = Log::default();
/// for text in ["hello", "hi", "bye"] {
///     said.push(&text.to_owned())?;
/// }
/// said.trim(2)?;
/// assert_eq!(said.last(1)?, [(3, "bye".to_owned())]);
/// assert_eq!(said.len()?, 2);
/// # Ok::<(), hyperstar_process::StateError>(())
/// ```
pub struct Log<T> {
    pub(super) handle: Handle,
    types: PhantomData<fn() -> T>,
}

impl<T> Log<T> {
    pub(super) fn from_handle(handle: Handle) -> Self {
        Self {
            handle,
            types: PhantomData,
        }
    }
}

impl<T: Serialize + DeserializeOwned> Log<T> {
    /// Adds an entry, and returns its number.
    ///
    /// # Errors
    /// [`StateError::Encode`] if it cannot be JSON; [`StateError::NotOfCollection`] if something else is
    /// stored there.
    pub fn push(&mut self, entry: &T) -> Result<u64, StateError> {
        let mut shelf = self.handle.shelf();
        let number = last_number(&shelf)?
            .checked_add(1)
            .ok_or_else(|| Shelf::not_of(&shelf.path, &path_of_last(&shelf)))?;
        let path = format!("{}/{}", prefix(&shelf), u64::encode(number));
        shelf.write(&path, entry)?;
        Ok(number)
    }

    /// The entry with this number; `None` if it is not there yet, or not any more.
    ///
    /// # Errors
    /// [`StateError::Entry`] if it is not a `T`.
    pub fn get(&self, number: u64) -> Result<Option<T>, StateError> {
        let shelf = self.handle.shelf();
        shelf.read(&format!("{}/{}", prefix(&shelf), u64::encode(number)))
    }

    /// The last `count` entries with their numbers, the oldest first. Costs what it returns.
    ///
    /// # Errors
    /// As [`Log::push`] and [`Log::get`].
    pub fn last(&self, count: usize) -> Result<Vec<(u64, T)>, StateError> {
        let newest_first = self.iter().rev().take(count);
        let mut entries = newest_first.collect::<Result<Vec<_>, _>>()?;
        entries.reverse();
        Ok(entries)
    }

    /// All entries with their numbers, the oldest first, read as the iterator goes.
    pub fn iter(&self) -> Entries<'_, u64, T> {
        self.range(..)
    }

    /// The entries whose numbers are in `range`.
    pub fn range(&self, range: impl RangeBounds<u64>) -> Entries<'_, u64, T> {
        let shelf = self.handle.shelf();
        let prefix = prefix(&shelf);
        entries(shelf, prefix, range)
    }

    /// How many entries are kept.
    ///
    /// # Errors
    /// [`StateError::NotOfCollection`] if something else is stored there.
    pub fn len(&self) -> Result<u64, StateError> {
        let kept = kept(&self.handle.shelf())?;
        Ok(kept.map_or(0, |(first, last)| (last - first).saturating_add(1)))
    }

    /// Whether no entry is kept.
    ///
    /// # Errors
    /// As [`Log::len`].
    pub fn is_empty(&self) -> Result<bool, StateError> {
        Ok(kept(&self.handle.shelf())?.is_none())
    }

    /// The number of the last entry, kept or not; 0 before the first.
    ///
    /// # Errors
    /// As [`Log::len`].
    pub fn last_number(&self) -> Result<u64, StateError> {
        last_number(&self.handle.shelf())
    }

    /// Removes all but the last `keep` entries, and tells how many that were. Costs what it removes.
    ///
    /// # Errors
    /// As [`Log::len`].
    pub fn trim(&mut self, keep: u64) -> Result<u64, StateError> {
        let mut shelf = self.handle.shelf();
        let Some((_, last)) = kept(&shelf)? else {
            return Ok(0);
        };
        if keep == 0 {
            let path = path_of_last(&shelf);
            shelf.write(&path, &last)?;
        }
        let prefix = prefix(&shelf);
        // `keep` of them are after this one.
        let end = format!("{prefix}/{}", u64::encode(last.saturating_sub(keep)));
        let paths = shelf.paths(&prefix, (Bound::Unbounded, Bound::Included(&end)));
        for path in &paths {
            shelf.memory.replace(path, None);
        }
        Ok(paths.len() as u64)
    }

    /// Removes all entries, and tells how many that were. The next one has the next number.
    ///
    /// # Errors
    /// As [`Log::len`].
    pub fn clear(&mut self) -> Result<u64, StateError> {
        self.trim(0)
    }
}

fn prefix(shelf: &Shelf) -> String {
    format!("{}/entry", shelf.path)
}

fn path_of_last(shelf: &Shelf) -> String {
    format!("{}/last", shelf.path)
}

fn last_number(shelf: &Shelf) -> Result<u64, StateError> {
    match end_number(shelf, End::Back)? {
        Some(number) => Ok(number),
        None => Ok(shelf.read(&path_of_last(shelf))?.unwrap_or(0)),
    }
}

/// The numbers of the first and of the last entry that are kept.
fn kept(shelf: &Shelf) -> Result<Option<(u64, u64)>, StateError> {
    let first = end_number(shelf, End::Front)?;
    Ok(first.zip(end_number(shelf, End::Back)?))
}

fn end_number(shelf: &Shelf, end: End) -> Result<Option<u64>, StateError> {
    let prefix = prefix(shelf);
    let mut found = None;
    shelf.visit(
        &prefix,
        (Bound::Unbounded, Bound::Unbounded),
        end,
        |path, _| {
            found = Some(key_of(&prefix, path));
            std::ops::ControlFlow::Break(())
        },
    );
    found.transpose()
}
