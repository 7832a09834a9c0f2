//! What processes say, kept for whoever asks later.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use hyperstar_process::sys::Level;
use tokio::sync::broadcast;

/// Lines that are kept for a process; the oldest goes first.
pub const LOG_LINES_MAX: usize = 1_000;
/// The longest line, in bytes; the rest is left out.
pub const LOG_LINE_BYTES_MAX: usize = 4_096;
/// What a process may add to the host's own log at once, and in each second from then on: that may be a file on the
/// disk that all share.
const TOLD_BYTES_MAX: u64 = 256 * 1_024;
const TOLD_BYTES_A_SECOND: u64 = 16 * 1_024;

/// A line of a process's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Counts up from 1 for each process.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// How important it is.
    pub level: Level,
    /// What it says.
    pub text: String,
}

/// The log of one process.
#[derive(Debug)]
pub(crate) struct Logs {
    process: String,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    lines: VecDeque<LogLine>,
    told: Told,
    /// To those who follow, if there are any: it has its room from the beginning, and most logs are not followed.
    news: Option<broadcast::Sender<LogLine>>,
}

/// How much of a process's log went into the host's.
#[derive(Debug, Default)]
struct Told {
    /// What it may not use now, in bytes.
    used: u64,
    at_ms: u64,
    left_out: u64,
}

impl Told {
    /// Whether there is room for another line; otherwise it counts as left out.
    fn may(&mut self, at_ms: u64, bytes: usize) -> bool {
        let passed_ms = at_ms.saturating_sub(self.at_ms).min(60_000);
        self.at_ms = at_ms;
        self.used = self
            .used
            .saturating_sub(passed_ms * TOLD_BYTES_A_SECOND / 1_000);
        // What is around a line has its size, too.
        let used = self.used + bytes as u64 + 100;
        let may = used <= TOLD_BYTES_MAX;
        match may {
            true => self.used = used,
            false => self.left_out += 1,
        }
        may
    }
}

impl Logs {
    pub(crate) fn new(process: &str) -> Self {
        Self {
            process: process.to_owned(),
            kept: Mutex::default(),
        }
    }

    pub(crate) fn add(&self, at_ms: u64, level: Level, text: &str) {
        let end = text.floor_char_boundary(LOG_LINE_BYTES_MAX);
        let text = text[..end].to_owned();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.told.may(at_ms, text.len()) {
            if let left_out @ 1.. = std::mem::take(&mut kept.told.left_out) {
                tracing::warn!(
                    process = self.process,
                    "{left_out} lines came too fast for this log"
                );
            }
            match level {
                Level::Error => tracing::error!(process = self.process, "{text}"),
                Level::Warn => tracing::warn!(process = self.process, "{text}"),
                Level::Info => tracing::info!(process = self.process, "{text}"),
                Level::Debug => tracing::debug!(process = self.process, "{text}"),
            }
        }
        kept.last += 1;
        let line = LogLine {
            number: kept.last,
            at_ms,
            level,
            text,
        };
        if kept.lines.len() >= LOG_LINES_MAX {
            kept.lines.pop_front();
        }
        // An error says that nobody listens any longer.
        kept.news.take_if(|news| news.send(line.clone()).is_err());
        kept.lines.push_back(line);
    }

    /// The last lines, at most `most`, and what comes after them. Who listens too slowly misses some: the
    /// numbers show it.
    pub(crate) fn follow(&self, most: usize) -> (Vec<LogLine>, broadcast::Receiver<LogLine>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = kept.lines.len().saturating_sub(most);
        let lines = kept.lines.iter().skip(skipped).cloned().collect();
        let news = kept.news.get_or_insert_with(|| broadcast::Sender::new(256));
        (lines, news.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_says_much_does_not_fill_the_hosts_log() {
        let mut told = Told::default();
        let lines = |told: &mut Told, at_ms| (0..1_000).filter(|_| told.may(at_ms, 924)).count();
        assert_eq!(lines(&mut told, 5_000), 256);
        assert_eq!(told.left_out, 744);
        assert_eq!(lines(&mut told, 6_000), 16);
        // A clock that is set back gives nothing, and takes nothing.
        assert_eq!(lines(&mut told, 1_000), 0);
        assert_eq!(lines(&mut told, 100_000), 256);
    }

    #[tokio::test]
    async fn the_last_lines_are_kept_and_news_follow() {
        let logs = Logs::new("a");
        for n in 0..LOG_LINES_MAX + 2 {
            logs.add(n as u64, Level::Info, &n.to_string());
        }
        let (lines, mut news) = logs.follow(2);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["1000", "1001"]);
        assert_eq!(logs.follow(usize::MAX).0.len(), LOG_LINES_MAX);
        logs.add(7, Level::Warn, &"é".repeat(LOG_LINE_BYTES_MAX));
        let line = news.recv().await.expect("a line");
        assert_eq!((line.number, line.at_ms), (LOG_LINES_MAX as u64 + 3, 7));
        assert_eq!(line.text.len(), LOG_LINE_BYTES_MAX);
        drop(news);
        logs.add(8, Level::Info, "to nobody");
        assert!(logs.kept.lock().expect("a log").news.is_none());
        let (_, mut again) = logs.follow(0);
        logs.add(9, Level::Info, "again");
        assert_eq!(again.recv().await.expect("a line").text, "again");
    }
}
