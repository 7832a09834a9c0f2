//! What a commit has and Git does not carry, as trailer lines at the end of the message.
//!
//! ```text
//! Buy milk
//!
//! Hyperstar-Time-Ms: 1700000000123
//! Hyperstar-Author: "ada\n"
//! ```
//!
//! | line | when | what |
//! |---|---|---|
//! | `Hyperstar-Time-Ms` | always, first | the exact time |
//! | `Hyperstar-Author` | the author line of Git does not say it | the exact author |
//! | `Hyperstar-Message` | the text above is not the message | the exact message |
//! | `Hyperstar-Subject` | the message is blank | the subject that was made up for it |
//! | `Hyperstar-..` | the caller adds it | what it likes, such as the root hash |
//!
//! A line counts only while it agrees with what Git says: if somebody gave the commit another date,
//! author or message in Git, that is what it has. So [`take`] undoes [`put`], and a rebased or
//! amended commit is as Git shows it. A line that others added among ours stays in the message.

use std::borrow::Cow;

use super::ident::{Ident, git_seconds};
use super::quote::{quote, unquote};

const PREFIX: &str = "Hyperstar-";
const TIME: &str = "Time-Ms";
const AUTHOR: &str = "Author";
const MESSAGE: &str = "Message";
const SUBJECT: &str = "Subject";

/// What a commit or a tag says about itself, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) author: String,
    pub(crate) time_ms: i64,
    pub(crate) message: String,
    /// Further trailers: the key without `Hyperstar-`, and the value.
    pub(crate) extras: Vec<(String, String)>,
}

/// Whether Git would show nothing for `message`, so that a subject is to be made up.
pub(crate) fn needs_subject(message: &str) -> bool {
    message.trim().is_empty()
}

/// The message for Git. `subject` is shown if the message is blank.
pub(crate) fn put(
    author: &str,
    time_ms: i64,
    message: &str,
    subject: &str,
    extras: &[(&str, &str)],
) -> String {
    let subject = needs_subject(message).then_some(subject);
    let shown = shown(message, subject);
    let mut text = format!("{shown}\n\n");
    let mut add = |key: &str, value: &str| {
        text.push_str(&format!("{PREFIX}{key}: {}\n", quote(value)));
    };
    add(TIME, &time_ms.to_string());
    if Ident::of_author(author).to_author() != author {
        add(AUTHOR, author);
    }
    if shown != message {
        add(MESSAGE, message);
    }
    if let Some(subject) = subject {
        add(SUBJECT, subject);
    }
    for (key, value) in extras {
        add(key, value);
    }
    text
}

/// Takes the trailers off the text of a commit that Git says to be by `ident` at `seconds`.
pub(crate) fn take(text: &str, ident: &Ident, seconds: i64) -> Said {
    let mut said = Said {
        author: ident.to_author(),
        time_ms: seconds.saturating_mul(1000),
        message: text.to_owned(),
        extras: Vec::new(),
    };
    let Some((above, trailers)) = split(text) else {
        return said;
    };
    said.message = above;
    let (mut message, mut subject) = (None, None);
    for (key, value) in trailers {
        match key {
            TIME => {
                let exact = value.parse().unwrap_or(said.time_ms);
                if git_seconds(exact) == seconds {
                    said.time_ms = exact;
                }
            }
            AUTHOR if Ident::of_author(&value) == *ident => said.author = value,
            AUTHOR => {}
            MESSAGE => message = Some(value),
            SUBJECT => subject = Some(value),
            _ => said.extras.push((key.to_owned(), value)),
        }
    }
    if let Some(message) = message
        && shown(&message, subject.as_deref()) == said.message
    {
        said.message = message;
    }
    said
}

/// Whether a trailer of the caller may have this key.
pub(crate) fn is_extra_key(key: &str) -> bool {
    let known = [TIME, AUTHOR, MESSAGE, SUBJECT].contains(&key);
    let character = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !known && !key.is_empty() && key.bytes().all(character)
}

/// The part of the text above the trailers. Git ends a message at a NUL.
fn shown<'a>(message: &'a str, subject: Option<&'a str>) -> Cow<'a, str> {
    match subject {
        Some(subject) => Cow::Borrowed(subject),
        None if message.contains('\0') => Cow::Owned(message.replace('\0', "\u{fffd}")),
        None => Cow::Borrowed(message),
    }
}

/// The text without our trailers, and the trailers: lines of the last paragraph, of which the first
/// one of ours is the time.
fn split(text: &str) -> Option<(String, Vec<(&str, String)>)> {
    let trimmed = text.trim_end_matches('\n');
    let (above, last) = match trimmed.rsplit_once("\n\n") {
        Some((above, last)) => (above, last),
        None => ("", trimmed),
    };
    let mut trailers = Vec::new();
    let mut others = Vec::new();
    for line in last.split('\n') {
        match trailer(line) {
            Some(trailer) => trailers.push(trailer),
            None => others.push(line),
        }
    }
    if trailers.first().is_none_or(|(key, _)| *key != TIME) {
        return None;
    }
    let above = match (above, others.as_slice()) {
        (_, []) => above.to_owned(),
        ("", others) => others.join("\n"),
        (above, others) => format!("{above}\n\n{}", others.join("\n")),
    };
    Some((above, trailers))
}

fn trailer(line: &str) -> Option<(&str, String)> {
    let (key, value) = line.strip_prefix(PREFIX)?.split_once(": ")?;
    if !value.starts_with('"') {
        return Some((key, value.to_owned()));
    }
    match unquote(value.as_bytes())? {
        (unquoted, []) => Some((key, String::from_utf8(unquoted).ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(author: &str, time_ms: i64, message: &str, extras: &[(&str, &str)]) {
        let text = put(author, time_ms, message, "Set a", extras);
        assert!(!text.contains('\0'), "{text:?}");
        let said = take(&text, &Ident::of_author(author), git_seconds(time_ms));
        let extras = extras
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let expected = Said {
            author: author.to_owned(),
            time_ms,
            message: message.to_owned(),
            extras: extras.collect(),
        };
        assert_eq!(said, expected, "{text:?}");
    }

    #[test]
    fn what_was_put_is_taken() {
        let authors = [
            "",
            "Ada <ada@x.org>",
            "x\ny <",
            "Hyperstar",
            "\"",
            "unknown@hyperstar.invalid",
        ];
        let messages = [
            "",
            " ",
            "\n",
            "\n\n",
            "fix",
            "fix\n",
            "fix\n\n",
            "fix\n\nbody\n\nSigned-off-by: A <b>\n",
            "\nfix",
            "nul\0nul",
            "\0",
            "# not a comment",
            "fix\n\nHyperstar-Time-Ms: 5\n",
            "Hyperstar-Time-Ms: 5",
            "Hyperstar-Time-Ms: 5\nHyperstar-Author: x\n",
            "a\n\n\n\nb\r\n",
            "Set a",
            "Hyperstar-Message: x",
        ];
        for author in authors {
            for message in messages {
                for time_ms in [0, 1_700_000_000_123, -5, i64::MIN, i64::MAX] {
                    check(author, time_ms, message, &[]);
                    check(
                        author,
                        time_ms,
                        message,
                        &[("Root", "00ff"), ("X", ""), ("X", "a\nb")],
                    );
                }
            }
        }
    }

    #[test]
    fn what_git_says_wins_over_a_trailer_that_disagrees() {
        let ada = Ident::of_author("ada");
        let text = put("ada\n", 1_700_000_000_123, "", "Set a", &[]);
        let said = take(&text, &Ident::of_author("bob"), 1_700_000_000);
        assert_eq!(
            (said.author.as_str(), said.time_ms),
            ("bob", 1_700_000_000_123)
        );
        let said = take(&text, &ada, 1_800_000_000);
        assert_eq!(
            (said.author.as_str(), said.time_ms),
            ("ada\n", 1_800_000_000_000)
        );
        let said = take(&text.replace("Set a\n\n", "Set b\n\n"), &ada, 0);
        assert_eq!(said.message, "Set b");
    }

    #[test]
    fn lines_that_others_add_to_the_block_stay() {
        let text = put("ada", 5, "fix", "", &[]) + "Signed-off-by: A <b>\n";
        let said = take(&text, &Ident::of_author("ada"), 0);
        assert_eq!(
            (said.message.as_str(), said.time_ms),
            ("fix\n\nSigned-off-by: A <b>", 5)
        );
    }

    #[test]
    fn a_message_of_git_stays_as_it_is() {
        for text in [
            "",
            "fix\n",
            "fix\n\nHyperstar-Author: x\n",
            "Hyperstar-Time-Ms:5",
            "a\n\n\n",
        ] {
            let said = take(text, &Ident::of_author("ada"), 7);
            assert_eq!((said.message.as_str(), said.time_ms), (text, 7000));
        }
    }
}
