//! Hyperstar's store.

use std::path::Path;

use anyhow::{Context, Result};
use hyperstar_store::{CommitId, Durability, History, Store, StoreConfig, StoreError};

use super::data::Write;
use super::subject::{Look, Subject, VersionId, Versions};

#[derive(Clone)]
pub(crate) struct Ours {
    store: Store,
}

/// Opens the store in `directory`, or creates it there.
pub(crate) fn open(directory: &Path) -> Result<Store> {
    // As Git, it keeps all versions.
    let config = StoreConfig {
        history: History::All,
        ..StoreConfig::default()
    };
    Ok(Store::open_with(directory.join("store.redb"), config)?)
}

impl Ours {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        Ok(Self {
            store: open(directory)?,
        })
    }

    /// One durable write, without a thread that waits for the disk.
    pub(crate) async fn commit_async(&self, write: &Write) -> Result<()> {
        let submitted = self
            .store
            .submit(|tx| tx.set_bytes(&write.path, write.value.to_vec()));
        submitted?.1.await?;
        Ok(())
    }

    fn write(&self, writes: &[Write], durability: Durability) -> Result<()> {
        self.store.transaction(|tx| {
            tx.set_durability(durability);
            for write in writes {
                tx.set_bytes(&write.path, write.value.to_vec())?;
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }
}

impl Subject for Ours {
    fn commit(&self, writes: &[Write]) -> Result<()> {
        self.write(writes, Durability::Durable)
    }

    fn commit_unsynced(&self, writes: &[Write]) -> Result<()> {
        self.write(writes, Durability::Buffered)
    }

    fn read_each(&self, paths: &[String], look: Look<'_>) -> Result<()> {
        for path in paths {
            let value = self.store.get_bytes(path)?;
            look(&value.context("an entry is missing")?);
        }
        Ok(())
    }

    fn read_snapshot(&self, paths: &[String], look: Look<'_>) -> Result<()> {
        let snapshot = self.store.snapshot();
        for path in paths {
            let value = snapshot.get_bytes(path)?;
            look(&value.context("an entry is missing")?);
        }
        Ok(())
    }

    fn versions(&self) -> Option<&dyn Versions> {
        Some(self)
    }
}

impl Versions for Ours {
    fn head(&self) -> Result<VersionId> {
        Ok(self.store.head_id().to_string().into_bytes())
    }

    fn diff(&self, before: &VersionId, after: &VersionId) -> Result<usize> {
        let changes = self.store.diff(id(before)?, id(after)?, "")?;
        Ok(changes.len())
    }
}

fn id(version: &VersionId) -> Result<CommitId> {
    Ok(str::from_utf8(version)?.parse()?)
}
