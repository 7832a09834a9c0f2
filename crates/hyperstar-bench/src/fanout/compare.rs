//! A change to all viewers: what it costs a server, how long it takes, and what it weighs.

use anyhow::Result;

use super::Plan;
use super::bytes::wire_bytes;
use crate::audience::{Run, Setup, rounds};
use crate::encoding::Encoding;
use crate::figures::{median, percentile};
use crate::page::Page;
use crate::report::Goal;
use crate::server::Subject;
use crate::table::{Table, figure, ratio};

/// Of the processor time that bare sockets take for the same bytes.
const OF_LIMIT_MAX: f64 = 1.2;
/// From so many viewers on; few do not fill a server's loop.
const OF_LIMIT_VIEWERS: usize = 1_000;
const LAST_OF_LIMIT_MAX: f64 = 1.3;
const LAST_VIEWERS: usize = 5_000;
const OF_PEER_ZSTD_MAX: f64 = 1.0 / 5.0;
const OF_PEER_OTHERS_MAX: f64 = 1.0 / 15.0;
const IDLE_KIB_MAX: f64 = 8.0;

/// Every page, number of viewers and encoding.
pub(crate) fn report(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
    println!(
        "## 1. A change to all viewers\n\nMedians of {} rounds, {} changes each. \"µs\": the server's processor time per viewer and update; \"x limit\": the same over bare sockets that write as many bytes. \"KiB\": memory per viewer after some updates. \"B\": bytes per update on a connection. \"median\", \"last\": from before the change is asked for until the viewer in the middle, and the last, has read it, in ms, p50 and p99 over the changes.\n",
        plan.rounds, plan.changes
    );
    for page in &plan.pages {
        let mut table = Table::new(&[
            "server",
            "encoding",
            "viewers",
            "µs",
            "x limit",
            "KiB",
            "B",
            "median p50",
            "p99",
            "last p50",
            "p99",
            "x limit",
            "client µs",
            "waited ms",
        ]);
        let mut in_turn = Vec::new();
        for &encoding in &plan.encodings {
            let bytes = wire_bytes(plan, *page, encoding)?;
            for &viewers in &plan.viewers {
                let mut subjects = vec![Subject::Hyperstar, Subject::Floor];
                subjects.extend(plan.peers(encoding, viewers));
                let setup = Setup {
                    page: *page,
                    encoding,
                    viewers,
                    rounds: plan.rounds,
                    changes: plan.changes,
                    floor_bytes: Some(bytes),
                    core: plan.core,
                };
                if setup.servers_at_once() < subjects.len() && !in_turn.contains(&viewers) {
                    in_turn.push(viewers);
                }
                eprintln!("{} ..", case(*page, encoding, viewers));
                let runs = rounds(&setup, &subjects)?;
                rows(&mut table, &setup, &subjects, &runs);
                judge(goals, &setup, &subjects, &runs);
            }
        }
        println!("### {}\n\n{table}", page.name());
        for viewers in in_turn {
            println!(
                "With {viewers} viewers not all servers fit the descriptors at once: some ran after the others.\n"
            );
        }
    }
    Ok(())
}

fn rows(table: &mut Table, setup: &Setup, subjects: &[Subject], runs: &[Run]) {
    let limit = &runs[1];
    for (subject, run) in subjects.iter().zip(runs) {
        let over_limit = |of: fn(&Run) -> &Vec<f64>| ratio(median(of(run)), median(of(limit)));
        table.row([
            subject.name().to_owned(),
            setup.encoding.name().to_owned(),
            setup.viewers.to_string(),
            figure(median(&run.server_us)),
            over_limit(|run| &run.server_us),
            figure(median(&run.idle_kib)),
            figure(median(&run.wire_bytes)),
            figure(median(&run.median_ms)),
            figure(percentile(&run.median_ms, 99.0)),
            figure(median(&run.last_ms)),
            figure(percentile(&run.last_ms, 99.0)),
            over_limit(|run| &run.last_ms),
            figure(median(&run.client_us)),
            figure(median(&run.waited_ms)),
        ]);
    }
}

/// `subjects` begins with ours and the bare sockets.
fn judge(goals: &mut Vec<Goal>, setup: &Setup, subjects: &[Subject], runs: &[Run]) {
    let (ours, limit) = (&runs[0], &runs[1]);
    let of = |other: &Run, figures: fn(&Run) -> &Vec<f64>| {
        median(figures(ours)) / median(figures(other)).max(f64::MIN_POSITIVE)
    };
    let case = case(setup.page, setup.encoding, setup.viewers);
    let mut goal = |what: &str, at_most: f64, result: f64, unit| {
        goals.push(Goal {
            what: format!("{what}, {case}"),
            at_most,
            result,
            unit,
        });
    };
    if setup.viewers >= OF_LIMIT_VIEWERS {
        if matches!(setup.encoding, Encoding::Identity | Encoding::Zstd) {
            let result = of(limit, |run| &run.server_us);
            goal("CPU per viewer-update / limit", OF_LIMIT_MAX, result, "");
        }
        goal(
            "idle memory per viewer",
            IDLE_KIB_MAX,
            median(&ours.idle_kib),
            "KiB",
        );
    }
    if setup.viewers == LAST_VIEWERS {
        let result = of(limit, |run| &run.last_ms);
        goal("change -> last / limit", LAST_OF_LIMIT_MAX, result, "");
    }
    for (subject, peer) in subjects.iter().zip(runs).skip(2) {
        let at_most = match setup.encoding {
            Encoding::Identity => 1.0,
            Encoding::Zstd => OF_PEER_ZSTD_MAX,
            Encoding::Brotli | Encoding::Gzip => OF_PEER_OTHERS_MAX,
        };
        let what = format!("CPU per viewer-update / {}", subject.name());
        goal(&what, at_most, of(peer, |run| &run.server_us), "");
    }
}

fn case(page: Page, encoding: Encoding, viewers: usize) -> String {
    format!("{}, {}, {viewers}", page.name(), encoding.name())
}
