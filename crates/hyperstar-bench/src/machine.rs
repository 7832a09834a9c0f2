//! What the benchmark runs on.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit};
use rustix::thread::CpuSet;

/// Lets this process, and its children, open as many descriptors as the system allows.
pub(crate) fn raise_descriptors() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    // If it stays as it is, fewer streams are opened and the report says so.
    let _ = rustix::process::setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

/// How many streams the descriptors of one process allow.
pub(crate) fn streams_max() -> usize {
    let limit = rustix::process::getrlimit(Resource::Nofile)
        .current
        .unwrap_or(u64::MAX);
    usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(100)
}

/// The memory that programs can still take, in bytes.
pub(crate) fn memory_available() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    Ok(kib_field(&text, "MemAvailable") * 1_024)
}

/// How many processors this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// The processors that this process may use now.
pub(crate) fn processors() -> Result<CpuSet> {
    rustix::thread::sched_getaffinity(None).context("cannot tell which processors may be used")
}

/// The processor that servers stay on, unless they may use all.
pub(crate) fn server_core(no_pin: bool) -> Option<usize> {
    (!no_pin && cores() > 1).then_some(0)
}

/// Keeps this thread, and threads and processes that it starts from now on, on these processors.
pub(crate) fn stay_on(processors: &CpuSet) -> Result<()> {
    rustix::thread::sched_setaffinity(None, processors).context("cannot choose processors")
}

/// Keeps this process on one processor.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    stay_on(&set).with_context(|| format!("cannot stay on processor {core}"))
}

/// Processor time of this process so far, in nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // Neither is ever negative.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Processor time so far of another process and its children, in nanoseconds. Threads that have ended
/// are not in it.
pub(crate) fn cpu_ns_of(pid: u32) -> Result<u64> {
    let mut sum_ns = 0;
    for process in family(pid)? {
        sum_ns += schedstat(process, 0)?;
    }
    Ok(sum_ns)
}

/// A process and its children.
fn family(pid: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{pid}/task");
    let tasks = fs::read_dir(&path).with_context(|| {
        format!("cannot read {path}: is there a process {pid}, and is it yours?")
    })?;
    let mut family = vec![pid];
    for task in tasks.flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        family.extend(children.split_whitespace().flat_map(str::parse::<u32>));
    }
    Ok(family)
}

/// The sum of a field of the threads' `schedstat`: on the processor, waiting for it (both in
/// nanoseconds), how often.
fn schedstat(pid: u32, field: usize) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        // A thread that just ended has none.
        let times = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let value = times.split_whitespace().nth(field);
        sum += value
            .and_then(|value| value.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(sum)
}

/// Processor time of child processes that have ended, and of theirs, in seconds.
pub(crate) fn children_cpu_s() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    // The program's name may hold spaces; it ends with the last parenthesis.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).flat_map(str::parse::<u64>).sum();
    // In hundredths of a second, whatever the kernel's own clock.
    Ok(ticks as f64 / 100.0)
}

/// How long the threads of a process and its children were ready to run but had no processor.
pub(crate) fn waited(pid: u32) -> Result<Duration> {
    let mut waited_ns = 0;
    for process in family(pid)? {
        waited_ns += schedstat(process, 1)?;
    }
    Ok(Duration::from_nanos(waited_ns))
}

/// Time of all processors since the machine began, and what of it its host gave to other machines.
#[derive(Clone, Copy)]
pub(crate) struct Ticks {
    all: u64,
    stolen: u64,
}

impl Ticks {
    /// Until now; zero where the system does not tell.
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        // user nice system idle iowait irq softirq steal; what follows is contained in these.
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .flat_map(str::parse)
            .collect();
        Self {
            all: ticks.iter().sum(),
            stolen: ticks.get(7).copied().unwrap_or(0),
        }
    }

    /// The share that was stolen since then, in percent.
    pub(crate) fn stolen_since(before: Self) -> f64 {
        let now = Self::now();
        let all = now.all.saturating_sub(before.all).max(1);
        now.stolen.saturating_sub(before.stolen) as f64 * 100.0 / all as f64
    }
}

/// The machine in a few words each.
pub(crate) fn facts() -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.map_or_else(
        || "unknown".to_owned(),
        |out| String::from_utf8_lossy(&out.stdout).trim().to_owned(),
    );
    let load = read("/proc/loadavg");
    vec![
        (
            "processors",
            format!(
                "{} x {}",
                cores(),
                model.map_or("unknown", |(_, model)| model.trim())
            ),
        ),
        (
            "kernel",
            format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        ),
        ("rustc", rustc),
        (
            "build",
            if cfg!(debug_assertions) {
                "debug: figures mean nothing"
            } else {
                "release"
            }
            .to_owned(),
        ),
        (
            "load before",
            load.split(' ').take(3).collect::<Vec<_>>().join(" "),
        ),
        ("descriptors", format!("{} streams at most", streams_max())),
    ]
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Resident: what it holds in RAM.
    pub(crate) rss: u64,
    /// Of that, what is not backed by a file: heap and stacks.
    pub(crate) anonymous: u64,
    /// Resident, with shared pages divided among those who share them.
    pub(crate) pss: u64,
}

/// The memory of a process and its children now.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let mut sum = Memory::default();
    for process in family(pid)? {
        let memory = memory_of_one(process)?;
        sum.rss += memory.rss;
        sum.anonymous += memory.anonymous;
        sum.pss += memory.pss;
    }
    Ok(sum)
}

fn memory_of_one(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let field = |name: &str| kib_field(&text, name) * 1_024;
    Ok(Memory {
        rss: field("Rss"),
        anonymous: field("Anonymous"),
        pss: field("Pss"),
    })
}

/// A field such as `Rss:  12 kB`; zero where there is none.
fn kib_field(text: &str, name: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
