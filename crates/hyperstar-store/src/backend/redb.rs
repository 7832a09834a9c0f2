//! Tables in one file, by redb: a copy-on-write B-tree with checksums.

mod copy;

use std::error::Error;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{
    Database, DatabaseError, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend,
    StorageError, TableDefinition, TableError, WriteTransaction,
};

use self::copy::Copy;
use super::journal::{self, Behind, Head, Journal};
use super::{Backend, BackendError, Batch, Logged, Shrunk, Table, View, VisitEntry, Write};
use crate::StoreError;

/// How many bytes of pages redb keeps in memory. Past it, it reads from the file.
const CACHE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The layout of the file. Another number is refused on opening.
const FORMAT: u64 = 3;
/// The last format whose files were redb's from their first byte on.
const FORMAT_OF_REDB: u64 = 2;

/// The start of a redb file: its magic number, flags, and from [`GEOMETRY_AT`] on the sizes that
/// never change again (of a page, of a region's header, of a region); 320 bytes in all.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
const GEOMETRY_AT: usize = 10;
const GEOMETRY: &[u8] = &[0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0];
const HEADER_BYTES: usize = 320;

/// A file larger than this is not one whose creation was cut off.
const CREATED_BYTES_MAX: u64 = 16 * 1024 * 1024;

const VALUES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("values");
const PAGES: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("pages");
const HISTORY: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("history");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Which records of the journal the tables do not have yet.
const META_EPOCH: &str = "epoch";

/// Keeps the tables in one file: what [`Store::open`](crate::Store::open) uses.
///
/// # Design
/// A small commit goes to a journal at the start of the file, by one write and one sync, and to redb in
/// memory. redb's own commits come every few hundred of those, and for large ones: a lone commit is as
/// quick as an append to a file, and writes its pages once for many.
///
/// Each commit of redb is two-phase and saves the allocator's state (redb's quick-repair): two syncs in
/// place of one. Measured on a virtual disk, that is 0.5 ms instead of 0.3 ms, nearly all of it the
/// second sync. For it, a file that was not closed opens in 1 ms whatever its size, where a full
/// repair took 56 ms for 100,000 values and 1.2 s for a million; and what counts as committed does
/// not hang on a non-cryptographic checksum over data that strangers can choose. Nor does a later
/// commit build on one whose sync failed, which Linux lets one read, but never writes: with a single
/// phase, a store that was opened again after such a failure was damaged by the next power cut.
pub struct RedbBackend {
    db: Arc<Database>,
    journal: Journal,
    /// Nothing if it is not in a file.
    file: Option<PathBuf>,
    /// What will take the place of the file.
    copy: Option<Box<Copy>>,
}

struct RedbView {
    // Fields drop in this order: the tables' read transaction ends before its database closes.
    values: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pages: ReadOnlyTable<u64, &'static [u8]>,
    history: ReadOnlyTable<&'static [u8], &'static [u8]>,
    _db: Arc<Database>,
}

impl RedbBackend {
    /// Opens `file`, or creates it; its directory must be there.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Format`] or [`StoreError::Open`].
    pub fn open(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        let file = file.as_ref();
        let name = file.display().to_string();
        let content = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(file)
            .map_err(|error| open_error(&name, StorageError::Io(error).into()))?;
        let storage = FileBackend::new(content).map_err(|error| open_error(&name, error))?;
        let mut backend = Self::with_storage(&name, storage)?;
        let failed = |error: io::Error| failed_to_open(&name, error.into());
        sync_directory_of(file).map_err(failed)?;
        let file = file.canonicalize().map_err(failed)?;
        copy::remove_leftover(&file).map_err(failed)?;
        backend.file = Some(file);
        Ok(backend)
    }

    /// Opens the store in `storage`, or creates it there if it has no bytes: for bytes that are
    /// not in a file, or for a disk that a test can break. `name` is what errors call it.
    ///
    /// What was acknowledged is there again after a power cut if `storage` keeps its promise: what
    /// was written before a `sync_data` that returned `Ok` stays; the rest may be there, or not, or
    /// in part, in any order. After a call that failed it is not called again but to close it.
    ///
    /// ```
    /// use hyperstar_store::{RedbBackend, Store};
    /// use redb::backends::InMemoryBackend;
    ///
    /// let backend = RedbBackend::with_storage("my disk", InMemoryBackend::new())?;
    /// let store = Store::with_backend(backend)?;
    /// store.set("count", &1)?;
    /// # Ok::<(), hyperstar_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`RedbBackend::open`].
    pub fn with_storage(name: &str, storage: impl StorageBackend) -> Result<Self, StoreError> {
        let storage: Arc<dyn StorageBackend> = Arc::new(storage);
        let id = lay_head(name, &*storage)?;
        let tables = Behind(storage.clone());
        discard_interrupted_creation(&tables)
            .map_err(|error| failed_to_open(name, error.into()))?;
        let db = builder()
            .create_with_backend(tables)
            .map_err(|error| open_error(name, error))?;
        let epoch = lay_tables(&db).map_err(|error| failed_to_open(name, error))?;
        Ok(Self {
            db: Arc::new(db),
            journal: Journal::new(storage, id, epoch),
            file: None,
            copy: None,
        })
    }
}

impl Backend for RedbBackend {
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError> {
        let view = read(&self.db).map_err(BackendError::new)?;
        Ok(Arc::new(view))
    }

    fn apply(&mut self, batch: &Batch) -> Result<Arc<dyn View>, BackendError> {
        // Until `commit` is called, dropping the transaction undoes it.
        let epoch = self.journal.epoch() + 1;
        let transaction = write(&self.db, batch, epoch).map_err(BackendError::new)?;
        transaction.commit().map_err(BackendError::in_doubt)?;
        if batch.sync {
            self.journal.restart(epoch);
        }
        if let Some(copy) = &mut self.copy
            && let Err(error) = copy.follow(batch)
        {
            tracing::warn!(%error, "the store cannot be made smaller");
            self.copy = None;
        }
        let view = read(&self.db).map_err(BackendError::in_doubt)?;
        Ok(Arc::new(view))
    }

    fn log(&mut self, record: &[u8], sync: bool) -> Result<Logged, BackendError> {
        self.journal.append(record, sync)
    }

    fn logged(&mut self) -> Result<Vec<Bytes>, BackendError> {
        self.journal.read().map_err(BackendError::new)
    }

    fn shrink(&mut self, begin: bool) -> Result<Shrunk, BackendError> {
        let Some(file) = &self.file else {
            return Ok(Shrunk::Done);
        };
        let mut copy = match (self.copy.take(), begin) {
            (_, true) => Box::new(Copy::begin(file).map_err(BackendError::new)?),
            (Some(copy), false) => copy,
            (None, false) => return Err(BackendError::new("a write to the copy failed")),
        };
        let from = read(&self.db).map_err(BackendError::new)?;
        if copy.step(&from).map_err(BackendError::new)? {
            let file = file.clone();
            *self = copy.finish(&file).map_err(BackendError::new)?;
            // Until then a power cut may bring the old file back.
            sync_directory_of(&file).map_err(BackendError::in_doubt)?;
            return Ok(Shrunk::Done);
        }
        self.copy = Some(copy);
        Ok(Shrunk::More)
    }
}

impl View for RedbView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        let guard = match table {
            Table::Values => self.values.get(key),
            Table::Pages => match page_number(key) {
                Some(number) => self.pages.get(number),
                None => return Ok(None),
            },
            Table::History => self.history.get(key),
        };
        let guard = guard.map_err(BackendError::new)?;
        Ok(guard.map(|guard| Bytes::copy_from_slice(guard.value())))
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        visit: &mut VisitEntry<'_>,
    ) -> Result<(), BackendError> {
        if table == Table::Pages {
            let first = match start.len() > 8 {
                true => Bound::Excluded(first_number(start)),
                false => Bound::Included(first_number(start)),
            };
            let range = self.pages.range::<u64>((first, Bound::Unbounded));
            for entry in range.map_err(BackendError::new)? {
                let (number, bytes) = entry.map_err(BackendError::new)?;
                if visit(&number.value().to_be_bytes(), bytes.value()).is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let table = match table {
            Table::Values => &self.values,
            _ => &self.history,
        };
        let from_start = (Bound::Included(start), Bound::Unbounded);
        let range = table
            .range::<&[u8]>(from_start)
            .map_err(BackendError::new)?;
        for entry in range {
            let (key, bytes) = entry.map_err(BackendError::new)?;
            if visit(key.value(), bytes.value()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(
        &self,
        table: Table,
        end: Option<&[u8]>,
        visit: &mut VisitEntry<'_>,
    ) -> Result<(), BackendError> {
        if table == Table::Pages {
            let last = match end {
                // What is shorter than a number is before the numbers that begin with it, and what is
                // longer is after the number that it begins with.
                Some(end) if end.len() > 8 => Bound::Included(first_number(end)),
                Some(end) => Bound::Excluded(first_number(end)),
                None => Bound::Unbounded,
            };
            let range = self.pages.range::<u64>((Bound::Unbounded, last));
            for entry in range.map_err(BackendError::new)?.rev() {
                let (number, bytes) = entry.map_err(BackendError::new)?;
                if visit(&number.value().to_be_bytes(), bytes.value()).is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let table = match table {
            Table::Values => &self.values,
            _ => &self.history,
        };
        let to_end = (
            Bound::Unbounded,
            end.map_or(Bound::Unbounded, Bound::Excluded),
        );
        let range = table.range::<&[u8]>(to_end).map_err(BackendError::new)?;
        for entry in range.rev() {
            let (key, bytes) = entry.map_err(BackendError::new)?;
            if visit(key.value(), bytes.value()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The least number whose bytes do not sort before `key`, for keys up to eight bytes.
fn first_number(key: &[u8]) -> u64 {
    let mut number = [0; 8];
    let given = key.len().min(8);
    number[..given].copy_from_slice(&key[..given]);
    u64::from_be_bytes(number)
}

fn page_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES_MAX);
    builder
}

fn begin_write(db: &Database, sync: bool) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = db.begin_write()?;
    transaction.set_durability(match sync {
        true => Durability::Immediate,
        false => Durability::None,
    })?;
    transaction.set_quick_repair(sync);
    Ok(transaction)
}

/// `epoch` is that of the tables from the batch on, if it is synced.
fn write(db: &Database, batch: &Batch, epoch: u64) -> Result<WriteTransaction, redb::Error> {
    let transaction = begin_write(db, batch.sync)?;
    if batch.sync {
        transaction.open_table(META)?.insert(META_EPOCH, epoch)?;
    }
    write_each(&transaction, &batch.writes)?;
    Ok(transaction)
}

fn write_each(transaction: &WriteTransaction, writes: &[Write]) -> Result<(), redb::Error> {
    let mut values = transaction.open_table(VALUES)?;
    let mut pages = transaction.open_table(PAGES)?;
    let mut history = transaction.open_table(HISTORY)?;
    for write in writes {
        let table = match write.table {
            Table::Values => &mut values,
            Table::History => &mut history,
            Table::Pages => {
                let number = page_number(&write.key);
                let number = number.ok_or_else(|| corrupted("the number of a page"))?;
                match &write.value {
                    Some(bytes) => pages.insert(number, &**bytes)?,
                    None => pages.remove(number)?,
                };
                continue;
            }
        };
        match &write.value {
            Some(bytes) => table.insert(&*write.key, &**bytes)?,
            None => table.remove(&*write.key)?,
        };
    }
    Ok(())
}

fn corrupted(what: &str) -> redb::Error {
    StorageError::Corrupted(format!("{what} is malformed")).into()
}

fn read(db: &Arc<Database>) -> Result<RedbView, redb::Error> {
    let transaction = db.begin_read()?;
    Ok(RedbView {
        values: transaction.open_table(VALUES)?,
        pages: transaction.open_table(PAGES)?,
        history: transaction.open_table(HISTORY)?,
        _db: db.clone(),
    })
}

/// Reads what the file begins with, or writes it if there is nothing. Answers the file's number.
fn lay_head(name: &str, storage: &dyn StorageBackend) -> Result<[u8; 16], StoreError> {
    let failed = |error: io::Error| open_error(name, StorageError::Io(error).into());
    let head = || journal::head(storage, FORMAT).map_err(failed);
    let mut found = head()?;
    let is_new = match found {
        Head::Empty => true,
        // Whoever created it may have failed to sync it: it can be read, and is not on the disk.
        Head::Store(_) => journal::is_alone(storage).map_err(failed)?,
        _ => false,
    };
    if is_new {
        // Whoever is creating it right now holds the lock.
        let created = alone(storage, || match journal::head(storage, FORMAT)? {
            Head::Empty => journal::create(storage, FORMAT).map(Head::Store),
            Head::Store(id) => journal::renew(storage).map(|()| Head::Store(id)),
            other => Ok(other),
        });
        found = created.map_err(failed)?.ok_or_else(|| StoreError::Locked {
            file: name.to_owned(),
        })?;
    }
    let format = match found {
        Head::Store(id) => return Ok(id),
        Head::Format(found) => found,
        Head::Empty | Head::Foreign => {
            let mut magic = [0; MAGIC.len()];
            if storage.read(0, &mut magic).is_err() || magic != MAGIC {
                return Err(failed(io::ErrorKind::InvalidData.into()));
            }
            FORMAT_OF_REDB
        }
    };
    Err(StoreError::Format {
        file: name.to_owned(),
        found: format,
        expected: FORMAT,
    })
}

/// Lays the tables if they are not there, and returns their epoch.
fn lay_tables(db: &Database) -> Result<u64, redb::Error> {
    match db.begin_read()?.open_table(META) {
        Ok(meta) => return Ok(meta.get(META_EPOCH)?.map_or(0, |guard| guard.value())),
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let transaction = begin_write(db, true)?;
    transaction.open_table(VALUES)?;
    transaction.open_table(PAGES)?;
    transaction.open_table(HISTORY)?;
    transaction.open_table(META)?.insert(META_EPOCH, 0)?;
    transaction.commit()?;
    Ok(0)
}

/// Runs `change` while nobody else has the storage open; does nothing if somebody has.
fn alone<T>(
    storage: &dyn StorageBackend,
    change: impl FnOnce() -> io::Result<T>,
) -> io::Result<Option<T>> {
    let everything = (Bound::Unbounded, Bound::Unbounded);
    let is_locked = match storage.try_lock_range(everything.0, everything.1) {
        Ok(true) => true,
        Ok(false) => return Ok(None),
        Err(redb::BackendError::Unsupported) => false,
        Err(error) => return Err(error.into()),
    };
    let changed = change();
    if is_locked {
        let unlocked = storage.unlock_range(everything.0, everything.1);
        let changed = changed?;
        unlocked.map_err(io::Error::from)?;
        Ok(Some(changed))
    } else {
        changed.map(Some)
    }
}

/// Empties a storage whose creation was cut off by a crash. redb writes its magic number last, and
/// refuses a file that is neither empty nor has one.
fn discard_interrupted_creation(storage: &impl StorageBackend) -> io::Result<()> {
    let size_bytes = storage.len()?;
    if size_bytes == 0 || size_bytes > CREATED_BYTES_MAX {
        return Ok(());
    }
    let mut magic = vec![0; MAGIC.len().min(size_bytes as usize)];
    storage.read(0, &mut magic)?;
    if magic == MAGIC {
        return Ok(());
    }
    // Whoever is creating it right now holds the lock; opening it will say so.
    alone(storage, || discard_if_interrupted(storage)).map(drop)
}

fn discard_if_interrupted(storage: &impl StorageBackend) -> io::Result<()> {
    // Whoever held the lock may have gone on since.
    let size_bytes = storage.len()?.min(CREATED_BYTES_MAX);
    let mut bytes = vec![0; size_bytes as usize];
    storage.read(0, &mut bytes)?;
    if is_interrupted_creation(&bytes) {
        storage.set_len(0)?;
        storage.sync_data()?;
    }
    Ok(())
}

/// No magic number, at most redb's header after it, and nothing else: there is nothing to lose.
/// Any byte may be missing, as the header is written in one piece that a crash can tear; the magic
/// number comes in a second piece, so that no part of it is there before all of the header.
fn is_interrupted_creation(bytes: &[u8]) -> bool {
    let (header, pages) = bytes.split_at(bytes.len().min(HEADER_BYTES));
    let magic = &header[..header.len().min(MAGIC.len())];
    let geometry = header.get(GEOMETRY_AT..).unwrap_or_default();
    let geometry = &geometry[..geometry.len().min(GEOMETRY.len())];
    let header_fits = if is_zero(magic) {
        is_part_of(geometry, GEOMETRY)
    } else {
        is_part_of(magic, MAGIC) && magic != MAGIC && geometry == GEOMETRY
    };
    header_fits && is_zero(pages)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Whether each byte is the one of `whole`, or not written yet.
fn is_part_of(bytes: &[u8], whole: &[u8]) -> bool {
    let mut pairs = bytes.iter().zip(whole);
    pairs.all(|(byte, expected)| *byte == 0 || byte == expected)
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

fn open_error(name: &str, error: DatabaseError) -> StoreError {
    let remedy = match &error {
        DatabaseError::DatabaseAlreadyOpen => {
            return StoreError::Locked {
                file: name.to_owned(),
            };
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
    failed_with(name, remedy, Box::new(error))
}

fn failed_to_open(name: &str, error: redb::Error) -> StoreError {
    let remedy = "check that it is a store, and that the disk is well";
    failed_with(name, remedy, Box::new(error))
}

fn failed_with(
    name: &str,
    remedy: &'static str,
    source: Box<dyn Error + Send + Sync>,
) -> StoreError {
    StoreError::Open {
        file: name.to_owned(),
        remedy,
        source: BackendError::new(source),
    }
}
