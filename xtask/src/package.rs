//! What `cargo publish` would upload, for each crate that is published: checked, not uploaded.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::shell;

/// The crate whose package carries the Datastar browser bundle.
const CARRIER: &str = "hyperstar-datastar";

/// Where a bundle that the build script has found goes: out of Git, into the package.
const BUNDLE: [(&str, &str); 2] = [
    ("datastar.js", "assets/datastar.js"),
    ("datastar.LICENSE.md", "assets/datastar.LICENSE.md"),
];

/// Puts the browser bundle where it is packaged from, then checks that each package holds what it
/// needs.
pub(crate) fn run() -> Result<()> {
    place_bundle()?;
    for name in published()? {
        let mut command = shell::cargo(["package", "--list", "--allow-dirty", "--package"]);
        command.arg(&name);
        let text = shell::read(command)?;
        let files: Vec<&str> = text.lines().collect();
        let bundle = BUNDLE
            .iter()
            .map(|(_, asset)| *asset)
            .filter(|_| name == CARRIER);
        let is_program = files.contains(&"src/main.rs");
        let root = if is_program {
            "src/main.rs"
        } else {
            "src/lib.rs"
        };
        for file in ["Cargo.toml", "README.md", root].into_iter().chain(bundle) {
            ensure!(
                files.contains(&file),
                "the package of `{name}` would not hold `{file}`; `cargo package --list --package \
                 {name}` shows what it would hold"
            );
        }
        println!("{name}: {} files", files.len());
    }
    Ok(())
}

/// The build script finds and checks the bundle, wherever it comes from; we copy what it found.
fn place_bundle() -> Result<()> {
    let mut command = shell::cargo(["check", "--package", CARRIER, "--features", "embed"]);
    command.args(["--message-format", "json-render-diagnostics"]);
    let text = shell::read(command)?;
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut ran = messages.filter(|message| {
        let id = message["package_id"].as_str().unwrap_or_default();
        message["reason"] == "build-script-executed" && id.contains(CARRIER)
    });
    let out = ran
        .next()
        .and_then(|message| message["out_dir"].as_str().map(PathBuf::from));
    let out = out.with_context(|| format!("the build script of `{CARRIER}` did not run"))?;
    let folder = shell::root().join("crates").join(CARRIER);
    for (found, asset) in BUNDLE {
        let (from, to) = (out.join(found), folder.join(asset));
        std::fs::copy(&from, &to).with_context(|| format!("copy {}", shell::shown(&from)))?;
        println!("placed {}", shell::shown(&to));
    }
    Ok(())
}

/// The crates that may be published.
fn published() -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Member>,
    }
    #[derive(Deserialize)]
    struct Member {
        name: String,
        /// Absent if it may go anywhere, empty if nowhere.
        publish: Option<Vec<String>>,
    }
    let text = shell::read(shell::cargo([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
    ]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("read `cargo metadata`")?;
    let packages = metadata.packages.into_iter();
    Ok(packages
        .filter(|one| one.publish.is_none())
        .map(|one| one.name)
        .collect())
}
