//! Calls between two apps, alone and beside one that takes what it can get.

use anyhow::Result;
use hyperstar_native::Host;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::apps::Apps;
use super::hosted::TICKS_PER_US;
use super::{Plan, calls, hosted};
use crate::figures::{median, percentile};
use crate::report::Goal;
use crate::table::{Table, figure, ratio};

const RATIO_MAX: f64 = 2.0;
/// What a neighbour does in one go: less than what ends it.
const GO_MS: u64 = 500;

pub(crate) fn report(plan: &Plan, apps: &Apps, goals: &mut Vec<Goal>) -> Result<()> {
    let neighbours = [
        ("alone", None),
        ("beside one that spins", Some("spin")),
        ("beside one that allocates", Some("eat")),
        ("beside one that floods another", Some("flood")),
    ];
    let mut samples: [[Vec<f64>; 2]; 4] = Default::default();
    hosted::executor()?.block_on(async {
        let component = hosted::load(&plan.directory, &apps.busy).await?;
        let host = hosted::host(&plan.directory, hosted::fine_clock())?;
        for name in ["one", "other", "neighbour", "victim"] {
            hosted::run(&host, name, &component).await?;
        }
        for _ in 0..plan.rounds {
            for ((_, handler), samples) in neighbours.iter().zip(&mut samples) {
                let stop = CancellationToken::new();
                let neighbour = handler
                    .map(|handler| tokio::spawn(misbehave(host.clone(), handler, stop.clone())));
                let took_us = calls::calls(&host, "one", "other", plan.calls * 2).await;
                stop.cancel();
                if let Some(neighbour) = neighbour {
                    neighbour.await??;
                }
                let took_us = took_us?;
                samples[0].push(percentile(&took_us, 50.0));
                samples[1].push(percentile(&took_us, 99.0));
            }
        }
        host.stop().await;
        anyhow::Ok(())
    })?;
    let mut table = Table::new(&["a call and its answer", "p50 µs", "p99 µs", "p99 / alone"]);
    let alone = median(&samples[0][1]);
    for ((name, handler), [p50, p99]) in neighbours.iter().zip(&samples) {
        let (p50, p99) = (median(p50), median(p99));
        table.row([
            (*name).to_owned(),
            figure(p50),
            figure(p99),
            ratio(p99, alone),
        ]);
        if handler.is_some() {
            goals.push(Goal {
                what: format!("a call {name} / alone, p99"),
                at_most: RATIO_MAX,
                result: p99 / alone,
                unit: "",
            });
        }
    }
    println!(
        "## Beside an app that misbehaves\n\nCalls from component to component, as above, while a third one computes for half a second again and again, takes and touches 8 MiB again and again, or has 64 calls of a fourth one in flight all the time. Medians over {} rounds of {} calls.\n\n{table}",
        plan.rounds,
        plan.calls * 2
    );
    Ok(())
}

/// Has the neighbour misbehave until it is enough.
async fn misbehave(host: Host, handler: &'static str, stop: CancellationToken) -> Result<()> {
    while !stop.is_cancelled() {
        let ticks = GO_MS * 1_000 * TICKS_PER_US;
        let arguments = match handler {
            "flood" => json!({ "to": hosted::address("victim"), "ticks": ticks }),
            _ => json!({ "ticks": ticks }),
        };
        let _: serde_json::Value = hosted::ask_for(&host, "neighbour", handler, arguments).await?;
    }
    Ok(())
}
