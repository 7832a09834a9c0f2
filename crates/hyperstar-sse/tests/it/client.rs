//! An HTTP/1.1 client that shows when bytes come, and that can stop reading.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::event_source::{EventSource, Message};
use crate::support::within;

pub(crate) struct Client {
    tcp: BufReader<TcpStream>,
    pub(crate) head: String,
    source: EventSource,
    messages: VecDeque<Message>,
}

impl Client {
    /// Asks for a stream and reads the head of the answer.
    pub(crate) async fn get(address: SocketAddr, path: &str) -> Self {
        let tcp = within(TcpStream::connect(address)).await.unwrap();
        Self::ask(tcp, path).await
    }

    /// The same, with little room for what it does not read.
    pub(crate) async fn get_narrow(address: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let tcp = within(socket.connect(address)).await.unwrap();
        Self::ask(tcp, path).await
    }

    async fn ask(mut tcp: TcpStream, path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
        within(tcp.write_all(request.as_bytes())).await.unwrap();
        let mut client = Self {
            tcp: BufReader::new(tcp),
            head: String::new(),
            source: EventSource::default(),
            messages: VecDeque::new(),
        };
        while !client.head.ends_with("\r\n\r\n") {
            let read = within(client.tcp.read_line(&mut client.head))
                .await
                .unwrap();
            assert!(read > 0, "no answer: {}", client.head);
        }
        client
    }

    /// The next message; `None` once the answer has ended as it should.
    pub(crate) async fn message(&mut self) -> Option<Message> {
        within(async {
            while self.messages.is_empty() {
                let chunk = self.chunk().await.expect("the answer is whole")?;
                self.messages.extend(self.source.push(&chunk));
            }
            self.messages.pop_front()
        })
        .await
    }

    /// One chunk (RFC 9112, 7.1); `None` for the last.
    async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut size = String::new();
        self.tcp.read_line(&mut size).await?;
        let size = usize::from_str_radix(size.trim_end(), 16)
            .map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let mut chunk = vec![0; size + 2];
        self.tcp.read_exact(&mut chunk).await?;
        assert!(chunk.ends_with(b"\r\n"));
        chunk.truncate(size);
        Ok((size > 0).then_some(chunk))
    }
}

/// A whole answer, head and body.
pub(crate) async fn page(address: SocketAddr, path: &str) -> String {
    let mut tcp = within(TcpStream::connect(address)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    within(tcp.write_all(request.as_bytes())).await.unwrap();
    let mut answer = String::new();
    within(tcp.read_to_string(&mut answer)).await.unwrap();
    answer
}
