//! redb by itself: one table.

use std::path::Path;

use ::redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use anyhow::{Context, Result};

use super::data::Write;
use super::subject::{CACHE_BYTES, Subject};

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

    fn read_each(&self, paths: &[String]) -> Result<usize> {
        let mut bytes = 0;
        for path in paths {
            let values = self.db.begin_read()?.open_table(VALUES)?;
            bytes += value_bytes(&values, path)?;
        }
        Ok(bytes)
    }

    fn read_snapshot(&self, paths: &[String]) -> Result<usize> {
        let values = self.db.begin_read()?.open_table(VALUES)?;
        let mut bytes = 0;
        for path in paths {
            bytes += value_bytes(&values, path)?;
        }
        Ok(bytes)
    }
}

/// Reads the value where it lies, without a copy: what redb can do best.
fn value_bytes(
    values: &impl ReadableTable<&'static str, &'static [u8]>,
    path: &str,
) -> Result<usize> {
    let value = values.get(path)?.context("it is there")?;
    Ok(std::hint::black_box(value.value()).len())
}
