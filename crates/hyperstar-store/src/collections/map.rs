//! Values by key.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow, RangeBounds};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{End, Entries, Key, Readable, Reading, not_of};
use crate::{StoreError, Transaction, check_path, value};

/// Values by key, in the order of the keys: a `BTreeMap` that is in the store.
///
/// Each value is the JSON at one path, the map's and the key's segment: a write costs that path, and
/// a view that read one value depends on that value alone.
///
/// ```
/// use hyperstar_store::{Map, Store, StoreError};
///
/// const STOCK: Map<String, u64> = Map::at("stock");
///
/// let store = Store::memory();
/// store.transaction(|tx| {
///     STOCK.insert(tx, "sencha", &3)?;
///     STOCK.insert(tx, "assam", &5)?;
///     STOCK.update(tx, "assam", |grams| grams.unwrap_or(0) + 1)
/// })?;
/// assert_eq!(STOCK.get(&store, "assam")?, Some(6));
/// for entry in STOCK.iter(&store) {
///     let (tea, grams) = entry?;
///     println!("{tea}: {grams} g");
/// }
/// # Ok::<(), StoreError>(())
/// ```
///
/// # Design
/// It does not count its values: a count would be one path that all inserts write and all branches
/// meet at. Keep a [`Counter`](crate::Counter) beside it where the number is asked for often.
pub struct Map<K, V> {
    path: Cow<'static, str>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Map<K, V> {
    /// The map at `path`. A path that is none is refused when the map is used.
    ///
    /// ```
    /// use hyperstar_store::Map;
    /// const STOCK: Map<String, u64> = Map::at("stock");
    /// # let _ = STOCK;
    /// ```
    pub const fn at(path: &'static str) -> Self {
        Self {
            path: Cow::Borrowed(path),
            types: PhantomData,
        }
    }

    /// The map at a path that is put together at run time. A segment of it that people chose is
    /// best written by [`Key::encode`].
    ///
    /// ```
    /// use hyperstar_store::{Key, Map};
    ///
    /// fn stock_of(shop: &str) -> Map<String, u64> {
    ///     Map::at_path(format!("shops/{}/stock", String::encode(shop)))
    /// }
    /// assert_eq!(stock_of("Tea/Cake").path(), "shops/Tea.~Cake/stock");
    /// ```
    pub fn at_path(path: impl Into<String>) -> Self {
        Self {
            path: Cow::Owned(path.into()),
            types: PhantomData,
        }
    }

    /// The path that all values are right below: what to watch.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// const STOCK: Map<String, u64> = Map::at("stock");
    /// let watch = Store::memory().watch(STOCK.path())?;
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl<K: Key, V: Serialize + DeserializeOwned> Map<K, V> {
    /// The path of the value of `key`.
    ///
    /// ```
    /// # use hyperstar_store::Map;
    /// const TODOS: Map<u64, String> = Map::at("todo");
    /// assert_eq!(TODOS.path_of(7), "todo/a7");
    /// ```
    pub fn path_of(&self, key: K::Ref<'_>) -> String {
        format!("{}/{}", self.path, K::encode(key))
    }

    /// The value of `key`.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// assert_eq!(STOCK.get(&store, "sencha")?, None);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Decode`] if it is not a `V`; [`StoreError::InvalidPath`] if the key is too long
    /// for a path; [`StoreError::Backend`].
    pub fn get<R: Readable + ?Sized>(
        &self,
        db: &R,
        key: K::Ref<'_>,
    ) -> Result<Option<V>, StoreError> {
        db.reading().get(&self.path_of(key))
    }

    /// Whether `key` has a value.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// assert!(!STOCK.contains(&store, "sencha")?);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::get`], but that the value is not decoded.
    pub fn contains<R: Readable + ?Sized>(
        &self,
        db: &R,
        key: K::Ref<'_>,
    ) -> Result<bool, StoreError> {
        let found = db.reading().get_bytes(&self.path_of(key))?;
        Ok(found.is_some())
    }

    /// Sets the value of `key`, and returns the one before.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store, StoreError};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// store.transaction(|tx| {
    ///     assert_eq!(STOCK.insert(tx, "sencha", &3)?, None);
    ///     assert_eq!(STOCK.insert(tx, "sencha", &4)?, Some(3));
    ///     Ok::<_, StoreError>(())
    /// })?;
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::get`] of the value before, and as [`Transaction::set`]. After any, nothing is
    /// written. To replace a value that is not a `V`, set [`Map::path_of`].
    pub fn insert(
        &self,
        tx: &mut Transaction,
        key: K::Ref<'_>,
        value: &V,
    ) -> Result<Option<V>, StoreError> {
        let path = self.path_of(key);
        let before = tx.get(&path)?;
        tx.set(&path, value)?;
        Ok(before)
    }

    /// Sets the value of `key` to what `change` makes of the one before, and returns it.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// let grams = store.transaction(|tx| {
    ///     STOCK.update(tx, "sencha", |grams| grams.unwrap_or(0) + 50)
    /// })?.0;
    /// assert_eq!(grams, 50);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::insert`].
    pub fn update(
        &self,
        tx: &mut Transaction,
        key: K::Ref<'_>,
        change: impl FnOnce(Option<V>) -> V,
    ) -> Result<V, StoreError> {
        let path = self.path_of(key);
        let value = change(tx.get(&path)?);
        tx.set(&path, &value)?;
        Ok(value)
    }

    /// Changes the value of `key` in place, and returns what `change` does; `None` if there is none.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store, StoreError};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// store.transaction(|tx| {
    ///     assert_eq!(STOCK.modify(tx, "sencha", |grams| *grams -= 5)?, None);
    ///     STOCK.insert(tx, "sencha", &50)?;
    ///     STOCK.modify(tx, "sencha", |grams| *grams -= 5)
    /// })?;
    /// assert_eq!(STOCK.get(&store, "sencha")?, Some(45));
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::insert`].
    pub fn modify<T>(
        &self,
        tx: &mut Transaction,
        key: K::Ref<'_>,
        change: impl FnOnce(&mut V) -> T,
    ) -> Result<Option<T>, StoreError> {
        let path = self.path_of(key);
        let Some(mut value) = tx.get(&path)? else {
            return Ok(None);
        };
        let changed = change(&mut value);
        tx.set(&path, &value)?;
        Ok(Some(changed))
    }

    /// Removes the value of `key`, and returns it.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store, StoreError};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// store.transaction(|tx| {
    ///     STOCK.insert(tx, "sencha", &3)?;
    ///     assert_eq!(STOCK.remove(tx, "sencha")?, Some(3));
    ///     assert_eq!(STOCK.remove(tx, "sencha")?, None);
    ///     Ok::<_, StoreError>(())
    /// })?;
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::insert`].
    pub fn remove(&self, tx: &mut Transaction, key: K::Ref<'_>) -> Result<Option<V>, StoreError> {
        let path = self.path_of(key);
        let before = tx.get(&path)?;
        if before.is_some() {
            tx.remove(&path)?;
        }
        Ok(before)
    }

    /// Removes all values, whatever they are, and tells how many there were. Costs all of them.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// store.transaction(|tx| STOCK.insert(tx, "sencha", &3))?;
    /// assert_eq!(store.transaction(|tx| STOCK.clear(tx))?.0, 1);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Transaction::remove_all`].
    pub fn clear(&self, tx: &mut Transaction) -> Result<usize, StoreError> {
        check_path(&self.path)?;
        tx.remove_all(&self.path)
    }

    /// All keys and values, in the order of the keys, read as the iterator goes: it costs what is
    /// taken from it, from either end.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store, StoreError};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// # store.transaction(|tx| STOCK.insert(tx, "sencha", &3))?;
    /// for entry in STOCK.iter(&store).rev().take(10) {
    ///     let (tea, grams) = entry?;
    ///     println!("{tea}: {grams} g");
    /// }
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn iter<'a, R: Readable + ?Sized>(&self, db: &'a R) -> Entries<'a, K, V> {
        self.range(db, ..)
    }

    /// Those keys that are in `range`, and their values, as [`Map::iter`] gives them.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store, StoreError};
    /// const TODOS: Map<u64, String> = Map::at("todo");
    /// # let store = Store::memory();
    /// store.transaction(|tx| {
    ///     for number in 1..=20 {
    ///         TODOS.insert(tx, number, &format!("todo {number}"))?;
    ///     }
    ///     Ok::<_, StoreError>(())
    /// })?;
    /// let page: Vec<_> = TODOS.range(&store, 9..).take(2).collect::<Result<_, _>>()?;
    /// assert_eq!(page, [(9, "todo 9".to_owned()), (10, "todo 10".to_owned())]);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn range<'a, 'k, R: Readable + ?Sized>(
        &self,
        db: &'a R,
        range: impl RangeBounds<K::Ref<'k>>,
    ) -> Entries<'a, K, V> {
        let (start, end) = self.span(range);
        Entries::new(db.reading(), self.path.clone(), start, end)
    }

    /// All keys and values, in the order of the keys.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// # store.transaction(|tx| STOCK.insert(tx, "sencha", &3))?;
    /// assert_eq!(STOCK.entries(&store)?, [("sencha".to_owned(), 3)]);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::get`]; [`StoreError::NotOfCollection`] for what the map did not write.
    pub fn entries<R: Readable + ?Sized>(&self, db: &R) -> Result<Vec<(K, V)>, StoreError> {
        let mut entries = Vec::new();
        self.visit(&db.reading(), |path, key, bytes| {
            entries.push((key, value::decode(path, bytes)?));
            Ok(())
        })?;
        Ok(entries)
    }

    /// All keys, in order. No value is decoded, yet all are walked over.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// # store.transaction(|tx| STOCK.insert(tx, "sencha", &3))?;
    /// assert_eq!(STOCK.keys(&store)?, ["sencha"]);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn keys<R: Readable + ?Sized>(&self, db: &R) -> Result<Vec<K>, StoreError> {
        let mut keys = Vec::new();
        self.visit(&db.reading(), |_, key, _| {
            keys.push(key);
            Ok(())
        })?;
        Ok(keys)
    }

    /// How many values there are. Walks over all of them, without decoding.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// assert_eq!(STOCK.len(&store)?, 0);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn len<R: Readable + ?Sized>(&self, db: &R) -> Result<usize, StoreError> {
        let mut count = 0;
        self.visit(&db.reading(), |_, _, _| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Whether there is no value. Costs a lookup.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// # const STOCK: Map<String, u64> = Map::at("stock");
    /// # let store = Store::memory();
    /// assert!(STOCK.is_empty(&store)?);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn is_empty<R: Readable + ?Sized>(&self, db: &R) -> Result<bool, StoreError> {
        let first = self.end_key_of(&db.reading(), End::Front)?;
        Ok(first.is_none())
    }

    /// The least key, and its value. Costs a lookup.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store, StoreError};
    /// const TODOS: Map<u64, String> = Map::at("todo");
    /// # let store = Store::memory();
    /// store.transaction(|tx| {
    ///     TODOS.insert(tx, 10, &"drink it".to_owned())?;
    ///     TODOS.insert(tx, 9, &"buy milk".to_owned())
    /// })?;
    /// assert_eq!(TODOS.first(&store)?, Some((9, "buy milk".to_owned())));
    /// assert_eq!(TODOS.last(&store)?, Some((10, "drink it".to_owned())));
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn first<R: Readable + ?Sized>(&self, db: &R) -> Result<Option<(K, V)>, StoreError> {
        self.iter(db).next().transpose()
    }

    /// The greatest key, and its value. Costs a lookup.
    ///
    /// ```
    /// # use hyperstar_store::{Map, Store};
    /// const TODOS: Map<u64, String> = Map::at("todo");
    /// # let store = Store::memory();
    /// let next = TODOS.last(&store)?.map_or(1, |(last, _)| last + 1);
    /// # assert_eq!(next, 1);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn last<R: Readable + ?Sized>(&self, db: &R) -> Result<Option<(K, V)>, StoreError> {
        self.iter(db).next_back().transpose()
    }

    /// The least or the greatest key, without its value.
    pub(super) fn end_key_of(
        &self,
        reading: &Reading<'_>,
        end: End,
    ) -> Result<Option<K>, StoreError> {
        let mut found = Ok(None);
        reading.scan(&self.path, .., end, |path, _| {
            found = self.key_of(path).map(Some);
            ControlFlow::Break(())
        })?;
        found
    }

    /// The paths of the values whose keys are in `range`.
    pub(super) fn paths<'k>(
        &self,
        tx: &Transaction,
        range: impl RangeBounds<K::Ref<'k>>,
    ) -> Result<Vec<String>, StoreError> {
        let (start, end) = self.span(range);
        let span = (
            start.as_ref().map(String::as_str),
            end.as_ref().map(String::as_str),
        );
        let mut paths = Vec::new();
        Reading::Transaction(tx).scan(&self.path, span, End::Front, |path, _| {
            paths.push(path.to_owned());
            ControlFlow::Continue(())
        })?;
        Ok(paths)
    }

    fn span<'k>(&self, range: impl RangeBounds<K::Ref<'k>>) -> (Bound<String>, Bound<String>) {
        let path = |bound: Bound<&K::Ref<'k>>| bound.map(|key| self.path_of(*key));
        (path(range.start_bound()), path(range.end_bound()))
    }

    /// Calls `visit` with each path, key and value, until it fails.
    pub(super) fn visit(
        &self,
        reading: &Reading<'_>,
        mut visit: impl FnMut(&str, K, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut result = Ok(());
        reading.scan(&self.path, .., End::Front, |path, bytes| {
            result = self.key_of(path).and_then(|key| visit(path, key, bytes));
            match result {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        result
    }

    fn key_of(&self, path: &str) -> Result<K, StoreError> {
        key_of(&self.path, path)
    }
}

/// The key of a path below `collection`.
pub(super) fn key_of<K: Key>(collection: &str, path: &str) -> Result<K, StoreError> {
    path.get(collection.len() + 1..)
        .and_then(K::decode)
        .ok_or_else(|| not_of(collection, path))
}

impl<K, V> Clone for Map<K, V> {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            types: PhantomData,
        }
    }
}

impl<K, V> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Map").field(&self.path).finish()
    }
}
