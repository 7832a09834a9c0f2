//! A live page about the live pages: who watches, what is sent, what it costs.
//!
//! It is a shared view like any other, so it counts in what it shows: one viewer for each who looks,
//! one render and its frames a second while somebody does. Nobody else's page renders for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyperstar_sse::{Encoding, HistogramSnapshot};
use maud::{Markup, html};
use tokio::time::Instant;

use crate::hub::{Hub, lock};
use crate::metrics::Figures;
use crate::{Cx, Html, View, scope};

/// How often it looks.
const TICK_MS: u64 = 1_000;
/// How many seconds the lines show.
const POINTS_MAX: usize = 60;
/// Distributions are kept of every tenth second, for the last minute.
const MARK_TICKS: u64 = 10;
const MARKS_MAX: usize = 6;
/// Its stylesheet among our own assets.
pub(crate) const MONITOR_CSS: &str = "hyperstar-monitor.css";

/// The last minute of a hub.
pub(crate) struct Monitor {
    /// What the page reads; no one else does.
    topic: String,
    history: Mutex<History>,
}

struct History {
    began: Instant,
    at: Instant,
    ticks: u64,
    now: Figures,
    /// The oldest first.
    points: VecDeque<Point>,
    /// The oldest first; what came since the first is what is shown of times and sizes.
    marks: VecDeque<Figures>,
}

/// One second. Everything that is a rate is per second.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    viewers: f64,
    groups: f64,
    renders: f64,
    frames: f64,
    actions: f64,
    bytes: [f64; 4],
    memory: f64,
    /// Processors in use: 1 is one of them all the time.
    cpu: f64,
}

impl Monitor {
    /// Begins to look once an app on the hub is served. What is noted each second is a few hundred
    /// numbers; a page is made of them only while somebody watches.
    pub(crate) fn start(hub: &Hub) -> Arc<Self> {
        let monitor = Arc::new(Self {
            topic: format!("monitor:{}", hub.next_id()),
            history: Mutex::new(History::new(Figures::of(hub), Instant::now())),
        });
        let (watched, ticking) = (hub.clone(), monitor.clone());
        hub.every(Duration::from_millis(TICK_MS), move || {
            lock(&ticking.history).note(Figures::of(&watched), Instant::now());
            watched.notify_readers(&ticking.topic);
        });
        monitor
    }

    pub(crate) fn view(self: Arc<Self>) -> View {
        let render = move |cx: Cx| {
            scope::read(&self.topic);
            let name = &cx.shared.name;
            let page = page(name, &lock(&self.history));
            Html::from(page).title(format!("{name}: monitor"))
        };
        View::shared(render).alone(MONITOR_CSS)
    }
}

impl History {
    fn new(now: Figures, at: Instant) -> Self {
        Self {
            began: at,
            at,
            ticks: 0,
            marks: VecDeque::from([now.clone()]),
            points: VecDeque::new(),
            now,
        }
    }

    fn note(&mut self, now: Figures, at: Instant) {
        let seconds = at.duration_since(self.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        if self.points.len() == POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(Point::of(&self.now, &now, seconds));
        self.ticks += 1;
        if self.ticks.is_multiple_of(MARK_TICKS) {
            if self.marks.len() == MARKS_MAX {
                self.marks.pop_front();
            }
            self.marks.push_back(now.clone());
        }
        (self.now, self.at) = (now, at);
    }

    /// A distribution over about the last minute.
    fn recent(&self, of: impl Fn(&Figures) -> &HistogramSnapshot) -> HistogramSnapshot {
        let now = of(&self.now);
        self.marks
            .front()
            .map_or_else(|| now.clone(), |mark| now.since(of(mark)))
    }
}

impl Point {
    fn of(before: &Figures, now: &Figures, seconds: f64) -> Self {
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let cpu = |figures: &Figures| figures.process.map_or(0.0, |process| process.cpu_seconds);
        let mut bytes = [0.0; 4];
        let encodings = now.meter.encodings.iter().zip(&before.meter.encodings);
        for (bytes, (now, before)) in bytes.iter_mut().zip(encodings) {
            *bytes = rate(now.sent_bytes, before.sent_bytes);
        }
        Self {
            viewers: now.stats.viewers as f64,
            groups: now.stats.groups as f64,
            renders: rate(now.stats.renders, before.stats.renders),
            frames: rate(now.stats.frames, before.stats.frames),
            actions: rate(now.stats.actions, before.stats.actions),
            bytes,
            memory: now
                .process
                .map_or(0.0, |process| process.memory_bytes as f64),
            cpu: (cpu(now) - cpu(before)).max(0.0) / seconds,
        }
    }
}

// ---- The page -------------------------------------------------------------------------------------

fn page(name: &str, history: &History) -> Markup {
    let now = &history.now;
    let last = history.points.back().copied().unwrap_or_default();
    let line = |of: fn(&Point) -> f64| spark(history.points.iter().map(of));
    let sum = |point: &Point| point.bytes.iter().sum::<f64>();
    let stats = &now.stats;
    html! {
        header .top {
            h1 { span .star aria-hidden="true" { "\u{2726}" } (name) span { "monitor" } }
            p { "up " span #uptime { (span_of(history.at.duration_since(history.began))) } }
        }
        section .tiles aria-label="Now" {
            (tile("viewers", "Viewers", &count(stats.viewers as f64), "streams open", line(|p| p.viewers)))
            (tile("groups", "Groups", &count(stats.groups as f64), "pages kept live", line(|p| p.groups)))
            (tile("actions", "Actions", &per_second(last.actions), &format!("{} in all", whole(stats.actions)), line(|p| p.actions)))
            (tile("renders", "Renders", &per_second(last.renders), &format!("{} in all", whole(stats.renders)), line(|p| p.renders)))
            (tile("frames", "Frames", &per_second(last.frames), &format!("{} in all", whole(stats.frames)), line(|p| p.frames)))
            (tile("sent", "Sent", &format!("{}/s", bytes(sum(&last))), &format!("{} in all", bytes(stats.sent_bytes as f64)), line(|p| p.bytes.iter().sum())))
            @if let Some(process) = now.process {
                (tile("cpu", "Processor", &format!("{:.0}%", last.cpu * 100.0), &format!("{} in all", span_of(Duration::from_secs_f64(process.cpu_seconds.max(0.0)))), line(|p| p.cpu)))
                (tile("memory", "Memory", &bytes(process.memory_bytes as f64), "resident", line(|p| p.memory)))
            }
        }
        section .columns {
            div .card {
                h2 { "Time taken" span { "the last minute" } }
                (times(history))
            }
            div .card {
                h2 { "Streams" span { "since the start" } }
                (streams(now))
            }
        }
        div .card {
            h2 { "Encodings" span { "the last minute" } }
            (encodings(history, &last))
        }
        p .note { "This page counts too: each who looks at it is a viewer, and it renders once a second while somebody does." }
    }
}

fn tile(id: &str, label: &str, value: &str, more: &str, line: Markup) -> Markup {
    html! {
        div .card.tile #(id) {
            h2 { (label) }
            p .value { (value) }
            p .more { (more) }
            (line)
        }
    }
}

fn times(history: &History) -> Markup {
    let render = history.recent(|figures| &figures.render_ns);
    let mut rows = vec![("rendering", render)];
    for (index, one) in history.now.meter.encodings.iter().enumerate() {
        let encode = history.recent(|figures| &figures.meter.encodings[index].encode_ns);
        // What is sent as it is takes no time.
        if one.encoding != Encoding::Identity {
            rows.push((one.encoding.token(), encode));
        }
    }
    html! {
        table {
            thead { tr { @for label in ["", "median", "p99", "times"] { th scope="col" { (label) } } } }
            tbody {
                @for (label, of) in rows {
                    tr class=[(of.count == 0).then_some("idle")] {
                        th scope="row" { (label) }
                        td { (time(&of, 0.5)) }
                        td { (time(&of, 0.99)) }
                        td { (whole(of.count)) }
                    }
                }
            }
        }
    }
}

fn streams(now: &Figures) -> Markup {
    let (stats, meter) = (&now.stats, &now.meter);
    let rows = [
        ("changes", "frames coded as a change", meter.deltas, false),
        ("keys", "frames coded whole", meter.keys, false),
        (
            "unchanged",
            "renders that changed nothing",
            stats.unchanged,
            false,
        ),
        (
            "resyncs",
            "viewers behind, given a whole frame",
            meter.resyncs,
            false,
        ),
        ("stalls", "let go: took nothing", stats.stalled, true),
        ("overflows", "let go: queue full", stats.overflowed, true),
        ("refused", "refused: a limit", stats.refused, true),
    ];
    html! {
        dl {
            @for (id, label, count, is_trouble) in rows {
                div class=[(is_trouble && count > 0).then_some("trouble")] { dt { (label) } dd #(id) { (whole(count)) } }
            }
        }
    }
}

fn encodings(history: &History, last: &Point) -> Markup {
    html! {
        div .wide tabindex="0" role="region" aria-label="Encodings" {
            table {
                thead { tr {
                    @for label in ["", "now", "in all", "frames", "a frame, median"] {
                        th scope="col" { (label) }
                    }
                } }
                tbody {
                    @for (index, one) in history.now.meter.encodings.iter().enumerate() {
                        @let sizes = history.recent(|figures| &figures.meter.encodings[index].frame_bytes);
                        tr class=[(one.sent_bytes == 0).then_some("idle")] {
                            th scope="row" { (one.encoding.token()) }
                            td { (bytes(last.bytes[index])) "/s" }
                            td { (bytes(one.sent_bytes as f64)) }
                            td { (whole(sizes.count)) }
                            td { (if sizes.count == 0 { NONE.to_owned() } else { bytes(sizes.quantile(0.5) as f64) }) }
                        }
                    }
                }
            }
        }
    }
}

/// A line of the last minute, the newest at the right edge. It begins at zero: a wiggle on top of
/// much is small. Steps and not places are written, so that a second later the text is the same but
/// for its ends, and little is sent.
fn spark(values: impl ExactSizeIterator<Item = f64>) -> Markup {
    const HEIGHT: f64 = 100.0;
    const RIGHT: usize = POINTS_MAX - 1;
    let left = POINTS_MAX.saturating_sub(values.len());
    let values: Vec<f64> = values.collect();
    let top = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut heights = values
        .iter()
        .map(|value| (HEIGHT - value / top * HEIGHT).round() as i64);
    let Some(mut at) = heights.next().filter(|_| values.len() > 1) else {
        return html! { svg .spark aria-hidden="true" {} };
    };
    // The outline is closed outside of the picture.
    let mut path = format!("M{left} 120h-2V{at}h2l");
    for height in heights {
        path.push_str(&format!("1 {} ", height - at));
        at = height;
    }
    path.push_str("h2V120Z");
    html! {
        svg .spark viewBox={ "0 -4 " (RIGHT) " 106" } preserveAspectRatio="none" aria-hidden="true" {
            path d=(path) {}
        }
    }
}

// ---- Figures as people read them --------------------------------------------------------------------

/// Where there is nothing to tell.
const NONE: &str = "\u{2013}";

/// A count with its thousands apart.
fn whole(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure in at most five characters.
fn count(value: f64) -> String {
    match value {
        v if v >= 999_500.0 => format!("{:.1}M", v / 1e6),
        v if v >= 9_999.5 => format!("{:.1}k", v / 1e3),
        v if v >= 9.95 || v.fract() < 0.05 => whole(v.round() as u64),
        v => format!("{v:.1}"),
    }
}

fn per_second(rate: f64) -> String {
    format!("{}/s", count(rate))
}

fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value;
    let mut unit = 0;
    while value >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 99.95);
    format!("{value:.decimals$} {}", UNITS[unit])
}

fn time(times: &HistogramSnapshot, q: f64) -> String {
    if times.count == 0 {
        return NONE.to_owned();
    }
    let ns = times.quantile(q) as f64;
    let (value, unit) = match ns {
        ns if ns >= 999.5e6 => (ns / 1e9, "s"),
        ns if ns >= 999.5e3 => (ns / 1e6, "ms"),
        ns if ns >= 999.5 => (ns / 1e3, "\u{b5}s"),
        ns => (ns, "ns"),
    };
    // Two digits are all that a quantile tells.
    let decimals = usize::from(value < 9.95 && unit != "ns");
    format!("{value:.decimals$} {unit}")
}

fn span_of(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::metrics::Process;

    #[test]
    fn figures_are_short() {
        let check = |got: String, expected: &str| assert_eq!(got, expected);
        check(whole(0), "0");
        check(whole(1_234_567), "1,234,567");
        check(count(0.0), "0");
        check(count(0.96), "1.0");
        check(count(3.24), "3.2");
        check(count(59.9), "60");
        check(count(9_999.0), "9,999");
        check(count(12_345.0), "12.3k");
        check(count(2.5e6), "2.5M");
        check(bytes(0.0), "0 B");
        check(bytes(999.0), "999 B");
        check(bytes(1_000.0), "1.0 KiB");
        check(bytes(300.0 * 1_024.0 * 1_024.0), "300 MiB");
        check(span_of(Duration::from_secs(59)), "59 s");
        check(span_of(Duration::from_secs(3_599)), "59 min 59 s");
        check(span_of(Duration::from_secs(90_000)), "1 d 1 h");
    }

    #[test]
    fn rates_are_of_the_time_that_passed() {
        let hub = Hub::new();
        let at = Instant::now();
        let mut history = History::new(Figures::of(&hub), at);
        hub.counters().renders.fetch_add(30, Ordering::Relaxed);
        hub.meter().of(Encoding::Zstd).sent(500);
        hub.render_ns().record(1_000);
        history.note(Figures::of(&hub), at + Duration::from_secs(2));
        let last = history.points.back().copied().expect("one point");
        assert_eq!((last.renders, last.bytes[3]), (15.0, 250.0));
        assert_eq!(history.recent(|figures| &figures.render_ns).count, 1);
        for second in 3..200 {
            history.note(Figures::of(&hub), at + Duration::from_secs(second));
        }
        assert_eq!(
            (history.points.len(), history.marks.len()),
            (POINTS_MAX, MARKS_MAX)
        );
        let recent = history.recent(|figures| &figures.render_ns);
        assert_eq!(recent.count, 0, "what is older than a minute is not shown");
        // A clock that does not move makes no rate without bound.
        history.note(Figures::of(&hub), at + Duration::from_secs(199));
        assert_eq!(history.at, at + Duration::from_secs(199));
    }

    /// A minute of a busy hub.
    fn busy() -> History {
        let hub = Hub::new();
        let at = Instant::now();
        let process = |second: u64| Process {
            memory_bytes: 90 << 20 | second << 16,
            cpu_seconds: second as f64 * (0.3 + (second % 7) as f64 / 100.0),
            started: 0.0,
        };
        let figures = |second| Figures {
            process: Some(process(second)),
            ..Figures::of(&hub)
        };
        let mut history = History::new(figures(0), at);
        hub.counters().stalled.fetch_add(3, Ordering::Relaxed);
        hub.meter().keys.fetch_add(41, Ordering::Relaxed);
        for second in 1..=75_u64 {
            let wave = ((second as f64 / 9.0).sin() * 400.0 + 900.0) as u64;
            let counters = hub.counters();
            counters.viewers.store(1_200 + wave, Ordering::Relaxed);
            counters
                .groups
                .store(12 + second % 5 * (second % 3), Ordering::Relaxed);
            counters.renders.fetch_add(60, Ordering::Relaxed);
            counters.frames.fetch_add(wave * 60, Ordering::Relaxed);
            counters.actions.fetch_add(wave % 37, Ordering::Relaxed);
            let meter = hub.meter();
            meter.deltas.fetch_add(60, Ordering::Relaxed);
            for (encoding, share) in [(Encoding::Zstd, 140_u64), (Encoding::Brotli, 12)] {
                let sent = (wave * share * 60) as usize;
                meter.of(encoding).sent(sent);
                for frame in 0..60 {
                    let time = Duration::from_nanos(20_000 + wave * 37 + frame * 900);
                    meter.encoded(encoding, share as usize + wave as usize % 30, time);
                }
            }
            for frame in 0..60 {
                hub.render_ns().record(90_000 + frame * frame * 400);
            }
            history.note(figures(second), at + Duration::from_secs(second));
        }
        history
    }

    #[test]
    fn the_page_shows_a_minute() {
        let html = page("gallery", &busy()).into_string();
        for text in [">1 min 15 s<", "60/s", "let go: took nothing", "zstd"] {
            assert!(html.contains(text), "{text}: {html}");
        }
        // To look at it: HYPERSTAR_MONITOR_OUT=monitor.html cargo test -p hyperstar --lib monitor
        if let Ok(path) = std::env::var("HYPERSTAR_MONITOR_OUT") {
            let css = include_str!("client/monitor.css");
            let document = format!(
                "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><style>{css}</style><main id=hs>{html}</main>"
            );
            std::fs::write(path, document).expect("the file can be written");
        }
    }
}
