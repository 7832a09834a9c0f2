//! `merge`: brings what another branch has into the one that is checked out.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use hyperstar_store::{MergePolicies, MergePolicy};

use super::{open_as, revision, undo};
use crate::out::Out;
use crate::progress::say;

/// Bring what another branch has into the one that is checked out
///
/// A three-way merge against where the two parted. Where both changed the same, `--prefer` decides; without it
/// nothing is merged, and the conflicts are listed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store merge app.redb idea\n  hyperstar store merge app.redb @server/main --prefer last"
)]
pub(super) struct Merge {
    /// The store file
    file: PathBuf,
    /// The branch or commit to bring in
    #[arg(value_name = "REV")]
    revision: String,
    /// Who wins where both changed the same
    #[arg(long, value_enum)]
    prefer: Option<Side>,
    /// Who the history says did it
    #[arg(long, default_value = "", hide_default_value = true)]
    author: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Side {
    /// The branch that is checked out
    Ours,
    /// The branch that is brought in
    Theirs,
    /// The branch whose last commit is later
    Last,
}

impl Merge {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let store = open_as(&self.file, &self.author)?;
        let theirs = revision::resolve(&store, &self.revision)?;
        let mut policies = MergePolicies::new();
        if let Some(side) = self.prefer {
            let policy = match side {
                Side::Ours => MergePolicy::Ours,
                Side::Theirs => MergePolicy::Theirs,
                Side::Last => MergePolicy::LastWriter,
            };
            policies = policies.below("", policy)?;
        }
        let before = store.head_id();
        let commit = store.merge(theirs, &policies)?;
        if store.head_id() == before {
            say(format_args!("all of it is here already"));
            return Ok(());
        }
        undo::write(out, &store, &commit)
    }
}
