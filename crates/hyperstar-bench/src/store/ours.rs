//! Hyperstar's store.

use std::path::Path;

use anyhow::{Context, Result};
use hyperstar_store::{Store, StoreError};

use super::data::Write;
use super::subject::{Look, Subject};

pub(crate) struct Ours {
    store: Store,
}

impl Ours {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        Ok(Self {
            store: Store::open(directory.join("store.redb"))?,
        })
    }
}

impl Subject for Ours {
    fn commit(&self, writes: &[Write]) -> Result<()> {
        self.store.transaction(|tx| {
            for write in writes {
                tx.set_bytes(&write.path, write.value.to_vec())?;
            }
            Ok::<_, StoreError>(())
        })?;
        Ok(())
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

    // No `versions`: the store keeps only the last one. `commit_unsynced` is `commit`: it has no
    // other durability.
}
