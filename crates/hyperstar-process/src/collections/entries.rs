//! Keys and values, read as one goes.

use std::collections::VecDeque;
use std::iter::FusedIterator;
use std::marker::PhantomData;

use hyperstar_collections::{End, Key};
use serde::de::DeserializeOwned;

use super::{Shelf, Span, decode, key_of};
use crate::state::StateError;

/// Keys and values of a [`Map`](crate::Map) or [`Log`](crate::Log), in order, from either end.
///
/// It reads in batches of 8 to 256 entries: it costs what is taken from it. An entry that cannot be read is
/// an error in its place.
///
/// ```
/// use hyperstar_process::Map;
///
/// let mut stock: Map<String, u64> = Map::default();
/// stock.insert("sencha", &3)?;
/// stock.insert("assam", &5)?;
/// let mut entries = stock.iter();
/// assert_eq!(entries.next().transpose()?, Some(("assam".to_owned(), 5)));
/// assert_eq!(entries.next_back().transpose()?, Some(("sencha".to_owned(), 3)));
/// # Ok::<(), hyperstar_process::StateError>(())
/// ```
#[derive(Debug)]
pub struct Entries<'a, K, V> {
    shelf: Shelf,
    /// What the keys are right below.
    prefix: String,
    /// What neither end has read.
    span: Span,
    /// What was read ahead, in order. What is unread is between the two.
    front: VecDeque<(String, Vec<u8>)>,
    back: VecDeque<(String, Vec<u8>)>,
    /// As long as it is there, the collection cannot be written.
    collection: PhantomData<&'a (K, V)>,
}

impl<K: Key, V: DeserializeOwned> Entries<'_, K, V> {
    pub(super) fn new(shelf: Shelf, prefix: String, span: Span) -> Self {
        Self {
            shelf,
            prefix,
            span,
            front: VecDeque::new(),
            back: VecDeque::new(),
            collection: PhantomData,
        }
    }

    fn take(&mut self, end: End) -> Option<(String, Vec<u8>)> {
        let near = match end {
            End::Front => &mut self.front,
            End::Back => &mut self.back,
        };
        while near.is_empty()
            && let Some(page) = self.span.next_page(&self.shelf.memory, end)
        {
            match end {
                End::Front => near.extend(page),
                End::Back => page.into_iter().for_each(|entry| near.push_front(entry)),
            }
        }
        match end {
            End::Front => self.front.pop_front().or_else(|| self.back.pop_front()),
            End::Back => self.back.pop_back().or_else(|| self.front.pop_back()),
        }
    }

    fn decode(&self, (path, bytes): (String, Vec<u8>)) -> Result<(K, V), StateError> {
        Ok((key_of(&self.prefix, &path)?, decode(&path, &bytes)?))
    }
}

impl<K: Key, V: DeserializeOwned> Iterator for Entries<'_, K, V> {
    type Item = Result<(K, V), StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.take(End::Front)?;
        Some(self.decode(entry))
    }
}

impl<K: Key, V: DeserializeOwned> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.take(End::Back)?;
        Some(self.decode(entry))
    }
}

impl<K: Key, V: DeserializeOwned> FusedIterator for Entries<'_, K, V> {}
