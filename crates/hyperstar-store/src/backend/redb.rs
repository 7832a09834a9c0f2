//! Values in one file, by redb: a copy-on-write B-tree with checksums.

use std::error::Error;
use std::fs::File;
use std::io;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use redb::{
    Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase, StorageError,
    TableDefinition, TableError, WriteTransaction,
};

use super::{Backend, BackendError, View};
use crate::{Commit, StoreError, Version};

/// How many bytes of pages redb keeps in memory. Past it, it reads from the file.
const CACHE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The layout of the tables below. Another number is refused on opening.
const FORMAT: u64 = 1;

const VALUES: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("values");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const META_FORMAT: &str = "format";
const META_VERSION: &str = "version";

/// Keeps the values in one file: what [`Store::open`](crate::Store::open) uses.
pub struct RedbBackend {
    db: Arc<Database>,
}

struct RedbView {
    version: Version,
    // Fields drop in this order: the table's read transaction ends before its database closes.
    values: ReadOnlyTable<&'static str, &'static [u8]>,
    _db: Arc<Database>,
}

impl RedbBackend {
    /// Opens `file`, or creates it; its directory must be there.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Format`] or [`StoreError::Open`].
    pub fn open(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        let file = file.as_ref();
        let is_new = !file.exists();
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES_MAX);
        let db = builder.create(file).map_err(|error| open_error(file, error))?;
        let format = prepare(&db).map_err(|error| failed_to_open(file, error))?;
        if format != FORMAT {
            let file = file.display().to_string();
            return Err(StoreError::Format { file, found: format, expected: FORMAT });
        }
        if is_new {
            sync_directory_of(file).map_err(|error| failed_to_open(file, error.into()))?;
        }
        Ok(Self { db: Arc::new(db) })
    }
}

impl Backend for RedbBackend {
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError> {
        let view = read(&self.db).map_err(BackendError::new)?;
        Ok(Arc::new(view))
    }

    fn apply(&mut self, commit: &Commit) -> Result<Arc<dyn View>, BackendError> {
        // Until `commit` is called, dropping the transaction undoes it.
        let transaction = write(&self.db, commit).map_err(BackendError::new)?;
        transaction.commit().map_err(BackendError::in_doubt)?;
        let view = read(&self.db).map_err(BackendError::in_doubt)?;
        Ok(Arc::new(view))
    }
}

impl View for RedbView {
    fn version(&self) -> Version {
        self.version
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, BackendError> {
        let guard = self.values.get(path).map_err(BackendError::new)?;
        Ok(guard.map(|guard| Bytes::copy_from_slice(guard.value())))
    }

    fn scan(
        &self,
        start: &str,
        visit: &mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), BackendError> {
        let from_start = (Bound::Included(start), Bound::Unbounded);
        let range = self.values.range::<&str>(from_start).map_err(BackendError::new)?;
        for entry in range {
            let (path, bytes) = entry.map_err(BackendError::new)?;
            if visit(path.value(), bytes.value()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn begin_write(db: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = db.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn write(db: &Database, commit: &Commit) -> Result<WriteTransaction, redb::Error> {
    let transaction = begin_write(db)?;
    {
        let mut values = transaction.open_table(VALUES)?;
        for change in commit.changes.iter() {
            match &change.after {
                Some(bytes) => values.insert(&*change.path, &**bytes)?,
                None => values.remove(&*change.path)?,
            };
        }
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_VERSION, commit.version.as_u64())?;
    }
    Ok(transaction)
}

fn read(db: &Arc<Database>) -> Result<RedbView, redb::Error> {
    let transaction = db.begin_read()?;
    let version = transaction.open_table(META)?.get(META_VERSION)?.map_or(0, |guard| guard.value());
    Ok(RedbView {
        version: Version::from_u64(version),
        values: transaction.open_table(VALUES)?,
        _db: db.clone(),
    })
}

/// Lays the tables if they are not there, and returns the format of the file.
fn prepare(db: &Database) -> Result<u64, redb::Error> {
    match db.begin_read()?.open_table(META) {
        Ok(meta) => return Ok(meta.get(META_FORMAT)?.map_or(0, |guard| guard.value())),
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let transaction = begin_write(db)?;
    transaction.open_table(VALUES)?;
    transaction.open_table(META)?.insert(META_FORMAT, FORMAT)?;
    transaction.commit()?;
    Ok(FORMAT)
}

/// A new file is durable only once its directory's entry for it is.
fn sync_directory_of(file: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened as a file, and its entries need no sync.
    if cfg!(unix) {
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn open_error(file: &Path, error: DatabaseError) -> StoreError {
    let remedy = match &error {
        DatabaseError::DatabaseAlreadyOpen => {
            return StoreError::Locked { file: file.display().to_string() };
        }
        DatabaseError::Storage(StorageError::Io(error)) => match error.kind() {
            io::ErrorKind::NotFound => "create its directory first",
            io::ErrorKind::PermissionDenied => "check who may write it",
            io::ErrorKind::InvalidData => "it is not a store; name another file",
            _ => "check the disk and the path",
        },
        DatabaseError::Storage(StorageError::Corrupted(_)) => {
            "it is damaged, or not a store; restore it from a backup, or name another file"
        }
        _ => "check that it is a store, written by this or an earlier build",
    };
    failed_with(file, remedy, Box::new(error))
}

fn failed_to_open(file: &Path, error: redb::Error) -> StoreError {
    let remedy = "check that it is a store, and that the disk is well";
    failed_with(file, remedy, Box::new(error))
}

fn failed_with(
    file: &Path,
    remedy: &'static str,
    source: Box<dyn Error + Send + Sync>,
) -> StoreError {
    let file = file.display().to_string();
    StoreError::Open { file, remedy, source: BackendError::new(source) }
}
