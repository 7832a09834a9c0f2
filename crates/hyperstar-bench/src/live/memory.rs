//! What an open stream takes while nothing happens.

use anyhow::Result;

use super::Plan;
use crate::audience::PAUSE;
use crate::child::{Server, Start};
use crate::encoding::Encoding;
use crate::load::Streams;
use crate::machine::Memory;
use crate::page::Page;
use crate::report::Goal;
use crate::server::Subject;
use crate::table::{Table, figure, ratio};

/// Streams that are open before the first look: what a server sets up once is not counted.
const BASE_STREAMS: usize = 20;
/// Updates that each stream has had: a stream that was never used would look cheaper than it is.
const UPDATES: usize = 3;

const IDLE_KIB_MAX: f64 = 16.0;

/// Both pages uncompressed, one in every encoding, ours and the peer's.
pub(crate) fn report(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
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
    let compressed = vec![plan.idle_compressed];
    let cases = [
        (Page::Counter, Encoding::Identity, plan.idle.clone()),
        (Page::Dashboard, Encoding::Identity, plan.idle.clone()),
        (Page::Dashboard, Encoding::Zstd, compressed.clone()),
        (Page::Dashboard, Encoding::Brotli, compressed.clone()),
        (Page::Dashboard, Encoding::Gzip, compressed),
    ];
    for (page, encoding, counts) in cases {
        let name = encoding.name();
        let ours = measure(plan, Subject::Hyperstar, page, encoding, &counts)?;
        let peer = measure(plan, Subject::peer(encoding), page, encoding, &counts)?;
        for (count, (ours, peer)) in counts.iter().zip(ours.into_iter().zip(peer)) {
            let kib = |bytes: u64| bytes as f64 / 1_024.0;
            let mut row = vec![page.name().to_owned(), name.to_owned(), count.to_string()];
            for memory in [ours, peer] {
                row.extend(
                    [memory.rss, memory.pss, memory.anonymous].map(|bytes| figure(kib(bytes))),
                );
            }
            row.push(ratio(ours.rss as f64, peer.rss as f64));
            table.row(row);
            if encoding == Encoding::Identity {
                goals.push(Goal {
                    what: format!("idle memory per stream at {count}, {}", page.name()),
                    at_most: IDLE_KIB_MAX,
                    result: kib(ours.rss),
                    unit: "KiB",
                });
            }
        }
    }
    println!(
        "## 4. Idle memory per open stream\n\nKiB of the server's process, the difference to {BASE_STREAMS} streams over the streams added; each has had its first render and {UPDATES} updates. The kernel's socket buffers are not in it.\n\n{table}"
    );
    Ok(())
}

/// The memory per stream at each number of streams, which must rise.
fn measure(
    plan: &Plan,
    subject: Subject,
    page: Page,
    encoding: Encoding,
    counts: &[usize],
) -> Result<Vec<Memory>> {
    let mut server = Server::start(Start {
        subject,
        page,
        bytes: None,
        core: plan.core,
    })?;
    let mut streams = Streams::to(server.address)?;
    let base_streams = BASE_STREAMS.min(counts.first().map_or(0, |count| count / 2));
    let mut at = |count: usize| {
        server.open(&mut streams, count, encoding)?;
        for _ in 0..UPDATES {
            server.change()?;
            streams.settle(PAUSE * 3)?;
        }
        streams.settle(plan.idle_pause)?;
        server.memory()
    };
    let base = at(base_streams)?;
    counts
        .iter()
        .map(|count| {
            let now = at(*count)?;
            let added = (count - base_streams) as u64;
            let each = |now: u64, base: u64| now.saturating_sub(base) / added;
            Ok(Memory {
                rss: each(now.rss, base.rss),
                anonymous: each(now.anonymous, base.anonymous),
                pss: each(now.pss, base.pss),
            })
        })
        .collect()
}
