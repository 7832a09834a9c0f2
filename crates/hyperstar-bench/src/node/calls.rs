//! A call from one process to another, through the kernel.

use std::sync::Arc;

use anyhow::{Context, Result};
use hyperstar_bench_busy::Busy;
use hyperstar_native::instance::Program;
use hyperstar_native::{Host, Native};
use serde_json::json;

use super::apps::Apps;
use super::hosted::TICKS_PER_US;
use super::{Plan, bare, hosted};
use crate::figures::{median, percentile};
use crate::report::Goal;
use crate::table::{Table, figure, ratio};

const P50_US_MAX: f64 = 15.0;
const P99_US_MAX: f64 = 100.0;
/// The calls that one message makes.
const CALLS: u32 = 1_000;

/// p50 and p99 of each round, in microseconds.
#[derive(Default)]
struct Samples {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Samples {
    fn add(&mut self, took_us: &[f64]) {
        self.p50.push(percentile(took_us, 50.0));
        self.p99.push(percentile(took_us, 99.0));
    }
}

pub(crate) fn report(plan: &Plan, apps: &Apps, goals: &mut Vec<Goal>) -> Result<()> {
    let pairs = [
        ("component -> component", "c1", "c2"),
        ("native -> component", "n1", "c2"),
        ("native -> native", "n1", "n2"),
    ];
    let mut hops = Samples::default();
    let mut samples: [Samples; 3] = Default::default();
    hosted::executor()?.block_on(async {
        let component = hosted::load(&plan.directory, &apps.busy).await?;
        let native: Arc<dyn Program> = Arc::new(Native::<Busy>::new());
        let host = hosted::host(&plan.directory, hosted::fine_clock())?;
        for name in ["c1", "c2"] {
            hosted::run(&host, name, &component).await?;
        }
        for name in ["n1", "n2"] {
            hosted::run(&host, name, &native).await?;
        }
        for _ in 0..plan.rounds {
            hops.add(&bare::hops(plan.calls).await?);
            for ((_, from, to), samples) in pairs.iter().zip(&mut samples) {
                samples.add(&calls(&host, from, to, plan.calls).await?);
            }
        }
        host.stop().await;
        anyhow::Ok(())
    })?;
    let mut table = Table::new(&["a call and its answer", "p50 µs", "p99 µs", "/ tokio"]);
    let base = median(&hops.p50);
    let all = std::iter::once(("tokio mpsc, there and back", &hops));
    for (name, samples) in all.chain(pairs.iter().map(|pair| pair.0).zip(&samples)) {
        let p50 = median(&samples.p50);
        table.row([
            name.to_owned(),
            figure(p50),
            figure(median(&samples.p99)),
            ratio(p50, base),
        ]);
    }
    println!(
        "## A call from process to process\n\nOne handler awaits a call of another's after the other, and times each: two turns of the caller's and one of the other's, the kernel in between. Both have arguments and answers in JSON, and a deadline; nothing is kept. Medians over {} rounds of {} calls.\n\n{table}",
        plan.rounds, plan.calls
    );
    for (what, at_most, samples) in [
        ("p50", P50_US_MAX, &samples[0].p50),
        ("p99", P99_US_MAX, &samples[0].p99),
    ] {
        goals.push(Goal {
            what: format!("a call from component to component, {what}"),
            at_most,
            result: median(samples),
            unit: "µs",
        });
    }
    Ok(())
}

/// What each of so many calls takes, in microseconds, as the caller sees it.
pub(super) async fn calls(host: &Host, from: &str, to: &str, calls: u32) -> Result<Vec<f64>> {
    let mut took_us = Vec::with_capacity(calls as usize);
    while took_us.len() < calls as usize {
        let arguments = json!({ "to": hosted::address(to), "times": CALLS.min(calls) });
        let answer: Result<Vec<u64>, serde_json::Value> =
            hosted::ask_for(host, from, "call", arguments).await?;
        let ticks = answer
            .ok()
            .with_context(|| format!("{from} could not call {to}"))?;
        let us = ticks
            .iter()
            .map(|ticks| *ticks as f64 / TICKS_PER_US as f64);
        took_us.extend(us);
    }
    Ok(took_us)
}
