//! Keys and values, read as one goes.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow};

use serde::de::DeserializeOwned;

use super::map::key_of;
use super::{End, Key, Reading};
use crate::{StoreError, value};

/// A batch is read ahead: few entries at first, so that taking one is cheap, then more.
const BATCH_ENTRIES_MIN: usize = 4;
const BATCH_ENTRIES_MAX: usize = 256;
/// A batch ends with the entry that fills it.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Keys and values of a [`Map`](crate::Map) or [`Log`](crate::Log), in order, from either end.
///
/// It reads one state: that of the store when it was made, or that of the transaction. It reads in
/// batches of up to 256 entries or 1 MiB. An entry that cannot be decoded is an error in its place;
/// after a failed read it ends.
///
/// ```
/// use hyperstar_store::{Map, Store, StoreError};
///
/// const STOCK: Map<String, u64> = Map::at("stock");
/// let store = Store::memory();
/// store.transaction(|tx| {
///     for (tea, grams) in [("assam", 5), ("earl grey", 9), ("sencha", 3)] {
///         STOCK.insert(tx, tea, &grams)?;
///     }
///     Ok::<_, StoreError>(())
/// })?;
/// let mut entries = STOCK.iter(&store);
/// assert_eq!(entries.next().transpose()?, Some(("assam".to_owned(), 5)));
/// assert_eq!(entries.next_back().transpose()?, Some(("sencha".to_owned(), 3)));
/// # Ok::<(), StoreError>(())
/// ```
pub struct Entries<'a, K, V> {
    reading: Reading<'a>,
    collection: Cow<'static, str>,
    /// What neither end has read.
    start: Bound<String>,
    end: Bound<String>,
    /// What was read ahead, each in the order of the map. Everything unread is between the two.
    front: VecDeque<Raw>,
    back: VecDeque<Raw>,
    batch_entries: usize,
    /// Nothing is left between the two.
    is_read: bool,
    types: PhantomData<fn() -> (K, V)>,
}

/// A path and its value, not decoded.
type Raw = (String, Vec<u8>);

impl<'a, K: Key, V: DeserializeOwned> Entries<'a, K, V> {
    pub(super) fn new(
        reading: Reading<'a>,
        collection: Cow<'static, str>,
        start: Bound<String>,
        end: Bound<String>,
    ) -> Self {
        Self {
            reading,
            collection,
            start,
            end,
            front: VecDeque::new(),
            back: VecDeque::new(),
            batch_entries: BATCH_ENTRIES_MIN,
            is_read: false,
            types: PhantomData,
        }
    }

    fn take(&mut self, end: End) -> Option<Result<(K, V), StoreError>> {
        let is_empty = match end {
            End::Front => self.front.is_empty(),
            End::Back => self.back.is_empty(),
        };
        if is_empty
            && !self.is_read
            && let Err(error) = self.read(end)
        {
            self.is_read = true;
            self.front.clear();
            self.back.clear();
            return Some(Err(error));
        }
        let (path, bytes) = match end {
            End::Front => self.front.pop_front().or_else(|| self.back.pop_front()),
            End::Back => self.back.pop_back().or_else(|| self.front.pop_back()),
        }?;
        Some(self.decode(&path, &bytes))
    }

    /// Reads a batch from one end of what is unread.
    fn read(&mut self, end: End) -> Result<(), StoreError> {
        let mut batch: Vec<Raw> = Vec::new();
        let mut batch_bytes = 0;
        let mut is_full = false;
        let range = (as_str(&self.start), as_str(&self.end));
        let batch_entries = self.batch_entries;
        self.reading
            .scan(&self.collection, range, end, |path, bytes| {
                batch.push((path.to_owned(), bytes.to_vec()));
                batch_bytes += path.len() + bytes.len();
                is_full = batch.len() >= batch_entries || batch_bytes >= BATCH_BYTES_MAX;
                match is_full {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })?;
        self.batch_entries = (batch_entries * 2).min(BATCH_ENTRIES_MAX);
        self.is_read = !is_full;
        if let Some((last, _)) = batch.last() {
            let beyond = Bound::Excluded(last.clone());
            match end {
                End::Front => self.start = beyond,
                End::Back => self.end = beyond,
            }
        }
        match end {
            End::Front => self.front.extend(batch),
            End::Back => batch.into_iter().for_each(|raw| self.back.push_front(raw)),
        }
        Ok(())
    }

    fn decode(&self, path: &str, bytes: &[u8]) -> Result<(K, V), StoreError> {
        Ok((key_of(&self.collection, path)?, value::decode(path, bytes)?))
    }
}

fn as_str(bound: &Bound<String>) -> Bound<&str> {
    bound.as_ref().map(String::as_str)
}

impl<K: Key, V: DeserializeOwned> Iterator for Entries<'_, K, V> {
    type Item = Result<(K, V), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take(End::Front)
    }
}

impl<K: Key, V: DeserializeOwned> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.take(End::Back)
    }
}

impl<K: Key, V: DeserializeOwned> FusedIterator for Entries<'_, K, V> {}

impl<K, V> fmt::Debug for Entries<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries")
            .field("collection", &self.collection)
            .finish_non_exhaustive()
    }
}
