//! The seam between hyper and the lanes.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Io, Joined, Lanes};
use crate::body::{Live, Takeover};
use crate::group::lock;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How requests of a connection are read.
#[derive(Clone, Debug)]
pub struct Http1Config {
    /// A request's head must be complete by then, and a kept-alive connection idle no longer, in
    /// milliseconds.
    pub head_ms: u64,
    /// The largest head of a request. It also bounds what waits for one connection in user space
    /// beside what is being written.
    pub head_bytes_max: usize,
}

impl Default for Http1Config {
    /// 15 seconds, 16 KiB.
    fn default() -> Self {
        Self {
            head_ms: 15_000,
            head_bytes_max: 16 * 1024,
        }
    }
}

impl Lanes {
    /// Serves a connection of HTTP/1.1: requests one after the other, until one is answered with a
    /// stream of [`respond`](crate::respond) or [`Group::respond`](crate::Group::respond), which moves
    /// it into a lane. Poll it as a future; it is done when the connection has ended or has moved.
    ///
    /// `guard` is dropped once the connection has ended, wherever it was by then.
    ///
    /// What is put around a stream's body (a layer that compresses, say) keeps working: a body that
    /// gives out other bytes than the stream's stays with hyper.
    ///
    /// See `examples/lanes.rs`.
    pub fn serve_connection<I, S, B>(
        &self,
        config: &Http1Config,
        io: I,
        service: S,
        guard: impl Any + Send,
    ) -> Connection<I, S, B>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        S: Service<Request<Incoming>, Response = Response<B>>,
        S::Future: Send + 'static,
        S::Error: Into<BoxError> + 'static,
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError> + Send + Unpin,
    {
        let seam = Arc::new(Seam::default());
        let io = TokioIo::new(Watched {
            io,
            seam: seam.clone(),
        });
        let service = Wrapped {
            service,
            seam: seam.clone(),
            body: std::marker::PhantomData,
        };
        let inner = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(config.head_ms))
            .max_buf_size(config.head_bytes_max)
            .serve_connection(io, service);
        Connection {
            inner: Some(inner),
            seam,
            lanes: self.clone(),
            guard: Some(Box::new(guard)),
        }
    }
}

type Inner<I, S, B> = http1::Connection<TokioIo<Watched<I>>, Wrapped<S, B>>;

/// A connection that is served, until it has ended or moved into a lane.
#[must_use = "a connection is served while it is polled"]
pub struct Connection<I, S, B>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError> + Send + Unpin,
{
    /// Nothing once it has moved.
    inner: Option<Inner<I, S, B>>,
    seam: Arc<Seam>,
    lanes: Lanes,
    guard: Option<Box<dyn Any + Send>>,
}

impl<I, S, B> Connection<I, S, B>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError> + Send + Unpin,
{
    /// Ends it after the request that is being answered. It is to be polled further.
    pub fn graceful_shutdown(&mut self) {
        if let Some(inner) = &mut self.inner {
            Pin::new(inner).graceful_shutdown();
        }
    }
}

impl<I, S, B> Future for Connection<I, S, B>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Unpin,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError> + Send + Unpin,
{
    type Output = Result<(), hyper::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(Ok(()));
        };
        if let Poll::Ready(ended) = Pin::new(inner).poll(cx) {
            let upgrade = lock(&self.seam.upgrade).take();
            if let (Some(upgrade), Ok(()), Some(inner)) = (upgrade, &ended, self.inner.take()) {
                let parts = inner.into_parts();
                upgrade.0(Upgraded {
                    io: Box::new(parts.io.into_inner().io),
                    read: parts.read_buf,
                    _guard: self.guard.take(),
                });
            }
            return Poll::Ready(ended);
        }
        let Some(Parked { live, rest }) = self.seam.ready() else {
            return Poll::Pending;
        };
        if let Some(inner) = self.inner.take() {
            let guard = self.guard.take();
            self.lanes.take(Joined {
                io: Box::new(inner.into_parts().io.into_inner().io),
                live,
                _guard: Box::new((guard, rest)),
            });
        }
        Poll::Ready(Ok(()))
    }
}

impl<I, S, B> fmt::Debug for Connection<I, S, B>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError> + Send + Unpin,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

/// Gives `answer`, a `101 Switching Protocols`, the connection once its head is written: for protocols such as
/// WebSocket. It works on connections of [`Lanes::serve_connection`]; elsewhere `switched` is never called.
///
/// `switched` runs on the connection's task and must return at once: it spawns what goes on with the socket.
///
/// Source: RFC 9110, section 7.8.
pub fn upgrade<B>(
    answer: &mut Response<B>,
    switched: impl FnOnce(Upgraded) + Send + Sync + 'static,
) {
    let switch: Switch = Arc::new(Mutex::new(Some(Upgrade(Box::new(switched)))));
    answer.extensions_mut().insert(switch);
}

/// In the extensions, which have to be `Clone`.
type Switch = Arc<Mutex<Option<Upgrade>>>;

struct Upgrade(Box<dyn FnOnce(Upgraded) + Send + Sync>);

/// A connection that speaks another protocol from here on. It counts as open until it is dropped.
pub struct Upgraded {
    io: Box<dyn Io>,
    /// What came after the request's head.
    read: Bytes,
    _guard: Option<Box<dyn Any + Send>>,
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if !self.read.is_empty() {
            let count = self.read.len().min(buffer.remaining());
            buffer.put_slice(&self.read.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgraded")
    }
}

/// What the parts around hyper tell each other about one connection.
#[derive(Default)]
struct Seam {
    /// What takes the connection over once hyper is done with it.
    upgrade: Mutex<Option<Upgrade>>,
    parked: Mutex<Option<Parked>>,
    /// hyper has all that it is to write: the head and the first bytes of a stream.
    is_parked: AtomicBool,
    /// And it has written that.
    is_written: AtomicBool,
}

/// A stream that is about to move.
struct Parked {
    live: Live,
    /// Its body, with what was put around it: dropped when the stream ends.
    rest: Box<dyn Any + Send>,
}

impl Seam {
    fn ready(&self) -> Option<Parked> {
        // All three are used by the connection's own task alone.
        if !self.is_written.load(Ordering::Relaxed) {
            return None;
        }
        lock(&self.parked).take()
    }
}

/// The socket: it notices when all that hyper had to write is written.
struct Watched<I> {
    io: I,
    seam: Arc<Seam>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        // hyper flushes a socket once it has written all that it has.
        if matches!(flushed, Poll::Ready(Ok(()))) && self.seam.is_parked.load(Ordering::Relaxed) {
            self.seam.is_written.store(true, Ordering::Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The service: it notices streams among its answers.
struct Wrapped<S, B> {
    service: S,
    seam: Arc<Seam>,
    body: std::marker::PhantomData<fn() -> B>,
}

impl<S, B> Service<Request<Incoming>> for Wrapped<S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send + Unpin,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // A chunk has no place in an answer of HTTP/1.0, and a stream none in one to HEAD.
        let can_move = request.version() == Version::HTTP_11 && request.method() != Method::HEAD;
        let answer = self.service.call(request);
        let seam = self.seam.clone();
        Box::pin(async move {
            let mut response = answer.await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS
                && let Some(switch) = response.extensions_mut().remove::<Switch>()
            {
                *lock(&seam.upgrade) = lock(&switch).take();
            }
            let takeover = response.extensions_mut().remove::<Takeover>();
            Ok(match takeover {
                Some(takeover) if can_move => park(&seam, takeover, response).await,
                _ => response.map(Answer::Theirs),
            })
        })
    }
}

/// Takes a stream from under what is around its body, if nothing changes what goes through it.
async fn park<B>(seam: &Arc<Seam>, takeover: Takeover, response: Response<B>) -> Response<Answer<B>>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
{
    let (mut head, mut rest) = response.into_parts();
    takeover.speak();
    let mut first = None;
    let polled = std::future::poll_fn(|cx| {
        first = match Pin::new(&mut rest).poll_frame(cx) {
            Poll::Ready(frame) => Some(frame),
            // What is around it holds the first bytes back.
            Poll::Pending => None,
        };
        Poll::Ready(())
    });
    polled.await;
    let first = match first {
        None => return Response::from_parts(head, Answer::Theirs(rest)),
        Some(first) => first,
    };
    let opening = first
        .as_ref()
        .and_then(|frame| frame.as_ref().ok()?.data_ref())
        .cloned();
    let live = opening.as_ref().and_then(|opening| takeover.take(opening));
    let body = match (live, opening) {
        (Some(live), Some(opening)) => {
            head.headers
                .insert(CONNECTION, HeaderValue::from_static("close"));
            let rest = Box::new(rest);
            *lock(&seam.parked) = Some(Parked { live, rest });
            Answer::Opening(Some(opening), seam.clone())
        }
        _ => Answer::Begun(Some(first), rest),
    };
    Response::from_parts(head, body)
}

/// The body that hyper writes.
enum Answer<B: http_body::Body> {
    Theirs(B),
    /// The same, where one frame was taken out to look at it.
    Begun(Option<Option<Result<Frame<Bytes>, B::Error>>>, B),
    /// The first bytes of a stream; a lane writes the others.
    Opening(Option<Bytes>, Arc<Seam>),
}

impl<B> http_body::Body for Answer<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut *self {
            Self::Theirs(body) => Pin::new(body).poll_frame(cx),
            Self::Begun(first, body) => match first.take() {
                Some(first) => Poll::Ready(first),
                None => Pin::new(body).poll_frame(cx),
            },
            Self::Opening(opening, seam) => match opening.take() {
                Some(opening) => Poll::Ready(Some(Ok(Frame::data(opening)))),
                None => {
                    seam.is_parked.store(true, Ordering::Relaxed);
                    Poll::Pending
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Theirs(body) | Self::Begun(None, body) => body.is_end_stream(),
            Self::Begun(Some(None), _) => true,
            Self::Begun(Some(Some(_)), _) | Self::Opening(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Theirs(body) => body.size_hint(),
            Self::Begun(..) | Self::Opening(..) => SizeHint::default(),
        }
    }
}
