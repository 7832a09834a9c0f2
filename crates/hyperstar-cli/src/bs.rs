//! `hyperstar bs`: builds an app, and starts it on the node.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use hyperstar_build::folders;
use hyperstar_node::{ProcessInfo, Request};

use crate::home::Home;
use crate::install;
use crate::out::Out;
use crate::progress::say;
use crate::text::Safe;
use crate::watch::Watch;
use crate::{background, build};

/// Build an app, and start it on the node
///
/// If no node runs, one is started in the background. An app that is installed already is upgraded, and keeps its
/// state.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar bs\n  hyperstar bs --watch\n  hyperstar bs apps/chat --name room:chat:ann.os"
)]
pub(crate) struct Args {
    /// The app's folder
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// What it is called there, `process:package:publisher` [default: what the app's manifest says]
    #[arg(long)]
    name: Option<String>,
    /// Build it small and fast, slowly
    #[arg(long)]
    release: bool,
    /// Go on, and upgrade it at each change of its files, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
    /// Where a node that is started serves pages [default: 8080, or the next one that is free]
    #[arg(long)]
    port: Option<u16>,
    #[command(flatten)]
    home: Home,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        if !self.watch {
            return self.show(out, &self.once()?);
        }
        let mut watch = Watch::new(folders(&self.dir)?);
        match self.once() {
            Ok(process) => self.show(out, &process)?,
            Err(error) => crate::complain(&error),
        }
        loop {
            out.finish()?;
            say(format_args!("waiting for a change .."));
            watch.wait();
            let since = Instant::now();
            match self.once() {
                Ok(process) => writeln!(
                    out,
                    "{} is upgraded, {:.1} s",
                    Safe(&process.name),
                    since.elapsed().as_secs_f64()
                )?,
                Err(error) => crate::complain(&error),
            }
        }
    }

    fn show(&self, out: &mut Out, process: &ProcessInfo) -> Result<()> {
        install::show(out, process)?;
        let port = self.port.filter(|port| *port != 0);
        if let Some(port) = port
            && !process.url.ends_with(&format!(":{port}/"))
        {
            say(format_args!(
                "the node was running already, elsewhere than at port {port}; `hyperstar node --stop` ends it, and \
                 `hyperstar bs --port {port}` starts one there"
            ));
        }
        Ok(())
    }

    fn once(&self) -> Result<ProcessInfo> {
        let built = build::component(&self.dir, self.release)?;
        let mut node = background::node(&self.home, self.port)?;
        let name = self.name.clone();
        let request = Request::Install {
            name: name.unwrap_or_else(|| build::address(&built)),
            component: built.component,
            stub_wasi: false,
            stopped: false,
        };
        install::install(&mut node, &request)
    }
}
