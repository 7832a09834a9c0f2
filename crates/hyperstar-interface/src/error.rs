//! What is said where something was asked that cannot be answered.

use crate::route::Source;
use crate::suggest::{near, quoted};

/// Why what was asked finds no handler, or its handler no arguments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The process has no handlers that this source may ask for.
    #[error("this process has no handlers for {}; give a method `{}`", .0.people(), .0.attribute())]
    NoHandlers(Source),
    /// There is no such handler.
    #[error("{}", unknown("handler", "this process has", .wanted, .known))]
    UnknownHandler {
        /// What was asked for.
        wanted: String,
        /// Those that this source may ask for.
        known: Vec<String>,
    },
    /// There is one, but not for this source.
    #[error(
        "`{handler}` is not there for {}, only for {has}; add `{}` to it if that was meant",
        .source_asked.people(), .source_asked.attribute()
    )]
    WrongSource {
        /// The handler's name.
        handler: String,
        /// Where it was asked for from.
        source_asked: Source,
        /// Its attributes, for the sentence.
        has: String,
    },
    /// The body names no handler.
    #[error(
        "the body names no handler; send `{{\"{example}\": ..}}`, or the arguments of one: {}",
        quoted(.known.iter().map(String::as_str))
    )]
    NoHandlerNamed {
        /// The name of one, as the wrapped form has it.
        example: String,
        /// Those that can be asked.
        known: Vec<String>,
    },
    /// There is nothing at this path.
    #[error("no handler found for {method} {path}{}", hint(.near.as_deref()))]
    NoRoute {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// A path that may have been meant.
        near: Option<String>,
    },
    /// There is something at this path, for other methods.
    #[error("{path} does not answer {method}; it answers {allow}")]
    WrongMethod {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// The methods that it answers, for the header `allow`.
        allow: String,
    },
    /// The body is empty, and the handler needs arguments.
    #[error("the body is empty; `{handler}` needs `{argument}`: send `{{\"{argument}\": ..}}`")]
    EmptyBody {
        /// The handler's name.
        handler: String,
        /// The first argument that it needs.
        argument: String,
    },
    /// The body is not what its content type says.
    #[error("the body is not {format}: {reason}")]
    BadBody {
        /// `JSON`, `a form`
        format: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// A part of a query or a form is not text.
    #[error("`{part}` in {what} is not UTF-8; send text as UTF-8, percent-encoded")]
    NotText {
        /// `a query`, `a form`
        what: &'static str,
        /// As it came.
        part: String,
    },
    /// An argument is not there.
    #[error("`{handler}` needs the argument `{argument}`{}", meant(.near.as_deref()))]
    MissingArgument {
        /// The handler's name.
        handler: String,
        /// The argument's name.
        argument: String,
        /// A name that is there and may have been meant for it.
        near: Option<String>,
    },
    /// The handler has no such argument.
    #[error("{}", unknown_argument(.handler, .argument, .known))]
    UnknownArgument {
        /// The handler's name.
        handler: String,
        /// What was sent.
        argument: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// More or fewer values than arguments.
    #[error("`{handler}` takes {}, and {sent} came", count(.known))]
    WrongCount {
        /// The handler's name.
        handler: String,
        /// How many values came.
        sent: usize,
        /// Its arguments.
        known: Vec<String>,
    },
    /// An argument's value is not of its type.
    #[error("the argument `{argument}` of `{handler}` cannot be read: {reason}")]
    BadArgument {
        /// The handler's name.
        handler: String,
        /// The argument's name.
        argument: String,
        /// What serde says.
        reason: String,
    },
    /// Who asks is no page of the app.
    #[error(
        "`{handler}` needs to know the {who} that asks, and this request comes from no page of the app; \
         open one first"
    )]
    NoViewer {
        /// The handler's name.
        handler: String,
        /// `session` or `viewer`
        who: &'static str,
    },
    /// Too much of something.
    #[error("{what} has more than {most} {unit}; send less at once")]
    TooMuch {
        /// The body, the query.
        what: &'static str,
        /// The bound.
        most: usize,
        /// What is counted.
        unit: &'static str,
    },
}

fn unknown(what: &str, has: &str, wanted: &str, known: &[String]) -> String {
    let shown = shortened(wanted);
    if known.is_empty() {
        return format!("unknown {what} `{shown}`; {has} none");
    }
    let names = || known.iter().map(String::as_str);
    let hint = match near(wanted, names()) {
        Some(near) if known.len() > 3 => format!("; did you mean `{near}`?"),
        _ => String::new(),
    };
    format!("unknown {what} `{shown}`; {has} {}{hint}", quoted(names()))
}

fn unknown_argument(handler: &str, argument: &str, known: &[String]) -> String {
    unknown("argument", &format!("`{handler}` has"), argument, known)
}

fn hint(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

fn meant(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| {
        format!("; was `{}` meant for it?", shortened(near))
    })
}

fn count(known: &[String]) -> String {
    let names = quoted(known.iter().map(String::as_str));
    match known.len() {
        0 => "no arguments".to_owned(),
        1 => format!("1 argument ({names})"),
        number => format!("{number} arguments ({names})"),
    }
}

/// What a stranger sent, short enough to be said.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

const SHOWN_CHARS_MAX: usize = 64;
