//! The store itself.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{Backend, MemoryBackend};
use crate::engine::Engine;
use crate::path::check_prefix;
use crate::state::State;
use crate::watch::WatchQueue;
use crate::{
    Commit, CommitId, Pending, Snapshot, StoreConfig, StoreError, StoreId, Subscription,
    Transaction, Version, Watch, WatchBounds,
};

/// How long a store that was dropped may have its file open.
#[cfg(feature = "redb")]
const CLOSES: std::time::Duration = std::time::Duration::from_millis(500);

/// Values under paths, written in transactions, read from snapshots.
///
/// Cloning copies a pointer; all clones are one store. A durable store's file is closed when the
/// last clone and the last [`Snapshot`] are dropped.
///
/// Reads and writes block the thread: reads for a lookup, writes for the writers before them and
/// for the disk. On an async runtime, write from a blocking task if the disk is slow.
///
/// ```
/// use hyperstar_store::Store;
///
/// let store = Store::memory();
/// store.set("todo/1", "buy milk")?;
/// store.set("todo/2", "drink it")?;
/// assert_eq!(store.get("todo/1")?, Some("buy milk".to_string()));
/// assert_eq!(store.list("todo")?, ["todo/1", "todo/2"]);
/// # Ok::<(), hyperstar_store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Store {
    pub(crate) engine: Arc<Engine>,
}

impl Store {
    /// A store in memory, gone with its last clone.
    pub fn memory() -> Self {
        Self::memory_with(StoreConfig::default())
    }

    /// As [`Store::memory`], set up otherwise.
    pub fn memory_with(config: StoreConfig) -> Self {
        Self::with(MemoryBackend::new(), config).expect("memory can always be read")
    }

    /// Opens the store in `file`, or creates it. Its directory must be there.
    ///
    /// What was acknowledged is there again, also after a crash or a power cut (as far as the disk
    /// keeps what it said it wrote). Only one process, and in it only one `Store` and its clones,
    /// can have the file open. One that was just dropped may still have a commit on its way to the disk, so a
    /// file that is open is tried again for half a second.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if it is open already; [`StoreError::Format`] if another version of
    /// this crate wrote it; [`StoreError::Open`] if it cannot be read or is no store.
    #[cfg(feature = "redb")]
    pub fn open(file: impl AsRef<std::path::Path>) -> Result<Self, StoreError> {
        Self::open_with(file, StoreConfig::default())
    }

    /// As [`Store::open`], set up otherwise.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "redb")]
    pub fn open_with(
        file: impl AsRef<std::path::Path>,
        config: StoreConfig,
    ) -> Result<Self, StoreError> {
        let since = std::time::Instant::now();
        loop {
            match crate::backend::RedbBackend::open(&file) {
                Err(StoreError::Locked { .. }) if since.elapsed() < CLOSES => {
                    std::thread::sleep(CLOSES / 100);
                }
                opened => return Self::with(opened?, config),
            }
        }
    }

    /// A store over a backend of your own.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if it cannot be read.
    pub fn with_backend(backend: impl Backend) -> Result<Self, StoreError> {
        Self::with(backend, StoreConfig::default())
    }

    /// As [`Store::with_backend`], set up otherwise.
    ///
    /// # Errors
    /// As there.
    pub fn with(backend: impl Backend, config: StoreConfig) -> Result<Self, StoreError> {
        Ok(Self {
            engine: Arc::new(Engine::new(Box::new(backend), config)?),
        })
    }

    /// Tells this store from others that are open in the process.
    pub fn id(&self) -> StoreId {
        self.engine.id
    }

    /// The version of the last commit.
    pub fn head(&self) -> Version {
        self.engine.head().version()
    }

    /// The state now, to read from whatever is written meanwhile. Costs a pointer copy.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.engine.id, self.engine.head())
    }

    /// As [`Snapshot::get`], of the state now.
    ///
    /// # Errors
    /// As there.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, StoreError> {
        self.snapshot().get(path)
    }

    /// As [`Snapshot::get_bytes`], of the state now.
    ///
    /// # Errors
    /// As there.
    pub fn get_bytes(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        self.snapshot().get_bytes(path)
    }

    /// As [`Snapshot::contains`], of the state now.
    ///
    /// # Errors
    /// As there.
    pub fn contains(&self, path: &str) -> Result<bool, StoreError> {
        self.snapshot().contains(path)
    }

    /// As [`Snapshot::list`], of the state now.
    ///
    /// # Errors
    /// As there.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.snapshot().list(prefix)
    }

    /// As [`Snapshot::children`], of the state now.
    ///
    /// # Errors
    /// As there.
    pub fn children(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.snapshot().children(prefix)
    }

    /// As [`Snapshot::entries`], of the state now.
    ///
    /// # Errors
    /// As there.
    pub fn entries<T: DeserializeOwned>(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, StoreError> {
        self.snapshot().entries(prefix)
    }

    /// Sets `path` to the JSON of `value`, durably, in a transaction of its own.
    ///
    /// # Errors
    /// As [`Transaction::set`] and [`Store::transaction`].
    pub fn set<T: Serialize + ?Sized>(&self, path: &str, value: &T) -> Result<Commit, StoreError> {
        self.commit(|tx| tx.set(path, value))
    }

    /// Sets `path` to `bytes`, durably, in a transaction of its own.
    ///
    /// # Errors
    /// As [`Transaction::set_bytes`] and [`Store::transaction`].
    pub fn set_bytes(&self, path: &str, bytes: impl Into<Bytes>) -> Result<Commit, StoreError> {
        self.commit(|tx| tx.set_bytes(path, bytes))
    }

    /// Sets `path` to what `change` makes of its value, with no other write in between.
    ///
    /// ```
    /// use hyperstar_store::Store;
    ///
    /// let store = Store::memory();
    /// store.update("count", |count: Option<i64>| count.unwrap_or(0) + 1)?;
    /// assert_eq!(store.get::<i64>("count")?, Some(1));
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Transaction::get`], [`Transaction::set`] and [`Store::transaction`].
    pub fn update<T: Serialize + DeserializeOwned>(
        &self,
        path: &str,
        change: impl FnOnce(Option<T>) -> T,
    ) -> Result<Commit, StoreError> {
        self.commit(|tx| {
            let value = change(tx.get(path)?);
            tx.set(path, &value)
        })
    }

    /// Removes the value of `path`, durably, if there is one.
    ///
    /// # Errors
    /// As [`Transaction::remove`] and [`Store::transaction`].
    pub fn remove(&self, path: &str) -> Result<Commit, StoreError> {
        self.commit(|tx| tx.remove(path))
    }

    /// Removes the value at `prefix` or all below it, durably; `""` removes everything.
    ///
    /// # Errors
    /// As [`Transaction::remove_all`] and [`Store::transaction`].
    pub fn remove_all(&self, prefix: &str) -> Result<Commit, StoreError> {
        self.commit(|tx| tx.remove_all(prefix))
    }

    /// Runs `write` and commits what it wrote, all of it or nothing: an `Err` or a panic leaves
    /// everything as it was. When this returns `Ok`, the commit is durable, and every read sees it.
    ///
    /// One transaction runs at a time; others wait. If nothing becomes different, nothing is
    /// committed: the [`Commit`] is empty and has the version of the one before.
    ///
    /// ```
    /// use hyperstar_store::{Store, StoreError};
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// enum PayError {
    ///     #[error("not enough money")]
    ///     Poor,
    ///     #[error(transparent)]
    ///     Store(#[from] StoreError),
    /// }
    ///
    /// fn pay(store: &Store, from: &str, to: &str, amount: u64) -> Result<(), PayError> {
    ///     let paid = store.transaction(|tx| {
    ///         let purse: u64 = tx.get(from)?.unwrap_or(0);
    ///         let left = purse.checked_sub(amount).ok_or(PayError::Poor)?;
    ///         tx.set(from, &left)?;
    ///         let purse: u64 = tx.get(to)?.unwrap_or(0);
    ///         tx.set(to, &(purse + amount))?;
    ///         Ok(())
    ///     });
    ///     paid.map(|_| ())
    /// }
    ///
    /// let store = Store::memory();
    /// store.set("purse/ann", &10)?;
    /// pay(&store, "purse/ann", "purse/bob", 7)?;
    /// assert!(matches!(pay(&store, "purse/ann", "purse/bob", 7), Err(PayError::Poor)));
    /// assert_eq!(store.get("purse/bob")?, Some(7));
    /// # Ok::<(), PayError>(())
    /// ```
    ///
    /// # Errors
    /// What `write` returns; else [`StoreError::Backend`] if nothing was written, and
    /// [`StoreError::InDoubt`] if that is not known, after which [`StoreError::Stopped`] until the
    /// store is opened anew; [`StoreError::Nested`] inside a transaction of the same store.
    pub fn transaction<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<(T, Commit), E> {
        self.engine.transact(write)
    }

    /// As [`Store::transaction`], without waiting for the disk: `write` has run when this returns, and
    /// the [`Pending`] ends once the commit is durable. Until then only later transactions see it. For
    /// async code, and for a thread that has several commits on their way.
    ///
    /// It may block for other transactions, and for the disk if a great many wait for it already.
    ///
    /// ```
    /// use hyperstar_store::{Store, StoreError};
    ///
    /// async fn visit(store: &Store) -> Result<u64, StoreError> {
    ///     let (visits, pending) = store.submit(|tx| {
    ///         let visits = tx.get("visits")?.unwrap_or(0) + 1;
    ///         tx.set("visits", &visits)?;
    ///         Ok::<_, StoreError>(visits)
    ///     })?;
    ///     pending.await?;
    ///     Ok(visits)
    /// }
    ///
    /// let store = Store::memory();
    /// let ((), first) = store.submit(|tx| tx.set("a", &1))?;
    /// let ((), second) = store.submit(|tx| tx.set("b", &2))?;
    /// second.wait()?;
    /// // Commits become durable in order.
    /// assert_eq!(store.get("a")?, Some(1));
    /// # drop(first);
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::transaction`]: those of the disk come from the [`Pending`].
    pub fn submit<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<(T, Pending), E> {
        let (value, stood) = self.engine.submit(write)?;
        Ok((value, Pending::new(self.engine.clone(), stood)))
    }

    /// Waits until whatever was [submitted](Store::submit) before is durable, so that every read sees it: for
    /// somebody who goes on where another has stopped, on the same open store.
    ///
    /// ```
    /// use hyperstar_store::Store;
    ///
    /// let store = Store::memory();
    /// let ((), pending) = store.submit(|tx| tx.set("a", &1))?;
    /// // Whoever submitted it has gone; it stays.
    /// drop(pending);
    /// store.settle()?;
    /// assert_eq!(store.get("a")?, Some(1));
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// The disk's, as those of [`Store::transaction`].
    pub fn settle(&self) -> Result<(), StoreError> {
        let settled = self.engine.transact_on_head(|_, _| Ok::<_, StoreError>(()));
        settled.map(drop)
    }

    /// Tells what commits change at or below `prefix` from now on; `""` watches everything.
    ///
    /// # Errors
    /// [`StoreError::InvalidPath`].
    pub fn watch(&self, prefix: &str) -> Result<Watch, StoreError> {
        self.watch_with(prefix, WatchBounds::default())
    }

    /// As [`Store::watch`], with bounds of your own.
    ///
    /// # Errors
    /// As there.
    pub fn watch_with(&self, prefix: &str, bounds: WatchBounds) -> Result<Watch, StoreError> {
        check_prefix(prefix)?;
        let queue = Arc::new(WatchQueue::new(prefix, bounds));
        self.engine.add_watch(&queue);
        Ok(Watch::new(queue, Arc::downgrade(&self.engine)))
    }

    /// As [`Store::watch`], from `commit` on: what is different since comes first, as of one commit, so
    /// that somebody who was away misses nothing and hears nothing twice. Remember the
    /// [`id`](crate::WatchEvent::id) of the last event that was dealt with.
    ///
    /// ```
    /// use hyperstar_store::{Store, WatchEvent};
    ///
    /// let store = Store::memory();
    /// let seen = store.set("a", &1)?.id;
    /// store.set("b", &2)?;
    /// store.set("b", &3)?;
    /// let mut watch = store.watch_from("", seen)?;
    /// let Some(WatchEvent::Changed { changes, .. }) = watch.try_next() else { panic!() };
    /// assert_eq!(changes[0].after.as_deref(), Some(&b"3"[..]));
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::watch`]; [`StoreError::UnknownCommit`] if the history no longer reaches back to it:
    /// read anew then.
    pub fn watch_from(&self, prefix: &str, commit: CommitId) -> Result<Watch, StoreError> {
        check_prefix(prefix)?;
        let queue = Arc::new(WatchQueue::new(prefix, WatchBounds::default()));
        self.engine.add_watch_after_head(&queue, |head| {
            let changes = crate::history::changes_since(head, commit, prefix)?;
            // Nobody polls it yet.
            queue.push(&Commit {
                store: self.engine.id,
                version: head.version(),
                id: head.id(),
                changes: changes.into(),
            });
            Ok(())
        })?;
        Ok(Watch::new(queue, Arc::downgrade(&self.engine)))
    }

    /// Calls `callback` with each commit from now on, in order, each once, after it is durable and
    /// readable.
    ///
    /// The committing thread calls it before its write returns, unless another thread is calling
    /// for an earlier commit: then that one goes on with this commit, too. No lock is held, so a
    /// callback may read and write; what it writes is delivered after the call. A callback that
    /// writes each time it is called never ends. A panic in it is logged, and goes no further. For a
    /// commit that was [submitted](Store::submit) a thread of the store calls it, and makes nothing
    /// durable meanwhile that only futures wait for.
    ///
    /// A callback that holds the `Store` keeps it open for as long as it is subscribed.
    ///
    /// ```
    /// use hyperstar_store::Store;
    /// use std::sync::mpsc::channel;
    ///
    /// let store = Store::memory();
    /// let (tx, rx) = channel();
    /// let subscription = store.on_commit(move |commit| tx.send(commit.version).unwrap());
    /// let commit = store.set("count", &1)?;
    /// assert_eq!(rx.try_recv(), Ok(commit.version));
    /// drop(subscription);
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    pub fn on_commit(&self, callback: impl Fn(&Commit) + Send + Sync + 'static) -> Subscription {
        let id = self.engine.subscribe(Arc::new(callback));
        Subscription::new(id, Arc::downgrade(&self.engine))
    }

    fn commit<T>(
        &self,
        write: impl FnOnce(&mut Transaction) -> Result<T, StoreError>,
    ) -> Result<Commit, StoreError> {
        self.transaction(write).map(|(_, commit)| commit)
    }
}

impl Default for Store {
    /// As [`Store::memory`].
    fn default() -> Self {
        Self::memory()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.id())
            .field("head", &self.head())
            .finish()
    }
}
