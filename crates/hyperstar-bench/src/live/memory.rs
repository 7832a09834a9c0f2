//! What an open stream takes while nothing happens.

use anyhow::Result;

use super::{PAUSE, Plan};
use crate::child::Server;
use crate::load::Streams;
use crate::machine::Memory;
use crate::page::Page;
use crate::server::Subject;

/// Streams that are open before the first look: what a server sets up once is not counted.
pub(crate) const BASE_STREAMS: usize = 20;
/// Updates that each stream has had: a stream that was never used would look cheaper than it is.
pub(crate) const UPDATES: usize = 3;

/// The memory per stream at each number of streams, which must rise.
pub(crate) fn measure(
    plan: &Plan,
    subject: Subject,
    page: Page,
    encoding: Option<&'static str>,
    counts: &[usize],
) -> Result<Vec<Memory>> {
    let mut server = Server::start(subject, page, plan.core)?;
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
