//! `hyperstar`: the command line.
//!
//! What is promised:
//! - **What it shows cannot harm a terminal.** Control characters in paths, messages and values are
//!   escaped.
//! - **Looking changes nothing.** A command that reads lets nothing of a history go, and no command but
//!   `import --create` makes a store.
//! - **Scripts can rely on it**: results go to the standard output, all else to the standard error; 0 is
//!   success, 1 a failure, 2 a wrong usage; `--json` where there are data.

mod json;
mod out;
mod progress;
mod store;
mod text;
mod time;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::out::{Out, OutputError};
use crate::text::Safe;

/// Looks into stores and looks after them.
#[derive(Parser)]
#[command(name = "hyperstar", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Store(store::Args),
    /// Print the script that completes commands in a shell
    #[command(
        after_help = "Examples:\n  hyperstar completions bash > ~/.local/share/bash-completion/completions/hyperstar\n  \
                      hyperstar completions fish > ~/.config/fish/completions/hyperstar.fish"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.command) {
        Ok(code) => code,
        // Who reads has seen enough, as `head` has.
        Err(error) if error.downcast_ref().is_some_and(OutputError::is_closed) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            match &cli.command {
                Command::Store(args) => args.failure(),
                Command::Completions { .. } => ExitCode::FAILURE,
            }
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    let mut out = Out::stdout();
    let code = match command {
        Command::Store(args) => args.run(&mut out)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "hyperstar", &mut script);
            out.bytes(&script)?;
            ExitCode::SUCCESS
        }
    };
    out.finish()?;
    Ok(code)
}

/// Says why on the standard error, each cause once.
fn complain(error: &anyhow::Error) {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Most errors of the store say their cause in their own sentence.
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    let mut stderr = io::stderr().lock();
    let mut start = "error: ";
    for line in text.lines() {
        // Nobody is left to tell if this fails.
        let _ = writeln!(stderr, "{start}{}", Safe(line));
        start = "";
    }
}
