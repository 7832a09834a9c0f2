//! Structs of this binary as processes.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;

use hyperstar_interface::Interface;
use hyperstar_process::abi::{Asset, Event, Page, RenderError, RenderRequest, Start, Turn};
use hyperstar_process::sys::{self, Level, Sys};
use hyperstar_process::{Guest, Hyperapp, Runtime};
use tokio::sync::oneshot;

use crate::instance::{BoxFuture, Crash, HostSys, Instance, Limits, Program, Started};

/// An app of this binary as a [`Program`].
///
/// Guarantee: it behaves as its component would, but for what a sandbox gives: a handler that never ends keeps
/// its thread for ever, and memory is not bounded. So this is for apps that you trust.
///
/// # Design
/// Each process has a thread of its own. Its futures never leave it, so handlers may hold what is not `Send`,
/// as they may in a component; and one that blocks delays nobody else.
pub struct Native<A> {
    interface: Interface,
    assets: Vec<Asset>,
    app: PhantomData<fn() -> A>,
}

impl<A: Hyperapp> Native<A> {
    /// The app `A`.
    pub fn new() -> Self {
        Self {
            interface: A::interface(),
            assets: Runtime::<A>::new().assets(),
            app: PhantomData,
        }
    }
}

impl<A: Hyperapp> Default for Native<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Hyperapp> Program for Native<A> {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn assets(&self) -> &[Asset] {
        &self.assets
    }

    fn start<'a>(
        &'a self,
        start: Start,
        sys: Arc<dyn HostSys>,
        _limits: Limits,
    ) -> BoxFuture<'a, Started> {
        Box::pin(async move {
            let (jobs, inbox) = mpsc::channel();
            let (started, begun) = oneshot::channel();
            let name = start.process.clone();
            thread::Builder::new()
                .name(name)
                .spawn(move || live::<A>(start, sys, started, &inbox))
                .map_err(|error| Crash::Host(format!("no thread can be started: {error}")))?;
            let turn = begun.await.map_err(|_| ended())??;
            let instance: Box<dyn Instance> = Box::new(Thread { jobs });
            Ok((instance, turn))
        })
    }
}

enum Job {
    Turn(Vec<Event>, oneshot::Sender<Result<Turn, Crash>>),
    Render(
        RenderRequest,
        oneshot::Sender<Result<Result<Page, RenderError>, Crash>>,
    ),
}

/// The thread that a process lives on, from outside.
struct Thread {
    jobs: mpsc::Sender<Job>,
}

impl Instance for Thread {
    fn turn(&mut self, events: Vec<Event>) -> BoxFuture<'_, Result<Turn, Crash>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.jobs.send(Job::Turn(events, answer));
        Box::pin(async move {
            sent.map_err(|_| ended())?;
            answered.await.map_err(|_| ended())?
        })
    }

    fn render(
        &mut self,
        request: RenderRequest,
    ) -> BoxFuture<'_, Result<Result<Page, RenderError>, Crash>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.jobs.send(Job::Render(request, answer));
        Box::pin(async move {
            sent.map_err(|_| ended())?;
            answered.await.map_err(|_| ended())?
        })
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}

fn ended() -> Crash {
    Crash::Host("its thread has ended".to_owned())
}

/// A process's life, until nobody holds its [`Thread`] any longer.
fn live<A: Hyperapp>(
    start: Start,
    host: Arc<dyn HostSys>,
    started: oneshot::Sender<Result<Turn, Crash>>,
    inbox: &mpsc::Receiver<Job>,
) {
    let sys: Rc<dyn Sys> = Rc::new(Reached(host));
    let mut app = Runtime::<A>::new();
    let begun = guarded(&sys, || app.start(start)).and_then(|turn| turn.map_err(Crash::Refused));
    let is_alive = begun.is_ok();
    // Nobody waits any longer: the life ends with the inbox.
    let _ = started.send(begun);
    if !is_alive {
        return;
    }
    while let Ok(job) = inbox.recv() {
        let crashed = match job {
            Job::Turn(events, answer) => {
                let turned = guarded(&sys, || app.turn(events));
                let crashed = turned.is_err();
                let _ = answer.send(turned);
                crashed
            }
            Job::Render(request, answer) => {
                let rendered = guarded(&sys, || app.render(request));
                let crashed = rendered.is_err();
                let _ = answer.send(rendered);
                crashed
            }
        };
        if crashed {
            return;
        }
    }
    // What its tasks hold may reach for the process when it is let go.
    let _ = guarded(&sys, || drop(app));
}

/// Runs the app's code. A panic is the end of the process and of nothing else.
fn guarded<T>(sys: &Rc<dyn Sys>, work: impl FnOnce() -> T) -> Result<T, Crash> {
    catch_unwind(AssertUnwindSafe(|| sys::enter(sys, work)))
        .map_err(|panic| Crash::of_panic(&*panic))
}

/// What the app reaches of its host. A failure unwinds to [`guarded`]: handlers have no way to go on.
struct Reached(Arc<dyn HostSys>);

impl Reached {
    fn or_end<T>(result: Result<T, String>) -> T {
        result.unwrap_or_else(|message| std::panic::resume_unwind(Box::new(Crash::Host(message))))
    }
}

impl Sys for Reached {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn random(&self, bytes: &mut [u8]) {
        Self::or_end(self.0.random(bytes));
    }

    fn log(&self, level: Level, text: &str) {
        self.0.log(level, text);
    }

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        Self::or_end(self.0.get(path)).map(Vec::from)
    }

    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        back: bool,
    ) -> Vec<(String, Vec<u8>)> {
        Self::or_end(self.0.scan(at_or_after, before, most, back))
            .into_iter()
            .map(|(path, value)| (path, value.into()))
            .collect()
    }

    fn count(&self, prefix: &str) -> u64 {
        Self::or_end(self.0.count(prefix))
    }
}
