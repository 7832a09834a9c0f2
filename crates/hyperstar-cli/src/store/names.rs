//! `checkout`, `branch` and `tag`: names in the history.

use std::path::PathBuf;

use anyhow::Result;
use hyperstar_store::{CommitId, Store};

use super::{open, revision};
use crate::out::{ID, NAME, Out};
use crate::text::Safe;

/// Make another branch the one that is read and written
///
/// The app that opens the file next goes on there.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store checkout app.redb idea\n  hyperstar store checkout app.redb before --new HEAD~5"
)]
pub(super) struct Checkout {
    /// The store file
    file: PathBuf,
    /// The branch
    branch: String,
    /// Begin the branch at this commit (HEAD)
    #[arg(long, value_name = "REV", num_args = 0..=1, default_missing_value = "HEAD")]
    new: Option<String>,
}

impl Checkout {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let store = open(&self.file)?;
        if let Some(revision) = &self.new {
            store.branch(&self.branch, revision::resolve(&store, revision)?)?;
        }
        store.checkout(&self.branch)?;
        let (branch, id) = (Safe(&self.branch), revision::short(store.head_id()));
        writeln!(
            out,
            "{NAME}{branch}{NAME:#} is checked out, at {ID}{id}{ID:#}"
        )?;
        Ok(())
    }
}

/// List the branches, begin one or remove one
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store branch app.redb\n  hyperstar store branch app.redb idea HEAD~2\n  \
                  hyperstar store branch app.redb --remove idea"
)]
pub(super) struct Branch {
    /// The store file
    file: PathBuf,
    /// The branch to begin
    #[arg(conflicts_with = "remove")]
    name: Option<String>,
    /// Where it begins
    #[arg(value_name = "REV", default_value = "HEAD", requires = "name")]
    revision: String,
    /// Remove this branch; `compact` lets go of what only it reaches
    #[arg(long, value_name = "NAME")]
    remove: Option<String>,
}

impl Branch {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let store = open(&self.file)?;
        match (&self.name, &self.remove) {
            (Some(name), _) => {
                let id = revision::resolve(&store, &self.revision)?;
                store.branch(name, id)?;
                write_named(out, "branch", name, id)
            }
            (None, Some(name)) => {
                store.remove_branch(name)?;
                writeln!(out, "removed the branch {NAME}{}{NAME:#}", Safe(name))?;
                Ok(())
            }
            (None, None) => {
                let current = store.current_branch();
                let branches = store.branches()?;
                if branches.iter().all(|(name, _)| *name != current) {
                    writeln!(out, "* {NAME}{}{NAME:#} (no commit yet)", Safe(&current))?;
                }
                list(out, &store, branches, |name| name == current)
            }
        }
    }
}

/// List the tags, name a commit or remove a name
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store tag app.redb\n  hyperstar store tag app.redb v1\n  \
                  hyperstar store tag app.redb --remove v1"
)]
pub(super) struct Tag {
    /// The store file
    file: PathBuf,
    /// The name to give
    #[arg(conflicts_with = "remove")]
    name: Option<String>,
    /// The commit to name
    #[arg(value_name = "REV", default_value = "HEAD", requires = "name")]
    revision: String,
    /// Remove this tag
    #[arg(long, value_name = "NAME")]
    remove: Option<String>,
}

impl Tag {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let store = open(&self.file)?;
        match (&self.name, &self.remove) {
            (Some(name), _) => {
                let id = revision::resolve(&store, &self.revision)?;
                store.tag(name, id)?;
                write_named(out, "tag", name, id)
            }
            (None, Some(name)) => {
                store.remove_tag(name)?;
                writeln!(out, "removed the tag {NAME}{}{NAME:#}", Safe(name))?;
                Ok(())
            }
            (None, None) => list(out, &store, store.tags()?, |_| false),
        }
    }
}

fn write_named(out: &mut Out, kind: &str, name: &str, id: CommitId) -> Result<()> {
    let (name, id) = (Safe(name), revision::short(id));
    writeln!(out, "{kind} {NAME}{name}{NAME:#} at {ID}{id}{ID:#}")?;
    Ok(())
}

fn list(
    out: &mut Out,
    store: &Store,
    names: Vec<(String, CommitId)>,
    is_current: impl Fn(&str) -> bool,
) -> Result<()> {
    for (name, id) in names {
        let mark = if is_current(&name) { "*" } else { " " };
        let entry = store.show(id)?;
        let subject = entry.message.lines().next().unwrap_or_default();
        let (name, id) = (Safe(&name), revision::short(id));
        let line = format!(
            "{mark} {NAME}{name}{NAME:#} {ID}{id}{ID:#} {}",
            Safe(subject)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
