//! The start of an app that is installed.

use std::time::Instant;

use anyhow::Result;
use hyperstar::Platform;
use hyperstar_native::{Host, Status};
use hyperstar_node::LoadOptions;
use serde_json::json;

use super::apps::Apps;
use super::{Plan, hosted};
use crate::figures::{median, ms, percentile};
use crate::report::Goal;
use crate::table::{Table, figure};

const P99_MS_MAX: f64 = 5.0;

/// Its name, and what fills it.
const STATES: [(&str, &str, &str, u64); 4] = [
    ("empty", "nothing", "", 0),
    ("text", "a text of 1 MB", "write", 1_000_000),
    ("records", "8,000 records, 1 MB of JSON", "record", 8_000),
    ("map", "a map of 30,000 entries, 1 MB", "fill", 30_000),
];

pub(crate) fn report(plan: &Plan, apps: &Apps, goals: &mut Vec<Goal>) -> Result<()> {
    let mut loads = Vec::new();
    let mut starts: [Vec<f64>; 4] = Default::default();
    hosted::executor()?.block_on(async {
        let kept = hosted::load(&plan.directory, &apps.kept).await?;
        let host = hosted::host(&plan.directory, Platform::system())?;
        for (name, _, handler, amount) in STATES {
            hosted::run(&host, name, &kept).await?;
            prepare(&host, name, handler, amount).await?;
        }
        let engine = hosted::engine(&plan.directory)?;
        for _ in 0..plan.starts {
            let began = Instant::now();
            engine.load(&apps.kept, LoadOptions::default()).await?;
            loads.push(ms(began.elapsed()));
            for ((name, ..), starts) in STATES.iter().zip(&mut starts) {
                starts.push(start(&host, name).await?);
            }
        }
        host.stop().await;
        anyhow::Ok(())
    })?;
    let mut table = Table::new(&["", "p50 ms", "p99 ms"]);
    let mut row = |what: &str, samples: &[f64]| {
        table.row([
            what.to_owned(),
            figure(median(samples)),
            figure(percentile(samples, 99.0)),
        ]);
    };
    row("its code, from the cache of compiled components", &loads);
    for ((_, state, ..), starts) in STATES.iter().zip(&starts) {
        row(&format!("start with {state}"), starts);
        goals.push(Goal {
            what: format!("start with {state}, p99"),
            at_most: P99_MS_MAX,
            result: percentile(starts, 99.0),
            unit: "ms",
        });
    }
    println!(
        "## The start of an app that is installed\n\nFrom the request until it runs: its state is read from the store and handed to a new instance. {} starts each.\n\n{table}",
        plan.starts
    );
    Ok(())
}

async fn prepare(host: &Host, name: &str, handler: &str, amount: u64) -> Result<()> {
    let _: serde_json::Value = match handler {
        "write" => hosted::ask_for(host, name, handler, json!({ "bytes": amount })).await?,
        "record" => hosted::ask_for(host, name, handler, json!({ "records": amount })).await?,
        "fill" => return super::map::fill(host, name, amount).await,
        _ => return Ok(()),
    };
    Ok(())
}

/// Stops a process, and times its start.
async fn start(host: &Host, name: &str) -> Result<f64> {
    let address = hosted::address(name);
    host.stop_process(&address)?;
    while host.status(&address)? != Status::Stopped {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    host.start_process(&address).await?;
    Ok(ms(began.elapsed()))
}
