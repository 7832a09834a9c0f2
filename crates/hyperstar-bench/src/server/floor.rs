//! The floor: what the system itself takes to write the same bytes to as many sockets. One loop on
//! one thread prepares one chunk a change and hands it to each socket with one `send`, without a
//! framework, a runtime or anything that a server must do.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::event::epoll::{EventData, EventFlags};
use rustix::fd::OwnedFd;

use super::{CHANGE, Options, STATS, Stats, announce};
use crate::page::{FIRST, Page};

const EVENTS_MAX: usize = 1_024;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4_096;
/// Of one request; what does not fit is cut, and the request with it.
const REQUEST_BYTES_MAX: usize = 8 * 1_024;
/// Marks the listener among the connections, whose marks are indices.
const LISTENER: u64 = u64::MAX;

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

struct Floor {
    page: Page,
    /// The size of a chunk with its framing, if it is not to be the page.
    bytes: Option<usize>,
    number: u64,
    stats: Stats,
    frame: Rc<[u8]>,
    listener: TcpListener,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
}

struct Connection {
    socket: TcpStream,
    request: Vec<u8>,
    is_viewer: bool,
    /// What the socket has not taken, from where on.
    rest: Option<(Rc<[u8]>, usize)>,
    /// A newer frame than the rest is due.
    is_behind: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", options.port))?;
    // The library's 128 are too few where thousands come at once.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    announce(listener.local_addr()?)?;
    std::thread::spawn(|| {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        std::process::exit(0);
    });
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    Floor {
        page: options.page,
        bytes: options.bytes,
        number: FIRST,
        stats: Stats::default(),
        frame: frame(options.page, FIRST, options.bytes),
        listener,
        epoll,
        connections: Vec::new(),
        free: Vec::new(),
    }
    .run()
}

impl Floor {
    fn run(mut self) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    // Set by `accept` from an index.
                    index => self.ready(index as usize, event.flags)?,
                }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            epoll::add(
                &self.epoll,
                &socket,
                EventData::new_u64(index as u64),
                EventFlags::IN,
            )?;
            self.connections[index] = Some(Connection {
                socket,
                request: Vec::new(),
                is_viewer: false,
                rest: None,
                is_behind: false,
            });
        }
    }

    /// Serves a connection that can be read or written; one that fails is gone.
    fn ready(&mut self, index: usize, flags: EventFlags) -> Result<()> {
        let Some(connection) = &mut self.connections[index] else {
            return Ok(());
        };
        let alive = if flags.contains(EventFlags::OUT) {
            connection.resume(&self.frame, &self.epoll, index)
        } else {
            connection.read().and_then(|request| match request {
                Some(request) => self.answer(index, &request),
                None => Ok(()),
            })
        };
        if alive.is_err() {
            self.connections[index] = None;
            self.free.push(index);
        }
        Ok(())
    }

    fn answer(&mut self, index: usize, request: &str) -> Result<()> {
        let body = if request.contains(CHANGE) {
            self.change();
            String::new()
        } else if request.contains(STATS) {
            self.stats.to_json()
        } else {
            return self.join(index);
        };
        if let Some(connection) = &mut self.connections[index] {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            connection.socket.write_all((head + &body).as_bytes())?;
        }
        Ok(())
    }

    fn join(&mut self, index: usize) -> Result<()> {
        if let Some(connection) = &mut self.connections[index] {
            connection.is_viewer = true;
            // Nobody sends more requests on a stream.
            connection.request = Vec::new();
            let first = [HEAD, &self.frame].concat().into();
            connection.send(&first, &self.epoll, index)?;
        }
        Ok(())
    }

    fn change(&mut self) {
        self.number += 1;
        self.frame = frame(self.page, self.number, self.bytes);
        self.stats.renders += 1;
        self.stats.encoded += 1;
        for index in 0..self.connections.len() {
            let Some(viewer) = self.connections[index].as_mut().filter(|one| one.is_viewer) else {
                continue;
            };
            self.stats.frames += 1;
            if viewer.send(&self.frame, &self.epoll, index).is_err() {
                self.connections[index] = None;
                self.free.push(index);
            }
        }
    }
}

impl Connection {
    /// A request, once it is whole.
    fn read(&mut self) -> Result<Option<String>> {
        let mut buffer = [0; 4_096];
        let count = match self.socket.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            other => other?,
        };
        self.request.extend_from_slice(&buffer[..count]);
        anyhow::ensure!(
            count > 0 && self.request.len() <= REQUEST_BYTES_MAX,
            "the client is gone, or asks for too much"
        );
        // None of them has a body.
        Ok(self.request.ends_with(b"\r\n\r\n").then(|| {
            let request = std::mem::take(&mut self.request);
            String::from_utf8_lossy(&request).into_owned()
        }))
    }

    /// Sends a frame, or remembers that it is due: of those that wait, the newest is sent.
    fn send(&mut self, frame: &Rc<[u8]>, epoll: &OwnedFd, index: usize) -> Result<()> {
        if self.rest.is_some() {
            self.is_behind = true;
            return Ok(());
        }
        let sent = self.write(frame)?;
        if sent < frame.len() {
            self.rest = Some((frame.clone(), sent));
            self.listen(epoll, index, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    /// Goes on where the socket would take no more.
    fn resume(&mut self, newest: &Rc<[u8]>, epoll: &OwnedFd, index: usize) -> Result<()> {
        let Some((frame, from)) = self.rest.take() else {
            return self.listen(epoll, index, EventFlags::IN);
        };
        let to = from + self.write(&frame[from..])?;
        if to < frame.len() {
            self.rest = Some((frame, to));
        } else if std::mem::take(&mut self.is_behind) {
            self.send(newest, epoll, index)?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.socket.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            other => Ok(other?),
        }
    }

    fn listen(&self, epoll: &OwnedFd, index: usize, flags: EventFlags) -> Result<()> {
        Ok(epoll::modify(
            epoll,
            &self.socket,
            EventData::new_u64(index as u64),
            flags,
        )?)
    }
}

/// The page as one event in one chunk; or as many bytes.
fn frame(page: Page, number: u64, bytes: Option<usize>) -> Rc<[u8]> {
    let payload = match bytes {
        Some(bytes) => "x".repeat(payload_bytes(bytes)),
        None => {
            let html = page.html(number, "@post('/inc')");
            format!(
                "event: datastar-patch-elements\ndata: elements <main id=\"page\">{html}</main>\n\n"
            )
        }
    };
    format!("{:x}\r\n{payload}\r\n", payload.len())
        .into_bytes()
        .into()
}

/// How large the payload of a chunk is that has so many bytes with its framing; at least 1.
fn payload_bytes(bytes: usize) -> usize {
    (1..=bytes)
        .rev()
        .find(|payload| format!("{payload:x}").len() + 4 + payload <= bytes)
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_the_size_that_was_asked_for() {
        for bytes in [6, 20, 22, 212, 5_000, 20_480, 65_000] {
            assert_eq!(frame(Page::Counter, FIRST, Some(bytes)).len(), bytes);
        }
    }
}
