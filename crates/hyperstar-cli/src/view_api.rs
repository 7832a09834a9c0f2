//! `hyperstar view-api`: what an app can be asked.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use hyperstar_interface::{Interface, Wit};
use hyperstar_node::{Engine, EngineConfig, LoadOptions, Program, Request, Update};

use crate::build;
use crate::home::Home;
use crate::json;
use crate::out::Out;
use crate::text::{Safe, file_name};

/// Show what other apps can ask an app, as WIT
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar view-api .\n  hyperstar view-api chat.wasm > chat.wit\n  \
                  hyperstar view-api chat --json"
)]
pub(crate) struct Args {
    /// The folder of an app, which is built first; a component; or the name of an app on the node
    of: String,
    /// Print all that the app says of itself, pages and actions too, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    home: Home,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let path = Path::new(&self.of);
        let interface = if path.is_dir() {
            described(&build::component(path, false)?.bytes)?
        } else if path.is_file() {
            let file = file_name(path);
            described(&fs::read(path).with_context(|| format!("`{file}` cannot be read"))?)?
        } else {
            self.installed()?
        };
        if self.json {
            let json = json::pretty(&serde_json::to_vec(&interface)?);
            writeln!(out, "{}", json.unwrap_or_default())?;
            return Ok(());
        }
        for line in Wit::new(&interface).to_string().lines() {
            writeln!(out, "{}", Safe(line))?;
        }
        Ok(())
    }

    fn installed(&self) -> Result<Interface> {
        let node = self.home.connect();
        let mut node = node.with_context(|| {
            format!(
                "`{}` is neither a folder nor a file, and no node can be asked for it",
                Safe(&self.of)
            )
        })?;
        let name = self.of.clone();
        for update in node.ask(&Request::Describe { name })? {
            if let Update::Interface(interface) = update? {
                return Ok(*interface);
            }
        }
        Err(anyhow!(
            "the node does not say what it is; it may be of another version"
        ))
    }
}

/// Asks a component.
fn described(component: &[u8]) -> Result<Interface> {
    let runtime = tokio::runtime::Runtime::new().context("a component cannot be asked")?;
    runtime.block_on(async {
        let engine = Engine::new(EngineConfig::default())?;
        let loaded = engine
            .load(
                component,
                LoadOptions {
                    stub_wasi: true,
                    ..LoadOptions::default()
                },
            )
            .await?;
        Ok(loaded.interface().clone())
    })
}
