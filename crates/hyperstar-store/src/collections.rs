//! Typed collections: a [`Map`], [`List`], [`Log`] or [`Counter`] at a path of the store.
//!
//! A collection is a name with types, not data: a small value that is best a `const`. The same reads
//! take a [`Store`], a [`Snapshot`] or a [`Transaction`], see [`Readable`]; writes take the
//! [`Transaction`], so that several of them happen together or not at all.
//!
//! - **A write costs the change, not the collection**, except where a method says what it costs.
//! - **Order is kept by the store**: iteration is a walk over neighbouring paths, from either end.
//! - **Reads are recorded narrowly**: one value is one path, an iteration is one prefix; so a view
//!   that shows one todo is not rendered again when another changes.
//! - **A call that fails may have written a part**, if it writes several paths. Return its error, so
//!   that the transaction is given up.
//! - Items are JSON values at paths like any other: [`Store::watch`], [`Store::list`] and history
//!   see them. What else is written below a collection's path is refused when the collection reads
//!   it ([`StoreError::NotOfCollection`]), never dropped silently.

mod counter;
mod entries;
mod list;
mod log;
mod map;

use std::ops::{Bound, ControlFlow, RangeBounds};

use bytes::Bytes;
use hyperstar_collections::{End, Tree, TreeMut};
use serde::de::DeserializeOwned;

use crate::path::check_path;
use crate::{Snapshot, Store, StoreError, Transaction, value};

pub use self::counter::Counter;
pub use self::entries::Entries;
pub use self::list::List;
pub use self::log::Log;
pub use self::map::Map;
pub use hyperstar_collections::{ItemId, Key, Place};

/// What a collection is read from: a [`Store`] (its state now), a [`Snapshot`], or a
/// [`Transaction`] (with its own writes). Functions of an app take it as `&impl Readable`.
///
/// ```
/// use hyperstar_store::{Map, Readable, Store, StoreError};
///
/// const STOCK: Map<String, u64> = Map::at("stock");
///
/// fn is_sold_out(db: &impl Readable, tea: &str) -> Result<bool, StoreError> {
///     Ok(STOCK.get(db, tea)?.unwrap_or(0) == 0)
/// }
///
/// let store = Store::memory();
/// assert!(is_sold_out(&store, "sencha")?);
/// store.transaction(|tx| {
///     STOCK.insert(tx, "sencha", &3)?;
///     assert!(!is_sold_out(tx, "sencha")?);
///     Ok::<_, StoreError>(())
/// })?;
/// # Ok::<(), StoreError>(())
/// ```
pub trait Readable: sealed::Sealed {}

impl Readable for Store {}
impl Readable for Snapshot {}
impl Readable for Transaction {}

mod sealed {
    /// What [`Readable`](super::Readable) can do, for this crate alone.
    pub trait Sealed {
        /// One state that several reads go to.
        fn reading(&self) -> super::Reading<'_>;
    }
}

impl sealed::Sealed for Store {
    fn reading(&self) -> Reading<'_> {
        Reading::Snapshot(self.snapshot())
    }
}

impl sealed::Sealed for Snapshot {
    fn reading(&self) -> Reading<'_> {
        Reading::Snapshot(self.clone())
    }
}

impl sealed::Sealed for Transaction {
    fn reading(&self) -> Reading<'_> {
        Reading::Transaction(self)
    }
}

/// One state of the store, for as many reads as a call makes. Snapshots record what is read.
pub enum Reading<'a> {
    Snapshot(Snapshot),
    Transaction(&'a Transaction),
}

impl Reading<'_> {
    fn get_bytes(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        match self {
            Self::Snapshot(snapshot) => snapshot.get_bytes(path),
            Self::Transaction(tx) => tx.get_bytes(path),
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, StoreError> {
        match self.get_bytes(path)? {
            Some(bytes) => value::decode(path, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// As [`Snapshot::scan`] or [`Snapshot::scan_back`]. A collection is never at `""`.
    fn scan<'r>(
        &self,
        prefix: &str,
        range: impl RangeBounds<&'r str>,
        end: End,
        visit: impl FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        check_path(prefix)?;
        match (self, end) {
            (Self::Snapshot(snapshot), End::Front) => snapshot.scan(prefix, range, visit),
            (Self::Snapshot(snapshot), End::Back) => snapshot.scan_back(prefix, range, visit),
            (Self::Transaction(tx), End::Front) => tx.scan(prefix, range, visit),
            (Self::Transaction(tx), End::Back) => tx.scan_back(prefix, range, visit),
        }
    }
}

impl Tree for Reading<'_> {
    type Error = StoreError;

    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.get_bytes(path)?.map(Into::into))
    }

    fn scan(
        &self,
        prefix: &str,
        range: (Bound<&str>, Bound<&str>),
        end: End,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        Reading::scan(self, prefix, range, end, visit)
    }

    fn not_of(collection: &str, path: &str) -> StoreError {
        not_of(collection, path)
    }
}

impl Tree for Transaction {
    type Error = StoreError;

    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Tree::get(&Reading::Transaction(self), path)
    }

    fn scan(
        &self,
        prefix: &str,
        range: (Bound<&str>, Bound<&str>),
        end: End,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        Reading::Transaction(self).scan(prefix, range, end, visit)
    }

    fn not_of(collection: &str, path: &str) -> StoreError {
        not_of(collection, path)
    }
}

impl TreeMut for Transaction {
    fn set(&mut self, path: &str, value: Vec<u8>) -> Result<(), StoreError> {
        self.set_bytes(path, value)
    }

    fn remove(&mut self, path: &str) -> Result<(), StoreError> {
        Transaction::remove(self, path).map(drop)
    }

    fn remove_all(&mut self, prefix: &str) -> Result<(), StoreError> {
        Transaction::remove_all(self, prefix).map(drop)
    }
}

/// The refusal of a path below a collection that no collection of its types writes.
fn not_of(collection: &str, path: &str) -> StoreError {
    StoreError::NotOfCollection {
        path: path.to_owned(),
        collection: collection.to_owned(),
    }
}
