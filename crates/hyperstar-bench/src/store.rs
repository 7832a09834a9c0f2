//! `store`: what reads, commits and versions of the store cost, goal by goal, beside redb (the B-tree
//! below it), SQLite and Git.
//!
//! All subjects run in this process, one at a time, on files of one directory, with the same entries.

mod bytes;
mod data;
mod diff;
mod disk;
mod git;
mod ours;
mod points;
mod redb;
mod reopen;
mod samples;
mod single;
mod sqlite;
mod subject;
mod sync;
mod writers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

pub(crate) use self::reopen::{ChildOptions, child};
use self::subject::{Files, Kind};
use crate::report::Report;

/// Entries that `--quick` has unless it is told a number.
const QUICK_ENTRIES: usize = 20_000;
/// With fewer, writers would have no entries of their own.
const ENTRIES_MIN: usize = 1_000;

/// How much is measured.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Entries in each store (1000000; 20000 with --quick)
    #[arg(long)]
    entries: Option<usize>,
    /// Rounds, the subjects in turn in each; figures are medians over them
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the files are laid; must be on a disk
    #[arg(long, default_value = "/var/tmp")]
    directory: PathBuf,
    /// A short run that only shows that everything works
    #[arg(long)]
    quick: bool,
    /// Measure this part alone
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What a lone small commit takes on the disk
    Bytes,
    /// Random reads, and a batch of random writes in one transaction
    Points,
    /// A single small durable commit
    Single,
    /// Many writers at once
    Writers,
    /// What differs between two versions
    Diff,
    /// Opening a store with many commits, after a clean stop and after a kill
    Reopen,
    /// A clone over a socket, and what a sync of a few changes sends
    Sync,
}

impl Part {
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Points | Self::Single | Self::Bytes => &Kind::ALL,
            Self::Writers | Self::Reopen => &Kind::TRANSACTIONAL,
            Self::Diff => &[Kind::Hyperstar, Kind::Git],
            Self::Sync => &[Kind::Hyperstar],
        }
    }
}

/// What the options come to.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    entries: usize,
    rounds: usize,
    /// Random reads in each round.
    reads: usize,
    /// The same of Git, which is slower by far.
    git_reads: usize,
    /// Writes in one transaction.
    batch: usize,
    /// Single commits in each turn.
    singles: usize,
    writers: usize,
    writers_for: Duration,
    /// Pairs of versions that are compared.
    pairs: usize,
    /// Lone commits whose bytes are counted.
    lone: usize,
    /// Commits at most until a file grows by each.
    warm_up_max: usize,
    /// Commits of the store that is opened.
    history: usize,
}

impl Plan {
    fn new(options: &Options) -> Result<Self> {
        let quick = options.quick;
        let entries = match options.entries {
            Some(entries) => entries,
            None if quick => QUICK_ENTRIES,
            None => 1_000_000,
        };
        ensure!(
            entries >= ENTRIES_MIN,
            "`--entries {entries}` is too few; give at least {ENTRIES_MIN}"
        );
        let or_quick = |full: usize, short: usize| if quick { short } else { full };
        Ok(Self {
            entries,
            rounds: if quick { 1 } else { options.rounds.max(1) },
            reads: or_quick(200_000, 2_000),
            git_reads: or_quick(2_000, 100),
            batch: or_quick(10_000, 200).min(entries / 2),
            singles: or_quick(50, 10),
            writers: or_quick(1_000, 50),
            writers_for: Duration::from_millis(if quick { 200 } else { 3_000 }),
            pairs: or_quick(20, 3),
            lone: or_quick(3_000, 50),
            warm_up_max: or_quick(12_000, 100),
            history: or_quick(100_000, 200),
        })
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = Plan::new(options)?;
    let directory = tempfile::Builder::new()
        .prefix("hyperstar-bench-store-")
        .tempdir_in(&options.directory)
        .with_context(|| {
            format!(
                "cannot write to `{}`; name another with `--directory`",
                options.directory.display()
            )
        })?;
    let mut report = Report::begin(None)?;
    println!("- files: {}", disk::filesystem(directory.path())?);
    println!(
        "- peers: redb 4.4, SQLite {}, gix 0.90; each may cache {} MiB\n",
        sqlite::version(),
        subject::CACHE_BYTES / 1024 / 1024
    );
    let wants = |part| options.only.is_none_or(|only| only == part);
    let wanted = || {
        Part::value_variants()
            .iter()
            .copied()
            .filter(|part| wants(*part))
    };
    let kinds: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| wanted().any(|part| part.kinds().contains(kind)))
        .collect();
    let files = Files::load(directory.path(), plan.entries, &kinds)?;
    let goals = &mut report.goals;
    for part in wanted() {
        match part {
            Part::Points => points::report(&plan, &files, goals)?,
            Part::Single => single::report(&plan, &files, goals)?,
            Part::Writers => writers::report(&plan, &files, goals)?,
            Part::Diff => diff::report(&plan, &files, goals)?,
            Part::Bytes => bytes::report(&plan, &files, goals)?,
            Part::Reopen => reopen::report(&plan, &files, goals)?,
            Part::Sync => sync::report(&plan, &files)?,
        }
    }
    report.end();
    Ok(())
}
