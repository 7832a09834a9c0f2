//! What a store ought to hold, as plain maps: differences, merges, what a revert leaves.

use std::collections::{BTreeMap, BTreeSet};

use hyperstar_store::{Bytes, Change};

use crate::support::Random;

pub(super) type Map = BTreeMap<String, Bytes>;

/// A path of few: commits meet each other, and values stand where others want directories.
pub(super) fn path(random: &mut Random) -> String {
    const SEGMENTS: [&str; 6] = ["a", "b", "a-b", "a.b", "ab", "ü"];
    let depth = random.below(3) + 1;
    let segments = (0..depth).map(|_| SEGMENTS[random.below(6) as usize]);
    segments.collect::<Vec<_>>().join("/")
}

/// Everything, or what is below a path.
pub(super) fn prefix(random: &mut Random) -> String {
    match random.chance(3) {
        true => String::new(),
        false => path(random),
    }
}

/// Mostly small; some are kept in pages of their own, a few in several.
pub(super) fn value(random: &mut Random) -> Bytes {
    let size_bytes_max = match random.below(60) {
        0 => 60_000,
        1..=6 => 5_000,
        _ => 300,
    };
    let size_bytes = random.below(size_bytes_max) as usize;
    let mut bytes = vec![random.next() as u8; size_bytes];
    for index in (0..size_bytes).step_by(512) {
        bytes[index] = random.next() as u8;
    }
    bytes.into()
}

pub(super) fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path
            .strip_prefix(directory)
            .is_some_and(|rest| rest.starts_with('/'))
}

pub(super) fn is_at_or_below(path: &str, prefix: &str) -> bool {
    path == prefix || is_below(path, prefix)
}

pub(super) fn below<'a>(map: &'a Map, prefix: &str) -> Vec<&'a String> {
    map.keys().filter(|path| is_below(path, prefix)).collect()
}

pub(super) fn children(map: &Map, prefix: &str) -> Vec<String> {
    let base = match prefix.is_empty() {
        true => String::new(),
        false => format!("{prefix}/"),
    };
    let below = map.keys().filter_map(|path| path.strip_prefix(&base));
    let names = below.map(|rest| rest.split('/').next().unwrap_or(rest).to_owned());
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

pub(super) fn difference(before: &Map, after: &Map, prefix: &str) -> Vec<Change> {
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    paths
        .into_iter()
        .filter(|path| is_at_or_below(path, prefix) && before.get(*path) != after.get(*path))
        .map(|path| {
            let (before, after) = (before.get(path).cloned(), after.get(path).cloned());
            Change::new(path.as_str(), before, after)
        })
        .collect()
}

/// The value above a path, if there is one.
pub(super) fn value_above<'a>(map: &'a Map, path: &str) -> Option<&'a String> {
    map.keys()
        .find(|other| !other.is_empty() && is_below(path, other))
}

/// Takes changes back; or the paths that keep it from that.
pub(super) fn revert(map: &Map, changes: &[Change]) -> Result<Map, BTreeSet<String>> {
    let mut conflicts = BTreeSet::new();
    for change in changes {
        let now = map.get(&*change.path);
        if now != change.after.as_ref() && now != change.before.as_ref() {
            conflicts.insert(change.path.to_string());
        }
    }
    if !conflicts.is_empty() {
        return Err(conflicts);
    }
    let mut reverted = map.clone();
    for change in changes {
        reverted.remove(&*change.path);
    }
    for change in changes {
        let Some(before) = &change.before else {
            continue;
        };
        if let Some(value) = value_above(&reverted, &change.path) {
            conflicts.insert(value.clone());
        } else if !below(&reverted, &change.path).is_empty() {
            conflicts.insert(change.path.to_string());
        } else {
            reverted.insert(change.path.to_string(), before.clone());
        }
    }
    match conflicts.is_empty() {
        true => Ok(reverted),
        false => Err(conflicts),
    }
}

/// Who wins where two sides are in conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Winner {
    Ours,
    Theirs,
    Nobody,
}

/// A three-way merge; or the paths in conflict.
pub(super) fn merge(
    base: &Map,
    ours: &Map,
    theirs: &Map,
    winner: impl Fn(&str) -> Winner,
) -> Result<Map, BTreeSet<String>> {
    let is_set =
        |side: &Map, path: &str| side.contains_key(path) && side.get(path) != base.get(path);
    // A value on one side where the other has set something below it.
    let meets = |values: &Map, directories: &Map, path: &str| {
        let mut inside = directories.keys().filter(|other| is_below(other, path));
        is_set(values, path)
            && !directories.contains_key(path)
            && inside.any(|other| is_set(directories, other))
    };
    let paths: BTreeSet<&String> = base
        .keys()
        .chain(ours.keys())
        .chain(theirs.keys())
        .collect();
    let tops: Vec<&String> = paths
        .iter()
        .copied()
        .filter(|path| meets(ours, theirs, path) || meets(theirs, ours, path))
        .collect();
    let mut conflicts = BTreeSet::new();
    let mut merged = Map::new();
    for path in paths {
        let (was, our, their) = (base.get(path), ours.get(path), theirs.get(path));
        let top = tops.iter().find(|top| is_at_or_below(path, top));
        let side = match top {
            Some(top) => Err(top.as_str()),
            None if their == was || our == their => Ok(our),
            None if our == was => Ok(their),
            None => Err(path.as_str()),
        };
        let value = side.unwrap_or_else(|place| match winner(place) {
            Winner::Ours => our,
            Winner::Theirs => their,
            Winner::Nobody => {
                conflicts.insert(place.to_owned());
                None
            }
        });
        if let Some(value) = value {
            merged.insert(path.clone(), value.clone());
        }
    }
    match conflicts.is_empty() {
        true => Ok(merged),
        false => Err(conflicts),
    }
}
