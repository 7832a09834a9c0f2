//! `live`: what the live path costs, goal by goal, beside the peer.

mod build;
mod bytes;
mod latency;
mod memory;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::machine;
use crate::report::Report;

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
            core: machine::server_core(options.no_pin),
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = Plan::new(options);
    let processors = machine::processors()?;
    let mut report = Report::begin(plan.core)?;
    if plan.idle[1] < plan.viewers * 5 {
        println!(
            "- descriptors do not allow {} streams: idle memory is measured at {}",
            plan.viewers * 5,
            plan.idle[1]
        );
    }
    println!();
    let goals = &mut report.goals;
    let wants = |part| options.only.is_none_or(|only| only == part);
    if wants(Part::Delivery) {
        latency::report(&plan, goals)?;
    }
    if wants(Part::Bytes) {
        bytes::report(&plan, goals)?;
    }
    if wants(Part::Idle) {
        memory::report(&plan, goals)?;
    }
    if options.build || options.only == Some(Part::Build) {
        // A compiler takes all that there are.
        machine::stay_on(&processors)?;
        build::report()?;
    }
    report.end();
    Ok(())
}
