//! What WebAssembly components are built with, and that the SDK and the examples compile for it.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell;

const TARGET: &str = "wasm32-unknown-unknown";
/// What has to compile for it: the SDK, and the apps that are written with it.
const PACKAGES: [&str; 6] = [
    "hyperstar-process",
    "counter",
    "life",
    "todo",
    "chat",
    "bank",
];
/// Workspaces of their own, whose crates are components.
const GUESTS: [&str; 3] = [
    "crates/hyperstar-node/tests/guests/Cargo.toml",
    "crates/hyperstar-node/tests/apps/Cargo.toml",
    "crates/hyperstar-build/tests/fixtures/Cargo.toml",
];

/// Sees to the target, and checks what components are made of.
pub(crate) fn run() -> Result<()> {
    if !is_installed()? {
        println!("installing the target {TARGET}");
        let mut rustup = std::process::Command::new("rustup");
        rustup.args(["target", "add", TARGET]);
        if let Err(error) = shell::run(rustup) {
            bail!("{error:#}: the tests that build components need the target {TARGET}");
        }
    }
    let mut check = shell::cargo(["check", "--target", TARGET]);
    for package in PACKAGES {
        check.args(["--package", package]);
    }
    shell::run(check)?;
    for manifest in GUESTS {
        let mut fmt = shell::cargo(["fmt", "--all", "--manifest-path", manifest]);
        fmt.args(["--", "--check"]);
        shell::run(fmt)?;
    }
    Ok(())
}

fn is_installed() -> Result<bool> {
    let output = std::process::Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("`rustc --print sysroot` cannot be run")?;
    let sysroot = String::from_utf8(output.stdout).context("the sysroot is no text")?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET);
    Ok(libraries.is_dir())
}
