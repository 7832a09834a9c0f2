//! The parts of a line.

use super::super::ident::Ident;
use super::super::quote::unquote;

/// What a file of Git is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Executable or not.
    File,
    SymbolicLink,
    Submodule,
    Directory,
}

impl Mode {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"100644" | b"100755" | b"644" | b"755" => Some(Self::File),
            b"120000" => Some(Self::SymbolicLink),
            b"160000" => Some(Self::Submodule),
            b"40000" | b"040000" => Some(Self::Directory),
            _ => None,
        }
    }
}

/// A path as the stream has it, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathText {
    Of(Vec<u8>),
    /// The quoted empty path: all files.
    Root,
}

/// Who, and when in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) ident: Ident,
    pub(super) seconds: i64,
}

/// The word up to the first space, and what follows that space.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b' ') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, b""),
    }
}

/// A decimal number without a sign.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(text).ok().filter(|_| digits)?;
    text.parse().ok()
}

/// The number of `:17`.
pub(super) fn mark(text: &[u8]) -> Option<u64> {
    number(text.strip_prefix(b":")?).filter(|mark| *mark > 0)
}

/// The path that takes the rest of the line.
pub(super) fn path(text: &[u8]) -> Option<PathText> {
    if text.first() != Some(&b'"') {
        return (!text.is_empty()).then(|| PathText::Of(text.to_vec()));
    }
    match unquote(text)? {
        (path, b"") => Some(of(path)),
        _ => None,
    }
}

/// The first of two paths, and the text of the second.
pub(super) fn path_up_to_space(text: &[u8]) -> Option<(PathText, &[u8])> {
    if text.first() != Some(&b'"') {
        let (path, rest) = split_word(text);
        return (!path.is_empty()).then(|| (of(path.to_vec()), rest));
    }
    let (path, rest) = unquote(text)?;
    Some((of(path), rest.strip_prefix(b" ")?))
}

/// `Name <email> 1700000000 +0100`. The zone is for display only.
pub(super) fn signature(text: &[u8]) -> Option<Signature> {
    let open = text.iter().position(|byte| *byte == b'<')?;
    let close = text.iter().rposition(|byte| *byte == b'>')?;
    let email = text.get(open + 1..close)?;
    let seconds = text[close + 1..].strip_prefix(b" ")?;
    let seconds = str::from_utf8(split_word(seconds).0).ok()?;
    let lossy = |text: &[u8]| String::from_utf8_lossy(text).trim().to_owned();
    Some(Signature {
        ident: Ident {
            name: lossy(&text[..open]),
            email: lossy(email),
        },
        seconds: seconds.parse().ok()?,
    })
}

/// The hash of nothing, of SHA-1 or SHA-256.
pub(super) fn is_null_hash(text: &[u8]) -> bool {
    [40, 64].contains(&text.len()) && text.iter().all(|byte| *byte == b'0')
}

fn of(path: Vec<u8>) -> PathText {
    if path.is_empty() {
        PathText::Root
    } else {
        PathText::Of(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures() {
        for (text, author, seconds) in [
            ("Ada <ada@x.org> 17 +0000", "Ada <ada@x.org>", 17),
            ("<ada@x.org> 17 +0000", "<ada@x.org>", 17),
            ("Ada <> -5 -0130", "Ada", -5),
            ("A <b> c <d> 1 +0000", "A <b> c <d>", 1),
            ("Ada <a> 9223372036854775807 +0000", "Ada <a>", i64::MAX),
        ] {
            let signature = signature(text.as_bytes()).unwrap();
            assert_eq!(
                (signature.ident.to_author().as_str(), signature.seconds),
                (author, seconds)
            );
        }
        for text in [
            "",
            "Ada",
            "Ada <a>",
            "Ada <a> x",
            "Ada >a< 1",
            "<",
            ">",
            "><",
            "Ada <a>1 +0000",
        ] {
            assert_eq!(signature(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn paths() {
        let of = |path: &str| Some(PathText::Of(path.into()));
        assert_eq!(path(b"a b"), of("a b"));
        assert_eq!(path(b"\"a\\\"\""), of("a\""));
        assert_eq!(path(b"\"\""), Some(PathText::Root));
        assert_eq!(
            (path(b""), path(b"\"a\"b"), path(b"\"a")),
            (None, None, None)
        );
        let two = |text| path_up_to_space(text).map(|(path, rest)| (Some(path), rest));
        assert_eq!(two(b"a b c"), Some((of("a"), &b"b c"[..])));
        assert_eq!(two(b"\"a b\" \"c\""), Some((of("a b"), &b"\"c\""[..])));
        assert_eq!((two(b""), two(b" a"), two(b"\"a\"b")), (None, None, None));
    }
}
