//! A served app and a client that sends exactly what it is told.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyperstar::{App, Hosts, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), hyperstar::ServeError>>,
}

impl Served {
    pub(crate) async fn start(app: App) -> Self {
        Self::start_hosts(Hosts::new(app).unwrap()).await
    }

    pub(crate) async fn start_hosts(hosts: Hosts) -> Self {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = server.shutdown(async move {
            let _ = stopped.await;
        });
        Self {
            address,
            stop: Some(stop),
            task: tokio::spawn(server.serve_hosts(hosts)),
        }
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub(crate) async fn ended(self) {
        within(self.task).await.unwrap().unwrap();
    }

    pub(crate) async fn connect(&self) -> Wire {
        Wire::new(self.address).await
    }

    /// Sends one request on a connection of its own and reads the whole answer.
    pub(crate) async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut wire = self.connect().await;
        wire.write(request).await;
        wire.answer().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/html\r\nconnection: close\r\n\r\n",
            self.address
        ))
        .await
    }

    pub(crate) async fn post(&self, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(post(path, headers, body)).await
    }

    /// Opens a live stream and reads its head.
    pub(crate) async fn stream(&self, path: &str, headers: &str) -> Stream {
        let mut wire = self.connect().await;
        wire.write(format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 2\r\n{headers}\r\n{{}}",
            self.address
        ))
        .await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        Stream {
            wire,
            chunks: Vec::new(),
        }
    }
}

pub(crate) fn post(path: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut request =
        format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(body);
    request
}

/// The path of an action, as a page would have it.
pub(crate) fn path_of(action: hyperstar::Action) -> String {
    let text = action.to_string();
    text.split('\'')
        .nth(1)
        .expect("the address is quoted")
        .to_owned()
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it takes far too long")
}

/// Waits until something holds; it is looked at again whenever other tasks have had their turn.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, waiting).await.is_ok(),
        "never: {what}"
    );
}

/// A connection.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }

    /// The `name=value` of the cookie that it sets.
    pub(crate) fn cookie(&self) -> Option<String> {
        Some(self.header("set-cookie")?.split(';').next()?.to_owned())
    }
}

pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

impl Wire {
    pub(crate) async fn new(address: SocketAddr) -> Self {
        Self {
            socket: TcpStream::connect(address).await.unwrap(),
            read: Vec::new(),
        }
    }

    /// A server may hang up on a request that it refuses before all of it was sent.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within(self.socket.write_all(bytes.as_ref())).await;
    }

    async fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = within(self.socket.read(&mut buffer)).await?;
        self.read.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            match self.more().await {
                Ok(count) if count > 0 => {}
                other => panic!(
                    "the server hung up before it answered: {other:?} {:?}",
                    String::from_utf8_lossy(&self.read)
                ),
            }
        }
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = Vec::new();
        if header(&head, "transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await {
                body.extend(chunk);
            }
        } else {
            let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
            while self.read.len() < length {
                assert!(self.more().await.unwrap() > 0, "the body is cut short");
            }
            body = self.read.drain(..length).collect();
        }
        Answer { status, head, body }
    }

    /// What is still sent until the server hangs up.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        while self.more().await.is_ok_and(|count| count > 0) {}
        self.read
    }

    /// One chunk of a chunked body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = find(&self.read, b"\r\n") {
                let size = std::str::from_utf8(&self.read[..end]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                if self.read.len() >= end + 2 + size + 2 {
                    let chunk = self.read[end + 2..end + 2 + size].to_vec();
                    self.read.drain(..end + 2 + size + 2);
                    return (size > 0).then_some(chunk);
                }
            }
            match self.more().await {
                Ok(count) if count > 0 => {}
                _ => return None,
            }
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// An open live stream, uncompressed.
pub(crate) struct Stream {
    wire: Wire,
    chunks: Vec<u8>,
}

impl Stream {
    /// The next event as it was sent, without the blank line and without comments; `None` at the end.
    pub(crate) async fn event(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.chunks, b"\n\n") {
                let event: Vec<u8> = self.chunks.drain(..end + 2).collect();
                let event = String::from_utf8(event).unwrap();
                if event
                    .lines()
                    .all(|line| line.is_empty() || line.starts_with(':'))
                {
                    continue;
                }
                return Some(event.trim_end().to_owned());
            }
            self.chunks.extend(self.wire.chunk().await?);
        }
    }

    /// Reads until an event contains a text.
    pub(crate) async fn event_with(&mut self, text: &str) -> String {
        loop {
            let event = self
                .event()
                .await
                .unwrap_or_else(|| panic!("the stream ended before {text:?}"));
            if event.contains(text) {
                return event;
            }
        }
    }

    /// What has arrived so far and was not read.
    pub(crate) async fn is_silent_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.event()).await.is_err()
    }
}
