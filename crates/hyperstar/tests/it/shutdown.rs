//! Ending well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyperstar::{ActionCx, ActionError, App, Done, Hub, action};
use hyperstar_store::Store;
use maud::html;

use crate::support::{Served, path_of, post, until};

#[tokio::test]
async fn open_streams_end_so_that_their_pages_connect_again() {
    let hub = Hub::new();
    let mut served = Served::start(App::new(&hub).view("/", |_cx| html! { p { "x" } })).await;
    let mut stream = served.stream("/", "").await;
    stream.event_with("<p>x</p>").await;
    served.stop();
    while stream.event().await.is_some() {}
    served.ended().await;
}

#[tokio::test]
async fn each_page_comes_back_at_a_moment_of_its_own() {
    let hub = Hub::new();
    let mut served = Served::start(App::new(&hub).view("/", |_cx| html! { p { "x" } })).await;
    let mut streams = Vec::new();
    for _ in 0..40 {
        let mut stream = served.stream("/", "").await;
        stream.event_with("<p>x</p>").await;
        streams.push(stream);
    }
    served.stop();
    let mut waits = std::collections::BTreeSet::new();
    for stream in &mut streams {
        let event = stream.event_with("event: datastar-hs-wait").await;
        let wait = event.split("data: ms ").nth(1).unwrap();
        waits.insert(wait.parse::<u64>().unwrap());
        assert_eq!(stream.event().await, None, "it is the last that is said");
    }
    assert!(waits.len() > 20, "too many at once: {waits:?}");
    assert!(waits.iter().all(|ms| (1..=500).contains(ms)), "{waits:?}");
    served.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_action_that_was_answered_is_missing_from_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.redb");
    let hub = Hub::new();
    let store = Store::open(&path).unwrap();
    let written = store.clone();
    let app = App::new(&hub)
        .store(&store)
        .action("add", move |cx: ActionCx| {
            let store = written.clone();
            async move {
                let n: u64 = cx.arg_as("n")?;
                tokio::task::yield_now().await;
                store.set(&format!("n/{n}"), &n)?;
                Ok::<_, ActionError>(Done)
            }
        });
    let mut served = Served::start(app).await;
    let next = Arc::new(AtomicU64::new(1));
    let answered = Arc::new(std::sync::Mutex::new(Vec::new()));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (next, answered, address) = (next.clone(), answered.clone(), served.address);
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    let Ok(socket) = tokio::net::TcpStream::connect(address).await else {
                        return;
                    };
                    let request = post(&path_of(action("add").arg("n", n)), "", "");
                    if status(socket, &request).await == Some(204) {
                        answered.lock().unwrap().push(n);
                    }
                }
            })
        })
        .collect();
    until("there is load", || answered.lock().unwrap().len() > 50).await;
    served.stop();
    served.ended().await;
    for client in clients {
        client.await.unwrap();
    }
    drop(store);
    drop(hub);
    let answered = answered.lock().unwrap().clone();
    let store = reopen(&path).await;
    for n in answered {
        assert_eq!(
            store.get::<u64>(&format!("n/{n}")).unwrap(),
            Some(n),
            "answered, and lost"
        );
    }
}

/// The last handles of the old server may still be closing.
async fn reopen(path: &std::path::Path) -> Store {
    for _ in 0..200 {
        if let Ok(store) = Store::open(path) {
            return store;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Store::open(path).unwrap()
}

async fn status(mut socket: tokio::net::TcpStream, request: &[u8]) -> Option<u16> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    socket.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    // A connection that is reset has no answer, whatever arrived.
    socket.read_to_end(&mut answer).await.ok()?;
    String::from_utf8_lossy(&answer)
        .split(' ')
        .nth(1)?
        .parse()
        .ok()
}

#[tokio::test]
async fn an_action_that_was_taken_is_ended_and_answered() {
    let hub = Hub::new();
    let go = Arc::new(tokio::sync::Notify::new());
    let gone = go.clone();
    let app = App::new(&hub).action("wait", move |_cx| {
        let go = gone.clone();
        async move {
            go.notified().await;
            Done
        }
    });
    let mut served = Served::start(app).await;
    let mut wire = served.connect().await;
    wire.write(post(&path_of(action("wait")), "", "")).await;
    until("it runs", || hub.stats().actions == 1).await;
    served.stop();
    go.notify_one();
    assert_eq!(wire.answer().await.status, 204);
    served.ended().await;
}

#[tokio::test]
async fn a_taken_address_is_said_with_its_remedy() {
    let served = Served::start(App::new(&Hub::new()).view("/", |_cx| "x")).await;
    let port = served.address.port();
    let expected = format!(
        "cannot listen on 127.0.0.1:{port}: another program listens there; stop it or choose another port"
    );
    let refused = [
        hyperstar::Server::bind(served.address).await,
        hyperstar::Server::bind(format!("127.0.0.1:{port}")).await,
        hyperstar::Server::bind(("127.0.0.1", port)).await,
    ];
    for error in refused {
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}
