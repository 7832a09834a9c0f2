//! `hyperstar grant`, `grants` and `revoke`: which app may message which.

use anyhow::Result;
use hyperstar_node::{Request, Update};

use crate::home::Home;
use crate::json;
use crate::out::{FAINT, NAME, Out};
use crate::progress::say;
use crate::text::Safe;

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

/// Show which apps may message which
#[derive(clap::Args)]
pub(crate) struct Grants {
    /// Print each grant as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    home: Home,
}

impl Grants {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let mut is_empty = true;
        for update in self.home.connect()?.ask(&Request::Grants)? {
            let Update::Grant(grant) = update? else {
                continue;
            };
            is_empty = false;
            if self.json {
                writeln!(out, "{}", json::line(&grant)?)?;
                continue;
            }
            let handlers = match grant.handlers.as_slice() {
                [] => "all".to_owned(),
                handlers => handlers.join(", "),
            };
            writeln!(
                out,
                "{FAINT}{:>4}{FAINT:#}  {NAME}{}{NAME:#} -> {NAME}{}{NAME:#}  {}",
                grant.id,
                Safe(&grant.holder),
                Safe(&grant.target),
                Safe(&handlers)
            )?;
        }
        if is_empty && !self.json {
            say(format_args!(
                "nothing is granted; `hyperstar grant` lets one app message another"
            ));
        }
        Ok(())
    }
}

/// Take a grant back, and all that was made of it
#[derive(clap::Args)]
pub(crate) struct Revoke {
    /// What `hyperstar grant` has printed, and `hyperstar grants` shows
    id: u64,
    #[command(flatten)]
    home: Home,
}

impl Revoke {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let id = self.id;
        self.home.tell(&Request::Revoke { id }, out)
    }
}
