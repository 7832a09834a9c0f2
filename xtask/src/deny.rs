//! `cargo deny` over `deny.toml`: licences, sources and bans always; advisories when their
//! database can be reached, and if not, said loudly.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell;

/// The version that is installed where there is none.
const VERSION: &str = "0.20.2";

/// Checks the dependencies.
pub(crate) fn run() -> Result<()> {
    let deny = find_or_install()?;
    // Duplicates are warnings and there are always some: `cargo deny check` shows them.
    let check = [
        "--log-level",
        "error",
        "--all-features",
        "check",
        "--hide-inclusion-graph",
    ];
    let mut command = at_root(&deny);
    command.args(check).args(["bans", "licenses", "sources"]);
    shell::run(command)?;

    let mut fetch = at_root(&deny);
    // A network that swallows packets must not hold the checks up.
    fetch
        .args(["fetch", "db"])
        .env("CARGO_HTTP_TIMEOUT", "20")
        .env("GIT_TERMINAL_PROMPT", "0");
    match shell::run(fetch) {
        Ok(()) => {
            let mut command = at_root(&deny);
            command.args(check).args(["--disable-fetch", "advisories"]);
            shell::run(command)
        }
        Err(error) => {
            println!("**************************************************************************");
            println!("* ADVISORIES WERE NOT CHECKED: their database could not be fetched.       *");
            println!("* {error}");
            println!("**************************************************************************");
            Ok(())
        }
    }
}

fn at_root(deny: &Path) -> Command {
    let mut command = Command::new(deny);
    command.current_dir(shell::root());
    command
}

/// `cargo-deny` from the tool folder or from `PATH`; else it is built into the tool folder, which
/// lies in the target folder so that it is cached with it.
fn find_or_install() -> Result<PathBuf> {
    let tools = target_folder()?.join("tools");
    let installed = tools.join("bin").join("cargo-deny");
    if installed.is_file() {
        return Ok(installed);
    }
    if let Some(found) = shell::find_on_path("cargo-deny") {
        return Ok(found);
    }
    println!(
        "no cargo-deny: building {VERSION} into {}",
        shell::shown(&tools)
    );
    let mut command = shell::cargo(["install", "cargo-deny", "--version", VERSION, "--locked"]);
    // An optimised build takes minutes longer than it would ever save.
    command
        .args(["--debug", "--root"])
        .arg(&tools)
        .arg("--target-dir")
        .arg(tools.join("build"));
    command
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    shell::run(command).context("install it with `cargo install cargo-deny --locked`")?;
    // The parts it was built from are many times its size.
    std::fs::remove_dir_all(tools.join("build")).context("clear the tool's build folder")?;
    Ok(installed)
}

fn target_folder() -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let text = shell::read(shell::cargo([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
    ]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("read `cargo metadata`")?;
    Ok(metadata.target_directory)
}
