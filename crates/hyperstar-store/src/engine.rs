//! What all clones of a store share: one writer, the published state, and who is told.

pub(crate) mod flush;

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Waker;
use std::thread::{self, ThreadId};

use crate::backend::Backend;
use crate::commit::CommitId;
use crate::config::StoreConfig;
use crate::lock::lock;
use crate::state::{Head, Layer, Layered, State};
use crate::subscription::Delivery;
use crate::ticket::{Failure, Ticket, Turn};
use crate::transaction::Meta;
use crate::watch::WatchQueue;
use crate::{Change, Commit, StoreError, StoreId, Transaction, Version};

/// Locks are taken in the order of the fields; only `writer` and `backend` are held while other code
/// runs: the transaction's closure and the backend.
///
/// # Design
/// A transaction runs alone, over the head and the writes before it that are not durable yet. Then it
/// stands in a queue. The first in it leads: it makes all that stand there durable by one write to the
/// disk, publishes them, and leaves the lead to the first of those who came meanwhile.
pub(crate) struct Engine {
    pub(crate) id: StoreId,
    pub(crate) config: StoreConfig,
    writer: Mutex<()>,
    /// The thread that holds `writer`: tells a nested transaction from a concurrent one.
    writer_thread: Mutex<Option<ThreadId>>,
    backend: Mutex<Box<dyn Backend>>,
    queue: Mutex<Queue>,
    /// Nobody leads, and nobody stands in the queue.
    idle: Condvar,
    watches: Mutex<Vec<Arc<WatchQueue>>>,
    published: RwLock<Arc<Head>>,
    pub(crate) delivery: Delivery,
    /// The commits that are being received right now, and by how many:
    /// [`Store::compact`](crate::Store::compact) keeps what is there of them.
    pub(crate) receiving: Mutex<HashMap<CommitId, usize>>,
}

/// What is not durable yet.
#[derive(Default)]
struct Queue {
    /// Written by those who stand in the queue.
    pending: Layer,
    /// Written by those whose batch is on its way.
    flushing: Layer,
    waiting: Vec<Waiting>,
    is_led: bool,
    /// Counts failures: who has read what was given up then must not commit.
    failures: u64,
    last_failure: Option<Failure>,
    last: Version,
    /// The version whose commit is in doubt.
    in_doubt: Option<Version>,
    /// The last batch was not to be durable at once.
    is_unsynced: bool,
}

/// A transaction that has run.
struct Waiting {
    version: Version,
    changes: Arc<[Change]>,
    meta: Meta,
    ticket: Arc<Ticket>,
}

impl Engine {
    pub(crate) fn new(
        mut backend: Box<dyn Backend>,
        config: StoreConfig,
    ) -> Result<Self, StoreError> {
        let head = Arc::new(flush::open(&mut *backend)?);
        Ok(Self {
            id: StoreId::new(),
            config,
            writer: Mutex::new(()),
            writer_thread: Mutex::new(None),
            backend: Mutex::new(backend),
            queue: Mutex::new(Queue {
                last: head.version(),
                ..Queue::default()
            }),
            idle: Condvar::new(),
            watches: Mutex::default(),
            published: RwLock::new(head),
            delivery: Delivery::default(),
            receiving: Mutex::default(),
        })
    }

    pub(crate) fn head(&self) -> Arc<Head> {
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
        let turn = self.turn()?;
        self.run(turn, write)
    }

    /// As [`Engine::transact`], with all before it durable: `write` sees what the head is.
    pub(crate) fn transact_on_head<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&mut Transaction, &Head) -> Result<T, E>,
    ) -> Result<(T, Commit), E> {
        let turn = self.turn()?;
        self.drain();
        let head = self.head();
        self.run(turn, |transaction| write(transaction, &head))
    }

    /// Replaces the head by what `change` makes of it, with nothing else on its way.
    pub(crate) fn replace_head<T>(
        &self,
        change: impl FnOnce(&mut dyn Backend, &Head) -> Result<(T, Head, Vec<Change>), StoreError>,
    ) -> Result<T, StoreError> {
        let turn = self.turn()?;
        self.drain();
        if let Some(version) = lock(&self.queue).in_doubt {
            return Err(StoreError::Stopped { version });
        }
        let head = self.head();
        let mut backend = lock(&self.backend);
        let mut doubt = Doubt::new(self, head.version().next());
        let changed = change(&mut **backend, &head);
        let (value, head, changes) = match changed {
            Ok(changed) => changed,
            Err(StoreError::InDoubt { version, source }) => {
                doubt.is_settled = true;
                let failure = Failure::InDoubt { version, source };
                let error = failure.to_error();
                self.give_up(Vec::new(), failure);
                return Err(error);
            }
            Err(error) => {
                doubt.is_settled = true;
                return Err(error);
            }
        };
        doubt.is_settled = true;
        drop(backend);
        let commit = Commit {
            store: self.id,
            version: head.version(),
            id: head.id(),
            changes: changes.into(),
        };
        let mut queue = lock(&self.queue);
        queue.last = head.version();
        queue.is_unsynced = false;
        let wakers = self.publish(Arc::new(head), &[commit]);
        drop(queue);
        drop(turn);
        wakers.into_iter().for_each(Waker::wake);
        self.delivery.deliver();
        Ok(value)
    }

    pub(crate) fn add_watch(&self, queue: &Arc<WatchQueue>) {
        lock(&self.watches).push(queue.clone());
    }

    /// Adds a watch, and answers the head that its first event comes after.
    pub(crate) fn add_watch_after_head<T>(
        &self,
        queue: &Arc<WatchQueue>,
        since: impl FnOnce(&Head) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut watches = lock(&self.watches);
        let found = since(&self.head())?;
        watches.push(queue.clone());
        Ok(found)
    }

    pub(crate) fn remove_watch(&self, queue: &Arc<WatchQueue>) {
        lock(&self.watches).retain(|other| !Arc::ptr_eq(other, queue));
    }

    /// Under the lock that commits are published under: nothing falls between the version and the
    /// subscription.
    pub(crate) fn subscribe(&self, callback: Arc<dyn Fn(&Commit) + Send + Sync>) -> u64 {
        let _publishing = lock(&self.watches);
        let since = self.head().version();
        self.delivery.subscribe(since, callback)
    }

    fn turn(&self) -> Result<WriterTurn<'_>, StoreError> {
        if *lock(&self.writer_thread) == Some(thread::current().id()) {
            return Err(StoreError::Nested);
        }
        self.delivery.wait_for_room();
        Ok(WriterTurn::new(self))
    }

    /// Waits until all that stand in the queue are durable. For who has the turn: nobody comes after.
    fn drain(&self) {
        let mut queue = lock(&self.queue);
        while queue.is_led || !queue.waiting.is_empty() {
            queue = self
                .idle
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run<T, E: From<StoreError>>(
        &self,
        turn: WriterTurn<'_>,
        write: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<(T, Commit), E> {
        let (base, failures) = self.base()?;
        let mut transaction = Transaction::new(base);
        let value = write(&mut transaction)?;
        let base = transaction.base();
        let (changes, meta) = transaction.finish()?;
        let changes: Arc<[Change]> = changes.into();
        let stand = self.stand(&changes, meta, failures)?;
        drop(turn);
        let (version, id) = match stand {
            Some((version, ticket)) => (version, self.settle(&ticket)?),
            None => (base, self.head().id()),
        };
        let commit = Commit {
            store: self.id,
            version,
            id,
            changes,
        };
        Ok((value, commit))
    }

    /// What a transaction starts from.
    fn base(&self) -> Result<(Arc<dyn State>, u64), StoreError> {
        let queue = lock(&self.queue);
        if let Some(version) = queue.in_doubt {
            return Err(StoreError::Stopped { version });
        }
        let head = self.head();
        let layers = [&queue.pending, &queue.flushing];
        let layers: Vec<Layer> = layers
            .into_iter()
            .filter(|layer| !layer.is_empty())
            .cloned()
            .collect();
        let base: Arc<dyn State> = match layers.is_empty() {
            true => head,
            false => Arc::new(Layered { layers, head }),
        };
        Ok((base, queue.failures))
    }

    /// Puts what a transaction wrote into the queue; nothing if it wrote nothing and has read nothing
    /// that is not durable.
    fn stand(
        &self,
        changes: &Arc<[Change]>,
        meta: Meta,
        failures: u64,
    ) -> Result<Option<(Version, Arc<Ticket>)>, StoreError> {
        let mut queue = lock(&self.queue);
        if let Some(failure) = &queue.last_failure
            && queue.failures != failures
        {
            return Err(failure.to_error());
        }
        let is_empty = changes.is_empty() && !meta.is_commit();
        if is_empty && queue.pending.is_empty() && queue.flushing.is_empty() {
            return Ok(None);
        }
        if !is_empty {
            queue.last = queue.last.next();
        }
        for change in changes.iter() {
            queue
                .pending
                .insert_mut(change.path.clone(), change.after.clone());
        }
        let is_first = !std::mem::replace(&mut queue.is_led, true);
        let ticket = Arc::new(Ticket::new(is_first));
        let version = queue.last;
        queue.waiting.push(Waiting {
            version,
            changes: changes.clone(),
            meta,
            ticket: ticket.clone(),
        });
        Ok(Some((version, ticket)))
    }

    /// Waits until a transaction is durable, or leads those who stand in the queue.
    fn settle(&self, ticket: &Ticket) -> Result<CommitId, StoreError> {
        loop {
            match ticket.wait() {
                Turn::Done(done) => return done.map_err(|failure| failure.to_error()),
                Turn::Lead => self.lead(),
            }
        }
    }

    /// Makes all that stand in the queue durable, and leaves the lead.
    fn lead(&self) {
        let (batch, head) = {
            let mut queue = lock(&self.queue);
            queue.flushing = std::mem::take(&mut queue.pending);
            (std::mem::take(&mut queue.waiting), self.head())
        };
        let last = batch.last().map_or(head.version(), |last| last.version);
        let mut doubt = Doubt::new(self, last);
        doubt.batch = batch;
        let flushed = flush::flush(self, &mut **lock(&self.backend), &head, &doubt.batch);
        doubt.is_settled = true;
        let batch = std::mem::take(&mut doubt.batch);
        match flushed {
            Ok(flushed) => {
                let mut queue = lock(&self.queue);
                queue.flushing = Layer::default();
                queue.is_unsynced = flushed
                    .is_synced
                    .map_or(queue.is_unsynced, |synced| !synced);
                let wakers = self.publish(Arc::new(flushed.head), &flushed.commits);
                let next = queue.waiting.first().map(|next| next.ticket.clone());
                if next.is_none() {
                    queue.is_led = false;
                    self.idle.notify_all();
                }
                drop(queue);
                if let Some(next) = next {
                    next.lead();
                }
                for (waiting, id) in batch.iter().zip(flushed.ids) {
                    waiting.ticket.done(Ok(id));
                }
                wakers.into_iter().for_each(Waker::wake);
                self.delivery.deliver();
            }
            Err(error) => self.give_up(batch, Failure::new(error, last)),
        }
    }

    /// Fails a batch, and all that have read what it wrote.
    fn give_up(&self, batch: Vec<Waiting>, failure: Failure) {
        let mut queue = lock(&self.queue);
        let more = std::mem::take(&mut queue.waiting);
        queue.pending = Layer::default();
        queue.flushing = Layer::default();
        queue.failures += 1;
        queue.in_doubt = failure.in_doubt();
        queue.last = self.head().version();
        queue.last_failure = Some(failure.clone());
        queue.is_led = false;
        self.idle.notify_all();
        drop(queue);
        for waiting in batch.iter().chain(&more) {
            waiting.ticket.done(Err(failure.clone()));
        }
    }

    /// Makes durable commits visible, at once for readers, watches and callbacks. Runs no code of
    /// others: the wakers are for the caller to wake.
    fn publish(&self, head: Arc<Head>, commits: &[Commit]) -> Vec<Waker> {
        let watches = lock(&self.watches);
        let mut published = self
            .published
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::replace(&mut *published, head);
        drop(published);
        // Perhaps the last reader of its version: freeing it is not for readers to wait for.
        drop(former);
        let mut wakers = Vec::new();
        for commit in commits.iter().filter(|commit| !commit.is_empty()) {
            self.delivery.enqueue(commit);
            wakers.extend(watches.iter().filter_map(|watch| watch.push(commit)));
        }
        wakers
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let is_unsynced = {
            let queue = lock(&self.queue);
            queue.is_unsynced && queue.in_doubt.is_none()
        };
        if is_unsynced {
            let synced = flush::Draft::new(&self.head()).apply(&mut **lock(&self.backend), true);
            if let Err(error) = synced {
                tracing::error!(%error, "what was buffered is not on the disk");
            }
        }
        let watches = std::mem::take(&mut *lock(&self.watches));
        watches
            .iter()
            .filter_map(|watch| watch.close())
            .for_each(Waker::wake);
    }
}

/// Leaves the doubt behind if the backend panics.
struct Doubt<'a> {
    engine: &'a Engine,
    version: Version,
    batch: Vec<Waiting>,
    is_settled: bool,
}

impl<'a> Doubt<'a> {
    fn new(engine: &'a Engine, version: Version) -> Self {
        Self {
            engine,
            version,
            batch: Vec::new(),
            is_settled: false,
        }
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            let failure = Failure::panicked(self.version);
            self.engine
                .give_up(std::mem::take(&mut self.batch), failure);
        }
    }
}

/// Holds the writer lock, and says on which thread.
struct WriterTurn<'a> {
    engine: &'a Engine,
    _writer: MutexGuard<'a, ()>,
}

impl<'a> WriterTurn<'a> {
    fn new(engine: &'a Engine) -> Self {
        let writer = lock(&engine.writer);
        *lock(&engine.writer_thread) = Some(thread::current().id());
        Self {
            engine,
            _writer: writer,
        }
    }
}

impl Drop for WriterTurn<'_> {
    fn drop(&mut self) {
        *lock(&self.engine.writer_thread) = None;
    }
}
