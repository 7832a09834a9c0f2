//! The past of the list: steps that can be taken back, and which moment an address names.

use std::collections::{BTreeMap, BTreeSet};

use hyperstar_process::{ActionError, StateError, StatusCode};
use serde::{Deserialize, Serialize};

use crate::Todo;
use crate::list::{self, ITEMS_MAX, Item, Show};

/// The most steps that are kept, and the most changes in them; the oldest are let go.
const STEPS_MAX: u64 = 1_000;
const CHANGES_MAX: u64 = 20_000;

/// Something that was done to the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// In one line.
    pub(crate) what: String,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    changes: Vec<Change>,
    /// The step that it took back.
    undoes: Option<u64>,
}

/// What became of one item; none before: it was added, none after: it was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    number: u64,
    before: Option<Item>,
    after: Option<Item>,
}

/// A step and its number: the list as it was right after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) number: u64,
    pub(crate) step: Step,
}

/// What there is to go back to.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) oldest: u64,
    pub(crate) newest: u64,
    /// The last step.
    pub(crate) last: Option<Moment>,
    /// What an undo takes back: the last step that was not undone and undoes nothing itself.
    pub(crate) undoable: Option<Moment>,
}

impl Todo {
    /// Changes items to what is given, as one step. What is so already is no change, and without one there
    /// is no step.
    pub(crate) fn take(
        &mut self,
        at_ms: u64,
        what: String,
        items: Vec<(u64, Option<Item>)>,
    ) -> Result<(), StateError> {
        let changes = self.changes_to(items)?;
        self.push(Step {
            what,
            at_ms,
            changes,
            undoes: None,
        })
    }

    fn changes_to(&self, items: Vec<(u64, Option<Item>)>) -> Result<Vec<Change>, StateError> {
        let mut changes = Vec::new();
        for (number, after) in items {
            let before = self.items.get(number)?;
            if before != after {
                changes.push(Change {
                    number,
                    before,
                    after,
                });
            }
        }
        Ok(changes)
    }

    fn push(&mut self, step: Step) -> Result<(), StateError> {
        if step.changes.is_empty() {
            return Ok(());
        }
        for change in &step.changes {
            match &change.after {
                Some(item) => self.items.insert(change.number, item)?,
                None => self.items.remove(change.number)?,
            };
        }
        self.changes += step.changes.len() as u64;
        self.steps.push(&step)?;
        while self.steps.len()? > STEPS_MAX || self.changes > CHANGES_MAX {
            let Some(oldest) = self.steps.iter().next().transpose()? else {
                break;
            };
            self.changes -= oldest.1.changes.len() as u64;
            self.steps.trim(self.steps.len()? - 1)?;
        }
        Ok(())
    }

    /// What there is to go back to.
    pub(crate) fn past(&self) -> Result<Past, StateError> {
        let last = self.steps.last(1)?.pop();
        let last = last.map(|(number, step)| Moment { number, step });
        let oldest = self.steps.iter().next().transpose()?;
        Ok(Past {
            oldest: oldest.map_or(1, |(number, _)| number),
            newest: last.as_ref().map_or(1, |moment| moment.number),
            last,
            undoable: self.undoable()?,
        })
    }

    fn undoable(&self) -> Result<Option<Moment>, StateError> {
        let mut undone = BTreeSet::new();
        for entry in self.steps.iter().rev() {
            let (number, step) = entry?;
            match step.undoes {
                Some(other) => {
                    undone.insert(other);
                }
                None if undone.contains(&number) => {}
                None => return Ok(Some(Moment { number, step })),
            }
        }
        Ok(None)
    }

    /// The moment of this number, if it is kept.
    pub(crate) fn moment(&self, number: u64) -> Result<Option<Moment>, StateError> {
        let step = self.steps.get(number)?;
        Ok(step.map(|step| Moment { number, step }))
    }

    /// The moment that a text of an address names; `None` if it is no name, or not of anything that is kept.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Moment>, StateError> {
        match name.parse::<u64>() {
            // One name for each: no sign, no zeros before it.
            Ok(number) if number.to_string() == name => self.moment(number),
            _ => Ok(None),
        }
    }

    /// The list as it was right after a step that is kept: of now, with all later steps taken back.
    pub(crate) fn items_at(&self, number: u64) -> Result<Vec<(u64, Item)>, StateError> {
        let mut items: BTreeMap<u64, Item> = self.items.iter().collect::<Result<_, _>>()?;
        for entry in self.steps.range(number + 1..).rev() {
            for change in entry?.1.changes {
                match change.before {
                    Some(item) => items.insert(change.number, item),
                    None => items.remove(&change.number),
                };
            }
        }
        Ok(items.into_iter().collect())
    }

    /// Takes back what one step did to the list, whatever was done since to other items. One that was undone
    /// already stays so.
    ///
    /// # Errors
    /// A sentence for the person, if the same items were changed again, or the step is not kept.
    pub(crate) fn undo_step(&mut self, at_ms: u64, number: u64) -> Result<(), ActionError> {
        let Moment { step, .. } = self.moment(number)?.ok_or_else(gone)?;
        for later in self.steps.range(number + 1..) {
            if later?.1.undoes == Some(number) {
                return Ok(());
            }
        }
        for change in &step.changes {
            if self.items.get(change.number)? != change.after {
                return Err(ActionError::status_with(
                    StatusCode::CONFLICT,
                    "Somebody has changed the same again since, so nothing was undone. Move the slider back \
                     to see the list as it was; \u{201c}Bring this back\u{201d} restores it.",
                ));
            }
        }
        let back = step.changes.iter();
        let changes: Vec<_> = back
            .map(|change| Change {
                number: change.number,
                before: change.after.clone(),
                after: change.before.clone(),
            })
            .collect();
        let brought_back = changes.iter().filter(|change| change.before.is_none());
        if self.items.len() + brought_back.count() as u64 > ITEMS_MAX {
            return Err(list::full());
        }
        Ok(self.push(Step {
            what: format!("Undo: {}", step.what),
            at_ms,
            changes,
            undoes: Some(number),
        })?)
    }

    /// Makes the list what it was, in a new step.
    ///
    /// # Errors
    /// A sentence for the person, if the moment is not kept.
    pub(crate) fn restore_moment(&mut self, at_ms: u64, name: &str) -> Result<(), ActionError> {
        let moment = self.find(name)?.ok_or_else(gone)?;
        let then: BTreeMap<u64, Item> = self.items_at(moment.number)?.into_iter().collect();
        let now = self.items.entries()?.into_iter();
        let gone_since = now.filter(|(number, _)| !then.contains_key(number));
        let mut items: Vec<_> = gone_since.map(|(number, _)| (number, None)).collect();
        items.extend(then.into_iter().map(|(number, item)| (number, Some(item))));
        Ok(self.take(at_ms, format!("Restore: {}", moment.step.what), items)?)
    }
}

/// The address of what is shown: of the past, or of now.
pub(crate) fn address(show: Show, at: Option<u64>) -> String {
    let show = (show != Show::All).then(|| format!("show={}", show.word()));
    let at = at.map(|number| format!("at={number}"));
    let query: Vec<String> = show.into_iter().chain(at).collect();
    match query.is_empty() {
        true => "/".to_owned(),
        false => format!("/?{}", query.join("&")),
    }
}

fn gone() -> ActionError {
    ActionError::not_found("This moment is not kept any more. The list as it is now is at /.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(texts: &[&str]) -> Todo {
        let mut todo = Todo::default();
        for text in texts {
            todo.add_item(0, (*text).to_owned()).expect("room");
        }
        todo
    }

    fn texts(items: &[(u64, Item)]) -> Vec<&str> {
        items.iter().map(|(_, item)| item.text.as_str()).collect()
    }

    fn offered(todo: &Todo) -> Option<String> {
        let past = todo.past().expect("a past");
        past.undoable.map(|moment| moment.step.what)
    }

    #[test]
    fn an_address_names_what_is_shown() {
        let check = |show: Show, at: Option<u64>, expected: &str| {
            assert_eq!(address(show, at), expected);
        };
        check(Show::All, None, "/");
        check(Show::Done, None, "/?show=done");
        check(Show::All, Some(7), "/?at=7");
        check(Show::Active, Some(7), "/?show=active&at=7");
    }

    #[test]
    fn only_the_number_of_a_step_that_is_kept_is_a_moment() {
        let todo = with(&["milk", "bread"]);
        let check = |name: &str, expected: Option<u64>| {
            let found = todo.find(name).expect("an answer");
            assert_eq!(found.map(|moment| moment.number), expected, "{name}");
        };
        check("1", Some(1));
        check("2", Some(2));
        for name in [
            "",
            "0",
            "3",
            "01",
            "+1",
            "-1",
            " 1",
            "1.0",
            "0x1",
            "é",
            "18446744073709551615",
        ] {
            check(name, None);
        }
        check(&"1".repeat(100_000), None);
    }

    #[test]
    fn each_moment_is_shown_as_it_was() {
        let mut todo = with(&["milk", "bread"]);
        todo.change_item(0, 1, |item| item.text = "oats".to_owned())
            .expect("there");
        todo.change_item(0, 1, |item| item.done = true)
            .expect("there");
        todo.change_item(0, 1, |item| item.done = true)
            .expect("there");
        todo.clear_done(0).expect("cleared");
        todo.clear_done(0).expect("cleared");
        todo.add_item(0, "tea".to_owned()).expect("room");
        let expected: [&[&str]; 6] = [
            &["milk"],
            &["milk", "bread"],
            &["oats", "bread"],
            &["oats", "bread"],
            &["bread"],
            &["bread", "tea"],
        ];
        for (number, expected) in (1..).zip(expected) {
            let items = todo.items_at(number).expect("a list");
            assert_eq!(texts(&items), expected, "{number}");
            assert_eq!(items[0].1.done, number == 4, "{number}");
        }
        assert_eq!(todo.past().expect("a past").newest, 6, "no change, no step");
        todo.restore_moment(0, "4").expect("kept");
        let items = todo.items.entries().expect("a list");
        assert_eq!(
            (texts(&items), items[0].1.done),
            (vec!["oats", "bread"], true)
        );
        assert_eq!(offered(&todo).as_deref(), Some("Restore: Tick oats"));
        todo.restore_moment(0, "7").expect("kept");
        assert_eq!(todo.past().expect("a past").newest, 7, "it is so already");
    }

    #[test]
    fn undo_goes_back_step_by_step_and_each_once() {
        let mut todo = with(&["milk", "bread"]);
        todo.remove_item(0, 1).expect("removed");
        for (number, next) in [(3, Some("Add bread")), (2, Some("Add milk")), (1, None)] {
            todo.undo_step(0, number).expect("undone");
            todo.undo_step(0, number).expect("undone already");
            assert_eq!(offered(&todo).as_deref(), next);
        }
        assert_eq!(todo.items.len(), 0);
        assert_eq!(todo.past().expect("a past").newest, 6);
        assert!(todo.undo_step(0, 99).is_err());
    }

    #[test]
    fn what_was_changed_again_is_not_undone() {
        let mut todo = with(&["milk", "bread"]);
        todo.change_item(0, 1, |item| item.text = "oats".to_owned())
            .expect("there");
        let refused = todo.undo_step(0, 1).expect_err("a conflict");
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        todo.undo_step(0, 2).expect("another is as it was");
        assert_eq!(texts(&todo.items.entries().expect("a list")), ["oats"]);
    }

    #[test]
    fn a_full_list_does_not_become_fuller_by_an_undo() {
        let mut todo = Todo::default();
        for n in 0..ITEMS_MAX {
            todo.add_item(0, n.to_string()).expect("room");
        }
        todo.remove_item(0, 1).expect("removed");
        let removed = ITEMS_MAX + 1;
        todo.add_item(0, "another".to_owned()).expect("room");
        let refused = todo.undo_step(0, removed).expect_err("no room");
        assert!(refused.message().contains("full"), "{refused}");
        todo.undo_step(0, removed + 1).expect("undone");
        todo.undo_step(0, removed).expect("there is room");
        assert_eq!(todo.items.len(), ITEMS_MAX);
    }

    #[test]
    fn the_past_is_bounded_by_steps_and_by_what_is_in_them() {
        let mut todo = with(&["milk"]);
        for n in 0..STEPS_MAX {
            todo.change_item(0, 1, |item| item.done = n % 2 == 0)
                .expect("there");
        }
        let past = todo.past().expect("a past");
        assert_eq!((past.oldest, past.newest), (2, STEPS_MAX + 1));
        assert!(todo.find("1").expect("an answer").is_none());
        assert_eq!(todo.items_at(2).expect("a list").len(), 1);
        let mut todo = Todo::default();
        let all = |item: Option<Item>| (1..=ITEMS_MAX).map(|n| (n, item.clone())).collect();
        let item = Item {
            text: "x".to_owned(),
            done: false,
        };
        for n in 0..120 {
            let item = (n % 2 == 0).then(|| item.clone());
            todo.take(0, "all".to_owned(), all(item)).expect("taken");
        }
        let past = todo.past().expect("a past");
        assert_eq!(past.newest - past.oldest + 1, CHANGES_MAX / ITEMS_MAX);
        assert_eq!(todo.changes, CHANGES_MAX);
    }
}
