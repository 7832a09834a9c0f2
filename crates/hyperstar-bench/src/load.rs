//! A load client: many open streams against one server, read on one thread.
//!
//! It promises to cost little, so that what is measured is the server: one `epoll`, one `recv` per
//! readiness, no copies, no parsing beyond the framing of chunks. It refuses to know what it reads: a
//! caller says how many chunks an update has, and may have the bodies of some streams kept to check
//! them.

mod chunked;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

pub(crate) use chunked::Response;

/// So many connections are begun before their answers are read: a server's backlog holds more.
const CONNECT_BATCH: usize = 128;
/// A server must answer, and an update arrive, by then.
const PATIENCE: Duration = Duration::from_secs(20);
/// More than one update of the pages here, so that one `recv` takes all of it.
const READ_BYTES: usize = 256 * 1024;
const EVENTS_MAX: usize = 1_024;

/// What a browser of today sends beside what a stream needs: servers keep some of it.
const BROWSER_HEADERS: &str = "\
connection: keep-alive\r\n\
sec-ch-ua-platform: \"Linux\"\r\n\
user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
datastar-request: true\r\n\
accept: text/event-stream, text/html, application/json\r\n\
sec-fetch-site: same-origin\r\n\
sec-fetch-mode: cors\r\n\
sec-fetch-dest: empty\r\n\
accept-language: en-GB,en;q=0.9\r\n";

/// A request that opens a stream.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// The `accept-encoding`; none is sent for `None`.
    pub(crate) encoding: Option<&'static str>,
    /// Further headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: &'static str,
}

impl Request {
    fn encode(&self, address: SocketAddr) -> String {
        let Self {
            method,
            path,
            encoding,
            headers,
            body,
        } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n{BROWSER_HEADERS}");
        if let Some(encoding) = encoding {
            text.push_str(&format!("accept-encoding: {encoding}\r\n"));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!(
                "content-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            ));
        }
        text.push_str("\r\n");
        text.push_str(body);
        text
    }
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
    keep_bodies: bool,
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
            keep_bodies: false,
        })
    }

    /// Keeps the bodies of streams that are opened from now on.
    pub(crate) fn keep_bodies(mut self) -> Self {
        self.keep_bodies = true;
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
            let began = Instant::now();
            while !self.streams[from..]
                .iter()
                .all(|stream| stream.response.has_head())
            {
                ensure!(
                    began.elapsed() < PATIENCE,
                    "the server does not answer stream {from} and those after it"
                );
                self.turn(Duration::from_millis(50))?;
            }
        }
        Ok(())
    }

    fn open(&mut self, request: &Request) -> Result<()> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        // Closed with a reset: thousands of ports would stay taken for a minute otherwise.
        rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        socket.write_all(request.encode(self.address).as_bytes())?;
        socket.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(self.streams.len() as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
        let kept = self.keep_bodies.then(Vec::new);
        self.streams.push(Stream {
            socket,
            response: Response::new(),
            kept,
            chunks_due: 0,
        });
        Ok(())
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Stream> {
        self.streams.iter()
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

    /// Says that every stream is due `chunks` more.
    pub(crate) fn expect(&mut self, chunks: u64) {
        for stream in &mut self.streams {
            stream.chunks_due = stream.response.chunks + chunks;
        }
        self.behind = if chunks == 0 { 0 } else { self.streams.len() };
    }

    /// Reads until every stream has had what it is due; answers when each had, since `since`, in the
    /// order of arrival.
    pub(crate) fn arrivals(&mut self, since: Instant) -> Result<Vec<Duration>> {
        let mut arrivals = Vec::with_capacity(self.behind);
        while self.behind > 0 {
            ensure!(
                since.elapsed() < PATIENCE,
                "{} streams never got an update",
                self.behind
            );
            self.turn_into(Duration::from_millis(50), |now| {
                arrivals.push(now.duration_since(since))
            })?;
        }
        Ok(arrivals)
    }

    fn turn(&mut self, wait: Duration) -> Result<usize> {
        self.turn_into(wait, |_| {})
    }

    /// Waits once and reads what is there; answers how many bytes that was.
    fn turn_into(&mut self, wait: Duration, mut arrived: impl FnMut(Instant)) -> Result<usize> {
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
            let stream = &mut self.streams[event.data.u64() as usize];
            let was_behind = stream.response.chunks < stream.chunks_due;
            bytes += stream.read(&mut self.buffer)?;
            if was_behind && stream.response.chunks >= stream.chunks_due {
                self.behind -= 1;
                arrived(Instant::now());
            }
        }
        Ok(bytes)
    }
}

impl Stream {
    /// Reads once: the readiness is level-triggered, so what is left calls again.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.socket.read(buffer) {
            Ok(0) => bail!("the server closed a stream"),
            Ok(bytes) => {
                let kept = &mut self.kept;
                self.response.feed(&buffer[..bytes], |piece| {
                    if let Some(kept) = kept {
                        kept.extend_from_slice(piece);
                    }
                })?;
                ensure!(!self.response.has_ended(), "the server ended a stream");
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

/// A connection for short requests beside the streams.
pub(crate) struct Control {
    address: SocketAddr,
    socket: TcpStream,
}

impl Control {
    pub(crate) fn to(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { address, socket })
    }

    /// Sends a request and does not wait for its answer: [`Control::receive`] does.
    pub(crate) fn send(&mut self, method: &str, path: &str) -> Result<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n",
            self.address
        );
        Ok(self.socket.write_all(request.as_bytes())?)
    }

    /// The body of the answer to the last request.
    pub(crate) fn receive(&mut self) -> Result<String> {
        let mut answer = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            if let Some(body) = whole(&answer)? {
                return Ok(body);
            }
            let bytes = self.socket.read(&mut buffer)?;
            ensure!(
                bytes > 0,
                "the server closed the connection instead of answering"
            );
            answer.extend_from_slice(&buffer[..bytes]);
        }
    }

    pub(crate) fn call(&mut self, method: &str, path: &str) -> Result<String> {
        self.send(method, path)?;
        self.receive()
    }
}

/// The body of an answer that is complete.
fn whole(answer: &[u8]) -> Result<Option<String>> {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Ok(None);
    };
    ensure!(head.starts_with("HTTP/1.1 2"), "the server answered {head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let length = length.context("the answer has no `content-length`")??;
    Ok((body.len() >= length).then(|| body.to_owned()))
}
