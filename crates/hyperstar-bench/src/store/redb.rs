//! redb by itself: one table.

use std::path::Path;

use ::redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use anyhow::{Context, Result};

use super::data::Write;
use super::subject::{CACHE_BYTES, Look, Subject};

const VALUES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("values");

pub(crate) struct Redb {
    db: Database,
    quick_repair: bool,
}

impl Redb {
    pub(crate) fn open(directory: &Path, quick_repair: bool) -> Result<Self> {
        let db = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(directory.join("values.redb"))?;
        Ok(Self { db, quick_repair })
    }

    fn begin(&self, durability: Durability) -> Result<WriteTransaction> {
        let mut transaction = self.db.begin_write()?;
        transaction.set_durability(durability)?;
        transaction.set_quick_repair(self.quick_repair);
        Ok(transaction)
    }

    fn commit_with(&self, durability: Durability, writes: &[Write]) -> Result<()> {
        let transaction = self.begin(durability)?;
        {
            let mut values = transaction.open_table(VALUES)?;
            for write in writes {
                values.insert(&*write.path, &write.value[..])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Subject for Redb {
    fn commit(&self, writes: &[Write]) -> Result<()> {
        self.commit_with(Durability::Immediate, writes)
    }

    fn commit_unsynced(&self, writes: &[Write]) -> Result<()> {
        self.commit_with(Durability::None, writes)
    }

    fn read_each(&self, paths: &[String], look: Look<'_>) -> Result<()> {
        for path in paths {
            let values = self.db.begin_read()?.open_table(VALUES)?;
            read(&values, path, look)?;
        }
        Ok(())
    }

    fn read_snapshot(&self, paths: &[String], look: Look<'_>) -> Result<()> {
        let values = self.db.begin_read()?.open_table(VALUES)?;
        for path in paths {
            read(&values, path, look)?;
        }
        Ok(())
    }
}

/// Looks at the value where it lies, without a copy: what redb can do best.
fn read(
    values: &impl ReadableTable<&'static str, &'static [u8]>,
    path: &str,
    look: Look<'_>,
) -> Result<()> {
    let value = values.get(path)?.context("an entry is missing")?;
    look(value.value());
    Ok(())
}
