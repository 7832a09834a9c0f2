//! Everything that can go wrong, with the remedy in the text.

use crate::Version;
use crate::backend::BackendError;
use crate::tree::TreeError;

/// Why the store refused or failed. After any of these, nothing of the failed write can be read,
/// and no watcher has heard of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The path or prefix is not one; see [`check_path`](crate::check_path).
    #[error("invalid path `{path}`: {problem}")]
    InvalidPath {
        /// The path, cut short if it is very long.
        path: String,
        /// What is wrong, and the remedy.
        problem: &'static str,
    },

    /// A path was to be set below a value. A path is either a value or a directory.
    #[error(
        "cannot set `{path}`: `{value}` is a value, and a path is either a value or a directory; \
         remove `{value}` first, or choose another name"
    )]
    ValueInTheWay {
        /// The path that was to be set.
        path: String,
        /// The ancestor of it that holds a value.
        value: String,
    },

    /// A path that has others below it was to be set. A path is either a value or a directory.
    #[error(
        "cannot set `{path}`: it is a directory that holds `{child}`; set a path below it, or \
         call `remove_all(\"{path}\")` first"
    )]
    DirectoryInTheWay {
        /// The path that was to be set.
        path: String,
        /// A path below it that holds a value.
        child: String,
    },

    /// The value is larger than [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX).
    #[error(
        "the value of `{path}` has {value_bytes} bytes, the most is {value_bytes_max}; split it, \
         or keep it in a file and its name here"
    )]
    ValueTooLarge {
        /// The path that was to be set.
        path: String,
        /// The size of the value.
        value_bytes: usize,
        /// The bound.
        value_bytes_max: usize,
    },

    /// One transaction writes more than [`COMMIT_CHANGES_MAX`](crate::COMMIT_CHANGES_MAX) paths
    /// or [`COMMIT_BYTES_MAX`](crate::COMMIT_BYTES_MAX) bytes.
    #[error(
        "the transaction writes more than {changes_max} paths or {bytes_max} bytes; split it into \
         several"
    )]
    TransactionTooLarge {
        /// The most paths.
        changes_max: usize,
        /// The most bytes of values.
        bytes_max: usize,
    },

    /// The value to set has no JSON form, for example a map whose keys are not strings.
    #[error("cannot encode the value of `{path}` as JSON: {source}")]
    Encode {
        /// The path that was to be set.
        path: String,
        /// What serde said.
        source: serde_json::Error,
    },

    /// The stored value is not the JSON of the type asked for.
    #[error(
        "the value of `{path}` is not a `{type_name}`: {source}; read it as the type that it was \
         written as, or with `get_bytes`"
    )]
    Decode {
        /// The path that was read.
        path: String,
        /// The type asked for.
        type_name: &'static str,
        /// What serde said.
        source: serde_json::Error,
    },

    /// A typed collection, such as a [`Map`](crate::Map), found a path below its own that no
    /// collection of its types writes.
    #[error(
        "`{path}` is not part of the collection at `{collection}`; remove it, keep it elsewhere, or \
         read the collection with the types that it was written with"
    )]
    NotOfCollection {
        /// The path that was found.
        path: String,
        /// The path of the collection.
        collection: String,
    },

    /// A [`Counter`](crate::Counter) was to leave the range of an `i64`.
    #[error(
        "the counter `{path}` is {value}, and adding {delta} leaves the range of 64 bits; keep a \
         larger number as a value of its own"
    )]
    CounterOverflow {
        /// The path of the counter.
        path: String,
        /// Its value.
        value: i64,
        /// What was to be added.
        delta: i64,
    },

    /// A write was called inside a transaction of the same store, on the same thread.
    #[error(
        "a transaction of this store is already open on this thread; write through its \
         `Transaction`, or after it"
    )]
    Nested,

    /// The file is open already.
    #[error(
        "`{file}` is already open, in this process or another; close the other, or clone its \
         `Store` instead of opening the file again"
    )]
    Locked {
        /// The file.
        file: String,
    },

    /// The file cannot be opened.
    #[error("cannot open the store `{file}`: {source}; {remedy}")]
    Open {
        /// The file.
        file: String,
        /// What to look at.
        remedy: &'static str,
        /// What the backend said.
        source: BackendError,
    },

    /// The file was written by another version of this crate.
    #[error(
        "the store `{file}` has format {found}, this build reads format {expected}; use the build \
         that wrote it"
    )]
    Format {
        /// The file.
        file: String,
        /// The format that the file says it has.
        found: u64,
        /// The format that this build reads and writes.
        expected: u64,
    },

    /// A text of a commit is too long.
    #[error(
        "the {what} of a commit has {text_bytes} bytes, the most is {text_bytes_max}; shorten it"
    )]
    TextTooLong {
        /// Which text.
        what: &'static str,
        /// Its size.
        text_bytes: usize,
        /// The bound.
        text_bytes_max: usize,
    },

    /// What is stored is not what was written.
    #[error(
        "the store is damaged: {what} cannot be read; run `verify` on it, and restore it from a backup"
    )]
    Damaged {
        /// What was read.
        what: String,
    },

    /// There is no such commit, or the history no longer reaches back to it.
    #[error(
        "there is no commit `{commit}` here, or it was let go; `log` lists those that are kept"
    )]
    UnknownCommit {
        /// What was asked for.
        commit: String,
    },

    /// Several commits begin so.
    #[error("more than one commit begins with `{name}`; write more digits")]
    Ambiguous {
        /// What was asked for.
        name: String,
    },

    /// There is no such branch or tag.
    #[error("there is no {kind} `{name}`; {remedy}")]
    UnknownName {
        /// A branch, or a tag.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        remedy: String,
    },

    /// A branch or tag has that name.
    #[error("there is a {kind} `{name}` already; choose another name, or remove it first")]
    NameTaken {
        /// A branch, or a tag.
        kind: &'static str,
        /// The name.
        name: String,
    },

    /// The branch is checked out, so it cannot be removed.
    #[error("the branch `{name}` is checked out; check another one out first")]
    CheckedOut {
        /// The branch.
        name: String,
    },

    /// Nothing is left to take back.
    #[error("there is nothing to undo: the history that is kept has been undone, or is empty")]
    NothingToUndo,

    /// Both sides changed the same, and no policy says what to do. Nothing was merged.
    #[error(transparent)]
    Conflicts(crate::Conflicts),

    /// The backend failed. If it was a write, nothing was written, and the next may succeed.
    #[error("the storage failed: {0}")]
    Backend(#[source] BackendError),

    /// The backend failed so late that the commit may be durable, whole, or not at all.
    ///
    /// The store goes on reading the state before, and refuses writes. Opening it again tells:
    /// its version is then `version`, or the one before.
    #[error(
        "the storage failed while committing version {version}: {source}; check the disk, then \
         open the store again to see whether the commit is there"
    )]
    InDoubt {
        /// The version that the commit would have, or has.
        version: Version,
        /// What the backend said.
        source: BackendError,
    },

    /// A commit before this write is in doubt; see [`StoreError::InDoubt`].
    #[error(
        "the store takes no writes since committing version {version} failed; check the disk, \
         then open the store again"
    )]
    Stopped {
        /// The version of the commit in doubt.
        version: Version,
    },
}

impl From<TreeError> for StoreError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Backend(source) => Self::Backend(source),
            damaged => Self::Damaged {
                what: damaged.to_string(),
            },
        }
    }
}
