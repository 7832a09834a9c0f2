//! The past of the list: which moment an address names, and how things are taken back.

use hyperstar::ActionError;
use hyperstar_store::{CommitId, LogEntry, Snapshot, Store, StoreError};

use crate::list::{self, ROOT, Show, TODOS_MAX};

/// The fewest digits of a commit's name that an address is believed.
const DIGITS_MIN: usize = 8;
/// How many digits the links have: enough to be the only ones, few enough to be read out.
const DIGITS: usize = 12;
/// All that a name has.
const DIGITS_MAX: usize = 64;

/// The list as it was at one commit.
pub(crate) struct Moment {
    pub(crate) entry: LogEntry,
    pub(crate) state: Snapshot,
}

/// The moment that a text of an address names; `None` if it is no name, or not of anything that is kept.
///
/// Branches and tags have names too, but what they stand for changes: a link is to show the same for ever.
pub(crate) fn find(store: &Store, name: &str) -> Result<Option<Moment>, StoreError> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !(DIGITS_MIN..=DIGITS_MAX).contains(&name.len()) || !name.bytes().all(is_digit) {
        return Ok(None);
    }
    let found = store.resolve(name).and_then(|id| {
        Ok(Moment {
            entry: store.show(id)?,
            state: store.at(id)?,
        })
    });
    match found {
        Ok(moment) => Ok(Some(moment)),
        Err(StoreError::UnknownCommit { .. } | StoreError::Ambiguous { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of a commit in an address.
pub(crate) fn short(commit: CommitId) -> String {
    let mut name = commit.to_string();
    name.truncate(DIGITS);
    name
}

/// The address of what is shown: of the past, or of now.
pub(crate) fn address(show: Show, at: Option<CommitId>) -> String {
    let show = (show != Show::All).then(|| format!("show={}", show.word()));
    let at = at.map(|commit| format!("at={}", short(commit)));
    let query: Vec<String> = show.into_iter().chain(at).collect();
    match query.is_empty() {
        true => "/".to_owned(),
        false => format!("/?{}", query.join("&")),
    }
}

/// What was done at a commit, in one line.
pub(crate) fn what(entry: &LogEntry) -> &str {
    match entry.message.lines().next() {
        Some(line) => line,
        None => "A change",
    }
}

/// Takes back what one commit did to the list, whatever was done since to other todos.
///
/// # Errors
/// A sentence for the person, if the same todos were changed again, or what the store says.
pub(crate) fn undo(store: &Store, commit: CommitId) -> Result<(), ActionError> {
    let undone = brings_back(store, commit).and_then(|brings_back| {
        let count = store.snapshot().count(ROOT)?;
        if count + brings_back > TODOS_MAX as u64 {
            return Ok(None);
        }
        store.revert(commit, ROOT).map(Some)
    });
    match undone {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(list::full()),
        Err(StoreError::Conflicts(_)) => Err(ActionError::status_with(
            http::StatusCode::CONFLICT,
            "Somebody has changed the same again since, so nothing was undone. Move the slider back to \
             see the list as it was; \u{201c}Bring this back\u{201d} restores it.",
        )),
        Err(StoreError::UnknownCommit { .. }) => Err(gone()),
        Err(error) => Err(error.into()),
    }
}

/// How many todos the commit took off the list.
fn brings_back(store: &Store, commit: CommitId) -> Result<u64, StoreError> {
    let before = store.show(commit)?.parents.first().copied();
    let changes = store.diff(before.unwrap_or(CommitId::NONE), commit, ROOT)?;
    let removed = changes.iter().filter(|change| change.after.is_none());
    Ok(removed.count() as u64)
}

/// Makes the list what it was, in a new commit.
///
/// # Errors
/// A sentence for the person, if the moment is not kept, or what the store says.
pub(crate) fn restore(store: &Store, name: &str) -> Result<(), ActionError> {
    let moment = find(store, name)?.ok_or_else(gone)?;
    store.restore(moment.entry.id, ROOT)?;
    Ok(())
}

fn gone() -> ActionError {
    ActionError::not_found("This moment is not kept any more. The list as it is now is at /.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_what_is_shown() {
        let commit: CommitId = "0123456789abcdef".repeat(4).parse().unwrap();
        let check = |show: Show, at: Option<CommitId>, expected: &str| {
            assert_eq!(address(show, at), expected);
        };
        check(Show::All, None, "/");
        check(Show::Done, None, "/?show=done");
        check(Show::All, Some(commit), "/?at=0123456789ab");
        check(Show::Active, Some(commit), "/?show=active&at=0123456789ab");
    }

    #[test]
    fn only_the_name_of_a_commit_that_is_kept_is_a_moment() {
        let store = Store::memory();
        list::add(&store, "milk").unwrap();
        let id = store.head_id();
        store.tag("milk-day", id).unwrap();
        let all = id.to_string();
        let check = |name: &str, expected: bool| {
            let found = find(&store, name).unwrap();
            assert_eq!(
                found.is_some_and(|moment| moment.entry.id == id),
                expected,
                "{name}"
            );
        };
        check(&all, true);
        check(&short(id), true);
        check(&all[..8], true);
        check(&all[..7], false);
        check(&format!("{all}0"), false);
        check(&all.to_uppercase(), false);
        check("ffffffffffff", false);
        for name in [
            "",
            "HEAD",
            "HEAD~1",
            "main",
            "milk-day",
            "0",
            "../../etc",
            "\u{0}",
            "é",
        ] {
            check(name, false);
        }
        check(&"f".repeat(100_000), false);
    }

    #[test]
    fn a_full_list_does_not_become_fuller_by_an_undo() {
        let store = Store::memory();
        for n in 0..TODOS_MAX {
            list::add(&store, &n.to_string()).unwrap();
        }
        list::remove(&store, 1).unwrap();
        let removed = store.head_id();
        list::add(&store, "another").unwrap();
        let refused = undo(&store, removed).unwrap_err();
        assert!(refused.message().contains("full"), "{refused}");
        store.undo(ROOT).unwrap();
        undo(&store, removed).unwrap();
        assert_eq!(list::all(&store.snapshot()).unwrap().len(), TODOS_MAX);
    }
}
