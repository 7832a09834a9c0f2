//! A node: what is installed, kept over restarts, run in sandboxes, and shown to browsers.

mod boot;
mod calls;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyperstar::{AppError, Hosts, ServeError, Server};
use hyperstar_interface::route::{Router, Source};
use hyperstar_native::instance::{Limits, Program};
use hyperstar_native::{Host, HostError, Options, Status};
use hyperstar_store::{Key, Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::control::{GrantInfo, ProcessInfo};
use crate::home::{Home, HomeError};
use crate::{Engine, EngineConfig, EngineError, LoadError, site};

/// Where the registry of what is installed lies in the store.
const APPS: &str = "node/apps";
const GRANTS: &str = "node/grants";
const LAST_GRANT: &str = "node/last-grant";
/// How long a node that has left its folder may still have the store.
const LAST_BREATH: Duration = Duration::from_secs(5);
/// What a component of another language may have of memory: its runtime is in it.
const STUBBED_MEMORY_BYTES_MAX: usize = 128 * 1024 * 1024;

/// How a node is set up.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Its folder.
    pub home: PathBuf,
    /// Its name.
    pub name: String,
    /// How it runs components; the cache is in the home folder.
    pub engine: EngineConfig,
    /// What a process may use.
    pub limits: Limits,
}

impl NodeConfig {
    /// A node that lives in `home`.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            name: "my.os".to_owned(),
            engine: EngineConfig::default(),
            limits: Limits::default(),
        }
    }
}

/// A running node.
///
/// Guarantee: what is installed, granted and kept is there again after a crash at any moment; nothing that an
/// app does ends the node or another app.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    host: Host,
    config: NodeConfig,
    /// Set once it is served.
    served: Mutex<Option<Served>>,
    /// What is installed and could not be loaded, and why.
    unloaded: Mutex<BTreeMap<String, String>>,
    /// One installation at a time.
    changing: tokio::sync::Mutex<()>,
    stopping: CancellationToken,
    /// Fields end in their order: another node may live here once the store is closed.
    home: Home,
}

#[derive(Clone)]
struct Served {
    hosts: Hosts,
    address: SocketAddr,
    /// Which host name each process has.
    names: HashMap<String, String>,
}

/// What is installed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Installed {
    /// The SHA-256 of the component.
    component: String,
    stub_wasi: bool,
    /// Whether it runs when the node does.
    runs: bool,
    /// Where its pages are: an origin must not come to mean another app.
    #[serde(default)]
    host_name: Option<String>,
    /// While it is being upgraded, what it is if that fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Before {
    component: String,
    stub_wasi: bool,
}

impl Installed {
    /// What it would be again.
    fn undone(&self) -> Option<Self> {
        let before = self.before.clone()?;
        Some(Self {
            component: before.component,
            stub_wasi: before.stub_wasi,
            before: None,
            ..self.clone()
        })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Granted {
    holder: String,
    target: String,
    handlers: Vec<String>,
}

/// Why a node cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Its folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A component.
    #[error("{name} cannot be installed: {source}")]
    Load {
        /// The process.
        name: String,
        /// What is wrong with it.
        source: LoadError,
    },
    /// A process.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The pages of a process.
    #[error("the pages of {name} cannot be served: {source}")]
    Pages {
        /// The process.
        name: String,
        /// What is wrong with them.
        source: AppError,
    },
    /// Listening.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A file.
    #[error("{path} cannot be read or written: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A name that is several processes', or none's.
    #[error("{0}")]
    Which(String),
}

impl Node {
    /// Opens a node: everything that is installed is loaded, and what is to run is started. An app that cannot
    /// be started does not keep the others from it; its status says why.
    ///
    /// # Errors
    /// [`NodeError`] if the folder, the store or the engine cannot be used.
    pub async fn open(config: NodeConfig) -> Result<Self, NodeError> {
        let home = Home::open(&config.home)?;
        let store = open_store(&home).await?;
        let mut engine = config.engine.clone();
        engine.cache = Some(home.cache());
        let engine = Engine::new(engine)?;
        let host = Host::new(&config.name, &store);
        let node = Self {
            inner: Arc::new(Inner {
                engine,
                host,
                config,
                served: Mutex::new(None),
                unloaded: Mutex::default(),
                changing: tokio::sync::Mutex::new(()),
                stopping: CancellationToken::new(),
                home,
            }),
        };
        node.boot().await?;
        Ok(node)
    }

    /// Serves pages at `address`, and the command line at the socket in its folder, until
    /// [`Node::stop`] or a signal.
    ///
    /// # Errors
    /// [`NodeError::Serve`].
    pub async fn serve(&self, server: Server) -> Result<(), NodeError> {
        let address = server.local_addr().map_err(|source| NodeError::File {
            path: "the listener".to_owned(),
            source,
        })?;
        let hosts = Hosts::new(site::index(self)).map_err(|source| NodeError::Pages {
            name: "the home page".to_owned(),
            source,
        })?;
        *self.served() = Some(Served {
            hosts: hosts.clone(),
            address,
            names: HashMap::new(),
        });
        // Whatever is wrong with an app, the command line is there to remove it.
        let control = crate::serve_control::listen(self)?;
        for name in self.inner.host.processes() {
            if let Err(error) = self.show(&name) {
                tracing::error!(name, %error, "an app is not shown");
            }
        }
        self.inner.host.hang_up_when(server.draining());
        let served = server.serve_hosts(hosts).await;
        control.abort();
        // The pages hold the node that holds them.
        *self.served() = None;
        self.inner.host.stop().await;
        Ok(served?)
    }

    /// What ends [`Node::serve`]: give it to [`Server::shutdown`].
    pub fn stopped(&self) -> CancellationToken {
        self.inner.stopping.clone()
    }

    /// Ends the node, after what is under way.
    pub fn stop(&self) {
        self.inner.stopping.cancel();
    }

    /// Installs a component under a name, or upgrades the process that has it, and starts it.
    ///
    /// Guarantee: an upgrade that does not run leaves the old one as it was. What this acknowledged is there
    /// after a crash.
    ///
    /// # Errors
    /// [`NodeError`]; nothing has changed then.
    pub async fn install(
        &self,
        name: &str,
        bytes: &[u8],
        stub_wasi: bool,
        runs: bool,
    ) -> Result<(), NodeError> {
        let _changing = self.inner.changing.lock().await;
        let program = self.load(name, bytes, stub_wasi).await?;
        // Refused before anything is kept.
        self.check_pages(name, &program)?;
        let component = self
            .inner
            .home
            .keep(bytes)
            .map_err(|source| NodeError::File {
                path: self.inner.home.path().display().to_string(),
                source,
            })?;
        let mut installed = Installed {
            component,
            stub_wasi,
            runs,
            host_name: Some(self.host_name(name)?),
            before: None,
        };
        let host = &self.inner.host;
        let options = self.options(stub_wasi);
        let old: Option<Installed> = host.store().get(&registered(name))?;
        if host.status(name).is_err() {
            host.add(name, program, &options)?;
        } else {
            // Its state may be migrated before all is done: whoever finds it then has to know by which.
            installed.before = old.as_ref().map(|old| Before {
                component: old.component.clone(),
                stub_wasi: old.stub_wasi,
            });
            host.store().set(&registered(name), &installed)?;
            if let Err(error) = host.upgrade(name, program, &options).await {
                if let Some(old) = old {
                    host.store().set(&registered(name), &old)?;
                }
                return Err(error.into());
            }
            installed.before = None;
        }
        self.unloaded().remove(name);
        host.store().set(&registered(name), &installed)?;
        self.show(name)?;
        host.hub().notify(site::TOPIC);
        if runs {
            host.start_process(name).await?;
        }
        self.sweep()?;
        Ok(())
    }

    /// Starts a process, now and whenever the node starts. One that could not be loaded is tried again.
    ///
    /// # Errors
    /// [`NodeError::Host`]; [`NodeError::Load`] if it still cannot be loaded.
    pub async fn start(&self, name: &str) -> Result<(), NodeError> {
        self.set_runs(name, true)?;
        self.load_again(name).await?;
        self.start_again(name).await
    }

    /// Stops a process, also for when the node starts again, and waits until it has had its last turn.
    ///
    /// # Errors
    /// [`NodeError::Host`].
    pub async fn stop_process(&self, name: &str) -> Result<(), NodeError> {
        self.set_runs(name, false)?;
        if self.unloaded().contains_key(name) {
            return Ok(());
        }
        self.inner.host.stop_process(name)?;
        Ok(self.inner.host.stopped(name).await?)
    }

    /// Removes a process; with `forget` also what it has kept, and the grants from it and to it: another app may get
    /// the name.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn remove(&self, name: &str, forget: bool) -> Result<(), NodeError> {
        let _changing = self.inner.changing.lock().await;
        let host = &self.inner.host;
        if forget {
            for grant in self.grants()? {
                if grant.holder == name || grant.target == name {
                    self.revoke(grant.id)?;
                }
            }
        }
        host.store().remove(&registered(name))?;
        if self.unloaded().remove(name).is_some() {
            if forget {
                host.forget(name)?;
            }
        } else {
            host.remove(name, forget).await?;
        }
        if let Some(served) = &mut *self.served()
            && let Some(host_name) = served.names.remove(name)
        {
            served.hosts.remove(&host_name);
        }
        host.hub().notify(site::TOPIC);
        self.sweep()
    }

    /// Lets `holder` message `target`, by the handlers named or by all. It lasts until it is taken back.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn grant(&self, holder: &str, target: &str, handlers: &[String]) -> Result<u64, NodeError> {
        let store = self.inner.host.store();
        let granted = Granted {
            holder: holder.to_owned(),
            target: target.to_owned(),
            handlers: handlers.to_vec(),
        };
        let (id, _) = store.transaction(|tx| {
            let id = tx.get::<u64>(LAST_GRANT)?.unwrap_or(0) + 1;
            tx.set(LAST_GRANT, &id)?;
            tx.set(&format!("{GRANTS}/{}", u64::encode(id)), &granted)?;
            Ok::<_, StoreError>(id)
        })?;
        self.give(&GrantInfo {
            id,
            holder: granted.holder,
            target: granted.target,
            handlers: granted.handlers,
        });
        Ok(id)
    }

    /// Who may message whom, the oldest grant first.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn grants(&self) -> Result<Vec<GrantInfo>, NodeError> {
        let grants = self.inner.host.store().entries::<Granted>(GRANTS)?;
        let grants = grants.into_iter().filter_map(|(path, granted)| {
            let id = path.rsplit('/').next().and_then(u64::decode)?;
            let Granted {
                holder,
                target,
                handlers,
            } = granted;
            Some(GrantInfo {
                id,
                holder,
                target,
                handlers,
            })
        });
        Ok(grants.collect())
    }

    /// Takes a grant back. Says whether there was one.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn revoke(&self, id: u64) -> Result<bool, NodeError> {
        let store = self.inner.host.store();
        let path = format!("{GRANTS}/{}", u64::encode(id));
        let existed = store.contains(&path)?;
        store.remove(&path)?;
        self.inner.host.revoke(id);
        Ok(existed)
    }

    /// The processes underneath.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    pub(crate) fn home(&self) -> &Path {
        self.inner.home.path()
    }

    /// What people see of all processes.
    pub(crate) fn processes(&self) -> Vec<ProcessInfo> {
        let names = self.names();
        names.iter().filter_map(|name| self.info(name)).collect()
    }

    /// All that is installed, in order.
    fn names(&self) -> Vec<String> {
        let mut names = self.inner.host.processes();
        names.extend(self.unloaded().keys().cloned());
        names.sort_unstable();
        names
    }

    fn info(&self, name: &str) -> Option<ProcessInfo> {
        let host = &self.inner.host;
        let installed: Option<Installed> = host.store().get(&registered(name)).ok()?;
        let version = installed.map_or_else(String::new, |installed| {
            installed.component.chars().take(8).collect()
        });
        if let Some(reason) = self.unloaded().get(name) {
            return Some(ProcessInfo {
                name: name.to_owned(),
                title: name.to_owned(),
                icon: None,
                status: "failed".to_owned(),
                reason: Some(reason.clone()),
                memory_bytes: 0,
                url: String::new(),
                version,
            });
        }
        let interface = host.interface(name).ok()?;
        let (status, reason) = match host.status(name).ok()? {
            Status::Stopped => ("stopped", None),
            Status::Starting => ("starting", None),
            Status::Running => ("running", None),
            Status::Stopping => ("stopping", None),
            Status::Restarting { reason, .. } => ("restarting", Some(reason)),
            Status::Failed { reason } => ("failed", Some(reason)),
            _ => ("unknown", None),
        };
        Some(ProcessInfo {
            name: name.to_owned(),
            title: interface.name,
            icon: interface.icon,
            status: status.to_owned(),
            reason,
            memory_bytes: host.memory_bytes(name).unwrap_or(0),
            url: self.url(name).unwrap_or_default(),
            version,
        })
    }

    /// The process that somebody means: a whole name, its first part, or as much of its beginning as tells it
    /// apart.
    ///
    /// # Errors
    /// [`NodeError::Which`] lists what it may have been.
    pub(crate) fn which(&self, meant: &str) -> Result<String, NodeError> {
        match self.which_exactly(meant) {
            Err(error) => {
                let names = self.names();
                let mut found = names.iter().filter(|name| name.starts_with(meant));
                match (found.next(), found.next()) {
                    (Some(name), None) => Ok(name.clone()),
                    _ => Err(error),
                }
            }
            name => name,
        }
    }

    /// The same, for what cannot be taken back: nobody is to lose what merely begins like what he meant.
    ///
    /// # Errors
    /// [`NodeError::Which`] lists what it may have been.
    pub(crate) fn which_exactly(&self, meant: &str) -> Result<String, NodeError> {
        let names = self.names();
        if names.iter().any(|name| name == meant) {
            return Ok(meant.to_owned());
        }
        let is_first = |name: &&String| name.split(':').next() == Some(meant);
        let mut found: Vec<&String> = names.iter().filter(is_first).collect();
        if found.is_empty() {
            found.extend(names.iter().filter(|name| name.starts_with(meant)));
        } else if let [name] = found[..] {
            return Ok(name.clone());
        }
        match found[..] {
            [name] => Err(NodeError::Which(format!(
                "there is no process `{meant}`; for {name} say all of its name"
            ))),
            [] if names.is_empty() => Err(NodeError::Which(format!(
                "there is no process `{meant}`: nothing is installed; `hyperstar bs` in an app's folder does it"
            ))),
            [] => Err(NodeError::Which(format!(
                "there is no process `{meant}`; there are {}",
                names.join(", ")
            ))),
            _ => Err(NodeError::Which(format!(
                "`{meant}` may be {}; say more of it",
                found
                    .iter()
                    .map(|name| name.as_str())
                    .collect::<Vec<_>>()
                    .join(" or ")
            ))),
        }
    }

    /// As [`Node::which`], and it could be loaded.
    ///
    /// # Errors
    /// [`NodeError::Which`] says why it could not.
    pub(crate) fn which_loaded(&self, meant: &str) -> Result<String, NodeError> {
        let name = self.which(meant)?;
        match self.unloaded().get(&name) {
            Some(reason) => Err(NodeError::Which(format!(
                "{name} could not be loaded: {reason}; once that is mended, `hyperstar start {name}`"
            ))),
            None => Ok(name),
        }
    }

    /// Whether processes may ask `target` by these handlers, as far as that is known.
    ///
    /// # Errors
    /// [`NodeError::Which`] says which there are.
    pub(crate) fn check_handlers(
        &self,
        target: &str,
        handlers: &[String],
    ) -> Result<(), NodeError> {
        let Ok(interface) = self.inner.host.interface(target) else {
            return Ok(());
        };
        let router = Router::new(&interface);
        for handler in handlers {
            if let Err(error) = router.named(Source::Local, handler) {
                return Err(NodeError::Which(format!("{target}: {error}")));
            }
        }
        Ok(())
    }

    /// Where the pages of a process are; `None` while they are not served.
    pub fn url(&self, name: &str) -> Option<String> {
        let served = self.served();
        let served = served.as_ref()?;
        let host_name = served.names.get(name)?;
        Some(format!("http://{host_name}:{}/", served.address.port()))
    }

    fn options(&self, stub_wasi: bool) -> Options {
        let mut limits = self.inner.config.limits.clone();
        if stub_wasi {
            limits.memory_bytes_max = limits.memory_bytes_max.max(STUBBED_MEMORY_BYTES_MAX);
        }
        Options {
            limits,
            ..Options::default()
        }
    }

    fn give(&self, grant: &GrantInfo) {
        let handlers: Vec<&str> = grant.handlers.iter().map(String::as_str).collect();
        let host = &self.inner.host;
        host.grant(grant.id, &grant.holder, &grant.target, &handlers);
    }

    fn set_runs(&self, name: &str, runs: bool) -> Result<(), NodeError> {
        let path = registered(name);
        self.inner.host.store().transaction(|tx| {
            if let Some(mut installed) = tx.get::<Installed>(&path)? {
                installed.runs = runs;
                tx.set(&path, &installed)?;
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }

    /// Serves the pages of a process under its host name.
    fn show(&self, name: &str) -> Result<(), NodeError> {
        let host = &self.inner.host;
        let installed: Option<Installed> = host.store().get(&registered(name))?;
        let version = installed.map_or_else(String::new, |installed| installed.component);
        let host_name = self.host_name(name)?;
        // A page of another component loads itself anew: its files may be other ones.
        let app = host.app(name)?.version(&version);
        let mut served = self.served();
        let Some(served) = &mut *served else {
            return Ok(());
        };
        served
            .hosts
            .set(&host_name, app)
            .map_err(|source| NodeError::Pages {
                name: name.to_owned(),
                source,
            })?;
        served.names.insert(name.to_owned(), host_name);
        Ok(())
    }

    /// The host name that a process has, or is to have.
    fn host_name(&self, name: &str) -> Result<String, NodeError> {
        let installed = self.inner.host.store().entries::<Installed>(APPS)?;
        let own_path = registered(name);
        let mut taken = Vec::new();
        for (path, installed) in installed {
            match installed.host_name {
                Some(host_name) if path == own_path => return Ok(host_name),
                host_name => taken.extend(host_name),
            }
        }
        Ok(free_host_name(name, |host_name| {
            taken.iter().any(|taken| taken == host_name)
        }))
    }

    /// Whether the pages and files of an app can be served.
    fn check_pages(&self, name: &str, program: &Arc<dyn Program>) -> Result<(), NodeError> {
        let checked = self.inner.host.check_app(name, program);
        checked.map_err(|source| NodeError::Pages {
            name: name.to_owned(),
            source,
        })
    }

    fn sweep(&self) -> Result<(), NodeError> {
        let installed = self.inner.host.store().entries::<Installed>(APPS)?;
        let is_named = |hash: &str| {
            installed.iter().any(|(_, app)| {
                let before = app.before.as_ref();
                app.component == hash || before.is_some_and(|before| before.component == hash)
            })
        };
        self.inner
            .home
            .sweep(is_named)
            .map_err(|source| NodeError::File {
                path: self.inner.home.path().display().to_string(),
                source,
            })
    }

    fn unloaded(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.inner
            .unloaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn served(&self) -> MutexGuard<'_, Option<Served>> {
        self.inner
            .served
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("home", &self.home())
            .field("host", &self.inner.host)
            .finish_non_exhaustive()
    }
}

/// Opens the store. The folder is ours, so that whoever has the store is a node that is about to end.
async fn open_store(home: &Home) -> Result<Store, StoreError> {
    let since = Instant::now();
    loop {
        match Store::open(home.store()) {
            Err(StoreError::Locked { .. }) if since.elapsed() < LAST_BREATH => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            opened => return opened,
        }
    }
}

fn registered(name: &str) -> String {
    format!("{APPS}/{}", String::encode(name))
}

/// `process-package-publisher.localhost`: an origin of its own. Names that come out the same get a number.
fn free_host_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let label: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    // A label of DNS has at most 63 characters.
    let label = &label[..label.len().min(56)];
    let label = label.trim_end_matches('-');
    let mut candidate = format!("{label}.localhost");
    let mut number = 2;
    while is_taken(&candidate) {
        candidate = format!("{label}-{number}.localhost");
        number += 1;
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_a_host_name_of_its_own() {
        let check = |name: &str, taken: &[&str], expected: &str| {
            assert_eq!(free_host_name(name, |name| taken.contains(&name)), expected);
        };
        check(
            "counter:counter:ann.os",
            &[],
            "counter-counter-ann-os.localhost",
        );
        check("a-b:c:d", &["a-b-c-d.localhost"], "a-b-c-d-2.localhost");
        let long = format!("{}:b:c", "a".repeat(63));
        check(&long, &[], &format!("{}.localhost", "a".repeat(56)));
    }
}
