//! `hyperstar install`: puts an app on a node.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hyperstar_node::{Control, ProcessInfo, Request, Update};

use crate::build;
use crate::home::Home;
use crate::out::{NAME, Out};
use crate::progress::Work;
use crate::text::{Safe, file_name};

/// Put an app on the node, or upgrade it, and start it
///
/// An upgrade keeps the app's state. If it fails, the app runs on as it was.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar install\n  hyperstar install chat.wasm --name chat:chat:ann.os"
)]
pub(crate) struct Args {
    /// A component, or the folder of an app, which is built first
    #[arg(default_value = ".")]
    from: PathBuf,
    /// What it is called there, `process:package:publisher` [default: what the app's manifest says]
    #[arg(long)]
    name: Option<String>,
    /// Give it the parts of WASI that components of other languages want, with nothing behind them
    #[arg(long)]
    stub_wasi: bool,
    /// Do not start it
    #[arg(long)]
    stopped: bool,
    /// Build it small and fast, slowly
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    home: Home,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        // Nothing is built for a node that is not there.
        let mut node = self.home.connect()?;
        let (component, name) = match self.from.is_dir() {
            true => {
                let built = build::component(&self.from, self.release)?;
                (built.component.clone(), build::address(&built))
            }
            false if self.from.is_file() => (self.from.clone(), name_of(&self.from)),
            false => bail!(
                "there is no `{}`; name the folder of an app, or a component as `hyperstar build` makes it",
                file_name(&self.from)
            ),
        };
        let request = Request::Install {
            name: self.name.clone().unwrap_or(name),
            component: std::path::absolute(&component).context("the component cannot be found")?,
            stub_wasi: self.stub_wasi,
            stopped: self.stopped,
        };
        let process = install(&mut node, &request)?;
        show(out, &process)
    }
}

/// The name of a component that nobody named: `chat:chat:local` for `chat.wasm`.
fn name_of(component: &Path) -> String {
    let stem = component.file_stem().unwrap_or_default().to_string_lossy();
    format!("{stem}:{stem}:local")
}

/// Has a node install something, showing how far it is.
pub(crate) fn install(node: &mut Control, request: &Request) -> Result<ProcessInfo> {
    let work = Work::begin("installing");
    let mut installed = None;
    for update in node.ask(request)? {
        match update? {
            Update::Progress { text } => work.doing(&Safe(&text).to_string()),
            Update::Process(process) => installed = Some(process),
            _ => {}
        }
    }
    work.end();
    installed.context("the node does not say what it has installed; it may be of another version")
}

/// `chat:chat:local  running  http://chat-chat-local.localhost:8080/`
pub(crate) fn show(out: &mut Out, process: &ProcessInfo) -> Result<()> {
    let (name, status, url) = (
        Safe(&process.name),
        Safe(&process.status),
        Safe(&process.url),
    );
    writeln!(out, "{NAME}{name}{NAME:#}  {status}  {url}")?;
    if let Some(reason) = &process.reason {
        writeln!(out, "  {}", Safe(reason))?;
    }
    Ok(())
}
