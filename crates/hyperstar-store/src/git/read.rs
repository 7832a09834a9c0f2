//! Reads the stream of `git fast-export`, or any other for `git fast-import`.
//!
//! ```text
//! git fast-export --all --use-done-feature | import
//! ```
//!
//! Without `-M` and `-C`: Git writes renames such that it cannot read back some of them itself.
//!
//! [`Reader`] is an iterator of [`Event`]s. It resolves marks and branches: commits are numbered
//! from 0 in the order of the stream, and all else names them by number. Memory is bounded whatever
//! the input: one line of [`LINE_BYTES_MAX`] and one value of
//! [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX) at a time, 8 bytes a mark up to [`MARKS_MAX`],
//! [`REFERENCES_MAX`] names. Blobs wait in a file of the caller.

mod change;
mod error;
mod event;
mod lines;
mod name;
mod objects;
mod parse;

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Seek, Write};

use super::message::{self, Said};
use crate::record::PARENTS_MAX;

pub use error::GitReadError;
pub(crate) use event::{Event, FileChange, ReadCommit, ReadTag};
use lines::Lines;
pub(crate) use objects::MARKS_MAX;
use objects::{Object, Objects};
use parse::split_word;

/// The longest line, in bytes. Two quoted paths of a store fit.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// The longest text of a commit or tag, in bytes, with its trailers.
pub(crate) const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The most branches and tags of a stream.
pub(crate) const REFERENCES_MAX: usize = 65_536;

/// What becomes of a thing of Git that a store has no place for: a symbolic link, a submodule, a
/// file whose path is none of the store's, a tag of something else than a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Foreign {
    /// The import ends with an error that names it. The default: nothing is lost in silence.
    #[default]
    Refuse,
    /// It is not imported, as if it had never been there; [`GitImported::left_out`](crate::git::GitImported)
    /// tells of it.
    LeaveOut,
}

/// How to read a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadOptions {
    /// What becomes of links, submodules and paths that are none.
    pub(crate) foreign: Foreign,
    /// The most bytes that blobs may take in the file of the caller. Past it the stream is refused.
    pub(crate) spool_bytes_max: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            foreign: Foreign::Refuse,
            spool_bytes_max: 64 * 1024 * 1024 * 1024,
        }
    }
}

/// What was not imported; see [`Foreign::LeaveOut`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How often.
    pub count: u64,
    /// The first of them, as a sentence.
    pub first: Option<String>,
}

impl LeftOut {
    pub(crate) fn note(&mut self, sentence: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(sentence);
    }
}

/// The events of a stream, in order. After an error or the end there is nothing more.
#[derive(Debug)]
pub(crate) struct Reader<R, S> {
    lines: Lines<R>,
    objects: Objects<S>,
    /// What each reference names; `None` if it was reset to nothing.
    references: BTreeMap<String, Option<u64>>,
    commits: u64,
    options: ReadOptions,
    left_out: LeftOut,
    place: Place,
    done_announced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Between,
    InCommit,
    Over,
}

impl<R: BufRead, S: Read + Write + Seek> Reader<R, S> {
    /// Reads `input`. Blobs wait in `spool`, an empty temporary file that is open for reading and
    /// writing (a `Cursor<Vec<u8>>` if the history is small), until a commit names them.
    pub(crate) fn new(input: R, spool: S, options: ReadOptions) -> Self {
        Self {
            lines: Lines::new(input),
            objects: Objects::new(spool, options.spool_bytes_max),
            references: BTreeMap::new(),
            commits: 0,
            options,
            left_out: LeftOut::default(),
            place: Place::Between,
            done_announced: false,
        }
    }

    /// What has not been imported so far.
    pub(crate) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// The line that was read last.
    pub(crate) fn last_line(&self) -> u64 {
        self.lines.line()
    }

    /// What each reference names so far, by its full name: at the end, the branches of the history.
    /// Annotated tags are not among them.
    pub(crate) fn references(&self) -> impl Iterator<Item = (&str, u64)> {
        self.references
            .iter()
            .filter_map(|(name, commit)| Some((name.as_str(), (*commit)?)))
    }

    fn advance(&mut self) -> Result<Option<Event>, GitReadError> {
        if self.place == Place::InCommit {
            let change = self.change()?;
            if change.is_none() {
                self.place = Place::Between;
            }
            return Ok(Some(change.unwrap_or(Event::CommitEnd)));
        }
        while let Some(text) = self.lines.next()? {
            let (word, rest) = split_word(&text);
            match word {
                b"" if text.is_empty() => {}
                b"commit" => return Ok(Some(self.commit(rest)?)),
                b"reset" => self.reset(rest)?,
                b"tag" => {
                    if let Some(event) = self.tag(rest)? {
                        return Ok(Some(event));
                    }
                }
                b"blob" => self.blob()?,
                b"alias" => self.alias()?,
                b"feature" => self.feature(rest)?,
                b"progress" | b"option" | b"checkpoint" => {}
                b"done" => return Ok(None),
                b"get-mark" | b"cat-blob" | b"ls" => return Err(self.asks_back(&text)),
                _ => return Err(self.syntax("a command such as `commit` or `blob`", &text)),
            }
        }
        if self.done_announced {
            return Err(self.cut_short("the `done` that it announced"));
        }
        Ok(None)
    }

    fn feature(&mut self, text: &[u8]) -> Result<(), GitReadError> {
        if text == b"done" {
            self.done_announced = true;
        }
        match text.strip_prefix(b"date-format=") {
            None | Some(b"raw" | b"raw-permissive") => Ok(()),
            Some(_) => {
                Err(self.unsupported(text, "write dates as seconds, with `date-format=raw`"))
            }
        }
    }

    fn blob(&mut self) -> Result<(), GitReadError> {
        let mut mark = None;
        loop {
            let text = self.line("the `data` of a blob")?;
            match split_word(&text) {
                (b"mark", name) => mark = Some(self.mark(name)?),
                (b"original-oid", _) => {}
                _ => {
                    let line = self.lines.line();
                    let bytes = self.value(&text)?;
                    return match mark {
                        Some(mark) => self.objects.keep_blob(line, mark, &bytes),
                        None => Ok(()),
                    };
                }
            }
        }
    }

    fn alias(&mut self) -> Result<(), GitReadError> {
        let text = self.line("the `mark` of an alias")?;
        let (b"mark", name) = split_word(&text) else {
            return Err(self.syntax("`mark`", &text));
        };
        let mark = self.mark(name)?;
        let text = self.line("the `to` of an alias")?;
        let (b"to", name) = split_word(&text) else {
            return Err(self.syntax("`to`", &text));
        };
        match self.commit_named(name)? {
            Some(commit) => self.objects.keep_commit(self.lines.line(), mark, commit),
            None => Err(self.syntax("a commit", name)),
        }
    }

    fn reset(&mut self, name: &[u8]) -> Result<(), GitReadError> {
        let reference = self.reference(name)?;
        let from = self.from()?;
        self.move_reference(&reference, from.flatten())
    }

    fn tag(&mut self, name: &[u8]) -> Result<Option<Event>, GitReadError> {
        let full_name = self.reference(&[b"refs/tags/", name].concat())?;
        let name = full_name["refs/tags/".len()..].to_owned();
        let (mut mark, mut from) = (None, None);
        loop {
            let text = self.line("the `data` of a tag")?;
            match split_word(&text) {
                (b"mark", name) => mark = Some(self.mark(name)?),
                (b"from", name) => from = Some(name.to_owned()),
                (b"tagger" | b"original-oid", _) => {}
                _ => {
                    self.text(&text)?;
                    break;
                }
            }
        }
        let Some(from) = from else {
            return Err(self.syntax("the `from` of the tag", name.as_bytes()));
        };
        if let Some(Object::Blob(_)) = parse::mark(&from).and_then(|mark| self.objects.get(mark)) {
            self.foreign(self.lines.line(), "the tag of a blob", &name)?;
            return Ok(None);
        }
        let Some(commit) = self.commit_named(&from)? else {
            return Err(self.syntax("a commit", &from));
        };
        if let Some(mark) = mark {
            // A tag of a tag names the commit in the end.
            self.objects.keep_commit(self.lines.line(), mark, commit)?;
        }
        Ok(Some(Event::Tag(ReadTag { name, commit })))
    }

    fn commit(&mut self, name: &[u8]) -> Result<Event, GitReadError> {
        let line = self.lines.line();
        let reference = self.reference(name)?;
        let (mark, said) = self.commit_head()?;
        let from = self.from()?;
        let base = match from {
            Some(from) => from,
            None => self.references.get(&reference).copied().flatten(),
        };
        let mut parents: Vec<u64> = base.into_iter().collect();
        while let Some(merged) = self.parent(b"merge")? {
            if parents.len() == PARENTS_MAX {
                return Err(self.too_many("parents of a commit", PARENTS_MAX as u64));
            }
            parents.extend(merged);
        }
        let number = self.commits;
        if number == MARKS_MAX {
            return Err(self.too_many("commits", MARKS_MAX));
        }
        self.commits += 1;
        if let Some(mark) = mark {
            self.objects.keep_commit(line, mark, number)?;
        }
        self.move_reference(&reference, Some(number))?;
        self.place = Place::InCommit;
        Ok(Event::Commit(Box::new(ReadCommit {
            line,
            base,
            parents,
            author: said.author,
            time_ms: said.time_ms,
            message: said.message,
            extras: said.extras,
        })))
    }

    /// The lines of a commit up to its message.
    fn commit_head(&mut self) -> Result<(Option<u64>, Said), GitReadError> {
        let (mut mark, mut author, mut committer) = (None, None, None);
        let text = loop {
            let text = self.line("the `data` of a commit")?;
            match split_word(&text) {
                (b"mark", name) => mark = Some(self.mark(name)?),
                (b"author", rest) => author = Some(self.signature(rest)?),
                (b"committer", rest) => committer = Some(self.signature(rest)?),
                (b"original-oid" | b"encoding", _) => {}
                (b"gpgsig", _) => {
                    let data = self.line("the `data` of a signature")?;
                    self.text(&data)?;
                }
                _ => break self.text(&text)?,
            }
        };
        let Some(signature) = author.or(committer) else {
            return Err(self.syntax("a `committer` ahead of the `data`", b"data"));
        };
        let said = message::take(&text, &signature.ident, signature.seconds);
        Ok((mark, said))
    }
}

impl<R: BufRead, S: Read + Write + Seek> Iterator for Reader<R, S> {
    type Item = Result<Event, GitReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.place == Place::Over {
            return None;
        }
        let event = self.advance().transpose();
        if !matches!(event, Some(Ok(_))) {
            self.place = Place::Over;
        }
        event
    }
}
