//! The tree of packages that one package really builds with, as `cargo tree` resolves it: the
//! features are those of this package alone, not those the workspace as a whole would switch on.

use anyhow::{Context, Result};

use crate::shell;

/// Which features a tree is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Features {
    /// No features.
    None,
    /// What `cargo add` gives.
    Default,
    /// Every feature.
    All,
}

impl Features {
    /// The cargo arguments that select these features.
    pub(crate) fn args(self) -> &'static [&'static str] {
        match self {
            Features::None => &["--no-default-features"],
            Features::Default => &[],
            Features::All => &["--all-features"],
        }
    }

    /// These features in a sentence.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Features::None => "without default features",
            Features::Default => "with its default features",
            Features::All => "with all features",
        }
    }
}

/// One package of a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) features: Vec<String>,
}

/// All packages that `package` needs for building and running (not for its tests), sorted, each
/// once; `package` itself is among them.
pub(crate) fn packages(package: &str, features: Features) -> Result<Vec<Package>> {
    let mut command = shell::cargo(["tree", "--package", package]);
    command.args(["--edges", "normal,build", "--prefix", "none", "--no-dedupe"]);
    command.args(["--format", "{p}|{f}"]).args(features.args());
    let text = shell::read(command).with_context(|| format!("the tree of `{package}`"))?;
    Ok(parse(&text))
}

fn parse(text: &str) -> Vec<Package> {
    let mut packages: Vec<Package> = text
        .lines()
        .filter_map(|line| {
            let (package, features) = line.split_once('|')?;
            let name = package.split_whitespace().next()?.to_owned();
            let features = features
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            Some(Package {
                name,
                features: features.map(str::to_owned).collect(),
            })
        })
        .collect();
    packages.sort();
    packages.dedup();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read() {
        let packages = parse("a v0.1.0 (path)|\nb v1.2.3|default,net\nb v1.2.3|default,net\n");
        let shown: Vec<_> = packages
            .iter()
            .map(|one| format!("{}:{}", one.name, one.features.join("+")))
            .collect();
        assert_eq!(shown, ["a:", "b:default+net"]);
    }
}
