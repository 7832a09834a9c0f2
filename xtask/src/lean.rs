//! The cores build without their default features, and what they then build with has no C library
//! and asks nothing of an operating system. That is what lets an app boot with nothing under it.

use anyhow::{Result, bail};

use crate::layers::OS_FEATURES;
use crate::shell;
use crate::tree::{self, Features, Package};

/// The crates that must build without their default features.
const CRATES: [&str; 4] = [
    "hyperstar-sse",
    "hyperstar-datastar",
    "hyperstar-store",
    "hyperstar",
];

/// Packages that are or compile C, beside all whose name ends in `-sys`.
const C_PACKAGES: &[&str] = &[
    "aws-lc-rs",
    "bindgen",
    "cc",
    "cmake",
    "openssl",
    "pkg-config",
    "ring",
    "zstd-safe",
];

/// Packages whose name ends in `-sys` and that are declarations only.
const NOT_C: &[&str] = &["js-sys", "linux-raw-sys", "web-sys", "windows-sys"];

/// Checks each core.
pub(crate) fn run() -> Result<()> {
    let mut broken = 0;
    for name in CRATES {
        let packages = tree::packages(name, Features::None)?;
        for found in check(&packages) {
            eprintln!("  {name} -> {found}");
            broken += 1;
        }
        println!(
            "{name} without default features: {} packages",
            packages.len()
        );
    }
    if broken > 0 {
        bail!(
            "{broken} package(s) or feature(s) in a core that must need no C and no operating \
             system; make the dependency optional, behind a default feature"
        );
    }
    for name in CRATES {
        shell::run(shell::cargo([
            "check",
            "--package",
            name,
            "--no-default-features",
        ]))?;
    }
    Ok(())
}

fn check(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for Package { name, features } in packages {
        let is_c = C_PACKAGES.contains(&name.as_str())
            || name.ends_with("-sys") && !NOT_C.contains(&name.as_str());
        if is_c {
            found.push(format!("{name} (C)"));
        }
        if name == "tokio" {
            let os = features
                .iter()
                .filter(|one| OS_FEATURES.contains(&one.as_str()));
            found.extend(os.map(|one| format!("tokio/{one} (operating system)")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_and_the_operating_system_are_found() {
        let package = |name: &str, features: &str| Package {
            name: name.to_owned(),
            features: features.split(',').map(str::to_owned).collect(),
        };
        let tree = [
            package("zstd-sys", ""),
            package("ring", ""),
            package("windows-sys", ""),
            package("bytes", "net"),
            package("tokio", "rt,net,sync,fs"),
        ];
        assert_eq!(
            check(&tree),
            [
                "zstd-sys (C)",
                "ring (C)",
                "tokio/net (operating system)",
                "tokio/fs (operating system)",
            ]
        );
    }
}
