//! A host: processes, the store that keeps them, and the pages that show them.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use hyperstar::{App, Hub, Platform};
use hyperstar_interface::{Access, Interface, Save};
use hyperstar_kernel::{
    Acknowledge, Effect, ExitPolicy, ExitReason, Grant, GrantId, Handlers, Input, Kernel,
    KernelLimits, Name, Origin as From, Request, Restart, Spec, Target, Ticket,
};
use hyperstar_process::abi::{
    CallError, Origin, Page, RenderError, RenderRequest, Response, Start,
};
use hyperstar_process::sys::Level;
use hyperstar_store::{Store, StoreError};
use tokio::sync::{Notify, broadcast, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::convert::{self, Payload};
use crate::gateway::{self, Channels};
use crate::instance::{Crash, Limits, Program, unwound};
use crate::log::{LogLine, Logs};
use crate::mail::{self, MailError};
use crate::place::{Place, Reach};
pub(crate) use crate::process::Process;
use crate::process::Status;

/// The kernel is told the time at least this often, since clocks are set.
const TICK_MS_MAX: u64 = 60_000;

/// How often a thread looks whether the kernel is free before it sleeps; some ten microseconds.
const LOOKS_MAX: u32 = 1_000;

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
    core: Mutex<Core>,
    /// What the kernel has not been told yet: requests that come together are told together. Each is somebody's
    /// who waits, so there are no more of them than of those.
    asked: Mutex<Vec<Request<Payload>>>,
    /// A task is about to tell it.
    is_driven: AtomicBool,
    /// The last who were answered were several.
    has_crowd: AtomicBool,
    processes: RwLock<HashMap<Arc<str>, Arc<Process>>>,
    waiting: Mutex<HashMap<Ticket, oneshot::Sender<Result<Response, CallError>>>>,
    tickets: AtomicU64,
    channels: Channels,
    /// The kernel waits for an earlier time than it is going to be told.
    alarm: Arc<Notify>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

struct Core {
    kernel: Kernel<Payload, Response>,
    /// When it is told the time at the latest.
    wakes_at_ms: u64,
}

/// What somebody outside asks of a process.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where it comes from.
    pub origin: Origin,
    /// The handler, if it is named.
    pub handler: String,
    /// What comes with it.
    pub body: Vec<u8>,
    /// How long the answer may take.
    pub timeout_ms: u64,
    /// The same again with the same key is answered as before, and not done again.
    pub key: Option<String>,
}

/// A page, and what it depends on.
pub(crate) struct Rendered {
    pub(crate) page: Result<Page, RenderError>,
    /// Paths and prefixes of the store.
    pub(crate) reads: Vec<String>,
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
        // Without randomness names could be chosen that share a place in a table; nothing else depends on it.
        let seed = platform.random().map_or(0, u64::from_le_bytes);
        let host = Self {
            inner: Arc::new(Inner {
                node: node.into(),
                store: store.clone(),
                hub: hub.clone(),
                platform,
                core: Mutex::new(Core {
                    kernel: Kernel::new(KernelLimits::default(), seed),
                    wakes_at_ms: u64::MAX,
                }),
                asked: Mutex::default(),
                is_driven: AtomicBool::new(false),
                has_crowd: AtomicBool::new(false),
                processes: RwLock::default(),
                waiting: Mutex::default(),
                tickets: AtomicU64::new(1),
                channels: Channels::default(),
                alarm: Arc::default(),
                tasks: TaskTracker::new(),
                stopping: CancellationToken::new(),
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
            let process = Process::new(
                &name,
                place,
                program,
                options.limits.clone(),
                Arc::new(reach),
            );
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
        if process.status() == Status::Running {
            return Ok(());
        }
        process.set_status(Status::Starting);
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
        let name = self.known(name)?.name().clone();
        self.tell(Input::Stop { name });
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
        let trial = program.start(start, process.reach.clone(), process.limits.clone());
        trial.await.map_err(|crash| refused(crash.to_string()))?;
        let old = process.program();
        let was_stopped = process.status() == Status::Stopped;
        self.run_by(&process, program, options).await;
        if was_stopped {
            return Ok(());
        }
        match self.settle(&process).await {
            Ok(()) => Ok(()),
            Err(reason) => {
                self.run_by(&process, old, options).await;
                Err(refused(reason))
            }
        }
    }

    /// Stops a process, changes its program, and starts it if it ran.
    async fn run_by(&self, process: &Arc<Process>, program: Arc<dyn Program>, options: &Options) {
        let name = process.name().clone();
        let was_stopped = process.status() == Status::Stopped;
        if !was_stopped {
            let mut status = process.watch_status();
            self.tell(Input::Stop { name: name.clone() });
            // The sender lives as long as the process, which is held here.
            let _ = status
                .wait_for(|status| matches!(status, Status::Stopped | Status::Failed { .. }))
                .await;
        }
        let spec = spec_of(program.interface(), options);
        process.set_program(program);
        self.tell(Input::Update {
            name: name.clone(),
            spec,
        });
        if !was_stopped {
            process.set_status(Status::Starting);
            self.tell(Input::Start { name });
        }
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
        });
        // Whoever has a turn ends it first.
        *process.slot.lock().await = None;
        self.write().remove(process.name());
        if forget {
            self.store().remove_all(process.place().root())?;
        }
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

    /// Asks a process, as somebody outside. Questions come in the order of the calls of this, and each does once
    /// its future is polled or dropped, or with the next one that is.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the process is told that nobody waits; what it has done stays.
    pub fn ask(
        &self,
        name: &str,
        ask: Ask,
    ) -> impl Future<Output = Result<Response, CallError>> + Send + use<> {
        let payload = Payload {
            origin: Some(ask.origin),
            body: ask.body,
        };
        let request = Request {
            ticket: self.ticket(),
            to: name.into(),
            origin: From::Outside,
            handler: ask.handler.into(),
            weight_bytes: payload.weight(),
            payload,
            timeout_ms: Some(ask.timeout_ms),
            key: ask.key.map(Name::from),
        };
        self.request(request)
    }

    /// Asks `handler` of a process in the name of another one, `from`, which is in the midst of its turn and
    /// stands still until it is answered: for programs of other languages, whose calls are calls of functions.
    /// The body and the answer are JSON.
    ///
    /// Guarantee: `from` needs the grants that any call of it needs; it ends with the deadline of what its turn
    /// is for, after 30 s at the latest; and what would come back to `from` meanwhile is refused as
    /// [`CallError::Cycle`]. It has happened even if that turn fails afterwards.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::Stopped`] too if `from` has no turn.
    ///
    /// # Cancel safety
    /// As [`Host::ask`].
    pub async fn ask_in_turn(
        &self,
        from: &str,
        to: &str,
        handler: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, CallError> {
        let payload = Payload { origin: None, body };
        let request = Request {
            ticket: self.ticket(),
            to: to.into(),
            origin: From::Turn(from.into()),
            handler: handler.into(),
            weight_bytes: payload.weight(),
            payload,
            timeout_ms: None,
            key: None,
        };
        let answer = self.request(request).await;
        answer.map(|response| response.body)
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.inner.tickets.fetch_add(1, Ordering::Relaxed))
    }

    fn request(
        &self,
        request: Request<Payload>,
    ) -> impl Future<Output = Result<Response, CallError>> + Send + use<> {
        let (ticket, to) = (request.ticket, request.to.clone());
        let (answer, answered) = oneshot::channel();
        self.waiting().insert(ticket, answer);
        let waiting = Waiting {
            host: self.clone(),
            ticket,
            is_answered: false,
        };
        let asked = self.put(request);
        async move {
            asked.run().await;
            waiting.end(answered, to).await
        }
    }

    /// Renders a page of a process. It goes on to its end if nobody waits any longer: an instance that is left
    /// in the midst of something is of no use.
    pub(crate) async fn render(&self, process: &Arc<Process>, request: RenderRequest) -> Rendered {
        let (host, process) = (self.clone(), process.clone());
        let rendering = self
            .tasks()
            .spawn(async move { host.render_here(&process, request).await });
        rendering.await.unwrap_or_else(|_| Rendered {
            page: Err(why_not(&Status::Stopped)),
            reads: Vec::new(),
        })
    }

    async fn render_here(&self, process: &Process, request: RenderRequest) -> Rendered {
        let mut slot = process.slot.clone().lock_owned().await;
        let end = slot
            .as_ref()
            .and_then(|living| process.end_of(living.incarnation));
        let (Some(living), Some(end)) = (slot.as_mut(), end) else {
            return Rendered {
                page: Err(why_not(&process.status())),
                reads: Vec::new(),
            };
        };
        let incarnation = living.incarnation;
        process.reach.begin_reads();
        let rendered = tokio::select! {
            rendered = unwound(async { living.instance.render(request).await }) => Some(rendered),
            () = end.cancelled() => None,
        };
        let reads = process.reach.end_reads();
        let page = match rendered {
            Some(Ok(page)) => page,
            failed => {
                *slot = None;
                drop(slot);
                if let Some(Err(crash)) = failed {
                    self.tell(Input::Lost {
                        name: process.name().clone(),
                        incarnation,
                        reason: crash.to_string(),
                    });
                }
                Err(why_not(&process.status()))
            }
        };
        Rendered { page, reads }
    }

    /// The app through which browsers reach a process: serve it, or merge it with others.
    ///
    /// # Errors
    /// [`HostError::NoProcess`].
    pub fn app(&self, name: &str) -> Result<App, HostError> {
        Ok(gateway::app(self, &self.known(name)?))
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
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
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

    pub(crate) fn channels(&self) -> &Channels {
        &self.inner.channels
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
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

    /// Notes a request for the kernel: somebody is to [decide](Self::decide).
    pub(crate) fn note(&self, request: Request<Payload>) {
        lock(&self.inner.asked).push(request);
    }

    /// Whether there are requests that the kernel was not told of.
    pub(crate) fn has_asked(&self) -> bool {
        !lock(&self.inner.asked).is_empty()
    }

    /// Whether a task is about to tell it.
    pub(crate) fn is_driven(&self) -> &AtomicBool {
        &self.inner.is_driven
    }

    /// Tells the kernel of the requests that came since, and then of an input.
    pub(crate) fn decide(&self, input: Input<Payload, Response>) -> Vec<Effect<Payload, Response>> {
        self.decide_by(|kernel, now_ms, effects| kernel.step(now_ms, input, effects))
    }

    /// The same, but that nobody gets a turn before the kernel is told something again.
    pub(crate) fn hear(&self, input: Input<Payload, Response>) -> Vec<Effect<Payload, Response>> {
        self.decide_by(|kernel, now_ms, effects| kernel.note(now_ms, input, effects))
    }

    fn decide_by(
        &self,
        tell: impl FnOnce(&mut Kernel<Payload, Response>, u64, &mut Vec<Effect<Payload, Response>>),
    ) -> Vec<Effect<Payload, Response>> {
        let mut effects = Vec::new();
        let mut core = lock_soon(&self.inner.core);
        let now_ms = self.now_ms();
        // Taken under the lock of the kernel, so that nothing overtakes them.
        let asked = std::mem::take(&mut *lock(&self.inner.asked));
        for request in asked {
            let input = Input::Request(request);
            core.kernel.note(now_ms, input, &mut effects);
        }
        tell(&mut core.kernel, now_ms, &mut effects);
        let next = core.kernel.next_wake_ms().unwrap_or(u64::MAX);
        let is_early = next < core.wakes_at_ms;
        core.wakes_at_ms = core.wakes_at_ms.min(next);
        drop(core);
        if is_early {
            self.inner.alarm.notify_one();
        }
        let answers = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Answer { .. }))
            .count();
        if answers > 0 {
            self.inner.has_crowd.store(answers > 1, Ordering::Relaxed);
        }
        effects
    }

    /// Whether those who were answered last were several.
    pub(crate) fn has_crowd(&self) -> bool {
        self.inner.has_crowd.load(Ordering::Relaxed)
    }

    pub(crate) fn answer(
        &self,
        ticket: Ticket,
        result: Result<Response, hyperstar_kernel::CallError>,
    ) {
        if let Some(answer) = self.waiting().remove(&ticket) {
            // Who asked may have gone in this moment.
            let _ = answer.send(result.map_err(|error| convert::call_error(error, "")));
        }
    }

    /// Tells a process that another one has ended.
    pub(crate) fn farewell(&self, name: &Arc<str>, to: &Arc<str>, reason: &ExitReason) {
        let body = serde_json::json!({ "process": &**name, "reason": convert::reason_of(reason) });
        let payload = Payload {
            origin: Some(Origin::Local(name.to_string())),
            body: body.to_string().into_bytes(),
        };
        self.tell(Input::Request(Request {
            ticket: self.ticket(),
            to: to.clone(),
            origin: From::Outside,
            handler: "process_ended".into(),
            weight_bytes: payload.weight(),
            payload,
            timeout_ms: None,
            key: None,
        }));
    }

    /// Tells the kernel when a time has come that it waits for.
    fn watch_time(&self) {
        let (host, alarm) = (Arc::downgrade(&self.inner), self.inner.alarm.clone());
        let stopping = self.inner.stopping.clone();
        self.inner.tasks.spawn(async move {
            // It ends with the host, also with one that nobody stops.
            while let Some(wait_ms) = wait_ms(&host) {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = alarm.notified() => {}
                    () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {
                        if let Some(inner) = host.upgrade() {
                            Self { inner }.tick();
                        }
                    }
                }
            }
        });
    }

    /// Tells the kernel the time, and when it is told again. A time that it waits for no longer stays: to put it
    /// off with each answer would cost more than to be told once in vain.
    fn tick(&self) {
        self.tell(Input::Tick);
        let mut core = lock(&self.inner.core);
        let next = core.kernel.next_wake_ms().unwrap_or(u64::MAX);
        core.wakes_at_ms = next.min(self.now_ms().saturating_add(TICK_MS_MAX));
    }

    fn known(&self, name: &str) -> Result<Arc<Process>, HostError> {
        let found = self.read().get(name).cloned();
        found.ok_or_else(|| HostError::NoProcess {
            name: name.to_owned(),
            known: self.processes(),
        })
    }

    fn waiting(
        &self,
    ) -> MutexGuard<'_, HashMap<Ticket, oneshot::Sender<Result<Response, CallError>>>> {
        lock(&self.inner.waiting)
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

/// Somebody who waits for an answer. Dropped before it came, it takes the question back.
struct Waiting {
    host: Host,
    ticket: Ticket,
    is_answered: bool,
}

impl Waiting {
    async fn end(
        mut self,
        answered: oneshot::Receiver<Result<Response, CallError>>,
        name: Name,
    ) -> Result<Response, CallError> {
        let answer = answered.await;
        self.is_answered = true;
        match answer {
            Ok(Err(CallError::NoProcess(_))) => Err(CallError::NoProcess(name.to_string())),
            Ok(answer) => answer,
            // The host has ended.
            Err(_) => Err(CallError::Crashed),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_answered {
            self.host.waiting().remove(&self.ticket);
            self.host.tell(Input::Cancel {
                ticket: self.ticket,
            });
        }
    }
}

/// How long until the kernel is told the time.
fn wait_ms(host: &Weak<Inner>) -> Option<u64> {
    let host = Host {
        inner: host.upgrade()?,
    };
    let wakes_at_ms = lock(&host.inner.core).wakes_at_ms;
    let wait_ms = wakes_at_ms.saturating_sub(host.now_ms());
    Some(wait_ms.min(TICK_MS_MAX))
}

/// What a browser sees where a page would be.
fn why_not(status: &Status) -> RenderError {
    let message = match status {
        Status::Stopped => "This app is stopped.".to_owned(),
        Status::Starting | Status::Running => "This app is being started.".to_owned(),
        Status::Restarting { reason, .. } => {
            format!("This app has crashed and is being started again: {reason}")
        }
        Status::Failed { reason } => format!("This app has crashed too often: {reason}"),
    };
    RenderError {
        status: 503,
        message,
        location: None,
        internal: false,
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

/// As [`lock`], for what is held for microseconds at most: to be woken takes longer than to look again.
fn lock_soon<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..LOOKS_MAX {
        if let Ok(guard) = mutex.try_lock() {
            return guard;
        }
        std::hint::spin_loop();
    }
    lock(mutex)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
