//! The picture of `axum_broadcast`, with lanes: a viewer takes neither a task nor buffers of a server's
//! connection, and a frame takes one system call for each.
//!
//! `cargo run -p hyperstar-sse --features http1 --example lanes`, then open <http://127.0.0.1:3000>.

use std::io;
use std::time::Duration;

use hyper_util::service::TowerToHyperService;
use hyperstar_sse::{Encoders, Group, Http1Config, Lanes};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[path = "axum_broadcast.rs"]
#[allow(dead_code, reason = "it is served otherwise here")]
pub(crate) mod axum_broadcast;

#[tokio::main]
async fn main() -> io::Result<()> {
    let waves = Group::new(&Encoders::default());
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    tokio::select! {
        served = serve(listener, waves.clone(), Lanes::new()) => served,
        () = axum_broadcast::paint(waves, Duration::from_millis(100)) => Ok(()),
    }
}

/// Serves the page and the streams.
pub(crate) async fn serve(listener: TcpListener, waves: Group, lanes: Lanes) -> io::Result<()> {
    // Those that are no streams: a stream moves into a lane, and its task is over.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (tcp, _) = accepted?;
                connections.spawn(connection(tcp, waves.clone(), lanes.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(tcp: TcpStream, waves: Group, lanes: Lanes) {
    if let Err(error) = tcp.set_nodelay(true) {
        eprintln!("no TCP_NODELAY: {error}");
    }
    let service = TowerToHyperService::new(axum_broadcast::app(waves));
    let connection = lanes.serve_connection(&Http1Config::default(), tcp, service, ());
    if let Err(error) = connection.await {
        eprintln!("a connection ended: {error}");
    }
}
