//! Apps' tests against the component: the same [`Process`](hyperstar_process::test::Process) of the SDK's test kit,
//! with the sandbox in place of the native code.
//!
//! ```no_run
//! use hyperstar_node::test::Sandboxed;
//! use hyperstar_process::test::{Host, Process};
//! use hyperstar_process::{State, hyperapp};
//!
//! #[derive(Default, State)]
//! struct Counter {
//!     count: i64,
//! }
//!
//! #[hyperapp(name = "Counter")]
//! impl Counter {
//!     #[local]
//!     fn increment(&mut self) -> i64 {
//!         self.count += 1;
//!         self.count
//!     }
//! }
//!
//! // What `hyperstar build` has made of it.
//! let sandboxed = Sandboxed::new(&std::fs::read("counter.wasm")?)?;
//! let mut counter = Process::<Counter>::run_by(Host::new(), move |sys| sandboxed.guest(sys))?;
//! assert_eq!(counter.call::<i64>("increment", &()), Ok(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::rc::Rc;
use std::sync::{Arc, OnceLock, mpsc};

use bytes::Bytes;
use hyperstar_interface::Interface;
use hyperstar_native::instance::{BoxFuture, Crash, HostSys, Instance, Limits, Program};
use hyperstar_process::Guest;
use hyperstar_process::abi::{Asset, Event, Page, RenderError, RenderRequest, Start, Turn};
use hyperstar_process::sys::{Level, Sys};
use tokio::runtime::Runtime;

use crate::{Component, Engine, EngineConfig, LoadError, LoadOptions};

/// Instances of all tests of a program at once.
const INSTANCES_MAX: u32 = 64;

/// A component that tests run.
#[derive(Clone, Debug)]
pub struct Sandboxed {
    component: Component,
}

impl Sandboxed {
    /// Checks and compiles a component.
    ///
    /// # Errors
    /// It is none, or wants what nobody gives.
    ///
    /// # Panics
    /// If this machine cannot run components.
    pub fn new(component: &[u8]) -> Result<Self, LoadError> {
        let loaded = work(engine().load(component, LoadOptions::default()));
        Ok(Self { component: loaded? })
    }

    /// An instance for the test kit, within the usual limits. Whatever ends it, ends the test with its reason.
    pub fn guest(&self, sys: Rc<dyn Sys>) -> Box<dyn Guest> {
        let (asks, asked) = mpsc::channel();
        Box::new(Tested {
            component: self.component.clone(),
            sys,
            reach: Arc::new(Reach(asks)),
            asked,
            instance: None,
        })
    }
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("threads for the sandbox"))
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let config = EngineConfig {
            instances_max: INSTANCES_MAX,
            ..EngineConfig::default()
        };
        Engine::new(config).expect("a machine that runs components")
    })
}

/// Waits for something on the runtime's own threads, also from within another runtime.
fn work<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| runtime().block_on(future));
        waiting.join().expect("the sandbox does not panic")
    })
}

/// A question to what the test gives the process, which is on the test's own thread.
type Question = Box<dyn FnOnce(&dyn Sys) + Send>;

enum Ask {
    Question(Question),
    Done,
}

/// Asks the test's thread.
struct Reach(mpsc::Sender<Ask>);

impl Reach {
    fn ask<T: Send + 'static>(&self, question: impl FnOnce(&dyn Sys) -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        let question = move |sys: &dyn Sys| {
            // The one who asked waits for it.
            let _ = answer.send(question(sys));
        };
        let asked = self.0.send(Ask::Question(Box::new(question)));
        asked.expect("the test waits for the process");
        answered.recv().expect("the test answers")
    }
}

impl HostSys for Reach {
    fn now_ms(&self) -> u64 {
        self.ask(|sys| sys.now_ms())
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), String> {
        let mut random = vec![0; bytes.len()];
        let random = self.ask(move |sys| {
            sys.random(&mut random);
            random
        });
        bytes.copy_from_slice(&random);
        Ok(())
    }

    fn log(&self, level: Level, text: &str) {
        let text = text.to_owned();
        self.ask(move |sys| sys.log(level, &text));
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, String> {
        let path = path.to_owned();
        Ok(self.ask(move |sys| sys.get(&path)).map(Bytes::from))
    }

    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        back: bool,
    ) -> Result<Vec<(String, Bytes)>, String> {
        let (at_or_after, before) = (at_or_after.to_owned(), before.to_owned());
        let values = self.ask(move |sys| sys.scan(&at_or_after, &before, most, back));
        let values = values.into_iter();
        Ok(values.map(|(path, value)| (path, value.into())).collect())
    }

    fn count(&self, prefix: &str) -> Result<u64, String> {
        let prefix = prefix.to_owned();
        Ok(self.ask(move |sys| sys.count(&prefix)))
    }
}

/// A component as the test kit's guest.
struct Tested {
    component: Component,
    sys: Rc<dyn Sys>,
    reach: Arc<Reach>,
    asked: mpsc::Receiver<Ask>,
    instance: Option<Box<dyn Instance>>,
}

impl Tested {
    /// Runs what the process does on the runtime, and answers here what it asks meanwhile.
    fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (result, ended) = mpsc::channel();
        let asks = self.reach.0.clone();
        runtime().spawn(async move {
            // The test waits for both.
            let _ = result.send(work.await);
            let _ = asks.send(Ask::Done);
        });
        loop {
            match self.asked.recv() {
                Ok(Ask::Question(question)) => question(&*self.sys),
                Ok(Ask::Done) | Err(_) => return ended.recv().expect("the sandbox does not panic"),
            }
        }
    }

    fn with<T: Send + 'static>(
        &mut self,
        call: impl for<'a> FnOnce(&'a mut dyn Instance) -> BoxFuture<'a, Result<T, Crash>>
        + Send
        + 'static,
    ) -> T {
        let instance = self.instance.take();
        let mut instance = instance.expect("a process is started once, and before anything else");
        let (instance, outcome) = self.run(async move {
            let outcome = call(&mut *instance).await;
            (instance, outcome)
        });
        match outcome {
            Ok(value) => {
                self.instance = Some(instance);
                value
            }
            Err(crash) => panic!("{crash}"),
        }
    }
}

impl Guest for Tested {
    fn interface(&self) -> Interface {
        self.component.interface().clone()
    }

    fn assets(&self) -> Vec<Asset> {
        self.component.assets().to_vec()
    }

    fn start(&mut self, start: Start) -> Result<Turn, String> {
        let (component, reach) = (self.component.clone(), self.reach.clone());
        let started =
            self.run(async move { component.start(start, reach, Limits::default()).await });
        match started {
            Ok((instance, turn)) => {
                self.instance = Some(instance);
                Ok(turn)
            }
            Err(Crash::Refused(reason)) => Err(reason),
            Err(crash) => panic!("{crash}"),
        }
    }

    fn turn(&mut self, events: Vec<Event>) -> Turn {
        self.with(move |instance| instance.turn(events))
    }

    fn render(&mut self, request: RenderRequest) -> Result<Page, RenderError> {
        self.with(move |instance| instance.render(request))
    }
}
