//! What a transaction leaves behind: a [`Commit`] with its [`Version`] and its [`Change`]s.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::hash::{Hash, ParseHashError};
use crate::{StoreError, value};

/// The place of a commit in the order of commits: each commit's version is greater than the one
/// before. An empty store is at [`Version::ZERO`]. Versions of a durable store go on after a reopen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The version of a store that has never been written to.
    pub const ZERO: Self = Self(0);

    /// The version as a number, for a log line or a wire format.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The version with this number. For backends, and for what came out of [`Version::as_u64`].
    pub fn from_u64(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tells open stores of one process apart. It is not persisted: a reopened store has another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(u64);

impl StoreId {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The id as a number.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

/// What was committed: all of its changes, or none, are in the store.
///
/// Cloning is cheap: the changes are shared.
///
/// A writer is answered its own transaction. Transactions that become durable by one write to the
/// disk are one commit in the history, with one [`id`](Commit::id); watches and callbacks are given it
/// as a whole, with what it changed in sum.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Commit {
    /// The store that was written.
    pub store: StoreId,
    /// The store's version from this commit on.
    pub version: Version,
    /// Its name in the history.
    pub id: CommitId,
    /// What became different, ordered by path, one entry a path. Empty if nothing did: then
    /// nothing was committed, and `version` is that of the commit before.
    pub changes: Arc<[Change]>,
}

impl Commit {
    /// Whether the transaction left everything as it was.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// The name of a commit: the hash of its content, its parents, author, time and message. The same
/// everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(Hash);

impl CommitId {
    pub(crate) fn new(hash: Hash) -> Self {
        Self(hash)
    }

    /// The commit that a store begins with, before anything was written. It has no content.
    pub const NONE: Self = Self(Hash::ZERO);

    /// The hash.
    pub fn hash(self) -> Hash {
        self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitId({})", self.0)
    }
}

impl FromStr for CommitId {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        text.parse().map(Self)
    }
}

/// One path that a commit changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The path of the value.
    pub path: Arc<str>,
    /// The value before; `None` if there was none.
    pub before: Option<Bytes>,
    /// The value after; `None` if it was removed.
    pub after: Option<Bytes>,
}

impl Change {
    /// What it holds in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let values = [&self.before, &self.after].into_iter().flatten();
        self.path.len() + values.map(Bytes::len).sum::<usize>()
    }

    /// A change of `path`. Stores make their own; this is for tests and for backends.
    pub fn new(path: impl Into<Arc<str>>, before: Option<Bytes>, after: Option<Bytes>) -> Self {
        Self {
            path: path.into(),
            before,
            after,
        }
    }

    /// The value before, decoded from JSON.
    ///
    /// # Errors
    /// [`StoreError::Decode`] if it is not the JSON of a `T`.
    pub fn before_as<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        self.before
            .as_deref()
            .map(|bytes| value::decode(&self.path, bytes))
            .transpose()
    }

    /// The value after, decoded from JSON.
    ///
    /// # Errors
    /// [`StoreError::Decode`] if it is not the JSON of a `T`.
    pub fn after_as<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        self.after
            .as_deref()
            .map(|bytes| value::decode(&self.path, bytes))
            .transpose()
    }
}
