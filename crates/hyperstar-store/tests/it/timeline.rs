//! Timelines: what the log says, at the cost of what is new; and going back to what was.

use hyperstar_store::{
    CommitId, History, LogEntry, Moments, Store, StoreConfig, StoreError, TIMELINE_COMMITS_MAX,
    Timeline, record_reads,
};

use crate::support::Random;

fn with(history: History) -> Store {
    Store::memory_with(StoreConfig {
        history,
        ..StoreConfig::default()
    })
}

fn entries(moments: &Moments) -> Vec<LogEntry> {
    let numbers = moments.numbers().into_iter().flatten();
    numbers
        .map(|number| moments.get(number).unwrap().clone())
        .collect()
}

/// What the log says, the oldest first.
fn logged(store: &Store, prefix: &str) -> Vec<LogEntry> {
    let mut log: Vec<_> = store.log(prefix).unwrap().map(Result::unwrap).collect();
    log.reverse();
    log
}

#[test]
fn it_says_what_the_log_says_whatever_happens() {
    for (seed, history) in [
        (1, History::All),
        (2, History::Last(2)),
        (3, History::Last(20)),
    ] {
        let store = with(history);
        let mut random = Random::new(seed);
        let timelines = ["", "a", "a/1", "b"].map(|prefix| (prefix, Timeline::new(&store, prefix)));
        for step in 0..150 {
            let path = format!(
                "{}/{}",
                ["a", "b", "ab"][random.below(3) as usize],
                random.below(3)
            );
            match random.below(12) {
                0..6 => drop(store.set(&path, &step).unwrap()),
                6..8 => drop(store.remove(&path).unwrap()),
                8..11 => match store.undo(["", "a", "b"][random.below(3) as usize]) {
                    Ok(_) | Err(StoreError::NothingToUndo | StoreError::Conflicts(_)) => {}
                    Err(error) => panic!("{error}"),
                },
                // With other branches nothing is let go.
                _ if history == History::All => {
                    let name = format!("branch-{step}");
                    let from = store.resolve("HEAD~2").unwrap_or(store.head_id());
                    if from != CommitId::NONE {
                        store.branch(&name, from).unwrap();
                        store.checkout(&name).unwrap();
                    }
                }
                _ => {}
            }
            // Not after each: a reader is behind by one commit, or by several.
            if random.chance(3) {
                continue;
            }
            for (prefix, timeline) in &timelines {
                let moments = timeline.read().unwrap();
                let mut expected = logged(&store, prefix);
                // The log has the oldest in any case; what that one changed is not known any more.
                if expected.len() > moments.count() {
                    let parent = expected.remove(0).parents[0];
                    assert!(store.show(parent).is_err(), "{step} {prefix}");
                }
                assert_eq!(entries(&moments), expected, "{step} {prefix}");
                let next = next_undone(&store, prefix);
                assert_eq!(
                    moments.undoable().map(|entry| entry.id),
                    next,
                    "{step} {prefix}"
                );
            }
        }
    }
}

/// What `undo` would take back, found out by the definition.
fn next_undone(store: &Store, prefix: &str) -> Option<CommitId> {
    let mut undone = Vec::new();
    for entry in store.log("").unwrap() {
        let entry = entry.unwrap();
        if let Some(undoes) = entry.undoes {
            undone.push(undoes);
            continue;
        }
        let before = entry.parents.first().copied().unwrap_or(CommitId::NONE);
        let is_changed = store
            .diff(before, entry.id, prefix)
            .is_ok_and(|changes| !changes.is_empty());
        if is_changed && !undone.contains(&entry.id) {
            return Some(entry.id);
        }
    }
    None
}

#[test]
fn a_number_stays_with_its_commit() {
    let store = with(History::Last(3));
    let timeline = Timeline::new(&store, "a");
    assert_eq!(timeline.read().unwrap().numbers(), None);
    assert!(timeline.read().unwrap().last().is_none());
    let ids: Vec<_> = (0..5)
        .map(|n| {
            let id = store.set("a/1", &n).unwrap().id;
            timeline.read().unwrap();
            id
        })
        .collect();
    let moments = timeline.read().unwrap();
    assert_eq!(moments.numbers(), Some(3..=5));
    assert_eq!(moments.count(), 3);
    assert_eq!(moments.get(4).unwrap().id, ids[3]);
    assert!(moments.get(2).is_none() && moments.get(6).is_none() && moments.get(0).is_none());
    assert!(moments.get(u64::MAX).is_none());
    // A state between two commits is that of the former.
    let between = store.set("b", &0).unwrap().version;
    let moments = timeline.read().unwrap();
    assert_eq!(moments.number_at(between), Some(5));
    assert_eq!(moments.number_at(moments.get(4).unwrap().version), Some(4));
    assert_eq!(moments.number_at(hyperstar_store::Version::ZERO), None);
    // Who still holds what was read is not disturbed.
    store.set("a/1", &9).unwrap();
    timeline.read().unwrap();
    assert_eq!(moments.get(5).unwrap().id, ids[4]);
}

#[test]
fn a_long_history_is_looked_through_up_to_a_bound() {
    let store = with(History::All);
    for n in 0..TIMELINE_COMMITS_MAX + 5 {
        store.set("a", &n).unwrap();
    }
    let timeline = Timeline::new(&store, "");
    assert_eq!(timeline.read().unwrap().count(), TIMELINE_COMMITS_MAX);
    store.set("a", &0).unwrap();
    let moments = timeline.read().unwrap();
    assert_eq!(moments.count(), TIMELINE_COMMITS_MAX);
    assert_eq!(moments.last().unwrap().id, store.head_id());
}

#[test]
fn the_past_is_restored_in_a_commit_that_can_be_undone() {
    let store = Store::memory();
    store.set("other", &1).unwrap();
    let ((), then) = store
        .transaction(|tx| {
            tx.set_message("Two of them")?;
            tx.set("a/1", &1)?;
            tx.set("a/2", &2)
        })
        .unwrap();
    store.remove("a/1").unwrap();
    store.set("a/2", &22).unwrap();
    store.set("a/3", &3).unwrap();
    store.set("other", &2).unwrap();
    let state = || -> Vec<(String, i64)> { store.snapshot().entries("").unwrap() };
    let now = state();
    let head = store.head_id();

    let restored = store.restore(then.id, "a").unwrap();
    let pairs = |pairs: &[(&str, i64)]| -> Vec<(String, i64)> {
        let owned = pairs
            .iter()
            .map(|(path, value)| ((*path).to_owned(), *value));
        owned.collect()
    };
    assert_eq!(state(), pairs(&[("a/1", 1), ("a/2", 2), ("other", 2)]));
    let entry = store.show(restored.id).unwrap();
    assert_eq!(
        (entry.message.as_str(), entry.parents),
        ("Restore: Two of them", vec![head])
    );
    assert!(
        store.restore(then.id, "a").unwrap().is_empty(),
        "it is so already"
    );
    assert_eq!(store.head_id(), restored.id);

    store.undo("a").unwrap();
    assert_eq!(state(), now, "and back");
    store.restore(CommitId::NONE, "a").unwrap();
    assert_eq!(state(), pairs(&[("other", 2)]));

    // A value where a directory was.
    let directory = store.set("d/1", &1).unwrap().id;
    store.remove_all("d").unwrap();
    store.set("d", &1).unwrap();
    store.restore(directory, "d").unwrap();
    assert_eq!(store.list("d").unwrap(), ["d/1"]);
    let unknown = "00".repeat(31) + "01";
    let unknown = store.restore(unknown.parse().unwrap(), "a");
    assert!(matches!(unknown, Err(StoreError::UnknownCommit { .. })));
}

#[test]
fn what_is_said_of_a_commit_in_another_is_short() {
    let store = Store::memory();
    let said = "ü".repeat(30_000);
    store
        .transaction(|tx| {
            tx.set_message(said)?;
            tx.set("a", &1)
        })
        .unwrap();
    store.undo("").unwrap();
    let message = store.log("").unwrap().next().unwrap().unwrap().message;
    assert_eq!(message, format!("Undo: {}...", "ü".repeat(200)));
}

#[test]
fn the_past_is_read_and_nothing_depends_on_it() {
    let store = Store::memory();
    let then = store.set("a/1", &1).unwrap().id;
    let (_, reads) = record_reads(|| {
        let past = store.at(then).unwrap();
        past.get::<i64>("a/1").unwrap();
        past.entries::<i64>("a").unwrap();
        past.count("a").unwrap();
    });
    assert_eq!(reads.stores().collect::<Vec<_>>(), [store.id()]);
    assert!(!reads.is_empty() && reads.iter().next().is_none());
    assert!(!reads.touches_commit(&store.set("a/1", &2).unwrap()));

    // The head's is another matter, and so is what lists commits.
    let timeline = Timeline::new(&store, "b");
    let (_, reads) = record_reads(|| {
        store.snapshot().get::<i64>("a/1").unwrap();
        timeline.read().unwrap();
        timeline.read().unwrap();
        store.log("c").unwrap().count()
    });
    assert_eq!(reads.paths().collect::<Vec<_>>(), ["a/1"]);
    assert_eq!(reads.prefixes().collect::<Vec<_>>(), ["b", "c"]);
    // Also if there is nothing new to read.
    let (_, reads) = record_reads(|| timeline.read().unwrap().count());
    assert_eq!(reads.prefixes().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_wrong_prefix_is_refused() {
    let timeline = Timeline::new(&Store::memory(), "a//b");
    assert!(matches!(
        timeline.read(),
        Err(StoreError::InvalidPath { .. })
    ));
}
