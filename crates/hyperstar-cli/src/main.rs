//! `hyperstar`: the command line.
//!
//! What is promised:
//! - **What it shows cannot harm a terminal.** Control characters in paths, messages and values are
//!   escaped.
//! - **Looking changes nothing.** A command that reads lets nothing of a history go, and no command but
//!   `import --create` makes a store.
//! - **Scripts can rely on it**: results go to the standard output, all else to the standard error; 0 is
//!   success, 1 a failure, 2 a wrong usage; `--json` where there are data.

mod background;
mod bs;
mod build;
mod demo;
mod grant;
mod home;
mod inject;
mod install;
mod json;
mod logs;
mod new;
mod node;
mod out;
mod progress;
mod ps;
mod run;
mod start;
mod store;
mod test;
mod text;
mod time;
mod view_api;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::out::{Out, OutputError};
use crate::text::Safe;

/// Makes apps, runs them on a node, and looks after what they keep
#[derive(Parser)]
#[command(name = "hyperstar", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::Args),
    #[command(visible_alias = "b")]
    Build(build::Args),
    Run(run::Args),
    Bs(bs::Args),
    #[command(visible_alias = "run-tests")]
    Test(test::Args),
    Demo(demo::Args),
    Node(node::Args),
    Install(install::Args),
    #[command(visible_alias = "s")]
    Start(start::Start),
    Stop(start::Stop),
    #[command(visible_alias = "r")]
    Remove(start::Remove),
    #[command(visible_alias = "i")]
    Inject(inject::Args),
    Logs(logs::Args),
    Ps(ps::Args),
    ViewApi(view_api::Args),
    Grant(grant::Grant),
    Grants(grant::Grants),
    Revoke(grant::Revoke),
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
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    let mut out = Out::stdout();
    match command {
        Command::New(args) => args.run(&mut out),
        Command::Build(args) => args.run(&mut out),
        Command::Run(args) => args.run(),
        Command::Bs(args) => args.run(&mut out),
        Command::Test(args) => args.run(&mut out),
        Command::Demo(args) => args.run(&mut out),
        Command::Node(args) => args.run(&mut out),
        Command::Install(args) => args.run(&mut out),
        Command::Start(args) => args.run(&mut out),
        Command::Stop(args) => args.run(&mut out),
        Command::Remove(args) => args.run(&mut out),
        Command::Inject(args) => args.run(&mut out),
        Command::Logs(args) => args.run(&mut out),
        Command::Ps(args) => args.run(&mut out),
        Command::ViewApi(args) => args.run(&mut out),
        Command::Grant(args) => args.run(&mut out),
        Command::Grants(args) => args.run(&mut out),
        Command::Revoke(args) => args.run(&mut out),
        Command::Store(args) => {
            let code = args.run(&mut out)?;
            out.finish()?;
            return Ok(code);
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "hyperstar", &mut script);
            Ok(out.bytes(&script)?)
        }
    }?;
    out.finish()?;
    Ok(ExitCode::SUCCESS)
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
