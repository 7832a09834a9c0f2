//! Many writers that each write one small value at a time, durably.

use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::runtime;
use tokio::task::JoinSet;

use super::Plan;
use super::data::{self, Random, Write};
use super::ours::Ours;
use super::samples::Samples;
use super::subject::{Files, Kind, Subject};
use crate::figures::{ms, percentile};
use crate::report::Goal;
use crate::table::{Table, figure, ratio};

/// A thousand of the usual two megabytes would be two gigabytes of addresses.
const STACK_BYTES: usize = 256 * 1024;

/// 50,000 a second.
const COMMIT_US_MAX: f64 = 20.0;

/// What each writer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// Always the same entry, as a player's place or a cursor.
    Own,
    /// Any entry of a share of its own.
    Anywhere,
}

impl Where {
    fn heading(self) -> &'static str {
        match self {
            Self::Own => "Each writes its own entry, over and over",
            Self::Anywhere => "Each writes anywhere",
        }
    }

    /// The entry that a writer writes next.
    fn entry(self, plan: &Plan, writer: usize, random: &mut Random) -> usize {
        match self {
            Self::Own => writer,
            Self::Anywhere => random.below(plan.entries / plan.writers) * plan.writers + writer,
        }
    }
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

impl Load {
    fn add(&mut self, own: Self) {
        self.acknowledged += own.acknowledged;
        self.times_ms.extend(own.times_ms);
        self.last.extend(own.last);
    }
}

/// The figures of one way to write, over the rounds.
#[derive(Default)]
struct Figures {
    rates: Samples,
    typical: Samples,
    slow: Samples,
}

impl Figures {
    fn add(&mut self, plan: &Plan, kind: Kind, load: &Load) {
        let seconds = plan.writers_for.as_secs_f64();
        self.rates.add(kind, load.acknowledged as f64 / seconds);
        self.typical.add(kind, percentile(&load.times_ms, 50.0));
        self.slow.add(kind, percentile(&load.times_ms, 99.0));
    }

    fn row(&self, name: String, kind: Kind, threads: &Self) -> [String; 6] {
        let rate = self.rates.median(kind);
        [
            name,
            figure(rate),
            self.rates.range(kind),
            ratio(rate, threads.rates.median(Kind::Redb)),
            figure(self.typical.median(kind)),
            figure(self.slow.median(kind)),
        ]
    }
}

pub(crate) fn report(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    println!(
        "## {} writers at once\n\nAcknowledged durable commits per second, each of one value, and how long one waits for its own; {} entries, read once before; medians of {} rounds of {:.1} s. A *thread* sleeps until its commit is on the disk; a *task* is a future on an executor with a thread per processor. redb and SQLite take one writer at a time. Afterwards each writer's last value is read again.\n",
        plan.writers,
        plan.entries,
        plan.rounds,
        plan.writers_for.as_secs_f64()
    );
    for place in [Where::Own, Where::Anywhere] {
        let (mut threads, mut tasks) = (Figures::default(), Figures::default());
        for round in 0..plan.rounds {
            for kind in Kind::TRANSACTIONAL {
                let store = kind.open_shared(&files.of(kind))?;
                warm(plan, &*store)?;
                let load = write(plan, &*store, place, round as u64)
                    .with_context(|| format!("{}, {} writers", kind.name(), plan.writers))?;
                threads.add(plan, kind, &load);
            }
            let ours = Ours::open(&files.of(Kind::Hyperstar))?;
            warm(plan, &ours)?;
            let load = write_in_tasks(plan, &ours, place, round as u64)
                .with_context(|| format!("{} writers in tasks", plan.writers))?;
            tasks.add(plan, Kind::Hyperstar, &load);
        }
        let mut table = Table::new(&["store", "commits/s", "rounds", "/ redb", "p50 ms", "p99 ms"]);
        let ours = Kind::Hyperstar;
        table.row(tasks.row(format!("{}, tasks", ours.name()), ours, &threads));
        for kind in Kind::TRANSACTIONAL {
            table.row(threads.row(format!("{}, threads", kind.name()), kind, &threads));
        }
        println!("### {}\n\n{table}", place.heading());
        goals.push(Goal {
            what: format!(
                "time per commit, {} writers, {} (20 µs are 50,000/s)",
                plan.writers,
                match place {
                    Where::Own => "own entries",
                    Where::Anywhere => "anywhere",
                }
            ),
            at_most: COMMIT_US_MAX,
            result: 1e6 / tasks.rates.median(ours),
            unit: "µs",
        });
    }
    Ok(())
}

/// Reads each entry once, so that none is on the disk only.
fn warm(plan: &Plan, store: &dyn Subject) -> Result<()> {
    let paths: Vec<String> = (0..plan.entries).map(data::path).collect();
    store.read_snapshot(&paths, &mut |_| {})
}

fn write(plan: &Plan, store: &(dyn Subject + Sync), place: Where, round: u64) -> Result<Load> {
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
                        let mut writer = Writer::new(place, number, round);
                        while let Some(write) = writer.next(plan) {
                            store.commit(std::slice::from_ref(write))?;
                            writer.acknowledged(plan);
                        }
                        let mut load = load.lock().unwrap_or_else(PoisonError::into_inner);
                        load.add(writer.own);
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
    check(plan, store, &load)?;
    Ok(load)
}

fn write_in_tasks(plan: &Plan, store: &Ours, place: Where, round: u64) -> Result<Load> {
    let executor = runtime::Builder::new_multi_thread().enable_all().build()?;
    let load = executor.block_on(async {
        let mut writers = JoinSet::new();
        for number in 0..plan.writers {
            let (plan, store) = (plan.clone(), store.clone());
            writers.spawn(async move {
                let mut writer = Writer::new(place, number, round);
                while let Some(write) = writer.next(&plan) {
                    store.commit_async(write).await?;
                    writer.acknowledged(&plan);
                }
                Ok::<_, anyhow::Error>(writer.own)
            });
        }
        let mut load = Load::default();
        while let Some(own) = writers.join_next().await {
            load.add(own??);
        }
        Ok::<_, anyhow::Error>(load)
    })?;
    check(plan, store, &load)?;
    Ok(load)
}

/// What each writer wrote last is there.
fn check(plan: &Plan, store: &dyn Subject, load: &Load) -> Result<()> {
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
    Ok(())
}

/// One writer: with entries of its own, so that it can tell what is there in the end.
struct Writer {
    place: Where,
    number: usize,
    random: Random,
    began: Instant,
    /// When the last commit was acknowledged.
    now: Duration,
    own: Load,
}

impl Writer {
    fn new(place: Where, number: usize, round: u64) -> Self {
        Self {
            place,
            number,
            random: Random::new(round << 32 | number as u64),
            began: Instant::now(),
            now: Duration::ZERO,
            own: Load::default(),
        }
    }

    /// What to write next; nothing when the time is over.
    fn next(&mut self, plan: &Plan) -> Option<&Write> {
        if self.now >= plan.writers_for {
            return None;
        }
        let entry = self.place.entry(plan, self.number, &mut self.random);
        self.own.last = vec![self.random.write(entry)];
        self.own.last.first()
    }

    fn acknowledged(&mut self, plan: &Plan) {
        let before = self.now;
        self.now = self.began.elapsed();
        self.own.times_ms.push(ms(self.now - before));
        self.own.acknowledged += usize::from(self.now <= plan.writers_for);
    }
}
