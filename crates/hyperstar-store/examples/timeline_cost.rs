//! What a timeline costs: the figures in the guide's section on the past.
//!
//! `cargo run --release -p hyperstar-store --example timeline_cost [directory]`

use std::env;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use hyperstar_store::{Commit, Store, StoreError, Timeline};

/// What a store keeps by itself.
const COMMITS: u64 = 1_000;
/// Values below the prefix: a list that people use.
const VALUES: u64 = 200;
const READS: u32 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    println!("commits below the prefix  elsewhere  first read  without news  with one commit  log");
    for elsewhere in [0, COMMITS / 2, COMMITS] {
        measure(Path::new(&directory), elsewhere)?;
    }
    Ok(())
}

fn measure(directory: &Path, elsewhere: u64) -> Result<(), Box<dyn Error>> {
    let file = directory.join("timeline-cost.redb");
    let store = Store::open(&file)?;
    for number in 0..COMMITS - elsewhere {
        add(&store, "list", number)?;
    }
    for number in 0..elsewhere {
        add(&store, "elsewhere", number)?;
    }
    let timeline = Timeline::new(&store, "list");
    let (count, first) = timed(|| timeline.read().map(|moments| moments.count()))?;
    let (_, log) = timed(|| store.log("list").map(|log| log.count()))?;
    let (_, without_news) = timed(|| {
        (0..READS).try_for_each(|_| timeline.read().map(|moments| drop(black_box(moments))))
    })?;
    let mut with_one = Duration::ZERO;
    for number in 0..READS {
        add(&store, "list", u64::from(number))?;
        with_one += timed(|| timeline.read().map(drop))?.1;
    }
    println!(
        "{count:>24}  {elsewhere:>9}  {first:>10.1?}  {:>12.1?}  {:>15.1?}  {log:.1?}",
        without_news / READS,
        with_one / READS,
    );
    drop((store, timeline));
    Ok(fs::remove_file(file)?)
}

fn add(store: &Store, prefix: &str, number: u64) -> Result<Commit, StoreError> {
    let added = store.transaction(|tx| {
        tx.set_message(format!("Add something to do, number {number}"))?;
        let path = format!("{prefix}/{:010}", number % VALUES);
        tx.set(&path, &format!("something to do, number {number}"))
    });
    added.map(|((), commit)| commit)
}

fn timed<T>(run: impl FnOnce() -> Result<T, StoreError>) -> Result<(T, Duration), StoreError> {
    let began = Instant::now();
    let value = run()?;
    Ok((value, began.elapsed()))
}
