//! Who talks: a name that the person chose, or one that we made up.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 24;

const MOODS: [&str; 16] = [
    "Brave", "Calm", "Curious", "Eager", "Fond", "Gentle", "Happy", "Keen", "Lucky", "Merry",
    "Mild", "Proud", "Quick", "Quiet", "Sunny", "Wise",
];
const ANIMALS: [&str; 16] = [
    "Badger", "Crane", "Dormouse", "Falcon", "Hare", "Heron", "Ibex", "Lynx", "Magpie", "Marten",
    "Otter", "Owl", "Raven", "Seal", "Swift", "Wren",
];

/// A person as the others know them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Person {
    /// Tells people of one name apart. It follows from the session's id and does not give it away.
    pub(crate) key: String,
    /// What they are called.
    pub(crate) name: String,
}

impl Person {
    /// The person of a session, with the name that they chose, if they did.
    pub(crate) fn new(session_id: &str, chosen: Option<String>) -> Self {
        let hash = hash(session_id);
        let name = chosen.unwrap_or_else(|| {
            let pick =
                |words: &[&'static str], part: u64| words[usize::from(part as u8) % words.len()];
            format!("{} {}", pick(&MOODS, hash), pick(&ANIMALS, hash >> 8))
        });
        Self {
            key: format!("{hash:016x}"),
            name,
        }
    }

    /// One or two letters for the avatar: `AL` of `Ada Lovelace`.
    pub(crate) fn initials(&self) -> String {
        let mut letters = self
            .name
            .split_whitespace()
            .filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
        let (first, last) = (letters.next(), letters.next_back());
        first
            .into_iter()
            .chain(last)
            .flat_map(char::to_uppercase)
            .collect()
    }

    /// The avatar's colour, as a hue in degrees.
    pub(crate) fn hue(&self) -> u64 {
        // Steps of fifteen: two colours are one or can be told apart.
        hash(&self.name) % 24 * 15
    }
}

/// A name fit to be shown: one line, without space around it.
///
/// # Errors
/// A sentence for the person.
pub(crate) fn clean_name(typed: &str) -> Result<String, String> {
    let words: Vec<&str> = typed
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let name = words.join(" ");
    if !name.chars().any(char::is_alphanumeric) {
        return Err("A name needs a letter or a digit.".to_owned());
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(format!("A name has at most {NAME_CHARS_MAX} characters."));
    }
    Ok(name)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_a_name_that_stays_and_a_key_that_tells_nothing() {
        let guest = Person::new("secret-session-id", None);
        assert_eq!(guest, Person::new("secret-session-id", None));
        assert_ne!(guest.key, Person::new("another", None).key);
        assert!(!guest.key.contains("secret"));
        assert_eq!(guest.name.split(' ').count(), 2);
        let named = Person::new("secret-session-id", Some("Ada".to_owned()));
        assert_eq!((named.key, named.name.as_str()), (guest.key, "Ada"));
    }

    #[test]
    fn initials_are_the_first_and_the_last() {
        let check = |name: &str, expected: &str| {
            let person = Person::new("x", Some(name.to_owned()));
            assert_eq!(person.initials(), expected, "{name}");
            assert!(person.hue() < 360);
        };
        check("ada", "A");
        check("Ada King Lovelace", "AL");
        check("(émile) 7", "É7");
        check("!!! ok", "O");
    }

    #[test]
    fn a_name_is_one_short_line() {
        let check = |typed: &str, expected: Result<&str, &str>| {
            let got = clean_name(typed);
            assert_eq!(
                got.as_deref().map_err(String::as_str),
                expected,
                "{typed:?}"
            );
        };
        check("  Ada \n Lovelace ", Ok("Ada Lovelace"));
        check("", Err("A name needs a letter or a digit."));
        check(" ... ", Err("A name needs a letter or a digit."));
        check(&"x".repeat(NAME_CHARS_MAX), Ok(&"x".repeat(NAME_CHARS_MAX)));
        check(
            &"x".repeat(NAME_CHARS_MAX + 1),
            Err("A name has at most 24 characters."),
        );
    }
}
