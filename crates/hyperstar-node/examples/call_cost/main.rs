//! What the border between a host and a process costs: `cargo run --release --example call_cost -p
//! hyperstar-node`.
//!
//! A bare call of wasmtime is the limit: bytes in and bytes out, where a turn has messages and actions.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use hyperstar_build::{BuildOptions, Entry, build};
use hyperstar_native::instance::{HostSys, Limits, Program};
use hyperstar_node::{Component, Engine, EngineConfig, LoadOptions};
use hyperstar_process::abi::{Event, Message, Origin, Start};
use hyperstar_process::sys::Level;

mod bare;

/// The calls of one measurement.
const CALLS: u32 = 20_000;
/// The processes that live at once.
const LIVE: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let bytes = probe()?;
    println!("the component has {} KB", bytes.len() / 1_000);
    let folder = tempfile::tempdir()?;
    let config = EngineConfig {
        cache: Some(folder.path().join("code")),
        ..EngineConfig::default()
    };
    let engine = Engine::new(config.clone())?;
    let before = resident_bytes()?;
    let began = Instant::now();
    let program = engine.load(&bytes, LoadOptions::default()).await?;
    println!("compile and load         {:>10.1?}", began.elapsed());
    let began = Instant::now();
    let cached = engine.load(&bytes, LoadOptions::default()).await?;
    println!("load from the cache      {:>10.1?}", began.elapsed());
    assert!(cached.is_from_cache());

    let bare = bare::call(CALLS)
        .await
        .map_err(|error| anyhow!("{error:#}"))?;
    println!("bare call, 32 bytes      {bare:>10.2?}");
    let one = turn_cost(&program, 1, CALLS).await?;
    let ratio = one.as_secs_f64() / bare.as_secs_f64();
    println!("turn of one message      {one:>10.2?}  {ratio:.2} x bare");
    let batch = turn_cost(&program, 64, CALLS / 64).await? / 64;
    println!("turn of 64, each         {batch:>10.2?}");
    let started = start_cost(&program).await?;
    println!("start and end            {started:>10.2?}");

    let began = Instant::now();
    let mut live = Vec::new();
    for _ in 0..LIVE {
        live.push(start(&program).await?);
    }
    println!(
        "{LIVE} starts, each        {:>10.2?}",
        began.elapsed() / LIVE as u32
    );
    print_memory("once started", before)?;
    for instance in &mut live {
        instance.turn(vec![message(0, &[0; 32])]).await?;
    }
    print_memory("after a turn each", before)?;
    Ok(())
}

fn probe() -> Result<Vec<u8>> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    let target: PathBuf = std::env::temp_dir().join("hyperstar-call-cost");
    let built = build(&BuildOptions {
        release: true,
        target_dir: Some(target),
        entry: Entry::Own,
        ..BuildOptions::new(guests.join("probe"))
    })?;
    Ok(built.bytes)
}

fn message(task: u64, body: &[u8]) -> Event {
    Event::Message(Message {
        task,
        origin: Origin::Owner,
        handler: "echo".to_owned(),
        deadline_ms: 0,
        body: body.to_vec(),
    })
}

async fn start(program: &Component) -> Result<Box<dyn hyperstar_native::instance::Instance>> {
    let started = program.start(Start::default(), Arc::new(Nothing), Limits::default());
    Ok(started.await?.0)
}

async fn turn_cost(program: &Component, messages: u64, turns: u32) -> Result<Duration> {
    let mut instance = start(program).await?;
    let body = [7; 32];
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        for _ in 0..turns {
            let events = (0..messages).map(|task| message(task, &body)).collect();
            black_box(instance.turn(events).await?);
        }
        best = best.min(began.elapsed() / turns);
    }
    Ok(best)
}

async fn start_cost(program: &Component) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        for _ in 0..1_000 {
            black_box(start(program).await?);
        }
        best = best.min(began.elapsed() / 1_000);
    }
    Ok(best)
}

fn print_memory(when: &str, before: usize) -> Result<()> {
    let each = resident_bytes()?.saturating_sub(before) / LIVE;
    let maps = fs::read_to_string("/proc/self/maps")?.lines().count();
    println!("{:<24} {:>7} KiB each, {maps} mappings", when, each / 1_024);
    Ok(())
}

fn resident_bytes() -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    let kib: usize = kib.context("no `VmRSS`")?.parse()?;
    Ok(kib * 1_024)
}

struct Nothing;

impl HostSys for Nothing {
    fn now_ms(&self) -> u64 {
        0
    }
    fn random(&self, _bytes: &mut [u8]) -> Result<(), String> {
        Ok(())
    }
    fn log(&self, _level: Level, _text: &str) {}
    fn get(&self, _path: &str) -> Result<Option<Bytes>, String> {
        Ok(None)
    }
    fn scan(&self, _: &str, _: &str, _: u32, _: bool) -> Result<Vec<(String, Bytes)>, String> {
        Ok(Vec::new())
    }
    fn count(&self, _prefix: &str) -> Result<u64, String> {
        Ok(0)
    }
}
