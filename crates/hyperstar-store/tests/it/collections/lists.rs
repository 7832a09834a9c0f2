//! A list against a `Vec`, and where it is hard on the keys between.

use std::collections::BTreeSet;
use std::env;

use hyperstar_store::{
    ItemId, Key, List, PATH_BYTES_MAX, Place, Readable, Store, StoreError, Transaction,
};

use crate::support::Random;

const LIST: List<u64> = List::at("list");

/// What the longest key in `order` may have: the key, `-`, and an id.
const ORDER_SEGMENT_BYTES_MAX: usize = 64 + 1 + 21;

#[test]
fn a_list_behaves_as_a_vec() {
    for seed in 0..60 {
        let store = Store::memory();
        let mut random = Random::new(seed);
        let mut model = Model::default();
        // A few seeds stay in one spot, so that keys get long and are spread.
        let spot = random.chance(4);
        for _ in 0..8 {
            let mut next = model.clone();
            let abort = random.chance(4);
            let steps = if spot { 300 } else { 25 };
            let result = store.transaction(|tx| {
                for _ in 0..random.below(steps) {
                    next.operate(tx, spot, &mut random);
                }
                next.check(&*tx, &mut random);
                match abort {
                    true => Err(StoreError::Nested),
                    false => Ok(()),
                }
            });
            if result.is_ok() {
                model = next;
            } else {
                // Ids of a transaction that was given up may be given again.
                model.ever = model.items.iter().map(|(id, _)| *id).collect();
            }
            model.check(&store, &mut random);
            check_stored(&store);
        }
    }
}

#[derive(Clone, Default)]
struct Model {
    items: Vec<(ItemId, u64)>,
    ever: BTreeSet<ItemId>,
}

impl Model {
    fn operate(&mut self, tx: &mut Transaction, spot: bool, random: &mut Random) {
        let value = random.below(3);
        let kind = if spot && !random.chance(10) {
            3
        } else {
            random.below(9)
        };
        match kind {
            0 => {
                let id = LIST.push(tx, &value).unwrap();
                self.insert(self.items.len(), id, value);
            }
            1 => {
                let id = LIST.push_front(tx, &value).unwrap();
                self.insert(0, id, value);
            }
            2..=4 => {
                let place = self.place(spot, random);
                let id = LIST.insert(tx, place, &value).unwrap();
                let index = self.index_of(place);
                assert_eq!(id.is_some(), index.is_some());
                if let (Some(id), Some(index)) = (id, index) {
                    self.insert(index, id, value);
                }
            }
            5 | 6 => self.move_to(tx, random),
            7 => {
                let id = self.id(random);
                let change = |item: &mut u64| std::mem::replace(item, value);
                let changed = LIST.modify(tx, id, change).unwrap();
                let item = self.items.iter_mut().find(|(other, _)| *other == id);
                assert_eq!(changed, item.map(|(_, item)| change(item)));
            }
            _ if random.chance(20) => {
                assert_eq!(LIST.clear(tx).unwrap(), self.items.len());
                self.items.clear();
            }
            _ => {
                let id = self.id(random);
                let index = self.items.iter().position(|(other, _)| *other == id);
                let removed = index.map(|index| self.items.remove(index).1);
                assert_eq!(LIST.remove(tx, id).unwrap(), removed);
            }
        }
    }

    fn move_to(&mut self, tx: &mut Transaction, random: &mut Random) {
        let (id, place) = (self.id(random), self.place(false, random));
        let moved = LIST.move_to(tx, id, place).unwrap();
        let from = self.items.iter().position(|(other, _)| *other == id);
        let to = self.index_of(place);
        assert_eq!(moved, from.is_some() && to.is_some());
        if let (Some(from), Some(to)) = (from, to) {
            let item = self.items.remove(from);
            // Beside itself is where it is.
            let to = match place {
                Place::Before(other) | Place::After(other) if other == id => from,
                _ if to > from => to - 1,
                _ => to,
            };
            self.items.insert(to, item);
        }
    }

    fn insert(&mut self, index: usize, id: ItemId, value: u64) {
        assert!(self.ever.insert(id), "{id} was given before");
        self.items.insert(index, (id, value));
    }

    /// Mostly one that is there.
    fn id(&self, random: &mut Random) -> ItemId {
        match self.items.len() as u64 {
            0 => ItemId::from_u64(random.next()),
            _ if random.chance(10) => ItemId::from_u64(random.next()),
            count => self.items[random.below(count) as usize].0,
        }
    }

    fn place(&self, spot: bool, random: &mut Random) -> Place {
        match random.below(4) {
            _ if spot && self.items.len() > 1 => Place::After(self.items[0].0),
            0 => Place::First,
            1 => Place::Last,
            2 => Place::Before(self.id(random)),
            _ => Place::After(self.id(random)),
        }
    }

    fn index_of(&self, place: Place) -> Option<usize> {
        let position = |id| self.items.iter().position(|(other, _)| *other == id);
        match place {
            Place::First => Some(0),
            Place::Last => Some(self.items.len()),
            Place::Before(id) => position(id),
            Place::After(id) => position(id).map(|index| index + 1),
        }
    }

    fn check<R: Readable>(&self, db: &R, random: &mut Random) {
        assert_eq!(LIST.entries(db).unwrap(), self.items);
        assert_eq!(LIST.len(db).unwrap(), self.items.len());
        assert_eq!(LIST.is_empty(db).unwrap(), self.items.is_empty());
        let id = self.id(random);
        let item = self.items.iter().find(|(other, _)| *other == id);
        assert_eq!(LIST.get(db, id).unwrap(), item.map(|(_, item)| *item));
        assert_eq!(LIST.contains(db, id).unwrap(), item.is_some());
    }
}

/// Each item has one place and one entry in the order, and all keys are short.
fn check_stored(store: &Store) {
    let len = LIST.len(store).unwrap();
    assert_eq!(store.list("list/at").unwrap().len(), len);
    let order = store.list("list/order").unwrap();
    assert_eq!(order.len(), len);
    for path in &order {
        assert!(
            path.len() <= "list/order/".len() + ORDER_SEGMENT_BYTES_MAX,
            "{path}"
        );
    }
    let in_order = order
        .iter()
        .map(|path| ItemId::decode(path.rsplit('-').next().unwrap()));
    let entries = LIST.entries(store).unwrap();
    assert!(in_order.eq(entries.iter().map(|(id, _)| Some(*id))));
}

#[test]
fn thousands_right_after_the_first() {
    check_adversary(|ids, _| Place::After(ids[0]));
}

#[test]
fn thousands_right_before_the_last() {
    check_adversary(|ids, _| Place::Before(ids[1]));
}

/// Next to the newest, on either side in turn: each halves what is left.
#[test]
fn thousands_into_the_narrowest_gap() {
    check_adversary(|ids, count| match count % 2 {
        0 => Place::Before(ids[ids.len() - 1]),
        _ => Place::After(ids[ids.len() - 1]),
    });
}

/// Set it to insert more than CI does.
const INSERTIONS: &str = "HYPERSTAR_LIST_INSERTIONS";

fn check_adversary(place: impl Fn(&[ItemId], usize) -> Place) {
    let insertions = env::var(INSERTIONS).map_or(2_000, |number| number.parse().unwrap());
    let store = Store::memory();
    let (ids, _) = store
        .transaction(|tx| Ok::<_, StoreError>(vec![LIST.push(tx, &0)?, LIST.push(tx, &1)?]))
        .unwrap();
    let mut ids = ids;
    let mut model = ids.clone();
    let (mut written, mut written_max) = (0, 0);
    for count in 0..insertions {
        let place = place(&ids, count);
        let (id, commit) = store
            .transaction(|tx| LIST.insert(tx, place, &(count as u64)))
            .unwrap();
        let id = id.unwrap();
        let index = match place {
            Place::Before(other) => model.iter().position(|id| *id == other),
            Place::After(other) => model.iter().position(|id| *id == other).map(|at| at + 1),
            Place::First | Place::Last => None,
        };
        model.insert(index.unwrap(), id);
        ids.push(id);
        written += commit.changes.len();
        written_max = written_max.max(commit.changes.len());
    }
    let entries = LIST.entries(&store).unwrap();
    assert!(entries.iter().map(|(id, _)| id).eq(&model));
    check_stored(&store);
    // Four paths an item; what the spreading of keys adds stays within a small factor.
    println!("lists: {written} paths for {insertions} items, {written_max} at once");
    assert!(written < 12 * insertions, "{written}");
}

#[test]
fn an_item_costs_four_paths_wherever_it_is_put() {
    let store = Store::memory();
    let ids: Vec<ItemId> = (0..500)
        .map(|item| store.transaction(|tx| LIST.push(tx, &item)).unwrap().0)
        .collect();
    let changes = |write: &dyn Fn(&mut Transaction) -> Result<(), StoreError>| {
        store.transaction(|tx| write(tx)).unwrap().1.changes.len()
    };
    assert_eq!(changes(&|tx| LIST.push(tx, &1).map(drop)), 4);
    assert_eq!(changes(&|tx| LIST.push_front(tx, &1).map(drop)), 4);
    assert_eq!(
        changes(&|tx| LIST.insert_after(tx, ids[250], &1).map(drop)),
        4
    );
    assert_eq!(
        changes(&|tx| LIST.insert_before(tx, ids[250], &1).map(drop)),
        4
    );
    assert_eq!(
        changes(&|tx| LIST.move_to(tx, ids[7], Place::After(ids[300])).map(drop)),
        3
    );
    assert_eq!(
        changes(&|tx| LIST.move_to(tx, ids[7], Place::After(ids[300])).map(drop)),
        0
    );
    assert_eq!(
        changes(&|tx| LIST.modify(tx, ids[7], |item| *item += 1).map(drop)),
        1
    );
    assert_eq!(changes(&|tx| LIST.remove(tx, ids[7]).map(drop)), 3);
    assert_eq!(changes(&|tx| LIST.remove(tx, ids[7]).map(drop)), 0);
    assert_eq!(
        changes(&|tx| LIST.insert_after(tx, ids[7], &1).map(drop)),
        0
    );
    check_stored(&store);
}

#[test]
fn what_two_branches_did_is_read_together() {
    let base = Store::memory();
    let (ids, _) = base
        .transaction(|tx| Ok::<_, StoreError>([0, 1, 2].map(|item| LIST.push(tx, &item).unwrap())))
        .unwrap();
    let [a, b, c] = ids;
    let (ours, theirs) = (copy_of(&base), copy_of(&base));
    let (our_id, _) = ours
        .transaction(|tx| {
            LIST.move_to(tx, a, Place::Last)?;
            LIST.modify(tx, b, |item| *item = 10)?;
            LIST.insert_after(tx, b, &20)
        })
        .unwrap();
    let (their_id, _) = theirs
        .transaction(|tx| {
            LIST.move_to(tx, a, Place::After(b))?;
            LIST.move_to(tx, b, Place::Last)?;
            LIST.insert_after(tx, b, &21)
        })
        .unwrap();
    let (our_id, their_id) = (our_id.unwrap(), their_id.unwrap());
    assert_ne!(our_id, their_id);

    // Path by path, ours where both differ: what a simple merge does.
    let merged = copy_of(&ours);
    for path in theirs.list("").unwrap() {
        if base.get_bytes(&path).unwrap() == ours.get_bytes(&path).unwrap() {
            let value = theirs.get_bytes(&path).unwrap().unwrap();
            merged.set_bytes(&path, value).unwrap();
        }
    }
    for path in base.list("").unwrap() {
        if !theirs.contains(&path).unwrap() {
            merged.remove(&path).unwrap();
        }
    }
    // Both moved `a`: ours counts, and their entry in the order means nothing. Both items are new.
    let entries = LIST.entries(&merged).unwrap();
    let items: BTreeSet<_> = entries.iter().copied().collect();
    assert_eq!(
        items,
        BTreeSet::from([(a, 0), (b, 10), (c, 2), (our_id, 20), (their_id, 21)])
    );
    assert_eq!(entries.len(), 5);
    let position = |id| entries.iter().position(|(other, _)| *other == id).unwrap();
    assert!(position(c) < position(a) && position(b) < position(their_id));

    // All goes on: any place can be inserted at, and what is stale goes in the end.
    let mut model: Vec<ItemId> = entries.iter().map(|(id, _)| *id).collect();
    let mut random = Random::new(1);
    for count in 0..2000 {
        let at = if count < 200 {
            random.below(model.len() as u64) as usize
        } else {
            1
        };
        let (id, _) = merged
            .transaction(|tx| LIST.insert_after(tx, model[at], &count))
            .unwrap();
        model.insert(at + 1, id.unwrap());
        if count % 100 == 0 {
            let entries = LIST.entries(&merged).unwrap();
            assert!(entries.iter().map(|(id, _)| id).eq(&model), "{count}");
        }
    }
    merged.transaction(|tx| LIST.clear(tx)).unwrap();
    assert_eq!(merged.list("").unwrap(), ["list/next"]);
}

/// On each branch an item is added right after the same one: the same key, twice.
#[test]
fn equal_keys_are_parted_when_something_comes_between() {
    let base = Store::memory();
    let (a, _) = base.transaction(|tx| LIST.push(tx, &0)).unwrap();
    base.transaction(|tx| LIST.push(tx, &9)).unwrap();
    let merged = copy_of(&base);
    for item in 1..6 {
        let branch = copy_of(&base);
        branch
            .transaction(|tx| LIST.insert_after(tx, a, &item))
            .unwrap();
        for path in branch.list("").unwrap() {
            merged
                .set_bytes(&path, branch.get_bytes(&path).unwrap().unwrap())
                .unwrap();
        }
    }
    let mut model = LIST.entries(&merged).unwrap();
    assert_eq!(model.len(), 7);
    for index in [2, 1, 4, 3, 5] {
        let anchor = model[index].0;
        let (id, _) = merged
            .transaction(|tx| LIST.insert_after(tx, anchor, &7))
            .unwrap();
        model.insert(index + 1, (id.unwrap(), 7));
        assert_eq!(LIST.entries(&merged).unwrap(), model);
        check_stored(&merged);
    }
}

#[test]
fn an_item_without_a_place_comes_last_and_can_be_moved() {
    let store = Store::memory();
    let (ids, _) = store
        .transaction(|tx| Ok::<_, StoreError>([LIST.push(tx, &0)?, LIST.push(tx, &1)?]))
        .unwrap();
    // One branch changed the item, the other removed it, and the merge kept the change.
    let key = store
        .get::<String>(&format!("list/at/{}", ItemId::encode(ids[0])))
        .unwrap()
        .unwrap();
    store
        .remove(&format!("list/at/{}", ItemId::encode(ids[0])))
        .unwrap();
    store
        .remove(&format!("list/order/{key}-{}", ItemId::encode(ids[0])))
        .unwrap();
    assert_eq!(LIST.entries(&store).unwrap(), [(ids[1], 1), (ids[0], 0)]);
    store
        .transaction(|tx| LIST.move_to(tx, ids[0], Place::First))
        .unwrap();
    assert_eq!(LIST.entries(&store).unwrap(), [(ids[0], 0), (ids[1], 1)]);
    check_stored(&store);
    // A place without an item is nothing.
    store
        .remove(&format!("list/item/{}", ItemId::encode(ids[0])))
        .unwrap();
    assert_eq!(LIST.entries(&store).unwrap(), [(ids[1], 1)]);
    let moved = store
        .transaction(|tx| LIST.move_to(tx, ids[0], Place::Last))
        .unwrap();
    assert!(!moved.0);
    store.transaction(|tx| LIST.remove(tx, ids[0])).unwrap();
    check_stored(&store);
}

#[test]
fn what_a_list_did_not_write_is_refused_never_a_panic() {
    let store = Store::memory();
    let (id, _) = store.transaction(|tx| LIST.push(tx, &0)).unwrap();
    let at = format!("list/at/{}", ItemId::encode(id));
    let refused = |write: &dyn Fn(&mut Transaction) -> Result<(), StoreError>| {
        let error = store.transaction(|tx| write(tx)).unwrap_err();
        assert!(
            matches!(error, StoreError::NotOfCollection { .. }),
            "{error}"
        );
    };
    for key in ["", "a", "a00", "0", "ü", &"a".repeat(100), "a/b"] {
        store.set(&at, key).unwrap();
        refused(&|tx| LIST.insert_after(tx, id, &1).map(drop));
        refused(&|tx| LIST.move_to(tx, id, Place::Before(id)).map(drop));
        LIST.entries(&store).unwrap();
    }
    // A key with which there is no place after `id`, and no entry that could be moved.
    store.set(&at, "a0").unwrap();
    for path in store.list("list/order").unwrap() {
        store.remove(&path).unwrap();
    }
    store.set_bytes("list/order/a0-a1", "").unwrap();
    store
        .transaction(|tx| LIST.insert_after(tx, id, &1))
        .unwrap();
    for path in [
        "list/order/x",
        "list/order/a0",
        "list/order/a0-x",
        "list/order/zz/z",
    ] {
        store.remove_all("list/order").unwrap();
        store.set(path, &0).unwrap();
        refused(&|tx| LIST.push(tx, &1).map(drop));
        refused(&|tx| LIST.push_front(tx, &1).map(drop));
    }
    store.remove_all("list/order").unwrap();
    for next in [i64::MAX - 1, -7, 1 << 50] {
        store.set("list/next", &next).unwrap();
        refused(&|tx| LIST.push(tx, &1).map(drop));
    }
}

#[test]
fn a_list_fits_any_path_with_room_for_its_own() {
    let deep = [
        "d".repeat(250),
        "d".repeat(250),
        "d".repeat(250),
        "d".repeat(160),
    ]
    .join("/");
    let list: List<u64> = List::at_path(&deep);
    let store = Store::memory();
    let (first, _) = store.transaction(|tx| list.push(tx, &0)).unwrap();
    store
        .transaction(|tx| {
            (0..2000).try_for_each(|item| list.insert_after(tx, first, &item).map(drop))
        })
        .unwrap();
    assert!(
        store
            .list("")
            .unwrap()
            .iter()
            .all(|path| path.len() <= PATH_BYTES_MAX)
    );
    let list: List<u64> = List::at_path(format!("{deep}/{}", "d".repeat(105)));
    let push = store.transaction(|tx| list.push(tx, &0));
    assert!(matches!(push, Err(StoreError::InvalidPath { .. })));
}

fn copy_of(store: &Store) -> Store {
    let copy = Store::memory();
    for path in store.list("").unwrap() {
        copy.set_bytes(&path, store.get_bytes(&path).unwrap().unwrap())
            .unwrap();
    }
    copy
}
