//! The changes of a commit: what is a change of the store, and what has no place there.

use std::io::{BufRead, Read, Seek, Write};

use crate::path::check_path;

use super::error::{GitReadError, shorten};
use super::event::{Event, FileChange};
use super::objects::Object;
use super::parse::{self, Mode, PathText, split_word};
use super::{Foreign, Reader};

impl<R: BufRead, S: Read + Write + Seek> Reader<R, S> {
    /// The next change of the commit, or `None` at its end.
    pub(super) fn change(&mut self) -> Result<Option<Event>, GitReadError> {
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
                self.left_out.note(|| format!("line {line}: {}", refused.0));
                Ok(())
            }
        }
    }

    pub(super) fn foreign(
        &mut self,
        line: u64,
        what: &'static str,
        name: &str,
    ) -> Result<(), GitReadError> {
        match self.options.foreign {
            Foreign::Refuse => Err(GitReadError::Foreign {
                line,
                what,
                name: shorten(name.as_bytes()),
            }),
            Foreign::LeaveOut => {
                self.left_out
                    .note(|| format!("line {line}: {what} `{}`", shorten(name.as_bytes())));
                Ok(())
            }
        }
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
