//! A consistent state to read from.

use std::fmt;
use std::ops::{ControlFlow, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::hash::Hash;
use crate::path::{check_prefix, descendants_start};
use crate::reads::{record_past, record_path, record_prefix};
use crate::state::{Pages, Rooted, bytes_of, text};
use crate::tree;
use crate::{StoreError, StoreId, Version, read};

/// The store as it was at one version, whatever is written meanwhile.
///
/// Taking and cloning one copies a pointer. While it is held, a durable store keeps its file open
/// and locked, and does not reuse the space of what was overwritten since: let go of it when done.
///
/// ```
/// use hyperstar_store::Store;
///
/// let store = Store::memory();
/// store.set("count", &1)?;
/// let before = store.snapshot();
/// store.set("count", &2)?;
/// assert_eq!(before.get::<i64>("count")?, Some(1));
/// assert_eq!(store.get::<i64>("count")?, Some(2));
/// # Ok::<(), hyperstar_store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    store: StoreId,
    state: Arc<dyn Rooted>,
    /// Asked for by the name of a commit: whatever is written, asking again gives the same.
    is_past: bool,
}

impl Snapshot {
    pub(crate) fn new(store: StoreId, state: Arc<dyn Rooted>) -> Self {
        let is_past = false;
        Self {
            store,
            state,
            is_past,
        }
    }

    pub(crate) fn past(store: StoreId, state: Arc<dyn Rooted>) -> Self {
        let is_past = true;
        Self {
            store,
            state,
            is_past,
        }
    }

    fn record_path(&self, path: &str) {
        match self.is_past {
            true => record_past(self.store),
            false => record_path(self.store, path),
        }
    }

    fn record_prefix(&self, prefix: &str) {
        match self.is_past {
            true => record_past(self.store),
            false => record_prefix(self.store, prefix),
        }
    }

    /// The store that it was taken of.
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// The version of the last commit in it.
    pub fn version(&self) -> Version {
        self.state.version()
    }

    /// The hash of everything in it: the same for the same content, in any store, whatever its history.
    pub fn root(&self) -> Hash {
        self.state.tree().hash
    }

    /// How many values there are below `prefix`, at any depth. It costs the depth, not the number.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// store.set("todo/1", "buy milk")?;
    /// store.set("todo/2", "drink it")?;
    /// assert_eq!(store.snapshot().count("todo")?, 2);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Snapshot::get_bytes`].
    pub fn count(&self, prefix: &str) -> Result<u64, StoreError> {
        check_prefix(prefix)?;
        self.record_prefix(prefix);
        let pages = Pages(self.state.view());
        let below = descendants_start(prefix);
        Ok(tree::count_below(
            &pages,
            self.state.tree(),
            below.as_bytes(),
        )?)
    }

    /// The value that `index` others below `prefix` come before, with its path, as
    /// [`list`](Snapshot::list) orders them: the beginning of a page of a long list. It costs the depth.
    ///
    /// ```
    /// # let store = hyperstar_store::Store::memory();
    /// for item in 0..100 {
    ///     store.set(&format!("item/{item:03}"), &item)?;
    /// }
    /// let (path, _) = store.snapshot().nth("item", 40)?.unwrap();
    /// assert_eq!(path, "item/040");
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Snapshot::get_bytes`].
    pub fn nth(&self, prefix: &str, index: u64) -> Result<Option<(String, Bytes)>, StoreError> {
        check_prefix(prefix)?;
        self.record_prefix(prefix);
        let (view, below) = (self.state.view(), descendants_start(prefix));
        let found = tree::nth(&Pages(view), self.state.tree(), below.as_bytes(), index)?;
        found
            .map(|(path, value)| Ok((text(&path)?.to_owned(), bytes_of(view, &value)?)))
            .transpose()
    }

    /// The value of `path`, decoded from JSON; `None` if there is none, or `path` is a directory.
    ///
    /// # Errors
    /// [`StoreError::Decode`] if the value is not a `T`; [`StoreError::InvalidPath`];
    /// [`StoreError::Backend`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, StoreError> {
        self.record_path(path);
        read::get(&*self.state, path)
    }

    /// The value of `path` as it is stored.
    ///
    /// # Errors
    /// [`StoreError::InvalidPath`]; [`StoreError::Backend`].
    pub fn get_bytes(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        self.record_path(path);
        read::get_bytes(&*self.state, path)
    }

    /// Whether `path` holds a value.
    ///
    /// # Errors
    /// As [`Snapshot::get_bytes`].
    pub fn contains(&self, path: &str) -> Result<bool, StoreError> {
        record_path(self.store, path);
        read::contains(&*self.state, path)
    }

    /// The paths of all values below `prefix`, at any depth, in byte order. `""` lists everything.
    ///
    /// # Errors
    /// As [`Snapshot::get_bytes`].
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.record_prefix(prefix);
        read::list(&*self.state, prefix)
    }

    /// The names right below `prefix`, of values and of directories, in byte order: the next
    /// segments, without the prefix. The cost follows how many there are, not what is below them.
    ///
    /// # Errors
    /// As [`Snapshot::get_bytes`].
    pub fn children(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.record_prefix(prefix);
        read::children(&*self.state, prefix)
    }

    /// The values below `prefix` with their paths, as [`list`](Snapshot::list) orders them.
    ///
    /// # Errors
    /// As [`Snapshot::get`]: one value that is not a `T` fails the call.
    pub fn entries<T: DeserializeOwned>(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, StoreError> {
        self.record_prefix(prefix);
        read::entries(&*self.state, prefix)
    }

    /// Calls `visit` with each path below `prefix` that is in `range`, and its value, in byte order
    /// until it breaks. The range is of full paths. The cost follows what is visited.
    ///
    /// ```
    /// use hyperstar_store::Store;
    /// use std::ops::ControlFlow;
    ///
    /// let store = Store::memory();
    /// for path in ["todo/1", "todo/2", "todo/3", "z"] {
    ///     store.set(path, &0)?;
    /// }
    /// let mut seen = Vec::new();
    /// store.snapshot().scan("todo", "todo/2".., |path, _| {
    ///     seen.push(path.to_owned());
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(seen, ["todo/2", "todo/3"]);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Snapshot::get_bytes`].
    pub fn scan<'a>(
        &self,
        prefix: &str,
        range: impl RangeBounds<&'a str>,
        mut visit: impl FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.record_prefix(prefix);
        read::scan(&*self.state, prefix, range, &mut visit)
    }

    /// As [`Snapshot::scan`], from the last path to the first.
    ///
    /// ```
    /// use hyperstar_store::Store;
    /// use std::ops::ControlFlow;
    ///
    /// let store = Store::memory();
    /// for path in ["todo/1", "todo/2", "z"] {
    ///     store.set(path, &0)?;
    /// }
    /// let mut last = None;
    /// store.snapshot().scan_back("todo", .., |path, _| {
    ///     last = Some(path.to_owned());
    ///     ControlFlow::Break(())
    /// })?;
    /// assert_eq!(last.as_deref(), Some("todo/2"));
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Snapshot::get_bytes`].
    pub fn scan_back<'a>(
        &self,
        prefix: &str,
        range: impl RangeBounds<&'a str>,
        mut visit: impl FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.record_prefix(prefix);
        read::scan_back(&*self.state, prefix, range, &mut visit)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("store", &self.store)
            .field("version", &self.version())
            .finish()
    }
}
