//! A host: processes, the store that keeps them, and the pages that show them.

mod ask;
mod core;
mod render;

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use hyperstar::{App, AppError, Hub, Platform};
use hyperstar_interface::{Access, Interface, Save};
use hyperstar_kernel::{
    Acknowledge, ExitPolicy, Grant, GrantId, Handlers, Input, Name, Restart, Spec, Target, Ticket,
};
use hyperstar_process::abi::Start;
use hyperstar_process::sys::Level;
use hyperstar_store::{Store, StoreError};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::{self, Channels};
use crate::instance::{Crash, Limits, Program};
use crate::log::{LogLine, Logs};
use crate::mail::{self, MailError};
use crate::place::{Place, Reach};
use crate::process::Loaded;
pub(crate) use crate::process::Process;
use crate::process::Status;

use self::ask::Answer;
pub use self::ask::Ask;
use self::core::Core;

/// Processes in this binary, on one store, with their pages.
///
/// Guarantees: what was acknowledged by a process that saves with every message is on the disk, and is done
/// once; a process that fails takes nothing with it but its own turn; pages never show what a crash could take
/// back.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    node: String,
    store: Store,
    hub: Hub,
    platform: Platform,
    core: Core,
    processes: RwLock<HashMap<Arc<str>, Arc<Process>>>,
    waiting: Mutex<HashMap<Ticket, Answer>>,
    tickets: AtomicU64,
    channels: Channels,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// WebSockets end.
    hanging_up: CancellationToken,
}

/// How a process is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it may use.
    pub limits: Limits,
    /// What follows a crash (it is started again, with growing waits).
    pub exit: ExitPolicy,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            exit: ExitPolicy::Restart(Restart::default()),
        }
    }
}

/// Why a host cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept of a process cannot be read.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// A name that processes cannot have.
    #[error(
        "`{name}` is no name of a process: {reason}; it is `process:package:publisher`, such as `counter:counter:ann.os`"
    )]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is one of this name.
    #[error("there is a process `{0}` already; remove it first, or upgrade it")]
    Taken(String),
    /// A process does not start.
    #[error("`{name}` does not start: {reason}")]
    Start {
        /// The process.
        name: String,
        /// Why.
        reason: String,
    },
    /// The new program does not run; the old one does.
    #[error("`{name}` was not upgraded and runs as before: {reason}")]
    Upgrade {
        /// The process.
        name: String,
        /// Why.
        reason: String,
    },
    /// There is none of this name.
    #[error("there is no process `{name}`; there are {}", known.join(", "))]
    NoProcess {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

impl Host {
    /// A host called `node` that keeps everything in `store`. It has to be made inside a tokio runtime.
    pub fn new(node: impl Into<String>, store: &Store) -> Self {
        Self::with(node, store, &Hub::new(), Platform::system())
    }

    /// The same, with its own clock and randomness, on a hub that others may share.
    pub fn with(node: impl Into<String>, store: &Store, hub: &Hub, platform: Platform) -> Self {
        hub.follow(store);
        let host = Self {
            inner: Arc::new(Inner {
                node: node.into(),
                store: store.clone(),
                hub: hub.clone(),
                core: Core::new(&platform),
                platform,
                processes: RwLock::default(),
                waiting: Mutex::default(),
                tickets: AtomicU64::new(1),
                channels: Channels::default(),
                tasks: TaskTracker::new(),
                stopping: CancellationToken::new(),
                hanging_up: CancellationToken::new(),
            }),
        };
        host.watch_time();
        host
    }

    /// Adds a process made of `program`, stopped. What is kept of one of this name is its.
    ///
    /// # Errors
    /// [`HostError`]; nothing has changed then.
    pub fn add(
        &self,
        name: &str,
        program: Arc<dyn Program>,
        options: &Options,
    ) -> Result<(), HostError> {
        check_name(name)?;
        let name: Arc<str> = name.into();
        let place = Place::of(&name);
        // What a host before has done on the same open store counts, whoever has waited for it.
        self.store().settle()?;
        let memory = mail::read(self.store(), &place)?;
        let logs = Arc::new(Logs::new(&name));
        let reach = Reach::new(
            self.store().clone(),
            place.clone(),
            self.inner.platform.clone(),
            logs,
        );
        let spec = spec_of(program.interface(), options);
        {
            let mut processes = self.write();
            if processes.contains_key(&name) {
                return Err(HostError::Taken(name.to_string()));
            }
            let loaded = Loaded::new(program, options);
            let process = Process::new(&name, place, loaded, Arc::new(reach));
            processes.insert(name.clone(), Arc::new(process));
        }
        self.tell(Input::Add { name, spec, memory });
        Ok(())
    }

    /// Starts a process, and waits until it runs.
    ///
    /// # Errors
    /// [`HostError::NoProcess`]; [`HostError::Start`] if it cannot start now: by its exit policy it may be tried
    /// again.
    pub async fn start_process(&self, name: &str) -> Result<(), HostError> {
        let process = self.known(name)?;
        self.ended(&process).await;
        if process.status() == Status::Running {
            return Ok(());
        }
        process.set_status(Status::Starting);
        // Whoever removes it from here on says so by its status.
        self.known(name)?;
        self.tell(Input::Start {
            name: process.name().clone(),
        });
        let settled = self.settle(&process).await;
        settled.map_err(|reason| HostError::Start {
            name: name.to_owned(),
            reason,
        })
    }

    /// Stops a process: it has a last turn.
    ///
    /// # Errors
    /// [`HostError::NoProcess`].
    pub fn stop_process(&self, name: &str) -> Result<(), HostError> {
        self.end(&*self.known(name)?);
        Ok(())
    }

    /// Waits until a process that is being stopped has.
    ///
    /// # Errors
    /// [`HostError::NoProcess`].
    pub async fn stopped(&self, name: &str) -> Result<(), HostError> {
        self.ended(&*self.known(name)?).await;
        Ok(())
    }

    /// Runs a process by another program from now on, with the state that it has.
    ///
    /// Guarantee: the new program is tried on a copy of the state first, migrations included. If it cannot start,
    /// nothing has changed and the old one has not even paused; if it fails to start after that, the old one runs
    /// again.
    ///
    /// # Errors
    /// [`HostError::Upgrade`] says why the new program does not run.
    pub async fn upgrade(
        &self,
        name: &str,
        program: Arc<dyn Program>,
        options: &Options,
    ) -> Result<(), HostError> {
        let process = self.known(name)?;
        let refused = |reason: String| HostError::Upgrade {
            name: name.to_owned(),
            reason,
        };
        let start = self.kept(&process)?;
        let trial = program.start(start, process.reach.clone(), options.limits.clone());
        trial.await.map_err(|crash| refused(crash.to_string()))?;
        let old = process.loaded();
        let runs = self.run_by(&process, Loaded::new(program, options)).await;
        if !runs {
            return Ok(());
        }
        match self.settle(&process).await {
            Ok(()) => Ok(()),
            Err(reason) => {
                self.run_by(&process, old).await;
                Err(refused(reason))
            }
        }
    }

    /// Stops a process, changes what it is made of, and starts it if it ran. Says whether it did.
    async fn run_by(&self, process: &Arc<Process>, loaded: Arc<Loaded>) -> bool {
        let name = process.name().clone();
        let runs = !matches!(process.status(), Status::Stopped | Status::Stopping);
        if runs {
            self.end(process);
        }
        self.ended(process).await;
        let spec = spec_of(loaded.program.interface(), &loaded.options);
        process.set_loaded(loaded);
        self.tell(Input::Update {
            name: name.clone(),
            spec,
        });
        if runs {
            process.set_status(Status::Starting);
            self.tell(Input::Start { name });
        }
        runs
    }

    /// Has a process stop: it has a last turn.
    fn end(&self, process: &Process) {
        process.change_status(|status| match status {
            Status::Stopped | Status::Failed { .. } => {}
            _ => *status = Status::Stopping,
        });
        self.tell(Input::Stop {
            name: process.name().clone(),
        });
    }

    /// Waits until a process that is being stopped has.
    async fn ended(&self, process: &Process) {
        let mut status = process.watch_status();
        // The sender lives as long as the process, which is held here.
        let _ = status.wait_for(|status| *status != Status::Stopping).await;
    }

    /// Waits until a process that is being started runs, or says why it does not.
    ///
    /// # Errors
    /// The reason, for people.
    async fn settle(&self, process: &Process) -> Result<(), String> {
        let mut status = process.watch_status();
        let settled = status
            .wait_for(|status| !matches!(status, Status::Starting))
            .await;
        match settled.as_deref() {
            Ok(Status::Running) => Ok(()),
            Ok(Status::Restarting { reason, .. } | Status::Failed { reason }) => {
                Err(reason.clone())
            }
            _ => Err("it was stopped".to_owned()),
        }
    }

    /// Removes a process. What it kept stays in the store, unless `forget`.
    ///
    /// # Errors
    /// [`HostError`].
    pub async fn remove(&self, name: &str, forget: bool) -> Result<(), HostError> {
        let process = self.known(name)?;
        self.tell(Input::Remove {
            name: process.name().clone(),
            forget,
        });
        // Whoever has a turn ends it first.
        *process.slot.lock().await = None;
        self.write().remove(process.name());
        if forget {
            self.store().remove_all(process.place().root())?;
        }
        // Whoever waits for it.
        process.set_status(Status::Stopped);
        self.hub().notify(process.topic());
        Ok(())
    }

    /// Forgets what a process has kept that is not here: one that could not be [added](Self::add).
    ///
    /// # Errors
    /// [`HostError::Taken`] if it is here; [`HostError`] of the store.
    pub fn forget(&self, name: &str) -> Result<(), HostError> {
        if self.read().contains_key(name) {
            return Err(HostError::Taken(name.to_owned()));
        }
        // What others remember of it goes as well.
        self.tell(Input::Remove {
            name: name.into(),
            forget: true,
        });
        self.store().remove_all(Place::of(name).root())?;
        Ok(())
    }

    /// Lets `holder` message `target` by the handlers named, or by all if none is. `id` is above all before.
    pub fn grant(&self, id: u64, holder: &str, target: &str, handlers: &[&str]) {
        let handlers = match handlers {
            [] => Handlers::All,
            names => Handlers::Only(names.iter().map(|name| Name::from(*name)).collect()),
        };
        self.tell(Input::GrantAdd(Grant {
            id: GrantId(id),
            holder: holder.into(),
            target: Target::Process(target.into()),
            handlers,
            attenuated_from: None,
            expires_ms: None,
        }));
    }

    /// Takes a grant back, and all that was made of it.
    pub fn revoke(&self, id: u64) {
        self.tell(Input::GrantRevoke(GrantId(id)));
    }

    /// Says that no grant up to `id` is new: after a start, once those that live were added, so that one that was
    /// taken back before stays so.
    pub fn grants_up_to(&self, id: u64) {
        self.tell(Input::GrantsUpTo(GrantId(id)));
    }

    /// The app through which browsers reach a process: serve it, or merge it with others.
    ///
    /// # Errors
    /// [`HostError::NoProcess`].
    pub fn app(&self, name: &str) -> Result<App, HostError> {
        Ok(gateway::app(self, &self.known(name)?))
    }

    /// Whether an app of this program could be served under this name. Nothing changes.
    ///
    /// # Errors
    /// [`AppError`] says what is wrong with its pages, its actions or its files.
    pub fn check_app(&self, name: &str, program: &Arc<dyn Program>) -> Result<(), AppError> {
        let name: Arc<str> = name.into();
        let place = Place::of(&name);
        let reach = Reach::new(
            self.store().clone(),
            place.clone(),
            self.inner.platform.clone(),
            Arc::new(Logs::new(&name)),
        );
        let loaded = Loaded::new(program.clone(), &Options::default());
        let process = Process::new(&name, place, loaded, Arc::new(reach));
        gateway::pages(self, &Arc::new(process))
            .into_router()
            .map(drop)
    }

    /// How it is with a process.
    ///
    /// # Errors
    /// [`HostError::NoProcess`].
    pub fn status(&self, name: &str) -> Result<Status, HostError> {
        Ok(self.known(name)?.status())
    }

    /// What a process is and can be asked.
    ///
    /// # Errors
    /// [`HostError::NoProcess`].
    pub fn interface(&self, name: &str) -> Result<Interface, HostError> {
        Ok(self.known(name)?.interface())
    }

    /// How much memory a process has, in bytes; 0 where that is not known, or while it is busy.
    ///
    /// # Errors
    /// [`HostError::NoProcess`].
    pub fn memory_bytes(&self, name: &str) -> Result<usize, HostError> {
        let process = self.known(name)?;
        let slot = process.slot.try_lock();
        let living = slot.as_ref().ok().and_then(|slot| slot.as_ref());
        Ok(living.map_or(0, |living| living.instance.memory_bytes()))
    }

    /// The names of all processes, sorted.
    pub fn processes(&self) -> Vec<String> {
        let processes = self.read();
        let mut names: Vec<String> = processes.keys().map(|name| name.to_string()).collect();
        names.sort_unstable();
        names
    }

    /// The last lines of a process's log, and what comes after them.
    ///
    /// # Errors
    /// [`HostError::NoProcess`].
    pub fn logs(
        &self,
        name: &str,
        most: usize,
    ) -> Result<(Vec<LogLine>, broadcast::Receiver<LogLine>), HostError> {
        Ok(self.known(name)?.logs.follow(most))
    }

    /// Stops all processes, and waits for what is under way.
    pub async fn stop(&self) {
        for name in self.processes() {
            // It may have been removed meanwhile.
            let _ = self.stop_process(&name);
        }
        self.inner.hanging_up.cancel();
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Ends all WebSockets once a server [is ending](hyperstar::Server::draining), which would wait for them.
    pub fn hang_up_when(&self, draining: CancellationToken) {
        let hanging_up = self.inner.hanging_up.clone();
        self.tasks().spawn(async move {
            tokio::select! {
                () = draining.cancelled() => hanging_up.cancel(),
                () = hanging_up.cancelled() => {}
            }
        });
    }

    /// The node's name.
    pub fn node(&self) -> &str {
        &self.inner.node
    }

    /// The store that everything is in.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The hub that pages hear of changes by.
    pub fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    pub(crate) fn core(&self) -> &Core {
        &self.inner.core
    }

    pub(crate) fn channels(&self) -> &Channels {
        &self.inner.channels
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    pub(crate) fn hanging_up(&self) -> &CancellationToken {
        &self.inner.hanging_up
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.inner.platform.unix_ms()
    }

    pub(crate) fn process(&self, name: &Arc<str>) -> Option<Arc<Process>> {
        self.read().get(name).cloned()
    }

    pub(crate) fn log(&self, name: &Arc<str>, level: Level, text: &str) {
        if let Some(process) = self.process(name) {
            process.logs.add(self.now_ms(), level, text);
        }
    }

    /// What a life begins with.
    pub(crate) fn start_of(&self, process: &Process) -> Result<Start, Crash> {
        self.kept(process)
            .map_err(|error| Crash::Host(error.to_string()))
    }

    fn kept(&self, process: &Process) -> Result<Start, StoreError> {
        let snapshot = self.store().snapshot();
        let place = process.place();
        let version: Option<u32> = snapshot.get(&place.of_state("v"))?;
        let mut fields = Vec::new();
        snapshot.scan(&place.of_state("f"), .., |path, value| {
            let name = path[place.state().len() + 1..].to_owned();
            fields.push((name, value.to_vec()));
            ControlFlow::Continue(())
        })?;
        Ok(Start {
            node: self.node().to_owned(),
            process: process.id().to_owned(),
            version: version.unwrap_or(0),
            fields,
        })
    }

    /// Tells the kernel when a time has come that it waits for.
    fn watch_time(&self) {
        let (host, alarm) = (Arc::downgrade(&self.inner), self.inner.core.alarm());
        let stopping = self.inner.stopping.clone();
        self.inner.tasks.spawn(async move {
            // It ends with the host, also with one that nobody stops.
            while let Some(wait_ms) = host.upgrade().map(|inner| inner.core.wait_ms()) {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = alarm.notified() => {}
                    () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {
                        if let Some(inner) = host.upgrade() {
                            let host = Self { inner };
                            host.tell(Input::Tick);
                            host.core().ticked();
                        }
                    }
                }
            }
        });
    }

    fn known(&self, name: &str) -> Result<Arc<Process>, HostError> {
        let found = self.read().get(name).cloned();
        found.ok_or_else(|| HostError::NoProcess {
            name: name.to_owned(),
            known: self.processes(),
        })
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Arc<str>, Arc<Process>>> {
        let processes = &self.inner.processes;
        processes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Arc<str>, Arc<Process>>> {
        let processes = &self.inner.processes;
        processes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("node", &self.inner.node)
            .field("processes", &self.processes())
            .finish_non_exhaustive()
    }
}

fn spec_of(interface: &Interface, options: &Options) -> Spec {
    Spec {
        acknowledge: match interface.save {
            Save::EveryMessage | Save::OnDiff => Acknowledge::Commit,
            _ => Acknowledge::Turn,
        },
        turn_actions_max: options.limits.actions_max,
        exit: options.exit.clone(),
        public: interface
            .handlers
            .iter()
            .filter(|handler| handler.access == Access::Public)
            .map(|handler| Name::from(handler.name.as_str()))
            .collect(),
        ..Spec::default()
    }
}

/// A name is part of paths and of host names.
fn check_name(name: &str) -> Result<(), HostError> {
    let problem = |reason: &str| HostError::Name {
        name: name.chars().take(200).collect(),
        reason: reason.to_owned(),
    };
    let parts: Vec<&str> = name.split(':').collect();
    if parts.len() != 3 {
        return Err(problem("it has not three parts"));
    }
    for part in parts {
        let is_plain = part.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)
        });
        if part.is_empty() || part.len() > 63 || !is_plain {
            return Err(problem(
                "a part has 1 to 63 lower-case letters, digits, `-`, `_` and `.`",
            ));
        }
        if part.starts_with(['.', '-']) || part.ends_with(['.', '-']) || part.contains("..") {
            return Err(problem("a part begins and ends with a letter or a digit"));
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
