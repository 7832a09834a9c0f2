//! Values by key.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use hyperstar_collections::{Key, Tree, check_path};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entries, Handle, Shelf, Span, decode};
use crate::state::StateError;

/// Values by key, in the order of the keys: a field of a state whose entries are kept one by one.
///
/// The value of a key is the JSON at `c/<field>/<key>`: a write costs that, however large the map is.
///
/// ```
/// use hyperstar_process::{Map, StateError};
///
/// #[derive(Default)]
/// struct Shop {
///     stock: Map<String, u64>,
/// }
///
/// impl Shop {
///     fn buy(&mut self, tea: &str, grams: u64) -> Result<u64, StateError> {
///         self.stock.update(tea, |had| had.unwrap_or(0) + grams)
///     }
/// }
///
/// let mut shop = Shop::default();
/// shop.buy("sencha", 50)?;
/// assert_eq!(shop.buy("sencha", 25)?, 75);
/// assert_eq!(shop.stock.get("assam")?, None);
/// # Ok::<(), StateError>(())
/// ```
pub struct Map<K, V> {
    pub(super) handle: Handle,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Map<K, V> {
    pub(super) fn from_handle(handle: Handle) -> Self {
        Self {
            handle,
            types: PhantomData,
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned> Map<K, V> {
    /// The value of `key`.
    ///
    /// # Errors
    /// [`StateError::Entry`] if it is not a `V`; [`StateError::Path`] if the key is too long.
    pub fn get(&self, key: K::Ref<'_>) -> Result<Option<V>, StateError> {
        let shelf = self.handle.shelf();
        shelf.read(&path_of::<K>(&shelf, key))
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// [`StateError::Path`] if the key is too long.
    pub fn contains(&self, key: K::Ref<'_>) -> Result<bool, StateError> {
        let shelf = self.handle.shelf();
        Ok(shelf.get(&path_of::<K>(&shelf, key))?.is_some())
    }

    /// Sets the value of `key`, and returns the one before.
    ///
    /// # Errors
    /// As [`Map::get`]; [`StateError::Encode`] if the value cannot be JSON.
    pub fn insert(&mut self, key: K::Ref<'_>, value: &V) -> Result<Option<V>, StateError> {
        let mut shelf = self.handle.shelf();
        let path = path_of::<K>(&shelf, key);
        let before = shelf.write(&path, value)?;
        before.map(|bytes| decode(&path, &bytes)).transpose()
    }

    /// Sets the value of `key` to what `change` makes of the one before, and returns it.
    ///
    /// # Errors
    /// As [`Map::insert`].
    pub fn update(
        &mut self,
        key: K::Ref<'_>,
        change: impl FnOnce(Option<V>) -> V,
    ) -> Result<V, StateError> {
        let mut shelf = self.handle.shelf();
        let path = path_of::<K>(&shelf, key);
        let value = change(shelf.read(&path)?);
        shelf.write(&path, &value)?;
        Ok(value)
    }

    /// Changes the value of `key` in place, and returns what `change` does; `None` if there is none.
    ///
    /// # Errors
    /// As [`Map::insert`].
    pub fn modify<R>(
        &mut self,
        key: K::Ref<'_>,
        change: impl FnOnce(&mut V) -> R,
    ) -> Result<Option<R>, StateError> {
        let mut shelf = self.handle.shelf();
        let path = path_of::<K>(&shelf, key);
        let Some(mut value) = shelf.read(&path)? else {
            return Ok(None);
        };
        let changed = change(&mut value);
        shelf.write(&path, &value)?;
        Ok(Some(changed))
    }

    /// Removes the value of `key`, and returns it.
    ///
    /// # Errors
    /// As [`Map::get`].
    pub fn remove(&mut self, key: K::Ref<'_>) -> Result<Option<V>, StateError> {
        let shelf = self.handle.shelf();
        let path = path_of::<K>(&shelf, key);
        check_path(&path)?;
        let before = shelf.memory.replace(&path, None);
        before.map(|bytes| decode(&path, &bytes)).transpose()
    }

    /// Removes all values, and tells how many there were. Costs all of them.
    pub fn clear(&mut self) -> u64 {
        let shelf = self.handle.shelf();
        let paths = shelf.paths(&shelf.path, (Bound::Unbounded, Bound::Unbounded));
        for path in &paths {
            shelf.memory.replace(path, None);
        }
        paths.len() as u64
    }

    /// All keys and values, in the order of the keys, read as the iterator goes.
    pub fn iter(&self) -> Entries<'_, K, V> {
        self.range(..)
    }

    /// Those keys that are in `range`, and their values.
    pub fn range<'k>(&self, range: impl RangeBounds<K::Ref<'k>>) -> Entries<'_, K, V> {
        let shelf = self.handle.shelf();
        let prefix = shelf.path.to_string();
        entries(shelf, prefix, range)
    }

    /// All keys and values, in the order of the keys.
    ///
    /// # Errors
    /// As [`Map::get`]; [`StateError::NotOfCollection`] for what the map did not write.
    pub fn entries(&self) -> Result<Vec<(K, V)>, StateError> {
        self.iter().collect()
    }

    /// The least key, and its value.
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn first(&self) -> Result<Option<(K, V)>, StateError> {
        self.iter().next().transpose()
    }

    /// The greatest key, and its value.
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn last(&self) -> Result<Option<(K, V)>, StateError> {
        self.iter().next_back().transpose()
    }

    /// How many values there are. Costs what was written since the last save, and what the host needs to
    /// count.
    pub fn len(&self) -> u64 {
        let shelf = self.handle.shelf();
        shelf.memory.count(&shelf.path)
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The entries of a map that is right below `prefix`.
pub(super) fn entries<'a, 'k, K: Key, V: DeserializeOwned>(
    shelf: Shelf,
    prefix: String,
    range: impl RangeBounds<K::Ref<'k>>,
) -> Entries<'a, K, V> {
    let path = |bound: Bound<&K::Ref<'k>>| bound.map(|key| format!("{prefix}/{}", K::encode(*key)));
    let (start, end) = (path(range.start_bound()), path(range.end_bound()));
    let span = Span::new(
        &prefix,
        (
            start.as_ref().map(String::as_str),
            end.as_ref().map(String::as_str),
        ),
    );
    Entries::new(shelf, prefix, span)
}

fn path_of<K: Key>(shelf: &Shelf, key: K::Ref<'_>) -> String {
    format!("{}/{}", shelf.path, K::encode(key))
}
