//! A copy of a store's tables into a new file, step by step beside readers and a writer.
//!
//! redb gives space back only while nobody reads. So what is there is copied, and what is written
//! meanwhile is written to both. In the end the copy takes the file's name; who still reads the old
//! one has it until then, though it has no name any more.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use redb::backends::FileBackend;

use super::{RedbBackend, begin_write, write_each};
use crate::backend::{Backend, Batch, Table, View, Write};
use crate::{StoreError, Version};

/// How much one step copies; a writer has its turn between steps.
const STEP_BYTES: usize = 4 * 1024 * 1024;
const STEP_ENTRIES: usize = 20_000;
/// What is copied is synced by so many bytes, so that it need not stay in memory.
const SYNCED_BYTES: usize = 64 * 1024 * 1024;

pub(super) struct Copy {
    into: RedbBackend,
    path: PathBuf,
    /// The table that is being copied, by its place in [`Table::ALL`].
    table: usize,
    /// All keys before are copied.
    next: Vec<u8>,
    unsynced_bytes: usize,
}

/// Where the copy of `file` is while it is made.
fn path_beside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".compacting");
    file.with_file_name(name)
}

/// Removes a copy that was never finished. Nobody else makes one: the store is open here.
pub(super) fn remove_leftover(file: &Path) -> io::Result<()> {
    match fs::remove_file(path_beside(file)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Copy {
    pub(super) fn begin(file: &Path) -> Result<Self, StoreError> {
        let path = path_beside(file);
        let name = path.display().to_string();
        let failed = |error: io::Error| super::failed_to_open(&name, error.into());
        remove_leftover(file).map_err(failed)?;
        let content = fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        // As private as the file itself.
        let permissions = fs::metadata(file).map_err(failed)?.permissions();
        content.set_permissions(permissions).map_err(failed)?;
        let storage = FileBackend::new(content).map_err(|error| super::open_error(&name, error))?;
        Ok(Self {
            into: RedbBackend::with_storage(&name, storage)?,
            path,
            table: 0,
            next: Vec::new(),
            unsynced_bytes: 0,
        })
    }

    /// Copies some more; true once nothing is left.
    pub(super) fn step(&mut self, from: &dyn View) -> Result<bool, redb::Error> {
        let Some(table) = Table::ALL.get(self.table).copied() else {
            return Ok(true);
        };
        let mut writes = Vec::new();
        let mut bytes = 0;
        let mut next = None;
        let scanned = from.scan(table, &self.next, &mut |key, value| {
            if bytes >= STEP_BYTES || writes.len() == STEP_ENTRIES {
                next = Some(key.to_vec());
                return ControlFlow::Break(());
            }
            bytes += key.len() + value.len();
            writes.push(Write {
                table,
                key: Bytes::copy_from_slice(key),
                value: Some(Bytes::copy_from_slice(value)),
            });
            ControlFlow::Continue(())
        });
        scanned.map_err(|error| redb::StorageError::Io(io::Error::other(error)))?;
        self.unsynced_bytes += bytes;
        let sync = self.unsynced_bytes >= SYNCED_BYTES;
        if sync {
            self.unsynced_bytes = 0;
        }
        self.write(&writes, sync)?;
        match next {
            Some(next) => self.next = next,
            None => {
                self.table += 1;
                self.next.clear();
            }
        }
        Ok(false)
    }

    /// Writes a batch to what is copied already. The rest is copied with it later.
    pub(super) fn follow(&mut self, batch: &Batch) -> Result<(), redb::Error> {
        let place = |table: Table| Table::ALL.iter().position(|other| *other == table);
        let is_copied = |write: &&Write| {
            let next = match place(write.table) {
                Some(place) if place < self.table => return true,
                Some(place) if place == self.table => &self.next,
                _ => return false,
            };
            write.key[..] < next[..]
        };
        let writes: Vec<Write> = batch.writes.iter().filter(is_copied).cloned().collect();
        self.write(&writes, false)
    }

    fn write(&self, writes: &[Write], sync: bool) -> Result<(), redb::Error> {
        if writes.is_empty() {
            return Ok(());
        }
        let transaction = begin_write(&self.into.db, sync)?;
        write_each(&transaction, writes)?;
        transaction.commit()?;
        Ok(())
    }

    /// Gives the copy the name of `file`. If it fails, `file` is what it was.
    pub(super) fn finish(mut self, file: &Path) -> Result<RedbBackend, redb::Error> {
        // All that was followed, and the epoch, for good.
        let last = Batch {
            version: Version::ZERO,
            sync: true,
            writes: Vec::new(),
        };
        let applied = self.into.apply(&last);
        drop(applied.map_err(|error| redb::StorageError::Io(io::Error::other(error)))?);
        fs::rename(&self.path, file)?;
        self.into.file = Some(file.to_owned());
        Ok(self.into)
    }
}
