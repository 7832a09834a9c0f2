//! A whole program around one app.

use std::net::SocketAddr;
use std::time::Duration;

use hyperstar_native::{PORTS_TRIED, Run, RunError, Running, bind_near};
use hyperstar_process::{State, hyperapp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::scripted::within;

#[derive(Default, State)]
struct Tally {
    count: i64,
}

#[hyperapp(name = "My Tally")]
impl Tally {
    #[view("/")]
    fn page(&self) -> String {
        format!("{} so far", self.count)
    }

    #[http(POST, "/add")]
    fn add(&mut self) -> i64 {
        self.count += 1;
        self.count
    }
}

#[derive(Default, State)]
struct Broken {}

#[hyperapp(name = "Broken")]
impl Broken {
    #[init]
    fn begin(&mut self) -> Result<(), String> {
        Err("the tea is cold".to_owned())
    }
}

async fn request(address: SocketAddr, line: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(socket.read_to_string(&mut answer)).await.unwrap();
    answer
}

async fn start(folder: &std::path::Path) -> Running {
    within(async {
        loop {
            match Run::<Tally>::new().port(0).data(folder).start().await {
                // The last connections of the one before end after everything else.
                Err(RunError::Store { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                started => return started.unwrap(),
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_app_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    for expected in ["1", "2"] {
        let running = start(&data).await;
        let address = running.address();
        assert_eq!(
            running.url(),
            format!("http://localhost:{}/", address.port())
        );
        assert_eq!(running.host().processes(), ["my-tally:my-tally:local"]);
        let end = CancellationToken::new();
        let serving = tokio::spawn(running.serve_until(end.clone().cancelled_owned()));
        let answer = request(address, "POST /add").await;
        assert!(answer.ends_with(expected), "{answer}");
        let page = request(address, "GET /").await;
        assert!(page.contains(&format!("{expected} so far")), "{page}");
        end.cancel();
        within(serving).await.unwrap().unwrap();
    }
    assert!(data.join("my-tally.redb").is_file());
}

#[tokio::test]
async fn what_keeps_it_from_running_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path()).await;
    let taken = Run::<Tally>::new().port(0).data(folder.path()).start();
    let error = within(taken).await.unwrap_err();
    assert!(
        matches!(&error, RunError::Store { path, .. } if path.ends_with("my-tally.redb")),
        "{error}"
    );
    drop(running);

    let broken = Run::<Broken>::new().port(0).data(folder.path()).start();
    let error = within(broken).await.unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("`broken:broken:local` does not start: ")
            && error.contains("the tea is cold"),
        "{error}"
    );

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = within(Run::<Tally>::new().port(0).data(&file).start())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("set `HYPERSTAR_DATA` to another one"),
        "{error}"
    );

    let misnamed = Run::<Tally>::new()
        .name("tally")
        .port(0)
        .data(folder.path());
    let error = within(misnamed.start()).await.unwrap_err();
    assert!(error.to_string().contains("`tally`"), "{error}");
}

#[tokio::test]
async fn the_next_free_port_is_taken() {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = first.local_addr().unwrap().port();
    let near = bind_near(port).await.unwrap();
    let found = near.local_addr().unwrap().port();
    assert!(
        found > port && found < port.saturating_add(PORTS_TRIED),
        "{found}"
    );
}
