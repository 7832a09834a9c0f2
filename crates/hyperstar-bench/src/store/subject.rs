//! A store under test, and its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::data::{Random, Write};
use super::git::Git;
use super::ours::Ours;
use super::redb::Redb;
use super::sqlite::Sqlite;
use super::{data, disk};
use crate::table::{Table, figure};

/// What each subject may keep of its file in memory: as much as Hyperstar's store does.
pub(crate) const CACHE_BYTES: usize = 256 * 1024 * 1024;

/// Writes of one transaction while a store is filled.
const LOAD_WRITES: usize = 100_000;

/// How a version is named: its commit's id.
pub(crate) type VersionId = Vec<u8>;

/// What is called with each value that is read.
pub(crate) type Look<'a> = &'a mut dyn FnMut(&[u8]);

/// An open store.
pub(crate) trait Subject {
    /// Sets all of it in one transaction, which is on the disk when this returns.
    fn commit(&self, writes: &[Write]) -> Result<()>;

    /// As [`Subject::commit`], but the disk may be told later. For what is prepared, not measured.
    fn commit_unsynced(&self, writes: &[Write]) -> Result<()> {
        self.commit(writes)
    }

    /// Looks at the values of these paths in their order, each read by itself. All must be there.
    fn read_each(&self, paths: &[String], look: Look<'_>) -> Result<()>;

    /// The same from one snapshot.
    fn read_snapshot(&self, paths: &[String], look: Look<'_>) -> Result<()>;

    /// Its versions, if it keeps those that were.
    fn versions(&self) -> Option<&dyn Versions> {
        None
    }
}

/// A store that keeps its former versions.
pub(crate) trait Versions {
    /// The version of the last commit.
    fn head(&self) -> Result<VersionId>;

    /// How many entries differ between two versions; each was looked at.
    fn diff(&self, before: &VersionId, after: &VersionId) -> Result<usize>;
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    Hyperstar,
    Redb,
    /// redb with what Hyperstar's store asks of it: two syncs, and no repair after a kill.
    RedbQuickRepair,
    Sqlite,
    Git,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Hyperstar,
        Self::Redb,
        Self::RedbQuickRepair,
        Self::Sqlite,
        Self::Git,
    ];
    /// Those that are made for many small transactions.
    pub(crate) const TRANSACTIONAL: [Self; 4] = [
        Self::Hyperstar,
        Self::Redb,
        Self::RedbQuickRepair,
        Self::Sqlite,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hyperstar => "hyperstar-store",
            Self::Redb => "redb",
            Self::RedbQuickRepair => "redb, quick repair",
            Self::Sqlite => "SQLite",
            Self::Git => "Git (gix)",
        }
    }

    /// Opens the store in `directory`, or creates it there.
    pub(crate) fn open(self, directory: &Path) -> Result<Box<dyn Subject>> {
        Ok(match self {
            Self::Git => Box::new(Git::open(directory)?),
            other => other.open_shared(directory)?,
        })
    }

    /// As [`Kind::open`], for many threads. Git is none of these.
    pub(crate) fn open_shared(self, directory: &Path) -> Result<Box<dyn Subject + Sync>> {
        Ok(match self {
            Self::Hyperstar => Box::new(Ours::open(directory)?),
            Self::Redb => Box::new(Redb::open(directory, false)?),
            Self::RedbQuickRepair => Box::new(Redb::open(directory, true)?),
            Self::Sqlite => Box::new(Sqlite::open(directory)?),
            Self::Git => anyhow::bail!("a Git repository has one writer at a time"),
        })
    }

    fn fill(self, directory: &Path, entries: usize) -> Result<()> {
        if self == Self::Git {
            return Git::fill(directory, entries);
        }
        let store = self.open(directory)?;
        let mut random = Random::new(0);
        for start in (0..entries).step_by(LOAD_WRITES) {
            let end = entries.min(start + LOAD_WRITES);
            let mut writes: Vec<Write> = (start..end).map(|number| random.write(number)).collect();
            // In order, as Hyperstar's store does by itself: the trees of all are as dense.
            writes.sort_unstable_by(|one, other| one.path.cmp(&other.path));
            store.commit(&writes)?;
        }
        Ok(())
    }
}

/// The directories of the filled stores.
pub(crate) struct Files {
    pub(crate) directory: PathBuf,
}

impl Files {
    /// Fills the stores, and prints what that took.
    pub(crate) fn load(directory: &Path, entries: usize, kinds: &[Kind]) -> Result<Self> {
        let files = Self {
            directory: directory.to_owned(),
        };
        let mut table = Table::new(&["store", "s", "MiB on the disk", "bytes per entry"]);
        for kind in kinds {
            let directory = files.of(*kind);
            fs::create_dir(&directory)?;
            let began = Instant::now();
            kind.fill(&directory, entries)?;
            let took = began.elapsed();
            let bytes = disk::bytes_of(&directory)? as f64;
            table.row([
                kind.name().to_owned(),
                figure(took.as_secs_f64()),
                figure(bytes / 1024.0 / 1024.0),
                figure(bytes / entries as f64),
            ]);
            // One of the last entries stands for all.
            let last = [data::path(entries - 1)];
            kind.open(&directory)?
                .read_each(&last, &mut |_| {})
                .with_context(|| format!("{} was not filled", kind.name()))?;
        }
        println!(
            "## The stores\n\n{entries} entries such as `{}`, with values of {} random bytes, set {LOAD_WRITES} in a transaction (Git: one pack).\n\n{table}",
            data::path(entries - 1),
            data::VALUE_BYTES
        );
        Ok(files)
    }

    /// The directory of a store.
    pub(crate) fn of(&self, kind: Kind) -> PathBuf {
        self.directory.join(format!("{kind:?}").to_lowercase())
    }

    /// Opens a filled store.
    pub(crate) fn open(&self, kind: Kind) -> Result<Box<dyn Subject>> {
        kind.open(&self.of(kind))
    }
}
