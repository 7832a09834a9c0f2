//! Random histories, and the check that two stores have the same.

use std::collections::BTreeMap;

use hyperstar_store::{
    Bytes, CommitId, History, MergePolicies, MergePolicy, Store, StoreConfig, StoreError,
    Transaction,
};

use crate::support::Random;

pub(crate) fn all() -> StoreConfig {
    StoreConfig {
        history: History::All,
        ..StoreConfig::default()
    }
}

/// A value: mostly short, now and then long, and of the long ones some that need a list of chunks.
pub(crate) fn value(random: &mut Random) -> Bytes {
    let count = match random.below(100) {
        0 => 66_000 + random.below(60_000),
        1..=6 => 1_000 + random.below(4_000),
        _ => random.below(120),
    };
    let words = (0..count.div_ceil(8)).flat_map(|_| random.next().to_le_bytes());
    words.take(count as usize).collect()
}

/// Some writes below `scope`, also edits in the middle of what is there.
pub(crate) fn write(
    tx: &mut Transaction,
    random: &mut Random,
    scope: &str,
    count: u64,
) -> Result<(), StoreError> {
    for _ in 0..count {
        let path = match random.below(8) {
            0 => format!("{scope}/deep/{}/{}/x", random.below(9), random.below(9)),
            _ => format!("{scope}/{:04}", random.below(300)),
        };
        match random.below(5) {
            0 => drop(tx.remove(&path)?),
            1 => {
                let Some(before) = tx.get_bytes(&path)? else {
                    continue;
                };
                let mut edited = before.to_vec();
                let at = random.below(before.len() as u64 + 1) as usize;
                edited.splice(at..at, *b"edited");
                tx.set_bytes(&path, edited)?;
            }
            _ => tx.set_bytes(&path, value(random))?,
        }
    }
    Ok(())
}

/// Commits on several branches, with merges and tags, some of them orphaned.
pub(crate) fn history(store: &Store, random: &mut Random, commits: u64) {
    let fill = |tx: &mut Transaction| write(tx, random, "a", 150);
    store.transaction(fill).unwrap();
    for step in 0..commits {
        let branches = store.branches().unwrap();
        match random.below(12) {
            0 if branches.len() < 5 => {
                let name = format!("work/{step}");
                store.branch(&name, store.head_id()).unwrap();
                store.checkout(&name).unwrap();
            }
            1 => {
                let (name, _) = &branches[random.below(branches.len() as u64) as usize];
                store.checkout(name).unwrap();
            }
            2 => {
                let (_, tip) = branches[random.below(branches.len() as u64) as usize];
                merge(store, tip);
            }
            3 => {
                store.tag(&format!("tag/{step}"), store.head_id()).unwrap();
            }
            4 if branches.len() > 1 => {
                let (name, _) = &branches[random.below(branches.len() as u64) as usize];
                if *name != store.current_branch() && name != "main" {
                    store.remove_branch(name).unwrap();
                }
            }
            _ => {
                let count = 1 + random.below(12);
                let scope = ["a", "b", "c"][random.below(3) as usize];
                let written = store.transaction(|tx| {
                    tx.set_message(format!("step {step}"))?;
                    write(tx, random, scope, count)
                });
                written.unwrap();
            }
        }
    }
}

pub(crate) fn merge(store: &Store, theirs: CommitId) {
    let policies = MergePolicies::new()
        .below("", MergePolicy::LastWriter)
        .unwrap();
    store.merge(theirs, &policies).unwrap();
}

/// What a store has, by name: each branch and tag with all commits before it and their contents' roots.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Content {
    branches: BTreeMap<String, CommitId>,
    tags: BTreeMap<String, CommitId>,
    commits: BTreeMap<CommitId, hyperstar_store::LogEntry>,
}

pub(crate) fn content(store: &Store) -> Content {
    let branches = store.branches().unwrap().into_iter();
    let branches: BTreeMap<_, _> = branches
        .filter(|(name, _)| !name.starts_with('@'))
        .collect();
    let tags: BTreeMap<_, _> = store.tags().unwrap().into_iter().collect();
    let mut commits = BTreeMap::new();
    let mut open: Vec<CommitId> = branches.values().chain(tags.values()).copied().collect();
    while let Some(id) = open.pop() {
        if commits.contains_key(&id) {
            continue;
        }
        if let Ok(mut entry) = store.show(id) {
            open.extend(&entry.parents);
            // Each store counts its own.
            entry.version = Default::default();
            commits.insert(id, entry);
        }
    }
    Content {
        branches,
        tags,
        commits,
    }
}

pub(crate) fn check_whole(store: &Store) {
    let report = store.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

/// Both have the same history, the same values everywhere, and are whole.
pub(crate) fn check_equal(one: &Store, other: &Store) {
    let content_of_one = content(one);
    assert_eq!(content_of_one, content(other));
    for tip in content_of_one.branches.values() {
        assert_eq!(values(one, *tip), values(other, *tip));
    }
    check_whole(one);
    check_whole(other);
}

pub(crate) fn values(store: &Store, commit: CommitId) -> BTreeMap<String, Bytes> {
    let state = store.at(commit).unwrap();
    let paths = state.list("").unwrap();
    let value = |path: String| {
        let value = state.get_bytes(&path).unwrap().unwrap();
        (path, value)
    };
    paths.into_iter().map(value).collect()
}
