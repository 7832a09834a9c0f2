//! `verify`: whether a store is whole.

use std::path::PathBuf;

use anyhow::{Result, bail};
use hyperstar_store::PROBLEMS_MAX;

use super::open;
use crate::out::{Out, REMOVED};
use crate::progress::Work;
use crate::text::{Safe, bytes, count, file_name};

/// Check everything that the history reaches
///
/// Each page against its hash, each commit against its name, the values against the tree of the head. It exits
/// with 1 and lists what is wrong if the store is damaged.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hyperstar store verify app.redb && cp app.redb backup/")]
pub(super) struct Verify {
    /// The store file
    file: PathBuf,
}

impl Verify {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let name = file_name(&self.file);
        let store = open(&self.file)?;
        let work = Work::begin(format!("checking `{name}`"));
        let report = store.verify(|progress| work.at(progress))?;
        work.end();
        for problem in &report.problems {
            writeln!(out, "{REMOVED}{}{REMOVED:#}", Safe(problem))?;
        }
        let problems = report.problems.len();
        if !report.is_whole() {
            let at_least = if problems == PROBLEMS_MAX {
                "at least "
            } else {
                ""
            };
            bail!(
                "`{name}` is damaged: {at_least}{}; restore it from a backup, or export what can \
                 still be read",
                count(problems as u64, "problem", "problems")
            );
        }
        writeln!(
            out,
            "`{name}` is whole: {}, {}, {} in {}",
            count(report.commits, "commit", "commits"),
            count(report.values, "value", "values"),
            bytes(report.bytes),
            count(report.pages, "page", "pages"),
        )?;
        if report.unreached > 0 {
            let pages = count(report.unreached, "page", "pages");
            writeln!(out, "{pages} that nothing reaches; `compact` lets them go")?;
        }
        Ok(())
    }
}
