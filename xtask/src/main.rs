//! The automation of this repository: `cargo xtask ci` is exactly what CI runs, and each of its
//! checks can be run alone. Nothing here is published, and no other crate may depend on it.

mod apt;
mod bench;
mod browser;
mod ci;
mod deny;
mod git;
mod layers;
mod lean;
mod links;
mod package;
mod shell;
mod soak;
mod testing;
mod tree;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "The automation of this repository",
    version
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that CI runs; or only the steps that are named
    Ci(ci::Args),
    /// Check which crate may depend on which
    Layers,
    /// Check that the cores build without the operating system and without C
    Lean,
    /// Check dependencies: licences, sources, bans, advisories
    Deny,
    /// Check the relative links and anchors of every Markdown file
    Links,
    /// Make sure that a Chromium is there for the browser tests
    Browser,
    /// Run a benchmark: `cargo xtask bench <name> [args..]`
    Bench(bench::Args),
    /// Run a test for long: `cargo xtask soak broadcast --gb 20`
    Soak(soak::Args),
    /// Place the browser bundle, and check what `cargo publish` would put into each package
    Package,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Ci(args) => ci::run(&args),
        Command::Layers => layers::run(),
        Command::Lean => lean::run(),
        Command::Deny => deny::run(),
        Command::Links => links::run(),
        Command::Browser => browser::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Package => package::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
