//! What `cargo publish` would upload, for each crate that is published: checked, not uploaded.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::shell;

/// Files without which a package would be of no use to the people who get it.
const NEEDED: &[(&str, &[&str])] = &[("hyperstar-datastar", &["assets/datastar.js"])];

/// Lists each package, and checks that it holds what it needs.
pub(crate) fn run() -> Result<()> {
    for name in published()? {
        let mut command = shell::cargo(["package", "--list", "--allow-dirty", "--package"]);
        command.arg(&name);
        let text = shell::read(command)?;
        let files: Vec<&str> = text.lines().collect();
        let needed = NEEDED
            .iter()
            .filter(|(package, _)| *package == name)
            .flat_map(|(_, all)| *all);
        for file in ["Cargo.toml", "src/lib.rs"].iter().chain(needed) {
            ensure!(
                files.contains(file),
                "the package of `{name}` would not hold `{file}`; `cargo package --list --package \
                 {name}` shows what it would hold"
            );
        }
        println!("{name}: {} files", files.len());
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
