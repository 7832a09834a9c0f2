//! Lanes: few tasks that write streams to many sockets themselves.

#[cfg(feature = "http1")]
mod http1;
mod lane;

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use crate::body::{Body, Live};
use crate::group::{Group, lock};

#[cfg(feature = "http1")]
pub use http1::{Connection, Http1Config, Upgraded, upgrade};

/// Writes streams to their sockets without a task, a buffer or a poll of a server for each.
///
/// A connection is served by hyper until it is answered with a stream (`serve_connection`, with the
/// feature `http1`). Once the head of that answer is written, the socket is moved to a lane: a task
/// that owns many, and that writes a group's new frame to one after the other, from one shared buffer.
/// There is a lane for each worker thread.
///
/// Guarantees: a client that does not read costs its place and one reference to what it was being sent;
/// it delays nobody, and is let go after [`StreamConfig::stall_ms`](crate::StreamConfig::stall_ms). One
/// group, however large, does not hold up the others of its lane: they take turns.
///
/// # Design
/// What a viewer costs per frame is then the system call and little else. Through a server's
/// connection it is a wake-up, a task switch, and two layers of buffers and states as well.
#[derive(Clone, Default)]
pub struct Lanes {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Started with the first connection: only then is there a runtime for certain.
    inboxes: OnceLock<Vec<Arc<Inbox>>>,
    next: AtomicUsize,
}

impl Lanes {
    /// Lanes on the runtime on which they are used first.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many connections they write to.
    pub fn connections(&self) -> usize {
        let inboxes = self.shared.inboxes.get();
        inboxes.map_or(0, |inboxes| {
            inboxes
                .iter()
                .map(|inbox| inbox.connections.load(Ordering::Relaxed))
                .sum()
        })
    }

    /// Writes a stream to a connection whose request has been read and whose head has been written: one
    /// of HTTP/1.1, with `transfer-encoding: chunked`. It ends the connection with the stream, and drops
    /// `guard` then.
    ///
    /// # Errors
    /// Gives a body back that is no stream: one that is whole, or that another lane has.
    ///
    /// # Panics
    /// The first time, outside of a Tokio runtime.
    pub fn adopt<I>(&self, io: I, body: Body, guard: impl Any + Send) -> Result<(), Body>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let live = body.into_live()?;
        self.take(Joined {
            io: Box::new(io),
            live,
            _guard: Box::new(guard),
        });
        Ok(())
    }

    fn take(&self, joined: Joined) {
        let inboxes = self.shared.inboxes.get_or_init(|| {
            let count = tokio::runtime::Handle::current().metrics().num_workers();
            (0..count.max(1)).map(|_| lane::start()).collect()
        });
        let next = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let inbox = &inboxes[next % inboxes.len()];
        inbox.connections.fetch_add(1, Ordering::Relaxed);
        inbox.post(|mail| mail.joined.push(joined));
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for inbox in self.inboxes.get().into_iter().flatten() {
            inbox.post(|mail| mail.is_closed = true);
        }
    }
}

/// A socket, or what stands for one.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that moves into a lane. Its answer's head is written.
struct Joined {
    io: Box<dyn Io>,
    live: Live,
    /// Dropped once the connection has ended.
    _guard: Box<dyn Any + Send>,
}

/// What a lane is told.
#[derive(Default)]
struct Mail {
    joined: Vec<Joined>,
    /// Connections that something happened to: their sockets, or their streams.
    ready: Vec<u32>,
    /// Groups that have a new frame.
    published: Vec<Arc<Seat>>,
    is_closed: bool,
}

impl Mail {
    fn is_empty(&self) -> bool {
        self.joined.is_empty()
            && self.ready.is_empty()
            && self.published.is_empty()
            && !self.is_closed
    }
}

struct Inbox {
    mail: Mutex<Mail>,
    told: Notify,
    connections: AtomicUsize,
}

impl Inbox {
    fn new() -> Self {
        Self {
            mail: Mutex::default(),
            told: Notify::new(),
            connections: AtomicUsize::new(0),
        }
    }

    fn post(&self, put: impl FnOnce(&mut Mail)) {
        let was_empty = {
            let mut mail = lock(&self.mail);
            let was_empty = mail.is_empty();
            put(&mut mail);
            was_empty
        };
        if was_empty {
            self.told.notify_one();
        }
    }
}

/// A group's place in a lane: how the lane learns of its frames.
pub(crate) struct Seat {
    group: u64,
    inbox: Arc<Inbox>,
    /// In the inbox, not looked at yet.
    is_posted: AtomicBool,
    /// A frame that was in the inbox has not been offered to all of the lane's clients yet.
    is_busy: AtomicBool,
}

impl Seat {
    fn new(group: &Group, inbox: &Arc<Inbox>) -> Arc<Self> {
        Arc::new(Self {
            group: group.id(),
            inbox: inbox.clone(),
            is_posted: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
        })
    }

    pub(crate) fn published(self: Arc<Self>) {
        if !self.is_posted.swap(true, Ordering::SeqCst) {
            let inbox = self.inbox.clone();
            inbox.post(|mail| mail.published.push(self));
        }
    }

    /// Whether a frame is on its way. The lane says that it is busy before it takes a seat out of the
    /// inbox, so what is looked at here in this order misses nothing in between.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_posted.load(Ordering::SeqCst) || self.is_busy.load(Ordering::SeqCst)
    }
}

/// What wakes one connection: its number goes into the inbox, once until it is looked at.
struct Token {
    number: u32,
    inbox: Arc<Inbox>,
    is_posted: AtomicBool,
}

impl Token {
    fn waker(number: u32, inbox: &Arc<Inbox>) -> (Arc<Self>, Waker) {
        let token = Arc::new(Self {
            number,
            inbox: inbox.clone(),
            is_posted: AtomicBool::new(false),
        });
        let waker = Waker::from(token.clone());
        (token, waker)
    }
}

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_posted.swap(true, Ordering::AcqRel) {
            self.inbox.post(|mail| mail.ready.push(self.number));
        }
    }
}
