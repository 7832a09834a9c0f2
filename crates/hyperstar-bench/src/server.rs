//! The servers under test. Each shows one page at `/page`, whose number `POST /bench/change`
//! raises, and tells at `GET /bench/stats` what that has cost.

mod floor;
mod ours;
mod peer;

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use crate::encoding::Encoding;
use crate::load::Request;
use crate::machine;
use crate::page::Page;

pub(crate) const PAGE: &str = "/page";
pub(crate) const CHANGE: &str = "/bench/change";
pub(crate) const STATS: &str = "/bench/stats";

/// What a browser of today sends beside what a stream needs: servers keep some of it.
const BROWSER_HEADERS: [(&str, &str); 11] = [
    ("connection", "keep-alive"),
    ("sec-ch-ua-platform", "\"Linux\""),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    (
        "sec-ch-ua",
        "\"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"",
    ),
    ("sec-ch-ua-mobile", "?0"),
    ("datastar-request", "true"),
    ("accept", "text/event-stream, text/html, application/json"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-dest", "empty"),
    ("accept-language", "en-GB,en;q=0.9"),
];

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// This framework.
    Hyperstar,
    /// The `datastar` crate with axum, written as its examples are, over a broadcast channel.
    Datastar,
    /// The same with the compression of `tower-http`.
    DatastarCompressed,
    /// No server to speak of: one loop that writes one prepared buffer to every socket.
    Floor,
    /// nginx with the module nchan; it is a program of its own.
    Nchan,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hyperstar => "hyperstar",
            Self::Datastar => "datastar 0.4.1 + axum",
            Self::DatastarCompressed => "datastar 0.4.1 + axum + tower-http",
            Self::Floor => "bare sockets",
            Self::Nchan => "nginx + nchan",
        }
    }

    /// The peer that answers in this encoding.
    pub(crate) fn peer(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Identity => Self::Datastar,
            Encoding::Zstd | Encoding::Brotli | Encoding::Gzip => Self::DatastarCompressed,
        }
    }

    /// How a page of this server asks for its stream; `number` names the tab.
    pub(crate) fn request(self, encoding: Encoding, number: usize) -> Request {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers: Vec<(String, String)> = BROWSER_HEADERS
            .iter()
            .map(|(name, value)| own(name, value))
            .collect();
        headers.extend(encoding.token().map(|token| own("accept-encoding", token)));
        if self != Self::Hyperstar {
            return Request {
                method: "GET".to_owned(),
                path: format!("{PAGE}?datastar=%7B%7D"),
                headers,
                body: String::new(),
            };
        }
        headers.push(own("hs-stream", &format!("bench-tab-{number:012}")));
        headers.push(own("content-type", "application/json"));
        Request {
            method: "POST".to_owned(),
            path: PAGE.to_owned(),
            headers,
            body: "{}".to_owned(),
        }
    }
}

/// Runs one server until its standard input ends.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    pub(crate) subject: Subject,
    #[arg(long, value_enum, default_value_t = Page::Counter)]
    pub(crate) page: Page,
    /// The bare sockets write chunks of so many bytes, framing included, instead of the page
    #[arg(long)]
    pub(crate) bytes: Option<usize>,
    /// The port on 127.0.0.1; 0 takes any
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Stay on this processor
    #[arg(long)]
    pub(crate) core: Option<usize>,
}

/// What a server has done so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// Times the page was rendered.
    pub(crate) renders: u64,
    /// Times it was hashed.
    pub(crate) hashes: u64,
    /// Events that were encoded.
    pub(crate) encoded: u64,
    /// Frames handed to viewers.
    pub(crate) frames: u64,
    /// Processor time of the process, in nanoseconds.
    pub(crate) cpu_ns: u64,
}

impl Stats {
    /// As JSON, with the processor time as it is now.
    fn to_json(self) -> String {
        let now = Self {
            cpu_ns: machine::cpu_ns(),
            ..self
        };
        serde_json::json!(now).to_string()
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            renders: self.renders - before.renders,
            hashes: self.hashes - before.hashes,
            encoded: self.encoded - before.encoded,
            frames: self.frames - before.frames,
            cpu_ns: self.cpu_ns - before.cpu_ns,
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(core) = options.core {
        machine::pin(core)?;
    }
    match options.subject {
        Subject::Floor => return floor::run(options),
        Subject::Nchan => bail!("nginx is a program of its own: `fanout` starts it"),
        Subject::Hyperstar | Subject::Datastar | Subject::DatastarCompressed => {}
    }
    // As many workers as processors that it may use: one if it is pinned.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match options.subject {
            Subject::Hyperstar => ours::run(options).await,
            _ => peer::run(options).await,
        }
    })
}

/// Tells whoever started this where it listens.
fn announce(address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{address}")
        .and_then(|()| out.flush())
        .context("cannot say where the server listens")
}

/// Ends when standard input does: no server outlives the benchmark that started it.
async fn orphaned() {
    let mut byte = [0];
    while matches!(tokio::io::stdin().read(&mut byte).await, Ok(1..)) {}
}
