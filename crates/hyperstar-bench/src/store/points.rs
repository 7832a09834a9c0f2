//! Random reads, and a batch of random writes in one durable transaction.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::Plan;
use super::data::{Random, VALUE_BYTES};
use super::samples::Samples;
use super::subject::{Files, Kind, Look, Subject};
use crate::figures::ms;
use crate::report::Goal;
use crate::table::{Table, figure};

const READ_RATIO_MAX: f64 = 2.0;
const BATCH_RATIO_MAX: f64 = 3.0;

/// One of the two ways to read.
type Read<'a> = &'a dyn Fn(&[String], Look<'_>) -> Result<()>;

pub(crate) fn report(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    reads(plan, files, goals)?;
    batches(plan, files, goals)
}

fn reads(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    // Both redbs read alike.
    let kinds = [Kind::Hyperstar, Kind::Redb, Kind::Sqlite, Kind::Git];
    let stores = open(files, &kinds)?;
    let (mut snapshot, mut each) = (Samples::default(), Samples::default());
    let mut random = Random::new(1);
    let paths = random.paths(plan.entries, plan.reads);
    for round in 0..=plan.rounds {
        for (kind, store) in kinds.iter().zip(&stores) {
            let count = if *kind == Kind::Git {
                plan.git_reads
            } else {
                plan.reads
            };
            let paths = &paths[..count.min(paths.len())];
            let timed = |read: Read<'_>| {
                let mut bytes = 0;
                let began = Instant::now();
                read(paths, &mut |value| bytes += black_box(value).len())?;
                let took = began.elapsed();
                ensure!(
                    bytes == paths.len() * VALUE_BYTES,
                    "{} lost bytes",
                    kind.name()
                );
                Ok(ms(took) * 1_000.0 / paths.len() as f64)
            };
            let from_snapshot = timed(&|paths, look| store.read_snapshot(paths, look))?;
            let by_itself = timed(&|paths, look| store.read_each(paths, look))?;
            // The first round fills the caches.
            if round > 0 {
                snapshot.add(*kind, from_snapshot);
                each.add(*kind, by_itself);
            }
        }
    }
    let mut table = Table::new(&[
        "store",
        "from a snapshot",
        "rounds",
        "/ redb",
        "by itself",
        "rounds",
        "/ redb",
    ]);
    for kind in kinds {
        let mut row = vec![kind.name().to_owned()];
        for samples in [&snapshot, &each] {
            row.extend([
                figure(samples.median(kind)),
                samples.range(kind),
                samples.ratio(kind, Kind::Redb),
            ]);
        }
        table.row(row);
    }
    println!(
        "## Random reads, {} entries\n\nMicroseconds per read on one thread, medians of {} rounds of {} reads (Git: {}), everything in memory. *From a snapshot*: one state for all reads. *By itself*: the last state for each read. redb's value is not copied, ours is one that outlives the read.\n\n{table}",
        plan.entries, plan.rounds, plan.reads, plan.git_reads
    );
    for (what, samples) in [("from a snapshot", snapshot), ("by itself", each)] {
        goals.push(Goal {
            what: format!("random read {what} / redb"),
            at_most: READ_RATIO_MAX,
            result: samples.over(Kind::Hyperstar, Kind::Redb),
            unit: "",
        });
    }
    Ok(())
}

fn batches(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    let kinds = Kind::ALL;
    let stores = open(files, &kinds)?;
    let mut samples = Samples::default();
    let mut random = Random::new(2);
    for round in 0..plan.rounds {
        let writes = random.writes(plan.entries, plan.batch);
        for (kind, store) in kinds.iter().zip(&stores) {
            // Git takes seconds.
            if *kind == Kind::Git && round > 0 {
                continue;
            }
            let began = Instant::now();
            store.commit(&writes)?;
            samples.add(*kind, ms(began.elapsed()));
        }
    }
    let mut table = Table::new(&[
        "store",
        "ms",
        "rounds",
        "µs per write",
        "/ redb",
        "/ redb, quick repair",
    ]);
    for kind in kinds {
        table.row([
            kind.name().to_owned(),
            figure(samples.median(kind)),
            samples.range(kind),
            figure(samples.median(kind) * 1_000.0 / plan.batch as f64),
            samples.ratio(kind, Kind::Redb),
            samples.ratio(kind, Kind::RedbQuickRepair),
        ]);
    }
    println!(
        "### {} random overwrites in one transaction\n\nUntil they are on the disk, medians of {} rounds (Git: one).\n\n{table}",
        plan.batch, plan.rounds
    );
    goals.push(Goal {
        what: format!("{} random writes in one transaction / redb", plan.batch),
        at_most: BATCH_RATIO_MAX,
        result: samples.over(Kind::Hyperstar, Kind::Redb),
        unit: "",
    });
    Ok(())
}

fn open(files: &Files, kinds: &[Kind]) -> Result<Vec<Box<dyn Subject>>> {
    kinds.iter().map(|kind| files.open(*kind)).collect()
}
