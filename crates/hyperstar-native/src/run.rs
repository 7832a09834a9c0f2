//! A whole program around one app: what `main` of an app calls.

use std::fmt;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use hyperstar::{ServeError, Server};
use hyperstar_process::Hyperapp;
use hyperstar_store::{Store, StoreError};
use tracing_subscriber::EnvFilter;

use crate::{Host, HostError, Native, Options};

/// So many ports are tried, from the first one on.
pub const PORTS_TRIED: u16 = 21;
/// The port if nobody says another.
const PORT: u16 = 8080;
/// The folder for state if nobody says another.
const DATA: &str = "hyperstar-data";
/// What is logged unless `RUST_LOG` says otherwise.
const LOG: &str = "info";

/// Runs the app `A` as a program of its own, until Ctrl-C or SIGTERM; see [`Run`].
///
/// ```no_run
/// use hyperstar_process::{State, hyperapp};
///
/// #[derive(Default, State)]
/// struct Counter { count: i64 }
///
/// #[hyperapp(name = "Counter")]
/// impl Counter {
///     #[view("/")]
///     fn page(&self) -> String { self.count.to_string() }
///     #[action]
///     fn increment(&mut self) { self.count += 1; }
/// }
///
/// fn main() -> Result<(), hyperstar_native::RunError> {
///     hyperstar_native::run::<Counter>()
/// }
/// ```
///
/// # Errors
/// [`RunError`].
pub fn run<A: Hyperapp>() -> Result<(), RunError> {
    Run::<A>::new().run()
}

/// How an app is run as a program of its own.
///
/// Guarantee: what was acknowledged is there again at the next start. The pages are served on this machine
/// alone, at the first free port from [`Run::port`] on; the standard output says where.
///
/// The environment has the last word: `PORT` is the port, `HYPERSTAR_DATA` the folder for the state, and
/// `RUST_LOG` says what is logged, to the standard error.
pub struct Run<A> {
    name: String,
    port: u16,
    data: PathBuf,
    app: PhantomData<fn() -> A>,
}

/// An app that runs and is not served yet.
#[derive(Debug)]
pub struct Running {
    host: Host,
    name: String,
    server: Server,
    address: SocketAddr,
}

/// Why an app is not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The environment says something else than a port.
    #[error("`PORT={0}` is no port; set it to a number from 0 to 65535, or leave it out")]
    Port(String),
    /// The folder for the state cannot be made.
    #[error("the folder `{path}` cannot be made: {source}; set `HYPERSTAR_DATA` to another one")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("the state in `{path}` cannot be opened: {source}")]
    Store {
        /// The file.
        path: String,
        /// Why.
        source: StoreError,
    },
    /// The app does not start.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The pages cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// There are no threads, or no address.
    #[error("the system refuses what a server needs: {0}")]
    System(#[from] io::Error),
}

impl<A: Hyperapp> Run<A> {
    /// As [`run`] does: the process `<app>:<app>:local` with the app's name, port 8080, state in
    /// `hyperstar-data`.
    pub fn new() -> Self {
        let app = kebab_case(&A::interface().name);
        Self {
            name: format!("{app}:{app}:local"),
            port: PORT,
            data: PathBuf::from(DATA),
            app: PhantomData,
        }
    }

    /// The process's name, `process:package:publisher`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The first port that is tried. 0 takes any that is free.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The folder for the state; it is made if there is none.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = folder.into();
        self
    }

    /// Runs until Ctrl-C or SIGTERM, with a runtime and a log of its own.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn run(mut self) -> Result<(), RunError> {
        if let Some(port) = env("PORT") {
            self.port = port.parse().map_err(|_| RunError::Port(port))?;
        }
        if let Some(folder) = env("HYPERSTAR_DATA") {
            self.data = folder.into();
        }
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
        // Whoever has set up a log before keeps it.
        let _ = tracing_subscriber::fmt()
            .compact()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .try_init();
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let (title, wanted) = (A::interface().name, self.port);
            let running = self.start().await?;
            let port = running.address.port();
            if wanted != 0 && port != wanted {
                eprintln!("port {wanted} is taken; `PORT` chooses another");
            }
            println!("{title} runs at {}", running.url());
            running.serve().await
        })
    }

    /// Opens the state, starts the process and listens. It has to be called inside a tokio runtime; the
    /// environment is not asked.
    ///
    /// # Errors
    /// [`RunError`].
    pub async fn start(self) -> Result<Running, RunError> {
        let store = self.open()?;
        let host = Host::new("local", &store);
        host.add(
            &self.name,
            Arc::new(Native::<A>::new()),
            &Options::default(),
        )?;
        host.start_process(&self.name).await?;
        let server = bind_near(self.port).await?;
        let address = server.local_addr()?;
        Ok(Running {
            host,
            name: self.name,
            server,
            address,
        })
    }

    #[cfg(feature = "redb")]
    fn open(&self) -> Result<Store, RunError> {
        std::fs::create_dir_all(&self.data).map_err(|source| RunError::Folder {
            path: self.data.display().to_string(),
            source,
        })?;
        let process = self.name.split(':').next().unwrap_or(&self.name);
        let file = self.data.join(format!("{process}.redb"));
        Store::open(&file).map_err(|source| RunError::Store {
            path: file.display().to_string(),
            source,
        })
    }

    #[cfg(not(feature = "redb"))]
    fn open(&self) -> Result<Store, RunError> {
        Ok(Store::memory())
    }
}

impl<A: Hyperapp> Default for Run<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> fmt::Debug for Run<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("name", &self.name)
            .field("port", &self.port)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its pages are, for people.
    pub fn url(&self) -> String {
        format!("http://localhost:{}/", self.address.port())
    }

    /// The process's host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Serves the pages until Ctrl-C or SIGTERM, and ends what is under way well.
    ///
    /// # Errors
    /// [`RunError::Serve`].
    pub async fn serve(self) -> Result<(), RunError> {
        let Self {
            host, name, server, ..
        } = self;
        serve(&host, &name, server).await
    }

    /// The same, until `end` is there.
    ///
    /// # Errors
    /// [`RunError::Serve`].
    pub async fn serve_until(
        self,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), RunError> {
        let Self {
            host, name, server, ..
        } = self;
        serve(&host, &name, server.shutdown(end)).await
    }
}

async fn serve(host: &Host, name: &str, server: Server) -> Result<(), RunError> {
    // A page that another build has made loads itself anew: its files may be other ones.
    let app = host.app(name)?.version(&build());
    host.hang_up_when(server.draining());
    let served = server.serve(app).await;
    host.stop().await;
    Ok(served?)
}

/// Listens on this machine alone, at the first free port of the [`PORTS_TRIED`] from `port` on; 0 takes any.
///
/// # Errors
/// What the last port was refused with.
pub async fn bind_near(port: u16) -> Result<Server, ServeError> {
    let mut tried = port;
    loop {
        match Server::bind(("127.0.0.1", tried)).await {
            Err(ServeError::Bind { source, .. })
                if source.kind() == io::ErrorKind::AddrInUse
                    && tried - port + 1 < PORTS_TRIED
                    && tried < u16::MAX =>
            {
                tried += 1;
            }
            bound => return bound,
        }
    }
}

/// What names this build of the program.
fn build() -> String {
    let program = std::env::current_exe().and_then(std::fs::metadata);
    let built = program.ok().and_then(|file| file.modified().ok());
    let since = built.and_then(|built| built.duration_since(UNIX_EPOCH).ok());
    since.map_or_else(String::new, |since| since.as_nanos().to_string())
}

/// A variable of the environment, if it says something.
fn env(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    let value = value.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

/// A name for people as a part of an address: `My App!` -> `my-app`.
fn kebab_case(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    match name.is_empty() {
        true => "app".to_owned(),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_for_people_becomes_a_part_of_an_address() {
        for (name, part) in [
            ("Counter", "counter"),
            ("Game of Life", "game-of-life"),
            ("  My App! ", "my-app"),
            ("日本", "app"),
        ] {
            assert_eq!(kebab_case(name), part);
        }
    }
}
