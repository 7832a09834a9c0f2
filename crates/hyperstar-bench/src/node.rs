//! `node`: what a process costs as a component: its messages, its calls, its commits, its start, its memory,
//! its pages, and what one of them can do to the others.
//!
//! The limits are measured in the same run: a bare call of wasmtime, a channel of tokio, a commit of redb.

mod apps;
mod bare;
mod beside;
mod calls;
mod cold;
mod hosted;
mod load;
mod map;
mod memory;
mod message;
mod soak;
mod throughput;
mod view;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::apps::Apps;
pub(crate) use self::memory::{IdleOptions, child as idle_child};
pub(crate) use self::soak::{
    ChildOptions as SoakChildOptions, Options as SoakOptions, child as soak_child, run as soak,
};
use crate::report::Report;

/// How much is measured.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// What is measured (everything)
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// Rounds; figures are medians over them
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the files are laid; must be on a disk
    #[arg(long, default_value = "/var/tmp")]
    directory: PathBuf,
    /// A short run that only shows that everything works
    #[arg(long)]
    quick: bool,
}

/// A section of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// A tiny message into a component and its answer
    Message,
    /// A call from one process to another
    Calls,
    /// Messages a second into one process, and into many
    Throughput,
    /// A change of one entry among ten and among a million
    Map,
    /// The start of an app that is installed
    Cold,
    /// What processes that wait take of memory
    Memory,
    /// A page, rendered in a component and natively
    View,
    /// Calls beside an app that spins, allocates or floods
    Beside,
}

/// What the options come to.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    rounds: usize,
    /// Calls of one measurement that takes microseconds.
    calls: u32,
    /// How long a load lasts.
    load_for: Duration,
    /// Requests in flight at once.
    in_flight: Vec<usize>,
    /// Entries of the large map.
    entries: u64,
    /// Starts of a process.
    starts: usize,
    /// Processes that live at once.
    live: usize,
    directory: PathBuf,
}

impl Plan {
    fn new(options: &Options, directory: PathBuf) -> Self {
        let quick = options.quick;
        Self {
            rounds: if quick { 1 } else { options.rounds.max(1) },
            calls: if quick { 200 } else { 20_000 },
            load_for: Duration::from_millis(if quick { 100 } else { 2_000 }),
            in_flight: if quick {
                vec![1, 64]
            } else {
                vec![1, 16, 32, 64, 256, 512]
            },
            entries: if quick { 8_000 } else { 1_000_000 },
            starts: if quick { 5 } else { 200 },
            live: if quick { 20 } else { 1_000 },
            directory,
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let directory = tempfile::Builder::new()
        .prefix("hyperstar-bench-node-")
        .tempdir_in(&options.directory)
        .with_context(|| {
            format!(
                "cannot write to `{}`; name another with `--directory`",
                options.directory.display()
            )
        })?;
    let plan = Plan::new(options, directory.path().to_owned());
    let mut report = Report::begin(None)?;
    let apps = Apps::build()?;
    println!("- components: {apps}\n");
    let goals = &mut report.goals;
    let sections = match &options.sections[..] {
        [] => Section::value_variants(),
        named => named,
    };
    for section in sections {
        match section {
            Section::Message => message::report(&plan, &apps, goals)?,
            Section::Calls => calls::report(&plan, &apps, goals)?,
            Section::Throughput => throughput::report(&plan, &apps, goals)?,
            Section::Map => map::report(&plan, &apps, goals)?,
            Section::Cold => cold::report(&plan, &apps, goals)?,
            Section::Memory => memory::report(&plan, &apps, goals)?,
            Section::View => view::report(&plan, &apps, goals)?,
            Section::Beside => beside::report(&plan, &apps, goals)?,
        }
    }
    report.end();
    Ok(())
}
