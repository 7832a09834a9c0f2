//! The power fails: between any two operations of the disk, with any part of what was not synced
//! lost, torn or out of order. What was acknowledged is there, and nothing is there by half.
//!
//! CI explores samples. `HYPERSTAR_POWER_SEEDS` sets how many random histories there are, and with it the
//! small ones are explored exhaustively, which takes minutes. How
//! many crashes that were is printed (`--nocapture`).

pub(crate) mod crash;
pub(crate) mod disk;
mod history;
pub(crate) mod image;

use std::collections::BTreeSet;
use std::{env, thread};

use hyperstar_store::{Store, StoreError};

use self::crash::{Crash, Kept, crashes};
use self::disk::{Change, Disk, Event, Fault};
use self::history::{History, State, Write, open, random_commit, small_commits};
use self::image::Image;
use crate::support::Random;

/// Where redb begins.
const TABLES_AT: usize = 4 * 1024 * 1024;

const SEEDS: &str = "HYPERSTAR_POWER_SEEDS";

/// How many random subsets of the unsynced writes are tried at each point of a small history.
const SUBSETS: usize = 1;

/// After a crash at every so many-th operation, the power fails a second time.
const TWICE_EVERY: usize = 4;

/// How many of the crashes with something torn or dropped are left out of CI, for one that is not.
const TORN_EVERY: usize = 5;

/// CI has each of the first operations fail.
const EARLY: u64 = 45;

/// A seed is so many lives of one disk, of so many commits at most, with so many crashes at most in each.
const CYCLES: u64 = 4;
const COMMITS_MAX: u64 = 20;
const CRASHES: u64 = 12;

#[test]
fn every_crash_of_a_small_history() {
    let (disk, history) = run(Image::default(), small_commits());
    let subsets = SUBSETS * if is_thorough() { 20 } else { 1 };
    let explored = explore(&disk, &history, subsets);
    println!("power: {} crashes of a small history", explored.crashes);
    assert!(explored.crashes > 200, "{}", explored.crashes);
}

#[test]
fn what_is_buffered_is_lost_from_the_end_only() {
    let (disk, history) = run_buffered(Image::default(), State::new(), small_commits());
    let explored = explore(&disk, &history, SUBSETS);
    println!("power: {} crashes with buffered commits", explored.crashes);
    assert!(explored.lost_all > 10, "{}", explored.lost_all);
    assert!(explored.lost_some > 10, "{}", explored.lost_some);
}

#[test]
fn every_crash_while_recovering_from_a_crash() {
    let (disk, history) = run(Image::default(), small_commits());
    let (start, trace) = disk.trace();
    let mut explored = 0;
    let mut random = Random::new(0);
    let mut sample = Sample::new(14);
    crashes(&start, &trace, |at, crash| {
        // Before a sync there is the most to lose.
        if !matches!(trace.get(at), Some(Event::Synced)) || !sample.takes() {
            return;
        }
        let image = crash.image(&crash.subset(&mut random));
        let found = history.check(&image, &allowed(crash), true);
        let more = small_commits().swap_remove(0);
        let (disk, history) = run_from(image, history.state(found).clone(), vec![more]);
        explored += explore(&disk, &history, 0).crashes;
    });
    println!("power: {explored} crashes while recovering");
    assert!(explored > 100);
}

#[test]
fn a_header_torn_at_any_byte() {
    let (disk, history) = run(Image::default(), small_commits());
    let (start, trace) = disk.trace();
    let mut explored = 0;
    let mut sample = Sample::new(600);
    crashes(&start, &trace, |at, crash| {
        let last = at.checked_sub(1).map(|last| &trace[last]);
        // The file's head, records of the journal, and redb's header.
        if let Some(Event::Change(Change::Write { offset, .. })) = last
            && *offset <= TABLES_AT
        {
            for kept in crash.explore_tears_of_last() {
                if sample.takes() {
                    check(&history, at, crash, &kept);
                    explored += 1;
                }
            }
        }
    });
    println!("power: {explored} torn headers");
    assert!(explored > 50);
}

#[test]
fn random_crashes_of_long_histories() {
    let seeds = env::var(SEEDS).map_or(3, |seeds| seeds.parse().unwrap());
    let mut explored = 0;
    for seed in 0..seeds {
        let _context = OnPanic(format!("seed {seed}"));
        explored += run_seed(seed);
    }
    println!("power: {explored} random crashes of {seeds} seeds");
}

#[test]
fn every_operation_fails_once_or_from_then_on() {
    let (disk, _) = run(Image::default(), small_commits());
    let operations = disk.operations();
    let mut explored = 0;
    let mut sample = Sample::new(12);
    for after in 0..operations {
        for lasts in [false, true] {
            // The creation, the first records of the journal.
            let is_early = after < EARLY && !lasts;
            if is_early || sample.takes() {
                let fault = Fault { after, lasts };
                let _context = OnPanic(format!("{fault:?}"));
                check_fault(fault);
                explored += 1;
            }
        }
    }
    println!("power: {explored} faults at {operations} operations");
}

/// Whether somebody asked for it and waits.
fn is_thorough() -> bool {
    env::var_os(SEEDS).is_some()
}

/// Takes one of so many, or all of them if it is to be thorough.
struct Sample {
    every: usize,
    seen: usize,
}

impl Sample {
    fn new(every: usize) -> Self {
        let every = if is_thorough() { 1 } else { every };
        Self { every, seen: 0 }
    }

    fn takes(&mut self) -> bool {
        self.seen += 1;
        self.seen.is_multiple_of(self.every)
    }
}

fn run_seed(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let (mut image, mut state) = (Image::default(), State::new());
    let mut explored = 0;
    for cycle in 0..CYCLES {
        let commits = 1 + random.below(COMMITS_MAX);
        let commits = (0..commits).map(|_| random_commit(&mut random)).collect();
        let (disk, history) = match random.chance(3) {
            true => run_buffered(image.clone(), state.clone(), commits),
            false => run_from(image.clone(), state.clone(), commits),
        };
        let (start, trace) = disk.trace();
        let picked: BTreeSet<_> = (0..CRASHES)
            .map(|_| random.below(trace.len() as u64 + 1) as usize)
            .collect();
        crashes(&start, &trace, |at, crash| {
            if picked.contains(&at) {
                let kept = crash.subset(&mut random);
                let _context = OnPanic(format!("cycle {cycle}"));
                let found = check(&history, at, crash, &kept);
                // The last one picked is where the next cycle starts.
                image = crash.image(&kept);
                state = history.state(found).clone();
                explored += 1;
            }
        });
    }
    explored
}

/// Half of the commits on a new disk, and the others after it was closed and opened again.
fn run(image: Image, commits: Vec<Vec<Write>>) -> (Disk, History) {
    run_from(image, State::new(), commits)
}

fn run_from(image: Image, state: State, commits: Vec<Vec<Write>>) -> (Disk, History) {
    let disk = Disk::new(image);
    let mut history = History::new(state);
    for half in commits.chunks(commits.len().div_ceil(2).max(1)) {
        let store = open(&disk).unwrap();
        for (index, writes) in half.iter().enumerate() {
            history.commit(&store, &disk, writes).unwrap();
            if index % 3 == 1 {
                // All goes to the tables, and the journal starts over.
                store.flush().unwrap();
            }
        }
    }
    (disk, history)
}

/// Most commits are buffered. What acknowledges them is a flush, a durable commit, or the end.
fn run_buffered(image: Image, state: State, commits: Vec<Vec<Write>>) -> (Disk, History) {
    let disk = Disk::new(image);
    let mut history = History::new(state);
    for half in commits.chunks(commits.len().div_ceil(2).max(1)) {
        let store = open(&disk).unwrap();
        for (index, writes) in half.iter().enumerate() {
            history.buffer(&store, &disk, writes).unwrap();
            let again: Vec<Write> = writes.iter().take(1).cloned().collect();
            history.buffer(&store, &disk, &again).unwrap();
            match index % 3 {
                0 => {}
                1 => {
                    store.flush().unwrap();
                    history.acknowledge(&disk);
                }
                _ => history.commit(&store, &disk, &again).unwrap(),
            }
        }
        drop(store);
        history.acknowledge(&disk);
    }
    (disk, history)
}

/// What crashes left.
#[derive(Default)]
struct Explored {
    crashes: u64,
    /// All that was not acknowledged was gone.
    lost_all: u64,
    /// Only the end of it was.
    lost_some: u64,
}

/// Crashes at every point, in every way of [`Crash::explore`].
fn explore(disk: &Disk, history: &History, subsets: usize) -> Explored {
    let (start, trace) = disk.trace();
    let mut random = Random::new(0);
    let mut seen = BTreeSet::new();
    let mut sample = Sample::new(TORN_EVERY);
    let mut explored = Explored::default();
    crashes(&start, &trace, |at, crash| {
        let ends = [crash.nothing(), crash.everything()];
        for kept in crash.explore(subsets, &mut random) {
            if !ends.contains(&kept) && !sample.takes() {
                continue;
            }
            // The same disk came up before, and no less was allowed.
            if seen.insert((crash.syncs, crash.acknowledged, kept.clone())) {
                let found = check(history, at, crash, &kept);
                explored.crashes += 1;
                if found < crash.begun {
                    let lost_all = found == crash.acknowledged;
                    explored.lost_all += u64::from(lost_all);
                    explored.lost_some += u64::from(!lost_all);
                }
            }
        }
    });
    explored
}

fn check(history: &History, at: usize, crash: &Crash<'_>, kept: &Kept) -> usize {
    let _context = OnPanic(format!("crash at event {at}, kept {kept:?}"));
    history.check(
        &crash.image(kept),
        &allowed(crash),
        at.is_multiple_of(TWICE_EVERY),
    )
}

fn allowed(crash: &Crash<'_>) -> Vec<usize> {
    (crash.acknowledged..=crash.begun).collect()
}

/// An operation fails, and the store is opened anew, without a power cut in between; that comes last.
fn check_fault(fault: Fault) {
    let disk = Disk::with_fault(Image::default(), fault);
    let mut history = History::new(State::new());
    let mut in_doubt = None;
    let commits = small_commits();
    for half in commits.chunks(commits.len().div_ceil(2)) {
        let Ok(store) = open(&disk) else { continue };
        for writes in half {
            match history.commit(&store, &disk, writes) {
                Ok(()) => assert!(in_doubt.is_none()),
                // Nothing was written.
                Err(StoreError::Backend(_)) => assert!(in_doubt.is_none()),
                Err(StoreError::InDoubt { .. }) => in_doubt = Some(history.begun()),
                Err(StoreError::Stopped { .. }) => assert!(in_doubt.is_some()),
                Err(error) => panic!("{error}"),
            }
            history.check_reads(&store);
        }
        drop(store);
        // Opening it again tells, and what it says then holds.
        if in_doubt.is_some()
            && let Ok(store) = open_after(&disk, fault)
        {
            let found = history.find(&store);
            assert!(found == history.acknowledged || Some(found) == in_doubt);
            history.acknowledged = found;
            history.written = found;
            in_doubt = None;
        }
    }
    let (start, trace) = disk.trace();
    let mut allowed = vec![history.acknowledged];
    allowed.extend(in_doubt);
    let mut random = Random::new(fault.after);
    crashes(&start, &trace, |at, crash| {
        if at == trace.len() {
            for kept in [
                crash.everything(),
                crash.nothing(),
                crash.subset(&mut random),
            ] {
                history.check(&crash.image(&kept), &allowed, true);
            }
        }
    });
}

/// What fails once does not keep the store from opening after that.
fn open_after(disk: &Disk, fault: Fault) -> Result<Store, StoreError> {
    let has_failed = disk.has_failed();
    let opened = open(disk);
    assert!(
        opened.is_ok() || fault.lasts || !has_failed,
        "does not open: {opened:?}"
    );
    opened
}

/// Says where it happened.
struct OnPanic(String);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("power: {}", self.0);
        }
    }
}
