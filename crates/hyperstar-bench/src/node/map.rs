//! A change of one entry among few and among many.

use anyhow::Result;
use hyperstar::Platform;
use hyperstar_native::Host;
use serde_json::json;

use super::apps::Apps;
use super::load::{self, Load};
use super::throughput::medians;
use super::{Plan, bare, hosted};
use crate::figures::median;
use crate::report::Goal;
use crate::table::{Table, figure};

const RATIO_MAX: f64 = 2.0;
const FEW: u64 = 10;
/// What one message makes.
const PART: u64 = 4_000;
/// Requests in flight: a lone one, and as many as a turn takes.
const IN_FLIGHT: [usize; 2] = [1, 64];

pub(crate) fn report(plan: &Plan, apps: &Apps, goals: &mut Vec<Goal>) -> Result<()> {
    let sizes = [("few", FEW), ("many", plan.entries)];
    let mut loads: [[Vec<Load>; 2]; 2] = Default::default();
    let mut bare: [[Vec<f64>; 2]; 2] = Default::default();
    hosted::executor()?.block_on(async {
        let kept = hosted::load(&plan.directory, &apps.kept).await?;
        let host = hosted::host(&plan.directory, Platform::system())?;
        for (name, entries) in sizes {
            hosted::run(&host, name, &kept).await?;
            fill(&host, name, entries).await?;
        }
        let entries = plan.entries;
        for _ in 0..plan.rounds {
            for (together, rates) in IN_FLIGHT.iter().zip(&mut bare) {
                for ((_, size), rates) in sizes.iter().zip(rates) {
                    let number = |number| scattered(number) % size;
                    let (directory, load_for) = (&plan.directory, plan.load_for);
                    let rate = bare::changes(directory, *size, *together, number, load_for)?;
                    rates.push(rate);
                }
            }
            for (in_flight, loads) in IN_FLIGHT.iter().zip(&mut loads) {
                for ((name, size), loads) in sizes.iter().zip(loads) {
                    let names = [(*name).to_owned()];
                    // Any entry, without a pattern that a cache would like.
                    let body = if *size == entries {
                        |number: u64| json!({ "number": scattered(number) % 1_000_000 }).to_string()
                    } else {
                        |number: u64| json!({ "number": scattered(number) % FEW }).to_string()
                    };
                    let load =
                        load::run(&host, &names, *in_flight, plan.load_for, "mark", body).await?;
                    loads.push(load);
                }
            }
        }
        host.stop().await;
        anyhow::Ok(())
    })?;
    let mut table = Table::new(&[
        "entries",
        "in flight",
        "bare redb/s",
        "messages/s",
        "p50 ms",
        "p99 ms",
        "CPU µs",
    ]);
    for ((in_flight, loads), rates) in IN_FLIGHT.iter().zip(&loads).zip(&bare) {
        let loads = loads.each_ref().map(|loads| medians(loads));
        let rates = rates.each_ref().map(|rates| median(rates));
        for ((_, entries), (load, rate)) in sizes.iter().zip(loads.iter().zip(rates)) {
            table.row([
                entries.to_string(),
                in_flight.to_string(),
                figure(rate),
                figure(load.rate),
                figure(load.p50_ms),
                figure(load.p99_ms),
                figure(load.cpu_us),
            ]);
        }
        let [few, many] = loads;
        goals.push(Goal {
            what: format!(
                "a change of one entry of {} / of {FEW}, EveryMessage, {in_flight} in flight",
                plan.entries
            ),
            at_most: RATIO_MAX,
            result: few.rate / many.rate,
            unit: "",
        });
        if *in_flight > 1 {
            goals.push(Goal {
                what: format!("the same, beside what bare redb makes of it, {in_flight} in flight"),
                at_most: RATIO_MAX,
                result: (few.rate / many.rate) / (rates[0] / rates[1]),
                unit: "",
            });
        }
    }
    println!(
        "## One entry of a map\n\n`EveryMessage`; each message adds to one entry, any one, and to a field beside the map. *Bare redb* changes the same entries, as many in a commit as are in flight. Medians of {} rounds of {:.1} s.\n\n{table}",
        plan.rounds,
        plan.load_for.as_secs_f64()
    );
    Ok(())
}

pub(super) async fn fill(host: &Host, name: &str, entries: u64) -> Result<()> {
    for from in (0..entries).step_by(PART as usize) {
        let numbers = PART.min(entries - from);
        let arguments = json!({ "from": from, "numbers": numbers });
        let _: serde_json::Value = hosted::ask_for(host, name, "fill", arguments).await?;
    }
    Ok(())
}

/// Another number for each, all over the range.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
}
