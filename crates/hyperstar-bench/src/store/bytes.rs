//! What a lone small commit takes on the disk, and has written to it.

use anyhow::Result;

use super::data::{Random, VALUE_BYTES};
use super::subject::{Files, Kind};
use super::{Plan, disk};
use crate::report::Goal;
use crate::table::{Table, figure};

/// Commits after each of which the file is looked at during the warm-up: more than a journal has before it
/// goes to the tables.
const STEP: usize = 600;
/// So many steps in a row that have to grow.
const GROWN_STEPS: usize = 3;
const COMMIT_KIB_MAX: f64 = 16.0;

pub(crate) fn report(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    let mut table = Table::new(&[
        "store",
        "history",
        "warm-up commits",
        "KiB kept per commit",
        "KiB written per commit",
    ]);
    for kind in Kind::ALL {
        let store = files.open(kind)?;
        let mut random = Random::new(5);
        let mut commits = |count: usize| -> Result<()> {
            for _ in 0..count {
                store.commit(&random.writes(plan.entries, 1))?;
            }
            Ok(())
        };
        let directory = files.of(kind);
        // What loading left free is used first: until then nothing would grow. And a write-ahead log
        // grows until it is full, then no more.
        let mut warm_up = 0;
        let mut grown_steps = 0;
        while warm_up < plan.lone || (grown_steps < GROWN_STEPS && warm_up < plan.warm_up_max) {
            let before = disk::bytes_of(&directory)?;
            commits(STEP)?;
            warm_up += STEP;
            let grown = disk::bytes_of(&directory)? > before;
            grown_steps = if grown { grown_steps + 1 } else { 0 };
        }
        let (kept, written) = (disk::bytes_of(&directory)?, disk::bytes_written()?);
        commits(plan.lone)?;
        let each_kib =
            |before: u64, now: u64| now.saturating_sub(before) as f64 / 1024.0 / plan.lone as f64;
        let kept_kib = each_kib(kept, disk::bytes_of(&directory)?);
        table.row([
            kind.name().to_owned(),
            if store.versions().is_some() {
                "all"
            } else {
                "none"
            }
            .to_owned(),
            warm_up.to_string(),
            figure(kept_kib),
            figure(each_kib(written, disk::bytes_written()?)),
        ]);
        // Without history nothing is kept, and a goal for it says nothing.
        if kind == Kind::Hyperstar && store.versions().is_some() {
            goals.push(Goal {
                what: format!("on the disk per lone commit, {} entries", plan.entries),
                at_most: COMMIT_KIB_MAX,
                result: kept_kib,
                unit: "KiB",
            });
        }
    }
    println!(
        "## Bytes of a lone commit, {} entries\n\nOf {} commits of one overwrite of {VALUE_BYTES} bytes, each alone: what the files' blocks grow by, and what is written (`/proc/self/io`), without what the filesystem's own journal writes. Warmed up with as many, then until the files grow, or {} commits.\n\n{table}",
        plan.entries, plan.lone, plan.warm_up_max
    );
    Ok(())
}
