//! The list: what a todo is, what may stand in it, and how it is kept. Each change says in the history
//! what was done.

use hyperstar::ActionError;
use hyperstar_store::{Snapshot, Store, StoreError};
use serde::{Deserialize, Serialize};

/// The longest text of a todo, in characters.
pub const TEXT_CHARS_MAX: usize = 140;
/// The most todos that are kept.
pub const TODOS_MAX: usize = 200;

/// What the list is kept below.
pub(crate) const ROOT: &str = "todos";

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// What.
    pub text: String,
    /// Whether it was done.
    pub done: bool,
}

/// Which todos a page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
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
    pub const EACH: [Self; 3] = [Self::All, Self::Active, Self::Done];

    /// From the query of an address; what is not known shows all.
    pub fn from_query(text: Option<&str>) -> Self {
        Self::EACH
            .into_iter()
            .find(|show| Some(show.word()) == text)
            .unwrap_or_default()
    }

    /// Its word in an address.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Active => "active",
            Self::Done => "done",
        }
    }

    /// Whether a todo is among them.
    pub fn shows(self, todo: &Todo) -> bool {
        match self {
            Self::All => true,
            Self::Active => !todo.done,
            Self::Done => todo.done,
        }
    }
}

/// What a person typed, made fit to be kept: one line, without space around it.
///
/// # Errors
/// A sentence for the person, if nothing is left or it is too long.
pub fn clean(typed: &str) -> Result<String, String> {
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

/// All todos of a state, now's or the past's, oldest first, each with its number.
///
/// # Errors
/// What the store says.
pub fn all(state: &Snapshot) -> Result<Vec<(u64, Todo)>, StoreError> {
    let entries = state.entries(ROOT)?;
    Ok(entries
        .into_iter()
        .filter_map(|(path, todo)| Some((number_of(&path)?, todo)))
        .collect())
}

/// Adds a todo at the end.
///
/// # Errors
/// If the list is full, or what the store says.
pub fn add(store: &Store, text: &str) -> Result<(), ActionError> {
    store.transaction(|tx| {
        let paths = tx.list(ROOT)?;
        if paths.len() >= TODOS_MAX {
            return Err(full());
        }
        let last = paths
            .last()
            .and_then(|path| number_of(path))
            .unwrap_or_default();
        tx.set_message(format!("Add {text}"))?;
        Ok(tx.set(
            &path_of(last + 1),
            &Todo {
                text: text.to_owned(),
                done: false,
            },
        )?)
    })?;
    Ok(())
}

/// What a person is told who would have more on the list than it takes.
pub(crate) fn full() -> ActionError {
    ActionError::bad_request(format!(
        "The list is full: {TODOS_MAX} things are enough for anyone. Clear what is done."
    ))
}

/// Changes one todo.
///
/// # Errors
/// If it is not there any more, or what the store says.
pub fn change(
    store: &Store,
    number: u64,
    change: impl FnOnce(&mut Todo),
) -> Result<(), ActionError> {
    store.transaction(|tx| {
        let path = path_of(number);
        let Some(mut todo) = tx.get::<Todo>(&path)? else {
            return Err(ActionError::not_found("Somebody has just removed it."));
        };
        let before = todo.clone();
        change(&mut todo);
        if todo == before {
            return Ok(());
        }
        tx.set_message(match (before.done, todo.done) {
            (false, true) => format!("Tick {}", todo.text),
            (true, false) => format!("Untick {}", todo.text),
            _ => format!("Change {} to {}", before.text, todo.text),
        })?;
        Ok(tx.set(&path, &todo)?)
    })?;
    Ok(())
}

/// Removes one todo; one that is not there is fine.
///
/// # Errors
/// What the store says.
pub fn remove(store: &Store, number: u64) -> Result<(), StoreError> {
    store.transaction(|tx| {
        let path = path_of(number);
        if let Some(todo) = tx.get::<Todo>(&path)? {
            tx.set_message(format!("Remove {}", todo.text))?;
            tx.remove(&path)?;
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}

/// Removes all that are done.
///
/// # Errors
/// What the store says.
pub fn clear_done(store: &Store) -> Result<(), StoreError> {
    store.transaction(|tx| {
        let mut todos = tx.entries::<Todo>(ROOT)?;
        todos.retain(|(_, todo)| todo.done);
        if !todos.is_empty() {
            tx.set_message(format!("Clear {} done", todos.len()))?;
        }
        for (path, _) in todos {
            tx.remove(&path)?;
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}

/// Padded, so that the store's order is the order of time.
fn path_of(number: u64) -> String {
    format!("{ROOT}/{number:010}")
}

fn number_of(path: &str) -> Option<u64> {
    path.rsplit('/').next()?.parse().ok()
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
        let done = Todo {
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
    fn todos_are_kept_in_the_order_in_which_they_were_added() {
        let store = Store::memory();
        for text in ["a", "b", "c"] {
            add(&store, text).unwrap();
        }
        let texts = || -> Vec<(u64, String, bool)> {
            all(&store.snapshot())
                .unwrap()
                .into_iter()
                .map(|(number, todo)| (number, todo.text, todo.done))
                .collect()
        };
        change(&store, 2, |todo| todo.done = true).unwrap();
        change(&store, 1, |todo| todo.text = "A".to_owned()).unwrap();
        assert_eq!(
            texts(),
            [
                (1, "A".to_owned(), false),
                (2, "b".to_owned(), true),
                (3, "c".to_owned(), false)
            ]
        );
        clear_done(&store).unwrap();
        remove(&store, 1).unwrap();
        remove(&store, 1).unwrap();
        assert_eq!(texts(), [(3, "c".to_owned(), false)]);
        assert!(
            change(&store, 2, |_| ())
                .unwrap_err()
                .message()
                .contains("removed")
        );
        add(&store, "d").unwrap();
        assert_eq!(texts()[1].0, 4);
    }

    #[test]
    fn each_change_says_what_was_done_and_nothing_is_no_change() {
        let store = Store::memory();
        add(&store, "milk").unwrap();
        change(&store, 1, |todo| todo.done = true).unwrap();
        change(&store, 1, |todo| todo.done = true).unwrap();
        change(&store, 1, |todo| todo.done = false).unwrap();
        change(&store, 1, |todo| todo.text = "oats".to_owned()).unwrap();
        clear_done(&store).unwrap();
        remove(&store, 1).unwrap();
        remove(&store, 1).unwrap();
        for text in ["a", "b"] {
            add(&store, text).unwrap();
        }
        for number in 1..=2 {
            change(&store, number, |todo| todo.done = true).unwrap();
        }
        clear_done(&store).unwrap();
        let log = store.log("").unwrap();
        let said: Vec<String> = log.map(|entry| entry.unwrap().message).collect();
        let expected = [
            "Clear 2 done",
            "Tick b",
            "Tick a",
            "Add b",
            "Add a",
            "Remove oats",
            "Change milk to oats",
            "Untick milk",
            "Tick milk",
            "Add milk",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_full_list_says_so() {
        let store = Store::memory();
        for n in 0..TODOS_MAX {
            add(&store, &n.to_string()).unwrap();
        }
        assert!(
            add(&store, "one more")
                .unwrap_err()
                .message()
                .contains("full")
        );
        assert_eq!(all(&store.snapshot()).unwrap().len(), TODOS_MAX);
    }
}
