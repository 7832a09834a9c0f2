//! `fanout`: what it costs to reach many viewers of one page. With a URL it is a load client for any
//! server; without one it compares servers, and prints what docs/PERFORMANCE.md shows.

mod bursts;
mod bytes;
mod compare;
mod joins;
mod sample;
mod stalled;
mod visit;

use std::str::FromStr;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::child::nchan;
use crate::encoding::Encoding;
use crate::machine;
use crate::page::Page;
use crate::report::Report;
use crate::server::Subject;

const VIEWERS: [usize; 4] = [100, 1_000, 5_000, 10_000];
/// What a peer with an encoder per connection may take for each, in bytes.
const COMPRESSED_VIEWER_BYTES: u64 = 12 * 1024 * 1024;

/// What is measured: a server at a URL, or servers of this program beside each other.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// The stream to open, `http://host:port/path`; without it servers are compared
    url: Option<String>,
    /// Streams: one number with a URL; some, with commas, to compare (100,1000,5000,10000)
    #[arg(short = 'n', long, value_delimiter = ',')]
    viewers: Vec<usize>,
    /// Encoding to ask for; repeatable, with a weight to mix: `zstd=3`
    #[arg(long = "encoding", value_name = "NAME[=WEIGHT]", value_delimiter = ',')]
    encodings: Vec<Share>,
    #[command(flatten)]
    visit: visit::VisitOptions,
    #[command(flatten)]
    compare: Compare,
}

/// What is compared.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Without a URL")]
struct Compare {
    /// Pages, with commas (list,board)
    #[arg(
        conflicts_with = "url",
        long = "page",
        value_enum,
        value_delimiter = ','
    )]
    pages: Vec<Page>,
    /// Servers, with commas; this framework and the bare sockets are always among them
    #[arg(
        conflicts_with = "url",
        long = "subject",
        value_enum,
        value_delimiter = ','
    )]
    subjects: Vec<Subject>,
    /// Rounds, each with fresh servers
    #[arg(conflicts_with = "url", long, default_value_t = 3)]
    rounds: usize,
    /// Timed changes in each round
    #[arg(conflicts_with = "url", long, default_value_t = 30)]
    round_changes: usize,
    /// Peers with an encoder per connection are slow: they get no more streams than this
    #[arg(conflicts_with = "url", long, default_value_t = 1_000)]
    peer_compressed_max: usize,
    /// Measure this part alone
    #[arg(conflicts_with = "url", long, value_enum)]
    only: Option<Part>,
    /// A short run of a minute that only shows that everything works
    #[arg(conflicts_with = "url", long)]
    quick: bool,
    /// Let server and client run on any processor instead of one each
    #[arg(conflicts_with = "url", long)]
    no_pin: bool,
}

/// A part of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A change to all viewers, by viewers, pages and encodings
    Delivery,
    /// The same with readers that stall
    Stalled,
    /// Viewers that come and go
    Joins,
    /// Bytes per update, against an encoder per connection
    Bytes,
}

/// An encoding and how many parts of the streams ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    encoding: Encoding,
    weight: usize,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
        Ok(Self {
            encoding: Encoding::from_str(name, true)
                .map_err(|_| format!("`{name}` is none of identity, zstd, br, gzip"))?,
            weight: weight
                .parse()
                .ok()
                .filter(|weight| (1..=100).contains(weight))
                .ok_or_else(|| format!("the weight `{weight}` is not a number from 1 to 100"))?,
        })
    }
}

/// What the options come to, without a URL.
pub(crate) struct Plan {
    viewers: Vec<usize>,
    pages: Vec<Page>,
    encodings: Vec<Encoding>,
    /// Whom ours is compared with, where they have the encoding.
    peers: Vec<Subject>,
    rounds: usize,
    changes: usize,
    compressed_max: usize,
    /// Viewers beside whom others stall.
    stalled_viewers: usize,
    stalled: usize,
    /// How long viewers come and go, in seconds.
    join_seconds: u64,
    storm: usize,
    /// Updates whose bytes are counted.
    updates: usize,
    /// The processor of servers.
    core: Option<usize>,
}

impl Plan {
    fn new(options: &Options) -> Result<Self> {
        let Compare {
            quick,
            pages,
            subjects,
            ..
        } = &options.compare;
        let or = |given: &[usize], default: &[usize]| {
            if given.is_empty() {
                default.to_vec()
            } else {
                given.to_vec()
            }
        };
        let fits = machine::streams_max();
        let default: &[usize] = if *quick { &[100, 1_000] } else { &VIEWERS };
        let mut viewers = or(&options.viewers, default);
        viewers.retain(|count| (1..=fits).contains(count));
        ensure!(
            !viewers.is_empty(),
            "descriptors allow {fits} streams; raise them with `ulimit -n`, or give a smaller `-n`"
        );
        let encodings: Vec<Encoding> = match (options.encodings.as_slice(), quick) {
            ([], true) => vec![Encoding::Identity, Encoding::Zstd],
            ([], false) => Encoding::ALL.to_vec(),
            (given, _) => given.iter().map(|share| share.encoding).collect(),
        };
        let pages = match (pages.as_slice(), quick) {
            ([], true) => vec![Page::List],
            ([], false) => vec![Page::List, Page::Board],
            (given, _) => given.to_vec(),
        };
        let mut peers = if subjects.is_empty() {
            vec![
                Subject::Datastar,
                Subject::DatastarCompressed,
                Subject::Nchan,
            ]
        } else {
            subjects.clone()
        };
        peers.retain(|peer| {
            !matches!(peer, Subject::Hyperstar | Subject::Floor)
                && (*peer != Subject::Nchan || nchan::installed().is_some())
        });
        let memory_max = machine::memory_available()? / COMPRESSED_VIEWER_BYTES;
        let compressed_max = usize::try_from(memory_max)?.min(options.compare.peer_compressed_max);
        let (rounds, changes) = (options.compare.rounds, options.compare.round_changes);
        Ok(Self {
            stalled_viewers: if *quick { 300 } else { 1_000 }.min(fits / 3),
            stalled: 100.min(fits / 10),
            storm: if *quick { 1_000 } else { 5_000 }.min(fits),
            join_seconds: if *quick { 2 } else { 10 },
            updates: if *quick { 15 } else { 100 },
            rounds: if *quick { 1 } else { rounds.max(1) },
            changes: if *quick {
                changes.min(10)
            } else {
                changes.max(1)
            },
            core: machine::server_core(options.compare.no_pin),
            viewers,
            pages,
            encodings,
            peers,
            compressed_max,
        })
    }

    /// The peers that answer in this encoding, and can have so many viewers in it.
    fn peers(&self, encoding: Encoding, viewers: usize) -> Vec<Subject> {
        let fits = |peer: &Subject| match peer {
            Subject::DatastarCompressed => {
                encoding != Encoding::Identity && viewers <= self.compressed_max
            }
            _ => encoding == Encoding::Identity,
        };
        self.peers.iter().copied().filter(fits).collect()
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(url) = &options.url {
        return visit::run(url, &options.viewers, &options.encodings, &options.visit);
    }
    let plan = Plan::new(options)?;
    let mut report = Report::begin(plan.core)?;
    if nchan::installed().is_none() {
        println!("- **nginx + nchan is missing below: {}**", nchan::REMEDY);
    }
    println!(
        "- peers with compression: up to {} streams, for they are slow and take memory (`--peer-compressed-max`)\n",
        plan.compressed_max
    );
    let goals = &mut report.goals;
    let wants = |part| options.compare.only.is_none_or(|only| only == part);
    if wants(Part::Delivery) {
        compare::report(&plan, goals)?;
    }
    if wants(Part::Stalled) {
        stalled::report(&plan, goals)?;
    }
    if wants(Part::Joins) {
        joins::report(&plan, goals)?;
    }
    if wants(Part::Bytes) {
        bytes::report(&plan, goals)?;
    }
    report.end();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_may_have_a_weight() {
        let check = |text: &str, encoding, weight| {
            assert_eq!(text.parse(), Ok(Share { encoding, weight }));
        };
        check("zstd", Encoding::Zstd, 1);
        check("br=3", Encoding::Brotli, 3);
        for wrong in ["deflate", "zstd=0", "zstd=x", "gzip=101"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
