//! Writes that happen together or not at all.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, ControlFlow, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::commit::CommitId;
use crate::config::Durability;
use crate::path::{ancestors, check_path, check_prefix};
use crate::read::{self, Source};
use crate::record::{AUTHOR_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::state::{State, merge_walk};
use crate::value::{self, VALUE_BYTES_MAX};
use crate::{Change, StoreError, Version};

/// The most paths that one transaction writes. A write past it is refused; split the transaction.
pub const COMMIT_CHANGES_MAX: usize = 262_144;

/// The most bytes of values that one transaction writes (256 MiB). A write past it is refused.
pub const COMMIT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The writes of one [`Store::transaction`](crate::Store::transaction), not yet committed.
///
/// Reads see the state of the commit before and the transaction's own writes, nothing else: one
/// transaction runs at a time. A write that is refused leaves the transaction as it was.
pub struct Transaction {
    base: Arc<dyn State>,
    /// `None` removes the path.
    writes: BTreeMap<Arc<str>, Option<Bytes>>,
    /// The sum of the values in `writes`.
    written_bytes: usize,
    pub(crate) meta: Meta,
}

/// What a transaction says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meta {
    pub(crate) author: Option<String>,
    pub(crate) message: String,
    pub(crate) undoes: Option<CommitId>,
    /// Beside the tip of the branch.
    pub(crate) parents: Vec<CommitId>,
    pub(crate) time_ms: Option<i64>,
    pub(crate) durability: Option<Durability>,
    /// It is a commit even if it changes nothing.
    pub(crate) is_commit: bool,
}

impl Meta {
    /// Whether it is to be a commit of its own.
    pub(crate) fn is_commit(&self) -> bool {
        self.is_commit || self.author.is_some() || !self.message.is_empty()
    }
}

impl Transaction {
    pub(crate) fn new(base: Arc<dyn State>) -> Self {
        Self {
            base,
            writes: BTreeMap::new(),
            written_bytes: 0,
            meta: Meta::default(),
        }
    }

    /// The version of the last durable commit that the transaction started from.
    pub fn base(&self) -> Version {
        self.base.version()
    }

    /// Says in the history what the transaction is for. It is a commit of its own then, also if others
    /// become durable with it.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// store.transaction(|tx| {
    ///     tx.set_message("Greet the world")?;
    ///     tx.set("greeting", "hello")
    /// })?;
    /// assert_eq!(store.log("")?.next().unwrap()?.message, "Greet the world");
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::TextTooLong`] above [`MESSAGE_BYTES_MAX`].
    pub fn set_message(&mut self, message: impl Into<String>) -> Result<(), StoreError> {
        self.meta.message = bounded("message", message.into(), MESSAGE_BYTES_MAX)?;
        Ok(())
    }

    /// Says in the history who commits, as `Ann <ann@example.com>`. It is a commit of its own then.
    ///
    /// # Errors
    /// [`StoreError::TextTooLong`] above [`AUTHOR_BYTES_MAX`].
    pub fn set_author(&mut self, author: impl Into<String>) -> Result<(), StoreError> {
        self.meta.author = Some(bounded("author", author.into(), AUTHOR_BYTES_MAX)?);
        Ok(())
    }

    /// Says when the write is acknowledged, in place of what the store's configuration says.
    pub fn set_durability(&mut self, durability: Durability) {
        self.meta.durability = Some(durability);
    }

    /// As [`Snapshot::get`](crate::Snapshot::get).
    ///
    /// # Errors
    /// As there.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, StoreError> {
        read::get(self, path)
    }

    /// As [`Snapshot::get_bytes`](crate::Snapshot::get_bytes).
    ///
    /// # Errors
    /// As there.
    pub fn get_bytes(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        read::get_bytes(self, path)
    }

    /// Whether `path` holds a value.
    ///
    /// # Errors
    /// As [`Transaction::get_bytes`].
    pub fn contains(&self, path: &str) -> Result<bool, StoreError> {
        read::contains(self, path)
    }

    /// As [`Snapshot::list`](crate::Snapshot::list).
    ///
    /// # Errors
    /// As there.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        read::list(self, prefix)
    }

    /// As [`Snapshot::children`](crate::Snapshot::children).
    ///
    /// # Errors
    /// As there.
    pub fn children(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        read::children(self, prefix)
    }

    /// As [`Snapshot::entries`](crate::Snapshot::entries).
    ///
    /// # Errors
    /// As there.
    pub fn entries<T: DeserializeOwned>(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, StoreError> {
        read::entries(self, prefix)
    }

    /// As [`Snapshot::scan`](crate::Snapshot::scan).
    ///
    /// # Errors
    /// As there.
    pub fn scan<'a>(
        &self,
        prefix: &str,
        range: impl RangeBounds<&'a str>,
        mut visit: impl FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        read::scan(self, prefix, range, &mut visit)
    }

    /// As [`Snapshot::scan_back`](crate::Snapshot::scan_back).
    ///
    /// # Errors
    /// As there.
    pub fn scan_back<'a>(
        &self,
        prefix: &str,
        range: impl RangeBounds<&'a str>,
        mut visit: impl FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        read::scan_back(self, prefix, range, &mut visit)
    }

    /// Sets `path` to the JSON of `value`.
    ///
    /// # Errors
    /// [`StoreError::ValueInTheWay`] and [`StoreError::DirectoryInTheWay`] if the path cannot be a
    /// value; [`StoreError::ValueTooLarge`], [`StoreError::TransactionTooLarge`],
    /// [`StoreError::InvalidPath`], [`StoreError::Encode`]; [`StoreError::Backend`].
    pub fn set<T: Serialize + ?Sized>(&mut self, path: &str, value: &T) -> Result<(), StoreError> {
        check_path(path)?;
        self.set_bytes(path, value::encode(path, value)?)
    }

    /// Sets `path` to `bytes`.
    ///
    /// # Errors
    /// As [`Transaction::set`].
    pub fn set_bytes(&mut self, path: &str, bytes: impl Into<Bytes>) -> Result<(), StoreError> {
        check_path(path)?;
        let bytes = bytes.into();
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(StoreError::ValueTooLarge {
                path: path.to_owned(),
                value_bytes: bytes.len(),
                value_bytes_max: VALUE_BYTES_MAX,
            });
        }
        self.check_place(path)?;
        self.write(path, Some(bytes))
    }

    /// Removes the value of `path`, and tells whether there was one.
    ///
    /// # Errors
    /// [`StoreError::InvalidPath`], [`StoreError::TransactionTooLarge`]; [`StoreError::Backend`].
    pub fn remove(&mut self, path: &str) -> Result<bool, StoreError> {
        let found = self.contains(path)?;
        if found {
            self.write(path, None)?;
        }
        Ok(found)
    }

    /// Removes the value at `prefix` or all below it, and tells how many there were. `""` removes
    /// everything.
    ///
    /// # Errors
    /// As [`Transaction::remove`].
    pub fn remove_all(&mut self, prefix: &str) -> Result<usize, StoreError> {
        check_prefix(prefix)?;
        let mut paths = self.list(prefix)?;
        if !prefix.is_empty() && self.contains(prefix)? {
            paths.push(prefix.to_owned());
        }
        // The bound is checked ahead: a refused call changes nothing.
        let added = paths
            .iter()
            .filter(|path| !self.writes.contains_key(&***path))
            .count();
        self.check_size(self.writes.len() + added, self.written_bytes)?;
        for path in &paths {
            self.write(path, None)?;
        }
        Ok(paths.len())
    }

    /// What the writes alter, ordered by path. A write of what was there already is left out.
    pub(crate) fn finish(self) -> Result<(Vec<Change>, Meta), StoreError> {
        let mut changes = Vec::with_capacity(self.writes.len());
        for (path, after) in self.writes {
            let before = self.base.value(&path)?;
            if before != after {
                changes.push(Change {
                    path,
                    before,
                    after,
                });
            }
        }
        Ok((changes, self.meta))
    }

    /// A path is either a value or a directory, as in a Git tree.
    fn check_place(&self, path: &str) -> Result<(), StoreError> {
        if self.has(path)? {
            // It is in its place already.
            return Ok(());
        }
        for directory in ancestors(path) {
            if self.has(directory)? {
                return Err(StoreError::ValueInTheWay {
                    path: path.to_owned(),
                    value: directory.to_owned(),
                });
            }
        }
        match read::first_descendant(self, path)? {
            Some(child) => Err(StoreError::DirectoryInTheWay {
                path: path.to_owned(),
                child,
            }),
            None => Ok(()),
        }
    }

    fn check_size(&self, changes: usize, bytes: usize) -> Result<(), StoreError> {
        if changes > COMMIT_CHANGES_MAX || bytes > COMMIT_BYTES_MAX {
            return Err(StoreError::TransactionTooLarge {
                changes_max: COMMIT_CHANGES_MAX,
                bytes_max: COMMIT_BYTES_MAX,
            });
        }
        Ok(())
    }

    fn write(&mut self, path: &str, after: Option<Bytes>) -> Result<(), StoreError> {
        let earlier = self.writes.get(path);
        let earlier_bytes = earlier.map_or(0, value_bytes);
        let changes = self.writes.len() + usize::from(earlier.is_none());
        let bytes = self.written_bytes - earlier_bytes + value_bytes(&after);
        self.check_size(changes, bytes)?;
        self.writes.insert(path.into(), after);
        self.written_bytes = bytes;
        Ok(())
    }
}

fn value_bytes(value: &Option<Bytes>) -> usize {
    value.as_ref().map_or(0, Bytes::len)
}

impl Source for Transaction {
    fn value(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        match self.writes.get(path) {
            Some(written) => Ok(written.clone()),
            None => self.base.value(path),
        }
    }

    fn has(&self, path: &str) -> Result<bool, StoreError> {
        match self.writes.get(path) {
            Some(written) => Ok(written.is_some()),
            None => self.base.has(path),
        }
    }

    fn walk(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let from_start = (Bound::Included(start), Bound::Unbounded);
        let writes = self.writes.range::<str, _>(from_start);
        merge_walk(
            writes.map(|(path, value)| (&**path, value.as_ref())),
            Ordering::Less,
            |visit| self.base.walk(start, visit),
            visit,
        )
    }

    fn walk_back(
        &self,
        end: Option<&str>,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let to_end = (
            Bound::Unbounded,
            end.map_or(Bound::Unbounded, Bound::Excluded),
        );
        let writes = self.writes.range::<str, _>(to_end).rev();
        merge_walk(
            writes.map(|(path, value)| (&**path, value.as_ref())),
            Ordering::Greater,
            |visit| self.base.walk_back(end, visit),
            visit,
        )
    }
}

pub(crate) fn bounded(
    what: &'static str,
    text: String,
    bytes_max: usize,
) -> Result<String, StoreError> {
    if text.len() > bytes_max {
        return Err(StoreError::TextTooLong {
            what,
            text_bytes: text.len(),
            text_bytes_max: bytes_max,
        });
    }
    Ok(text)
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("base", &self.base())
            .field("writes", &self.writes.len())
            .finish()
    }
}
