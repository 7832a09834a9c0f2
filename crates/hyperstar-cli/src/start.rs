//! `hyperstar start`, `stop` and `remove`: what is installed, and whether it runs.

use anyhow::Result;
use hyperstar_node::{Request, Update};

use crate::home::Home;
use crate::install;
use crate::out::Out;

/// Start an app, now and whenever the node starts
#[derive(clap::Args)]
pub(crate) struct Start {
    /// The app's name, or as much of its beginning as tells it apart
    name: String,
    #[command(flatten)]
    home: Home,
}

impl Start {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let name = self.name.clone();
        for update in self.home.connect()?.ask(&Request::Start { name })? {
            if let Update::Process(process) = update? {
                install::show(out, &process)?;
            }
        }
        Ok(())
    }
}

/// Stop an app, also for when the node starts again
#[derive(clap::Args)]
pub(crate) struct Stop {
    /// The app's name, or as much of its beginning as tells it apart
    name: String,
    #[command(flatten)]
    home: Home,
}

impl Stop {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let name = self.name.clone();
        self.home.tell(&Request::Stop { name }, out)
    }
}

/// Remove an app from the node
///
/// What it has kept stays, and is its own again if it is installed again; so do the grants from it and to it.
#[derive(clap::Args)]
pub(crate) struct Remove {
    /// The app's name, or the first part of it
    name: String,
    /// Remove what it has kept as well, and the grants
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    home: Home,
}

impl Remove {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let (name, forget) = (self.name.clone(), self.forget);
        self.home.tell(&Request::Remove { name, forget }, out)
    }
}
