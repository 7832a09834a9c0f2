//! WebSockets: from a browser to a process and back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
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
use hyperstar_process::abi::{Origin, Viewer, WsHead, WsKind};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use super::ANSWER_MS;
use crate::host::{Ask, Host, Process};

/// The largest message of a browser.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Messages that wait for one browser; past it, its socket is closed.
const WAITING_MAX: usize = 256;
/// The most open sockets of one process.
const CHANNELS_MAX: usize = 10_000;
/// A quiet socket is asked this often whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// The open sockets of a host.
#[derive(Default)]
pub(crate) struct Channels {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Channel>>,
}

struct Channel {
    process: Arc<str>,
    out: mpsc::Sender<Out>,
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
        let mut open = self.lock();
        if let Some(found) = open.get(&channel)
            && *found.process == *process
            && found.out.try_send(Out::Message(message)).is_err()
        {
            // The task notices that nobody can send any longer, and closes.
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
            let _ = found
                .out
                .try_send(Out::Close(CloseCode::Away, "the app has ended"));
            false
        });
    }

    fn open(&self, process: &Arc<str>) -> Option<(u64, mpsc::Receiver<Out>)> {
        let mut open = self.lock();
        let taken = open
            .values()
            .filter(|found| found.process == *process)
            .count();
        if taken >= CHANNELS_MAX {
            return None;
        }
        let channel = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (out, queue) = mpsc::channel(WAITING_MAX);
        let process = process.clone();
        open.insert(channel, Channel { process, out });
        Some((channel, queue))
    }

    fn forget(&self, channel: u64) {
        self.lock().remove(&channel);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Channel>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    let Some((channel, queue)) = host.channels().open(process.name()) else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many sockets of this app are open",
        )
            .into_response();
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
            open.serve(socket, queue).await;
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
    ) {
        let (mut sink, mut stream) = socket.split();
        let (pongs, mut pong) = mpsc::channel(1);
        let stopping = self.host.stopping().clone();
        let writing = async {
            let mut pings = tokio::time::interval(PING);
            pings.tick().await;
            let last = loop {
                let sent = tokio::select! {
                    () = stopping.cancelled() => break (CloseCode::Restart, "the node is stopping"),
                    out = queue.recv() => match out {
                        Some(Out::Message(message)) => sink.send(message).await,
                        Some(Out::Close(code, reason)) => break (code, reason),
                        None => break (CloseCode::Again, "too much waits for this socket"),
                    },
                    Some(body) = pong.recv() => sink.send(Message::Pong(body)).await,
                    _ = pings.tick() => sink.send(Message::Ping(Default::default())).await,
                };
                if sent.is_err() {
                    return;
                }
            };
            let (code, reason) = last;
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            let _ = sink.send(Message::Close(Some(frame))).await;
        };
        let reading = async {
            if !self.tell(WsKind::Opened, Vec::new()).await {
                return;
            }
            while let Some(Ok(message)) = stream.next().await {
                let taken = match message {
                    Message::Text(text) => self.tell(WsKind::Text, text.as_bytes().to_vec()).await,
                    Message::Binary(bytes) => self.tell(WsKind::Binary, bytes.to_vec()).await,
                    Message::Ping(body) => {
                        // One answer is enough for pings that come faster than they are answered.
                        let _ = pongs.try_send(body);
                        true
                    }
                    Message::Close(_) => break,
                    _ => true,
                };
                if !taken {
                    return;
                }
            }
        };
        tokio::select! {
            () = writing => {}
            () = reading => {}
        }
        self.host.channels().forget(self.channel);
        self.tell(WsKind::Closed, Vec::new()).await;
    }

    /// Tells the process. False if it could not be told, so that the socket is of no use.
    async fn tell(&self, kind: WsKind, body: Vec<u8>) -> bool {
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
        match self.host.ask(self.process.id(), ask).await {
            Ok(_) => true,
            Err(error) => {
                tracing::debug!(process = self.process.id(), %error, "a WebSocket ends");
                false
            }
        }
    }
}
