//! Where the examples run: in the gallery's program, and in a node's sandboxes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use gallery::{Example, Gallery, Settings};
use http::header::HOST;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use hyperstar::Server;
use hyperstar::test::Browser;
use hyperstar_build::{BuildOptions, build};
use hyperstar_e2e::{SECOND, wait_until};
use hyperstar_node::{EngineConfig, Node, NodeConfig};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than a start or an end takes, also of a node that compiles its components.
const LONG: Duration = Duration::from_secs(60);

/// What the examples are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Structs in a program.
    Gallery,
    /// Components on a node.
    Node,
}

/// Examples that run somewhere, are reached by their addresses, and can be started anew.
pub(crate) struct Stage {
    place: Place,
    examples: &'static [Example],
    data: TempDir,
    routes: Arc<Mutex<HashMap<&'static str, Route>>>,
    running: Option<Running>,
}

/// Where a process answers.
#[derive(Clone, Debug)]
struct Route {
    address: SocketAddr,
    /// What the `Host` header says.
    host: String,
}

struct Running {
    stop: CancellationToken,
    serving: JoinHandle<Result<()>>,
}

impl Stage {
    /// Examples that were never used before.
    pub(crate) async fn open(place: Place, examples: &'static [Example]) -> Result<Self> {
        let mut stage = Self {
            place,
            examples,
            data: tempfile::tempdir()?,
            routes: Arc::default(),
            running: None,
        };
        if place == Place::Node {
            stage.install().await?;
        }
        stage.start().await?;
        Ok(stage)
    }

    /// Somebody's browser of an example. It goes on after a restart, with its cookies.
    pub(crate) fn browser(&self, example: Example) -> Browser {
        let routes = self.routes.clone();
        let router = Router::new().fallback(async move |request: Request<Body>| {
            let route = {
                let routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
                routes.get(example.process()).cloned()
            };
            forward(route, request).await.unwrap_or_else(|error| {
                (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response()
            })
        });
        Browser::of(router)
    }

    /// Where a real browser finds an example.
    pub(crate) fn url(&self, example: Example) -> Result<String> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let route = routes.get(example.process());
        let host = &route
            .with_context(|| format!("{example:?} does not run"))?
            .host;
        Ok(format!("http://{host}/"))
    }

    /// Ends everything, as a signal does, and starts it again.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.start().await
    }

    pub(crate) async fn stop(&mut self) -> Result<()> {
        let running = self.running.take().context("nothing runs")?;
        running.stop.cancel();
        let ended = tokio::time::timeout(LONG, running.serving).await;
        ended.context("it does not end")??
    }

    async fn start(&mut self) -> Result<()> {
        let (running, routes) = match self.place {
            Place::Gallery => self.start_gallery().await?,
            Place::Node => self.start_node().await?,
        };
        *self.routes.lock().unwrap_or_else(PoisonError::into_inner) = routes;
        self.running = Some(running);
        Ok(())
    }

    async fn start_gallery(&self) -> Result<(Running, HashMap<&'static str, Route>)> {
        let settings = Settings {
            port: 0,
            data: self.data.path().to_owned(),
            ..Settings::default()
        };
        let gallery = once_free(async || Gallery::bind(settings.clone(), self.examples).await);
        let gallery = gallery.await?;
        let mut routes = HashMap::new();
        for (example, url) in gallery.links() {
            let host = url.trim_start_matches("http://").to_owned();
            let address = host.parse()?;
            routes.insert(example.process(), Route { address, host });
        }
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let gallery = gallery.shutdown(move || stopped.clone().cancelled_owned());
        let serving = tokio::spawn(gallery.serve());
        Ok((Running { stop, serving }, routes))
    }

    async fn start_node(&self) -> Result<(Running, HashMap<&'static str, Route>)> {
        let node = self.node().await?;
        let server = Server::bind("127.0.0.1:0").await?;
        let address = server.local_addr()?;
        let stop = node.stopped();
        let server = server.shutdown(stop.clone().cancelled_owned());
        let serving = tokio::spawn({
            let node = node.clone();
            async move { Ok(node.serve(server).await?) }
        });
        let mut routes = HashMap::new();
        for example in self.examples {
            let url = wait_until("its pages are served", LONG, async || {
                Ok(node.url(example.process()))
            });
            let url = url.await?;
            let host = url.trim_start_matches("http://").trim_end_matches('/');
            let host = host.to_owned();
            routes.insert(example.process(), Route { address, host });
        }
        Ok((Running { stop, serving }, routes))
    }

    async fn node(&self) -> Result<Node> {
        let config = NodeConfig {
            engine: EngineConfig {
                instances_max: 16,
                ..EngineConfig::default()
            },
            ..NodeConfig::new(self.data.path())
        };
        once_free(async || Ok(Node::open(config.clone()).await?)).await
    }

    async fn install(&self) -> Result<()> {
        let node = self.node().await?;
        for example in self.examples {
            let component = component(*example).await?;
            let installed = node.install(example.process(), &component, false, true);
            installed.await?;
        }
        for (holder, target, handler) in gallery::GRANTS {
            node.grant(holder, target, &[handler.to_owned()])?;
        }
        node.host().stop().await;
        Ok(())
    }
}

/// Opens what a life before may still hold: the last connections end after everything else.
async fn once_free<T>(open: impl AsyncFn() -> Result<T>) -> Result<T> {
    wait_until("its data is free", LONG, async || match open().await {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if format!("{error:#}").contains("already") => Ok(None),
        Err(error) => Err(error),
    })
    .await
}

/// The component of an example, built once.
pub(crate) async fn component(example: Example) -> Result<Arc<[u8]>> {
    static BUILT: OnceLock<tokio::sync::Mutex<HashMap<PathBuf, Arc<[u8]>>>> = OnceLock::new();
    let Some(package) = example.process().split(':').nth(1) else {
        bail!("{example:?} has no package");
    };
    let apps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../apps");
    let folder = apps.join(package);
    // Held over the build on purpose: who needs the same waits for it.
    let mut built = BUILT.get_or_init(Default::default).lock().await;
    if let Some(component) = built.get(&folder) {
        return Ok(component.clone());
    }
    let building = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || {
            build(&BuildOptions {
                target_dir: Some(env!("CARGO_TARGET_TMPDIR").into()),
                ..BuildOptions::new(folder)
            })
        }
    });
    let component: Arc<[u8]> = building.await??.bytes.into();
    built.insert(folder, component.clone());
    Ok(component)
}

/// Passes a request on. Whoever drops the answer's body ends the connection.
async fn forward(route: Option<Route>, mut request: Request<Body>) -> Result<Response<Body>> {
    let route = route.context("no such example runs")?;
    let connecting = tokio::time::timeout(10 * SECOND, TcpStream::connect(route.address));
    let socket = connecting.await??;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let host = HeaderValue::from_str(&route.host)?;
    request.headers_mut().insert(HOST, host);
    Ok(sender.send_request(request).await?.map(Body::new))
}
