//! Which node is meant: the one that lives in a folder.

use std::env;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hyperstar_node::{Control, Request, Update};

use crate::out::Out;
use crate::text::{Safe, file_name};

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
        let path = std::path::absolute(&path).context("the node's folder cannot be found")?;
        check(&path)?;
        Ok(path)
    }

    /// Talks to the node that runs there.
    pub(crate) fn connect(&self) -> Result<Control> {
        Ok(Control::connect(&self.path()?)?)
    }

    /// Has the node that runs there do something, and says what it did.
    pub(crate) fn tell(&self, request: &Request, out: &mut Out) -> Result<()> {
        for update in self.connect()?.ask(request)? {
            if let Update::Did { text } = update? {
                writeln!(out, "{}", Safe(&text))?;
            }
        }
        Ok(out.finish()?)
    }
}

/// Refuses a folder that no node can be reached in: the system bounds the path of a socket, to about 100 bytes.
pub(crate) fn check(home: &Path) -> Result<()> {
    if SocketAddr::from_pathname(home.join("node.sock")).is_err() {
        bail!(
            "the path {} is too long for a node's socket; choose a shorter one with `--home`",
            file_name(home)
        );
    }
    Ok(())
}

fn set(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name)?;
    (!value.is_empty()).then(|| Path::new(&value).to_owned())
}
