//! `cargo xtask ci`: the steps that CI runs, in this order, each with its heading, its time and,
//! if it fails, what to do about it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::{browser, deny, git, layers, lean, links, shell, testing, wasm};

/// The targets of fuzzers, a workspace of their own.
const FUZZ: &str = "fuzz/Cargo.toml";

/// How to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only these steps
    #[arg(value_enum)]
    steps: Vec<Step>,
    /// Go on after a step that fails
    #[arg(long)]
    keep_going: bool,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    Fmt,
    Layers,
    Links,
    Deny,
    Clippy,
    Lean,
    Docs,
    Browser,
    Git,
    Wasm,
    Tests,
}

impl Step {
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn title(self) -> &'static str {
        match self {
            Step::Fmt => "the code is formatted",
            Step::Layers => "no crate depends on what it should not know",
            Step::Links => "no dead links in the Markdown files",
            Step::Deny => "licences, sources and bans of the dependencies",
            Step::Clippy => "clippy finds nothing",
            Step::Lean => "the cores build without C and without an operating system",
            Step::Docs => "the documentation builds without warnings",
            Step::Browser => "a Chromium is there",
            Step::Git => "a Git is there",
            Step::Wasm => "components can be built",
            Step::Tests => "all tests pass, in the browser too",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Step::Fmt => "run `cargo fmt --all`, in `fuzz` as well",
            Step::Layers => "each broken rule above says what to do",
            Step::Links => "correct the links above, or the files and headings they mean",
            Step::Deny => "replace the dependency, or justify an exception in deny.toml",
            Step::Clippy => "run `cargo clippy --workspace --all-targets --all-features`",
            Step::Lean => "run `cargo xtask lean`",
            Step::Docs => {
                "run `RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace --all-features`"
            }
            Step::Browser => "install Chromium, or name it in the environment variable CHROMIUM",
            Step::Git => "install Git",
            Step::Wasm => "run `rustup target add wasm32-unknown-unknown`",
            Step::Tests => {
                "run a failing test alone: `cargo test -p <crate> --all-features <name>`"
            }
        }
    }

    fn run(self) -> Result<()> {
        match self {
            Step::Fmt => {
                shell::run(shell::cargo(["fmt", "--all", "--", "--check"]))?;
                let mut fuzz = shell::cargo(["fmt", "--manifest-path", FUZZ]);
                fuzz.args(["--", "--check"]);
                shell::run(fuzz)
            }
            Step::Layers => layers::run(),
            Step::Links => links::run(),
            Step::Deny => deny::run(),
            Step::Clippy => {
                let mut command = shell::cargo(["clippy", "--workspace", "--all-targets"]);
                command.args(["--all-features", "--", "--deny", "warnings"]);
                shell::run(command)?;
                let mut fuzz = shell::cargo(["clippy", "--locked", "--manifest-path", FUZZ]);
                fuzz.args(["--target-dir", "target", "--", "--deny", "warnings"]);
                shell::run(fuzz)
            }
            Step::Lean => lean::run(),
            Step::Docs => {
                let mut command = shell::cargo(["doc", "--no-deps", "--workspace"]);
                command
                    .arg("--all-features")
                    .env("RUSTDOCFLAGS", "-Dwarnings");
                shell::run(command)
            }
            Step::Browser => browser::run(),
            Step::Git => git::run(),
            Step::Wasm => wasm::run(),
            Step::Tests => testing::run(),
        }
    }
}

/// Runs the steps.
pub(crate) fn run(args: &Args) -> Result<()> {
    let steps = if args.steps.is_empty() {
        Step::value_variants()
    } else {
        &args.steps
    };
    let mut report = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!(
            "\n==> [{}/{}] {}: {}",
            index + 1,
            steps.len(),
            step.name(),
            step.title()
        );
        let start = Instant::now();
        let result = step.run();
        let elapsed = start.elapsed();
        match &result {
            Ok(()) => println!("<== {} ok, {}", step.name(), seconds(elapsed)),
            Err(error) => {
                println!("<== {} FAILED, {}", step.name(), seconds(elapsed));
                println!("    error:  {error:#}");
                println!("    remedy: {}", step.remedy());
            }
        }
        let failed = result.is_err();
        report.push((*step, Some((failed, elapsed))));
        if failed && !args.keep_going {
            report.extend(steps[index + 1..].iter().map(|step| (*step, None)));
            break;
        }
    }
    print_summary(&report);
    let failed: Vec<String> = report
        .iter()
        .filter(|(_, outcome)| outcome.is_some_and(|(failed, _)| failed))
        .map(|(step, _)| step.name())
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn print_summary(report: &[(Step, Option<(bool, Duration)>)]) {
    println!("\n{:<10} {:<8} {:>9}", "step", "result", "time");
    let mut total = Duration::ZERO;
    for (step, outcome) in report {
        let (result, time) = match outcome {
            Some((failed, elapsed)) => {
                total += *elapsed;
                (if *failed { "FAILED" } else { "ok" }, seconds(*elapsed))
            }
            None => ("not run", String::new()),
        };
        println!("{:<10} {result:<8} {time:>9}", step.name());
    }
    println!("{:<10} {:<8} {:>9}", "total", "", seconds(total));
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
