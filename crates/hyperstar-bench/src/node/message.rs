//! A tiny message into a component, and its answer.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use hyperstar_bench_busy::Busy;
use hyperstar_native::Native;
use hyperstar_native::instance::{HostSys, Instance, Limits, Program};
use hyperstar_process::abi::{Event, Message, Origin, Start};
use hyperstar_process::sys::Level;

use super::apps::Apps;
use super::bare::BareCall;
use super::{Plan, hosted};
use crate::figures::median;
use crate::report::Goal;
use crate::table::{Table, figure, ratio};

const RATIO_MAX: f64 = 2.0;
/// The messages of a full turn.
const BATCH: u64 = 64;

pub(crate) fn report(plan: &Plan, apps: &Apps, goals: &mut Vec<Goal>) -> Result<()> {
    let names = [
        "bare wasmtime call, 32 bytes there and back",
        "turn of one message, a component",
        "turn of 64, each, a component",
        "turn of one message, native, on its own thread",
        "through a host, one at a time, a component",
        "through a host, one at a time, native",
    ];
    let mut samples: [Vec<f64>; 6] = Default::default();
    hosted::executor()?.block_on(async {
        let component = hosted::load(&plan.directory, &apps.busy).await?;
        let native: Arc<dyn Program> = Arc::new(Native::<Busy>::new());
        let mut bare = BareCall::new().await?;
        let mut one = start(&*component).await?;
        let mut thread = start(&*native).await?;
        let host = hosted::host(&plan.directory, hyperstar::Platform::system())?;
        hosted::run(&host, "component", &component).await?;
        hosted::run(&host, "native", &native).await?;
        for _ in 0..plan.rounds {
            let times = [
                bare.time(plan.calls).await?,
                turns(&mut *one, 1, plan.calls).await?,
                turns(&mut *one, BATCH, plan.calls / BATCH as u32).await? / BATCH as u32,
                turns(&mut *thread, 1, plan.calls / 4).await?,
                asks(&host, "component", plan.calls / 4).await?,
                asks(&host, "native", plan.calls / 4).await?,
            ];
            for (samples, time) in samples.iter_mut().zip(times) {
                samples.push(hosted::us(time));
            }
        }
        host.stop().await;
        anyhow::Ok(())
    })?;
    let mut table = Table::new(&["a message and its answer", "µs", "/ bare"]);
    let bare = median(&samples[0]);
    for (name, samples) in names.iter().zip(&samples) {
        let time = median(samples);
        table.row([(*name).to_owned(), figure(time), ratio(time, bare)]);
    }
    println!(
        "## A tiny message\n\n`add(by)`, which changes the state and answers what it is; nothing is kept. Medians of {} rounds of up to {} messages. A *turn* is the border alone: a message goes in, its answer comes out. *Through a host* the kernel decides, and an executor with a thread a processor runs what it decides.\n\n{table}",
        plan.rounds, plan.calls
    );
    goals.push(Goal {
        what: "a turn of one message / a bare call of wasmtime".to_owned(),
        at_most: RATIO_MAX,
        result: median(&samples[1]) / bare,
        unit: "",
    });
    Ok(())
}

async fn start(program: &dyn Program) -> Result<Box<dyn Instance>> {
    let start = Start {
        process: hosted::address("busy"),
        ..Start::default()
    };
    let started = program.start(start, Arc::new(Nothing), Limits::default());
    Ok(started.await?.0)
}

async fn turns(instance: &mut dyn Instance, messages: u64, turns: u32) -> Result<Duration> {
    let message = |task: u64| {
        Event::Message(Message {
            task,
            origin: Origin::Owner,
            handler: "add".to_owned(),
            deadline_ms: u64::MAX,
            body: br#"{"by":1}"#.to_vec(),
        })
    };
    let began = Instant::now();
    for _ in 0..turns {
        let events = (1..=messages).map(message).collect();
        black_box(instance.turn(events).await?);
    }
    Ok(began.elapsed() / turns.max(1))
}

async fn asks(host: &hyperstar_native::Host, name: &'static str, asks: u32) -> Result<Duration> {
    let host = host.clone();
    let asking = tokio::spawn(async move {
        let address = hosted::address(name);
        let began = Instant::now();
        for _ in 0..asks {
            hosted::ask(&host, &address, "add", r#"{"by":1}"#).await?;
        }
        anyhow::Ok(began.elapsed() / asks.max(1))
    });
    asking.await?
}

/// What a process reaches that reaches nothing.
pub(super) struct Nothing;

impl HostSys for Nothing {
    fn now_ms(&self) -> u64 {
        0
    }
    fn random(&self, _bytes: &mut [u8]) -> Result<(), String> {
        Ok(())
    }
    fn log(&self, _level: Level, _text: &str) {}
    fn get(&self, _path: &str) -> Result<Option<bytes::Bytes>, String> {
        Ok(None)
    }
    fn scan(
        &self,
        _at_or_after: &str,
        _before: &str,
        _most: u32,
        _back: bool,
    ) -> Result<Vec<(String, bytes::Bytes)>, String> {
        Ok(Vec::new())
    }
    fn count(&self, _prefix: &str) -> Result<u64, String> {
        Ok(0)
    }
}
