//! `compact`: lets the past go.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use hyperstar_store::{Compacted, Keep};
use jiff::Zoned;

use super::open;
use crate::out::Out;
use crate::progress::Work;
use crate::text::{bytes, count, file_name};
use crate::time::moment;

/// Let the past go
///
/// The tips of all branches stay, and of each as many commits as you say. What goes does not come back.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store compact app.redb --last 100 --dry-run\n  \
                  hyperstar store compact app.redb --last 100 --since 30d --tagged\n  \
                  hyperstar store compact app.redb --since 2026-01-31"
)]
pub(super) struct Compact {
    /// The store file
    file: PathBuf,
    /// Keep the last N commits of each branch
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        required_unless_present = "since"
    )]
    last: Option<u64>,
    /// Keep all commits since then as well: `7d`, `3 months`, a date
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Keep the commits that have a tag; without it, a tag goes with its commit
    #[arg(long)]
    tagged: bool,
    /// Only tell what would go
    #[arg(long)]
    dry_run: bool,
}

impl Compact {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let mut keep = Keep::last(self.last.unwrap_or(1));
        if let Some(since) = &self.since {
            keep = keep.since(moment(since, &Zoned::now())?.into());
        }
        if self.tagged {
            keep = keep.tagged();
        }
        let name = file_name(&self.file);
        let store = open(&self.file)?;
        if self.dry_run {
            let planned = store.plan_compact(&keep)?;
            return write(out, "would keep", "would let go of", &planned);
        }
        let before = self.file_bytes()?;
        let work = Work::begin(format!("compacting `{name}`"));
        let compacted = store.compact(&keep, |progress| work.at(progress))?;
        // Closing the file may make it shorter.
        drop(store);
        work.end();
        write(out, "kept", "let go of", &compacted)?;
        let after = self.file_bytes()?;
        writeln!(
            out,
            "`{name}` had {} and has {}",
            bytes(before),
            bytes(after)
        )?;
        if after >= before && compacted.bytes > 0 {
            writeln!(out, "what was freed in it is used again before it grows")?;
        }
        Ok(())
    }

    fn file_bytes(&self) -> Result<u64> {
        let metadata = fs::metadata(&self.file);
        let cannot = || format!("cannot look at `{}`", file_name(&self.file));
        Ok(metadata.with_context(cannot)?.len())
    }
}

fn write(out: &mut Out, kept: &str, let_go: &str, compacted: &Compacted) -> Result<()> {
    writeln!(
        out,
        "{kept} {}, {let_go} {}: {}, {}",
        count(compacted.kept, "commit", "commits"),
        indicatif::HumanCount(compacted.commits),
        count(compacted.pages, "page", "pages"),
        bytes(compacted.bytes)
    )?;
    Ok(())
}
