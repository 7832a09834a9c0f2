//! How far long work is, on the standard error.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use hyperstar_store::Progress;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How often a bar without news moves.
const TICK: Duration = Duration::from_millis(120);

/// Work in progress: a bar on a terminal, elsewhere a line at the beginning and one at the end.
pub(crate) struct Work {
    doing: String,
    since: Instant,
    /// Nothing where nobody looks.
    bar: Option<ProgressBar>,
}

impl Work {
    /// Begins to show that something is being done, such as "checking `app.redb`".
    pub(crate) fn begin(doing: impl Into<String>) -> Self {
        let doing = doing.into();
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(counting());
            bar.set_message(doing.clone());
            bar.enable_steady_tick(TICK);
            bar
        });
        if bar.is_none() {
            say(format_args!("{doing} .."));
        }
        Self {
            doing,
            since: Instant::now(),
            bar,
        }
    }

    /// Shows how far a store is.
    pub(crate) fn at(&self, progress: Progress) {
        self.show(progress.what, progress.done, progress.of);
    }

    /// Shows that `done` of `of` steps are done, the last of them `what`.
    pub(crate) fn step(&self, what: &str, done: u64, of: u64) {
        self.show(what, done, Some(of));
    }

    /// Shows what is being done now, as part of the whole.
    pub(crate) fn doing(&self, what: &str) {
        let Some(bar) = &self.bar else { return };
        bar.set_style(counting());
        bar.unset_length();
        bar.set_position(0);
        bar.set_message(format!("{}, {what}", self.doing));
    }

    fn show(&self, what: &str, done: u64, of: Option<u64>) {
        let Some(bar) = &self.bar else { return };
        if bar.length() != of {
            match of {
                Some(of) => {
                    bar.set_style(style(
                        "{spinner} {msg} {wide_bar} {human_pos}/{human_len}, {eta} left",
                    ));
                    bar.set_length(of);
                }
                None => {
                    bar.set_style(counting());
                    bar.unset_length();
                }
            }
        }
        bar.set_message(format!("{}, {what}", self.doing));
        bar.set_position(done);
    }

    /// Says that it is done. Dropping it instead says nothing.
    pub(crate) fn end(self) {
        if self.bar.is_none() {
            let seconds = self.since.elapsed().as_secs_f64();
            say(format_args!("{}: done, {seconds:.1} s", self.doing));
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Writes a line to the standard error.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// How work is shown whose end is not known. Nothing is counted before it has come to something.
fn counting() -> ProgressStyle {
    let count = |state: &ProgressState, out: &mut dyn fmt::Write| {
        if state.pos() > 0 {
            // It is a string, which takes all.
            let _ = write!(out, ": {}", HumanCount(state.pos()));
        }
    };
    style("{spinner} {msg}{count}, {elapsed}").with_key("count", count)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("our own templates are well formed")
}
