//! The list: what may stand on it, and what can be done to it. Each change says what was done.

use hyperstar_process::{ActionError, StateError};
use serde::{Deserialize, Serialize};

use crate::Todo;

/// The longest text of an item, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 140;
/// The most items that are on the list.
pub(crate) const ITEMS_MAX: u64 = 200;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// What.
    pub(crate) text: String,
    /// Whether it was done.
    pub(crate) done: bool,
}

/// Which items a page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Show {
    /// All of them.
    #[default]
    All,
    /// Those to be done.
    Active,
    /// Those that are done.
    Done,
}

impl Show {
    /// All of them, in the order of the page.
    pub(crate) const EACH: [Self; 3] = [Self::All, Self::Active, Self::Done];

    /// From the query of an address; what is not known shows all.
    pub(crate) fn from_query(text: Option<&str>) -> Self {
        Self::EACH
            .into_iter()
            .find(|show| Some(show.word()) == text)
            .unwrap_or_default()
    }

    /// Its word in an address.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Active => "active",
            Self::Done => "done",
        }
    }

    /// Whether an item is among them.
    pub(crate) fn shows(self, item: &Item) -> bool {
        match self {
            Self::All => true,
            Self::Active => !item.done,
            Self::Done => item.done,
        }
    }
}

/// What a person typed, made fit to be kept: one line, without space around it.
///
/// # Errors
/// A sentence for the person, if nothing is left or it is too long.
pub(crate) fn clean(typed: &str) -> Result<String, String> {
    let words: Vec<&str> = typed
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let text = words.join(" ");
    let chars = text.chars().count();
    if text.is_empty() {
        return Err("Write what there is to do.".to_owned());
    }
    if chars > TEXT_CHARS_MAX {
        return Err(format!(
            "That is {chars} characters long; {TEXT_CHARS_MAX} fit."
        ));
    }
    Ok(text)
}

impl Todo {
    /// Adds an item at the end.
    ///
    /// # Errors
    /// If the list is full.
    pub(crate) fn add_item(&mut self, at_ms: u64, text: String) -> Result<(), ActionError> {
        if self.items.len() >= ITEMS_MAX {
            return Err(full());
        }
        self.last_item += 1;
        let what = format!("Add {text}");
        let item = Item { text, done: false };
        Ok(self.take(at_ms, what, vec![(self.last_item, Some(item))])?)
    }

    /// Changes one item.
    ///
    /// # Errors
    /// If it is not there any more.
    pub(crate) fn change_item(
        &mut self,
        at_ms: u64,
        number: u64,
        change: impl FnOnce(&mut Item),
    ) -> Result<(), ActionError> {
        let Some(before) = self.items.get(number)? else {
            return Err(ActionError::not_found("Somebody has just removed it."));
        };
        let mut item = before.clone();
        change(&mut item);
        let what = match (before.done, item.done) {
            (false, true) => format!("Tick {}", item.text),
            (true, false) => format!("Untick {}", item.text),
            _ => format!("Change {} to {}", before.text, item.text),
        };
        Ok(self.take(at_ms, what, vec![(number, Some(item))])?)
    }

    /// Removes one item; one that is not there is fine.
    pub(crate) fn remove_item(&mut self, at_ms: u64, number: u64) -> Result<(), StateError> {
        let Some(item) = self.items.get(number)? else {
            return Ok(());
        };
        self.take(at_ms, format!("Remove {}", item.text), vec![(number, None)])
    }

    /// Removes all that are done.
    pub(crate) fn clear_done(&mut self, at_ms: u64) -> Result<(), StateError> {
        let items = self.items.entries()?.into_iter();
        let done: Vec<_> = items
            .filter(|(_, item)| item.done)
            .map(|(number, _)| (number, None))
            .collect();
        self.take(at_ms, format!("Clear {} done", done.len()), done)
    }
}

/// What a person is told who would have more on the list than it takes.
pub(crate) fn full() -> ActionError {
    ActionError::bad_request(format!(
        "The list is full: {ITEMS_MAX} things are enough for anyone. Clear what is done."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_trimmed_line_of_a_bounded_length() {
        let check = |typed: &str, expected: Result<&str, &str>| {
            let got = clean(typed);
            assert_eq!(
                got.as_deref().map_err(String::as_str),
                expected,
                "{typed:?}"
            );
        };
        check("  buy milk \n", Ok("buy milk"));
        check("buy\tmilk\u{0}  now", Ok("buy milk now"));
        check("<b>", Ok("<b>"));
        check("", Err("Write what there is to do."));
        check(" \u{a0}\r\n", Err("Write what there is to do."));
        check(&"ü".repeat(TEXT_CHARS_MAX), Ok(&"ü".repeat(TEXT_CHARS_MAX)));
        check(
            &"ü".repeat(TEXT_CHARS_MAX + 1),
            Err("That is 141 characters long; 140 fit."),
        );
    }

    #[test]
    fn a_word_in_the_address_chooses_what_is_shown() {
        let done = Item {
            text: "a".to_owned(),
            done: true,
        };
        let check = |query: Option<&str>, expected: Show, shows_done: bool| {
            let show = Show::from_query(query);
            assert_eq!(show, expected, "{query:?}");
            assert_eq!(show.shows(&done), shows_done, "{query:?}");
        };
        check(None, Show::All, true);
        check(Some("active"), Show::Active, false);
        check(Some("done"), Show::Done, true);
        check(Some("'; drop"), Show::All, true);
    }

    #[test]
    fn items_are_kept_in_the_order_in_which_they_were_added() {
        let mut todo = Todo::default();
        for text in ["a", "b", "c"] {
            todo.add_item(0, text.to_owned()).expect("room");
        }
        todo.change_item(0, 2, |item| item.done = true)
            .expect("there");
        todo.change_item(0, 1, |item| item.text = "A".to_owned())
            .expect("there");
        let texts = |todo: &Todo| -> Vec<(u64, String, bool)> {
            let items = todo.items.entries().expect("a list").into_iter();
            items
                .map(|(number, item)| (number, item.text, item.done))
                .collect()
        };
        assert_eq!(
            texts(&todo),
            [
                (1, "A".to_owned(), false),
                (2, "b".to_owned(), true),
                (3, "c".to_owned(), false)
            ]
        );
        todo.clear_done(0).expect("cleared");
        todo.remove_item(0, 3).expect("removed");
        todo.remove_item(0, 3).expect("gone already");
        assert_eq!(texts(&todo), [(1, "A".to_owned(), false)]);
        let refused = todo.change_item(0, 2, |_| ()).expect_err("gone");
        assert!(refused.message().contains("removed"), "{refused}");
        todo.add_item(0, "d".to_owned()).expect("room");
        assert_eq!(texts(&todo)[1].0, 4, "no number is given twice");
    }

    #[test]
    fn each_change_says_what_was_done_and_nothing_is_no_change() {
        let mut todo = Todo::default();
        let tick = |todo: &mut Todo, number, done| {
            todo.change_item(0, number, |item| item.done = done)
                .expect("there");
        };
        todo.add_item(0, "milk".to_owned()).expect("room");
        tick(&mut todo, 1, true);
        tick(&mut todo, 1, true);
        tick(&mut todo, 1, false);
        todo.change_item(0, 1, |item| item.text = "oats".to_owned())
            .expect("there");
        todo.clear_done(0).expect("cleared");
        todo.remove_item(0, 1).expect("removed");
        todo.remove_item(0, 1).expect("gone already");
        for text in ["a", "b"] {
            todo.add_item(0, text.to_owned()).expect("room");
        }
        tick(&mut todo, 2, true);
        tick(&mut todo, 3, true);
        todo.clear_done(0).expect("cleared");
        let said: Vec<String> = (1..)
            .map_while(|number| todo.moment(number).expect("an answer"))
            .map(|moment| moment.step.what)
            .collect();
        let expected = [
            "Add milk",
            "Tick milk",
            "Untick milk",
            "Change milk to oats",
            "Remove oats",
            "Add a",
            "Add b",
            "Tick a",
            "Tick b",
            "Clear 2 done",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_full_list_says_so() {
        let mut todo = Todo::default();
        for n in 0..ITEMS_MAX {
            todo.add_item(0, n.to_string()).expect("room");
        }
        let refused = todo.add_item(0, "one more".to_owned()).expect_err("full");
        assert!(refused.message().contains("full"), "{refused}");
        assert_eq!(todo.items.len(), ITEMS_MAX);
    }
}
