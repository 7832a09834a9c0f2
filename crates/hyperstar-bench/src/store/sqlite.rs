//! SQLite: one table without row ids, a write-ahead log that is synced by each commit. A connection
//! belongs to one thread at a time, so writers share it under a lock.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use rusqlite::{Connection, TransactionBehavior};

use super::data::Write;
use super::subject::{CACHE_BYTES, Look, Subject};

const READ: &str = "SELECT value FROM entries WHERE path = ?1";
const WRITE: &str = "INSERT INTO entries (path, value) VALUES (?1, ?2) \
     ON CONFLICT (path) DO UPDATE SET value = excluded.value";

pub(crate) struct Sqlite {
    connection: Mutex<Connection>,
}

/// The version that is built in.
pub(crate) fn version() -> &'static str {
    rusqlite::version()
}

impl Sqlite {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let connection = Connection::open(directory.join("entries.sqlite"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Negative: in KiB, not in pages.
        connection.pragma_update(None, "cache_size", -((CACHE_BYTES / 1024) as i64))?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS entries \
             (path TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
        )?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subject for Sqlite {
    fn commit(&self, writes: &[Write]) -> Result<()> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut statement = transaction.prepare_cached(WRITE)?;
            for write in writes {
                statement.execute((&write.path, &write.value[..]))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn commit_unsynced(&self, writes: &[Write]) -> Result<()> {
        self.connection()
            .pragma_update(None, "synchronous", "OFF")?;
        self.commit(writes)?;
        self.connection()
            .pragma_update(None, "synchronous", "FULL")?;
        Ok(())
    }

    fn read_each(&self, paths: &[String], look: Look<'_>) -> Result<()> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(READ)?;
        for path in paths {
            statement.query_row([path], |row| {
                look(row.get_ref(0)?.as_blob()?);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn read_snapshot(&self, paths: &[String], look: Look<'_>) -> Result<()> {
        self.connection().execute_batch("BEGIN")?;
        self.read_each(paths, look)?;
        self.connection().execute_batch("COMMIT")?;
        Ok(())
    }
}
