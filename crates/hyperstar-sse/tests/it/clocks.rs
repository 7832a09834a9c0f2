//! The examples, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use hyperstar_sse::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::client::{Client, page};
use crate::support::{data, within};
use crate::{axum_clock, hyper_clock};

async fn check(
    address: SocketAddr,
    viewers: Registry<()>,
    tick: impl Future<Output = ()> + Send + 'static,
) {
    let answer = page(address, "/").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\ncontent-type: text/html"), "{answer}");
    assert!(answer.contains("new EventSource(\"/ticks\")"), "{answer}");
    assert!(page(address, "/nothing").await.starts_with("HTTP/1.1 404"));

    let mut clients = [
        Client::get(address, "/ticks").await,
        Client::get(address, "/ticks").await,
    ];
    for client in &mut clients {
        assert!(
            client
                .head
                .contains("\r\ncontent-type: text/event-stream\r\n")
        );
        let time = client.message().await.unwrap().data;
        assert_eq!(time.len(), "00:00:00".len(), "{time}: it is shown at once");
    }
    assert_eq!(viewers.count("clock"), 2);
    assert_eq!(viewers.broadcast("clock", data("12:00:00")), 2);
    for client in &mut clients {
        assert_eq!(client.message().await.unwrap().data, "12:00:00");
    }
    let [gone, mut stays] = clients;
    drop(gone);
    within(async {
        while viewers.count("clock") > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut tasks = JoinSet::new();
    tasks.spawn(tick);
    for _ in 0..3 {
        let time = stays.message().await.unwrap().data;
        assert_eq!(time.matches(':').count(), 2, "{time}");
    }
}

#[tokio::test]
async fn the_axum_clock_ticks_for_all() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let viewers = Registry::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(axum_clock::serve(listener, viewers.clone()));
    let tick = axum_clock::tick(viewers.clone(), Duration::from_millis(10));
    check(address, viewers, tick).await;
}

#[tokio::test]
async fn the_hyper_clock_ticks_for_all() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let viewers = Registry::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(hyper_clock::serve(listener, viewers.clone()));
    let tick = hyper_clock::tick(viewers.clone(), Duration::from_millis(10));
    check(address, viewers, tick).await;
}
