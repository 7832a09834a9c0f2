//! The components: the apps of `apps`, built as this program is.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hyperstar_build::{BuildOptions, build};

/// The components that are run.
pub(crate) struct Apps {
    /// Keeps nothing.
    pub(crate) busy: Vec<u8>,
    /// Keeps everything.
    pub(crate) kept: Vec<u8>,
    /// The smallest app that somebody would write.
    pub(crate) counter: Vec<u8>,
}

impl Apps {
    pub(crate) fn build() -> Result<Self> {
        Ok(Self {
            busy: component("busy")?,
            kept: component("kept")?,
            counter: component("counter")?,
        })
    }
}

impl fmt::Display for Apps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kb = |bytes: &[u8]| bytes.len() / 1_000;
        write!(
            f,
            "a counter has {} KB, the app that keeps nothing {} KB, the one that keeps everything {} KB",
            kb(&self.counter),
            kb(&self.busy),
            kb(&self.kept)
        )
    }
}

/// Builds one of the apps.
pub(crate) fn component(name: &str) -> Result<Vec<u8>> {
    let apps = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps");
    let built = build(&BuildOptions {
        release: !cfg!(debug_assertions),
        target_dir: Some(beside_this_program()?),
        ..BuildOptions::new(apps.join(name))
    });
    Ok(built?.bytes)
}

/// Where cargo has put this program: what is built for it goes there too, and is found again.
fn beside_this_program() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("a program lies in a folder")?;
    Ok(folder.join("components"))
}
