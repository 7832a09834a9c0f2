//! What all clones of a store share: one writer, the published state, and who is told.

pub(crate) mod flush;
mod flusher;
mod replay;

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Waker;
use std::thread::{self, ThreadId};

use self::flusher::Flusher;
use crate::backend::{Backend, Shrunk};
use crate::commit::CommitId;
use crate::config::StoreConfig;
use crate::lock::{lock, lock_soon};
use crate::state::{Head, Layer, Layered, State};
use crate::subscription::Delivery;
use crate::ticket::{Failure, Ticket, Turn};
use crate::transaction::Meta;
use crate::watch::WatchQueue;
use crate::{Change, Commit, StoreError, StoreId, Transaction, Version};

/// The most transactions, and bytes of their changes, that stand in the queue while nobody waits for
/// them.
const SUBMITTED_MAX: usize = 16_384;
const SUBMITTED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Locks are taken in the order of the fields; only `writer` and `backend` are held while other code
/// runs: the transaction's closure and the backend.
///
/// # Design
/// A transaction runs alone, over the head and the writes before it that are not durable yet. Then it
/// stands in a queue. One of those in it leads: it makes all that stand there durable by one write to
/// the disk, publishes them, and leaves the lead to one of those who came meanwhile. Where none of them
/// has a thread that waits ([`Engine::submit`]), the [`Flusher`] leads.
pub(crate) struct Engine {
    pub(crate) id: StoreId,
    pub(crate) config: StoreConfig,
    writer: Mutex<()>,
    /// The thread that holds `writer`: tells a nested transaction from a concurrent one.
    writer_thread: Mutex<Option<ThreadId>>,
    backend: Mutex<Box<dyn Backend>>,
    queue: Mutex<Queue>,
    /// A batch has come to its end.
    flushed: Condvar,
    watches: Mutex<Vec<Arc<WatchQueue>>>,
    published: RwLock<Arc<Head>>,
    pub(crate) delivery: Delivery,
    flusher: Arc<Flusher>,
    /// Held while the backend shrinks.
    pub(crate) shrinking: Mutex<()>,
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
    waiting_bytes: usize,
    /// Somebody leads, or will.
    is_led: bool,
    /// The lead is for whoever takes it: the flusher, if nobody comes before it.
    is_lead_free: bool,
    /// Counts failures: who has read what was given up then must not commit.
    failures: u64,
    last_failure: Option<Failure>,
    last: Version,
    /// The version whose commit is in doubt.
    in_doubt: Option<Version>,
    /// The last batch of the backend was not synced: it is in its log at best.
    is_unsynced: bool,
}

/// A transaction that has run, and stands in the queue.
struct Waiting {
    version: Version,
    changes: Arc<[Change]>,
    meta: Meta,
    ticket: Arc<Ticket>,
}

/// What a transaction came to.
struct Run<T> {
    value: T,
    stood: Stood,
}

/// A commit that will be there.
pub(crate) struct Stood {
    /// Without its id, but for one that is empty.
    pub(crate) commit: Commit,
    /// Nothing if there is nothing to wait for.
    pub(crate) ticket: Option<Arc<Ticket>>,
}

impl Engine {
    pub(crate) fn new(
        mut backend: Box<dyn Backend>,
        config: StoreConfig,
    ) -> Result<Self, StoreError> {
        let head = Arc::new(flush::open(&mut *backend, &config)?);
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
            flushed: Condvar::new(),
            watches: Mutex::default(),
            published: RwLock::new(head),
            delivery: Delivery::default(),
            flusher: Arc::default(),
            shrinking: Mutex::default(),
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
        let run = self.run(turn, write)?;
        Ok((run.value, self.settle(run.stood)?))
    }

    /// As [`Engine::transact`], without waiting for the disk.
    pub(crate) fn submit<T, E: From<StoreError>>(
        self: &Arc<Self>,
        write: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<(T, Stood), E> {
        self.check_not_nested()?;
        self.wait_for_room();
        let turn = self.turn()?;
        let run = self.run(turn, write)?;
        self.call_flusher();
        Ok((run.value, run.stood))
    }

    /// As [`Engine::transact`], with all before it durable: `write` sees what the head is.
    pub(crate) fn transact_on_head<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&mut Transaction, &Head) -> Result<T, E>,
    ) -> Result<(T, Commit), E> {
        let turn = self.turn()?;
        self.drain();
        let head = self.head();
        let run = self.run(turn, |transaction| write(transaction, &head));
        // What became durable while it had the turn.
        self.delivery.deliver();
        let run = run?;
        Ok((run.value, self.settle(run.stood)?))
    }

    /// Replaces the head by what `change` makes of it, with nothing else on its way.
    pub(crate) fn replace_head<T>(
        &self,
        change: impl FnOnce(&mut dyn Backend, &Head) -> Result<(T, Head, Vec<Change>), StoreError>,
    ) -> Result<T, StoreError> {
        let replaced = self.replace_head_quietly(change);
        self.delivery.deliver();
        replaced
    }

    /// As [`Engine::replace_head`], but for the callbacks.
    fn replace_head_quietly<T>(
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
        Ok(value)
    }

    /// One step of [`Backend::shrink`].
    pub(crate) fn shrink(&self, begin: bool) -> Result<Shrunk, StoreError> {
        let shrunk = lock(&self.backend).shrink(begin);
        shrunk.map_err(|source| match source.is_in_doubt() {
            false => StoreError::Backend(source),
            true => {
                let version = self.head().version();
                let failure = Failure::InDoubt { version, source };
                let error = failure.to_error();
                self.give_up(Vec::new(), failure);
                error
            }
        })
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

    fn check_not_nested(&self) -> Result<(), StoreError> {
        match *lock(&self.writer_thread) == Some(thread::current().id()) {
            true => Err(StoreError::Nested),
            false => Ok(()),
        }
    }

    fn turn(&self) -> Result<WriterTurn<'_>, StoreError> {
        self.check_not_nested()?;
        self.delivery.wait_for_room();
        Ok(WriterTurn::new(self))
    }

    /// Waits until all that stand in the queue are durable. For who has the turn: nobody comes after. No
    /// callback runs, which might want the turn: who has it delivers once it is over.
    fn drain(&self) {
        let mut queue = lock(&self.queue);
        while queue.is_led {
            queue = self.wait_or(queue, || self.lead_quietly());
        }
    }

    /// Waits until there are not too many that nobody waits for.
    fn wait_for_room(&self) {
        let mut queue = lock(&self.queue);
        while queue.waiting.len() >= SUBMITTED_MAX || queue.waiting_bytes >= SUBMITTED_BYTES_MAX {
            queue = self.wait_or(queue, || self.lead());
        }
    }

    /// Waits for the end of a batch, or leads if somebody should and nobody does.
    fn wait_or<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        lead: impl FnOnce(),
    ) -> MutexGuard<'a, Queue> {
        if std::mem::take(&mut queue.is_lead_free) {
            drop(queue);
            lead();
            return lock(&self.queue);
        }
        self.flushed
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn run<T, E: From<StoreError>>(
        &self,
        turn: WriterTurn<'_>,
        write: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<Run<T>, E> {
        let (base, failures) = self.base()?;
        let mut transaction = Transaction::new(base);
        let value = write(&mut transaction)?;
        let base = transaction.base();
        let (changes, meta) = transaction.finish()?;
        let changes: Arc<[Change]> = changes.into();
        let stand = self.stand(&changes, meta, failures)?;
        drop(turn);
        let (version, ticket) = match stand {
            Some((version, ticket)) => (version, Some(ticket)),
            None => (base, None),
        };
        let commit = Commit {
            store: self.id,
            version,
            id: self.head().id(),
            changes,
        };
        let stood = Stood { commit, ticket };
        Ok(Run { value, stood })
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
        if !std::mem::replace(&mut queue.is_led, true) {
            queue.is_lead_free = true;
        }
        let ticket = Arc::new(Ticket::default());
        let version = queue.last;
        queue.waiting_bytes += changes.iter().map(Change::bytes).sum::<usize>();
        queue.waiting.push(Waiting {
            version,
            changes: changes.clone(),
            meta,
            ticket: ticket.clone(),
        });
        Ok(Some((version, ticket)))
    }

    /// Waits until a transaction is durable, or leads those who stand in the queue.
    pub(crate) fn settle(&self, stood: Stood) -> Result<Commit, StoreError> {
        let Stood { mut commit, ticket } = stood;
        let Some(ticket) = ticket else {
            return Ok(commit);
        };
        ticket.take();
        self.lead_if_free();
        loop {
            match ticket.wait() {
                Turn::Done(done) => {
                    commit.id = done.map_err(|failure| failure.to_error())?;
                    return Ok(commit);
                }
                Turn::Lead => self.lead(),
            }
        }
    }

    /// Leads, if somebody should and nobody does.
    pub(crate) fn lead_if_free(&self) {
        if self.take_lead() {
            self.lead();
        }
    }

    fn take_lead(&self) -> bool {
        std::mem::take(&mut lock(&self.queue).is_lead_free)
    }

    /// Has the flusher lead, if nobody else does. Whoever does may leave it to the flusher, which is there from
    /// now on.
    fn call_flusher(self: &Arc<Self>) {
        self.flusher.start(self);
        if lock(&self.queue).is_lead_free && !self.flusher.wake() {
            // There are no threads here.
            self.lead_if_free();
        }
    }

    /// Makes all that stand in the queue durable, leaves the lead, and tells callbacks.
    fn lead(&self) {
        self.lead_quietly();
        self.delivery.deliver();
    }

    /// As [`Engine::lead`], but for the callbacks.
    fn lead_quietly(&self) {
        let (batch, head) = {
            let mut queue = lock(&self.queue);
            queue.flushing = std::mem::take(&mut queue.pending);
            queue.waiting_bytes = 0;
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
                let mut next = queue.waiting.iter().map(|next| &next.ticket);
                let next = next.find(|ticket| ticket.can_lead()).cloned();
                queue.is_led = !queue.waiting.is_empty();
                queue.is_lead_free = queue.is_led && next.is_none();
                let is_for_flusher = queue.is_lead_free;
                drop(queue);
                self.flushed.notify_all();
                if let Some(next) = next {
                    next.lead();
                }
                let has_flusher = is_for_flusher && self.flusher.wake();
                for (waiting, id) in batch.iter().zip(flushed.ids) {
                    waiting.ticket.done(Ok(id));
                }
                wakers.into_iter().for_each(Waker::wake);
                if is_for_flusher && !has_flusher && self.take_lead() {
                    self.lead_quietly();
                }
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
        queue.waiting_bytes = 0;
        queue.is_led = false;
        queue.is_lead_free = false;
        drop(queue);
        self.flushed.notify_all();
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
        self.flusher.stop();
        // What was submitted, and nobody waited for.
        self.lead_if_free();
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
        let writer = lock_soon(&engine.writer);
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
