//! How long a change takes to each of many viewers, and what it costs the server.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Goal, PAUSE, Plan};
use crate::child::Server;
use crate::figures::{median, ms, percentile};
use crate::load::Streams;
use crate::machine;
use crate::page::Page;
use crate::server::{Stats, Subject};
use crate::table::{Table, figure, ratio};

/// Changes before the measured ones: they warm everything up and tell how many chunks one has.
const WARM_UP: u64 = 5;
/// A change is disturbed if server and client waited longer for their processors, in milliseconds.
const DISTURBED_MS: f64 = 1.0;
/// Fewer undisturbed changes say nothing.
const UNDISTURBED_MIN: usize = 50;
const QUIET: Duration = Duration::from_millis(60);

const RENDERS_MAX: f64 = 1.0;
const P99_MS_MAX: f64 = 20.0;

/// Renders per change, and how long a change takes to the last viewer.
pub(crate) fn report(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
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
        "undisturbed",
        "their p50",
        "their p99",
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
        let runs = rounds(plan, &subjects, page, encoding)?;
        for (subject, run) in subjects.iter().zip(&runs) {
            let changes = run.changes as f64;
            let undisturbed = |percent: f64| match run.undisturbed_ms.len() {
                UNDISTURBED_MIN.. => figure(percentile(&run.undisturbed_ms, percent)),
                _ => "-".to_owned(),
            };
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
                figure(percentile(&run.last_ms, 50.0)),
                figure(percentile(&run.last_ms, 99.0)),
                run.undisturbed_ms.len().to_string(),
                undisturbed(50.0),
                undisturbed(99.0),
                figure(median(&run.median_ms)),
                figure(median(&run.waited_ms)),
                figure(median(&run.server_us)),
                figure(median(&run.client_us)),
            ]);
        }
        let [ours, peer, ..] = runs.as_slice() else {
            continue;
        };
        let over = |percent: f64| {
            ratio(
                percentile(&ours.last_ms, percent),
                percentile(&peer.last_ms, percent),
            )
        };
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
                result: percentile(&ours.last_ms, 99.0),
                unit: "ms",
            });
            if ours.undisturbed_ms.len() >= UNDISTURBED_MIN {
                goals.push(Goal {
                    what: format!(
                        "the same, {} undisturbed changes, {}",
                        ours.undisturbed_ms.len(),
                        page.name()
                    ),
                    at_most: P99_MS_MAX,
                    result: percentile(&ours.undisturbed_ms, 99.0),
                    unit: "ms",
                });
            }
        }
    }
    println!(
        "## 1. Renders and hashes, {} viewers\n\n{counts}",
        plan.viewers
    );
    println!(
        "## 2. A change to the last of {} viewers\n\nOver {} changes in {} rounds, from before the change is asked for until the client has read it. The servers run side by side and change in turn. \"Waited\": the median of how long, per change, server and client were ready to run while other programs had their processors. \"Undisturbed\": changes where that was at most {DISTURBED_MS} ms. \"µs\": processor time per viewer and update.\n\n{times}\n{compared}",
        plan.viewers,
        plan.changes * plan.rounds,
        plan.rounds
    );
    Ok(())
}

/// What all rounds of one server brought.
#[derive(Default)]
struct Run {
    /// A change to its last viewer, one figure a change.
    last_ms: Vec<f64>,
    /// The same for those changes that other programs did not disturb.
    undisturbed_ms: Vec<f64>,
    /// A change to the viewer in the middle, one figure a change.
    median_ms: Vec<f64>,
    /// Processor time per viewer and update, one figure a round.
    server_us: Vec<f64>,
    client_us: Vec<f64>,
    /// How long server and client could have run but other programs did, one figure a change.
    waited_ms: Vec<f64>,
    stats: Stats,
    changes: usize,
}

/// One server with its viewers.
struct Audience {
    server: Server,
    streams: Streams,
    /// What an update has.
    chunks: u64,
    before: Stats,
    counts_before: Vec<u64>,
    client_ns: u64,
}

/// Measures servers that run side by side: they change in turn, so that what else the machine does
/// falls on all of them alike.
fn rounds(
    plan: &Plan,
    subjects: &[Subject],
    page: Page,
    encoding: Option<&'static str>,
) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = subjects.iter().map(|_| Run::default()).collect();
    for _ in 0..plan.rounds {
        let mut audiences = Vec::new();
        for subject in subjects {
            audiences.push(Audience::open(plan, *subject, page, encoding)?);
        }
        for _ in 0..plan.changes {
            for (audience, run) in audiences.iter_mut().zip(&mut runs) {
                audience.change(run)?;
                std::thread::sleep(PAUSE / 2);
            }
            std::thread::sleep(PAUSE / 2);
        }
        for (audience, run) in audiences.into_iter().zip(&mut runs) {
            audience.close(plan, run)?;
        }
    }
    Ok(runs)
}

impl Audience {
    fn open(
        plan: &Plan,
        subject: Subject,
        page: Page,
        encoding: Option<&'static str>,
    ) -> Result<Self> {
        let mut server = Server::start(subject, page, plan.core)?;
        let mut streams = Streams::to(server.address)?;
        server.open(&mut streams, plan.viewers, encoding)?;
        let chunks = chunks_per_change(&mut server, &mut streams)?;
        let counts_before = streams
            .iter()
            .map(|stream| stream.response.chunks)
            .collect();
        let before = server.stats()?;
        Ok(Self {
            server,
            streams,
            chunks,
            before,
            counts_before,
            client_ns: 0,
        })
    }

    fn change(&mut self, run: &mut Run) -> Result<()> {
        let waited = |server: &Server| -> Result<f64> {
            Ok(ms(server.waited()? + machine::waited(std::process::id())?))
        };
        let waited_before = waited(&self.server)?;
        let client_ns = machine::cpu_ns();
        self.streams.expect(self.chunks);
        let since = self.server.begin_change()?;
        let arrivals: Vec<f64> = self.streams.arrivals(since)?.into_iter().map(ms).collect();
        self.client_ns += machine::cpu_ns() - client_ns;
        self.server.end_change()?;
        let last_ms = percentile(&arrivals, 100.0);
        let waited_ms = waited(&self.server)? - waited_before;
        run.last_ms.push(last_ms);
        run.median_ms.push(percentile(&arrivals, 50.0));
        run.waited_ms.push(waited_ms);
        if waited_ms <= DISTURBED_MS {
            run.undisturbed_ms.push(last_ms);
        }
        Ok(())
    }

    fn close(mut self, plan: &Plan, run: &mut Run) -> Result<()> {
        let stats = self.server.stats()?.since(self.before);
        self.streams.settle(PAUSE)?;
        for (stream, count) in self.streams.iter().zip(self.counts_before) {
            let (got, due) = (
                stream.response.chunks - count,
                self.chunks * plan.changes as u64,
            );
            let name = self.server.subject.name();
            ensure!(
                got == due,
                "{name}: {got} chunks came where {due} were due, so the times mean nothing"
            );
        }
        let updates = (plan.changes * plan.viewers) as f64;
        run.server_us.push(stats.cpu_ns as f64 / 1_000.0 / updates);
        run.client_us
            .push(self.client_ns as f64 / 1_000.0 / updates);
        run.stats.renders += stats.renders;
        run.stats.hashes += stats.hashes;
        run.stats.encoded += stats.encoded;
        run.stats.frames += stats.frames;
        run.changes += plan.changes;
        Ok(())
    }
}

/// How many chunks an update has; every stream must agree.
fn chunks_per_change(server: &mut Server, streams: &mut Streams) -> Result<u64> {
    let before: Vec<u64> = streams
        .iter()
        .map(|stream| stream.response.chunks)
        .collect();
    for _ in 0..WARM_UP {
        streams.expect(1);
        let since = server.begin_change()?;
        streams.arrivals(since)?;
        server.end_change()?;
        streams.settle(QUIET)?;
    }
    let mut counts: Vec<u64> = streams
        .iter()
        .zip(before)
        .map(|(stream, before)| stream.response.chunks - before)
        .collect();
    counts.dedup();
    match counts.as_slice() {
        [count] if *count > 0 && count % WARM_UP == 0 => Ok(count / WARM_UP),
        counts => anyhow::bail!(
            "{}: {WARM_UP} changes came in {counts:?} chunks, so it cannot be told when one has arrived",
            server.subject.name()
        ),
    }
}
