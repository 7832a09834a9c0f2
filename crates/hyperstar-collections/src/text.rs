//! Any string as one segment of a path, in the order of the strings.
//!
//! # Design
//! Escaping keeps order if what stands for a character begins with a byte that comes no later than
//! that of any later character, and if nothing that may follow a character can be taken for an
//! escape. Most schemes get there by escaping a common character everywhere. This one escapes by
//! what follows, so that names, addresses and sentences stay as they are:
//! - A control character has to come before a space and all that can follow a space. It begins with
//!   two spaces; so a space before whatever is itself written with a space or `!` in front, or before
//!   the end, is marked by a `!`.
//! - `/` is the byte after `.`: it has to come after a `.` and all that can follow one. It is `.~`;
//!   so a `.` before whatever is written with `}` or more in front is marked by a `}`. The same holds
//!   for U+007F to U+009F, which come right after `~`.
//! - A space at the end is otherwise never written, nor are two spaces and a `!`. They mark the few
//!   strings that would be no segment, and are less than all that could follow them. Those that
//!   would be `.git` for some file system are marked so that they no longer are: a space would not do.

use crate::path::is_dotgit;

/// What a control character is two hexadecimal digits after.
const CONTROL: &str = "  ";
const DELETE: &str = "~~";
const SLASH: &str = ".~";
/// At the end of what would be no name.
const EMPTY: &str = " ";
/// At the end of what a file system would take for `.git`.
const DOTGIT: &str = "  !";

pub(crate) fn encode(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\0'..='\x1f' => push_hex(&mut segment, CONTROL, char),
            '\x7f'..='\u{9f}' => push_hex(&mut segment, DELETE, char),
            '/' => segment.push_str(SLASH),
            ' ' => {
                segment.push(' ');
                if chars.peek().is_none_or(|next| *next <= '!') {
                    segment.push('!');
                }
            }
            '.' | '~' => {
                segment.push(char);
                if chars.peek().is_some_and(|next| *next >= '}') {
                    segment.push('}');
                }
            }
            _ => segment.push(char),
        }
    }
    segment.push_str(mark(&segment));
    segment
}

pub(crate) fn decode(segment: &str) -> Option<String> {
    let text = unescape(segment)?;
    // Whatever was spelled otherwise than `encode` spells it is no key.
    (encode(&text) == segment).then_some(text)
}

fn unescape(segment: &str) -> Option<String> {
    let mut text = String::with_capacity(segment.len());
    let mut rest = unmark(segment);
    while let Some(char) = rest.chars().next() {
        if let Some(after) = rest
            .strip_prefix(CONTROL)
            .or_else(|| rest.strip_prefix(DELETE))
        {
            let digits = after.get(..2)?;
            text.push(char::from(u8::from_str_radix(digits, 16).ok()?));
            rest = &after[2..];
            continue;
        }
        if let Some(after) = rest.strip_prefix(SLASH) {
            text.push('/');
            rest = after;
            continue;
        }
        text.push(char);
        rest = &rest[char.len_utf8()..];
        let mark = match char {
            ' ' => "!",
            '.' | '~' => "}",
            _ => continue,
        };
        rest = rest.strip_prefix(mark).unwrap_or(rest);
    }
    Some(text)
}

/// What is added to an escaped string that would be no segment.
fn mark(escaped: &str) -> &'static str {
    match escaped {
        "" | "." | ".." => EMPTY,
        escaped if is_dotgit(escaped) => DOTGIT,
        _ => "",
    }
}

fn unmark(segment: &str) -> &str {
    let marked = [DOTGIT, EMPTY].into_iter().find_map(|end| {
        let escaped = segment.strip_suffix(end)?;
        (mark(escaped) == end).then_some(escaped)
    });
    marked.unwrap_or(segment)
}

fn push_hex(segment: &mut String, lead: &str, char: char) {
    segment.push_str(lead);
    segment.push_str(&format!("{:02x}", u32::from(char)));
}
