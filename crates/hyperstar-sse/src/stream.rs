//! A stream: the sender that an app keeps, and what it shares with the other end.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::body::{Body, Source};
use crate::encoding::{Compression, Encoder, Encoding};
use crate::group::{Cursor, Group};

/// How a stream behaves.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// A silent stream carries a comment this often, in milliseconds (at least 10); `None` if the app
    /// sends its own heartbeats.
    pub keep_alive_ms: Option<u64>,
    /// The most events that wait; past it [`Sender::event`] answers [`SendError::Full`].
    pub queue_events_max: usize,
    /// The most bytes of them.
    pub queue_bytes_max: usize,
    /// A stream that is offered something while it has taken nothing for so long is let go, in
    /// milliseconds.
    pub stall_ms: u64,
    /// How it is compressed.
    pub compression: Compression,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            keep_alive_ms: Some(30_000),
            queue_events_max: 64,
            queue_bytes_max: 256 * 1024,
            stall_ms: 30_000,
            compression: Compression::default(),
        }
    }
}

/// Why a stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client is gone: the server dropped the body.
    Disconnected,
    /// The app ended it.
    Ended,
    /// The client took nothing for too long.
    Stalled,
    /// What the client was to get did not fit its queue.
    Overflow,
}

/// Why an event was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The queue is full; the stream is as it was. Wait, drop the event, or
    /// [let the client go](Sender::evict).
    #[error("the stream's queue is full")]
    Full,
    /// The stream has ended.
    #[error("the stream has ended")]
    Closed,
}

type Hook = Box<dyn FnOnce(CloseReason) + Send>;

/// The app's end of a stream. Clones are the same stream; once the last is dropped, it ends after
/// what is queued.
///
/// Guarantees: no call waits for the client. At most one frame and the bounded queue are held for a
/// client that does not read. What is sent is taken in the order in which it was last set.
///
/// Two kinds of content go through it: a *frame* is a state, of which the latest is all that counts;
/// an *event* is something that happens once, and queues.
///
/// ```
/// use hyperstar_sse::{Encoding, Event, StreamConfig, stream};
///
/// let (sender, body) = stream(&StreamConfig::default(), Encoding::Identity);
/// sender.event(Event::new().data("once"))?;
/// sender.frame(Event::new().data("state 1").encode());
/// sender.frame(Event::new().data("state 2").encode());   // takes the place of state 1
/// # drop(body); Ok::<(), hyperstar_sse::SendError>(())
/// ```
pub struct Sender {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Counted beside the lock: a broadcast copies the senders of its topic first.
    senders: AtomicUsize,
    stall: Duration,
    queue_events_max: usize,
    queue_bytes_max: usize,
    /// Whose frames the client sees as well.
    group: Option<Group>,
}

#[derive(Default)]
pub(crate) struct State {
    frame: Option<(u64, Bytes)>,
    queue: VecDeque<Queued>,
    queue_bytes: usize,
    /// Numbers what is set, so that frames and events keep their order, and hooks can be taken back.
    clock: u64,
    /// Since when something waits.
    waiting_since: Option<Instant>,
    /// No more is taken in; what is queued still goes out.
    ending: bool,
    /// Over, for this reason.
    closed: Option<CloseReason>,
    /// What the client showed when it came is not what it shows now.
    disturbed: bool,
    body: Option<Waker>,
    closed_wakers: Vec<(u64, Waker)>,
    hooks: Vec<(u64, Hook)>,
}

/// An event that waits.
struct Queued {
    at: u64,
    /// The last frame of the group when it was sent.
    after: u64,
    bytes: Bytes,
}

/// Makes a stream: what goes into the sender comes out of the body, encoded.
pub fn stream(config: &StreamConfig, encoding: Encoding) -> (Sender, Body) {
    let encoder = Encoder::new(encoding, &config.compression);
    make(config, Source::Own(encoder), None)
}

/// Makes a stream of a group's frames, and of what goes into the sender beside them.
pub(crate) fn follow(config: &StreamConfig, cursor: Cursor) -> (Sender, Body) {
    let group = cursor.group().clone();
    make(config, Source::Group(Box::new(cursor)), Some(group))
}

fn make(config: &StreamConfig, source: Source, group: Option<Group>) -> (Sender, Body) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        senders: AtomicUsize::new(1),
        stall: Duration::from_millis(config.stall_ms),
        queue_events_max: config.queue_events_max,
        queue_bytes_max: config.queue_bytes_max,
        group,
    });
    let body = Body::live(shared.clone(), source, config.keep_alive_ms);
    (Sender { shared }, body)
}

impl Sender {
    /// Sets the state to show. A frame that was not taken yet is replaced.
    pub fn frame(&self, frame: impl Into<Bytes>) {
        self.show(frame.into());
    }

    /// Sets the state to show; answers whether the stream took it.
    pub(crate) fn show(&self, frame: Bytes) -> bool {
        let mut state = self.shared.lock();
        if state.is_over() {
            return false;
        }
        if state.has_stalled(self.shared.stall) {
            state.close(CloseReason::Stalled).finish(state);
            return false;
        }
        let at = state.tick();
        let replaced = state.frame.replace((at, frame));
        state.offered().wake(state);
        // Freed without the lock: it may be large, and what owns it may run code of its own.
        drop(replaced);
        true
    }

    /// Queues an event.
    ///
    /// # Errors
    /// [`SendError::Full`] past the bounds of [`StreamConfig`]; [`SendError::Closed`] once it ended.
    pub fn event(&self, event: impl Into<Bytes>) -> Result<(), SendError> {
        let event = event.into();
        let mut state = self.shared.lock();
        if state.is_over() {
            return Err(SendError::Closed);
        }
        if state.has_stalled(self.shared.stall) {
            state.close(CloseReason::Stalled).finish(state);
            return Err(SendError::Closed);
        }
        let bytes = state.queue_bytes.saturating_add(event.len());
        if state.queue.len() >= self.shared.queue_events_max || bytes > self.shared.queue_bytes_max
        {
            return Err(SendError::Full);
        }
        let at = state.tick();
        let after = self.shared.group.as_ref().map_or(0, Group::seq);
        state.queue_bytes = bytes;
        state.queue.push_back(Queued {
            at,
            after,
            bytes: event,
        });
        state.offered().wake(state);
        Ok(())
    }

    /// Ends the stream after what is queued.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.end().wake(state);
    }

    /// Ends the stream now; what waits is dropped.
    pub fn evict(&self, reason: CloseReason) {
        let mut state = self.shared.lock();
        if state.closed.is_none() {
            state.close(reason).finish(state);
        }
    }

    /// Lets the client go if it has stalled; answers whether it is gone. A publisher does this by
    /// itself: it is for those that have nothing to send for long.
    pub fn sweep(&self) -> bool {
        let mut state = self.shared.lock();
        if state.closed.is_none() && state.has_stalled(self.shared.stall) {
            state.close(CloseReason::Stalled).finish(state);
            return true;
        }
        state.closed.is_some()
    }

    /// Whether nothing more can be sent.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_over()
    }

    /// How many events and bytes wait for the client, the frame included.
    pub fn waiting(&self) -> (usize, usize) {
        let state = self.shared.lock();
        let frame = state
            .frame
            .as_ref()
            .map_or((0, 0), |(_, frame)| (1, frame.len()));
        (state.queue.len() + frame.0, state.queue_bytes + frame.1)
    }

    /// Since when something waits that the client did not take; `None` if nothing waits.
    pub fn pending_since(&self) -> Option<Instant> {
        self.shared.lock().waiting_since
    }

    /// Whether the client has taken nothing for too long, at a given time. It is not let go by this:
    /// see [`Self::sweep`].
    pub fn is_stalled(&self, now: Instant) -> bool {
        self.pending_since()
            .is_some_and(|since| now.saturating_duration_since(since) >= self.shared.stall)
    }

    /// Waits until the stream is over, and says why.
    ///
    /// # Cancel safety
    /// Cancel safe; one that gave up leaves nothing behind.
    pub async fn closed(&self) -> CloseReason {
        Closed {
            shared: &self.shared,
            at: None,
        }
        .await
    }

    /// Lets the stream go on without a sender: it ends with its client from now on, and not with the
    /// last clone of this. For one that a [`Group`](crate::Group) feeds, and nobody else.
    pub fn detach(self) {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `hook` once when the stream is over; at once if it is already. It runs where the end is
    /// noticed, holding no lock, and should be short.
    pub fn on_close(&self, hook: impl FnOnce(CloseReason) + Send + 'static) {
        self.hook(hook);
    }

    /// As [`Self::on_close`]; answers the number to [`Self::unhook`] by.
    pub(crate) fn hook(&self, hook: impl FnOnce(CloseReason) + Send + 'static) -> u64 {
        let mut state = self.shared.lock();
        let at = state.tick();
        match state.closed {
            Some(reason) => {
                drop(state);
                hook(reason);
            }
            None => state.hooks.push((at, Box::new(hook))),
        }
        at
    }

    /// Takes a hook back that did not run yet.
    pub(crate) fn unhook(&self, hook: u64) {
        let mut state = self.shared.lock();
        let at = state.hooks.iter().position(|(at, _)| *at == hook);
        let taken = at.map(|at| state.hooks.remove(at));
        drop(state);
        // What it holds is dropped without the lock.
        drop(taken);
    }

    /// Says that something else changed what the client shows: what it said that it
    /// [shows](Cursor::shows) when it came does not hold any more.
    pub fn disturb(&self) {
        self.shared.lock().disturbed = true;
    }

    /// Where the stream is in memory: the same for its clones, and for no other while it lives.
    pub(crate) fn address(&self) -> usize {
        self.shared.address()
    }

    /// Whether this is the same stream as another.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        // As `Arc` counts: whoever clones holds one, so it cannot be at zero.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            let mut state = self.shared.lock();
            state.end().wake(state);
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, bytes) = self.waiting();
        f.debug_struct("Sender")
            .field("events", &events)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

/// [`Sender::closed`], which takes its waker back if it is dropped before.
struct Closed<'a> {
    shared: &'a Shared,
    at: Option<u64>,
}

impl Future for Closed<'_> {
    type Output = CloseReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let mut state = self.shared.lock();
        if let Some(reason) = state.closed {
            return Poll::Ready(reason);
        }
        let known = self.at;
        let mut wakers = state.closed_wakers.iter_mut();
        match wakers.find(|(at, _)| Some(*at) == known) {
            Some((_, waker)) if waker.will_wake(cx.waker()) => {}
            Some((_, waker)) => {
                let replaced = std::mem::replace(waker, cx.waker().clone());
                drop(state);
                drop(replaced);
            }
            None => {
                let at = state.tick();
                state.closed_wakers.push((at, cx.waker().clone()));
                drop(state);
                self.at = Some(at);
            }
        }
        Poll::Pending
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.at {
            let mut state = self.shared.lock();
            let at = state.closed_wakers.iter().position(|(at, _)| *at == known);
            let taken = at.map(|at| state.closed_wakers.swap_remove(at));
            drop(state);
            drop(taken);
        }
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // What it guards is whole between statements, and hooks run outside of it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    pub(crate) fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// The group has a new frame for the client.
    pub(crate) fn offer(&self) {
        let mut state = self.lock();
        if state.is_over() {
            return;
        }
        if state.has_stalled(self.stall) {
            state.close(CloseReason::Stalled).finish(state);
        } else {
            state.offered().wake(state);
        }
    }

    /// Notes whether something waits that the client could not be given; answers whether that has
    /// been so for too long.
    pub(crate) fn blocked(&self, is_blocked: bool) -> bool {
        let mut state = self.lock();
        match is_blocked {
            true => _ = state.waiting_since.get_or_insert_with(Instant::now),
            false => state.waiting_since = None,
        }
        state.has_stalled(self.stall)
    }

    /// Ends the stream, if it has not.
    pub(crate) fn end(&self, reason: CloseReason) {
        let mut state = self.lock();
        if state.closed.is_none() {
            state.close(reason).finish(state);
        }
    }
}

/// Who is to be woken once the lock is released.
#[must_use]
struct Woken(Option<Waker>);

impl Woken {
    fn wake(self, state: MutexGuard<'_, State>) {
        drop(state);
        if let Some(waker) = self.0 {
            waker.wake();
        }
    }
}

/// What is to be done once the lock is released.
#[must_use]
struct Closing {
    reason: CloseReason,
    hooks: Vec<(u64, Hook)>,
    wakers: Vec<(u64, Waker)>,
    body: Option<Waker>,
    /// What the client did not get; its owner may run code of its own when it is freed.
    frame: Option<(u64, Bytes)>,
    queue: VecDeque<Queued>,
}

impl Closing {
    fn finish(self, state: MutexGuard<'_, State>) {
        drop(state);
        drop((self.frame, self.queue));
        self.body.into_iter().for_each(Waker::wake);
        for (_, waker) in self.wakers {
            waker.wake();
        }
        for (_, hook) in self.hooks {
            // It may run on a task that many streams share.
            let reason = self.reason;
            if catch_unwind(AssertUnwindSafe(|| hook(reason))).is_err() {
                tracing::error!(?reason, "a hook panicked at the end of a stream");
            }
        }
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.ending || self.closed.is_some()
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn has_stalled(&self, stall: Duration) -> bool {
        self.waiting_since
            .is_some_and(|since| since.elapsed() >= stall)
    }

    /// Notes that something waits; the body is to be woken, since the server polls it then.
    fn offered(&mut self) -> Woken {
        if self.waiting_since.is_none() {
            self.waiting_since = Some(Instant::now());
        }
        Woken(self.body.take())
    }

    fn end(&mut self) -> Woken {
        self.ending = true;
        Woken(self.body.take())
    }

    fn close(&mut self, reason: CloseReason) -> Closing {
        self.closed = Some(reason);
        self.ending = true;
        self.queue_bytes = 0;
        self.waiting_since = None;
        Closing {
            reason,
            hooks: std::mem::take(&mut self.hooks),
            wakers: std::mem::take(&mut self.closed_wakers),
            body: self.body.take(),
            frame: self.frame.take(),
            queue: std::mem::take(&mut self.queue),
        }
    }

    /// What was set first among what waits.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        let frame_is_first = match (&self.frame, self.queue.front()) {
            (Some((frame, _)), Some(event)) => *frame < event.at,
            (frame, _) => frame.is_some(),
        };
        let bytes = if frame_is_first {
            self.frame.take().map(|(_, frame)| frame)
        } else {
            self.queue.pop_front().map(|event| {
                self.queue_bytes -= event.bytes.len();
                event.bytes
            })
        };
        self.taken();
        bytes
    }

    /// The client takes: what still waits has waited from now.
    pub(crate) fn taken(&mut self) {
        self.waiting_since = (self.frame.is_some() || !self.queue.is_empty()).then(Instant::now);
    }

    /// The last frame of the group before the first event that waits, if one does.
    pub(crate) fn next_event_is_after(&self) -> Option<u64> {
        match (&self.frame, self.queue.front()) {
            (Some((frame, _)), Some(event)) if event.at < *frame => Some(event.after),
            (Some(_), _) => Some(0),
            (None, event) => event.map(|event| event.after),
        }
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending
    }

    pub(crate) fn closed(&self) -> Option<CloseReason> {
        self.closed
    }

    pub(crate) fn is_disturbed(&self) -> bool {
        self.disturbed
    }

    /// Leaves a waker for when something is offered; answers what it replaced, to be dropped without
    /// the lock, since it may be the last that holds a task of the app's.
    pub(crate) fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        match &self.body {
            Some(known) if known.will_wake(waker) => None,
            _ => self.body.replace(waker.clone()),
        }
    }
}
