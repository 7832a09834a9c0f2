//! `undo` and `revert`: taking a commit back by another.

use std::path::PathBuf;

use anyhow::Result;
use hyperstar_store::{Commit, Store};

use super::{diff, open_as, prefix, revision};
use crate::out::{FAINT, ID, Out};
use crate::text::Safe;

/// Take back the last commit that changed something at or below a path
///
/// In a commit of its own: nothing of the history is lost. Again, it goes further back.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store undo app.redb\n  hyperstar store undo app.redb todo --author 'Ada <ada@example.org>'"
)]
pub(super) struct Undo {
    /// The store file
    file: PathBuf,
    /// Only what is at or below this path
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
    /// Who the history says did it
    #[arg(long, default_value = "", hide_default_value = true)]
    author: String,
}

impl Undo {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let store = open_as(&self.file, &self.author)?;
        let commit = store.undo(prefix(&self.prefix))?;
        write(out, &store, &commit)
    }
}

/// Take back what one commit changed
///
/// In a commit of its own. What was changed again since is a conflict, and then nothing is done.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store revert app.redb 5f3a9c01be\n  hyperstar store revert app.redb HEAD~2 todo"
)]
pub(super) struct Revert {
    /// The store file
    file: PathBuf,
    /// The commit to take back
    #[arg(value_name = "REV")]
    revision: String,
    /// Only what is at or below this path
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
    /// Who the history says did it
    #[arg(long, default_value = "", hide_default_value = true)]
    author: String,
}

impl Revert {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let store = open_as(&self.file, &self.author)?;
        let id = revision::resolve(&store, &self.revision)?;
        let commit = store.revert(id, prefix(&self.prefix))?;
        write(out, &store, &commit)
    }
}

/// Writes a commit that was made just now: its id, its message and its changes.
pub(super) fn write(out: &mut Out, store: &Store, commit: &Commit) -> Result<()> {
    let message = store.show(commit.id)?.message;
    let id = revision::short(commit.id);
    writeln!(
        out,
        "{ID}{id}{ID:#} {}",
        Safe(message.lines().next().unwrap_or_default())
    )?;
    if commit.is_empty() {
        writeln!(out, "{FAINT}(no value is another now){FAINT:#}")?;
    }
    diff::write(out, &commit.changes)
}
