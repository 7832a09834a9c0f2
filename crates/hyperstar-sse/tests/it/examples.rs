//! The examples, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use hyperstar_sse::{Encoders, Group, Lanes, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::broadcast_lanes::{self, axum_broadcast};
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

/// Late joiners see what the others see, and who has gone is forgotten.
async fn check_waves(address: SocketAddr, waves: Group) {
    let answer = page(address, "/").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("new EventSource(\"/frames\")"), "{answer}");
    let paint = |pictures: u32| {
        let painting = axum_broadcast::paint(waves.clone(), Duration::from_millis(1));
        let seq = waves.seq() + u64::from(pictures);
        let waves = waves.clone();
        async move {
            tokio::select! {
                () = painting => {}
                () = async { while waves.seq() < seq { tokio::task::yield_now().await } } => {}
            }
        }
    };
    within(paint(3)).await;
    let mut early = Client::get(address, "/frames").await;
    let first = early.message().await.unwrap().data;
    assert_eq!(first.matches("<i style=").count(), 32 * 16);
    within(paint(1)).await;
    let mut late = Client::get(address, "/frames").await;
    assert_eq!(
        late.message().await.unwrap().data,
        early.message().await.unwrap().data
    );
    assert_eq!(waves.clients(), 2);
    drop(late);
    within(async {
        while waves.clients() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_waves_are_the_same_for_all_with_axum() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let waves = Group::new(&Encoders::default());
    let mut tasks = JoinSet::new();
    tasks.spawn(axum_broadcast::serve(listener, waves.clone()));
    check_waves(address, waves).await;
}

#[tokio::test]
async fn the_waves_are_the_same_for_all_with_lanes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let waves = Group::new(&Encoders::default());
    let lanes = Lanes::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(broadcast_lanes::serve(
        listener,
        waves.clone(),
        lanes.clone(),
    ));
    check_waves(address, waves).await;
    assert_eq!(lanes.connections(), 1, "it has moved");
}
