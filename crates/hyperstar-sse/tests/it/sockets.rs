//! Over real sockets, on axum and on plain hyper: clients that leave, and clients that stop reading.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyperstar_sse::{Body, CloseReason, Event, Registry, Sender, StreamConfig, respond};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::client::Client;
use crate::support::{DEADLINE, data, quiet, within};

#[derive(Clone, Copy, Debug)]
enum Kind {
    Axum,
    Hyper,
}

const KINDS: [Kind; 2] = [Kind::Axum, Kind::Hyper];

/// Streams join the topic `all` under the path that they were asked for by.
#[derive(Clone)]
struct Stage {
    config: StreamConfig,
    registry: Registry<String>,
    joined: mpsc::UnboundedSender<Sender>,
    left: mpsc::UnboundedSender<(String, CloseReason)>,
}

impl Stage {
    fn answer(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        let (sender, response) = respond(headers, &self.config);
        let membership = self.registry.join("all", path.to_owned(), &sender).unwrap();
        let (left, path) = (self.left.clone(), path.to_owned());
        sender.on_close(move |reason| {
            drop(membership);
            // The test may be over.
            let _ = left.send((path, reason));
        });
        sender.event(data("hello")).unwrap();
        self.joined.send(sender).unwrap();
        response
    }
}

struct Server {
    address: SocketAddr,
    registry: Registry<String>,
    joined: mpsc::UnboundedReceiver<Sender>,
    left: mpsc::UnboundedReceiver<(String, CloseReason)>,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(kind: Kind, config: StreamConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (joined_tx, joined) = mpsc::unbounded_channel();
        let (left_tx, left) = mpsc::unbounded_channel();
        let registry = Registry::default();
        let stage = Stage {
            config,
            registry: registry.clone(),
            joined: joined_tx,
            left: left_tx,
        };
        let task = match kind {
            Kind::Axum => tokio::spawn(serve_axum(listener, stage)),
            Kind::Hyper => tokio::spawn(serve_hyper(listener, stage)),
        };
        Self {
            address,
            registry,
            joined,
            left,
            task: task.abort_handle(),
        }
    }

    /// A client that reads its first event, and its stream.
    async fn join(&mut self, client: Client) -> (Client, Sender) {
        let mut client = client;
        assert_eq!(client.message().await.unwrap().data, "hello");
        (client, within(self.joined.recv()).await.unwrap())
    }
}

async fn serve_axum(listener: TcpListener, stage: Stage) {
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| async move {
        stage.answer(request.uri().path(), request.headers())
    });
    axum::serve(listener, app).await.unwrap();
}

async fn serve_hyper(listener: TcpListener, stage: Stage) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let stage = stage.clone();
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let response = stage.answer(request.uri().path(), request.headers());
            async { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service),
        );
    }
}

/// There are no comments here that could show that the socket is dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_an_idle_stream_is_noticed() {
    for kind in KINDS {
        let mut server = Server::start(kind, quiet()).await;
        let client = Client::get(server.address, "/stays").await;
        let (mut stays, _) = server.join(client).await;
        let client = Client::get(server.address, "/leaves").await;
        let (leaves, sender) = server.join(client).await;
        assert!(leaves.head.starts_with("HTTP/1.1 200 OK\r\n"), "{kind:?}");
        assert!(
            leaves
                .head
                .contains("\r\ncontent-type: text/event-stream\r\n"),
            "{kind:?}"
        );
        assert_eq!(server.registry.count("all"), 2);
        drop(leaves);
        assert_eq!(
            within(sender.closed()).await,
            CloseReason::Disconnected,
            "{kind:?}"
        );
        let left = within(server.left.recv()).await.unwrap();
        assert_eq!(left, ("/leaves".to_owned(), CloseReason::Disconnected));
        assert_eq!(server.registry.keys("all"), ["/stays"]);
        assert_eq!(server.registry.broadcast_event("all", data("on")), 1);
        assert_eq!(stays.message().await.unwrap().data, "on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_the_app_ends_ends_for_its_client() {
    for kind in KINDS {
        let mut server = Server::start(kind, quiet()).await;
        let client = Client::get(server.address, "/").await;
        let (mut client, sender) = server.join(client).await;
        sender.event(data("bye")).unwrap();
        sender.close();
        assert_eq!(client.message().await.unwrap().data, "bye");
        assert_eq!(client.message().await, None, "{kind:?}");
        assert_eq!(
            within(sender.closed()).await,
            CloseReason::Ended,
            "{kind:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stops_reading_states_holds_one_and_is_let_go() {
    for kind in KINDS {
        let config = StreamConfig {
            stall_ms: 500,
            ..quiet()
        };
        let mut server = Server::start(kind, config).await;
        let client = Client::get_narrow(server.address, "/slow").await;
        let (mut slow, sender) = server.join(client).await;
        let client = Client::get(server.address, "/quick").await;
        let (mut quick, _) = server.join(client).await;

        let state = "x".repeat(512 * 1024);
        let begun = Instant::now();
        let mut number = 0_u64;
        while !sender.is_closed() {
            assert!(begun.elapsed() < DEADLINE, "{kind:?}: it is let go");
            number += 1;
            let frame: Bytes = Event::new().id(&number.to_string()).data(&state).encode();
            server.registry.broadcast("all", frame.clone());
            let (events, waiting_bytes) = sender.waiting();
            assert!(
                events <= 1 && waiting_bytes <= frame.len(),
                "{kind:?}: {events} wait"
            );
            let message = quick.message().await.unwrap();
            assert_eq!(
                message.last_event_id,
                number.to_string(),
                "{kind:?}: others get all"
            );
            assert_eq!(message.data.len(), state.len());
        }
        assert_eq!(
            within(sender.closed()).await,
            CloseReason::Stalled,
            "{kind:?}"
        );
        assert_eq!(sender.waiting(), (0, 0));
        let left = within(server.left.recv()).await.unwrap();
        assert_eq!(left, ("/slow".to_owned(), CloseReason::Stalled));
        assert_eq!(server.registry.broadcast("all", data("on")), 1);
        assert_eq!(quick.message().await.unwrap().data, "on");
        // If it wakes up, it finds what was on its way, whole, and the end.
        let mut shown = 0_u64;
        while let Some(message) = slow.message().await {
            assert_eq!(message.data.len(), state.len());
            let id: u64 = message.last_event_id.parse().unwrap();
            assert!(shown < id && id <= number, "{kind:?}: {id} after {shown}");
            shown = id;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stops_reading_events_holds_its_queue_and_is_let_go() {
    for kind in KINDS {
        let event_bytes = 128 * 1024;
        let config = StreamConfig {
            queue_events_max: 3,
            queue_bytes_max: 4 * event_bytes,
            ..quiet()
        };
        let mut server = Server::start(kind, config).await;
        let client = Client::get_narrow(server.address, "/slow").await;
        let (mut slow, sender) = server.join(client).await;
        let client = Client::get(server.address, "/quick").await;
        let (mut quick, _) = server.join(client).await;

        let text = "x".repeat(event_bytes);
        let begun = Instant::now();
        let mut number = 0_u64;
        loop {
            assert!(begun.elapsed() < DEADLINE, "{kind:?}: it is let go");
            number += 1;
            let event = Event::new().id(&number.to_string()).data(&text);
            let reached = server.registry.broadcast_event("all", &event);
            let (events, waiting_bytes) = sender.waiting();
            assert!(
                events <= 3 && waiting_bytes <= 4 * event_bytes,
                "{kind:?}: {events} wait"
            );
            let message = quick.message().await.unwrap();
            assert_eq!(
                message.last_event_id,
                number.to_string(),
                "{kind:?}: others get all"
            );
            if reached == 1 {
                break;
            }
        }
        assert_eq!(
            within(sender.closed()).await,
            CloseReason::Overflow,
            "{kind:?}"
        );
        assert_eq!(sender.waiting(), (0, 0));
        assert_eq!(server.registry.keys("all"), ["/quick"]);
        // What was on its way comes without a gap, and then the end.
        let mut expected = 0;
        while let Some(message) = slow.message().await {
            expected += 1;
            assert_eq!(message.last_event_id, expected.to_string(), "{kind:?}");
        }
        assert!(expected < number);
    }
}
