//! What the tests share: deadlines, pieces of bodies, configurations.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use hyperstar_sse::{Body, Compression, Encoding, Event, Sender, StreamConfig};

/// Far beyond what anything here takes: to reach it is to have failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for something that has to happen, in real time.
pub(crate) async fn within<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(DEADLINE, what)
        .await
        .expect("it happens before the deadline")
}

/// A stream without timers and without compression.
pub(crate) fn quiet() -> StreamConfig {
    StreamConfig {
        keep_alive_ms: None,
        compression: Compression::off(),
        ..StreamConfig::default()
    }
}

pub(crate) fn plain(config: &StreamConfig) -> (Sender, Body) {
    hyperstar_sse::stream(config, Encoding::Identity)
}

pub(crate) fn data(text: &str) -> Event {
    Event::new().data(text)
}

/// What a body has to give at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Nothing,
    Bytes(Bytes),
    End,
}

pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Piece {
    Piece::Bytes(bytes.into())
}

pub(crate) fn poll_with(body: &mut Body, waker: &Waker) -> Piece {
    match http_body::Body::poll_frame(Pin::new(body), &mut Context::from_waker(waker)) {
        Poll::Pending => Piece::Nothing,
        Poll::Ready(None) => Piece::End,
        Poll::Ready(Some(Ok(frame))) => {
            Piece::Bytes(frame.into_data().expect("it has no trailers"))
        }
    }
}

pub(crate) fn poll(body: &mut Body) -> Piece {
    poll_with(body, Waker::noop())
}

/// Everything that a body has to give at once, and whether it ended.
pub(crate) fn drain(body: &mut Body) -> (Vec<Bytes>, bool) {
    let mut pieces = Vec::new();
    loop {
        match poll(body) {
            Piece::Bytes(bytes) => pieces.push(bytes),
            end => return (pieces, end == Piece::End),
        }
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Bell {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let bell = Arc::new(Self::default());
        (bell.clone(), Waker::from(bell))
    }

    pub(crate) fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs something that could hang for ever if it is wrong.
pub(crate) fn does_not_hang(what: impl FnOnce() + Send + 'static) {
    let (done, is_done) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        what();
        // Nobody listens once the deadline has passed.
        let _ = done.send(());
    });
    match is_done.recv_timeout(DEADLINE) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().unwrap(),
    }
}
