//! Lines and counted data, both bounded.

use std::io::{self, BufRead, Read};

use super::error::{GitReadError, shorten};
use super::{LINE_BYTES_MAX, parse};

/// What is allocated ahead of the data itself: a length alone costs no more than this.
const DATA_CAPACITY_MAX: usize = 64 * 1024;

/// The input as lines, with their numbers.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    /// The number of the line that was read last.
    line: u64,
    /// The line ends that were read.
    ends: u64,
    held: Option<Vec<u8>>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            ends: 0,
            held: None,
        }
    }

    /// The number of the line that [`Lines::next`] gave last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next line that is no comment, without its end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, GitReadError> {
        if self.held.is_some() {
            return Ok(self.held.take());
        }
        loop {
            self.line = self.ends + 1;
            let mut text = Vec::new();
            let found = self.read_line(&mut text, LINE_BYTES_MAX)?;
            match found {
                Found::Line | Found::LastLine if text.first() == Some(&b'#') => {}
                Found::Line | Found::LastLine => return Ok(Some(text)),
                Found::Nothing => return Ok(None),
                Found::TooLong => {
                    return Err(GitReadError::LineTooLong {
                        line: self.line,
                        bytes_max: LINE_BYTES_MAX,
                    });
                }
            }
        }
    }

    /// Gives the line back: it is the next one again.
    pub(super) fn hold(&mut self, text: Vec<u8>) {
        self.held = Some(text);
    }

    /// The bytes that `header`, a line `data ..`, announces.
    pub(super) fn data(
        &mut self,
        header: &[u8],
        what: &'static str,
        bytes_max: usize,
        remedy: &'static str,
    ) -> Result<Vec<u8>, GitReadError> {
        let too_large = GitReadError::TooLarge {
            line: self.line,
            what,
            bytes_max: bytes_max as u64,
            remedy,
        };
        let Some(announced) = header.strip_prefix(b"data ") else {
            return Err(self.syntax("`data` and its length", header));
        };
        let bytes = match (announced.strip_prefix(b"<<"), parse::number(announced)) {
            (Some(b""), _) => return Err(self.syntax("a word after `data <<`", header)),
            (Some(end), _) => self.data_up_to(end, bytes_max)?.ok_or(too_large)?,
            (None, Some(length)) if length > bytes_max as u64 => return Err(too_large),
            (None, Some(length)) => self.data_of(length)?,
            (None, None) => return Err(self.syntax("`data` and its length", header)),
        };
        // The line end after the data is optional.
        if self.at_line_end()? {
            self.input.consume(1);
            self.ends += 1;
        }
        Ok(bytes)
    }

    pub(super) fn syntax(&self, expected: &'static str, found: &[u8]) -> GitReadError {
        GitReadError::Syntax {
            line: self.line,
            expected,
            found: shorten(found),
        }
    }

    /// `length` was checked.
    fn data_of(&mut self, length: u64) -> Result<Vec<u8>, GitReadError> {
        let capacity =
            usize::try_from(length).map_or(DATA_CAPACITY_MAX, |it| it.min(DATA_CAPACITY_MAX));
        let mut bytes = Vec::with_capacity(capacity);
        let read = (&mut self.input).take(length).read_to_end(&mut bytes);
        read.map_err(|source| self.failed(source))?;
        self.ends += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        if (bytes.len() as u64) < length {
            return Err(self.cut_off());
        }
        Ok(bytes)
    }

    /// `None` if there are more than `bytes_max` bytes ahead of the line `end`.
    fn data_up_to(
        &mut self,
        end: &[u8],
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, GitReadError> {
        let mut bytes = Vec::new();
        loop {
            let start = bytes.len();
            let found = self.read_line(&mut bytes, bytes_max.max(start + end.len()))?;
            match found {
                Found::Line | Found::LastLine if bytes[start..] == *end => {
                    bytes.truncate(start);
                    return Ok(Some(bytes));
                }
                Found::Line if bytes.len() < bytes_max => bytes.push(b'\n'),
                Found::Line | Found::TooLong => return Ok(None),
                Found::LastLine | Found::Nothing => return Err(self.cut_off()),
            }
        }
    }

    /// Appends a line without its end, as long as `text` has at most `bytes_max` bytes then.
    fn read_line(&mut self, text: &mut Vec<u8>, bytes_max: usize) -> Result<Found, GitReadError> {
        let most = bytes_max.saturating_sub(text.len()) as u64 + 1;
        let read = (&mut self.input).take(most).read_until(b'\n', text);
        let read = read.map_err(|source| self.failed(source))? as u64;
        if read > 0 && text.last() == Some(&b'\n') {
            text.pop();
            self.ends += 1;
            return Ok(Found::Line);
        }
        Ok(match read {
            0 => Found::Nothing,
            _ if read == most => Found::TooLong,
            _ => Found::LastLine,
        })
    }

    fn at_line_end(&mut self) -> Result<bool, GitReadError> {
        loop {
            match self.input.fill_buf() {
                Ok(available) => return Ok(available.first() == Some(&b'\n')),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.failed(source)),
            }
        }
    }

    fn failed(&self, source: io::Error) -> GitReadError {
        GitReadError::Read {
            line: self.line,
            source,
        }
    }

    fn cut_off(&self) -> GitReadError {
        GitReadError::CutShort {
            line: self.line,
            missing: "the rest of the data",
        }
    }
}

enum Found {
    Line,
    /// The input ends without a line end.
    LastLine,
    Nothing,
    TooLong,
}
