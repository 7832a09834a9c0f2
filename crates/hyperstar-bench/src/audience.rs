//! Servers with many viewers, changed in turn: how long each change takes to each viewer, and what
//! it costs the server.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::child::{Server, Start};
use crate::encoding::Encoding;
use crate::figures::{ms, percentile};
use crate::load::Streams;
use crate::machine;
use crate::page::Page;
use crate::server::{Stats, Subject};

/// Longer than the shortest time between two frames: a change after it is shown at once.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
/// Changes before the measured ones: they warm everything up and tell how many chunks one has.
const WARM_UP: u64 = 5;
const QUIET: Duration = Duration::from_millis(60);
/// Until whatever is freed late has been freed.
const IDLE_PAUSE: Duration = Duration::from_millis(200);
/// A change is disturbed if server and client waited longer for their processors, in milliseconds.
pub(crate) const DISTURBED_MS: f64 = 1.0;
/// Streams that are open before the first look at memory: what a server sets up once is not counted.
const BASE_STREAMS: usize = 20;
/// Chunks beyond the updates' that a stream may have had meanwhile: an idle one is kept alive.
const EXTRA_CHUNKS_MAX: u64 = 3;

/// What is measured, with whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) page: Page,
    pub(crate) encoding: Encoding,
    pub(crate) viewers: usize,
    pub(crate) rounds: usize,
    pub(crate) changes: usize,
    /// What bare sockets write instead of the page.
    pub(crate) floor_bytes: Option<usize>,
    /// The processor of servers.
    pub(crate) core: Option<usize>,
}

impl Setup {
    /// How many servers can have their viewers at once, with the descriptors that there are.
    pub(crate) fn servers_at_once(&self) -> usize {
        (machine::streams_max() / self.viewers).max(1)
    }
}

/// What all rounds of one server brought.
#[derive(Default)]
pub(crate) struct Run {
    /// A change to its last viewer, one figure a change.
    pub(crate) last_ms: Vec<f64>,
    /// The same for those changes that other programs did not disturb.
    pub(crate) undisturbed_ms: Vec<f64>,
    /// A change to the viewer in the middle, one figure a change.
    pub(crate) median_ms: Vec<f64>,
    /// A change to the viewer that 99 % come before, one figure a change.
    pub(crate) p99_ms: Vec<f64>,
    /// Processor time per viewer and update, one figure a round.
    pub(crate) server_us: Vec<f64>,
    pub(crate) client_us: Vec<f64>,
    /// Bytes on the connection per viewer and update, one figure a round.
    pub(crate) wire_bytes: Vec<f64>,
    /// The server's memory per viewer, one figure a round.
    pub(crate) idle_kib: Vec<f64>,
    /// How long server and client could have run but other programs did, one figure a change.
    pub(crate) waited_ms: Vec<f64>,
    pub(crate) stats: Stats,
    pub(crate) changes: usize,
}

/// Measures servers that run side by side, as many as descriptors allow: they change in turn, so that
/// what else the machine does falls on all of them alike.
pub(crate) fn rounds(setup: &Setup, subjects: &[Subject]) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = subjects.iter().map(|_| Run::default()).collect();
    let at_once = setup.servers_at_once();
    for _ in 0..setup.rounds {
        for (subjects, runs) in subjects.chunks(at_once).zip(runs.chunks_mut(at_once)) {
            let mut audiences = Vec::new();
            for (subject, run) in subjects.iter().zip(&mut *runs) {
                audiences.push(Audience::open(setup, *subject, run)?);
            }
            for _ in 0..setup.changes {
                for (audience, run) in audiences.iter_mut().zip(&mut *runs) {
                    audience.change(run)?;
                    std::thread::sleep(PAUSE / 2);
                }
                std::thread::sleep(PAUSE / 2);
            }
            for (audience, run) in audiences.into_iter().zip(runs) {
                audience.close(run)?;
            }
        }
    }
    Ok(runs)
}

/// One server with its viewers.
pub(crate) struct Audience {
    pub(crate) server: Server,
    streams: Streams,
    /// What an update has.
    chunks: u64,
    /// Some have more.
    has_more: bool,
    changes: usize,
    before: Stats,
    counts_before: Vec<Counts>,
    client_ns: u64,
}

/// What one stream has had.
#[derive(Clone, Copy)]
struct Counts {
    chunks: u64,
    wire_bytes: u64,
}

impl Audience {
    pub(crate) fn open(setup: &Setup, subject: Subject, run: &mut Run) -> Result<Self> {
        let mut server = Server::start(Start {
            subject,
            page: setup.page,
            bytes: setup.floor_bytes,
            core: setup.core,
        })?;
        let mut streams = Streams::to(server.address)?;
        let base_streams = BASE_STREAMS.min(setup.viewers / 2).max(1);
        server.open(&mut streams, base_streams, setup.encoding)?;
        server.change()?;
        streams.settle(QUIET)?;
        let base = server.memory()?;
        server.open(&mut streams, setup.viewers, setup.encoding)?;
        if subject != Subject::Floor {
            for stream in streams.iter() {
                let granted = stream.response.header("content-encoding");
                ensure!(
                    granted == setup.encoding.token(),
                    "{} answers with {granted:?} instead of {}",
                    subject.name(),
                    setup.encoding.name()
                );
            }
        }
        let (chunks, has_more) = chunks_per_change(&mut server, &mut streams)?;
        streams.settle(IDLE_PAUSE)?;
        let added = setup.viewers.saturating_sub(base_streams).max(1);
        let grown = server.memory()?.rss.saturating_sub(base.rss);
        run.idle_kib.push(grown as f64 / 1_024.0 / added as f64);
        Ok(Self {
            before: server.stats()?,
            counts_before: counts(&streams),
            server,
            streams,
            chunks,
            has_more,
            changes: 0,
            client_ns: 0,
        })
    }

    pub(crate) fn change(&mut self, run: &mut Run) -> Result<()> {
        let waited = |server: &Server| -> Result<f64> {
            Ok(ms(server.waited()? + machine::waited(std::process::id())?))
        };
        let waited_before = waited(&self.server)?;
        let client_ns = machine::cpu_ns();
        let chunks = self.chunks;
        self.streams.expect(|_| chunks);
        let since = self.server.begin_change()?;
        let arrivals: Vec<f64> = self.streams.arrivals(since)?.into_iter().map(ms).collect();
        self.client_ns += machine::cpu_ns() - client_ns;
        self.server.end_change()?;
        self.changes += 1;
        let last_ms = percentile(&arrivals, 100.0);
        let waited_ms = waited(&self.server)? - waited_before;
        run.last_ms.push(last_ms);
        run.median_ms.push(percentile(&arrivals, 50.0));
        run.p99_ms.push(percentile(&arrivals, 99.0));
        run.waited_ms.push(waited_ms);
        if waited_ms <= DISTURBED_MS {
            run.undisturbed_ms.push(last_ms);
        }
        Ok(())
    }

    pub(crate) fn close(mut self, run: &mut Run) -> Result<()> {
        let stats = self.server.stats()?.since(self.before);
        self.streams.settle(PAUSE)?;
        let due = self.chunks * self.changes as u64;
        let mut wire_bytes = 0;
        for (now, before) in counts(&self.streams).iter().zip(&self.counts_before) {
            let got = now.chunks - before.chunks;
            let name = self.server.subject.name();
            ensure!(
                got >= due && (self.has_more || got <= due + EXTRA_CHUNKS_MAX),
                "{name}: {got} chunks came where {due} were due, so the times mean nothing"
            );
            wire_bytes += now.wire_bytes - before.wire_bytes;
        }
        let updates = (self.changes * self.streams.len()) as f64;
        run.server_us.push(stats.cpu_ns as f64 / 1_000.0 / updates);
        run.client_us
            .push(self.client_ns as f64 / 1_000.0 / updates);
        run.wire_bytes.push(wire_bytes as f64 / updates);
        run.stats.renders += stats.renders;
        run.stats.hashes += stats.hashes;
        run.stats.encoded += stats.encoded;
        run.stats.frames += stats.frames;
        run.changes += self.changes;
        Ok(())
    }
}

fn counts(streams: &Streams) -> Vec<Counts> {
    streams
        .iter()
        .map(|stream| Counts {
            chunks: stream.response.chunks,
            wire_bytes: stream.response.wire_bytes,
        })
        .collect()
}

/// How many chunks an update has at least, and whether some have more: an encoder may give out a part
/// of its own accord. The first of them is taken for the update then, to that server's advantage.
fn chunks_per_change(server: &mut Server, streams: &mut Streams) -> Result<(u64, bool)> {
    let before = counts(streams);
    for _ in 0..WARM_UP {
        streams.expect(|_| 1);
        let since = server.begin_change()?;
        streams.arrivals(since)?;
        server.end_change()?;
        streams.settle(QUIET)?;
    }
    let now = counts(streams);
    let chunks = now.iter().zip(before);
    let chunks = chunks.map(|(now, before)| now.chunks - before.chunks);
    let (least, most) = chunks.fold((u64::MAX, 0), |(least, most), chunks| {
        (least.min(chunks), most.max(chunks))
    });
    let per_change = least / WARM_UP;
    ensure!(
        per_change > 0,
        "{}: {WARM_UP} changes came in {least} chunks, so it cannot be told when one has arrived",
        server.subject.name()
    );
    Ok((per_change, most > per_change * WARM_UP))
}
