//! Which crate may depend on which. A layer that grows a dependency it should not have still
//! compiles, so nothing else would notice: this does, from `cargo metadata` and `cargo tree`.
//!
//! The rules are the tables at the top. A new crate or a new edge gets a row here and a line in
//! ARCHITECTURE.md that justifies it.

use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell;
use crate::tree::{self, Features, Package};

/// What each crate under `crates/` may use of this workspace. Dev-dependencies count too.
const EDGES: &[(&str, Uses)] = &[
    ("hyperstar-sse", Uses::Only(&[])),
    ("hyperstar-collections", Uses::Only(&[])),
    ("hyperstar-kernel", Uses::Only(&[])),
    ("hyperstar-interface", Uses::Only(&[])),
    ("hyperstar-build", Uses::Only(&[])),
    ("hyperstar-store", Uses::Only(&["hyperstar-collections"])),
    ("hyperstar-datastar", Uses::Only(&["hyperstar-sse"])),
    // The process is where expansions compile: the macros' tests need it, the macros do not.
    (
        "hyperstar-macros",
        Uses::Only(&["hyperstar-interface", "hyperstar-process"]),
    ),
    (
        "hyperstar-process",
        // The store is for its tests: what a process writes, the owner reads there.
        Uses::Only(&[
            "hyperstar-collections",
            "hyperstar-datastar",
            "hyperstar-interface",
            "hyperstar-macros",
            "hyperstar-store",
        ]),
    ),
    (
        "hyperstar",
        Uses::Only(&[
            "hyperstar-datastar",
            "hyperstar-process",
            "hyperstar-sse",
            "hyperstar-store",
        ]),
    ),
    (
        "hyperstar-native",
        Uses::Only(&[
            "hyperstar",
            "hyperstar-interface",
            "hyperstar-kernel",
            "hyperstar-process",
            "hyperstar-store",
        ]),
    ),
    // The build is for its tests, which build the guests that they run.
    (
        "hyperstar-node",
        Uses::Only(&[
            "hyperstar",
            "hyperstar-build",
            "hyperstar-interface",
            "hyperstar-native",
            "hyperstar-process",
            "hyperstar-store",
        ]),
    ),
    (
        "hyperstar-cli",
        Uses::Only(&[
            "hyperstar-build",
            "hyperstar-interface",
            "hyperstar-native",
            "hyperstar-node",
            "hyperstar-store",
        ]),
    ),
    ("hyperstar-bench", Uses::Anything),
    ("hyperstar-bench-busy", Uses::Only(&["hyperstar-process"])),
    (
        "hyperstar-bench-counter",
        Uses::Only(&["hyperstar-process"]),
    ),
    ("hyperstar-bench-kept", Uses::Only(&["hyperstar-process"])),
    ("hyperstar-e2e", Uses::Anything),
    ("xtask", Uses::Only(&[])),
];

/// What an app may use of this workspace: what its reader could use too, and other apps.
const APP_EDGES: &[&str] = &[
    "hyperstar",
    "hyperstar-datastar",
    "hyperstar-native",
    "hyperstar-process",
    "hyperstar-store",
];

/// Crates that may not depend directly on a package, unless they are its one place.
const ONE_PLACE: &[OnePlace] = &[
    OnePlace {
        package: "redb",
        allowed: &["hyperstar-store", "hyperstar-bench"],
        why: "the store hides its backend, so that it can be swapped and made to fail",
    },
    OnePlace {
        package: "wasmtime",
        allowed: &["hyperstar-node", "hyperstar-bench"],
        why: "a host drives programs, whatever they are made of",
    },
];

/// What the whole tree of a crate must be free of.
const ABSENCES: &[Absence] = &[
    Absence {
        crates: &[
            "hyperstar",
            "hyperstar-collections",
            "hyperstar-datastar",
            "hyperstar-interface",
            "hyperstar-kernel",
            "hyperstar-macros",
            "hyperstar-native",
            "hyperstar-process",
            "hyperstar-sse",
            "hyperstar-store",
        ],
        features: Features::All,
        packages: &["wasmtime", "iroh"],
        tokio: &[],
        why: "the framework compiles without a WebAssembly host and without a peer-to-peer network",
    },
    Absence {
        crates: &["hyperstar-sse", "hyperstar-datastar", "hyperstar-store"],
        features: Features::Default,
        packages: &["axum", "hyper", "hyper-util", "mio", "socket2"],
        tokio: OS_FEATURES,
        why: "the lower layers know no server and open no sockets",
    },
    Absence {
        crates: &["hyperstar-kernel"],
        features: Features::All,
        packages: &["tokio", "getrandom", "tracing"],
        tokio: &[],
        why: "the kernel is a pure state machine, so that a simulator can run whole networks of it",
    },
];

/// The features of tokio that need an operating system below.
pub(crate) const OS_FEATURES: &[&str] = &["fs", "net", "process", "signal", "full"];

/// Checks the workspace, and says all that is wrong with it at once.
pub(crate) fn run() -> Result<()> {
    let crates = read_workspace()?;
    let mut broken = check_edges(&crates);
    for absence in ABSENCES {
        for name in absence.crates.iter().copied() {
            let packages = tree::packages(name, absence.features)?;
            broken.extend(check_absence(absence, name, &packages));
        }
    }
    if broken.is_empty() {
        println!("layers: {} crates keep their places", crates.len());
        return Ok(());
    }
    for one in &broken {
        eprintln!("{one}\n");
    }
    bail!("{} broken layer rule(s)", broken.len())
}

/// What a crate may use of the workspace.
enum Uses {
    Only(&'static [&'static str]),
    Anything,
}

struct OnePlace {
    package: &'static str,
    allowed: &'static [&'static str],
    why: &'static str,
}

struct Absence {
    crates: &'static [&'static str],
    features: Features,
    packages: &'static [&'static str],
    tokio: &'static [&'static str],
    why: &'static str,
}

/// A crate of the workspace and what its manifest declares.
#[derive(Debug)]
struct Crate {
    name: String,
    is_app: bool,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// Absent for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
}

/// A broken rule: the edge, the rule, and what to do.
#[derive(Debug)]
struct Broken {
    from: String,
    to: String,
    rule: String,
    remedy: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Broken {
            from,
            to,
            rule,
            remedy,
        } = self;
        write!(
            f,
            "  {from} -> {to}\n    rule:   {rule}\n    remedy: {remedy}"
        )
    }
}

/// The edges between the crates of the workspace, and the packages with one place.
fn check_edges(crates: &[Crate]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for one in crates {
        let rule = EDGES
            .iter()
            .find(|(name, _)| *name == one.name)
            .map(|(_, uses)| uses);
        if rule.is_none() && !one.is_app {
            broken.push(Broken {
                from: one.name.clone(),
                to: "?".to_owned(),
                rule: "every crate has its place among the layers".to_owned(),
                remedy: "give it a row in xtask/src/layers.rs and a line in ARCHITECTURE.md".into(),
            });
            continue;
        }
        for dependency in &one.dependencies {
            let own = crates.iter().find(|other| other.name == dependency.name);
            let allowed = match own {
                // A crate may turn on its own features for its tests.
                Some(other) if other.name == one.name => true,
                Some(other) => match rule {
                    Some(Uses::Anything) => other.name != "xtask",
                    Some(Uses::Only(names)) => names.contains(&other.name.as_str()),
                    None => other.is_app || APP_EDGES.contains(&other.name.as_str()),
                },
                None => true,
            };
            if !allowed {
                broken.push(Broken {
                    from: shown(one, dependency),
                    to: dependency.name.clone(),
                    rule: edge_rule(one, rule),
                    remedy: format!(
                        "move the code to the layer that may know both, or remove `{}` from the \
                         manifest of `{}`",
                        dependency.name, one.name
                    ),
                });
            }
            let place = ONE_PLACE
                .iter()
                .find(|place| place.package == dependency.name);
            if let Some(place) = place.filter(|place| !place.allowed.contains(&one.name.as_str())) {
                broken.push(Broken {
                    from: shown(one, dependency),
                    to: dependency.name.clone(),
                    rule: format!("`{}` is only in {}", place.package, list(place.allowed)),
                    remedy: format!("go through {}: {}", place.allowed[0], place.why),
                });
            }
        }
    }
    broken
}

fn check_absence(absence: &Absence, name: &str, packages: &[Package]) -> Vec<Broken> {
    let features = absence.features;
    let arguments = features.args().join(" ");
    let mut broken = Vec::new();
    for package in packages {
        let found = &package.name;
        // `wasmtime` stands for `wasmtime-runtime` and the rest of its family too.
        let is_it = |banned: &&&str| {
            found == **banned
                || found
                    .strip_prefix(**banned)
                    .is_some_and(|s| s.starts_with('-'))
        };
        if let Some(banned) = absence.packages.iter().find(is_it) {
            broken.push(Broken {
                from: name.to_owned(),
                to: found.clone(),
                rule: format!("`{name}` {} builds without `{banned}`: {}", features.shown(), absence.why),
                remedy: format!(
                    "`cargo tree --package {name} --edges normal,build {arguments} --invert {found}` \
                     shows who brings it in"
                ),
            });
        }
        if found == "tokio" {
            let bad: Vec<&str> = package.features.iter().map(String::as_str).collect();
            for feature in bad.into_iter().filter(|one| absence.tokio.contains(one)) {
                broken.push(Broken {
                    from: name.to_owned(),
                    to: format!("tokio/{feature}"),
                    rule: format!(
                        "`{name}` {} builds without tokio's `{feature}`: {}",
                        features.shown(),
                        absence.why
                    ),
                    remedy: format!(
                        "`cargo tree --package {name} --edges features,normal {arguments} --invert \
                         tokio` shows who switches it on"
                    ),
                });
            }
        }
    }
    broken
}

fn shown(one: &Crate, dependency: &Dependency) -> String {
    match dependency.kind.as_deref() {
        Some(kind) => format!("{} ({kind}-dependency)", one.name),
        None => one.name.clone(),
    }
}

fn edge_rule(one: &Crate, rule: Option<&Uses>) -> String {
    match rule {
        Some(Uses::Only([])) => format!("`{}` uses no crate of this workspace", one.name),
        Some(Uses::Only(names)) => {
            format!(
                "of this workspace, `{}` uses only {}",
                one.name,
                list(names)
            )
        }
        Some(Uses::Anything) => "nothing uses `xtask`".to_owned(),
        None => format!(
            "of this workspace, an app uses only {} and other apps",
            list(APP_EDGES)
        ),
    }
}

fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn read_workspace() -> Result<Vec<Crate>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Member>,
    }
    #[derive(Deserialize)]
    struct Member {
        name: String,
        manifest_path: String,
        dependencies: Vec<Dependency>,
    }
    let text = shell::read(shell::cargo([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
    ]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("read `cargo metadata`")?;
    let apps = shell::root().join("apps");
    let crates = metadata.packages.into_iter().map(|member| Crate {
        is_app: std::path::Path::new(&member.manifest_path).starts_with(&apps),
        name: member.name,
        dependencies: member.dependencies,
    });
    Ok(crates.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(edges: &[(&str, &[&str])]) -> Vec<Crate> {
        let mut crates: Vec<Crate> = Vec::new();
        for (name, uses) in edges {
            let (name, is_app) = match name.strip_prefix("apps/") {
                Some(name) => (name, true),
                None => (*name, false),
            };
            let dependencies = uses.iter().map(|text| match text.strip_prefix("dev:") {
                Some(name) => Dependency {
                    name: name.to_owned(),
                    kind: Some("dev".to_owned()),
                },
                None => Dependency {
                    name: (*text).to_owned(),
                    kind: None,
                },
            });
            let dependencies = dependencies.collect();
            crates.push(Crate {
                name: name.to_owned(),
                is_app,
                dependencies,
            });
        }
        crates
    }

    /// The good workspace, with one crate's dependencies replaced.
    fn check(change: &str, uses: &[&str]) -> Vec<String> {
        let mut edges: Vec<(&str, &[&str])> = vec![
            ("hyperstar-sse", &["bytes"]),
            ("hyperstar-store", &["redb", "dev:proptest"]),
            ("hyperstar-datastar", &["hyperstar-sse"]),
            (
                "hyperstar",
                &["hyperstar-datastar", "hyperstar-store", "dev:hyperstar"],
            ),
            ("hyperstar-bench", &["hyperstar", "redb", "apps/life"]),
            ("hyperstar-e2e", &["dev:gallery"]),
            ("xtask", &["clap"]),
            ("apps/life", &["hyperstar"]),
            ("apps/gallery", &["hyperstar", "life", "axum"]),
        ];
        edges.retain(|(name, _)| *name != change);
        edges.push((change, uses));
        let broken = check_edges(&workspace(&edges));
        broken
            .iter()
            .map(|one| format!("{} -> {}", one.from, one.to))
            .collect()
    }

    #[test]
    fn the_layers_as_they_are_meant_are_accepted() {
        assert!(check("xtask", &["clap"]).is_empty());
    }

    #[test]
    fn a_wrong_edge_is_named() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                "hyperstar-sse",
                &["hyperstar-datastar"],
                &["hyperstar-sse -> hyperstar-datastar"],
            ),
            (
                "hyperstar-store",
                &["dev:hyperstar"],
                &["hyperstar-store (dev-dependency) -> hyperstar"],
            ),
            (
                "hyperstar-datastar",
                &["hyperstar-store"],
                &["hyperstar-datastar -> hyperstar-store"],
            ),
            (
                "hyperstar",
                &["life", "redb"],
                &["hyperstar -> life", "hyperstar -> redb"],
            ),
            ("apps/life", &["hyperstar-sse"], &["life -> hyperstar-sse"]),
            (
                "apps/life",
                &["dev:hyperstar-e2e"],
                &["life (dev-dependency) -> hyperstar-e2e"],
            ),
            ("hyperstar-bench", &["xtask"], &["hyperstar-bench -> xtask"]),
            ("hyperstar-shop", &[], &["hyperstar-shop -> ?"]),
        ];
        for (name, uses, expected) in cases {
            assert_eq!(&check(name, uses), expected, "{name} with {uses:?}");
        }
    }

    #[test]
    fn the_error_says_edge_rule_and_remedy() {
        let broken = check_edges(&workspace(&[
            ("hyperstar-store", &[]),
            ("hyperstar-sse", &["hyperstar-store"]),
        ]));
        assert_eq!(
            broken[0].to_string(),
            "  hyperstar-sse -> hyperstar-store\n    \
             rule:   `hyperstar-sse` uses no crate of this workspace\n    \
             remedy: move the code to the layer that may know both, or remove `hyperstar-store` from \
             the manifest of `hyperstar-sse`"
        );
    }

    #[test]
    fn a_package_that_must_be_absent_is_found() {
        let package = |name: &str, features: &[&str]| Package {
            name: name.to_owned(),
            features: features.iter().map(|one| (*one).to_owned()).collect(),
        };
        let tree = [
            package("hyperstar-sse", &[]),
            package("wasmtime-environ", &[]),
            package("wasmtimex", &[]),
            package("axum-core", &[]),
            package("tokio", &["net", "rt", "sync"]),
        ];
        let found: Vec<String> = ABSENCES
            .iter()
            .filter(|absence| absence.crates.contains(&"hyperstar-sse"))
            .flat_map(|absence| check_absence(absence, "hyperstar-sse", &tree))
            .map(|one| {
                one.to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            })
            .collect();
        assert_eq!(
            found,
            [
                "hyperstar-sse -> wasmtime-environ",
                "hyperstar-sse -> axum-core",
                "hyperstar-sse -> tokio/net",
            ]
        );
    }
}
