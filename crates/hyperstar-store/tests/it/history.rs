//! The past: commits, branches, merges, and that all of it is whole.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;

use hyperstar_store::{
    Backend, BackendError, Batch, Bytes, CommitId, Durability, History, Keep, MemoryBackend,
    MergePolicies, MergePolicy, Store, StoreConfig, StoreError, Table, View, VisitEntry,
    WatchEvent,
};

use crate::support::{Fault, Flaky, Random};

fn all() -> StoreConfig {
    StoreConfig {
        history: History::All,
        ..StoreConfig::default()
    }
}

fn content(store: &Store, at: CommitId) -> BTreeMap<String, i64> {
    let entries = store.at(at).unwrap().entries("").unwrap();
    entries.into_iter().collect()
}

#[test]
fn every_commit_can_be_read_and_told_from_the_others() {
    check(&Store::memory_with(all()));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    let store = Store::open_with(&file, all()).unwrap();
    let commits = check(&store);
    drop(store);
    let store = Store::open_with(&file, all()).unwrap();
    assert_eq!(store.head_id(), commits.last().unwrap().0);
    for (id, map) in &commits {
        assert_eq!(&content(&store, *id), map);
    }
    assert!(store.verify(|_| ()).unwrap().is_whole());

    fn check(store: &Store) -> Vec<(CommitId, BTreeMap<String, i64>)> {
        let mut random = Random::new(1);
        let mut map = BTreeMap::new();
        let mut commits = vec![(CommitId::NONE, map.clone())];
        for step in 0..120 {
            let commit = store.transaction(|tx| {
                for _ in 0..1 + random.below(8) {
                    let path = format!("d{}/{}", random.below(5), random.below(60));
                    if random.chance(3) {
                        tx.remove(&path)?;
                        map.remove(&path);
                    } else {
                        tx.set(&path, &step)?;
                        map.insert(path, step);
                    }
                }
                Ok::<_, StoreError>(())
            });
            let commit = commit.unwrap().1;
            if !commit.is_empty() {
                commits.push((commit.id, map.clone()));
            }
        }
        for (id, map) in &commits {
            assert_eq!(&content(store, *id), map);
        }
        for _ in 0..60 {
            let (from, before) = &commits[random.below(commits.len() as u64) as usize];
            let (to, after) = &commits[random.below(commits.len() as u64) as usize];
            let changes = store.diff(*from, *to, "d2").unwrap();
            let mut patched = before.clone();
            for change in &changes {
                assert_ne!(change.before, change.after);
                assert_eq!(
                    change.before_as::<i64>().unwrap(),
                    before.get(&*change.path).copied()
                );
                match change.after_as().unwrap() {
                    Some(value) => patched.insert(change.path.to_string(), value),
                    None => patched.remove(&*change.path),
                };
            }
            let below = |map: &BTreeMap<String, i64>| -> Vec<(String, i64)> {
                let entries = map.range("d2/".to_owned().."d20".to_owned());
                entries
                    .map(|(path, value)| (path.clone(), *value))
                    .collect()
            };
            assert_eq!(below(&patched), below(after));
        }
        let logged: Vec<_> = store
            .log("")
            .unwrap()
            .map(|entry| entry.unwrap().id)
            .collect();
        let mut made: Vec<_> = commits[1..].iter().map(|(id, _)| *id).collect();
        made.reverse();
        assert_eq!(logged, made);
        let of_d2 = store.log("d2").unwrap().count();
        let changed_d2 = commits
            .windows(2)
            .filter(|pair| !store.diff(pair[0].0, pair[1].0, "d2").unwrap().is_empty());
        assert_eq!(of_d2, changed_d2.count());
        let report = store.verify(|_| ()).unwrap();
        assert!(report.is_whole(), "{report:?}");
        assert_eq!(report.commits as usize, commits.len() - 1);
        assert_eq!(report.unreached, 0);
        commits
    }
}

#[test]
fn one_content_has_one_root_whatever_its_history() {
    let mut random = Random::new(7);
    let mut paths: Vec<String> = (0..3_000)
        .map(|n| format!("room/{}/item/{n}", n % 37))
        .collect();
    let one = Store::memory();
    one.transaction(|tx| paths.iter().try_for_each(|path| tx.set(path, path)))
        .unwrap();
    let root = one.snapshot().root();
    for _ in 0..3 {
        for index in (1..paths.len()).rev() {
            paths.swap(index, random.below(index as u64 + 1) as usize);
        }
        let other = Store::memory();
        for some in paths.chunks(250) {
            other
                .transaction(|tx| {
                    tx.set(&format!("gone/{}", some.len()), &1)?;
                    some.iter().try_for_each(|path| tx.set(path, path))
                })
                .unwrap();
        }
        assert_ne!(other.snapshot().root(), root);
        other.remove_all("gone").unwrap();
        assert_eq!(other.snapshot().root(), root);
    }
}

#[test]
fn commits_say_who_made_them_and_what_for() {
    let store = Store::memory_with(StoreConfig {
        author: "Ann <ann@example.com>".to_owned(),
        ..all()
    });
    store.set("a", &1).unwrap();
    store
        .transaction(|tx| {
            tx.set_author("Bob <bob@example.com>")?;
            tx.set_message("Set b\n\nFor a reason.")?;
            tx.set("b", &1)
        })
        .unwrap();
    let log: Vec<_> = store.log("").unwrap().map(Result::unwrap).collect();
    assert_eq!(log[0].author, "Bob <bob@example.com>");
    assert_eq!(log[0].message, "Set b\n\nFor a reason.");
    assert_eq!(log[0].parents, [log[1].id]);
    assert_eq!(log[0].values, 2);
    assert_eq!(log[1].author, "Ann <ann@example.com>");
    assert_eq!(log[1].parents, []);
    assert!(log[0].time_ms >= log[1].time_ms && log[1].time_ms > 1_700_000_000_000);
    assert_eq!(store.show(log[1].id).unwrap(), log[1]);
    let refused = store.transaction(|tx| tx.set_message("x".repeat(70_000)));
    assert!(matches!(refused, Err(StoreError::TextTooLong { .. })));
    for name in ["HEAD", "main", "HEAD~0"] {
        assert_eq!(store.resolve(name).unwrap(), log[0].id);
    }
    for name in ["HEAD~", "main~1", &log[1].id.to_string()[..12]] {
        assert_eq!(store.resolve(name).unwrap(), log[1].id);
    }
    for name in ["nothing", "HEAD~2", "abc", "HEAD~x", ""] {
        let resolved = store.resolve(name);
        match name {
            "" => assert_eq!(resolved.unwrap(), log[0].id),
            _ => assert!(matches!(resolved, Err(StoreError::UnknownCommit { .. }))),
        }
    }
}

#[test]
fn branches_part_and_come_together() {
    let store = Store::memory_with(all());
    let base = store
        .transaction(|tx| {
            tx.set("count", &10)?;
            tx.set("tags", &["a", "b"])?;
            tx.set("title", "draft")
        })
        .unwrap()
        .1
        .id;
    store.branch("idea", base).unwrap();
    assert!(matches!(
        store.branch("idea", base),
        Err(StoreError::NameTaken { .. })
    ));
    let mut watch = store.watch("").unwrap();
    store.set("title", "final").unwrap();
    store.set("count", &11).unwrap();
    store.set("tags", &["a", "b", "c"]).unwrap();
    let ours = store.head_id();
    while watch.try_next().is_some() {}

    store.checkout("idea").unwrap();
    assert_eq!(store.current_branch(), "idea");
    assert_eq!(store.get::<String>("title").unwrap().unwrap(), "draft");
    // Watches hear of what is different there.
    let Some(WatchEvent::Changed { changes, id, .. }) = watch.try_next() else {
        panic!("a checkout is an event")
    };
    assert_eq!((changes.len(), id), (3, base));
    store.set("title", "better").unwrap();
    store.set("count", &15).unwrap();
    store.set("tags", &["b", "d"]).unwrap();
    store.set("new", &true).unwrap();
    let theirs = store.head_id();
    store.checkout("main").unwrap();
    assert_eq!(store.head_id(), ours);
    assert!(store.verify(|_| ()).unwrap().is_whole());

    let before = store.snapshot().root();
    let error = store.merge(theirs, &MergePolicies::new()).unwrap_err();
    let StoreError::Conflicts(conflicts) = error else {
        panic!("{error}")
    };
    let paths: Vec<&str> = conflicts.listed.iter().map(|one| &*one.path).collect();
    assert_eq!(paths, ["count", "tags", "title"]);
    assert_eq!((store.snapshot().root(), store.head_id()), (before, ours));

    let policies = MergePolicies::new()
        .below("count", MergePolicy::Counter)
        .and_then(|policies| policies.below("tags", MergePolicy::SetUnion))
        .and_then(|policies| policies.below("title", MergePolicy::Theirs))
        .unwrap();
    let merged = store.merge(theirs, &policies).unwrap();
    assert_eq!(store.get("count").unwrap(), Some(16));
    assert_eq!(
        store.get::<Vec<String>>("tags").unwrap().unwrap(),
        ["b", "c", "d"]
    );
    assert_eq!(store.get::<String>("title").unwrap().unwrap(), "better");
    assert_eq!(store.get("new").unwrap(), Some(true));
    assert_eq!(store.show(merged.id).unwrap().parents, [ours, theirs]);
    assert!(store.merge(theirs, &policies).unwrap().is_empty());
    assert!(matches!(
        store.remove_branch("main"),
        Err(StoreError::CheckedOut { .. })
    ));
    store.remove_branch("idea").unwrap();
    let error = store.checkout("idea").unwrap_err().to_string();
    assert_eq!(error, "there is no branch `idea`; there are: main");
    assert!(store.verify(|_| ()).unwrap().is_whole());
}

#[test]
fn what_was_done_is_undone_step_by_step() {
    let store = Store::memory_with(all());
    let mut states = vec![store.snapshot().root()];
    for step in 0..5 {
        store
            .transaction(|tx| {
                tx.set(&format!("todo/{step}"), &step)?;
                tx.set("todo/last", &step)
            })
            .unwrap();
        states.push(store.snapshot().root());
    }
    store.set("visits", &1).unwrap();
    let visits = store.head_id();
    store.remove("visits").unwrap();
    while let Some(state) = states.pop() {
        assert_eq!(store.snapshot().root(), state);
        if !states.is_empty() {
            store.undo("todo").unwrap();
        }
    }
    assert!(matches!(store.undo("todo"), Err(StoreError::NothingToUndo)));
    // Once more what somebody else has changed since.
    store.set("visits", &7).unwrap();
    let error = store.revert(visits, "").unwrap_err();
    assert!(matches!(error, StoreError::Conflicts(_)), "{error}");
    // A directory makes room for the value that was there.
    store.set("a", &1).unwrap();
    store.remove("a").unwrap();
    let moved = store.transaction(|tx| tx.set("a/b", &1)).unwrap().1;
    store.undo("a").unwrap();
    store.undo("a").unwrap();
    assert_eq!(store.get("a").unwrap(), Some(1));
    assert_eq!(store.show(moved.id).unwrap().undoes, None);
}

#[test]
fn the_same_change_on_two_branches_makes_two_commits() {
    // Within a millisecond, mostly.
    for _ in 0..20 {
        let store = Store::memory_with(all());
        let base = store.set("a", &0).unwrap().id;
        store.branch("other", base).unwrap();
        let here = store.set("a", &1).unwrap().id;
        store.checkout("other").unwrap();
        let there = store.set("a", &1).unwrap().id;
        assert_ne!(here, there);
        let report = store.verify(|_| ()).unwrap();
        assert!(report.is_whole(), "{report:?}");
    }
}

#[test]
fn what_was_taken_back_elsewhere_can_be_taken_back_here() {
    let store = Store::memory_with(all());
    store.set("b", &0).unwrap();
    let both = store.transaction(|tx| tx.set("a", &1).and_then(|()| tx.set("b", &1)));
    let both = both.unwrap().1.id;
    store.undo("a").unwrap();
    assert_eq!(store.get::<i32>("a").unwrap(), None);
    let undone = store.undo("b").unwrap();
    assert_eq!(store.show(undone.id).unwrap().undoes, Some(both));
    assert_eq!(store.get("b").unwrap(), Some(0));
    // And what was brought back is there to be taken back again.
    store.revert(undone.id, "").unwrap();
    assert_eq!(store.get("b").unwrap(), Some(1));
    let again = store.undo("b").unwrap();
    assert_eq!(store.show(again.id).unwrap().undoes, Some(both));
    assert_eq!(store.get("b").unwrap(), Some(0));
}

#[test]
fn what_stands_in_the_way_of_a_revert_is_a_conflict() {
    let store = Store::memory_with(all());
    store.set("a", &1).unwrap();
    let removed = store.remove("a").unwrap().id;
    store.set("a/b", &1).unwrap();
    let conflicts = conflicts(store.revert(removed, ""));
    assert_eq!(
        conflicts,
        ["`a` had no value; ours made it a directory and set `a/b`, theirs set it to `1`"]
    );
    let removed = store.remove("a/b").unwrap().id;
    store.set("a", &2).unwrap();
    let conflicts = self::conflicts(store.revert(removed, ""));
    assert_eq!(
        conflicts,
        ["`a` had no value; ours set it to `2`, theirs made it a directory and set `a/b`"]
    );
    assert_eq!(store.get("a").unwrap(), Some(2));
}

fn conflicts<T: std::fmt::Debug>(refused: Result<T, StoreError>) -> Vec<String> {
    match refused {
        Err(StoreError::Conflicts(conflicts)) => {
            let listed = conflicts.listed.iter();
            listed.map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_needs_a_past_that_was_let_go_is_refused() {
    let store = Store::memory_with(all());
    let first = store.set("a", &1).unwrap().id;
    store.tag("first", first).unwrap();
    for step in 0..5 {
        store.set("b", &step).unwrap();
    }
    store.remove("a").unwrap();
    let head = store.head_id();
    store.compact(&Keep::last(2).tagged(), |_| ()).unwrap();
    // Over nothing it would bring back `a`.
    let merged = store.merge(first, &MergePolicies::new());
    assert!(
        matches!(merged, Err(StoreError::UnknownCommit { .. })),
        "{merged:?}"
    );
    let oldest = store.resolve("HEAD~1").unwrap();
    let reverted = store.revert(oldest, "");
    assert!(
        matches!(reverted, Err(StoreError::UnknownCommit { .. })),
        "{reverted:?}"
    );
    assert_eq!(store.head_id(), head);
}

#[test]
fn the_past_goes_by_itself_and_takes_its_pages_along() {
    let config = StoreConfig {
        history: History::Last(20),
        ..StoreConfig::default()
    };
    let backend = Counted::default();
    let store = Store::with(backend.clone(), config).unwrap();
    let mut random = Random::new(3);
    let held = {
        store.set("first", &vec![1; 5_000]).unwrap();
        store.snapshot()
    };
    let mut most = 0;
    for step in 0..400 {
        let path = format!("room/{}", random.below(300));
        let long = "x".repeat(random.below(4) as usize * 60_000);
        store.set(&path, &(step, long)).unwrap();
        if step == 100 {
            most = backend.pages();
        }
    }
    assert_eq!(store.log("").unwrap().count(), 20);
    let report = store.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.commits, report.unreached), (20, 0), "{report:?}");
    assert!(backend.pages() < most * 6, "{} of {most}", backend.pages());
    assert_eq!(held.get::<Vec<i32>>("first").unwrap().unwrap().len(), 5_000);
}

#[test]
fn what_is_let_go_is_let_go_and_the_rest_is_whole() {
    let backend = Counted::default();
    let store = Store::with(backend.clone(), all()).unwrap();
    let mut ids = Vec::new();
    for step in 0..100 {
        let long = "x".repeat(100_000);
        ids.push(
            store
                .set(&format!("room/{}", step % 7), &(step, long))
                .unwrap()
                .id,
        );
    }
    store.tag("first", ids[0]).unwrap();
    let old = store.at(ids[50]).unwrap();
    let before = backend.pages();
    let compacted = thread::scope(|scope| {
        let writer = scope.spawn(|| (0..50).for_each(|n| drop(store.set("beside", &n).unwrap())));
        let compacted = store.compact(&Keep::last(10).tagged(), |_| ()).unwrap();
        writer.join().unwrap();
        compacted
    });
    assert!(
        compacted.kept >= 11 && compacted.commits >= 80,
        "{compacted:?}"
    );
    assert!(backend.pages() < before / 2);
    assert!(matches!(
        store.at(ids[50]),
        Err(StoreError::UnknownCommit { .. })
    ));
    assert_eq!(old.list("room").unwrap().len(), 7);
    assert_eq!(store.at(ids[0]).unwrap().list("").unwrap(), ["room/0"]);
    assert!(store.get_bytes("room/3").unwrap().is_some());
    let report = store.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    // A second time nothing is left.
    store.compact(&Keep::last(10).tagged(), |_| ()).unwrap();
    assert_eq!(store.verify(|_| ()).unwrap().unreached, 0);
}

#[test]
fn what_a_removed_branch_leaves_takes_nothing_with_it() {
    let store = Store::memory_with(StoreConfig {
        history: History::Last(2),
        ..StoreConfig::default()
    });
    let filled = store.transaction(|tx| {
        let paths = (0..300).map(|n| format!("room/{n}"));
        paths.into_iter().try_for_each(|path| tx.set(&path, &path))
    });
    let base = filled.unwrap().1.id;
    store.branch("idea", base).unwrap();
    store.checkout("idea").unwrap();
    store.set("room/7", "another").unwrap();
    store.checkout("main").unwrap();
    store.remove_branch("idea").unwrap();
    for round in 0..10 {
        store.set("round", &round).unwrap();
        let report = store.verify(|_| ()).unwrap();
        assert!(report.is_whole(), "round {round}: {report:?}");
    }
    // Compacted, it is a single line again, and goes by itself.
    store.compact(&Keep::last(5), |_| ()).unwrap();
    for round in 0..10 {
        store.set("round", &round).unwrap();
        assert!(store.verify(|_| ()).unwrap().is_whole());
    }
    assert_eq!(store.log("").unwrap().count(), 2);
    assert_eq!(store.verify(|_| ()).unwrap().unreached, 0);
}

#[test]
fn tags_go_with_their_commits_unless_these_are_to_be_kept() {
    let store = Store::memory_with(all());
    for n in 0..5 {
        let id = store.set("n", &n).unwrap().id;
        store.tag(&format!("v{n}"), id).unwrap();
    }
    store.compact(&Keep::last(2), |_| ()).unwrap();
    let names: Vec<String> = store.tags().unwrap().into_iter().map(|tag| tag.0).collect();
    assert_eq!(names, ["v3", "v4"]);
    assert!(store.verify(|_| ()).unwrap().is_whole());
    store.compact(&Keep::last(1).tagged(), |_| ()).unwrap();
    assert_eq!(store.tags().unwrap().len(), 2);
}

#[test]
fn any_flipped_bit_is_found() {
    let backend = Counted::default();
    let store = Store::with(backend.clone(), all()).unwrap();
    for step in 0..12 {
        let long = "x".repeat(step * 900);
        store.set(&format!("room/{step}"), &long).unwrap();
    }
    store.branch("other", store.head_id()).unwrap();
    drop(store);
    let mut random = Random::new(11);
    let whole = backend.all();
    let mut found = 0;
    for (table, key, value) in &whole {
        for _ in 0..if *table == Table::Pages { 2 } else { 4 } {
            let bit = random.below(value.len() as u64 * 8);
            let mut flipped = value.to_vec();
            flipped[bit as usize / 8] ^= 1 << (bit % 8);
            let damaged = Counted::of(&whole);
            damaged.put(*table, key.clone(), flipped.into());
            let report = Store::with(damaged, all()).and_then(|store| store.verify(|_| ()));
            let is_found = report.as_ref().map_or(true, |report| !report.is_whole());
            assert!(is_found, "bit {bit} of {key:?} in {table:?}: {report:?}");
            found += 1;
        }
    }
    assert!(found > 100);
}

#[test]
fn who_was_away_goes_on_where_they_were() {
    let store = Store::memory_with(all());
    let mut random = Random::new(5);
    let mut seen = BTreeMap::new();
    let mut at = CommitId::NONE;
    for round in 0..30 {
        for _ in 0..random.below(6) {
            store
                .set(&format!("a/{}", random.below(9)), &random.below(4))
                .unwrap();
            store.set("elsewhere", &round).unwrap();
        }
        let mut watch = store.watch_from("a", at).unwrap();
        store
            .set(&format!("a/{}", random.below(9)), &round)
            .unwrap();
        while let Some(event) = watch.try_next() {
            at = event.id();
            let WatchEvent::Changed { changes, .. } = event else {
                panic!("{event:?}")
            };
            for change in &*changes {
                let path = change.path.to_string();
                assert_eq!(change.before_as::<u64>().unwrap(), seen.get(&path).copied());
                match change.after_as::<u64>().unwrap() {
                    Some(value) => seen.insert(path, value),
                    None => seen.remove(&path),
                };
            }
        }
    }
    let now: BTreeMap<String, u64> = store.entries("a").unwrap().into_iter().collect();
    assert_eq!(seen, now);
    store.compact(&Keep::last(2), |_| ()).unwrap();
    let unknown = store.watch_from(
        "a",
        store.log("").unwrap().last().unwrap().unwrap().parents[0],
    );
    assert!(matches!(unknown, Err(StoreError::UnknownCommit { .. })));
}

#[test]
fn writers_at_the_same_time_share_commits_and_lose_nothing() {
    const THREADS: usize = 16;
    const WRITES: usize = 40;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    let store = Store::open_with(&file, all()).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for write in 0..WRITES {
                    let commit = store
                        .update(&format!("t{thread}"), |n: Option<usize>| n.unwrap_or(0) + 1)
                        .unwrap();
                    assert_eq!(
                        commit.changes[0].after_as::<usize>().unwrap(),
                        Some(write + 1)
                    );
                    // What was acknowledged is in the commit that it names.
                    let there = store
                        .at(commit.id)
                        .unwrap()
                        .get::<usize>(&format!("t{thread}"));
                    assert_eq!(there.unwrap(), Some(write + 1));
                }
            });
        }
    });
    let commits = store.log("").unwrap().count();
    assert!(
        commits < THREADS * WRITES,
        "{commits} commits: nothing was shared"
    );
    drop(store);
    let store = Store::open_with(&file, all()).unwrap();
    for thread in 0..THREADS {
        assert_eq!(store.get(&format!("t{thread}")).unwrap(), Some(WRITES));
    }
    assert!(store.verify(|_| ()).unwrap().is_whole());
}

#[test]
fn what_is_buffered_is_on_the_disk_after_a_flush() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    let config = StoreConfig {
        durability: Durability::Buffered,
        ..all()
    };
    let store = Store::open_with(&file, config.clone()).unwrap();
    for n in 0..50 {
        store.set("n", &n).unwrap();
        assert_eq!(store.get("n").unwrap(), Some(n));
    }
    store.flush().unwrap();
    store.set("n", &50).unwrap();
    drop(store);
    let store = Store::open_with(&file, config).unwrap();
    assert_eq!(store.get("n").unwrap(), Some(50), "closing it syncs");
    assert_eq!(store.log("").unwrap().count(), 51);
}

#[test]
fn a_name_in_doubt_stops_the_store_until_it_is_opened_anew() {
    for (fault, is_there) in [(Fault::InDoubtBefore, false), (Fault::InDoubtAfter, true)] {
        let backend = Flaky::default();
        let store = Store::with_backend(backend.clone()).unwrap();
        let commit = store.set("a", &1).unwrap().id;
        *backend.fault.lock().unwrap() = Fault::Before;
        let refused = store.branch("idea", commit);
        assert!(matches!(refused, Err(StoreError::Backend(_))));
        *backend.fault.lock().unwrap() = fault;
        let in_doubt = store.branch("idea", commit);
        assert!(matches!(in_doubt, Err(StoreError::InDoubt { .. })));
        assert!(matches!(
            store.set("a", &2),
            Err(StoreError::Stopped { .. })
        ));
        assert!(matches!(
            store.checkout("main"),
            Err(StoreError::Stopped { .. })
        ));
        assert_eq!(store.get("a").unwrap(), Some(1));
        let store = Store::with_backend(backend).unwrap();
        assert_eq!(store.checkout("idea").is_ok(), is_there);
        store.set("a", &3).unwrap();
    }
}

/// A backend in memory that outlives its store, and that a test can look into.
#[derive(Clone, Default)]
struct Counted {
    memory: Arc<Mutex<MemoryBackend>>,
}

impl Counted {
    fn of(content: &[(Table, Bytes, Bytes)]) -> Self {
        let counted = Self::default();
        for (table, key, value) in content {
            counted.put(*table, key.clone(), value.clone());
        }
        counted
    }

    fn put(&self, table: Table, key: Bytes, value: Bytes) {
        self.memory.lock().unwrap().insert(table, key, value);
    }

    fn all(&self) -> Vec<(Table, Bytes, Bytes)> {
        let view = self.memory.lock().unwrap().view().unwrap();
        let mut all = Vec::new();
        for table in Table::ALL {
            let visit: &mut VisitEntry<'_> = &mut |key, value| {
                all.push((
                    table,
                    Bytes::copy_from_slice(key),
                    Bytes::copy_from_slice(value),
                ));
                ControlFlow::Continue(())
            };
            view.scan(table, &[], visit).unwrap();
        }
        all
    }

    fn pages(&self) -> usize {
        let all = self.all();
        all.iter()
            .filter(|(table, ..)| *table == Table::Pages)
            .count()
    }
}

impl Backend for Counted {
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError> {
        self.memory.lock().unwrap().view()
    }

    fn apply(&mut self, batch: &Batch) -> Result<Arc<dyn View>, BackendError> {
        self.memory.lock().unwrap().apply(batch)
    }
}

#[test]
fn a_branch_that_was_removed_takes_nothing_from_the_others() {
    let config = StoreConfig {
        history: History::Last(2),
        ..StoreConfig::default()
    };
    let store = Store::memory_with(config);
    let fill = |tx: &mut hyperstar_store::Transaction| {
        (0..2_000).try_for_each(|n| tx.set(&format!("item/{n:04}"), &"some text to weigh"))
    };
    let (_, base) = store.transaction(fill).unwrap();
    store.branch("idea", base.id).unwrap();
    store.checkout("idea").unwrap();
    store.set("item/0007", &"idea").unwrap();
    store.checkout("main").unwrap();
    store.remove_branch("idea").unwrap();
    for n in 0..6 {
        store.set("item/1999", &n).unwrap();
        let report = store.verify(|_| ()).unwrap();
        assert!(report.is_whole(), "{n}: {report:?}");
    }
}

#[test]
fn a_tag_goes_with_its_commit() {
    let store = Store::memory();
    let first = store.set("a", &1).unwrap().id;
    store.tag("first", first).unwrap();
    store.set("a", &2).unwrap();
    store.compact(&Keep::last(1), |_| ()).unwrap();
    assert_eq!(store.tags().unwrap(), []);
    assert!(store.verify(|_| ()).unwrap().is_whole());
}

#[test]
fn a_checkout_names_the_pages_of_its_branch() {
    let store = Store::memory_with(all());
    let value = |n: u8| vec![n; 5_000];
    let fill = |tx: &mut hyperstar_store::Transaction| {
        (0..500).try_for_each(|n| tx.set(&format!("item/{n:04}"), &"some text to weigh"))
    };
    let (_, base) = store.transaction(fill).unwrap();
    store.branch("idea", base.id).unwrap();
    // The same on both, each in pages of its own.
    store.set_bytes("item/0003", value(3)).unwrap();
    store.checkout("idea").unwrap();
    store.set_bytes("item/0003", value(3)).unwrap();
    let mut watch = store.watch("").unwrap();
    store.checkout("main").unwrap();
    assert!(watch.try_next().is_none(), "nothing is different there");
    assert!(store.verify(|_| ()).unwrap().is_whole());
    store.remove_branch("idea").unwrap();
    store.compact(&Keep::last(1), |_| ()).unwrap();
    assert!(store.verify(|_| ()).unwrap().is_whole());
    assert_eq!(store.get_bytes("item/0003").unwrap().unwrap(), value(3));
}
