//! `hyperstar demo`: the examples, as components on a node.

mod examples;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use hyperstar_node::{GrantInfo, Node, NodeConfig};

use crate::new::own_checkout;
use crate::out::{NAME, Out};
use crate::progress::Work;
use crate::text::file_name;
use crate::{build, home, node};
use examples::{EXAMPLES, GRANTS};

/// Build the examples as components, and run a node with all of them, until Ctrl-C
///
/// It needs a checkout of Hyperstar, and adds the compiler's part for WebAssembly if that is missing.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hyperstar demo\n  hyperstar demo --port 8090 --release")]
pub(crate) struct Args {
    /// The folder that the node lives in
    #[arg(long, value_name = "DIR", default_value = "hyperstar-data/demo")]
    home: PathBuf,
    /// Where pages are served [default: 8080, or the next one that is free]; 0 takes any
    #[arg(long)]
    port: Option<u16>,
    /// Build them small and fast, slowly
    #[arg(long)]
    release: bool,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let apps = own_checkout().join("apps");
        if !apps.is_dir() {
            bail!(
                "the examples are not there: this program was built in a folder that is gone; clone Hyperstar, and run \
                 `cargo run -p hyperstar-cli -- demo` there"
            );
        }
        home::check(&self.home)?;
        let mut components = Vec::new();
        for (example, processes) in EXAMPLES {
            let built = build::component(&apps.join(example), self.release)?;
            components.push((processes, built.bytes));
        }
        let config = NodeConfig::new(&self.home);
        node::serve(config, self.port, async |node, port| {
            for (processes, bytes) in &components {
                install(node, processes, bytes).await?;
            }
            grant(node)?;
            let url = node::url(port);
            writeln!(out, "the examples run at {NAME}{url}{NAME:#}")?;
            let home = file_name(&self.home);
            writeln!(out, "  they live in {home}; Ctrl-C ends them")?;
            writeln!(
                out,
                "  a second terminal lists them: hyperstar ps --home {home}"
            )?;
            Ok(out.finish()?)
        })
    }
}

async fn install(node: &Node, processes: &[&str], bytes: &[u8]) -> Result<()> {
    for process in processes {
        let work = Work::begin(format!("installing {process}"));
        let installed = node.install(process, bytes, false, true).await;
        installed.with_context(|| format!("{process} is not installed"))?;
        work.end();
    }
    Ok(())
}

/// Once for each node: what is granted lasts.
fn grant(node: &Node) -> Result<()> {
    for (holder, target, handler) in GRANTS {
        let is_it = |grant: &GrantInfo| {
            grant.holder == holder && grant.target == target && grant.handlers == [handler]
        };
        if !node.grants()?.iter().any(is_it) {
            node.grant(holder, target, &[handler.to_owned()])?;
        }
    }
    Ok(())
}
