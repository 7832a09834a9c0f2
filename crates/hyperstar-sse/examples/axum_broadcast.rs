//! A picture that changes ten times a second for everybody who looks at it, with axum.
//!
//! `cargo run -p hyperstar-sse --example axum_broadcast`, then open <http://127.0.0.1:3000>. The picture
//! is 23 KB of HTML and is sent as a whole; it is compressed once, whoever watches and since when, and takes
//! 750 bytes on the wire.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use hyperstar_sse::{Encoders, Event, Group, StreamConfig};
use tokio::net::TcpListener;

const PAGE: &str = r#"<!doctype html>
<meta name="viewport" content="width=device-width">
<title>Waves</title>
<style>
  body { background: #0b1020; margin: 0; min-height: 100vh; display: grid; place-items: center }
  #waves { display: grid; grid-template-columns: repeat(32, 1fr); gap: 2px; width: min(94vw, 60rem) }
  i { aspect-ratio: 1; border-radius: 30%; transition: background .3s }
</style>
<div id="waves"></div>
<script>
  new EventSource("/frames").onmessage = frame => waves.innerHTML = frame.data
</script>
"#;

const COLUMNS: u32 = 32;
const ROWS: u32 = 16;

#[tokio::main]
async fn main() -> io::Result<()> {
    // One for all groups of a server.
    let encoders = Encoders::default();
    let waves = Group::new(&encoders);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    tokio::select! {
        served = serve(listener, waves.clone()) => served,
        () = paint(waves, Duration::from_millis(100)) => Ok(()),
    }
}

/// Serves the page and the streams.
pub(crate) async fn serve(listener: TcpListener, waves: Group) -> io::Result<()> {
    let listener = listener.tap_io(|tcp| {
        if let Err(error) = tcp.set_nodelay(true) {
            eprintln!("no TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, app(waves)).await
}

/// The page and the streams.
pub(crate) fn app(waves: Group) -> Router {
    Router::new()
        .route("/", get(Html(PAGE)))
        .route("/frames", get(frames))
        .with_state(waves)
}

/// Shows the next picture to all who watch, for as long as it is polled.
pub(crate) async fn paint(waves: Group, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    for time in 0.. {
        ticks.tick().await;
        // It waits for nobody. A client that is behind gets the latest, and none in between.
        waves.publish(Event::new().data(&picture(time)).encode());
    }
}

/// A stream of the pictures: the last one at once, and then each that follows. The sender that comes
/// with it could send this client something of its own, or end its stream.
async fn frames(State(waves): State<Group>, headers: HeaderMap) -> Response {
    let (sender, response) = waves.respond(&headers, &StreamConfig::default(), None);
    sender.detach();
    response.into_response()
}

/// A quarter of the cells in their new colours, in turn.
fn picture(time: u32) -> String {
    let mut html = String::new();
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            // When the cell was painted last.
            let at = f64::from(time.saturating_sub((time + row + 2 * column) % 4));
            let (x, y) = (f64::from(column) / 5.0, f64::from(row) / 4.0);
            let height = (x + at / 13.0).sin() + (y - at / 17.0).cos();
            let hue = 215.0 + 50.0 * height;
            let light = 42.0 + 14.0 * height;
            // A `String` takes all that is written to it.
            let _ = write!(
                html,
                r#"<i style="background:hsl({hue:.0} 80% {light:.0}%)"></i>"#
            );
        }
    }
    html
}
