//! `hyperstar inject`: asks an app's handler.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::{Context, Result, anyhow, bail};
use hyperstar_interface::Type;
use hyperstar_node::{Control, ControlError, Request, Update};
use serde_json::value::RawValue;

use crate::home::Home;
use crate::out::Out;
use crate::text::Safe;

/// The largest message, in bytes.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// Send an app a message, and print its answer
///
/// Of a handler that returns a `Result` it is the value, or the error: then this exits with 1, as it does whenever the
/// app does not do what it is asked.
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
        let mut node = self.home.connect()?;
        // Before it is asked: what comes after the answer may fail, and the answer would be lost.
        let returns = self.returns(&mut node)?;
        for update in node.ask(&request)? {
            if let Update::Answer { status, body } = update.map_err(with_our_words)? {
                answered = Some((status, body));
            }
        }
        let (status, body) = answered
            .ok_or_else(|| anyhow!("the node passes on no answer; it may be of another version"))?;
        if status >= 400 {
            bail!("{} answers {status}: {body}", self.name);
        }
        let body = match Outcome::read(&body) {
            None => body,
            Some(outcome) => match (outcome, returns) {
                (Outcome::Ok(value), Type::Result(..)) => value,
                // Of a type that is any JSON it is not known; success has no such form.
                (Outcome::Err(error), Type::Result(..) | Type::Json) => {
                    bail!("{} answers: {error}", self.name);
                }
                _ => body,
            },
        };
        match crate::json::pretty(body.as_bytes()) {
            Some(json) => writeln!(out, "{json}")?,
            None => body
                .lines()
                .try_for_each(|line| writeln!(out, "{}", Safe(line)))?,
        }
        Ok(())
    }

    /// What the handler returns, as the app describes itself.
    fn returns(&self, node: &mut Control) -> Result<Type> {
        let name = self.name.clone();
        let mut returns = Type::Json;
        for update in node.ask(&Request::Describe { name })? {
            if let Update::Interface(interface) = update? {
                let mut handlers = interface.handlers.into_iter();
                let handler = handlers.find(|handler| handler.name == self.handler);
                returns = handler.map_or(Type::Json, |handler| handler.returns);
            }
        }
        Ok(returns)
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

/// An answer in the form of a `Result`.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// With the value, as JSON.
    Ok(String),
    /// With the error, for people.
    Err(String),
}

impl Outcome {
    /// `{"Ok": ..}` or `{"Err": ..}`, if it is that.
    fn read(body: &str) -> Option<Self> {
        let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body).ok()?;
        let mut fields = fields.into_iter();
        let ((key, value), None) = (fields.next()?, fields.next()) else {
            return None;
        };
        let json = value.get();
        match key.as_str() {
            "Ok" => Some(Self::Ok(json.to_owned())),
            "Err" => {
                let text = serde_json::from_str::<String>(json).ok();
                let text = text.or_else(|| crate::json::compact(json.as_bytes()));
                text.map(Self::Err)
            }
            _ => None,
        }
    }
}

/// A remedy for programs becomes the one for who types.
fn with_our_words(error: ControlError) -> ControlError {
    match error {
        ControlError::Refused(reason) => {
            ControlError::Refused(reason.replace("`timeout_ms`", "`--timeout-ms`"))
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_told_from_other_answers() {
        let ok = |value: &str| Some(Outcome::Ok(value.to_owned()));
        let err = |error: &str| Some(Outcome::Err(error.to_owned()));
        for (body, expected) in [
            ("{\"Ok\":1.50}", ok("1.50")),
            ("{\"Ok\":null}", ok("null")),
            ("{\"Err\":\"too little\"}", err("too little")),
            (
                "{\"Err\": {\"Denied\": \"no\"}}",
                err("{\"Denied\":\"no\"}"),
            ),
            ("{\"Ok\":1,\"Err\":2}", None),
            ("{\"ok\":1}", None),
            ("[1]", None),
            ("no JSON", None),
        ] {
            assert_eq!(Outcome::read(body), expected, "{body}");
        }
    }
}
