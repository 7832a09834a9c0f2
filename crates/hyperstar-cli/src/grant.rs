//! `hyperstar grant` and `revoke`: which app may message which.

use anyhow::Result;
use hyperstar_node::{Request, Update};

use crate::home::Home;
use crate::out::Out;

/// Let one app message another
///
/// Prints the number that `hyperstar revoke` takes it back by.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar grant shop bank\n  hyperstar grant shop bank balance transfer"
)]
pub(crate) struct Grant {
    /// Who may
    holder: String,
    /// Whom
    target: String,
    /// By which handlers; all, if none is named
    handlers: Vec<String>,
    #[command(flatten)]
    home: Home,
}

impl Grant {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let request = Request::Grant {
            holder: self.holder.clone(),
            target: self.target.clone(),
            handlers: self.handlers.clone(),
        };
        for update in self.home.connect()?.ask(&request)? {
            if let Update::Granted { id } = update? {
                writeln!(out, "{id}")?;
            }
        }
        Ok(())
    }
}

/// Take a grant back, and all that was made of it
#[derive(clap::Args)]
pub(crate) struct Revoke {
    /// What `hyperstar grant` has printed
    id: u64,
    #[command(flatten)]
    home: Home,
}

impl Revoke {
    pub(crate) fn run(&self) -> Result<()> {
        self.home.tell(&Request::Revoke { id: self.id })
    }
}
