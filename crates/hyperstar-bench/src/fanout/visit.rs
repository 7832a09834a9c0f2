//! The load client for any server: opens streams of a URL, causes changes or watches, and reports.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use axum::http::Uri;
use regex_lite::Regex;

use super::Share;
use super::bursts::Bursts;
use super::sample::{Sample, faults};
use crate::encoding::Encoding;
use crate::figures::{median, ms, percentile};
use crate::load::{Control, Joins, Request, Streams, joins};
use crate::machine;
use crate::table::{Table, figure};

/// Changes before the measured ones: they warm everything up and tell how many chunks one has.
const WARM_UP: u64 = 3;
/// How long a first render, or a change before the measured ones, is waited for.
const SETTLE: Duration = Duration::from_millis(300);
/// How long the server is left alone, and then only joined, to tell what joins cost.
const JOINS_ALONE: Duration = Duration::from_secs(3);

/// How a server is visited.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "With a URL")]
pub(crate) struct VisitOptions {
    /// The method that opens a stream
    #[arg(requires = "url", long, default_value = "GET", value_parser = ["GET", "POST"])]
    method: String,
    /// A header of the streams' requests, `{number}` in it is the stream's number; repeatable
    #[arg(requires = "url", short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body of the streams' requests, with `{number}` likewise
    #[arg(requires = "url", long, default_value = "")]
    body: String,
    /// The request that causes a change, as `POST http://host:port/path`
    #[arg(requires = "url", long, value_name = "METHOD URL")]
    trigger: Option<String>,
    /// A header of the trigger; repeatable
    #[arg(requires = "url", long = "trigger-header", value_name = "NAME: VALUE", value_parser = header)]
    trigger_headers: Vec<(String, String)>,
    /// The body of the trigger
    #[arg(requires = "url", long, default_value = "")]
    trigger_body: String,
    /// Changes to cause
    #[arg(requires = "url", long, default_value_t = 50)]
    changes: usize,
    /// From one change to the next, in milliseconds; later if the last viewer takes longer
    #[arg(requires = "url", long, value_name = "MS", default_value_t = 100)]
    every: u64,
    /// How long a change may take to all viewers, in milliseconds; who has not got it then has lost it
    #[arg(requires = "url", long, value_name = "MS", default_value_t = 5_000)]
    patience: u64,
    /// Without a trigger: how long to watch
    #[arg(requires = "url", long, default_value_t = 10)]
    seconds: u64,
    /// Streams that are decoded and checked
    #[arg(requires = "url", long, default_value_t = 16)]
    sample: usize,
    /// A regular expression whose one group is the number of an update in an event's data
    #[arg(requires = "url", long, value_name = "REGEX")]
    sequence: Option<Regex>,
    /// The server's process: its processor time and memory are reported
    #[arg(requires = "url", long)]
    pid: Option<u32>,
    /// So many more viewers a second come, see their first frame and leave
    #[arg(requires = "url", long, value_name = "PER SECOND", default_value_t = 0)]
    churn: usize,
    /// So many more streams are opened and never read
    #[arg(requires = "url", long, default_value_t = 0)]
    stalled: usize,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("`{text}` is not `name: value`"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Where requests go.
struct Target {
    address: SocketAddr,
    host: String,
    path: String,
}

impl Target {
    fn of(url: &str) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => bail!(
                "`{url}`: this client speaks no TLS; give the port that the server listens on behind it"
            ),
            _ => bail!("`{url}` does not begin with `http://`"),
        }
        let host = uri
            .authority()
            .with_context(|| format!("`{url}` has no host"))?;
        let name = host.host().trim_matches(['[', ']']);
        let port = host.port_u16().unwrap_or(80);
        let addresses: Vec<SocketAddr> = (name, port)
            .to_socket_addrs()
            .with_context(|| format!("cannot find `{name}`"))?
            .collect();
        // `localhost` is two addresses, and many servers listen on one of them.
        let address = addresses
            .iter()
            .find(|address| address.is_ipv4())
            .or(addresses.first())
            .with_context(|| format!("`{name}` has no address"))?;
        Ok(Self {
            address: *address,
            host: host.to_string(),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }

    /// A request of viewer `number`, who is `{number}` in headers and body.
    fn request(
        &self,
        method: &str,
        headers: &[(String, String)],
        body: &str,
        number: usize,
    ) -> Request {
        let own = |text: &str| text.replace("{number}", &number.to_string());
        Request {
            method: method.to_owned(),
            path: self.path.clone(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.clone(), own(value)))
                .collect(),
            body: own(body),
        }
        .or_header("host", &self.host)
    }
}

/// Opens the streams, visits, and prints what came of it.
///
/// # Errors
/// If the server refuses, or the sample shows that updates were lost or broken.
pub(crate) fn run(
    url: &str,
    viewers: &[usize],
    shares: &[Share],
    options: &VisitOptions,
) -> Result<()> {
    let viewers = match viewers {
        [] => 100,
        [count] if *count > 0 => *count,
        _ => bail!("with a URL give `-n` one number, from 1"),
    };
    let (wanted, fits) = (viewers + options.stalled, machine::streams_max());
    ensure!(
        wanted <= fits,
        "descriptors allow {fits} streams, not {wanted}; raise them with `ulimit -n {}`, or open fewer",
        wanted + 200
    );
    let target = Target::of(url)?;
    let shares: Vec<Encoding> = shares
        .iter()
        .flat_map(|share| std::iter::repeat_n(share.encoding, share.weight))
        .collect();
    let request = |number: usize| {
        let request = target.request(&options.method, &options.headers, &options.body, number);
        let encoding = shares.get(number % shares.len().max(1));
        match encoding.and_then(|encoding| encoding.token()) {
            Some(token) => request.or_header("accept-encoding", token),
            None => request,
        }
        .or_header("accept", "text/event-stream")
    };
    println!("# {viewers} streams of {url}\n");
    let process = Process(options.pid);
    let memory_before = process.rss()?;
    let mut streams = Streams::to(target.address)?.keep_bodies(options.sample);
    let began = Instant::now();
    streams.grow_to(viewers, request)?;
    println!("- opened in {:.0} ms", ms(began.elapsed()));
    streams.watch(SETTLE, |_, _| {})?;
    if let (Some(before), Some(after)) = (memory_before, process.rss()?) {
        let kib = after.saturating_sub(before) as f64 / 1_024.0;
        println!(
            "- memory per viewer: {} KiB of the server's, once they were open",
            figure(kib / viewers as f64)
        );
    }
    let mut stalled = Streams::to(target.address)?;
    stalled.grow_to(options.stalled, |number| request(viewers + number))?;
    let joined = |duration: Duration, until: &AtomicBool| {
        joins(
            target.address,
            options.churn,
            duration,
            1,
            || until.load(Ordering::Relaxed),
            |number| request(wanted + number),
        )
    };
    if options.churn > 0 {
        report_joins(&mut streams, &process, |duration| {
            joined(duration, &AtomicBool::new(false))
        })?;
    }
    let mut samples = Samples::of(&mut streams, options)?;
    let stopped = AtomicBool::new(false);
    let (visit, joins) = std::thread::scope(|scope| {
        let churn = scope.spawn(|| match options.churn {
            0 => Ok(Joins::default()),
            _ => joined(Duration::MAX, &stopped),
        });
        let visit = Visit::make(options, &process, &mut streams, &mut samples);
        stopped.store(true, Ordering::Relaxed);
        (visit, churn.join())
    });
    let visit = visit?;
    let joins = joins.map_err(|_| anyhow::anyhow!("the joining viewers panicked"))??;
    if options.churn > 0 {
        println!(
            "- meanwhile {} viewers came and left; first frame after {} ms (p50), {} ms (p99)",
            joins.times_ms.len(),
            figure(median(&joins.times_ms)),
            figure(percentile(&joins.times_ms, 99.0))
        );
    }
    visit.print(&streams);
    let faults = faults(&samples.0);
    ensure!(
        faults.is_empty() && visit.lost == 0,
        "{} updates were lost; in the sample: {}",
        visit.lost,
        if faults.is_empty() {
            "nothing".to_owned()
        } else {
            faults.join("; ")
        }
    );
    println!(
        "Nothing was lost: {} sampled streams decode, and end alike{}.",
        samples.0.len(),
        match samples.0.first().and_then(|sample| sample.number) {
            Some(number) => format!(" at number {number}"),
            None => String::new(),
        }
    );
    Ok(())
}

/// The server's process, if it is known.
struct Process(Option<u32>);

impl Process {
    fn rss(&self) -> Result<Option<u64>> {
        self.0.map(|pid| Ok(machine::memory(pid)?.rss)).transpose()
    }

    fn cpu_ns(&self) -> Result<Option<u64>> {
        self.0.map(machine::cpu_ns_of).transpose()
    }
}

/// What joins cost a server that has its viewers but is left alone otherwise.
fn report_joins(
    streams: &mut Streams,
    process: &Process,
    joined: impl Fn(Duration) -> Result<Joins>,
) -> Result<()> {
    let before = process.cpu_ns()?;
    streams.watch(JOINS_ALONE, |_, _| {})?;
    let idle = process.cpu_ns()?;
    let joins = joined(JOINS_ALONE)?;
    let busy = process.cpu_ns()?;
    println!(
        "- joins alone: {:.0} a second, first frame after {} ms (p50), {} ms (p99)",
        joins.times_ms.len() as f64 / joins.took.as_secs_f64(),
        figure(median(&joins.times_ms)),
        figure(percentile(&joins.times_ms, 99.0))
    );
    if let (Some(before), Some(idle), Some(busy)) = (before, idle, busy) {
        let of_joins_s = ((busy - idle) as f64 - (idle - before) as f64) / 1e9;
        println!(
            "- processor time of 1,000 joins: {:.3} s, beyond what it took without them",
            of_joins_s * 1_000.0 / joins.times_ms.len().max(1) as f64
        );
    }
    Ok(())
}

/// The first streams, read as a browser reads them.
struct Samples(Vec<Sample>);

impl Samples {
    fn of(streams: &mut Streams, options: &VisitOptions) -> Result<Self> {
        let mut samples = Vec::new();
        for stream in streams.iter().take(options.sample) {
            let encoding = Encoding::of_response(stream.response.header("content-encoding"))?;
            samples.push(Sample::new(encoding, options.sequence.clone())?);
        }
        let mut samples = Self(samples);
        samples.feed(streams)?;
        Ok(samples)
    }

    fn feed(&mut self, streams: &mut Streams) -> Result<()> {
        let pairs = streams.iter_mut().zip(&mut self.0);
        for (number, (stream, sample)) in pairs.enumerate() {
            sample
                .feed(&stream.take_kept())
                .with_context(|| format!("stream {number}"))?;
        }
        Ok(())
    }
}

/// What was seen of updates.
struct Visit {
    /// From the trigger, or without one from the first viewer, to each viewer; one list an update.
    updates: Vec<Vec<f64>>,
    /// Updates that did not reach a viewer in time.
    lost: usize,
    is_triggered: bool,
    cpu_ns: Option<u64>,
    /// What each stream had had when it began.
    wire_before: Vec<u64>,
}

impl Visit {
    fn make(
        options: &VisitOptions,
        process: &Process,
        streams: &mut Streams,
        samples: &mut Samples,
    ) -> Result<Self> {
        let trigger = options.trigger.as_deref();
        let mut trigger = trigger.map(|text| Trigger::of(text, options)).transpose()?;
        let chunks = match &mut trigger {
            Some(trigger) => trigger.warm_up(streams)?,
            None => Vec::new(),
        };
        samples.feed(streams)?;
        let mut visit = Self {
            updates: Vec::new(),
            lost: 0,
            is_triggered: trigger.is_some(),
            cpu_ns: None,
            wire_before: streams.iter().map(|one| one.response.wire_bytes).collect(),
        };
        let before = process.cpu_ns()?;
        match &mut trigger {
            Some(trigger) => visit.cause(options, trigger, &chunks, streams, samples)?,
            None => visit.watch(options, streams, samples)?,
        }
        let after = process.cpu_ns()?;
        visit.cpu_ns = after.zip(before).map(|(after, before)| after - before);
        streams.watch(SETTLE, |_, _| {})?;
        samples.feed(streams)?;
        Ok(visit)
    }

    fn cause(
        &mut self,
        options: &VisitOptions,
        trigger: &mut Trigger,
        chunks: &[u64],
        streams: &mut Streams,
        samples: &mut Samples,
    ) -> Result<()> {
        let patience = Duration::from_millis(options.patience);
        for _ in 0..options.changes {
            streams.expect(|stream| chunks[stream]);
            let since = trigger.send()?;
            let arrivals = streams.arrivals_within(since, patience)?;
            trigger.control.receive()?;
            self.lost += streams.len() - arrivals.len();
            self.updates.push(arrivals.into_iter().map(ms).collect());
            samples.feed(streams)?;
            let every = Duration::from_millis(options.every);
            streams.watch(every.saturating_sub(since.elapsed()), |_, _| {})?;
        }
        Ok(())
    }

    fn watch(
        &mut self,
        options: &VisitOptions,
        streams: &mut Streams,
        samples: &mut Samples,
    ) -> Result<()> {
        let mut bursts = Bursts::of(streams.len());
        for _ in 0..options.seconds * 10 {
            streams.watch(Duration::from_millis(100), |stream, now| {
                bursts.arrived(stream, now);
            })?;
            samples.feed(streams)?;
        }
        let bursts = bursts.into_bursts();
        let cut_off = |index: usize| index == 0 || index + 1 == bursts.len();
        let partial = bursts
            .iter()
            .enumerate()
            .filter(|(index, burst)| !cut_off(*index) && burst.streams() < streams.len())
            .count();
        println!(
            "- updates that did not reach all streams: {partial}, but for the first and the last"
        );
        self.updates = bursts.iter().map(|burst| burst.after_first_ms()).collect();
        Ok(())
    }

    fn print(&self, streams: &Streams) {
        let updates = self.updates.iter().map(Vec::len).sum::<usize>();
        println!(
            "- updates: {}, {updates} to viewers, {} of those lost",
            self.updates.len(),
            self.lost
        );
        if let Some(cpu_ns) = self.cpu_ns {
            println!(
                "- processor time: {} s per 1,000 updates to viewers",
                figure(cpu_ns as f64 / 1e6 / updates.max(1) as f64)
            );
        }
        let mut times = Table::new(&["ms", "p50", "p99", "max"]);
        for (name, percent) in [
            ("first viewer", 0.0),
            ("median viewer", 50.0),
            ("p99 viewer", 99.0),
            ("last viewer", 100.0),
        ] {
            let each: Vec<f64> = self
                .updates
                .iter()
                .filter(|update| !update.is_empty())
                .map(|update| percentile(update, percent))
                .collect();
            let row = [50.0, 99.0, 100.0].map(|percent| figure(percentile(&each, percent)));
            times.row(std::iter::once(name.to_owned()).chain(row));
        }
        println!(
            "\n{}, over the updates:\n\n{times}",
            if self.is_triggered {
                "From sending the trigger"
            } else {
                "From the first viewer"
            }
        );
        let mut weights = Table::new(&["encoding", "streams", "B per update"]);
        for encoding in Encoding::ALL {
            let of_it: Vec<u64> = streams
                .iter()
                .zip(&self.wire_before)
                .filter(|(stream, _)| {
                    stream.response.header("content-encoding") == encoding.token()
                })
                .map(|(stream, before)| stream.response.wire_bytes - before)
                .collect();
            if !of_it.is_empty() {
                let bytes = of_it.iter().sum::<u64>() as f64 / of_it.len() as f64;
                weights.row([
                    encoding.name().to_owned(),
                    of_it.len().to_string(),
                    figure(bytes / self.updates.len().max(1) as f64),
                ]);
            }
        }
        println!("Bytes on a connection, framing included:\n\n{weights}");
    }
}

/// The request that causes a change.
struct Trigger {
    request: Request,
    control: Control,
}

impl Trigger {
    fn of(text: &str, options: &VisitOptions) -> Result<Self> {
        let (method, url) = text
            .split_once(' ')
            .with_context(|| format!("`--trigger {text}` is not `POST http://host:port/path`"))?;
        let target = Target::of(url.trim())?;
        Ok(Self {
            request: target.request(method, &options.trigger_headers, &options.trigger_body, 0),
            control: Control::to(target.address)?,
        })
    }

    fn send(&mut self) -> Result<Instant> {
        let now = Instant::now();
        self.control.send(&self.request)?;
        Ok(now)
    }

    /// How many chunks a change has in each stream; 1 where that differs from change to change, so
    /// that the first of them is waited for.
    fn warm_up(&mut self, streams: &mut Streams) -> Result<Vec<u64>> {
        let counts = |streams: &Streams| -> Vec<u64> {
            streams
                .iter()
                .map(|stream| stream.response.chunks)
                .collect()
        };
        let before = counts(streams);
        for _ in 0..WARM_UP {
            self.send()?;
            streams.watch(SETTLE, |_, _| {})?;
            self.control.receive().context("the trigger failed")?;
        }
        let chunks: Vec<u64> = counts(streams)
            .iter()
            .zip(before)
            .map(|(now, before)| now - before)
            .collect();
        let silent = chunks.iter().filter(|count| **count == 0).count();
        ensure!(
            silent == 0,
            "{silent} streams had no update after {WARM_UP} triggers; does `{} {}` change what they show?",
            self.request.method,
            self.request.path
        );
        let per_change = |count: u64| {
            if count.is_multiple_of(WARM_UP) {
                count / WARM_UP
            } else {
                1
            }
        };
        Ok(chunks.into_iter().map(per_change).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_must_be_one_that_can_be_opened() {
        let check = |url: &str, message: &str| {
            let error = Target::of(url).err().map(|error| error.to_string());
            assert!(
                error.as_deref().unwrap_or_default().contains(message),
                "{error:?}"
            );
        };
        check("https://127.0.0.1/", "no TLS");
        check("127.0.0.1:80", "does not begin with `http://`");
        let target = Target::of("http://127.0.0.1:8080/a?b=1").unwrap();
        assert_eq!(target.address.to_string(), "127.0.0.1:8080");
        assert_eq!(target.path, "/a?b=1");
    }

    #[test]
    fn each_viewer_has_its_number() {
        let target = Target::of("http://127.0.0.1:8080/").unwrap();
        let headers = [header("hs-stream: tab-{number}").unwrap()];
        let request = target.request("POST", &headers, "[{number}]", 7);
        assert_eq!(
            request.headers[0],
            ("hs-stream".to_owned(), "tab-7".to_owned())
        );
        assert_eq!(request.body, "[7]");
        assert!(header("no colon").is_err());
    }
}
