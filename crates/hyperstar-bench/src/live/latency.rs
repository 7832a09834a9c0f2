//! How long a change takes to each of many viewers, and what it costs the server.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{PAUSE, Plan, all_ms};
use crate::child::Server;
use crate::figures::{ms, percentile};
use crate::load::Streams;
use crate::machine;
use crate::page::Page;
use crate::server::{Stats, Subject};

/// Changes before the measured ones: they warm everything up and tell how many chunks one has.
const WARM_UP: u64 = 5;
const QUIET: Duration = Duration::from_millis(60);

/// What all rounds of one server brought.
#[derive(Default)]
pub(crate) struct Run {
    /// A change to its last viewer, one figure a change, round by round.
    last_ms: Vec<Vec<f64>>,
    /// A change to the viewer in the middle, one figure a change.
    pub(crate) median_ms: Vec<f64>,
    /// Processor time per viewer and update, one figure a round.
    pub(crate) server_us: Vec<f64>,
    pub(crate) client_us: Vec<f64>,
    /// How long server and client could have run but other programs did, per change; one figure a
    /// round.
    pub(crate) waited_ms: Vec<f64>,
    pub(crate) stats: Stats,
    pub(crate) changes: usize,
}

impl Run {
    /// A percentile over the changes of all rounds.
    pub(crate) fn last_ms(&self, percent: f64) -> f64 {
        percentile(&self.last_ms.concat(), percent)
    }

    /// A percentile of the round in which it was lowest: the one that other programs disturbed least.
    pub(crate) fn quietest_ms(&self, percent: f64) -> f64 {
        self.last_ms
            .iter()
            .map(|round| percentile(round, percent))
            .min_by(f64::total_cmp)
            .unwrap_or(0.0)
    }
}

/// One server with its viewers.
struct Audience {
    server: Server,
    streams: Streams,
    /// What an update has.
    chunks: u64,
    before: Stats,
    counts_before: Vec<u64>,
    waited_before: Duration,
    waited_client: Duration,
    client_ns: u64,
    last_ms: Vec<f64>,
}

/// Measures servers that run side by side: they change in turn, so that what else the machine does
/// falls on all of them alike.
pub(crate) fn rounds(
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
        let (before, waited_before) = (server.stats()?, server.waited()?);
        Ok(Self {
            server,
            streams,
            chunks,
            before,
            counts_before,
            waited_before,
            waited_client: Duration::ZERO,
            client_ns: 0,
            last_ms: Vec::new(),
        })
    }

    fn change(&mut self, run: &mut Run) -> Result<()> {
        let (client_ns, waited) = (machine::cpu_ns(), machine::waited(std::process::id())?);
        self.streams.expect(self.chunks);
        let since = self.server.begin_change()?;
        let arrivals = all_ms(&self.streams.arrivals(since)?);
        self.server.end_change()?;
        self.last_ms.push(percentile(&arrivals, 100.0));
        run.median_ms.push(percentile(&arrivals, 50.0));
        self.client_ns += machine::cpu_ns() - client_ns;
        self.waited_client += machine::waited(std::process::id())?.saturating_sub(waited);
        Ok(())
    }

    fn close(mut self, plan: &Plan, run: &mut Run) -> Result<()> {
        let stats = self.server.stats()?.since(self.before);
        let waited = self.server.waited()?.saturating_sub(self.waited_before) + self.waited_client;
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
        run.last_ms.push(self.last_ms);
        run.server_us.push(stats.cpu_ns as f64 / 1_000.0 / updates);
        run.client_us
            .push(self.client_ns as f64 / 1_000.0 / updates);
        run.waited_ms.push(ms(waited) / plan.changes as f64);
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
