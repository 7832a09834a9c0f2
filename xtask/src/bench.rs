//! `cargo xtask bench <name> [args..]`: the benchmarks of `hyperstar-bench`, built for release.

use anyhow::Result;

use crate::shell;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The benchmark's name, then its own arguments; `node` or what `help` lists
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// What is built with the feature of its name: it takes a compiler of components, which the others do without.
const NODE: &str = "node";

/// Builds and runs a benchmark.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut command = shell::cargo(["run", "--release", "--package", "hyperstar-bench"]);
    if args.command.first().is_some_and(|name| name == NODE) {
        command.args(["--features", NODE]);
    }
    command.arg("--").args(&args.command);
    shell::run(command)
}
