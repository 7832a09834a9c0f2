//! `log`: the commits, the newest first.

use std::path::PathBuf;

use anyhow::Result;
use hyperstar_store::{CommitId, LogEntry, Store, StoreError};
use serde::Serialize;

use super::revision::{self, Names};
use super::{open, prefix};
use crate::json;
use crate::out::{FAINT, Out};
use crate::progress::say;

/// List the commits, the newest first
///
/// With a prefix, only those that changed something at or below it. It follows the first parents: what a merge
/// brought is in the merge.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store log app.redb\n  hyperstar store log app.redb todo --oneline -n 10\n  \
                  hyperstar store log app.redb --from idea~2\n  hyperstar store log app.redb --json | jq -r .id"
)]
pub(super) struct Log {
    /// The store file
    file: PathBuf,
    /// Only commits that changed something at or below this path
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
    /// At most so many
    #[arg(short = 'n', long = "max", value_name = "N")]
    count_max: Option<usize>,
    /// From this commit back
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    from: String,
    /// A line for each
    #[arg(long, conflicts_with = "json")]
    oneline: bool,
    /// An object for each, one a line
    #[arg(long)]
    json: bool,
}

impl Log {
    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        let store = open(&self.file)?;
        if self.from == "HEAD" && store.head_id() == CommitId::NONE {
            say(format_args!("nothing has been committed yet"));
            return Ok(());
        }
        let from = revision::resolve(&store, &self.from)?;
        let names = Names::of(&store)?;
        let commits = store.log_from(from, prefix(&self.prefix))?;
        let count_max = self.count_max.unwrap_or(usize::MAX);
        let mut last = None;
        let mut count = 0;
        for entry in commits.take(count_max) {
            let entry = entry?;
            if self.json {
                writeln!(out, "{}", json::line(&Line::new(&names, &entry))?)?;
            } else if self.oneline {
                revision::write_line(out, &names, &entry)?;
            } else {
                if last.is_some() {
                    writeln!(out)?;
                }
                revision::write(out, &names, &entry)?;
            }
            count += 1;
            last = Some(entry);
        }
        let is_at_end = count < count_max && prefix(&self.prefix).is_empty() && !self.json;
        if is_at_end && last.is_some_and(|last| is_cut(&store, &last)) {
            writeln!(out, "{FAINT}(what was before has been let go){FAINT:#}")?;
        }
        Ok(())
    }
}

/// Whether the commit that `entry` came after has been let go.
pub(super) fn is_cut(store: &Store, entry: &LogEntry) -> bool {
    let parent = entry.parents.first().map(|parent| store.show(*parent));
    matches!(parent, Some(Err(StoreError::UnknownCommit { .. })))
}

/// A commit, for scripts.
#[derive(Serialize)]
struct Line<'a> {
    id: String,
    version: u64,
    parents: Vec<String>,
    root: String,
    values: u64,
    time_ms: i64,
    author: &'a str,
    message: &'a str,
    undoes: Option<String>,
    branches: &'a [String],
    tags: &'a [String],
}

impl<'a> Line<'a> {
    fn new(names: &'a Names, entry: &'a LogEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            version: entry.version.as_u64(),
            parents: entry.parents.iter().map(CommitId::to_string).collect(),
            root: entry.root.to_string(),
            values: entry.values,
            time_ms: entry.time_ms,
            author: &entry.author,
            message: &entry.message,
            undoes: entry.undoes.map(|id| id.to_string()),
            branches: names.branches(entry.id),
            tags: names.tags(entry.id),
        }
    }
}
