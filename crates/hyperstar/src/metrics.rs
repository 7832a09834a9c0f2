//! What an app tells of itself, as Prometheus reads it.
//!
//! The [text format](https://prometheus.io/docs/instrumenting/exposition_formats/), version 0.0.4.
//! Figures are read when they are asked for; nothing is kept for it.
//!
//! # Design
//! By hand, since `prometheus-client` 0.25 writes OpenMetrics alone, which this version is not, and
//! would bring `parking_lot`, `dtoa` and a derive macro on `syn` 3 for three hundred lines of text.

use std::fmt::Write;

use hyperstar_sse::{HistogramSnapshot, MeterSnapshot};

use crate::hub::{Hub, Stats};

/// The media type of [`text`].
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Buckets of times end at these powers of two, in nanoseconds: a microsecond to 17 seconds.
const TIME_LOGS: std::ops::RangeInclusive<u32> = 10..=34;
/// Buckets of sizes end at these powers of two, in bytes: to 16 MiB.
const SIZE_LOGS: std::ops::RangeInclusive<u32> = 6..=24;

/// Everything that is told, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) stats: Stats,
    pub(crate) meter: MeterSnapshot,
    pub(crate) render_ns: HistogramSnapshot,
    pub(crate) process: Option<Process>,
}

/// What the system says about this process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Process {
    pub(crate) memory_bytes: u64,
    pub(crate) cpu_seconds: f64,
    /// Seconds since 1970.
    pub(crate) started: f64,
}

impl Figures {
    pub(crate) fn of(hub: &Hub) -> Self {
        Self {
            stats: hub.stats(),
            meter: hub.meter().snapshot(),
            render_ns: hub.render_ns().snapshot(),
            process: Process::this(),
        }
    }
}

impl Process {
    /// `None` where there is no `/proc`.
    #[cfg(feature = "server")]
    fn this() -> Option<Self> {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        Self::parse(
            &read("/proc/self/stat")?,
            &read("/proc/self/status")?,
            &read("/proc/stat")?,
        )
    }

    #[cfg(not(feature = "server"))]
    fn this() -> Option<Self> {
        None
    }

    /// See proc(5) for the fields.
    #[cfg(any(feature = "server", test))]
    fn parse(stat: &str, status: &str, system: &str) -> Option<Self> {
        /// `USER_HZ`, which Linux promises to programs whatever it counts in itself.
        const TICKS_PER_SECOND: f64 = 100.0;
        fn after<'a>(text: &'a str, label: &str) -> Option<&'a str> {
            text.lines()
                .find_map(|line| line.strip_prefix(label))?
                .split_whitespace()
                .next()
        }
        // The program's name may hold anything; what follows its last parenthesis does not.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
        Some(Self {
            memory_bytes: after(status, "VmRSS:")?.parse::<u64>().ok()? * 1024,
            cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
            started: after(system, "btime ")?.parse::<f64>().ok()? + ticks(19)? / TICKS_PER_SECOND,
        })
    }
}

/// The figures in the text format.
pub(crate) fn text(figures: &Figures) -> String {
    let Figures {
        stats,
        meter,
        render_ns,
        process,
    } = figures;
    let mut text = Text(String::with_capacity(24 * 1024));
    let version = env!("CARGO_PKG_VERSION");
    text.family("hyperstar_build_info", "gauge", "The version of Hyperstar.");
    text.sample("hyperstar_build_info", &[("version", version)], 1);
    text.gauge("hyperstar_viewers", "Streams open now.", stats.viewers);
    text.gauge(
        "hyperstar_groups",
        "Groups of viewers that share a page now.",
        stats.groups,
    );
    let counters = [
        ("renders", "Times a view ran.", stats.renders),
        (
            "renders_unchanged",
            "Renders whose result was on screen already.",
            stats.unchanged,
        ),
        ("hashes", "Times a page was hashed.", stats.hashes),
        (
            "frames",
            "Frames handed to viewers, once for each viewer.",
            stats.frames,
        ),
        (
            "deltas",
            "Frames encoded as a change to the one before, once for each encoding.",
            meter.deltas,
        ),
        (
            "keys",
            "Frames encoded whole, once for each encoding.",
            meter.keys,
        ),
        (
            "resyncs",
            "Viewers that were behind and were given a whole frame.",
            meter.resyncs,
        ),
        (
            "stalls",
            "Viewers let go because they took nothing for too long.",
            stats.stalled,
        ),
        (
            "overflows",
            "Viewers let go because their one-shot events did not fit their queue.",
            stats.overflowed,
        ),
        (
            "evictions",
            "Viewers let go, for whichever reason.",
            stats.stalled + stats.overflowed,
        ),
        (
            "refusals",
            "Streams and actions refused because a limit was reached.",
            stats.refused,
        ),
        ("actions", "Actions that ran.", stats.actions),
        (
            "actions_repeated",
            "Actions that came again and were answered from memory.",
            stats.actions_repeated,
        ),
    ];
    for (name, help, count) in counters {
        text.counter(&format!("hyperstar_{name}_total"), help, count);
    }
    let name = "hyperstar_sent_bytes_total";
    text.family(
        name,
        "counter",
        "Bytes given to connections, as they were encoded.",
    );
    for one in &meter.encodings {
        text.sample(name, &[("encoding", one.encoding.token())], one.sent_bytes);
    }
    let name = "hyperstar_render_seconds";
    text.family(name, "histogram", "How long views ran.");
    text.times(name, "", render_ns);
    let name = "hyperstar_encode_seconds";
    text.family(name, "histogram", "How long frames took to encode.");
    for one in &meter.encodings {
        text.times(name, one.encoding.token(), &one.encode_ns);
    }
    let name = "hyperstar_frame_bytes";
    text.family(
        name,
        "histogram",
        "Sizes of encoded frames, however many took them.",
    );
    for one in &meter.encodings {
        text.sizes(name, one.encoding.token(), &one.frame_bytes);
    }
    if let Some(process) = process {
        let name = "process_resident_memory_bytes";
        text.gauge(name, "Memory of the process.", process.memory_bytes);
        let name = "process_cpu_seconds_total";
        text.counter(name, "Processor time of the process.", process.cpu_seconds);
        let name = "process_start_time_seconds";
        text.gauge(
            name,
            "When the process started, since 1970.",
            process.started,
        );
    }
    text.0
}

/// Text in the making. Names and labels are our own, so none needs escaping.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        let mut before = '{';
        for (label, text) in labels.iter().filter(|(_, text)| !text.is_empty()) {
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
            before = ',';
        }
        if before == ',' {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    /// A histogram of nanoseconds, told in seconds.
    fn times(&mut self, name: &str, encoding: &str, times: &HistogramSnapshot) {
        self.histogram(name, encoding, times, TIME_LOGS, seconds);
    }

    fn sizes(&mut self, name: &str, encoding: &str, sizes: &HistogramSnapshot) {
        self.histogram(name, encoding, sizes, SIZE_LOGS, |bytes| bytes.to_string());
    }

    fn histogram(
        &mut self,
        name: &str,
        encoding: &str,
        values: &HistogramSnapshot,
        logs: std::ops::RangeInclusive<u32>,
        unit: impl Fn(u64) -> String,
    ) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in values.buckets() {
            // The bound is in its bucket: one less than a power of two.
            let end = bound + 1;
            if end.is_power_of_two() && logs.contains(&end.ilog2()) {
                let bound = unit(bound);
                self.sample(&bucket, &[("encoding", encoding), ("le", &bound)], count);
            }
        }
        let all = [("encoding", encoding), ("le", "+Inf")];
        self.sample(&bucket, &all, values.count);
        self.sample(&format!("{name}_sum"), &all[..1], unit(values.sum));
        self.sample(&format!("{name}_count"), &all[..1], values.count);
    }
}

/// Nanoseconds as seconds, exactly.
fn seconds(ns: u64) -> String {
    let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        let check = |ns: u64, expected: &str| assert_eq!(seconds(ns), expected);
        check(0, "0");
        check(1_023, "0.000001023");
        check(1_500_000_000, "1.5");
        check(20_000_000_000, "20");
    }

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 4 0 1000 9 9 9";
        let status = "Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t4\n";
        let system = "cpu  1 2 3\nbtime 1700000000\n";
        let expected = Process {
            memory_bytes: 2 * 1024 * 1024,
            cpu_seconds: 2.0,
            started: 1_700_000_010.0,
        };
        assert_eq!(Process::parse(stat, status, system), Some(expected));
        assert_eq!(Process::parse("", "", ""), None);
    }
}
