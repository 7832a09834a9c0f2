//! Rooms and what was said in them.

use std::ops::RangeInclusive;

use hyperstar_process::{ActionError, Key, StateError};
use serde::{Deserialize, Serialize};

use crate::Chat;
use crate::person::Person;

/// The room that one comes into first.
pub(crate) const LOBBY: &str = "lobby";
/// The rooms that are always there.
pub(crate) const ROOMS: [&str; 3] = [LOBBY, "ideas", "off-topic"];
/// The most rooms that people open.
const OPENED_MAX: u64 = 21;
/// How many messages of a room are kept: the last ones.
const MESSAGES_KEPT: u64 = 50;
/// The longest message, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 600;
/// The longest name of a room, in characters.
pub(crate) const ROOM_CHARS_MAX: usize = 20;

/// Which message it is: by room, and in the order of time within one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageId {
    room: String,
    number: u64,
}

/// As a clean name, a space, and the number: no letter of a name comes before a space in order.
impl Key for MessageId {
    type Ref<'a> = (&'a str, u64);

    fn by_ref(&self) -> (&str, u64) {
        (&self.room, self.number)
    }

    fn encode((room, number): (&str, u64)) -> String {
        format!("{room} {}", u64::encode(number))
    }

    fn decode(segment: &str) -> Option<Self> {
        let (room, number) = segment.split_once(' ')?;
        Some(Self {
            room: room.to_owned(),
            number: u64::decode(number)?,
        })
    }
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// By whom, under the name that they had then.
    pub(crate) by: Person,
    /// What.
    pub(crate) text: String,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
}

/// What a person typed, made fit to be said: lines without space around them.
///
/// # Errors
/// A sentence for the person, if nothing is left or it is too long.
pub(crate) fn clean_text(typed: &str) -> Result<String, String> {
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
pub(crate) fn clean_room(typed: &str) -> Result<String, String> {
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

impl Chat {
    /// All rooms: first those that are always there, then those that people opened.
    pub(crate) fn rooms(&self) -> Result<Vec<String>, StateError> {
        let mut rooms = ROOMS.map(str::to_owned).to_vec();
        for opened in self.opened.iter() {
            rooms.push(opened?.0);
        }
        Ok(rooms)
    }

    /// Whether there is a room called so.
    pub(crate) fn has_room(&self, room: &str) -> Result<bool, StateError> {
        // No other name was ever opened, and some could not even be a key.
        let is_name = clean_room(room).is_ok_and(|name| name == room);
        Ok(is_name && (ROOMS.contains(&room) || self.opened.contains(room)?))
    }

    /// Opens a room; one that is open already is fine.
    ///
    /// # Errors
    /// If there are too many.
    pub(crate) fn open_room(&mut self, room: &str, at_ms: u64) -> Result<(), ActionError> {
        if self.has_room(room)? {
            return Ok(());
        }
        if self.opened.len() >= OPENED_MAX {
            return Err(ActionError::bad_request(
                "There are rooms enough. Is none of them right?",
            ));
        }
        self.opened.insert(room, &at_ms)?;
        Ok(())
    }

    /// The kept messages of a room, oldest first, each with its number.
    pub(crate) fn messages(&self, room: &str) -> Result<Vec<(u64, Message)>, StateError> {
        let messages = self.messages.range(all_of(room));
        let numbered = messages.map(|entry| entry.map(|(id, message)| (id.number, message)));
        numbered.collect()
    }

    /// Keeps a message, and forgets what is older than the last [`MESSAGES_KEPT`] of its room.
    pub(crate) fn keep(&mut self, room: &str, message: &Message) -> Result<(), StateError> {
        let last = self.messages.range(all_of(room)).next_back().transpose()?;
        let number = last.map_or(1, |(id, _)| id.number + 1);
        self.messages.insert((room, number), message)?;
        if let Some(old) = number.checked_sub(MESSAGES_KEPT) {
            self.messages.remove((room, old))?;
        }
        Ok(())
    }
}

fn all_of(room: &str) -> RangeInclusive<(&str, u64)> {
    (room, 0)..=(room, u64::MAX)
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
        let mut chat = Chat::default();
        for n in 0..MESSAGES_KEPT + 7 {
            for room in ["tea", "tea-cake"] {
                chat.keep(room, &message(&n.to_string())).expect("kept");
            }
        }
        chat.keep("ideas", &message("other")).expect("kept");
        let kept = chat.messages("tea").expect("messages");
        assert_eq!(kept.len() as u64, MESSAGES_KEPT);
        assert_eq!((kept[0].0, kept[0].1.text.as_str()), (8, "7"));
        assert_eq!(kept[kept.len() - 1].1.text, "56");
        let other = chat.messages("ideas").expect("messages");
        assert_eq!(other, [(1, message("other"))]);
    }

    #[test]
    fn rooms_are_opened_once_and_not_without_end() {
        let mut chat = Chat::default();
        assert_eq!(chat.rooms().expect("rooms"), ROOMS);
        for _ in 0..2 {
            chat.open_room("tea", 1).expect("a room");
            chat.open_room(LOBBY, 1).expect("a room");
        }
        assert_eq!(
            chat.rooms().expect("rooms"),
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
            assert_eq!(chat.has_room(room).expect("an answer"), expected, "{room}");
        }
        let open = |n| chat.open_room(&format!("room-{n}"), 1).err();
        let refused = (0..=OPENED_MAX).find_map(open).expect("a refusal");
        assert!(refused.message().contains("rooms enough"), "{refused}");
    }
}
