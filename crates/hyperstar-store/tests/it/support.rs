//! A seeded generator, a backend whose calls fail on demand, and a waker that counts.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use hyperstar_store::{Backend, BackendError, Batch, Bytes, Logged, MemoryBackend, View};

/// SplitMix64: the same numbers for the same seed, everywhere.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

/// How a call of a [`Flaky`] backend goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Fails, nothing was done.
    Before,
    /// Fails, nothing was done, but the backend cannot tell.
    InDoubtBefore,
    /// Fails after it was done.
    InDoubtAfter,
    /// Panics after it was done.
    Panic,
}

/// What [`Fault::Panic`] says.
pub(crate) const PANIC: &str = "the backend panicked";

/// A memory backend that outlives its store, fails when told to, and forgets in a crash what it may.
#[derive(Clone, Default)]
pub(crate) struct Flaky {
    kept: Arc<Mutex<Kept>>,
    /// How the next call goes.
    pub(crate) fault: Arc<Mutex<Fault>>,
    /// Which life of the backend a store has opened.
    life: Option<u64>,
}

#[derive(Default)]
struct Kept {
    tables: MemoryBackend,
    /// As of the last batch that was synced.
    synced: MemoryBackend,
    /// The tables after each batch since.
    unsynced: Vec<MemoryBackend>,
    /// How many records there is room for.
    records_max: Option<usize>,
    records: Vec<Bytes>,
    records_synced: usize,
    /// So many calls go well before the fault.
    calls_before: u64,
    faults: u64,
    /// Grows with each crash: stores from before reach nothing any more.
    life: u64,
}

impl Flaky {
    /// One with a journal of so many records.
    pub(crate) fn with_journal(records_max: usize) -> Self {
        let backend = Self::default();
        backend.kept().records_max = Some(records_max);
        backend
    }

    /// Has a call fail, after so many that do not.
    pub(crate) fn fail(&self, calls_before: u64, fault: Fault) {
        self.kept().calls_before = calls_before;
        *self.fault.lock().unwrap() = fault;
    }

    /// How many calls have failed.
    pub(crate) fn faults(&self) -> u64 {
        self.kept().faults
    }

    /// Whether a call is under way. One that waits for `fault` is.
    pub(crate) fn is_busy(&self) -> bool {
        self.kept.try_lock().is_err()
    }

    /// Whether a store is open on it.
    pub(crate) fn is_open(&self) -> bool {
        Arc::strong_count(&self.kept) > 1
    }

    /// Ends the process: the operating system has what was written.
    pub(crate) fn end(&self) {
        self.kept().restart(|records, _| records);
    }

    /// Cuts the power: of what was not synced some is there, but nothing without what was before it.
    pub(crate) fn crash(&self, random: &mut Random) {
        let any =
            |all: usize, synced: usize| synced + random.below((all - synced) as u64 + 1) as usize;
        self.kept().restart(any);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(
        &self,
        operate: impl FnOnce(&mut Kept) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let mut kept = self.kept();
        if self.life.is_some_and(|life| life != kept.life) {
            return Err(BackendError::new("the process has ended"));
        }
        let mut fault = Fault::None;
        match kept.calls_before {
            0 => fault = std::mem::take(&mut *self.fault.lock().unwrap()),
            _ => kept.calls_before -= 1,
        }
        kept.faults += u64::from(fault != Fault::None);
        match fault {
            Fault::None => operate(&mut kept),
            Fault::Before => Err(BackendError::new("the disk is full")),
            Fault::InDoubtBefore => Err(BackendError::in_doubt("the disk is gone")),
            Fault::InDoubtAfter => {
                operate(&mut kept)?;
                Err(BackendError::in_doubt("the disk is gone"))
            }
            Fault::Panic => {
                operate(&mut kept)?;
                drop(kept);
                // Without a word on the screen.
                resume_unwind(Box::new(PANIC));
            }
        }
    }
}

impl Kept {
    /// `keep` says how many of all there are, of those that were not synced.
    fn restart(&mut self, mut keep: impl FnMut(usize, usize) -> usize) {
        self.life += 1;
        let records = keep(self.records.len(), self.records_synced);
        self.records.truncate(records);
        self.records_synced = records;
        // Also where the records are enough.
        if let Some(last) = keep(self.unsynced.len(), 0).checked_sub(1) {
            self.synced = self.unsynced[last].clone();
        }
        self.tables = self.synced.clone();
        self.unsynced.clear();
    }
}

impl Backend for Flaky {
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError> {
        let life = self.kept().life;
        self.life = Some(life);
        self.call(|kept| kept.tables.view())
    }

    fn apply(&mut self, batch: &Batch) -> Result<Arc<dyn View>, BackendError> {
        self.call(|kept| {
            let view = kept.tables.apply(batch)?;
            if batch.sync {
                kept.synced = kept.tables.clone();
                kept.unsynced.clear();
                kept.records.clear();
                kept.records_synced = 0;
            } else {
                kept.unsynced.push(kept.tables.clone());
            }
            Ok(view)
        })
    }

    fn log(&mut self, record: &[u8], sync: bool) -> Result<Logged, BackendError> {
        let Some(records_max) = self.kept().records_max else {
            return Ok(Logged::Never);
        };
        self.call(|kept| {
            if kept.records.len() == records_max {
                return Ok(Logged::Full);
            }
            kept.records.push(Bytes::copy_from_slice(record));
            if sync {
                kept.records_synced = kept.records.len();
            }
            Ok(Logged::Yes)
        })
    }

    fn logged(&mut self) -> Result<Vec<Bytes>, BackendError> {
        self.call(|kept| Ok(kept.records.clone()))
    }
}

/// A waker that counts, and unparks the thread that made it.
pub(crate) struct CountingWaker {
    pub(crate) wakes: AtomicU64,
    thread: Thread,
}

impl CountingWaker {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self {
            wakes: AtomicU64::new(0),
            thread: thread::current(),
        });
        (counter.clone(), counter.into())
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}
