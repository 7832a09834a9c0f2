//! Writes that happen together or not at all.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, ControlFlow, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::View;
use crate::path::{ancestors, check_path, check_prefix};
use crate::read::{self, Source};
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
    view: Arc<dyn View>,
    /// `None` removes the path.
    writes: BTreeMap<Arc<str>, Option<Bytes>>,
    /// The sum of the values in `writes`.
    written_bytes: usize,
}

impl Transaction {
    pub(crate) fn new(view: Arc<dyn View>) -> Self {
        Self {
            view,
            writes: BTreeMap::new(),
            written_bytes: 0,
        }
    }

    /// The version that the transaction started from.
    pub fn base(&self) -> Version {
        self.view.version()
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
        Ok(self.get_bytes(path)?.is_some())
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
    pub(crate) fn into_changes(self) -> Result<Vec<Change>, StoreError> {
        let mut changes = Vec::with_capacity(self.writes.len());
        for (path, after) in self.writes {
            let before = self.view.value(&path)?;
            if before != after {
                changes.push(Change {
                    path,
                    before,
                    after,
                });
            }
        }
        Ok(changes)
    }

    /// A path is either a value or a directory, as in a Git tree.
    fn check_place(&self, path: &str) -> Result<(), StoreError> {
        for directory in ancestors(path) {
            if self.value(directory)?.is_some() {
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
            None => self.view.value(path),
        }
    }

    fn walk(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let from_start = (Bound::Included(start), Bound::Unbounded);
        merge(
            self.writes.range::<str, _>(from_start),
            Ordering::Less,
            |visit| self.view.walk(start, visit),
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
        merge(
            self.writes.range::<str, _>(to_end).rev(),
            Ordering::Greater,
            |visit| self.view.walk_back(end, visit),
            visit,
        )
    }
}

/// Merges two walks of one order; where both have a path, the transaction's own write counts.
/// `earlier` is how a path that comes earlier in that order compares to one that comes later.
fn merge<'a>(
    writes: impl Iterator<Item = (&'a Arc<str>, &'a Option<Bytes>)>,
    earlier: Ordering,
    walk: impl FnOnce(&mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>) -> Result<(), StoreError>,
    visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let mut writes = writes.peekable();
    let mut flow = ControlFlow::Continue(());
    walk(&mut |path, bytes| {
        while let Some((written_path, written)) =
            writes.next_if(|(own, _)| (***own).cmp(path) != earlier.reverse())
        {
            if let Some(written) = written {
                flow = visit(written_path, written);
            }
            if flow.is_break() || &**written_path == path {
                return flow;
            }
        }
        flow = visit(path, bytes);
        flow
    })?;
    for (path, written) in writes {
        if flow.is_break() {
            break;
        }
        if let Some(written) = written {
            flow = visit(path, written);
        }
    }
    Ok(())
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("base", &self.base())
            .field("writes", &self.writes.len())
            .finish()
    }
}
