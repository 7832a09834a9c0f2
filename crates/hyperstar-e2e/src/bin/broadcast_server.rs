//! A page whose content changes quickly and in every way, with its own checksum in it, for the
//! scenario `broadcast`: what the encoders make of it must come out right in real browsers.
//!
//! `PORT` is where it listens; `CODING` (`zstd`, `br`, `gzip`, `identity`) the only encoding that it
//! offers; with `CERTIFICATE` and `KEY`, in PEM, it speaks TLS; `FRAMES` is how many it publishes once
//! `POST /start` came. `GET /told` gives what it sent privately and what it cost; what a page reports with `POST
//! /report` it prints, with the same beside it, as a line of JSON.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Json;
use axum::extract::Path;
use axum::routing::{get, post};
use hyperstar::sse::{Compression, Encoding};
use hyperstar::{App, Assets, Done, Hub, Live, Reply, Server, TlsConfig, View, Viewer};
use maud::{Markup, html};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[path = "broadcast_server/body.rs"]
mod body;

/// Between two frames, at least.
const PACE: Duration = Duration::from_millis(12);
/// How long to wait for a frame to be rendered; nobody may be looking.
const RENDER_MAX: Duration = Duration::from_millis(500);
/// Every so many frames, some viewers are told something.
const WHISPER_EVERY: u64 = 8;

/// What is shown and what is known about it.
struct Broadcast {
    number: Live<u64>,
    frames: u64,
    /// The highest number that was rendered.
    rendered: AtomicU64,
    started: AtomicBool,
    viewers: Mutex<Vec<Viewer>>,
    /// The private messages that were queued, by viewer.
    whispers: Mutex<BTreeMap<String, Vec<u64>>>,
    hub: Hub,
}

#[tokio::main]
async fn main() -> Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "0".to_owned());
    let frames = std::env::var("FRAMES").map_or(Ok(500), |count| count.parse())?;
    let hub = Hub::new();
    let broadcast = Arc::new(Broadcast {
        number: hub.live(0),
        frames,
        rendered: AtomicU64::new(0),
        started: AtomicBool::new(false),
        viewers: Mutex::default(),
        whispers: Mutex::default(),
        hub: hub.clone(),
    });
    let mut server = Server::bind(format!("127.0.0.1:{port}")).await?;
    if let Ok(certificate) = std::env::var("CERTIFICATE") {
        let key = std::env::var("KEY").context("KEY is not set")?;
        server = server.tls(TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes())?);
    }
    server.serve(app(&hub, &broadcast)?).await?;
    Ok(())
}

fn app(hub: &Hub, broadcast: &Arc<Broadcast>) -> Result<App> {
    let coding = std::env::var("CODING").context("CODING is not set")?;
    let order = match coding.as_str() {
        "zstd" => vec![Encoding::Zstd],
        "br" => vec![Encoding::Brotli],
        "gzip" => vec![Encoding::Gzip],
        "identity" => Vec::new(),
        _ => bail!("CODING is `{coding}`; it can be `zstd`, `br`, `gzip` and `identity`"),
    };
    let (shown, joined) = (broadcast.clone(), broadcast.clone());
    let page = View::shared(move |_cx| shown.page())
        .title("Broadcast")
        .frame_ms(5)
        .on_join(move |viewer| lock(&joined.viewers).push(viewer));
    let [starting, told, reported] = [(); 3].map(|()| broadcast.clone());
    Ok(App::new(hub)
        .name("broadcast")
        .assets(Assets::files([(
            "watch.js",
            include_bytes!("broadcast_server/watch.js").as_slice(),
        )]))
        .script("watch.js")
        // Without one, browsers ask for it and complain.
        .head(html! { link rel="icon" href="data:,"; })
        .compression(Compression {
            order,
            ..Compression::default()
        })
        .page("/", page)
        .view("/elsewhere", |_cx| html! { p { "Elsewhere" } })
        .action_at(&http::Method::POST, "/start", move |_cx| {
            if !starting.started.swap(true, Ordering::SeqCst) {
                tokio::spawn(starting.clone().run());
            }
            Done
        })
        .route(
            "/report",
            post(async move |Json(seen): Json<Value>| {
                println!("{}", json!({ "seen": seen, "told": reported.told() }));
            }),
        )
        .route("/slow/{ms}", get(slow))
        .route("/told", get(async move || Json(told.told()))))
}

impl Broadcast {
    fn page(&self) -> Markup {
        let number = self.number.get();
        let text = body::of(number);
        self.rendered.fetch_max(number, Ordering::SeqCst);
        html! {
            h1 { "Broadcast" }
            // Hidden, since what is measured is not how long ten windows take to paint.
            section #frame hidden data-number=(number) data-last=(self.frames) data-digest=(digest(&text)) {
                p { "Frame " (number) ", " (text.len()) " bytes" }
                div #body {
                    @for piece in body::pieces(&text) { i { (piece) } }
                }
            }
            p #hint hidden { }
        }
    }

    fn told(&self) -> Value {
        let stats = self.hub.stats();
        json!({
            "whispers": *lock(&self.whispers), "deltas": stats.deltas, "keys": stats.keys,
            "resyncs": stats.resyncs, "sent_bytes": stats.sent_bytes, "renders": stats.renders,
        })
    }

    /// Publishes all frames, each once the one before was rendered.
    async fn run(self: Arc<Self>) {
        let mut dice = body::Dice::new(4);
        for number in 1..=self.frames {
            self.number.set(number);
            tokio::time::sleep(PACE).await;
            let rendered = async {
                while self.rendered.load(Ordering::SeqCst) < number {
                    tokio::time::sleep(PACE / 8).await;
                }
            };
            // Without anybody who looks, nothing is rendered.
            let _ = tokio::time::timeout(RENDER_MAX, rendered).await;
            if number.is_multiple_of(WHISPER_EVERY) {
                self.whisper(number, &mut dice);
            }
        }
    }

    /// Tells some viewers something of their own.
    fn whisper(&self, number: u64, dice: &mut body::Dice) {
        for viewer in lock(&self.viewers).iter() {
            if dice.below(3) == 0 {
                continue;
            }
            // A few bytes, which go as they are, or some kilobytes, which are compressed.
            let text = match dice.below(3) {
                0 => body::of(number * 31),
                _ => format!("psst ½ {number}"),
            };
            let text: String = text.chars().take(3_000).collect();
            let whisper = format!("{number}:{}:{text}", digest(&text));
            let mut reply = Reply::new().signals(&json!({ "_whisper": whisper }));
            if dice.below(4) == 0 {
                reply = reply.patch(html! { p #hint hidden data-number=(number) { (text) } });
            }
            if viewer.send(reply) {
                let mut whispers = lock(&self.whispers);
                whispers
                    .entry(viewer.id().to_owned())
                    .or_default()
                    .push(number);
            }
        }
    }
}

/// What a page that asks for it synchronously hangs on, without keeping a processor busy.
async fn slow(Path(ms): Path<u64>) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
