//! The changes of a Git commit, made to a set of files as Git would make them.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::{COMMIT_BYTES_MAX, COMMIT_CHANGES_MAX, StoreError};

use super::read::{FileChange, GitReadError};

/// The files of a commit in the making: those of its base, and the changes so far.
pub(crate) trait Files {
    /// The file at `path`.
    fn get(&self, path: &str) -> Result<Option<Bytes>, StoreError>;

    /// The paths of all files below `directory`, without itself.
    fn below(&self, directory: &str) -> Result<Vec<String>, StoreError>;

    /// Makes `path` a file, in place of all below it and of a file on the way to it. Tells the path
    /// of that file.
    fn put(&mut self, path: &str, value: Bytes) -> Result<Option<String>, StoreError>;

    /// Removes the file at `path` or all below it; `""` removes everything. There need not be one.
    fn remove(&mut self, path: &str) -> Result<(), StoreError>;
}

/// Makes the changes of one commit; each commit needs a new one.
///
/// # Design
/// `git fast-export` deletes a file that became a directory after it wrote the files of that
/// directory: `M dir/file`, then `D dir`. Git, reading that, deletes the directory. Here such a
/// deletion, of a file that has made way already, changes nothing, and the commit is right.
#[derive(Debug, Default)]
pub(crate) struct Applier {
    /// The files that made way for a directory.
    replaced: BTreeSet<String>,
}

impl Applier {
    /// Makes one change. `line` is that of the [`Event`](super::Event).
    ///
    /// # Errors
    /// [`GitReadError::NotThere`] if there is nothing to rename or copy. [`GitReadError::Store`]
    /// with what `files` says, and with [`StoreError::TransactionTooLarge`] if a directory to
    /// rename or copy is more than a commit takes.
    pub(crate) fn apply(
        &mut self,
        files: &mut dyn Files,
        line: u64,
        change: FileChange,
    ) -> Result<(), GitReadError> {
        let applied = match change {
            FileChange::Set { path, value } => self.put(files, &path, value),
            FileChange::Remove { path } if self.replaced.contains(&path) => Ok(()),
            FileChange::Remove { path } => files.remove(&path),
            FileChange::RemoveAll => {
                self.replaced.clear();
                files.remove("")
            }
            FileChange::Rename { from, to } => return self.transfer(files, line, &from, &to, true),
            FileChange::Copy { from, to } => return self.transfer(files, line, &from, &to, false),
        };
        applied.map_err(|source| GitReadError::Store { line, source })
    }

    fn put(&mut self, files: &mut dyn Files, path: &str, value: Bytes) -> Result<(), StoreError> {
        self.replaced.remove(path);
        self.replaced.extend(files.put(path, value)?);
        Ok(())
    }

    fn transfer(
        &mut self,
        files: &mut dyn Files,
        line: u64,
        from: &str,
        to: &str,
        moves: bool,
    ) -> Result<(), GitReadError> {
        let failed = |source| GitReadError::Store { line, source };
        let found = match self.replaced.contains(from) {
            true => Vec::new(),
            false => collect(files, from).map_err(failed)?,
        };
        if found.is_empty() {
            return Err(GitReadError::NotThere {
                line,
                path: from.to_owned(),
            });
        }
        if moves {
            files.remove(from).map_err(failed)?;
        }
        files.remove(to).map_err(failed)?;
        for (rest, value) in found {
            self.put(files, &format!("{to}{rest}"), value)
                .map_err(failed)?;
        }
        Ok(())
    }
}

/// The files at or below `from`: what follows `from` in their paths, and the values. All are read
/// before one is written, as one directory may be within the other.
fn collect(files: &dyn Files, from: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
    if let Some(value) = files.get(from)? {
        return Ok(vec![(String::new(), value)]);
    }
    let paths = files.below(from)?;
    let mut found = Vec::new();
    let mut value_bytes = 0;
    for path in paths {
        let value = files.get(&path)?.unwrap_or_default();
        value_bytes += value.len();
        if found.len() == COMMIT_CHANGES_MAX || value_bytes > COMMIT_BYTES_MAX {
            return Err(StoreError::TransactionTooLarge {
                changes_max: COMMIT_CHANGES_MAX,
                bytes_max: COMMIT_BYTES_MAX,
            });
        }
        found.push((path[from.len()..].to_owned(), value));
    }
    Ok(found)
}
