//! What marks stand for: commits by number, blobs by their place in a temporary file.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::value::VALUE_BYTES_MAX;

use super::error::GitReadError;

/// The greatest mark. Git numbers files and commits from 1: a history with more of them is refused.
pub(crate) const MARKS_MAX: u64 = 1 << 24;

/// Marks are kept in pages of this many, so that a stream that starts with a great mark costs no
/// more than one of them.
const PAGE_MARKS: u64 = 4096;

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// The offset of the blob in the spool.
    Blob(u64),
    /// The number of the commit.
    Commit(u64),
}

#[derive(Debug)]
pub(super) struct Objects<S> {
    /// 0 for none, otherwise twice the number, plus 1 for a commit, plus 1.
    pages: Vec<Option<Box<[u64]>>>,
    /// Blobs one after the other, each after its length (u32 LE).
    spool: S,
    spool_bytes: u64,
    spool_bytes_max: u64,
}

impl<S: Read + Write + Seek> Objects<S> {
    pub(super) fn new(spool: S, spool_bytes_max: u64) -> Self {
        Self {
            pages: Vec::new(),
            spool,
            spool_bytes: 0,
            // An offset has to fit beside the kind.
            spool_bytes_max: spool_bytes_max.min(1 << 60),
        }
    }

    pub(super) fn get(&self, mark: u64) -> Option<Object> {
        let (page, place) = place_of(mark)?;
        let code = self.pages.get(page)?.as_ref()?[place].checked_sub(1)?;
        Some(match code & 1 {
            0 => Object::Blob(code >> 1),
            _ => Object::Commit(code >> 1),
        })
    }

    pub(super) fn keep_commit(
        &mut self,
        line: u64,
        mark: u64,
        number: u64,
    ) -> Result<(), GitReadError> {
        self.set(line, mark, (number << 1 | 1) + 1)
    }

    pub(super) fn keep_blob(
        &mut self,
        line: u64,
        mark: u64,
        bytes: &[u8],
    ) -> Result<(), GitReadError> {
        let failed = |source| GitReadError::Spool { line, source };
        let length = u32::try_from(bytes.len()).map_err(|error| failed(io::Error::other(error)))?;
        let offset = self.spool_bytes;
        let end = offset + 4 + u64::from(length);
        if end > self.spool_bytes_max {
            return Err(GitReadError::TooLarge {
                line,
                what: "the sum of all files",
                bytes_max: self.spool_bytes_max,
                remedy: "raise `spool_bytes_max`, or export a part of the history",
            });
        }
        self.set(line, mark, (offset << 1) + 1)?;
        self.append(offset, length, bytes).map_err(failed)?;
        self.spool_bytes = end;
        Ok(())
    }

    /// The blob at an `offset` that came out of [`Objects::get`].
    pub(super) fn blob(&mut self, line: u64, offset: u64) -> Result<Vec<u8>, GitReadError> {
        self.read_at(offset)
            .map_err(|source| GitReadError::Spool { line, source })
    }

    fn set(&mut self, line: u64, mark: u64, code: u64) -> Result<(), GitReadError> {
        let Some((page, place)) = place_of(mark) else {
            return Err(GitReadError::TooMany {
                line,
                what: "marks",
                count_max: MARKS_MAX,
            });
        };
        if self.pages.len() <= page {
            self.pages.resize(page + 1, None);
        }
        let marks = self.pages[page].get_or_insert_with(|| [0; PAGE_MARKS as usize].into());
        marks[place] = code;
        Ok(())
    }

    fn append(&mut self, offset: u64, length: u32, bytes: &[u8]) -> io::Result<()> {
        self.spool.seek(SeekFrom::Start(offset))?;
        self.spool.write_all(&length.to_le_bytes())?;
        self.spool.write_all(bytes)
    }

    fn read_at(&mut self, offset: u64) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.spool.seek(SeekFrom::Start(offset))?;
        self.spool.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > VALUE_BYTES_MAX {
            return Err(io::Error::other("somebody else wrote into the file"));
        }
        let mut bytes = vec![0; length];
        self.spool.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// The page of a mark and its place there. `None` if it is no mark.
fn place_of(mark: u64) -> Option<(usize, usize)> {
    if !(1..=MARKS_MAX).contains(&mark) {
        return None;
    }
    let index = mark - 1;
    // Both are below 2^24.
    Some(((index / PAGE_MARKS) as usize, (index % PAGE_MARKS) as usize))
}
