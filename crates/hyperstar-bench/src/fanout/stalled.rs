//! Readers that stall: they open a stream and never read. What that does to the others, and to the
//! server's memory.

use anyhow::Result;

use super::Plan;
use crate::audience::{Audience, PAUSE, Run, Setup};
use crate::encoding::Encoding;
use crate::figures::median;
use crate::load::Streams;
use crate::page::Page;
use crate::report::Goal;
use crate::server::Subject;
use crate::table::{Table, figure};

/// Changes of 50 KB until the kernel's buffers of a stalled reader hold no more: about 4 MB.
const FILLING_CHANGES: usize = 100;
const SLOWER_MAX: f64 = 1.2;

/// Two servers side by side, one of them with readers that stall.
pub(crate) fn report(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
    let viewers = plan.stalled_viewers;
    let setup = Setup {
        page: Page::Board,
        encoding: Encoding::Identity,
        viewers,
        rounds: 1,
        changes: 0,
        floor_bytes: None,
        core: plan.core,
    };
    let mut runs = [Run::default(), Run::default()];
    let [alone, beside] = &mut runs;
    let mut without = Audience::open(&setup, Subject::Hyperstar, alone)?;
    let mut with = Audience::open(&setup, Subject::Hyperstar, beside)?;
    let before = with.server.memory()?;
    // Read until each has its head, and never again.
    let mut stalled = Streams::to(with.server.address)?;
    stalled.grow_to(plan.stalled, |number| {
        Subject::Hyperstar.request(Encoding::Identity, viewers + number)
    })?;
    let opened = with.server.memory()?;
    for _ in 0..FILLING_CHANGES {
        with.change(&mut Run::default())?;
        std::thread::sleep(PAUSE);
    }
    let filled = with.server.memory()?;
    for _ in 0..plan.changes * plan.rounds {
        without.change(alone)?;
        std::thread::sleep(PAUSE / 2);
        with.change(beside)?;
        std::thread::sleep(PAUSE / 2);
    }
    let after = with.server.memory()?;
    let mut table = Table::new(&["stalled", "median ms", "p99 ms", "last ms"]);
    for (count, run) in [0, plan.stalled].into_iter().zip(&runs) {
        table.row([
            count.to_string(),
            figure(median(&run.median_ms)),
            figure(median(&run.p99_ms)),
            figure(median(&run.last_ms)),
        ]);
    }
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    println!(
        "## 2. Beside {} stalled readers\n\nA change of the board to {viewers} viewers that read: the viewer in the middle, the one that 99 % come before, and the last, medians over {} changes. Two servers side by side change in turn; at one of them the stalled readers have missed {FILLING_CHANGES} changes already.\n\n{table}\nThe server's memory: {} MiB, with the stalled readers {} MiB, after {FILLING_CHANGES} changes {} MiB, at the end {} MiB.\n",
        plan.stalled,
        plan.changes * plan.rounds,
        figure(mib(before.rss)),
        figure(mib(opened.rss)),
        figure(mib(filled.rss)),
        figure(mib(after.rss)),
    );
    let [alone, beside] = &runs;
    goals.push(Goal {
        what: format!("p99 beside {} stalled readers / without", plan.stalled),
        at_most: SLOWER_MAX,
        result: median(&beside.p99_ms) / median(&alone.p99_ms).max(f64::MIN_POSITIVE),
        unit: "",
    });
    Ok(())
}
