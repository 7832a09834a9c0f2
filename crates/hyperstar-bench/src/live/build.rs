//! What the framework takes to compile.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::machine;
use crate::table::Table;

/// Builds `hyperstar` into an empty folder and counts what it depends on.
pub(crate) fn report() -> Result<()> {
    let mut table = Table::new(&[
        "`hyperstar`",
        "dependencies",
        "clean build s",
        "its CPU s",
        "clean release build s",
        "its CPU s",
    ]);
    for (name, features) in [
        ("default features", &[][..]),
        ("no default features", &["--no-default-features"][..]),
    ] {
        let dependencies = dependencies(features)?;
        let times = [build(features, &[])?, build(features, &["--release"])?];
        table.row(
            std::iter::once(name.to_owned())
                .chain([dependencies.to_string()])
                .chain(times.into_iter().flatten().map(|s| format!("{s:.0}"))),
        );
    }
    println!(
        "## 5. Compiling\n\nPackages that it depends on, all the way down, without those that only build or test; sources are fetched already.\n\n{table}"
    );
    Ok(())
}

/// Different packages below `hyperstar`.
fn dependencies(features: &[&str]) -> Result<usize> {
    let output = cargo()
        .args([
            "tree",
            "--package",
            "hyperstar",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .args(features)
        .output()?;
    ensure!(
        output.status.success(),
        "`cargo tree` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let packages: BTreeSet<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    // One of them is `hyperstar` itself.
    Ok(packages.len().saturating_sub(1))
}

/// Seconds of a build from nothing, and of processor time.
fn build(features: &[&str], profile: &[&str]) -> Result<[f64; 2]> {
    let target = tempfile::tempdir().context("cannot make a folder to build in")?;
    let fetched = cargo().arg("fetch").stderr(Stdio::null()).status()?;
    ensure!(fetched.success(), "`cargo fetch` failed");
    let (began, cpu_s) = (Instant::now(), machine::children_cpu_s()?);
    let status = cargo()
        .args(["build", "--quiet", "--package", "hyperstar"])
        .args(features)
        .args(profile)
        .env("CARGO_TARGET_DIR", target.path())
        .status()?;
    ensure!(status.success(), "`cargo build` failed");
    Ok([
        began.elapsed().as_secs_f64(),
        machine::children_cpu_s()? - cpu_s,
    ])
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    command
}
