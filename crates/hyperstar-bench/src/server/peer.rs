//! The peer: the `datastar` crate with axum, as its examples write a stream (`axum-watch`), with a
//! tokio broadcast channel. The page is rendered once a change, which is kinder to it than the
//! example, where every viewer renders; and the sockets do not wait for more to send, which its
//! examples leave to chance.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use asynk_strim::{Yielder, stream_fn};
use axum::Router;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Sse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use datastar::prelude::PatchElements;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tower_http::compression::CompressionLayer;

use super::{CHANGE, Options, PAGE, STATS, Stats, Subject, announce, orphaned};
use crate::page::{FIRST, Page};

#[derive(Clone)]
struct Peer {
    page: Page,
    number: Arc<AtomicU64>,
    updates: broadcast::Sender<String>,
    renders: Arc<AtomicU64>,
    encoded: Arc<AtomicU64>,
}

impl Peer {
    fn render(&self) -> String {
        self.renders.fetch_add(1, Ordering::Relaxed);
        let inner = self
            .page
            .html(self.number.load(Ordering::Relaxed), "@post('/inc')");
        format!("<main id=\"page\">{inner}</main>")
    }

    fn event(&self, html: String) -> Event {
        self.encoded.fetch_add(1, Ordering::Relaxed);
        PatchElements::new(html).write_as_axum_sse_event()
    }
}

pub(super) async fn run(options: &Options) -> Result<()> {
    let peer = Peer {
        page: options.page,
        number: Arc::new(AtomicU64::new(FIRST)),
        updates: broadcast::Sender::new(16),
        renders: Arc::default(),
        encoded: Arc::default(),
    };
    let mut app = Router::new().route(PAGE, get(page));
    if options.subject == Subject::DatastarCompressed {
        // Streams are left out of what it compresses by default; a user turns that off.
        app = app.layer(CompressionLayer::new().compress_when(|_, _, _: &_, _: &_| true));
    }
    let app = app
        .route(CHANGE, post(change))
        .route(STATS, get(stats))
        .with_state(peer);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", options.port)).await?;
    announce(listener.local_addr()?)?;
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    tokio::select! {
        served = async { axum::serve(listener, app).await } => served?,
        () = orphaned() => {}
    }
    Ok(())
}

async fn page(State(peer): State<Peer>) -> impl IntoResponse {
    let mut updates = peer.updates.subscribe();
    Sse::new(stream_fn(
        move |mut yielder: Yielder<Result<Event, Infallible>>| async move {
            let first = peer.render();
            yielder.yield_item(Ok(peer.event(first))).await;
            loop {
                let html = match updates.recv().await {
                    Ok(html) => html,
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => break,
                };
                yielder.yield_item(Ok(peer.event(html))).await;
            }
        },
    ))
    .keep_alive(KeepAlive::default())
}

async fn change(State(peer): State<Peer>) {
    peer.number.fetch_add(1, Ordering::Relaxed);
    // Nobody looks yet: then there is nobody to tell.
    let _ = peer.updates.send(peer.render());
}

async fn stats(State(peer): State<Peer>) -> String {
    let encoded = peer.encoded.load(Ordering::Relaxed);
    let renders = peer.renders.load(Ordering::Relaxed);
    Stats {
        renders,
        encoded,
        frames: encoded,
        ..Stats::default()
    }
    .to_json()
}
