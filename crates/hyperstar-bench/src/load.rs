//! A load client: many open streams against one server, read on one thread.
//!
//! It promises to cost little, so that what is measured is the server: one `epoll`, one `recv` per
//! readiness, no copies, no parsing beyond the framing of chunks. It refuses to know what it reads: a
//! caller says how many chunks an update has, and may have the bodies of some streams kept to check
//! them.

mod chunked;
mod control;
mod join;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

pub(crate) use chunked::Response;
pub(crate) use control::Control;
pub(crate) use join::{Joins, joins};

/// So many connections are begun before their answers are read: a server's backlog holds more.
const CONNECT_BATCH: usize = 128;
/// A server must answer, and an update arrive, by then.
const PATIENCE: Duration = Duration::from_secs(20);
/// More than one update of the pages here, so that one `recv` takes all of it.
const READ_BYTES: usize = 256 * 1024;
const EVENTS_MAX: usize = 1_024;

/// A request, as a stream is opened or a change caused.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Beside `host` and `content-length`.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    /// Sets a header if it is not there.
    pub(crate) fn or_header(mut self, name: &str, value: &str) -> Self {
        let has = |(own, _): &(String, String)| own.eq_ignore_ascii_case(name);
        if !self.headers.iter().any(has) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    fn encode(&self, address: SocketAddr) -> String {
        let Self {
            method,
            path,
            headers,
            body,
        } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            text.push_str(&format!("host: {address}\r\n"));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        text
    }
}

/// A connection that is closed with a reset: thousands of ports would stay taken for a minute
/// otherwise.
fn connect(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect(address).map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::ConnectionRefused => {
                "nothing listens there: start the server, or check the port"
            }
            ErrorKind::AddrNotAvailable => {
                "no local port is left: widen net.ipv4.ip_local_port_range, or open fewer streams"
            }
            _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
                "too few descriptors: raise them with `ulimit -n`, or open fewer streams"
            }
            _ => "is the server overloaded?",
        };
        anyhow::Error::new(error).context(format!("cannot connect to {address}; {remedy}"))
    })?;
    socket.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    Ok(socket)
}

/// One open stream.
pub(crate) struct Stream {
    socket: TcpStream,
    pub(crate) response: Response,
    /// The body so far, if it is kept.
    pub(crate) kept: Option<Vec<u8>>,
    chunks_due: u64,
}

/// Many open streams.
pub(crate) struct Streams {
    address: SocketAddr,
    epoll: OwnedFd,
    streams: Vec<Stream>,
    buffer: Vec<u8>,
    events: Vec<epoll::Event>,
    /// Streams that have not had all chunks that are due.
    behind: usize,
    /// So many of the first streams have their bodies kept.
    keep_bodies: usize,
}

impl Streams {
    /// No streams yet.
    pub(crate) fn to(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            address,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            streams: Vec::new(),
            buffer: vec![0; READ_BYTES],
            events: Vec::with_capacity(EVENTS_MAX),
            behind: 0,
            keep_bodies: 0,
        })
    }

    /// Keeps the bodies of the first `count` streams.
    pub(crate) fn keep_bodies(mut self, count: usize) -> Self {
        self.keep_bodies = count;
        self
    }

    /// Opens streams until there are `count`, and returns once each has been answered.
    pub(crate) fn grow_to(
        &mut self,
        count: usize,
        request: impl Fn(usize) -> Request,
    ) -> Result<()> {
        while self.streams.len() < count {
            let from = self.streams.len();
            for number in from..count.min(from + CONNECT_BATCH) {
                self.open(&request(number))
                    .with_context(|| format!("cannot open stream {number}"))?;
            }
            self.until(|stream| stream.response.has_head())?;
        }
        Ok(())
    }

    /// Opens `count` more streams without waiting for an answer; [`Streams::until`] does.
    pub(crate) fn storm(&mut self, count: usize, request: impl Fn(usize) -> Request) -> Result<()> {
        for number in 0..count {
            self.open(&request(number))
                .with_context(|| format!("cannot open stream {number}"))?;
            if number % CONNECT_BATCH == 0 {
                self.turn(Duration::ZERO)?;
            }
        }
        Ok(())
    }

    /// Reads until all streams are as they should be.
    pub(crate) fn until(&mut self, reached: impl Fn(&Stream) -> bool) -> Result<()> {
        let began = Instant::now();
        let mut waiting = 0;
        // Streams that are there stay there, so each is asked until it is.
        while waiting < self.streams.len() {
            if reached(&self.streams[waiting]) {
                waiting += 1;
                continue;
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "the server does not answer stream {waiting}, and maybe those after it"
            );
            self.turn(Duration::from_millis(50))?;
        }
        Ok(())
    }

    fn open(&mut self, request: &Request) -> Result<()> {
        let mut socket = connect(self.address)?;
        socket.write_all(request.encode(self.address).as_bytes())?;
        socket.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(self.streams.len() as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
        let kept = (self.streams.len() < self.keep_bodies).then(Vec::new);
        self.streams.push(Stream {
            socket,
            response: Response::new(),
            kept,
            chunks_due: 0,
        });
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Stream> {
        self.streams.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Stream> {
        self.streams.iter_mut()
    }

    /// Reads what comes until nothing came for `quiet`.
    pub(crate) fn settle(&mut self, quiet: Duration) -> Result<()> {
        let (began, mut last) = (Instant::now(), Instant::now());
        while last.elapsed() < quiet {
            ensure!(
                began.elapsed() < PATIENCE,
                "the server does not fall silent"
            );
            if self.turn(quiet.saturating_sub(last.elapsed()))? > 0 {
                last = Instant::now();
            }
        }
        Ok(())
    }

    /// Reads what comes for so long; `arrived` is told which stream completed a chunk, and when.
    pub(crate) fn watch(
        &mut self,
        duration: Duration,
        mut arrived: impl FnMut(usize, Instant),
    ) -> Result<()> {
        for stream in &mut self.streams {
            stream.chunks_due = 0;
        }
        let until = Instant::now() + duration;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.turn_into(left.min(Duration::from_millis(50)), &mut arrived)?;
        }
        Ok(())
    }

    /// Says that every stream is due so many chunks more, at least one.
    pub(crate) fn expect(&mut self, chunks: impl Fn(usize) -> u64) {
        for (index, stream) in self.streams.iter_mut().enumerate() {
            stream.chunks_due = stream.response.chunks + chunks(index).max(1);
        }
        self.behind = self.streams.len();
    }

    /// Reads until every stream has had what it is due; answers when each had, since `since`, in the
    /// order of arrival.
    pub(crate) fn arrivals(&mut self, since: Instant) -> Result<Vec<Duration>> {
        let arrivals = self.arrivals_within(since, PATIENCE)?;
        ensure!(
            self.behind == 0,
            "{} streams never got an update",
            self.behind
        );
        Ok(arrivals)
    }

    /// The same, but of those that come within `patience`.
    pub(crate) fn arrivals_within(
        &mut self,
        since: Instant,
        patience: Duration,
    ) -> Result<Vec<Duration>> {
        let mut arrivals = Vec::with_capacity(self.behind);
        while self.behind > 0 && since.elapsed() < patience {
            self.turn_into(Duration::from_millis(50), |_, now| {
                arrivals.push(now.duration_since(since));
            })?;
        }
        Ok(arrivals)
    }

    fn turn(&mut self, wait: Duration) -> Result<usize> {
        self.turn_into(wait, |_, _| {})
    }

    /// Waits once and reads what is there; answers how many bytes that was. `arrived` is told of
    /// streams that got what they were due; if they are due nothing, of any chunk.
    fn turn_into(
        &mut self,
        wait: Duration,
        mut arrived: impl FnMut(usize, Instant),
    ) -> Result<usize> {
        let timeout = Timespec {
            tv_sec: wait.as_secs() as i64,
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(&timeout),
        ) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        }
        let mut bytes = 0;
        for event in &self.events {
            // Set by `open` from an index.
            let index = event.data.u64() as usize;
            let stream = &mut self.streams[index];
            let before = stream.response.chunks;
            bytes += stream
                .read(&mut self.buffer)
                .with_context(|| format!("stream {index}"))?;
            let (now, due) = (stream.response.chunks, stream.chunks_due);
            if before < due && now >= due {
                self.behind -= 1;
                arrived(index, Instant::now());
            } else if due == 0 && now > before {
                arrived(index, Instant::now());
            }
        }
        Ok(bytes)
    }
}

impl Stream {
    /// What was kept since this was asked last.
    pub(crate) fn take_kept(&mut self) -> Vec<u8> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Reads once: the readiness is level-triggered, so what is left calls again.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.socket.read(buffer) {
            Ok(0) => bail!("the server closed it after {} chunks", self.response.chunks),
            Ok(bytes) => {
                let kept = &mut self.kept;
                self.response.feed(&buffer[..bytes], |piece| {
                    if let Some(kept) = kept {
                        kept.extend_from_slice(piece);
                    }
                })?;
                ensure!(
                    !self.response.has_ended(),
                    "the server ended it after {} chunks, so it is no live stream",
                    self.response.chunks
                );
                Ok(bytes)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }
}
