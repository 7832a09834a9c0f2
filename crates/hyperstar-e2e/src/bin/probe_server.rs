//! A small server for the harness's own tests: a counter that all tabs see over a plain
//! `EventSource`, and pages that go wrong in the ways the harness must notice. Its port comes in
//! `PORT`, and how many in a row in `PORTS`; on SIGTERM it ends in order.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use futures_util::{Stream, stream};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes of the large answer, for slow networks.
const LARGE_BYTES: usize = 100_000;

struct Probe {
    count: watch::Sender<u32>,
    visitors: AtomicU32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let port: u16 = std::env::var("PORT").context("PORT is not set")?.parse()?;
    let count: u16 = std::env::var("PORTS").map_or(Ok(1), |count| count.parse())?;
    let probe = Arc::new(Probe {
        count: watch::Sender::new(0),
        visitors: AtomicU32::new(0),
    });
    let app = Router::new()
        .route("/", get(page))
        .route("/events", get(events))
        .route("/inc", post(inc))
        .route("/large", get(|| async { "x".repeat(LARGE_BYTES) }))
        .route(
            "/broken",
            get(|| async { Html(include_str!("probe_server/broken.html")) }),
        )
        .route("/refused", get(refused))
        .with_state(probe);
    // Before a port answers: from then on somebody may ask us to end.
    let mut term = signal(SignalKind::terminate())?;
    let mut servers = JoinSet::new();
    for port in port..port + count {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        println!("listening on {port}");
        servers.spawn(axum::serve(listener, app.clone()).into_future());
    }
    tokio::select! {
        Some(served) = servers.join_next() => served??,
        _ = term.recv() => println!("stopping"),
    }
    Ok(())
}

/// Each person without a cookie gets a number, and keeps it.
async fn page(State(probe): State<Arc<Probe>>, headers: HeaderMap) -> impl IntoResponse {
    let cookie = headers.get(COOKIE).and_then(|value| value.to_str().ok());
    let known = cookie.and_then(|cookie| cookie.strip_prefix("visitor="));
    let visitor = match known {
        Some(number) => number.to_owned(),
        None => (probe.visitors.fetch_add(1, Ordering::Relaxed) + 1).to_string(),
    };
    let html = include_str!("probe_server/page.html").replace("{visitor}", &visitor);
    let cookie = format!("visitor={visitor}; Path=/; HttpOnly; SameSite=Lax");
    ([(SET_COOKIE, cookie)], Html(html))
}

async fn events(
    State(probe): State<Arc<Probe>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut counts = probe.count.subscribe();
    counts.mark_changed();
    Sse::new(stream::unfold(counts, |mut counts| async {
        counts.changed().await.ok()?;
        let count = *counts.borrow_and_update();
        Some((Ok(Event::default().data(count.to_string())), counts))
    }))
}

async fn inc(State(probe): State<Arc<Probe>>) {
    probe.count.send_modify(|count| *count += 1);
}

/// A page with an inline script that its policy refuses.
async fn refused() -> impl IntoResponse {
    let headers = [
        (CONTENT_SECURITY_POLICY, "script-src 'self'"),
        (CONTENT_TYPE, "text/html"),
    ];
    (
        headers,
        "<!doctype html><title>Refused</title><script>document.title = 'ran'</script>",
    )
}
