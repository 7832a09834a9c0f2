//! A server under test as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::load::{Control, Streams};
use crate::machine::{self, Memory};
use crate::page::Page;
use crate::server::{CHANGE, STATS, Stats, Subject};

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) subject: Subject,
    control: Control,
}

impl Server {
    /// Starts this program again as a server, on processor `core` if one is given.
    pub(crate) fn start(subject: Subject, page: Page, core: Option<usize>) -> Result<Self> {
        use clap::ValueEnum;
        let name = subject
            .to_possible_value()
            .context("every subject has a name")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", name.get_name(), "--page", page.name()]);
        if let Some(core) = core {
            command.args(["--core", &core.to_string()]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the server {}", subject.name()))?;
        let out = child.stdout.take().context("its output was asked for")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let address = line
            .trim()
            .parse()
            .with_context(|| format!("{} did not start", subject.name()))?;
        Ok(Self {
            child,
            address,
            subject,
            control: Control::to(address)?,
        })
    }

    /// Changes the page.
    pub(crate) fn change(&mut self) -> Result<()> {
        self.control.call("POST", CHANGE).map(drop)
    }

    /// Asks for a change and returns at once, with the moment it was asked for.
    pub(crate) fn begin_change(&mut self) -> Result<Instant> {
        let now = Instant::now();
        self.control.send("POST", CHANGE)?;
        Ok(now)
    }

    /// Waits until the change that was begun has been answered.
    pub(crate) fn end_change(&mut self) -> Result<()> {
        self.control.receive().map(drop)
    }

    pub(crate) fn stats(&mut self) -> Result<Stats> {
        let text = self.control.call("GET", STATS)?;
        serde_json::from_str(&text).with_context(|| format!("these are no stats: {text}"))
    }

    /// How long it was ready to run but had no processor.
    pub(crate) fn waited(&self) -> Result<Duration> {
        machine::waited(self.child.id())
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        machine::memory(self.child.id())
    }

    /// Opens streams of this server until there are `count`, and waits for their first render.
    pub(crate) fn open(
        &self,
        streams: &mut Streams,
        count: usize,
        encoding: Option<&'static str>,
    ) -> Result<()> {
        streams.grow_to(count, |number| self.subject.request(encoding, number))?;
        streams.settle(Duration::from_millis(100))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to lose, and the next one wants its processor.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
