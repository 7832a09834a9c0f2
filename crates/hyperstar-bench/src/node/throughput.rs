//! Messages a second into one process, and into many.

use anyhow::Result;
use hyperstar::Platform;

use super::apps::Apps;
use super::load::{self, Load};
use super::{Plan, bare, hosted};
use crate::figures::{median, percentile};
use crate::report::Goal;
use crate::table::{Table, figure};

/// 200,000 a second.
const QUICK_US_MAX: f64 = 5.0;
/// 50,000 a second.
const DURABLE_US_MAX: f64 = 20.0;
const ACK_MS_MAX: f64 = 0.5;
/// Where the disk alone takes longer than that.
const ACK_COMMITS_MAX: f64 = 1.0;
/// Processes that are asked in turn.
const MANY: usize = 32;

/// The median of each figure over rounds.
pub(super) fn medians(loads: &[Load]) -> Load {
    let of = |figure: fn(&Load) -> f64| median(&loads.iter().map(figure).collect::<Vec<_>>());
    Load {
        rate: of(|load| load.rate),
        p50_ms: of(|load| load.p50_ms),
        p99_ms: of(|load| load.p99_ms),
        cpu_us: of(|load| load.cpu_us),
    }
}

pub(crate) fn report(plan: &Plan, apps: &Apps, goals: &mut Vec<Goal>) -> Result<()> {
    let one = |name: &str| vec![name.to_owned()];
    let many: Vec<String> = (0..MANY).map(|number| format!("kept-{number}")).collect();
    let cases = [
        ("nothing is kept", one("busy")),
        ("EveryMessage", one("kept")),
        ("EveryMessage, 32 processes", many.clone()),
    ];
    let commits = bare::commits(&plan.directory, plan.starts * 5)?;
    let mut loads = vec![Vec::new(); cases.len() * plan.in_flight.len()];
    hosted::executor()?.block_on(async {
        let busy = hosted::load(&plan.directory, &apps.busy).await?;
        let kept = hosted::load(&plan.directory, &apps.kept).await?;
        let host = hosted::host(&plan.directory, Platform::system())?;
        hosted::run(&host, "busy", &busy).await?;
        hosted::run(&host, "kept", &kept).await?;
        for name in &many {
            hosted::run(&host, name, &kept).await?;
        }
        for _ in 0..plan.rounds {
            let mut place = 0;
            for (_, names) in &cases {
                for in_flight in &plan.in_flight {
                    let body = |_| r#"{"by":1}"#.to_owned();
                    let load = load::run(&host, names, *in_flight, plan.load_for, "add", body);
                    loads[place].push(load.await?);
                    place += 1;
                }
            }
        }
        host.stop().await;
        anyhow::Ok(())
    })?;
    let mut table = Table::new(&["", "in flight", "messages/s", "p50 ms", "p99 ms", "CPU µs"]);
    table.row([
        "bare redb commit".to_owned(),
        "1".to_owned(),
        figure(1e3 / median(&commits)),
        figure(median(&commits)),
        figure(percentile(&commits, 99.0)),
        "-".to_owned(),
    ]);
    let mut best = vec![Load::default(); cases.len()];
    let mut ack_ms = f64::NAN;
    for (place, loads) in loads.iter().enumerate() {
        let (case, in_flight) = (
            place / plan.in_flight.len(),
            plan.in_flight[place % plan.in_flight.len()],
        );
        let load = medians(loads);
        table.row([
            cases[case].0.to_owned(),
            in_flight.to_string(),
            figure(load.rate),
            figure(load.p50_ms),
            figure(load.p99_ms),
            figure(load.cpu_us),
        ]);
        if load.rate > best[case].rate {
            best[case] = load;
        }
        if case == 1 && in_flight <= 32 {
            ack_ms = load.p50_ms;
        }
    }
    println!(
        "## Messages a second\n\n`add(by)` of components, asked through their host by tasks of the same program, each of which waits for its answer; an answer of an app with `EveryMessage` comes once its change is on the disk. *CPU*: the processor time of all of it for a message, those who ask included. Medians of {} rounds of {:.1} s.\n\n{table}",
        plan.rounds,
        plan.load_for.as_secs_f64()
    );
    for (what, at_most, result, unit) in [
        (
            "time per message into one process (5 µs are 200,000/s)",
            QUICK_US_MAX,
            1e6 / best[0].rate,
            "µs",
        ),
        (
            "time per message into one process, EveryMessage (20 µs are 50,000/s)",
            DURABLE_US_MAX,
            1e6 / best[1].rate,
            "µs",
        ),
        (
            "until it is acknowledged, EveryMessage, up to 32 in flight, p50",
            ACK_MS_MAX,
            ack_ms,
            "ms",
        ),
        (
            "the same / a commit of bare redb, p50",
            ACK_COMMITS_MAX,
            ack_ms / median(&commits),
            "",
        ),
    ] {
        // Not all of it was measured.
        if result.is_nan() {
            continue;
        }
        goals.push(Goal {
            what: what.to_owned(),
            at_most,
            result,
            unit,
        });
    }
    Ok(())
}
