//! The standard output, with colours where somebody looks.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

/// An id of a commit.
pub(crate) const ID: Style = AnsiColor::Yellow.on_default();
/// A branch or a tag.
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default().bold();
/// What came.
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();
/// What went.
pub(crate) const REMOVED: Style = AnsiColor::Red.on_default();
/// What is another now.
pub(crate) const CHANGED: Style = AnsiColor::Yellow.on_default();
/// What matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// The standard output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the output: {0}")]
pub(crate) struct OutputError(#[from] io::Error);

impl OutputError {
    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Where results go. Styles are left out unless it is a terminal and `NO_COLOR` is not set.
pub(crate) struct Out {
    writer: BufWriter<anstream::Stdout>,
}

impl Out {
    pub(crate) fn stdout() -> Self {
        Self {
            writer: BufWriter::with_capacity(64 * 1024, anstream::stdout()),
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// What `write!` and `writeln!` call.
    pub(crate) fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> Result<(), OutputError> {
        Ok(self.writer.write_fmt(arguments)?)
    }

    /// Writes `bytes` as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.writer.flush()?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Writes what is buffered: dropping it would not tell of a failure.
    pub(crate) fn finish(&mut self) -> Result<(), OutputError> {
        Ok(self.writer.flush()?)
    }
}
