//! What an update weighs, against an encoder of the connection's own with a window of 1 MB: the most
//! that zstd can do with what a connection has carried.

use std::io::Write;

use anyhow::{Context, Result, ensure};

use super::Plan;
use crate::audience::PAUSE;
use crate::child::{Server, Start};
use crate::encoding::{Decoder, Encoding};
use crate::figures::median;
use crate::load::{Stream, Streams};
use crate::page::{FIRST, Page};
use crate::report::Goal;
use crate::server::Subject;
use crate::table::{Table, figure, ratio};

const REFERENCE_LEVEL: i32 = 3;
/// The binary logarithm of the reference's window: 1 MB.
const REFERENCE_WINDOW_LOG: u32 = 20;
/// A shared encoder forgets at each frame what only some viewers have: the block that says so.
const RESET_BYTES: f64 = 14.0;
const COUNTER_BYTES_MAX: f64 = 64.0;
/// Updates that tell how many bytes one has.
const PROBE_UPDATES: usize = 9;

/// The median bytes of an update on a connection of ours, framing included.
pub(crate) fn wire_bytes(plan: &Plan, page: Page, encoding: Encoding) -> Result<usize> {
    let weights = measure(plan, page, &[encoding], PROBE_UPDATES)?;
    let weight = weights.first().context("one encoding was measured")?;
    // A count of bytes, whole by nearest rank.
    Ok(median(&weight.wire) as usize)
}

/// Every encoding of every page, ours and the reference.
pub(crate) fn report(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
    let mut table = Table::new(&[
        "page",
        "encoding",
        "update B",
        "on the wire",
        "reference B",
        "update / reference",
        "first B",
        "plain B",
    ]);
    for page in [Page::Counter, Page::List, Page::Board] {
        for (encoding, weight) in
            Encoding::ALL
                .into_iter()
                .zip(measure(plan, page, &Encoding::ALL, plan.updates)?)
        {
            let reference = reference(&weight.frames)?;
            let (body, reference) = (median(&weight.body), median(&reference));
            table.row([
                page.name().to_owned(),
                encoding.name().to_owned(),
                figure(body),
                figure(median(&weight.wire)),
                figure(reference),
                ratio(body, reference),
                weight.first.to_string(),
                figure(median(&weight.plain)),
            ]);
            let mut goal = |what: &str, at_most: f64| {
                goals.push(Goal {
                    what: format!(
                        "bytes per update{what}, {}, {}",
                        page.name(),
                        encoding.name()
                    ),
                    at_most,
                    result: body,
                    unit: "B",
                });
            };
            if page == Page::Counter && encoding != Encoding::Identity {
                goal("", COUNTER_BYTES_MAX);
            }
            if encoding == Encoding::Zstd {
                goal(" against zstd per connection + 14", reference + RESET_BYTES);
            }
        }
    }
    println!(
        "## 4. Bytes per update\n\nMedians of {} updates: the payload of the body's chunks, and with their framing. The reference is one zstd encoder for the connection, level {REFERENCE_LEVEL}, with a window of 1 MB, fed what ours decodes to and flushed at each update. \"First\" is what a viewer gets on joining. Each stream is decoded by a stock decoder and must show every number.\n\n{table}",
        plan.updates
    );
    Ok(())
}

/// The bytes of one stream, one figure an update.
struct Weight {
    body: Vec<f64>,
    wire: Vec<f64>,
    plain: Vec<f64>,
    /// What came on joining.
    first: u64,
    /// What was decoded: what came on joining, then each update.
    frames: Vec<Vec<u8>>,
}

/// A stream that is decoded update by update.
struct Read {
    decoder: Decoder,
    body_bytes: u64,
    wire_bytes: u64,
    weight: Weight,
}

/// Counts updates: one stream of each encoding, of one server of ours.
fn measure(plan: &Plan, page: Page, encodings: &[Encoding], updates: usize) -> Result<Vec<Weight>> {
    let mut server = Server::start(Start {
        subject: Subject::Hyperstar,
        page,
        bytes: None,
        core: plan.core,
    })?;
    let mut streams = Streams::to(server.address)?.keep_bodies(encodings.len());
    streams.grow_to(encodings.len(), |number| {
        Subject::Hyperstar.request(encodings[number], number)
    })?;
    streams.settle(PAUSE * 5)?;
    let mut reads = Vec::new();
    for (stream, encoding) in streams.iter_mut().zip(encodings) {
        reads.push(Read::begin(stream, *encoding)?);
    }
    for _ in 0..updates {
        streams.expect(|_| 1);
        let since = server.begin_change()?;
        streams.arrivals(since)?;
        server.end_change()?;
        streams.settle(PAUSE)?;
        for (stream, read) in streams.iter_mut().zip(&mut reads) {
            read.update(stream)?;
        }
    }
    for (read, encoding) in reads.iter().zip(encodings) {
        for (number, frame) in (FIRST..).zip(&read.weight.frames) {
            ensure!(
                String::from_utf8_lossy(frame).contains(&Page::marker(number)),
                "the {} stream does not show {number} when it should",
                encoding.name()
            );
        }
    }
    Ok(reads.into_iter().map(|read| read.weight).collect())
}

impl Read {
    fn begin(stream: &mut Stream, encoding: Encoding) -> Result<Self> {
        let granted = Encoding::of_response(stream.response.header("content-encoding"))?;
        ensure!(
            granted == encoding,
            "ours answers with {} instead of {}",
            granted.name(),
            encoding.name()
        );
        let mut decoder = Decoder::new(encoding)?;
        Ok(Self {
            body_bytes: stream.response.body_bytes,
            wire_bytes: stream.response.wire_bytes,
            weight: Weight {
                body: Vec::new(),
                wire: Vec::new(),
                plain: Vec::new(),
                first: stream.response.body_bytes,
                frames: vec![decoder.feed(&stream.take_kept())?],
            },
            decoder,
        })
    }

    fn update(&mut self, stream: &mut Stream) -> Result<()> {
        let frame = self.decoder.feed(&stream.take_kept())?;
        let (body, wire) = (stream.response.body_bytes, stream.response.wire_bytes);
        self.weight.body.push((body - self.body_bytes) as f64);
        self.weight.wire.push((wire - self.wire_bytes) as f64);
        self.weight.plain.push(frame.len() as f64);
        self.weight.frames.push(frame);
        (self.body_bytes, self.wire_bytes) = (body, wire);
        Ok(())
    }
}

/// What each frame but the first takes with an encoder of the connection's own.
fn reference(frames: &[Vec<u8>]) -> Result<Vec<f64>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), REFERENCE_LEVEL)?;
    encoder.window_log(REFERENCE_WINDOW_LOG)?;
    let mut sizes = Vec::new();
    for frame in frames {
        encoder.write_all(frame)?;
        encoder.flush()?;
        sizes.push(std::mem::take(encoder.get_mut()).len() as f64);
    }
    Ok(sizes.split_off(1.min(sizes.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_remembers_the_page_before() {
        let frames: Vec<Vec<u8>> = (0..3)
            .map(|number| Page::Board.html(FIRST + number, "").into_bytes())
            .collect();
        let sizes = reference(&frames).unwrap();
        assert_eq!(sizes.len(), 2);
        assert!(
            sizes.iter().all(|size| (20.0..400.0).contains(size)),
            "{sizes:?}"
        );
    }
}
