//! Why a stream was refused.

use std::io;

use crate::StoreError;

/// Why a stream of Git was not read to its end. `line` counts from 1 in the stream, binary data
/// included, as an editor does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitReadError {
    /// The input failed.
    #[error("cannot read the stream after line {line}: {source}")]
    Read {
        /// The last line read.
        line: u64,
        /// What the input said.
        source: io::Error,
    },

    /// The file that blobs wait in failed.
    #[error(
        "cannot keep or read back a blob, line {line}: {source}; make room in the temporary \
         directory"
    )]
    Spool {
        /// The line of the blob, or of the change that names it.
        line: u64,
        /// What the file said.
        source: io::Error,
    },

    /// The input ends where more has to follow.
    #[error(
        "the stream is cut off at line {line}: missing is {missing}; see whether `git fast-export` \
         failed, and export again"
    )]
    CutShort {
        /// The last line.
        line: u64,
        /// What is missing.
        missing: &'static str,
    },

    /// A line is not what has to be there.
    #[error(
        "line {line}: expected {expected}, found `{found}`; the input has to be the output of \
         `git fast-export`"
    )]
    Syntax {
        /// The line.
        line: u64,
        /// What has to be there.
        expected: &'static str,
        /// What is there, cut short.
        found: String,
    },

    /// A line is too long.
    #[error(
        "line {line} is longer than {bytes_max} bytes; the input has to be the output of `git \
         fast-export`"
    )]
    LineTooLong {
        /// The line.
        line: u64,
        /// The bound.
        bytes_max: usize,
    },

    /// A file or a message is larger than a store takes.
    #[error("line {line}: {what} has more than {bytes_max} bytes; {remedy}")]
    TooLarge {
        /// The line of its `data`.
        line: u64,
        /// What is too large.
        what: &'static str,
        /// The bound.
        bytes_max: u64,
        /// What to do.
        remedy: &'static str,
    },

    /// There are more of something than the reader keeps.
    #[error("line {line}: there are more than {count_max} {what}; export a part of the history")]
    TooMany {
        /// The line.
        line: u64,
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        count_max: u64,
    },

    /// A mark that the stream has not set.
    #[error(
        "line {line}: mark `:{mark}` was not set before; export the whole history, without \
         `--import-marks`"
    )]
    UnknownMark {
        /// The line.
        line: u64,
        /// The mark.
        mark: u64,
    },

    /// A mark of a commit where one of a blob has to be, or the other way round.
    #[error("line {line}: mark `:{mark}` is not {expected}; export again")]
    WrongMark {
        /// The line.
        line: u64,
        /// The mark.
        mark: u64,
        /// What it has to be.
        expected: &'static str,
    },

    /// An object that the stream names and does not have.
    #[error("line {line}: `{name}` is not in the stream; {remedy}")]
    NotInStream {
        /// The line.
        line: u64,
        /// The name, cut short.
        name: String,
        /// What to do.
        remedy: &'static str,
    },

    /// A file has a path that a store does not take; see [`check_path`](crate::check_path).
    #[error(
        "line {line}: {problem}; rename it in the history with `git filter-repo --path-rename`, or \
         leave such files out"
    )]
    Path {
        /// The line.
        line: u64,
        /// The path and what is wrong with it.
        problem: String,
    },

    /// Something that a store has no place for; see [`Foreign`](crate::git::Foreign).
    #[error(
        "line {line}: {what} `{name}` has no place in a store of values; leave such things out, or \
         take it out of the history with `git filter-repo --invert-paths`"
    )]
    Foreign {
        /// The line.
        line: u64,
        /// What it is.
        what: &'static str,
        /// Its path or name, cut short.
        name: String,
    },

    /// A command that is for Git alone.
    #[error("line {line}: cannot follow `{text}`; {remedy}")]
    Unsupported {
        /// The line.
        line: u64,
        /// The line's text, cut short.
        text: String,
        /// What to do.
        remedy: &'static str,
    },

    /// A file to rename or copy is not there.
    #[error(
        "line {line}: there is no file `{path}` to rename or copy; export without `-M` and `-C`"
    )]
    NotThere {
        /// The line.
        line: u64,
        /// The path.
        path: String,
    },

    /// The store refused a commit, or failed.
    #[error("line {line}: {source}")]
    Store {
        /// The line.
        line: u64,
        /// Why.
        source: StoreError,
    },

    /// Commits were let go while the import went on: they had no name yet.
    #[error(
        "line {line}: the store was compacted during the import, and what nothing names yet was let \
         go; import again"
    )]
    Compacted {
        /// The line up to which the import had come.
        line: u64,
    },

    /// The branches and tags could not be set. The commits are there, without names.
    #[error("cannot set the branches and tags: {0}")]
    References(#[source] StoreError),
}

/// Error texts quote what a stranger sent: keep them short and on one line.
pub(super) fn shorten(text: &[u8]) -> String {
    const BYTES_MAX: usize = 80;
    let cut = &text[..text.len().min(BYTES_MAX)];
    let text_cut = String::from_utf8_lossy(cut);
    // Not what a terminal would follow.
    let mut short = text_cut.replace(char::is_control, "\u{fffd}");
    if cut.len() < text.len() {
        short.push_str("...");
    }
    short
}
