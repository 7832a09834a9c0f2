//! `cargo xtask soak <what>`: a test that goes on for long, built for release.

use anyhow::Result;

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
}

/// Runs it; the last lines say how much was done.
pub(crate) fn run(args: &Args) -> Result<()> {
    match args.what {
        What::Broadcast { gb, seed } => broadcast(gb, seed),
    }
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
