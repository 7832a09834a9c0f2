//! A seeded generator, a store whose commits fail on demand, and a disk that loses power.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use hyperstar_store::{Backend, BackendError, Batch, MemoryBackend, View};
use redb::{BackendError as LockError, StorageBackend};

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

/// How the next commit of a [`Flaky`] backend goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Fails, nothing was done.
    Before,
    /// Fails, nothing was done, but the backend cannot tell.
    InDoubtBefore,
    /// Fails after the commit is durable.
    InDoubtAfter,
    /// Panics after the commit is durable.
    Panic,
}

/// A memory backend that outlives its store, and fails when told to.
#[derive(Clone, Default)]
pub(crate) struct Flaky {
    memory: Arc<Mutex<MemoryBackend>>,
    pub(crate) fault: Arc<Mutex<Fault>>,
}

impl Backend for Flaky {
    fn view(&mut self) -> Result<Arc<dyn View>, BackendError> {
        self.memory.lock().unwrap().view()
    }

    fn apply(&mut self, batch: &Batch) -> Result<Arc<dyn View>, BackendError> {
        let fault = std::mem::take(&mut *self.fault.lock().unwrap());
        match fault {
            Fault::None => self.memory.lock().unwrap().apply(batch),
            Fault::Before => Err(BackendError::new("the disk is full")),
            Fault::InDoubtBefore => Err(BackendError::in_doubt("the disk is gone")),
            Fault::InDoubtAfter => {
                self.memory.lock().unwrap().apply(batch)?;
                Err(BackendError::in_doubt("the disk is gone"))
            }
            Fault::Panic => {
                self.memory.lock().unwrap().apply(batch)?;
                panic!("the backend panicked");
            }
        }
    }
}

/// A disk that keeps what was synced, and of the rest, after a power cut, whatever it likes:
/// writes lost, out of order, torn in the middle.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<DiskState>);

#[derive(Debug)]
struct DiskState {
    bytes: Mutex<DiskBytes>,
    /// How many more writes and syncs succeed.
    operations_left: AtomicU64,
    cut: AtomicBool,
}

#[derive(Debug)]
struct DiskBytes {
    synced: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Unsynced>,
}

#[derive(Debug)]
enum Unsynced {
    Write { offset: usize, data: Vec<u8> },
    Resize { size: usize },
}

/// What a disk writes in one piece.
const SECTOR_BYTES: usize = 512;

impl Disk {
    pub(crate) fn new(content: Vec<u8>, operations_left: u64) -> Self {
        Self(Arc::new(DiskState {
            bytes: Mutex::new(DiskBytes {
                synced: content.clone(),
                current: content,
                unsynced: Vec::new(),
            }),
            operations_left: AtomicU64::new(operations_left),
            cut: AtomicBool::new(false),
        }))
    }

    /// Cuts the power: every operation fails from now on. Returns what is on the platter.
    pub(crate) fn cut(&self, random: &mut Random) -> Vec<u8> {
        self.0.cut.store(true, Ordering::SeqCst);
        let mut bytes = self.0.bytes.lock().unwrap();
        let mut platter = std::mem::take(&mut bytes.synced);
        let mut unsynced = std::mem::take(&mut bytes.unsynced);
        // Half of the time a prefix in order, else any subset in any order.
        let reorder = random.chance(2);
        let kept = random.below(unsynced.len() as u64 + 1) as usize;
        if reorder {
            for index in (1..unsynced.len()).rev() {
                unsynced.swap(index, random.below(index as u64 + 1) as usize);
            }
        }
        unsynced.truncate(kept);
        for operation in unsynced {
            operation.apply_torn(&mut platter, random);
        }
        platter
    }

    fn spend(&self) -> io::Result<()> {
        let spent =
            self.0
                .operations_left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                });
        if spent.is_err() || self.0.cut.load(Ordering::SeqCst) {
            return Err(io::Error::other("the power is cut"));
        }
        Ok(())
    }
}

impl Unsynced {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
            Self::Resize { size } => bytes.resize(*size, 0),
        }
    }

    fn apply_torn(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        match self {
            Self::Write { offset, data } if random.chance(3) => {
                for (index, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                    if random.chance(2) {
                        let offset = offset + index * SECTOR_BYTES;
                        Self::Write {
                            offset,
                            data: sector.to_vec(),
                        }
                        .apply(bytes);
                    }
                }
            }
            _ => self.apply(bytes),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.bytes.lock().unwrap().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.bytes.lock().unwrap();
        let offset = offset as usize;
        let found = bytes.current.get(offset..offset + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.spend()?;
        let resize = Unsynced::Resize { size: len as usize };
        let mut bytes = self.0.bytes.lock().unwrap();
        resize.apply(&mut bytes.current);
        bytes.unsynced.push(resize);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.spend()?;
        let mut bytes = self.0.bytes.lock().unwrap();
        bytes.unsynced.clear();
        bytes.synced = bytes.current.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.spend()?;
        let write = Unsynced::Write {
            offset: offset as usize,
            data: data.to_vec(),
        };
        let mut bytes = self.0.bytes.lock().unwrap();
        write.apply(&mut bytes.current);
        bytes.unsynced.push(write);
        Ok(())
    }

    fn try_lock_range(
        &self,
        _start: std::ops::Bound<u64>,
        _end: std::ops::Bound<u64>,
    ) -> Result<bool, LockError> {
        Ok(true)
    }

    fn unlock_range(
        &self,
        _start: std::ops::Bound<u64>,
        _end: std::ops::Bound<u64>,
    ) -> Result<(), LockError> {
        Ok(())
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
