//! What happened, one after the other.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{End, Entries, Map, Readable, not_of};
use crate::{StoreError, Transaction};

/// Entries that are only ever added, numbered from 1 on without gaps, and forgotten from the front.
///
/// A number is given once: also after [`Log::trim`] and [`Log::clear`] the next entry has the next
/// number, so that who has read up to one can go on [`since`](Log::since) it.
///
/// An entry is one path, `entry` and its number below the log's own; to add one costs that. What
/// number came last is seen from the entries; when a log is emptied, it is noted at `last`.
///
/// ```
/// use hyperstar_store::{Log, Store, StoreError};
///
/// const SAID: Log<String> = Log::at("said");
///
/// let store = Store::memory();
/// store.transaction(|tx| {
///     for text in ["hello", "hi", "bye"] {
///         SAID.append(tx, &text.to_owned())?;
///     }
///     SAID.trim(tx, 2)
/// })?;
/// assert_eq!(SAID.last(&store, 1)?, [(3, "bye".to_owned())]);
/// assert_eq!(SAID.since(&store, 1)?.len(), 2);
/// # Ok::<(), StoreError>(())
/// ```
///
/// # Design
/// The number is the order, so two branches that both append give one number to two entries, and
/// merging them is a conflict on that path: which came first is not for a merge to guess. For what
/// is added on many branches, use a [`List`](crate::List).
pub struct Log<T> {
    path: Cow<'static, str>,
    types: PhantomData<fn() -> T>,
}

impl<T> Log<T> {
    /// The log at `path`. A path that is none is refused when the log is used.
    ///
    /// ```
    /// use hyperstar_store::Log;
    /// const SAID: Log<String> = Log::at("said");
    /// # let _ = SAID;
    /// ```
    pub const fn at(path: &'static str) -> Self {
        Self {
            path: Cow::Borrowed(path),
            types: PhantomData,
        }
    }

    /// The log at a path that is put together at run time, as [`Map::at_path`].
    ///
    /// ```
    /// use hyperstar_store::{Key, Log};
    ///
    /// fn said_in(room: &str) -> Log<String> {
    ///     Log::at_path(format!("rooms/{}/said", String::encode(room)))
    /// }
    /// assert_eq!(said_in("tea").path(), "rooms/tea/said");
    /// ```
    pub fn at_path(path: impl Into<String>) -> Self {
        Self {
            path: Cow::Owned(path.into()),
            types: PhantomData,
        }
    }

    /// The path that everything of the log is below: what to watch.
    ///
    /// ```
    /// # use hyperstar_store::Log;
    /// assert_eq!(Log::<String>::at("said").path(), "said");
    /// ```
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl<T: Serialize + DeserializeOwned> Log<T> {
    /// Adds an entry, and returns its number.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// # const SAID: Log<String> = Log::at("said");
    /// # let store = Store::memory();
    /// let (number, _) = store.transaction(|tx| SAID.append(tx, &"hello".to_owned()))?;
    /// assert_eq!(number, 1);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Transaction::set`]; [`StoreError::NotOfCollection`] if the last path below is none of
    /// the log's.
    pub fn append(&self, tx: &mut Transaction, entry: &T) -> Result<u64, StoreError> {
        let number = self
            .last_number(tx)?
            .checked_add(1)
            .ok_or_else(|| not_of(&self.path, &self.path_of_last()))?;
        tx.set(&self.map().path_of(number), entry)?;
        Ok(number)
    }

    /// The entry with this number; `None` if it is not there yet, or not any more.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// # const SAID: Log<String> = Log::at("said");
    /// # let store = Store::memory();
    /// store.transaction(|tx| SAID.append(tx, &"hello".to_owned()))?;
    /// assert_eq!(SAID.get(&store, 1)?.as_deref(), Some("hello"));
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::get`].
    pub fn get<R: Readable + ?Sized>(&self, db: &R, number: u64) -> Result<Option<T>, StoreError> {
        self.map().get(db, number)
    }

    /// The last `count` entries with their numbers, the oldest first. Costs what it returns.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store, StoreError};
    /// # let store = Store::memory();
    /// const COUNTED: Log<u64> = Log::at("counted");
    /// store.transaction(|tx| {
    ///     (10..20).try_for_each(|n| COUNTED.append(tx, &n).map(drop))
    /// })?;
    /// assert_eq!(COUNTED.last(&store, 2)?, [(9, 18), (10, 19)]);
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn last<R: Readable + ?Sized>(
        &self,
        db: &R,
        count: usize,
    ) -> Result<Vec<(u64, T)>, StoreError> {
        let newest_first = self.iter(db).rev().take(count);
        let mut entries = newest_first.collect::<Result<Vec<_>, _>>()?;
        entries.reverse();
        Ok(entries)
    }

    /// The entries after the one with this number; all of them since 0. Costs what it returns.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// # const SAID: Log<String> = Log::at("said");
    /// # let store = Store::memory();
    /// # store.transaction(|tx| SAID.append(tx, &"hello".to_owned()))?;
    /// let mut seen = 0;
    /// for (number, text) in SAID.since(&store, seen)? {
    ///     println!("{text}");
    ///     seen = number;
    /// }
    /// assert!(SAID.since(&store, seen)?.is_empty());
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn since<R: Readable + ?Sized>(
        &self,
        db: &R,
        number: u64,
    ) -> Result<Vec<(u64, T)>, StoreError> {
        match number.checked_add(1) {
            Some(next) => self.range(db, next..).collect(),
            None => Ok(Vec::new()),
        }
    }

    /// All entries with their numbers, the oldest first, read as the iterator goes.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// # const SAID: Log<String> = Log::at("said");
    /// # let store = Store::memory();
    /// assert_eq!(SAID.iter(&store).count(), 0);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    pub fn iter<'a, R: Readable + ?Sized>(&self, db: &'a R) -> Entries<'a, u64, T> {
        self.range(db, ..)
    }

    /// The entries whose numbers are in `range`, as [`Log::iter`] gives them.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// # const SAID: Log<String> = Log::at("said");
    /// # let store = Store::memory();
    /// // A page of older entries, the newest of them first.
    /// let page = SAID.range(&store, ..100).rev().take(20);
    /// # assert_eq!(page.count(), 0);
    /// ```
    pub fn range<'a, R: Readable + ?Sized>(
        &self,
        db: &'a R,
        range: impl RangeBounds<u64>,
    ) -> Entries<'a, u64, T> {
        self.map().range(db, range)
    }

    /// How many entries are kept. Costs two lookups.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// assert_eq!(Log::<String>::at("said").len(&Store::memory())?, 0);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn len<R: Readable + ?Sized>(&self, db: &R) -> Result<u64, StoreError> {
        Ok(match self.kept(db)? {
            Some((first, last)) => (last - first).saturating_add(1),
            None => 0,
        })
    }

    /// Whether no entry is kept. Costs a lookup.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// assert!(Log::<String>::at("said").is_empty(&Store::memory())?);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn is_empty<R: Readable + ?Sized>(&self, db: &R) -> Result<bool, StoreError> {
        self.map().is_empty(db)
    }

    /// The number of the last entry, kept or not; 0 before the first. Costs a lookup.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// # let store = Store::memory();
    /// # const SAID: Log<String> = Log::at("said");
    /// store.transaction(|tx| SAID.append(tx, &"hello".to_owned()))?;
    /// store.transaction(|tx| SAID.clear(tx))?;
    /// assert_eq!(SAID.last_number(&store)?, 1);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Map::entries`].
    pub fn last_number<R: Readable + ?Sized>(&self, db: &R) -> Result<u64, StoreError> {
        let reading = db.reading();
        match self.map().end_key_of(&reading, End::Back)? {
            Some(number) => Ok(number),
            None => Ok(reading.get(&self.path_of_last())?.unwrap_or(0)),
        }
    }

    /// Removes all but the last `keep` entries, and tells how many that were. Costs what it removes.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store, StoreError};
    /// # const SAID: Log<String> = Log::at("said");
    /// # let store = Store::memory();
    /// store.transaction(|tx| {
    ///     SAID.append(tx, &"hello".to_owned())?;
    ///     SAID.trim(tx, 50)
    /// })?;
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Transaction::remove`] and [`Map::entries`].
    pub fn trim(&self, tx: &mut Transaction, keep: u64) -> Result<u64, StoreError> {
        let Some((_, last)) = self.kept(tx)? else {
            return Ok(0);
        };
        if keep == 0 {
            tx.set(&self.path_of_last(), &last)?;
        }
        let (map, mut removed) = (self.map(), 0);
        // `keep` of them are after this one.
        for path in map.paths(tx, ..=last.saturating_sub(keep))? {
            removed += u64::from(tx.remove(&path)?);
        }
        Ok(removed)
    }

    /// Removes all entries, and tells how many that were. The next one has the next number.
    ///
    /// ```
    /// # use hyperstar_store::{Log, Store};
    /// # let store = Store::memory();
    /// # const SAID: Log<String> = Log::at("said");
    /// assert_eq!(store.transaction(|tx| SAID.clear(tx))?.0, 0);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Log::trim`].
    pub fn clear(&self, tx: &mut Transaction) -> Result<u64, StoreError> {
        self.trim(tx, 0)
    }

    /// The numbers of the first and of the last entry that are kept.
    fn kept<R: Readable + ?Sized>(&self, db: &R) -> Result<Option<(u64, u64)>, StoreError> {
        let (reading, map) = (db.reading(), self.map());
        let first = map.end_key_of(&reading, End::Front)?;
        let last = map.end_key_of(&reading, End::Back)?;
        Ok(first.zip(last))
    }

    fn map(&self) -> Map<u64, T> {
        Map::at_path(format!("{}/entry", self.path))
    }

    fn path_of_last(&self) -> String {
        format!("{}/last", self.path)
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self {
            path: self.path.clone(),
            types: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Log").field(&self.path).finish()
    }
}
