//! The slow lane: an executor of a few low-priority threads that takes turns among its jobs.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Meter, SLICE_US};

/// Runs what takes longer than a slice.
///
/// Its queue holds at most one job for each instance that lives.
pub(crate) struct SlowLane {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

/// How a call ended.
pub(crate) struct Ended<R> {
    pub(crate) value: R,
    /// It needed more than one slice.
    pub(crate) was_slow: bool,
}

impl SlowLane {
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(threads: usize) -> std::io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let mut lane = Self {
            queue: queue.clone(),
            threads: Vec::new(),
        };
        for _ in 0..threads.max(1) {
            let thread = thread::Builder::new().name("hyperstar-slow".into());
            let queue = queue.clone();
            lane.threads.push(thread.spawn(move || work(&queue))?);
        }
        Ok(lane)
    }

    /// Runs `future`, its first slice on the caller's thread unless it `is_slow`, the rest here.
    /// `None`: it panicked, or the lane has ended.
    ///
    /// # Cancel safety
    /// None: dropped, the future is dropped at the end of its slice.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        meter: &Arc<Meter>,
        is_slow: bool,
        future: impl Future<Output = R> + Send + 'static,
    ) -> Option<Ended<R>> {
        let mut future = Box::pin(future);
        if !is_slow {
            let first = poll_fn(|cx| match future.as_mut().poll(cx) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending if meter.take_end_of_slice() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Some(value) = first.await {
                return Some(Ended {
                    value,
                    was_slow: false,
                });
            }
            meter.charge(SLICE_US);
        }
        let (mut done, outcome) = oneshot::channel();
        let job = async move {
            let value = poll_fn(|cx| {
                let nobody_waits = done.poll_closed(cx).is_ready();
                if nobody_waits {
                    return Poll::Ready(None);
                }
                future.as_mut().poll(cx).map(Some)
            });
            if let Some(value) = value.await {
                // Whoever waited may have left this moment.
                let _ = done.send(value);
            }
        };
        // What the host does for a guest may need the caller's runtime.
        let runtime = Handle::try_current().ok();
        self.queue.push(Arc::new(Job {
            runtime,
            queue: self.queue.clone(),
            is_queued: AtomicBool::new(true),
            future: Mutex::new(Some(Box::pin(job))),
            meter: meter.clone(),
        }));
        let value = outcome.await.ok()?;
        Some(Ended {
            value,
            was_slow: meter.spent_us.load(Ordering::Relaxed) >= SLICE_US,
        })
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        let jobs = {
            let mut line = self.queue.lock();
            line.is_closed = true;
            std::mem::take(&mut line.jobs)
        };
        self.queue.came.notify_all();
        drop(jobs);
        for thread in self.threads.drain(..) {
            super::join(Some(thread));
        }
    }
}

#[derive(Default)]
struct Queue {
    line: Mutex<Line>,
    came: Condvar,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Arc<Job>>,
    is_closed: bool,
}

struct Job {
    queue: Arc<Queue>,
    is_queued: AtomicBool,
    /// None once it has ended.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    meter: Arc<Meter>,
    runtime: Option<Handle>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Arc<Job>) {
        let mut line = self.lock();
        if line.is_closed {
            drop(line);
            drop(job);
            return;
        }
        line.jobs.push_back(job);
        drop(line);
        self.came.notify_one();
    }

    fn next(&self) -> Option<Arc<Job>> {
        let mut line = self.lock();
        loop {
            if line.is_closed {
                return None;
            }
            if let Some(job) = line.jobs.pop_front() {
                return Some(job);
            }
            let waited = self.came.wait(line);
            line = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            let queue = self.queue.clone();
            queue.push(self);
        }
    }
}

fn work(queue: &Queue) {
    super::lower_priority();
    while let Some(job) = queue.next() {
        job.is_queued.store(false, Ordering::Release);
        let waker = Waker::from(job.clone());
        let mut future = job.future.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pinned) = future.as_mut() else {
            continue;
        };
        let _runtime = job.runtime.as_ref().map(Handle::enter);
        let before_us = super::thread_time_us();
        let mut cx = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| pinned.as_mut().poll(&mut cx)));
        let spent_us = super::thread_time_us().saturating_sub(before_us);
        job.meter.charge(spent_us);
        job.meter.take_end_of_slice();
        // A panic was reported by its hook; whoever waits is told by the dropped sender.
        if !matches!(polled, Ok(Poll::Pending)) {
            *future = None;
        }
    }
}
