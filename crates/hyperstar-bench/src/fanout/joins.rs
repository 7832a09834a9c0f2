//! Viewers that come and go, steadily and all at once.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Plan;
use crate::child::{Server, Start};
use crate::encoding::Encoding;
use crate::figures::{median, ms, percentile};
use crate::load::{Joins, Streams, joins};
use crate::page::Page;
use crate::report::Goal;
use crate::server::Subject;
use crate::table::{Table, figure};

const PER_SECOND: usize = 300;
/// Viewers who stay meanwhile: a page that is joined so often has some.
const RESIDENTS: usize = 100;
/// Joins before the measured ones.
const WARM_UP: Duration = Duration::from_millis(500);
/// First frames differ by less, where viewers have something of their own, or encoders of theirs.
const FIRST_BYTES_SLACK: u64 = 64;
const CPU_S_MAX: f64 = 0.06;

/// Ours, the peers and the bare sockets, with the list.
pub(crate) fn report(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
    let mut steady = Table::new(&[
        "server",
        "encoding",
        "joins/s",
        "CPU s per 1,000",
        "p50 ms",
        "p99 ms",
    ]);
    let mut storms = Table::new(&["server", "viewers", "all have it after ms", "CPU s"]);
    for encoding in [Encoding::Identity, Encoding::Zstd] {
        let mut subjects = vec![Subject::Floor, Subject::Hyperstar];
        subjects.extend(plan.peers(encoding, 1));
        for subject in subjects {
            let (joins, cpu_s) = come_and_go(plan, subject, encoding)?;
            let count = joins.times_ms.len() as f64;
            let per_thousand = cpu_s * 1_000.0 / count;
            steady.row([
                subject.name().to_owned(),
                encoding.name().to_owned(),
                figure(count / joins.took.as_secs_f64()),
                format!("{per_thousand:.3}"),
                figure(median(&joins.times_ms)),
                figure(percentile(&joins.times_ms, 99.0)),
            ]);
            if subject == Subject::Hyperstar {
                goals.push(Goal {
                    what: format!("CPU of 1,000 joins, {}", encoding.name()),
                    at_most: CPU_S_MAX,
                    result: per_thousand,
                    unit: "s",
                });
            }
            if encoding == Encoding::Identity {
                let (took, cpu_s) = storm(plan, subject)?;
                storms.row([
                    subject.name().to_owned(),
                    plan.storm.to_string(),
                    figure(ms(took)),
                    figure(cpu_s),
                ]);
            }
        }
    }
    println!(
        "## 3. Joins\n\n{PER_SECOND} a second for {} s, one after the other: connect, ask, read the first frame of the list, close; {RESIDENTS} viewers stay meanwhile.\n\n{steady}\nAll at once, until each has its first frame:\n\n{storms}",
        plan.join_seconds
    );
    Ok(())
}

fn start(plan: &Plan, subject: Subject) -> Result<Server> {
    Server::start(Start {
        subject,
        page: Page::List,
        bytes: None,
        core: plan.core,
    })
}

/// How many bytes tell that a first frame is there.
fn first_bytes(server: &Server, encoding: Encoding) -> Result<u64> {
    let mut streams = Streams::to(server.address)?;
    server.open(&mut streams, 1, encoding)?;
    let bytes: u64 = streams.iter().map(|one| one.response.body_bytes).sum();
    Ok(bytes.saturating_sub(FIRST_BYTES_SLACK))
}

fn come_and_go(plan: &Plan, subject: Subject, encoding: Encoding) -> Result<(Joins, f64)> {
    let mut server = start(plan, subject)?;
    let bytes = first_bytes(&server, encoding)?;
    let address = server.address;
    let mut residents = Streams::to(address)?;
    server.open(&mut residents, RESIDENTS, encoding)?;
    // Each is a viewer of its own.
    let run = |duration: Duration, from: usize| {
        let request = |number| subject.request(encoding, from + number);
        joins(address, PER_SECOND, duration, bytes, || false, request)
    };
    run(WARM_UP, RESIDENTS)?;
    let before = server.stats()?;
    let joins = run(Duration::from_secs(plan.join_seconds), 1_000_000)?;
    let cpu_ns = server.stats()?.since(before).cpu_ns;
    Ok((joins, cpu_ns as f64 / 1e9))
}

fn storm(plan: &Plan, subject: Subject) -> Result<(Duration, f64)> {
    let mut server = start(plan, subject)?;
    let bytes = first_bytes(&server, Encoding::Identity)?;
    let before = server.stats()?;
    let mut streams = Streams::to(server.address)?;
    let began = Instant::now();
    streams.storm(plan.storm, |number| {
        subject.request(Encoding::Identity, number)
    })?;
    streams.until(|stream| stream.response.body_bytes >= bytes)?;
    let took = began.elapsed();
    let cpu_ns = server.stats()?.since(before).cpu_ns;
    Ok((took, cpu_ns as f64 / 1e9))
}
