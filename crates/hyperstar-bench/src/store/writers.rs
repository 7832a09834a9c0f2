//! Many threads that each write one small value at a time, durably.

use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Plan;
use super::data::{Random, Write};
use super::samples::Samples;
use super::subject::{Files, Kind, Subject};
use crate::figures::{ms, percentile};
use crate::report::Goal;
use crate::table::{Table, figure};

/// A thousand of the usual two megabytes would be two gigabytes of addresses.
const STACK_BYTES: usize = 256 * 1024;

/// 50,000 a second.
const COMMIT_US_MAX: f64 = 20.0;

pub(crate) fn report(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    let kinds = Kind::TRANSACTIONAL;
    let (mut rates, mut typical, mut slow) =
        (Samples::default(), Samples::default(), Samples::default());
    for round in 0..plan.rounds {
        for kind in kinds {
            let store = kind.open_shared(&files.of(kind))?;
            let load = write(plan, &*store, round as u64)
                .with_context(|| format!("{}, {} writers", kind.name(), plan.writers))?;
            rates.add(
                kind,
                load.acknowledged as f64 / plan.writers_for.as_secs_f64(),
            );
            typical.add(kind, percentile(&load.times_ms, 50.0));
            slow.add(kind, percentile(&load.times_ms, 99.0));
        }
    }
    let mut table = Table::new(&["store", "commits/s", "rounds", "/ redb", "p50 ms", "p99 ms"]);
    for kind in kinds {
        table.row([
            kind.name().to_owned(),
            figure(rates.median(kind)),
            rates.range(kind),
            rates.ratio(kind, Kind::Redb),
            figure(typical.median(kind)),
            figure(slow.median(kind)),
        ]);
    }
    println!(
        "## 3. {} writers at once\n\nAcknowledged durable commits per second, each of one value, and how long one waits for its own; {} entries, medians of {} rounds of {:.1} s. redb and SQLite take one writer at a time. Afterwards each writer's last value is read again.\n\n{table}",
        plan.writers,
        plan.entries,
        plan.rounds,
        plan.writers_for.as_secs_f64()
    );
    goals.push(Goal {
        what: format!(
            "time per commit, {} writers (20 µs are 50,000/s)",
            plan.writers
        ),
        at_most: COMMIT_US_MAX,
        result: 1e6 / rates.median(Kind::Hyperstar),
        unit: "µs",
    });
    Ok(())
}

/// What came of the writers.
#[derive(Default)]
struct Load {
    /// Commits acknowledged before the time was over.
    acknowledged: usize,
    /// How long each commit took.
    times_ms: Vec<f64>,
    /// The last write of each writer.
    last: Vec<Write>,
}

fn write(plan: &Plan, store: &(dyn Subject + Sync), round: u64) -> Result<Load> {
    let load = Mutex::new(Load::default());
    let start = Barrier::new(plan.writers);
    thread::scope(|scope| {
        let mut writers = Vec::new();
        for number in 0..plan.writers {
            let (load, start) = (&load, &start);
            let writer =
                thread::Builder::new()
                    .stack_size(STACK_BYTES)
                    .spawn_scoped(scope, move || {
                        start.wait();
                        let mut random = Random::new(round << 32 | number as u64);
                        let own = write_until(plan, store, number, &mut random)?;
                        let mut load = load.lock().unwrap_or_else(PoisonError::into_inner);
                        load.acknowledged += own.acknowledged;
                        load.times_ms.extend(own.times_ms);
                        load.last.extend(own.last);
                        Ok::<_, anyhow::Error>(())
                    });
            // Those before would wait for this one for ever.
            writers.push(writer.expect("a thread with a small stack can be started"));
        }
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().expect("writers return errors"))
    })?;
    let load = load.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(load.last.len() == plan.writers, "a writer was never served");
    let paths: Vec<String> = load.last.iter().map(|write| write.path.clone()).collect();
    let mut lost = 0;
    let mut expected = load.last.iter();
    store.read_each(&paths, &mut |found| {
        lost += usize::from(expected.next().is_none_or(|write| write.value != found));
    })?;
    ensure!(
        lost == 0,
        "the last acknowledged writes of {lost} writers are not there"
    );
    Ok(load)
}

/// One writer: entries of its own, so that it can tell what is there in the end.
fn write_until(
    plan: &Plan,
    store: &(dyn Subject + Sync),
    number: usize,
    random: &mut Random,
) -> Result<Load> {
    let entries_each = plan.entries / plan.writers;
    let mut own = Load::default();
    let began = Instant::now();
    let mut now = Duration::ZERO;
    while now < plan.writers_for {
        let entry = random.below(entries_each) * plan.writers + number;
        let write = [random.write(entry)];
        store.commit(&write)?;
        let before = now;
        now = began.elapsed();
        own.times_ms.push(ms(now - before));
        own.acknowledged += usize::from(now <= plan.writers_for);
        own.last = write.into();
    }
    Ok(own)
}
