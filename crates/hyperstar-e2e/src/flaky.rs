//! A network between the browser and the server that fails when a test says so.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cdp::lock;

/// Bytes on their way in one direction of one connection.
const BUFFER_BYTES: usize = 64 * 1024;

/// The segments of an Ethernet. Loopback's are as large as packets can be, and the system's buffers
/// are for so many segments: megabytes, with which a server hardly notices that nothing passes.
const SEGMENT_BYTES: u32 = 1_400;

/// What the server may send ahead of what is taken: the system would let it grow to megabytes too.
const WINDOW_BYTES: u32 = 16 * 1024;

/// Requests whose names are kept; of more than these, only the number is.
const NAMES_MAX: usize = 10_000;

/// What the network does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything passes.
    #[default]
    Pass,
    /// Open connections are closed, every request is answered 502: a proxy whose server is gone.
    BadGateway,
    /// Nothing passes, nothing is closed: a cable that is out. What was held passes later.
    BlackHole,
    /// Open and new connections are reset.
    Reset,
}

/// An HTTP/1.1 proxy in front of a server on loopback. Dropped, it closes all its connections.
///
/// ```no_run
/// # async fn example(server: hyperstar_e2e::Server, tab: hyperstar_e2e::Tab) -> anyhow::Result<()> {
/// use hyperstar_e2e::{FlakyProxy, Mode};
/// let network = FlakyProxy::start(server.addr()).await?;
/// tab.open(&network.url("/")).await?;
/// network.set(Mode::BadGateway);
/// # Ok(()) }
/// ```
pub struct FlakyProxy {
    addr: SocketAddr,
    mode: watch::Sender<Mode>,
    seen: Arc<Mutex<Seen>>,
    // Dropping it ends its tasks.
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    count: usize,
    names: Vec<String>,
}

impl FlakyProxy {
    /// Starts a proxy in front of `server`, on a port of its own.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(server: SocketAddr) -> Result<FlakyProxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("listen")?;
        let addr = listener.local_addr()?;
        let (mode, modes) = watch::channel(Mode::Pass);
        let seen = Arc::<Mutex<Seen>>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, modes, seen.clone()));
        Ok(FlakyProxy {
            addr,
            mode,
            seen,
            _tasks: tasks,
        })
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of `path`, which starts with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// From now on the network does this.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many requests came, also those that were answered 502.
    pub fn requests(&self) -> usize {
        lock(&self.seen).count
    }

    /// How many requests came whose `METHOD /path?query` starts so: `GET /live`.
    pub fn requests_to(&self, start: &str) -> usize {
        lock(&self.seen)
            .names
            .iter()
            .filter(|name| name.starts_with(start))
            .count()
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    modes: watch::Receiver<Mode>,
    seen: Arc<Mutex<Seen>>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    connections.spawn(connection(socket, server, modes.clone(), seen.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection of the browser. HTTP is spoken at the far end of an in-memory pipe, so that the
/// bytes between it and the socket can be held.
async fn connection(
    socket: TcpStream,
    server: SocketAddr,
    modes: watch::Receiver<Mode>,
    seen: Arc<Mutex<Seen>>,
) {
    let opened_in = *modes.borrow();
    let mut changes = modes.clone();
    let ended_by = changes.wait_for(|mode| match mode {
        Mode::Pass | Mode::BlackHole => false,
        Mode::BadGateway => opened_in != Mode::BadGateway,
        Mode::Reset => true,
    });
    let (near, far) = tokio::io::duplex(BUFFER_BYTES);
    let serve = service_fn(|request| answer(request, server, &modes, &seen));
    let mut socket = socket;
    let reset = {
        let (from_browser, to_browser) = socket.split();
        let (from_server, to_server) = tokio::io::split(near);
        let http = hyper::server::conn::http1::Builder::new();
        let http = http.serve_connection(TokioIo::new(far), serve);
        // The last answer may still be on its way when HTTP has ended.
        let answers = async {
            let (_, http) = tokio::join!(pump(from_server, to_browser, modes.clone()), http);
            http
        };
        tokio::select! {
            mode = ended_by => mode.is_ok_and(|mode| *mode == Mode::Reset),
            () = pump(from_browser, to_server, modes.clone()) => false,
            // How HTTP ended is the browser's business.
            _ = answers => false,
        }
    };
    if reset {
        // Closed with data it has not sent, a socket says RST and not FIN.
        let _ = socket.set_zero_linger();
    }
}

/// Moves bytes, but none while the network is a black hole. Ends when either side does.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut modes: watch::Receiver<Mode>,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(count @ 1..) => count,
            _ => return,
        };
        if modes
            .wait_for(|mode| *mode != Mode::BlackHole)
            .await
            .is_err()
        {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

type Body = BoxBody<Bytes, hyper::Error>;

async fn answer(
    request: Request<Incoming>,
    server: SocketAddr,
    modes: &watch::Receiver<Mode>,
    seen: &Mutex<Seen>,
) -> Result<Response<Body>, Infallible> {
    {
        let mut seen = lock(seen);
        seen.count += 1;
        if seen.names.len() < NAMES_MAX {
            seen.names
                .push(format!("{} {}", request.method(), request.uri()));
        }
    }
    let mode = *modes.borrow();
    let answer = match mode {
        Mode::BadGateway => bad_gateway("the network is set to 502"),
        _ => match forward(request, server).await {
            Ok(response) => response.map(BodyExt::boxed),
            Err(error) => bad_gateway(&format!("{error:#}")),
        },
    };
    Ok(answer)
}

async fn forward(request: Request<Incoming>, server: SocketAddr) -> Result<Response<Incoming>> {
    let socket = TcpSocket::new_v4()?;
    SockRef::from(&socket).set_tcp_mss(SEGMENT_BYTES)?;
    socket.set_recv_buffer_size(WINDOW_BYTES)?;
    let stream = socket.connect(server).await;
    let stream = stream.context("connect to the server")?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends when the answer's body is read to its end or dropped.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

fn bad_gateway(why: &str) -> Response<Body> {
    let body = Full::new(Bytes::from(why.to_owned())).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
