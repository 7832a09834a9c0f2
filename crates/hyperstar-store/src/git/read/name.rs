//! What a line names: commits, marks, references, data; and the errors about them.

use std::io::{BufRead, Read, Seek, Write};

use crate::git::names::problem_of_reference;
use crate::value::VALUE_BYTES_MAX;

use super::error::{GitReadError, shorten};
use super::objects::Object;
use super::parse::{self, Signature, split_word};
use super::{REFERENCES_MAX, Reader, TEXT_BYTES_MAX};

impl<R: BufRead, S: Read + Write + Seek> Reader<R, S> {
    /// The parent in a line of `keyword`, if the next line is one. Git writes 40 zeros for none.
    pub(super) fn parent(&mut self, keyword: &[u8]) -> Result<Option<Option<u64>>, GitReadError> {
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

    pub(super) fn from(&mut self) -> Result<Option<Option<u64>>, GitReadError> {
        self.parent(b"from")
    }

    /// The commit of a mark or reference; `None` for the 40 zeros that Git writes for none.
    pub(super) fn commit_named(&self, name: &[u8]) -> Result<Option<u64>, GitReadError> {
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

    pub(super) fn move_reference(
        &mut self,
        name: &str,
        commit: Option<u64>,
    ) -> Result<(), GitReadError> {
        if let Some(place) = self.references.get_mut(name) {
            *place = commit;
            return Ok(());
        }
        if self.references.len() == REFERENCES_MAX {
            return Err(self.too_many("branches and tags", REFERENCES_MAX as u64));
        }
        self.references.insert(name.to_owned(), commit);
        Ok(())
    }

    pub(super) fn reference(&self, name: &[u8]) -> Result<String, GitReadError> {
        let text = str::from_utf8(name).ok();
        match text.filter(|name| problem_of_reference(name).is_none()) {
            Some(name) => Ok(name.to_owned()),
            None => Err(self.syntax("the name of a reference such as `refs/heads/main`", name)),
        }
    }

    pub(super) fn mark(&self, name: &[u8]) -> Result<u64, GitReadError> {
        match parse::mark(name) {
            Some(mark) => Ok(mark),
            None => Err(self.syntax("a mark such as `:1`", name)),
        }
    }

    pub(super) fn signature(&self, text: &[u8]) -> Result<Signature, GitReadError> {
        match parse::signature(text) {
            Some(signature) => Ok(signature),
            None => Err(self.syntax("`Name <email> seconds zone`", text)),
        }
    }

    pub(super) fn line(&mut self, missing: &'static str) -> Result<Vec<u8>, GitReadError> {
        match self.lines.next()? {
            Some(text) => Ok(text),
            None => Err(self.cut_short(missing)),
        }
    }

    pub(super) fn value(&mut self, header: &[u8]) -> Result<Vec<u8>, GitReadError> {
        const REMEDY: &str = "remove it from the history, as with `git filter-repo \
                              --strip-blobs-bigger-than 64M`";
        self.lines.data(header, "a file", VALUE_BYTES_MAX, REMEDY)
    }

    pub(super) fn text(&mut self, header: &[u8]) -> Result<String, GitReadError> {
        const REMEDY: &str = "shorten it, as with `git filter-repo --message-callback`";
        let bytes = self
            .lines
            .data(header, "a message", TEXT_BYTES_MAX, REMEDY)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    pub(super) fn syntax(&self, expected: &'static str, found: &[u8]) -> GitReadError {
        self.lines.syntax(expected, found)
    }

    pub(super) fn cut_short(&self, missing: &'static str) -> GitReadError {
        GitReadError::CutShort {
            line: self.lines.line(),
            missing,
        }
    }

    pub(super) fn too_many(&self, what: &'static str, count_max: u64) -> GitReadError {
        GitReadError::TooMany {
            line: self.lines.line(),
            what,
            count_max,
        }
    }

    pub(super) fn unsupported(&self, text: &[u8], remedy: &'static str) -> GitReadError {
        GitReadError::Unsupported {
            line: self.lines.line(),
            text: shorten(text),
            remedy,
        }
    }

    pub(super) fn asks_back(&self, text: &[u8]) -> GitReadError {
        let remedy = "only Git itself answers it; import into a repository, then export that with \
                      `git fast-export --all`";
        self.unsupported(text, remedy)
    }
}
