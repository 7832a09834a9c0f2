//! Commits as records of a backend's journal, and commits made again from them.

use bytes::Bytes;

use super::flush::Draft;
use crate::backend::Backend;
use crate::config::StoreConfig;
use crate::record::{Reader, Signed};
use crate::state::{Head, State, damaged};
use crate::{Change, StoreError, Version};

/// What a backend [logs](Backend::log) for a batch: its commits without the pages of their trees, which
/// follow from it.
///
/// | bytes | of each commit |
/// |---|---|
/// | 8 | version |
/// | 4 and more | length, and what the commit is [signed](Signed) with |
/// | 4 | number of changes; of each: |
/// | 4 and more | length, and the path |
/// | 4 and more | length of the value, and the value; or [`REMOVED`] |
#[derive(Default)]
pub(super) struct Log {
    bytes: Vec<u8>,
    is_too_long: bool,
}

const REMOVED: u32 = u32::MAX;
/// A longer log is not worth its while: what is large is written once, as the batch.
const BYTES_MAX: usize = 256 * 1024;

impl Log {
    /// Nothing if it would be too long.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        (!self.is_too_long).then_some(&self.bytes)
    }

    pub(super) fn push(&mut self, version: Version, signed: &Signed, changes: &[Change]) {
        let values = changes.iter().filter_map(|change| change.after.as_ref());
        let value_bytes: usize = values.map(Bytes::len).sum();
        self.is_too_long |= self.bytes.len() + value_bytes > BYTES_MAX;
        if self.is_too_long {
            return;
        }
        self.bytes
            .extend_from_slice(&version.as_u64().to_be_bytes());
        self.push_bytes(&signed.encode());
        self.push_number(changes.len());
        for change in changes {
            self.push_bytes(change.path.as_bytes());
            match &change.after {
                Some(value) => self.push_bytes(value),
                None => self.bytes.extend_from_slice(&REMOVED.to_be_bytes()),
            }
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        self.push_number(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Transactions are bounded far below.
    fn push_number(&mut self, number: usize) {
        self.bytes.extend_from_slice(&(number as u32).to_be_bytes());
    }
}

/// Makes the commits again that were acknowledged and are in the backend's journal only.
pub(super) fn replay(
    backend: &mut dyn Backend,
    config: &StoreConfig,
    head: Head,
) -> Result<Head, StoreError> {
    let records = backend.logged().map_err(StoreError::Backend)?;
    if records.is_empty() {
        return Ok(head);
    }
    let mut draft = Draft::new(&head);
    for record in &records {
        let mut from = Reader(record);
        while !from.is_empty() {
            let commit = read(&mut from).ok_or_else(malformed)?;
            let (version, mut signed, changes) = commit;
            if version <= head.version() {
                // The tables went to the disk without being asked to, as on closing.
                continue;
            }
            let id = signed.id();
            if let Some(record) = &draft.record {
                // The tip of the branch is put ahead of the others again.
                if signed.parents.first() != Some(&record.id) {
                    return Err(malformed());
                }
                signed.parents.remove(0);
            }
            if draft.commit(version, &changes, signed)? != id {
                return Err(malformed());
            }
        }
    }
    draft.trim_to(config.history)?;
    draft.apply(backend, true)
}

fn malformed() -> StoreError {
    damaged("the journal")
}

fn read(from: &mut Reader<'_>) -> Option<(Version, Signed, Vec<Change>)> {
    let version = Version::from_u64(from.u64()?);
    let signed = Signed::decode(read_bytes(from)?)?;
    let count = from.u32()?;
    let mut changes = Vec::new();
    for _ in 0..count {
        let path = str::from_utf8(read_bytes(from)?).ok()?;
        let after = match from.u32()? {
            REMOVED => None,
            value_bytes => Some(Bytes::copy_from_slice(from.take(value_bytes as usize)?)),
        };
        changes.push(Change::new(path, None, after));
    }
    Some((version, signed, changes))
}

fn read_bytes<'a>(from: &mut Reader<'a>) -> Option<&'a [u8]> {
    let bytes = from.u32()?;
    from.take(bytes as usize)
}
