//! Connections that go on in another protocol.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyperstar_sse::{Http1Config, Lanes, upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::within;

/// Sets a flag when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Serves one connection: `/up` switches to a protocol that repeats in capitals.
async fn serve(status: StatusCode) -> (TcpStream, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (socket, _) = listener.accept().await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let guard = Flag(ended.clone());
    tokio::spawn(async move {
        let service = service_fn(move |_request: Request<Incoming>| async move {
            let mut answer = Response::new(Empty::<Bytes>::new());
            *answer.status_mut() = status;
            answer
                .headers_mut()
                .insert("upgrade", "shout".parse().unwrap());
            answer
                .headers_mut()
                .insert("connection", "upgrade".parse().unwrap());
            upgrade(&mut answer, |mut socket| {
                tokio::spawn(async move {
                    let mut bytes = [0; 64];
                    while let Ok(count @ 1..) = socket.read(&mut bytes).await {
                        let loud = bytes[..count].to_ascii_uppercase();
                        socket.write_all(&loud).await.unwrap();
                        socket.flush().await.unwrap();
                    }
                });
            });
            Ok::<_, Infallible>(answer)
        });
        let connection =
            Lanes::new().serve_connection(&Http1Config::default(), socket, service, guard);
        let _ = connection.await;
    });
    (client, ended)
}

async fn head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(client.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

const UP: &[u8] = b"GET /up HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\n";

#[tokio::test]
async fn the_socket_goes_on_in_the_other_protocol_and_counts_as_open() {
    let (mut client, ended) = serve(StatusCode::SWITCHING_PROTOCOLS).await;
    // What comes with the head already belongs to the other protocol.
    client.write_all(&[UP, b"early "].concat()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 101"));
    client.write_all(b"late").await.unwrap();
    let mut loud = [0; 10];
    within(client.read_exact(&mut loud)).await.unwrap();
    assert_eq!(&loud, b"EARLY LATE");
    assert!(!ended.load(Ordering::SeqCst));
    drop(client);
    within(async {
        while !ended.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn only_a_101_switches() {
    let (mut client, _) = serve(StatusCode::OK).await;
    for _ in 0..2 {
        client.write_all(UP).await.unwrap();
        assert!(head(&mut client).await.starts_with("HTTP/1.1 200"));
    }
}
