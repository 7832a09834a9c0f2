//! `hyperstar inject`: asks an app's handler.

use std::io::Read;

use anyhow::{Context, Result, anyhow, bail};
use hyperstar_node::{Request, Update};

use crate::home::Home;
use crate::out::Out;
use crate::text::Safe;

/// The largest message, in bytes.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// Send an app a message, and print its answer
///
/// Exits with 1 if the app answers with an error.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hyperstar inject counter increment\n  \
                  hyperstar inject users create_user '{\"name\": \"Ann\", \"age\": 30}'\n  \
                  hyperstar inject notes import - < notes.json")]
pub(crate) struct Args {
    /// The app's name, or as much of its beginning as tells it apart
    name: String,
    /// The handler
    handler: String,
    /// Its arguments: an object with their names, or a list; `-` reads them from the standard input
    json: Option<String>,
    /// How long the answer may take
    #[arg(long, value_name = "MS", default_value = "30000")]
    timeout_ms: u64,
    #[command(flatten)]
    home: Home,
}

impl Args {
    pub(crate) fn run(&self, out: &mut Out) -> Result<()> {
        let request = Request::Inject {
            name: self.name.clone(),
            handler: self.handler.clone(),
            body: self.body()?,
            timeout_ms: self.timeout_ms,
        };
        let mut answered = None;
        for update in self.home.connect()?.ask(&request)? {
            if let Update::Answer { status, body } = update? {
                answered = Some((status, body));
            }
        }
        let (status, body) = answered
            .ok_or_else(|| anyhow!("the node passes on no answer; it may be of another version"))?;
        if status >= 400 {
            bail!("{} answers {status}: {body}", self.name);
        }
        match crate::json::pretty(body.as_bytes()) {
            Some(json) => writeln!(out, "{json}")?,
            None => body
                .lines()
                .try_for_each(|line| writeln!(out, "{}", Safe(line)))?,
        }
        Ok(())
    }

    fn body(&self) -> Result<serde_json::Value> {
        let text = match self.json.as_deref() {
            None => return Ok(serde_json::Value::Null),
            Some("-") => {
                let mut text = String::new();
                let stdin = std::io::stdin().lock();
                let read = stdin.take(BODY_BYTES_MAX + 1).read_to_string(&mut text);
                read.context("the standard input cannot be read as text")?;
                text
            }
            Some(text) => text.to_owned(),
        };
        if text.len() as u64 > BODY_BYTES_MAX {
            bail!("the message has more than {BODY_BYTES_MAX} bytes; send less at a time");
        }
        serde_json::from_str(&text).map_err(|error| {
            anyhow!(
                "the arguments are no JSON: {error}; write an object with their names, '{{\"name\": \"Ann\"}}', or a \
                 list, '[\"Ann\"]'"
            )
        })
    }
}
