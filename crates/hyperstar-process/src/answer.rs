//! What handlers return, as answers.
//!
//! | returned | to a process | over HTTP | to a page |
//! |---|---|---|---|
//! | a value | its JSON | 200 and its JSON | nothing: the pages follow |
//! | `()` | `null` | 204 | nothing |
//! | `Option` | its JSON | 404 for `None` | nothing |
//! | `Result` | its JSON, `{"Ok": ..}` or `{"Err": ..}` | `Err`: 400 and `{"error": ..}` | `Err`: 400 and its text |
//! | `Html`, markup | | 200 and `text/html` | replaces the elements of its ids |
//! | `Response` | | itself | nothing |
//! | `Reply`, `Done` | | | its events |
//!
//! `cx.set_status` and `cx.set_header` have the last word over HTTP.
//!
//! # Design
//! Which row a type belongs to is found by autoref: the expansion of `#[hyperapp]` calls methods of
//! [`Probe`] at the type itself, where the trait with the fewest references wins. A trait with one blanket
//! `impl` per row would need specialization, and reading the type's tokens is wrong for aliases.

mod kinds;

use std::fmt::Display;

use hyperstar_interface::AskError;
use serde::Serialize;

use crate::abi::{CallError, Response};
use crate::app::Outcome;
use crate::call::Way;

pub use kinds::*;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

fn with_type(status: u16, content_type: &str, body: Vec<u8>) -> Response {
    Response {
        status,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body,
    }
}

fn empty(status: u16) -> Response {
    Response {
        status,
        ..Response::default()
    }
}

/// To a process: JSON.
pub fn process<T: Serialize>(value: &T) -> Outcome {
    match serde_json::to_vec(value) {
        Ok(body) => Ok(Response {
            status: 200,
            headers: Vec::new(),
            body,
        }),
        Err(error) => Err(CallError::Malformed(not_json(&error))),
    }
}

fn not_json(error: &serde_json::Error) -> String {
    format!("what the handler returned cannot be JSON: {error}")
}

fn json<T: Serialize + ?Sized>(status: u16, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => with_type(status, JSON, body),
        Err(error) => failed(500, &not_json(&error)),
    }
}

/// Over HTTP: what is wrong, for programs.
fn failed(status: u16, text: &str) -> Response {
    #[derive(Serialize)]
    struct Failed<'a> {
        error: &'a str,
    }
    match serde_json::to_vec(&Failed { error: text }) {
        Ok(body) => with_type(status, JSON, body),
        Err(_) => empty(500),
    }
}

/// To a page: what is wrong, for people.
fn notice(status: u16, text: impl Display) -> Response {
    with_type(status, TEXT, text.to_string().into_bytes())
}

/// The answer where something was asked that has no handler, or cannot be read.
pub(crate) fn refuse(way: Way, error: &AskError) -> Outcome {
    let status = match error {
        AskError::NoHandlers(_)
        | AskError::UnknownHandler { .. }
        | AskError::WrongSource { .. }
        | AskError::NoRoute { .. } => 404,
        AskError::WrongMethod { .. } => 405,
        AskError::NoViewer { .. } => 403,
        AskError::TooMuch { .. } => 413,
        _ => 400,
    };
    let text = error.to_string();
    match way {
        Way::Http => {
            let mut response = failed(status, &text);
            if let AskError::WrongMethod { allow, .. } = error {
                response.headers.push(("allow".to_owned(), allow.clone()));
            }
            Ok(response)
        }
        Way::Action => Ok(notice(status, text)),
        Way::Process | Way::Nobody if status == 404 => Err(CallError::NoHandler(text)),
        Way::Process | Way::Nobody => Err(CallError::Malformed(text)),
    }
}
