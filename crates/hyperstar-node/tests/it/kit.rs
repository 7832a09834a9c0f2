//! An engine, guests and a host to test with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use hyperstar_build::{BuildOptions, Entry, build};
use hyperstar_node::{
    Component, Crash, Engine, EngineConfig, HostSys, Instance, Limits, LoadOptions, Program,
};
use hyperstar_process::abi::{Action, Event, Message, Origin, Start, Turn};
use hyperstar_process::sys::Level;
use tokio::sync::OnceCell;

/// A small engine: tests run many at once.
pub(crate) fn config() -> EngineConfig {
    EngineConfig {
        instances_max: 64,
        ..EngineConfig::default()
    }
}

/// The engine that tests share which need no other.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(config()).unwrap())
}

/// The component of a crate in `tests/guests`.
pub(crate) fn guest_bytes(name: &str) -> Vec<u8> {
    let guests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    let options = BuildOptions {
        target_dir: Some(env!("CARGO_TARGET_TMPDIR").into()),
        entry: Entry::Own,
        ..BuildOptions::new(guests.join(name))
    };
    match build(&options) {
        Ok(built) => built.bytes,
        Err(error) => panic!("the guest does not build: {error}"),
    }
}

pub(crate) async fn probe() -> Component {
    static PROBE: OnceCell<Component> = OnceCell::const_new();
    let probe = PROBE.get_or_init(async || load(engine(), &guest_bytes("probe")).await);
    probe.await.clone()
}

pub(crate) async fn load(engine: &Engine, bytes: &[u8]) -> Component {
    engine.load(bytes, LoadOptions::default()).await.unwrap()
}

/// A host with a clock that stands, a log and a state to read.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) log: Mutex<Vec<(Level, String)>>,
    /// The names of the threads that it was logged on.
    pub(crate) threads: Mutex<Vec<String>>,
    pub(crate) state: BTreeMap<String, Bytes>,
    pub(crate) fails: bool,
}

impl Host {
    pub(crate) fn logged(&self) -> Vec<(Level, String)> {
        self.log.lock().unwrap().clone()
    }

    fn check(&self) -> Result<(), String> {
        if self.fails {
            return Err("the disk is gone".to_owned());
        }
        Ok(())
    }
}

impl HostSys for Host {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), String> {
        bytes.fill(4);
        Ok(())
    }

    fn log(&self, level: Level, text: &str) {
        self.log.lock().unwrap().push((level, text.to_owned()));
        let thread = std::thread::current().name().unwrap_or("?").to_owned();
        self.threads.lock().unwrap().push(thread);
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, String> {
        self.check()?;
        Ok(self.state.get(path).cloned())
    }

    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        _back: bool,
    ) -> Result<Vec<(String, Bytes)>, String> {
        self.check()?;
        let range = self.state.range(at_or_after.to_owned()..before.to_owned());
        let range = range.take(most as usize);
        Ok(range
            .map(|(path, value)| (path.clone(), value.clone()))
            .collect())
    }

    fn count(&self, prefix: &str) -> Result<u64, String> {
        self.check()?;
        let below = self.state.keys().filter(|path| path.starts_with(prefix));
        Ok(below.count() as u64)
    }
}

/// A process under test.
pub(crate) struct Process {
    pub(crate) instance: Box<dyn Instance>,
    pub(crate) host: Arc<Host>,
}

/// The process, or why it did not start.
pub(crate) async fn try_start(
    program: &dyn Program,
    start: Start,
    limits: Limits,
) -> Result<Process, Crash> {
    let host = Arc::new(Host::default());
    let (instance, _) = program.start(start, host.clone(), limits).await?;
    Ok(Process { instance, host })
}

pub(crate) async fn start(program: &dyn Program) -> Process {
    start_within(program, Limits::default()).await
}

pub(crate) async fn start_within(program: &dyn Program, limits: Limits) -> Process {
    try_start(program, Start::default(), limits).await.unwrap()
}

pub(crate) fn message(task: u64, handler: &str, body: impl AsRef<[u8]>) -> Event {
    Event::Message(Message {
        task,
        origin: Origin::Owner,
        handler: handler.to_owned(),
        deadline_ms: 0,
        body: body.as_ref().to_vec(),
    })
}

impl Process {
    pub(crate) async fn send(
        &mut self,
        handler: &str,
        body: impl AsRef<[u8]>,
    ) -> Result<Turn, Crash> {
        self.instance.turn(vec![message(1, handler, body)]).await
    }

    /// The answer to one message.
    pub(crate) async fn ask(&mut self, handler: &str, body: impl AsRef<[u8]>) -> String {
        let turn = self.send(handler, body).await.unwrap();
        answer(&turn)
    }
}

/// What a turn responds.
pub(crate) fn answer(turn: &Turn) -> String {
    let mut bodies = turn.actions.iter().filter_map(|action| match action {
        Action::Respond { outcome, .. } => Some(outcome.as_ref().unwrap().body.clone()),
        _ => None,
    });
    String::from_utf8(bodies.next().unwrap()).unwrap()
}
