//! JSON as it was written, in another layout: numbers, the order of fields and repeated fields stay.

use std::fmt::Write;

use serde::Serialize;
use serde::de::IgnoredAny;

use crate::text::is_hidden;

/// The deepest level that is indented; what is deeper stands as far to the right.
const LEVELS_INDENTED_MAX: usize = 40;

/// `value` without spacing, if it is JSON.
pub(crate) fn compact(value: &[u8]) -> Option<String> {
    laid_out(value, None)
}

/// `value` with a line for each field and element, if it is JSON.
pub(crate) fn pretty(value: &[u8]) -> Option<String> {
    laid_out(value, Some("  "))
}

/// What can be serialized as a line of JSON, in which what a terminal would obey is escaped: it can only stand in
/// strings there.
pub(crate) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut text = String::with_capacity(json.len());
    json.chars().for_each(|it| push(&mut text, it));
    Ok(text)
}

fn laid_out(value: &[u8], indent: Option<&str>) -> Option<String> {
    let json = str::from_utf8(value).ok()?;
    serde_json::from_str::<IgnoredAny>(json).ok()?;
    let mut text = String::with_capacity(json.len());
    let mut level = 0_usize;
    let mut characters = json.chars().peekable();
    let line = |text: &mut String, level: usize| {
        if let Some(indent) = indent {
            text.push('\n');
            (0..level.min(LEVELS_INDENTED_MAX)).for_each(|_| text.push_str(indent));
        }
    };
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => {}
            '"' => {
                text.push('"');
                while let Some(character) = characters.next() {
                    push(&mut text, character);
                    match character {
                        '"' => break,
                        '\\' => characters.next().into_iter().for_each(|it| text.push(it)),
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                text.push(character);
                while characters.next_if(|it| it.is_ascii_whitespace()).is_some() {}
                match characters.next_if(|it| matches!(it, '}' | ']')) {
                    Some(end) => text.push(end),
                    None => {
                        level += 1;
                        line(&mut text, level);
                    }
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                line(&mut text, level);
                text.push(character);
            }
            ',' => {
                text.push(',');
                line(&mut text, level);
            }
            ':' => text.push_str(if indent.is_some() { ": " } else { ":" }),
            _ => text.push(character),
        }
    }
    Some(text)
}

fn push(text: &mut String, character: char) {
    if !is_hidden(character) {
        return text.push(character);
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing into a string cannot fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_alters_nothing_else() {
        let json = "{ \"z\" : 1.50, \"a\":[ ], \"a\": [1, {\"b\": \"x, \\\" {y}\"}], \"c\":{ } }";
        assert_eq!(
            compact(json.as_bytes()).unwrap(),
            "{\"z\":1.50,\"a\":[],\"a\":[1,{\"b\":\"x, \\\" {y}\"}],\"c\":{}}"
        );
        let pretty = pretty(json.as_bytes()).unwrap();
        assert_eq!(
            pretty,
            "{\n  \"z\": 1.50,\n  \"a\": [],\n  \"a\": [\n    1,\n    {\n      \"b\": \"x, \\\" {y}\"\n    \
             }\n  ],\n  \"c\": {}\n}"
        );
        assert_eq!(compact(pretty.as_bytes()), compact(json.as_bytes()));
    }

    #[test]
    fn what_is_no_json_is_left_alone() {
        for value in ["", "x", "{", "1 2", "\"\x1b\""] {
            assert_eq!(compact(value.as_bytes()), None, "{value:?}");
        }
        assert_eq!(compact(b"\xff"), None);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_as_json_does() {
        let json = "\"\u{9b}31m \u{e0041} \u{7f}\"";
        let compact = compact(json.as_bytes()).unwrap();
        assert_eq!(compact, "\"\\u009b31m \\udb40\\udc41 \\u007f\"");
        let same: String = serde_json::from_str(&compact).unwrap();
        assert_eq!(format!("\"{same}\""), json);
        assert_eq!(line(&same).unwrap(), compact);
    }

    #[test]
    fn deep_json_takes_no_deep_indentation() {
        let json = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let pretty = pretty(json.as_bytes()).unwrap();
        let widest = pretty.lines().map(str::len).max().unwrap();
        assert_eq!(widest, 2 * LEVELS_INDENTED_MAX + 1 + 1);
    }
}
