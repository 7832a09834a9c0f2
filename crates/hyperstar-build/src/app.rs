//! The crate: what its manifest says, as cargo reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::cargo;
use crate::error::BuildError;

/// What an app says of itself in its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct App {
    /// The crate's name.
    pub name: String,
    /// The crate's version.
    pub version: String,
    /// The struct with `#[hyperapp]`.
    pub app: String,
    /// The first part of its address `process:package:publisher`.
    pub process: String,
    /// The second part.
    pub package: String,
    /// The third part.
    pub publisher: String,
    /// An emoji, or the address of an image.
    pub icon: Option<String>,
}

/// A crate to build.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) app: App,
    pub(crate) manifest_dir: PathBuf,
    pub(crate) workspace_root: PathBuf,
    pub(crate) target_dir: PathBuf,
    pub(crate) default_features: bool,
    pub(crate) features: Vec<String>,
    /// Where the SDK comes from: the same as the app's own.
    pub(crate) sdk: Option<Source>,
    /// How many packages there are to compile.
    pub(crate) packages: usize,
    /// Those of the packages that lie on this machine, its own first.
    pub(crate) folders: Vec<PathBuf>,
}

impl Crate {
    /// Where the SDK comes from, which every app depends on.
    pub(crate) fn sdk(&self) -> Result<&Source, BuildError> {
        self.sdk.as_ref().ok_or_else(|| BuildError::NoSdk {
            package: self.app.name.clone(),
        })
    }
}

/// Where a package comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Path(PathBuf),
    Registry { version: String },
    Git { url: String, revision: String },
}

/// Asks cargo what is in a folder.
pub(crate) fn read(manifest_dir: &Path) -> Result<Crate, BuildError> {
    let manifest = manifest_dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::Manifest(format!(
            "there is no `Cargo.toml` in `{}`; name the folder of an app, or make one with \
             `hyperstar new`",
            manifest_dir.display()
        )));
    }
    let mut command = Command::new(cargo::program());
    command
        .args(["metadata", "--format-version", "1", "--filter-platform"])
        .arg(crate::toolchain::TARGET)
        .current_dir(manifest_dir);
    cargo::forget_surroundings(&mut command);
    let output = command.output().map_err(cargo::no_program)?;
    if !output.status.success() {
        return Err(BuildError::Manifest(cargo::complaint(&output.stderr)));
    }
    let metadata = serde_json::from_slice::<Metadata>(&output.stdout);
    let metadata = metadata.map_err(|error| {
        BuildError::Manifest(format!("`cargo metadata` cannot be read: {error}"))
    })?;
    found(metadata, &manifest)
}

fn found(metadata: Metadata, manifest: &Path) -> Result<Crate, BuildError> {
    let is_it = |package: &&Package| same_file(&package.manifest_path, manifest);
    let Some(package) = metadata.packages.iter().find(is_it) else {
        return Err(BuildError::Manifest(format!(
            "`{}` is the manifest of a workspace; name the folder of one app",
            manifest.display()
        )));
    };
    let table = package.metadata.as_ref();
    let table = table.and_then(|metadata| metadata.get("hyperstar"));
    let keys = match table {
        Some(table) => Keys::deserialize(table).map_err(|error| BuildError::Metadata {
            manifest: package.manifest_path.clone(),
            what: error.to_string(),
        })?,
        None => Keys::default(),
    };
    let app = App {
        app: keys.app.unwrap_or_else(|| camel_case(&package.name)),
        process: keys.process.unwrap_or_else(|| package.name.clone()),
        package: keys.package.unwrap_or_else(|| package.name.clone()),
        publisher: keys.publisher.unwrap_or_else(|| "local".to_owned()),
        icon: keys.icon,
        name: package.name.clone(),
        version: package.version.clone(),
    };
    check(&app, &package.manifest_path)?;
    let reached = reachable(&metadata.resolve, &package.id);
    let is_sdk = |one: &&Package| one.name == "hyperstar-process" && reached.contains(&one.id);
    let sdk = metadata.packages.iter().find(is_sdk).map(source);
    let own = folder(&package.manifest_path);
    let local = metadata.packages.iter().filter(|one| one.source.is_none());
    let local = local.filter(|one| one.id != package.id && reached.contains(&one.id));
    let folders = [own.clone()].into_iter();
    let folders = folders.chain(local.map(|one| folder(&one.manifest_path)));
    Ok(Crate {
        manifest_dir: own,
        folders: folders.collect(),
        workspace_root: metadata.workspace_root,
        target_dir: metadata.target_directory,
        default_features: keys.default_features,
        features: keys.features,
        sdk: sdk.transpose()?,
        packages: reached.len(),
        app,
    })
}

/// The name is written into code, the parts of the address into addresses.
fn check(app: &App, manifest: &Path) -> Result<(), BuildError> {
    let wrong = |what: String| BuildError::Metadata {
        manifest: manifest.to_owned(),
        what,
    };
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_path = |text: &str| {
        text.split("::").all(|part| {
            part.chars().all(is_letter) && part.starts_with(|c: char| !c.is_ascii_digit())
        })
    };
    if app.app.is_empty() || !is_path(&app.app) {
        return Err(wrong(format!(
            "`app = \"{}\"` names no struct; write its path in the crate, as in `Counter`",
            app.app
        )));
    }
    for (key, value) in [
        ("process", &app.process),
        ("package", &app.package),
        ("publisher", &app.publisher),
    ] {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if value.is_empty() || !value.chars().all(fits) {
            return Err(wrong(format!(
                "`{key} = \"{value}\"` is no part of an address; take letters, digits, `-`, `_`, `.`"
            )));
        }
    }
    Ok(())
}

/// `my-app` -> `MyApp`
fn camel_case(name: &str) -> String {
    let words = name.split(['-', '_']);
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}

/// The packages that a build of `root` takes, itself among them.
fn reachable(resolve: &Resolve, root: &str) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Node> = {
        let nodes = resolve.nodes.iter();
        nodes.map(|node| (node.id.as_str(), node)).collect()
    };
    let mut reached = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if !reached.insert(id.to_owned()) {
            continue;
        }
        let deps = nodes.get(id).into_iter().flat_map(|node| &node.deps);
        let is_built = |dep: &&Dep| dep.dep_kinds.iter().any(|kind| !kind.is_dev());
        open.extend(deps.filter(is_built).map(|dep| dep.pkg.as_str()));
    }
    reached
}

fn source(package: &Package) -> Result<Source, BuildError> {
    let Some(source) = &package.source else {
        return Ok(Source::Path(folder(&package.manifest_path)));
    };
    if let Some(git) = source.strip_prefix("git+") {
        let (url, revision) = git.split_once('#').unwrap_or((git, "HEAD"));
        let url = url.split_once('?').map_or(url, |(url, _)| url);
        return Ok(Source::Git {
            url: url.to_owned(),
            revision: revision.to_owned(),
        });
    }
    Ok(Source::Registry {
        version: package.version.clone(),
    })
}

fn folder(manifest: &Path) -> PathBuf {
    manifest.parent().unwrap_or(manifest).to_owned()
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Keys {
    app: Option<String>,
    process: Option<String>,
    package: Option<String>,
    publisher: Option<String>,
    icon: Option<String>,
    default_features: bool,
    features: Vec<String>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            app: None,
            process: None,
            package: None,
            publisher: None,
            icon: None,
            default_features: true,
            features: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    /// None for one in a folder.
    source: Option<String>,
    manifest_path: PathBuf,
    metadata: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Deserialize)]
struct Dep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Deserialize)]
struct DepKind {
    /// None for a normal one, else `dev` or `build`.
    kind: Option<String>,
}

impl DepKind {
    fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_names_its_struct() {
        for (name, app) in [
            ("counter", "Counter"),
            ("game-of-life", "GameOfLife"),
            ("a_b", "AB"),
            ("x9-y", "X9Y"),
        ] {
            assert_eq!(camel_case(name), app);
        }
    }
}
