//! Commits whose outcomes are known, and the check that a disk holds one of them, whole.

use std::collections::BTreeMap;

use hyperstar_store::{Bytes, Durability, RedbBackend, Store, StoreError};

use super::crash::crashes;
use super::disk::Disk;
use super::image::Image;
use crate::support::Random;

pub(crate) type State = BTreeMap<String, Bytes>;

/// A path and its value; `None` removes it.
pub(crate) type Write = (String, Option<Bytes>);

/// Every commit writes its number there, so that no two states are equal.
const STAMP: &str = "stamp";

/// A commit that the store takes after the crash.
const AFTER: &str = "after/the/crash";

pub(crate) struct History {
    /// What the disk held at first, and what each commit would make of it.
    states: Vec<State>,
    pub(crate) acknowledged: usize,
    /// What can be read: as much, or more that is buffered.
    pub(crate) written: usize,
}

impl History {
    pub(crate) fn new(state: State) -> Self {
        Self {
            states: vec![state],
            acknowledged: 0,
            written: 0,
        }
    }

    pub(crate) fn state(&self, index: usize) -> &State {
        &self.states[index]
    }

    /// The index of the state that the last commit leads to, whether it succeeded or not.
    pub(crate) fn begun(&self) -> usize {
        self.states.len() - 1
    }

    pub(crate) fn commit(
        &mut self,
        store: &Store,
        disk: &Disk,
        writes: &[Write],
    ) -> Result<(), StoreError> {
        self.write(store, disk, writes, Durability::Durable)?;
        self.acknowledge(disk);
        Ok(())
    }

    /// A commit that a crash may take, until a later one is acknowledged.
    pub(crate) fn buffer(
        &mut self,
        store: &Store,
        disk: &Disk,
        writes: &[Write],
    ) -> Result<(), StoreError> {
        self.write(store, disk, writes, Durability::Buffered)
    }

    /// All that was written is on the disk.
    pub(crate) fn acknowledge(&mut self, disk: &Disk) {
        self.acknowledged = self.written;
        disk.acknowledge(self.acknowledged);
    }

    fn write(
        &mut self,
        store: &Store,
        disk: &Disk,
        writes: &[Write],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let index = self.states.len();
        let stamp = Bytes::from((self.first_stamp() + index as u64).to_string());
        let mut next = self.states[self.written].clone();
        for (path, value) in writes {
            match value {
                Some(value) => next.insert(path.clone(), value.clone()),
                None => next.remove(path),
            };
        }
        next.insert(STAMP.to_owned(), stamp.clone());
        self.states.push(next);
        disk.begin(index);
        store.transaction(|tx| {
            tx.set_durability(durability);
            for (path, value) in writes {
                match value {
                    Some(value) => tx.set_bytes(path, value.clone())?,
                    None => drop(tx.remove(path)?),
                }
            }
            tx.set_bytes(STAMP, stamp)
        })?;
        self.written = index;
        Ok(())
    }

    /// The disk opens, holds the state after one of the commits `allowed`, and goes on from there.
    /// Returns which. With `twice` the power then fails again.
    pub(crate) fn check(&self, image: &Image, allowed: &[usize], twice: bool) -> usize {
        let disk = Disk::new(image.clone());
        let store = open(&disk).unwrap_or_else(|error| panic!("does not open: {error}"));
        let found = self.find(&store);
        assert!(
            allowed.contains(&found),
            "state {found} is there, allowed is {allowed:?}"
        );
        store.set_bytes(AFTER, "more").unwrap();
        assert_eq!(store.get_bytes(AFTER).unwrap().unwrap(), "more");
        if twice {
            let mut expected = self.states[found].clone();
            expected.insert(AFTER.to_owned(), "more".into());
            check_again(&disk, &expected);
        }
        disk.kill();
        found
    }

    /// A store that failed may fail to read, but what it does read is the acknowledged state.
    pub(crate) fn check_reads(&self, store: &Store) {
        let expected = &self.states[self.acknowledged];
        if let Ok(list) = store.list("") {
            assert!(list.iter().eq(expected.keys()), "{list:?}");
        }
        for (path, value) in expected {
            if let Ok(found) = store.get_bytes(path) {
                assert!(found.as_ref() == Some(value), "{path} differs");
            }
        }
    }

    /// The index of the state that the store holds.
    pub(crate) fn find(&self, store: &Store) -> usize {
        let content = read(store);
        let stamp = content.get(STAMP);
        let found = self.states.iter().position(|s| s.get(STAMP) == stamp);
        let index = found.unwrap_or_else(|| panic!("no commit has the stamp {stamp:?}"));
        assert!(
            content == self.states[index],
            "commit {index} is there in part"
        );
        index
    }

    fn first_stamp(&self) -> u64 {
        self.states[0].get(STAMP).map_or(0, |stamp| {
            std::str::from_utf8(stamp).unwrap().parse().unwrap()
        })
    }
}

pub(crate) fn open(disk: &Disk) -> Result<Store, StoreError> {
    Store::with_backend(RedbBackend::with_storage("disk", disk.clone())?)
}

/// The power fails, and takes everything that was not synced.
fn check_again(disk: &Disk, expected: &State) {
    let (start, trace) = disk.trace();
    crashes(&start, &trace, |at, crash| {
        if at == trace.len() {
            let disk = Disk::new(crash.image(&crash.nothing()));
            let store = open(&disk).unwrap();
            assert!(read(&store) == *expected, "the commit after is not there");
            disk.kill();
        }
    });
}

fn read(store: &Store) -> State {
    let paths = store.list("").unwrap();
    let value = |path: &String| store.get_bytes(path).unwrap().unwrap();
    paths
        .into_iter()
        .map(|path| (path.clone(), value(&path)))
        .collect()
}

/// Commits of each kind: one path and several, small and large, over others, and removals.
pub(crate) fn small_commits() -> Vec<Vec<Write>> {
    let mut random = Random::new(0);
    let mut value = |size_bytes| Some(bytes(size_bytes, &mut random));
    vec![
        vec![("a/1".to_owned(), value(10))],
        (0..20)
            .map(|index| (format!("b/{index}"), value(300)))
            .collect(),
        vec![
            ("a/1".to_owned(), value(2000)),
            ("b/3".to_owned(), None),
            ("c".to_owned(), value(20_000)),
        ],
        // More than a file has room for that was closed, so that it grows; closing it shrinks it.
        vec![("large".to_owned(), value(100_000))],
        vec![("large".to_owned(), None), ("a/1".to_owned(), None)],
    ]
}

/// Mostly few small values; sometimes many, or large ones, or removals.
pub(crate) fn random_commit(random: &mut Random) -> Vec<Write> {
    let paths_max = if random.chance(6) { 60 } else { 4 };
    let paths = 1 + random.below(paths_max);
    (0..paths)
        .map(|_| {
            let path = format!("d{}/p{}", random.below(6), random.below(30));
            let size_bytes_max = match random.below(40) {
                0 => 120_000,
                1..=8 => 5000,
                _ => 200,
            };
            let value = (!random.chance(5)).then(|| bytes(random.below(size_bytes_max), random));
            (path, value)
        })
        .collect()
}

fn bytes(size_bytes: u64, random: &mut Random) -> Bytes {
    let words = 0..size_bytes.div_ceil(8);
    let mut bytes: Vec<_> = words.flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.truncate(size_bytes as usize);
    bytes.into()
}
