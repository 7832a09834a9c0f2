//! How long it takes to open a store with many commits: after it was closed, and after its process
//! was killed while it wrote.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::data::Random;
use super::samples::Samples;
use super::subject::{Files, Kind};
use super::{Plan, data, disk};
use crate::figures::ms;
use crate::report::Goal;
use crate::table::{Table, figure};

const OPEN_MS_MAX: f64 = 50.0;

/// Commits of a child before it may be killed.
const KILLED_COMMITS: usize = 20;
/// How long it goes on at least.
const KILL_AFTER: Duration = Duration::from_millis(20);
/// Of the commits that make the history, one in so many is synced where the others need not be.
const SYNCED_EVERY: usize = 1_000;

/// What a child process does: the benchmark starts it by itself.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ChildOptions {
    /// The store
    kind: Kind,
    /// The directory of its files
    directory: PathBuf,
    /// Entries in it
    entries: usize,
    /// Commits to make
    commits: usize,
    /// Go on with synced commits until killed
    #[arg(long)]
    until_killed: bool,
}

/// Commits in a process of its own.
pub(crate) fn child(options: &ChildOptions) -> Result<()> {
    let store = options.kind.open(&options.directory)?;
    let mut random = Random::new(u64::from(std::process::id()));
    let mut number = 0;
    loop {
        let write = random.writes(options.entries, 1);
        if options.until_killed || number % SYNCED_EVERY == 0 || number + 1 == options.commits {
            store.commit(&write)?;
        } else {
            store.commit_unsynced(&write)?;
        }
        number += 1;
        if number == options.commits {
            println!("done");
            std::io::stdout().flush()?;
            if !options.until_killed {
                return Ok(());
            }
        }
    }
}

pub(crate) fn report(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    let kinds = Kind::TRANSACTIONAL;
    let (mut clean, mut killed) = (Samples::default(), Samples::default());
    let mut table = Table::new(&[
        "store",
        "MiB",
        "after a stop",
        "rounds",
        "after kill -9",
        "rounds",
    ]);
    for kind in kinds {
        let directory = files.directory.join("reopen");
        disk::copy(&files.of(kind), &directory)?;
        let finished = start(plan, kind, &directory, plan.history, false)?.wait()?;
        ensure!(finished.success(), "{} stopped: {finished}", kind.name());
        for _ in 0..plan.rounds {
            clean.add(kind, open(plan, kind, &directory)?);
        }
        for _ in 0..plan.rounds {
            let mut child = start(plan, kind, &directory, KILLED_COMMITS, true)?;
            thread::sleep(KILL_AFTER);
            child.kill()?;
            child.wait()?;
            killed.add(kind, open(plan, kind, &directory)?);
        }
        table.row([
            kind.name().to_owned(),
            figure(disk::bytes_of(&directory)? as f64 / 1024.0 / 1024.0),
            figure(clean.median(kind)),
            clean.range(kind),
            figure(killed.median(kind)),
            killed.range(kind),
        ]);
        fs::remove_dir_all(&directory)?;
    }
    println!(
        "## Opening a store after {} commits, {} entries\n\nMilliseconds until it is open and has read one value, its file in the system's memory; medians of {} rounds.\n\n{table}",
        plan.history, plan.entries, plan.rounds
    );
    for (how, samples) in [("a clean stop", clean), ("kill -9", killed)] {
        goals.push(Goal {
            what: format!("opening after {} commits and {how}", plan.history),
            at_most: OPEN_MS_MAX,
            result: samples.median(Kind::Hyperstar),
            unit: "ms",
        });
    }
    Ok(())
}

/// Starts a child, and waits until it has made its commits.
fn start(
    plan: &Plan,
    kind: Kind,
    directory: &Path,
    commits: usize,
    until_killed: bool,
) -> Result<Child> {
    let name = kind.to_possible_value().context("every kind has a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["store-child", name.get_name()])
        .arg(directory)
        .args([plan.entries, commits].map(|number| number.to_string()))
        .stdout(Stdio::piped());
    if until_killed {
        command.arg("--until-killed");
    }
    let mut child = command.spawn()?;
    let out = child.stdout.take().context("its output was asked for")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    if line.trim() != "done" {
        let status = child.wait()?;
        anyhow::bail!("the child of {} failed: {status}", kind.name());
    }
    Ok(child)
}

/// Opens the store, reads a value, and closes it: how long it took until the value was there.
fn open(plan: &Plan, kind: Kind, directory: &Path) -> Result<f64> {
    let path = [data::path(plan.entries / 2)];
    let began = Instant::now();
    let store = kind.open(directory)?;
    store.read_each(&path, &mut |_| {})?;
    let took = ms(began.elapsed());
    Ok(took)
}
