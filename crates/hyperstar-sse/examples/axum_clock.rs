//! A clock that everybody sees tick, with axum.
//!
//! `cargo run -p hyperstar-sse --example axum_clock`, then open <http://127.0.0.1:3000>.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use hyperstar_sse::{Event, Registry, StreamConfig, respond};
use tokio::net::TcpListener;

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

/// Serves the page and the streams. A tick is smaller than a packet: without `TCP_NODELAY` it could
/// wait for the client to acknowledge the one before.
pub(crate) async fn serve(listener: TcpListener, viewers: Registry<()>) -> io::Result<()> {
    let app = Router::new()
        .route("/", get(Html(PAGE)))
        .route("/ticks", get(ticks))
        .with_state(viewers);
    let listener = listener.tap_io(|tcp| {
        if let Err(error) = tcp.set_nodelay(true) {
            eprintln!("no TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, app).await
}

/// Shows the time to all who watch, for as long as it is polled.
pub(crate) async fn tick(viewers: Registry<()>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        viewers.broadcast("clock", Event::new().data(&now()));
    }
}

/// A stream that joins those who watch, and leaves once its client has gone.
async fn ticks(State(viewers): State<Registry<()>>, headers: HeaderMap) -> Response {
    let (sender, response) = respond(&headers, &StreamConfig::default());
    match viewers.join("clock", (), &sender) {
        Ok(membership) => {
            // At once, so that nobody looks at an empty clock.
            sender.frame(Event::new().data(&now()));
            // Kept by the stream itself: it ends with it.
            sender.on_close(move |_| drop(membership));
            response.into_response()
        }
        Err(full) => (StatusCode::SERVICE_UNAVAILABLE, full.to_string()).into_response(),
    }
}

/// The time of day, UTC.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    let (hours, minutes) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}
