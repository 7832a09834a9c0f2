//! `info`: a store at a glance.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use hyperstar_store::{CommitId, Store};
use jiff::Timestamp;
use serde::Serialize;

use super::{open, revision};
use crate::json;
use crate::out::{ID, NAME, Out};
use crate::text::{Safe, bytes, file_name};
use crate::time;

/// How many branches and tags are named; of the others, how many they are.
const NAMES_SHOWN: usize = 12;

/// Tell about a store: its size, its head, its branches and tags
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hyperstar store info app.redb\n  hyperstar store app.redb\n  hyperstar store info app.redb --json"
)]
pub(super) struct Info {
    /// The store file
    file: PathBuf,
    /// As one object
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(super) fn of(file: PathBuf) -> Self {
        Self { file, json: false }
    }

    pub(super) fn run(&self, out: &mut Out) -> Result<()> {
        // An open file is longer: it has room for what may be written.
        let metadata = fs::metadata(&self.file);
        let store = open(&self.file)?;
        let cannot = || format!("cannot look at `{}`", file_name(&self.file));
        let found = Found::of(&store, metadata.with_context(cannot)?.len())?;
        match self.json {
            true => writeln!(out, "{}", json::line(&found)?)?,
            false => found.write(out, &self.file)?,
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Found {
    file_bytes: u64,
    branch: String,
    head: Option<String>,
    version: u64,
    time_ms: Option<i64>,
    root: String,
    values: u64,
    commits: u64,
    branches: Vec<Named>,
    tags: Vec<Named>,
}

#[derive(Serialize)]
struct Named {
    name: String,
    id: String,
}

impl Found {
    fn of(store: &Store, file_bytes: u64) -> Result<Self> {
        let named = |names: Vec<(String, CommitId)>| {
            let names = names.into_iter().map(|(name, id)| Named {
                name,
                id: id.to_string(),
            });
            names.collect()
        };
        let head = store.head_id();
        let entry = match head {
            CommitId::NONE => None,
            head => Some(store.show(head)?),
        };
        let state = store.snapshot();
        Ok(Self {
            file_bytes,
            branch: store.current_branch(),
            head: entry.as_ref().map(|entry| entry.id.to_string()),
            version: state.version().as_u64(),
            time_ms: entry.as_ref().map(|entry| entry.time_ms),
            root: state.root().to_string(),
            values: state.count("")?,
            commits: store.commit_count(),
            branches: named(store.branches()?),
            tags: named(store.tags()?),
        })
    }

    fn write(&self, out: &mut Out, file: &std::path::Path) -> Result<()> {
        let branch = Safe(&self.branch);
        writeln!(
            out,
            "File:     {}, {}",
            file_name(file),
            bytes(self.file_bytes)
        )?;
        match &self.head {
            Some(head) => {
                let head = revision::short(head.parse()?);
                writeln!(out, "Head:     {ID}{head}{ID:#} on {NAME}{branch}{NAME:#}")?;
            }
            None => writeln!(out, "Head:     no commit yet on {NAME}{branch}{NAME:#}")?,
        }
        if let Some(time_ms) = self.time_ms {
            let ago = time::relative(time_ms, Timestamp::now());
            writeln!(out, "Written:  {}, {ago}", time::absolute(time_ms))?;
        }
        writeln!(out, "Values:   {}", indicatif::HumanCount(self.values))?;
        writeln!(out, "Root:     {}", self.root)?;
        writeln!(out, "Commits:  {}", indicatif::HumanCount(self.commits))?;
        for (title, names) in [("Branches:", &self.branches), ("Tags:    ", &self.tags)] {
            if names.is_empty() {
                continue;
            }
            let shown = names
                .iter()
                .take(NAMES_SHOWN)
                .map(|named| Safe(&named.name).to_string());
            let mut shown: Vec<String> = shown.collect();
            if names.len() > shown.len() {
                shown.push(format!("{} more", names.len() - shown.len()));
            }
            writeln!(out, "{title} {}", shown.join(", "))?;
        }
        Ok(())
    }
}
