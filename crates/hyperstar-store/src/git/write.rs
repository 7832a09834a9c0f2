//! Writes the stream that `git fast-import` reads.
//!
//! ```text
//! export | git -C repository fast-import
//! ```
//!
//! Git moves its references when it has read the `done` at the end, or none of them. It keeps a
//! branch that would not go forward as it is, unless it is called with `--force`.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, BufWriter, Write};

use bytes::Bytes;

use crate::StoreError;
use crate::path::check_path;

use super::ident::{Ident, git_seconds};
use super::message;
use super::names::problem_of_reference;
use super::quote::quote;
use super::read::TEXT_BYTES_MAX;

/// Why a history was not written. The stream has no `done` then, and Git takes nothing of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitWriteError {
    /// The output failed, for example because Git ended.
    #[error("cannot write the stream: {0}; see what `git fast-import` said")]
    Write(#[from] io::Error),

    /// The store could not be read, or has not what was asked for.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// A branch or tag has a name that Git does not take.
    #[error("cannot write the reference `{name}`: {problem}")]
    Reference {
        /// The full name, such as `refs/heads/main`.
        name: String,
        /// What is wrong, and the remedy.
        problem: &'static str,
    },

    /// Git has no branch `a/b` beside a branch `a`.
    #[error(
        "cannot write the reference `{name}` beside `{other}`: Git has one or the other; rename \
         one of them"
    )]
    ReferenceInTheWay {
        /// The full name.
        name: String,
        /// The one that was written before.
        other: String,
    },

    /// Each commit is written once, after its parents.
    #[error("cannot write `:{mark}` here: {problem}")]
    Order {
        /// The mark to write, or to name.
        mark: u64,
        /// What is wrong.
        problem: &'static str,
    },

    /// The message, with what Git does not carry, is too long.
    #[error(
        "the message, author and trailers of `:{mark}` have {bytes} bytes, the most is \
         {bytes_max}; shorten them"
    )]
    TextTooLong {
        /// The mark of the commit.
        mark: u64,
        /// The size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },

    /// A trailer has a key that is ours or none.
    #[error("`{key}` cannot be the key of a trailer; use letters, digits and `-`, such as `Root`")]
    TrailerKey {
        /// The key.
        key: String,
    },

    /// The commit before was not finished.
    #[error(
        "the commit before is not whole; call `finish` on it, and write no more after an error"
    )]
    Unfinished,
}

/// The head of a commit to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteCommit<'a> {
    /// The number that later commits name it by, from 1. With the same numbers in each export,
    /// `--export-marks` and `--import-marks` of Git let the next export write the new commits only.
    pub(crate) mark: u64,
    /// The marks of the parents. The changes are those against the first.
    pub(crate) parents: &'a [u64],
    /// The reference that moves to it: `refs/heads/main`. See [`Writer::reset`].
    pub(crate) reference: &'a str,
    /// As the store has it; `""` if there is none.
    pub(crate) author: &'a str,
    /// In milliseconds since 1970.
    pub(crate) time_ms: i64,
    /// As the store has it. For a blank one Git shows what was changed.
    pub(crate) message: &'a str,
    /// Further trailers that come back as they are: the key without `Hyperstar-`, and the value.
    pub(crate) extras: &'a [(&'a str, &'a str)],
}

/// Writes a history, commit by commit.
///
/// ```text
/// let mut writer = Writer::new(stdin_of_git)?;
/// let mut commit = writer.commit(WriteCommit { mark: 1, parents: &[], reference: "refs/heads/main", .. })?;
/// commit.set("todo/1", "buy milk".into())?;
/// commit.finish()?;
/// writer.reset("refs/tags/v1", 1)?;
/// writer.finish()?;
/// ```
#[derive(Debug)]
pub(crate) struct Writer<W: Write> {
    out: BufWriter<W>,
    references: BTreeSet<String>,
    /// Git knows the marks up to this one.
    after: u64,
    written: HashSet<u64>,
    in_commit: bool,
}

impl<W: Write> Writer<W> {
    /// Starts a stream with a whole history, or one that goes on after commit `:after` of an earlier one,
    /// for a Git that knows its marks (`--import-marks`).
    ///
    /// # Errors
    /// [`GitWriteError::Write`].
    pub(crate) fn new(out: W, after: u64) -> Result<Self, GitWriteError> {
        let mut out = BufWriter::new(out);
        out.write_all(b"feature done\n")?;
        Ok(Self {
            out,
            references: BTreeSet::new(),
            after,
            written: HashSet::new(),
            in_commit: false,
        })
    }

    /// Starts a commit. It is there when its [`finish`](CommitWriter::finish) returns.
    ///
    /// # Errors
    /// All but [`GitWriteError::Store`].
    pub(crate) fn commit<'a>(
        &'a mut self,
        commit: WriteCommit<'a>,
    ) -> Result<CommitWriter<'a, W>, GitWriteError> {
        self.check_whole()?;
        let mark = commit.mark;
        if mark <= self.after || self.written.contains(&mark) {
            let problem = "it was written before; number each commit anew, from 1";
            return Err(GitWriteError::Order { mark, problem });
        }
        for parent in commit.parents {
            self.check_named(*parent)?;
        }
        if let Some((key, _)) = commit
            .extras
            .iter()
            .find(|(key, _)| !message::is_extra_key(key))
        {
            let key = (*key).to_owned();
            return Err(GitWriteError::TrailerKey { key });
        }
        self.reference(commit.reference)?;
        self.in_commit = true;
        self.written.insert(mark);
        let mut writer = CommitWriter {
            writer: self,
            commit,
            held: None,
            headed: false,
        };
        if !message::needs_subject(commit.message) {
            writer.head("")?;
        }
        Ok(writer)
    }

    /// Makes the branch or tag `reference` name the commit. A branch names the last commit that was
    /// written on it, so that this is for those without a commit of their own, and to be sure at the
    /// end.
    ///
    /// # Errors
    /// [`GitWriteError::Order`] if there is no such commit yet; those about references.
    pub(crate) fn reset(&mut self, reference: &str, commit: u64) -> Result<(), GitWriteError> {
        self.check_whole()?;
        self.check_named(commit)?;
        self.reference(reference)?;
        writeln!(self.out, "reset {reference}\nfrom :{commit}\n")?;
        Ok(())
    }

    /// Checks that Git takes the full name `reference` beside those before.
    ///
    /// # Errors
    /// [`GitWriteError::Reference`], [`GitWriteError::ReferenceInTheWay`].
    pub(crate) fn reference(&mut self, reference: &str) -> Result<(), GitWriteError> {
        if self.references.contains(reference) {
            return Ok(());
        }
        let name = reference.to_owned();
        if let Some(problem) = problem_of_reference(&name) {
            return Err(GitWriteError::Reference { name, problem });
        }
        let below = format!("{name}/");
        let child = self.references.range(below.clone()..).next();
        let child = child.filter(|other| other.starts_with(&below)).cloned();
        let parent = crate::path::ancestors(&name).find(|other| self.references.contains(*other));
        if let Some(other) = child.or(parent.map(str::to_owned)) {
            return Err(GitWriteError::ReferenceInTheWay { name, other });
        }
        self.references.insert(name);
        Ok(())
    }

    /// Ends the stream: from here on Git takes it.
    ///
    /// # Errors
    /// [`GitWriteError::Unfinished`], [`GitWriteError::Write`].
    pub(crate) fn finish(mut self) -> Result<W, GitWriteError> {
        self.check_whole()?;
        self.out.write_all(b"done\n")?;
        self.out
            .into_inner()
            .map_err(|error| error.into_error().into())
    }

    fn check_whole(&self) -> Result<(), GitWriteError> {
        if self.in_commit {
            return Err(GitWriteError::Unfinished);
        }
        Ok(())
    }

    fn check_named(&self, mark: u64) -> Result<(), GitWriteError> {
        if (mark == 0 || mark > self.after) && !self.written.contains(&mark) {
            let problem = "it is named before it is written; write each commit after its parents";
            return Err(GitWriteError::Order { mark, problem });
        }
        Ok(())
    }

    fn change(&mut self, path: &str, value: Option<&[u8]>) -> Result<(), GitWriteError> {
        let path = quote(path);
        match value {
            Some(value) => {
                writeln!(self.out, "M 100644 inline {path}")?;
                self.data(value)
            }
            None => Ok(writeln!(self.out, "D {path}")?),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), GitWriteError> {
        writeln!(self.out, "data {}", bytes.len())?;
        self.out.write_all(bytes)?;
        Ok(self.out.write_all(b"\n")?)
    }
}

/// Takes the changes of one commit, ordered by path. Without [`finish`](CommitWriter::finish) there
/// is no commit, and no whole stream.
#[derive(Debug)]
#[must_use = "the commit is there when `finish` returns"]
pub(crate) struct CommitWriter<'a, W: Write> {
    writer: &'a mut Writer<W>,
    commit: WriteCommit<'a>,
    /// The first change waits until it is known how to sum the commit up.
    held: Option<(String, Option<Bytes>)>,
    headed: bool,
}

impl<W: Write> CommitWriter<'_, W> {
    /// `path` has this value from the commit on.
    ///
    /// # Errors
    /// [`GitWriteError::Store`] for what is no path, [`GitWriteError::Write`],
    /// [`GitWriteError::TextTooLong`].
    pub(crate) fn set(&mut self, path: &str, value: Bytes) -> Result<(), GitWriteError> {
        self.change(path, Some(value))
    }

    /// `path` has no value from the commit on.
    ///
    /// # Errors
    /// As [`CommitWriter::set`].
    pub(crate) fn remove(&mut self, path: &str) -> Result<(), GitWriteError> {
        self.change(path, None)
    }

    /// Ends the commit.
    ///
    /// # Errors
    /// [`GitWriteError::Write`], [`GitWriteError::TextTooLong`].
    pub(crate) fn finish(mut self) -> Result<(), GitWriteError> {
        self.sum_up("")?;
        self.writer.out.write_all(b"\n")?;
        self.writer.in_commit = false;
        Ok(())
    }

    fn change(&mut self, path: &str, value: Option<Bytes>) -> Result<(), GitWriteError> {
        check_path(path)?;
        if !self.headed && self.held.is_none() {
            self.held = Some((path.to_owned(), value));
            return Ok(());
        }
        self.sum_up(" and more")?;
        self.writer.change(path, value.as_deref())
    }

    /// Writes the head of a commit with a blank message, and the change that waits.
    fn sum_up(&mut self, more: &str) -> Result<(), GitWriteError> {
        if self.headed {
            return Ok(());
        }
        let Some((path, value)) = self.held.take() else {
            return self.head("Change nothing");
        };
        let verb = if value.is_some() { "Set" } else { "Remove" };
        let mut chars = path.chars();
        let mut short: String = chars.by_ref().take(SUBJECT_CHARS_MAX).collect();
        if chars.next().is_some() {
            short.push_str("..");
        }
        self.head(&format!("{verb} {short}{more}"))?;
        self.writer.change(&path, value.as_deref())
    }

    fn head(&mut self, subject: &str) -> Result<(), GitWriteError> {
        let WriteCommit {
            mark,
            author,
            time_ms,
            message,
            extras,
            parents,
            reference,
        } = self.commit;
        let text = message::put(author, time_ms, message, subject, extras);
        check_text(mark, &text)?;
        let writer = &mut *self.writer;
        if parents.is_empty() {
            // Otherwise Git takes the last commit of the branch as the parent.
            writeln!(writer.out, "reset {reference}\n")?;
        }
        writeln!(writer.out, "commit {reference}\nmark :{mark}")?;
        let Ident { name, email } = Ident::of_author(author);
        let seconds = git_seconds(time_ms);
        for role in ["author", "committer"] {
            writeln!(writer.out, "{role} {name} <{email}> {seconds} +0000")?;
        }
        writer.data(text.as_bytes())?;
        for (index, parent) in parents.iter().enumerate() {
            let keyword = if index == 0 { "from" } else { "merge" };
            writeln!(writer.out, "{keyword} :{parent}")?;
        }
        self.headed = true;
        Ok(())
    }
}

/// A made-up subject is a line that a log shows.
const SUBJECT_CHARS_MAX: usize = 60;

fn check_text(mark: u64, text: &str) -> Result<(), GitWriteError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(GitWriteError::TextTooLong {
            mark,
            bytes: text.len(),
            bytes_max: TEXT_BYTES_MAX,
        });
    }
    Ok(())
}
