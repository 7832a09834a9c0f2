//! What is sent to the apps of a node, over its socket for browsers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// An app and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// `process:package:publisher`
    pub(crate) name: String,
    /// The name that its pages have.
    host: String,
    /// Whether it keeps what it is told.
    pub(crate) keeps: bool,
}

impl Site {
    pub(crate) fn new(number: usize, keeps: bool) -> Self {
        Self {
            name: format!("app{number}:soak:local"),
            host: format!("app{number}-soak-local.localhost"),
            keeps,
        }
    }
}

/// What an app answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Asks the node at an address; each request has a connection of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
}

impl Client {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Sends an app something with a key, so that it is done once however often it is sent.
    pub(crate) async fn post(
        &self,
        site: &Site,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Result<Answer> {
        let body = body.to_string();
        let key = key.map_or(String::new(), |key| format!("idempotency-key: {key}\r\n"));
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}:{}\r\nconnection: close\r\n{key}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            site.host,
            self.address.port(),
            body.len()
        );
        self.send(&(head + &body)).await
    }

    /// Whether an app answers.
    pub(crate) async fn greet(&self, site: &Site) -> Result<()> {
        let path = match site.keeps {
            true => "/api/marks?from=18446744073709551615",
            false => "/",
        };
        let answer = self.get(site, path).await?;
        ensure!(
            answer.status == 200,
            "{} answers {} {}",
            site.name,
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// What an app counts, and the numbers from one on that it has marked, with how often.
    pub(crate) async fn marks(&self, site: &Site, from: u64) -> Result<(i64, Vec<(u64, u32)>)> {
        let mut all = Vec::new();
        let mut next = from;
        loop {
            let answer = self.get(site, &format!("/api/marks?from={next}")).await?;
            let (count, part): (i64, Vec<(u64, u32)>) = serde_json::from_str(&answer.body)
                .with_context(|| format!("{} answers {}", site.name, answer.body))?;
            let Some((last, _)) = part.last() else {
                return Ok((count, all));
            };
            next = last + 1;
            all.extend(part);
        }
    }

    async fn get(&self, site: &Site, path: &str) -> Result<Answer> {
        let port = self.address.port();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}:{port}\r\nconnection: close\r\n\r\n",
            site.host
        );
        self.send(&request).await
    }

    async fn send(&self, request: &str) -> Result<Answer> {
        let sent = tokio::time::timeout(PATIENCE, self.exchange(request));
        sent.await.context("there was no answer")?
    }

    async fn exchange(&self, request: &str) -> Result<Answer> {
        let mut socket = TcpStream::connect(self.address).await?;
        socket.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        socket.read_to_string(&mut text).await?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            bail!("the answer was cut off");
        };
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        // A kill ends a connection too.
        if let Some(length) = length {
            ensure!(body.len() == length, "the answer was cut off");
        }
        Ok(Answer {
            status: status.context("the answer has no status")?,
            body: body.to_owned(),
        })
    }
}
