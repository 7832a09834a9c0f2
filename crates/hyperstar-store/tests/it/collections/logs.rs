//! A log against a list with numbers, and counters.

use std::collections::VecDeque;

use hyperstar_store::{Counter, Log, Readable, Store, StoreError};

use crate::support::Random;

const LOG: Log<u64> = Log::at("log");
const COUNT: Counter = Counter::at("count");

#[test]
fn a_log_behaves_as_a_numbered_list() {
    for seed in 0..100 {
        let store = Store::memory();
        let mut random = Random::new(seed);
        let mut model = Model::default();
        for _ in 0..8 {
            let mut next = model.clone();
            let abort = random.chance(4);
            let result = store.transaction(|tx| {
                for _ in 0..random.below(15) {
                    match random.below(10) {
                        0 => {
                            let keep = random.below(12);
                            assert_eq!(LOG.trim(tx, keep)?, next.trim(keep));
                        }
                        1 if random.chance(3) => assert_eq!(LOG.clear(tx)?, next.trim(0)),
                        _ => {
                            let value = random.next();
                            assert_eq!(LOG.append(tx, &value)?, next.append(value));
                        }
                    }
                    next.check(&*tx, &mut random);
                }
                match abort {
                    true => Err(StoreError::Nested),
                    false => Ok(()),
                }
            });
            if result.is_ok() {
                model = next;
            }
            model.check(&store, &mut random);
        }
    }
}

#[derive(Clone, Default)]
struct Model {
    last: u64,
    kept: VecDeque<(u64, u64)>,
}

impl Model {
    fn append(&mut self, value: u64) -> u64 {
        self.last += 1;
        self.kept.push_back((self.last, value));
        self.last
    }

    fn trim(&mut self, keep: u64) -> u64 {
        let over = (self.kept.len() as u64).saturating_sub(keep);
        self.kept.drain(..over as usize);
        over
    }

    fn check<R: Readable>(&self, db: &R, random: &mut Random) {
        let kept = self.kept.iter().copied();
        assert!(LOG.iter(db).map(Result::unwrap).eq(kept.clone()));
        assert_eq!(LOG.len(db).unwrap(), self.kept.len() as u64);
        assert_eq!(LOG.is_empty(db).unwrap(), self.kept.is_empty());
        assert_eq!(LOG.last_number(db).unwrap(), self.last);
        let number = random.below(self.last + 3);
        let after = kept.clone().filter(|(entry, _)| *entry > number);
        assert!(LOG.since(db, number).unwrap().into_iter().eq(after));
        let found = kept.clone().find(|(entry, _)| *entry == number);
        assert_eq!(LOG.get(db, number).unwrap(), found.map(|(_, value)| value));
        let count = random.below(20) as usize;
        let last = kept.skip(self.kept.len().saturating_sub(count));
        assert!(LOG.last(db, count).unwrap().into_iter().eq(last));
    }
}

#[test]
fn an_entry_is_one_path() {
    let store = Store::memory();
    for number in 1..=3 {
        let (_, commit) = store.transaction(|tx| LOG.append(tx, &7)).unwrap();
        let paths: Vec<_> = commit.changes.iter().map(|change| &*change.path).collect();
        assert_eq!(paths, [format!("log/entry/a{number}")]);
    }
    assert!(LOG.since(&store, u64::MAX).unwrap().is_empty());
    // Who wrote this was not the log; it costs no more than what is there.
    store.set("log/entry/t18446744073709551615", &7).unwrap();
    let append = store.transaction(|tx| LOG.append(tx, &8));
    assert!(matches!(append, Err(StoreError::NotOfCollection { .. })));
    store.transaction(|tx| LOG.trim(tx, 1)).unwrap();
    assert_eq!(LOG.len(&store).unwrap(), 1);
    store.set("log/entry/x", &7).unwrap();
    let append = store.transaction(|tx| LOG.append(tx, &8));
    assert!(matches!(append, Err(StoreError::NotOfCollection { .. })));
}

#[test]
fn a_counter_counts_and_refuses_to_overflow() {
    let store = Store::memory();
    assert_eq!(COUNT.get(&store).unwrap(), 0);
    let (sums, commit) = store
        .transaction(|tx| {
            Ok::<_, StoreError>([COUNT.add(tx, 5)?, COUNT.add(tx, -8)?, COUNT.get(tx)?])
        })
        .unwrap();
    assert_eq!(sums, [5, -3, -3]);
    // An integer, so that a merge can add: `ours + (theirs - base)`.
    assert_eq!(commit.changes[0].after.as_deref(), Some(&b"-3"[..]));
    let error = store
        .transaction(|tx| {
            COUNT.add(tx, i64::MIN + 3)?;
            COUNT.add(tx, -1)
        })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the counter `count` is -9223372036854775808, and adding -1 leaves the range of 64 bits; \
         keep a larger number as a value of its own"
    );
    assert_eq!(COUNT.get(&store).unwrap(), -3);
    store.set("count", "many").unwrap();
    assert!(matches!(COUNT.get(&store), Err(StoreError::Decode { .. })));
}
