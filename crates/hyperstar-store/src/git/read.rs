//! Reads the stream of `git fast-export`, or any other for `git fast-import`.
//!
//! ```text
//! git fast-export --all --use-done-feature | import
//! ```
//!
//! [`Reader`] is an iterator of [`Event`]s. It resolves marks and branches: commits are numbered from
//! 0 in the order of the stream, and all else names them by number. Memory is bounded whatever the
//! input: [`LINE_BYTES_MAX`] and one value of [`VALUE_BYTES_MAX`] at a time, 8 bytes a mark up to
//! [`MARKS_MAX`], [`REFERENCES_MAX`] names; blobs wait in a file of the caller.

mod error;
mod lines;
mod objects;
mod parse;

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Seek, Write};

use bytes::Bytes;

use crate::path::check_path;
use crate::value::VALUE_BYTES_MAX;

use super::message::{self, Said};

pub(crate) use error::GitReadError;
use error::shorten;
use lines::Lines;
pub(crate) use objects::MARKS_MAX;
use objects::{Object, Objects};
use parse::{Mode, PathText, Signature, split_word};

/// The longest line, in bytes. Two quoted paths of a store fit.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// The longest text of a commit or tag, in bytes, with its trailers.
pub(crate) const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The most branches and tags of a stream.
pub(crate) const REFERENCES_MAX: usize = 65_536;

/// The most parents of a commit.
pub(crate) const PARENTS_MAX: usize = 1024;

/// What becomes of a thing of Git that a store has no place for: a symbolic link, a submodule, a
/// file whose path is none of the store's, a tag of something else than a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// The import ends with an error that names it. The default: nothing is lost in silence.
    #[default]
    Refuse,
    /// It is not imported, as if it had never been there; [`Reader::left_out`] tells of it.
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
pub(crate) struct LeftOut {
    /// How often.
    pub(crate) count: u64,
    /// The first of them, as a sentence.
    pub(crate) first: Option<String>,
}

/// One step of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A commit begins. Its changes follow, in the order to apply them, then [`Event::CommitEnd`].
    Commit(Box<ReadCommit>),
    /// A change of the commit that began; see [`apply`](super::apply()).
    Change {
        /// Where in the stream, for error texts.
        line: u64,
        /// What changes.
        change: FileChange,
    },
    /// All changes of the commit were told.
    CommitEnd,
    /// The reference, such as `refs/heads/main` or `refs/tags/v1`, now names this commit, or is
    /// removed.
    Reset {
        /// The full name.
        reference: String,
        /// The number of the commit.
        commit: Option<u64>,
    },
    /// An annotated tag.
    Tag(Box<ReadTag>),
}

/// The head of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadCommit {
    /// Where in the stream, for error texts.
    pub(crate) line: u64,
    /// Its place among the commits of the stream, from 0: the index into a list of `CommitId`s that
    /// the consumer keeps.
    pub(crate) number: u64,
    /// The full name that moves to this commit: mostly `refs/heads/..`, but also `refs/tags/..`.
    pub(crate) reference: String,
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

/// An annotated tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadTag {
    /// Without `refs/tags/`.
    pub(crate) name: String,
    /// The number of the commit that it names.
    pub(crate) commit: u64,
    /// Who tagged; empty in old repositories.
    pub(crate) author: String,
    /// When, in milliseconds since 1970; `None` in old repositories.
    pub(crate) time_ms: Option<i64>,
    /// The message without our trailers.
    pub(crate) message: String,
}

/// A change of the files of a commit. Each path was checked with [`check_path`].
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
                b"reset" => {
                    if let Some(event) = self.reset(rest)? {
                        return Ok(Some(event));
                    }
                }
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
            return Err(self.cut_short("it announced a `done` that is missing"));
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

    fn reset(&mut self, name: &[u8]) -> Result<Option<Event>, GitReadError> {
        let reference = self.reference(name)?;
        let from = self.from()?;
        self.move_reference(&reference, from.flatten())?;
        Ok(from.map(|commit| Event::Reset { reference, commit }))
    }

    fn tag(&mut self, name: &[u8]) -> Result<Option<Event>, GitReadError> {
        let full_name = self.reference(&[b"refs/tags/", name].concat())?;
        let name = full_name["refs/tags/".len()..].to_owned();
        let (mut mark, mut from, mut tagger) = (None, None, None);
        let text = loop {
            let text = self.line("the `data` of a tag")?;
            match split_word(&text) {
                (b"mark", name) => mark = Some(self.mark(name)?),
                (b"from", name) => from = Some(name.to_owned()),
                (b"tagger", rest) => tagger = Some(self.signature(rest)?),
                (b"original-oid", _) => {}
                _ => break self.text(&text)?,
            }
        };
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
        let mut tag = ReadTag {
            name,
            commit,
            author: String::new(),
            time_ms: None,
            message: text,
        };
        if let Some(tagger) = tagger {
            let said = message::take(&tag.message, &tagger.ident, tagger.seconds);
            tag.author = said.author;
            tag.time_ms = Some(said.time_ms);
            tag.message = said.message;
        }
        Ok(Some(Event::Tag(Box::new(tag))))
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
            number,
            reference,
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

    /// The next change of the commit, or `None` at its end.
    fn change(&mut self) -> Result<Option<Event>, GitReadError> {
        while let Some(text) = self.lines.next()? {
            let line = self.lines.line();
            let change = match split_word(&text) {
                (b"M", rest) => self.modify(rest)?,
                (b"D", rest) => self.delete(rest)?,
                (word @ (b"R" | b"C"), rest) => self.transfer(rest, word == b"R")?,
                (b"deleteall", b"") => Some(FileChange::RemoveAll),
                (b"N", _) => return Err(self.unsupported(&text, "export without `refs/notes`")),
                (b"get-mark" | b"cat-blob" | b"ls", _) => return Err(self.asks_back(&text)),
                _ => {
                    // The blank line after a commit is part of it, anything else is not.
                    if !text.is_empty() {
                        self.lines.hold(text);
                    }
                    return Ok(None);
                }
            };
            if let Some(change) = change {
                return Ok(Some(Event::Change { line, change }));
            }
        }
        Ok(None)
    }

    fn modify(&mut self, text: &[u8]) -> Result<Option<FileChange>, GitReadError> {
        let line = self.lines.line();
        let (mode, rest) = split_word(text);
        let (source, path) = split_word(rest);
        let Some(mode) = Mode::parse(mode) else {
            return Err(self.syntax("a mode such as `100644`", mode));
        };
        let path = self.path(parse::path(path), path)?;
        let inline = match source {
            b"inline" => {
                let data = self.line("the `data` of a file")?;
                Some(self.value(&data)?)
            }
            _ => None,
        };
        let what = match mode {
            Mode::File => None,
            Mode::SymbolicLink => Some("the symbolic link"),
            Mode::Submodule => Some("the submodule"),
            Mode::Directory => {
                return Err(self.unsupported(text, "name each file, as `git fast-export` does"));
            }
        };
        let path = match (path, what) {
            (Ok(path), None) => path,
            (Ok(path), Some(what)) => {
                self.foreign(line, what, &path)?;
                // It would have replaced what was there.
                return Ok(Some(FileChange::Remove { path }));
            }
            (Err(refused), _) => return self.leave_out_path(line, refused).map(|()| None),
        };
        let value = match inline {
            Some(value) => value,
            None => self.blob_named(line, source)?,
        };
        Ok(Some(FileChange::Set {
            path,
            value: value.into(),
        }))
    }

    fn delete(&mut self, text: &[u8]) -> Result<Option<FileChange>, GitReadError> {
        let parsed = parse::path(text);
        if parsed == Some(PathText::Root) {
            return Ok(Some(FileChange::RemoveAll));
        }
        match self.path(parsed, text)? {
            Ok(path) => Ok(Some(FileChange::Remove { path })),
            // It was left out when it came.
            Err(_) if self.options.foreign == Foreign::LeaveOut => Ok(None),
            Err(refused) => Err(refused.into_error(self.lines.line())),
        }
    }

    fn transfer(&mut self, text: &[u8], moves: bool) -> Result<Option<FileChange>, GitReadError> {
        let line = self.lines.line();
        let Some((from, rest)) = parse::path_up_to_space(text) else {
            return Err(self.syntax("two paths", text));
        };
        let from = match self.path(Some(from), text)? {
            Ok(from) => from,
            Err(refused) => return Err(refused.into_error(line)),
        };
        Ok(match self.path(parse::path(rest), rest)? {
            Ok(to) if moves => Some(FileChange::Rename { from, to }),
            Ok(to) => Some(FileChange::Copy { from, to }),
            Err(refused) => {
                self.leave_out_path(line, refused)?;
                moves.then_some(FileChange::Remove { path: from })
            }
        })
    }

    /// The path if it is one of the store, what is wrong with it if it is one of Git only.
    fn path(
        &self,
        parsed: Option<PathText>,
        text: &[u8],
    ) -> Result<Result<String, RefusedPath>, GitReadError> {
        let bytes = match parsed {
            Some(PathText::Of(bytes)) => bytes,
            Some(PathText::Root) => {
                return Err(self.unsupported(text, "name each file, as `git fast-export` does"));
            }
            None => return Err(self.syntax("a path", text)),
        };
        Ok(match String::from_utf8(bytes) {
            Ok(path) => match check_path(&path) {
                Ok(()) => Ok(path),
                Err(error) => Err(RefusedPath(error.to_string())),
            },
            Err(error) => Err(RefusedPath(format!(
                "invalid path `{}`: it is not UTF-8",
                shorten(error.as_bytes())
            ))),
        })
    }

    fn leave_out_path(&mut self, line: u64, refused: RefusedPath) -> Result<(), GitReadError> {
        match self.options.foreign {
            Foreign::Refuse => Err(refused.into_error(line)),
            Foreign::LeaveOut => {
                self.note_left_out(|| format!("line {line}: {}", refused.0));
                Ok(())
            }
        }
    }

    fn foreign(&mut self, line: u64, what: &'static str, name: &str) -> Result<(), GitReadError> {
        match self.options.foreign {
            Foreign::Refuse => Err(GitReadError::Foreign {
                line,
                what,
                name: shorten(name.as_bytes()),
            }),
            Foreign::LeaveOut => {
                self.note_left_out(|| {
                    format!("line {line}: {what} `{}`", shorten(name.as_bytes()))
                });
                Ok(())
            }
        }
    }

    fn note_left_out(&mut self, sentence: impl FnOnce() -> String) {
        self.left_out.count += 1;
        self.left_out.first.get_or_insert_with(sentence);
    }

    fn blob_named(&mut self, line: u64, name: &[u8]) -> Result<Vec<u8>, GitReadError> {
        let Some(mark) = parse::mark(name) else {
            return Err(GitReadError::NotInStream {
                line,
                name: shorten(name),
                remedy: "export without `--no-data`",
            });
        };
        match self.objects.get(mark) {
            Some(Object::Blob(offset)) => self.objects.blob(line, offset),
            Some(Object::Commit(_)) => Err(GitReadError::WrongMark {
                line,
                mark,
                expected: "a blob",
            }),
            None => Err(GitReadError::UnknownMark { line, mark }),
        }
    }

    /// The parent in a line of `keyword`, if the next line is one. Git writes 40 zeros for none.
    fn parent(&mut self, keyword: &[u8]) -> Result<Option<Option<u64>>, GitReadError> {
        let Some(text) = self.lines.next()? else {
            return Ok(None);
        };
        match split_word(&text) {
            (word, name) if word == keyword => self.commit_named(name).map(Some),
            _ => {
                self.lines.hold(text);
                Ok(None)
            }
        }
    }

    fn from(&mut self) -> Result<Option<Option<u64>>, GitReadError> {
        self.parent(b"from")
    }

    /// The commit of a mark or reference; `None` for the 40 zeros that Git writes for none.
    fn commit_named(&self, name: &[u8]) -> Result<Option<u64>, GitReadError> {
        let line = self.lines.line();
        if let Some(mark) = parse::mark(name) {
            return match self.objects.get(mark) {
                Some(Object::Commit(number)) => Ok(Some(number)),
                Some(Object::Blob(_)) => Err(GitReadError::WrongMark {
                    line,
                    mark,
                    expected: "a commit",
                }),
                None => Err(GitReadError::UnknownMark { line, mark }),
            };
        }
        if parse::is_null_hash(name) {
            return Ok(None);
        }
        let text = str::from_utf8(name).ok();
        match text.and_then(|name| self.references.get(name).copied().flatten()) {
            Some(number) => Ok(Some(number)),
            None => Err(GitReadError::NotInStream {
                line,
                name: shorten(name),
                remedy: "export the whole history, with `git fast-export --all` and without \
                         `--reference-excluded-parents`",
            }),
        }
    }

    fn move_reference(&mut self, name: &str, commit: Option<u64>) -> Result<(), GitReadError> {
        match self.references.get_mut(name) {
            Some(place) => *place = commit,
            None if self.references.len() == REFERENCES_MAX => {
                return Err(self.too_many("branches and tags", REFERENCES_MAX as u64));
            }
            None => {
                self.references.insert(name.to_owned(), commit);
            }
        }
        Ok(())
    }

    fn reference(&self, name: &[u8]) -> Result<String, GitReadError> {
        let text = str::from_utf8(name).ok();
        match text.filter(|name| super::names::problem_of_reference(name).is_none()) {
            Some(name) => Ok(name.to_owned()),
            None => Err(self.syntax("the name of a reference such as `refs/heads/main`", name)),
        }
    }

    fn mark(&self, name: &[u8]) -> Result<u64, GitReadError> {
        match parse::mark(name) {
            Some(mark) => Ok(mark),
            None => Err(self.syntax("a mark such as `:1`", name)),
        }
    }

    fn signature(&self, text: &[u8]) -> Result<Signature, GitReadError> {
        match parse::signature(text) {
            Some(signature) => Ok(signature),
            None => Err(self.syntax("`Name <email> seconds zone`", text)),
        }
    }

    fn line(&mut self, missing: &'static str) -> Result<Vec<u8>, GitReadError> {
        match self.lines.next()? {
            Some(text) => Ok(text),
            None => Err(self.cut_short(missing)),
        }
    }

    fn value(&mut self, header: &[u8]) -> Result<Vec<u8>, GitReadError> {
        const REMEDY: &str = "remove it from the history, as with `git filter-repo \
                              --strip-blobs-bigger-than 64M`";
        self.lines.data(header, "a file", VALUE_BYTES_MAX, REMEDY)
    }

    fn text(&mut self, header: &[u8]) -> Result<String, GitReadError> {
        const REMEDY: &str = "shorten it, as with `git filter-repo --message-callback`";
        let bytes = self
            .lines
            .data(header, "a message", TEXT_BYTES_MAX, REMEDY)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    fn syntax(&self, expected: &'static str, found: &[u8]) -> GitReadError {
        self.lines.syntax(expected, found)
    }

    fn cut_short(&self, missing: &'static str) -> GitReadError {
        GitReadError::CutShort {
            line: self.lines.line(),
            missing,
        }
    }

    fn too_many(&self, what: &'static str, count_max: u64) -> GitReadError {
        GitReadError::TooMany {
            line: self.lines.line(),
            what,
            count_max,
        }
    }

    fn unsupported(&self, text: &[u8], remedy: &'static str) -> GitReadError {
        GitReadError::Unsupported {
            line: self.lines.line(),
            text: shorten(text),
            remedy,
        }
    }

    fn asks_back(&self, text: &[u8]) -> GitReadError {
        let remedy = "only Git itself answers it; import into a repository, then export that with \
                      `git fast-export --all`";
        self.unsupported(text, remedy)
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

/// Why a path of Git is none of the store.
struct RefusedPath(String);

impl RefusedPath {
    fn into_error(self, line: u64) -> GitReadError {
        GitReadError::Path {
            line,
            problem: self.0,
        }
    }
}
