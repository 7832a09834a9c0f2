//! A clock that everybody sees tick, with hyper and nothing on top.
//!
//! `cargo run -p hyperstar-sse --example hyper_clock`, then open <http://127.0.0.1:3000>.

use std::convert::Infallible;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyperstar_sse::{Body, Event, Registry, StreamConfig, respond};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const PAGE: &str = r#"<!doctype html>
<title>Clock</title>
<h1 id="clock">--:--:--</h1>
<script>
  new EventSource("/ticks").onmessage = tick => clock.textContent = tick.data
</script>
"#;

#[tokio::main]
async fn main() -> io::Result<()> {
    let viewers = Registry::default();
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    tokio::select! {
        served = serve(listener, viewers.clone()) => served,
        () = tick(viewers, Duration::from_secs(1)) => Ok(()),
    }
}

/// Serves the page and the streams; its connections end with it.
pub(crate) async fn serve(listener: TcpListener, viewers: Registry<()>) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (tcp, _) = accepted?;
                connections.spawn(connection(tcp, viewers.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Shows the time to all who watch, for as long as it is polled.
pub(crate) async fn tick(viewers: Registry<()>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        viewers.broadcast("clock", Event::new().data(&now()));
    }
}

/// A tick is smaller than a packet: without `TCP_NODELAY` it could wait for the client to acknowledge
/// the one before.
async fn connection(tcp: TcpStream, viewers: Registry<()>) {
    if let Err(error) = tcp.set_nodelay(true) {
        eprintln!("no TCP_NODELAY: {error}");
    }
    let service = service_fn(|request| {
        let response = answer(&request, &viewers);
        async { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
    if let Err(error) = served.await {
        // A client that leaves in the middle of its stream is one, too.
        eprintln!("a connection ended: {error}");
    }
}

type Answer = Response<Either<Full<Bytes>, Body>>;

fn answer(request: &Request<Incoming>, viewers: &Registry<()>) -> Answer {
    match request.uri().path() {
        "/" => whole(StatusCode::OK, "text/html", PAGE.to_owned()),
        "/ticks" => ticks(request, viewers),
        path => whole(
            StatusCode::NOT_FOUND,
            "text/plain",
            format!("nothing at {path}"),
        ),
    }
}

/// A stream that joins those who watch, and leaves once its client has gone.
fn ticks(request: &Request<Incoming>, viewers: &Registry<()>) -> Answer {
    let (sender, response) = respond(request.headers(), &StreamConfig::default());
    match viewers.join("clock", (), &sender) {
        Ok(membership) => {
            // At once, so that nobody looks at an empty clock.
            sender.frame(Event::new().data(&now()));
            // Kept by the stream itself: it ends with it.
            sender.on_close(move |_| drop(membership));
            response.map(Either::Right)
        }
        Err(full) => whole(
            StatusCode::SERVICE_UNAVAILABLE,
            "text/plain",
            full.to_string(),
        ),
    }
}

fn whole(status: StatusCode, kind: &'static str, text: String) -> Answer {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The time of day, UTC.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    let (hours, minutes) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}
