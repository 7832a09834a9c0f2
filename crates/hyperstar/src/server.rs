//! Sockets: accepting, serving, and ending well.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyperstar_sse::{Http1Config, Lanes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, AppError};
use crate::files::{self, Shortage};
use crate::router::Wire;

mod hosts;

pub use hosts::Hosts;

/// A TLS handshake must be complete by then.
#[cfg(feature = "tls")]
const HANDSHAKE_MS: u64 = 10_000;
const HTTP1: Http1Config = Http1Config {
    head_ms: 15_000,
    head_bytes_max: HEAD_BYTES_MAX,
};
/// The largest head of a request. It also bounds what waits in user space for one connection beside
/// what is being written.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long to wait after the system had no socket for us.
const ACCEPT_PAUSE_MS: u64 = 50;

/// Why an app is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The app itself cannot be served.
    #[error(transparent)]
    App(#[from] AppError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {hint}")]
    Bind {
        /// The address.
        address: String,
        /// What to do about it.
        hint: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A certificate or key cannot be used.
    #[cfg(feature = "tls")]
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The listener or the signals of the system failed.
    #[error("the server stopped")]
    Io(#[from] io::Error),
}

/// Serves an app at an address until Ctrl-C or SIGTERM, and ends it well; see [`Server`].
///
/// ```no_run
/// # use hyperstar::{App, Hub};
/// # #[tokio::main] async fn main() -> Result<(), hyperstar::ServeError> {
/// let app = App::new(&Hub::new()).view("/", |_cx| "Hello");
/// hyperstar::serve(app, "127.0.0.1:8080").await
/// # }
/// ```
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(app: App, address: impl ToSocketAddrs + fmt::Debug) -> Result<(), ServeError> {
    Server::bind(address).await?.serve(app).await
}

/// A listening socket and how it is served.
///
/// On Ctrl-C or SIGTERM (or the future given to [`Server::shutdown`]) it takes no more connections,
/// ends the open streams so that their pages connect again, to this server's successor, and waits
/// until every action that was taken has ended and been answered, at most [`Server::drain_ms`].
pub struct Server {
    listener: TcpListener,
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    drain_ms: u64,
    connections_max: usize,
    draining: CancellationToken,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
}

impl Server {
    /// Listens. Port 0 takes any free port; [`Server::local_addr`] tells which.
    ///
    /// # Errors
    /// [`ServeError::Bind`] with a remedy.
    pub async fn bind(address: impl ToSocketAddrs + fmt::Debug) -> Result<Self, ServeError> {
        let listener = match TcpListener::bind(&address).await {
            Ok(listener) => listener,
            Err(source) => {
                return Err(ServeError::Bind {
                    address: shown(&address).await,
                    hint: hint(&source),
                    source,
                });
            }
        };
        Ok(Self {
            listener,
            shutdown: None,
            drain_ms: 10_000,
            connections_max: 50_000,
            draining: CancellationToken::new(),
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Ends when this future does, instead of on Ctrl-C or SIGTERM.
    #[must_use]
    pub fn shutdown(mut self, when: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = Some(Box::pin(when));
        self
    }

    /// How long the end may take, in milliseconds (10,000).
    #[must_use]
    pub fn drain_ms(mut self, drain_ms: u64) -> Self {
        self.drain_ms = drain_ms;
        self
    }

    /// The most connections at a time (50,000); the next ones wait in the system's backlog. Each is an
    /// open file, so the process takes as many of those as it may have; if they are fewer, there are
    /// fewer connections, and the log says how to allow more.
    #[must_use]
    pub fn connections_max(mut self, connections_max: usize) -> Self {
        self.connections_max = connections_max;
        self
    }

    /// Serves TLS, with HTTP/2 for clients that can.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.tls = Some(config.acceptor);
        self
    }

    /// Cancelled once the shutdown has begun: whatever holds a connection for itself, such as a WebSocket, ends it
    /// then, or it is waited for.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Serves an app until the shutdown.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve(self, app: App) -> Result<(), ServeError> {
        self.serve_hosts(Hosts::new(app)?).await
    }

    /// Serves several apps, each under its own host name, until the shutdown.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve_hosts(self, hosts: Hosts) -> Result<(), ServeError> {
        hosts.start();
        let shutdown = match self.shutdown {
            Some(shutdown) => shutdown,
            None => Box::pin(signals()?),
        };
        let host = Arc::new(Host {
            hosts,
            draining: self.draining,
            connections: TaskTracker::new(),
            lanes: Lanes::new(),
            #[cfg(feature = "tls")]
            tls: self.tls,
        });
        files::widen(&self.listener);
        let connections_max = files::fitting(self.connections_max);
        let slots = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        // A task, so that it runs where connections do: they are begun without a switch of threads.
        let accepting = tokio::spawn(accept(self.listener, host.clone(), slots));
        shutdown.await;
        accepting.abort();
        // The listener is closed once it has ended; that it was told to is all that it says.
        let _ = accepting.await;
        host.drain(Duration::from_millis(self.drain_ms)).await;
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// An address for people: `127.0.0.1:8080` also for `("127.0.0.1", 8080)`.
async fn shown(address: &(impl ToSocketAddrs + fmt::Debug)) -> String {
    let given = format!("{address:?}");
    if let Some(text) = given.strip_prefix('"') {
        return text.trim_end_matches('"').to_owned();
    }
    let found = tokio::net::lookup_host(address).await;
    let found: Vec<String> = found
        .into_iter()
        .flatten()
        .map(|it| it.to_string())
        .collect();
    match found.is_empty() {
        true => given,
        false => found.join(" or "),
    }
}

/// What to do about an address that cannot be listened on.
fn hint(error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there; stop it or choose another port",
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose a higher one",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => return error.to_string(),
    };
    remedy.to_owned()
}

/// What all connections share.
struct Host {
    hosts: Hosts,
    draining: CancellationToken,
    connections: TaskTracker,
    lanes: Lanes,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
}

async fn accept(listener: TcpListener, host: Arc<Host>, slots: Arc<Semaphore>) {
    let shortage = Shortage::default();
    loop {
        // The semaphore is never closed.
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((socket, peer)) => {
                // What holds the connection's place, also when it has moved into a lane.
                let guard = (slot, host.connections.token());
                tokio::spawn(host.clone().connect(socket, peer.ip(), guard));
            }
            Err(error) => {
                // A client that gave up is its own business; no sockets or memory passes by waiting.
                if shortage.note(&error) {
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    }
}

impl Host {
    async fn connect(self: Arc<Self>, socket: TcpStream, peer: IpAddr, guard: impl Send + 'static) {
        // An event is small and due now: it must not wait for more.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.clone() {
            let handshake = tls.accept(socket);
            let Ok(Ok(stream)) =
                tokio::time::timeout(Duration::from_millis(HANDSHAKE_MS), handshake).await
            else {
                return;
            };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                self.http2(stream, peer).await;
                return drop(guard);
            }
            return self.http1(stream, true, peer, guard).await;
        }
        self.http1(socket, false, peer, guard).await;
    }

    /// Serves a connection until it ends or has moved into a lane, which drops `guard` then.
    async fn http1(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        https: bool,
        peer: IpAddr,
        guard: impl Send + 'static,
    ) {
        let cut = CancellationToken::new();
        let wire = Wire {
            https,
            peer: Some(peer),
            cut: Some(cut.clone()),
        };
        let host = self.clone();
        let service = service_fn(move |request| host.clone().answer(request, wire.clone()));
        let mut connection = self.lanes.serve_connection(&HTTP1, stream, service, guard);
        let mut draining = pin!(self.draining.cancelled());
        let mut is_draining = false;
        loop {
            tokio::select! {
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return;
                }
                // What the client does not take is dropped with the connection.
                () = cut.cancelled() => return,
                () = &mut draining, if !is_draining => {
                    is_draining = true;
                    connection.graceful_shutdown();
                }
            }
        }
    }

    #[cfg(feature = "tls")]
    async fn http2(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: IpAddr,
    ) {
        use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
        // A connection carries all tabs of a browser: one that stalls must not end the others, so
        // there is nothing to cut. Its stream's window bounds what waits for it.
        let wire = Wire {
            https: true,
            peer: Some(peer),
            cut: None,
        };
        let host = self.clone();
        let service = service_fn(move |request| host.clone().answer(request, wire.clone()));
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .max_send_buf_size(64 * 1024)
            .max_concurrent_streams(128)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut draining = pin!(self.draining.cancelled());
        let mut is_draining = false;
        loop {
            tokio::select! {
                _ = &mut connection => return,
                () = &mut draining, if !is_draining => {
                    is_draining = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
        wire: Wire,
    ) -> Result<http::Response<Body>, std::convert::Infallible> {
        use axum::extract::Request;
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(wire);
        let mut router = self.hosts.of(&request).router.clone();
        let mut service = router.as_service::<Body>();
        // A router is always ready; its contract wants to be asked all the same.
        poll_fn(|cx| tower_service::Service::<Request>::poll_ready(&mut service, cx)).await?;
        tower_service::Service::call(&mut service, request).await
    }

    /// Ends in the order that loses nothing: no new work, then the streams, then what still runs.
    async fn drain(&self, limit: Duration) {
        tracing::info!("stopping: open pages are told to connect again");
        self.draining.cancel();
        let sites = self.hosts.close();
        sites.iter().for_each(|site| site.close());
        self.connections.close();
        let ended = async {
            for site in &sites {
                site.shared.actions.wait().await;
            }
            self.connections.wait().await;
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            tracing::warn!(
                connections = self.connections.len(),
                actions = sites
                    .iter()
                    .map(|site| site.shared.actions.len())
                    .sum::<usize>(),
                "stopped before everything had ended"
            );
        }
    }
}

#[cfg(unix)]
fn signals() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async {
        // Without a way to hear of it, the app runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// A certificate with its key.
#[cfg(feature = "tls")]
#[derive(Clone)]
pub struct TlsConfig {
    acceptor: tokio_rustls::TlsAcceptor,
}

#[cfg(feature = "tls")]
impl TlsConfig {
    /// From PEM: the certificate chain, the server's own first, and the private key.
    ///
    /// # Errors
    /// [`ServeError::Tls`] if either cannot be read or they do not fit.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, ServeError> {
        use tokio_rustls::rustls::pki_types::pem::PemObject;
        use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
        use tokio_rustls::rustls::{ServerConfig, crypto::ring};
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| ServeError::Tls(format!("the certificate is not PEM: {error}")))?;
        if chain.is_empty() {
            return Err(ServeError::Tls(
                "there is no `BEGIN CERTIFICATE` in what was given".to_owned(),
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| ServeError::Tls(format!("the private key is not PEM: {error}")))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| ServeError::Tls(error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: Arc::new(config).into(),
        })
    }
}

#[cfg(feature = "tls")]
impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConfig(..)")
    }
}
