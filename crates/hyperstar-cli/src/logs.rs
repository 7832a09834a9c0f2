//! `hyperstar logs`: what an app says.

use anstyle::Style;
use anyhow::Result;
use hyperstar_node::{Request, Update};

use crate::home::Home;
use crate::out::{CHANGED, FAINT, Out, OutputError, REMOVED};
use crate::text::Safe;
use crate::time;

/// Show what an app logs
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hyperstar logs chat\n  hyperstar logs chat -f -n 10")]
pub(crate) struct Args {
    /// The app's name, or as much of its beginning as tells it apart
    name: String,
    /// Go on with what it logs from now on, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// So many of the last lines
    #[arg(
        short = 'n',
        long = "lines",
        value_name = "COUNT",
        default_value = "100"
    )]
    most: usize,
    /// Print each line as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    home: Home,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let request = Request::Logs {
            name: self.name.clone(),
            most: self.most,
            follow: self.follow,
        };
        for update in self.home.connect()?.ask(&request)? {
            if let Update::Line { at_ms, level, text } = update? {
                self.show(out, at_ms, level, &text)?;
            }
        }
        Ok(())
    }

    fn show(&self, out: &mut Out, at_ms: u64, level: u8, text: &str) -> Result<(), OutputError> {
        let (word, style) = level_of(level);
        if self.json {
            let line = serde_json::json!({ "at_ms": at_ms, "level": word, "text": text });
            writeln!(
                out,
                "{}",
                crate::json::line(&line).map_err(std::io::Error::from)?
            )?;
        } else {
            let at = time::absolute(i64::try_from(at_ms).unwrap_or(i64::MAX));
            writeln!(
                out,
                "{FAINT}{at}{FAINT:#} {style}{word:5}{style:#} {}",
                Safe(text)
            )?;
        }
        match self.follow {
            true => out.finish(),
            false => Ok(()),
        }
    }
}

fn level_of(level: u8) -> (&'static str, Style) {
    match level {
        1 => ("error", REMOVED),
        2 => ("warn", CHANGED),
        3 => ("info", Style::new()),
        _ => ("debug", FAINT),
    }
}
