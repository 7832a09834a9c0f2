//! A stream of the changes below a prefix.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::lock::lock;
use crate::path::is_at_or_below;
use crate::{Change, Commit, CommitId, Version};

/// How much a [`Watch`] keeps for a reader that is not there. When either bound is passed, all that
/// is queued is given up and one [`WatchEvent::Lagged`] takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchBounds {
    /// The most events in the queue; one commit is one event. At least 1.
    pub events_max: usize,
    /// The most bytes of values, before and after, in the queue.
    pub bytes_max: usize,
}

impl Default for WatchBounds {
    /// 256 events, 16 MiB.
    fn default() -> Self {
        Self {
            events_max: 256,
            bytes_max: 16 * 1024 * 1024,
        }
    }
}

/// What a [`Watch`] tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WatchEvent {
    /// One commit changed something at or below the prefix.
    Changed {
        /// The version of the commit.
        version: Version,
        /// Its name, to go on from ([`Store::watch_from`](crate::Store::watch_from)).
        id: CommitId,
        /// Those changes of it that are at or below the prefix, ordered by path.
        changes: Arc<[Change]>,
    },
    /// The reader was too slow, and changes were given up. Take a snapshot and read anew: it
    /// shows `version` or a later one; skip events whose version it already covers.
    Lagged {
        /// The version of the last commit that was given up.
        version: Version,
        /// Its name.
        id: CommitId,
        /// How many commits were given up.
        commits: u64,
    },
}

impl WatchEvent {
    /// The version of the commit, or of the last one that was given up.
    pub fn version(&self) -> Version {
        match self {
            Self::Changed { version, .. } | Self::Lagged { version, .. } => *version,
        }
    }

    /// The name of the commit, or of the last one that was given up.
    pub fn id(&self) -> CommitId {
        match self {
            Self::Changed { id, .. } | Self::Lagged { id, .. } => *id,
        }
    }
}

/// The changes at or below a prefix, from [`Store::watch`](crate::Store::watch) on: each commit
/// once, in order, or a [`WatchEvent::Lagged`] in place of those that were given up.
///
/// It never slows a writer. It does not keep the store open: when the last [`Store`](crate::Store)
/// is dropped, the watch ends after what is queued.
///
/// ```
/// use hyperstar_store::{Store, WatchEvent};
///
/// let store = Store::memory();
/// let mut watch = store.watch("todo")?;
/// store.set("todo/1", "buy milk")?;
/// store.set("count", &1)?;
///
/// let Some(WatchEvent::Changed { changes, .. }) = watch.try_next() else { panic!() };
/// assert_eq!(&*changes[0].path, "todo/1");
/// assert!(watch.try_next().is_none());
/// # Ok::<(), hyperstar_store::StoreError>(())
/// ```
///
/// # Design
/// A queue of one's own, not a shared log with cursors: a slow reader then costs its own bound
/// and nothing to others, and needs no position that may have been pruned.
pub struct Watch {
    queue: Arc<WatchQueue>,
    engine: Weak<Engine>,
}

impl Watch {
    pub(crate) fn new(queue: Arc<WatchQueue>, engine: Weak<Engine>) -> Self {
        Self { queue, engine }
    }

    /// The prefix that is watched.
    pub fn prefix(&self) -> &str {
        &self.queue.prefix
    }

    /// Whether the store is gone. What is queued can still be taken.
    pub fn is_closed(&self) -> bool {
        lock(&self.queue.state).closed
    }

    /// The next event, if one is queued.
    pub fn try_next(&mut self) -> Option<WatchEvent> {
        lock(&self.queue.state).pop()
    }

    /// Blocks the thread until there is an event; `None` once `timeout` has passed or the store
    /// is gone.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<WatchEvent> {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = lock(&self.queue.state);
        loop {
            if let Some(event) = state.pop() {
                return Some(event);
            }
            if state.closed {
                return None;
            }
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => timeout,
            };
            if left.is_zero() {
                return None;
            }
            let woken = self.queue.ready.wait_timeout(state, left);
            (state, _) = woken.unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// The next event, or the end once the store is gone. Wakes the last waker that polled.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<WatchEvent>> {
        let waker = cx.waker().clone();
        let mut state = lock(&self.queue.state);
        if let Some(event) = state.pop() {
            return Poll::Ready(Some(event));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        let former = state.waker.replace(waker);
        // A waker's drop is not our code: it must not run under our lock.
        drop(state);
        drop(former);
        Poll::Pending
    }

    /// Waits for the next event; `None` once the store is gone. Works on any executor.
    ///
    /// # Cancel safety
    /// No event is lost when the future is dropped.
    pub async fn changed(&mut self) -> Option<WatchEvent> {
        poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.upgrade() {
            engine.remove_watch(&self.queue);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("prefix", &self.prefix())
            .finish_non_exhaustive()
    }
}

/// What the store puts into and a [`Watch`] takes out of.
pub(crate) struct WatchQueue {
    prefix: Box<str>,
    bounds: WatchBounds,
    state: Mutex<WatchState>,
    ready: Condvar,
}

#[derive(Default)]
struct WatchState {
    events: VecDeque<(WatchEvent, usize)>,
    queued_bytes: usize,
    waker: Option<Waker>,
    closed: bool,
}

impl WatchQueue {
    pub(crate) fn new(prefix: &str, bounds: WatchBounds) -> Self {
        Self {
            prefix: prefix.into(),
            bounds: WatchBounds {
                events_max: bounds.events_max.max(1),
                ..bounds
            },
            state: Mutex::default(),
            ready: Condvar::new(),
        }
    }

    /// Queues what the commit changed below the prefix. The caller wakes the waker that comes
    /// back, once it holds no lock.
    pub(crate) fn push(&self, commit: &Commit) -> Option<Waker> {
        let changes = self.select(commit)?;
        let bytes = changes.iter().map(change_bytes).sum();
        let mut state = lock(&self.state);
        state.push(commit, changes, bytes, &self.bounds);
        let waker = state.waker.take();
        drop(state);
        self.ready.notify_one();
        waker
    }

    pub(crate) fn close(&self) -> Option<Waker> {
        let mut state = lock(&self.state);
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        self.ready.notify_one();
        waker
    }

    /// Shares the commit's changes if all of them count: the usual case.
    fn select(&self, commit: &Commit) -> Option<Arc<[Change]>> {
        let counts = |change: &&Change| is_at_or_below(&change.path, &self.prefix);
        match commit.changes.iter().filter(counts).count() {
            0 => None,
            all if all == commit.changes.len() => Some(commit.changes.clone()),
            _ => Some(commit.changes.iter().filter(counts).cloned().collect()),
        }
    }
}

impl WatchState {
    fn pop(&mut self) -> Option<WatchEvent> {
        let (event, bytes) = self.events.pop_front()?;
        self.queued_bytes -= bytes;
        Some(event)
    }

    fn push(
        &mut self,
        commit: &Commit,
        changes: Arc<[Change]>,
        bytes: usize,
        bounds: &WatchBounds,
    ) {
        let (version, id) = (commit.version, commit.id);
        // A lag that the reader has not taken yet is alone in the queue, and takes all that comes.
        if let Some((
            WatchEvent::Lagged {
                version: last,
                id: last_id,
                commits,
            },
            _,
        )) = self.events.front_mut()
        {
            *last = version;
            *last_id = id;
            *commits += 1;
            return;
        }
        let fits = self.events.len() < bounds.events_max
            && self.queued_bytes.saturating_add(bytes) <= bounds.bytes_max;
        if fits {
            self.queued_bytes += bytes;
            self.events.push_back((
                WatchEvent::Changed {
                    version,
                    id,
                    changes,
                },
                bytes,
            ));
            return;
        }
        let commits = self.events.len() as u64 + 1;
        self.events.clear();
        self.queued_bytes = 0;
        self.events.push_back((
            WatchEvent::Lagged {
                version,
                id,
                commits,
            },
            0,
        ));
    }
}

fn change_bytes(change: &Change) -> usize {
    let bytes = |value: &Option<bytes::Bytes>| value.as_ref().map_or(0, bytes::Bytes::len);
    change.path.len() + bytes(&change.before) + bytes(&change.after)
}
