//! Who and when: our author strings and times, and those of Git.

/// What an author without an e-mail address has in Git; `.invalid` is nobody's (RFC 2606).
const EMAIL_NONE: &str = "unknown@hyperstar.invalid";

/// Who wrote a commit without an author, in Git.
const NAME_NONE: &str = "Hyperstar";

/// The latest second that Git's commit-graph has room for: 34 bits, in the year 2514.
const SECONDS_MAX: i64 = (1 << 34) - 1;

/// A name and an e-mail address as in a line of Git: no `<`, `>` and line break in either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ident {
    pub(crate) name: String,
    pub(crate) email: String,
}

impl Ident {
    /// `author` as Git wants it: taken apart if it is `Name <email>` or an address, and with
    /// defaults for what it has not. Never empty, never with a character that means something.
    pub(crate) fn of_author(author: &str) -> Self {
        let parts = author
            .trim()
            .strip_suffix('>')
            .and_then(|it| it.rsplit_once('<'));
        let (name, email) = match parts {
            Some((name, email)) => (clean(name), clean(email)),
            None if author.contains('@') && !author.contains(char::is_whitespace) => {
                (clean(author), clean(author))
            }
            None => (clean(author), String::new()),
        };
        Self {
            name: or(name, NAME_NONE),
            email: or(email.replace(' ', ""), EMAIL_NONE),
        }
    }

    /// The author string for a commit of Git: `Name <email>`, or what there is of it.
    pub(crate) fn to_author(&self) -> String {
        let email_none = self.email.is_empty() || self.email == EMAIL_NONE;
        match (self.name.as_str(), email_none) {
            (NAME_NONE, true) => String::new(),
            (name, true) => name.to_owned(),
            ("", false) => format!("<{}>", self.email),
            (name, false) if name == self.email => name.to_owned(),
            (name, false) => format!("{name} <{}>", self.email),
        }
    }
}

/// Seconds since 1970 that every Git shows and keeps: a time before is 1970, one past the year 2514
/// is in that year.
pub(crate) fn git_seconds(time_ms: i64) -> i64 {
    time_ms.div_euclid(1000).clamp(0, SECONDS_MAX)
}

fn clean(text: &str) -> String {
    // A line of Git is short; the trailer has the rest.
    const CHARS_MAX: usize = 200;
    let separates = |character: char| {
        character.is_control() || character.is_whitespace() || "<>".contains(character)
    };
    let cut: String = text.chars().take(CHARS_MAX).collect();
    let words: Vec<&str> = cut
        .split(separates)
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

fn or(text: String, default: &str) -> String {
    if text.is_empty() {
        default.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_becomes_a_line_of_git_and_mostly_comes_back() {
        for (author, name, email, back) in [
            ("Ada <ada@x.org>", "Ada", "ada@x.org", "Ada <ada@x.org>"),
            ("user:17", "user:17", EMAIL_NONE, "user:17"),
            ("ada@x.org", "ada@x.org", "ada@x.org", "ada@x.org"),
            ("", NAME_NONE, EMAIL_NONE, ""),
            (" \n", NAME_NONE, EMAIL_NONE, ""),
            (
                "<ada@x.org>",
                NAME_NONE,
                "ada@x.org",
                "Hyperstar <ada@x.org>",
            ),
            (
                "a\ncommitter <b> 0 +0000",
                "a committer b 0 +0000",
                EMAIL_NONE,
                "a committer b 0 +0000",
            ),
            ("A < B <c>d <e\0 f>", "A B c d", "ef", "A B c d <ef>"),
            ("<>", NAME_NONE, EMAIL_NONE, ""),
            ("ü ñ <ü@ñ>", "ü ñ", "ü@ñ", "ü ñ <ü@ñ>"),
        ] {
            let ident = Ident::of_author(author);
            assert_eq!(
                (ident.name.as_str(), ident.email.as_str()),
                (name, email),
                "{author:?}"
            );
            assert_eq!(ident.to_author(), back, "{author:?}");
        }
        assert!(Ident::of_author(&"x".repeat(100_000)).name.len() < 1000);
    }

    #[test]
    fn absurd_times_are_clamped() {
        for (time_ms, seconds) in [
            (0, 0),
            (1999, 1),
            (-1, 0),
            (i64::MIN, 0),
            (i64::MAX, SECONDS_MAX),
        ] {
            assert_eq!(git_seconds(time_ms), seconds);
        }
    }
}
