//! The server's end of a stream.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Instant, Sleep};

use crate::encoding::Encoder;
use crate::group::{CannotCode, Cursor, Piece, codec, lock};
use crate::stream::{CloseReason, Shared};

/// The shortest time between two comments, in milliseconds.
const KEEP_ALIVE_MS_MIN: u64 = 10;
/// A comment that says nothing: it keeps proxies from hanging up, and shows a dead socket.
const KEEP_ALIVE: &[u8] = b":\n\n";

/// The server's end of a stream: a body for any server that takes [`http_body::Body`].
///
/// Dropping it is how a server says that the client is gone.
pub struct Body {
    inner: Inner,
}

enum Inner {
    /// Shared with whoever may take it over.
    Live(Arc<Mutex<Option<Live>>>),
    /// The last piece of a stream that ended, or the whole of one that was never live.
    Last(Option<Bytes>),
}

/// Where a stream's bytes come from.
pub(crate) enum Source {
    /// Its sender alone, by an encoder of its own if it is compressed.
    Own(Option<Encoder>),
    /// A group's frames, and its sender.
    Group(Box<Cursor>),
}

/// What a stream writes next.
pub(crate) enum Next {
    /// This.
    Piece(Piece),
    /// The same, where no chunk of it is shared.
    Bytes(Bytes),
    /// Nothing until the waker is called.
    Idle,
    /// The last, and then nothing any more.
    Last(Bytes),
}

/// A stream that somebody writes out.
pub(crate) struct Live {
    shared: Arc<Shared>,
    source: Source,
    keep_alive: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    /// When something was last written.
    last: Instant,
    /// The group tells this stream of its frames.
    is_watching: bool,
    /// It says something now, if only that it is there.
    #[cfg(feature = "http1")]
    must_speak: bool,
    /// Where the last bytes given out are in memory.
    #[cfg(feature = "http1")]
    given: (usize, usize),
}

impl Live {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn cursor(&mut self) -> Option<&mut Cursor> {
        match &mut self.source {
            Source::Own(_) => None,
            Source::Group(cursor) => Some(cursor),
        }
    }

    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        self.keep_alive
    }

    /// Counts bytes that are written, where somebody counts.
    pub(crate) fn count(&self, bytes: usize) {
        if let Source::Group(cursor) = &self.source {
            cursor.group().meter().of(cursor.encoding()).sent(bytes);
        }
    }

    /// What is to be written next. If that is nothing, the waker has been left.
    pub(crate) fn next(&mut self, waker: &Waker) -> Next {
        let next = self.produce(waker);
        #[cfg(feature = "http1")]
        {
            self.must_speak = false;
        }
        match next {
            Ok(next) => next,
            Err(CannotCode) => {
                // Writing to memory does not fail, so this is our bug or the encoder's.
                tracing::error!("an encoder failed; its stream ends");
                self.shared.end(CloseReason::Ended);
                Next::Last(Bytes::new())
            }
        }
    }

    fn produce(&mut self, waker: &Waker) -> Result<Next, CannotCode> {
        loop {
            let mut state = self.shared.lock();
            let event_is_after = state.next_event_is_after();
            match &mut self.source {
                Source::Own(None) => {
                    if let Some(bytes) = state.take() {
                        return Ok(Next::Bytes(bytes));
                    }
                }
                Source::Own(Some(encoder)) => {
                    // All that waits shares one flush. It is encoded without the lock, since a
                    // publisher is not to wait for that.
                    let taken: Vec<Bytes> = std::iter::from_fn(|| state.take()).collect();
                    if !taken.is_empty() {
                        drop(state);
                        let encoded = taken.iter().try_for_each(|bytes| encoder.put(bytes));
                        let encoded = encoded.and_then(|()| encoder.flush());
                        return encoded.map(Next::Bytes).map_err(|_| CannotCode);
                    }
                }
                Source::Group(cursor) => {
                    if state.is_disturbed() {
                        cursor.disturb();
                    }
                    let group_seq = cursor.group().seq();
                    let frame_is_first = |after| {
                        // Sent after the frame that is the last, which the client does not have.
                        cursor.is_open() && cursor.seq() < after && after == group_seq
                    };
                    if event_is_after.is_some_and(|after| !frame_is_first(after)) {
                        // Those that were sent after the frame are to come after it.
                        let taken: Vec<Bytes> = std::iter::from_fn(|| {
                            let after = state.next_event_is_after()?;
                            if frame_is_first(after) {
                                return None;
                            }
                            state.take()
                        })
                        .collect();
                        drop(state);
                        return cursor.alone(&taken.concat()).map(Next::Piece);
                    }
                    if state.closed().is_none() && !(cursor.is_open() && cursor.seq() == group_seq)
                    {
                        state.taken();
                        drop(state);
                        if let Some(piece) = cursor.advance()? {
                            return Ok(Next::Piece(piece));
                        }
                        // Another frame may have come.
                        continue;
                    }
                }
            }
            if state.is_ending() {
                drop(state);
                self.shared.end(CloseReason::Ended);
                let last = match &mut self.source {
                    Source::Own(encoder) => encoder
                        .take()
                        .and_then(|encoder| encoder.finish().ok())
                        .unwrap_or_default(),
                    Source::Group(cursor) => cursor.finish(),
                };
                return Ok(Next::Last(last));
            }
            let replaced = state.wait(waker);
            drop(state);
            drop(replaced);
            if let Source::Group(cursor) = &self.source
                && cursor.seq() != cursor.group().seq()
            {
                // Published before the waker was there.
                continue;
            }
            #[cfg(feature = "http1")]
            if std::mem::take(&mut self.must_speak) {
                return self.beat();
            }
            return Ok(Next::Idle);
        }
    }

    /// What shows that the stream is alive.
    pub(crate) fn beat(&mut self) -> Result<Next, CannotCode> {
        match &mut self.source {
            Source::Own(None) => Ok(Next::Bytes(Bytes::from_static(KEEP_ALIVE))),
            Source::Own(Some(encoder)) => {
                let beat = encoder.put(KEEP_ALIVE).and_then(|()| encoder.flush());
                beat.map(Next::Bytes).map_err(|_| CannotCode)
            }
            Source::Group(cursor) => Ok(Next::Bytes(Bytes::from_static(codec::beat(
                cursor.encoding(),
            )))),
        }
    }

    /// Stops being told of frames: whoever took the stream over is.
    pub(crate) fn unwatch(&mut self) {
        if std::mem::take(&mut self.is_watching)
            && let Some(group) = self.shared.group()
        {
            group.unwatch(&self.shared);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        match self.next(cx.waker()) {
            Next::Idle => {}
            next => {
                self.last = Instant::now();
                return Poll::Ready(next);
            }
        }
        let Some(every) = self.keep_alive else {
            return Poll::Pending;
        };
        loop {
            let due = self.last + every;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // Set anew only when it fires: most streams speak long before.
            timer.as_mut().reset(due);
            if due <= Instant::now() {
                self.last = Instant::now();
                let beat = self.beat();
                return Poll::Ready(beat.unwrap_or(Next::Last(Bytes::new())));
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.unwatch();
        self.shared.end(CloseReason::Disconnected);
    }
}

impl Body {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self {
            inner: Inner::Last(Some(bytes)),
        }
    }

    pub(crate) fn live(shared: Arc<Shared>, source: Source, keep_alive_ms: Option<u64>) -> Self {
        let is_watching = shared.group().is_some();
        if let Some(group) = shared.group() {
            group.watch(&shared);
        }
        let live = Live {
            shared,
            source,
            // A body that always has something to say would never let its task rest.
            keep_alive: keep_alive_ms.map(|ms| Duration::from_millis(ms.max(KEEP_ALIVE_MS_MIN))),
            timer: None,
            last: Instant::now(),
            is_watching,
            #[cfg(feature = "http1")]
            must_speak: false,
            #[cfg(feature = "http1")]
            given: (0, 0),
        };
        Self {
            inner: Inner::Live(Arc::new(Mutex::new(Some(live)))),
        }
    }

    /// The stream, if it is one.
    pub(crate) fn into_live(self) -> Result<Live, Self> {
        let live = match &self.inner {
            Inner::Live(live) => lock(live).take(),
            Inner::Last(_) => None,
        };
        live.ok_or(self)
    }

    /// The way to take the stream over from under whatever was put around its body.
    #[cfg(feature = "http1")]
    pub(crate) fn takeover(&self) -> Option<Takeover> {
        match &self.inner {
            Inner::Live(live) => Some(Takeover(Arc::downgrade(live))),
            Inner::Last(_) => None,
        }
    }
}

/// Takes a stream over from the server that has its body. It holds nothing: the stream ends with its
/// body.
#[cfg(feature = "http1")]
#[derive(Clone)]
pub(crate) struct Takeover(std::sync::Weak<Mutex<Option<Live>>>);

#[cfg(feature = "http1")]
impl Takeover {
    /// Has the body say something when it is polled next.
    pub(crate) fn speak(&self) {
        if let Some(live) = self.0.upgrade()
            && let Some(live) = &mut *lock(&live)
        {
            live.must_speak = true;
        }
    }

    /// The stream, if these are the bytes that its body gave out last: then nothing around the body
    /// changes what goes through it.
    pub(crate) fn take(&self, given: &Bytes) -> Option<Live> {
        let live = self.0.upgrade()?;
        let mut live = lock(&live);
        match &mut *live {
            Some(known) if known.given == at(given) => live.take(),
            _ => None,
        }
    }
}

/// Where bytes are in memory.
#[cfg(feature = "http1")]
fn at(bytes: &Bytes) -> (usize, usize) {
    (bytes.as_ptr().addr(), bytes.len())
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let live = match &mut self.inner {
            Inner::Last(bytes) => {
                return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
            }
            Inner::Live(live) => live.clone(),
        };
        let mut live = lock(&live);
        let Some(live) = &mut *live else {
            // Taken over: somebody else writes it.
            return Poll::Pending;
        };
        let bytes = match live.poll(cx) {
            Poll::Pending | Poll::Ready(Next::Idle) => return Poll::Pending,
            Poll::Ready(Next::Piece(piece)) => piece.bytes(),
            Poll::Ready(Next::Bytes(bytes)) => bytes,
            Poll::Ready(Next::Last(last)) => {
                self.inner = Inner::Last(None);
                let last = Some(last).filter(|last| !last.is_empty());
                return Poll::Ready(last.map(|last| Ok(Frame::data(last))));
            }
        };
        #[cfg(feature = "http1")]
        {
            live.given = at(&bytes);
        }
        live.count(bytes.len());
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.inner, Inner::Last(None))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.inner {
            Inner::Last(Some(bytes)) => http_body::SizeHint::with_exact(bytes.len() as u64),
            Inner::Last(None) => http_body::SizeHint::with_exact(0),
            Inner::Live(_) => http_body::SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}
