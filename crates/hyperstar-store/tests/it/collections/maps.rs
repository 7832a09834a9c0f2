//! A map against a `BTreeMap`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;

use hyperstar_store::{Key, Map, Readable, Store, StoreError, Transaction};

use crate::support::Random;

const NUMBERS: Map<i64, u64> = Map::at("numbers");
const NAMES: Map<String, u64> = Map::at("dir/names");

#[test]
fn a_map_behaves_as_a_btree_map() {
    let number = |random: &mut Random| random.below(30) as i64 - 15;
    let names = [
        ".git", "a/b", "a", "", "a ", "\n", "ü", "~", "a.b", "..", "0", "A b",
    ];
    let name = |random: &mut Random| names[random.below(names.len() as u64) as usize].to_owned();
    for seed in 0..60 {
        let store = Store::memory();
        // What stands beside a map is not in it.
        store.set("numbers-", &0).unwrap();
        store.set("numbers0", &0).unwrap();
        store.set("dir/names.", &0).unwrap();
        check_seed(&store, &NUMBERS, seed, number);
        check_seed(&store, &NAMES, seed, name);
    }
}

#[test]
fn long_iterations_go_in_batches() {
    let store = Store::memory();
    let expected: Vec<(i64, u64)> = (-1000_i64..1000)
        .map(|key| (key, key.unsigned_abs()))
        .collect();
    store
        .transaction(|tx| {
            for (key, value) in &expected {
                NUMBERS.insert(tx, *key, value)?;
            }
            check_ends(&expected, &*tx);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    check_ends(&expected, &store);
    // An iterator of the store reads one state.
    let mut entries = NUMBERS.iter(&store);
    entries.next().unwrap().unwrap();
    store.transaction(|tx| NUMBERS.clear(tx)).unwrap();
    assert_eq!(entries.map(Result::unwrap).count(), expected.len() - 1);
    assert!(NUMBERS.is_empty(&store).unwrap());
}

/// Takes from both ends in turn, at different paces, until they meet.
fn check_ends<R: Readable>(expected: &[(i64, u64)], db: &R) {
    for pace in [1, 3, 50, 5000] {
        let mut entries = NUMBERS.iter(db);
        let mut left = expected.iter();
        while left.len() > 0 {
            assert_eq!(entries.next().map(Result::unwrap).as_ref(), left.next());
            for _ in 0..pace {
                assert_eq!(
                    entries.next_back().map(Result::unwrap).as_ref(),
                    left.next_back()
                );
            }
        }
        assert!(entries.next().is_none() && entries.next_back().is_none());
    }
    assert!(
        NUMBERS
            .iter(db)
            .rev()
            .map(Result::unwrap)
            .eq(expected.iter().rev().copied())
    );
}

#[test]
fn values_of_any_size_are_read_in_batches() {
    const BLOBS: Map<u64, String> = Map::at("blobs");
    let store = Store::memory();
    let text = |key: u64| "x".repeat(key as usize * 100_000);
    store
        .transaction(|tx| (0..20).try_for_each(|key| BLOBS.insert(tx, key, &text(key)).map(drop)))
        .unwrap();
    for (key, entry) in (0..20).zip(BLOBS.iter(&store)) {
        assert!(entry.unwrap() == (key, text(key)));
    }
    assert_eq!(BLOBS.iter(&store).rev().count(), 20);
}

#[test]
fn a_refused_write_changes_nothing() {
    let store = Store::memory();
    let long = "x".repeat(256);
    let error = store
        .transaction(|tx| NAMES.insert(tx, &long, &1))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("a segment is longer than 255 bytes; use a shorter name or a hash of it"),
        "{text}"
    );
    assert!(matches!(
        NAMES.get(&store, &long),
        Err(StoreError::InvalidPath { .. })
    ));
    // Escapes count.
    let slashes = "/".repeat(128);
    assert!(
        store
            .transaction(|tx| NAMES.insert(tx, &slashes, &1))
            .is_err()
    );
    store
        .transaction(|tx| NAMES.insert(tx, &slashes[1..], &1))
        .unwrap();
    // A bound of a range may be what no key can be.
    assert_eq!(NAMES.range(&store, ..&*long).count(), 1);

    store.set_bytes(&NAMES.path_of("odd"), "[]").unwrap();
    let result = store.transaction(|tx| {
        assert!(matches!(
            NAMES.insert(tx, "odd", &1),
            Err(StoreError::Decode { .. })
        ));
        assert!(matches!(
            NAMES.remove(tx, "odd"),
            Err(StoreError::Decode { .. })
        ));
        assert!(matches!(
            NAMES.modify(tx, "odd", |_| ()),
            Err(StoreError::Decode { .. })
        ));
        NAMES.update(tx, "odd", |_| 7)
    });
    assert!(matches!(result, Err(StoreError::Decode { .. })));
    assert_eq!(store.get_bytes("dir/names/odd").unwrap().unwrap(), "[]");
    assert!(NAMES.contains(&store, "odd").unwrap());
    assert_eq!(NAMES.keys(&store).unwrap().len(), 2);
    assert!(NAMES.entries(&store).is_err());
    let entries: Vec<_> = NAMES.iter(&store).map(|entry| entry.is_ok()).collect();
    assert_eq!(entries, [true, false]);
    assert_eq!(store.transaction(|tx| NAMES.clear(tx)).unwrap().0, 2);
}

#[test]
fn what_a_map_did_not_write_is_named() {
    let store = Store::memory();
    for path in ["numbers/x", "numbers/a1/deeper"] {
        store.set(path, &1).unwrap();
        let errors = [
            NUMBERS.keys(&store).map(drop),
            NUMBERS.len(&store).map(drop),
            NUMBERS.is_empty(&store).map(drop),
            NUMBERS.first(&store).map(drop),
            NUMBERS.last(&store).map(drop),
            NUMBERS.entries(&store).map(drop),
            NUMBERS.iter(&store).next().unwrap().map(drop),
        ];
        for error in errors {
            assert_eq!(
                error.unwrap_err().to_string(),
                format!(
                    "`{path}` is not part of the collection at `numbers`; remove it, keep it \
                     elsewhere, or read the collection with the types that it was written with"
                )
            );
        }
        store.remove(path).unwrap();
    }
}

#[test]
fn a_map_at_no_path_is_refused() {
    let store = Store::memory();
    store.set("x", &1).unwrap();
    for path in ["", "/", "a/", ".."] {
        let map: Map<String, u64> = Map::at_path(path);
        let is_refused = |result: Result<(), StoreError>| {
            assert!(
                matches!(result, Err(StoreError::InvalidPath { .. })),
                "{path:?}"
            );
        };
        is_refused(map.get(&store, "x").map(drop));
        is_refused(map.entries(&store).map(drop));
        is_refused(map.iter(&store).next().unwrap().map(drop));
        is_refused(map.first(&store).map(drop));
        is_refused(store.transaction(|tx| map.insert(tx, "x", &1)).map(drop));
        is_refused(store.transaction(|tx| map.clear(tx)).map(drop));
    }
    assert_eq!(store.list("").unwrap(), ["x"]);
}

fn check_seed<K: Key + Ord + Clone + Debug>(
    store: &Store,
    map: &Map<K, u64>,
    seed: u64,
    key: impl Fn(&mut Random) -> K,
) {
    let mut random = Random::new(seed);
    let mut model = BTreeMap::new();
    for _ in 0..8 {
        let mut next = model.clone();
        let abort = random.chance(4);
        let result = store.transaction(|tx| {
            for _ in 0..random.below(25) {
                operate(tx, map, &mut next, key(&mut random), &mut random);
            }
            check_equal(&*tx, map, &next, &key, &mut random);
            match abort {
                true => Err(StoreError::Nested),
                false => Ok(()),
            }
        });
        if result.is_ok() {
            model = next;
        }
        check_equal(store, map, &model, &key, &mut random);
        check_equal(&store.snapshot(), map, &model, &key, &mut random);
    }
}

fn operate<K: Key + Ord + Clone>(
    tx: &mut Transaction,
    map: &Map<K, u64>,
    model: &mut BTreeMap<K, u64>,
    key: K,
    random: &mut Random,
) {
    let value = random.next();
    match random.below(12) {
        0..=3 => assert_eq!(
            map.insert(tx, key.by_ref(), &value).unwrap(),
            model.insert(key.clone(), value)
        ),
        4..=6 => assert_eq!(map.remove(tx, key.by_ref()).unwrap(), model.remove(&key)),
        7 | 8 => {
            let change = |before: Option<u64>| before.map_or(value, |before| before / 2);
            let after = map.update(tx, key.by_ref(), change).unwrap();
            let expected = change(model.get(&key).copied());
            model.insert(key, expected);
            assert_eq!(after, expected);
        }
        9 | 10 => {
            let change = |value: &mut u64| std::mem::replace(value, *value / 3);
            let changed = map.modify(tx, key.by_ref(), change).unwrap();
            assert_eq!(changed, model.get_mut(&key).map(change));
        }
        _ if random.chance(8) => {
            assert_eq!(map.clear(tx).unwrap(), model.len());
            model.clear();
        }
        _ => {}
    }
}

fn check_equal<R: Readable, K: Key + Ord + Clone + Debug>(
    db: &R,
    map: &Map<K, u64>,
    model: &BTreeMap<K, u64>,
    key: impl Fn(&mut Random) -> K,
    random: &mut Random,
) {
    let owned = |(key, value): (&K, &u64)| (key.clone(), *value);
    assert!(
        map.entries(db)
            .unwrap()
            .into_iter()
            .eq(model.iter().map(owned))
    );
    assert!(map.keys(db).unwrap().iter().eq(model.keys()));
    assert_eq!(map.len(db).unwrap(), model.len());
    assert_eq!(map.is_empty(db).unwrap(), model.is_empty());
    assert_eq!(map.first(db).unwrap(), model.first_key_value().map(owned));
    assert_eq!(map.last(db).unwrap(), model.last_key_value().map(owned));
    let (low, high) = (key(random), key(random));
    assert_eq!(map.get(db, low.by_ref()).unwrap(), model.get(&low).copied());
    assert_eq!(
        map.contains(db, low.by_ref()).unwrap(),
        model.contains_key(&low)
    );

    let is_first = random.chance(2);
    let start = match is_first {
        true => Bound::Included(low.clone()),
        false => Bound::Excluded(low.clone()),
    };
    let end = match random.below(3) {
        0 => Bound::Included(high.clone()),
        1 => Bound::Excluded(high.clone()),
        _ => Bound::Unbounded,
    };
    let range = (start.as_ref().map(K::by_ref), end.as_ref().map(K::by_ref));
    // A range that ends before it starts is empty here, and a panic there.
    let is_in = |key: &K| {
        let after_start = if is_first { *key >= low } else { *key > low };
        let before_end = match &end {
            Bound::Included(end) => key <= end,
            Bound::Excluded(end) => key < end,
            Bound::Unbounded => true,
        };
        after_start && before_end
    };
    let expected = model.iter().filter(|(key, _)| is_in(key)).map(owned);
    assert!(
        map.range(db, range)
            .map(Result::unwrap)
            .eq(expected.clone())
    );
    assert!(
        map.range(db, range)
            .rev()
            .map(Result::unwrap)
            .eq(expected.rev())
    );
}
