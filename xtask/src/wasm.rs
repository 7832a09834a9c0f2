//! What WebAssembly components are built with, and that the SDK and the examples compile for it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{apt, shell};

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
/// What other apps may call.
const CALLED: [&str; 2] = ["counter", "bank"];
/// Its version: what it makes crosses the border, so it is the same everywhere.
const COMPONENTIZE_PY: &str = "0.25.1";
const PYTHON_REMEDY: &str = "the test of an app in Python needs Python 3 with `venv`, and componentize-py: name it in \
    the environment variable COMPONENTIZE_PY if it cannot be installed here";
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
        let mut rustup = Command::new("rustup");
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
    // What calls them takes their clients alone: no handlers, no pages.
    let mut clients = shell::cargo(["check", "--target", TARGET, "--lib"]);
    clients.args(["--no-default-features", "--features", "client"]);
    for package in CALLED {
        clients.args(["--package", package]);
    }
    shell::run(clients)?;
    for manifest in GUESTS {
        let mut fmt = shell::cargo(["fmt", "--all", "--manifest-path", manifest]);
        fmt.args(["--", "--check"]);
        shell::run(fmt)?;
    }
    componentize_py()
}

/// Sees to what makes components of Python, for the test of an app in another language.
fn componentize_py() -> Result<()> {
    let folder = Path::new("target/tools/python");
    let tool = folder.join("bin/componentize-py");
    let is_there = || {
        let mut version = Command::new(&tool);
        version.arg("--version");
        shell::read(version).is_ok_and(|text| text.trim().ends_with(COMPONENTIZE_PY))
    };
    if std::env::var_os("COMPONENTIZE_PY").is_none() && !is_there() {
        println!(
            "installing componentize-py {COMPONENTIZE_PY} into {}",
            folder.display()
        );
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(folder);
        if shell::run(venv).is_err() {
            apt::install("python3-venv", "no Python with `venv` found", PYTHON_REMEDY)?;
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv", "--clear"]).arg(folder);
            shell::run(venv).context(PYTHON_REMEDY)?;
        }
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        pip.arg(format!("componentize-py=={COMPONENTIZE_PY}"));
        shell::run(pip).context(PYTHON_REMEDY)?;
    }
    Ok(())
}

fn is_installed() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .context("`rustc --print sysroot` cannot be run")?;
    let sysroot = String::from_utf8(output.stdout).context("the sysroot is no text")?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET);
    Ok(libraries.is_dir())
}
