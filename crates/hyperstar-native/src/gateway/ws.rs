//! WebSockets: from a browser to a process and back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyperstar_process::abi::{CallError, Origin, Viewer, WsHead, WsKind};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::ANSWER_MS;
use crate::host::{Ask, Host, Process};

/// The largest message of a browser.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Messages that wait for one browser; past it, its socket is closed.
const WAITING_MAX: usize = 256;
/// What those may have together.
const WAITING_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;
/// The most open sockets of one process.
const CHANNELS_MAX: usize = 10_000;
/// Of those, the most of one session, so of one browser. All that have none count as one such, of a larger size.
const SESSION_CHANNELS_MAX: usize = 100;
const NO_SESSION_CHANNELS_MAX: usize = CHANNELS_MAX / 2;
/// A quiet socket is asked this often whether it is still there.
const PING: Duration = Duration::from_secs(30);
/// So often without an answer.
const PINGS_MAX: u32 = 2;
/// A browser that takes nothing for so long is let go.
const STALL: Duration = Duration::from_secs(30);
/// Why sockets of a process end with it.
const ENDED: &str = "the app has ended";
/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The open sockets of a host.
#[derive(Default)]
pub(crate) struct Channels {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Channel>>,
}

struct Channel {
    process: Arc<str>,
    session: Option<String>,
    out: mpsc::Sender<Out>,
    line: Line,
}

/// What a socket's task and those who send by it share.
#[derive(Clone, Default)]
struct Line {
    /// What waits, in bytes.
    waiting: Arc<AtomicUsize>,
    /// Too much waits.
    gone: CancellationToken,
}

enum Out {
    Message(Message),
    Close(CloseCode, &'static str),
}

impl Channels {
    /// Sends to a browser, if the socket is this process's. Whoever takes nothing is let go.
    pub(crate) fn push(&self, process: &str, channel: u64, binary: bool, body: Vec<u8>) {
        let message = match (binary, String::from_utf8(body)) {
            (false, Ok(text)) => Message::text(text),
            (_, Ok(text)) => Message::binary(text.into_bytes()),
            (_, Err(error)) => Message::binary(error.into_bytes()),
        };
        let bytes = message.len();
        let mut open = self.lock();
        let Some(found) = open.get(&channel) else {
            return;
        };
        if *found.process != *process {
            return;
        }
        let waited = found.line.waiting.fetch_add(bytes, Ordering::Relaxed);
        let fits = waited == 0 || waited + bytes <= WAITING_BYTES_MAX;
        if !fits || found.out.try_send(Out::Message(message)).is_err() {
            found.line.gone.cancel();
            open.remove(&channel);
        }
    }

    /// Closes a socket, if it is this process's.
    pub(crate) fn close(&self, process: &str, channel: u64) {
        let mut open = self.lock();
        if open
            .get(&channel)
            .is_some_and(|found| *found.process == *process)
            && let Some(found) = open.remove(&channel)
        {
            // A full queue ends it as well: its sender is gone.
            let _ = found.out.try_send(Out::Close(CloseCode::Normal, ""));
        }
    }

    /// Closes all sockets of a process, which has ended.
    pub(crate) fn close_all(&self, process: &str) {
        self.lock().retain(|_, found| {
            if *found.process != *process {
                return true;
            }
            let _ = found.out.try_send(Out::Close(CloseCode::Away, ENDED));
            false
        });
    }

    fn open(&self, process: &Arc<str>, session: Option<String>) -> Result<Place, &'static str> {
        let mut open = self.lock();
        let own = || open.values().filter(|found| found.process == *process);
        if own().count() >= CHANNELS_MAX {
            return Err("too many sockets of this app are open");
        }
        let of_session = own().filter(|found| found.session == session).count();
        match session {
            Some(_) if of_session >= SESSION_CHANNELS_MAX => {
                return Err("this browser has too many sockets of this app open");
            }
            None if of_session >= NO_SESSION_CHANNELS_MAX => {
                return Err("too many sockets without a session are open; ask for a page first");
            }
            _ => {}
        }
        let channel = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (out, queue) = mpsc::channel(WAITING_MAX);
        let line = Line::default();
        let found = Channel {
            process: process.clone(),
            session,
            out,
            line: line.clone(),
        };
        open.insert(channel, found);
        Ok(Place {
            channel,
            queue,
            line,
        })
    }

    fn forget(&self, channel: u64) {
        self.lock().remove(&channel);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Channel>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a socket is served with.
struct Place {
    channel: u64,
    queue: mpsc::Receiver<Out>,
    line: Line,
}

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(parts: &Parts) -> bool {
    parts.method == Method::GET
        && parts
            .headers
            .get(UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers a request for a WebSocket, and serves it from then on.
pub(super) fn accept(
    host: &Host,
    process: &Arc<Process>,
    path: String,
    viewer: Option<Viewer>,
    parts: &mut Parts,
) -> Response {
    // A socket is no request that the framework's protection sees: a page of another site may open one.
    if let Some(origin) = parts.headers.get(http::header::ORIGIN) {
        let host_name = parts.headers.get(http::header::HOST);
        let same = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, authority)| {
                host_name
                    .is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(authority.as_bytes()))
            });
        if !same {
            let reason =
                "this WebSocket was asked for by a page of another site, so it was refused";
            return (StatusCode::FORBIDDEN, reason).into_response();
        }
    }
    let key = match parts.headers.get(SEC_WEBSOCKET_KEY) {
        Some(key)
            if parts
                .headers
                .get(SEC_WEBSOCKET_VERSION)
                .is_some_and(|version| version == "13") =>
        {
            key
        }
        _ => {
            let version = [(SEC_WEBSOCKET_VERSION, "13")];
            return (
                StatusCode::UPGRADE_REQUIRED,
                version,
                "only version 13 of WebSocket is spoken here",
            )
                .into_response();
        }
    };
    let session = viewer.as_ref().map(|viewer| viewer.session.clone());
    let Place {
        channel,
        queue,
        line,
    } = match host.channels().open(process.name(), session) {
        Ok(place) => place,
        Err(reason) => return (StatusCode::SERVICE_UNAVAILABLE, reason).into_response(),
    };
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accepted) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    }
    let open = Open {
        host: host.clone(),
        process: process.clone(),
        channel,
        path,
        viewer,
    };
    hyperstar::sse::upgrade(&mut answer, move |socket| {
        let tasks = open.host.tasks().clone();
        tasks.spawn(async move {
            let config = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_BYTES_MAX))
                .max_frame_size(Some(MESSAGE_BYTES_MAX));
            let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
            open.serve(socket, queue, line).await;
        });
    });
    answer
}

/// An open socket.
struct Open {
    host: Host,
    process: Arc<Process>,
    channel: u64,
    path: String,
    viewer: Option<Viewer>,
}

/// Also where the connection ends before the protocol has changed.
impl Drop for Open {
    fn drop(&mut self) {
        self.host.channels().forget(self.channel);
    }
}

impl Open {
    /// Reads the next message once the process has taken the last: a browser that sends faster waits.
    async fn serve(
        self,
        socket: WebSocketStream<hyperstar::sse::Upgraded>,
        mut queue: mpsc::Receiver<Out>,
        line: Line,
    ) {
        let (mut sink, mut stream) = socket.split();
        let (pongs, mut pong) = mpsc::channel(1);
        let ending = self.host.hanging_up().clone();
        // Pings that nothing was heard after.
        let unheard = AtomicU32::new(0);
        let writing = async {
            let mut pings = tokio::time::interval(PING);
            pings.tick().await;
            // The last words.
            let last = loop {
                let (message, bytes) = tokio::select! {
                    () = ending.cancelled() => break (CloseCode::Restart, "the node is stopping"),
                    () = line.gone.cancelled() => {
                        break (CloseCode::Again, "too much waits for this socket");
                    }
                    out = queue.recv() => match out {
                        Some(Out::Message(message)) => {
                            let bytes = message.len();
                            (message, bytes)
                        }
                        Some(Out::Close(code, reason)) => break (code, reason),
                        None => break (CloseCode::Again, "too much waits for this socket"),
                    },
                    Some(body) = pong.recv() => (Message::Pong(body), 0),
                    _ = pings.tick() => {
                        if unheard.fetch_add(1, Ordering::Relaxed) >= PINGS_MAX {
                            return None;
                        }
                        (Message::Ping(Default::default()), 0)
                    }
                };
                // Who takes nothing holds up his own socket, and not its end.
                tokio::select! {
                    sent = sink.send(message) => if sent.is_err() {
                        return None;
                    },
                    () = line.gone.cancelled() => return None,
                    () = ending.cancelled() => return None,
                    () = tokio::time::sleep(STALL) => return None,
                }
                line.waiting.fetch_sub(bytes, Ordering::Relaxed);
            };
            Some(last)
        };
        let reading = async {
            self.tell(WsKind::Opened, Vec::new()).await?;
            while let Some(Ok(message)) = stream.next().await {
                match message {
                    Message::Text(text) => {
                        self.tell(WsKind::Text, text.as_bytes().to_vec()).await?;
                    }
                    Message::Binary(bytes) => self.tell(WsKind::Binary, bytes.to_vec()).await?,
                    Message::Ping(body) => {
                        // One answer is enough for pings that come faster than they are answered.
                        let _ = pongs.try_send(body);
                    }
                    Message::Close(_) => break,
                    _ => {}
                }
                unheard.store(0, Ordering::Relaxed);
            }
            Ok(())
        };
        let last = tokio::select! {
            last = writing => last,
            ended = reading => ended.err(),
        };
        if let Some((code, reason)) = last {
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            let closing = sink.send(Message::Close(Some(frame)));
            // It may be gone, or take nothing.
            let _ = tokio::time::timeout(FAREWELL, closing).await;
        }
        self.host.channels().forget(self.channel);
        // Whoever has ended need not know.
        let _ = self.tell(WsKind::Closed, Vec::new()).await;
    }

    /// Tells the process. An error says what its browser is told: the socket is of no use then.
    async fn tell(&self, kind: WsKind, body: Vec<u8>) -> Result<(), (CloseCode, &'static str)> {
        let origin = Origin::Ws(WsHead {
            channel: self.channel,
            kind,
            path: self.path.clone(),
            viewer: self.viewer.clone(),
        });
        let ask = Ask {
            origin,
            handler: String::new(),
            body,
            timeout_ms: ANSWER_MS,
            key: None,
        };
        let told = self.host.ask(self.process.id(), ask).await;
        told.map(drop).map_err(|error| {
            tracing::debug!(process = self.process.id(), %error, "a WebSocket ends");
            match error {
                CallError::Crashed | CallError::Stopped | CallError::NoProcess(_) => {
                    (CloseCode::Away, ENDED)
                }
                _ => (CloseCode::Error, "the app does not take what was sent"),
            }
        })
    }
}
