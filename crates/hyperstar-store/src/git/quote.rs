//! C-style quoting, which Git writes paths in, and we the values of trailers.

use std::borrow::Cow;

/// `text`, in quotes where it would not be read back as it is: then the result starts with `"`. The
/// result is one line.
pub(crate) fn quote(text: &str) -> Cow<'_, str> {
    let edge = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == b' ');
    let bytes = text.as_bytes();
    let plain = !edge(bytes.first())
        && !edge(bytes.last())
        && !bytes.iter().any(|byte| needs_escape(*byte));
    if plain {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                quoted.push_str(&format!("\\{:03o}", u32::from(character)));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// What was quoted, and what follows the closing quote. `None` if `text` does not start with a
/// quote, does not close it, or has an escape that Git does not know.
pub(crate) fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut unquoted = Vec::with_capacity(rest.len());
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((unquoted, rest)),
            b'\\' => {
                let (byte, after) = unescape(rest)?;
                unquoted.push(byte);
                rest = after;
            }
            _ => unquoted.push(byte),
        }
    }
}

fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&letter, rest) = text.split_first()?;
    let byte = match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'"' => letter,
        b'0'..=b'3' => {
            let (&middle, rest) = rest.split_first()?;
            let (&last, rest) = rest.split_first()?;
            let digit = |byte: u8| (b'0'..=b'7').contains(&byte).then(|| byte - b'0');
            return Some((
                digit(letter)? << 6 | digit(middle)? << 3 | digit(last)?,
                rest,
            ));
        }
        _ => return None,
    };
    Some((byte, rest))
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_undone() {
        for (text, quoted) in [
            ("todo/1", "todo/1"),
            ("a b/ü", "a b/ü"),
            ("", "\"\""),
            (" a", "\" a\""),
            ("a ", "\"a \""),
            ("\"", "\"\\\"\""),
            ("a\\b", "\"a\\\\b\""),
            ("a\nb\0\u{7f}", "\"a\\nb\\000\\177\""),
        ] {
            assert_eq!(quote(text), quoted);
            if quoted.starts_with('"') {
                let with_more = format!("{quoted} more");
                let (unquoted, rest) = unquote(with_more.as_bytes()).unwrap();
                assert_eq!(
                    (unquoted.as_slice(), rest),
                    (text.as_bytes(), &b" more"[..])
                );
            }
        }
    }

    #[test]
    fn git_octal_is_read_and_nonsense_is_not() {
        let (unquoted, rest) = unquote(br#""d/\303\277\t""#).unwrap();
        assert_eq!((unquoted.as_slice(), rest), ("d/ÿ\t".as_bytes(), &b""[..]));
        for text in [
            "",
            "a",
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\40\"",
            "\"\\400\"",
            "\"\\08",
        ] {
            assert!(unquote(text.as_bytes()).is_none(), "{text}");
        }
    }
}
