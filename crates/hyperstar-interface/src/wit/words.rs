//! Names and prose as WIT can have them.

/// What the grammar has taken.
const KEYWORDS: [&str; 46] = [
    "use",
    "type",
    "func",
    "u8",
    "u16",
    "u32",
    "u64",
    "s8",
    "s16",
    "s32",
    "s64",
    "f32",
    "f64",
    "char",
    "resource",
    "own",
    "borrow",
    "record",
    "flags",
    "variant",
    "enum",
    "bool",
    "string",
    "option",
    "result",
    "future",
    "stream",
    "error-context",
    "list",
    "map",
    "as",
    "from",
    "static",
    "interface",
    "tuple",
    "world",
    "import",
    "export",
    "package",
    "constructor",
    "include",
    "with",
    "async",
    "float32",
    "float64",
    "union",
];

/// Names of one scope as WIT has them: in kebab-case, each once, in the same order.
///
/// A name goes back to where it came from by its place among them.
///
/// ```
/// use hyperstar_interface::wit_names;
///
/// assert_eq!(wit_names(["created_at", "createdAt", "HTTPServer"]), ["created-at", "created-at2", "http-server"]);
/// ```
pub fn wit_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let wanted = kebab(name);
        let numbered = (2..=u32::MAX).map(|number| format!("{wanted}{number}"));
        let mut free = std::iter::once(wanted.clone())
            .chain(numbered)
            .filter(|name| !taken.contains(name));
        let name = free.next().unwrap_or(wanted);
        taken.push(name);
    }
    taken
}

/// A name as WIT text has it: a keyword needs a `%`.
pub(super) fn escaped(name: &str) -> String {
    match KEYWORDS.contains(&name) {
        true => format!("%{name}"),
        false => name.to_owned(),
    }
}

/// `likeThis`, `LikeThis`, `like_this` and `like this` are all `like-this`.
fn kebab(name: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    let chars: Vec<char> = name.chars().collect();
    for (place, &c) in chars.iter().enumerate() {
        let after = chars.get(place + 1);
        let before = place.checked_sub(1).map(|before| chars[before]);
        let begins_word = c.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
                || (before.is_some_and(char::is_uppercase)
                    && after.is_some_and(|c| c.is_lowercase())));
        let spelt = match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase().to_string(),
            // A letter of another script: by its number, after a letter that WIT has.
            c if c.is_alphanumeric() => format!("u{:x}", u32::from(c)),
            _ => String::new(),
        };
        if begins_word || spelt.is_empty() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push_str(&spelt);
        }
    }
    let mut kebab = String::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        // A word cannot begin with a digit: it belongs to the one before.
        let digit = word.starts_with(|c: char| c.is_ascii_digit());
        match (kebab.is_empty(), digit) {
            (true, true) => kebab.push('n'),
            (false, false) => kebab.push('-'),
            _ => {}
        }
        kebab.push_str(word);
    }
    if kebab.is_empty() {
        kebab.push_str("empty");
    }
    kebab
}

/// A line of a comment, without what WIT forbids: control characters and those that turn text around.
pub(super) fn prose(line: &str) -> String {
    let forbidden = |c: &char| {
        c.is_control()
            || matches!(c,
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{149}' | '\u{673}' | '\u{f77}'
                | '\u{f79}' | '\u{17a3}' | '\u{17a4}' | '\u{17b4}' | '\u{17b5}')
    };
    line.chars().filter(|c| !forbidden(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        let cases = [
            ("count", "count"),
            ("create_user", "create-user"),
            ("CreateUser", "create-user"),
            ("createdAt", "created-at"),
            ("HTTPServer", "http-server"),
            ("v2", "v2"),
            ("item_2", "item2"),
            ("2x", "n2x"),
            ("a  b", "a-b"),
            ("_", "empty"),
            ("", "empty"),
            ("größe", "gru f6u dfe"),
        ];
        for (name, expected) in cases {
            assert_eq!(kebab(name), expected.replace(' ', ""), "{name}");
        }
        assert_eq!(wit_names(["a", "A", "a2", "a"]), ["a", "a2", "a22", "a3"]);
    }
}
