//! Which node is meant: the one that lives in a folder.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hyperstar_node::{Control, Request};

/// Which node.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Home {
    /// The node's folder [default: $HYPERSTAR_HOME, else ~/.local/share/hyperstar]
    #[arg(long = "home", value_name = "DIR")]
    given: Option<PathBuf>,
}

impl Home {
    /// The folder, whether it is there or not.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        let path = self.given.clone().or_else(|| set("HYPERSTAR_HOME"));
        let path = path.or_else(|| {
            let data = set("XDG_DATA_HOME").filter(|path| path.is_absolute());
            let data = data.or_else(|| Some(set("HOME")?.join(".local/share")));
            Some(data?.join("hyperstar"))
        });
        let path = path.context(
            "it is not known where the node lives: `HOME` is not set; say it with `--home DIR`",
        )?;
        std::path::absolute(&path).context("the node's folder cannot be found")
    }

    /// Talks to the node that runs there.
    pub(crate) fn connect(&self) -> Result<Control> {
        Ok(Control::connect(&self.path()?)?)
    }

    /// Has the node that runs there do something that has no answer.
    pub(crate) fn tell(&self, request: &Request) -> Result<()> {
        for update in self.connect()?.ask(request)? {
            update?;
        }
        Ok(())
    }
}

fn set(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name)?;
    (!value.is_empty()).then(|| Path::new(&value).to_owned())
}
