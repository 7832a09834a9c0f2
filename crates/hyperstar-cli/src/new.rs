//! `hyperstar new`: writes an app to begin with.

mod name;
mod template;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::out::{NAME, Out};
use crate::text::file_name;
use name::CrateName;
use template::Template;

/// Write an app to begin with
///
/// The folder is called as the app. What is written compiles, runs and is tested as it is.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar new counter\n  hyperstar new tea-room --template chat"
)]
pub(crate) struct Args {
    /// The app's name: small letters, digits, `-` and `_`
    name: String,
    /// What to begin with
    #[arg(long, short, value_name = "TEMPLATE", default_value = "counter")]
    template: Template,
    /// A checkout of Hyperstar to depend on [default: the one that this program was built in, as long as it is there;
    /// then the published version]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let name: CrateName = self.name.parse()?;
        let sources = match &self.path {
            Some(path) => Sources::checkout(path)?,
            None => Sources::own(),
        };
        let folder = PathBuf::from(&self.name);
        write(&folder, &self.template.files(&name, &sources))?;
        let template = self.template.name();
        writeln!(
            out,
            "made {NAME}{name}{NAME:#}, an app of the template `{template}`"
        )?;
        writeln!(out, "  it depends on {sources}\n")?;
        writeln!(out, "  cd {name}")?;
        writeln!(
            out,
            "  hyperstar bs      # builds and runs it on your node, and says where"
        )?;
        writeln!(
            out,
            "  hyperstar run     # runs it as a program of its own, and follows changes"
        )?;
        Ok(())
    }
}

/// Writes all files or, if that fails, nothing.
fn write(folder: &Path, files: &[(&str, String)]) -> Result<()> {
    let name = file_name(folder);
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("`{name}` is there already; choose another name, or remove it");
        }
        Err(error) => return Err(error).with_context(|| format!("`{name}` cannot be made")),
    }
    let written = files.iter().try_for_each(|(file, text)| {
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)
    });
    if written.is_err() {
        // It was made here, and nothing else is in it. What is left after all is seen.
        let _ = fs::remove_dir_all(folder);
    }
    written.with_context(|| format!("`{name}` cannot be written"))
}

/// Where this program was built, which need not be there any more.
pub(crate) fn own_checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where an app's dependencies come from.
pub(crate) enum Sources {
    /// The registry, in this version.
    Published(&'static str),
    /// A folder with `crates`.
    Checkout(PathBuf),
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published(version) => write!(f, "Hyperstar {version}"),
            Self::Checkout(path) => {
                let path = file_name(path);
                write!(
                    f,
                    "the checkout of Hyperstar in {path}; `--path` names another"
                )
            }
        }
    }
}

impl Sources {
    /// The checkout that this program was built in, as long as it is there.
    fn own() -> Self {
        let version = concat!(
            env!("CARGO_PKG_VERSION_MAJOR"),
            ".",
            env!("CARGO_PKG_VERSION_MINOR")
        );
        Self::checkout(&own_checkout()).unwrap_or(Self::Published(version))
    }

    fn checkout(path: &Path) -> Result<Self> {
        let sdk = path.join("crates/hyperstar-process/Cargo.toml");
        if !sdk.is_file() {
            bail!(
                "`{}` is no checkout of Hyperstar: there is no `crates/hyperstar-process` in it; name the folder \
                 that was cloned, or leave `--path` out",
                file_name(path)
            );
        }
        let path = path.canonicalize();
        Ok(Self::Checkout(
            path.context("the checkout cannot be found")?,
        ))
    }

    /// What stands behind `name =` in a manifest.
    fn dependency(&self, name: &str, features: &[&str]) -> String {
        let source = match self {
            Self::Published(version) => format!("version = \"{version}\""),
            Self::Checkout(path) => {
                let path = path.join("crates").join(name);
                // A string of JSON is one of TOML.
                format!(
                    "path = {}",
                    serde_json::Value::from(path.display().to_string())
                )
            }
        };
        match features {
            [] => format!("{{ {source} }}"),
            features => format!("{{ {source}, features = {features:?} }}"),
        }
    }
}
