//! `live`: what the live path costs, goal by goal, beside the peer.

mod build;
mod bytes;
mod latency;
mod memory;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;

use crate::machine::{self, Ticks};
use crate::table::{Table, figure, verdict};

/// Longer than the shortest time between two frames: a change after it is shown at once.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// Encodings with their `accept-encoding`.
pub(crate) const ENCODINGS: [(&str, Option<&str>); 4] = [
    ("identity", None),
    ("zstd", Some("zstd")),
    ("brotli", Some("br")),
    ("gzip", Some("gzip")),
];

/// How much is measured.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Open streams of one page; idle memory is measured at five times as many, too
    #[arg(long, default_value_t = 1_000)]
    viewers: usize,
    /// Rounds, each with fresh servers, ours and the peer's in turn; percentiles are over all of them
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Changes in each round whose way to the last viewer is timed
    #[arg(long, default_value_t = 70)]
    changes: usize,
    /// A short run that only shows that everything works
    #[arg(long)]
    quick: bool,
    /// Also measure a clean build and count dependencies; takes minutes
    #[arg(long)]
    build: bool,
    /// Measure this part alone
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Let server and client run on any processor instead of one each
    #[arg(long)]
    no_pin: bool,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Renders per change, and the way of a change to the last viewer
    Delivery,
    /// Bytes per update
    Bytes,
    /// Memory per open stream
    Idle,
    /// A clean build and what it depends on, as with --build
    Build,
}

/// What the options come to.
pub(crate) struct Plan {
    pub(crate) viewers: usize,
    pub(crate) rounds: usize,
    pub(crate) changes: usize,
    /// Changes whose bytes are counted.
    pub(crate) updates: usize,
    /// Streams that idle memory is measured at.
    pub(crate) idle: Vec<usize>,
    /// The same with compression, whose memory would not fit otherwise.
    pub(crate) idle_compressed: usize,
    /// Until whatever is freed late has been freed.
    pub(crate) idle_pause: Duration,
    /// The processor of servers.
    pub(crate) core: Option<usize>,
}

impl Plan {
    fn new(options: &Options) -> Self {
        let fits = machine::streams_max();
        let viewers = if options.quick {
            options.viewers.min(100)
        } else {
            options.viewers
        }
        .clamp(1, fits);
        Self {
            viewers,
            rounds: if options.quick {
                1
            } else {
                options.rounds.max(1)
            },
            changes: if options.quick {
                options.changes.min(15)
            } else {
                options.changes.max(1)
            },
            updates: if options.quick { 15 } else { 200 },
            idle: vec![viewers, viewers.saturating_mul(5).min(fits)],
            idle_compressed: viewers.min(200),
            idle_pause: Duration::from_millis(if options.quick { 100 } else { 500 }),
            core: (!options.no_pin && machine::cores() > 1).then_some(0),
        }
    }
}

/// A goal and what came of it, for the summary at the end.
pub(crate) struct Goal {
    what: String,
    at_most: f64,
    result: f64,
    unit: &'static str,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (began, ticks) = (Instant::now(), Ticks::now());
    let plan = Plan::new(options);
    let processors = machine::processors()?;
    println!(
        "# cargo xtask bench {}\n",
        std::env::args().skip(1).collect::<Vec<_>>().join(" ")
    );
    for (name, fact) in machine::facts() {
        println!("- {name}: {fact}");
    }
    if let Some(core) = plan.core {
        machine::pin(1)?;
        println!("- pinned: the server to processor {core}, the client to processor 1");
    }
    if plan.idle[1] < plan.viewers * 5 {
        println!(
            "- descriptors do not allow {} streams: idle memory is measured at {}",
            plan.viewers * 5,
            plan.idle[1]
        );
    }
    println!();
    let mut goals = Vec::new();
    let wants = |part| options.only.is_none_or(|only| only == part);
    if wants(Part::Delivery) {
        latency::report(&plan, &mut goals)?;
    }
    if wants(Part::Bytes) {
        bytes::report(&plan, &mut goals)?;
    }
    if wants(Part::Idle) {
        memory::report(&plan, &mut goals)?;
    }
    if options.build || options.only == Some(Part::Build) {
        // A compiler takes all that there are.
        machine::stay_on(&processors)?;
        build::report()?;
    }
    if goals.is_empty() {
        return Ok(());
    }
    println!("## Goals\n");
    let mut table = Table::new(&["goal", "at most", "result", ""]);
    for goal in goals {
        let result = format!("{} {}", figure(goal.result), goal.unit);
        table.row([
            goal.what,
            format!("{} {}", figure(goal.at_most), goal.unit),
            result,
            verdict(goal.result, goal.at_most).to_owned(),
        ]);
    }
    println!(
        "{table}\nTook {:.0} s. Of the processors' time the machine's host gave {:.1} % to others.",
        began.elapsed().as_secs_f64(),
        Ticks::stolen_since(ticks)
    );
    Ok(())
}
