//! Futures side by side on one thread: who is to be polled, and how several become one.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};

/// What a task is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// It answers a message: the host's number.
    Message(u64),
    /// It is the process's own: ours.
    Own(u64),
}

/// The tasks that were woken, in that order, each once.
#[derive(Debug, Default)]
pub(crate) struct Woken(Arc<Queue>);

type Queue = Mutex<VecDeque<Key>>;

impl Woken {
    /// The bell of a new task, which is rung already: a task is polled at least once.
    pub(crate) fn add(&self, key: Key) -> Arc<Bell> {
        lock(&self.0).push_back(key);
        Arc::new(Bell {
            key,
            is_rung: AtomicBool::new(true),
            queue: self.0.clone(),
        })
    }

    /// The next task to poll; only `alone`, if there is such a one.
    pub(crate) fn next(&self, alone: Option<Key>) -> Option<Key> {
        let mut queue = lock(&self.0);
        match alone {
            None => queue.pop_front(),
            Some(key) => {
                let place = queue.iter().position(|one| *one == key)?;
                queue.remove(place)
            }
        }
    }
}

/// Wakes one task.
#[derive(Debug)]
pub(crate) struct Bell {
    key: Key,
    is_rung: AtomicBool,
    queue: Arc<Queue>,
}

impl Bell {
    /// The waker for a poll that begins now.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        self.is_rung.store(false, Ordering::Relaxed);
        Waker::from(self.clone())
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_rung.swap(true, Ordering::Relaxed) {
            lock(&self.queue).push_back(self.key);
        }
    }
}

/// Nothing is done under the lock that could leave it half done.
fn lock(queue: &Queue) -> MutexGuard<'_, VecDeque<Key>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both outputs, once both futures have ended.
///
/// # Cancel safety
/// Dropped, both are dropped.
pub async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut of_a, mut of_b) = (None, None);
    poll_fn(|cx| {
        if of_a.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            of_a = Some(output);
        }
        if of_b.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            of_b = Some(output);
        }
        match (of_a.take(), of_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (of_a, of_b) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// All outputs in the order of the futures, once all have ended.
///
/// # Cancel safety
/// Dropped, all are dropped.
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures
        .into_iter()
        .map(|future| Ok(Box::pin(future)))
        .collect();
    poll_fn(|cx| {
        let mut is_ready = true;
        for one in &mut running {
            if let Ok(future) = one {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *one = Err(output),
                    Poll::Pending => is_ready = false,
                }
            }
        }
        match is_ready {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    running.into_iter().filter_map(Result::err).collect()
}

/// One of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

/// The output of whichever ends first, the left one if both are ready; the other is dropped.
///
/// # Cancel safety
/// Dropped, both are dropped.
pub async fn race<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Either::Left(output)),
        Poll::Pending => b.as_mut().poll(cx).map(Either::Right),
    })
    .await
}
