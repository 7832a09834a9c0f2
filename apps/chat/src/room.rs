//! Rooms and what was said in them, as the store keeps it.

use hyperstar::ActionError;
use hyperstar_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::person::Person;

/// The room that one comes into first.
pub const LOBBY: &str = "lobby";
/// The rooms that are always there.
pub const ROOMS: [&str; 3] = [LOBBY, "ideas", "off-topic"];
/// The most rooms there are.
pub const ROOMS_MAX: usize = 24;
/// How many messages of a room are kept: the last ones.
pub const MESSAGES_KEPT: usize = 50;
/// The longest message, in characters.
pub const TEXT_CHARS_MAX: usize = 600;
/// The longest name of a room, in characters.
pub const ROOM_CHARS_MAX: usize = 20;

const ROOT: &str = "rooms";

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// By whom, under the name that they had then.
    pub by: Person,
    /// What.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// What a person typed, made fit to be said: lines without space around them.
///
/// # Errors
/// A sentence for the person, if nothing is left or it is too long.
pub fn clean_text(typed: &str) -> Result<String, String> {
    let lines: Vec<&str> = typed.trim().lines().map(str::trim_end).collect();
    let text: String = lines
        .join("\n")
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect();
    let chars = text.chars().count();
    if text.trim().is_empty() {
        return Err("Write something first.".to_owned());
    }
    if chars > TEXT_CHARS_MAX {
        return Err(format!(
            "That is {chars} characters long; {TEXT_CHARS_MAX} fit."
        ));
    }
    Ok(text)
}

/// The name of a room as it stands in an address: `Tea & Cake` is `tea-cake`.
///
/// # Errors
/// A sentence for the person.
pub fn clean_room(typed: &str) -> Result<String, String> {
    let lower = typed.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let name = words.join("-");
    if name.is_empty() {
        return Err("A room's name needs a letter or a digit.".to_owned());
    }
    if name.chars().count() > ROOM_CHARS_MAX {
        return Err(format!(
            "A room's name has at most {ROOM_CHARS_MAX} characters."
        ));
    }
    Ok(name)
}

/// All rooms: first those that are always there, then those that people opened.
///
/// # Errors
/// What the store says.
pub fn rooms(store: &Store) -> Result<Vec<String>, StoreError> {
    let opened = store.children(ROOT)?;
    let opened = opened
        .into_iter()
        .filter(|room| !ROOMS.contains(&room.as_str()));
    Ok(ROOMS.map(str::to_owned).into_iter().chain(opened).collect())
}

/// Whether there is a room called so.
///
/// # Errors
/// What the store says.
pub fn exists(store: &Store, room: &str) -> Result<bool, StoreError> {
    // Only a clean name is a path in the store.
    let is_name = clean_room(room).is_ok_and(|name| name == room);
    Ok(ROOMS.contains(&room) || (is_name && store.contains(&opened_path(room))?))
}

/// Opens a room; one that is open already is fine.
///
/// # Errors
/// If there are too many, or what the store says.
pub fn open(store: &Store, room: &str, at_ms: u64) -> Result<(), ActionError> {
    store.transaction(|tx| {
        let is_new = !ROOMS.contains(&room) && !tx.contains(&opened_path(room))?;
        if is_new && tx.children(ROOT)?.len() >= ROOMS_MAX {
            return Err(ActionError::bad_request(
                "There are rooms enough. Is none of them right?",
            ));
        }
        if is_new {
            tx.set(&opened_path(room), &at_ms)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The kept messages of a room, oldest first, each with its number.
///
/// # Errors
/// What the store says.
pub fn messages(store: &Store, room: &str) -> Result<Vec<(u64, Message)>, StoreError> {
    let entries = store.entries(&messages_path(room))?;
    Ok(entries
        .into_iter()
        .filter_map(|(path, message)| Some((number_of(&path)?, message)))
        .collect())
}

/// Says something in a room, and forgets what is older than the last [`MESSAGES_KEPT`].
///
/// # Errors
/// What the store says.
pub fn say(store: &Store, room: &str, message: &Message) -> Result<(), StoreError> {
    store.transaction(|tx| {
        let paths = tx.list(&messages_path(room))?;
        let last = paths
            .last()
            .and_then(|path| number_of(path))
            .unwrap_or_default();
        for old in paths.iter().rev().skip(MESSAGES_KEPT - 1) {
            tx.remove(old)?;
        }
        // Padded, so that the store's order is the order of time.
        tx.set(
            &format!("{}/{:012}", messages_path(room), last + 1),
            message,
        )
    })?;
    Ok(())
}

fn messages_path(room: &str) -> String {
    format!("{ROOT}/{room}/messages")
}

fn opened_path(room: &str) -> String {
    format!("{ROOT}/{room}/opened")
}

fn number_of(path: &str) -> Option<u64> {
    path.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message {
            by: Person::new("x", None),
            text: text.to_owned(),
            at_ms: 7,
        }
    }

    #[test]
    fn a_message_is_trimmed_and_bounded() {
        let check = |typed: &str, expected: Result<&str, &str>| {
            let got = clean_text(typed);
            assert_eq!(
                got.as_deref().map_err(String::as_str),
                expected,
                "{typed:?}"
            );
        };
        check("  hello  ", Ok("hello"));
        check("a  \r\n  b\n", Ok("a\n  b"));
        check("be\u{7}ll\tand <b>", Ok("belland <b>"));
        check(" \n ", Err("Write something first."));
        check("\u{0}", Err("Write something first."));
        check(&"é".repeat(TEXT_CHARS_MAX), Ok(&"é".repeat(TEXT_CHARS_MAX)));
        check(
            &"é".repeat(TEXT_CHARS_MAX + 1),
            Err("That is 601 characters long; 600 fit."),
        );
    }

    #[test]
    fn a_room_has_a_name_that_fits_an_address() {
        let check = |typed: &str, expected: Result<&str, &str>| {
            let got = clean_room(typed);
            assert_eq!(
                got.as_deref().map_err(String::as_str),
                expected,
                "{typed:?}"
            );
        };
        check("Tea & Cake!", Ok("tea-cake"));
        check("../../etc", Ok("etc"));
        check("Café 7", Ok("café-7"));
        check("--", Err("A room's name needs a letter or a digit."));
        check(
            &"a".repeat(21),
            Err("A room's name has at most 20 characters."),
        );
    }

    #[test]
    fn only_the_last_messages_of_each_room_are_kept() {
        let store = Store::memory();
        for n in 0..MESSAGES_KEPT + 7 {
            say(&store, "lobby", &message(&n.to_string())).unwrap();
        }
        say(&store, "ideas", &message("other")).unwrap();
        let kept = messages(&store, "lobby").unwrap();
        assert_eq!(kept.len(), MESSAGES_KEPT);
        assert_eq!((kept[0].0, kept[0].1.text.as_str()), (8, "7"));
        assert_eq!(kept[MESSAGES_KEPT - 1].1.text, "56");
        assert_eq!(messages(&store, "ideas").unwrap(), [(1, message("other"))]);
    }

    #[test]
    fn rooms_are_opened_once_and_not_without_end() {
        let store = Store::memory();
        assert_eq!(rooms(&store).unwrap(), ROOMS);
        for _ in 0..2 {
            open(&store, "tea", 1).unwrap();
            open(&store, LOBBY, 1).unwrap();
        }
        assert_eq!(
            rooms(&store).unwrap(),
            ["lobby", "ideas", "off-topic", "tea"]
        );
        for (room, expected) in [
            ("tea", true),
            ("ideas", true),
            ("attic", false),
            ("Tea", false),
            ("a/b", false),
            ("", false),
        ] {
            assert_eq!(exists(&store, room).unwrap(), expected, "{room}");
        }
        let refused = (0..ROOMS_MAX + 1).find_map(|n| open(&store, &format!("room-{n}"), 1).err());
        assert!(refused.unwrap().message().contains("rooms enough"));
    }
}
