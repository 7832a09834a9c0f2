//! Which reads a computation made, so that it can be run again when one of them changes.
//!
//! Recording is per thread and costs one thread-local check when nobody records.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;

use crate::path::ancestors;
use crate::{Change, Commit, StoreId};

/// How many different paths and prefixes of one store a [`ReadSet`] names. A set with more falls
/// back to the whole store: it stays right, and wakes more often than it has to.
pub const READS_MAX: usize = 4096;

thread_local! {
    /// One open set per running [`ReadRecorder::record`] of this thread, the innermost last.
    static OPEN: RefCell<Vec<ReadSet>> = const { RefCell::new(Vec::new()) };
}

/// Runs `read` and tells which paths and prefixes it read, on any store or snapshot.
///
/// Reads that a transaction makes are not recorded: a computation that writes would otherwise
/// depend on what it writes. Reads on other threads are not seen.
///
/// Reads of the past ([`Store::at`](crate::Store::at)) name their store and nothing in it, since no
/// commit alters them. [`Store::log`](crate::Store::log) and [`Timeline::read`](crate::Timeline::read)
/// count as reads of their prefix.
///
/// ```
/// use hyperstar_store::{Store, record_reads};
///
/// let store = Store::memory();
/// let (count, reads) = record_reads(|| store.get::<i64>("count"));
/// assert_eq!(count?, None);
///
/// assert!(reads.touches_commit(&store.set("count", &1)?));
/// assert!(!reads.touches_commit(&store.set("name", "x")?));
/// # Ok::<(), hyperstar_store::StoreError>(())
/// ```
pub fn record_reads<R>(read: impl FnOnce() -> R) -> (R, ReadSet) {
    let mut recorder = ReadRecorder::new();
    let result = recorder.record(read);
    (result, recorder.finish())
}

/// As [`record_reads`], for a future: its polls are recorded, what runs between them is not.
pub async fn record_reads_async<F: Future>(future: F) -> (F::Output, ReadSet) {
    let mut recorder = ReadRecorder::new();
    let mut future = pin!(future);
    let output = poll_fn(|cx| recorder.record(|| future.as_mut().poll(cx))).await;
    (output, recorder.finish())
}

/// Collects the reads of several stretches of code, such as the polls of one future.
///
/// Recorders nest: an outer one sees what an inner one sees.
///
/// ```
/// use hyperstar_store::{ReadRecorder, Store};
///
/// let store = Store::memory();
/// let mut recorder = ReadRecorder::new();
/// recorder.record(|| store.list("todo"))?;
/// store.list("unseen")?;
/// recorder.record(|| store.get::<i64>("count"))?;
/// let reads = recorder.finish();
/// assert_eq!(reads.prefixes().collect::<Vec<_>>(), ["todo"]);
/// assert_eq!(reads.paths().collect::<Vec<_>>(), ["count"]);
/// # Ok::<(), hyperstar_store::StoreError>(())
/// ```
#[derive(Debug, Default)]
pub struct ReadRecorder {
    reads: ReadSet,
}

impl ReadRecorder {
    /// A recorder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `read` and adds its reads. If it panics, the reads up to there are added.
    pub fn record<R>(&mut self, read: impl FnOnce() -> R) -> R {
        let _open = Open::new(&mut self.reads);
        read()
    }

    /// What was read so far.
    pub fn reads(&self) -> &ReadSet {
        &self.reads
    }

    /// What was read.
    pub fn finish(self) -> ReadSet {
        self.reads
    }
}

/// The paths and prefixes that a computation read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    stores: BTreeMap<StoreId, StoreReads>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct StoreReads {
    paths: BTreeSet<Box<str>>,
    prefixes: BTreeSet<Box<str>>,
}

impl ReadSet {
    /// Whether nothing was read, of no store. What names stores and nothing in them, never changes.
    pub fn is_empty(&self) -> bool {
        self.stores.is_empty()
    }

    /// Whether the change may alter a read, of any store that was read: a path that it names, or
    /// a prefix that it is at or below.
    pub fn touches(&self, change: &Change) -> bool {
        self.stores.values().any(|reads| reads.touch(&change.path))
    }

    /// Whether a change of the commit may alter a read of the commit's own store.
    pub fn touches_commit(&self, commit: &Commit) -> bool {
        self.stores.get(&commit.store).is_some_and(|reads| {
            commit
                .changes
                .iter()
                .any(|change| reads.touch(&change.path))
        })
    }

    /// The stores that were read.
    pub fn stores(&self) -> impl Iterator<Item = StoreId> {
        self.stores.keys().copied()
    }

    /// The paths that were read one by one, found or not.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.stores
            .values()
            .flat_map(|reads| reads.paths.iter().map(|path| &**path))
    }

    /// The prefixes that were listed; `""` is a whole store.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.stores
            .values()
            .flat_map(|reads| reads.prefixes.iter().map(|prefix| &**prefix))
    }

    /// Every path and prefix that was read, with its store; `""` is a whole store.
    pub fn iter(&self) -> impl Iterator<Item = (StoreId, &str)> {
        self.stores.iter().flat_map(|(store, reads)| {
            let names = reads.paths.iter().chain(&reads.prefixes);
            names.map(|name| (*store, &**name))
        })
    }

    /// Adds the reads of `other`.
    pub fn merge(&mut self, other: &ReadSet) {
        for (store, from) in &other.stores {
            let reads = self.stores.entry(*store).or_default();
            reads.paths.extend(from.paths.iter().cloned());
            reads.prefixes.extend(from.prefixes.iter().cloned());
            reads.hold_bound();
        }
    }
}

impl StoreReads {
    fn touch(&self, path: &str) -> bool {
        self.paths.contains(path)
            || self.prefixes.contains("")
            || self.prefixes.contains(path)
            || ancestors(path).any(|directory| self.prefixes.contains(directory))
    }

    fn hold_bound(&mut self) {
        if self.paths.len() + self.prefixes.len() > READS_MAX {
            self.paths.clear();
            self.prefixes.clear();
            self.prefixes.insert("".into());
        }
    }
}

pub(crate) fn record_path(store: StoreId, path: &str) {
    record(store, |reads| insert(&mut reads.paths, path));
}

pub(crate) fn record_prefix(store: StoreId, prefix: &str) {
    record(store, |reads| insert(&mut reads.prefixes, prefix));
}

/// Something was read that no commit alters.
pub(crate) fn record_past(store: StoreId) {
    record(store, |_| ());
}

fn record(store: StoreId, add: impl FnOnce(&mut StoreReads)) {
    // A read while its thread is being torn down is recorded by nobody.
    let _ = OPEN.try_with(|open| {
        if let Some(reads) = open.borrow_mut().last_mut() {
            let reads = reads.stores.entry(store).or_default();
            if !reads.prefixes.contains("") {
                add(reads);
                reads.hold_bound();
            }
        }
    });
}

fn insert(set: &mut BTreeSet<Box<str>>, name: &str) {
    if !set.contains(name) {
        set.insert(name.into());
    }
}

/// Keeps a set open on the thread, and hands it to its recorder and to the outer one at the end.
struct Open<'a> {
    reads: &'a mut ReadSet,
}

impl<'a> Open<'a> {
    fn new(reads: &'a mut ReadSet) -> Self {
        OPEN.with(|open| open.borrow_mut().push(ReadSet::default()));
        Self { reads }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let _ = OPEN.try_with(|open| {
            let mut open = open.borrow_mut();
            if let Some(seen) = open.pop() {
                self.reads.merge(&seen);
                if let Some(outer) = open.last_mut() {
                    outer.merge(&seen);
                }
            }
        });
    }
}
