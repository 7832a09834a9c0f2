//! From the stream of `git fast-export` into a store.

mod batch;
pub(super) mod overlay;
mod references;

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::path::check_path;
use crate::{Progress, Store, StoreError};

use super::read::{Event, Foreign, GitReadError, LeftOut, REFERENCES_MAX, ReadOptions, Reader};
use super::spool::Spool;
use batch::Batches;
use references::Name;

pub use references::{GitFate, GitReference};

/// How to import.
///
/// ```
/// use hyperstar_store::git::{Foreign, GitImport};
///
/// let options = GitImport { foreign: Foreign::LeaveOut, ..Default::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct GitImport {
    /// What becomes of symbolic links, submodules and paths that are none here (the import is refused).
    pub foreign: Foreign,
    /// The most bytes that all files of the history may have together, each content counted once
    /// (64 GiB). They wait in a temporary file, as a later commit may name any of them.
    pub spool_bytes_max: u64,
    /// The directory of that file (the system's temporary directory). Up to 16 MiB need none.
    #[cfg(feature = "redb")]
    pub spool_directory: Option<std::path::PathBuf>,
}

impl Default for GitImport {
    fn default() -> Self {
        let options = ReadOptions::default();
        Self {
            foreign: options.foreign,
            spool_bytes_max: options.spool_bytes_max,
            #[cfg(feature = "redb")]
            spool_directory: None,
        }
    }
}

/// What an import came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GitImported {
    /// The commits of the stream.
    pub commits: u64,
    /// Of these, commits that were not here before.
    pub created: u64,
    /// Commits that say what they were in a store, and are that again: content, parents, author, time
    /// and message.
    pub unaltered: u64,
    /// Commits that say what they were in a store, and are another now: somebody altered them, or one
    /// before them.
    pub altered: u64,
    /// What became of each branch and tag, by name, branches first.
    pub references: Vec<GitReference>,
    /// Names that are neither, such as `refs/remotes/origin/main`, or no names here: commits that only
    /// they name go with the next [`Store::compact`].
    pub other_references: LeftOut,
    /// What had no place here; see [`Foreign::LeaveOut`].
    pub left_out: LeftOut,
}

/// # Git
impl Store {
    /// Imports the stream of `git fast-export --all`: commits with their authors, times and messages,
    /// branches and tags. `progress` hears of `commits`.
    ///
    /// - **A commit is what it was.** One that a store [exported](Store::export_git) and nobody altered
    ///   has the same [`CommitId`](crate::CommitId), and what is here already is not written again. What
    ///   the stream says about ids and hashes is compared, never believed.
    /// - **All names at once.** Until the stream is at its end nobody sees anything of it; then all
    ///   branches and tags are set in one batch. A branch that is there goes forward or stays; see
    ///   [`GitFate`]. If it is the one that is checked out, its values change with it, and watches and
    ///   callbacks hear of that as of one commit.
    /// - **An error changes nothing that has a name.** Commits that were written stay until the next
    ///   [`Store::compact`], and are found again if the import is repeated. So it is after a crash.
    ///
    /// Writers go on meanwhile, between batches of 8 MiB. Memory is bounded but for the last step: what
    /// becomes different on the branch that is checked out is one list of changes.
    ///
    /// A stream without the branch that is checked out leaves it as it is, in a new store empty:
    /// [check out](Store::checkout) another then. What was imported is kept until
    /// [`Store::compact`], whatever [`History`](crate::History) says.
    ///
    /// ```
    /// use hyperstar_store::Store;
    /// use hyperstar_store::git::{GitExport, GitImport};
    ///
    /// let store = Store::memory();
    /// let commit = store.set("todo/1", "buy milk")?;
    /// let mut stream = Vec::new();
    /// store.export_git(&mut stream, &GitExport::default(), |_| ())?;
    ///
    /// let other = Store::memory();
    /// let imported = other.import_git(&*stream, &GitImport::default(), |_| ())?;
    /// assert_eq!((imported.created, imported.unaltered), (1, 1));
    /// assert_eq!(other.head_id(), commit.id);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`GitReadError`], with the line of the stream.
    pub fn import_git(
        &self,
        input: impl BufRead,
        options: &GitImport,
        mut progress: impl FnMut(Progress),
    ) -> Result<GitImported, GitReadError> {
        #[cfg(feature = "redb")]
        let spool = Spool::new(options.spool_directory.clone());
        #[cfg(not(feature = "redb"))]
        let spool = Spool::new();
        let read_options = ReadOptions {
            foreign: options.foreign,
            spool_bytes_max: options.spool_bytes_max,
        };
        let mut reader = Reader::new(input, spool, read_options);
        let mut batches = Batches::new(self);
        let mut names = BTreeMap::new();
        let mut imported = GitImported::default();
        while let Some(event) = reader.next() {
            match event? {
                Event::Commit(commit) => batches.begin(commit)?,
                Event::Change { line, change } => batches.change(line, change)?,
                Event::CommitEnd => {
                    imported.commits += 1;
                    if batches.end(reader.last_line())? {
                        progress(commits(imported.commits));
                    }
                }
                Event::Tag(tag) => {
                    if names.len() == REFERENCES_MAX {
                        return Err(GitReadError::TooMany {
                            line: reader.last_line(),
                            what: "annotated tags",
                            count_max: REFERENCES_MAX as u64,
                        });
                    }
                    names.insert(Name::Tag(tag.name), tag.commit);
                }
            }
        }
        let line = reader.last_line();
        batches.write(line)?;
        progress(commits(imported.commits));
        for (reference, commit) in reader.references() {
            match Name::of(reference) {
                Some(name) => drop(names.insert(name, commit)),
                None => imported.other_references.note(|| reference.to_owned()),
            }
        }
        let mut targets = BTreeMap::new();
        for (name, commit) in names {
            match check_path(name.text()) {
                Ok(()) => drop(targets.insert(name, batches.versions()[commit as usize])),
                Err(error) if options.foreign == Foreign::LeaveOut => {
                    imported.other_references.note(|| error.to_string());
                }
                Err(error) => return Err(GitReadError::References(error)),
            }
        }
        imported.references = references::set(self, &targets).map_err(|error| match error {
            StoreError::UnknownCommit { .. } => GitReadError::Compacted { line },
            error => GitReadError::References(error),
        })?;
        imported.created = batches.created;
        imported.unaltered = batches.unaltered;
        imported.altered = batches.altered;
        imported.left_out = reader.left_out().clone();
        Ok(imported)
    }
}

fn commits(done: u64) -> Progress {
    Progress {
        what: "commits",
        done,
        of: None,
    }
}
