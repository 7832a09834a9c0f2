//! `cargo xtask bench <name> [args..]`: the benchmarks of `hyperstar-bench`, built for release.

use anyhow::Result;

use crate::shell;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The benchmark's name, then its own arguments; `help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// Builds and runs a benchmark.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut command = shell::cargo(["run", "--release", "--package", "hyperstar-bench", "--"]);
    command.args(&args.command);
    shell::run(command)
}
