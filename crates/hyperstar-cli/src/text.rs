//! Text that others wrote, for a terminal: escaped and shortened.

use std::fmt::{self, Write};
use std::path::Path;

/// The most characters of a value in a line.
const VALUE_CHARS_SHOWN: usize = 80;

/// How much that is the same is shown ahead of where two long values differ.
const CONTEXT_CHARS: usize = 20;

/// How many bytes of a value that is no text are in a line.
const BINARY_BYTES_SHOWN: usize = 8;

/// Displays a text with all escaped that a terminal would obey or hide: control characters, line breaks
/// and marks that turn the order of letters around.
pub(crate) struct Safe<'a>(pub(crate) &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, hidden)) = rest.char_indices().find(|(_, it)| is_hidden(*it)) {
            f.write_str(&rest[..at])?;
            match hidden {
                '\n' | '\r' | '\t' => write!(f, "{}", hidden.escape_default())?,
                _ => write!(f, "{}", hidden.escape_unicode())?,
            }
            rest = &rest[at + hidden.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// Whether a terminal would obey it, or not show it where it stands. Joiners (U+200C, U+200D) are part of
/// words and of emoji.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A file as messages name it.
pub(crate) fn file_name(file: &Path) -> String {
    Safe(&file.display().to_string()).to_string()
}

/// A value in one line, shortened.
pub(crate) fn value_line(value: &[u8]) -> String {
    let text = one_line(value);
    Window::from(0).of(&text)
}

/// Two values in a line each, shortened such that their first difference is seen.
pub(crate) fn value_lines(before: &[u8], after: &[u8]) -> (String, String) {
    let (before, after) = (one_line(before), one_line(after));
    let fits = |text: &str| text.chars().nth(VALUE_CHARS_SHOWN).is_none();
    if fits(&before) && fits(&after) {
        return (before, after);
    }
    let same = before
        .char_indices()
        .zip(after.chars())
        .find(|((_, a), b)| a != b)
        .map_or(before.len().min(after.len()), |((at, _), _)| at);
    let ahead = before[..same].char_indices().rev();
    let start = ahead.map(|(at, _)| at).nth(CONTEXT_CHARS - 1).unwrap_or(0);
    let window = Window::from(start);
    (window.of(&before), window.of(&after))
}

/// What of a long line is shown.
struct Window {
    start: usize,
}

impl Window {
    fn from(start: usize) -> Self {
        Self { start }
    }

    fn of(&self, text: &str) -> String {
        let shown = &text[self.start..];
        let mut line = String::new();
        if self.start > 0 {
            line.push('…');
        }
        match shown.char_indices().nth(VALUE_CHARS_SHOWN) {
            Some((end, _)) => {
                line.push_str(&shown[..end]);
                line.push('…');
            }
            None => line.push_str(shown),
        }
        line
    }
}

/// A value in one line: JSON without its spacing, text as it is, and of others the size and the beginning.
fn one_line(value: &[u8]) -> String {
    if value.is_empty() {
        return "(empty)".to_owned();
    }
    if let Some(json) = crate::json::compact(value) {
        return json;
    }
    match printable(value) {
        Some(text) => Safe(text).to_string(),
        None => {
            let shown = &value[..value.len().min(BINARY_BYTES_SHOWN)];
            let more = if shown.len() < value.len() { ".." } else { "" };
            format!("({}, {}{more})", bytes(value.len() as u64), hex(shown))
        }
    }
}

/// The text that a value is, if it is one: in UTF-8, and without a zero byte.
pub(crate) fn printable(value: &[u8]) -> Option<&str> {
    let text = str::from_utf8(value).ok()?;
    (!text.contains('\0')).then_some(text)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `1,234 values`; `one` is the word for one.
pub(crate) fn count(count: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        indicatif::HumanCount(count),
        if count == 1 { one } else { many }
    )
}

/// `1.50 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// Those of `names` that somebody may have meant by `name`, the nearest first, at most three.
pub(crate) fn near_misses<'a>(
    name: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    /// From here on words look alike.
    const LIKENESS_MIN: f64 = 0.75;
    const SHOWN_MAX: usize = 3;
    let likeness = |other: &str| {
        // Of short words only this tells.
        let is_slip = name.chars().nth(1).is_some() && strsim::osa_distance(name, other) == 1;
        let likeness = strsim::jaro_winkler(name, other);
        if is_slip {
            likeness.max(LIKENESS_MIN)
        } else {
            likeness
        }
    };
    let mut near: Vec<(f64, &str)> = names
        .into_iter()
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.into_iter()
        .take(SHOWN_MAX)
        .map(|(_, name)| name)
        .collect()
}

/// `` `main` or `maine` ``.
pub(crate) fn alternatives(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let cases = [
            ("plain ü 日本", "plain ü 日本"),
            ("\x1b[31mred", "\\u{1b}[31mred"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("abc\u{202e}fdp", "abc\\u{202e}fdp"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(Safe(text).to_string(), expected);
        }
    }

    #[test]
    fn values_are_one_short_line() {
        let long = format!("\"{}\"", "x".repeat(100));
        let cases: [(&[u8], String); 6] = [
            (b"{ \"a\" : [ 1, 2 ] }\n", "{\"a\":[1,2]}".into()),
            (b"\"a\xc2\x9b\"", "\"a\\u009b\"".into()),
            (b"a line\nanother", "a line\\nanother".into()),
            (
                b"\x89PNG\r\n\x1a\n\0\0",
                "(10 B, 89504e470d0a1a0a..)".into(),
            ),
            (b"", "(empty)".into()),
            (long.as_bytes(), format!("\"{}…", "x".repeat(79))),
        ];
        for (value, expected) in cases {
            assert_eq!(value_line(value), expected);
        }
    }

    #[test]
    fn a_difference_far_in_is_seen() {
        let text = |end: &str| format!("\"{}{end}\"", "x".repeat(200));
        let (before, after) = value_lines(text("old").as_bytes(), text("new one").as_bytes());
        assert_eq!(before, format!("…{}old\"", "x".repeat(20)));
        assert_eq!(after, format!("…{}new one\"", "x".repeat(20)));
        // Nothing is cut in a character, nor where one is the beginning of the other.
        let (before, after) = ("ü".repeat(100), "ü".repeat(101));
        let (before, after) = value_lines(before.as_bytes(), after.as_bytes());
        assert_eq!(before, format!("…{}", "ü".repeat(20)));
        assert_eq!(after, format!("…{}", "ü".repeat(21)));
        assert_eq!(value_lines(b"1", b"2"), ("1".into(), "2".into()));
    }

    #[test]
    fn near_misses_are_near() {
        let names = [
            "main",
            "idea",
            "release/1",
            "release/2",
            "release/3",
            "release/4",
        ];
        assert_eq!(near_misses("mian", names), ["main"]);
        assert_eq!(near_misses("releas", names).len(), 3);
        assert_eq!(near_misses("v2", ["v1", "v10"]), ["v1"]);
        assert_eq!(near_misses("lgo", ["log", "tag"]), ["log"]);
        assert!(near_misses("quite another", names).is_empty());
        assert!(near_misses("x", ["a", "b"]).is_empty());
        assert_eq!(alternatives(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
