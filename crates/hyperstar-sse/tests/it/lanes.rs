//! Lanes over real sockets: what is written, what moves, who is let go.

mod scripted;
mod stress;
mod upgrades;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyperstar_sse::{
    CloseReason, Compression, Encoders, Group, Http1Config, Lanes, Sender, StreamConfig, respond,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::support::{DEADLINE, quiet, within};

/// Groups by path, and paths that do something to a stream's body.
#[derive(Clone)]
struct Stage {
    config: StreamConfig,
    groups: Arc<HashMap<&'static str, Group>>,
    joined: mpsc::UnboundedSender<Sender>,
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

impl Stage {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        let (path, headers) = (request.uri().path(), request.headers());
        let group = |path| self.groups.get(path);
        let (sender, response) = match group(path).or_else(|| group("/")) {
            Some(group) if path != "/own" => group.respond(headers, &self.config, None),
            _ if path == "/page" => {
                return Response::new(UnsyncBoxBody::new(Full::from("a page")));
            }
            _ => respond(headers, &self.config),
        };
        // The test may be over.
        let _ = self.joined.send(sender);
        response.map(|body| match path {
            "/upper" => UnsyncBoxBody::new(Mapped::new(body, |bytes| {
                Bytes::from(bytes.to_ascii_uppercase())
            })),
            "/copy" => {
                UnsyncBoxBody::new(Mapped::new(body, |bytes| Bytes::copy_from_slice(&bytes)))
            }
            "/late" => {
                let mut late = Mapped::new(body, |bytes| bytes);
                late.waits = 3;
                UnsyncBoxBody::new(late)
            }
            "/layers" => UnsyncBoxBody::new(Mapped::new(body.boxed_unsync(), |bytes| bytes)),
            _ => body.boxed_unsync(),
        })
    }
}

/// What a layer makes of a body.
struct Mapped<B> {
    body: B,
    map: fn(Bytes) -> Bytes,
    /// So many polls say nothing.
    waits: usize,
}

impl<B> Mapped<B> {
    fn new(body: B, map: fn(Bytes) -> Bytes) -> Self {
        let waits = 0;
        Self { body, map, waits }
    }
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for Mapped<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.waits > 0 {
            self.waits -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let map = self.map;
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map_ok(|frame| frame.map_data(map))
    }
}

struct Server {
    address: SocketAddr,
    lanes: Lanes,
    joined: mpsc::UnboundedReceiver<Sender>,
    /// Guards of connections that have not ended.
    guards: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Server {
    async fn start<const N: usize>(
        config: StreamConfig,
        groups: [(&'static str, &Group); N],
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tx, joined) = mpsc::unbounded_channel();
        let groups = groups
            .into_iter()
            .map(|(path, group)| (path, group.clone()));
        let stage = Stage {
            config,
            groups: Arc::new(groups.collect()),
            joined: tx,
        };
        let (lanes, guards) = (Lanes::new(), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, stage, lanes.clone(), guards.clone()));
        Self {
            address,
            lanes,
            joined,
            guards,
            _tasks: tasks,
        }
    }

    async fn sender(&mut self) -> Sender {
        within(self.joined.recv()).await.unwrap()
    }

    /// Until lanes have so many connections.
    async fn has_moved(&self, connections: usize) {
        until(|| self.lanes.connections() == connections).await;
    }
}

async fn serve(listener: TcpListener, stage: Stage, lanes: Lanes, guards: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        guards.fetch_add(1, Ordering::SeqCst);
        let stage = stage.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = stage.answer(&request);
            async { Ok::<_, Infallible>(answer) }
        });
        let guard = Guard(guards.clone());
        let served = lanes.serve_connection(&Http1Config::default(), tcp, service, guard);
        connections.spawn(served);
        while connections.try_join_next().is_some() {}
    }
}

async fn until(is_so: impl Fn() -> bool) {
    within(async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn ask(address: SocketAddr, request: &str) -> TcpStream {
    let mut tcp = within(TcpStream::connect(address)).await.unwrap();
    within(tcp.write_all(request.as_bytes())).await.unwrap();
    tcp
}

fn get(path: &str, accept_encoding: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\naccept-encoding: {accept_encoding}\r\n\r\n")
}

/// Reads until something has come.
async fn read_until(tcp: &mut TcpStream, read: &mut Vec<u8>, end: &[u8]) {
    within(async {
        while !read.ends_with(end) {
            assert!(tcp.read_buf(read).await.unwrap() > 0, "it has ended");
        }
    })
    .await;
}

/// Reads to the end of the connection; answers head and body.
async fn read_all(mut tcp: TcpStream) -> (String, Vec<u8>) {
    let mut read = Vec::new();
    within(tcp.read_to_end(&mut read)).await.unwrap();
    split(&read)
}

fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head, answer[end..].to_vec())
}

/// Reads a whole body of chunks, as strictly as RFC 9112, 7.1 is written.
fn chunks(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    loop {
        let digits = body
            .iter()
            .position(|byte| !byte.is_ascii_hexdigit())
            .unwrap();
        assert!((1..=8).contains(&digits));
        let size = std::str::from_utf8(&body[..digits]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let rest = body[digits..].strip_prefix(b"\r\n").unwrap();
        if size == 0 {
            assert_eq!(rest, b"\r\n", "nothing comes after the last chunk");
            return chunks;
        }
        chunks.push(rest[..size].to_vec());
        body = rest[size..].strip_prefix(b"\r\n").unwrap();
    }
}

/// A test on each kind of runtime.
macro_rules! on_both_runtimes {
    ($($(#[$doc:meta])* async fn $name:ident() $body:block)*) => {
        $($(#[$doc])* mod $name {
            use super::*;

            async fn check() $body

            #[tokio::test]
            async fn on_one_thread() {
                check().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_several_threads() {
                check().await;
            }
        })*
    };
}

fn group() -> Group {
    Group::new(&Encoders::default())
}

on_both_runtimes! {
    async fn head_and_chunks_are_right_byte_for_byte() {
        let group = group();
        group.publish("data: 1\n\n");
        let mut server = Server::start(quiet(), [("/", &group)]).await;
        let mut tcp = ask(server.address, &get("/", "identity")).await;
        let mut read = Vec::new();
        read_until(&mut tcp, &mut read, b"9\r\ndata: 1\n\n\r\n").await;
        let sender = server.sender().await;
        server.has_moved(1).await;
        group.publish("data: two\n\n");
        read_until(&mut tcp, &mut read, b"b\r\ndata: two\n\n\r\n").await;
        sender.event("data: an event of its own\n\n").unwrap();
        sender.close();
        within(tcp.read_to_end(&mut read)).await.unwrap();
        let (head, body) = split(&read);
        let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
        assert_eq!(lines.remove(0), "HTTP/1.1 200 OK");
        lines.retain(|line| !line.starts_with("date: "));
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "cache-control: no-cache, no-transform",
                "connection: close",
                "content-type: text/event-stream",
                "transfer-encoding: chunked",
                "vary: accept-encoding",
                "x-accel-buffering: no",
            ]
        );
        let expected = "9\r\ndata: 1\n\n\r\nb\r\ndata: two\n\n\r\n\
                        1b\r\ndata: an event of its own\n\n\r\n0\r\n\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        assert_eq!(within(sender.closed()).await, CloseReason::Ended);
        server.has_moved(0).await;
        until(|| server.guards.load(Ordering::SeqCst) == 0).await;
        assert_eq!(group.clients(), 0);
    }

    async fn what_cannot_be_chunked_stays_with_the_server() {
        let group = group();
        group.publish("data: 1\n\n");
        let mut server = Server::start(quiet(), [("/", &group)]).await;
        let mut old = ask(server.address, "GET / HTTP/1.0\r\n\r\n").await;
        let mut read = Vec::new();
        read_until(&mut old, &mut read, b"\r\n\r\ndata: 1\n\n").await;
        let sender = server.sender().await;
        group.publish("data: 2\n\n");
        read_until(&mut old, &mut read, b"data: 2\n\n").await;
        assert_eq!(server.lanes.connections(), 0);
        drop(sender);
        within(old.read_to_end(&mut read)).await.unwrap();
        assert_eq!(split(&read).1, b"data: 1\n\ndata: 2\n\n");

        let head = ask(server.address, "HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let (head, body) = read_all(head.await).await;
        assert!(head.contains("\r\ncontent-type: text/event-stream\r\n"), "{head}");
        assert_eq!(body, b"");
        let sender = server.sender().await;
        assert_eq!(within(sender.closed()).await, CloseReason::Disconnected);
        assert_eq!(server.lanes.connections(), 0);
    }

    async fn a_body_that_a_layer_changes_stays_with_the_server() {
        for (path, moved, expected) in [
            ("/upper", 0, "DATA: 1\n\nDATA: 2\n\n"),
            ("/copy", 0, "data: 1\n\ndata: 2\n\n"),
            ("/late", 0, "data: 1\n\ndata: 2\n\n"),
            ("/layers", 1, "data: 1\n\ndata: 2\n\n"),
        ] {
            let group = group();
            group.publish("data: 1\n\n");
            let mut server = Server::start(quiet(), [("/", &group)]).await;
            let mut tcp = ask(server.address, &get(path, "identity")).await;
            let mut read = Vec::new();
            read_until(&mut tcp, &mut read, b": 1\n\n\r\n").await;
            let sender = server.sender().await;
            server.has_moved(moved).await;
            group.publish("data: 2\n\n");
            read_until(&mut tcp, &mut read, b": 2\n\n\r\n").await;
            assert_eq!(server.lanes.connections(), moved, "{path}");
            drop(sender);
            within(tcp.read_to_end(&mut read)).await.unwrap();
            let text = chunks(&split(&read).1).concat();
            assert_eq!(String::from_utf8(text).unwrap(), expected, "{path}");
            until(|| server.guards.load(Ordering::SeqCst) == 0).await;
        }
    }

    async fn a_stream_moves_after_other_answers_on_its_connection() {
        let group = group();
        group.publish("data: 1\n\n");
        let server = Server::start(quiet(), [("/stream", &group)]).await;
        // All at once: what comes after the request of the stream is thrown away.
        let requests = [
            get("/page", "identity"),
            get("/page", "identity"),
            get("/stream", "identity"),
            get("/page", "identity"),
        ];
        let mut tcp = ask(server.address, &requests.concat()).await;
        let mut read = Vec::new();
        read_until(&mut tcp, &mut read, b"9\r\ndata: 1\n\n\r\n").await;
        server.has_moved(1).await;
        group.publish("data: 2\n\n");
        read_until(&mut tcp, &mut read, b"\r\n9\r\ndata: 2\n\n\r\n").await;
        let text = String::from_utf8(read).unwrap();
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3);
        assert_eq!(text.matches("a page").count(), 2);
    }

    async fn what_a_client_sends_unasked_is_bounded() {
        let group = group();
        let mut server = Server::start(quiet(), [("/", &group)]).await;
        let mut tcp = ask(server.address, &get("/", "identity")).await;
        let sender = server.sender().await;
        server.has_moved(1).await;
        within(tcp.write_all(&[b'x'; 100_000])).await.unwrap();
        group.publish("data: 1\n\n");
        read_until(&mut tcp, &mut Vec::new(), b"9\r\ndata: 1\n\n\r\n").await;
        let mut sent = 0;
        within(async {
            // More is refused, by a reset.
            while tcp.write_all(&[b'x'; 100_000]).await.is_ok() {
                sent += 100_000;
                assert!(sent < 20_000_000, "it goes on for ever");
            }
        })
        .await;
        assert_eq!(within(sender.closed()).await, CloseReason::Disconnected);
        until(|| server.guards.load(Ordering::SeqCst) == 0).await;
    }

    async fn who_leaves_is_noticed() {
        let group = group();
        let mut server = Server::start(quiet(), [("/", &group)]).await;
        for how in ["a half", "all", "a reset"] {
            let mut tcp = ask(server.address, &get("/", "identity")).await;
            let sender = server.sender().await;
            server.has_moved(1).await;
            let (tx, mut hook) = mpsc::unbounded_channel();
            sender.on_close(move |reason| tx.send(reason).unwrap());
            match how {
                "a half" => within(tcp.shutdown()).await.unwrap(),
                "all" => drop(tcp),
                _ => {
                    tcp.set_zero_linger().unwrap();
                    drop(tcp);
                }
            }
            let reason = within(hook.recv()).await.unwrap();
            assert_eq!(reason, CloseReason::Disconnected, "{how}");
            server.has_moved(0).await;
            until(|| server.guards.load(Ordering::SeqCst) == 0).await;
            assert_eq!(group.clients(), 0);
        }
    }

    async fn one_that_stops_reading_holds_up_nobody_and_is_let_go() {
        let group = group();
        let config = StreamConfig {
            stall_ms: 500,
            ..quiet()
        };
        let mut server = Server::start(config, [("/", &group)]).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut slow = within(socket.connect(server.address)).await.unwrap();
        let request = get("/", "identity");
        within(slow.write_all(request.as_bytes())).await.unwrap();
        let sender = server.sender().await;
        let mut others = Vec::new();
        for _ in 0..4 {
            others.push(Client::get(server.address, "/").await);
        }
        server.has_moved(5).await;
        let text = "x".repeat(512 * 1_024);
        let begun = std::time::Instant::now();
        let mut number = 0;
        while !sender.is_closed() {
            assert!(begun.elapsed() < DEADLINE, "it is let go");
            number += 1;
            group.publish(format!("id: {number}\ndata: {text}\n\n"));
            for client in &mut others {
                let message = client.message().await.unwrap();
                assert_eq!(message.last_event_id, number.to_string(), "others get all");
            }
        }
        assert_eq!(within(sender.closed()).await, CloseReason::Stalled);
        server.has_moved(4).await;
        assert_eq!(group.clients(), 4);
        // What was on its way is whole as far as it goes, and has no end.
        let mut read = Vec::new();
        // Ends with a reset or without one.
        let _ = within(slow.read_to_end(&mut read)).await;
        assert!(!read.ends_with(b"0\r\n\r\n"));
    }

    async fn a_silent_stream_carries_comments() {
        let group = group();
        let config = StreamConfig {
            keep_alive_ms: Some(20),
            ..quiet()
        };
        let server = Server::start(config, [("/", &group)]).await;
        let mut tcp = ask(server.address, &get("/", "identity")).await;
        server.has_moved(1).await;
        let mut read = Vec::new();
        read_until(&mut tcp, &mut read, b"3\r\n:\n\n\r\n3\r\n:\n\n\r\n3\r\n:\n\n\r\n").await;
        group.publish("data: 1\n\n");
        within(async {
            while !read.windows(9).any(|nine| nine == b"data: 1\n\n") {
                assert!(tcp.read_buf(&mut read).await.unwrap() > 0);
            }
        })
        .await;
        read_until(&mut tcp, &mut read, b"3\r\n:\n\n\r\n").await;
    }

    async fn streams_with_an_encoder_of_their_own_move_too() {
        let config = StreamConfig {
            compression: Compression::default(),
            ..quiet()
        };
        let mut server = Server::start(config, []).await;
        for (token, other) in [("zstd", true), ("br", false), ("gzip", true), ("identity", true)] {
            let tcp = ask(server.address, &get("/own", token)).await;
            let sender = server.sender().await;
            server.has_moved(1).await;
            for number in 0..50 {
                sender.event(format!("data: event {number}\n\n")).unwrap();
                tokio::task::yield_now().await;
            }
            sender.close();
            let (head, body) = read_all(tcp).await;
            assert_eq!(head.contains(&format!("content-encoding: {token}")), token != "identity");
            let expected: String = (0..50).map(|n| format!("data: event {n}\n\n")).collect();
            let text = decoded(token, other, &chunks(&body));
            let text = String::from_utf8(text).unwrap();
            // It says that it is there, if there is nothing else to say.
            assert_eq!(text.trim_start_matches(":\n\n"), expected, "{token}");
            assert_eq!(within(sender.closed()).await, CloseReason::Ended);
            server.has_moved(0).await;
        }
    }

    async fn a_group_is_decoded_over_a_socket() {
        let group = group();
        let config = StreamConfig {
            compression: Compression::default(),
            ..quiet()
        };
        let mut server = Server::start(config, [("/", &group)]).await;
        let mut clients = Vec::new();
        for token in ["zstd", "br", "gzip", "identity"] {
            clients.push((token, ask(server.address, &get("/", token)).await));
        }
        let mut senders = Vec::new();
        for _ in 0..4 {
            senders.push(server.sender().await);
        }
        server.has_moved(4).await;
        for number in 0..200 {
            group.publish(format!("data: frame {number}\n\n"));
            if number % 10 == 0 {
                for sender in &senders {
                    sender.event(format!("data: event {number}\n\n")).unwrap();
                }
            }
            within(group.served()).await;
        }
        // Closed streams get no frame any more, so the last has to be there.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        drop(senders);
        for (token, tcp) in clients {
            let body = read_all(tcp).await.1;
            let text = String::from_utf8(decoded(token, false, &chunks(&body))).unwrap();
            let text = text.replace(":::::::::::::::::\n", "").replace(":\n\n", "");
            let numbers = |kind: &str| -> Vec<usize> {
                let lines = text.lines().filter_map(|line| line.strip_prefix(kind));
                lines.map(|number| number.parse().unwrap()).collect()
            };
            let frames = numbers("data: frame ");
            assert!(frames.is_sorted_by(|a, b| a < b), "{token}: {frames:?}");
            assert_eq!(frames.last(), Some(&199), "{token}");
            let events = numbers("data: event ");
            assert_eq!(events, (0..200).step_by(10).collect::<Vec<_>>(), "{token}");
        }
    }

    async fn nothing_is_left_of_those_who_come_and_go() {
        let group = group();
        let server = Server::start(quiet(), [("/", &group)]).await;
        for round in 0..40 {
            let mut clients = JoinSet::new();
            let address = server.address;
            for client in 0..50 {
                clients.spawn(async move {
                    let mut tcp = ask(address, &get("/", "identity")).await;
                    // Some leave before they have their head, some in the middle.
                    let bytes = [0, 1, 100, 400][client % 4];
                    let mut read = vec![0; bytes];
                    within(tcp.read_exact(&mut read)).await.unwrap();
                });
            }
            group.publish(format!("data: {round} {}\n\n", "x".repeat(400)));
            while let Some(client) = clients.join_next().await {
                client.unwrap();
            }
        }
        until(|| server.guards.load(Ordering::SeqCst) == 0).await;
        server.has_moved(0).await;
        assert_eq!(group.clients(), 0);
        within(group.served()).await;
    }

    async fn lanes_that_are_dropped_write_on_until_their_streams_end() {
        let group = group();
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let lanes = Lanes::new();
        let (sender, response) = group.respond(&http::HeaderMap::new(), &quiet(), None);
        let (ours, mut theirs) = tokio::io::duplex(1_024);
        lanes.adopt(ours, response.into_body(), ()).unwrap();
        drop(lanes);
        group.publish("data: 1\n\n");
        let mut read = vec![0; 14];
        within(theirs.read_exact(&mut read)).await.unwrap();
        assert_eq!(read, b"9\r\ndata: 1\n\n\r\n");
        drop(sender);
        read.clear();
        within(theirs.read_to_end(&mut read)).await.unwrap();
        assert_eq!(read, b"0\r\n\r\n");
        until(|| tokio::runtime::Handle::current().metrics().num_alive_tasks() == tasks).await;
    }
}

/// A whole stream, by a stock decoder.
fn decoded(token: &str, other: bool, chunks: &[Vec<u8>]) -> Vec<u8> {
    let encoding = match token {
        "zstd" => hyperstar_sse::Encoding::Zstd,
        "br" => hyperstar_sse::Encoding::Brotli,
        "gzip" => hyperstar_sse::Encoding::Gzip,
        _ => hyperstar_sse::Encoding::Identity,
    };
    let mut decoder = crate::broadcast::Decoder::new(encoding, other);
    let texts = chunks.iter().map(|chunk| decoder.feed(chunk).unwrap());
    texts.collect::<Vec<_>>().concat()
}
