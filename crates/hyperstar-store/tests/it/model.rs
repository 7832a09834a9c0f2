//! Random operations against a plain map, over each backend, with faults.
//!
//! A failing seed prints itself; `HYPERSTAR_STORE_SEEDS` runs more of them.

use std::collections::BTreeMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hyperstar_store::{
    Change, Commit, RedbBackend, Snapshot, Store, StoreError, Transaction, WatchBounds, WatchEvent,
};

use crate::support::{Disk, Fault, Flaky, Random};

type Map = BTreeMap<String, Vec<u8>>;

#[test]
fn memory_behaves_as_a_map() {
    check_seeds(40, 300, |_| {
        Box::new(FlakyWorld {
            backend: Flaky::default(),
            faults: false,
        })
    });
}

#[test]
fn failing_commits_are_atomic() {
    check_seeds(40, 300, |_| {
        Box::new(FlakyWorld {
            backend: Flaky::default(),
            faults: true,
        })
    });
}

#[test]
fn a_file_behaves_as_a_map() {
    check_seeds(4, 150, |_| {
        Box::new(FileWorld {
            directory: tempfile::tempdir().unwrap(),
        })
    });
}

#[test]
fn a_disk_that_loses_power_keeps_what_was_acknowledged() {
    check_seeds(25, 200, |_| {
        Box::new(DiskWorld {
            platter: Vec::new(),
            disk: None,
        })
    });
}

/// Where a store lives between opens.
trait World {
    fn open(&mut self, random: &mut Random) -> Store;
    /// Before an operation: may arrange that it fails.
    fn arm(&mut self, random: &mut Random);
    /// Before the store is dropped, to be opened anew.
    fn crash(&mut self, random: &mut Random);
}

struct FlakyWorld {
    backend: Flaky,
    faults: bool,
}

impl World for FlakyWorld {
    fn open(&mut self, _random: &mut Random) -> Store {
        Store::with_backend(self.backend.clone()).unwrap()
    }

    fn arm(&mut self, random: &mut Random) {
        if self.faults {
            let fault = match random.below(20) {
                0 | 1 => Fault::Before,
                2 => Fault::InDoubtBefore,
                3 => Fault::InDoubtAfter,
                4 => Fault::Panic,
                _ => Fault::None,
            };
            *self.backend.fault.lock().unwrap() = fault;
        }
    }

    fn crash(&mut self, _random: &mut Random) {}
}

struct FileWorld {
    directory: tempfile::TempDir,
}

impl World for FileWorld {
    fn open(&mut self, _random: &mut Random) -> Store {
        Store::open(self.directory.path().join("store.redb")).unwrap()
    }

    fn arm(&mut self, _random: &mut Random) {}

    fn crash(&mut self, _random: &mut Random) {}
}

struct DiskWorld {
    platter: Vec<u8>,
    disk: Option<Disk>,
}

impl World for DiskWorld {
    fn open(&mut self, random: &mut Random) -> Store {
        // The power may fail again while the store opens and repairs itself.
        loop {
            let operations_max = if random.chance(3) { 12 } else { 1500 };
            let operations = random.below(operations_max);
            let disk = Disk::new(std::mem::take(&mut self.platter), operations);
            let opened = RedbBackend::with_storage("disk", disk.clone());
            match opened.and_then(Store::with_backend) {
                Ok(store) => {
                    self.disk = Some(disk);
                    return store;
                }
                Err(_) => self.platter = disk.cut(random),
            }
        }
    }

    fn arm(&mut self, _random: &mut Random) {}

    fn crash(&mut self, random: &mut Random) {
        if let Some(disk) = self.disk.take() {
            self.platter = disk.cut(random);
        }
    }
}

fn check_seeds(seeds: u64, steps: u64, world: impl Fn(u64) -> Box<dyn World>) {
    let seeds = env::var("HYPERSTAR_STORE_SEEDS").map_or(seeds, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let run = catch_unwind(AssertUnwindSafe(|| {
            Run::new(seed, world(seed)).steps(steps)
        }));
        assert!(run.is_ok(), "seed {seed} fails");
    }
}

struct Run {
    random: Random,
    world: Box<dyn World>,
    store: Store,
    map: Map,
    version: u64,
    /// What the map is if the commit in doubt turns out to be there.
    in_doubt: Option<Map>,
    snapshots: Vec<(Snapshot, Map)>,
    watch: hyperstar_store::Watch,
    watched: Vec<Commit>,
}

impl Run {
    fn new(seed: u64, mut world: Box<dyn World>) -> Self {
        let mut random = Random::new(seed);
        let store = world.open(&mut random);
        Self {
            watch: watch(&store),
            random,
            world,
            store,
            map: Map::new(),
            version: 0,
            in_doubt: None,
            snapshots: Vec::new(),
            watched: Vec::new(),
        }
    }

    fn steps(mut self, steps: u64) {
        for _ in 0..steps {
            match self.random.below(12) {
                0..=6 => self.write(),
                7 | 8 => self.check_reads(),
                9 => self
                    .snapshots
                    .push((self.store.snapshot(), self.map.clone())),
                10 => self.check_snapshots(),
                _ if self.random.chance(3) => self.reopen(),
                _ => self.check_watch(),
            }
        }
        self.check_reads();
        self.check_snapshots();
        self.check_watch();
        self.reopen();
        self.check_reads();
    }

    fn write(&mut self) {
        self.world.arm(&mut self.random);
        let operations = if self.random.chance(2) {
            1
        } else {
            self.random.below(6)
        };
        let abort = self.random.chance(8);
        let panics = abort && self.random.chance(2);
        let mut next = self.map.clone();
        let (store, random) = (&self.store, &mut self.random);
        let result = catch_unwind(AssertUnwindSafe(|| {
            store.transaction(|tx| {
                for _ in 0..operations {
                    operate(tx, &mut next, random);
                }
                check_equal(&next, tx);
                assert!(!panics, "a panic in the transaction");
                if abort { Err(Failure::Aborted) } else { Ok(()) }
            })
        }));
        match result {
            Ok(Ok(((), commit))) => self.committed(next, commit),
            Ok(Err(Failure::Aborted)) => assert!(abort),
            Ok(Err(Failure::Store(StoreError::Backend(_)))) => {}
            Ok(Err(Failure::Store(StoreError::InDoubt { version, .. }))) => {
                assert_eq!(version.as_u64(), self.version + 1);
                self.in_doubt = Some(next);
            }
            Ok(Err(Failure::Store(StoreError::Stopped { .. }))) => {
                assert!(self.in_doubt.is_some());
                self.reopen();
            }
            Ok(Err(Failure::Store(error))) => panic!("{error}"),
            Err(_) if panics => {}
            // The backend panicked.
            Err(_) => self.in_doubt = Some(next),
        }
    }

    fn committed(&mut self, next: Map, commit: Commit) {
        assert_eq!(*commit.changes, difference(&self.map, &next));
        if !commit.is_empty() {
            self.version += 1;
            self.watched.push(commit.clone());
        }
        assert_eq!(commit.version.as_u64(), self.version);
        self.map = next;
    }

    fn check_reads(&mut self) {
        // A disk that is cut fails reads, too; what it does return is right.
        let snapshot = self.store.snapshot();
        assert_eq!(snapshot.version().as_u64(), self.version);
        check_snapshot(&self.map, &snapshot);
        let path = path(&mut self.random);
        if let Ok(bytes) = self.store.get_bytes(&path) {
            assert_eq!(bytes.as_deref(), self.map.get(&path).map(Vec::as_slice));
        }
        if let Ok(children) = self.store.children(&path) {
            assert_eq!(children, children_of(&self.map, &path));
        }
        if let Ok(children) = self.store.children("") {
            assert_eq!(children, children_of(&self.map, ""));
        }
    }

    fn check_snapshots(&mut self) {
        for (snapshot, map) in self.snapshots.drain(..) {
            check_snapshot(&map, &snapshot);
        }
    }

    fn check_watch(&mut self) {
        for commit in self.watched.drain(..) {
            match self.watch.try_next() {
                Some(WatchEvent::Changed {
                    version, changes, ..
                }) => {
                    assert_eq!((version, &changes), (commit.version, &commit.changes));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(self.watch.try_next().is_none());
    }

    fn reopen(&mut self) {
        self.check_watch();
        self.snapshots.clear();
        self.world.crash(&mut self.random);
        self.store = Store::memory();
        self.store = self.world.open(&mut self.random);
        self.watch = watch(&self.store);
        let head = self.store.head().as_u64();
        if let Some(next) = self.in_doubt.take()
            && head == self.version + 1
        {
            self.map = next;
            self.version += 1;
        }
        assert_eq!(head, self.version);
        self.check_reads();
    }
}

fn watch(store: &Store) -> hyperstar_store::Watch {
    let bounds = WatchBounds {
        events_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    store.watch_with("", bounds).unwrap()
}

#[derive(Debug)]
enum Failure {
    Aborted,
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One write on both; what the store refuses, the map must show a reason for. A failed read is the
/// disk's, and alters nothing.
fn operate(tx: &mut Transaction, map: &mut Map, random: &mut Random) {
    let path = path(random);
    match random.below(8) {
        0 | 1 => match tx.remove(&path) {
            Ok(found) => assert_eq!(map.remove(&path).is_some(), found),
            Err(error) => assert!(matches!(error, StoreError::Backend(_))),
        },
        2 => match tx.remove_all(&path) {
            Ok(removed) => {
                let before = map.len();
                map.retain(|other, _| other != &path && !is_below(other, &path));
                assert_eq!(before - map.len(), removed);
            }
            Err(error) => assert!(matches!(error, StoreError::Backend(_))),
        },
        _ => {
            let value = vec![random.next() as u8; random.below(3000) as usize];
            let above = map.keys().any(|other| is_below(&path, other));
            let below = map.keys().any(|other| is_below(other, &path));
            match tx.set_bytes(&path, value.clone()) {
                Ok(()) => {
                    assert!(!above && !below, "{path}");
                    map.insert(path, value);
                }
                Err(StoreError::ValueInTheWay { .. }) => assert!(above, "{path}"),
                Err(StoreError::DirectoryInTheWay { .. }) => assert!(below, "{path}"),
                Err(error) => assert!(matches!(error, StoreError::Backend(_))),
            }
        }
    }
}

fn path(random: &mut Random) -> String {
    const SEGMENTS: [&str; 6] = ["a", "b", "a-b", "a.b", "ab", "ü"];
    let depth = random.below(3) + 1;
    let segments = (0..depth).map(|_| SEGMENTS[random.below(6) as usize]);
    segments.collect::<Vec<_>>().join("/")
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn check_equal(map: &Map, tx: &Transaction) {
    if let Ok(list) = tx.list("") {
        assert!(list.iter().eq(map.keys()), "{list:?}");
    }
    for (path, value) in map {
        if let Ok(bytes) = tx.get_bytes(path) {
            assert_eq!(bytes.as_deref(), Some(value.as_slice()), "{path}");
        }
    }
    if let Ok(children) = tx.children("a") {
        assert_eq!(children, children_of(map, "a"));
    }
}

fn check_snapshot(map: &Map, snapshot: &Snapshot) {
    if let Ok(list) = snapshot.list("") {
        assert!(list.iter().eq(map.keys()), "{list:?}");
    }
    for (path, value) in map {
        if let Ok(bytes) = snapshot.get_bytes(path) {
            assert_eq!(bytes.as_deref(), Some(value.as_slice()), "{path}");
        }
    }
}

fn children_of(map: &Map, prefix: &str) -> Vec<String> {
    let base = if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix}/")
    };
    let below = map.keys().filter_map(|path| path.strip_prefix(&base));
    let mut names: Vec<_> = below
        .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn difference(before: &Map, after: &Map) -> Vec<Change> {
    let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    let value = |map: &Map, path: &String| map.get(path).cloned().map(Into::into);
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| Change::new(path.as_str(), value(before, path), value(after, path)))
        .collect()
}
