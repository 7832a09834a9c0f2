//! Calls on the committing thread, after the commit.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, ThreadId};

use crate::engine::Engine;
use crate::lock::lock;
use crate::{Commit, Version};

/// How many commits wait for [`Store::on_commit`](crate::Store::on_commit) callbacks. When callbacks
/// are that far behind, the next transaction waits before it starts.
pub const DELIVERY_COMMITS_MAX: usize = 1024;

/// Keeps an [`on_commit`](crate::Store::on_commit) callback subscribed; dropping it unsubscribes.
///
/// A call that is running on another thread at that moment may still end after the drop.
#[must_use = "dropping it unsubscribes; keep it, or call `detach`"]
pub struct Subscription {
    id: u64,
    engine: Weak<Engine>,
}

impl Subscription {
    pub(crate) fn new(id: u64, engine: Weak<Engine>) -> Self {
        Self { id, engine }
    }

    /// Keeps the callback for as long as the store lives. A callback that holds the `Store` itself
    /// then keeps it open for good.
    pub fn detach(mut self) {
        self.engine = Weak::new();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.upgrade() {
            engine.delivery.unsubscribe(self.id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

type Callback = dyn Fn(&Commit) + Send + Sync;

#[derive(Clone)]
struct Subscriber {
    id: u64,
    /// It hears of commits after this one.
    since: Version,
    callback: Arc<Callback>,
}

/// Hands commits to callbacks: in order, each once, with no lock held.
///
/// # Design
/// The committing thread delivers. If another thread is delivering already, that one takes the
/// commit over, so that the order holds and nobody waits for somebody else's callback: waiting
/// would deadlock a writer that holds a lock which the callback wants.
#[derive(Default)]
pub(crate) struct Delivery {
    state: Mutex<DeliveryState>,
    room: Condvar,
}

#[derive(Default)]
struct DeliveryState {
    /// Copied on write: a delivery in progress holds the list that it started with.
    subscribers: Arc<Vec<Subscriber>>,
    last_id: u64,
    queue: VecDeque<Commit>,
    deliverer: Option<ThreadId>,
}

impl Delivery {
    pub(crate) fn subscribe(&self, since: Version, callback: Arc<Callback>) -> u64 {
        let mut state = lock(&self.state);
        state.last_id += 1;
        let id = state.last_id;
        Arc::make_mut(&mut state.subscribers).push(Subscriber {
            id,
            since,
            callback,
        });
        id
    }

    fn unsubscribe(&self, id: u64) {
        let mut state = lock(&self.state);
        let mut kept = Vec::clone(&state.subscribers);
        kept.retain(|subscriber| subscriber.id != id);
        let former = std::mem::replace(&mut state.subscribers, Arc::new(kept));
        // The callback's captures may drop a watch or a store: not under our lock.
        drop(state);
        drop(former);
    }

    /// Waits until the queue has room, unless this thread is the one that empties it.
    pub(crate) fn wait_for_room(&self) {
        let mut state = lock(&self.state);
        while state.queue.len() >= DELIVERY_COMMITS_MAX
            && state
                .deliverer
                .is_some_and(|thread| thread != thread::current().id())
        {
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Called in commit order.
    pub(crate) fn enqueue(&self, commit: &Commit) {
        let mut state = lock(&self.state);
        if !state.subscribers.is_empty() {
            state.queue.push_back(commit.clone());
        }
    }

    /// Delivers what is queued, unless a thread is at it: this one, further up, or another.
    pub(crate) fn deliver(&self) {
        let mut state = lock(&self.state);
        if state.deliverer.is_some() {
            return;
        }
        state.deliverer = Some(thread::current().id());
        while let Some(commit) = state.queue.pop_front() {
            let subscribers = state.subscribers.clone();
            drop(state);
            self.room.notify_all();
            for subscriber in subscribers.iter().filter(|one| one.since < commit.version) {
                call(&*subscriber.callback, &commit);
            }
            drop(subscribers);
            state = lock(&self.state);
        }
        state.deliverer = None;
        drop(state);
        self.room.notify_all();
    }
}

/// A callback's panic must not look like a failed commit to its writer, nor stop the others.
fn call(callback: &Callback, commit: &Commit) {
    if catch_unwind(AssertUnwindSafe(|| callback(commit))).is_err() {
        tracing::error!(version = %commit.version, "an `on_commit` callback panicked");
    }
}
