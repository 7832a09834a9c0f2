//! What streams cost: bytes, encoding times, what was sent whole and what as a change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::encoding::Encoding;
use crate::histogram::{Histogram, HistogramSnapshot};

/// Counts what streams cost, for as many streams as share it.
///
/// Guarantee: counting never waits and never allocates. All counts only grow.
///
/// ```
/// use hyperstar_sse::{Encoding, Meter};
/// use std::time::Duration;
///
/// let meter = Meter::default();
/// meter.encoded(Encoding::Zstd, 140, Duration::from_micros(30));
/// meter.of(Encoding::Zstd).sent(140);
/// let sent = meter.snapshot();
/// assert_eq!(sent.encodings[3].sent_bytes, 140);
/// assert_eq!(sent.encodings[3].encode_ns.count, 1);
/// ```
#[derive(Debug, Default)]
pub struct Meter {
    /// Frames that were encoded as a change to the one before, once for each encoding.
    pub deltas: AtomicU64,
    /// Frames that were encoded whole, on which any viewer can start, once for each encoding.
    pub keys: AtomicU64,
    /// Viewers that were behind and were given a whole frame instead of the changes they missed.
    pub resyncs: AtomicU64,
    /// One for each encoding, in the order of [`MeterSnapshot::encodings`].
    encodings: [EncodingMeter; ENCODINGS.len()],
}

/// Counts for one content encoding.
#[derive(Debug, Default)]
pub struct EncodingMeter {
    /// Bytes given to connections: what was encoded once and taken by many counts for each.
    pub sent_bytes: AtomicU64,
    /// Times an encoder ran, in nanoseconds. Frames that are sent as they are need not be noted.
    pub encode_ns: Histogram,
    /// Sizes of encoded frames, in bytes, counted once however many take them.
    pub frame_bytes: Histogram,
}

/// The order of the counts.
const ENCODINGS: [Encoding; 4] = [
    Encoding::Identity,
    Encoding::Gzip,
    Encoding::Brotli,
    Encoding::Zstd,
];

fn place(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => 1,
        Encoding::Brotli => 2,
        Encoding::Zstd => 3,
    }
}

impl Meter {
    /// The counts of one encoding.
    pub fn of(&self, encoding: Encoding) -> &EncodingMeter {
        &self.encodings[place(encoding)]
    }

    /// Notes that a frame was encoded.
    pub fn encoded(&self, encoding: Encoding, bytes: usize, time: Duration) {
        let meter = self.of(encoding);
        meter.encode_ns.record_time(time);
        meter.frame_bytes.record(bytes as u64);
    }

    /// Bytes given to connections, over all encodings.
    pub fn sent_bytes(&self) -> u64 {
        let meters = self.encodings.iter();
        meters
            .map(|meter| meter.sent_bytes.load(Ordering::Relaxed))
            .sum()
    }

    /// All counts now.
    pub fn snapshot(&self) -> MeterSnapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MeterSnapshot {
            deltas: load(&self.deltas),
            keys: load(&self.keys),
            resyncs: load(&self.resyncs),
            encodings: ENCODINGS.map(|encoding| {
                let meter = self.of(encoding);
                EncodingSnapshot {
                    encoding,
                    sent_bytes: load(&meter.sent_bytes),
                    encode_ns: meter.encode_ns.snapshot(),
                    frame_bytes: meter.frame_bytes.snapshot(),
                }
            }),
        }
    }
}

impl EncodingMeter {
    /// Notes that a connection took `bytes`.
    pub fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A [`Meter`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MeterSnapshot {
    /// See [`Meter::deltas`].
    pub deltas: u64,
    /// See [`Meter::keys`].
    pub keys: u64,
    /// See [`Meter::resyncs`].
    pub resyncs: u64,
    /// Each encoding: identity, gzip, brotli, zstd.
    pub encodings: [EncodingSnapshot; 4],
}

/// An [`EncodingMeter`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodingSnapshot {
    /// Which encoding.
    pub encoding: Encoding,
    /// See [`EncodingMeter::sent_bytes`].
    pub sent_bytes: u64,
    /// See [`EncodingMeter::encode_ns`].
    pub encode_ns: HistogramSnapshot,
    /// See [`EncodingMeter::frame_bytes`].
    pub frame_bytes: HistogramSnapshot,
}

impl Default for MeterSnapshot {
    fn default() -> Self {
        Meter::default().snapshot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_has_its_own_counts() {
        let meter = Meter::default();
        for (index, encoding) in ENCODINGS.into_iter().enumerate() {
            assert_eq!(place(encoding), index);
            meter.of(encoding).sent(index + 1);
            meter.encoded(encoding, 100, Duration::from_nanos(7));
        }
        for (index, counts) in meter.snapshot().encodings.iter().enumerate() {
            assert_eq!(counts.encoding, ENCODINGS[index]);
            assert_eq!(counts.sent_bytes, index as u64 + 1);
            assert_eq!((counts.encode_ns.count, counts.encode_ns.sum), (1, 7));
            assert_eq!(counts.frame_bytes.sum, 100);
        }
    }
}
