//! `cargo xtask soak <what>`: a test that goes on for long, built for release.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::shell;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Publish random pages, and compare what independent decoders read with a model
    Broadcast {
        /// How much is to be decoded, in gigabytes
        #[arg(long, default_value_t = 1)]
        gb: u64,
        /// The schedule to begin with; a failure names its own
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Kill a node of many apps under load, and compare what it kept with what it had acknowledged
    Node {
        /// How often it is killed
        #[arg(long, default_value_t = 1_000)]
        kills: u32,
        /// What chooses the messages and the moments
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// How many apps are installed
        #[arg(long, default_value_t = 100)]
        apps: usize,
    },
    /// Compare the store with a model, over backends that fail, crash and lose power; kill processes
    Store {
        /// How many operations are compared
        #[arg(long, default_value_t = 1_000_000)]
        operations: u64,
        /// The schedule to begin with; a failure names its own
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}

/// The tests of a soak, and what their lines of the summary begin with.
const TESTS: [(&str, &str); 4] = [
    ("model::", "store: "),
    ("power::", "power: "),
    ("kill::", "kill: "),
    ("collections::lists::", "lists: "),
];
/// How many items go to the worst places of a list.
const LIST_INSERTIONS: u64 = 10_000;
/// So many operations of the model go with one random history of a disk that loses its power.
const OPERATIONS_PER_POWER_SEED: u64 = 10_000;
/// And so many with one process that is killed.
const OPERATIONS_PER_KILL: u64 = 2_000;

/// Runs it; the last lines say how much was done.
pub(crate) fn run(args: &Args) -> Result<()> {
    match args.what {
        What::Broadcast { gb, seed } => broadcast(gb, seed),
        What::Node { kills, seed, apps } => node(kills, seed, apps),
        What::Store { operations, seed } => store(operations, seed),
    }
}

/// Kills a node so many times.
fn node(kills: u32, seed: u64, apps: usize) -> Result<()> {
    let mut command = shell::cargo(["run", "--release", "--package", "hyperstar-bench"]);
    command
        .args(["--features", "node", "--", "soak-node"])
        .args(["--kills", &kills.to_string()])
        .args(["--seed", &seed.to_string()])
        .args(["--apps", &apps.to_string()]);
    shell::run(command)
}

/// Decodes and compares so much of what groups send, in schedules from `seed` on.
pub(crate) fn broadcast(gb: u64, seed: u64) -> Result<()> {
    let mut command = shell::cargo(["test", "--release", "--package", "hyperstar-sse"]);
    command
        .args(["--all-features", "--test", "it", "--", "--nocapture"])
        .args([
            "--exact",
            "broadcast::every_client_reads_what_was_published",
        ])
        .env("HYPERSTAR_BROADCAST_MB", (gb * 1_000).to_string())
        .env("HYPERSTAR_BROADCAST_SEED", seed.to_string());
    shell::run(command)
}

/// Runs the store's model for so many operations, and in proportion its power cuts and killed processes.
fn store(operations: u64, seed: u64) -> Result<()> {
    let started = Instant::now();
    let mut summary = Vec::new();
    for (tests, said) in TESTS {
        let mut command = shell::cargo(["test", "--release", "--package", "hyperstar-store"]);
        command
            .args(["--all-features", "--test", "it", "--", "--nocapture", tests])
            .env("HYPERSTAR_STORE_OPERATIONS", operations.to_string())
            .env("HYPERSTAR_STORE_SEED", seed.to_string())
            .env("HYPERSTAR_LIST_INSERTIONS", LIST_INSERTIONS.to_string())
            .env(
                "HYPERSTAR_POWER_SEEDS",
                (operations / OPERATIONS_PER_POWER_SEED).max(1).to_string(),
            )
            .env(
                "HYPERSTAR_STORE_KILL_ROUNDS",
                (operations / OPERATIONS_PER_KILL).max(2).to_string(),
            );
        let is_well = shell::run_lines(command, |line| {
            summary.extend(line.find(said).map(|at| line[at..].to_owned()));
        })?;
        ensure!(is_well, "`{tests}` found something: see above");
    }
    for line in &summary {
        println!("{line}");
    }
    let operations: u64 = summary.iter().filter_map(|line| operations_in(line)).sum();
    println!(
        "store: {operations} operations in all, {} s",
        started.elapsed().as_secs()
    );
    Ok(())
}

fn operations_in(line: &str) -> Option<u64> {
    let (number, _) = line.strip_prefix("store: ")?.split_once(" operations")?;
    number.parse().ok()
}
