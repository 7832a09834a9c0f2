//! A living process of a component.

use std::future::Future;
use std::sync::Arc;

use hyperstar_process::abi::{self, Event, Page, RenderError, RenderRequest};
use wasmtime::Store;

use crate::bindings::hyperstar::process::types as wit;
use crate::bindings::{self, ProcessPre};
use crate::convert;
use crate::crash::crash;
use crate::engine::Engine;
use crate::guest::Guest;
use crate::slices::{Meter, SLICE_TICKS};
use hyperstar_native::instance::{BoxFuture, Crash, HostSys, Instance, Limits};

/// The handles of resources that a guest may hold. Ours need none; other languages' runtimes a few.
const HANDLES_MAX: usize = 1_000;

/// A process that runs in its own memory.
pub(crate) struct Process {
    engine: Engine,
    meter: Arc<Meter>,
    limits: Limits,
    /// None while a call runs, and for good after a crash or a call that was dropped.
    living: Option<Box<Living>>,
    /// Its last call took long: the next one begins in the slow lane.
    is_slow: bool,
    memory_bytes: usize,
}

/// What moves between threads with the call that runs.
struct Living {
    store: Store<Guest>,
    exports: bindings::Process,
}

/// A store for one instance, within its limits.
pub(crate) fn store(engine: &Engine, sys: Arc<dyn HostSys>, limits: Limits) -> Store<Guest> {
    let turn_bytes_max = limits.turn_bytes_max;
    let mut store = Store::new(&engine.shared.wasmtime, Guest::new(sys, limits));
    store.limiter(|guest| guest);
    store.epoch_deadline_callback(Guest::at_deadline);
    store.set_hostcall_fuel(turn_bytes_max);
    store.set_max_component_handles(HANDLES_MAX);
    store
}

/// Before each call into the guest.
fn begin(store: &mut Store<Guest>, budget_ms: u64, may_call: bool) {
    store.data_mut().begin(budget_ms, may_call);
    store.set_epoch_deadline(SLICE_TICKS);
}

/// Runs a call into a guest; says too whether it took long.
async fn run<R: Send + 'static>(
    engine: &Engine,
    meter: &Arc<Meter>,
    is_slow: bool,
    call: impl Future<Output = Result<R, Crash>> + Send + 'static,
) -> Result<(R, bool), Crash> {
    let shared = &engine.shared;
    let _running = shared.ticker.run();
    match shared.lane.run(meter, is_slow, call).await {
        Some(ended) => Ok((ended.value?, ended.was_slow)),
        None => Err(Crash::Host("the engine has ended".into())),
    }
}

/// Asks a component what it is.
pub(crate) async fn describe(
    engine: &Engine,
    mut store: Store<Guest>,
    pre: ProcessPre<Guest>,
) -> Result<(String, Vec<abi::Asset>), Crash> {
    let meter = store.data().meter.clone();
    let init_ms_max = store.data().limits.init_ms_max;
    begin(&mut store, init_ms_max, false);
    let call = async move {
        let described = async {
            let exports = pre.instantiate_async(&mut store).await?;
            let description = exports.call_describe(&mut store).await?;
            Ok((description, exports.call_assets(&mut store).await?))
        };
        let described = described.await;
        described.map_err(|error| crash(&error, store.data()))
    };
    let (description, assets) = run(engine, &meter, false, call).await?.0;
    Ok((
        description,
        assets.into_iter().map(convert::asset).collect(),
    ))
}

impl Process {
    /// Instantiates a component and begins its life.
    pub(crate) async fn start(
        engine: Engine,
        mut store: Store<Guest>,
        pre: ProcessPre<Guest>,
        start: abi::Start,
    ) -> Result<(Self, abi::Turn), Crash> {
        let meter = store.data().meter.clone();
        let limits = store.data().limits.clone();
        store.data_mut().name(&start.process);
        begin(&mut store, limits.init_ms_max, true);
        let call = async move {
            let start = convert::start(start);
            let started = async {
                let exports = pre.instantiate_async(&mut store).await?;
                let started = exports.call_init(&mut store, &start).await?;
                Ok((exports, started))
            };
            match started.await {
                Ok((exports, started)) => Ok((Box::new(Living { store, exports }), started)),
                Err(error) => Err(crash(&error, store.data())),
            }
        };
        let ((living, started), is_slow) = run(&engine, &meter, false, call).await?;
        let turn = checked(started.map_err(Crash::Refused)?, &limits)?;
        let process = Self {
            engine,
            meter,
            limits,
            memory_bytes: living.store.data().memory_bytes,
            living: Some(living),
            is_slow,
        };
        Ok((process, turn))
    }

    /// Calls into the guest. After an error there is no guest any more.
    async fn call<R, F>(
        &mut self,
        budget_ms: u64,
        may_call: bool,
        work: impl FnOnce(Box<Living>) -> F,
    ) -> Result<R, Crash>
    where
        R: Send + 'static,
        F: Future<Output = (Box<Living>, wasmtime::Result<R>)> + Send + 'static,
    {
        let Some(mut living) = self.living.take() else {
            return Err(Crash::Host(
                "the process has crashed, or a call into it was dropped; start it anew".into(),
            ));
        };
        begin(&mut living.store, budget_ms, may_call);
        let work = work(living);
        let call = async move {
            match work.await {
                (living, Ok(value)) => Ok((living, value)),
                (living, Err(error)) => Err(crash(&error, living.store.data())),
            }
        };
        let ((living, value), is_slow) = run(&self.engine, &self.meter, self.is_slow, call).await?;
        self.is_slow = is_slow;
        self.memory_bytes = living.store.data().memory_bytes;
        self.living = Some(living);
        Ok(value)
    }
}

/// The processor time of a turn, see [`Limits::turn_ms_max`].
fn budget_ms(of_one_ms: u64, events: usize) -> u64 {
    let quarters = (events as u64 + 3).clamp(4, 32);
    of_one_ms.saturating_mul(quarters) / 4
}

impl Instance for Process {
    fn turn<'a>(&'a mut self, events: Vec<Event>) -> BoxFuture<'a, Result<abi::Turn, Crash>> {
        Box::pin(async move {
            let budget_ms = budget_ms(self.limits.turn_ms_max, events.len());
            let events = convert::events(events)?;
            let turn = self.call(budget_ms, true, |mut living| async move {
                let turn = living.exports.call_turn(&mut living.store, &events);
                let turn = turn.await;
                (living, turn)
            });
            let turn = turn.await?;
            let checked = checked(turn, &self.limits);
            if checked.is_err() {
                self.living = None;
            }
            checked
        })
    }

    fn render<'a>(
        &'a mut self,
        request: RenderRequest,
    ) -> BoxFuture<'a, Result<Result<Page, RenderError>, Crash>> {
        Box::pin(async move {
            let request = convert::render_request(request);
            let budget_ms = self.limits.render_ms_max;
            let page = self.call(budget_ms, false, |mut living| async move {
                let page = living.exports.call_render(&mut living.store, &request);
                let page = page.await;
                (living, page)
            });
            let page = page.await?;
            Ok(page.map(convert::page).map_err(convert::render_error))
        })
    }

    fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

/// A turn is refused before anything of it is done.
fn checked(turn: wit::Turn, limits: &Limits) -> Result<abi::Turn, Crash> {
    for (count, what) in [
        (turn.actions.len(), "actions"),
        (turn.changes.len(), "changes"),
    ] {
        if count > limits.actions_max {
            return Err(Crash::Protocol(format!(
                "it answered {count} {what} in one turn, and may answer {}; do less in one turn",
                limits.actions_max
            )));
        }
    }
    Ok(convert::turn(turn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_for_many_has_more_time() {
        let budgets = [0, 1, 2, 5, 29, 64].map(|events| budget_ms(1_000, events));
        assert_eq!(budgets, [1_000, 1_000, 1_250, 2_000, 8_000, 8_000]);
    }
}
