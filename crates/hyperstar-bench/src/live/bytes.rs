//! What an update weighs on a connection.

use anyhow::{Result, ensure};

use super::Plan;
use crate::audience::PAUSE;
use crate::child::{Server, Start};
use crate::encoding::{Decoder, Encoding};
use crate::figures::median;
use crate::load::Streams;
use crate::page::{FIRST, Page};
use crate::report::Goal;
use crate::server::Subject;
use crate::table::{Table, figure, ratio};

const BYTES_MAX: f64 = 40.0;

/// Every encoding of both pages, ours and the peer's.
pub(crate) fn report(plan: &Plan, goals: &mut Vec<Goal>) -> Result<()> {
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
        let ours = measure(plan, Subject::Hyperstar, page)?;
        let peer = measure(plan, Subject::DatastarCompressed, page)?;
        for (encoding, (ours, peer)) in Encoding::ALL.into_iter().zip(ours.iter().zip(&peer)) {
            let name = encoding.name();
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
            if encoding != Encoding::Identity {
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

/// Bytes of one encoding.
struct Weight {
    /// Payload of an update.
    body: f64,
    /// The same with the framing of its chunks.
    wire: f64,
    /// Payload of what a viewer gets on joining.
    first: f64,
}

/// Bytes of each update.
#[derive(Clone, Default)]
struct Samples {
    bodies: Vec<f64>,
    wires: Vec<f64>,
}

/// Counts an update in every encoding: one stream each, of one server.
fn measure(plan: &Plan, subject: Subject, page: Page) -> Result<Vec<Weight>> {
    let mut server = Server::start(Start {
        subject,
        page,
        bytes: None,
        core: plan.core,
    })?;
    let count = Encoding::ALL.len();
    let mut streams = Streams::to(server.address)?.keep_bodies(count);
    streams.grow_to(count, |number| {
        subject.request(Encoding::ALL[number], number)
    })?;
    streams.settle(PAUSE * 5)?;
    let sizes = |streams: &Streams| -> Vec<(u64, u64)> {
        streams
            .iter()
            .map(|stream| (stream.response.body_bytes, stream.response.wire_bytes))
            .collect()
    };
    let first = sizes(&streams);
    let mut samples = vec![Samples::default(); count];
    let mut before = first.clone();
    for _ in 0..plan.updates {
        streams.expect(|_| 1);
        let since = server.begin_change()?;
        streams.arrivals(since)?;
        server.end_change()?;
        streams.settle(PAUSE)?;
        let now = sizes(&streams);
        for (samples, (before, now)) in samples.iter_mut().zip(before.iter().zip(&now)) {
            samples.bodies.push((now.0 - before.0) as f64);
            samples.wires.push((now.1 - before.1) as f64);
        }
        before = now;
    }
    for (stream, encoding) in streams.iter().zip(Encoding::ALL) {
        let name = encoding.name();
        ensure!(
            stream.response.header("content-encoding") == encoding.token(),
            "{} does not answer with {name}",
            subject.name()
        );
        let body = Decoder::new(encoding)?.feed(stream.kept.as_deref().unwrap_or_default())?;
        let body = String::from_utf8_lossy(&body);
        for number in FIRST..=FIRST + plan.updates as u64 {
            let marker = Page::marker(number);
            ensure!(
                body.contains(&marker),
                "{}: the {name} stream never shows {number}",
                subject.name()
            );
        }
    }
    let weights = samples.iter().zip(&first).map(|(samples, first)| Weight {
        body: median(&samples.bodies),
        wire: median(&samples.wires),
        first: first.0 as f64,
    });
    Ok(weights.collect())
}
