//! A Git for the tests of `hyperstar-store`, which export to it and import from it. They never skip.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{apt, shell};

const REMEDY: &str = "install Git (Debian, Ubuntu: `sudo apt-get install git`; Fedora: `sudo dnf \
    install git`; macOS: `brew install git`)";

/// Finds Git and prints its version. Where there is none, and where we may, installs it.
pub(crate) fn run() -> Result<()> {
    if shell::find_on_path("git").is_none() {
        apt::install("git", "no Git found", REMEDY)?;
    }
    let mut command = Command::new("git");
    command.arg("--version");
    println!("{}", shell::read(command).context(REMEDY)?.trim());
    Ok(())
}
