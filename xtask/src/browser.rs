//! A Chromium for the browser tests. They never skip: without a browser they fail, and their
//! message names `cargo xtask browser`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{apt, shell};

/// The names under which a Chromium may be on `PATH`; `hyperstar-e2e` looks for the same.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

const REMEDY: &str = "install Chromium (Debian, Ubuntu: `sudo apt-get install chromium`; Fedora: \
    `sudo dnf install chromium`; macOS: `brew install --cask chromium`), or let the environment \
    variable CHROMIUM name its executable";

/// Finds a Chromium and prints its version. Where there is none, and where we may, installs it.
pub(crate) fn run() -> Result<()> {
    let chromium = match find()? {
        Some(path) => path,
        None => {
            install()?;
            find()?.context("Chromium was installed, but is not on PATH")?
        }
    };
    let mut command = Command::new(&chromium);
    command.arg("--version").stderr(std::process::Stdio::null());
    let output = command
        .output()
        .with_context(|| format!("run {}", chromium.display()))?;
    let version = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || version.trim().is_empty() {
        bail!(
            "`{} --version` failed ({}); {REMEDY}",
            chromium.display(),
            output.status
        );
    }
    println!("browser: {} ({})", version.trim(), chromium.display());
    Ok(())
}

fn find() -> Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os("CHROMIUM").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!(
                "CHROMIUM names `{}`, which is not a file; {REMEDY}",
                path.display()
            );
        }
        return Ok(Some(path));
    }
    Ok(NAMES.iter().find_map(|name| shell::find_on_path(name)))
}

/// Installs Debian's Chromium, where we may.
fn install() -> Result<()> {
    let missing = format!(
        "no Chromium found (looked for CHROMIUM, {})",
        NAMES.join(", ")
    );
    apt::install("chromium", &missing, REMEDY)
}
