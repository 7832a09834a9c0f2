//! How long a change takes to each of many viewers, and what it costs the server.

use anyhow::Result;

use super::Plan;
use crate::audience::{DISTURBED_MS, Setup, rounds};
use crate::encoding::Encoding;
use crate::figures::{median, percentile};
use crate::page::Page;
use crate::report::Goal;
use crate::server::Subject;
use crate::table::{Table, figure, ratio};

/// Fewer undisturbed changes say nothing.
const UNDISTURBED_MIN: usize = 50;

const RENDERS_MAX: f64 = 1.0;
const P99_MS_MAX: f64 = 20.0;

/// Renders per change, and how long a change takes to the last viewer.
pub(crate) fn report(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
    let cases = [
        (Page::Counter, Encoding::Identity),
        (Page::Dashboard, Encoding::Identity),
        (Page::Dashboard, Encoding::Zstd),
    ];
    let mut counts = Table::new(&[
        "per change",
        "page",
        "renders",
        "hashes",
        "events encoded",
        "frames",
    ]);
    let mut times = Table::new(&[
        "server",
        "page",
        "encoding",
        "p50 ms",
        "p99 ms",
        "undisturbed",
        "their p50",
        "their p99",
        "median viewer ms",
        "waited ms",
        "server µs",
        "client µs",
    ]);
    let mut compared = Table::new(&["ours / peer", "encoding", "p50", "p99", "server CPU"]);
    for (page, encoding) in cases {
        let (name, is_plain) = (encoding.name(), encoding == Encoding::Identity);
        let mut subjects = vec![Subject::Hyperstar, Subject::peer(encoding)];
        if is_plain {
            subjects.push(Subject::Floor);
        }
        let setup = Setup {
            page,
            encoding,
            viewers: plan.viewers,
            rounds: plan.rounds,
            changes: plan.changes,
            floor_bytes: None,
            core: plan.core,
        };
        let runs = rounds(&setup, &subjects)?;
        for (subject, run) in subjects.iter().zip(&runs) {
            let changes = run.changes as f64;
            let undisturbed = |percent: f64| match run.undisturbed_ms.len() {
                UNDISTURBED_MIN.. => figure(percentile(&run.undisturbed_ms, percent)),
                _ => "-".to_owned(),
            };
            if is_plain {
                let per = |count: u64| figure(count as f64 / changes);
                let stats = run.stats;
                counts.row([
                    subject.name().to_owned(),
                    page.name().to_owned(),
                    per(stats.renders),
                    per(stats.hashes),
                    per(stats.encoded),
                    per(stats.frames),
                ]);
            }
            times.row([
                subject.name().to_owned(),
                page.name().to_owned(),
                name.to_owned(),
                figure(percentile(&run.last_ms, 50.0)),
                figure(percentile(&run.last_ms, 99.0)),
                run.undisturbed_ms.len().to_string(),
                undisturbed(50.0),
                undisturbed(99.0),
                figure(median(&run.median_ms)),
                figure(median(&run.waited_ms)),
                figure(median(&run.server_us)),
                figure(median(&run.client_us)),
            ]);
        }
        let [ours, peer, ..] = runs.as_slice() else {
            continue;
        };
        let over = |percent: f64| {
            ratio(
                percentile(&ours.last_ms, percent),
                percentile(&peer.last_ms, percent),
            )
        };
        let cpu = ratio(median(&ours.server_us), median(&peer.server_us));
        compared.row([
            page.name().to_owned(),
            name.to_owned(),
            over(50.0),
            over(99.0),
            cpu,
        ]);
        if is_plain {
            let changes = ours.changes as f64;
            for (what, count) in [
                ("renders", ours.stats.renders),
                ("hashes", ours.stats.hashes),
            ] {
                let what = format!(
                    "{what} per change, {} viewers, {}",
                    plan.viewers,
                    page.name()
                );
                goals.push(Goal {
                    what,
                    at_most: RENDERS_MAX,
                    result: count as f64 / changes,
                    unit: "",
                });
            }
            goals.push(Goal {
                what: format!(
                    "change -> last of {} viewers, p99, {}",
                    plan.viewers,
                    page.name()
                ),
                at_most: P99_MS_MAX,
                result: percentile(&ours.last_ms, 99.0),
                unit: "ms",
            });
            if ours.undisturbed_ms.len() >= UNDISTURBED_MIN {
                goals.push(Goal {
                    what: format!(
                        "the same, {} undisturbed changes, {}",
                        ours.undisturbed_ms.len(),
                        page.name()
                    ),
                    at_most: P99_MS_MAX,
                    result: percentile(&ours.undisturbed_ms, 99.0),
                    unit: "ms",
                });
            }
        }
    }
    println!(
        "## 1. Renders and hashes, {} viewers\n\n{counts}",
        plan.viewers
    );
    println!(
        "## 2. A change to the last of {} viewers\n\nOver {} changes in {} rounds, from before the change is asked for until the client has read it. The servers run side by side and change in turn. \"Waited\": the median of how long, per change, server and client were ready to run while other programs had their processors. \"Undisturbed\": changes where that was at most {DISTURBED_MS} ms. \"µs\": processor time per viewer and update.\n\n{times}\n{compared}",
        plan.viewers,
        plan.changes * plan.rounds,
        plan.rounds
    );
    Ok(())
}
