//! A process as its host knows it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use hyperstar::Viewer;
use hyperstar_interface::Interface;
use hyperstar_interface::route::Router;
use hyperstar_kernel::Incarnation;
use hyperstar_process::abi::Change;
use tokio::sync::{Mutex as Slot, OwnedMutexGuard, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::convert::Frame;
use crate::host::Options;
use crate::instance::{Instance, Program};
use crate::log::Logs;
use crate::place::{Place, Reach};

/// So many renders may be ahead of a turn.
const RENDERS_MAX: usize = 4;

/// A process of a host.
pub(crate) struct Process {
    name: Arc<str>,
    place: Place,
    topic: String,
    loaded: RwLock<Arc<Loaded>>,
    pub(crate) reach: Arc<Reach>,
    pub(crate) logs: Arc<Logs>,
    /// The instance, while there is one. Whoever has a turn or a render holds the lock; a turn that changed
    /// something holds it until that is durable, so that nobody sees what a crash could take back.
    pub(crate) slot: Arc<Slot<Option<Living>>>,
    /// Renders that wait for the slot or have it: turns are not to wait behind all who look.
    pub(crate) renders: Arc<Semaphore>,
    /// A turn between its end and its commit.
    flight: Mutex<Option<Flight>>,
    /// The last instance that was asked for, and what ends whatever it is doing.
    life: Mutex<Option<(Incarnation, CancellationToken)>>,
    status: watch::Sender<Status>,
    /// Who looks at its pages, by the ids of their tabs.
    present: Mutex<HashMap<String, Viewer>>,
}

/// An instance.
pub(crate) struct Living {
    pub(crate) incarnation: Incarnation,
    pub(crate) instance: Box<dyn Instance>,
}

/// What a turn did that is not done yet.
pub(crate) struct Flight {
    pub(crate) incarnation: Incarnation,
    /// Nobody may look meanwhile.
    pub(crate) slot: OwnedMutexGuard<Option<Living>>,
    pub(crate) changes: Vec<Change>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) touched: bool,
}

/// How it is with a process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It was not started, or was stopped.
    Stopped,
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It is being stopped, and has its last turn.
    Stopping,
    /// It crashed, and is started again.
    Restarting {
        /// Why.
        reason: String,
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
    /// It crashed, and stays as it is until somebody starts it.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What a process is made of, and how it is run.
pub(crate) struct Loaded {
    pub(crate) program: Arc<dyn Program>,
    /// Where its requests go.
    pub(crate) router: Router,
    pub(crate) options: Options,
}

impl Loaded {
    pub(crate) fn new(program: Arc<dyn Program>, options: &Options) -> Arc<Self> {
        let router = Router::new(program.interface());
        Arc::new(Self {
            program,
            router,
            options: options.clone(),
        })
    }
}

impl Process {
    pub(crate) fn new(
        name: &Arc<str>,
        place: Place,
        loaded: Arc<Loaded>,
        reach: Arc<Reach>,
    ) -> Self {
        Self {
            name: name.clone(),
            topic: format!("process:{name}"),
            place,
            loaded: RwLock::new(loaded),
            logs: reach.logs.clone(),
            reach,
            slot: Arc::default(),
            renders: Arc::new(Semaphore::new(RENDERS_MAX)),
            flight: Mutex::new(None),
            life: Mutex::new(None),
            status: watch::Sender::new(Status::Stopped),
            present: Mutex::default(),
        }
    }

    /// `process:package:publisher`
    pub(crate) fn id(&self) -> &str {
        &self.name
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What changes when its state does without being kept, or when it starts or ends.
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// What it is made of.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        let loaded = self.loaded.read();
        loaded.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_loaded(&self, loaded: Arc<Loaded>) {
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    pub(crate) fn program(&self) -> Arc<dyn Program> {
        self.loaded().program.clone()
    }

    pub(crate) fn interface(&self) -> Interface {
        self.program().interface().clone()
    }

    pub(crate) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Hears of each status from now on.
    pub(crate) fn watch_status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.status.send_replace(status);
    }

    pub(crate) fn change_status(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(change);
    }

    /// Who looks at its pages, by the ids of their tabs.
    pub(crate) fn present(&self) -> MutexGuard<'_, HashMap<String, Viewer>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a life. What ends it is in the answer.
    pub(crate) fn begin(&self, incarnation: Incarnation) -> CancellationToken {
        let end = CancellationToken::new();
        *self.life() = Some((incarnation, end.clone()));
        self.set_status(Status::Starting);
        end
    }

    /// What ends a life, if it is the current one.
    pub(crate) fn end_of(&self, incarnation: Incarnation) -> Option<CancellationToken> {
        match &*self.life() {
            Some((current, end)) if *current == incarnation => Some(end.clone()),
            _ => None,
        }
    }

    pub(crate) fn set_flight(&self, flight: Flight) {
        *self.flight() = Some(flight);
    }

    /// The turn that has ended and is not done, of this life.
    pub(crate) fn take_flight(&self, incarnation: Incarnation) -> Option<Flight> {
        let mut flight = self.flight();
        match &*flight {
            Some(found) if found.incarnation == incarnation => flight.take(),
            _ => None,
        }
    }

    fn flight(&self) -> MutexGuard<'_, Option<Flight>> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn life(&self) -> MutexGuard<'_, Option<(Incarnation, CancellationToken)>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
