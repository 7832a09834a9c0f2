//! The floor: what the system itself takes to write the same bytes to as many sockets, on one
//! thread, without a framework, a runtime or anything that a server must do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use super::{CHANGE, Options, STATS, Stats, announce};
use crate::page::{FIRST, Page};

struct Floor {
    page: Page,
    state: Mutex<State>,
}

struct State {
    number: u64,
    stats: Stats,
    viewers: Vec<TcpStream>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", options.port))?;
    announce(listener.local_addr()?)?;
    let state = State {
        number: FIRST,
        stats: Stats::default(),
        viewers: Vec::new(),
    };
    let floor = Arc::new(Floor {
        page: options.page,
        state: Mutex::new(state),
    });
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            // A connection says late what it wants: it must not hold up the next.
            let floor = floor.clone();
            std::thread::spawn(move || floor.connect(socket));
        }
    });
    let mut byte = [0];
    while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
    Ok(())
}

impl Floor {
    /// Opens a stream, which needs no thread from then on, or answers requests until they end.
    fn connect(&self, mut socket: TcpStream) -> Result<()> {
        socket.set_nodelay(true)?;
        loop {
            let request = head(&mut socket)?;
            let body = if request.contains(CHANGE) {
                self.change();
                String::new()
            } else if request.contains(STATS) {
                self.state().stats.to_json()
            } else {
                let mut state = self.state();
                let frame = state.frame(self.page);
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
                socket.write_all(&frame)?;
                state.viewers.push(socket);
                return Ok(());
            };
            write!(
                socket,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )?;
        }
    }

    fn change(&self) {
        let mut state = self.state();
        state.number += 1;
        let frame = state.frame(self.page);
        state.stats.frames += state.viewers.len() as u64;
        state
            .viewers
            .retain_mut(|viewer| viewer.write_all(&frame).is_ok());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The page as one event in one chunk.
    fn frame(&mut self, page: Page) -> Vec<u8> {
        self.stats.renders += 1;
        self.stats.encoded += 1;
        let html = page.html(self.number, "@post('/inc')");
        let event = format!(
            "event: datastar-patch-elements\ndata: elements <main id=\"page\">{html}</main>\n\n"
        );
        format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
    }
}

/// A request without a body.
fn head(socket: &mut TcpStream) -> Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    while !bytes.ends_with(b"\r\n\r\n") {
        let count = socket.read(&mut buffer)?;
        anyhow::ensure!(count > 0, "the client is gone");
        bytes.extend_from_slice(&buffer[..count]);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
