//! Random operations against a plain model of a versioned store, over each backend, with faults.
//!
//! A failing seed prints itself. `HYPERSTAR_STORE_OPERATIONS` runs seeds until so many operations are
//! done in all worlds, `HYPERSTAR_STORE_SEEDS` so many seeds, `HYPERSTAR_STORE_SEED` is the first. An
//! operation is a step whose outcome is checked, or a write inside a transaction.
//!
//! Every third seed has commits on their way that nobody waits for with a thread. How they come together
//! is up to the clock; all other seeds do the same each time.

mod life;
mod maps;
mod names;
mod past;
mod reads;
mod submits;
mod watched;
mod world;
mod writes;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use hyperstar_store::{
    CommitId, Durability, Hash, History, Snapshot, Store, StoreConfig, StoreError,
};

use self::life::Doubt;
use self::maps::Map;
use self::watched::Watched;
use self::world::{DiskWorld, End, FileWorld, FlakyWorld, World};
use crate::support::{PANIC, Random};

const OPERATIONS: &str = "HYPERSTAR_STORE_OPERATIONS";
const SEEDS: &str = "HYPERSTAR_STORE_SEEDS";
const SEED: &str = "HYPERSTAR_STORE_SEED";

#[test]
fn memory_behaves_as_the_model() {
    check_seeds("memory", 30, 12, 250, |_| Box::new(FlakyWorld::sound()));
}

#[test]
fn failing_calls_leave_one_of_two_states() {
    check_seeds("failing", 40, 24, 250, |seed| {
        Box::new(FlakyWorld::failing(seed))
    });
}

#[test]
fn a_file_behaves_as_the_model() {
    check_seeds("file", 5, 3, 150, |_| Box::new(FileWorld::new()));
}

#[test]
fn a_disk_that_loses_power_keeps_what_was_acknowledged() {
    check_seeds("disk", 25, 12, 200, |_| Box::new(DiskWorld::new()));
}

/// What was done.
#[derive(Clone, Copy, Default)]
struct Counts {
    operations: u64,
    crashes: u64,
    faults: u64,
}

/// `percent` is the share of this world in a long run.
fn check_seeds(
    name: &str,
    percent: u64,
    seeds: u64,
    steps: u64,
    world: impl Fn(u64) -> Box<dyn World>,
) {
    let number = |name| {
        let value = env::var(name).ok();
        value.map(|value| value.parse::<u64>().unwrap())
    };
    let first = number(SEED).unwrap_or(0);
    let operations = number(OPERATIONS).map(|all| (all * percent).div_ceil(100));
    let seeds = match operations {
        Some(_) => u64::MAX,
        None => number(SEEDS).unwrap_or(seeds),
    };
    let mut counts = Counts::default();
    let mut seed = first;
    while seed - first < seeds && operations.is_none_or(|all| counts.operations < all) {
        let run = catch_unwind(AssertUnwindSafe(|| {
            Run::new(seed, world(seed)).steps(steps)
        }));
        let Ok(done) = run else {
            panic!("seed {seed} of `{name}` fails");
        };
        counts.operations += done.operations;
        counts.crashes += done.crashes;
        counts.faults += done.faults;
        seed += 1;
    }
    println!(
        "store: {} operations, {} crashes, {} faults in {} seeds of `{name}`",
        counts.operations,
        counts.crashes,
        counts.faults,
        seed - first
    );
}

/// A commit as it ought to be.
#[derive(Clone)]
struct Kept {
    version: u64,
    map: Rc<Map>,
    parents: Vec<CommitId>,
    undoes: Option<CommitId>,
    time_ms: i64,
    root: Hash,
}

/// What has a name, and which of it is read and written.
#[derive(Clone, Debug, PartialEq)]
struct State {
    version: u64,
    branch: String,
    branches: BTreeMap<String, CommitId>,
    tags: BTreeMap<String, CommitId>,
    map: Rc<Map>,
}

impl State {
    fn new() -> Self {
        Self {
            version: 0,
            branch: "main".to_owned(),
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            map: Rc::default(),
        }
    }

    fn tip(&self) -> CommitId {
        let tip = self.branches.get(&self.branch);
        tip.copied().unwrap_or(CommitId::NONE)
    }
}

struct Run {
    random: Random,
    world: Box<dyn World>,
    config: StoreConfig,
    store: Store,
    state: State,
    /// What was acknowledged and a crash may take: the states before each such commit, and after.
    losable: Vec<State>,
    /// What may be there instead.
    doubt: Vec<Doubt>,
    commits: HashMap<CommitId, Kept>,
    by_version: BTreeMap<u64, CommitId>,
    /// The parents of each commit that ever was.
    parents: HashMap<CommitId, Vec<CommitId>>,
    /// Let go for good.
    gone: Vec<CommitId>,
    snapshots: Vec<(Snapshot, Rc<Map>)>,
    watched: Vec<Watched>,
    has_submits: bool,
    stamps: u64,
    counts: Counts,
}

impl Run {
    fn new(seed: u64, mut world: Box<dyn World>) -> Self {
        let mut random = Random::new(seed);
        let has_submits = seed % 3 == 2;
        // The commits of one step are looked at together.
        let least = if has_submits { 16 } else { 2 };
        let history = match random.below(4) {
            0 => History::Last(least + random.below(12)),
            1 => History::Last(40),
            _ => History::All,
        };
        let durability = match random.chance(3) {
            true => Durability::Buffered,
            false => Durability::Durable,
        };
        let config = StoreConfig {
            history,
            durability,
            author: "model".to_owned(),
        };
        let store = life::open(&mut *world, &config, &mut random);
        let mut run = Self {
            random,
            world,
            config,
            store,
            state: State::new(),
            losable: Vec::new(),
            doubt: Vec::new(),
            commits: HashMap::new(),
            by_version: BTreeMap::new(),
            parents: HashMap::new(),
            gone: Vec::new(),
            snapshots: Vec::new(),
            watched: Vec::new(),
            has_submits,
            stamps: 0,
            counts: Counts::default(),
        };
        run.watch();
        run
    }

    fn steps(mut self, steps: u64) -> Counts {
        for _ in 0..steps {
            self.step();
            self.counts.operations += 1;
        }
        self.check_reads();
        self.check_snapshots();
        self.check_watches();
        self.reopen(End::Close);
        self.check_kept();
        self.check_root();
        self.verify();
        self.counts.faults = self.world.faults();
        self.counts
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..=29 => self.write(),
            30..=33 if self.has_submits => self.submit(),
            30..=36 => self.write(),
            37..=43 => self.check_reads(),
            44..=49 => self.check_at(),
            50..=54 => self.check_diff(),
            55..=58 => self.check_log(),
            59..=62 => self.undo(),
            63..=66 => self.revert(),
            67..=68 => self.branch(),
            69..=72 => self.checkout(),
            73..=76 => self.merge(),
            77..=78 => self.tag(),
            79 => self.remove_name(),
            80..=81 => self.flush(),
            82 => self.compact(),
            83..=84 => self.check_kept(),
            85 => self.verify(),
            86 => self.check_root(),
            87..=88 => {
                let snapshot = self.store.snapshot();
                self.snapshots.push((snapshot, self.state.map.clone()));
            }
            89..=90 => self.check_snapshots(),
            91..=94 => self.check_watches(),
            95..=96 => self.reopen(End::Close),
            97..=98 => self.reopen(End::Crash),
            _ => self.check_reads(),
        }
    }

    /// What a read came to, if the disk let it.
    fn read<T>(&self, read: Result<T, StoreError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(StoreError::Backend(_)) if self.world.loses_reads() => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs a write that leads to what `doubt` says if it succeeds. Nothing if the storage failed.
    fn wrote<T>(
        &mut self,
        doubt: impl FnOnce() -> Doubt,
        write: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        self.wrote_in(1, doubt, write)
    }

    /// As [`Run::wrote`]: when one of several steps fails, those before it are done.
    fn wrote_in<T>(
        &mut self,
        steps: u32,
        doubt: impl FnOnce() -> Doubt,
        write: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        self.world.arm(&mut self.random);
        let store = self.store.clone();
        let wrote = catch_unwind(AssertUnwindSafe(|| write(&store)));
        drop(store);
        match wrote {
            Ok(Ok(value)) => return Some(Ok(value)),
            Ok(Err(StoreError::Backend(_))) if steps == 1 => self.failed(),
            Ok(Err(StoreError::Backend(_))) => self.doubt.push(doubt()),
            Ok(Err(StoreError::InDoubt { .. })) => self.doubt.push(doubt()),
            Ok(Err(StoreError::Stopped { .. })) => {
                assert!(!self.doubt.is_empty(), "it stopped for nothing");
                self.reopen_somehow();
            }
            Ok(Err(refused)) => return Some(Err(refused)),
            Err(panicked) if is_of_backend(&*panicked) => self.doubt.push(doubt()),
            Err(panicked) => resume_unwind(panicked),
        }
        None
    }

    /// The storage failed, and nothing was written. A disk without power stays so.
    fn failed(&mut self) {
        if self.world.loses_reads() && self.random.chance(3) {
            self.reopen_somehow();
        }
    }

    fn reopen_somehow(&mut self) {
        let end = match self.random.chance(2) {
            true => End::Close,
            false => End::Crash,
        };
        self.reopen(end);
    }

    /// A commit that was kept at some time, or the empty beginning.
    fn any_commit(&mut self) -> CommitId {
        let at = self.random.next() as usize;
        match self.by_version.len() {
            0 => CommitId::NONE,
            // Rather a late one.
            all if at.is_multiple_of(3) => {
                let back = at / 3 % all.min(5);
                *self.by_version.values().rev().nth(back).unwrap()
            }
            all => *self.by_version.values().nth(at % all).unwrap(),
        }
    }

    fn map_of(&self, id: CommitId) -> Rc<Map> {
        match id {
            CommitId::NONE => Rc::default(),
            id => self.commits[&id].map.clone(),
        }
    }

    /// The commits from the tip back along the first parents, whether they are kept or not.
    fn line(&self, tip: CommitId) -> Vec<CommitId> {
        let mut line = Vec::new();
        let mut next = (tip != CommitId::NONE).then_some(tip);
        while let Some(id) = next.filter(|id| self.commits.contains_key(id)) {
            line.push(id);
            next = self.commits[&id].parents.first().copied();
        }
        line
    }

    /// Those that the store has.
    fn kept(&self) -> Option<BTreeSet<CommitId>> {
        let mut kept = BTreeSet::new();
        for id in self.by_version.values() {
            if self.is_kept(*id)? {
                kept.insert(*id);
            }
        }
        Some(kept)
    }

    fn is_kept(&self, id: CommitId) -> Option<bool> {
        match self.store.show(id) {
            Err(StoreError::UnknownCommit { .. }) => Some(false),
            shown => self.read(shown).map(|_| true),
        }
    }
}

fn is_of_backend(panicked: &(dyn std::any::Any + Send)) -> bool {
    panicked.downcast_ref::<&str>() == Some(&PANIC)
}
