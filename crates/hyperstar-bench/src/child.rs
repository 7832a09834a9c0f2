//! A server under test as a process of its own.

pub(crate) mod nchan;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::encoding::Encoding;
use crate::load::{Control, Streams};
use crate::machine::{self, Memory};
use crate::page::Page;
use crate::server::{CHANGE, STATS, Stats, Subject};

/// What to start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) subject: Subject,
    pub(crate) page: Page,
    /// Bare sockets write chunks of so many bytes instead of the page.
    pub(crate) bytes: Option<usize>,
    /// Stay on this processor.
    pub(crate) core: Option<usize>,
}

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) subject: Subject,
    control: Control,
    nchan: Option<nchan::Nchan>,
}

impl Server {
    /// Starts a server: this program again, or nginx.
    pub(crate) fn start(start: Start) -> Result<Self> {
        let subject = start.subject;
        let (child, address, nchan) = if subject == Subject::Nchan {
            let (child, address, nchan) = nchan::start(start)?;
            (child, address, Some(nchan))
        } else {
            let (child, address) = serve(start)?;
            (child, address, None)
        };
        let mut server = Self {
            child,
            address,
            subject,
            control: Control::to(address)?,
            nchan,
        };
        if server.nchan.is_some() {
            // It knows no page until it is told one.
            server.change()?;
        }
        Ok(server)
    }

    /// Changes the page.
    pub(crate) fn change(&mut self) -> Result<()> {
        self.begin_change()?;
        self.end_change()
    }

    /// Asks for a change and returns at once, with the moment it was asked for.
    pub(crate) fn begin_change(&mut self) -> Result<Instant> {
        let request = match &mut self.nchan {
            Some(nchan) => nchan.publish(),
            None => Control::request("POST", CHANGE),
        };
        let now = Instant::now();
        self.control.send(&request)?;
        Ok(now)
    }

    /// Waits until the change that was begun has been answered.
    pub(crate) fn end_change(&mut self) -> Result<()> {
        self.control.receive().map(drop)
    }

    pub(crate) fn stats(&mut self) -> Result<Stats> {
        if self.nchan.is_some() {
            return Ok(Stats {
                cpu_ns: machine::cpu_ns_of(self.child.id())?,
                ..Stats::default()
            });
        }
        self.control.send(&Control::request("GET", STATS))?;
        let text = self.control.receive()?;
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
        encoding: Encoding,
    ) -> Result<()> {
        streams.grow_to(count, |number| self.subject.request(encoding, number))?;
        streams.settle(Duration::from_millis(100))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx's workers end with it only if it ends by itself; the others have nothing to lose.
        if self.nchan.is_some() {
            nchan::stop(&mut self.child);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts this program again as a server.
fn serve(start: Start) -> Result<(Child, SocketAddr)> {
    use clap::ValueEnum;
    let subject = start.subject;
    let name = subject
        .to_possible_value()
        .context("every subject has a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["serve", name.get_name(), "--page", start.page.name()]);
    if let Some(core) = start.core {
        command.args(["--core", &core.to_string()]);
    }
    if let (Subject::Floor, Some(bytes)) = (subject, start.bytes) {
        command.args(["--bytes", &bytes.to_string()]);
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
    Ok((child, address))
}
