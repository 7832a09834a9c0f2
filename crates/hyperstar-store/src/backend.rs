//! Where the bytes are kept. [`Backend`] is small so that a test can wrap one and break it.

#[cfg(feature = "redb")]
mod journal;
mod memory;
#[cfg(feature = "redb")]
mod redb;

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use crate::Version;

pub use self::memory::MemoryBackend;
#[cfg(feature = "redb")]
pub use self::redb::RedbBackend;

/// Keeps ordered tables of bytes. One store owns it and calls it from one thread at a time.
///
/// # Contract
/// - [`apply`](Backend::apply) is atomic, also over a crash: all writes of a batch, or none.
/// - When `apply` returns `Ok` for a batch that is to be [synced](Batch::sync), it and all before it
///   are as durable as the backend can make them. Others may be lost in a crash, but never without
///   those after them.
/// - When it returns an error that is not [in doubt](BackendError::in_doubt), nothing was changed.
/// - A record that was [logged](Backend::log) with `sync` is as durable, and with it all before it, until
///   a batch that is synced.
/// - Views are immutable, and stay readable for as long as somebody holds them.
pub trait Backend: Send + 'static {
    /// The state now, for the first time after opening.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError>;

    /// Applies `batch`, and returns the state with it.
    ///
    /// # Errors
    /// An error for which [`BackendError::is_in_doubt`] if the batch may have become durable;
    /// any other only if nothing was changed.
    fn apply(&mut self, batch: &Batch) -> Result<Arc<dyn View>, BackendError>;

    /// Keeps `record` ahead of the next batch, which then need not be synced: the store can make the
    /// batch again from it. A backend that can do that quicker than it syncs a batch should.
    ///
    /// # Errors
    /// As [`Backend::apply`]; when it is in doubt, the record may have become durable.
    fn log(&mut self, record: &[u8], sync: bool) -> Result<Logged, BackendError> {
        let _ = (record, sync);
        Ok(Logged::Never)
    }

    /// What was logged since the last batch that was synced, the oldest first: what the store does
    /// first after opening. Batches of theirs that are there all the same are not made again.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn logged(&mut self) -> Result<Vec<Bytes>, BackendError> {
        Ok(Vec::new())
    }

    /// Gives some space that nothing uses back to the system, while others read and batches are
    /// applied between the calls. `begin` is for the first call, the others go on until it is
    /// [`Shrunk::Done`]; then [`view`](Backend::view) is a new one, and the old ones stay readable, but
    /// may hold space for as long as they are held.
    ///
    /// # Errors
    /// As [`Backend::apply`]. It is over then, and has changed nothing.
    fn shrink(&mut self, begin: bool) -> Result<Shrunk, BackendError> {
        let _ = begin;
        Ok(Shrunk::Done)
    }
}

/// What became of a record; see [`Backend::log`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// It is there: the batch that it stands for need not be synced.
    Yes,
    /// There is no room: the batch has to be synced, and makes room.
    Full,
    /// The backend keeps no records.
    Never,
}

/// How far [`Backend::shrink`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrunk {
    /// There is more to do.
    More,
    /// Nothing is left to do.
    Done,
}

/// What a scan shows each key and value to; it says whether the scan goes on.
pub type VisitEntry<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An immutable state of a backend.
pub trait View: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, BackendError>;

    /// Calls `visit` for each key from `start` on (included), in byte order, until it breaks.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn scan(
        &self,
        table: Table,
        start: &[u8],
        visit: &mut VisitEntry<'_>,
    ) -> Result<(), BackendError>;

    /// Calls `visit` for each key before `end` (excluded), or from the last one if there is no `end`,
    /// in reverse byte order, until it breaks.
    ///
    /// # Errors
    /// Whatever keeps the backend from reading.
    fn scan_back(
        &self,
        table: Table,
        end: Option<&[u8]>,
        visit: &mut VisitEntry<'_>,
    ) -> Result<(), BackendError>;
}

/// A table of a backend: ordered keys with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The values of the branch that is checked out, by path: small keys, small values, read most.
    Values,
    /// The pages of all trees and large values, by number: eight bytes, big-endian. New ones have
    /// greater numbers than those before, but for some that are received by a [sync](crate::sync), and
    /// none is written twice.
    Pages,
    /// Commits, branches, tags and the store's own state.
    History,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Values, Self::Pages, Self::History];
}

/// Writes that happen together or not at all.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Batch {
    /// The version of the store from this batch on.
    pub version: Version,
    /// Whether it is to be durable when it is acknowledged.
    pub sync: bool,
    /// At most one for a key of a table.
    pub writes: Vec<Write>,
}

/// One write of a [`Batch`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Write {
    /// The table.
    pub table: Table,
    /// The key in it.
    pub key: Bytes,
    /// The value; `None` removes the key, whether it is there or not.
    pub value: Option<Bytes>,
}

/// A failure of a [`Backend`]. Clones share what it came from.
#[derive(Clone, Debug)]
pub struct BackendError {
    source: Arc<dyn Error + Send + Sync>,
    in_doubt: bool,
}

impl BackendError {
    /// A failure that changed nothing.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into().into(),
            in_doubt: false,
        }
    }

    /// A failure after which the batch may be there or not. The store stops writing.
    pub fn in_doubt(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into().into(),
            in_doubt: true,
        }
    }

    /// Whether the batch may have become durable.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
