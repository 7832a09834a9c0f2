//! Walks over a part of what is below a prefix, from either end, against a plain map.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use hyperstar_store::{Snapshot, Store, StoreError, Transaction};

use crate::support::Random;

type Map = BTreeMap<String, Vec<u8>>;

#[test]
fn a_scan_sees_what_is_in_its_range() {
    for seed in 0..100 {
        check_seed(&Store::memory(), seed);
    }
    let directory = tempfile::tempdir().unwrap();
    check_seed(
        &Store::open(directory.path().join("store.redb")).unwrap(),
        100,
    );
}

#[test]
fn a_scan_of_no_path_is_refused() {
    let snapshot = Store::memory().snapshot();
    for prefix in ["/", "a/", "a//b", ".."] {
        let visit = |_: &str, _: &[u8]| ControlFlow::Continue(());
        let forth = snapshot.scan(prefix, .., visit);
        let back = snapshot.scan_back(prefix, .., visit);
        assert!(matches!(forth, Err(StoreError::InvalidPath { .. })));
        assert!(matches!(back, Err(StoreError::InvalidPath { .. })));
    }
}

fn check_seed(store: &Store, seed: u64) {
    let mut random = Random::new(seed);
    let mut map = Map::new();
    for _ in 0..6 {
        store
            .transaction(|tx| {
                for _ in 0..random.below(20) {
                    write(tx, &mut map, &mut random);
                }
                for _ in 0..20 {
                    check(&Side::Transaction(tx), &map, &mut random);
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        for _ in 0..20 {
            check(&Side::Snapshot(&store.snapshot()), &map, &mut random);
        }
    }
}

fn write(tx: &mut Transaction, map: &mut Map, random: &mut Random) {
    let path = path(random);
    if random.chance(3) {
        assert_eq!(tx.remove(&path).unwrap(), map.remove(&path).is_some());
        return;
    }
    let value = vec![random.next() as u8];
    // A path in the way is refused, and then neither side changes.
    if tx.set_bytes(&path, value.clone()).is_ok() {
        map.insert(path, value);
    }
}

enum Side<'a> {
    Snapshot(&'a Snapshot),
    Transaction(&'a Transaction),
}

fn check(side: &Side<'_>, map: &Map, random: &mut Random) {
    let prefix = if random.chance(3) {
        String::new()
    } else {
        path(random)
    };
    let (start, end) = (path(random), path(random));
    let range = (bound(&start, random), bound(&end, random));
    let limit = 1 + random.below(8) as usize;
    let below = format!("{prefix}/");
    let is_in = |path: &str| {
        let after_start = match range.0 {
            Bound::Included(start) => path >= start,
            Bound::Excluded(start) => path > start,
            Bound::Unbounded => true,
        };
        let before_end = match range.1 {
            Bound::Included(end) => path <= end,
            Bound::Excluded(end) => path < end,
            Bound::Unbounded => true,
        };
        after_start && before_end && (prefix.is_empty() || path.starts_with(&below))
    };
    let mut expected: Vec<_> = map.iter().filter(|(path, _)| is_in(path)).collect();

    for is_back in [false, true] {
        let mut seen = Vec::new();
        let visit = |path: &str, bytes: &[u8]| {
            seen.push((path.to_owned(), bytes.to_vec()));
            match seen.len() < limit {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        match (side, is_back) {
            (Side::Snapshot(snapshot), false) => snapshot.scan(&prefix, range, visit),
            (Side::Snapshot(snapshot), true) => snapshot.scan_back(&prefix, range, visit),
            (Side::Transaction(tx), false) => tx.scan(&prefix, range, visit),
            (Side::Transaction(tx), true) => tx.scan_back(&prefix, range, visit),
        }
        .unwrap();
        let seen = seen.iter().map(|(path, bytes)| (path, bytes));
        let expected_here = expected.iter().take(limit).copied();
        assert!(
            seen.clone().eq(expected_here),
            "{prefix:?} {range:?} {is_back} {:?}",
            seen.collect::<Vec<_>>()
        );
        expected.reverse();
    }
}

fn bound<'a>(path: &'a str, random: &mut Random) -> Bound<&'a str> {
    match random.below(3) {
        0 => Bound::Included(path),
        1 => Bound::Excluded(path),
        _ => Bound::Unbounded,
    }
}

fn path(random: &mut Random) -> String {
    const SEGMENTS: [&str; 6] = ["a", "b", "a-b", "a0", "ab", "ü"];
    let depth = random.below(3) + 1;
    let segments = (0..depth).map(|_| SEGMENTS[random.below(6) as usize]);
    segments.collect::<Vec<_>>().join("/")
}
