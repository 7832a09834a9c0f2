//! What all clones of a store share: one writer, the published state, and who is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Waker;
use std::thread::{self, ThreadId};

use crate::backend::{Backend, View};
use crate::lock::lock;
use crate::subscription::Delivery;
use crate::watch::WatchQueue;
use crate::{Commit, StoreError, StoreId, Transaction, Version};

/// Locks are taken in the order of the fields; only `writer` is held while other code runs: the
/// transaction's closure and the backend.
pub(crate) struct Engine {
    pub(crate) id: StoreId,
    writer: Mutex<Writer>,
    /// The thread that holds `writer`: tells a nested transaction from a concurrent one.
    writer_thread: Mutex<Option<ThreadId>>,
    watches: Mutex<Vec<Arc<WatchQueue>>>,
    published: RwLock<Arc<dyn View>>,
    pub(crate) delivery: Delivery,
}

struct Writer {
    backend: Box<dyn Backend>,
    /// The version whose commit is in doubt: set before the backend is called, so that a panic in
    /// it leaves the doubt behind, too.
    in_doubt: Option<Version>,
}

impl Engine {
    pub(crate) fn new(mut backend: Box<dyn Backend>) -> Result<Self, StoreError> {
        let view = backend.view().map_err(StoreError::Backend)?;
        Ok(Self {
            id: StoreId::new(),
            writer: Mutex::new(Writer {
                backend,
                in_doubt: None,
            }),
            writer_thread: Mutex::new(None),
            watches: Mutex::default(),
            published: RwLock::new(view),
            delivery: Delivery::default(),
        })
    }

    pub(crate) fn view(&self) -> Arc<dyn View> {
        self.published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs `write` alone, commits what it wrote, and tells everybody.
    pub(crate) fn transact<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<(T, Commit), E> {
        if *lock(&self.writer_thread) == Some(thread::current().id()) {
            return Err(StoreError::Nested.into());
        }
        self.delivery.wait_for_room();
        let mut turn = WriterTurn::new(self);
        if let Some(version) = turn.writer.in_doubt {
            return Err(StoreError::Stopped { version }.into());
        }
        let mut transaction = Transaction::new(self.view());
        let value = write(&mut transaction)?;
        let (commit, wakers) = self.commit(&mut turn.writer, transaction)?;
        drop(turn);
        wakers.into_iter().for_each(Waker::wake);
        self.delivery.deliver();
        Ok((value, commit))
    }

    pub(crate) fn add_watch(&self, queue: &Arc<WatchQueue>) {
        lock(&self.watches).push(queue.clone());
    }

    pub(crate) fn remove_watch(&self, queue: &Arc<WatchQueue>) {
        lock(&self.watches).retain(|other| !Arc::ptr_eq(other, queue));
    }

    /// Under the lock that commits are published under: nothing falls between the version and the
    /// subscription.
    pub(crate) fn subscribe(&self, callback: Arc<dyn Fn(&Commit) + Send + Sync>) -> u64 {
        let _publishing = lock(&self.watches);
        let since = self.view().version();
        self.delivery.subscribe(since, callback)
    }

    fn commit(
        &self,
        writer: &mut Writer,
        transaction: Transaction,
    ) -> Result<(Commit, Vec<Waker>), StoreError> {
        let base = transaction.base();
        let changes = transaction.into_changes()?;
        if changes.is_empty() {
            let commit = Commit {
                store: self.id,
                version: base,
                changes: changes.into(),
            };
            return Ok((commit, Vec::new()));
        }
        let version = base.next();
        let commit = Commit {
            store: self.id,
            version,
            changes: changes.into(),
        };
        writer.in_doubt = Some(version);
        match writer.backend.apply(&commit) {
            Ok(view) => {
                writer.in_doubt = None;
                let wakers = self.publish(view, &commit);
                Ok((commit, wakers))
            }
            Err(source) if source.is_in_doubt() => Err(StoreError::InDoubt { version, source }),
            Err(source) => {
                writer.in_doubt = None;
                Err(StoreError::Backend(source))
            }
        }
    }

    /// Makes a durable commit visible, at once for readers, watches and callbacks. Runs no code of
    /// others: the wakers are for the caller to wake.
    fn publish(&self, view: Arc<dyn View>, commit: &Commit) -> Vec<Waker> {
        let watches = lock(&self.watches);
        let mut published = self
            .published
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::replace(&mut *published, view);
        drop(published);
        // Perhaps the last reader of its version: freeing it is not for readers to wait for.
        drop(former);
        self.delivery.enqueue(commit);
        watches
            .iter()
            .filter_map(|watch| watch.push(commit))
            .collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let watches = std::mem::take(&mut *lock(&self.watches));
        watches
            .iter()
            .filter_map(|watch| watch.close())
            .for_each(Waker::wake);
    }
}

/// Holds the writer lock, and says on which thread.
struct WriterTurn<'a> {
    engine: &'a Engine,
    writer: MutexGuard<'a, Writer>,
}

impl<'a> WriterTurn<'a> {
    fn new(engine: &'a Engine) -> Self {
        let writer = lock(&engine.writer);
        *lock(&engine.writer_thread) = Some(thread::current().id());
        Self { engine, writer }
    }
}

impl Drop for WriterTurn<'_> {
    fn drop(&mut self) {
        *lock(&self.engine.writer_thread) = None;
    }
}
