//! The first megabytes of a store's file: what the file is, and a journal ahead of the tables.
//!
//! A small commit is durable once its record is in the journal: one write to blocks that are there
//! already, and one sync. The tables follow in memory, and go to the disk all together when the
//! journal is full, at the latest. Which records count is in the tables: those of their epoch. So
//! the journal starts over without a word to the disk, with each batch of the tables that is synced.
//!
//! | bytes | what |
//! |---|---|
//! | 0 .. 48 | magic, format, a random number of the file, checksum |
//! | 4096 .. [`TABLES_AT`] | records, each from a block of its own on: checksum, epoch, number, length, bytes |
//! | [`TABLES_AT`] .. | redb |
//!
//! # Design
//! No two records share a block, so that a torn write of one cannot hurt another. A record that does
//! not check ends the journal: it was not acknowledged, or the disk lost what it had promised to keep.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use redb::{BackendError as LockError, StorageBackend};

use super::{BackendError, Logged};
use crate::hash::Hash;

/// Where the tables begin.
pub(super) const TABLES_AT: u64 = 4 * 1024 * 1024;

const MAGIC: &[u8; 16] = b"hyperstar store\n";
const HEADER_BYTES: usize = 48;
const RECORDS_AT: u64 = BLOCK_BYTES;
const BLOCK_BYTES: u64 = 4096;
/// Checksum, epoch, number, length.
const RECORD_HEADER_BYTES: usize = 16 + 8 + 8 + 4;
/// The longest record: a longer one is no quicker than the tables.
const RECORD_BYTES_MAX: usize = 512 * 1024;
/// The most records: opening a store that was not closed makes their commits again.
const RECORDS_MAX: u64 = 512;
/// Blocks are made ready by so many bytes.
const RESERVED_BYTES: u64 = 256 * 1024;

/// What the file begins with.
pub(super) enum Head {
    Store([u8; 16]),
    /// Nothing, or what is left of a creation that was cut off.
    Empty,
    /// A store of another format.
    Format(u64),
    Foreign,
}

/// What is said about the file ahead of all else.
pub(super) fn head(storage: &dyn StorageBackend, format: u64) -> io::Result<Head> {
    let size_bytes = storage.len()?;
    let mut bytes = vec![0; HEADER_BYTES.min(usize::try_from(size_bytes).unwrap_or(HEADER_BYTES))];
    storage.read(0, &mut bytes)?;
    if let Some((found, id)) = decode_header(&bytes) {
        return Ok(match found == format {
            true => Head::Store(id),
            false => Head::Format(found),
        });
    }
    // The header is on the disk before anything comes behind it.
    let mut pairs = bytes.iter().zip(MAGIC);
    let is_cut_off = size_bytes <= HEADER_BYTES as u64
        && pairs.all(|(byte, expected)| *byte == 0 || byte == expected);
    Ok(match is_cut_off {
        true => Head::Empty,
        false => Head::Foreign,
    })
}

/// Whether there is nothing behind what is said about the file.
pub(super) fn is_alone(storage: &dyn StorageBackend) -> io::Result<bool> {
    Ok(storage.len()? <= HEADER_BYTES as u64)
}

/// Writes what is said about the file once more.
pub(super) fn renew(storage: &dyn StorageBackend) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    storage.read(0, &mut header)?;
    storage.write(0, &header)?;
    storage.sync_data()
}

/// Makes a store of what is [`Head::Empty`].
pub(super) fn create(storage: &dyn StorageBackend, format: u64) -> io::Result<[u8; 16]> {
    // Each is another random number.
    let random = || RandomState::new().build_hasher().finish().to_be_bytes();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random());
    id[8..].copy_from_slice(&random());
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&format.to_be_bytes());
    header.extend_from_slice(&id);
    let checksum = Hash::of(&header);
    header.extend_from_slice(&checksum.as_bytes()[..8]);
    storage.set_len(HEADER_BYTES as u64)?;
    storage.write(0, &header)?;
    storage.sync_data()?;
    Ok(id)
}

fn decode_header(bytes: &[u8]) -> Option<(u64, [u8; 16])> {
    let (header, checksum) = bytes.split_at_checked(HEADER_BYTES - 8)?;
    if Hash::of(header).as_bytes()[..8] != *checksum {
        return None;
    }
    let rest = header.strip_prefix(MAGIC)?;
    let (format, id) = rest.split_first_chunk()?;
    Some((u64::from_be_bytes(*format), id.try_into().ok()?))
}

/// The records ahead of the tables.
#[derive(Debug)]
pub(super) struct Journal {
    storage: Arc<dyn StorageBackend>,
    /// Of the file: no record of another one counts.
    id: [u8; 16],
    epoch: u64,
    /// How many records there are of this epoch.
    records: u64,
    /// Where the next one goes.
    at: u64,
    /// The blocks before are there: a write to them finds room.
    reserved: u64,
}

impl Journal {
    /// `epoch` is that of the tables.
    pub(super) fn new(storage: Arc<dyn StorageBackend>, id: [u8; 16], epoch: u64) -> Self {
        Self {
            storage,
            id,
            epoch,
            records: 0,
            at: RECORDS_AT,
            reserved: RECORDS_AT,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Forgets all records: the tables have them.
    pub(super) fn restart(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.records = 0;
        self.at = RECORDS_AT;
    }

    /// The records that are there, the oldest first. Then the journal goes on behind them.
    pub(super) fn read(&mut self) -> io::Result<Vec<Bytes>> {
        self.restart(self.epoch);
        let size_bytes = self.storage.len()?.min(TABLES_AT);
        let mut records = Vec::new();
        while let Some(record) = self.next(size_bytes)? {
            self.at += blocks(record.len());
            self.records += 1;
            records.push(record);
        }
        Ok(records)
    }

    fn next(&self, size_bytes: u64) -> io::Result<Option<Bytes>> {
        let mut header = [0; RECORD_HEADER_BYTES];
        if self.at + RECORD_HEADER_BYTES as u64 > size_bytes {
            return Ok(None);
        }
        self.storage.read(self.at, &mut header)?;
        let record_bytes = u32::from_be_bytes([header[32], header[33], header[34], header[35]]);
        let record_bytes = record_bytes as usize;
        if record_bytes > RECORD_BYTES_MAX || self.at + blocks(record_bytes) > TABLES_AT {
            return Ok(None);
        }
        let mut record = vec![0; record_bytes];
        let from = self.at + RECORD_HEADER_BYTES as u64;
        if from + record_bytes as u64 > size_bytes {
            return Ok(None);
        }
        self.storage.read(from, &mut record)?;
        Ok((self.header(&record) == header).then(|| record.into()))
    }

    /// Adds a record.
    pub(super) fn append(&mut self, record: &[u8], sync: bool) -> Result<Logged, BackendError> {
        let end = self.at + blocks(record.len());
        if record.len() > RECORD_BYTES_MAX || end > TABLES_AT || self.records == RECORDS_MAX {
            return Ok(Logged::Full);
        }
        if end > self.reserved && self.reserve(end).is_err() {
            // The disk may be full. The tables will say so, and nothing has changed.
            return Ok(Logged::Full);
        }
        let mut bytes = self.header(record).to_vec();
        bytes.extend_from_slice(record);
        let written = self.storage.write(self.at, &bytes);
        let synced = written.and_then(|()| match sync {
            true => self.storage.sync_data(),
            false => Ok(()),
        });
        synced.map_err(BackendError::in_doubt)?;
        self.at = end;
        self.records += 1;
        Ok(Logged::Yes)
    }

    /// Makes blocks up to `end` ready.
    fn reserve(&mut self, end: u64) -> io::Result<()> {
        let reserved = (self.reserved + RESERVED_BYTES).max(end).min(TABLES_AT);
        // Not before `at`, where there are records.
        let from = self.reserved.max(self.at);
        let zeros = vec![0; usize::try_from(reserved - from).unwrap_or_default()];
        self.storage.write(from, &zeros)?;
        self.storage.sync_data()?;
        self.reserved = reserved;
        Ok(())
    }

    fn header(&self, record: &[u8]) -> [u8; RECORD_HEADER_BYTES] {
        let mut header = [0; RECORD_HEADER_BYTES];
        header[16..24].copy_from_slice(&self.epoch.to_be_bytes());
        header[24..32].copy_from_slice(&self.records.to_be_bytes());
        // At most `RECORD_BYTES_MAX`.
        header[32..].copy_from_slice(&(record.len() as u32).to_be_bytes());
        let checksum = Hash::of_all([&self.id[..], &header[16..], record]);
        header[..16].copy_from_slice(&checksum.as_bytes()[..16]);
        header
    }
}

/// The bytes of the blocks that a record takes.
fn blocks(record_bytes: usize) -> u64 {
    ((RECORD_HEADER_BYTES + record_bytes) as u64).next_multiple_of(BLOCK_BYTES)
}

/// The storage behind the journal: what redb has for itself.
#[derive(Debug)]
pub(super) struct Behind(pub(super) Arc<dyn StorageBackend>);

impl StorageBackend for Behind {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len()?.saturating_sub(TABLES_AT))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset + TABLES_AT, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len + TABLES_AT)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset + TABLES_AT, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    // The ranges only tell one opening from another: they need not be moved.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, LockError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, LockError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), LockError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), LockError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), LockError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, LockError> {
        self.0.query_lock_range(start, end)
    }
}
