//! A view is rendered again only if what it read changed.

use hyperstar_store::{
    Commit, Counter, ItemId, Key, List, Log, Map, Place, Store, StoreError, Transaction,
    record_reads,
};

const MAP: Map<String, u64> = Map::at("map");
const LIST: List<u64> = List::at("list");
const LOG: Log<u64> = Log::at("log");
const COUNT: Counter = Counter::at("count");

fn commit<T>(
    store: &Store,
    write: impl FnOnce(&mut Transaction) -> Result<T, StoreError>,
) -> Commit {
    store.transaction(write).unwrap().1
}

/// What a read recorded: `=path` and `prefix/`.
fn recorded<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Vec<String> {
    let (result, reads) = record_reads(read);
    result.unwrap();
    let paths = reads.paths().map(|path| format!("={path}"));
    let prefixes = reads.prefixes().map(|prefix| format!("{prefix}/"));
    paths.chain(prefixes).collect()
}

#[test]
fn each_read_records_the_narrowest_thing() {
    let store = Store::memory();
    let (id, _) = store
        .transaction(|tx| {
            MAP.insert(tx, "a/b", &1)?;
            LOG.append(tx, &1)?;
            LIST.push(tx, &1)
        })
        .unwrap();
    assert_eq!(recorded(|| MAP.get(&store, "a/b")), ["=map/a.~b"]);
    assert_eq!(recorded(|| MAP.contains(&store, "")), ["=map/ "]);
    assert_eq!(recorded(|| MAP.entries(&store)), ["map/"]);
    assert_eq!(recorded(|| MAP.keys(&store)), ["map/"]);
    assert_eq!(recorded(|| MAP.first(&store.snapshot())), ["map/"]);
    assert_eq!(recorded(|| MAP.is_empty(&store)), ["map/"]);
    assert_eq!(
        recorded(|| MAP.range(&store, "x"..).next().transpose()),
        ["map/"]
    );

    assert_eq!(recorded(|| LOG.get(&store, 7)), ["=log/entry/a7"]);
    assert_eq!(recorded(|| LOG.last(&store, 5)), ["log/entry/"]);
    assert_eq!(recorded(|| LOG.since(&store, 5)), ["log/entry/"]);

    let item = format!("=list/item/{}", ItemId::encode(id));
    assert_eq!(recorded(|| LIST.get(&store, id)), [item]);
    assert_eq!(
        recorded(|| LIST.entries(&store)),
        ["list/at/", "list/item/"]
    );
    assert_eq!(recorded(|| LIST.len(&store)), ["list/item/"]);

    assert_eq!(recorded(|| COUNT.get(&store)), ["=count"]);
}

#[test]
fn what_a_transaction_reads_is_not_recorded() {
    let store = Store::memory();
    let (_, reads) = record_reads(|| {
        commit(&store, |tx| {
            MAP.update(tx, "a", |_| 1)?;
            MAP.iter(tx).for_each(drop);
            LOG.append(tx, &1)?;
            COUNT.add(tx, 1)?;
            let id = LIST.push(tx, &1)?;
            LIST.entries(tx)?;
            LIST.remove(tx, id)
        })
    });
    assert!(reads.is_empty(), "{reads:?}");
}

#[test]
fn other_items_do_not_touch_a_view() {
    let store = Store::memory();
    let (ids, _) = store
        .transaction(|tx| Ok::<_, StoreError>([LIST.push(tx, &1)?, LIST.push(tx, &2)?]))
        .unwrap();
    let (_, one) = record_reads(|| (MAP.get(&store, "one"), LIST.get(&store, ids[0])));
    let (_, all) = record_reads(|| LIST.entries(&store));

    for commit in [
        commit(&store, |tx| MAP.insert(tx, "other", &1)),
        commit(&store, |tx| LOG.append(tx, &1)),
        commit(&store, |tx| COUNT.add(tx, 1)),
    ] {
        assert!(!one.touches_commit(&commit) && !all.touches_commit(&commit));
    }
    for commit in [
        commit(&store, |tx| LIST.push(tx, &3)),
        commit(&store, |tx| LIST.modify(tx, ids[1], |item| *item += 1)),
        // What the item is stays the same when it is moved.
        commit(&store, |tx| LIST.move_to(tx, ids[0], Place::Last)),
        commit(&store, |tx| LIST.remove(tx, ids[1])),
    ] {
        assert!(!one.touches_commit(&commit) && all.touches_commit(&commit));
    }
    for commit in [
        commit(&store, |tx| LIST.modify(tx, ids[0], |item| *item += 1)),
        commit(&store, |tx| MAP.insert(tx, "one", &1)),
    ] {
        assert!(one.touches_commit(&commit));
    }
}

#[test]
fn a_lazy_read_is_recorded_where_it_is_made() {
    let store = Store::memory();
    let (entries, reads) = record_reads(|| MAP.iter(&store));
    assert!(reads.is_empty());
    let (_, reads) = record_reads(|| entries.count());
    assert_eq!(reads.prefixes().collect::<Vec<_>>(), ["map"]);
}
