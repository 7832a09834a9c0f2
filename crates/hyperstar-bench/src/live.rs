//! `live`: what the live path costs, goal by goal, beside the peer.

mod build;
mod bytes;
mod latency;
mod memory;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::figures::{median, ms};
use crate::machine;
use crate::page::Page;
use crate::server::Subject;
use crate::table::{Table, figure, ratio, verdict};

/// Longer than the shortest time between two frames: a change after it is shown at once.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// Encodings with their `accept-encoding`.
pub(crate) const ENCODINGS: [(&str, Option<&str>); 4] = [
    ("identity", None),
    ("zstd", Some("zstd")),
    ("brotli", Some("br")),
    ("gzip", Some("gzip")),
];

const RENDERS_MAX: f64 = 1.0;
const BYTES_MAX: f64 = 40.0;
const IDLE_KIB_MAX: f64 = 16.0;
const P99_MS_MAX: f64 = 20.0;

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
struct Goal {
    what: String,
    at_most: f64,
    result: f64,
    unit: &'static str,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let plan = Plan::new(options);
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
        delivery(&plan, &mut goals)?;
    }
    if wants(Part::Bytes) {
        update_bytes(&plan, &mut goals)?;
    }
    if wants(Part::Idle) {
        idle_memory(&plan, &mut goals)?;
    }
    if options.build {
        build::report()?;
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
    println!("{table}\nTook {:.0} s.", began.elapsed().as_secs_f64());
    Ok(())
}

/// Renders per change, and how long a change takes to the last viewer.
fn delivery(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
    let cases = [
        (Page::Counter, "identity", None),
        (Page::Dashboard, "identity", None),
        (Page::Dashboard, "zstd", Some("zstd")),
    ];
    let mut counts = Table::new(&[
        "per change",
        "page",
        "renders",
        "hashes",
        "events encoded",
        "frames",
    ]);
    let mut times = Table::new(&[
        "server",
        "page",
        "encoding",
        "p50 ms",
        "p99 ms",
        "quietest p99",
        "median viewer ms",
        "waited ms",
        "server µs",
        "client µs",
    ]);
    let mut compared = Table::new(&["ours / peer", "encoding", "p50", "p99", "server CPU"]);
    for (page, name, encoding) in cases {
        let mut subjects = vec![Subject::Hyperstar, Subject::Datastar];
        if encoding.is_none() {
            subjects.push(Subject::Floor);
        }
        let runs = latency::rounds(plan, &subjects, page, encoding)?;
        for (subject, run) in subjects.iter().zip(&runs) {
            let changes = run.changes as f64;
            if encoding.is_none() {
                let per = |count: u64| figure(count as f64 / changes);
                let stats = run.stats;
                counts.row([
                    subject.name().to_owned(),
                    page.name().to_owned(),
                    per(stats.renders),
                    per(stats.hashes),
                    per(stats.encoded),
                    per(stats.frames),
                ]);
            }
            times.row([
                subject.name().to_owned(),
                page.name().to_owned(),
                name.to_owned(),
                figure(run.last_ms(50.0)),
                figure(run.last_ms(99.0)),
                figure(run.quietest_ms(99.0)),
                figure(median(&run.median_ms)),
                figure(median(&run.waited_ms)),
                figure(median(&run.server_us)),
                figure(median(&run.client_us)),
            ]);
        }
        let [ours, peer, ..] = runs.as_slice() else {
            continue;
        };
        let over = |percent: f64| ratio(ours.last_ms(percent), peer.last_ms(percent));
        let cpu = ratio(median(&ours.server_us), median(&peer.server_us));
        compared.row([
            page.name().to_owned(),
            name.to_owned(),
            over(50.0),
            over(99.0),
            cpu,
        ]);
        if encoding.is_none() {
            let changes = ours.changes as f64;
            for (what, count) in [
                ("renders", ours.stats.renders),
                ("hashes", ours.stats.hashes),
            ] {
                let what = format!(
                    "{what} per change, {} viewers, {}",
                    plan.viewers,
                    page.name()
                );
                goals.push(Goal {
                    what,
                    at_most: RENDERS_MAX,
                    result: count as f64 / changes,
                    unit: "",
                });
            }
            goals.push(Goal {
                what: format!(
                    "change -> last of {} viewers, p99, {}",
                    plan.viewers,
                    page.name()
                ),
                at_most: P99_MS_MAX,
                result: ours.last_ms(99.0),
                unit: "ms",
            });
            goals.push(Goal {
                what: format!("the same in the quietest round, {}", page.name()),
                at_most: P99_MS_MAX,
                result: ours.quietest_ms(99.0),
                unit: "ms",
            });
        }
    }
    println!(
        "## 1. Renders and hashes, {} viewers\n\n{counts}",
        plan.viewers
    );
    println!(
        "## 2. A change to the last of {} viewers\n\nOver {} changes in {} rounds, from before the change is asked for until the client has read it. The servers run side by side and change in turn. \"Quietest\": in the round where it was lowest. \"Waited\": how long, per change, server and client were ready to run while other programs had their processors. \"µs\": processor time per viewer and update.\n\n{times}\n{compared}",
        plan.viewers,
        plan.changes * plan.rounds,
        plan.rounds
    );
    Ok(())
}

fn update_bytes(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
    let mut table = Table::new(&[
        "page",
        "encoding",
        "ours",
        "ours on the wire",
        "peer",
        "peer on the wire",
        "ours / peer",
        "ours first",
        "peer first",
    ]);
    for page in [Page::Counter, Page::Dashboard] {
        let ours = bytes::measure(plan, Subject::Hyperstar, page)?;
        let peer = bytes::measure(plan, Subject::Datastar, page)?;
        for ((name, encoding), (ours, peer)) in ENCODINGS.into_iter().zip(ours.iter().zip(&peer)) {
            table.row([
                page.name().to_owned(),
                name.to_owned(),
                figure(ours.body),
                figure(ours.wire),
                figure(peer.body),
                figure(peer.wire),
                ratio(ours.body, peer.body),
                figure(ours.first),
                figure(peer.first),
            ]);
            if encoding.is_some() {
                goals.push(Goal {
                    what: format!("bytes per update, {}, {name}", page.name()),
                    at_most: BYTES_MAX,
                    result: ours.body,
                    unit: "B",
                });
            }
        }
    }
    println!(
        "## 3. Bytes per update and connection\n\nMedians of {} updates of one number: the payload of the body's chunks, and with the framing of chunks. \"First\" is what a viewer gets on joining.\n\n{table}",
        plan.updates
    );
    Ok(())
}

fn idle_memory(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
    let mut table = Table::new(&[
        "page",
        "encoding",
        "streams",
        "ours RSS",
        "ours PSS",
        "ours anonymous",
        "peer RSS",
        "peer PSS",
        "peer anonymous",
        "ours / peer",
    ]);
    let kib = |samples: &[machine::Memory], field: fn(&machine::Memory) -> u64| {
        median(
            &samples
                .iter()
                .map(|memory| field(memory) as f64 / 1_024.0)
                .collect::<Vec<_>>(),
        )
    };
    let cases = [
        (Page::Counter, 0, plan.rounds, plan.idle.clone()),
        (Page::Dashboard, 0, 1, plan.idle.clone()),
        (Page::Dashboard, 1, 1, vec![plan.idle_compressed]),
        (Page::Dashboard, 2, 1, vec![plan.idle_compressed]),
        (Page::Dashboard, 3, 1, vec![plan.idle_compressed]),
    ];
    for (page, encoding, rounds, counts) in cases {
        let (name, encoding) = ENCODINGS[encoding];
        let (mut ours, mut peer) = (
            vec![Vec::new(); counts.len()],
            vec![Vec::new(); counts.len()],
        );
        for _ in 0..rounds {
            for (subject, samples) in [
                (Subject::Hyperstar, &mut ours),
                (Subject::Datastar, &mut peer),
            ] {
                let measured = memory::measure(plan, subject, page, encoding, &counts)?;
                ensure!(
                    measured.len() == counts.len(),
                    "one figure is due for each number of streams"
                );
                samples
                    .iter_mut()
                    .zip(measured)
                    .for_each(|(samples, memory)| samples.push(memory));
            }
        }
        for (at, count) in counts.iter().enumerate() {
            let fields: [fn(&machine::Memory) -> u64; 3] = [
                |memory| memory.rss,
                |memory| memory.pss,
                |memory| memory.anonymous,
            ];
            let mut row = vec![page.name().to_owned(), name.to_owned(), count.to_string()];
            row.extend(fields.iter().map(|field| figure(kib(&ours[at], *field))));
            row.extend(fields.iter().map(|field| figure(kib(&peer[at], *field))));
            row.push(ratio(kib(&ours[at], fields[0]), kib(&peer[at], fields[0])));
            table.row(row);
            if encoding.is_none() {
                goals.push(Goal {
                    what: format!("idle memory per stream at {count}, {}", page.name()),
                    at_most: IDLE_KIB_MAX,
                    result: kib(&ours[at], fields[0]),
                    unit: "KiB",
                });
            }
        }
    }
    println!(
        "## 4. Idle memory per open stream\n\nKiB of the server's process, the difference to {} streams over the streams added; each has had its first render and {} updates. The kernel's socket buffers are not in it.\n\n{table}",
        memory::BASE_STREAMS,
        memory::UPDATES
    );
    Ok(())
}

/// In milliseconds, for tables.
pub(crate) fn all_ms(durations: &[Duration]) -> Vec<f64> {
    durations.iter().map(|duration| ms(*duration)).collect()
}
