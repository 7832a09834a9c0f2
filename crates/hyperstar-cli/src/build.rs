//! `hyperstar build`: makes a component of an app.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use hyperstar_build::{BuildError, BuildOptions, Built, Progress, build};
use serde::Serialize;

use crate::out::Out;
use crate::progress::Work;
use crate::text::{bytes, file_name, hex};

/// Build an app into a component
///
/// What is compiled is kept in `~/.cache/hyperstar`, for all apps: the second one compiles only itself.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hyperstar build\n  hyperstar build apps/chat --release")]
pub(crate) struct Args {
    /// The app's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Small and fast, slowly built
    #[arg(long)]
    release: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    name: String,
    component: &'a Path,
    bytes: usize,
    sha256: String,
    ms: u128,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let built = component(&self.dir, self.release)?;
        if self.json {
            let line = Line {
                name: address(&built),
                component: &built.component,
                bytes: built.bytes.len(),
                sha256: hex(&built.hash),
                ms: built.took.as_millis(),
            };
            writeln!(out, "{}", crate::json::line(&line)?)?;
            return Ok(());
        }
        writeln!(
            out,
            "{}  {}, sha256 {}, {:.1} s",
            file_name(&built.component),
            bytes(built.bytes.len() as u64),
            hex(&built.hash[..8]),
            built.took.as_secs_f64()
        )?;
        Ok(())
    }
}

/// Builds the app in a folder, showing how far it is.
pub(crate) fn component(dir: &Path, release: bool) -> Result<Built> {
    let shown = folder_name(dir);
    let work = Work::begin(format!("building `{shown}`"));
    let progress = |progress: Progress<'_>| match progress {
        Progress::AddingTarget(target) => work.doing(&format!("adding the target {target}")),
        Progress::Waiting => work.doing("waiting for another build"),
        Progress::Compiling { done, total, name } => work.step(name, done as u64, total as u64),
        Progress::Encoding => work.doing("encoding"),
        _ => {}
    };
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let built = build(&BuildOptions {
        release,
        color,
        progress: &progress,
        build_dir: cache().map(|cache| cache.join("build")),
        ..BuildOptions::new(dir)
    });
    match built {
        Ok(built) => {
            work.end();
            compiler_says(&built.warnings);
            Ok(built)
        }
        Err(BuildError::Compile(words)) => {
            drop(work);
            compiler_says(&words);
            bail!("`{shown}` was not built; the compiler says above why");
        }
        Err(error) => Err(error.into()),
    }
}

/// The folder for what can be made again: `$XDG_CACHE_HOME/hyperstar`, else `~/.cache/hyperstar`.
fn cache() -> Option<PathBuf> {
    let set = |name| Some(PathBuf::from(std::env::var_os(name)?)).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    Some(cache?.join("hyperstar"))
}

/// What a folder is called, wherever we stand.
fn folder_name(dir: &Path) -> String {
    let whole = dir.canonicalize();
    let name = whole.as_ref().ok().and_then(|dir| dir.file_name());
    file_name(name.map_or(dir, Path::new))
}

/// The address that an app's manifest gives it.
pub(crate) fn address(built: &Built) -> String {
    let app = &built.app;
    format!("{}:{}:{}", app.process, app.package, app.publisher)
}

/// Passes on the compiler's own words, which it has coloured and made safe for a terminal.
fn compiler_says(words: &str) {
    if !words.is_empty() {
        // Nobody is left to tell if this fails.
        let _ = writeln!(io::stderr().lock(), "{words}");
    }
}
