//! What a stream tells.

use bytes::Bytes;

/// One step of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A commit begins. Its changes follow, in the order to apply them, then [`Event::CommitEnd`].
    Commit(Box<ReadCommit>),
    /// A change of the commit that began; see [`Applier`](crate::git::Applier).
    Change {
        /// Where in the stream, for error texts.
        line: u64,
        /// What changes.
        change: FileChange,
    },
    /// All changes of the commit were told.
    CommitEnd,
    /// An annotated tag.
    Tag(ReadTag),
}

/// The head of a commit. Commits are numbered from 0, in the order of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadCommit {
    /// Where in the stream, for error texts.
    pub(crate) line: u64,
    /// The commit whose files the changes start from; `None`: from no files.
    pub(crate) base: Option<u64>,
    /// The parents in order. `base` is the first, if there is one.
    pub(crate) parents: Vec<u64>,
    /// `Name <email>`, or exactly what a store wrote.
    pub(crate) author: String,
    /// When it was written, in milliseconds since 1970.
    pub(crate) time_ms: i64,
    /// The message without our trailers.
    pub(crate) message: String,
    /// Trailers that the writer added: the key without `Hyperstar-`, and the value. Not to be
    /// trusted: compare them with what they claim.
    pub(crate) extras: Vec<(String, String)>,
}

/// An annotated tag. Its message and author have no place in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadTag {
    /// Without `refs/tags/`.
    pub(crate) name: String,
    /// The number of the commit that it names.
    pub(crate) commit: u64,
}

/// A change of the files of a commit. Each path was checked with [`check_path`](crate::check_path).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileChange {
    /// The file has this content from now on. A file on the way to it, and all below it, goes.
    Set { path: String, value: Bytes },
    /// The file, or all below the directory, goes. There need not be one.
    Remove { path: String },
    /// The file or directory moves, in place of what was there.
    Rename { from: String, to: String },
    /// The file or directory is copied, in place of what was there.
    Copy { from: String, to: String },
    /// Every file goes.
    RemoveAll,
}
