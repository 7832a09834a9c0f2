//! The start of an app that is installed.

use std::time::Instant;

use anyhow::Result;
use hyperstar::Platform;
use hyperstar_native::{Host, Status};
use hyperstar_node::LoadOptions;
use serde::{Deserialize, Serialize};
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
    let mut rounds = Vec::new();
    hosted::executor()?.block_on(async {
        let kept = hosted::load(&plan.directory, &apps.kept).await?;
        let host = hosted::host(&plan.directory, Platform::system())?;
        for (name, _, handler, amount) in STATES {
            hosted::run(&host, name, &kept).await?;
            prepare(&host, name, handler, amount).await?;
        }
        let engine = hosted::engine(&plan.directory)?;
        let records = records();
        for _ in 0..plan.rounds {
            let mut loads = Vec::new();
            for _ in 0..plan.starts {
                let began = Instant::now();
                engine.load(&apps.kept, LoadOptions::default()).await?;
                loads.push(ms(began.elapsed()));
            }
            let mut round = vec![loads, read_natively(&records, plan.starts)?];
            for (name, ..) in STATES {
                let mut starts = Vec::new();
                for _ in 0..plan.starts {
                    starts.push(start(&host, name).await?);
                }
                round.push(starts);
            }
            rounds.push(round);
        }
        host.stop().await;
        anyhow::Ok(())
    })?;
    let over_rounds = |place: usize, figure: fn(&[f64]) -> f64| {
        let figures: Vec<f64> = rounds.iter().map(|round| figure(&round[place])).collect();
        median(&figures)
    };
    let mut table = Table::new(&["", "p50 ms", "p99 ms"]);
    let beside = [
        "its code, from the cache of compiled components".to_owned(),
        "limit: 8,000 such records, read by serde_json natively".to_owned(),
    ];
    let states = STATES.map(|(_, state, ..)| format!("start with {state}"));
    for (place, what) in beside.into_iter().chain(states).enumerate() {
        let p99 = over_rounds(place, |samples| percentile(samples, 99.0));
        table.row([
            what.clone(),
            figure(over_rounds(place, median)),
            figure(p99),
        ]);
        if place > 1 {
            goals.push(Goal {
                what: format!("{what}, p99"),
                at_most: P99_MS_MAX,
                result: p99,
                unit: "ms",
            });
        }
    }
    println!(
        "## The start of an app that is installed\n\nFrom the request until it runs: its state is read from the store and handed to a new instance. Medians of {} rounds of {} starts each.\n\n{table}",
        plan.rounds, plan.starts
    );
    Ok(())
}

/// What a record of the app is.
#[derive(Serialize, Deserialize)]
struct Record {
    number: u64,
    name: String,
    note: String,
    counts: Vec<u32>,
}

/// Those that the app makes.
fn records() -> String {
    let records = (0..8_000).map(|number| {
        json!({
            "number": number,
            "name": format!("Shelf no. {number}"),
            "note": "tea, cake & more, and whatever else there may be",
            "counts": [number % 97, 12, 345],
        })
    });
    serde_json::Value::from_iter(records).to_string()
}

/// What it takes to read them, in milliseconds.
fn read_natively(records: &str, times: usize) -> Result<Vec<f64>> {
    let read = |_| {
        let began = Instant::now();
        let read: Vec<Record> = serde_json::from_str(records)?;
        std::hint::black_box(&read);
        Ok(ms(began.elapsed()))
    };
    (0..times).map(read).collect()
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
